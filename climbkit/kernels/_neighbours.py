"""Exact k nearest neighbours of all points among themselves, in few dimensions."""

import numpy as np
from numba import njit

from climbkit.kernels._lanes import (
    BUFFER,
    FAN_OUT,
    LEAF_SIZE,
    boxes_within,
    insert_sorted,
    lowest_bit,
    points_within,
)
from climbkit.kernels._packed_tree import STACK_SIZE, build_packed_tree, push_child


def nearest_neighbours(X, n_neighbors):
    """Find the nearest other points of every point.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_columns), dtype float64
        Finite, C-contiguous points.
    n_neighbors : int
        Neighbours of each point, itself left out; at most ``n_points - 1``.

    Returns
    -------
    distances : ndarray of shape (n_points, n_neighbors), dtype float64
        Distances, ascending.
    indices : ndarray of shape (n_points, n_neighbors), dtype int64
        Row numbers of the neighbours. Among equally distant points any may be the last.
    """
    tree = build_packed_tree(X)
    squared, positions = query_tree(tree, n_neighbors)
    distances = np.empty_like(squared)
    distances[tree.rows] = np.sqrt(squared)
    indices = np.empty(positions.shape, np.int64)
    indices[tree.rows] = tree.rows[positions]
    return distances, indices


@njit(cache=True, nogil=True)
def query_tree(tree, n_neighbors):
    """Find the nearest other points of every point of a tree, all in the order of the tree.

    Parameters
    ----------
    tree : PackedTree
        Points.
    n_neighbors : int
        Neighbours of each point, less than the number of points.

    Returns
    -------
    squared : ndarray of shape (n_points, n_neighbors), dtype float64
        Squared distances, ascending.
    positions : ndarray of shape (n_points, n_neighbors), dtype int32
        Positions of the neighbours in the tree.

    Notes
    -----
    A search starts at the point's own leaf and goes outward by its ancestors, nearer children
    first. With few columns this is O(n_points log n_points) in all.
    """
    n_points, n_columns = tree.points.shape
    n_levels = len(tree.first_block) - 1
    squared = np.empty((n_points, n_neighbors))
    positions = np.empty((n_points, n_neighbors), np.int32)
    stack = np.empty((STACK_SIZE, 2), np.int64)
    stack_squared = np.empty(STACK_SIZE)
    to_boxes = np.empty(FAN_OUT)
    to_points = np.empty(LEAF_SIZE)
    no_floor = np.zeros(tree.first_block[-1] * FAN_OUT)
    n_blocks = (n_neighbors + BUFFER - 1) // BUFFER
    best = np.empty(n_blocks * BUFFER)
    found = np.empty(n_blocks * BUFFER, np.int32)
    last = n_neighbors - 1
    for i in range(n_points):
        point = tree.points[i]
        best[:] = np.inf
        bound = np.inf
        here = i // LEAF_SIZE
        mask = points_within(tree.leaves, here, n_columns, point, np.inf, to_points)
        mask &= ~(1 << (i % LEAF_SIZE))
        bound = _keep(mask, here, to_points, best, found, last, n_blocks, bound)
        for level in range(n_levels):
            block = here // FAN_OUT
            stack[0, 0], stack[0, 1] = level, block
            stack_squared[0] = 0.0
            top = 1
            own = here % FAN_OUT
            while top > 0:
                top -= 1
                if stack_squared[top] >= bound:
                    continue
                node_level, node = stack[top]
                mask = boxes_within(
                    tree.boxes,
                    tree.first_block[node_level] + node,
                    n_columns,
                    no_floor,
                    point,
                    bound,
                    to_boxes,
                )
                if own >= 0:
                    mask &= ~(1 << own)
                    own = -1
                if node_level > 0:
                    bottom = top
                    while mask != 0:
                        lane = lowest_bit(mask)
                        mask &= mask - 1
                        child = node * FAN_OUT + lane
                        top = push_child(
                            stack, stack_squared, bottom, top, node_level - 1, child, to_boxes[lane]
                        )
                    continue
                while mask != 0:
                    lane = lowest_bit(mask)
                    mask &= mask - 1
                    if to_boxes[lane] >= bound:
                        continue
                    leaf = node * FAN_OUT + lane
                    near = points_within(tree.leaves, leaf, n_columns, point, bound, to_points)
                    if near != 0:
                        bound = _keep(near, leaf, to_points, best, found, last, n_blocks, bound)
            here = block
        for j in range(n_neighbors):
            squared[i, j] = best[j]
            positions[i, j] = found[j]
    return squared, positions


@njit(cache=True, nogil=True, inline="always")
def _keep(mask, leaf, to_points, best, found, last, n_blocks, bound):
    """Insert the points of a mask among the nearest so far; return the new largest distance."""
    while mask != 0:
        lane = lowest_bit(mask)
        mask &= mask - 1
        distance = to_points[lane]
        if distance < bound:
            insert_sorted(best, found, n_blocks, distance, leaf * LEAF_SIZE + lane)
            bound = best[last]
    return bound
