"""Spanning trees of mutual reachability for falling min_samples, each from the one before."""

import numpy as np
from numba import njit

from climbkit.kernels._lanes import prefetch
from climbkit.kernels._union_find import find

_SPARE_BITS = 8  # sorted beyond those that number the values: few pairs then share a bucket
_MAX_DIGIT = 11  # bits sorted at once: a table of 2048 counts stays in the first cache
_AHEAD = 12  # points whose data are on their way while one is joined; 8 to 16 do as well
_MAX_SORTED = 30  # bits, beside a number of 32 bits in a signed word


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
    order = np.arange(n_values).astype(np.int32)
    if n_values < 2:
        return order
    bits = values.view(np.int64)
    lowest = bits.min()
    n_bits = _bit_length(bits.max() - lowest)
    n_sorted = min(_bit_length(n_values) + _SPARE_BITS, n_bits, _MAX_SORTED)
    n_digits = max((n_sorted + _MAX_DIGIT - 1) // _MAX_DIGIT, 1)
    digit = (n_sorted + n_digits - 1) // n_digits
    shift = max(n_bits - digit * n_digits, 0)
    mask = (1 << digit) - 1
    counts = np.zeros((n_digits, mask + 1), np.int32)
    keys = np.empty(n_values, np.int64)  # the bits to be sorted and below them the number
    moved = np.empty(n_values, np.int64)
    for i in range(n_values):
        key = (bits[i] - lowest) >> shift
        keys[i] = (key << 32) | i
        for k in range(n_digits):
            counts[k, (key >> (k * digit)) & mask] += 1
    for k in range(n_digits):
        total = 0
        for value in range(mask + 1):
            count = counts[k, value]
            counts[k, value] = total
            total += count
        first_bit = 32 + k * digit
        for i in range(n_values):
            key = keys[i]
            value = (key >> first_bit) & mask
            moved[counts[k, value]] = key
            counts[k, value] += 1
        keys, moved = moved, keys
    moves_left = 8 * n_values
    for i in range(n_values):
        this = np.int32(keys[i] & 0xFFFFFFFF)
        place = i
        while place > 0 and values[order[place - 1]] > values[this]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = this
        moves_left -= i - place
        if moves_left < 0:
            return np.argsort(values, kind="mergesort").astype(np.int32)
    return order


@njit(cache=True, nogil=True)
def _bit_length(number):
    n_bits = 0
    while number >> n_bits > 0:
        n_bits += 1
    return n_bits


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
    size = np.ones(n_points, np.int32)
    order = ascending_order(core)
    roots = np.empty(min_samples, np.int32)
    active = np.empty(min_samples, np.bool_)
    n_far = len(far_distance)
    far = joined = kept = 0
    for place in range(n_points + 1):
        height = np.inf
        i = 0
        if place < n_points:
            i = order[place]
            height = core[i]
            if place + _AHEAD < n_points:
                _prefetch_point(neighbors, parent, core, order[place + _AHEAD])
        while far < n_far and far_distance[far] <= height:
            one, other = far_left[far], far_right[far]
            distance = far_distance[far]
            far += 1
            if core[one] > distance or core[other] > distance:
                continue
            one_root, other_root = find(parent, one), find(parent, other)
            if one_root == other_root:
                continue
            one_root, other_root = _unite(parent, size, one_root, other_root)
            left[joined], right[joined], weight[joined] = one_root, other_root, distance
            joined += 1
            next_left[kept], next_right[kept], next_distance[kept] = (
                one,
                other,
                distance,
            )
            kept += 1
        if place == n_points:
            break
        settled = True
        for j in range(min_samples):
            other = neighbors[i, j]
            root = parent[parent[other]]
            active[j] = core[other] <= height
            roots[j] = root
            settled &= parent[root] == root
        own = find(parent, i)
        if not settled:
            for j in range(min_samples):
                if active[j]:
                    roots[j] = find(parent, neighbors[i, j])
        to_join = 0
        for j in range(min_samples):
            active[j] &= roots[j] != own
            to_join += active[j]
        j = 0
        while to_join > 0:
            while not active[j]:
                j += 1
            met = roots[j]
            to_join = 0
            for k in range(min_samples):
                active[k] &= roots[k] != met
                to_join += active[k]
            winner, loser = _unite(parent, size, own, met)
            left[joined], right[joined], weight[joined] = winner, loser, height
            joined += 1
            own = winner
            if j == min_samples - 1:
                next_left[kept], next_right[kept], next_distance[kept] = (
                    i,
                    neighbors[i, j],
                    height,
                )
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
def _prefetch_point(neighbors, parent, core, i):
    """Points come in the order of their core distances, which is none for the memory."""
    n_neighbors = neighbors.shape[1]
    prefetch(neighbors, i * n_neighbors)
    prefetch(neighbors, i * n_neighbors + n_neighbors - 1)
    prefetch(parent, i)
    prefetch(core, i)


@njit(cache=True, nogil=True)
def _unite(parent, size, one, other):
    """Join two components under the root of the larger; return it and the other root."""
    if size[one] < size[other]:
        one, other = other, one
    parent[other] = one
    size[one] += size[other]
    return one, other
