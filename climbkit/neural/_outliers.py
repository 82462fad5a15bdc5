"""How far a sample lies from all that a network was trained on."""

import numpy as np
from sklearn.covariance import LedoitWolf

# Directions in which training samples do not differ at all have this part of the largest variance,
# so that what does differ there is far away and not infinitely far.
_LEAST_VARIANCE = 1e-6


def fit_distances(features, y, held_out=None):
    """Learn where the classes lie in a layer, and how far samples usually are from them.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
        Of the samples that were trained on.
    y : ndarray of shape (n_samples,), dtype int
        Their classes.
    held_out : ndarray of shape (n_held_out, n_features), default=None
        Features of samples that were not trained on. None: distances are usual if they are so
        among the samples that were, which lie closer than others would.

    Returns
    -------
    model : dict of str to ndarray
        "whitening" of shape (n_features, n_features), which turns the covariance that all classes
        share into the identity; "means" of shape (n_classes, n_features), of the classes, whitened;
        "usual" of shape (n_held_out,), distances, ascending.

    Notes
    -----
    This is the score of Lee et al. [1]_ in one layer. The covariance is shrunk as by Ledoit & Wolf
    [2]_, since a layer may have more numbers than there are samples.

    References
    ----------
    .. [1] Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples
       and adversarial attacks", NeurIPS 31, arXiv:1807.03888.
    .. [2] Ledoit & Wolf 2004, "A well-conditioned estimator for large-dimensional covariance
       matrices", J. Multivariate Anal. 88, 365, doi:10.1016/S0047-259X(03)00096-4.
    """
    labels = np.unique(y)
    means = np.array([features[y == label].mean(axis=0) for label in labels])
    centred = features - means[np.searchsorted(labels, y)]
    if not centred.any():
        return _model(means, np.eye(features.shape[1]), features, held_out)
    covariance = LedoitWolf(assume_centered=True).fit(centred).covariance_
    variances, directions = np.linalg.eigh(covariance)
    variances = np.maximum(variances, _LEAST_VARIANCE * variances.max())
    return _model(means, directions / np.sqrt(variances), features, held_out)


def distances(model, features):
    """Mahalanobis distances to the nearest class.

    Parameters
    ----------
    model : dict of str to ndarray
        Of `fit_distances`.
    features : ndarray of shape (n_samples, n_features)
        Any samples'.

    Returns
    -------
    distances : ndarray of shape (n_samples,)
        In standard deviations.
    """
    white = features @ model["whitening"]
    return np.min([np.linalg.norm(white - mean, axis=1) for mean in model["means"]], axis=0)


def tail_scores(model, distances):
    """Part of the usual distances that are smaller.

    Parameters
    ----------
    model : dict of str to ndarray
        Of `fit_distances`, with n usual distances.
    distances : ndarray of shape (n_samples,)
        Distances to judge.

    Returns
    -------
    scores : ndarray of shape (n_samples,)
        Number of usual distances below each, divided by n + 1. One minus it is the p-value of the
        hypothesis that a sample is of the kind that was trained on: of such samples a part of at
        most q, on average over the usual ones, has 1 - score <= q.
    """
    usual = model["usual"]
    return np.searchsorted(usual, distances, side="left") / (len(usual) + 1)


def _model(means, whitening, features, held_out):
    model = {"whitening": whitening, "means": means @ whitening}
    model["usual"] = np.sort(distances(model, features if held_out is None else held_out))
    return model
