"""Edges of a minimum spanning tree of mutual reachability that join points not among neighbours."""

import numpy as np
from numba import njit

from climbkit.kernels._lanes import (
    FAN_OUT,
    LEAF_SIZE,
    boxes_within,
    lowest_bit,
    points_within,
)
from climbkit.kernels._packed_tree import STACK_SIZE, push_child
from climbkit.kernels._union_find import find

_MIXED = -1  # component of a node whose points are of several
_NOTHING_LESS = -1.0  # weight to beat where no edge is wanted


@njit(cache=True, nogil=True)
def far_edges(tree, core, neighbors):
    """Find the edges of a spanning tree that the neighbour lists do not hold.

    Parameters
    ----------
    tree : PackedTree
        Points.
    core : ndarray of shape (n_points,), dtype float64
        Squared distance to the last neighbour of each point.
    neighbors : ndarray of shape (n_points, n_neighbors), dtype int32
        Positions of the nearest neighbours, nearest first.

    Returns
    -------
    left, right : ndarray of shape (n_edges,), dtype int32
        Ends of the edges. Together with the edges from each point to its neighbours they hold a
        minimum spanning tree of ``max(core[i], core[j], squared distance)``.
    squared : ndarray of shape (n_edges,), dtype float64
        Squared distances, ascending, none less than the core distance of an end.

    Notes
    -----
    Boruvka's algorithm. In the first round a point is joined to any neighbour whose core distance
    is not larger, since no edge of the point weighs less than its own core distance. In later
    rounds the neighbour lists give every component an edge to beat, and only points whose core
    distance is below its weight are searched for, past nodes of the same component, nodes whose
    least core distance is too large, and nodes that are too far. The largest component waits for
    the others to come: it has the most points and the longest ways. A point's lightest edge out
    of its component never gets lighter, so that the next search goes only where it may beat it.

    References
    ----------
    March, Ram & Gray (2010), https://doi.org/10.1145/1835804.1835882
    """
    n_points = len(core)
    parent = np.arange(n_points).astype(np.int32)
    n_components = _join_to_denser(core, neighbors, parent)
    left = np.empty(n_components, np.int32)
    right = np.empty(n_components, np.int32)
    squared = np.empty(n_components)
    n_edges = 0
    component = np.empty(n_points, np.int32)
    node_component = np.empty(tree.first_block[-1] * FAN_OUT, np.int32)
    node_core = _least_in_nodes(tree, core)
    size = np.empty(n_points, np.int32)
    weight = np.empty(n_points)
    source = np.empty(n_points, np.int32)
    sink = np.empty(n_points, np.int32)
    is_far = np.empty(n_points, np.bool_)
    open_points = np.arange(n_points).astype(np.int32)  # with a neighbour elsewhere
    n_open = n_points
    reached = core.copy()  # no edge out of the component weighs less, but for those of lists
    while n_components > 1:
        size[:] = 0
        for i in range(n_points):
            component[i] = find(parent, i)
            size[component[i]] += 1
        _components_of_nodes(tree, component, node_component)
        weight[:] = np.inf
        # All others find an edge out, so that the largest need not.
        weight[np.argmax(size)] = _NOTHING_LESS
        n_open = _best_of_lists(
            core, neighbors, component, open_points, n_open, weight, source, sink, is_far
        )
        _search(
            tree, core, component, node_component, node_core, reached, weight, source, sink, is_far
        )
        for i in range(n_points):
            if component[i] != i or weight[i] == _NOTHING_LESS:
                continue
            one, other = find(parent, source[i]), find(parent, sink[i])
            if one == other:
                continue
            parent[one] = other
            n_components -= 1
            if is_far[i]:
                left[n_edges], right[n_edges] = source[i], sink[i]
                squared[n_edges] = weight[i]
                n_edges += 1
    order = np.argsort(squared[:n_edges])
    return left[order], right[order], squared[order]


@njit(cache=True, nogil=True)
def _join_to_denser(core, neighbors, parent):
    """Join each point to its first neighbour of no larger core distance; count what is left."""
    n_points, n_neighbors = neighbors.shape
    n_components = n_points
    for i in range(n_points):
        for j in range(n_neighbors):
            other = neighbors[i, j]
            if core[other] <= core[i]:
                one, other = find(parent, i), find(parent, other)
                if one != other:
                    parent[one] = other
                    n_components -= 1
                break
    return n_components


@njit(cache=True, nogil=True)
def _least_in_nodes(tree, values):
    """Least value among the points of each node."""
    least = np.full(tree.first_block[-1] * FAN_OUT, np.inf)
    for i in range(len(values)):
        least[i // LEAF_SIZE] = min(least[i // LEAF_SIZE], values[i])
    for level in range(1, len(tree.first_block) - 1):
        below, here = (
            tree.first_block[level - 1] * FAN_OUT,
            tree.first_block[level] * FAN_OUT,
        )
        for node in range(here - below):
            parent = here + node // FAN_OUT
            least[parent] = min(least[parent], least[below + node])
    return least


@njit(cache=True, nogil=True)
def _components_of_nodes(tree, component, node_component):
    """Write the component that all points of a node share."""
    n_points = len(component)
    n_leaves = len(tree.leaves)
    for leaf in range(n_leaves):
        first = leaf * LEAF_SIZE
        shared = component[first]
        for i in range(first + 1, min(first + LEAF_SIZE, n_points)):
            if component[i] != shared:
                shared = _MIXED
                break
        node_component[leaf] = shared
    n_nodes = n_leaves
    for level in range(1, len(tree.first_block) - 1):
        below, here = (
            tree.first_block[level - 1] * FAN_OUT,
            tree.first_block[level] * FAN_OUT,
        )
        n_parents = (n_nodes + FAN_OUT - 1) // FAN_OUT
        for node in range(n_parents):
            first = node * FAN_OUT
            shared = node_component[below + first]
            for child in range(first + 1, min(first + FAN_OUT, n_nodes)):
                if node_component[below + child] != shared:
                    shared = _MIXED
                    break
            node_component[here + node] = shared
        n_nodes = n_parents


@njit(cache=True, nogil=True)
def _best_of_lists(core, neighbors, component, open_points, n_open, weight, source, sink, is_far):
    """Give each component its lightest edge in the neighbour lists, of either end."""
    n_neighbors = neighbors.shape[1]
    kept = 0
    for k in range(n_open):
        i = open_points[k]
        own = component[i]
        open_ended = False
        for j in range(n_neighbors):
            other = neighbors[i, j]
            its = component[other]
            if its == own:
                continue
            open_ended = True
            value = max(core[i], core[other])
            if value < weight[own]:
                weight[own], source[own], sink[own], is_far[own] = (
                    value,
                    i,
                    other,
                    False,
                )
            if value < weight[its]:
                weight[its], source[its], sink[its], is_far[its] = (
                    value,
                    i,
                    other,
                    False,
                )
        if open_ended:
            open_points[kept] = i
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _search(
    tree,
    core,
    component,
    node_component,
    node_core,
    reached,
    weight,
    source,
    sink,
    is_far,
):
    """Look for lighter edges among all other pairs of points."""
    n_points, n_columns = tree.points.shape
    n_levels = len(tree.first_block) - 1
    stack = np.empty((STACK_SIZE, 2), np.int64)
    stack_squared = np.empty(STACK_SIZE)
    to_boxes = np.empty(FAN_OUT)
    to_points = np.empty(LEAF_SIZE)
    for i in range(n_points):
        own = component[i]
        bound = weight[own]
        if reached[i] >= bound:
            continue
        start = bound
        point = tree.points[i]
        stack[0, 0], stack[0, 1] = n_levels - 1, 0
        stack_squared[0] = 0.0
        top = 1
        while top > 0:
            top -= 1
            if stack_squared[top] >= bound:
                continue
            level, node = stack[top]
            block = tree.first_block[level] + node
            mask = boxes_within(tree.boxes, block, n_columns, node_core, point, bound, to_boxes)
            bottom = top
            while mask != 0:
                lane = lowest_bit(mask)
                mask &= mask - 1
                if node_component[block * FAN_OUT + lane] == own or to_boxes[lane] >= bound:
                    continue
                child = node * FAN_OUT + lane
                if level > 0:
                    top = push_child(
                        stack, stack_squared, bottom, top, level - 1, child, to_boxes[lane]
                    )
                    continue
                near = points_within(tree.leaves, child, n_columns, point, bound, to_points)
                while near != 0:
                    lane = lowest_bit(near)
                    near &= near - 1
                    other = child * LEAF_SIZE + lane
                    if component[other] == own:
                        continue
                    value = max(to_points[lane], core[other])
                    if value < bound:
                        bound = value
                        source[own], sink[own] = i, other
                        is_far[own] = to_points[lane] >= value
        if bound < start:
            weight[own] = bound
        reached[i] = max(reached[i], bound)
