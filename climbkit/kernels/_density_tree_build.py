"""A k-d tree of points, stored so that every node is one run of consecutive rows.

Boxes are halved in the middle of their longest side, which keeps them near to cubes and parts far
outliers from the rest in a few steps; deep down, where that could go on for ever, at the median.

All leaves but the last hold the same number of points, which gives inner loops of one length.
Equal coordinates are told apart by the remaining ones, so that the tree depends on the set of
points and not on the order of its rows.
"""

import numpy as np
from numba import njit

# Multiplier and increment of the congruential generator that draws pivots (Knuth's MMIX).
_MULTIPLIER = np.uint64(6364136223846793005)
_INCREMENT = np.uint64(1442695040888963407)

# Below this depth nodes are split at the median: the depth stays within this + log2(leaves).
MAX_MIDDLE_DEPTH = 64


@njit(nogil=True, cache=True)
def _row_below(rows, i, pivot, axis):
    """Tell whether row i comes before the pivot along the axis, ties by the other coordinates."""
    if rows[i, axis] != pivot[axis]:
        return rows[i, axis] < pivot[axis]
    for k in range(rows.shape[1]):
        if rows[i, k] != pivot[k]:
            return rows[i, k] < pivot[k]
    return False


@njit(nogil=True, cache=True)
def _pivot_below(rows, i, pivot, axis):
    """Tell whether the pivot comes before row i along the axis, ties by the other coordinates."""
    if rows[i, axis] != pivot[axis]:
        return pivot[axis] < rows[i, axis]
    for k in range(rows.shape[1]):
        if rows[i, k] != pivot[k]:
            return pivot[k] < rows[i, k]
    return False


@njit(nogil=True, cache=True)
def _swap(rows, order, i, j):
    for k in range(rows.shape[1]):
        keep = rows[i, k]
        rows[i, k] = rows[j, k]
        rows[j, k] = keep
    kept = order[i]
    order[i] = order[j]
    order[j] = kept


@njit(nogil=True, cache=True)
def _select(rows, order, start, stop, middle, axis, pivot):
    """Reorder rows[start:stop] so that those before ``middle`` are the lowest along the axis."""
    state = np.uint64(stop - start)
    low, high = start, stop - 1
    while low < high:
        # The median of three random rows is the pivot: sorted input is as quick as any other.
        width = np.uint64(high - low + 1)
        state = state * _MULTIPLIER + _INCREMENT
        a = low + np.int64((state >> np.uint64(33)) % width)
        state = state * _MULTIPLIER + _INCREMENT
        b = low + np.int64((state >> np.uint64(33)) % width)
        state = state * _MULTIPLIER + _INCREMENT
        c = low + np.int64((state >> np.uint64(33)) % width)
        if rows[b, axis] < rows[a, axis]:
            a, b = b, a
        if rows[c, axis] < rows[b, axis]:
            b = a if rows[c, axis] < rows[a, axis] else c
        for k in range(rows.shape[1]):
            pivot[k] = rows[b, k]
        i, j = low, high
        while i <= j:
            while _row_below(rows, i, pivot, axis):
                i += 1
            while _pivot_below(rows, j, pivot, axis):
                j -= 1
            if i <= j:
                _swap(rows, order, i, j)
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return


@njit(nogil=True, cache=True)
def build_tree(rows, order, leaf_size):
    """Sort the rows into the leaves of a k-d tree, in place.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        The points. Reordered in place: leaf l ends as rows[l * leaf_size : (l + 1) * leaf_size].
    order : ndarray of shape (n,), int64
        Reordered in the same way as the rows.
    leaf_size : int
        Points in a leaf; the last leaf may hold fewer.

    Returns
    -------
    first, last : ndarrays of shape (n_nodes,), int64
        The node holds the leaves first <= l < last. Nodes are numbered in preorder: the left
        child of node i is i + 1, the right child i + 2 (last[i + 1] - first[i]).
    lower, upper : ndarrays of shape (n_nodes, d)
        Corners of the smallest box around the points of each node.

    Notes
    -----
    O(n d depth), the depth at most `MAX_MIDDLE_DEPTH` + log2(n / leaf_size).
    """
    n, d = rows.shape
    n_leaves = (n + leaf_size - 1) // leaf_size
    n_nodes = 2 * n_leaves - 1
    first = np.empty(n_nodes, np.int64)
    last = np.empty(n_nodes, np.int64)
    lower = np.empty((n_nodes, d))
    upper = np.empty((n_nodes, d))
    pivot = np.empty(d)
    depth = np.zeros(n_nodes, np.int64)
    first[0], last[0] = 0, n_leaves
    # In preorder every node's range is set by its parent before the node is reached.
    for node in range(n_nodes):
        start, stop = first[node] * leaf_size, min(last[node] * leaf_size, n)
        for k in range(d):
            lower[node, k] = rows[start, k]
            upper[node, k] = rows[start, k]
        for i in range(start + 1, stop):
            for k in range(d):
                lower[node, k] = min(lower[node, k], rows[i, k])
                upper[node, k] = max(upper[node, k], rows[i, k])
        leaves = last[node] - first[node]
        if leaves == 1:
            continue
        axis = 0
        for k in range(1, d):
            if upper[node, k] - lower[node, k] > upper[node, axis] - lower[node, axis]:
                axis = k
        left = (leaves + 1) // 2
        if depth[node] < MAX_MIDDLE_DEPTH:
            below = 0
            half = 0.5 * lower[node, axis] + 0.5 * upper[node, axis]
            for i in range(start, stop):
                below += rows[i, axis] < half
            left = min(max((below + leaf_size // 2) // leaf_size, 1), leaves - 1)
        middle = (first[node] + left) * leaf_size
        _select(rows, order, start, stop, middle, axis, pivot)
        right = node + 2 * left
        first[node + 1], last[node + 1] = first[node], first[node] + left
        first[right], last[right] = first[node] + left, last[node]
        depth[node + 1] = depth[node] + 1
        depth[right] = depth[node] + 1
    return first, last, lower, upper
