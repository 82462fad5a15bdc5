"""Stars from Arrow columns and files: exact ids, plain numbers."""

import numpy as np
import pandas as pd
import pytest

from climbkit.distributed._reading import plain_frame, read_region

IDS = np.array([2**62 + 1, 2**62 + 3, 2**53 + 1], dtype=np.int64)


@pytest.fixture
def stars():
    return pd.DataFrame(
        {
            "source_id": IDS,
            "ra": [10.0, 11.5, np.nan],
            "nobs": np.array([3, 2**53 + 1, 5], dtype=np.int64),
            "good": [True, False, True],
            "magnitude": np.array([1.5, np.nan, 3.0], dtype=np.float32),
        }
    )


def arrow(stars):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.Table.from_pandas(stars, preserve_index=False)
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def test_arrow_columns_become_the_same_numpy_columns(stars):
    pd.testing.assert_frame_equal(plain_frame(arrow(stars)), stars)


def test_nullable_columns_become_the_same_numpy_columns(stars):
    pd.testing.assert_frame_equal(plain_frame(stars.convert_dtypes()), stars)


def test_missing_whole_numbers_become_nan(stars):
    column = arrow(stars)
    column.loc[0, "nobs"] = None
    np.testing.assert_array_equal(plain_frame(column, ["nobs"])["nobs"], [np.nan, 2**53 + 1, 5])


@pytest.mark.parametrize(
    "ids",
    [
        IDS.astype(np.float64),
        pd.array([2**62 + 1, None, 5], dtype="Int64"),
        ["a", "b", "c"],
        np.array([2**63 + 1, 1, 2], dtype=np.uint64),
    ],
    ids=["float", "missing", "text", "too large"],
)
def test_ids_that_cannot_be_exact_are_refused(stars, ids):
    with pytest.raises(ValueError, match="source_id"):
        plain_frame(stars.assign(source_id=ids))


def test_unsigned_ids_in_range_stay_exact(stars):
    plain = plain_frame(stars.assign(source_id=IDS.astype(np.uint64)))
    assert plain["source_id"].dtype == np.int64
    np.testing.assert_array_equal(plain["source_id"], IDS)


def test_rows_are_numbered_from_zero_and_columns_are_chosen(stars):
    plain = plain_frame(stars.set_index(np.array([7, 7, 9])), ["ra", "source_id"])
    assert plain.columns.tolist() == ["ra", "source_id"]
    assert plain.index.tolist() == [0, 1, 2]


def test_absent_columns_are_named(stars):
    with pytest.raises(ValueError, match=r"lack the columns \['parallax'\]"):
        plain_frame(stars, ["source_id", "parallax"])


COLUMNS = ["source_id", "ra", "nobs", "good", "magnitude"]


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz"])
def test_files_of_plain_columns_give_the_same_stars(stars, tmp_path, ending):
    path = tmp_path / f"region.{ending}"
    if ending == "parquet":
        stars.to_parquet(path)
    else:
        stars.to_csv(path, index=False)
    read = read_region(path, COLUMNS)
    pd.testing.assert_frame_equal(read, stars, check_dtype=ending == "parquet")
    assert read["source_id"].dtype == np.int64


@pytest.mark.parametrize("ending", ["fits", "ecsv"])
def test_files_with_units_give_the_same_stars_and_keep_units(stars, tmp_path, ending):
    from astropy.table import Table

    table = Table.from_pandas(stars)
    table["ra"].unit = "rad"
    table["spectrum"] = np.zeros((3, 2))
    table.write(tmp_path / f"region.{ending}")
    read = read_region(tmp_path / f"region.{ending}")
    assert read["ra"].unit == "rad"
    pd.testing.assert_frame_equal(read.to_pandas(index=False), stars)
    chosen = read_region(tmp_path / f"region.{ending}", ["nobs", "source_id"])
    assert chosen.colnames == ["nobs", "source_id"]


def test_ids_that_were_the_index_of_a_parquet_file_are_found(stars, tmp_path):
    stars.set_index("source_id").to_parquet(tmp_path / "region.parquet")
    read = read_region(tmp_path / "region.parquet", COLUMNS)
    pd.testing.assert_frame_equal(read, stars)


def test_tables_without_a_column_or_with_inexact_ids_are_refused(stars):
    from astropy.table import Table

    table = Table.from_pandas(stars)
    with pytest.raises(ValueError, match=r"lack the columns \['parallax'\]"):
        read_region(table, ["parallax"])
    table["source_id"] = IDS.astype(np.float64)
    with pytest.raises(ValueError, match="source_id must hold a whole number"):
        read_region(table)


def test_unknown_endings_name_those_that_are_known(tmp_path):
    with pytest.raises(ValueError, match=r"\.parquet"):
        read_region(tmp_path / "region.xlsx")
