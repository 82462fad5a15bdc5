"""HDBSCAN of one field at many minimum cluster sizes, without an estimator around it."""

from typing import NamedTuple

import numpy as np

from climbkit.base import NOISE
from climbkit.kernels._cluster_numbering import number_clusters
from climbkit.kernels._cluster_selection import select_clusters
from climbkit.kernels._hdbscan_sweep_trees import hdbscan_condensed_trees
from climbkit.kernels._sweep import sweep_condensed_trees

# Rows of at most this length are at most two lengths apart, the square of which is finite.
_LARGEST_SQUARED_LENGTH = np.finfo(np.float64).max / 4


class Sweep(NamedTuple):
    """Clusters of one field at each minimum cluster size.

    Attributes
    ----------
    labels : ndarray of shape (n_samples, n_sizes), dtype int64
        A column for each minimum cluster size; -1 for noise.
    probabilities : ndarray of shape (n_samples, n_sizes)
        Strength of each row's membership, 0 for noise.
    persistence : list of ndarray of shape (n_clusters,)
        Persistence of each cluster, in the order of the labels.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    persistence: list


def sweep(
    X,
    min_cluster_sizes,
    *,
    min_samples=None,
    cluster_selection_method="eom",
    cluster_selection_epsilon=0.0,
    allow_single_cluster=False,
    mst="canonical",
):
    """Cluster one field at every minimum cluster size, from one neighbour query.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
        Features. Rows with NaN or infinity are noise and do not touch the others.
    min_cluster_sizes : sequence of int
        Smallest number of rows in a cluster, each at least 2.
    min_samples : int or sequence of int, default=None
        Number of the neighbour at which the core distance is taken, the row itself not counted.
        One for all sizes, or one for each; None: the minimum cluster sizes.
    cluster_selection_method : {"eom", "leaf"}, default="eom"
        Largest excess of mass, or the leaves of the tree.
    cluster_selection_epsilon : float, default=0.0
        Clusters born at a distance below this are not split off.
    allow_single_cluster : bool, default=False
        Whether all rows together may be the only cluster.
    mst : {"canonical", "hdbscan"}, default="canonical"
        See `HDBSCANSweep`.

    Returns
    -------
    sweep : Sweep
        Named tuple of labels, probabilities and persistence. The arrays lie in columns: those
        of one minimum cluster size are contiguous.

    Raises
    ------
    ValueError
        If squared distances between rows overflow.

    Notes
    -----
    Nothing else is validated. The work is done with the GIL released, so that fields can be
    searched in threads.
    """
    sizes = np.asarray(min_cluster_sizes, dtype=np.int64)
    samples = np.asarray(sizes if min_samples is None else min_samples, dtype=np.int64)
    return sweep_and_trees(
        X,
        sizes,
        np.broadcast_to(samples, sizes.shape),
        cluster_selection_method,
        cluster_selection_epsilon,
        allow_single_cluster,
        mst,
        keep=False,
    )[0]


def sweep_and_trees(X, min_cluster_sizes, min_samples, method, epsilon, single, mst, *, keep):
    """Do what `sweep` says, and keep the trees where they are wanted.

    Returns
    -------
    sweep : Sweep
        As `sweep` returns it.
    trees : list of tuple of ndarray, or None
        Condensed tree of the finite rows at each size, None where there are too few rows; an
        empty list if the trees are not to be kept.
    chosen : list of ndarray of shape (n_clusters,)
        Number in the tree of each cluster.
    """
    n_rows, n_sizes = len(X), len(min_cluster_sizes)
    labels = np.full((n_sizes, n_rows), NOISE, dtype=np.int64)
    probabilities = np.zeros((n_sizes, n_rows))
    persistence = [np.empty(0) for _ in range(n_sizes)]
    trees, chosen = [None] * n_sizes, [np.empty(0, dtype=np.int64) for _ in range(n_sizes)]

    # Kernels are compiled once, for writable rows; views of tables are often not.
    X = np.require(X, np.float64, ["C", "A", "W"])
    near = within_reach(X)
    everything = bool(near.all())
    if not everything:
        if np.isfinite(X[~near]).all(axis=1).any():
            raise ValueError(
                "X is too large: squared distances between its rows overflow; scale the features."
            )
        X = X[near]
    columns = np.flatnonzero(min_cluster_sizes <= len(X))
    for place, tree in _condensed_trees(X, min_samples[columns], min_cluster_sizes[columns], mst):
        column = columns[place]
        own = (labels[column], probabilities[column])
        if not everything:
            own = (np.empty(len(X), dtype=np.int64), np.empty(len(X)))
        clusters, sizes, scores = select_clusters(
            *tree, method == "leaf", float(epsilon), bool(single), mst == "canonical", *own
        )
        if mst == "canonical":
            order = number_clusters(X, own[0], sizes, scores)
            clusters, scores = clusters[order], scores[order]
        if not everything:
            labels[column, near], probabilities[column, near] = own
        persistence[column], chosen[column] = scores, clusters
        if keep:
            trees[column] = tree
    return Sweep(labels.T, probabilities.T, persistence), trees if keep else [], chosen


def within_reach(X):
    """Say which rows are finite and small enough for squared distances between them."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.einsum("ij,ij->i", X, X) <= _LARGEST_SQUARED_LENGTH


def _condensed_trees(X, min_samples, min_cluster_sizes, mst):
    """Yield the place of each size and its condensed tree, in any order."""
    if len(min_cluster_sizes) == 0:
        return ()
    if mst == "hdbscan":
        return enumerate(hdbscan_condensed_trees(X, min_samples, min_cluster_sizes))
    return sweep_condensed_trees(X, min_samples, min_cluster_sizes)
