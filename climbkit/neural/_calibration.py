"""Probabilities from logits, and the temperature that calibrates them."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax

_LIMITS = (1e-2, 1e2)  # temperatures; a fit that runs into them has learned next to nothing


def probabilities(logits, temperature=1.0):
    """Probabilities of the classes.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        One column: log-odds of the second of two classes.
    temperature : float, default=1.0
        Divides the logits.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        Rows sum to 1.
    """
    scaled = logits / temperature
    if scaled.shape[1] == 1:
        return np.hstack([expit(-scaled), expit(scaled)])
    return softmax(scaled, axis=1)


def log_probabilities(logits, temperature=1.0):
    """Logarithms of `probabilities`, finite also where those are 0."""
    scaled = logits / temperature
    if scaled.shape[1] == 1:
        return np.hstack([-np.logaddexp(0.0, scaled), -np.logaddexp(0.0, -scaled)])
    return log_softmax(scaled, axis=1)


def log_loss(logits, y, weights=None):
    """Mean of minus the logarithm of the true class's probability.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        Outputs of the network.
    y : ndarray of shape (n_samples,), dtype int
        Numbers of the true classes.
    weights : ndarray of shape (n_samples,), default=None
        Weights of the samples.

    Returns
    -------
    loss : float
        Nats.
    """
    losses = -log_probabilities(logits)[np.arange(len(y)), y]
    return float(np.average(losses, weights=weights))


def fit_temperature(logits, y, weights=None):
    """Temperature at which the probabilities fit held-out samples best.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        Outputs for samples that were not trained on.
    y : ndarray of shape (n_samples,), dtype int
        Numbers of the true classes.
    weights : ndarray of shape (n_classes,), default=None
        What a sample of each class counts. None: all the same.

    Returns
    -------
    temperature : float
        Above 1 where the network was too sure.

    Notes
    -----
    The log loss [1]_ is taken against the targets of Platt [2]_: (n + 1) / (n + k) for the true
    one of k classes, of which there are n samples, rather than 1. The temperature of a small part
    that the network separates without fault is then what so few samples can support, not 0.

    A temperature moves no decision, so it can make probabilities right only for classes as frequent
    as the network takes them to be: as frequent as in its training, with the weights of that.

    References
    ----------
    .. [1] Guo et al. 2017, "On calibration of modern neural networks", ICML 34, 1321.
    .. [2] Platt 1999, "Probabilistic outputs for support vector machines", Advances in Large
       Margin Classifiers, 61.
    """
    n_classes = max(2, logits.shape[1])
    counts = np.bincount(y, minlength=n_classes)[y]
    targets = np.repeat(1.0 / (counts + n_classes), n_classes).reshape(len(y), n_classes)
    targets[np.arange(len(y)), y] *= counts + 1
    if weights is not None:
        targets *= weights[y][:, None]

    def loss(log_temperature):
        return -np.mean(targets * log_probabilities(logits, np.exp(log_temperature)))

    return float(np.exp(minimize_scalar(loss, bounds=np.log(_LIMITS), method="bounded").x))
