"""The neighbours that hdbscan's spanning tree starts from, for all min_samples at once.

Ported from `KDTreeBoruvkaAlgorithm._compute_bounds` of hdbscan 0.8.44 (copyright 2015, Leland
McInnes; BSD 3-clause, in the file LICENSE.hdbscan beside this one).

hdbscan asks scikit-learn for ``min_samples + 1`` neighbours of each row, itself among them, and
joins a row to the first that is not less dense. Which of equally near neighbours comes first, and
which of them are left out, depends on the path of that query. Here one query serves all
`min_samples`, and tells where a choice among equals would decide.
"""

from itertools import pairwise

import numpy as np
from joblib import cpu_count
from numba import njit
from sklearn.neighbors import KDTree

from climbkit.kernels._hdbscan_kdtree import is_decided

PARALLEL_FROM = 16384  # rows; hdbscan splits its query among its jobs above this number
STACK_SIZE = 128  # a depth-first walk keeps one sibling a level


@njit(cache=True, nogil=True)
def nearest_in_tree(tree, k):
    """Find the nearest neighbours of each row, itself left out.

    Parameters
    ----------
    tree : NodeArrays
        Rows.
    k : int
        Neighbours of each row, less than the number of rows.

    Returns
    -------
    squared : ndarray of shape (n_rows, k), dtype float64
        Ascending squared distances in tree order, summed in the order of the columns.
    neighbours : ndarray of shape (n_rows, k), dtype int64
        Positions in tree order.
    """
    n_rows = len(tree.points)
    squared = np.full((n_rows, k), np.inf)
    neighbours = np.full((n_rows, k), -1)
    widest = np.max((tree.end - tree.start)[tree.is_leaf])
    distances = np.empty(widest)
    stack = np.empty(STACK_SIZE, np.int64)
    for leaf in range(len(tree.start)):
        if not tree.is_leaf[leaf]:
            continue
        _visit_leaf(tree, leaf, leaf, squared, neighbours, distances)
        worst = np.max(squared[tree.start[leaf] : tree.end[leaf], k - 1])
        below = leaf
        while below > 0:
            # The rest of the tree in order of kinship: the nearest rows come first.
            stack[0] = below + 1 if below % 2 else below - 1
            top = 1
            while top > 0:
                top -= 1
                node = stack[top]
                if _box_distance(tree, leaf, node) >= worst:
                    continue
                if tree.is_leaf[node]:
                    _visit_leaf(tree, leaf, node, squared, neighbours, distances)
                    worst = np.max(squared[tree.start[leaf] : tree.end[leaf], k - 1])
                else:
                    stack[top] = 2 * node + 2
                    stack[top + 1] = 2 * node + 1
                    top += 2
            below = (below - 1) // 2
    return squared, neighbours


@njit(cache=True, nogil=True)
def _box_distance(tree, a, b):
    total = 0.0
    for column in range(tree.lower.shape[1]):
        gap = max(
            tree.lower[a, column] - tree.upper[b, column],
            tree.lower[b, column] - tree.upper[a, column],
        )
        gap = max(gap, 0.0)
        total += gap * gap
    return total


@njit(cache=True, nogil=True)
def _visit_leaf(tree, leaf, other, squared, neighbours, distances):
    """Offer the rows of another leaf to those of a leaf."""
    k = squared.shape[1]
    n_columns = tree.points.shape[1]
    begin, size = tree.start[other], tree.end[other] - tree.start[other]
    for i in range(tree.start[leaf], tree.end[leaf]):
        worst = squared[i, k - 1]
        total = 0.0
        for column in range(n_columns):
            value = tree.points[i, column]
            gap = max(tree.lower[other, column] - value, value - tree.upper[other, column])
            gap = max(gap, 0.0)
            total += gap * gap
        if total >= worst:
            continue
        distances[:size] = 0.0
        for column in range(n_columns):
            value = tree.points[i, column]
            values = tree.columns[column, begin : begin + size]
            for j in range(size):
                difference = values[j] - value
                distances[j] += difference * difference
        for j in range(size):
            distance = distances[j]
            if distance >= worst or begin + j == i:
                continue
            place = k - 1
            while place > 0 and squared[i, place - 1] > distance:
                squared[i, place] = squared[i, place - 1]
                neighbours[i, place] = neighbours[i, place - 1]
                place -= 1
            squared[i, place] = distance
            neighbours[i, place] = begin + j
            worst = squared[i, k - 1]


@njit(cache=True, nogil=True)
def first_neighbours(squared, neighbours, min_samples):
    """Find core distances and the neighbour that each row is joined to at first.

    Parameters
    ----------
    squared, neighbours : ndarray of shape (n_rows, k)
        From `nearest_in_tree`, with more than `min_samples` columns where there are more rows.
    min_samples : int
        Place of the neighbour that gives the core distance.

    Returns
    -------
    core : ndarray of shape (n_rows,), dtype float64
        Squared core distances, with the rounding of the square root that hdbscan takes.
    first : ndarray of shape (n_rows,), dtype int64
        Position of the nearest neighbour that is not less dense, -1 for none.
    n_open : int
        Rows where the order of equally near neighbours decides.
    """
    n_rows, k = squared.shape
    core = np.empty(n_rows)
    for i in range(n_rows):
        distance = np.sqrt(squared[i, min_samples - 1])
        core[i] = distance * distance
    first = np.full(n_rows, -1)
    n_open = 0
    for i in range(n_rows):
        limit = squared[i, min_samples - 1]
        begin = 0
        if k > min_samples and squared[i, min_samples] > limit:
            # The C library's `pow` may prune a leaf whose corner is as near to within rounding.
            n_open += not is_decided(squared[i, min_samples], limit)
        while begin < k and squared[i, begin] <= limit:
            end = begin
            n_suited = 0
            while end < k and squared[i, end] == squared[i, begin]:
                other = neighbours[i, end]
                if core[other] <= core[i]:
                    if n_suited == 0:
                        first[i] = other
                    n_suited += 1
                end += 1
            is_cut = squared[i, begin] == limit and end > min_samples
            if n_suited > 1 or (is_cut and (n_suited == 1 or (end == k and k < n_rows - 1))):
                n_open += 1
            if n_suited > 0:
                break
            begin = end
    return core, first, n_open


def first_neighbours_by_query(X, rows, min_samples, n_jobs, leaf_size):
    """Find the same by the query of scikit-learn that hdbscan makes, ties included.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns), dtype float64
        Rows.
    rows : ndarray of shape (n_rows,), dtype int64
        Row number of each position in tree order.
    min_samples : int
        Place of the neighbour that gives the core distance, less than the number of rows.
    n_jobs : int
        hdbscan's `core_dist_n_jobs`: it splits the rows into as many blocks, and each block's
        query breaks its ties in its own way.
    leaf_size : int
        hdbscan's `leaf_size`.

    Returns
    -------
    core, first : ndarray of shape (n_rows,)
        As from `first_neighbours`.
    """
    if n_jobs < 1:
        n_jobs = max(cpu_count() + 1 + n_jobs, 1)
    tree = KDTree(X, leaf_size=leaf_size)
    n_blocks = n_jobs if len(X) > PARALLEL_FROM else 1
    step = len(X) // n_blocks
    edges = [block * step for block in range(n_blocks)] + [len(X)]
    answers = [
        tree.query(X[begin:end], k=min_samples + 1, dualtree=True, breadth_first=True)
        for begin, end in pairwise(edges)
    ]
    distances = np.concatenate([answer[0][:, min_samples] for answer in answers])
    neighbours = np.concatenate([answer[1] for answer in answers])
    return _first_of_query(distances, neighbours, rows)


@njit(cache=True, nogil=True)
def _first_of_query(distances, neighbours, rows):
    n_rows = len(rows)
    position = np.empty(n_rows, np.int64)
    position[rows] = np.arange(n_rows)
    squared = distances * distances
    core = squared[rows]
    first = np.full(n_rows, -1)
    for row in range(n_rows):
        for other in neighbours[row]:
            if other != row and squared[other] <= squared[row]:
                first[position[row]] = position[other]
                break
    return core, first
