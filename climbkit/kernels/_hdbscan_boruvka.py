"""hdbscan's spanning tree of mutual reachability distances, edge by edge the same.

Ported from `KDTreeBoruvkaAlgorithm` of hdbscan 0.8.44 (copyright 2015, Leland McInnes; BSD
3-clause, in the file LICENSE.hdbscan beside this one).

The tree is Boruvka's: each round joins each component to its nearest row outside, found by a
walk over pairs of nodes. hdbscan's default keeps the bounds of earlier rounds, so that its tree
is not quite minimal, and which edges it holds depends on the order of the walk and of the joins.
Both are kept here. What differs is the work for each step: components are numbered without
gaps in the order of hdbscan's, rows lie in tree order, and distances that can't change a
candidate are not computed.
"""

import math

import numpy as np
from numba import njit

from climbkit.kernels._hdbscan_kdtree import (
    LARGEST,
    is_decided,
    node_distance,
    quick_node_distance,
)

PAIR_STACK = 1024  # a pair leaves one sibling for each step down either tree of at most 64 levels


@njit(cache=True, nogil=True)
def approximate_spanning_tree(tree, core, first, approximate, exponent):
    """Join all rows as hdbscan does.

    Parameters
    ----------
    tree : NodeArrays
        Rows, in leaves of a third of hdbscan's `leaf_size`.
    core : ndarray of shape (n_rows,), dtype float64
        Squared core distances in tree order.
    first : ndarray of shape (n_rows,), dtype int64
        Positions that rows are joined to in the first round, -1 for none.
    approximate : bool
        Whether bounds are kept between rounds (hdbscan's `approx_min_span_tree`).
    exponent : float
        2, not known when compiled: see `SQUARE` of the tree's module.

    Returns
    -------
    left, right : ndarray of shape (n_rows - 1,), dtype int64
        Row numbers that an edge joins, in the order in which hdbscan adds the edges.
    weight : ndarray of shape (n_rows - 1,), dtype float64
        Mutual reachability distances.
    n_edges : int
        Less than ``n_rows - 1`` where distances are too large for float64.
    """
    n_rows = len(tree.rows)
    position = np.empty(n_rows, np.int64)
    position[tree.rows] = np.arange(n_rows)
    left = np.empty(n_rows - 1, np.int64)
    right = np.empty(n_rows - 1, np.int64)
    weight = np.empty(n_rows - 1)
    n_edges = 0

    # A component's number is the place of its root among all roots.
    n_components = n_rows
    component = tree.rows.copy()  # by position
    node_component = np.full(len(tree.start), -1)  # -1 where a node holds several
    root = np.arange(n_rows)
    rank = np.zeros(n_rows, np.uint8)
    source = position.copy()  # by component, as the two below
    sink = first[position]
    nearest = core[position]
    for row in range(n_rows):
        if sink[row] < 0:
            source[row] = -1

    bounds = np.full(len(tree.start), LARGEST)
    is_stuck = False
    while True:
        n_edges = _join(
            tree.rows, component, root, rank, source, sink, nearest, n_components,
            left, right, weight, n_edges,
        )  # fmt: skip
        if n_edges == n_rows - 1:
            break
        n_before = n_components
        n_components = _renumber(component, root, rank, n_before)
        if n_components == n_before:
            if is_stuck:
                break
            is_stuck = True
            bounds[:] = LARGEST
        elif not approximate:
            bounds[:] = LARGEST
        if n_components < n_before:
            is_stuck = False
        source[:n_components] = -1
        nearest[:n_components] = LARGEST
        _number_nodes(tree, component, node_component)
        _walk(tree, core, component, node_component, bounds, source, sink, nearest, exponent)
    return left, right, weight, n_edges


@njit(cache=True, nogil=True)
def _find(root, i):
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i


@njit(cache=True, nogil=True)
def _join(rows, component, root, rank, source, sink, nearest, n_components, left, right, weight,
          n_edges):  # fmt: skip
    """Add the edge of each component that still leads outside; return the number of edges."""
    for one in range(n_components):
        if source[one] < 0:
            continue
        a = _find(root, component[source[one]])
        b = _find(root, component[sink[one]])
        if a == b:
            continue
        left[n_edges] = rows[source[one]]
        right[n_edges] = rows[sink[one]]
        weight[n_edges] = math.sqrt(nearest[one])
        n_edges += 1
        if rank[a] < rank[b]:
            root[a] = b
        elif rank[a] > rank[b]:
            root[b] = a
        else:
            rank[a] += 1
            root[b] = a
        if n_edges == len(weight):
            break
    return n_edges


@njit(cache=True, nogil=True)
def _renumber(component, root, rank, n_components):
    """Number the roots in their order, and rows by them; return how many there are."""
    number = np.empty(n_components, np.int64)
    count = 0
    for one in range(n_components):
        if root[one] == one:
            number[one] = count
            rank[count] = rank[one]
            count += 1
    for one in range(n_components):
        number[one] = number[_find(root, one)]
    for i in range(len(component)):
        component[i] = number[component[i]]
    for one in range(count):
        root[one] = one
    return count


@njit(cache=True, nogil=True)
def _number_nodes(tree, component, node_component):
    """Number the nodes whose rows are of one component."""
    for node in range(len(tree.start) - 1, -1, -1):
        if tree.is_leaf[node]:
            common = component[tree.start[node]]
            for i in range(tree.start[node] + 1, tree.end[node]):
                if component[i] != common:
                    common = -1
                    break
        else:
            common = node_component[2 * node + 1]
            if common != node_component[2 * node + 2]:
                common = -1
        node_component[node] = common


@njit(cache=True, nogil=True)
def _walk(tree, core, component, node_component, bounds, source, sink, nearest, exponent):
    """Find the nearest row outside for each component, as far as the bounds allow."""
    lower, upper = tree.lower, tree.upper
    pairs = np.zeros((PAIR_STACK, 2), np.int64)
    distances = np.zeros(PAIR_STACK)
    top = 1
    while top > 0:
        top -= 1
        a, b = pairs[top]
        distance, bound = distances[top], bounds[a]
        if not is_decided(distance, bound):
            distance = node_distance(lower, upper, a, b, exponent)
        if distance >= bound:
            continue
        if node_component[a] >= 0 and node_component[a] == node_component[b]:
            continue
        if tree.is_leaf[a] and tree.is_leaf[b]:
            bound = _search_leaf(tree, core, component, a, b, source, sink, nearest)
            _tighten(bounds, a, bound)
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
        pairs[top, 0], pairs[top, 1], distances[top] = far_a, far_b, far
        pairs[top + 1, 0], pairs[top + 1, 1], distances[top + 1] = near_a, near_b, near
        top += 2


@njit(cache=True, nogil=True)
def _search_leaf(tree, core, component, a, b, source, sink, nearest):
    """Offer the rows of a leaf to the components of another; return the other's new bound."""
    n_columns = tree.points.shape[1]
    highest = 0.0
    lowest = LARGEST
    for i in range(tree.start[a], tree.end[a]):
        own = component[i]
        best = nearest[own]
        # hdbscan leaves such a row out of the bound too: no better candidate starts from it.
        if core[i] > best:
            continue
        for j in range(tree.start[b], tree.end[b]):
            if core[j] > best or component[j] == own:
                continue
            distance = 0.0
            for column in range(n_columns):
                difference = tree.points[i, column] - tree.points[j, column]
                distance += difference * difference
            distance = max(distance, core[i], core[j])
            if distance < best:
                best = distance
                nearest[own], source[own], sink[own] = distance, i, j
        highest = max(highest, best)
        lowest = min(lowest, best)
    return min(highest, lowest + 2 * (tree.radius[a] * tree.radius[a]))


@njit(cache=True, nogil=True)
def _tighten(bounds, node, bound):
    """Lower the bound of a leaf, and those above it that follow."""
    while bound < bounds[node]:
        bounds[node] = bound
        if node == 0:
            break
        node = (node - 1) // 2
        bound = max(bounds[2 * node + 1], bounds[2 * node + 2])
