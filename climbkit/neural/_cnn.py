"""Classification of images."""

import warnings
from importlib.resources import as_file, files
from math import isqrt
from numbers import Integral

import numpy as np

from climbkit.neural._classifier import NetworkClassifier
from climbkit.neural._model_file import SUFFIX as _SUFFIX

_ROOM = "climbkit.neural"
_FOLDER = "weights"

# From this side on a flat row whose length is a square number is more likely a forgotten
# image_shape than a list of features.
_LIKELY_SIDE = 8


class CNNClassifier(NetworkClassifier):
    """Classify images by a convolutional network with calibrated probabilities.

    Parameters
    ----------
    architecture : str or callable, default="cmd"
        Name of a network in `climbkit.neural.ARCHITECTURES`, or a function
        ``architecture(input_shape, n_outputs)`` that returns a Keras model with `n_outputs` logits
        (1 for two classes), without activation. "cmd" is the network of Baloyi et al. (2025)
        [1]_ for diagrams of 128 x 128 pixels; smaller images get as many of its four blocks of
        convolutions as fit. The others are networks for spectra, see `climbkit.XPClassifier`: of
        these "cnn2d" takes images as they are, and lays rows out as squares.

    image_shape : (int, int) or (int, int, int), default=None
        Height, width and channels of the images that flat rows hold. None: X has images as they
        are; flat rows are then columns one pixel wide, for which "cmd" is a dense network.

    weights : str or path-like, default=None
        Name of weights that climbkit has trained (see `pretrained`), or a file of `save`. `fit`
        starts from them, or leaves them as they are where it gets no y. None: random ones.

    optimizer : str or callable, default="adam"
        Name of a Keras optimizer; or "one_cycle", AdamW with a rate that rises to `learning_rate`
        and falls to 0; or a function ``optimizer(learning_rate, n_steps)`` that returns one, where
        `n_steps` is the largest number of batches that there can be.

    learning_rate : float, default=1e-3
        Step of the optimizer.

    batch_size : int, default=32
        Samples in a step.

    max_epochs : int, default=100
        Most epochs to train for.

    patience : int, default=10
        Epochs without a lower loss on the held-out samples after which training stops. The
        weights are those of the epoch with the lowest one.

    validation_fraction : float, default=0.1
        Fraction of each class that is held out for early stopping and calibration. None: nothing
        is held out, and all `max_epochs` are trained. Images of one object, such as a cluster
        drawn many times, must not stand on both sides: pass ``validation_data`` to `fit` then.

    class_weight : "balanced" or dict, default=None
        Weights of the classes in the loss, also in that of the held-out samples that stops the
        training; "balanced": inverse to their frequency.

    calibration : "temperature" or None, default="temperature"
        Whether the logits are divided by the temperature that fits the held-out samples best
        [2]_. It changes no class and no ranking.

    precision : {"float32", "mixed_float16", "mixed_bfloat16", "auto"} or None, default=None
        How the network computes while it is trained. "auto": in half precision where there is a
        GPU. None: as Keras is set. What is fitted in half precision has single precision in the
        end. Networks that start from `weights` stay as they are.

    random_state : int, RandomState instance or None, default=None
        Seeds initial weights, held-out samples and the order of the batches. An int makes
        training on a CPU reproducible.

    verbose : int, default=0
        Above 0: shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes.

    class_prior_ : ndarray of shape (n_classes,)
        How frequent the classes are where the probabilities hold: as in the loss, with its weights.

    temperature_ : float
        Divides the logits in `predict_proba`; 1 without calibration.

    history_ : dict of str to list of float
        For each epoch "loss", and "validation_loss" and "validation_accuracy" if samples were held
        out.

    best_epoch_ : int
        Epoch, counted from 0, whose weights were kept.

    input_shape_ : (int, int, int)
        Height, width and channels.

    network_ : keras.Model
        The trained network. It gives logits.

    n_features_in_ : int
        Numbers in a sample.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X was a table.

    Notes
    -----
    Values should be of about 0 to 1, as they come from `climbkit.CMDImageTransformer`; they are
    not scaled here, but for images of 8 bits (uint8), which are divided by 255.

    Nothing is imported of Keras before `fit` or `load`. It runs on JAX unless another backend was
    chosen by ``KERAS_BACKEND`` or by Keras' configuration file, or keras is imported already.

    The result does not depend on the order of the rows. Of the global random generators only the
    state is used during `fit`, and put back.

    The temperature is fitted to the same samples that chose the epoch. The probabilities hold for
    classes as frequent as ``class_prior_`` says: as in y without class weights, and all alike with
    balanced ones.

    Predictions need memory for X, one batch and the outputs.

    References
    ----------
    .. [1] Baloyi et al. 2025, the published search for globular clusters in Gaia DR3.
    .. [2] Guo et al. 2017, "On calibration of modern neural networks", ICML 34, 1321.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.neural import CNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 40)
    >>> images = rng.uniform(size=(80, 12, 12)) * 0.5
    >>> images[y == 1, :6] += 0.5  # bright at the top
    >>> model = CNNClassifier(max_epochs=8, learning_rate=0.01, random_state=0).fit(images, y)
    >>> model.predict(images[[0, -1]])
    array([0, 1])
    >>> model.predict_proba(images).shape
    (80, 2)
    """

    _parameter_constraints = {
        **NetworkClassifier._parameter_constraints,
        "image_shape": [tuple, list, None],
    }

    def __init__(
        self,
        architecture="cmd",
        *,
        image_shape=None,
        weights=None,
        optimizer="adam",
        learning_rate=1e-3,
        batch_size=32,
        max_epochs=100,
        patience=10,
        validation_fraction=0.1,
        class_weight=None,
        calibration="temperature",
        precision=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            architecture,
            weights=weights,
            optimizer=optimizer,
            learning_rate=learning_rate,
            batch_size=batch_size,
            max_epochs=max_epochs,
            patience=patience,
            validation_fraction=validation_fraction,
            class_weight=class_weight,
            calibration=calibration,
            precision=precision,
            random_state=random_state,
            verbose=verbose,
        )
        self.image_shape = image_shape

    @classmethod
    def pretrained(cls, name="cmd"):
        """Return a classifier that climbkit has trained.

        Parameters
        ----------
        name : {"cmd"}, default="cmd"
            "cmd": images of colour-magnitude diagrams as `climbkit.CMDImageTransformer` draws them
            by default; class 1 is a star cluster, globular or open, and 0 the field.

        Returns
        -------
        classifier : CNNClassifier
            Fitted.

        Raises
        ------
        ValueError
            If there is none of that name.
        ImportError
            If keras is missing.
        """
        if name not in _names():
            raise ValueError(f"name must be one of {_names()}; got {name!r}.")
        with cls._weights_path(name) as path:
            return cls.load(path).set_params(weights=name)

    @classmethod
    def _weights_path(cls, weights):
        if not str(weights).endswith(_SUFFIX):
            if weights not in _names():
                raise ValueError(
                    f"weights must be one of {_names()}, or a file that ends in {_SUFFIX!r}; got "
                    f"{weights!r}."
                )
            return as_file(files(_ROOM) / _FOLDER / f"{weights}{_SUFFIX}")
        return super()._weights_path(weights)

    def _sample_shape(self, shape):
        """Height, width and channels."""
        if len(shape) > 4:
            raise ValueError(
                "X must hold images of shape (height, width) or (height, width, channels), or "
                f"flat rows; got an array of shape {shape}."
            )
        if self.image_shape is not None:
            wanted = _with_channels(_checked_image_shape(self.image_shape))
            given = _with_channels(shape[1:]) if len(shape) > 2 else None
            if given not in (None, wanted) or np.prod(shape[1:]) != np.prod(wanted):
                raise ValueError(
                    f"image_shape={tuple(self.image_shape)} does not fit X of shape {shape}."
                )
            return wanted
        if len(shape) > 2:
            return _with_channels(shape[1:])
        side = isqrt(shape[1])
        if side >= _LIKELY_SIDE and side * side == shape[1]:
            warnings.warn(
                f"X has flat rows of {shape[1]} numbers, which are taken for a column of one "
                f"pixel's width; set image_shape=({side}, {side}) if they are square images, or "
                f"image_shape=({shape[1]}, 1) if they are not.",
                UserWarning,
                stacklevel=4,
            )
        return (shape[1], 1, 1)

    def _accepted_shapes(self):
        shape = self.input_shape_
        return (shape, shape[:2]) if shape[2] == 1 else (shape,)


def _names():
    """Names of the weights that climbkit ships."""
    folder = files(_ROOM) / _FOLDER
    entries = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return sorted(n.removesuffix(_SUFFIX) for n in entries if n.endswith(_SUFFIX))


def _with_channels(shape):
    return tuple(shape) if len(shape) == 3 else (*shape, 1)


def _checked_image_shape(shape):
    if len(shape) not in (2, 3) or not all(isinstance(n, Integral) and n > 0 for n in shape):
        raise ValueError(
            "image_shape must be (height, width) or (height, width, channels), whole numbers above "
            f"0; got {shape}."
        )
    return tuple(int(n) for n in shape)
