"""The sweep of climbkit and other HDBSCANs under one signature: scaled features in, labels out."""

import time
import warnings

import numpy as np
from sklearn.metrics import adjusted_rand_score

from climbkit import HDBSCANSweep
from climbkit.kernels._neighbours import nearest_neighbours

SIZES = range(6, 16)  # published min_cluster_size, and min_samples with it
WARM_UP_ROWS, WARM_UP_COLUMNS = 400, 5


def canonical(X):
    """Labels of the sweep, of shape (n, 10)."""
    return HDBSCANSweep(SIZES).fit(X).labels_


def parity(X):
    """The same, equal to hdbscan's."""
    return HDBSCANSweep(SIZES, mst="hdbscan").fit(X).labels_


def query_only(X):
    """The one neighbour query that every sweep needs."""
    nearest_neighbours(X, min(max(SIZES), len(X) - 1))


def hdbscan_loop(X):
    """A fit for every min_cluster_size, by hdbscan."""
    from hdbscan import HDBSCAN

    fits = [HDBSCAN(min_cluster_size=m, core_dist_n_jobs=1).fit(X) for m in SIZES]
    return np.column_stack([fit.labels_ for fit in fits])


def hdbscan_exact_loop(X):
    """The same with hdbscan's exact spanning tree."""
    from hdbscan import HDBSCAN

    settings = {"core_dist_n_jobs": 1, "approx_min_span_tree": False}
    return np.column_stack([HDBSCAN(min_cluster_size=m, **settings).fit_predict(X) for m in SIZES])


def fast_hdbscan_loop(X):
    """A fit for every min_cluster_size, by fast_hdbscan."""
    from fast_hdbscan import HDBSCAN

    return np.column_stack([HDBSCAN(min_cluster_size=m).fit_predict(X) for m in SIZES])


def sklearn_loop(X):
    """A fit for every min_cluster_size, by scikit-learn, whose min_samples counts the point."""
    from sklearn.cluster import HDBSCAN

    return np.column_stack(
        [HDBSCAN(min_cluster_size=m, min_samples=m + 1, copy=True).fit_predict(X) for m in SIZES]
    )


def core_sg_loop(X):
    """One fit at the largest, and from its graph all others, by core-sg."""
    from core_sg import CoreSG

    graph = CoreSG(metric="euclidean", no_noise=False)
    graph.fit(X, k_max=max(SIZES))
    labels = []
    for m in SIZES:
        graph.extract_hierarchy_from_core_sg(k=m)
        labels.append(graph.labels_)
    return np.column_stack(labels)


OURS = {"canonical": canonical, "parity": parity, "query": query_only}
PEERS = {
    "hdbscan": hdbscan_loop,
    "hdbscan exact": hdbscan_exact_loop,
    "fast_hdbscan": fast_hdbscan_loop,
    "scikit-learn": sklearn_loop,
    "core-sg": core_sg_loop,
}


def z_scores(columns):
    """Features as published: each to mean 0 and standard deviation 1, over the tile."""
    X = np.column_stack([np.asarray(column, dtype=float) for column in columns])
    X = X[np.isfinite(X).all(axis=1)]
    spread = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def timed(function, X):
    """CPU seconds and result."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(X)
    return time.process_time() - began, result


def warm_up(methods):
    """Compile and load everything on a small field."""
    X = np.random.default_rng(0).normal(size=(WARM_UP_ROWS, WARM_UP_COLUMNS))
    for method in methods.values():
        timed(method, X)


def equal_partitions(labels, others):
    """Whether two sets of label columns agree up to names, column by column."""
    return [adjusted_rand_score(a, b) == 1.0 for a, b in zip(labels.T, others.T, strict=True)]
