"""Where the centres of known groups start."""

import numbers
from collections.abc import Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.utils import check_random_state

from climbkit.base import UNLABELLED


def initial_centers(X, y, init, n_clusters, random_state):
    """Return the starting centres and the labels that they stand for.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Data.
    y : ndarray of shape (n_samples,)
        Partial labels, -1 for unlabelled.
    init : {"seeds", "k-means++", "random"}, array-like or mapping
        See `climbkit.KBound`.
    n_clusters : int or None
        Number of centres, if more than are known.
    random_state : int, RandomState or None
        For the centres that are drawn.

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
        Starting centres, in ascending order of label.
    classes : ndarray of shape (n_clusters,), dtype int64
        Their labels.

    Raises
    ------
    ValueError
        If ``init`` has the wrong shape or keys, or ``n_clusters`` does not fit.
    """
    groups = np.unique(y[y != UNLABELLED])
    means = np.array([X[y == g].mean(axis=0) for g in groups]).reshape(len(groups), X.shape[1])
    if isinstance(init, Mapping):
        given = _checked_mapping(init, X.shape[1])
        known = {**dict(zip(groups.tolist(), means, strict=True)), **given}
        classes = np.array(sorted(known), dtype=np.int64)
        centers = np.array([known[label] for label in classes]).reshape(-1, X.shape[1])
    elif not isinstance(init, str):
        centers = np.array(init, dtype=np.float64)
        if centers.ndim != 2 or centers.shape[1] != X.shape[1] or not np.isfinite(centers).all():
            raise ValueError(
                f"init as an array must be finite, of shape (n_clusters, {X.shape[1]}); got shape "
                f"{centers.shape}."
            )
        if len(centers) < len(groups):
            raise ValueError(
                f"init has {len(centers)} rows for the {len(groups)} groups in y; rows stand for "
                "the groups in ascending order of label. Use a mapping label -> centre to name "
                "some only."
            )
        classes = _with_following(groups, len(centers))
    elif init == "seeds":
        centers, classes = means, groups
    else:
        count = max(len(groups), n_clusters or 0)
        _check_count(count, X)
        centers = _draw_centers(X, count, init, np.empty((0, X.shape[1])), random_state)
        return _named_by_seeds(centers, means, groups)
    if n_clusters is None or n_clusters <= len(centers):
        return centers, classes
    _check_count(n_clusters, X)
    extra = _draw_centers(X, n_clusters - len(centers), "k-means++", centers, random_state)
    return np.vstack([centers, extra]), _with_following(classes, n_clusters)


def _checked_mapping(init, n_features):
    centers = {}
    for label, center in init.items():
        if not isinstance(label, numbers.Integral) or label == UNLABELLED:
            raise ValueError(f"init's keys must be group labels (whole numbers); got {label!r}.")
        center = np.asarray(center, dtype=np.float64)
        if center.shape != (n_features,) or not np.isfinite(center).all():
            raise ValueError(
                f"init[{label!r}] must hold {n_features} finite coordinates; got {center!r}."
            )
        centers[int(label)] = center
    return centers


def _check_count(n_clusters, X):
    if n_clusters > len(X):
        raise ValueError(f"n_clusters={n_clusters} must be <= n_samples={len(X)}.")


def _with_following(classes, count):
    """Labels in use, followed by new ones after the largest."""
    first = max(int(classes.max(initial=-1)), -1) + 1
    return np.concatenate([classes, np.arange(first, first + count - len(classes))])


def _draw_centers(X, count, how, present, random_state):
    """Draw rows as centres: all alike, or far from the centres present (k-means++)."""
    rng = check_random_state(random_state)
    # Drawing from sorted rows makes the draw independent of the order that they came in.
    X = X[np.lexsort(X.T[::-1])]
    if how == "random":
        return X[np.sort(rng.choice(len(X), count, replace=False))]
    centers = list(present)
    nearest = cdist(X, present, "sqeuclidean").min(axis=1) if len(present) else np.ones(len(X))
    # Greedy k-means++: of a few draws keep the one that leaves the least (Arthur &
    # Vassilvitskii 2007 suggest 2 + log k of them).
    n_trials = 2 + int(np.log(count + len(centers))) if centers or count > 1 else 1
    for _ in range(count):
        total = nearest.sum()
        trials = rng.choice(len(X), n_trials, p=nearest / total if total > 0 else None)
        left = cdist(X[trials], X, "sqeuclidean")
        if centers:
            left = np.minimum(left, nearest)
        best = left.sum(axis=1).argmin()
        centers.append(X[trials[best]])
        nearest = left[best]
    return np.array(centers[len(present) :]).reshape(-1, X.shape[1])


def _named_by_seeds(centers, means, groups):
    """Give drawn centres the labels of the seed groups that lie nearest, the others new ones."""
    group_index, center_index = linear_sum_assignment(cdist(means, centers))
    rest = np.setdiff1d(np.arange(len(centers)), center_index)
    ordered = np.concatenate([centers[center_index[np.argsort(group_index)]], centers[rest]])
    return ordered, _with_following(groups, len(centers))
