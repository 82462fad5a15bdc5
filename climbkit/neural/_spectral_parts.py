"""What the networks for spectra are put together from."""

import math

from climbkit.neural._backend import import_keras

_KERNEL = 3  # samples or pixels that a convolution sees
_POOL = 2
_FORMAT = "channels_last"


def spectrum_and_context(input_shape, n_context):
    """Take a sample apart into its spectrum and what else is known of it.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of a sample; all but rows of numbers are laid flat.
    n_context : int
        Numbers at the end of a sample that are no part of its spectrum.

    Returns
    -------
    inputs : keras.KerasTensor of shape (None, *input_shape)
        What the network takes.
    spectrum : keras.KerasTensor of shape (None, n_wavelengths, 1)
        The rest.
    context : keras.KerasTensor of shape (None, n_context) or None
        None where there is none.

    Raises
    ------
    ValueError
        If no spectrum is left.
    """
    layers = import_keras().layers
    width = math.prod(input_shape)
    n_wavelengths = width - n_context
    if n_wavelengths < 1:
        raise ValueError(
            f"n_context={n_context} leaves nothing of samples of {width} numbers for the spectrum."
        )
    inputs = layers.Input(input_shape)
    sequence = layers.Reshape((width, 1))(inputs)
    if n_context == 0:
        return inputs, sequence, None
    # Cropping rather than slicing, so that a saved network holds plain layers only.
    spectrum = layers.Cropping1D((0, n_context))(sequence)
    context = flat(layers.Cropping1D((n_wavelengths, 0))(sequence))
    return inputs, spectrum, context


def flat(x):
    """Lay each sample flat."""
    return import_keras().layers.Flatten(data_format=_FORMAT)(x)


def convolutions(x, filters, *, pool=True, padding="same", leak=0.0):
    """Convolutions along a spectrum, each with its maxima over pairs.

    Parameters
    ----------
    x : keras.KerasTensor of shape (None, n_wavelengths, n_channels)
        Spectra.
    filters : sequence of int
        Channels of each convolution.
    pool : bool, default=True
        Whether the maximum over two neighbours follows each convolution.
    padding : {"same", "valid"}, default="same"
        Whether the ends are filled up with zeros.
    leak : float, default=0.0
        Slope below 0 of the ReLU that follows. It never falls, so that taking the maximum first
        changes no result and leaves half of the work.

    Returns
    -------
    x : keras.KerasTensor of shape (None, n_left, n_channels)
        What does not fit into a short spectrum, a convolution without padding or a maximum, is left
        out.
    """
    layers = import_keras().layers
    for n_channels in filters:
        if padding == "same" or x.shape[1] >= _KERNEL:
            x = layers.Conv1D(n_channels, _KERNEL, padding=padding, data_format=_FORMAT)(x)
        if pool and x.shape[1] >= _POOL:
            x = layers.MaxPooling1D(_POOL, data_format=_FORMAT)(x)
        x = layers.ReLU(negative_slope=leak)(x)
    return x


def image_convolutions(x, filters):
    """Convolutions over an image, each with its maxima over 2 x 2 pixels where they fit.

    Parameters
    ----------
    x : keras.KerasTensor of shape (None, height, width, n_channels)
        Images.
    filters : sequence of int
        Channels of each convolution.

    Returns
    -------
    x : keras.KerasTensor of shape (None, height, width, n_channels)
        Smaller images.
    """
    layers = import_keras().layers
    for n_channels in filters:
        x = layers.Conv2D(n_channels, _KERNEL, padding="same", data_format=_FORMAT)(x)
        if min(x.shape[1:3]) >= _POOL:
            x = layers.MaxPooling2D(_POOL, data_format=_FORMAT)(x)
        x = layers.ReLU()(x)
    return x


def square(x):
    """Lay spectra out as square images, row by row, filled up with zeros."""
    layers = import_keras().layers
    width = x.shape[1]
    side = math.isqrt(width - 1) + 1
    x = layers.ZeroPadding1D((0, side * side - width))(x)
    return layers.Reshape((side, side, 1))(x)


def dense(x, widths, leak=0.0):
    """Dense layers, one after the other, each with a ReLU of that slope below 0."""
    layers = import_keras().layers
    for width in widths:
        x = layers.ReLU(negative_slope=leak)(layers.Dense(width)(x))
    return x


def joined(x, context):
    """Put two branches beside each other; one alone where there is no context."""
    return x if context is None else import_keras().layers.Concatenate()([x, context])


def network(inputs, x, n_outputs):
    """Return the network from `inputs` to logits of `x`.

    Logits rather than probabilities, so that a temperature divides exactly; with all their digits
    also where everything before is computed in half precision.
    """
    keras = import_keras()
    return keras.Model(inputs, keras.layers.Dense(n_outputs, dtype="float32")(x))
