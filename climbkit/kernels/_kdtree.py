"""A balanced k-d tree on float64 rows, and the ball queries that the clusterers ask of it.

Squared distances are summed in the order of the columns, and the bounds of a node in the same
order. Rounding is monotone, so that a node's bound is never on the wrong side of a computed
distance of a row inside it: the answers are those of the whole distance matrix, ties included.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

LEAF_SIZE = 64  # rows; distances in a leaf are summed side by side, so that large ones pay
STACK_SIZE = 64  # a depth-first walk keeps one sibling a level, and 2**64 rows are out of reach


class Tree(NamedTuple):
    """Arrays of a k-d tree; children of node ``i`` are ``2 i + 1`` and ``2 i + 2``.

    Attributes
    ----------
    points : ndarray of shape (n_rows, n_columns), dtype float64
        Rows in tree order.
    columns : ndarray of shape (n_columns, n_rows), dtype float64
        The same by columns, which lets a leaf's distances be summed side by side.
    rows : ndarray of shape (n_rows,), dtype int64
        Row number in the input of each position in tree order.
    start, end : ndarray of shape (n_nodes,), dtype int64
        Positions ``start`` to ``end - 1`` belong to a node.
    lower, upper : ndarray of shape (n_nodes, n_columns), dtype float64
        Bounding box of a node's rows.
    first_row : ndarray of shape (n_nodes,), dtype int64
        Smallest row number in a node.
    first_leaf : int
        Nodes from this one on are leaves.
    """

    points: np.ndarray
    columns: np.ndarray
    rows: np.ndarray
    start: np.ndarray
    end: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    first_row: np.ndarray
    first_leaf: int


def build_tree(X, leaf_size=LEAF_SIZE):
    """Build a k-d tree, halving each node along its widest column.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns), dtype float64
        Finite, C-contiguous rows, at least one.
    leaf_size : int, default=64
        Most rows in a leaf, at least 2.

    Returns
    -------
    tree : Tree
        Built in O(n_rows log n_rows) time and O(n_rows) memory; the same for the same X.
    """
    n_leaves = 1
    while n_leaves * leaf_size < len(X):
        n_leaves *= 2
    return Tree(*_build(X, n_leaves))


def squared_limit(radius, strict):
    """Return the largest squared distance whose square root is within a radius.

    Parameters
    ----------
    radius : float
        Positive distance.
    strict : bool
        Whether the distance has to be less than the radius, or may equal it.

    Returns
    -------
    limit : float
        ``squared <= limit`` is exactly ``sqrt(squared) < radius`` (or ``<=``), so that kernels
        save the root and still agree with a distance matrix at the boundary.
    """
    largest = np.finfo(np.float64).max

    def within(squared):
        return np.sqrt(squared) < radius or (not strict and np.sqrt(squared) == radius)

    with np.errstate(over="ignore"):
        limit = min(np.float64(radius) * np.float64(radius), largest)
    while not within(limit):
        limit = np.nextafter(limit, 0.0)
    while limit < largest and within(np.nextafter(limit, largest)):
        limit = np.nextafter(limit, largest)
    return float(limit)


@njit(cache=True, nogil=True)
def _build(X, n_leaves):
    n_rows, n_columns = X.shape
    n_nodes = 2 * n_leaves - 1
    rows = np.arange(n_rows)
    start = np.empty(n_nodes, np.int64)
    end = np.empty(n_nodes, np.int64)
    lower = np.empty((n_nodes, n_columns))
    upper = np.empty((n_nodes, n_columns))
    first_row = np.empty(n_nodes, np.int64)
    width = 1
    node = 0
    while width <= n_leaves:
        for k in range(width):
            begin, stop = k * n_rows // width, (k + 1) * n_rows // width
            start[node], end[node] = begin, stop
            lower[node], upper[node] = np.inf, -np.inf
            first_row[node] = n_rows
            for i in range(begin, stop):
                first_row[node] = min(first_row[node], rows[i])
                for column in range(n_columns):
                    value = X[rows[i], column]
                    lower[node, column] = min(lower[node, column], value)
                    upper[node, column] = max(upper[node, column], value)
            if width < n_leaves:
                widest = np.argmax(upper[node] - lower[node])
                middle = (2 * k + 1) * n_rows // (2 * width)
                _put_in_place(X[:, widest], rows, begin, stop - 1, middle)
            node += 1
        width *= 2
    points = X[rows]
    columns = np.ascontiguousarray(points.T)
    return points, columns, rows, start, end, lower, upper, first_row, n_leaves - 1


@njit(cache=True, nogil=True)
def _put_in_place(values, rows, low, high, place):
    """Reorder ``rows[low : high + 1]`` so that none before `place` has a larger value."""
    while low < high:
        a, b, c = values[rows[low]], values[rows[(low + high) // 2]], values[rows[high]]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while values[rows[i]] < pivot:
                i += 1
            while values[rows[j]] > pivot:
                j -= 1
            if i <= j:
                rows[i], rows[j] = rows[j], rows[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            return


@njit(cache=True, nogil=True)
def work_space(tree):
    """Room for the walk and for the distances of a leaf, shared by the queries of a kernel."""
    largest = np.max(tree.end[tree.first_leaf :] - tree.start[tree.first_leaf :])
    return np.empty(STACK_SIZE, np.int64), np.empty(largest)


@njit(cache=True, nogil=True)
def leaf_distances(tree, leaf, point, squared):
    """Write the squared distances from a point to the rows of a leaf."""
    begin, stop = tree.start[leaf], tree.end[leaf]
    squared[: stop - begin] = 0.0
    for column in range(len(point)):
        value = point[column]
        values = tree.columns[column, begin:stop]
        for k in range(stop - begin):
            difference = values[k] - value
            squared[k] += difference * difference


@njit(cache=True, nogil=True)
def nearest_in_node(lower, upper, node, point, limit):
    """Least squared distance from a point to a node's box, or any number above `limit`."""
    total = 0.0
    for column in range(len(point)):
        gap = lower[node, column] - point[column]
        if gap < 0.0:
            gap = max(point[column] - upper[node, column], 0.0)
        total += gap * gap
        if total > limit:
            break
    return total


@njit(cache=True, nogil=True)
def farthest_in_node(lower, upper, node, point, limit):
    """Largest squared distance from a point to a node's box, or any number above `limit`."""
    total = 0.0
    for column in range(len(point)):
        value = point[column]
        gap = max(upper[node, column] - value, value - lower[node, column])
        total += gap * gap
        if total > limit:
            break
    return total


@njit(cache=True, nogil=True)
def push_children(lower, upper, node, point, limit, stack, top):
    """Push the children within `limit` of the point, the nearer on top; return the new top."""
    left, right = 2 * node + 1, 2 * node + 2
    to_left = nearest_in_node(lower, upper, left, point, limit)
    to_right = nearest_in_node(lower, upper, right, point, limit)
    if to_left < to_right:
        left, right = right, left
        to_left, to_right = to_right, to_left
    if to_left <= limit:
        stack[top] = left
        top += 1
    if to_right <= limit:
        stack[top] = right
        top += 1
    return top


@njit(cache=True, nogil=True)
def count_ball(tree, point, limit, enough, stack, squared):
    """Count rows within `limit` of a point, giving up once there are `enough`."""
    lower, upper = tree.lower, tree.upper
    count = 0
    top = 1
    stack[0] = 0
    while top > 0 and count < enough:
        top -= 1
        node = stack[top]
        begin, stop = tree.start[node], tree.end[node]
        if farthest_in_node(lower, upper, node, point, limit) <= limit:
            count += stop - begin
        elif node < tree.first_leaf:
            top = push_children(lower, upper, node, point, limit, stack, top)
        else:
            leaf_distances(tree, node, point, squared)
            for k in range(stop - begin):
                count += squared[k] <= limit
    return count


@njit(cache=True, nogil=True)
def dense_rows(tree, limit, enough):
    """Tell which rows have enough rows within a distance, themselves counted.

    Parameters
    ----------
    tree : Tree
        Rows.
    limit : float
        Squared distance, as from `squared_limit`.
    enough : int
        Rows needed.

    Returns
    -------
    dense : ndarray of shape (n_rows,), dtype bool
        In the order of the input.
    """
    dense = np.empty(len(tree.rows), np.bool_)
    stack, squared = work_space(tree)
    for i in range(len(tree.rows)):
        count = count_ball(tree, tree.points[i], limit, enough, stack, squared)
        dense[tree.rows[i]] = count >= enough
    return dense


@njit(cache=True, nogil=True)
def nearest_within(tree, queries, limit):
    """Find the nearest row of a tree within a distance of each query.

    Parameters
    ----------
    tree : Tree
        Rows to choose from.
    queries : ndarray of shape (n_queries, n_columns), dtype float64
        Points.
    limit : float
        Squared distance, as from `squared_limit`.

    Returns
    -------
    nearest : ndarray of shape (n_queries,), dtype int64
        Row numbers, the smallest among equally near rows; -1 where none is within the distance.
    """
    lower, upper = tree.lower, tree.upper
    nearest = np.full(len(queries), -1)
    stack, squared = work_space(tree)
    for query in range(len(queries)):
        point = queries[query]
        best = limit
        row = len(tree.rows)
        top = 1
        stack[0] = 0
        while top > 0:
            top -= 1
            node = stack[top]
            to_node = nearest_in_node(lower, upper, node, point, best)
            if to_node > best or (to_node == best and tree.first_row[node] > row):
                continue
            if node < tree.first_leaf:
                top = push_children(lower, upper, node, point, best, stack, top)
                continue
            leaf_distances(tree, node, point, squared)
            for k in range(tree.end[node] - tree.start[node]):
                other = tree.rows[tree.start[node] + k]
                if squared[k] < best or (squared[k] == best and other < row):
                    best, row = squared[k], other
        if row < len(tree.rows):
            nearest[query] = row
    return nearest
