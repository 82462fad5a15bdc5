"""In how many digits a network is trained."""

import contextlib
import importlib

import numpy as np

from climbkit.neural._backend import import_keras

FULL = "float32"
AUTO = "auto"

# Half precision with the more digits of the two: spectra of unit norm need digits, not range.
_ON_GPU = "mixed_float16"

PRECISIONS = (AUTO, FULL, "mixed_bfloat16", "mixed_float16")


@contextlib.contextmanager
def trained_in(precision):
    """Build networks in a precision, with Keras' own setting put back at the end.

    Parameters
    ----------
    precision : {"float32", "mixed_float16", "mixed_bfloat16", "auto"} or None
        Of the layers' work; weights have single precision always. "auto": half precision where
        there is a GPU. None: what Keras is set to.

    Yields
    ------
    policy : str or None
        What "auto" has become.
    """
    if precision is None:
        yield None
        return
    keras = import_keras()
    policy = (_ON_GPU if has_gpu() else FULL) if precision == AUTO else precision
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield policy
    finally:
        keras.config.set_dtype_policy(before)


def as_numpy(network):
    """Weights of a network, as NumPy's arrays."""
    # network.get_weights() of Keras 3.15 meets a warning of NumPy 2 on JAX.
    convert = import_keras().ops.convert_to_numpy
    return [np.array(convert(variable.value)) for variable in network.weights]


def has_gpu():
    """Whether Keras' backend sees a graphics processor."""
    name = import_keras().config.backend()
    backend = importlib.import_module(name)
    if name == "jax":
        return backend.default_backend() == "gpu"
    if name == "torch":
        return backend.cuda.is_available()
    return bool(backend.config.list_physical_devices("GPU"))
