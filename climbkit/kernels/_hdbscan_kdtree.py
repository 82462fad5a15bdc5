"""scikit-learn's k-d tree as packed arrays, with the node distances that hdbscan decides by.

The function `node_distance` is a port of `kdtree_min_rdist_dual` of hdbscan 0.8.44 (copyright
2015, Leland McInnes; BSD 3-clause, in the file LICENSE.hdbscan beside this one).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from sklearn.neighbors import KDTree

from climbkit.kernels._hdbscan_vectors import LANES

LARGEST = np.finfo(np.float64).max  # hdbscan's "no distance yet"
# Sums of up to 60 squares that are rounded in different ways differ by less than this share.
ROUNDING = 1e-13
TINY = 1e-290  # squares below this one are rounded to less than full precision
# hdbscan passes its exponent at run time, so that its squares come from the C library's `pow`,
# which is off by a last bit in one of a thousand. A compiler that saw the 2 would multiply.
SQUARE = 2.0


class NodeArrays(NamedTuple):
    """Arrays of a k-d tree of scikit-learn; children of node ``i`` are ``2 i + 1``, ``2 i + 2``.

    Rows have slots: leaf ``i`` has slots ``n_lanes i`` to ``n_lanes (i + 1) - 1``, of which the
    last may be empty.

    Attributes
    ----------
    columns : ndarray of shape (n_leaves, n_columns, n_lanes), dtype float64
        Coordinates of the rows of each leaf, infinite in empty slots.
    rows : ndarray of shape (n_slots,), dtype int32
        Row number in the input of each slot, -1 in empty ones.
    slots : ndarray of shape (n_rows,), dtype int32
        Slot of each row of the input.
    boxes : ndarray of shape (n_nodes, 2, n_padded), dtype float64
        Lower and upper sides of a node's rows, with zeros behind the columns.
    radius : ndarray of shape (n_nodes,), dtype float64
        Half the diagonal of a node's box.
    first_leaf : int
        Nodes from this one on are leaves.
    """

    columns: np.ndarray
    rows: np.ndarray
    slots: np.ndarray
    boxes: np.ndarray
    radius: np.ndarray
    first_leaf: int


def node_arrays(X, leaf_size):
    """Build scikit-learn's tree and take it apart.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns), dtype float64
        Finite, C-contiguous rows, at least one.
    leaf_size : int
        Rows in a leaf: between this number and twice as many, or all rows. Less than 32.

    Returns
    -------
    tree : NodeArrays
        The same for the same X, as scikit-learn splits ties by row number.
    """
    data, order, nodes, bounds = KDTree(X, leaf_size=leaf_size).get_arrays()
    first_leaf = len(nodes) // 2
    start = np.array(nodes["idx_start"][first_leaf:])
    sizes = nodes["idx_end"][first_leaf:] - start
    n_lanes = _padded(sizes.max())
    columns, rows, slots = _pack(data, order, start, sizes, n_lanes)
    boxes = np.zeros((len(nodes), 2, _padded(X.shape[1])))
    boxes[:, :, : X.shape[1]] = bounds.transpose(1, 0, 2)
    return NodeArrays(columns, rows, slots, boxes, np.array(nodes["radius"]), first_leaf)


def _padded(number):
    return int(-(-number // LANES) * LANES)


@njit(cache=True, nogil=True)
def _pack(data, order, start, sizes, n_lanes):
    n_rows, n_columns = data.shape
    columns = np.full((len(start), n_columns, n_lanes), np.inf)
    rows = np.full(len(start) * n_lanes, -1, np.int32)
    slots = np.empty(n_rows, np.int32)
    for leaf in range(len(start)):
        for lane in range(sizes[leaf]):
            row = order[start[leaf] + lane]
            rows[leaf * n_lanes + lane] = row
            slots[row] = leaf * n_lanes + lane
            for column in range(n_columns):
                columns[leaf, column, lane] = data[row, column]
    return columns, rows, slots


@njit(cache=True, nogil=True)
def node_distance(boxes, a, b, exponent):
    """Least squared distance between the boxes of two nodes to the bit as hdbscan has it."""
    total = 0.0
    for column in range(boxes.shape[2]):
        gap = max(
            boxes[a, 0, column] - boxes[b, 1, column], boxes[b, 0, column] - boxes[a, 1, column]
        )
        if gap > 0.0:
            total += math.pow(gap, exponent)
    return total


@njit(cache=True, nogil=True)
def is_decided(a, b):
    """Tell whether two squared distances differ by more than the rounding of their sums."""
    return abs(a - b) > ROUNDING * b + TINY
