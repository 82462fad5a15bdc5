"""Straightforward versions of the published algorithms, to hold the fast ones against.

Written from the papers and from what their published code does, for clarity and not for speed:
the whole distance matrix and plain Python loops.
"""

import itertools

import numpy as np
from scipy.spatial.distance import cdist

UNVISITED = -2
NOISE = -1


def ssdbscan(X, eps, min_samples, important):
    """SS-DBSCAN: the labels of `X`, clusters numbered by their first row, -1 for noise."""
    distances = cdist(X, X)
    labels = [UNVISITED] * len(X)
    n_clusters = 0
    for row in range(len(X)):
        if labels[row] != UNVISITED:
            continue
        queue = [other for other, distance in enumerate(distances[row]) if distance < eps]
        if len(queue) < min_samples:
            labels[row] = NOISE
            continue
        labels[row] = n_clusters
        while queue:
            member = queue.pop(0)
            if labels[member] == NOISE:
                labels[member] = n_clusters
            elif labels[member] == UNVISITED:
                labels[member] = n_clusters
                near = [other for other, distance in enumerate(distances[member]) if distance < eps]
                if len(near) >= min_samples and important[member]:
                    queue += near
        n_clusters += 1
    return np.array(labels)


def cdbscan(X, eps, min_samples, must_link=(), cannot_link=(), conflict="stop"):
    """C-DBSCAN as its published port does it: labels by micro-cluster number, -1 for noise.

    ``conflict="stop"`` ends all merging at the first forbidden pair of clusters, as the port;
    ``"skip"`` goes on with the next closest pair, as the paper.
    """
    labels = _micro_clusters(X, eps, min_samples, must_link, cannot_link)
    for first, second in must_link:
        if labels[first] != NOISE and labels[second] != NOISE:
            labels[labels == labels[second]] = labels[first]
    _merge_closest(X, eps, labels, cannot_link, conflict)
    clusters = np.unique(labels[labels != NOISE])
    return np.where(labels == NOISE, NOISE, np.searchsorted(clusters, labels))


def _micro_clusters(X, eps, min_samples, must_link, cannot_link):
    distances = cdist(X, X)
    protected = {row for pair in must_link for row in pair}
    labels = np.full(len(X), UNVISITED)
    n_clusters = 0
    for row in range(len(X)):
        if labels[row] != UNVISITED:
            continue
        near = np.flatnonzero(distances[row] <= eps)
        if len(near) < min_samples and row not in protected:
            labels[row] = NOISE
            continue
        inside = set(near.tolist())
        if any(a != b and a in inside and b in inside for a, b in cannot_link):
            for other in near:
                if labels[other] == UNVISITED:
                    labels[other] = n_clusters
                    n_clusters += 1
            continue
        existing = [labels[other] for other in near if labels[other] >= 0]
        chosen = min(existing, default=n_clusters)
        n_clusters = max(n_clusters, chosen + 1)
        labels[[other for other in near if labels[other] < 0]] = chosen
    return labels


def _merge_closest(X, eps, labels, cannot_link, conflict):
    forbidden_pairs = set()
    while True:
        clusters = np.unique(labels[labels != NOISE])
        members = {cluster: np.flatnonzero(labels == cluster) for cluster in clusters}
        best, closest = np.inf, None
        for i, first in enumerate(clusters):
            for second in clusters[i + 1 :]:
                if (first, second) in forbidden_pairs:
                    continue
                distance = cdist(X[members[first]], X[members[second]]).min()
                if distance < best:
                    best, closest = distance, (first, second)
        if closest is None or best > eps:
            return
        if any({labels[a], labels[b]} == set(closest) for a, b in cannot_link if a != b):
            if conflict == "stop":
                return
            forbidden_pairs.add(closest)
            continue
        first, second = closest
        labels[members[second]] = first
        # What was forbidden for the cluster that is gone holds for the one that took it in.
        forbidden_pairs = {
            tuple(sorted(first if c == second else c for c in pair)) for pair in forbidden_pairs
        }


def constrained_dbscan(X, eps, min_samples, y, must_link=(), cannot_link=()):
    """C-DBSCAN that breaks no constraint, by sets of rows and all pairs: clusters, -1 for noise.

    The constraints must not contradict each other.
    """
    n_rows = len(X)
    joint = np.arange(n_rows)  # rows that will share a cluster have the same number

    def join(first, second):
        joint[joint == joint[second]] = joint[first]

    by_label = [np.flatnonzero(y == label) for label in np.unique(y[y != -1])]
    chains = [(int(a), int(b)) for rows in by_label for a, b in itertools.pairwise(rows)]
    for first, second in (*must_link, *chains):
        join(first, second)
    linked = joint.copy()
    rivals = list(cannot_link)
    rivals += [(int(a[0]), int(b[0])) for k, a in enumerate(by_label) for b in by_label[:k]]

    def exclusive(rows, numbers):
        inside = set(numbers[rows].tolist())
        return any(
            numbers[a] != numbers[b] and numbers[a] in inside and numbers[b] in inside
            for a, b in rivals
        )

    distances = cdist(X, X)
    protected = {row for pair in (*must_link, *chains) for row in pair}
    labels = np.full(n_rows, UNVISITED)
    n_clusters = 0
    for row in range(n_rows):
        if labels[row] != UNVISITED:
            continue
        near = np.flatnonzero(distances[row] <= eps)
        if len(near) < min_samples and row not in protected:
            labels[row] = NOISE
            continue
        free = near[labels[near] < 0]
        if exclusive(near, linked) or exclusive(free, joint):
            new = near[labels[near] == UNVISITED]
            labels[new] = n_clusters + np.arange(len(new))
            n_clusters += len(new)
            continue
        for chosen in sorted({label for label in labels[near] if label >= 0}):
            if not exclusive([*free, np.flatnonzero(labels == chosen)[0]], joint):
                break
        else:
            chosen = n_clusters
            n_clusters += 1
        labels[free] = chosen
        for member in np.flatnonzero(labels == chosen):
            join(free[0], member)

    clustered = labels >= 0
    pairs = [
        (distances[a, b], a, b)
        for a in range(n_rows)
        for b in range(a + 1, n_rows)
        if clustered[a] and clustered[b] and distances[a, b] <= eps
    ]
    for _, first, second in sorted(pairs):
        if joint[first] != joint[second] and not exclusive([first, second], joint):
            join(first, second)
    return np.where(clustered, joint, NOISE)
