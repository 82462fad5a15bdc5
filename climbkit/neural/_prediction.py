"""Outputs of a network, batch by batch, in bounded memory."""

import numpy as np

from climbkit.neural._backend import import_keras

# Numbers that go into the network at once: 64 images of 128 x 128 pixels, whose first layer of 32
# maps then takes 130 MB.
_BATCH_NUMBERS = 2**20
_SMALLEST_BATCH = 32
_LARGEST_BATCH = 4096


_WHITE = np.float32(255.0)  # of 8-bit images


def as_float32(X):
    """Rows as float32, 8-bit ones as fractions of white; too large numbers are an error."""
    X = np.asarray(X)
    if X.dtype == np.float32:
        return X
    if X.dtype == np.uint8:
        return X / _WHITE
    with np.errstate(over="ignore"):
        rows = X.astype(np.float32)
    narrowed = X.dtype.kind == "f" and X.dtype.itemsize > rows.dtype.itemsize
    if narrowed and not np.isfinite(rows).all():
        raise ValueError("X holds values too large for dtype('float32').")
    return rows


def network_outputs(network, X, input_shape):
    """Outputs of a network for many samples.

    Parameters
    ----------
    network : keras.Model
        Takes samples of `input_shape`.
    X : ndarray of shape (n_samples, n_numbers)
        Rows of any numeric dtype; each batch is converted by itself.
    input_shape : tuple of int
        Shape of one sample.

    Returns
    -------
    outputs : ndarray of shape (n_samples, n_outputs), dtype float64
        The network's outputs.

    Notes
    -----
    Every batch has one of two sizes, filled up with zeros, because some backends compile a
    network anew for each size that they meet.
    """
    convert_to_numpy = import_keras().ops.convert_to_numpy
    large = batch_size_for(input_shape)
    outputs = [np.empty((0, network.compute_output_shape((None, *input_shape))[-1]))]
    start = 0
    while start < len(X):
        size = _SMALLEST_BATCH if len(X) - start <= _SMALLEST_BATCH else large
        rows = as_float32(X[start : start + size])
        batch = np.zeros((size, *input_shape), dtype=np.float32)
        batch[: len(rows)] = rows.reshape(-1, *input_shape)
        answer = convert_to_numpy(network.predict_on_batch(batch))
        outputs.append(answer[: len(rows)].astype(np.float64))
        start += size
    return np.concatenate(outputs)


def batch_size_for(input_shape):
    """Samples in a batch of predictions: a power of two that bounds memory."""
    fitting = max(1, _BATCH_NUMBERS // max(1, int(np.prod(input_shape))))
    return int(np.clip(2 ** int(np.log2(fitting)), _SMALLEST_BATCH, _LARGEST_BATCH))
