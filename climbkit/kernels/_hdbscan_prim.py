"""hdbscan's spanning tree for rows of many columns, edge by edge the same.

Ported from `mst_linkage_core_vector` (`_hdbscan_linkage.pyx`) of hdbscan 0.8.44 (copyright 2015,
Leland McInnes; BSD 3-clause, in the file LICENSE.hdbscan beside this one).
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def prim_spanning_tree(X, core):
    """Grow a tree from the first row by the nearest row outside.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns), dtype float64
        Rows.
    core : ndarray of shape (n_rows,), dtype float64
        Core distances.

    Returns
    -------
    left, right : ndarray of shape (n_rows - 1,), dtype int32
        Row numbers that an edge joins, in the order in which hdbscan adds the edges.
    weight : ndarray of shape (n_rows - 1,), dtype float64
        Mutual reachability distances.

    Notes
    -----
    O(n_rows**2 n_columns), as in hdbscan.
    """
    n_rows, n_columns = X.shape
    left = np.empty(n_rows - 1, np.int32)
    right = np.empty(n_rows - 1, np.int32)
    weight = np.empty(n_rows - 1)
    outside = np.arange(1, n_rows)
    reach = np.full(n_rows, np.inf)
    source = np.zeros(n_rows, np.int32)
    last = 0
    for edge in range(n_rows - 1):
        best = np.inf
        place = 0
        for k in range(n_rows - 1 - edge):
            j = outside[k]
            if core[last] < reach[j] and core[j] < reach[j]:
                squared = 0.0
                for column in range(n_columns):
                    difference = X[last, column] - X[j, column]
                    squared += difference * difference
                distance = max(np.sqrt(squared), core[last], core[j])
                if distance < reach[j]:
                    reach[j] = distance
                    source[j] = last
            if reach[j] < best:
                best = reach[j]
                place = k
        last = outside[place]
        left[edge], right[edge], weight[edge] = source[last], last, best
        # Equals are taken in the order of rows, so that the rest has to stay in it.
        outside[place : n_rows - 2 - edge] = outside[place + 1 : n_rows - 1 - edge].copy()
    return left, right, weight
