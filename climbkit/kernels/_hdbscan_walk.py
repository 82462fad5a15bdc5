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
    NodeArrays,
    is_decided,
    node_distance,
)
from climbkit.kernels._hdbscan_lanes import (
    box_distance,
    first_within,
    lanes_above,
    lanes_apart,
    least_reach,
    row_to_rows,
    rows_to_box,
    rows_with,
)
from climbkit.kernels._hdbscan_vectors import VALUES, unowned
from climbkit.kernels._lanes import lowest_bit

PAIR_STACK = 1024  # a pair leaves one sibling for each step down either tree of at most 64 levels


class Forest(NamedTuple):
    """Components of the rows for each of several values of min_samples.

    Attributes
    ----------
    core : ndarray of shape (n_values, n_slots), dtype float64
        Squared core distances.
    component : ndarray of shape (n_values, n_slots), dtype int32
        Component of each row, -1 in empty slots.
    node_component : ndarray of shape (n_nodes, VALUES), dtype int32
        Component of all rows of a node, -1 where they differ.
    bounds : ndarray of shape (n_nodes, VALUES), dtype float64
        Squared distance beyond which a node need not be searched.
    nearest : ndarray of shape (n_values, n_components), dtype float64
        Squared distance of the nearest row outside found so far.
    source, sink : ndarray of shape (n_values, n_components), dtype int32
        Slots of the row inside and outside, -1 for none.
    hopeful : ndarray of shape (n_slots,), dtype int32
        Bits of the values for which a row may start an edge still: a component's nearest distance
        only falls.
    """

    core: np.ndarray
    component: np.ndarray
    node_component: np.ndarray
    bounds: np.ndarray
    nearest: np.ndarray
    source: np.ndarray
    sink: np.ndarray
    hopeful: np.ndarray


class Work(NamedTuple):
    """Room for a walk: pairs of nodes with their values and distances, and a leaf's distances."""

    pairs: np.ndarray
    distances: np.ndarray
    to_box: np.ndarray
    to_rows: np.ndarray
    highest: np.ndarray
    lowest: np.ndarray


@njit(cache=True, nogil=True)
def work_space(tree):
    """Room for the walks over a tree."""
    n_lanes = tree.columns.shape[2]
    return Work(
        np.zeros((PAIR_STACK, 3), np.int64),
        np.zeros(PAIR_STACK),
        np.empty(n_lanes),
        np.empty(n_lanes),
        np.empty(VALUES),
        np.empty(VALUES),
    )


@njit(cache=True, nogil=True)
def walk(tree, forest, work, everything, exponent):
    """Find the nearest row outside for each component, as far as the bounds allow.

    Parameters
    ----------
    tree : NodeArrays
        Rows.
    forest : Forest
        Components; `nearest`, `source`, `sink`, `bounds` and `hopeful` are updated.
    work : Work
        From `work_space`.
    everything : int
        Bits of the values of min_samples that are not finished.
    exponent : float
        2, not known when compiled.
    """
    tree, forest, work = _unowned_tree(tree), _unowned_forest(forest), _unowned_work(work)
    boxes, radius, first_leaf = tree.boxes, tree.radius, tree.first_leaf
    bounds, node_component = forest.bounds, forest.node_component
    pairs, distances = work.pairs, work.distances
    pairs[0, 0], pairs[0, 1], pairs[0, 2] = 0, 0, everything
    distances[0] = 0.0
    top = 1
    while top > 0:
        top -= 1
        a, b, values = pairs[top, 0], pairs[top, 1], pairs[top, 2]
        distance = distances[top]
        values &= lanes_apart(node_component, a, b)
        margin = ROUNDING * distance + TINY
        perhaps = values & lanes_above(bounds, a, max(distance - margin, 0.0))
        values &= lanes_above(bounds, a, distance + margin)
        if values != perhaps:
            values = perhaps & lanes_above(bounds, a, node_distance(boxes, a, b, exponent))
        if values == 0:
            continue
        if a >= first_leaf and b >= first_leaf:
            _search_leaf(tree, forest, work, a, b, values)
            continue
        if a >= first_leaf or (b < first_leaf and radius[b] > radius[a]):
            near_a, near_b, far_a, far_b = a, 2 * b + 1, a, 2 * b + 2
        else:
            near_a, near_b, far_a, far_b = 2 * a + 1, b, 2 * a + 2, b
        near = box_distance(boxes, near_a, near_b)
        far = box_distance(boxes, far_a, far_b)
        if is_decided(near, far):
            in_order = near < far
        else:
            in_order = node_distance(boxes, near_a, near_b, exponent) < node_distance(
                boxes, far_a, far_b, exponent
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
def _search_leaf(tree, forest, work, a, b, values):
    """Offer the rows of a leaf to the components of another, and tighten the other's bounds."""
    columns, to_box, to_rows = tree.columns, work.to_box, work.to_rows
    highest, lowest = work.highest, work.lowest
    core, component, nearest = forest.core, forest.component, forest.nearest
    n_columns, n_lanes = columns.shape[1], columns.shape[2]
    leaf, other = a - tree.first_leaf, b - tree.first_leaf
    begin, other_begin = leaf * n_lanes, other * n_lanes
    for value in range(VALUES):
        highest[value] = 0.0
        lowest[value] = LARGEST
    rows_to_box(columns, leaf, tree.boxes, b, n_columns, to_box)
    rows = rows_with(forest.hopeful, begin, n_lanes, values)
    while rows != 0:
        lane = lowest_bit(rows)
        rows &= rows - 1
        i = begin + lane
        to_nearest = -1.0
        left = forest.hopeful[i] & values
        while left != 0:
            value = lowest_bit(left)
            left &= left - 1
            own = component[value, i]
            best = nearest[value, own]
            # hdbscan leaves such a row out of the bound too: no better edge starts from it.
            if core[value, i] > best:
                forest.hopeful[i] &= ~(1 << value)
                continue
            if to_box[lane] < best:
                if to_nearest < 0.0:
                    to_nearest = row_to_rows(columns, leaf, lane, other, n_columns, to_rows)
                if to_nearest < best:
                    reach = least_reach(to_rows, core, component, value, other_begin, n_lanes, own)
                    reach = max(reach, core[value, i])
                    if reach < best:
                        best = reach
                        # The first that is as near once the row's own core distance counts.
                        found = first_within(
                            to_rows, core, component, value, other_begin, n_lanes, own, reach
                        )
                        nearest[value, own] = reach
                        forest.source[value, own] = i
                        forest.sink[value, own] = other_begin + lowest_bit(found)
            highest[value] = max(highest[value], best)
            lowest[value] = min(lowest[value], best)
    diameter = 2 * (tree.radius[a] * tree.radius[a])
    while values != 0:
        value = lowest_bit(values)
        values &= values - 1
        bound = min(highest[value], lowest[value] + diameter)
        if bound < forest.bounds[a, value]:
            _tighten(forest.bounds, a, value, bound)


@njit(cache=True, nogil=True)
def _tighten(bounds, node, value, bound):
    """Lower the bound of a leaf, and those above it that follow."""
    while bound < bounds[node, value]:
        bounds[node, value] = bound
        if node == 0:
            break
        node = (node - 1) // 2
        bound = max(bounds[2 * node + 1, value], bounds[2 * node + 2, value])


@njit(cache=True, nogil=True)
def _unowned_tree(tree):
    return NodeArrays(
        unowned(tree.columns),
        unowned(tree.rows),
        unowned(tree.slots),
        unowned(tree.boxes),
        unowned(tree.radius),
        tree.first_leaf,
    )


@njit(cache=True, nogil=True)
def _unowned_forest(forest):
    return Forest(
        unowned(forest.core),
        unowned(forest.component),
        unowned(forest.node_component),
        unowned(forest.bounds),
        unowned(forest.nearest),
        unowned(forest.source),
        unowned(forest.sink),
        unowned(forest.hopeful),
    )


@njit(cache=True, nogil=True)
def _unowned_work(work):
    return Work(
        unowned(work.pairs),
        unowned(work.distances),
        unowned(work.to_box),
        unowned(work.to_rows),
        unowned(work.highest),
        unowned(work.lowest),
    )
