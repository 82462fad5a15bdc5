"""All condensed trees of a sweep over min_samples, from one neighbour query."""

import numpy as np
from numba import njit

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
    rows, neighbors, core, *far = _prepare(X, max(counts), min(counts))
    for count in range(max(counts), min(counts) - 1, -1):
        core_here = core[count - min(counts)]
        here = [column for column in columns if counts[column] == count]
        if len(here) == 1:
            size = int(min_cluster_sizes[here[0]])
            *trees, left, right, distance = _descend(core_here, neighbors, count, *far, size, rows)
            far = left, right, distance
            yield here[0], CondensedTree(*trees)
            continue
        left, right, weight, *far = spanning_tree(core_here, neighbors, count, *far)
        for column in here:
            size = int(min_cluster_sizes[column])
            yield column, CondensedTree(*condense(left, right, weight, size, rows))


_TYPES = (np.int64, np.int64, np.float64, np.int64)


@njit(cache=True, nogil=True)
def _prepare(X, largest, smallest):
    """Neighbours, core distances by rows, and edges beside those of the lists, in tree order."""
    tree = build_packed_tree(X)
    squared, neighbors = query_tree(tree, largest)
    n_points = len(X)
    core = np.empty((largest - smallest + 1, n_points))
    for i in range(n_points):
        for k in range(smallest, largest + 1):
            core[k - smallest, i] = np.sqrt(squared[i, k - 1])
    left, right, between = far_edges(tree, squared[:, largest - 1].copy(), neighbors)
    return tree.rows, neighbors, core, left, right, np.sqrt(between)


@njit(cache=True, nogil=True)
def _descend(core, neighbors, count, far_left, far_right, far_distance, size, rows):
    """Condensed tree at one min_samples, and what the next smaller one needs."""
    left, right, weight, far_left, far_right, far_distance = spanning_tree(
        core, neighbors, count, far_left, far_right, far_distance
    )
    parent, child, lambda_val, child_size = condense(left, right, weight, size, rows)
    return parent, child, lambda_val, child_size, far_left, far_right, far_distance
