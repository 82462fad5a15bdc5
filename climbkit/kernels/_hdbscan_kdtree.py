"""scikit-learn's k-d tree as plain arrays, with the node distances that hdbscan decides by.

The function `node_distance` is a port of `kdtree_min_rdist_dual` of hdbscan 0.8.44 (copyright
2015, Leland McInnes; BSD 3-clause, in the file LICENSE.hdbscan beside this one).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from sklearn.neighbors import KDTree

LARGEST = np.finfo(np.float64).max  # hdbscan's "no distance yet"
# Sums of up to 60 squares that are rounded in different ways differ by less than this share.
ROUNDING = 1e-13
TINY = 1e-290  # squares below this one are rounded to less than full precision
# hdbscan passes its exponent at run time, so that its squares come from the C library's `pow`,
# which is off by a last bit in one of a thousand. A compiler that saw the 2 would multiply.
SQUARE = 2.0


class NodeArrays(NamedTuple):
    """Arrays of a k-d tree of scikit-learn; children of node ``i`` are ``2 i + 1``, ``2 i + 2``.

    Attributes
    ----------
    points : ndarray of shape (n_rows, n_columns), dtype float64
        Rows in tree order.
    columns : ndarray of shape (n_columns, n_rows), dtype float64
        The same by columns.
    rows : ndarray of shape (n_rows,), dtype int64
        Row number in the input of each position in tree order.
    start, end : ndarray of shape (n_nodes,), dtype int64
        Positions ``start`` to ``end - 1`` belong to a node.
    is_leaf : ndarray of shape (n_nodes,), dtype bool
        Nodes without children.
    radius : ndarray of shape (n_nodes,), dtype float64
        Half the diagonal of a node's box.
    lower, upper : ndarray of shape (n_nodes, n_columns), dtype float64
        Bounding box of a node's rows.
    """

    points: np.ndarray
    columns: np.ndarray
    rows: np.ndarray
    start: np.ndarray
    end: np.ndarray
    is_leaf: np.ndarray
    radius: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def node_arrays(X, leaf_size):
    """Build scikit-learn's tree and take it apart.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns), dtype float64
        Finite, C-contiguous rows, at least one.
    leaf_size : int
        Rows in a leaf: between this number and twice as many, or all rows.

    Returns
    -------
    tree : NodeArrays
        The same for the same X, as scikit-learn splits ties by row number.
    """
    data, rows, nodes, bounds = KDTree(X, leaf_size=leaf_size).get_arrays()
    points = data[rows]
    return NodeArrays(
        points,
        np.ascontiguousarray(points.T),
        np.array(rows, dtype=np.int64),
        np.array(nodes["idx_start"], dtype=np.int64),
        np.array(nodes["idx_end"], dtype=np.int64),
        nodes["is_leaf"] == 1,
        np.array(nodes["radius"]),
        np.array(bounds[0]),
        np.array(bounds[1]),
    )


@njit(cache=True, nogil=True)
def quick_node_distance(lower, upper, a, b):
    """Least squared distance between the boxes of two nodes, squares by multiplication."""
    total = 0.0
    for column in range(lower.shape[1]):
        gap = max(lower[a, column] - upper[b, column], lower[b, column] - upper[a, column])
        gap = max(gap, 0.0)
        total += gap * gap
    return total


@njit(cache=True, nogil=True)
def node_distance(lower, upper, a, b, exponent):
    """Least squared distance between the boxes of two nodes to the bit as hdbscan has it."""
    total = 0.0
    for column in range(lower.shape[1]):
        gap = max(lower[a, column] - upper[b, column], lower[b, column] - upper[a, column])
        if gap > 0.0:
            total += math.pow(gap, exponent)
    return total


@njit(cache=True, nogil=True)
def is_decided(a, b):
    """Tell whether two quick distances differ by more than their rounding."""
    return abs(a - b) > ROUNDING * b + TINY
