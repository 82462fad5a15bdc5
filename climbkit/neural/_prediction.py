"""Outputs of a network, batch by batch, in bounded memory."""

import math

import numpy as np

from climbkit.neural._backend import import_keras
from climbkit.neural._precision import has_gpu

# Numbers that the widest layer gives for one batch: 16 MB, above which the caches of a processor
# no longer help; a graphics processor needs more to be busy.
_BATCH_NUMBERS = 2**22
_BATCH_NUMBERS_ON_GPU = 2**25
_SMALLEST_BATCH = 32
_LARGEST_BATCH = 4096
_LEAST_LARGE = 64  # fewer images at once take longer, though they are wider than the caches
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


def network_outputs(network, X, input_shape, *, prepare=None, finish=None):
    """Outputs of a network for many samples.

    Parameters
    ----------
    network : keras.Model
        Takes samples of `input_shape`.
    X : array of shape (n_samples, n_numbers)
        Rows of any numeric dtype, or anything else that has a length and is sliced by rows if
        `prepare` takes it; each batch is converted by itself.
    input_shape : tuple of int
        Shape of one sample.
    prepare : callable, default=None
        Makes of some rows of X what the network takes.
    finish : callable, default=None
        Makes of a batch's outputs the rows to return.

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
    large = batch_size_for(network, input_shape)
    if len(X) == 0:
        none = np.empty((0, network.compute_output_shape((None, *input_shape))[-1]))
        return none if finish is None else finish(none)
    outputs = []
    start = 0
    while start < len(X):
        size = _SMALLEST_BATCH if len(X) - start <= _SMALLEST_BATCH else large
        rows = X[start : start + size]
        rows = as_float32(rows if prepare is None else prepare(rows)).reshape(-1, *input_shape)
        batch = rows
        if len(rows) < size:
            batch = np.zeros((size, *input_shape), dtype=np.float32)
            batch[: len(rows)] = rows
        answer = convert_to_numpy(network.predict_on_batch(batch))[: len(rows)]
        answer = answer.astype(np.float64)
        outputs.append(answer if finish is None else finish(answer))
        start += size
    return np.concatenate(outputs)


def batch_size_for(network, input_shape):
    """Samples in a batch of predictions: a power of two that bounds memory."""
    numbers = _BATCH_NUMBERS_ON_GPU if has_gpu() else _BATCH_NUMBERS
    fitting = max(1, numbers // max(1, _widest(network, input_shape)))
    return int(np.clip(2 ** int(np.log2(fitting)), _LEAST_LARGE, _LARGEST_BATCH))


def _widest(network, input_shape):
    """Numbers that the layer with the most of them gives for one sample."""
    attention = import_keras().layers.MultiHeadAttention
    widest = math.prod(input_shape)
    for layer in network.layers:
        try:
            shape = layer.output.shape[1:]
        except AttributeError:  # a layer of the user's own model, whose work is not known
            continue
        numbers = math.prod(n or 1 for n in shape)
        if isinstance(layer, attention):
            # Its table of weights between all pairs.
            numbers = max(numbers, layer.num_heads * (shape[0] or 1) ** 2)
        widest = max(widest, numbers)
    return widest
