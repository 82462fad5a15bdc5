"""Names of clusters that do not depend on the order of rows."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def number_clusters(X, labels, sizes, persistence):
    """Number clusters by size, then by persistence, then by place.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points.
    labels : ndarray of shape (n_points,), dtype int64
        Clusters from 0 on, -1 for noise; renumbered in place.
    sizes : ndarray of shape (n_clusters,), dtype int64
        Points in each cluster.
    persistence : ndarray of shape (n_clusters,)
        Persistence of each.

    Returns
    -------
    order : ndarray of shape (n_clusters,), dtype int64
        Former number of each cluster: the largest first, of equal ones the more persistent, and
        of those the one that has the lexicographically smallest point.
    """
    order = np.arange(len(sizes))
    order = _by(-persistence, order)
    order = _by(-sizes.astype(np.float64), order)
    for i in range(1, len(order)):
        a, b = order[i - 1], order[i]
        if sizes[a] == sizes[b] and persistence[a] == persistence[b]:
            first = _first_points(X, labels, len(sizes))
            order = np.arange(len(sizes))
            for column in range(X.shape[1] - 1, -1, -1):
                order = _by(X[:, column][first], order)
            order = _by(-persistence, order)
            order = _by(-sizes.astype(np.float64), order)
            break
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    for point in range(len(labels)):
        if labels[point] >= 0:
            labels[point] = number[labels[point]]
    return order


@njit(cache=True, nogil=True)
def _by(values, order):
    """Sort by a value and leave equal ones in their order."""
    return order[np.argsort(values[order], kind="mergesort")]


@njit(cache=True, nogil=True)
def _first_points(X, labels, n_clusters):
    """Lexicographically smallest point of each cluster."""
    first = np.full(n_clusters, -1)
    for point in range(len(labels)):
        label = labels[point]
        if label < 0:
            continue
        if first[label] < 0:
            first[label] = point
            continue
        best = first[label]
        for column in range(X.shape[1]):
            if X[point, column] != X[best, column]:
                if X[point, column] < X[best, column]:
                    first[label] = point
                break
    return np.maximum(first, 0)  # a cluster without points can only be alone in that
