"""Merging the nearest clusters first, where nothing forbids it (the last step of C-DBSCAN)."""

import numpy as np
from numba import njit

from climbkit.kernels._kdtree import (
    leaf_distances,
    nearest_in_node,
    push_children,
    work_space,
)
from climbkit.kernels._union_find import find

# Clusters remembered for a node of the tree. A node with no more than these is passed over if
# none of them may be merged with the one that asks; eight groups meet rarely in one small node.
REMEMBERED = 8
NONE = -1


@njit(cache=True, nogil=True)
def merge_nearest(tree, cluster, known, apart, limit):
    """Merge clusters by single linkage, nearest first, passing over forbidden pairs.

    Parameters
    ----------
    tree : Tree
        Rows.
    cluster : ndarray of shape (n_rows,), dtype int64
        Cluster of each row, from 0; -1 for noise, which takes no part.
    known : ndarray of shape (n_clusters,), dtype bool
        Clusters no two of which may be merged.
    apart : ndarray of shape (n_pairs, 2), dtype int64
        Further pairs of different clusters that may not end in one.
    limit : float
        Largest squared distance at which clusters are merged, as from `squared_limit`.

    Returns
    -------
    merged : ndarray of shape (n_clusters,), dtype int64
        The cluster, of those merged with it, that stands for each.
    links : ndarray of shape (n_merges, 2), dtype int64
        The two rows whose distance merged two clusters.
    squared : ndarray of shape (n_merges,), dtype float64
        Their squared distances.

    Notes
    -----
    The result is that of taking all pairs of rows in ascending order of distance (equal ones in
    the order of the smaller, then the larger row number) and merging their clusters unless that
    is forbidden. It is reached in rounds: each cluster looks for its nearest permitted
    neighbour. A cluster without constraints merges at once, since nothing that is nearer could
    come in between; two constrained ones merge if each is the other's nearest. Nearest
    neighbours found in a round serve the next ones as long as they last, since what is
    permitted only shrinks. There are about log(n_clusters) rounds of O(n_rows) steps and a few
    tree searches; memory is linear. Only clusters with constraints that lie on a line at ever
    growing distances need a round each.
    """
    n_rows, n_clusters = len(tree.rows), len(known)
    parent = np.arange(n_clusters)
    known = known.copy()
    done = np.zeros(n_clusters, np.bool_)
    start = cluster[tree.rows]
    current = np.empty(n_rows, np.int64)  # root of each position in the tree
    nearest = np.full(n_rows, NONE)  # position of the nearest permitted row, if it was sought
    at_least = np.zeros(n_rows)  # no permitted row is nearer than this squared distance
    best = np.empty(n_clusters)
    best_low = np.empty(n_clusters, np.int64)
    best_high = np.empty(n_clusters, np.int64)
    target = np.empty(n_clusters, np.int64)
    inside = np.empty((len(tree.start), REMEMBERED), np.int64)
    n_inside = np.empty(len(tree.start), np.int64)
    links = np.empty((n_clusters, 2), np.int64)
    squared = np.empty(n_clusters)
    stack, to_row = work_space(tree)
    n_links = 0
    while True:
        for i in range(n_rows):
            root = find(parent, start[i]) if start[i] >= 0 else NONE
            current[i] = NONE if root >= 0 and done[root] else root
        keys, has_pairs = _forbidden_keys(parent, apart)
        _clusters_in_nodes(tree, current, inside, n_inside)
        best[:] = limit
        best_low[:] = n_rows
        best_high[:] = n_rows
        # Two passes: neighbours that are known already keep the searches of the second short.
        for searching in (False, True):
            for i in range(n_rows):
                own = current[i]
                if own == NONE or at_least[i] > best[own]:
                    continue
                other = nearest[i]
                still = other != NONE and _permitted(
                    own, current[other], known, has_pairs, keys, n_clusters
                )
                if still == searching:
                    continue
                if searching:
                    other, distance = _nearest_permitted(
                        tree, i, current, known, has_pairs, keys, inside, n_inside,
                        best[own], best_low[own], best_high[own], stack, to_row,
                    )  # fmt: skip
                    nearest[i] = other
                    at_least[i] = max(at_least[i], distance)
                    if other == NONE:
                        continue
                low, high = _ordered(tree.rows[i], tree.rows[other])
                if _precedes(at_least[i], low, high, best[own], best_low[own], best_high[own]):
                    best[own], best_low[own], best_high[own] = at_least[i], low, high
                    target[own] = current[other]
        before = n_links
        for own in range(n_clusters):
            # A root of this round, whether or not it has been merged since the round began.
            if best_low[own] == n_rows:
                done[own] = True
                continue
            other = target[own]
            if known[own] or has_pairs[own]:
                mutual = best_low[own] == best_low[other] and best_high[own] == best_high[other]
                if not (mutual and (known[other] or has_pairs[other])):
                    continue
            first, second = find(parent, own), find(parent, other)
            if first != second:
                parent[second] = first
                links[n_links] = best_low[own], best_high[own]
                squared[n_links] = best[own]
                n_links += 1
        if n_links == before:
            break
        for own in range(n_clusters):
            root = find(parent, own)
            known[root] = known[root] or known[own]
    for own in range(n_clusters):
        parent[own] = find(parent, own)
    return parent, links[:n_links].copy(), squared[:n_links].copy()


@njit(cache=True, nogil=True)
def _ordered(first, second):
    return (first, second) if first < second else (second, first)


@njit(cache=True, nogil=True)
def _precedes(distance, low, high, than, than_low, than_high):
    """Order of pairs of rows: by distance, smaller row number, larger row number."""
    if distance != than:
        return distance < than
    return low < than_low or (low == than_low and high < than_high)


@njit(cache=True, nogil=True)
def _forbidden_keys(parent, apart):
    """Sorted keys of the pairs of roots that exclude each other, and which roots have any."""
    n_clusters = len(parent)
    keys = np.empty(len(apart), np.int64)
    has_pairs = np.zeros(n_clusters, np.bool_)
    for k in range(len(apart)):
        low, high = _ordered(find(parent, apart[k, 0]), find(parent, apart[k, 1]))
        keys[k] = low * n_clusters + high
        has_pairs[low] = True
        has_pairs[high] = True
    keys.sort()
    return keys, has_pairs


@njit(cache=True, nogil=True)
def _permitted(own, other, known, has_pairs, keys, n_clusters):
    """Whether a cluster may be merged with another; not with itself, nor with noise."""
    if other in (own, NONE) or (known[own] and known[other]):
        return False
    if not (has_pairs[own] and has_pairs[other]):
        return True
    low, high = _ordered(own, other)
    key = low * n_clusters + high
    at = np.searchsorted(keys, key)
    return at == len(keys) or keys[at] != key


@njit(cache=True, nogil=True)
def _clusters_in_nodes(tree, current, inside, n_inside):
    """List the clusters in each node, up to as many as are remembered; one more means more."""
    for node in range(len(tree.start) - 1, -1, -1):
        count = 0
        if node >= tree.first_leaf:
            for i in range(tree.start[node], tree.end[node]):
                count = _remember(inside, node, count, current[i])
        else:
            for child in (2 * node + 1, 2 * node + 2):
                if n_inside[child] > REMEMBERED:
                    count = REMEMBERED + 1
                for k in range(min(n_inside[child], REMEMBERED)):
                    count = _remember(inside, node, count, inside[child, k])
        n_inside[node] = count


@njit(cache=True, nogil=True)
def _remember(inside, node, count, cluster):
    if cluster == NONE or count > REMEMBERED:
        return count
    for k in range(count):
        if inside[node, k] == cluster:
            return count
    if count < REMEMBERED:
        inside[node, count] = cluster
    return count + 1


@njit(cache=True, nogil=True)
def _nearest_permitted(
    tree, i, current, known, has_pairs, keys, inside, n_inside, best, best_low, best_high, stack,
    to_row,
):  # fmt: skip
    """Nearest row that a row's cluster may merge with, and its squared distance.

    Only rows that come before the pair given last are sought; if there are none, the answer is
    no row, and the distance of that pair.
    """
    lower, upper = tree.lower, tree.upper
    own, row, point = current[i], tree.rows[i], tree.points[i]
    n_clusters = len(known)
    found = NONE
    top = 1
    stack[0] = 0
    while top > 0:
        top -= 1
        node = stack[top]
        count = n_inside[node]
        if count <= REMEMBERED:
            worth = False
            for k in range(count):
                if _permitted(own, inside[node, k], known, has_pairs, keys, n_clusters):
                    worth = True
                    break
            if not worth:
                continue
        to_node = nearest_in_node(lower, upper, node, point, best)
        low, high = _ordered(row, tree.first_row[node])
        if not _precedes(to_node, low, high, best, best_low, best_high):
            continue
        if node < tree.first_leaf:
            top = push_children(lower, upper, node, point, best, stack, top)
            continue
        leaf_distances(tree, node, point, to_row)
        for j in range(tree.start[node], tree.end[node]):
            distance = to_row[j - tree.start[node]]
            if distance > best or current[j] == own or current[j] == NONE:
                continue
            low, high = _ordered(row, tree.rows[j])
            if _precedes(distance, low, high, best, best_low, best_high) and _permitted(
                own, current[j], known, has_pairs, keys, n_clusters
            ):
                found, best, best_low, best_high = j, distance, low, high
    return found, best
