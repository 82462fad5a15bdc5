"""hdbscan's single linkage hierarchy and its condensed tree, row for row the same.

Ported from `label` (`_hdbscan_linkage.pyx`) and `condense_tree` (`_hdbscan_tree.pyx`) of hdbscan
0.8.44 (copyright 2015, Leland McInnes; BSD 3-clause, in the file LICENSE.hdbscan beside this
one).
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def single_linkage(left, right, order):
    """Merge the rows of a spanning tree edge by edge.

    Parameters
    ----------
    left, right : ndarray of shape (n_rows - 1,), dtype int64
        Rows that an edge joins.
    order : ndarray of shape (n_rows - 1,), dtype int64
        Edges by ascending weight.

    Returns
    -------
    children : ndarray of shape (n_rows - 1, 2), dtype int64
        Nodes that a merge joins: rows, and from ``n_rows`` on earlier merges.
    sizes : ndarray of shape (n_rows - 1,), dtype int64
        Rows in a merge.
    """
    n_rows = len(left) + 1
    children = np.empty((n_rows - 1, 2), np.int64)
    sizes = np.empty(n_rows - 1, np.int64)
    root = np.arange(n_rows)  # of the rows of a merge, which is itself kept by that root
    merge = np.arange(n_rows)
    count = np.ones(n_rows, np.int64)
    for step in range(n_rows - 1):
        a, b = left[order[step]], right[order[step]]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        children[step, 0], children[step, 1] = merge[a], merge[b]
        if count[a] < count[b]:
            a, b = b, a
        root[b] = a
        count[a] += count[b]
        sizes[step] = count[a]
        merge[a] = n_rows + step
    return children, sizes


@njit(cache=True, nogil=True)
def condense(children, sizes, heights, min_cluster_size):
    """Keep of a hierarchy what splits into clusters of at least a size.

    Parameters
    ----------
    children, sizes : ndarray
        From `single_linkage`.
    heights : ndarray of shape (n_rows - 1,), dtype float64
        Distances of the merges, ascending.
    min_cluster_size : int
        At least 2.

    Returns
    -------
    parent, child : ndarray of shape (n_edges,), dtype int64
        Clusters from ``n_rows`` on, the root first; children are clusters or rows.
    lambda_val : ndarray of shape (n_edges,), dtype float64
        One over the distance at which a child leaves its parent, infinite for 0.
    child_size : ndarray of shape (n_edges,), dtype int64
        Rows in the child.
    """
    n_rows = len(sizes) + 1
    parent = np.empty(2 * n_rows, np.int64)
    child = np.empty(2 * n_rows, np.int64)
    lambda_val = np.empty(2 * n_rows)
    child_size = np.empty(2 * n_rows, np.int64)
    count = 0

    # Breadth first over the merges that are, or hold, a cluster.
    queue = np.empty(n_rows, np.int64)
    cluster = np.empty(n_rows, np.int64)
    fallen = np.empty(2 * n_rows, np.int64)
    queue[0], cluster[0] = len(sizes) - 1, n_rows
    n_clusters = 1
    head, tail = 0, 1
    while head < tail:
        merge, own = queue[head], cluster[head]
        head += 1
        height = heights[merge]
        value = 1.0 / height if height > 0.0 else np.inf
        left, right = children[merge]
        left_size = sizes[left - n_rows] if left >= n_rows else 1
        right_size = sizes[right - n_rows] if right >= n_rows else 1
        is_split = left_size >= min_cluster_size and right_size >= min_cluster_size
        for node, size in ((left, left_size), (right, right_size)):
            if size >= min_cluster_size:
                queue[tail] = node - n_rows
                if is_split:
                    cluster[tail] = n_rows + n_clusters
                    parent[count], child[count] = own, cluster[tail]
                    lambda_val[count], child_size[count] = value, size
                    n_clusters += 1
                    count += 1
                else:
                    cluster[tail] = own
                tail += 1
                continue
            fallen[0] = node
            first, last = 0, 1
            while first < last:
                node = fallen[first]
                first += 1
                if node >= n_rows:
                    fallen[last], fallen[last + 1] = children[node - n_rows]
                    last += 2
                    continue
                parent[count], child[count] = own, node
                lambda_val[count], child_size[count] = value, 1
                count += 1
    # Copies: a view would keep the longer arrays alive.
    return (
        parent[:count].copy(),
        child[:count].copy(),
        lambda_val[:count].copy(),
        child_size[:count].copy(),
    )
