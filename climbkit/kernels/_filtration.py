"""Spanning trees of mutual reachability for falling min_samples, each from the one before."""

import numpy as np
from numba import njit

_DIGIT = 11  # bits sorted at once: a table of 2048 counts stays in the first cache
_N_DIGITS = 3  # the leading 33 bits of the range of values; few points share them


@njit(cache=True, nogil=True)
def ascending_order(values):
    """Return the order that sorts numbers, none of them negative.

    Parameters
    ----------
    values : ndarray of shape (n_values,), dtype float64
        Numbers from 0 to infinity.

    Returns
    -------
    order : ndarray of shape (n_values,), dtype int32
        Stable order.

    Notes
    -----
    Bits of such floats sort as integers. A radix sort of the leading bits leaves little to a last
    pass of insertion, which gives way to a merge sort where many values agree in them.
    """
    n_values = len(values)
    keys = values.view(np.int64)
    order = np.arange(n_values).astype(np.int32)
    if n_values < 2:
        return order
    lowest = keys.min()
    spread = keys.max() - lowest
    n_bits = 0
    while n_bits < 63 and (spread >> n_bits) > 0:
        n_bits += 1
    first_bit = max(n_bits - _DIGIT * _N_DIGITS, 0)
    moved = np.empty(n_values, np.int32)
    counts = np.empty((1 << _DIGIT) + 1, np.int64)
    mask = (1 << _DIGIT) - 1
    while first_bit < n_bits:
        counts[:] = 0
        for i in range(n_values):
            counts[(((keys[i] - lowest) >> first_bit) & mask) + 1] += 1
        for digit in range(mask):
            counts[digit + 1] += counts[digit]
        for i in range(n_values):
            digit = ((keys[order[i]] - lowest) >> first_bit) & mask
            moved[counts[digit]] = order[i]
            counts[digit] += 1
        order, moved = moved, order
        first_bit += _DIGIT
    moves_left = 8 * n_values
    for i in range(1, n_values):
        this = order[i]
        place = i
        while place > 0 and keys[order[place - 1]] > keys[this]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = this
        moves_left -= i - place
        if moves_left < 0:
            return np.argsort(values, kind="mergesort").astype(np.int32)
    return order


@njit(cache=True, nogil=True)
def spanning_tree(core, neighbors, min_samples, far_left, far_right, far_distance):
    """Find the minimum spanning tree of mutual reachability at one min_samples.

    Parameters
    ----------
    core : ndarray of shape (n_points,), dtype float64
        Distance to neighbour number `min_samples`.
    neighbors : ndarray of shape (n_points, n_neighbors), dtype int32
        Nearest neighbours, nearest first, at least `min_samples` of them.
    min_samples : int
        Neighbours that count.
    far_left, far_right : ndarray of shape (n_far,), dtype int32
        Other edges that may be needed.
    far_distance : ndarray of shape (n_far,), dtype float64
        Distances between their ends, ascending.

    Returns
    -------
    left, right : ndarray of shape (n_points - 1,), dtype int32
        Ends of the edges of the tree.
    weight : ndarray of shape (n_points - 1,), dtype float64
        Mutual reachability distances, ascending.
    next_left, next_right, next_distance : ndarray
        As `far_left`, `far_right` and `far_distance`, for ``min_samples - 1``.

    Notes
    -----
    Let an edge ``(i, j)`` weigh ``w = max(core[i], core[j], d)``. If ``d < w``, an end has the
    other among its neighbours, and the edge stands in a list, weighing as much as the larger core
    distance of its ends: to go through such edges by weight, it is enough to go through the
    *points* by core distance and to join each with its neighbours whose core distance is not
    larger. If ``d = w``, and with ``min_samples + 1`` the edge weighed the same, then its ends
    are joined in that tree by edges that weigh no more; if it weighed more, one end has the
    other among its first `min_samples` neighbours. So those neighbours and the tree for
    ``min_samples + 1`` are enough, ties or not, and of that tree only edges that stand in no list
    any more: the far ones used there, and those to the neighbour that has just been lost. All
    of these weigh their own distance and come in ascending order by themselves.

    References
    ----------
    Araujo Neto, Naldi, Campello & Sander (2022), "CORE-SG: Efficient Computation of Multiple MSTs
    for Density-Based Methods", https://doi.org/10.1109/ICDE53745.2022.00076
    """
    n_points = len(core)
    n_edges = n_points - 1
    left = np.empty(n_edges, np.int32)
    right = np.empty(n_edges, np.int32)
    weight = np.empty(n_edges)
    next_left = np.empty(n_edges, np.int32)
    next_right = np.empty(n_edges, np.int32)
    next_distance = np.empty(n_edges)
    parent = np.arange(n_points).astype(np.int32)
    order = ascending_order(core)
    n_far = len(far_distance)
    last = min_samples - 1
    far = joined = kept = 0
    for place in range(n_points + 1):
        height = np.inf
        i = 0
        if place < n_points:
            i = order[place]
            height = core[i]
        while far < n_far and far_distance[far] <= height:
            one, other = far_left[far], far_right[far]
            distance = far_distance[far]
            far += 1
            if core[one] > distance or core[other] > distance:
                continue
            if _join(parent, one, other):
                left[joined], right[joined], weight[joined] = one, other, distance
                joined += 1
                next_left[kept], next_right[kept], next_distance[kept] = one, other, distance
                kept += 1
        if place == n_points:
            break
        for j in range(min_samples):
            other = neighbors[i, j]
            if core[other] <= height and _join(parent, i, other):
                left[joined], right[joined], weight[joined] = i, other, height
                joined += 1
                if j == last:
                    next_left[kept], next_right[kept], next_distance[kept] = i, other, height
                    kept += 1
    return (
        left,
        right,
        weight,
        next_left[:kept].copy(),
        next_right[:kept].copy(),
        next_distance[:kept].copy(),
    )


@njit(cache=True, nogil=True)
def _join(parent, i, j):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    while parent[j] != j:
        parent[j] = parent[parent[j]]
        j = parent[j]
    if i == j:
        return False
    parent[i] = j
    return True
