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


@njit(cache=True, nogil=True)
def first_neighbours(squared, neighbours, rows, min_samples, core, first):
    """Find core distances and the neighbour that each row is joined to at first.

    Parameters
    ----------
    squared, neighbours : ndarray of shape (n_rows, k)
        From `query_tree`, with more than `min_samples` columns where there are more rows.
    rows : ndarray of shape (n_rows,), dtype int32
        Row number of each position in the order of that query.
    min_samples : int
        Place of the neighbour that gives the core distance.
    core : ndarray of shape (n_rows,), dtype float64
        Squared core distances, with the rounding of the square root that hdbscan takes. Written.
    first : ndarray of shape (n_rows,), dtype int32
        Nearest neighbour that is not less dense, -1 for none. Written.

    Returns
    -------
    n_open : int
        Rows where the order of equally near neighbours decides, or rounding.
    """
    n_rows, k = squared.shape
    own_core = np.empty(n_rows)
    for i in range(n_rows):
        distance = np.sqrt(squared[i, min_samples - 1])
        own_core[i] = distance * distance
        core[rows[i]] = own_core[i]
    n_open = 0
    for i in range(n_rows):
        limit = squared[i, min_samples - 1]
        begin = 0
        chosen = -1
        if k > min_samples and squared[i, min_samples] > limit:
            # The C library's `pow` may prune a leaf whose corner is as near to within rounding.
            n_open += not is_decided(squared[i, min_samples], limit)
        while begin < k and squared[i, begin] <= limit:
            end = begin
            n_suited = 0
            while end < k and squared[i, end] == squared[i, begin]:
                if own_core[neighbours[i, end]] <= own_core[i]:
                    if n_suited == 0:
                        chosen = rows[neighbours[i, end]]
                    n_suited += 1
                end += 1
            is_cut = squared[i, begin] == limit and end > min_samples
            if n_suited > 1 or (is_cut and (n_suited == 1 or (end == k and k < n_rows - 1))):
                n_open += 1
            if n_suited > 0:
                break
            begin = end
        first[rows[i]] = chosen
    return n_open


def first_neighbours_by_query(X, min_samples, n_jobs, leaf_size):
    """Find the same by the query of scikit-learn that hdbscan makes, ties included.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns), dtype float64
        Rows.
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
    core = np.concatenate([answer[0][:, min_samples] for answer in answers]) ** 2
    return core, _first_suited(core, np.concatenate([answer[1] for answer in answers]))


@njit(cache=True, nogil=True)
def _first_suited(core, neighbours):
    first = np.full(len(core), -1, np.int32)
    for row in range(len(core)):
        for other in neighbours[row]:
            if other != row and core[other] <= core[row]:
                first[row] = other
                break
    return first
