"""How far a group stands out of its surroundings, beyond what a smooth fit explains."""

import functools
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
    """Log-likelihood ratio of each group's excess over its surroundings.

    A group's region is its ellipsoid of concentration, the one that, filled evenly, has the
    group's mean and covariance [1]_. Of all rows in the ellipsoid and in the shell around it,
    of three times its volume, a smooth fit expects a share p in the ellipsoid, and the data
    have a share q. The statistic is the ratio of the binomial likelihoods of q and p, 0 where
    q < p. Only the form of the fit within that range matters, not its level, so that a fit
    that is too low over a wide range makes no group stand out.

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
    expected = _odds(regions, null) * tolerance
    expected /= 1 + expected
    share = inside / np.maximum(inside + around, 1)
    gain = xlogy(inside, share / expected) + xlogy(around, (1 - share) / (1 - expected))
    return np.where(share > expected, np.maximum(gain, 0.0), 0.0)


def fit_without_groups(X, labels, fit):
    """Fit a density in which groups count for no more than their surroundings.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    labels : ndarray of shape (n_samples,)
        Groups 0 to n_groups - 1; -1 for rows in none.
    fit : callable
        ``fit(weights)`` gives a density estimator fitted to X with weights of the rows.

    Returns
    -------
    null : estimator
        The last that ``fit`` gave. The members of a group weigh so little in it that the
        group's ellipsoid holds what the shell around it, and the form of the fit, imply.
    """
    regions = find_regions(X, labels)
    weights = ones = np.ones(len(X))
    null = fit(weights)
    members = np.bincount(labels[labels >= 0], minlength=len(regions.inside))
    for _ in range(N_ROUNDS if len(members) else 0):
        filled = _totals(regions.around, weights) * _odds(regions, null)
        strangers = _totals(regions.inside, weights * (labels < 0))
        share = np.clip((filled - strangers) / members, 0.0, 1.0)
        share[_totals(regions.inside, ones) <= TOLERANCE * filled] = 1.0
        weights = np.append(share, 1.0)[labels]
        null = fit(weights)
    return null


class _Regions(NamedTuple):
    """Rows in the ellipsoid of each group and in the shell around, and points to average at."""

    inside: list
    around: list
    points: np.ndarray  # (n_groups, 2: ellipsoid and shell, N_POINTS, n_features)


def find_regions(X, labels):
    """Ellipsoids of concentration of the groups, and their shells."""
    n_groups = int(labels.max(initial=-1)) + 1
    d = X.shape[1]
    ridge = RIDGE * np.diag(np.maximum(X.var(axis=0), np.finfo(float).tiny))
    ball, shell = _ball_and_shell(d)
    inside, around, points = [], [], np.empty((n_groups, 2, N_POINTS, d))
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
    return _Regions(inside, around, points)


def _totals(rows, weights):
    return np.array([weights[r].sum() for r in rows])


def _odds(regions, null):
    """Mass that the fit has in each ellipsoid, in units of that in its shell."""
    n_groups, _, _, d = regions.points.shape
    if n_groups == 0:
        return np.empty(0)
    log_density = null.score_samples(regions.points.reshape(-1, d)).reshape(n_groups, 2, -1)
    peak = log_density.max(axis=(1, 2), keepdims=True)
    within, outside = np.exp(log_density - peak).mean(axis=2).T
    return within / (SHELL_VOLUME * np.maximum(outside, np.finfo(float).tiny))


@functools.cache
def _ball_and_shell(d):
    """Points spread evenly in the unit ball, and in the shell around it."""
    cube = qmc.Halton(d + 1, scramble=True, rng=np.random.default_rng(0)).random(N_POINTS)
    direction = ndtri(cube[:, :d])
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    ball = direction * cube[:, d:] ** (1 / d)
    shell = direction * (1 + SHELL_VOLUME * cube[:, d:]) ** (1 / d)
    return ball, shell
