"""From a condensed tree to flat clusters: stability, selection, labels, probabilities."""

import numpy as np
from numba import njit

from climbkit.kernels._row_order import lexicographic_order

NOISE = -1


@njit(cache=True, nogil=True)
def select_clusters(
    parent,
    child,
    lambda_val,
    child_size,
    leaf,
    epsilon,
    allow_single_cluster,
    order_free,
    labels,
    probabilities,
):
    """Choose the clusters of a condensed tree and label its points.

    Parameters
    ----------
    parent, child : ndarray of shape (n_rows,), dtype int64
        Condensed tree in the format of hdbscan: points are 0 to n - 1, the root cluster is n,
        and a cluster has a larger number than the cluster that it is a part of. A cluster may
        have any number of child clusters. With `order_free`, the points of a cluster stand in the
        order of `lambda_val`, rising or falling; its child clusters among or behind them.
    lambda_val : ndarray of shape (n_rows,)
        Inverse distance at which the child leaves its parent.
    child_size : ndarray of shape (n_rows,), dtype int64
        Points in the child.
    leaf : bool
        Whether to take the leaves of the tree; else the largest excess of mass.
    epsilon : float
        Clusters born at a distance below this are replaced by the smallest cluster around them
        that was born at a larger one; 0 for none.
    allow_single_cluster : bool
        Whether the root may be chosen.
    order_free : bool
        Whether sums are made such that they do not depend on the order of rows with equal
        `lambda_val` nor on the numbers of the clusters. If not, they are rounded as hdbscan
        rounds them: row by row, and in single precision over child clusters.
    labels : ndarray of shape (n_points,), dtype int64
        Written to: number of the cluster, in the order of the tree's, or -1.
    probabilities : ndarray of shape (n_points,)
        Written to: strength of the membership; 0 for noise.

    Returns
    -------
    chosen : ndarray of shape (n_clusters,), dtype int64
        Numbers in the tree of the clusters that were chosen, rising.
    sizes : ndarray of shape (n_clusters,), dtype int64
        Points in each.
    persistence : ndarray of shape (n_clusters,)
        Stability over size and over the tree's largest lambda; 1 where that is infinite.

    Notes
    -----
    O(n_rows), but for the sorting of child clusters where `order_free` is set.

    References
    ----------
    Campello, Moulavi & Sander (2013), doi:10.1007/978-3-642-37456-2_14; for epsilon Malzer & Baum
    (2020), doi:10.1109/MFI49285.2020.9235263.
    """
    n_points = len(labels)
    up, birth = births(parent, child, lambda_val, n_points)
    stability, death = _stabilities(parent, lambda_val, child_size, n_points, birth, order_free)
    if leaf:
        selected = _leaves(up)
    else:
        selected = _excess_of_mass(up, stability, allow_single_cluster, order_free)
    if epsilon != 0.0:
        selected = _merge_below(epsilon, selected, up, birth, allow_single_cluster)
    return _label(
        parent,
        child,
        lambda_val,
        epsilon,
        up,
        death,
        stability,
        selected,
        labels,
        probabilities,
    )


@njit(cache=True, nogil=True)
def births(parent, child, lambda_val, n_points):
    """Parent and lambda of birth of each cluster, counted from the root, 0."""
    n_clusters = 1
    for row in range(len(parent)):
        n_clusters = max(n_clusters, parent[row] - n_points + 1)
    up = np.full(n_clusters, -1)
    birth = np.zeros(n_clusters)
    for row in range(len(parent)):
        cluster = child[row] - n_points
        if cluster >= 0:
            up[cluster] = parent[row] - n_points
            birth[cluster] = lambda_val[row]
    return up, birth


@njit(cache=True, nogil=True)
def owners(up, chosen):
    """Label of the nearest chosen cluster at or around each; -1 where there is none."""
    owner = np.full(len(up), NOISE)
    for number, cluster in enumerate(chosen):
        owner[cluster] = number
    for cluster in range(1, len(up)):
        if owner[cluster] == NOISE:
            owner[cluster] = owner[up[cluster]]
    return owner


@njit(cache=True, nogil=True)
def _stabilities(parent, lambda_val, child_size, n_points, birth, order_free):
    """Stability and largest lambda of each cluster."""
    n_clusters = len(birth)
    stability = np.zeros(n_clusters)
    death = np.zeros(n_clusters)
    if not order_free:
        for row in range(len(parent)):
            cluster = parent[row] - n_points
            stability[cluster] += (lambda_val[row] - birth[cluster]) * child_size[row]
            death[cluster] = max(death[cluster], lambda_val[row])
        return stability, death
    # Rows of a cluster with the same lambda count as one: integers add up alike in any order.
    level = birth.copy()
    weight = np.zeros(n_clusters, np.int64)
    for row in range(len(parent)):
        cluster = parent[row] - n_points
        if lambda_val[row] != level[cluster]:
            if weight[cluster] > 0:
                stability[cluster] += (level[cluster] - birth[cluster]) * weight[cluster]
            level[cluster] = lambda_val[row]
            weight[cluster] = 0
            death[cluster] = max(death[cluster], lambda_val[row])
        weight[cluster] += child_size[row]
    for cluster in range(n_clusters):
        if level[cluster] > birth[cluster]:
            stability[cluster] += (level[cluster] - birth[cluster]) * weight[cluster]
    return stability, death


@njit(cache=True, nogil=True)
def _leaves(up):
    """Clusters without child clusters; the root is none."""
    selected = np.ones(len(up), np.bool_)
    selected[0] = False
    for cluster in range(1, len(up)):
        selected[up[cluster]] = False
    return selected


@njit(cache=True, nogil=True)
def _excess_of_mass(up, stability, allow_single_cluster, order_free):
    """Clusters more stable than all that they split into; stabilities become subtrees'."""
    n_clusters = len(up)
    start = np.zeros(n_clusters + 1, np.int64)
    for cluster in range(1, n_clusters):
        start[up[cluster] + 1] += 1
    for cluster in range(n_clusters):
        start[cluster + 1] += start[cluster]
    # Children of a cluster in the order of the tree: rounding depends on it.
    below = np.empty(n_clusters - 1, np.int64)
    filled = start[:-1].copy()
    for cluster in range(1, n_clusters):
        below[filled[up[cluster]]] = cluster
        filled[up[cluster]] += 1

    selected = np.zeros(n_clusters, np.bool_)
    for cluster in range(n_clusters - 1, -1 if allow_single_cluster else 0, -1):
        children = below[start[cluster] : start[cluster + 1]]
        total = _order_free_sum(stability[children]) if order_free else 0.0
        if not order_free:
            for sub in children:
                total = np.float64(np.float32(total + stability[sub]))
        if total > stability[cluster]:
            stability[cluster] = total
        else:
            selected[cluster] = True
    # The uppermost win.
    covered = selected.copy()
    for cluster in range(1, n_clusters):
        if covered[up[cluster]]:
            covered[cluster] = True
            selected[cluster] = False
    return selected


@njit(cache=True, nogil=True)
def _order_free_sum(values):
    total = 0.0
    for i in lexicographic_order(values.reshape(-1, 1)):
        total += values[i]
    return total


@njit(cache=True, nogil=True)
def _merge_below(epsilon, selected, up, birth, allow_single_cluster):
    """Replace clusters born below a distance by the smallest around them born above it."""
    if selected[0]:
        return selected
    merged = np.zeros(len(up), np.bool_)
    for cluster in range(1, len(up)):
        if not selected[cluster]:
            continue
        kept = cluster
        if 1.0 / birth[cluster] < epsilon:
            # All child clusters of a cluster are born at one distance, so that each of those
            # that end in the same one finds it, whichever comes first.
            while True:
                if up[kept] == 0:
                    kept = 0 if allow_single_cluster else kept
                    break
                kept = up[kept]
                if 1.0 / birth[kept] > epsilon:
                    break
        merged[kept] = True
    return merged


@njit(cache=True, nogil=True)
def _label(
    parent, child, lambda_val, epsilon, up, death, stability, selected, labels, probabilities
):
    """Labels, probabilities, and what is returned of each chosen cluster."""
    n_points = len(labels)
    chosen = np.flatnonzero(selected)
    owner = owners(up, chosen)
    # Of the root's own points only the last to leave are members, or those that stay to epsilon.
    root_chosen = selected[0]
    root_least = np.inf
    if root_chosen and len(chosen) == 1:
        root_least = 1.0 / epsilon if epsilon != 0.0 else death[0]

    sizes = np.zeros(len(chosen), np.int64)
    largest = 0.0
    for row in range(len(parent)):
        lambda_ = lambda_val[row]
        largest = max(largest, lambda_)
        point = child[row]
        if point >= n_points:
            continue
        label = owner[parent[row] - n_points]
        if root_chosen and label == 0 and (len(chosen) > 1 or lambda_ < root_least):
            label = NOISE
        labels[point] = label
        probabilities[point] = 0.0
        if label == NOISE:
            continue
        sizes[label] += 1
        last = death[chosen[label]]
        if last == 0.0 or not np.isfinite(lambda_):
            probabilities[point] = 1.0
        else:
            probabilities[point] = min(lambda_, last) / last

    persistence = np.ones(len(chosen))
    if np.isfinite(largest) and largest > 0.0:
        for number, cluster in enumerate(chosen):
            if sizes[number] > 0:
                persistence[number] = stability[cluster] / (sizes[number] * largest)
    return chosen + n_points, sizes, persistence
