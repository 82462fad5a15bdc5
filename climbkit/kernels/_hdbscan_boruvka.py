"""hdbscan's spanning trees of mutual reachability distances, edge by edge the same.

Ported from `KDTreeBoruvkaAlgorithm` of hdbscan 0.8.44 (copyright 2015, Leland McInnes; BSD
3-clause, in the file LICENSE.hdbscan beside this one).

The tree is Boruvka's: each round joins each component to its nearest row outside, found by a
walk over pairs of nodes. hdbscan's default keeps the bounds of earlier rounds, so that its tree
is not quite minimal, and which edges it holds depends on the order of the walk and of the joins.
Both are kept here. Components are numbered without gaps in the order of hdbscan's roots.
"""

import math

import numpy as np
from numba import njit

from climbkit.kernels._hdbscan_kdtree import LARGEST
from climbkit.kernels._hdbscan_vectors import VALUES
from climbkit.kernels._hdbscan_walk import Forest, walk, work_space


@njit(cache=True, nogil=True)
def approximate_spanning_trees(tree, core, first, approximate, exponent):
    """Join all rows as hdbscan does, for several values of min_samples.

    Parameters
    ----------
    tree : NodeArrays
        Rows, in leaves of a third of hdbscan's `leaf_size`.
    core : ndarray of shape (n_values, n_rows), dtype float64
        Squared core distances by row, of at most `VALUES` values of min_samples.
    first : ndarray of shape (n_values, n_rows), dtype int32
        Rows that each row is joined to in the first round, -1 for none.
    approximate : bool
        Whether bounds are kept between rounds (hdbscan's `approx_min_span_tree`).
    exponent : float
        2, not known when compiled: see `SQUARE` of the tree's module.

    Returns
    -------
    left, right : ndarray of shape (n_values, n_rows - 1), dtype int32
        Row numbers that an edge joins, in the order in which hdbscan adds the edges.
    weight : ndarray of shape (n_values, n_rows - 1), dtype float64
        Mutual reachability distances.
    n_edges : ndarray of shape (n_values,), dtype int64
        Less than ``n_rows - 1`` where distances are too large for float64.
    """
    n_values, n_rows = first.shape
    n_nodes = len(tree.radius)
    left = np.empty((n_values, n_rows - 1), np.int32)
    right = np.empty((n_values, n_rows - 1), np.int32)
    weight = np.empty((n_values, n_rows - 1))
    n_edges = np.zeros(n_values, np.int64)
    n_components = np.empty(n_values, np.int64)
    component = np.empty((n_values, len(tree.rows)), np.int32)
    rank = np.zeros((n_values, n_rows), np.uint8)
    root = np.empty(n_rows, np.int32)
    edges = (left, right, weight)
    unfinished = 0
    for value in range(n_values):
        root[:] = np.arange(n_rows)
        component[value] = tree.rows
        n_edges[value] = _join_rows(core[value], first[value], root, rank[value], edges, value)
        if n_edges[value] < n_rows - 1:
            unfinished |= 1 << value
        n_components[value] = _renumber(component[value], root, rank[value], n_rows)

    most = n_components.max()
    forest = Forest(
        _by_slot(tree, core),
        component,
        np.full((n_nodes, VALUES), -1, np.int32),
        np.full((n_nodes, VALUES), LARGEST),
        np.empty((n_values, most)),
        np.empty((n_values, most), np.int32),
        np.empty((n_values, most), np.int32),
        np.zeros(len(tree.rows), np.int32),
    )
    work = work_space(tree)
    is_stuck = np.zeros(n_values, np.bool_)
    while unfinished != 0:
        for value in range(n_values):
            if unfinished >> value & 1:
                forest.nearest[value, : n_components[value]] = LARGEST
                forest.source[value, : n_components[value]] = -1
                _number_nodes(tree, component[value], forest.node_component, value)
        for i in range(len(tree.rows)):
            forest.hopeful[i] = unfinished if tree.rows[i] >= 0 else 0
        walk(tree, forest, work, unfinished, exponent)
        for value in range(n_values):
            if not unfinished >> value & 1:
                continue
            before = n_components[value]
            root[:before] = np.arange(before)
            n_edges[value] = _join_components(
                tree.rows, forest, root, rank[value], before, edges, n_edges[value], value
            )
            n_components[value] = _renumber(component[value], root, rank[value], before)
            had_no_bounds = is_stuck[value]
            is_stuck[value] = n_components[value] == before
            if is_stuck[value] or not approximate:
                forest.bounds[:, value] = LARGEST
            # Without bounds, a walk that finds no edge at all met no finite distance.
            if n_edges[value] == n_rows - 1 or (is_stuck[value] and had_no_bounds):
                unfinished &= ~(1 << value)
    return left, right, weight, n_edges


@njit(cache=True, nogil=True)
def _by_slot(tree, core):
    ordered = np.full((len(core), len(tree.rows)), np.inf)
    for value in range(len(core)):
        for i in range(len(tree.rows)):
            if tree.rows[i] >= 0:
                ordered[value, i] = core[value, tree.rows[i]]
    return ordered


@njit(cache=True, nogil=True)
def _join_rows(core, first, root, rank, edges, value):
    """Add the edges from each row to its first neighbour; return the number of edges."""
    left, right, weight = edges
    n_edges = 0
    for row in range(len(first)):
        if first[row] >= 0 and _unite(root, rank, row, first[row]):
            left[value, n_edges] = row
            right[value, n_edges] = first[row]
            weight[value, n_edges] = math.sqrt(core[row])
            n_edges += 1
    return n_edges


@njit(cache=True, nogil=True)
def _join_components(rows, forest, root, rank, n_components, edges, n_edges, value):
    """Add the edge of each component that still leads outside; return the number of edges."""
    left, right, weight = edges
    source, sink = forest.source[value], forest.sink[value]
    for component in range(n_components):
        if source[component] < 0:
            continue
        other = forest.component[value, sink[component]]
        if _unite(root, rank, component, other):
            left[value, n_edges] = rows[source[component]]
            right[value, n_edges] = rows[sink[component]]
            weight[value, n_edges] = math.sqrt(forest.nearest[value, component])
            n_edges += 1
    return n_edges


@njit(cache=True, nogil=True)
def _find(root, i):
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i


@njit(cache=True, nogil=True)
def _unite(root, rank, a, b):
    """Join two components by rank, the first on top among equals; tell whether they were two."""
    a, b = _find(root, a), _find(root, b)
    if a == b:
        return False
    if rank[a] < rank[b]:
        root[a] = b
    elif rank[a] > rank[b]:
        root[b] = a
    else:
        rank[a] += 1
        root[b] = a
    return True


@njit(cache=True, nogil=True)
def _renumber(component, root, rank, n_components):
    """Number the roots in their order, and rows by them; return how many there are."""
    number = np.empty(n_components, np.int32)
    count = 0
    for one in range(n_components):
        if root[one] == one:
            number[one] = count
            rank[count] = rank[one]
            count += 1
    for one in range(n_components):
        number[one] = number[_find(root, one)]
    for i in range(len(component)):
        if component[i] >= 0:
            component[i] = number[component[i]]
    return count


@njit(cache=True, nogil=True)
def _number_nodes(tree, component, node_component, value):
    """Number the nodes whose rows are of one component."""
    n_lanes = tree.columns.shape[2]
    for node in range(len(node_component) - 1, -1, -1):
        if node >= tree.first_leaf:
            begin = (node - tree.first_leaf) * n_lanes
            common = component[begin]
            for i in range(begin + 1, begin + n_lanes):
                if component[i] != common and component[i] >= 0:
                    common = -1
                    break
        else:
            common = node_component[2 * node + 1, value]
            if common != node_component[2 * node + 2, value]:
                common = -1
        node_component[node, value] = common
