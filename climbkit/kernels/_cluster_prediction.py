"""Clusters of new points, from a condensed tree and their nearest fitted points."""

import numpy as np
from numba import njit

from climbkit.kernels._cluster_selection import births, owners

NOISE = -1


@njit(cache=True, nogil=True)
def join_clusters(
    neighbours, distances, core, min_samples, parent, child, lambda_val, chosen, epsilon, labels
):
    """Give new points the cluster of their nearest fitted point by mutual reachability.

    Parameters
    ----------
    neighbours : ndarray of shape (n_new, k), dtype int64
        Nearest fitted points of each new one.
    distances : ndarray of shape (n_new, k)
        Their distances, rising.
    core : ndarray of shape (n_points,)
        Core distances of the fitted points.
    min_samples : int
        Number of the neighbour that sets a new point's core distance, at most k.
    parent, child : ndarray of shape (n_rows,), dtype int64
        Condensed tree of the fitted points, as in `select_clusters`.
    lambda_val : ndarray of shape (n_rows,)
        Inverse distance at which the child leaves its parent.
    chosen : ndarray of shape (n_clusters,), dtype int64
        Number in the tree of the cluster of each label.
    epsilon : float
        Distance that was given to `select_clusters`.
    labels : ndarray of shape (n_new,), dtype int64
        Written to: label, or -1.

    Notes
    -----
    The new point joins where its neighbour was when the two met: in the cluster that the
    neighbour left last, or in one of those around it if they met at a larger distance.

    Of several equally reachable points the nearest counts, and of equally near ones the one that
    gives the smallest label, so that the order of the fitted rows does not matter.
    """
    n_points = len(core)
    up, birth = births(parent, child, lambda_val, n_points)
    owner = owners(up, chosen - n_points)
    home = np.empty(n_points, np.int64)
    leaves = np.empty(n_points)
    for row in range(len(parent)):
        if child[row] < n_points:
            home[child[row]] = parent[row] - n_points
            leaves[child[row]] = lambda_val[row]
    single = len(chosen) == 1 and chosen[0] == n_points
    least_in_root = np.inf
    if single:
        least_in_root = 1.0 / epsilon if epsilon != 0.0 else lambda_val[parent == n_points].max()
    for new in range(len(labels)):
        own_core = distances[new, min_samples - 1]
        least, nearest, label = np.inf, np.inf, NOISE
        for j in range(neighbours.shape[1]):
            distance = distances[new, j]
            if distance > least:
                break
            point = neighbours[new, j]
            reach = max(own_core, core[point], distance)
            if reach > least or (reach == least and distance > nearest):
                continue
            met = 1.0 / reach if reach > 0.0 else np.inf
            cluster = home[point]
            if leaves[point] > met:
                while cluster > 0 and birth[cluster] >= met:
                    cluster = up[cluster]
            found = owner[cluster]
            if found >= 0 and chosen[found] == n_points:
                inside = single and min(met, leaves[point]) >= least_in_root
                found = found if inside else NOISE
            if reach == least and distance == nearest and (found == NOISE or 0 <= label < found):
                continue
            least, nearest, label = reach, distance, found
        labels[new] = label
