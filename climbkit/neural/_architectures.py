"""Named networks, each a function of the shapes of input and output."""

import inspect

from climbkit.neural._backend import import_keras
from climbkit.neural._residual import residual_network
from climbkit.neural._spectral_networks import SPECTRAL_NETWORKS

# The network of Baloyi et al. (2025) for images of 128 x 128 pixels.
_CMD_BLOCKS = 4
_CMD_FILTERS = 32
_CMD_KERNEL = 3
_CMD_POOL = 2
_CMD_DENSE = (128, 128)


def cmd_network(input_shape, n_outputs):
    """Build the published network for images of colour-magnitude diagrams.

    Up to four blocks of a convolution (32 filters of 3 x 3 pixels, no padding), a maximum over
    2 x 2 pixels and ReLU, as many as fit into the image, then two dense layers of 128.

    Parameters
    ----------
    input_shape : (int, int, int)
        Height, width and channels.
    n_outputs : int
        Number of logits.

    Returns
    -------
    network : keras.Model
        For images of 128 x 128 pixels with one channel and one output it has all four blocks and
        192,289 parameters. Images with a side of less than 4 pixels see the dense layers only.

    Notes
    -----
    Two things differ from the published order, neither of which changes what functions the network
    can be: it sees 1 - X, so that white paper is 0 and trains faster, and ReLU follows the maximum,
    of which it is given four times fewer values.

    Raises
    ------
    ValueError
        If samples are no images.

    References
    ----------
    .. [1] Baloyi et al. 2025, the published search for globular clusters in Gaia DR3.
    """
    if len(input_shape) != 3:
        raise ValueError(
            f"architecture='cmd' takes images; samples of shape {input_shape} are none."
        )
    layers = import_keras().layers
    stack = [layers.Input(input_shape), layers.Rescaling(-1.0, offset=1.0)]
    sides = list(input_shape[:2])
    for _ in range(_CMD_BLOCKS):
        sides = [(side - _CMD_KERNEL + 1) // _CMD_POOL for side in sides]
        if min(sides) < 1:
            break
        stack += [
            layers.Conv2D(_CMD_FILTERS, _CMD_KERNEL, data_format="channels_last"),
            layers.MaxPooling2D(_CMD_POOL, data_format="channels_last"),
            layers.ReLU(),
        ]
    stack.append(layers.Flatten(data_format="channels_last"))
    stack += [layers.Dense(width, activation="relu") for width in _CMD_DENSE]
    # A logit rather than a sigmoid, so that a temperature divides exactly; with all its digits also
    # where the user lets Keras compute in half precision.
    stack.append(layers.Dense(n_outputs, dtype="float32"))
    return import_keras().Sequential(stack)


#: Names of networks, and the functions that build them.
ARCHITECTURES = {
    "cmd": cmd_network,
    "cmd_residual": residual_network,
    **SPECTRAL_NETWORKS,
}


def build_network(architecture, input_shape, n_outputs, n_context=0):
    """Build a network by name or by the user's function, and check what it takes and gives.

    Parameters
    ----------
    architecture : str or callable
        A key of `ARCHITECTURES`, or ``architecture(input_shape, n_outputs)``.
    input_shape : tuple of int
        Shape of one sample.
    n_outputs : int
        Number of logits: 1 for two classes.
    n_context : int, default=0
        Numbers at the end of a sample that are context. Functions with a parameter of that name
        are told of them; others see whole samples.

    Returns
    -------
    network : keras.Model
        Not compiled.

    Raises
    ------
    ValueError
        If the name is unknown, or the network has not that many outputs.
    TypeError
        If the function gives no Keras model.
    """
    keras = import_keras()
    if isinstance(architecture, str):
        if architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture must be one of {sorted(ARCHITECTURES)}, or a function of "
                f"(input_shape, n_outputs); got {architecture!r}."
            )
        architecture = ARCHITECTURES[architecture]
    context = {"n_context": n_context} if _takes_context(architecture) else {}
    network = architecture(tuple(input_shape), n_outputs, **context)
    if not isinstance(network, keras.Model):
        raise TypeError(f"architecture must return a keras.Model; got {network!r}.")
    shape = tuple(network.compute_output_shape((None, *input_shape)))
    if shape != (None, n_outputs):
        raise ValueError(
            f"architecture must return a network with outputs of shape (None, {n_outputs}), logits "
            f"without activation; got {shape}."
        )
    return network


def _takes_context(architecture):
    try:
        return "n_context" in inspect.signature(architecture).parameters
    except ValueError:  # of functions written in C
        return False
