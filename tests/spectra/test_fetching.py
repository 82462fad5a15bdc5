"""fetch_xp against a made-up archive; nothing here reaches the network."""

import sys
import types
import zipfile

import numpy as np
import pytest

from climbkit.spectra import WAVELENGTH, XPSpectra, fetch_xp

pytest.importorskip("astroquery")

N_STARS = 40
N = 55
RNG = np.random.default_rng(0)
IDS = np.sort(2**62 + 2 * RNG.permutation(1000)[:N_STARS] + 1)
FLUX = RNG.uniform(-0.1, 1, (N_STARS, 343)).astype("f4") * 1e-16
WITHOUT = IDS[[3, 20]]  # stars without a spectrum


class Archive:
    """Stands in for astroquery.gaia.Gaia: answers by DataLink's rules, fails at times."""

    def __init__(self):
        self.asked, self.fail_at, self.failure = [], None, ConnectionError("the line is dead")
        self.tables = self.raw

    def load_data(self, *, ids, data_release, data_structure, retrieval_type, format):
        assert (data_structure, format, data_release) == ("RAW", "votable", "Gaia DR3")
        assert all(type(star) is int for star in ids)
        self.asked.append(ids)
        print("noise")
        if self.fail_at is not None and len(self.asked) > self.fail_at:
            raise self.failure
        rows = [i for i in range(N_STARS) if IDS[i] in ids and IDS[i] not in WITHOUT]
        return self.tables(np.array(rows[::-1], dtype=int), retrieval_type) if rows else {}

    def raw(self, rows, retrieval_type):
        """One table with a row for each star, as DataLink's."""
        from astropy.io.votable import from_table
        from astropy.table import Table

        columns = {"source_id": IDS[rows], "solution_id": np.full(len(rows), 4545469030156206080)}
        if retrieval_type == "XP_SAMPLED":
            columns |= {"flux": FLUX[rows], "flux_error": 0.1 * np.abs(FLUX[rows])}
        else:
            for band in ("bp", "rp"):
                rng = np.random.default_rng(1)
                columns[f"{band}_n_parameters"] = np.full(len(rows), N, dtype="i2")
                columns[f"{band}_standard_deviation"] = np.ones(len(rows))
                columns[f"{band}_coefficients"] = rng.normal(100, 1, (N_STARS, N))[rows]
                columns[f"{band}_coefficient_errors"] = np.ones((len(rows), N), dtype="f4")
                correlations = np.zeros((len(rows), N * (N - 1) // 2), dtype="f4")
                columns[f"{band}_coefficient_correlations"] = correlations
        table = from_table(Table(columns)).get_first_table()
        return {f"{retrieval_type}_RAW.xml": [table]}

    def individual(self, rows, retrieval_type):
        """A table for each star, whose id is in the name of the file."""
        from astropy.table import Table

        return {
            f"{retrieval_type}-Gaia DR3 {IDS[row]}.xml": [
                Table({"wavelength": WAVELENGTH, "flux": FLUX[row], "flux_error": FLUX[row] ** 2})
            ]
            for row in rows
        }


@pytest.fixture
def archive(monkeypatch):
    archive = Archive()
    module = types.ModuleType("astroquery.gaia")
    module.Gaia = archive
    monkeypatch.setitem(sys.modules, "astroquery.gaia", module)
    return archive


def with_spectra():
    return ~np.isin(IDS, WITHOUT)


@pytest.mark.parametrize("structure", ["raw", "individual"])
def test_spectra_come_in_the_order_that_was_asked(archive, tmp_path, capsys, structure):
    archive.tables = getattr(archive, structure)
    order = np.random.default_rng(5).permutation(np.flatnonzero(with_spectra()))
    spectra = fetch_xp(IDS[order].tolist(), data_home=tmp_path, chunk=7)
    assert isinstance(spectra, XPSpectra)
    assert spectra.source_id.tolist() == IDS[order].tolist()
    np.testing.assert_array_equal(spectra.flux, FLUX[order])
    np.testing.assert_array_equal(spectra.wavelength, WAVELENGTH)
    assert spectra.flux_error.shape == spectra.shape
    assert max(map(len, archive.asked)) == 7
    assert sum(map(len, archive.asked)) == len(order)
    assert capsys.readouterr() == ("", "")


def test_stars_without_a_spectrum_are_named(archive, tmp_path):
    message = rf"2 of 40 stars have no XP_SAMPLED in the archive: source_id {WITHOUT[0]}, "
    with pytest.warns(UserWarning, match=message):
        spectra = fetch_xp(IDS, data_home=tmp_path)
    assert spectra.source_id.tolist() == IDS[with_spectra()].tolist()
    with pytest.raises(ValueError, match=message):
        fetch_xp(IDS, data_home=tmp_path, missing="error")
    assert len(fetch_xp(IDS, data_home=tmp_path, missing="ignore")) == 38
    # A chunk without any is no reason to ask again.
    with pytest.raises(ValueError, match="2 of 2 stars have no XP_SAMPLED"):
        fetch_xp(WITHOUT, data_home=tmp_path, missing="ignore")
    assert len(fetch_xp(IDS[2:5], data_home=tmp_path, chunk=1, missing="ignore")) == 2


def test_an_interrupted_download_goes_on_where_it_stopped(archive, tmp_path):
    settings = {"data_home": tmp_path, "chunk": 5, "n_retries": 0, "missing": "ignore"}
    archive.fail_at = 3
    with pytest.raises(ConnectionError, match="Gaia archive did not answer"):
        fetch_xp(IDS, **settings)
    archive.fail_at = None
    archive.asked.clear()
    spectra = fetch_xp(IDS[::-1], **settings)
    assert len(archive.asked) == 8 - 3
    assert spectra.source_id.tolist() == IDS[with_spectra()][::-1].tolist()
    archive.asked.clear()
    again = fetch_xp(IDS, **settings, download_if_missing=False)
    np.testing.assert_array_equal(again.flux, spectra.flux[::-1])
    np.testing.assert_array_equal(again.flux_error, spectra.flux_error[::-1])
    assert archive.asked == []


@pytest.mark.parametrize("failure", [ConnectionError("dead"), zipfile.BadZipFile("no zip")])
def test_the_archive_is_asked_again_where_it_fails(archive, tmp_path, failure):
    archive.failure, archive.fail_at = failure, 0
    with pytest.raises(ConnectionError, match=r"did not answer in 3 attempts .*(dead|no zip)"):
        fetch_xp(IDS, data_home=tmp_path, n_retries=2, delay=0)
    assert len(archive.asked) == 3
    assert list(tmp_path.glob("*.npz")) == []


def test_continuous_spectra_are_sampled(archive, tmp_path):
    pytest.importorskip("fastavro")
    spectra = fetch_xp(IDS[:2], retrieval_type="XP_CONTINUOUS", data_home=tmp_path)
    assert spectra.shape == (2, 343)
    assert spectra.usable.all()
    fetch_xp(IDS[:2], data_home=tmp_path)
    assert len(archive.asked) == 2  # another product is another file


def test_policies_are_those_of_files(archive, tmp_path, monkeypatch):
    flux = FLUX.copy()
    flux[1, 7] = np.nan
    monkeypatch.setattr(sys.modules[__name__], "FLUX", flux)
    with pytest.raises(ValueError, match=rf"1 of 2 spectra .*NaN.* source_id {IDS[1]}"):
        fetch_xp(IDS[:2], data_home=tmp_path)
    with pytest.warns(UserWarning, match="are left out"):
        spectra = fetch_xp(IDS[:2], data_home=tmp_path, nan="drop", negative="clip")
    assert spectra.source_id.tolist() == IDS[:1].tolist()
    assert spectra.flux.min() == 0


def test_nothing_is_downloaded_against_the_users_will(archive, tmp_path):
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch_xp(IDS, data_home=tmp_path, download_if_missing=False)
    assert archive.asked == []


def test_a_damaged_chunk_is_refused(archive, tmp_path):
    fetch_xp(IDS[:2], data_home=tmp_path)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(OSError, match=r"damaged.*clear_data_home"):
        fetch_xp(IDS[:2], data_home=tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"), [([0, 0, 1], "gave spectra twice"), ([0, 5], "not asked for")]
)
def test_answers_to_another_question_are_refused_and_not_kept(archive, tmp_path, rows, message):
    raw = archive.raw
    archive.tables = lambda _, retrieval_type: raw(np.array(rows), retrieval_type)
    with pytest.raises(ValueError, match=message):
        fetch_xp(IDS[:2], data_home=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_samples_at_unknown_wavelengths_are_refused(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "FLUX", FLUX[:, :300])
    with pytest.raises(ValueError, match="300 samples a spectrum and no wavelengths"):
        fetch_xp(IDS[:2], data_home=tmp_path)


def test_progress_is_drawn_on_request(archive, tmp_path, capsys):
    fetch_xp(IDS[:2], data_home=tmp_path, verbose=1)
    assert "2/2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source_ids": []}, "at least one star"),
        ({"source_ids": IDS.astype(float)}, "have been rounded"),
        ({"source_ids": ["4295806720"]}, "whole numbers"),
        ({"source_ids": [1, 2, 1]}, "names stars twice: 1"),
        ({"source_ids": IDS[None]}, "one-dimensional"),
        ({"source_ids": IDS, "chunk": 5001}, "'chunk' parameter"),
        ({"source_ids": IDS, "retrieval_type": "RVS"}, "'retrieval_type' parameter"),
        ({"source_ids": IDS, "missing": "drop"}, "'missing' parameter"),
        ({"source_ids": IDS, "nan": "skip"}, "'nan' parameter"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_asked(archive, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        fetch_xp(**arguments, data_home=tmp_path)
    assert archive.asked == []
