"""Files of stars in each format: exact ids, missing values, units, and files that are no tables."""

import csv
import gzip

import numpy as np
import pandas as pd
import pytest

from climbkit.survey import read_stars

pytest.importorskip("astropy")
pytest.importorskip("pyarrow")

IDS = [4611686018427387905, 2252802052894084353, 5853498713160606721]  # none is a float64
FORMATS = ["csv", "csv.gz", "ecsv", "ecsv.gz", "fits", "fits.gz", "vot", "vot.gz", "parquet"]


def made_up_table():
    from astropy.table import MaskedColumn, Table

    table = Table()
    table["source_id"] = np.array(IDS)
    table["ra"] = [0.1, 123.45678901234567, 359.9]
    table["parallax"] = MaskedColumn([1.0, 2.0, 1 / 3], mask=[False, True, False], unit="mas")
    table["ruwe"] = np.array([1.0, np.nan, 1.1], dtype=np.float32)
    table["rv_nb_transits"] = MaskedColumn([3, 0, 9], mask=[False, True, False])
    table["phot_variable_flag"] = ["VARIABLE", "CONSTANT", "CONSTANT"]
    table["ra"].unit = "deg"
    return table


def write(table, path):
    plain = path.with_name(path.name.removesuffix(".gz"))
    kind = plain.suffix.removeprefix(".")
    if kind == "parquet":
        table.to_pandas().to_parquet(plain)
    else:
        form = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable", "fits": "fits"}[kind]
        table.write(plain, format=form)
    if path != plain:
        path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_stars(tmp_path, kind):
    stars = read_stars(write(made_up_table(), tmp_path / f"stars.{kind}"))
    assert list(stars) == made_up_table().colnames
    assert stars["source_id"].dtype == np.int64
    assert stars["source_id"].tolist() == IDS
    assert stars["ra"].tolist() == [0.1, 123.45678901234567, 359.9]
    np.testing.assert_array_equal(stars["parallax"], [1.0, np.nan, 1 / 3])
    np.testing.assert_allclose(stars["ruwe"], [1.0, np.nan, 1.1], rtol=1e-6)
    np.testing.assert_array_equal(stars["rv_nb_transits"], [3.0, np.nan, 9.0])
    assert stars["rv_nb_transits"].dtype == np.float64
    assert stars["phot_variable_flag"].tolist() == ["VARIABLE", "CONSTANT", "CONSTANT"]
    assert stars.attrs["units"] == {"ra": "deg", "parallax": "mas"}


@pytest.mark.parametrize("kind", ["ecsv", "fits", "vot"])
def test_units_of_the_file_are_converted(tmp_path, kind):
    table = made_up_table()
    table["parallax"].unit = "arcsec"
    stars = read_stars(write(table, tmp_path / f"stars.{kind}"))
    np.testing.assert_allclose(stars["parallax"], [1000.0, np.nan, 1000 / 3])


@pytest.mark.parametrize("kind", ["csv", "ecsv", "fits", "vot", "parquet"])
def test_columns_are_chosen_by_either_name(tmp_path, kind):
    table = made_up_table()
    table.rename_columns(["source_id", "parallax"], ["Source", "Plx"])
    path = write(table, tmp_path / f"stars.{kind}")
    stars = read_stars(path, columns=["Plx", "source_id"])
    assert list(stars) == ["parallax", "source_id"]
    assert stars["source_id"].tolist() == IDS
    with pytest.raises(ValueError, match=r"no column 'parallaxe': did you mean 'parallax'"):
        read_stars(path, columns=["parallaxe"])


@pytest.mark.parametrize("kind", ["csv", "ecsv", "fits", "vot", "parquet"])
def test_ids_as_floats_are_refused_with_the_reason(tmp_path, kind):
    table = made_up_table()
    table["source_id"] = table["source_id"].astype(float)
    path = write(table, tmp_path / f"stars.{kind}")
    with pytest.raises(ValueError, match=r"stars\..*source_id is .*float.*rounded"):
        read_stars(path)
    assert len(read_stars(path, columns=["ra", "ruwe"])) == 3


@pytest.mark.parametrize("kind", ["csv", "ecsv", "fits", "vot", "parquet"])
def test_stars_without_id_are_refused(tmp_path, kind):
    from astropy.table import MaskedColumn

    table = made_up_table()
    table["source_id"] = MaskedColumn(IDS, mask=[False, True, False])
    if kind == "fits":
        table["source_id"].fill_value = -1
    path = write(table, tmp_path / f"stars.{kind}")
    with pytest.raises(ValueError, match="1 of 3 stars have no source_id, the first in row 1"):
        read_stars(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_is_cut_short_is_refused(tmp_path, kind):
    path = write(made_up_table(), tmp_path / f"stars.{kind}")
    content = path.read_bytes()
    end = len(content) - 14 if kind in ("csv", "ecsv") else int(len(content) * 0.9)
    path.write_bytes(content[:end])
    with pytest.raises(ValueError, match="cut short"):
        read_stars(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Service unavailable</html>", "is a web page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "is HDF5"),
        (b"PK\x03\x04" + bytes(100), "is a zip archive"),
        (bytes(range(256)) * 4, "no table of stars"),
        (b'{"ra": [1, 2]}', "no table of stars"),
        (b"just words\nwithout a table\n", "at least two columns"),
        (b"1.5,2.5,3.5\n4,5,6\n", "first line must name"),
        (b"ra,dec,ra\n1,2,3\n", "two columns 'ra'"),
        (b"# a comment\n# another\n", "cut short"),
        (b"ra,dec\n1,2\n1,2,3\n", "3 columns"),
        (b"ra,dec\n1,2,3\n1,2,3\n1,2\n", "damaged"),
        (b"source_id,ra\n12,1.0\nabc,2.0\n", "must be a whole number; got 'abc'"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, content, message):
    path = tmp_path / "stars.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_stars(path)
    assert str(path) in str(caught.value)


def test_a_fits_file_without_table_is_refused(tmp_path):
    from astropy.io import fits

    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "image.fits")
    with pytest.raises(ValueError, match="without any table"):
        read_stars(tmp_path / "image.fits")


def test_an_answer_that_reached_the_limit_of_rows_is_refused(tmp_path):
    path = write(made_up_table(), tmp_path / "stars.vot")
    text = path.read_text()
    for status, message in [("OVERFLOW", "limit of rows"), ("ERROR", "message of an error")]:
        info = f'<INFO name="QUERY_STATUS" value="{status}"/><TABLE'
        path.write_text(text.replace("<TABLE", info, 1))
        with pytest.raises(ValueError, match=message):
            read_stars(path)


def test_no_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.fits"):
        read_stars(tmp_path / "none.fits")


def test_large_integers_with_gaps_stay_exact(tmp_path):
    frame = pd.DataFrame({"ra": [1.0, 2.0], "random_index": pd.array([2**53 + 1, None], "Int64")})
    frame.to_parquet(tmp_path / "stars.parquet")
    assert read_stars(tmp_path / "stars.parquet")["random_index"][0] == 2**53 + 1


def test_bulk_files_of_the_archive_say_null(tmp_path):
    path = write(made_up_table(), tmp_path / "stars.ecsv")
    text = path.read_text().replace('""', "null")
    assert "null" in text
    path.write_text(text)
    assert np.isnan(read_stars(path)["parallax"][1])


def test_what_was_read_is_the_same_after_parquet(tmp_path):
    table = made_up_table()
    table["mass"] = [1.0, 2.0, 3.0]
    table["mass"].unit = "solMass"
    stars = read_stars(write(table, tmp_path / "stars.ecsv"))
    stars.to_parquet(tmp_path / "stars.parquet")
    again = read_stars(tmp_path / "stars.parquet")
    pd.testing.assert_frame_equal(again, stars)
    assert again.attrs["units"] == stars.attrs["units"]
    assert again.attrs["units"]["mass"] == "solMass"


def test_a_table_of_astropy_in_parquet_keeps_units(tmp_path):
    table = made_up_table()
    table["parallax"].unit = "arcsec"
    table.write(tmp_path / "stars.parquet", format="parquet")
    stars = read_stars(tmp_path / "stars.parquet")
    np.testing.assert_allclose(stars["parallax"], [1000.0, np.nan, 1000 / 3])


def test_a_whole_extract_of_gaia_source_survives_every_format(tmp_path, data_folder):
    from astropy.table import Table

    folder = data_folder / "gaia_fields"
    stars = read_stars(folder / "blank_ra45_dec0_gaiadr3_full.parquet")
    assert stars.shape == (2390, 153)
    assert int(stars["parallax"].isna().sum()) == 375
    table = Table.from_pandas(stars)
    for kind in ("fits", "vot", "csv"):
        again = read_stars(write(table, tmp_path / f"blank.{kind}"))
        assert list(again) == list(stars)
        assert again["source_id"].equals(stars["source_id"])
        assert again["solution_id"].equals(stars["solution_id"])
        for name in ("ra", "parallax", "bp_rp", "rv_nb_transits"):
            np.testing.assert_array_equal(
                again[name].astype(stars[name].dtype), stars[name], err_msg=f"{kind} {name}"
            )


def test_real_fields_keep_their_ids(data_folder):
    folder = data_folder / "gaia_fields"
    path = folder / "m67_gaiadr3.csv.gz"
    with gzip.open(path, "rt") as file:
        written = [row["source_id"] for row in csv.DictReader(file)]
    assert list(map(str, read_stars(path)["source_id"].tolist())) == written
