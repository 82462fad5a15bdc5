"""A residual network for images, deeper than the published one and as fast."""

from climbkit.neural._backend import import_keras

# Filters of each stage, which halves the image, and how many residual blocks it has.
STAGES = ((32, 1), (64, 2), (96, 1))
FIRST_FILTERS = 16
DENSE = 128
_FORMAT = "channels_last"


def residual_network(input_shape, n_outputs):
    """Build a small residual network for images of colour-magnitude diagrams.

    A convolution of 16 filters and a maximum over 2 x 2 pixels; three stages of 32, 64 and 96
    filters, each of which halves the image and has one or two residual blocks of two convolutions
    [1]_; a maximum over 2 x 2 pixels, and a dense layer of 128.

    Parameters
    ----------
    input_shape : (int, int, int)
        Height, width and channels.
    n_outputs : int
        Number of logits.

    Returns
    -------
    network : keras.Model
        607,841 parameters for images of 128 x 128 pixels with one channel and one output. Smaller
        images get as many stages as fit.

    Notes
    -----
    It sees 1 - X, so that white paper is 0. All convolutions are of 3 x 3 pixels with an edge of
    zeros around the image, and there is no normalisation between them: blocks start as the
    identity.

    Raises
    ------
    ValueError
        If samples are no images.

    References
    ----------
    .. [1] He et al. 2016, "Identity mappings in deep residual networks", ECCV 2016,
       doi:10.1007/978-3-319-46493-0_38.
    """
    if len(input_shape) != 3:
        raise ValueError(
            f"architecture='cmd_residual' takes images; samples of shape {input_shape} are none."
        )
    keras = import_keras()
    layers = keras.layers
    inputs = layers.Input(input_shape)
    x = layers.Rescaling(-1.0, offset=1.0)(inputs)
    x = _convolution(FIRST_FILTERS)(x)
    side = min(input_shape[:2])
    if side > 1:
        x = layers.MaxPooling2D(2, data_format=_FORMAT)(x)
        side //= 2
    for filters, n_blocks in STAGES:
        if side < 2:
            break
        # Padded by hand: "same" puts the edge elsewhere in each backend where steps are of two.
        x = layers.ZeroPadding2D(1, data_format=_FORMAT)(layers.ReLU()(x))
        x = _convolution(filters, strides=2, padding="valid")(x)
        side = (side + 1) // 2
        for _ in range(n_blocks):
            inner = _convolution(filters)(layers.ReLU()(x))
            # Zeros first, as the identity is the easiest beginning.
            inner = _convolution(filters, kernel_initializer="zeros")(layers.ReLU()(inner))
            x = layers.Add()([x, inner])
    if side > 1:
        x = layers.MaxPooling2D(2, data_format=_FORMAT)(x)
    x = layers.Flatten(data_format=_FORMAT)(layers.ReLU()(x))
    x = layers.Dense(DENSE, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(n_outputs, dtype="float32")(x))


def _convolution(filters, **options):
    options = {"padding": "same", "kernel_initializer": "he_uniform", **options}
    return import_keras().layers.Conv2D(filters, 3, data_format=_FORMAT, **options)
