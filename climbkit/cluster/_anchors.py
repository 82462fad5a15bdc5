"""Centres that follow their members within a ball, and thresholds from the seeds."""

from typing import NamedTuple

import numpy as np

from climbkit.base import UNLABELLED
from climbkit.cluster._distances import distances_to
from climbkit.cluster._shapes import GroupCovariance

# The published distance threshold, for want of a group with two seeds to learn one from.
PUBLISHED_DISTANCE = 0.5

ACCEPTED_SEEDS = 0.95  # share of the seeds that would be let in, were each hidden in turn
STANDARD_ERRORS = 1.0  # of a centre, that it may move away from the mean of its seeds


class Anchored(NamedTuple):
    """What following the members ended in."""

    centers: np.ndarray
    covariances: np.ndarray | None
    nearest: np.ndarray
    distance: np.ndarray
    n_iter: int
    step: float
    converged: bool


def follow_members(X, start, measure, admit, radius, rule, tol, max_iter):
    """Move centres to the means of the rows they are given, until they rest.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    start : ndarray of shape (n_groups, n_features)
        Where the centres start.
    measure : callable
        Function of the centres that returns covariances (or None), and for each row the nearest
        centre and its distance.
    admit : callable
        Function of these two that returns for each row its group and whether it is let in.
    radius : ndarray of shape (n_groups,)
        Largest distance of each centre from its start.
    rule : {"project", "hold"}
        What happens at that distance; see `climbkit.KBound`.
    tol : float
        Centres rest if they move by less.
    max_iter : int
        Largest number of iterations.

    Returns
    -------
    result : Anchored
        Centres, and what was decided by them.
    """
    centers, converged = start.copy(), False
    for n_iter in range(1, max_iter + 1):
        covariances, nearest, distance = measure(centers)
        group, admitted = admit(nearest, distance)
        moved = _moved(X, centers, start, np.where(admitted, group, -1), radius, rule)
        step = np.linalg.norm(moved - centers, axis=1).max(initial=0.0)
        if step < tol or step == 0:
            converged = True
            break
        if n_iter < max_iter:
            centers = moved
    return Anchored(centers, covariances, nearest, distance, n_iter, step, converged)


def _moved(X, centers, start, members, radius, rule):
    """Means of the members, kept within each centre's ball."""
    moved = centers.copy()
    for k in range(len(centers)):
        rows = X[members == k]
        if not len(rows):
            continue
        mean = rows.mean(axis=0)
        shift = mean - start[k]
        length = np.linalg.norm(shift)
        if length <= radius[k]:
            moved[k] = mean
        elif rule == "project":
            moved[k] = start[k] + shift / length * radius[k]
    return moved


def standard_error_radius(X, y, classes, errors=None):
    """Radius of the ball within which each centre is known from its seeds.

    Parameters
    ----------
    X, y, classes
        Rows, partial labels, and labels of the groups.
    errors : ndarray, default=None
        Standard deviations or covariances of the rows' errors.

    Returns
    -------
    radius : ndarray of shape (n_groups,)
        Standard error of the mean of the seeds, whose covariance is that of
        `GroupCovariance` with its defaults. A group without seeds counts as having one.
    """
    shape = GroupCovariance()
    common = shape.common_shape(X, y, errors)
    radius = np.empty(len(classes))
    for k, label in enumerate(classes):
        seeds = y == label
        center = X[seeds].mean(axis=0) if seeds.any() else np.zeros(X.shape[1])
        spread = shape.covariances(X, y, [label], center[None], common, errors)[0]
        radius[k] = STANDARD_ERRORS * np.sqrt(np.trace(spread) / max(seeds.sum(), 1))
    return radius


def hidden_seed_distance(X, y, classes, metric, params, covariances=None):
    """Distance within which most seeds lie from the mean of their group's other seeds.

    Parameters
    ----------
    X, y, classes
        Rows, partial labels, and labels of the groups.
    metric, params
        As in `climbkit.cluster._distances.distances_to`.
    covariances : ndarray of shape (n_groups, n_features, n_features), default=None
        Shapes of the groups, if distances are in these.

    Returns
    -------
    distance : float
        95 % quantile over all seeds of groups with two or more; the published threshold where
        there are none.
    """
    distances = []
    for k, label in enumerate(classes):
        seeds = X[y == label]
        n = len(seeds)
        if label == UNLABELLED or n < 2:
            continue
        others = (seeds.sum(axis=0) - seeds) / (n - 1)
        metric_k, params_k = metric, params
        if covariances is not None:
            metric_k, params_k = "mahalanobis", {"VI": np.linalg.inv(covariances[k])}
        distances += [
            distances_to(seed[None], other[None], metric_k, params_k)[0, 0]
            for seed, other in zip(seeds, others, strict=True)
        ]
    return float(np.quantile(distances, ACCEPTED_SEEDS)) if distances else PUBLISHED_DISTANCE
