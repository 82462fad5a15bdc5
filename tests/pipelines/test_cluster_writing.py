"""Results in files: ids and units come back as they went, whatever the names of the clusters."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.pipelines import _cluster_writing_tables as tables_of
from climbkit.pipelines._cluster_writing import label_table, write_results
from climbkit.pipelines._cluster_writing_files import ResultFolder, file_stem, read_run
from climbkit.pipelines._cluster_writing_tables import FORMATS, plain_table, write_table
from climbkit.survey import CandidateSet, read_stars

READ_AS = {"ecsv": "ascii.ecsv", "fits": "fits", "vot": "votable"}


def read(path, kind=Table):
    return kind.read(path, format=READ_AS[path.suffix[1:]])


def texts(column):
    """Text of a column, empty where it is masked."""
    filled = column.filled("") if hasattr(column, "filled") else column
    return [v.decode() if isinstance(v, bytes) else str(v) for v in filled]


@pytest.fixture(scope="module")
def written(known_search, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "new" / "folder"
    return folder, write_results(known_search, folder, formats=FORMATS)


@pytest.mark.parametrize("format", FORMATS)
def test_member_ids_and_values_come_back_exactly(written, known_search, format):
    members = known_search.cluster_set_.members(0)
    table = read(written[0] / f"members/NGC_288.{format}")
    assert table["source_id"].dtype.kind == "i"
    np.testing.assert_array_equal(table["source_id"], members["source_id"])
    np.testing.assert_array_equal(table["probability"], known_search.cluster_set_[0].probabilities)
    for name in ("ra", "dec", "l", "b", "parallax", "pmra", "bp_rp"):
        np.testing.assert_array_equal(table[name], members[name])
    assert set(texts(table["cluster"])) == {"NGC 288"}
    assert table.colnames[:3] == ["source_id", "probability", "cluster"]


@pytest.mark.parametrize("format", FORMATS)
def test_units_come_back(written, format):
    clusters = read(written[0] / f"clusters.{format}", QTable)
    members = read(written[0] / f"members/NGC_288.{format}", QTable)
    assert clusters["r50"].unit == u.deg
    assert clusters["pmra"].unit == u.mas / u.yr
    assert clusters["parallax_error_sys"].unit == u.mas
    assert members["pmdec"].unit == u.mas / u.yr
    assert members["phot_g_mean_mag"].unit == u.mag


@pytest.mark.parametrize("format", FORMATS)
def test_missing_numbers_are_nan_and_missing_text_is_empty(written, format):
    clusters = read(written[0] / f"clusters.{format}")
    p_class = np.ma.filled(np.ma.asarray(clusters["p_class"]), np.nan)
    np.testing.assert_array_equal(p_class, [0.98, np.nan])
    assert texts(clusters["catalogue"]) == ["a catalogue", ""]
    assert texts(clusters["name"]) == ["NGC 288", "candidate 1"]


@pytest.mark.parametrize("format", FORMATS)
def test_labels_are_in_the_order_of_the_stars(written, known_search, cluster_field, format):
    table = read(written[0] / f"labels.{format}")
    np.testing.assert_array_equal(table["source_id"], cluster_field.data["source_id"])
    np.testing.assert_array_equal(table["label"], known_search.labels_)
    names = np.array(texts(table["cluster"]))
    assert (names[known_search.labels_ == 1] == "candidate 1").all()
    assert (names[known_search.labels_ == -1] == "").all()
    found = np.ma.filled(np.ma.asarray(table["probability"], dtype=float), np.nan)
    np.testing.assert_array_equal(np.isnan(found), known_search.labels_ == -1)


def test_members_can_be_read_as_stars_again(written, known_search):
    for format in FORMATS:
        stars = read_stars(written[0] / f"members/NGC_288.{format}")
        assert stars["source_id"].dtype == np.int64
        np.testing.assert_array_equal(
            stars["source_id"], known_search.cluster_set_.members(0)["source_id"]
        )


def test_candidates_can_be_read_as_a_set_again(written, known_search, cluster_field):
    again = CandidateSet.read(written[0] / "candidates.ecsv", stars=cluster_field.data)
    np.testing.assert_array_equal(again.indices, known_search.candidates_.indices)


def test_run_file_lists_every_file_and_rebuilds_the_parameters(written, known_search):
    folder, files = written
    record = read_run(folder)
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert set(record["files"]) == there == {str(path.relative_to(folder)) for path in files}
    assert files[-1].name == "run.json"
    assert record["search"]["parameters"]["n_clusters"] == 2
    assert record["input"]["n_stars"] == 3_000
    assert [entry["name"] for entry in record["clusters"]] == ["NGC 288", "candidate 1"]
    assert {"numpy", "astropy", "scikit-learn"} <= set(record["packages"])


def test_a_field_without_clusters_is_written_too(fit_known, tmp_path):
    write_results(fit_known(n_clusters=0, names=()), tmp_path, formats=FORMATS)
    for format in FORMATS:
        clusters = read(tmp_path / f"clusters.{format}")
        assert len(clusters) == 0
        assert "r50" in clusters.colnames
        assert (read(tmp_path / f"labels.{format}")["label"] == -1).all()
    assert not (tmp_path / "members").exists()


def test_stars_without_ids_are_labelled_by_row(fit_known, cluster_field):
    search = fit_known(cluster_field.data.drop(columns="source_id"))
    table = label_table(search)
    assert table.colnames == ["row", "label", "cluster", "probability"]
    np.testing.assert_array_equal(table["row"], np.arange(3_000))


HOSTILE = ("../../etc/passwd", "<script>alert('Želva & \"co\"')</script>\n\x07")


def test_hostile_names_stay_in_the_folder_and_in_the_tables(fit_known, tmp_path):
    write_results(fit_known(names=HOSTILE), tmp_path / "out", formats=FORMATS)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    names = {p.name for p in (tmp_path / "out" / "members").iterdir()}
    assert names == {
        f"{stem}.{format}"
        for stem in ("etc_passwd", "script_alert_Zelva_co_script")
        for format in FORMATS
    }
    for format in ("ecsv", "vot"):
        found = texts(read(tmp_path / "out" / f"clusters.{format}")["name"])
        assert found[1].strip() == "<script>alert('Želva & \"co\"')</script>"
    found = texts(read(tmp_path / "out" / "clusters.fits")["name"])
    assert found[1].strip() == "<script>alert('Zelva & \"co\"')</script>"


@given(st.lists(st.text(max_size=40), max_size=6))
@settings(max_examples=50, deadline=None)
def test_names_of_files_are_plain_and_differ(names):
    taken = set()
    for name in names:
        stem = file_stem(name, taken)
        assert stem.isascii()
        assert all(char.isalnum() or char in "+-_" for char in stem)
        assert stem[0] not in "-."
        assert stem.lower() not in taken
        taken.add(stem.lower())


def test_names_that_differ_in_capitals_alone_get_files_of_their_own():
    assert file_stem("ngc 1", {"ngc_1"}) == "ngc_1_2"
    assert file_stem("CON") == "CON_"
    assert file_stem("///") == "cluster"


def test_an_earlier_run_is_not_touched_unless_asked(fit_known, known_search, tmp_path):
    write_results(known_search, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(FileExistsError, match="is not empty"):
        write_results(known_search, tmp_path)
    assert (tmp_path / "run.json").read_bytes() == before
    write_results(fit_known(names=("M 5", "M 13")), tmp_path, overwrite=True)
    assert sorted(p.name for p in (tmp_path / "members").iterdir()) == ["M_13.ecsv", "M_5.ecsv"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_run_file_cannot_have_files_elsewhere_deleted(known_search, tmp_path):
    folder = tmp_path / "out"
    write_results(known_search, folder)
    outside = tmp_path / "outside.txt"
    outside.write_text("keep")
    state = json.loads((folder / "run.json").read_text())
    state["files"] += ["../outside.txt", str(outside), "members/../../outside.txt"]
    os.symlink(tmp_path, folder / "link")
    state["files"] += ["link/outside.txt"]
    (folder / "run.json").write_text(json.dumps(state))
    write_results(known_search, folder, overwrite=True)
    assert outside.read_text() == "keep"


def test_a_file_that_failed_is_not_there_and_the_folder_is_not_whole(
    known_search, tmp_path, monkeypatch
):
    def break_off(path, table, format, *, title):
        if title == "labels":
            path.write_text("half")
            raise OSError("disk full")
        write_table(path, table, format, title=title)

    monkeypatch.setattr("climbkit.pipelines._cluster_writing.write_table", break_off)
    with pytest.raises(OSError, match="disk full"):
        write_results(known_search, tmp_path)
    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert names == {"clusters.ecsv", "members/NGC_288.ecsv", "members/candidate_1.ecsv"}


def test_a_file_as_folder_and_an_unknown_format_are_refused(known_search, tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    for folder in (path, path / "below"):
        with pytest.raises(NotADirectoryError, match="is a file"):
            write_results(known_search, folder)
    with pytest.raises(ValueError, match="formats must be one or more of ecsv, fits, vot"):
        write_results(known_search, tmp_path / "out", formats=("hdf5",))
    assert not (tmp_path / "out").exists()


def test_other_files_are_no_run_files(tmp_path):
    path = tmp_path / "run.json"
    for content, message in (
        ("{", "is no run file"),
        ("[]", "no run file of a cluster search"),
        ('{"kind": "climbkit.ClusterSearch run", "version": 99}', "version 99"),
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            read_run(tmp_path)
    assert ResultFolder(tmp_path, overwrite=True).files == []


def odd_table():
    """Every kind of column that users' tables have, with something missing in each."""
    big = 2**62 + 1
    return pd.DataFrame(
        {
            "source_id": np.array([big, 2**53 + 1, -5]),
            "nullable": pd.array([big, None, 3], dtype="Int64"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "sure": [True, False, True],
            "small": np.array([1.5, np.nan, np.inf], dtype=np.float32),
            "kind": pd.Categorical(["a", None, "b"]),
            "text": ["x, y", None, 'say "so"'],
            "mixed": pd.Series([1, None, "é"], dtype=object),
            "2mass [Fe/H]": [0.1, 0.2, 0.3],
            "L": [1, 2, 3],
            "l": [4, 5, 6],
            "flux": [1.0, 2.0, 3.0],
            "when": pd.to_datetime(["2016-01-01T00:00:00", None, "2017-02-03T04:05:06"]),
        }
    )


@pytest.mark.parametrize("format", FORMATS)
def test_every_kind_of_column_comes_back(tmp_path, format):
    plain = plain_table(odd_table(), {"flux": "electron / s", "small": "km / s"})
    path = tmp_path / f"odd.{format}"
    write_table(path, plain, format, title="odd")
    table = read(path)
    assert len(table.colnames) == 13
    np.testing.assert_array_equal(table["source_id"], [2**62 + 1, 2**53 + 1, -5])
    assert table["nullable"].tolist() == [2**62 + 1, None, 3]
    assert [None if v is None else bool(v) for v in table["flag"].tolist()] == [True, None, False]
    assert table["sure"].tolist() == [True, False, True]
    small = np.ma.filled(np.ma.asarray(table["small"]), np.nan)
    assert small.dtype.itemsize == 4
    np.testing.assert_array_equal(small, [1.5, np.nan, np.inf])
    assert u.Unit(table["small"].unit) == u.km / u.s
    assert texts(table["kind"]) == ["a", "", "b"]
    assert texts(table["text"]) == ["x, y", "", 'say "so"']
    assert texts(table["mixed"]) == ["1", "", "e" if format == "fits" else "é"]
    assert texts(table["when"])[2].startswith("2017-02-03")
    assert (table["L"] == [1, 2, 3]).all()
    assert (table[table.colnames[10]] == [4, 5, 6]).all()
    if format != "ecsv":
        assert "2mass" in table.colnames[8]
        assert table["flux"].unit is None
        assert format == "fits" or "electron / s" in table["flux"].description


def test_quantities_and_masked_ones_become_columns_with_units():
    table = QTable({"d": [1.0, 2.0] * u.kpc, "n": np.ma.array([1, 2], mask=[False, True])})
    table["e"] = table["d"] * 0.1
    table["e"].info.description = "error"
    masked = Table({"m": np.ma.array([1.0, 2.0], mask=[True, False])}, units={"m": "mas"})
    table["m"] = QTable(masked)["m"]
    plain = plain_table(table)
    assert plain["d"].unit == u.kpc
    assert plain["e"].description == "error"
    assert plain["n"].tolist() == [1, None]
    assert plain["m"].unit == u.mas
    np.testing.assert_array_equal(plain["m"], [np.nan, 2.0])
    with pytest.raises(ValueError, match="'wide' has more than one value a row"):
        plain_table(Table({"wide": np.zeros((2, 2))}))


def test_formats_are_those_that_are_documented():
    assert set(FORMATS) == set(tables_of._ASTROPY_FORMATS)
