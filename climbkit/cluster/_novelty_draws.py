"""Structureless draws: fit the field without its groups, draw from it, search the draw."""

import copy
import functools
import inspect

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import has_fit_parameter

from climbkit.cluster._novelty_stability import explore
from climbkit.cluster._novelty_statistic import fit_without_groups


def fit_field(null, X, labels, seed):
    """Fit a clone of a density estimator to rows, the groups weighed down.

    Parameters
    ----------
    null : density estimator
        Cloned.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    labels : ndarray of shape (n_samples,)
        Groups 0 to n_groups - 1; -1 for rows in none.
    seed : int
        For estimators whose ``random_state`` is None.

    Returns
    -------
    null : density estimator
        Fitted.
    """
    fit = functools.partial(_fitted, _seeded(clone(null), seed), X, seed)
    return fit_without_groups(X, labels, fit)


def largest_statistic(explorer, null, statistic, n, seed):
    """Largest statistic of the groups in one draw, everything done as on the data."""
    X = draw(null, n, seed)
    labels = explore(explorer, X, seed)
    n_groups = int(labels.max(initial=-1)) + 1
    if n_groups == 0:
        return 0.0
    refitted = fit_without_groups(X, labels, functools.partial(_refitted, X, seed), null)
    return float(check_statistics(statistic(X, labels, refitted), n_groups).max())


def _fitted(null, X, seed, weights, last=None):
    """A clone fitted to weighted rows; without rows at random where it takes no weights."""
    null = clone(null)
    if has_fit_parameter(null, "sample_weight"):
        return null.fit(X, sample_weight=weights)
    kept = check_random_state(seed).uniform(size=len(X)) < weights
    return null.fit(X[kept])


def _refitted(X, seed, weights, last):
    """The same, begun from the last fit where it can be."""
    if hasattr(last, "refit"):
        return last.refit(X, weights)
    return _fitted(_seeded(clone(last), seed), X, seed, weights)


def draw(null, n, seed):
    """Draw n rows from a density estimator, whichever of scikit-learn's two forms it has."""
    if "random_state" in inspect.signature(null.sample).parameters:
        rows = null.sample(n, random_state=seed)
    else:
        null = copy.copy(null)
        null.random_state = seed
        rows = null.sample(n)
    rows = rows[0] if isinstance(rows, tuple) else rows  # mixtures give the components too
    return np.ascontiguousarray(rows, dtype=np.float64)


def _seeded(estimator, seed):
    """The estimator with its random_state set, where it has one that is not fixed."""
    if getattr(estimator, "random_state", 0) is None:
        estimator.random_state = int(seed)
    return estimator


def check_statistics(values, n_groups):
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (n_groups,) or np.isnan(values).any():
        raise ValueError(
            "statistic must return a number for each group, an array of shape "
            f"({n_groups},) without NaN; got {values!r}."
        )
    return values
