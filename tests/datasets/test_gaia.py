"""fetch_rr_lyrae against a small answer of made-up values; nothing here reaches the network."""

import sys
import types

import numpy as np
import pandas as pd
import pytest

from climbkit.datasets import fetch_rr_lyrae
from climbkit.datasets._gaia import _CACHE_NAME, COLUMNS, QUERY

pytest.importorskip("astroquery")

N_STARS = 6


def made_up_answer():
    """A table as astroquery returns it; no value is of a real star."""
    from astropy.table import MaskedColumn, Table

    rng = np.random.default_rng(0)
    table = Table()
    # In descending order, odd and beyond 2**53, as Gaia's are; the archive gives it in capitals.
    table["SOURCE_ID"] = (2**60 + 2 * np.arange(N_STARS) + 1)[::-1]
    for name in COLUMNS[1:]:
        table[name] = MaskedColumn(rng.normal(size=N_STARS).round(3), mask=np.zeros(N_STARS, bool))
    table["best_classification"] = MaskedColumn(
        ["RRab", "RRc", "RRd", "RRab", "RRc", "RRab"], mask=[0, 0, 0, 0, 0, 1]
    )
    table["rv_nb_transits"] = MaskedColumn(np.arange(N_STARS), mask=[1, 0, 0, 0, 0, 0])
    table["radial_velocity"].mask[0] = True
    return table


class Archive:
    """Stands in for astroquery.gaia.Gaia: fails some times, then answers."""

    def __init__(self, answer, failures=()):
        self.answer, self.failures, self.queries = answer, list(failures), []

    def launch_job_async(self, query):
        self.queries.append(query)
        if self.failures:
            raise self.failures.pop(0)
        return types.SimpleNamespace(get_results=lambda: self.answer)


@pytest.fixture
def connect(monkeypatch):
    """Put an Archive in the place of the real one."""

    def connect(answer=None, failures=()):
        archive = Archive(made_up_answer() if answer is None else answer, failures)
        module = types.ModuleType("astroquery.gaia")
        module.Gaia = archive
        monkeypatch.setitem(sys.modules, "astroquery.gaia", module)
        return archive

    return connect


def test_the_answer_is_sorted_and_complete_with_exact_ids(connect, tmp_path):
    connect()
    stars = fetch_rr_lyrae(data_home=tmp_path)
    assert list(stars.data.columns) == COLUMNS == stars.feature_names
    assert stars.source_id.dtype == np.int64
    assert stars.source_id.tolist() == (2**60 + 2 * np.arange(N_STARS) + 1).tolist()
    assert stars.data["ra"].tolist() == made_up_answer()["ra"][::-1].tolist()


def test_missing_values_are_nan_or_empty(connect, tmp_path):
    connect()
    last = fetch_rr_lyrae(data_home=tmp_path).data.iloc[-1]  # the first row of the answer
    assert np.isnan(last["radial_velocity"])
    assert np.isnan(last["rv_nb_transits"])
    assert fetch_rr_lyrae(data_home=tmp_path).data["best_classification"].tolist() == [
        "",
        "RRc",
        "RRab",
        "RRd",
        "RRc",
        "RRab",
    ]


def test_a_second_call_reads_the_cache_and_gives_the_same(connect, tmp_path):
    archive = connect()
    first = fetch_rr_lyrae(data_home=tmp_path)
    second = fetch_rr_lyrae(data_home=tmp_path, download_if_missing=False)
    assert len(archive.queries) == 1
    pd.testing.assert_frame_equal(first.data, second.data)


def test_a_structured_array_keeps_ids_beside_floats(connect, tmp_path):
    connect()
    stars = fetch_rr_lyrae(data_home=tmp_path, as_frame=False)
    frame = fetch_rr_lyrae(data_home=tmp_path).data
    assert stars.data.dtype["source_id"] == np.int64
    assert np.array_equal(stars.data["source_id"], frame["source_id"])
    assert np.array_equal(stars.data["pmra"], frame["pmra"])
    assert not stars.data.dtype.hasobject


@pytest.mark.parametrize("damage", ["content", "checksum", "no checksum"])
def test_a_damaged_cache_is_refused_with_a_way_out(connect, tmp_path, damage):
    connect()
    fetch_rr_lyrae(data_home=tmp_path)
    path, checksum = tmp_path / _CACHE_NAME, tmp_path / f"{_CACHE_NAME}.sha256"
    if damage == "content":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "checksum":
        checksum.write_text("0" * 64 + "\n")
    else:
        checksum.unlink()
    with pytest.raises(OSError, match=r"damaged.*clear_data_home"):
        fetch_rr_lyrae(data_home=tmp_path)


def test_failed_attempts_are_repeated(connect, tmp_path):
    from astroquery.exceptions import RemoteServiceError

    archive = connect(failures=[ConnectionError("down"), RemoteServiceError("busy")])
    assert len(fetch_rr_lyrae(data_home=tmp_path, n_retries=2, delay=0.0).data) == N_STARS
    assert archive.queries == [QUERY] * 3


def test_offline_is_said_clearly_and_leaves_no_cache(connect, tmp_path):
    archive = connect(failures=[ConnectionError("no route to host")] * 9)
    with pytest.raises(ConnectionError, match=r"Gaia archive .* 3 attempts .*no route to host"):
        fetch_rr_lyrae(data_home=tmp_path, n_retries=2, delay=0.0)
    assert len(archive.queries) == 3
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_downloaded_against_the_users_will(connect, tmp_path):
    archive = connect()
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch_rr_lyrae(data_home=tmp_path, download_if_missing=False)
    assert archive.queries == []


def test_a_missing_astroquery_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "astroquery.gaia", None)
    with pytest.raises(ImportError, match=r"pip install climbkit\[gaia\]"):
        fetch_rr_lyrae(data_home=tmp_path)


def spoil(kind):
    answer = made_up_answer()
    if kind == "lacks the columns":
        answer.remove_column("pmra")
    elif kind == "no rows":
        answer = answer[:0]
    elif kind == "more than once":
        answer["SOURCE_ID"][1] = answer["SOURCE_ID"][0]
    else:
        answer["SOURCE_ID"] = answer["SOURCE_ID"].astype(float)
    return answer


@pytest.mark.parametrize(
    "kind", ["lacks the columns", "no rows", "more than once", "source_id as float64"]
)
def test_a_wrong_answer_is_refused_and_not_cached(connect, tmp_path, kind):
    connect(answer=spoil(kind))
    with pytest.raises(ValueError, match=kind):
        fetch_rr_lyrae(data_home=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_docstring_shows_the_query_that_is_sent():
    def squeeze(text):
        return " ".join(text.split())

    assert squeeze(QUERY) in squeeze(fetch_rr_lyrae.__doc__)
    assert len(COLUMNS) == 27


def test_bad_parameters_are_named(tmp_path):
    with pytest.raises(ValueError, match="'n_retries' parameter"):
        fetch_rr_lyrae(data_home=tmp_path, n_retries=-1)
