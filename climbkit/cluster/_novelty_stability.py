"""How stable groups are: mean Jaccard under resampling and under small changes of parameters."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from climbkit.base import NOISE

# Parameters of clusterers that set what is dense, near or large enough, and may vary a little.
VARIED = (
    "eps",
    "min_samples",
    "min_cluster_size",
    "max_eps",
    "xi",
    "cluster_selection_epsilon",
    "bandwidth",
    "n_neighbors",
    "contrast",
    "scale",
    "dense_share",
)
# They vary by up to a fifth of their value, up and down.
VARIATION = 1.2
# A clusterer of scikit-learn needs at least two in min_cluster_size and one elsewhere.
LEAST = 2


def fewest_rows(explorer):
    """Rows that a clusterer needs: some raise with fewer than min_samples."""
    sizes = [getattr(explorer, name, None) for name in ("min_samples", "min_cluster_size")]
    return max([1] + [size for size in sizes if isinstance(size, int | np.integer)])


def explore(explorer, X, seed):
    """Labels of a clone of the explorer, 0 and up, the same for the same rows and seed."""
    model = clone(explorer)
    if model.get_params(deep=False).get("random_state", 0) is None:
        model.set_params(random_state=seed)
    if len(X) < fewest_rows(model):
        return np.full(len(X), NOISE, dtype=np.int64)
    return consecutive(model.fit_predict(X))


def consecutive(labels):
    """Labels as 0 to n_groups - 1 in their own order; anything negative is noise."""
    labels = np.asarray(labels)
    names = np.unique(labels[labels >= 0])
    return np.where(labels >= 0, np.searchsorted(names, labels), NOISE).astype(np.int64)


def bootstrap_jaccard(explorer, X, labels, seed):
    """Best Jaccard of each group with the groups of one bootstrap sample.

    Parameters
    ----------
    explorer : clusterer
        Cloned.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    labels : ndarray of shape (n_samples,)
        Groups 0 to n_groups - 1, -1 for none.
    seed : int
        Seeds the sample.

    Returns
    -------
    jaccard : ndarray of shape (n_groups,)
        Over the rows that were drawn, each counted once.
    """
    rng = check_random_state(seed)
    rows = np.sort(rng.randint(len(X), size=len(X)))
    found = explore(explorer, X[rows], seed)
    drawn, first = np.unique(rows, return_index=True)
    return best_jaccard(labels[drawn], found[first], int(labels.max(initial=-1)) + 1)


def varied_jaccard(explorer, X, labels, seed):
    """Best Jaccard of each group with those of an explorer whose parameters vary a little.

    Parameters
    ----------
    explorer : clusterer
        Cloned.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    labels : ndarray of shape (n_samples,)
        Groups 0 to n_groups - 1, -1 for none.
    seed : int
        Seeds the changes.

    Returns
    -------
    jaccard : ndarray of shape (n_groups,)
        NaN where the explorer has no parameter to vary.
    """
    n_groups = int(labels.max(initial=-1)) + 1
    changed = _varied(explorer, check_random_state(seed))
    if changed is None:
        return np.full(n_groups, np.nan)
    return best_jaccard(labels, explore(changed, X, seed), n_groups)


def _varied(explorer, rng):
    """A clone with every known density parameter changed a little; None if it has none."""
    changes = {}
    for name, value in explorer.get_params(deep=False).items():
        if name not in VARIED or isinstance(value, bool) or not isinstance(value, Real):
            continue
        if value == 0 or not np.isfinite(value):
            continue
        new = value * VARIATION ** rng.uniform(-1, 1)
        if isinstance(value, Integral):
            new = max(min(LEAST, int(value)), round(new))
        changes[name] = new
    return clone(explorer).set_params(**changes) if changes else None


def best_jaccard(labels, found, n_groups):
    """Largest Jaccard of each group with any of the found ones.

    Parameters
    ----------
    labels, found : ndarray of shape (n_samples,)
        Two groupings of the same rows, numbered from 0, -1 for none.
    n_groups : int
        Groups in ``labels``, those without a row included.

    Returns
    -------
    jaccard : ndarray of shape (n_groups,)
        Rows in both over rows in either; 0 for a group without rows.
    """
    n_found = int(found.max(initial=-1)) + 1
    if n_found == 0:
        return np.zeros(n_groups)
    both = (labels >= 0) & (found >= 0)
    pairs = np.bincount(labels[both] * n_found + found[both], minlength=n_groups * n_found)
    pairs = pairs.reshape(n_groups, n_found)
    sizes = np.bincount(labels[labels >= 0], minlength=n_groups)[:, None]
    either = sizes + np.bincount(found[found >= 0], minlength=n_found)[None, :] - pairs
    return (pairs / np.maximum(either, 1)).max(axis=1)
