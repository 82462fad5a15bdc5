"""Groups of stars in space: found by any clusterer, numbered by size, extended to new stars."""

import numpy as np
from sklearn.base import clone
from sklearn.cluster import DBSCAN

from climbkit.base import NOISE
from climbkit.cluster import SSDBSCAN
from climbkit.cluster._novelty_stability import consecutive, fewest_rows

#: Settings of the published search: kpc, and stars.
EPS, MIN_SAMPLES = 0.5, 10


def chosen_clusterer(clusterer, random_state):
    """Return the clusterer to run.

    Parameters
    ----------
    clusterer : clusterer or None
        As of `AssociationFinder`.
    random_state : int
        For a clusterer whose own is None.

    Returns
    -------
    clusterer : clusterer
        A clone. In place of a DBSCAN with Euclidean distances, which lists all pairs of neighbours,
        one that takes no more memory than the rows and gives the same groups.
    """
    clusterer = DBSCAN(eps=EPS, min_samples=MIN_SAMPLES) if clusterer is None else clone(clusterer)
    if type(clusterer) is DBSCAN and _is_euclidean(clusterer):
        clusterer._validate_params()
        # Distances less than the next number after eps are those up to eps.
        return SSDBSCAN(np.nextafter(float(clusterer.eps), np.inf), clusterer.min_samples)
    if clusterer.get_params(deep=False).get("random_state", 0) is None:
        clusterer.set_params(random_state=random_state)
    return clusterer


def _is_euclidean(clusterer):
    if clusterer.metric_params is not None:
        return False
    metric, p = clusterer.metric, clusterer.p
    return metric in ("euclidean", "l2") or (metric == "minkowski" and p in (None, 2))


def find_groups(clusterer, X):
    """Fit a clusterer and number its groups by size.

    Parameters
    ----------
    clusterer : clusterer
        It is fitted, unless there are too few rows for it.
    X : ndarray of shape (n_stars, 3)
        Positions, in an order of their own.

    Returns
    -------
    labels : ndarray of shape (n_stars,), dtype int64
        From 0 for the largest group; equal ones by their mean positions. -1 for noise.
    """
    if len(X) < fewest_rows(clusterer):
        return np.full(len(X), NOISE, dtype=np.int64)
    found = consecutive(clusterer.fit_predict(X))
    n_groups = int(found.max(initial=NOISE)) + 1
    members = found >= 0
    sizes = np.bincount(found[members], minlength=n_groups)
    means = [
        np.bincount(found[members], weights=column[members], minlength=n_groups) / sizes
        for column in X.T
    ]
    rank = np.full(n_groups + 1, NOISE)
    rank[np.lexsort((*means[::-1], -sizes))] = np.arange(n_groups)
    return rank[found]


def carries_over(clusterer):
    """Tell whether a clusterer can label new rows."""
    return clusterer is None or isinstance(clusterer, DBSCAN) or hasattr(clusterer, "predict")


def label_new(clusterer, fitted, labels, X):
    """Label new rows as a fitted clusterer does.

    Parameters
    ----------
    clusterer : clusterer
        Fitted, with ``predict``, or a DBSCAN.
    fitted : ndarray of shape (n_stars, 3)
        Rows that it was fitted to.
    labels : ndarray of shape (n_stars,)
        What their groups are called.
    X : ndarray of shape (n_new, 3)
        New rows.

    Returns
    -------
    labels : ndarray of shape (n_new,), dtype int64
        -1 for noise.
    """
    if len(X) == 0 or not hasattr(clusterer, "labels_"):
        return np.full(len(X), NOISE, dtype=np.int64)
    if hasattr(clusterer, "predict"):
        found = np.asarray(clusterer.predict(X))
    else:
        found = _nearest_core(clusterer, fitted, X)
    own, first = np.unique(clusterer.labels_, return_index=True)
    at = np.clip(np.searchsorted(own, found), 0, len(own) - 1)
    return np.where((found >= 0) & (own[at] == found), labels[first[at]], NOISE).astype(np.int64)


def _nearest_core(dbscan, fitted, X):
    """Label of the nearest core sample of a DBSCAN within its eps, by its own metric."""
    from sklearn.neighbors import NearestNeighbors

    core = dbscan.core_sample_indices_
    if len(core) == 0:
        return np.full(len(X), NOISE)
    query = NearestNeighbors(
        n_neighbors=1, metric=dbscan.metric, p=dbscan.p or 2, metric_params=dbscan.metric_params
    )
    distance, nearest = query.fit(fitted[core]).kneighbors(X)
    return np.where(distance[:, 0] <= dbscan.eps, dbscan.labels_[core[nearest[:, 0]]], NOISE)
