"""XPClassifier on JAX: spectra in, calibrated probabilities and outliers out."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline

from climbkit.neural._spectral_networks import SPECTRAL_NETWORKS
from climbkit.spectra import WAVELENGTH, XPClassifier, XPNormalizer, XPSpectra

N_SAMPLES = len(WAVELENGTH)
COARSE = WAVELENGTH[::20]


def simulated(n=120, seed=0, wavelength=WAVELENGTH, noise=0.01):
    """Power laws, simulated: red ones (0) and blue ones (1), as float32 in W m-2 nm-1."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    slope = np.where(y == 1, -3.0, 1.0)[:, None] + rng.normal(scale=0.5, size=(n, 1))
    brightness = 10 ** rng.uniform(-18, -15, size=(n, 1))
    flux = brightness * (wavelength / 600) ** slope
    flux *= 1 + noise * rng.normal(size=flux.shape)
    return flux.astype(np.float32), y


def quick(architecture="wide_ann", **parameters):
    return XPClassifier(
        architecture,
        **{"max_epochs": 10, "learning_rate": 0.02, "random_state": 0, **parameters},
    )


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(*simulated())


def linear_network(input_shape, n_outputs):
    import keras

    layers = keras.layers
    return keras.Sequential([layers.Input(input_shape), layers.Dense(n_outputs)])


def test_spectra_are_told_apart(fitted):
    X, y = simulated(seed=1)
    assert fitted.score(X, y) == 1.0
    proba = fitted.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    expected = 1 / (1 + np.exp(-fitted.decision_function(X) / fitted.temperature_))
    np.testing.assert_allclose(proba[:, 1], expected)
    assert fitted.input_shape_ == (N_SAMPLES + 2,)
    assert fitted.n_features_in_ == N_SAMPLES


def test_real_hot_subdwarfs_are_told_from_composites(data_folder):
    with np.load(data_folder / "spectra" / "xp_sampled343_hotsubdwarf.npz") as there:
        X, y = there["flux"], there["y"]
    test = np.random.default_rng(0).permutation(len(y)) < 800
    model = quick(learning_rate=0.01, max_epochs=12).fit(X[~test], y[~test])
    # Guessing has 0.5, and logistic regression on 40 components 0.88.
    assert balanced_accuracy_score(y[test], model.predict(X[test])) > 0.85
    with np.load(data_folder / "spectra" / "xp_sampled343_field2000.npz") as there:
        field = there["flux"]
    field = field[np.isfinite(field).all(axis=1) & (field > 0).any(axis=1)]
    assert np.median(model.outlier_score(X[test])) < 0.7
    assert np.median(model.outlier_score(field)) > 0.95


def test_order_of_rows_and_unit_of_flux_do_not_matter(fitted):
    X, y = simulated()
    order = np.random.default_rng(0).permutation(len(y))
    again = quick().fit(X[order], y[order])
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(again.outlier_score(X), fitted.outlier_score(X))
    other_unit = quick().fit(X * np.float32(2**40), y)  # exact in float32
    np.testing.assert_allclose(
        other_unit.predict_proba(X * np.float32(2**40)), fitted.predict_proba(X), atol=0.02
    )


def test_tables_and_spectra_of_other_grids_are_the_same_spectra(fitted):
    X, _ = simulated(20, seed=2)
    ids = np.arange(20)
    expected = fitted.predict_proba(X)
    np.testing.assert_array_equal(fitted.predict_proba(XPSpectra(ids, X)), expected)
    np.testing.assert_allclose(fitted.predict_proba(X.astype(np.float64)), expected, atol=1e-4)
    # The grid of the archive with one sample more, and a finer one.
    for wavelength in (np.append(WAVELENGTH, 1022.0), np.arange(330, 1050.5, 1.0)):
        noiseless, _ = simulated(20, seed=2, wavelength=wavelength, noise=0.0)
        there = fitted.predict_proba(XPSpectra(ids, noiseless, wavelength=wavelength))
        here = fitted.predict_proba(simulated(20, seed=2, noise=0.0)[0])
        np.testing.assert_allclose(there, here, atol=1e-3)


def test_spectra_are_fitted_as_their_flux(fitted):
    X, y = simulated()
    wavelength = np.append(WAVELENGTH, 1022.0)
    longer = np.column_stack([X, X[:, -1]])
    model = quick().fit(XPSpectra(np.arange(len(y)), longer, wavelength=wavelength), y)
    np.testing.assert_allclose(model.predict_proba(X), fitted.predict_proba(X), atol=1e-5)
    assert model.n_features_in_ == N_SAMPLES


def test_table_keeps_the_names_of_its_columns():
    X, y = simulated(40)
    table = pd.DataFrame(X, columns=[f"flux_{w:g}" for w in WAVELENGTH])
    model = quick(max_epochs=1).fit(table, y)
    assert list(model.feature_names_in_) == list(table.columns)
    np.testing.assert_array_equal(model.predict(table), model.predict(table.iloc[:, :]))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table.rename(columns={"flux_336": "flux_337"}))


@pytest.mark.parametrize(("name", "same"), [("wide_ann", True), ("stellarnet", False)])
def test_brightness_is_used_by_those_that_take_context(name, same):
    X, y = simulated(40, wavelength=COARSE)
    model = quick(name, normalizer=XPNormalizer(wavelength=COARSE), max_epochs=1).fit(X, y)
    brighter = model.decision_function(X * np.float32(16))
    assert np.allclose(model.decision_function(X), brighter, atol=1e-4) == same


def test_prepared_rows_in_a_pipeline_are_the_same(fitted):
    X, y = simulated()
    pipeline = Pipeline(
        [("normalize", XPNormalizer()), ("classify", quick(normalizer="passthrough"))]
    )
    pipeline.fit(X, y)
    # The normaliser sees the rows in another order, which is the last digit of the context.
    np.testing.assert_allclose(pipeline.predict_proba(X), fitted.predict_proba(X), atol=1e-4)
    assert pipeline[-1].normalizer_ is None
    with pytest.raises(ValueError, match="rows that are prepared already; got XPSpectra"):
        quick(normalizer="passthrough").fit(XPSpectra(np.arange(len(y)), X), y)


def test_grid_search_goes_over_architectures_and_rates():
    X, y = simulated(40, wavelength=COARSE)
    grid = {"architecture": ["wide_ann", "cnn2d"], "learning_rate": [1e-3, 1e-2]}
    model = quick(normalizer=XPNormalizer(wavelength=COARSE), max_epochs=1)
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert set(search.best_params_) == set(grid)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_spectra_are_cut_by_cross_validation():
    X, y = simulated(60)
    scores = cross_val_score(quick(), XPSpectra(np.arange(60), X), y, cv=2)
    assert scores.min() > 0.9


def test_clone_and_builder_keep_the_parameters():
    model = quick("starnet", normalizer=XPNormalizer(norm="continuum"), error_augmentation=0.5)
    assert repr(clone(model)) == repr(model)
    built = XPClassifier.builder().with_architecture("cnn").with_error_augmentation(1.0).build()
    assert built.get_params()["error_augmentation"] == 1.0
    again = XPClassifier.from_dict(json.loads(json.dumps(model.to_dict())))
    assert repr(again) == repr(model)


@pytest.mark.parametrize(
    "normalizer", [None, "passthrough", make_pipeline(XPNormalizer(context=False), PCA(3))]
)
def test_saved_and_pickled_classifiers_predict_the_same(normalizer, tmp_path):
    X, y = simulated()
    n_context = 2 if normalizer is None else 0
    model = quick(normalizer=normalizer, n_context=n_context, max_epochs=2).fit(X, y)
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert not any("pkl" in name or "pickle" in name for name in archive.namelist())
    new, _ = simulated(40, seed=3)
    for again in (
        XPClassifier.load(tmp_path / "model.keras"),
        pickle.loads(pickle.dumps(model)),
    ):
        # A matrix that came back in another memory order is multiplied in another order.
        np.testing.assert_allclose(again.predict_proba(new), model.predict_proba(new), rtol=1e-6)
        np.testing.assert_array_equal(again.outlier_score(new), model.outlier_score(new))
        np.testing.assert_array_equal(again.class_prior_, model.class_prior_)
        assert repr(again) == repr(model)


def test_training_starts_from_weights_and_their_normalizer(fitted, tmp_path):
    X, y = simulated()
    fitted.save(tmp_path / "model.keras")
    kept = quick(weights=tmp_path / "model.keras").fit(X)
    np.testing.assert_array_equal(kept.predict_proba(X), fitted.predict_proba(X))
    others = X[:60] * np.float32(100)
    tuned = quick(
        weights=tmp_path / "model.keras", learning_rate=1e-12, max_epochs=1, calibration=None
    ).fit(others, y[:60])
    np.testing.assert_allclose(
        tuned.decision_function(X), fitted.decision_function(X), rtol=1e-3, atol=1e-4
    )


def test_network_trained_elsewhere_is_given_a_normalizer(fitted):
    X, _ = simulated(20)
    raw = XPClassifier.from_network(
        fitted.network_, [0, 1], normalizer="passthrough", architecture="wide_ann"
    )
    rows = fitted._prepared(X)
    np.testing.assert_array_equal(raw.decision_function(rows), fitted.decision_function(X))
    with_own = XPClassifier.from_network(
        fitted.network_, [0, 1], normalizer=fitted.normalizer_, architecture="wide_ann"
    )
    assert with_own.predict_proba(X).shape == (20, 2)
    with pytest.raises(ValueError, match="distances were not fitted"):
        with_own.outlier_score(X)
    with pytest.raises(ValueError, match="normalizer must be fitted or 'passthrough'"):
        XPClassifier.from_network(fitted.network_, [0, 1])


def test_hidden_features_are_what_the_logits_are_sums_of(fitted):
    X, _ = simulated(20, seed=4)
    kernel, bias = (np.asarray(w.value) for w in fitted.network_.layers[-1].weights)
    hidden = fitted.hidden_features(X)
    assert hidden.shape == (20, 3)
    np.testing.assert_allclose(
        hidden @ kernel[:, 0] + bias[0], fitted.decision_function(X), rtol=1e-4, atol=1e-4
    )


def test_outlier_scores_are_tail_fractions(fitted):
    same_kind = fitted.outlier_score(simulated(2000, seed=5)[0])
    # Twelve spectra were held out, so a tail fraction is known to a tenth.
    assert np.mean(same_kind > 0.5) == pytest.approx(0.5, abs=0.35)
    assert same_kind.min() >= 0.0
    assert same_kind.max() <= 12 / 13
    comb = 1e-16 * (1 + np.cos(WAVELENGTH / 3))
    assert fitted.outlier_distance([comb])[0] > 2 * np.median(
        fitted.outlier_distance(simulated()[0])
    )
    assert fitted.outlier_score([comb])[0] == 12 / 13


def test_both_answers_at_once_are_the_same(fitted):
    X, _ = simulated(50, seed=6)
    proba, score = fitted.predict_proba_and_outlier_score(X)
    np.testing.assert_allclose(proba, fitted.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(score, fitted.outlier_score(X))


def test_errors_are_drawn_anew_in_the_units_of_the_network():
    X, y = simulated(60)
    seen = []

    def watch(X, y, rng):
        seen.append(X.copy())
        return X

    settings = {"max_epochs": 3, "validation_fraction": None, "calibration": None}
    plain = quick(**settings).fit(X, y, augment=watch)
    clean = np.concatenate(seen)
    seen.clear()
    errors = 0.3 * np.abs(X)
    errors[:, 100:] = 0.0
    noisy_fit = quick(error_augmentation=0.5, **settings).fit(
        X, y, flux_error=errors, augment=watch
    )
    noisy = np.concatenate(seen)
    assert plain.input_shape_ == noisy_fit.input_shape_
    difference = noisy - clean
    assert not difference[:, 100:].any()  # neither without errors nor in the context
    normalizer = plain.normalizer_
    expected = 0.5 * normalizer.scale_errors(X, errors)[:, :100] / plain.flux_scale_[:100]
    assert difference[:, :100].std() == pytest.approx(np.sqrt(np.mean(expected**2)), rel=0.1)
    seen.clear()
    spectra = XPSpectra(np.arange(60), X, errors)
    quick(error_augmentation=0.5, **settings).fit(spectra, y, augment=watch)
    np.testing.assert_allclose(np.concatenate(seen), noisy, atol=1e-4)


def test_errors_of_prepared_rows_are_checked():
    X, y = simulated(40)
    rows = XPNormalizer().fit_transform(X)
    model = quick(normalizer="passthrough", error_augmentation=1.0, max_epochs=1)
    errors = np.full((40, N_SAMPLES), 0.01)
    assert model.fit(rows, y, flux_error=errors).score(rows, y) >= 0
    for wrong in (None, errors[:, :-1], errors[:-1]):
        with pytest.raises(ValueError, match=r"needs flux_error of shape \(40, 343\)"):
            model.fit(rows, y, flux_error=wrong)
    for bad in (np.nan, -1.0):
        errors[3, 5] = bad
        with pytest.raises(ValueError, match="flux_error must hold finite numbers"):
            model.fit(rows, y, flux_error=errors)
    with pytest.raises(ValueError, match="flux_error"):
        quick(error_augmentation=1.0).fit(X, y)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: np.where(np.arange(len(X))[:, None] == 7, np.nan, X), "NaN.*rows 7"),
        (lambda X: np.where(np.arange(len(X))[:, None] == 7, 0.0, X), "zero.*rows 7"),
        (lambda X: np.where(np.arange(len(X))[:, None] == 7, -X, X), "above zero.*rows 7"),
        (lambda X: X[:, :-1], "342"),
        (lambda X: np.column_stack([X, X[:, -1]]), "344"),
        (lambda X: X[0], "1D|2D|shape"),
    ],
    ids=["nan", "zeros", "negative", "short", "long", "one"],
)
def test_bad_spectra_are_named(fitted, spoil, message):
    X, y = simulated(40)
    bad = spoil(X)
    with pytest.raises(ValueError, match=message):
        quick().fit(bad, y)
    with pytest.raises(ValueError, match=message):
        fitted.predict_proba(bad)


def test_bad_spectra_far_down_are_named_by_their_own_row(fitted):
    X = np.tile(simulated(100)[0], (90, 1))
    X[8_500] = np.nan
    with pytest.raises(ValueError, match=r"NaN.*rows 8500"):
        fitted.predict(X)
    with pytest.raises(ValueError, match="source_id 18500"):
        fitted.outlier_score(XPSpectra(np.arange(10_000, 19_000), X))


def test_other_grids_are_refused(fitted):
    X, y = simulated(40)
    short = XPSpectra(np.arange(40), X[:, 10:], wavelength=WAVELENGTH[10:])
    for call in (lambda: fitted.predict(short), lambda: quick().fit(short, y)):
        with pytest.raises(ValueError, match="nothing to interpolate"):
            call()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"architecture": "resnet"}, "architecture must be one of"),
        ({"architecture": "cmd"}, "takes images"),
        ({"n_context": 1}, "n_context must be 0 or 2"),
        ({"normalizer": XPNormalizer(context=False)}, "does not fit normalizer"),
        ({"normalizer": "none"}, "'normalizer' parameter"),
        ({"normalizer": "passthrough", "n_context": 400}, "n_context=400"),
        ({"error_augmentation": -1.0}, "'error_augmentation' parameter"),
        ({"optimizer": "adamm"}, "optimizer must be one of"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        quick(**{"max_epochs": 1, **parameters}).fit(*simulated(20))


def test_unfitted_classifiers_say_so():
    with pytest.raises(NotFittedError):
        XPClassifier().outlier_score(simulated(4)[0])
    with pytest.raises(NotFittedError):
        XPClassifier().predict(simulated(4)[0])


def test_no_spectra_have_no_classes(fitted):
    none = np.empty((0, N_SAMPLES), dtype=np.float32)
    assert fitted.predict(none).shape == (0,)
    assert fitted.predict_proba(none).shape == (0, 2)
    assert fitted.outlier_score(none).shape == (0,)
    assert fitted.hidden_features(none).shape == (0, 3)


def test_networks_of_ones_own_have_hidden_features():
    X, y = simulated()
    model = quick(architecture=linear_network).fit(X, y)
    np.testing.assert_allclose(model.hidden_features(X), model._prepared(X))
    assert model.score(X, y) > 0.95


def test_predictions_neither_copy_nor_convert_all_rows(fitted):
    import tracemalloc

    X = np.tile(simulated(1000)[0], (40, 1))
    fitted.predict_proba(X[:9000])  # compiled
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    fitted.predict_proba(X)
    fitted.outlier_score(X)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most - before < X.nbytes / 2


BACKEND = """
import sys
import numpy as np
from climbkit.spectra import WAVELENGTH, XPClassifier

rng = np.random.default_rng(0)
y = np.arange(60) % 2
X = 1e-16 * (WAVELENGTH / 600) ** np.where(y == 1, -3.0, 1.0)[:, None]
X = (X * (1 + 0.01 * rng.normal(size=X.shape))).astype(np.float32)
for name in sys.argv[2].split(","):
    model = XPClassifier(name, max_epochs=3, error_augmentation=0.1, random_state=0)
    model.fit(X, y, flux_error=0.01 * X)
    model.save(f"{sys.argv[1]}/{name}.keras")
    answers = model.decision_function(X), model.outlier_distance(X)
    np.savez(f"{sys.argv[1]}/{name}.npz", X=X, logits=answers[0], distance=answers[1])
import keras
print(keras.config.backend())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_other_backends_train_all_networks_and_their_files_predict_the_same_here(backend, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    names = list(SPECTRAL_NETWORKS)
    run = subprocess.run(
        [sys.executable, "-c", BACKEND, str(tmp_path), ",".join(names)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split()[-1] == backend
    for name in names:
        model = XPClassifier.load(tmp_path / f"{name}.keras")
        with np.load(tmp_path / f"{name}.npz") as there:
            X = there["X"]
            for here, expected in (
                (model.decision_function(X), there["logits"]),
                (model.outlier_distance(X), there["distance"]),
            ):
                scale = np.abs(expected).max()
                np.testing.assert_allclose(here / scale, expected / scale, atol=1e-3)
