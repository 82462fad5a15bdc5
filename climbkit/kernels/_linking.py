"""Growing clusters row by row through dense, important rows (SS-DBSCAN)."""

import numpy as np
from numba import njit

from climbkit.kernels._kdtree import (
    count_ball,
    farthest_in_node,
    leaf_distances,
    push_children,
    work_space,
)

UNVISITED = -2
NOISE = -1


@njit(cache=True, nogil=True)
def grow_clusters(tree, limit, min_samples, important):
    """Cluster the rows of a tree by SS-DBSCAN.

    Parameters
    ----------
    tree : Tree
        Rows.
    limit : float
        Squared distance within which rows are neighbours, as from `squared_limit`.
    min_samples : int
        Neighbours that a dense row has, itself counted.
    important : ndarray of shape (n_rows,), dtype bool
        Rows that hand their cluster on to their neighbours if they are dense.

    Returns
    -------
    labels : ndarray of shape (n_rows,), dtype int64
        Clusters numbered in the order of the rows that started them, -1 for noise.
    expanded : ndarray of shape (n_rows,), dtype bool
        Rows whose neighbours were claimed for their cluster.

    Notes
    -----
    A node of the tree is left aside once all its rows are claimed, so that a row is claimed once
    and crowded balls cost no more than sparse ones.
    """
    n_rows = len(tree.rows)
    labels = np.full(n_rows, UNVISITED)  # by position in the tree, as the two below
    expanded = np.zeros(n_rows, np.bool_)
    position = np.empty(n_rows, np.int64)
    position[tree.rows] = np.arange(n_rows)
    unclaimed = tree.end - tree.start
    queue = np.empty(n_rows, np.int64)
    stack, squared = work_space(tree)
    cluster = 0
    for row in range(n_rows):
        first = position[row]
        if labels[first] != UNVISITED:
            continue
        if count_ball(tree, tree.points[first], limit, min_samples, stack, squared) < min_samples:
            labels[first] = NOISE
            continue
        expanded[first] = True
        head = 0
        tail = _claim_ball(tree, first, limit, cluster, labels, unclaimed, queue, 0, stack, squared)
        while head < tail:
            member = queue[head]
            head += 1
            if expanded[member] or not important[tree.rows[member]]:
                continue
            if (
                count_ball(tree, tree.points[member], limit, min_samples, stack, squared)
                >= min_samples
            ):
                expanded[member] = True
                tail = _claim_ball(
                    tree, member, limit, cluster, labels, unclaimed, queue, tail, stack, squared
                )
        cluster += 1
    return labels[position], expanded[position]


@njit(cache=True, nogil=True)
def _claim_ball(tree, center, limit, cluster, labels, unclaimed, queue, tail, stack, squared):
    """Give the free rows of a ball to a cluster; queue those not visited before."""
    lower, upper = tree.lower, tree.upper
    point = tree.points[center]
    top = 1
    stack[0] = 0
    while top > 0:
        top -= 1
        node = stack[top]
        if unclaimed[node] == 0:
            continue
        inside = farthest_in_node(lower, upper, node, point, limit) <= limit
        if not inside and node < tree.first_leaf:
            top = push_children(lower, upper, node, point, limit, stack, top)
            continue
        claimed = 0
        begin = tree.start[node]
        if not inside:
            leaf_distances(tree, node, point, squared)
        for i in range(begin, tree.end[node]):
            if labels[i] >= 0 or not (inside or squared[i - begin] <= limit):
                continue
            if labels[i] == UNVISITED:
                queue[tail] = i
                tail += 1
            labels[i] = cluster
            claimed += 1
        while claimed > 0:
            unclaimed[node] -= claimed
            if node == 0:
                break
            node = (node - 1) // 2
    return tail
