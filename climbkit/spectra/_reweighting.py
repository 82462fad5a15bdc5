"""Probabilities for other frequencies of the classes, whose sum is the number expected."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from climbkit.spectra._prior_estimation import blocks

_SLOPES = (0.5, 2.0)  # slopes beyond are no matter of calibration
_STEPS, _ENOUGH = 200, 1e-6  # of the last correction, and what it may miss the prior by


class Reweighting(NamedTuple):
    """How probabilities of training become those of the sky.

    Attributes
    ----------
    training_prior : ndarray of shape (n_classes,)
        Frequencies that the probabilities hold for.
    weights : ndarray of shape (n_classes,)
        Frequencies that they are made to hold for.
    slope : float
        Power that the likelihoods are raised to; above 1 where the classifier was too cautious.
    """

    training_prior: np.ndarray
    weights: np.ndarray
    slope: float = 1.0

    def __call__(self, proba):
        """Re-weigh probabilities, an array of shape (..., n_classes) above 0."""
        if self.slope == 1.0 and np.array_equal(self.weights, self.training_prior):
            return proba
        log_likelihood = np.log(proba) - np.log(self.training_prior)
        return softmax(self.slope * log_likelihood + np.log(self.weights), axis=-1)

    def with_prior(self, prior, instead_of):
        """Return the re-weighting for a prior that is other than what this was made for."""
        weights = self.weights * prior / instead_of
        return self._replace(weights=weights / weights.sum())


def pooled(members):
    """Probabilities that several models give together.

    Parameters
    ----------
    members : ndarray of shape (n_models, n_rows, n_classes)
        Probabilities of each, above 0.

    Returns
    -------
    proba : ndarray of shape (n_rows, n_classes)
        Mean of their logarithms, normalised.
    """
    return members[0] if len(members) == 1 else softmax(np.log(members).mean(axis=0), axis=-1)


def consistent_reweighting(proba, training_prior, prior):
    """Re-weighting whose mean over some rows is their prior.

    Parameters
    ----------
    proba : ndarray of shape (n_models, n_rows, n_classes)
        Probabilities of the rows.
    training_prior : ndarray of shape (n_classes,)
        Frequencies that they hold for.
    prior : ndarray of shape (n_classes,)
        Frequencies among the rows.

    Returns
    -------
    reweighting : Reweighting
        The slope does what it can, the weights do the rest.
    """
    n_rows = proba.shape[1]
    together = np.concatenate([pooled(block) for block in blocks(proba)])[None]

    def mean(reweighting):
        return sum(reweighting(block).sum(axis=(0, 1)) for block in blocks(together)) / n_rows

    def miss(log_slope):
        found = mean(Reweighting(training_prior, prior, float(np.exp(log_slope))))
        return float(prior @ np.log(prior / found))

    best = minimize_scalar(miss, bounds=np.log(_SLOPES), method="bounded", options={"xatol": 1e-4})
    reweighting = Reweighting(training_prior, prior, float(np.exp(best.x)))
    for _ in range(_STEPS):
        found = mean(reweighting)
        if np.max(np.abs(found / prior - 1)) <= _ENOUGH:
            break
        reweighting = reweighting.with_prior(prior, found)
    return reweighting
