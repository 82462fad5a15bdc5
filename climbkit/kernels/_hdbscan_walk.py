"""One round of hdbscan's walk over pairs of nodes, for several min_samples at a time.

Ported from `KDTreeBoruvkaAlgorithm.dual_tree_traversal` of hdbscan 0.8.44 (copyright 2015, Leland
McInnes; BSD 3-clause, in the file LICENSE.hdbscan beside this one).

The order of the walk depends on the boxes of the nodes alone: what differs between values of
min_samples is where it is pruned. So one walk serves all, with the set of those that are not
pruned as bits beside each pair, and distances of boxes and of rows are computed once. Each value
sees its pairs in the order, and with the bounds, of a walk of its own.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from climbkit.kernels._hdbscan_kdtree import (
    LARGEST,
    ROUNDING,
    TINY,
    is_decided,
    node_distance,
    quick_node_distance,
)

PAIR_STACK = 1024  # a pair leaves one sibling for each step down either tree of at most 64 levels
FARTHEST = np.iinfo(np.int64).max


class Forest(NamedTuple):
    """Components of the rows for each of several values of min_samples.

    Attributes
    ----------
    core : ndarray of shape (n_values, n_rows), dtype float64
        Squared core distances in tree order.
    core_bits : ndarray of shape (n_values, n_rows), dtype int64
        The same seen as integers, which a compiler puts in order faster.
    component : ndarray of shape (n_values, n_rows), dtype int32
        Component of each row in tree order.
    node_component : ndarray of shape (n_nodes, n_lanes), dtype int32
        Component of all rows of a node, -1 where they differ.
    bounds : ndarray of shape (n_nodes, n_lanes), dtype float64
        Squared distance beyond which a node need not be searched; 0 in lanes beyond `n_values`.
    nearest : ndarray of shape (n_values, n_components), dtype float64
        Squared distance of the nearest row outside found so far.
    source, sink : ndarray of shape (n_values, n_components), dtype int32
        Positions of the row inside and outside, -1 for none.
    """

    core: np.ndarray
    core_bits: np.ndarray
    component: np.ndarray
    node_component: np.ndarray
    bounds: np.ndarray
    nearest: np.ndarray
    source: np.ndarray
    sink: np.ndarray


@njit(cache=True, nogil=True)
def walk(tree, forest, everything, exponent):
    """Find the nearest row outside for each component, as far as the bounds allow.

    Parameters
    ----------
    tree : NodeArrays
        Rows.
    forest : Forest
        Components; `nearest`, `source`, `sink` and `bounds` are updated.
    everything : int
        Bits of the values of min_samples that are not finished.
    exponent : float
        2, not known when compiled.
    """
    lower, upper = tree.lower, tree.upper
    pairs = np.zeros((PAIR_STACK, 3), np.int64)
    distances = np.zeros(PAIR_STACK)
    # Values for which a row may still start an edge: a component's nearest distance only falls.
    hopeful = np.full(len(tree.rows), everything)
    widest = np.max((tree.end - tree.start)[tree.is_leaf])
    squared = np.empty(widest + 1)
    bits = squared.view(np.int64)  # in the order of the numbers, as none is negative
    highest = np.empty(forest.bounds.shape[1])
    lowest = np.empty(forest.bounds.shape[1])
    pairs[0, 2] = everything
    top = 1
    while top > 0:
        top -= 1
        a, b = pairs[top, 0], pairs[top, 1]
        values = pairs[top, 2] & _not_pruned(tree, forest, a, b, distances[top], exponent)
        if values == 0:
            continue
        if tree.is_leaf[a] and tree.is_leaf[b]:
            _search_leaf(tree, forest, a, b, values, hopeful, squared, bits, highest, lowest)
            continue
        if tree.is_leaf[a] or (not tree.is_leaf[b] and tree.radius[b] > tree.radius[a]):
            near_a, near_b, far_a, far_b = a, 2 * b + 1, a, 2 * b + 2
        else:
            near_a, near_b, far_a, far_b = 2 * a + 1, b, 2 * a + 2, b
        near = quick_node_distance(lower, upper, near_a, near_b)
        far = quick_node_distance(lower, upper, far_a, far_b)
        if is_decided(near, far):
            in_order = near < far
        else:
            in_order = node_distance(lower, upper, near_a, near_b, exponent) < node_distance(
                lower, upper, far_a, far_b, exponent
            )
        if not in_order:
            near_a, near_b, far_a, far_b = far_a, far_b, near_a, near_b
            near, far = far, near
        pairs[top, 0], pairs[top, 1], pairs[top, 2] = far_a, far_b, values
        distances[top] = far
        top += 1
        pairs[top, 0], pairs[top, 1], pairs[top, 2] = near_a, near_b, values
        distances[top] = near
        top += 1


@njit(cache=True, nogil=True)
def _not_pruned(tree, forest, a, b, distance, exponent):
    """Bits of the values for which a pair is near enough and not of one component."""
    bounds, components = forest.bounds, forest.node_component
    margin = ROUNDING * distance + TINY
    least, most = max(distance - margin, 0.0), distance + margin
    surely, perhaps = 0, 0
    for lane in range(bounds.shape[1]):
        is_open = (components[a, lane] != components[b, lane]) | (components[a, lane] < 0)
        surely |= int((most < bounds[a, lane]) & is_open) << lane
        perhaps |= int((least < bounds[a, lane]) & is_open) << lane
    if surely == perhaps:
        return surely
    distance = node_distance(tree.lower, tree.upper, a, b, exponent)
    values = 0
    for lane in range(bounds.shape[1]):
        is_open = (components[a, lane] != components[b, lane]) | (components[a, lane] < 0)
        values |= int((distance < bounds[a, lane]) & is_open) << lane
    return values


@njit(cache=True, nogil=True)
def _search_leaf(tree, forest, a, b, values, hopeful, squared, bits, highest, lowest):
    """Offer the rows of a leaf to the components of another, and tighten the other's bounds."""
    begin, end = tree.start[b], tree.end[b]
    highest[:] = 0.0
    lowest[:] = LARGEST
    for i in range(tree.start[a], tree.end[a]):
        left = hopeful[i] & values
        if left == 0:
            continue
        to_leaf = -1.0
        to_row = -1.0
        value = 0
        while left != 0:
            if left & 1 == 0:
                left >>= 1
                value += 1
                continue
            component = forest.component[value, i]
            best = forest.nearest[value, component]
            core = forest.core[value, i]
            # hdbscan leaves such a row out of the bound too: no better edge starts from it.
            if core > best:
                hopeful[i] &= ~(1 << value)
            else:
                if to_leaf < 0.0:
                    to_leaf = _squared_to_node(tree, i, b)
                if to_leaf < best:
                    if to_row < 0.0:
                        to_row = _squared_to_rows(tree, i, begin, end, squared, bits)
                    if to_row < best:
                        best = _search_rows(
                            forest, value, i, component, begin, end, squared, bits, best
                        )
                highest[value] = max(highest[value], best)
                lowest[value] = min(lowest[value], best)
            left >>= 1
            value += 1
    diameter = 2 * (tree.radius[a] * tree.radius[a])
    value = 0
    while values != 0:
        if values & 1:
            bound = min(highest[value], lowest[value] + diameter)
            if bound < forest.bounds[a, value]:
                _tighten(forest.bounds, a, value, bound)
        values >>= 1
        value += 1


@njit(cache=True, nogil=True)
def _squared_to_node(tree, i, node):
    total = 0.0
    for column in range(tree.lower.shape[1]):
        value = tree.points[i, column]
        gap = max(tree.lower[node, column] - value, value - tree.upper[node, column])
        gap = max(gap, 0.0)
        total += gap * gap
    return total


@njit(cache=True, nogil=True)
def _squared_to_rows(tree, i, begin, end, squared, bits):
    """Write the squared distances from a row to those of a leaf; return the least."""
    for j in range(end - begin):
        squared[j] = 0.0
    for column in range(tree.points.shape[1]):
        value = tree.points[i, column]
        for j in range(end - begin):
            difference = value - tree.columns[column, begin + j]
            squared[j] += difference * difference
    least = FARTHEST
    for j in range(end - begin):
        least = min(least, bits[j])
    bits[end - begin] = least
    return squared[end - begin]


@njit(cache=True, nogil=True)
def _search_rows(forest, value, i, component, begin, end, squared, bits, best):
    """Find the nearest row of a leaf outside a component; return its distance, or `best`."""
    least = FARTHEST
    for j in range(end - begin):
        reach = max(bits[j], forest.core_bits[value, begin + j])
        reach = FARTHEST if forest.component[value, begin + j] == component else reach
        least = min(least, reach)
    if least == FARTHEST:
        return best
    # The first that is as near once the row's own core distance counts.
    least = max(least, forest.core_bits[value, i])
    j = 0
    while (
        forest.component[value, begin + j] == component
        or max(bits[j], forest.core_bits[value, begin + j]) > least
    ):
        j += 1
    distance = max(squared[j], forest.core[value, begin + j], forest.core[value, i])
    if distance >= best:
        return best
    forest.nearest[value, component] = distance
    forest.source[value, component] = i
    forest.sink[value, component] = begin + j
    return distance


@njit(cache=True, nogil=True)
def _tighten(bounds, node, value, bound):
    """Lower the bound of a leaf, and those above it that follow."""
    while bound < bounds[node, value]:
        bounds[node, value] = bound
        if node == 0:
            break
        node = (node - 1) // 2
        bound = max(bounds[2 * node + 1, value], bounds[2 * node + 2, value])
