"""New rows in the clusters of a sweep, at all minimum cluster sizes from one query."""

import numpy as np
from scipy.spatial import cKDTree

from climbkit.base import NOISE
from climbkit.kernels._cluster_prediction import join_clusters
from climbkit.kernels._neighbours import nearest_neighbours

# A new row meets the fitted ones among this many times min_samples neighbours, as in hdbscan.
_NEIGHBOURS_PER_SAMPLE = 2

_ROWS_TO_ASK_ONE_BY_ONE = 20_000  # for more, one query of all fitted rows is quicker


def join_sweep(X, fitted, min_samples, trees, chosen, epsilon):
    """Give new rows the clusters of their nearest fitted rows by mutual reachability.

    Parameters
    ----------
    X : ndarray of shape (n_new, n_features), dtype float64
        New rows, finite.
    fitted : ndarray of shape (n_fitted, n_features), dtype float64
        Rows that were clustered, finite.
    min_samples : ndarray of shape (n_sizes,), dtype int64
        Number of the neighbour that sets the core distance, less than ``n_fitted``.
    trees : list of tuple of ndarray
        Condensed tree at each size, as `sweep_and_trees` keeps them.
    chosen : list of ndarray of shape (n_clusters,), dtype int64
        Number in the tree of each cluster.
    epsilon : float
        `cluster_selection_epsilon` of the sweep.

    Returns
    -------
    labels : ndarray of shape (n_new, n_sizes), dtype int64
        A column for each size; -1 for noise.
    """
    tree = cKDTree(fitted)
    k = min(_NEIGHBOURS_PER_SAMPLE * int(min_samples.max()), len(fitted))
    distances, neighbours = tree.query(X, k=np.arange(1, k + 1))
    core = _core_distances(tree, fitted, np.unique(neighbours), min_samples)
    labels = np.full((len(min_samples), len(X)), NOISE, dtype=np.int64)
    for column, clusters in enumerate(chosen):
        if len(clusters) == 0:
            continue
        parent, child, lambda_val, _ = trees[column]
        join_clusters(
            neighbours.astype(np.int64, copy=False),
            distances,
            core[column],
            int(min_samples[column]),
            parent,
            child,
            lambda_val,
            clusters,
            float(epsilon),
            labels[column],
        )
    return labels.T


def _core_distances(tree, fitted, rows, min_samples):
    """Core distances of fitted rows at every min_samples; 0 for those not asked for."""
    if len(rows) > _ROWS_TO_ASK_ONE_BY_ONE:
        return nearest_neighbours(fitted, min_samples.max())[0].T[min_samples - 1]
    core = np.zeros((len(min_samples), len(fitted)))
    # The first neighbour of a fitted row is the row itself, or one that coincides.
    core[:, rows] = tree.query(fitted[rows], k=min_samples + 1)[0].T
    return core
