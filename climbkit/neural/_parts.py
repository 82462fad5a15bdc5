"""Samples to train on and samples to hold out, with the weights of their classes."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import compute_class_weight

from climbkit.neural._prediction import as_float32
from climbkit.neural._splitting import canonical_order, stratified_split
from climbkit.neural._training import Samples


class Parts(NamedTuple):
    """What `split_samples` returns.

    Attributes
    ----------
    training : Samples
        To train on.
    held_out : Samples or None
        For early stopping and calibration.
    prior : ndarray of shape (n_classes,)
        How frequent the classes are in the eyes of the loss: their part of all weights of the
        training.
    """

    training: Samples
    held_out: Samples | None
    prior: np.ndarray


def split_samples(X, y, classes, class_weight, *, held_out, fraction, rng, errors=None):
    """Hold samples out, in a way that does not depend on the order of the rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_numbers)
        What goes into the network, as rows.
    y : ndarray of shape (n_samples,), dtype int
        Numbers of their classes.
    classes : ndarray of shape (n_classes,)
        Classes, which `class_weight` speaks of.
    class_weight : "balanced" or dict or None
        Weights of the classes.
    held_out : (X, y) or None
        Samples to hold out instead of some of X.
    fraction : float or None
        What is held out of each class of X, where there are no others. None: nothing.
    rng : numpy.random.Generator
        Chooses.
    errors : ndarray of shape (n_samples, n_uncertain), default=None
        Standard deviations of the noise to add in training.

    Returns
    -------
    parts : Parts
        Samples as rows.
    """
    X = np.ascontiguousarray(X if X.dtype == np.uint8 else as_float32(X))
    order = training = canonical_order(X, y)
    if held_out is None and fraction is not None:
        kept, held = stratified_split(y[order], fraction, rng)
        training, held = order[kept], order[held]
        held_out = X[held], y[held]
    weights = compute_class_weight(class_weight, classes=classes, y=classes[y[training]])
    total = weights * np.bincount(y[training], minlength=len(classes))
    return Parts(
        Samples(
            X[training],
            y[training],
            weights[y[training]],
            None if errors is None else errors[training],
        ),
        None
        if held_out is None or len(held_out[1]) == 0
        else Samples(as_float32(held_out[0]), held_out[1], weights[held_out[1]]),
        total / total.sum(),
    )


def shaped(samples, input_shape):
    """Samples that the network takes, of samples as rows; None of None."""
    if samples is None:
        return None
    return samples._replace(X=samples.X.reshape(len(samples.X), *input_shape))


def weights_for(prior, y):
    """Weights of the classes at which samples are as frequent as a prior says.

    Parameters
    ----------
    prior : ndarray of shape (n_classes,)
        Frequencies that are wanted.
    y : ndarray of shape (n_samples,), dtype int
        Numbers of the classes of some samples.

    Returns
    -------
    weights : ndarray of shape (n_classes,)
        Mean 1 over the samples; 0 for classes that have none.
    """
    counts = np.bincount(y, minlength=len(prior))
    weights = np.divide(prior, counts, out=np.zeros(len(prior)), where=counts > 0)
    return weights * len(y) / (weights @ counts)
