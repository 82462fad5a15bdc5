"""Ten networks for spectra, as published for massive stars from Gaia's XP spectra.

Each is a function of the shape of a sample, of the number of logits, and of how many numbers at
the end of a sample are context: what is known of a star beside the shape of its spectrum, such as
its brightness. The five that take context send it through a branch of its own, which is left out
where there is none; the other five do not look at it. Samples of any shape are laid flat, but for
the images of `cnn2d`. Spectra too short for all maxima get as many as fit.

The numbers of parameters in the docstrings are those for 343 wavelengths, one logit, and two
numbers of context where it is taken.
"""

import math

from climbkit.neural._backend import import_keras
from climbkit.neural._spectral_parts import (
    convolutions,
    dense,
    flat,
    image_convolutions,
    joined,
    network,
    spectrum_and_context,
    square,
)

_LEAK = 0.01  # slope of the published leaky ReLU below 0
_CONTEXT_WIDTHS = (64, 32)
_DEEP_LAYERS = 3
_WIDE_WIDTH = 3
_HEADS = 2
_ATTENTION_CHANNELS = 4
_STATE = 128  # numbers in the state of the recurrent networks
# Of the published code's framework. Keras' own, 1e-3, is of the order of the mean square of a
# spectrum of unit norm.
_EPSILON = 1e-5


def cnn(input_shape, n_outputs, n_context=0):
    """Two convolutions and a dense layer, with leaky ReLU; 175,841 parameters."""
    inputs, x, _ = spectrum_and_context(input_shape, n_context)
    x = convolutions(x, (16, 32), leak=_LEAK)
    x = dense(flat(x), (64,), leak=_LEAK)
    return network(inputs, x, n_outputs)


def cnn2d(input_shape, n_outputs, n_context=0):
    """Two convolutions over the spectrum laid out as a square image; 70,593 parameters.

    343 wavelengths are filled up with zeros to 19 x 19 pixels. Images are taken as they are.
    """
    if len(input_shape) == 3 and min(input_shape[:2]) > 1:
        if n_context:
            raise ValueError(
                f"n_context must be 0 for images, such as samples of shape {input_shape}; got "
                f"{n_context}."
            )
        inputs = x = import_keras().layers.Input(input_shape)
    else:
        inputs, x, _ = spectrum_and_context(input_shape, n_context)
        x = square(x)
    x = image_convolutions(x, (16, 32))
    return network(inputs, dense(flat(x), (128,)), n_outputs)


def cnn_attention(input_shape, n_outputs, n_context=0):
    """Attention between all wavelengths, then two convolutions, and context; 710,522 parameters.

    The attention is added to what it is given, times a number that is learned and starts at 0.
    Memory grows with the square of the number of wavelengths.
    """
    from climbkit.neural._layers import LearnedScale

    layers = import_keras().layers
    inputs, x, context = spectrum_and_context(input_shape, n_context)
    x = convolutions(x, (_ATTENTION_CHANNELS,), pool=False)
    each = layers.LayerNormalization(epsilon=_EPSILON)(x)
    # In single precision always, since on a CPU JAX has no attention in half precision.
    attention = layers.MultiHeadAttention(_HEADS, _ATTENTION_CHANNELS // _HEADS, dtype="float32")(
        each, each
    )
    x = layers.Add()([x, LearnedScale()(attention)])
    x = dense(flat(convolutions(x, (16, 64))), (128, 64))
    return network(inputs, joined(x, _context_branch(context)), n_outputs)


def cnn_gru(input_shape, n_outputs, n_context=0):
    """Two convolutions, a gated recurrent unit's last state, and context; 93,473 parameters."""
    inputs, x, context = spectrum_and_context(input_shape, n_context)
    x = import_keras().layers.GRU(_STATE)(convolutions(x, (32, 64)))
    x = dense(joined(x, _context_branch(context)), (64,))
    return network(inputs, x, n_outputs)


def cnn_lstm(input_shape, n_outputs, n_context=0):
    """Two convolutions, a long short-term memory's last state, and context; 128,161 parameters.

    The published number is 128,673: that code's memory has two biases, which are only ever added,
    where Keras has one.
    """
    inputs, x, context = spectrum_and_context(input_shape, n_context)
    x = import_keras().layers.LSTM(_STATE)(convolutions(x, (32, 64)))
    x = dense(joined(x, _context_branch(context)), (128,))
    return network(inputs, x, n_outputs)


def deep_ann(input_shape, n_outputs, n_context=0):
    """Three dense layers, each as wide as the spectrum; 354,320 parameters."""
    inputs, x, _ = spectrum_and_context(input_shape, n_context)
    widths = _DEEP_LAYERS * (math.prod(input_shape) - n_context,)
    return network(inputs, dense(flat(x), widths), n_outputs)


def wide_ann(input_shape, n_outputs, n_context=0):
    """One dense layer of three; 1,036 parameters."""
    inputs, x, _ = spectrum_and_context(input_shape, n_context)
    return network(inputs, dense(flat(x), (_WIDE_WIDTH,)), n_outputs)


def fcn(input_shape, n_outputs, n_context=0):
    """Four convolutions at full resolution, and context; 5,658,881 parameters."""
    inputs, x, context = spectrum_and_context(input_shape, n_context)
    x = flat(convolutions(x, (16, 32, 64, 128), pool=False))
    x = dense(joined(x, _context_branch(context)), (128,))
    return network(inputs, x, n_outputs)


def starnet(input_shape, n_outputs, n_context=0):
    """Two convolutions without padding, then maxima; 181,793 parameters."""
    inputs, x, _ = spectrum_and_context(input_shape, n_context)
    x = convolutions(x, (4,), pool=False, padding="valid")
    x = convolutions(x, (16,), padding="valid")
    return network(inputs, dense(flat(x), (64, 128)), n_outputs)


def stellarnet(input_shape, n_outputs, n_context=0):
    """Three wide convolutions, and a normalised branch of context; 1,515,057 parameters."""
    inputs, x, context = spectrum_and_context(input_shape, n_context)
    x = dense(flat(convolutions(x, (64, 128, 256))), (128, 64))
    if context is not None:
        layers = import_keras().layers
        context = layers.LayerNormalization(epsilon=_EPSILON)(dense(context, (16,)))
        context = dense(context, (32,))
    return network(inputs, dense(joined(x, context), (64,)), n_outputs)


def _context_branch(context):
    return None if context is None else dense(context, _CONTEXT_WIDTHS)


SPECTRAL_NETWORKS = {
    function.__name__: function
    for function in (
        cnn,
        cnn2d,
        cnn_attention,
        cnn_gru,
        cnn_lstm,
        deep_ann,
        fcn,
        starnet,
        stellarnet,
        wide_ann,
    )
}
