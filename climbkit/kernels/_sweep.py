"""All condensed trees of a sweep over min_samples, from one neighbour query."""

import numpy as np

from climbkit.kernels._condensing import CondensedTree, condense
from climbkit.kernels._filtration import spanning_tree
from climbkit.kernels._neighbours import query_tree
from climbkit.kernels._packed_tree import build_packed_tree
from climbkit.kernels._spanning_tree import far_edges


def sweep_condensed_trees(X, min_samples, min_cluster_sizes):
    """Compute the condensed cluster trees of HDBSCAN for many min_samples at once.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_columns), dtype float64
        Finite, C-contiguous points.
    min_samples : sequence of int
        Neighbours, the point itself not counted, whose distance is the core distance; with too
        few points, the number of other points. Each at least 1.
    min_cluster_sizes : sequence of int, as long as `min_samples`
        Points that make a cluster. Each at least 2.

    Yields
    ------
    column : int
        Place in `min_samples`; the largest `min_samples` comes first.
    tree : CondensedTree
        Condensed tree, empty with less than two points.

    Notes
    -----
    Memory is that of the neighbour lists, 4 bytes a neighbour and 8 bytes a value of
    `min_samples` for each point, and of one tree at a time.
    """
    n_points = len(X)
    columns = sorted(range(len(min_samples)), key=lambda column: -min_samples[column])
    if n_points < 2:
        for column in columns:
            yield column, CondensedTree(*(np.empty(0, dtype) for dtype in _TYPES))
        return
    counts = [min(int(m), n_points - 1) for m in min_samples]
    tree = build_packed_tree(X)
    squared, neighbors = query_tree(tree, max(counts))
    rows = tree.rows
    far = far_edges(tree, squared[:, -1].copy(), neighbors)
    far = (far[0], far[1], np.sqrt(far[2]))
    core = np.sqrt(squared.T.copy())
    del tree, squared
    waiting = iter([*columns, None])
    column = next(waiting)
    for count in range(max(counts), min(counts) - 1, -1):
        left, right, weight, *far = spanning_tree(core[count - 1], neighbors, count, *far)
        while column is not None and counts[column] == count:
            size = int(min_cluster_sizes[column])
            yield column, CondensedTree(*condense(left, right, weight, size, rows))
            column = next(waiting)


_TYPES = (np.int64, np.int64, np.float64, np.int64)
