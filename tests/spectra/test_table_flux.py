"""Flux of the columns of a table, whatever part of a batch is looked at."""

import numpy as np
import pyarrow as pa
import pytest

from climbkit.spectra._table_flux import find_flux, first_length, read_flux

FLUX = np.arange(60, dtype=np.float32).reshape(12, 5)
LISTS = {
    "list": pa.list_(pa.float32()),
    "large list": pa.large_list(pa.float32()),
    "fixed-size list": pa.list_(pa.float32(), 5),
}


def batch_of(kind, rows=FLUX.tolist()):
    return pa.RecordBatch.from_pydict({"flux": pa.array(rows, kind)})


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("part", [slice(0, 12), slice(3, 9), slice(11, 12), slice(5, 5)])
def test_part_of_a_batch_has_its_rows(kind, part):
    batch = batch_of(LISTS[kind]).slice(part.start, part.stop - part.start)
    flux = find_flux(batch.schema, "flux", "file")
    values, missing, odd = read_flux(batch, flux, 5)
    np.testing.assert_array_equal(values, FLUX[part])
    assert not missing.any()
    assert not odd.any()


@pytest.mark.parametrize("kind", LISTS)
def test_whole_rows_are_not_copied(kind):
    batch = batch_of(LISTS[kind]).slice(2)
    values, _, _ = read_flux(batch, find_flux(batch.schema, "flux", "file"), 5)
    assert values.base is not None
    assert not values.flags.owndata


@pytest.mark.parametrize("kind", LISTS)
def test_rows_that_are_missing_do_not_move_the_others(kind):
    rows = FLUX.tolist()
    rows[4] = rows[7] = None
    batch = batch_of(LISTS[kind], rows).slice(1, 9)
    values, missing, odd = read_flux(batch, find_flux(batch.schema, "flux", "file"), 5)
    np.testing.assert_array_equal(np.flatnonzero(missing), [3, 6])
    assert not odd.any()
    np.testing.assert_array_equal(values[~missing], FLUX[1:10][~missing])


def test_rows_of_other_lengths_do_not_move_the_others():
    rows = FLUX.tolist()
    rows[2], rows[5] = rows[2][:-1], [*rows[5], 1.0]
    batch = batch_of(LISTS["list"], rows).slice(1)
    flux = find_flux(batch.schema, "flux", "file")
    assert first_length(batch, flux) == 5
    values, missing, odd = read_flux(batch, flux, 5)
    np.testing.assert_array_equal(np.flatnonzero(odd), [1, 4])
    assert not missing.any()
    np.testing.assert_array_equal(values[~odd], FLUX[1:][~odd])


def test_struct_that_is_missing_is_a_spectrum_that_is_missing():
    flux = [{"flux": row} for row in FLUX.tolist()]
    flux[3] = None
    kind = pa.struct([("flux", LISTS["list"])])
    batch = pa.RecordBatch.from_pydict({"xp": pa.array(flux, kind)}).slice(2)
    found = find_flux(batch.schema, "xp.flux", "file")
    values, missing, _ = read_flux(batch, found, 5)
    np.testing.assert_array_equal(np.flatnonzero(missing), [1])
    np.testing.assert_array_equal(values[~missing], FLUX[2:][~missing])
    with pytest.raises(ValueError, match=r"'xp' has no field 'fluxes'; its fields are flux"):
        find_flux(batch.schema, "xp.fluxes", "file")


def test_columns_of_single_samples_are_sorted_by_number():
    columns = {f"flux_{number}": FLUX[:, number] for number in (4, 0, 3, 1, 2)}
    columns |= {"flux_error_0": FLUX[:, 0], "source_id": np.arange(12)}
    batch = pa.RecordBatch.from_pydict(columns).slice(2)
    flux = find_flux(batch.schema, "flux", "file")
    np.testing.assert_array_equal(flux.numbers, range(5))
    values, missing, _ = read_flux(batch, flux, 5)
    np.testing.assert_array_equal(values, FLUX[2:])
    assert not missing.any()


def test_row_of_single_samples_is_missing_if_all_are():
    a, b = pa.array([1.0, None, None]), pa.array([1.0, 2.0, None])
    batch = pa.RecordBatch.from_pydict({"f0": a, "f1": b})
    values, missing, _ = read_flux(batch, find_flux(batch.schema, "f", "file"), 2)
    assert missing.tolist() == [False, False, True]
    assert np.isnan(values[1, 0])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"flux": ["[1, 2]"]}, "must hold a list of numbers in each row; it is string"),
        ({"flux": [["a"]]}, "must hold numbers; it is of string"),
        ({"flux_0": [1.0]}, "no column 'flux' of spectra"),
        ({"flux_0": [1.0], "flux_1": ["a"]}, "'flux_1' must hold numbers"),
        ({"flux_1": [1.0], "flux_01": [1.0]}, "have the same number"),
    ],
)
def test_columns_that_hold_no_flux_are_named(columns, message):
    with pytest.raises(ValueError, match=message):
        find_flux(pa.RecordBatch.from_pydict(columns).schema, "flux", "file")
