"""How far a group stands out of its surroundings, beyond what a smooth fit explains."""

import functools
import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, xlogy
from scipy.stats import qmc

# Points at which the fit is averaged over a group's ellipsoid and over the shell around it.
N_POINTS = 256
# Volume of the shell, in volumes of the ellipsoid.
SHELL_VOLUME = 3.0
# Keeps the ellipsoids of flat or equal rows open, in units of the variance of all rows.
RIDGE = 1e-6
# A smooth fit may be wrong by this factor between a group and its surroundings: at the edge of a
# disc of orbits, a mixture of ten components easily is, and no group follows from it.
TOLERANCE = 2.0
# Rounds in which the groups are weighed and the smooth fit is made anew.
N_ROUNDS = 3


def local_contrast(X, labels, null, tolerance=TOLERANCE):
    """Log-likelihood ratio of each group's excess over a smooth fit.

    A group's region is its ellipsoid of concentration, the one that, filled evenly, has the
    group's mean and covariance [1]_. There the fit expects m rows, or more by the factor by
    which the shell around, of three times the volume, holds more than the fit expects; twice
    that is still taken for an error of the fit. With n rows in the ellipsoid, n > 2 m, the
    ratio of the Poisson likelihoods is ``n log(n / 2m) - (n - 2m)``.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    labels : ndarray of shape (n_samples,)
        Groups 0 to n_groups - 1; -1 for rows in none.
    null : estimator
        Smooth fit of X; ``score_samples`` gives the log density.
    tolerance : float, default=2.0
        Factor by which the fit may be wrong between a group and its surroundings. A group with
        less contrast than that has the statistic 0.

    Returns
    -------
    statistic : ndarray of shape (n_groups,)
        Not negative; large for a group that the fit cannot make.

    Notes
    -----
    Costs O(n_samples x n_groups x n_features^2), and 512 densities for each group.

    References
    ----------
    .. [1] H. Cramér, "Mathematical Methods of Statistics", Princeton 1946, sections 21.10
       and 22.7.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.cluster import SmoothMixture, local_contrast
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack([rng.normal(size=(500, 2)), rng.normal(2.0, 0.05, size=(20, 2))])
    >>> labels = np.repeat([-1, 0], [500, 20])
    >>> bool(local_contrast(X, labels, SmoothMixture().fit(X[:500])) > 10)
    True
    """
    regions = find_regions(X, labels)
    ones = np.ones(len(X))
    inside, around = _totals(regions.inside, ones), _totals(regions.around, ones)
    within, outside = len(X) * _masses(regions, null).T
    # One row more, so that a fit which dies out too early makes no group of outliers.
    level = np.maximum((around + 1) / np.maximum(outside, np.finfo(float).tiny), 1.0)
    expected = np.maximum(tolerance * within * level, np.finfo(float).tiny)
    excess = xlogy(inside, inside / expected) - (inside - expected)
    return np.where(inside > expected, np.maximum(excess, 0.0), 0.0)


def fit_without_groups(X, labels, fit, null=None):
    """Fit a density in which groups count for no more than their surroundings.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    labels : ndarray of shape (n_samples,)
        Groups 0 to n_groups - 1; -1 for rows in none.
    fit : callable
        ``fit(weights, null)`` gives a density estimator fitted to X with weights of the rows;
        it may begin from the last one.
    null : estimator, default=None
        What the first fit may begin from.

    Returns
    -------
    null : estimator
        The last that ``fit`` gave. The members of a group weigh so little in it that the
        group's ellipsoid holds what the shell around it, and the form of the fit, imply.
    """
    regions = find_regions(X, labels)
    weights = ones = np.ones(len(X))
    null = fit(weights, null)
    members = np.bincount(labels[labels >= 0], minlength=len(regions.inside))
    for _ in range(N_ROUNDS if len(members) else 0):
        within, outside = np.maximum(_masses(regions, null).T, np.finfo(float).tiny)
        filled = _totals(regions.around, weights) * within / outside
        strangers = _totals(regions.inside, weights * (labels < 0))
        # A group counts for at least one row, so that there always is something to fit.
        share = np.clip((filled - strangers) / members, 1 / members, 1.0)
        share[_totals(regions.inside, ones) <= TOLERANCE * filled] = 1.0
        weights = np.append(share, 1.0)[labels]
        null = fit(weights, null)
    return null


class _Regions(NamedTuple):
    """Rows in the ellipsoid of each group and in the shell around, and points to average at."""

    inside: list
    around: list
    points: np.ndarray  # (n_groups, 2: ellipsoid and shell, N_POINTS, n_features)
    log_volumes: np.ndarray  # (n_groups,) of the ellipsoids


def find_regions(X, labels):
    """Ellipsoids of concentration of the groups, and their shells."""
    n_groups = int(labels.max(initial=-1)) + 1
    d = X.shape[1]
    ridge = RIDGE * np.diag(np.maximum(X.var(axis=0), np.finfo(float).tiny))
    ball, shell = _ball_and_shell(d)
    inside, around = [], []
    points, log_volumes = np.empty((n_groups, 2, N_POINTS, d)), np.empty(n_groups)
    for k in range(n_groups):
        members = X[labels == k]
        center = members.mean(axis=0)
        deviations = members - center
        covariance = (d + 2) * (deviations.T @ deviations / len(members) + ridge)
        root = np.linalg.cholesky(covariance)
        unit = np.linalg.solve(root, (X - center).T)
        squared = np.einsum("dn,dn->n", unit, unit)
        inside.append(np.flatnonzero(squared <= 1))
        around.append(np.flatnonzero((squared > 1) & (squared <= (1 + SHELL_VOLUME) ** (2 / d))))
        points[k] = center + ball @ root.T, center + shell @ root.T
        log_volumes[k] = np.log(np.diag(root)).sum() + _log_unit_ball(d)
    return _Regions(inside, around, points, log_volumes)


def _totals(rows, weights):
    return np.array([weights[r].sum() for r in rows])


def _masses(regions, null):
    """Probability that the fit gives each ellipsoid and its shell, of shape (n_groups, 2)."""
    n_groups, _, _, d = regions.points.shape
    if n_groups == 0:
        return np.empty((0, 2))
    log_density = null.score_samples(regions.points.reshape(-1, d)).reshape(n_groups, 2, -1)
    masses = np.exp(log_density + regions.log_volumes[:, None, None]).mean(axis=2)
    return masses * [1.0, SHELL_VOLUME]


def _log_unit_ball(d):
    return 0.5 * d * math.log(math.pi) - math.lgamma(d / 2 + 1)


@functools.cache
def _ball_and_shell(d):
    """Points spread evenly in the unit ball, and in the shell around it."""
    cube = qmc.Halton(d + 1, scramble=True, rng=np.random.default_rng(0)).random(N_POINTS)
    direction = ndtri(cube[:, :d])
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    ball = direction * cube[:, d:] ** (1 / d)
    shell = direction * (1 + SHELL_VOLUME * cube[:, d:]) ** (1 / d)
    return ball, shell
