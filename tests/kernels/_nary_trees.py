"""Slow and plain: hdbscan's exact tree condensed with all merges at one distance at once."""

import numpy as np
from hdbscan import HDBSCAN

CONDENSED = [
    ("parent", np.intp),
    ("child", np.intp),
    ("lambda_val", float),
    ("child_size", np.intp),
]


def exact_hierarchy(X, min_samples):
    """Single-linkage tree of the exact spanning tree, as hdbscan numbers it."""
    fitted = HDBSCAN(
        min_cluster_size=2, min_samples=min_samples, approx_min_span_tree=False, core_dist_n_jobs=1
    ).fit(X)
    return fitted.single_linkage_tree_.to_numpy()


def nary_condensed_tree(hierarchy, min_cluster_size):
    """Condense a single-linkage tree in which equal distances are one merge."""
    n = len(hierarchy) + 1
    size = np.r_[np.ones(n), hierarchy[:, 3]].astype(int)
    height = np.r_[np.full(n, -1.0), hierarchy[:, 2]]

    def parts(node):
        """What merges into a node at its distance."""
        found, stack = [], [node]
        while stack:
            for below in hierarchy[stack.pop() - n, :2].astype(int)[::-1]:
                (stack if height[below] == height[node] else found).append(below)
        return found

    def points(node):
        found, stack = [], [node]
        while stack:
            here = stack.pop()
            if here < n:
                found.append(here)
            else:
                stack.extend(hierarchy[here - n, :2].astype(int))
        return found

    rows, queue, next_cluster = [], [(2 * n - 2, n)], n + 1
    for node, cluster in queue:
        lambda_ = 1.0 / height[node] if height[node] > 0 else np.inf
        below = parts(node)
        large = [part for part in below if size[part] >= min_cluster_size]
        for part in below:
            if size[part] < min_cluster_size:
                rows += [(cluster, point, lambda_, 1) for point in points(part)]
        if len(large) == 1:
            queue.append((large[0], cluster))
            continue
        for part in large:
            rows.append((cluster, next_cluster, lambda_, size[part]))
            queue.append((part, next_cluster))
            next_cluster += 1
    return np.array(rows, dtype=CONDENSED)


def columns(tree):
    """Parent, child, lambda and size as four arrays, as the kernels take them."""
    return tuple(np.ascontiguousarray(tree[name]) for name, _ in CONDENSED)


def same_partition(found, expected):
    """Whether two labellings agree but for the names of the clusters."""
    if not np.array_equal(found == -1, expected == -1):
        return False
    pairs = np.unique(np.stack([found, expected]), axis=1)
    return len(np.unique(found)) == len(np.unique(expected)) == pairs.shape[1]
