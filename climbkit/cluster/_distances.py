"""Distances from rows to a few centres in any metric, in bounded memory."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances

_SCIPY_METRICS = frozenset(
    [
        "braycurtis",
        "canberra",
        "chebyshev",
        "cityblock",
        "correlation",
        "cosine",
        "dice",
        "euclidean",
        "hamming",
        "jaccard",
        "jensenshannon",
        "mahalanobis",
        "minkowski",
        "rogerstanimoto",
        "russellrao",
        "seuclidean",
        "sokalsneath",
        "sqeuclidean",
        "yule",
    ]
)
_SKLEARN_METRICS = frozenset(["haversine", "l1", "l2", "manhattan", "nan_euclidean"])
METRICS = _SCIPY_METRICS | _SKLEARN_METRICS

_CHUNK_BYTES = 32 * 2**20  # distances held at once


def fitted_metric_params(metric, metric_params, X):
    """Complete a metric's parameters with what it learns from the data.

    Parameters
    ----------
    metric : str or callable
        Metric.
    metric_params : dict or None
        What the user gave.
    X : ndarray of shape (n_samples, n_features)
        Data.

    Returns
    -------
    params : dict
        A new dict: ``VI`` (inverse covariance) for Mahalanobis and ``V`` (variances) for
        seuclidean are filled in where absent.

    Raises
    ------
    ValueError
        If the given ``VI`` has the wrong shape or is not finite.
    """
    params = dict(metric_params or {})
    d = X.shape[1]
    if metric == "mahalanobis":
        params.setdefault("VI", _inverse_covariance(X))
        params["VI"] = np.asarray(params["VI"], dtype=np.float64)
        if params["VI"].shape != (d, d) or not np.isfinite(params["VI"]).all():
            raise ValueError(
                f"metric_params['VI'] must be a finite array of shape ({d}, {d}); got shape "
                f"{params['VI'].shape}."
            )
    elif metric == "seuclidean":
        variance = X.var(axis=0, ddof=1) if len(X) > 1 else np.ones(d)
        params.setdefault("V", np.where(variance > 0, variance, 1.0))
    return params


def _inverse_covariance(X):
    """Inverse covariance; of one row the identity, of a singular one the pseudo-inverse."""
    if len(X) < 2:
        return np.eye(X.shape[1])
    covariance = np.atleast_2d(np.cov(X.T))
    try:
        inverse = np.linalg.inv(covariance)
    except np.linalg.LinAlgError:
        return np.linalg.pinv(covariance)
    return (
        inverse
        if np.linalg.cond(covariance) < 1 / np.finfo(float).eps
        else np.linalg.pinv(covariance)
    )


def distances_to(X, centers, metric, params):
    """Distances from every row to every centre.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    centers : ndarray of shape (n_centers, n_features)
        Centres.
    metric : str or callable
        Name in `METRICS`, or ``metric(a, b, **params) -> float``.
    params : dict
        As returned by `fitted_metric_params`.

    Returns
    -------
    distances : ndarray of shape (n_samples, n_centers)
        Distances.
    """
    if callable(metric) or metric in _SCIPY_METRICS:
        return cdist(X, centers, metric, **params)
    return pairwise_distances(X, centers, metric=metric, **params)


def two_nearest(X, centers, metric, params):
    """Nearest and second nearest centre of every row.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    centers : ndarray of shape (n_centers, n_features)
        Centres; there may be none.
    metric, params
        As in `distances_to`.

    Returns
    -------
    nearest, second : ndarray of shape (n_samples,), dtype intp
        Row numbers in ``centers``, -1 where there is no such centre.
    to_nearest, to_second : ndarray of shape (n_samples,)
        Distances, infinite where there is no such centre.
    """
    return two_smallest(
        len(X), len(centers), lambda part: distances_to(X[part], centers, metric, params)
    )


def two_smallest(n_rows, n_centers, distances_of, row_bytes=0):
    """Nearest and second-nearest centre of every row, from distances in bounded parts.

    Parameters
    ----------
    n_rows, n_centers : int
        Numbers of rows and of centres.
    distances_of : callable
        Function of a slice of rows that returns their distances from every centre.
    row_bytes : int, default=0
        Memory that it takes besides, for each row.

    Returns
    -------
    nearest, second, to_nearest, to_second : ndarray of shape (n_rows,)
        As `two_nearest` returns them.
    """
    n, k = n_rows, n_centers
    nearest, second = np.full(n, -1, dtype=np.intp), np.full(n, -1, dtype=np.intp)
    to_nearest, to_second = np.full(n, np.inf), np.full(n, np.inf)
    if k == 0:
        return nearest, second, to_nearest, to_second
    step = max(1, _CHUNK_BYTES // (8 * k + row_bytes))
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        distances = distances_of(part)
        rows = np.arange(len(distances))
        nearest[part] = np.argmin(distances, axis=1)
        to_nearest[part] = distances[rows, nearest[part]]
        if k > 1:
            distances[rows, nearest[part]] = np.inf
            second[part] = np.argmin(distances, axis=1)
            to_second[part] = distances[rows, second[part]]
    return nearest, second, to_nearest, to_second


def neighbour_metric(explorer):
    """Metric of a clusterer in the words of `sklearn.neighbors.NearestNeighbors`.

    Parameters
    ----------
    explorer : estimator
        Clusterer, with or without a metric of its own.

    Returns
    -------
    arguments : dict
        ``metric`` and what belongs to it.
    """
    arguments = {"metric": getattr(explorer, "metric", "euclidean")}
    if getattr(explorer, "metric_params", None):
        arguments["metric_params"] = explorer.metric_params
    if arguments["metric"] == "minkowski" and getattr(explorer, "p", None):
        arguments["p"] = explorer.p
    return arguments
