"""CNNClassifier on JAX: training, probabilities, and what scikit-learn expects of it."""

import random

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from climbkit.neural import ARCHITECTURES, CNNClassifier


def striped(n=60, side=12, n_classes=2, seed=0, noise=0.3):
    """Images that are bright in the band of their class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.uniform(0, noise, size=(n, side, side)).astype(np.float32)
    band = side // n_classes
    for number, label in enumerate(y):
        X[number, label * band : (label + 1) * band] += 0.5
    return X, y


def mislabelled(n, seed=0):
    """Images of which three in ten have the other's class, so that networks soon overfit."""
    X, y = striped(n, seed=seed)
    return X, np.where(np.random.default_rng(seed).uniform(size=n) < 0.3, 1 - y, y)


def quick(**parameters):
    return CNNClassifier(
        **{"max_epochs": 6, "learning_rate": 0.01, "random_state": 0, **parameters}
    )


@pytest.fixture(scope="module")
def fitted():
    X, y = striped()
    return quick().fit(X, y)


def tiny_network(input_shape, n_outputs):
    import keras

    layers = keras.layers
    return keras.Sequential(
        [layers.Input(input_shape), layers.Flatten(), layers.Dropout(0.1), layers.Dense(n_outputs)]
    )


def two_outputs_always(input_shape, n_outputs):
    return tiny_network(input_shape, 2)


def no_network(input_shape, n_outputs):
    return None


def test_published_network_has_its_number_of_parameters():
    network = ARCHITECTURES["cmd"]((128, 128, 1), 1)
    assert network.count_params() == 192_289
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("Conv2D") == kinds.count("MaxPooling2D") == 4
    assert kinds.count("Dense") == 3


@pytest.mark.parametrize("shape", [(3, 3, 1), (4, 4, 1), (2, 1, 1), (9, 30, 3)])
def test_published_network_shrinks_to_small_images(shape):
    assert ARCHITECTURES["cmd"](shape, 5).output_shape == (None, 5)


def test_two_classes_are_learned(fitted):
    X, y = striped(seed=1)
    assert fitted.score(X, y) == 1.0
    proba = fitted.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    logits = fitted.decision_function(X)
    expected = 1 / (1 + np.exp(-logits / fitted.temperature_))
    np.testing.assert_allclose(proba[:, 1], expected)


def test_three_named_classes_are_learned():
    X, y = striped(90, n_classes=3)
    names = np.array(["disc", "halo", "bulge"])[y]
    model = quick(max_epochs=10).fit(X, names)
    assert list(model.classes_) == ["bulge", "disc", "halo"]
    assert model.decision_function(X).shape == (90, 3)
    assert model.score(X, names) > 0.95


def test_same_seed_gives_the_same_network_and_global_state_stays(fitted):
    X, y = striped()
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    again = quick().fit(X, y)
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    other = quick(random_state=1).fit(X, y)
    assert not np.array_equal(other.predict_proba(X), fitted.predict_proba(X))


def test_order_of_rows_does_not_matter(fitted):
    X, y = striped()
    shuffled = np.random.default_rng(0).permutation(len(y))
    again = quick().fit(X[shuffled], y[shuffled])
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_flat_rows_with_image_shape_are_the_same_images(fitted):
    X, y = striped()
    flat = quick(image_shape=(12, 12)).fit(X.reshape(len(X), -1), y)
    np.testing.assert_array_equal(flat.predict_proba(X), fitted.predict_proba(X[..., None]))
    np.testing.assert_array_equal(fitted.predict(X.reshape(len(X), -1)), fitted.predict(X))


def test_flat_square_rows_without_image_shape_are_warned_of():
    X, y = striped(20)
    with pytest.warns(UserWarning, match=r"image_shape=\(12, 12\)"):
        model = quick(max_epochs=1).fit(X.reshape(len(X), -1), y)
    assert model.input_shape_ == (144, 1, 1)


def test_8_bit_images_are_fractions_of_white(fitted):
    X, y = striped()
    eight_bits = np.round(X * 255).astype(np.uint8)
    np.testing.assert_array_equal(
        fitted.predict_proba(eight_bits), fitted.predict_proba(eight_bits / np.float32(255))
    )
    assert quick().fit(eight_bits, y).score(X, y) == 1.0


def test_batches_change_no_prediction(fitted):
    X, _ = striped(33, seed=3)
    many = np.tile(X, (140, 1, 1))  # more than one batch, and a rest
    whole = fitted.decision_function(many)
    assert whole.shape == (140 * 33,)
    np.testing.assert_allclose(whole[-33:], fitted.decision_function(X), rtol=1e-4, atol=1e-5)


def test_no_images_have_no_classes(fitted):
    none = np.empty((0, 12, 12, 1), dtype=np.float32)
    assert fitted.predict(none).shape == (0,)
    assert fitted.predict_proba(none).shape == (0, 2)


def test_weights_are_those_of_the_best_epoch():
    X, y = mislabelled(40)
    held = mislabelled(40, seed=5)
    model = quick(max_epochs=40, patience=2, calibration=None)
    model.fit(X, y, validation_data=held)
    losses = model.history_["validation_loss"]
    assert model.best_epoch_ == int(np.argmin(losses))
    assert len(losses) == model.best_epoch_ + 1 + 2 < 40
    truth = model.predict_proba(held[0])[np.arange(40), held[1]]
    assert -np.log(truth).mean() == pytest.approx(min(losses), rel=1e-5)


def test_calibration_lowers_the_loss_of_an_overconfident_network():
    X, y = mislabelled(40)
    held = mislabelled(200, seed=5)
    model = quick(max_epochs=40, validation_fraction=None, calibration=None).fit(X, y)

    def loss():
        return -np.log(model.predict_proba(held[0])[np.arange(200), held[1]]).mean()

    before = loss()
    model.calibrate(*held)
    assert model.temperature_ > 1.0
    assert loss() < before


def test_class_weight_moves_the_decision():
    X, y = striped(60, noise=3.0)
    settings = {"validation_fraction": None, "calibration": None, "max_epochs": 3}
    to_first = quick(class_weight={0: 100.0, 1: 0.01}, **settings).fit(X, y)
    to_second = quick(class_weight={0: 0.01, 1: 100.0}, **settings).fit(X, y)
    assert to_first.predict(X).mean() < 0.1
    assert to_second.predict(X).mean() > 0.9


def test_augmented_batches_are_what_is_trained_on():
    X, y = striped()

    def upside_down(X, y, rng):
        return X[:, ::-1]

    model = quick().fit(X, y, augment=upside_down, validation_data=(X[:, ::-1], y))
    assert model.score(X[:, ::-1], y) == 1.0
    assert model.score(X, y) == 0.0
    with pytest.raises(ValueError, match="augment must return an array of shape"):
        quick().fit(X, y, augment=lambda X, y, rng: X[:, :-1])


def test_function_as_architecture_and_as_optimizer():
    X, y = striped()

    def optimizer(learning_rate, n_steps):
        import keras

        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, n_steps)
        return keras.optimizers.AdamW(schedule)

    model = quick(architecture=tiny_network, optimizer=optimizer).fit(X, y)
    assert model.network_.count_params() == 145
    assert model.score(X, y) == 1.0


def test_progress_bar_shows_only_when_asked_for(capfd):
    X, y = striped(20)
    quick(architecture=tiny_network, max_epochs=1).fit(X, y)
    assert capfd.readouterr().err == ""
    quick(architecture=tiny_network, max_epochs=1, verbose=1).fit(X, y)
    assert "validation_loss" in capfd.readouterr().err


def test_grid_search_and_pipeline_reach_the_parameters():
    X, y = striped(40)
    pipeline = make_pipeline(FunctionTransformer(np.sqrt), clone(quick(max_epochs=2)))
    search = GridSearchCV(pipeline, {"cnnclassifier__architecture": ["cmd", tiny_network]}, cv=2)
    assert search.fit(X, y).predict(X).shape == (40,)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"architecture": "resnet"},
            r"one of \['cmd', 'cmd_residual',.*, or a function.*'resnet'",
        ),
        ({"architecture": two_outputs_always}, r"outputs of shape \(None, 1\)"),
        ({"image_shape": (10, 10)}, "does not fit X"),
        ({"image_shape": (12,)}, "image_shape must be"),
        ({"learning_rate": 0.0}, "'learning_rate' parameter"),
        ({"validation_fraction": None}, "calibration needs held-out samples"),
        ({"weights": "unheard_of"}, "weights must be one of"),
        ({"learning_rate": 1e30}, "lower learning_rate"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    X, y = striped(20)
    with pytest.raises(ValueError, match=message):
        quick(**parameters).fit(X, y)


def test_architecture_must_give_a_network():
    with pytest.raises(TypeError, match=r"must return a keras\.Model"):
        quick(architecture=no_network).fit(*striped(20))


def test_wrong_data_are_named(fitted):
    X, y = striped(20)
    with pytest.raises(ValueError, match=r"samples of shape \(12, 12, 1\)"):
        fitted.predict(X[:, :6])
    with pytest.raises(ValueError, match="two classes or more"):
        quick().fit(X, np.zeros(20))
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(np.full_like(X, np.nan))
    with pytest.raises(ValueError, match=r"too large for dtype\('float32'\)"):
        fitted.predict(X.astype(np.float64) * 1e300)
    with pytest.raises(ValueError, match="classes that y has not"):
        quick().fit(X, y, validation_data=(X, y + 5))
    with pytest.raises(ValueError, match="requires y to be passed"):
        quick().fit(X)
