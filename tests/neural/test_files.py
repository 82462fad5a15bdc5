"""Saved, pickled and pretrained networks."""

import json
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.base import clone

from climbkit.neural import ARCHITECTURES, CNNClassifier


def bright_and_dark(n=24, side=6):
    y = np.arange(n) % 2
    X = np.random.default_rng(0).uniform(0, 0.3, size=(n, side, side)).astype(np.float32)
    return X + 0.5 * y[:, None, None].astype(np.float32), y


def quick(**parameters):
    return CNNClassifier(
        **{"max_epochs": 3, "learning_rate": 0.01, "random_state": 0, **parameters}
    )


@pytest.fixture(scope="module")
def fitted():
    X, y = bright_and_dark()
    return quick().fit(X, np.array(["field", "cluster"])[y])


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    fitted.save(path)
    return path


def test_saved_network_predicts_the_same(fitted, saved):
    X, _ = bright_and_dark()
    loaded = CNNClassifier.load(saved)
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    assert loaded.get_params() == fitted.get_params()
    assert loaded.history_ == fitted.history_
    assert list(saved.parent.iterdir()) == [saved]  # nothing unfinished stays


def test_saved_file_is_plain_keras_without_pickle_or_optimizer(fitted, saved):
    import keras

    with zipfile.ZipFile(saved) as archive:
        names = set(archive.namelist())
        assert names >= {"config.json", "model.weights.h5", "climbkit.json"}
        assert not any("pkl" in name or "pickle" in name for name in names)
        assert not json.loads(archive.read("config.json")).get("compile_config")
    network = keras.saving.load_model(saved)
    assert network.count_params() == fitted.network_.count_params()


def test_pickled_network_predicts_the_same(fitted):
    X, _ = bright_and_dark()
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_file_cut_short_is_an_error(saved, tmp_path, kept):
    content = saved.read_bytes()
    cut = tmp_path / "cut.keras"
    cut.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(ValueError, match=r"no complete \.keras file"):
        CNNClassifier.load(cut)


def test_damaged_file_is_an_error(saved, tmp_path):
    content = bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 0xFF  # among the weights, the largest part by far
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged: its part 'model\.weights\.h5'"):
        CNNClassifier.load(damaged)


def test_file_of_keras_alone_is_refused(fitted, tmp_path):
    foreign = tmp_path / "foreign.keras"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match="was not saved by climbkit"):
        CNNClassifier.load(foreign)


def test_file_that_names_other_code_is_refused(saved, tmp_path):
    hostile = tmp_path / "hostile.keras"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(hostile, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "climbkit.json":
                state = json.loads(content)
                state["parameters"]["architecture"] = {"function": "os:system"}
                content = json.dumps(state)
            new.writestr(name, content)
    with pytest.raises(ValueError, match="outside the trusted packages"):
        CNNClassifier.load(hostile)


def test_paths_are_checked(fitted, tmp_path):
    with pytest.raises(ValueError, match=r"must end in '\.keras'"):
        fitted.save(tmp_path / "model.h5")
    with pytest.raises(FileNotFoundError):
        CNNClassifier.load(tmp_path / "none.keras")


def test_weights_of_a_file_stand_where_there_is_no_y(fitted, saved):
    X, _ = bright_and_dark()
    model = clone(quick(weights=str(saved))).fit(X)
    np.testing.assert_array_equal(model.predict_proba(X), fitted.predict_proba(X))
    with pytest.raises(ValueError, match=r"samples of shape \(6, 6, 1\)"):
        quick(weights=str(saved)).fit(X[:, :5])


def test_training_starts_from_weights(fitted, saved):
    X, y = bright_and_dark()
    tuned = quick(weights=saved, learning_rate=1e-9, max_epochs=1, calibration=None).fit(X, y)
    # Classes are numbered anew; the order of the names is that of the logit.
    np.testing.assert_allclose(
        tuned.decision_function(X), fitted.decision_function(X), rtol=1e-3, atol=1e-4
    )
    with pytest.raises(ValueError, match="need one from"):
        quick(weights=saved).fit(X[:, :5], y)


def test_network_trained_elsewhere_becomes_a_classifier(tmp_path):
    X, y = bright_and_dark()
    network = ARCHITECTURES["cmd"]((6, 6, 1), 1)
    model = CNNClassifier.from_network(network, [0, 1], random_state=0)
    assert set(model.predict(X)) <= {0, 1}
    model.calibrate(X, y).save(tmp_path / "own.keras")
    again = CNNClassifier.load(tmp_path / "own.keras")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    with pytest.raises(ValueError, match="3 classes need 3 logits"):
        CNNClassifier.from_network(network, [0, 1, 2])
    with pytest.raises(ValueError, match="ascending"):
        CNNClassifier.from_network(network, [1, 0])


def test_unknown_pretrained_name_lists_what_there_is():
    with pytest.raises(ValueError, match=r"name must be one of \[.*\]; got 'galaxy_zoo'"):
        CNNClassifier.pretrained("galaxy_zoo")


def test_import_loads_no_keras():
    code = "import sys; from climbkit.neural import CNNClassifier; CNNClassifier(); "
    code += "print({'keras', 'jax', 'torch'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
