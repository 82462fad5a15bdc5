"""What clusters are called, and where new points belong: shared by the density clusterers."""

import numpy as np

from climbkit.base import NOISE, UNLABELLED
from climbkit.kernels._kdtree import build_tree, nearest_within


def name_clusters(clusters, y):
    """Give clusters the labels of the known groups, and number the others after them.

    Parameters
    ----------
    clusters : ndarray of shape (n_samples,), dtype int64
        Cluster of each row, -1 for noise. New clusters are numbered in ascending order of these.
    y : ndarray of shape (n_samples,), dtype int64
        Known labels, -1 where none is known.

    Returns
    -------
    labels : ndarray of shape (n_samples,), dtype int64
        A cluster with known rows takes the label of most of them, the smallest among equally
        frequent ones; the others follow after the largest known label. Two clusters may take
        the same label. Noise stays -1, known or not.
    """
    labels = np.full(len(clusters), NOISE, dtype=np.int64)
    clustered = clusters != NOISE
    numbers, cluster = np.unique(clusters[clustered], return_inverse=True)
    known_labels, known = np.unique(y[clustered], return_inverse=True)
    names = np.empty(len(numbers), dtype=np.int64)
    named = np.zeros(len(numbers), dtype=bool)
    is_known = known_labels[known] != UNLABELLED
    if is_known.any():
        pairs, counts = np.unique(
            np.stack([cluster, known], axis=1)[is_known], axis=0, return_counts=True
        )
        # In this order the smallest of the most frequent labels is the last to be written.
        for k in np.lexsort((-pairs[:, 1], counts)):
            names[pairs[k, 0]] = known_labels[pairs[k, 1]]
        named[pairs[:, 0]] = True
    first_new = max(int(y.max()), NOISE) + 1
    names[~named] = first_new + np.arange(np.count_nonzero(~named))
    labels[clustered] = names[cluster]
    return labels


def nearest_core_labels(X, training, labels, core, limit):
    """Label points as a training row that they equal, or else as the nearest core row.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features), dtype float64
        New points.
    training : ndarray of shape (n_samples, n_features), dtype float64
        Rows that were fitted.
    labels : ndarray of shape (n_samples,), dtype int64
        Their labels.
    core : ndarray of shape (n_core,), dtype int64
        Ascending numbers of the core rows.
    limit : float
        Squared distance within which a core row counts, as from `squared_limit`.

    Returns
    -------
    labels : ndarray of shape (n_points,), dtype int64
        -1 where neither applies. Among equal or equally near rows, the first decides.
    """
    found = np.full(len(X), NOISE, dtype=np.int64)
    if len(core):
        nearest = nearest_within(build_tree(training[core]), X, limit)
        found[nearest >= 0] = labels[core[nearest[nearest >= 0]]]
    twin = nearest_within(build_tree(training), X, 0.0)
    same = np.flatnonzero(twin >= 0)
    same = same[(training[twin[same]] == X[same]).all(axis=1)]
    found[same] = labels[twin[same]]
    return found
