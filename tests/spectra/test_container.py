"""XPSpectra keeps ids, flux, errors, wavelengths and table together."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline

from climbkit.spectra import WAVELENGTH, XPNormalizer, XPSpectra
from climbkit.spectra._container import concatenate

IDS = np.array([4295806721, 2**62 + 1, 2680574649477853953, 6917528997577384321])


def made_up(n=4, wavelength=WAVELENGTH, dtype=np.float64, errors=True):
    rng = np.random.default_rng(0)
    flux = (1e-16 * rng.uniform(0.5, 1, (n, len(wavelength)))).astype(dtype)
    table = pd.DataFrame({"ra": np.arange(n) + 0.5}, index=np.arange(n) + 7)
    return XPSpectra(IDS[:n], flux, 0.1 * flux if errors else None, wavelength, table)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (slice(1, 3), [1, 2]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        ([2, 0, 2], [2, 0, 2]),
        (np.array([False, True, False, True]), [1, 3]),
        (-1, [3]),
        ([], []),
        ((np.array([1, 0]), Ellipsis), [1, 0]),
    ],
)
def test_rows_are_picked_from_everything_alike(rows, expected):
    spectra = made_up()
    part = spectra[rows]
    assert isinstance(part, XPSpectra)
    assert len(part) == len(expected)
    np.testing.assert_array_equal(part.source_id, IDS[expected])
    np.testing.assert_array_equal(part.flux, spectra.flux[expected])
    np.testing.assert_array_equal(part.flux_error, spectra.flux_error[expected])
    assert part.table["ra"].tolist() == [i + 0.5 for i in expected]
    assert part.wavelength is WAVELENGTH


def test_wavelengths_are_not_sliced():
    with pytest.raises(IndexError, match=r"resample\(\)"):
        made_up()[:, :10]
    with pytest.raises(IndexError):
        made_up()[4]
    with pytest.raises(IndexError):
        made_up()[[True, False]]


def test_spectra_are_gone_through_one_by_one():
    assert [one.source_id[0] for one in made_up()] == IDS.tolist()


def test_scikit_learn_cuts_spectra():
    spectra = made_up()[np.arange(40) % 4]
    y = np.arange(40) % 2
    train, test, y_train, _ = train_test_split(spectra, y, random_state=0)
    assert (len(train), len(test)) == (30, 10)
    assert isinstance(train, XPSpectra)
    np.testing.assert_array_equal(np.isin(train.source_id, IDS[[1, 3]]), y_train == 1)
    model = make_pipeline(XPNormalizer(), LogisticRegression())
    assert cross_val_score(model, spectra, y, cv=4).shape == (4,)


def test_the_flux_is_the_array():
    spectra = made_up()
    assert spectra.shape == (4, 343)
    assert (spectra.ndim, spectra.dtype) == (2, np.float64)
    assert np.asarray(spectra) is spectra.flux
    assert np.array(spectra, copy=True) is not spectra.flux
    assert np.asarray(spectra, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="must be copied"):
        np.array(spectra, dtype=np.float32, copy=False)


@pytest.mark.parametrize("of_big_end", [">f4", ">f8"])
def test_byte_orders_become_native(of_big_end):
    spectra = XPSpectra(IDS.astype(">i8"), np.ones((4, 343), dtype=of_big_end))
    assert spectra.source_id.dtype == np.int64
    assert spectra.source_id.dtype.isnative
    assert spectra.source_id.tolist() == IDS.tolist()
    assert spectra.flux.dtype == np.dtype(of_big_end).newbyteorder("=")


def test_whole_numbers_become_float64():
    assert XPSpectra(IDS, np.ones((4, 343), dtype=int)).flux.dtype == np.float64


@pytest.mark.parametrize("errors", [True, False])
def test_pickles_and_copies_are_equal(errors):
    spectra = made_up(errors=errors)
    for other in (pickle.loads(pickle.dumps(spectra)), copy.deepcopy(spectra)):
        np.testing.assert_array_equal(other.flux, spectra.flux)
        np.testing.assert_array_equal(other.source_id, spectra.source_id)
        assert (other.flux_error is None) is not errors
        assert other.table.equals(spectra.table)


def test_a_table_goes_through_parquet_and_back(tmp_path):
    spectra = made_up(wavelength=np.linspace(340, 1010, 70), dtype=np.float32)
    frame = spectra.to_pandas()
    assert list(frame) == ["source_id", "flux", "flux_error", "ra"]
    frame.to_parquet(tmp_path / "file.parquet")
    read = pd.read_parquet(tmp_path / "file.parquet")
    assert read["source_id"].tolist() == IDS.tolist()
    np.testing.assert_array_equal(np.stack(read["flux"]), spectra.flux)
    np.testing.assert_array_equal(read.attrs["wavelength"], spectra.wavelength)


def test_the_same_grid_gives_the_same_object():
    spectra = made_up()
    assert spectra.resample() is spectra
    assert spectra.resample(WAVELENGTH + 1e-9) is spectra
    assert spectra.resample(WAVELENGTH.tolist()) is spectra


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lines_stay_lines(dtype):
    slope = np.array([[1e-18], [-2e-18]])
    flux = (1e-15 + slope * (WAVELENGTH - 600)).astype(dtype)
    grid = np.array([336.0, 337.0, 338.0, 400.3, 777.7, 1019.99, 1020.0])
    spectra = XPSpectra(IDS[:2], flux, 0.1 * np.abs(flux)).resample(grid)
    expected = 1e-15 + slope * (grid - 600)
    np.testing.assert_allclose(spectra.flux, expected, rtol=1e-6 if dtype == np.float32 else 1e-13)
    np.testing.assert_allclose(spectra.flux_error, 0.1 * expected, rtol=1e-6)
    assert spectra.flux.dtype == dtype
    np.testing.assert_array_equal(spectra.wavelength, grid)


def test_interpolation_is_that_of_numpy():
    source = np.sort(np.random.default_rng(3).uniform(330, 1050, 50))
    spectra = made_up(wavelength=source)
    grid = np.linspace(source[0], source[-1], 777)
    expected = [np.interp(grid, source, row) for row in spectra.flux]
    np.testing.assert_allclose(spectra.resample(grid).flux, expected, rtol=1e-12)


def test_shared_samples_stay_bit_by_bit_beside_gaps():
    wide = made_up(wavelength=336 + 2.0 * np.arange(344))
    wide.flux[:, -1] = np.nan
    np.testing.assert_array_equal(wide.resample().flux, wide.flux[:, :343])


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([334.0, 500.0], r"from 336 to 1020 nm; .* at 334 to 500 nm"),
        ([500.0, 1021.0], "from 336 to 1020 nm"),
        ([500.0, 400.0], "rise"),
        ([500.0, 500.0], "rise"),
        ([500.0, np.nan], "finite"),
        ([500.0], "two samples"),
        ([3360.0, 10200.0], "must be in nm"),
        ([0.336, 1.02], "must be in nm"),
        (["blue", "red"], "must hold numbers"),
    ],
)
def test_grids_that_cannot_be_are_refused(grid, message):
    with pytest.raises(ValueError, match=message):
        made_up().resample(grid)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_id": IDS[:3]}, "3 source_id for 4 rows"),
        ({"source_id": IDS.astype(float)}, "have been rounded"),
        ({"source_id": IDS.astype(str)}, "whole numbers"),
        ({"source_id": IDS.astype("u8") + np.uint64(2**63)}, r"above 2\*\*63"),
        ({"source_id": IDS[:, None]}, "one-dimensional"),
        ({"flux": np.ones(343)}, "a row of samples for each spectrum"),
        ({"flux": np.full((4, 343), "a")}, "flux must hold numbers"),
        ({"flux": np.ones((4, 344))}, "wavelength has 343 values; the spectra have 344"),
        ({"flux_error": np.ones((4, 342))}, "shape of flux"),
        ({"flux_error": np.full((4, 343), None)}, "flux_error must hold numbers"),
        ({"wavelength": WAVELENGTH[::-1]}, "rise"),
        ({"wavelength": WAVELENGTH[:-1]}, "wavelength has 342 values"),
        ({"table": pd.DataFrame({"ra": [1.0]})}, "table has 1 rows for 4"),
        ({"table": {"ra": [1.0] * 4}}, "must be a pandas DataFrame"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    parts = {"source_id": IDS, "flux": np.ones((4, 343))} | changes
    with pytest.raises(ValueError, match=message):
        XPSpectra(**parts)


def with_gaps():
    spectra = made_up()
    spectra.flux[0, 10] = np.nan
    spectra.flux[1, :2] = np.inf
    spectra.flux_error[2, -1] = np.nan
    return spectra


def test_usable_spectra_are_finite_and_have_light():
    spectra = with_gaps()
    spectra.flux[3] = -1e-18
    assert spectra.usable.tolist() == [False, False, True, False]
    spectra.flux[3, 5] = 1e-20
    assert spectra.usable.tolist() == [False, False, True, True]


def test_large_numbers_are_finite():
    spectra = XPSpectra(IDS[:1], np.full((1, 343), 3e38, dtype=np.float32))
    assert spectra.usable.tolist() == [True]


def test_gaps_are_refused_by_name_unless_told_otherwise():
    with pytest.raises(ValueError, match=rf"3 of 4 .*source_id {IDS[0]}, {IDS[1]}, {IDS[2]}\. Cho"):
        with_gaps().clean()
    spectra = with_gaps()
    assert spectra.clean(nan="keep") is spectra


def test_gaps_are_interpolated_or_take_the_nearest_sample():
    spectra = with_gaps()
    filled = spectra.clean(nan="interpolate")
    assert np.isfinite(filled.flux).all()
    assert filled.flux[0, 10] == pytest.approx(spectra.flux[0, [9, 11]].mean())
    assert filled.flux[1, :2].tolist() == [spectra.flux[1, 2]] * 2
    assert filled.flux_error[2, -1] == spectra.flux_error[2, -2]
    untouched = np.isfinite(spectra.flux)
    np.testing.assert_array_equal(filled.flux[untouched], spectra.flux[untouched])
    assert np.isnan(spectra.flux[0, 10])


def test_wide_gaps_are_not_interpolated():
    spectra = made_up()
    spectra.flux[2, 100:150] = np.nan
    with pytest.raises(ValueError, match=rf"more than a tenth .* source_id {IDS[2]}"):
        spectra.clean(nan="interpolate")


def test_spectra_with_gaps_are_dropped_with_a_warning_that_names_them():
    with pytest.warns(UserWarning, match=rf"3 of 4 spectra .* left out: source_id {IDS[0]}, "):
        left = with_gaps().clean(nan="drop")
    assert left.source_id.tolist() == [IDS[3]]
    assert left.table["ra"].tolist() == [3.5]


def test_negative_flux_is_clipped_on_request():
    spectra = made_up()
    spectra.flux[0, :3] = -1e-18
    assert spectra.clean() is spectra
    clipped = spectra.clean(negative="clip")
    np.testing.assert_array_equal(clipped.flux, spectra.flux.clip(min=0))
    assert spectra.flux.min() < 0


@pytest.mark.parametrize("policy", [{"nan": "skip"}, {"negative": "zero"}])
def test_policies_with_a_typo_are_refused(policy):
    with pytest.raises(ValueError, match=r"must be one of .*; got '(skip|zero)'"):
        made_up().clean(**policy)


def test_parts_are_put_below_each_other():
    spectra = made_up()
    whole = concatenate([spectra[:1], spectra[1:]])
    np.testing.assert_array_equal(whole.flux, spectra.flux)
    assert whole.source_id.tolist() == IDS.tolist()
    assert whole.table["ra"].tolist() == spectra.table["ra"].tolist()
    assert concatenate([spectra, made_up(errors=False)]).flux_error is None
    with pytest.raises(ValueError, match=r"different grids: 343 .* and 2 "):
        concatenate([spectra, spectra.resample([400, 500])])
    with pytest.raises(ValueError, match="no spectra"):
        concatenate([])


def test_it_says_what_it_holds():
    assert repr(made_up()) == (
        "<XPSpectra: 4 spectra of 343 samples, 336 to 1020 nm, with errors, columns ra>"
    )
