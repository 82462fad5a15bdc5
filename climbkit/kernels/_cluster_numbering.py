"""Names of clusters that do not depend on the order of rows."""

import numpy as np
from numba import njit

from climbkit.kernels._row_order import lexicographic_order


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
    keys = np.empty((len(sizes), 2))
    for cluster in range(len(sizes)):
        keys[cluster, 0] = -sizes[cluster]
        keys[cluster, 1] = -persistence[cluster]
    order = lexicographic_order(keys)
    for i in range(1, len(order)):
        a, b = order[i - 1], order[i]
        if keys[a, 0] == keys[b, 0] and keys[a, 1] == keys[b, 1]:
            order = lexicographic_order(_with_first_points(keys, X, labels))
            break
    number = np.empty_like(order)
    for i in range(len(order)):
        number[order[i]] = i
    for point in range(len(labels)):
        if labels[point] >= 0:
            labels[point] = number[labels[point]]
    return order


@njit(cache=True, nogil=True)
def _with_first_points(keys, X, labels):
    """Keys of the clusters and, behind them, each one's lexicographically smallest point."""
    n_clusters, n_columns = len(keys), X.shape[1]
    extended = np.full((n_clusters, 2 + n_columns), np.inf)
    for cluster in range(n_clusters):
        extended[cluster, 0] = keys[cluster, 0]
        extended[cluster, 1] = keys[cluster, 1]
    for point in range(len(labels)):
        cluster = labels[point]
        if cluster < 0:
            continue
        smaller = False
        for column in range(n_columns):
            if not smaller and X[point, column] > extended[cluster, 2 + column]:
                break
            smaller = smaller or X[point, column] < extended[cluster, 2 + column]
            extended[cluster, 2 + column] = X[point, column]
    return extended
