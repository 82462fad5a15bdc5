"""The ten networks for spectra: their published sizes, and what of a sample they look at."""

import subprocess
import sys

import numpy as np
import pytest

from climbkit.neural import ARCHITECTURES, CNNClassifier
from climbkit.neural._architectures import build_network
from climbkit.neural._backend import import_keras
from climbkit.neural._model_file import network_bytes, network_from_bytes
from climbkit.neural._precision import trained_in
from climbkit.neural._prediction import batch_size_for
from climbkit.neural._seeding import seeded_globals

N_WAVELENGTHS = 343
# As published, but for one of the two biases of cnn_lstm (128,673 with both).
PARAMETERS = {
    "cnn": 175_841,
    "cnn2d": 70_593,
    "cnn_attention": 710_522,
    "cnn_gru": 93_473,
    "cnn_lstm": 128_161,
    "deep_ann": 354_320,
    "wide_ann": 1_036,
    "fcn": 5_658_881,
    "starnet": 181_793,
    "stellarnet": 1_515_057,
}
TAKE_CONTEXT = ("cnn_attention", "cnn_gru", "cnn_lstm", "fcn", "stellarnet")

every_network = pytest.mark.parametrize("name", PARAMETERS)


def answers(network, X):
    keras = import_keras()
    return keras.ops.convert_to_numpy(network(X.astype(np.float32)))


@every_network
def test_networks_have_the_published_number_of_parameters_in_any_precision(name):
    with trained_in("mixed_float16"):
        network = build_network(name, (N_WAVELENGTHS + 2,), 1, 2)
    assert network.count_params() == PARAMETERS[name]
    assert network.output_shape == (None, 1)
    # Logits keep all their digits, and Keras its setting.
    assert network.layers[-1].compute_dtype == "float32"
    kinds = {layer.compute_dtype: type(layer).__name__ for layer in network.layers[1:-1]}
    assert kinds.pop("float16")
    assert kinds in ({}, {"float32": "MultiHeadAttention"})
    assert import_keras().config.dtype_policy().name == "float32"


@every_network
def test_saved_networks_are_read_in_safe_mode_and_those_with_a_branch_see_context(name):
    with seeded_globals(0):
        network = build_network(name, (12,), 1, 2)
    # Biases are zero at first, and so is the scale of the attention.
    network.set_weights([w + 0.05 for w in weights(network)])
    again = network_from_bytes(network_bytes(network))
    row = np.random.default_rng(0).normal(size=12)
    X = np.array([row, row + (np.arange(12) >= 10), row + (np.arange(12) == 9)])
    original, other_context, other_flux = answers(again, X)
    close = {"rtol": 1e-6, "atol": 0.0}
    assert np.allclose(original, other_context, **close) != (name in TAKE_CONTEXT)
    assert not np.allclose(original, other_flux, **close)
    np.testing.assert_array_equal(answers(network, X)[0], original)


def weights(network):
    convert = import_keras().ops.convert_to_numpy
    return [np.array(convert(variable.value)) for variable in network.weights]


@pytest.mark.parametrize("name", TAKE_CONTEXT)
def test_the_branch_of_context_is_left_out_where_there_is_none(name):
    layers = build_network(name, (12,), 1).layers
    assert not any(type(layer).__name__ == "Concatenate" for layer in layers)


@every_network
def test_networks_shrink_to_a_single_number(name):
    assert build_network(name, (1,), 4).output_shape == (None, 4)


@pytest.mark.parametrize("name", ["cnn2d", "starnet"])
def test_samples_of_other_shapes_are_laid_flat(name):
    assert build_network(name, (4, 1, 1), 1).output_shape == (None, 1)


def test_attention_is_switched_off_before_training():
    network = build_network("cnn_attention", (12,), 1)
    (scale,) = (w for w in network.weights if w.path.endswith("/scale"))
    assert float(scale.value) == 0.0
    X = np.random.default_rng(0).normal(size=(2, 12))
    X[1] = X[0]
    X[1, 11] += 5.0  # in reach of the last outputs alone, but for attention
    sums = import_keras().Model(
        network.input,
        next(layer for layer in network.layers if type(layer).__name__ == "Add").output,
    )
    there = answers(sums, X)
    np.testing.assert_array_equal(there[0, :9], there[1, :9])
    scale.assign(1.0)
    there = answers(sums, X)
    assert not np.allclose(there[0, :9], there[1, :9])


@pytest.mark.parametrize(("gpu", "attention"), [(False, 64), (True, 128)])
def test_attention_is_predicted_in_small_batches(monkeypatch, gpu, attention):
    monkeypatch.setattr("climbkit.neural._prediction.has_gpu", lambda: gpu)
    sizes = {
        name: batch_size_for(build_network(name, (N_WAVELENGTHS,), 1), (N_WAVELENGTHS,))
        for name in ("wide_ann", "cnn_attention")
    }
    # Two tables of 343 x 343 weights for each spectrum, 0.9 MB.
    assert sizes == {"wide_ann": 4096, "cnn_attention": attention}


def test_more_context_than_numbers_is_an_error():
    with pytest.raises(ValueError, match="n_context=5 leaves nothing of samples of 5 numbers"):
        build_network("wide_ann", (5,), 1, 5)
    with pytest.raises(ValueError, match="n_context must be 0 for images"):
        build_network("cnn2d", (4, 4, 1), 1, 2)


def test_network_for_diagrams_refuses_spectra():
    with pytest.raises(ValueError, match="takes images"):
        ARCHITECTURES["cmd"]((343,), 1)


def test_functions_are_told_of_context_if_they_ask():
    def told(input_shape, n_outputs, n_context):
        return ARCHITECTURES["wide_ann"](input_shape, n_outputs, n_context)

    def not_told(input_shape, n_outputs):
        return ARCHITECTURES["wide_ann"](input_shape, n_outputs)

    assert build_network(told, (12,), 1, 2).count_params() == 37
    assert build_network(not_told, (12,), 1, 2).count_params() == 43


def test_cnn2d_takes_images_and_flat_rows():
    y = np.arange(40) % 2
    X = np.random.default_rng(0).uniform(0, 0.3, size=(40, 10, 11)).astype(np.float32)
    X[y == 1, :5] += 0.5
    settings = {"max_epochs": 6, "learning_rate": 0.01, "random_state": 0}
    images = CNNClassifier("cnn2d", **settings).fit(X, y)
    assert images.network_.input_shape == (None, 10, 11, 1)
    assert images.score(X, y) == 1.0
    rows = CNNClassifier("cnn2d", **settings).fit(X.reshape(40, 110), y)
    assert rows.input_shape_ == (110, 1, 1)
    assert rows.score(X.reshape(40, 110), y) == 1.0


def test_own_layers_are_known_to_a_new_process(tmp_path):
    path = tmp_path / "network.keras"
    path.write_bytes(network_bytes(build_network("cnn_attention", (14,), 1, 2)))
    code = (
        "import sys; from pathlib import Path; import climbkit.neural; "
        "from climbkit.neural._model_file import network_from_bytes; "
        "assert 'keras' not in sys.modules; "
        "print(network_from_bytes(Path(sys.argv[1]).read_bytes()).count_params())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) == build_network("cnn_attention", (14,), 1, 2).count_params()
