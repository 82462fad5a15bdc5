"""A k-d tree of full leaves, packed level by level for vector instructions.

Leaf ``i`` holds positions ``LEAF_SIZE i`` to ``LEAF_SIZE (i + 1) - 1`` of the tree's order of
points, and node ``i`` of a level the nodes ``FAN_OUT i`` to ``FAN_OUT (i + 1) - 1`` of the level
below: all are full but the last of a level, so that no numbers are needed to tell the shape.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from climbkit.kernels._lanes import FAN_OUT, LEAF_SIZE

MAX_LEVELS = 12  # LEAF_SIZE * FAN_OUT**12 points are out of reach
STACK_SIZE = FAN_OUT * MAX_LEVELS  # a depth-first walk keeps at most the children of each level
_PENDING = 64  # ranges still to be split: one a binary level


class PackedTree(NamedTuple):
    """Arrays of a k-d tree.

    Attributes
    ----------
    points : ndarray of shape (n_points, n_columns), dtype float64
        Points in the order of the tree.
    rows : ndarray of shape (n_points,), dtype int32
        Row number in the input of each position in the tree.
    leaves : ndarray of shape (n_leaves, n_columns, LEAF_SIZE), dtype float64
        Coordinates by leaf, infinite behind the last point.
    boxes : ndarray of shape (n_blocks, n_columns, 2, FAN_OUT), dtype float64
        Lower and upper sides of the boxes around nodes, ``FAN_OUT`` siblings a block; behind the
        last node the lower side is at infinity and the upper one at minus infinity.
    first_block : ndarray of shape (n_levels + 1,), dtype int64
        Blocks of level ``i`` (0: boxes of leaves) start at ``first_block[i]``.
    """

    points: np.ndarray
    rows: np.ndarray
    leaves: np.ndarray
    boxes: np.ndarray
    first_block: np.ndarray


@njit(cache=True, nogil=True)
def build_packed_tree(X):
    """Build a packed k-d tree, splitting each range of points along its widest column.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_columns), dtype float64
        Finite, C-contiguous, at least one point.

    Returns
    -------
    tree : PackedTree
        Built in O(n_points log n_points) time.
    """
    points, rows = _in_tree_order(X)
    leaves = _pack_leaves(points)
    first_block = _level_offsets(len(leaves))
    boxes = _pack_boxes(leaves, first_block, len(points))
    return PackedTree(points, rows, leaves, boxes, first_block)


@njit(cache=True, nogil=True, inline="always")
def push_child(stack, stack_squared, bottom, top, level, node, squared):
    """Put a node on a stack above `bottom`, nearer ones on top; return the new top."""
    place = top
    while place > bottom and stack_squared[place - 1] < squared:
        stack[place, 0] = stack[place - 1, 0]
        stack[place, 1] = stack[place - 1, 1]
        stack_squared[place] = stack_squared[place - 1]
        place -= 1
    stack[place, 0], stack[place, 1] = level, node
    stack_squared[place] = squared
    return top + 1


@njit(cache=True, nogil=True)
def _level_offsets(n_leaves):
    offsets = np.zeros(MAX_LEVELS + 1, np.int64)
    level = 0
    n_nodes = n_leaves
    while True:
        n_nodes = (n_nodes + FAN_OUT - 1) // FAN_OUT
        offsets[level + 1] = offsets[level] + n_nodes
        level += 1
        if n_nodes == 1:
            return offsets[: level + 1].copy()


@njit(cache=True, nogil=True)
def _in_tree_order(X):
    """Order points so that those of every node are consecutive."""
    n_points, n_columns = X.shape
    points = X.copy()
    moved = np.empty_like(points)
    rows = np.arange(n_points).astype(np.int32)
    moved_rows = np.empty(n_points, np.int32)
    values = np.empty(n_points)
    order = np.empty(n_points, np.int32)
    pending = np.empty((_PENDING, 2), np.int64)
    pending[0, 0], pending[0, 1] = 0, n_points
    top = 1
    lower = np.empty(n_columns)
    upper = np.empty(n_columns)
    while top > 0:
        top -= 1
        begin, end = pending[top]
        if end - begin <= LEAF_SIZE:
            continue
        unit = LEAF_SIZE
        while unit * FAN_OUT < end - begin:
            unit *= FAN_OUT
        middle = begin + (end - begin + unit - 1) // unit // 2 * unit
        for column in range(n_columns):
            lower[column] = upper[column] = points[begin, column]
        for i in range(begin + 1, end):
            for column in range(n_columns):
                value = points[i, column]
                lower[column] = min(lower[column], value)
                upper[column] = max(upper[column], value)
        widest = 0
        for column in range(1, n_columns):
            if upper[column] - lower[column] > upper[widest] - lower[widest]:
                widest = column
        for i in range(begin, end):
            values[i] = points[i, widest]
            order[i] = i
        _put_in_place(values, order, begin, end - 1, middle)
        for i in range(begin, end):
            moved_rows[i] = rows[order[i]]
            for column in range(n_columns):
                moved[i, column] = points[order[i], column]
        for i in range(begin, end):
            rows[i] = moved_rows[i]
            for column in range(n_columns):
                points[i, column] = moved[i, column]
        pending[top, 0], pending[top, 1] = begin, middle
        pending[top + 1, 0], pending[top + 1, 1] = middle, end
        top += 2
    return points, rows


@njit(cache=True, nogil=True)
def _put_in_place(values, order, low, high, place):
    """Reorder values and their numbers so that none before `place` is larger than one after."""
    while low < high:
        a, b, c = values[low], values[(low + high) // 2], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            return


@njit(cache=True, nogil=True)
def _pack_leaves(points):
    n_points, n_columns = points.shape
    leaves = np.full(((n_points + LEAF_SIZE - 1) // LEAF_SIZE, n_columns, LEAF_SIZE), np.inf)
    for i in range(n_points):
        for column in range(n_columns):
            leaves[i // LEAF_SIZE, column, i % LEAF_SIZE] = points[i, column]
    return leaves


@njit(cache=True, nogil=True)
def _pack_boxes(leaves, first_block, n_points):
    n_leaves, n_columns, _ = leaves.shape
    boxes = np.empty((first_block[-1], n_columns, 2, FAN_OUT))
    boxes[:, :, 0] = np.inf
    boxes[:, :, 1] = -np.inf
    for leaf in range(n_leaves):
        block, lane = leaf // FAN_OUT, leaf % FAN_OUT
        filled = min(LEAF_SIZE, n_points - leaf * LEAF_SIZE)
        for column in range(n_columns):
            values = leaves[leaf, column, :filled]
            boxes[block, column, 0, lane] = values.min()
            boxes[block, column, 1, lane] = values.max()
    for level in range(1, len(first_block) - 1):
        below, here = first_block[level - 1], first_block[level]
        for node in range(here - below):
            block, lane = here + node // FAN_OUT, node % FAN_OUT
            for column in range(n_columns):
                boxes[block, column, 0, lane] = boxes[below + node, column, 0].min()
                boxes[block, column, 1, lane] = boxes[below + node, column, 1].max()
    return boxes
