"""XPNormalizer: shapes and brightnesses of spectra."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from climbkit.spectra import WAVELENGTH, XPNormalizer, XPSpectra, read_xp

N = 30


def made_up(n=N, dtype=np.float64, wavelength=WAVELENGTH, noise=0.0):
    """Made-up spectra from 1e-18 to 1e-14 W m-2 nm-1."""
    rng = np.random.default_rng(0)
    peak = 10 ** rng.uniform(-18, -14, (n, 1))
    flux = peak * np.exp(-(((wavelength - rng.uniform(350, 950, (n, 1))) / 300) ** 2))
    flux += noise * peak * rng.normal(size=flux.shape)
    return flux.astype(dtype)


@parametrize_with_checks(
    [
        XPNormalizer(wavelength=None),
        XPNormalizer("continuum", wavelength=None),
        XPNormalizer(None, context=False, wavelength=None),
    ]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_have_unit_norm_whatever_the_brightness(dtype):
    flux = made_up(dtype=dtype)
    X = XPNormalizer().fit_transform(flux)
    assert X.shape == (N, 345)
    assert X.dtype == dtype
    expected = flux / np.linalg.norm(flux.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(X[:, :343], expected, rtol=1e-5 if dtype == np.float32 else 1e-13)
    brighter = XPNormalizer(context=False).fit_transform(1e4 * flux)
    np.testing.assert_allclose(brighter, X[:, :343], rtol=1e-5)


def test_context_is_the_standardised_logarithm_of_the_extremes():
    flux = made_up()
    flux += 0.2 * flux.max(axis=1, keepdims=True)  # far above where the logarithm bends
    normalizer = XPNormalizer().fit(flux)
    context = normalizer.transform(flux)[:, -2:]
    np.testing.assert_allclose(context.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(context.std(axis=0), 1)
    for column, extreme in zip(context.T, (flux.max(axis=1), flux.min(axis=1)), strict=True):
        logarithm = np.log10(extreme)
        expected = (logarithm - logarithm.mean()) / logarithm.std()
        np.testing.assert_allclose(column, expected, atol=0.01)
    # What was learned is not what is transformed.
    brighter = normalizer.transform(100 * flux)[:, -2:]
    np.testing.assert_allclose(brighter - context, [2 / normalizer.context_scale_] * N)


def test_the_smallest_flux_may_be_below_zero_and_keeps_its_order():
    flux = np.repeat(made_up(1, noise=0.0), 9, axis=0)
    peak = flux[0].max()
    flux[:, 0] = peak * np.array([-3, -1, -0.1, -0.01, -1e-4, 0, 1e-4, 1e-3, 2e-3])
    context = XPNormalizer().fit_transform(flux)[:, -1]
    assert np.isfinite(context).all()
    assert (np.diff(context) > 0).all()


def test_the_published_context_is_dead_where_this_one_is_not():
    flux = made_up()
    published = np.column_stack([flux.max(axis=1), flux.min(axis=1)])
    assert published.std(axis=0).max() < 1e-13
    np.testing.assert_allclose(XPNormalizer().fit_transform(flux)[:, -2:].std(axis=0), 1)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_the_continuum_becomes_one(noise):
    flux = made_up(noise=noise) + made_up().max(axis=1, keepdims=True)
    line = np.exp(-(((WAVELENGTH - 656.3) / 5) ** 2))
    X = XPNormalizer("continuum", context=False).fit_transform(flux * (1 - 0.5 * line))
    far = np.abs(WAVELENGTH - 656.3) > 150
    np.testing.assert_allclose(X[:, far], 1, atol=0.06 + 5 * noise)
    np.testing.assert_allclose(X[:, np.abs(WAVELENGTH - 656.3) < 1], 0.53, atol=0.06 + 5 * noise)


def test_noise_around_zero_is_not_divided_by_nothing():
    flux = made_up()
    flux[:, 200:] *= -1e-6
    X = XPNormalizer("continuum", context=False).fit_transform(flux)
    assert np.abs(X).max() <= 100


def test_without_a_norm_the_flux_stays():
    flux = made_up()
    np.testing.assert_array_equal(XPNormalizer(None).fit_transform(flux)[:, :343], flux)


def test_spectra_on_other_grids_are_resampled():
    grid = 336 + 2.0 * np.arange(344)
    longer = XPSpectra(np.arange(N), made_up(wavelength=grid), wavelength=grid)
    normalizer = XPNormalizer().fit(made_up())
    np.testing.assert_allclose(normalizer.transform(longer), normalizer.transform(made_up()))
    coarse = XPNormalizer(wavelength=np.arange(350, 1000, 10.0)).fit(longer)
    assert coarse.transform(longer).shape == (N, 67)
    assert coarse.n_features_in_ == 65
    assert coarse.get_feature_names_out()[0] == "flux_350"
    short = longer.resample(np.arange(400, 1000, 2.0))
    with pytest.raises(ValueError, match="from 400 to 998 nm"):
        normalizer.transform(short)


def test_without_a_grid_rows_may_have_any_number_of_samples():
    flux = made_up()
    assert XPNormalizer(wavelength=None).fit_transform(flux[:, :50]).shape == (N, 52)
    spectra = XPSpectra(np.arange(N), flux)
    np.testing.assert_array_equal(
        XPNormalizer(wavelength=None).fit_transform(spectra), XPNormalizer().fit_transform(flux)
    )


def test_zeros_stay_zeros_without_a_grid():
    flux = made_up()
    flux[3] = 0
    X = XPNormalizer(wavelength=None).fit_transform(flux)
    assert np.isfinite(X).all()
    assert not X[3, :343].any()
    assert X[3, 343] == X[:, 343].min()


@pytest.mark.parametrize("n_samples", [342, 344, 345])
def test_arrays_of_another_width_are_refused_with_advice(n_samples):
    normalizer = XPNormalizer().fit(made_up())
    flux = np.ones((2, n_samples))
    prepared = "seem to be prepared"
    for use in (normalizer.transform, XPNormalizer().fit):
        with pytest.raises(ValueError, match=rf"{n_samples} columns.*XPSpectra.*wavelength=") as e:
            use(flux)
        assert (prepared in str(e.value)) == (n_samples == 345)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.nan, "NaN or infinity"),
        (np.inf, "NaN or infinity"),
        (-np.inf, "NaN or infinity"),
        (0.0, "zero throughout"),
        (-1e-17, "no flux above zero"),
    ],
)
def test_spectra_that_are_none_are_named(bad, message):
    flux = made_up()
    flux[[4, 9, 11, 20]] = bad
    whole = XPNormalizer().fit(made_up())
    uses = [XPNormalizer().fit, whole.transform, lambda X: whole.scale_errors(X, np.ones(X.shape))]
    for use in uses:
        with pytest.raises(ValueError, match=rf"{message} in 4 spectra, rows 4, 9, 11, \.\.\."):
            use(flux)
    with pytest.raises(ValueError, match=r"rows 4, 9, 11, \.\.\., source_id 104, 109, 111, \.\.\."):
        whole.transform(XPSpectra(np.arange(N) + 100, flux))


def test_a_single_gap_is_found():
    flux = made_up()
    flux[7, 342] = np.nan
    with pytest.raises(ValueError, match="1 spectra, rows 7"):
        XPNormalizer().fit(flux)


@pytest.mark.parametrize("norm", ["l2", "continuum", None])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_errors_are_divided_like_the_flux(norm, dtype):
    flux = made_up(dtype=dtype, noise=0.01)
    errors = np.abs(0.1 * flux)
    normalizer = XPNormalizer(norm, context=False).fit(flux)
    scaled = normalizer.scale_errors(flux, errors)
    assert scaled.dtype == dtype
    assert scaled.shape == (N, 343)
    np.testing.assert_allclose(scaled, 0.1 * np.abs(normalizer.transform(flux)), rtol=1e-5)


def test_errors_of_spectra_are_resampled_like_the_flux():
    grid = 336 + 1.0 * np.arange(700)
    flux = made_up(wavelength=grid)
    spectra = XPSpectra(np.arange(N), flux, 0.1 * flux, grid)
    normalizer = XPNormalizer(context=False).fit(spectra)
    scaled = normalizer.scale_errors(spectra)
    np.testing.assert_allclose(scaled, 0.1 * normalizer.transform(spectra))
    np.testing.assert_array_equal(normalizer.scale_errors(spectra, spectra.flux_error), scaled)


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        (None, "flux_error is needed"),
        (np.ones((N, 342)), "in the shape of X"),
        (np.full((N, 343), "a"), "must hold numbers"),
        (np.full((N, 343), -1.0), "is NaN, infinite or negative: 30 spectra, rows 0, 1, 2"),
        (np.full((N, 343), np.nan), "is NaN, infinite or negative"),
    ],
)
def test_errors_that_are_none_are_refused(errors, message):
    with pytest.raises(ValueError, match=message):
        XPNormalizer().fit(made_up()).scale_errors(made_up(), errors)


def test_columns_have_names():
    normalizer = XPNormalizer().set_output(transform="pandas").fit(made_up())
    frame = normalizer.transform(made_up())
    assert isinstance(frame, pd.DataFrame)
    assert list(frame)[:2] == ["flux_336", "flux_338"]
    assert list(frame)[-3:] == ["flux_1020", "log_max_flux", "log_min_flux"]
    named = pd.DataFrame(made_up()[:, :3], columns=["u", "v", "w"])
    free = XPNormalizer(wavelength=None, context=False).fit(named)
    assert free.get_feature_names_out().tolist() == ["u", "v", "w"]


def test_chunks_and_order_change_nothing():
    flux = made_up(dtype=np.float32, noise=0.01)
    normalizer = XPNormalizer().fit(flux)
    whole = normalizer.transform(flux)
    pieces = [normalizer.transform(flux[i : i + 7]) for i in range(0, N, 7)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    order = np.random.default_rng(1).permutation(N)
    np.testing.assert_array_equal(normalizer.transform(flux[order]), whole[order])
    again = XPNormalizer().fit(flux[order])
    np.testing.assert_allclose(again.context_mean_, normalizer.context_mean_, rtol=1e-14)
    assert normalizer.transform(flux[:0]).shape == (0, 345)


def test_the_input_is_left_as_it_was():
    flux = made_up()
    before = flux.copy()
    XPNormalizer("continuum").fit_transform(flux)
    np.testing.assert_array_equal(flux, before)


def test_clones_pickles_and_plain_forms_do_the_same():
    flux = made_up()
    normalizer = XPNormalizer("continuum", wavelength=WAVELENGTH.tolist(), continuum_width=30)
    expected = normalizer.fit(flux).transform(flux)
    for other in (
        pickle.loads(pickle.dumps(normalizer)),
        clone(normalizer).fit(flux),
        XPNormalizer.from_dict(normalizer.to_dict()).fit(flux),
    ):
        np.testing.assert_array_equal(other.transform(flux), expected)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"norm": "l1"}, "'norm' parameter"),
        ({"context": "yes"}, "'context' parameter"),
        ({"wavelength": "gaia"}, "'wavelength' parameter"),
        ({"wavelength": [400.0, 300.0]}, "rise"),
        ({"continuum_width": 0}, "'continuum_width' parameter"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        XPNormalizer(**parameters).fit(made_up())


def test_real_spectra_of_clean_stars_have_a_continuum_of_one(data_folder):
    spectra = read_xp(data_folder / "spectra" / "xp_sampled343_hotsubdwarf.npz")
    X = XPNormalizer("continuum", context=False).fit_transform(spectra)
    blue = X[:, WAVELENGTH < 700]
    assert abs(np.median(blue) - 1) < 0.05
    assert np.mean(np.abs(blue - 1) < 0.3) > 0.98
