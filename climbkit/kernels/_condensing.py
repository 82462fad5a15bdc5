"""Condensed cluster trees in which all merges at one height happen together."""

from typing import NamedTuple

import numpy as np
from numba import njit

from climbkit.kernels._union_find import find

_NONE = -1


class CondensedTree(NamedTuple):
    """Rows of a condensed cluster tree.

    Attributes
    ----------
    parent : ndarray of shape (n_rows,), dtype int64
        Cluster that is left: the root is number ``n_points``, its descendants follow.
    child : ndarray of shape (n_rows,), dtype int64
        Point (0 to ``n_points - 1``) or cluster that leaves it.
    lambda_val : ndarray of shape (n_rows,), dtype float64
        Inverse of the distance at which it leaves.
    child_size : ndarray of shape (n_rows,), dtype int64
        Points that leave.
    """

    parent: np.ndarray
    child: np.ndarray
    lambda_val: np.ndarray
    child_size: np.ndarray


@njit(cache=True, nogil=True)
def condense(left, right, weight, min_cluster_size, rows):
    """Condense a spanning tree, all merges at one height together.

    Parameters
    ----------
    left, right : ndarray of shape (n_points - 1,), dtype int32
        Ends of the edges.
    weight : ndarray of shape (n_points - 1,), dtype float64
        Their weights, ascending.
    min_cluster_size : int
        Components with fewer points are no clusters.
    rows : ndarray of shape (n_points,), dtype int32
        Numbers that the points have outside.

    Returns
    -------
    parent, child : ndarray of shape (n_rows,), dtype int64
        As in `CondensedTree`.
    lambda_val : ndarray of shape (n_rows,), dtype float64
        As in `CondensedTree`.
    child_size : ndarray of shape (n_rows,), dtype int64
        As in `CondensedTree`.

    Notes
    -----
    The components that meet at one height become one node with as many children. With two
    or more clusters among them the node is a cluster whose children they are; with one, that
    cluster goes on; with none, a cluster starts if there are enough points. Points of components
    that are no clusters leave the node's cluster at this height. Which edges of equal weight
    a tree has and in which order they come makes no difference, so that the result is unique up
    to the numbers of clusters. A cluster's parent has the smaller number. First come the points,
    by rising height, then the clusters, by parent and size: sums over the rows of a
    cluster, too, are the same for any order of the points.

    Points at distance 0 leave at an infinite lambda, and so does a cluster of them.
    """
    n_points = len(rows)
    n_edges = len(weight)
    root = np.arange(n_points).astype(np.int32)
    size = np.ones(n_points, np.int32)
    following = np.arange(n_points).astype(np.int32)  # points of a component that is no cluster
    node = np.full(n_points, _NONE, np.int32)
    # A node gathers what meets at one height in one component; some turn out to be one.
    node_height = np.empty(n_points)
    node_into = np.empty(n_points, np.int32)
    node_children = np.zeros(n_points, np.int32)
    node_child = np.full(n_points, _NONE, np.int32)  # a cluster, the only one where it is one
    cluster_parent = np.full(n_points, _NONE, np.int32)
    cluster_size = np.zeros(n_points, np.int32)
    n_nodes = 0
    left_node = np.empty(n_points, np.int32)
    left_point = np.empty(n_points, np.int32)
    left_height = np.empty(n_points)
    n_left = 0
    for edge in range(n_edges):
        height = weight[edge]
        one, other = find(root, left[edge]), find(root, right[edge])
        if size[one] < size[other]:
            one, other = other, one
        together = size[one] + size[other]
        if size[one] < min_cluster_size:
            following[one], following[other] = following[other], following[one]
            if together >= min_cluster_size or edge == n_edges - 1:
                node[one] = n_nodes
                node_height[n_nodes] = height
                node_into[n_nodes] = n_nodes
                n_nodes += 1
                n_left = _leave(
                    one, n_nodes - 1, height, following, left_node, left_point, left_height, n_left
                )
        else:
            if node_height[node[one]] != height:
                cluster = _cluster_of(node[one], node_children, node_child)
                cluster_parent[cluster] = n_nodes
                cluster_size[cluster] = size[one]
                node_children[n_nodes] = 1
                node_child[n_nodes] = cluster
                node[one] = n_nodes
                node_height[n_nodes] = height
                node_into[n_nodes] = n_nodes
                n_nodes += 1
            here = node[one]
            if size[other] < min_cluster_size:
                n_left = _leave(
                    other, here, height, following, left_node, left_point, left_height, n_left
                )
            elif node_height[node[other]] != height:
                cluster = _cluster_of(node[other], node_children, node_child)
                cluster_parent[cluster] = here
                cluster_size[cluster] = size[other]
                node_children[here] += 1
                node_child[here] = cluster
            else:
                there = node[other]
                node_into[there] = here
                node_children[here] += node_children[there]
                if node_children[there] > 0:
                    node_child[here] = node_child[there]
        root[other] = one
        size[one] = together
    return _write_rows(
        n_nodes,
        node_into,
        node_height,
        node_children,
        node_child,
        cluster_parent,
        cluster_size,
        left_node[:n_left],
        left_point,
        left_height,
        rows,
    )


@njit(cache=True, nogil=True)
def _cluster_of(node, node_children, node_child):
    """Cluster that a finished node belongs to: with a single child, it is that cluster going on."""
    if node_children[node] == 1:
        return node_child[node]
    return node


@njit(cache=True, nogil=True)
def _leave(start, node, height, following, left_node, left_point, left_height, n_left):
    """Let the points of a small component leave a node's cluster."""
    point = start
    while True:
        left_node[n_left] = node
        left_point[n_left] = point
        left_height[n_left] = height
        n_left += 1
        point = following[point]
        if point == start:
            return n_left


@njit(cache=True, nogil=True)
def _write_rows(
    n_nodes,
    node_into,
    node_height,
    node_children,
    node_child,
    cluster_parent,
    cluster_size,
    left_node,
    left_point,
    left_height,
    rows,
):
    """Number the clusters from the last one formed, the root, and write the rows of the tree."""
    n_points = len(rows)
    n_left = len(left_node)
    number = np.full(n_nodes, _NONE, np.int64)
    n_clusters = 0
    for k in range(n_nodes - 1, -1, -1):
        if node_into[k] == k and node_children[k] != 1:
            number[k] = n_points + n_clusters
            n_clusters += 1
    n_rows = n_left + max(n_clusters - 1, 0)
    parent = np.empty(n_rows, np.int64)
    child = np.empty(n_rows, np.int64)
    lambda_val = np.empty(n_rows)
    child_size = np.empty(n_rows, np.int64)
    for k in range(n_nodes - 1, -1, -1):
        if number[k] == _NONE:
            into = k
            while node_into[into] != into:
                into = node_into[into]
            if node_children[into] == 1:
                into = node_child[into]
            number[k] = number[into]
    for i in range(n_left):
        parent[i] = number[left_node[i]]
        child[i] = rows[left_point[i]]
        lambda_val[i] = np.inf if left_height[i] == 0.0 else 1.0 / left_height[i]
        child_size[i] = 1
    # Clusters by parent (counting) and size (insertion): siblings are few.
    first = np.zeros(n_clusters + 1, np.int64)
    for k in range(n_nodes):
        if node_into[k] == k and node_children[k] != 1:
            first[number[k] - n_points + 1] = node_children[k]
    first[0] = n_left
    for cluster in range(n_clusters):
        first[cluster + 1] += first[cluster]
    filled = first.copy()
    for k in range(n_nodes):
        if node_into[k] != k or node_children[k] == 1 or number[k] == n_points:
            continue
        above = number[cluster_parent[k]] - n_points
        place = filled[above]
        filled[above] += 1
        while place > first[above] and child_size[place - 1] > cluster_size[k]:
            child[place] = child[place - 1]
            child_size[place] = child_size[place - 1]
            place -= 1
        child[place] = number[k]
        child_size[place] = cluster_size[k]
        height = node_height[cluster_parent[k]]
        parent[filled[above] - 1] = n_points + above
        lambda_val[filled[above] - 1] = np.inf if height == 0.0 else 1.0 / height
    return parent, child, lambda_val, child_size
