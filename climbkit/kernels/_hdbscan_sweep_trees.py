"""Condensed trees of `hdbscan.HDBSCAN` for many cluster sizes from one neighbour query.

Ported from `_hdbscan_boruvka_kdtree` of hdbscan 0.8.44 (copyright 2015, Leland McInnes; BSD
3-clause, in the file LICENSE.hdbscan beside this one), with what it calls.
"""

import numpy as np
from sklearn.neighbors import KDTree

from climbkit.kernels._hdbscan_boruvka import approximate_spanning_trees
from climbkit.kernels._hdbscan_kdtree import SQUARE, node_arrays
from climbkit.kernels._hdbscan_linkage import condense, single_linkage
from climbkit.kernels._hdbscan_neighbours import (
    first_neighbours,
    first_neighbours_by_query,
)
from climbkit.kernels._hdbscan_prim import prim_spanning_tree
from climbkit.kernels._hdbscan_vectors import VALUES
from climbkit.kernels._neighbours import query_tree
from climbkit.kernels._packed_tree import build_packed_tree

LEAF_SIZE = 40  # hdbscan's default
BORUVKA_COLUMNS = 60  # hdbscan grows the trees of rows of more columns by Prim's algorithm
BORUVKA_LEAVES = 3  # leaves of the tree that hdbscan walks are as many times smaller
OVERFLOW = "X is too large in value: squared distances between its rows overflow float64"


def hdbscan_spanning_trees(X, min_samples, *, approximate=True, core_dist_n_jobs=4):
    """Yield hdbscan's spanning tree for each of several `min_samples`.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns), dtype float64
        Finite, C-contiguous rows, at least two.
    min_samples : sequence of int
        Positive. Values above ``n_rows - 1`` count as that, as in hdbscan.
    approximate : bool, default=True
        hdbscan's `approx_min_span_tree`.
    core_dist_n_jobs : int, default=4
        hdbscan's, which decides between equally near neighbours of more than 16,384 rows.

    Yields
    ------
    left, right : ndarray of shape (n_rows - 1,), dtype int32
        Row numbers that an edge joins, in hdbscan's order.
    weight : ndarray of shape (n_rows - 1,), dtype float64
        Mutual reachability distances, bit-equal to hdbscan's.

    Raises
    ------
    ValueError
        If squared distances overflow (hdbscan itself may never come to an end then).

    Notes
    -----
    Values of min_samples share one neighbour query, and `VALUES` of them at a time one walk over
    the tree. Rows of more than 60 columns take O(n_rows**2 n_columns) for each value.
    """
    n_rows, n_columns = X.shape
    places = [min(int(m), n_rows - 1) for m in min_samples]
    if n_columns > BORUVKA_COLUMNS:
        yield from _spanning_trees_of_many_columns(X, places)
        return
    tree = node_arrays(X, LEAF_SIZE // BORUVKA_LEAVES)
    packed = build_packed_tree(X)
    # One neighbour more shows whether the last one has equals.
    squared, neighbours = query_tree(packed, min(max(places) + 1, n_rows - 1))
    if np.isinf(squared[:, -1]).any():
        raise ValueError(OVERFLOW)
    for begin in range(0, len(places), VALUES):
        walked = places[begin : begin + VALUES]
        distinct = sorted(set(walked))
        core = np.empty((len(distinct), n_rows))
        first = np.empty((len(distinct), n_rows), np.int32)
        for value, m in enumerate(distinct):
            if first_neighbours(squared, neighbours, packed.rows, m, core[value], first[value]):
                core[value], first[value] = first_neighbours_by_query(
                    X, m, core_dist_n_jobs, LEAF_SIZE
                )
        if begin + VALUES >= len(places):
            del squared, neighbours, packed  # the largest of all arrays
        left, right, weight, n_edges = approximate_spanning_trees(
            tree, core, first, approximate, SQUARE
        )
        if n_edges.min() < n_rows - 1:
            raise ValueError(OVERFLOW)
        for m in walked:
            value = distinct.index(m)
            yield left[value], right[value], weight[value]


def _spanning_trees_of_many_columns(X, min_samples):
    tree = KDTree(X, leaf_size=LEAF_SIZE)
    for m in min_samples:
        core = tree.query(X, k=m + 1, dualtree=True, breadth_first=True)[0][:, m]
        yield prim_spanning_tree(X, np.ascontiguousarray(core))


def hdbscan_condensed_trees(
    X, min_samples, min_cluster_sizes, *, approximate=True, core_dist_n_jobs=4
):
    """Yield hdbscan's condensed tree for each of several cluster sizes.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns), dtype float64
        Finite, C-contiguous rows, at least two.
    min_samples : sequence of int or None
        One for each cluster size; None for the cluster sizes themselves.
    min_cluster_sizes : sequence of int
        At least 2 each.
    approximate : bool, default=True
        hdbscan's `approx_min_span_tree`.
    core_dist_n_jobs : int, default=4
        hdbscan's, which decides between equally near neighbours of more than 16,384 rows.

    Yields
    ------
    parent, child : ndarray of shape (n_edges,), dtype int64
        Clusters from ``n_rows`` on, the root first; children are clusters or rows.
    lambda_val : ndarray of shape (n_edges,), dtype float64
        One over the distance at which a child leaves its parent.
    child_size : ndarray of shape (n_edges,), dtype int64
        Rows in the child.

    Notes
    -----
    Equal row for row to ``HDBSCAN(min_cluster_size=..., min_samples=...).fit(X)`` in the same
    process: equal weights are sorted by NumPy's unstable sort, which differs between machines.
    One neighbour query serves all sizes. Where the order of equally near neighbours decides, the
    query is made again by scikit-learn for that size, as hdbscan makes it: on rows of a grid this
    is most of the work, on measured coordinates it does not happen.
    """
    if min_samples is None:
        min_samples = min_cluster_sizes
    sizes = iter(min_cluster_sizes)
    for left, right, weight in hdbscan_spanning_trees(
        X, min_samples, approximate=approximate, core_dist_n_jobs=core_dist_n_jobs
    ):
        order = np.argsort(weight)
        children, counts = single_linkage(left, right, order)
        yield condense(children, counts, weight[order], next(sizes))
