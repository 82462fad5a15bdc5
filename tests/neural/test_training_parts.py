"""What training is made of: rates, precision, weights of classes, noise, and how they are kept."""

import json

import numpy as np
import pytest
from scipy.special import expit
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from climbkit.neural import CNNClassifier
from climbkit.neural._backend import import_keras
from climbkit.neural._calibration import fit_temperature
from climbkit.neural._optimizers import make_optimizer
from climbkit.neural._parts import split_samples, weights_for
from climbkit.neural._precision import has_gpu, trained_in
from climbkit.neural._state import plain, unplain


def halves(n=60, side=8, seed=0):
    """Images that are bright at the top or at the bottom."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.uniform(0, 0.3, size=(n, side, side)).astype(np.float32)
    X[y == 1, : side // 2] += 0.5
    return X, y


def dense_network(input_shape, n_outputs):
    layers = import_keras().layers
    return import_keras().Sequential(
        [
            layers.Input(input_shape),
            layers.Flatten(),
            layers.Dense(4, activation="relu"),
            layers.Dense(n_outputs, dtype="float32"),
        ]
    )


def linear_network(input_shape, n_outputs):
    layers = import_keras().layers
    return import_keras().Sequential(
        [layers.Input(input_shape), layers.Flatten(), layers.Dense(n_outputs)]
    )


def quick(**parameters):
    return CNNClassifier(
        **{
            "architecture": dense_network,
            "max_epochs": 8,
            "learning_rate": 0.02,
            "random_state": 0,
            **parameters,
        }
    )


def test_one_cycle_rises_to_its_peak_and_falls_to_nothing():
    optimizer = make_optimizer("one_cycle", 1e-3, 100)
    rates = []
    for step in range(101):
        optimizer.iterations.assign(step)
        rates.append(float(import_keras().ops.convert_to_numpy(optimizer.learning_rate)))
    assert rates[0] == pytest.approx(1e-4)
    assert np.argmax(rates) == 30
    assert rates[30] == pytest.approx(1e-3)
    assert rates[100] == pytest.approx(0.0, abs=1e-9)
    assert np.all(np.diff(rates[:31]) > 0)
    assert np.all(np.diff(rates[30:]) < 0)
    assert optimizer.weight_decay == 0.01


def test_one_cycle_survives_a_single_step():
    optimizer = make_optimizer("one_cycle", 1e-3, 1)
    assert 0 < float(import_keras().ops.convert_to_numpy(optimizer.learning_rate)) <= 1e-3


def test_one_cycle_trains():
    X, y = halves()
    assert quick(optimizer="one_cycle", learning_rate=0.1).fit(X, y).score(X, y) == 1.0


def test_unknown_optimizer_is_named():
    with pytest.raises(ValueError, match=r"optimizer must be one of \['one_cycle'\].*'adamm'"):
        quick(optimizer="adamm").fit(*halves(20))


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_networks_trained_in_half_precision_are_in_single_precision(precision):
    X, y = halves()
    model = quick(precision=precision).fit(X, y)
    assert model.score(X, y) == 1.0
    assert {layer.compute_dtype for layer in model.network_.layers} == {"float32"}
    assert import_keras().config.dtype_policy().name == "float32"


def test_half_precision_is_automatic_only_on_a_gpu():
    with trained_in("auto") as policy:
        assert policy == ("mixed_float16" if has_gpu() else "float32")
        assert import_keras().config.dtype_policy().name == policy


def test_unknown_precision_is_named():
    with pytest.raises(ValueError, match="'precision' parameter"):
        quick(precision="float8").fit(*halves(20))


def test_temperature_is_fitted_under_the_weights_of_the_classes():
    # A network that takes the classes to be equally frequent, and is twice too sure, judges
    # samples of which one in ten is of the second class. Exponential numbers of mean 1 and 3.
    rng = np.random.default_rng(0)
    n = 100_000
    y = (rng.uniform(size=n) < 0.1).astype(int)
    numbers = rng.exponential(np.where(y == 1, 3.0, 1.0))
    log_odds = numbers * 2 / 3 - np.log(3)
    logits = 2.0 * log_odds[:, None]
    weights = weights_for(np.array([0.5, 0.5]), y)
    assert fit_temperature(logits, y, weights) == pytest.approx(2.0, rel=0.05)
    assert abs(fit_temperature(logits, y) - 2.0) > 0.3  # right for no frequency


def test_weights_give_the_classes_the_wanted_frequencies():
    y = np.repeat([0, 1, 2], [90, 9, 1])
    weights = weights_for(np.array([0.2, 0.3, 0.5]), y)
    np.testing.assert_allclose(np.bincount(y) * weights / len(y), [0.2, 0.3, 0.5])
    np.testing.assert_allclose(weights_for(np.array([0.5, 0.5]), np.zeros(4, int)), [1.0, 0.0])


@pytest.mark.parametrize(
    ("class_weight", "expected"),
    [(None, [0.75, 0.25]), ("balanced", [0.5, 0.5]), ({0: 1.0, 1: 6.0}, [1 / 3, 2 / 3])],
)
def test_prior_is_how_frequent_the_loss_takes_the_classes_to_be(class_weight, expected):
    X, y = halves(80)
    X, y = np.concatenate([X, X[y == 0]]), np.concatenate([y, y[y == 0]])
    X, y = X[:160], y[:160]
    keep = np.r_[np.flatnonzero(y == 0)[:60], np.flatnonzero(y == 1)[:20]]
    model = quick(class_weight=class_weight, max_epochs=1).fit(X[keep], y[keep])
    np.testing.assert_allclose(model.class_prior_, expected, rtol=0.02)


def numbers(n, fraction, seed):
    """Normal numbers around -1 or 1: their log-odds are twice the number, and the prior's."""
    rng = np.random.default_rng(seed)
    y = (rng.uniform(size=n) < fraction).astype(int)
    return rng.normal(loc=np.where(y == 1, 1.0, -1.0))[:, None].astype(np.float32), y


GRID = np.linspace(-1.5, 1.5, 7)


def test_probabilities_hold_for_the_prior_of_the_loss():
    balanced = quick(architecture=linear_network, class_weight="balanced", batch_size=256)
    proba = balanced.fit(*numbers(8000, 0.1, seed=0)).predict_proba(GRID[:, None])[:, 1]
    np.testing.assert_allclose(proba, expit(2 * GRID), atol=0.04)


def test_calibration_on_other_frequencies_keeps_the_prior():
    model = quick(architecture=linear_network, batch_size=256).fit(*numbers(4000, 0.5, seed=1))
    model.calibrate(*numbers(20_000, 0.05, seed=2))
    proba = model.predict_proba(GRID[:, None])[:, 1]
    np.testing.assert_allclose(proba, expit(2 * GRID), atol=0.04)


def test_noise_of_known_errors_is_new_each_time():
    from climbkit.neural._training import Schedule, _training_batches

    keras = import_keras()
    X = np.zeros((6, 3), dtype=np.float32)
    y = np.array([0, 1, 0, 1, 0, 1])
    errors = np.tile(np.arange(6, dtype=np.float32)[:, None], (1, 2))
    samples = split_samples(
        X,
        y,
        np.array([0, 1]),
        None,
        held_out=None,
        fraction=None,
        rng=np.random.default_rng(0),
        errors=errors,
    ).training
    schedule = Schedule("adam", 1e-3, 6, 1, 1, 0, 0)
    network = dense_network((3,), 1)
    batches = _training_batches(keras, samples, schedule, None, network)
    draws = []
    for _ in range(400):
        batch = np.empty_like(X)
        batch[batches.order] = batches[0][0]
        draws.append(batch)
        batches.on_epoch_end()
    draws = np.array(draws)
    assert not draws[..., 2].any()  # there are no errors of the last number
    np.testing.assert_allclose(draws[..., :2].mean(axis=0), 0.0, atol=1.0)
    scatter = np.empty(6)
    scatter[:] = draws[..., :2].std(axis=(0, 2))
    np.testing.assert_allclose(scatter, samples.errors[:, 0], rtol=0.15)
    assert not samples.X.any()


def test_fitted_estimators_are_kept_without_pickle():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 12))
    fitted = make_pipeline(StandardScaler(), PCA(3)).fit(X)
    state = json.loads(json.dumps(plain({"normalizer": fitted, "loss": [0.1, np.float64(0.2)]})))
    again = unplain(state)
    np.testing.assert_array_equal(again["normalizer"].transform(X), fitted.transform(X))
    assert again["loss"] == [0.1, 0.2]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(3),
        np.float32([np.pi, -0.0]),
        np.arange(400.0).reshape(20, 20),
        np.array(["a", "b"]),
    ],
)
def test_arrays_are_kept_bit_by_bit(array):
    again = unplain(json.loads(json.dumps(plain(array))))
    assert again.dtype == array.dtype
    assert again.shape == array.shape
    assert again.tobytes() == array.tobytes()
    again[0] = again[1]  # writable


def test_state_sets_nothing_but_what_was_learned():
    state = plain(StandardScaler().fit(np.eye(3)))
    state["learned"][""]["transform"] = 1
    with pytest.raises(ValueError, match="'transform' of '' is nothing that was learned"):
        unplain(state)
    state = plain(StandardScaler())
    state["estimator"] = "os:system"
    with pytest.raises(ValueError, match="outside the trusted packages"):
        unplain(state)
