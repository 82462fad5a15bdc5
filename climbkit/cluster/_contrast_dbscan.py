"""DBSCAN whose eps follows the density that a smooth fit expects."""

import math
from numbers import Integral, Real

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from sklearn.base import _fit_context, clone
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from climbkit.base import NOISE, PartialLabelClusterer
from climbkit.cluster._explain import row_index
from climbkit.cluster._novelty_null import SmoothMixture, core_covariance
from climbkit.cluster._rows import match_rows

# Balls of the outermost rows, where a fit knows least, are no larger than those of the others.
SEARCHED_SHARE = 0.9
# Rows that the field is fitted to: more do not sharpen ten broad components.
FIT_ROWS = 50_000
# Pairs of core samples in memory at once.
MAX_PAIRS = 2_000_000


class ContrastDBSCAN(PartialLabelClusterer):
    """Groups that are some times as dense as a smooth field, wherever they lie.

    DBSCAN with one ``eps`` finds what is dense, in the middle of a field first of all. Here
    every row has its own: the radius of the ball in which a smooth fit of all rows expects
    ``min_samples / contrast`` of them. A row with ``min_samples`` rows in its ball, itself
    counted, is a core sample; two are joined where each lies in the other's ball. Other rows
    join the nearest core sample if they lie in its ball.

    Parameters
    ----------
    contrast : float, default=3.0
        Density of a group in units of the field's.

    min_samples : int, default=16
        Rows in the ball of a core sample.

    min_cluster_size : int, default=25
        Smaller groups are noise.

    null : density estimator, default=None
        Smooth fit, with ``fit`` and ``score_samples`` (log density). None:
        ``SmoothMixture(tol=1e-3, random_state=0)``.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Groups from 0 on, -1 for noise.

    core_sample_indices_ : ndarray of shape (n_core,)
        Numbers of the core samples of these groups.

    eps_ : ndarray of shape (n_samples,)
        Radius of each row's ball, in units in which the bulk of the rows has unit covariance.

    null_ : density estimator
        Smooth fit, in the same units.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    See Also
    --------
    CLiMB : Uses this as its explorer where it is given none.
    NoveltyTest : Tells which of the groups a smooth field could have made.

    Notes
    -----
    Rows of a smooth field lie by chance as densely, here and there: test what is found. Groups
    that hold most of the rows are the field, and stand out of nothing: take DBSCAN for them.

    Balls are round once the bulk of the rows has unit covariance, so that units do not matter.
    The field is fitted to at most 50,000 rows, evenly spaced in lexicographic order. Time is
    near linear in the number of rows in few dimensions, but quadratic in the core samples
    within one ball; memory is linear in the rows.

    References
    ----------
    .. [1] M. Ester et al., "A Density-Based Algorithm for Discovering Clusters in Large Spatial
       Databases with Noise", KDD 1996.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit import ContrastDBSCAN
    >>> rng = np.random.default_rng(0)
    >>> stream = rng.normal([2.5, 0.0], 0.1, (40, 2))
    >>> X = np.vstack([rng.normal(size=(1000, 2)), stream]) * [1.0, 1e5]
    >>> labels = ContrastDBSCAN().fit(X).labels_
    >>> int(np.sum(labels[1000:] == labels[-1]))
    40
    """

    _parameter_constraints = {
        "contrast": [Interval(Real, 1, None, closed="neither")],
        "min_samples": [Interval(Integral, 2, None, closed="left")],
        "min_cluster_size": [Interval(Integral, 1, None, closed="left")],
        "null": [HasMethods(["fit", "score_samples", "get_params"]), None],
    }

    def __init__(self, contrast=3.0, min_samples=16, min_cluster_size=25, null=None):
        self.contrast = contrast
        self.min_samples = min_samples
        self.min_cluster_size = min_cluster_size
        self.null = null

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the field and find what is denser.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : ContrastDBSCAN
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, or X holds NaN or infinity.
        """
        X, _ = self._validate_fit(X, None)
        self._X_fit = X
        # In an order of their own, so that the result does not depend on that of the rows.
        order = np.lexsort(X.T[::-1])
        self._measure(X[order])
        Z = self._transformed(X[order])
        some = np.linspace(0, len(Z) - 1, min(len(Z), FIT_ROWS)).astype(np.intp)
        null = SmoothMixture(tol=1e-3, random_state=0) if self.null is None else clone(self.null)
        self.null_ = null.fit(Z[some])
        log_eps = self._log_eps(Z)
        self._log_limit = np.quantile(log_eps, SEARCHED_SHARE, method="lower")
        eps = np.exp(np.minimum(log_eps, self._log_limit))
        core = np.empty(0, dtype=np.intp)
        if len(Z) >= self.min_samples:
            core = np.flatnonzero(cKDTree(Z).query(Z, k=[self.min_samples])[0][:, 0] <= eps)
        groups = _joined(Z[core], eps[core])
        self._keep(Z[core], eps[core], groups)
        members = self._near_core(Z)
        large = np.bincount(members[members >= 0]) >= self.min_cluster_size
        kept = large[groups]
        core = core[kept]
        self._keep(Z[core], eps[core], (np.cumsum(large) - 1)[groups[kept]])
        self.eps_ = np.empty(len(Z))
        self.labels_ = np.empty(len(Z), dtype=np.int64)
        self.eps_[order], self.labels_[order] = eps, self._near_core(Z)
        self.core_sample_indices_ = np.sort(order[core])
        return self

    def _keep(self, rows, eps, labels):
        self._core_rows, self._core_eps, self._core_labels = rows, eps, labels

    def _measure(self, X):
        """Learn the units in which the bulk of the rows has unit covariance."""
        scale = X.std(axis=0)
        self._shift, self._scale = X.mean(axis=0), np.where(scale > 0, scale, 1.0)
        root = np.linalg.cholesky(core_covariance((X - self._shift) / self._scale))
        self._root = np.linalg.inv(root).T

    def _transformed(self, X):
        return (X - self._shift) / self._scale @ self._root

    def _log_eps(self, Z):
        """Logarithm of the radius within which the fit expects min_samples / contrast rows."""
        n, d = len(self._X_fit), Z.shape[1]
        log_unit_ball = 0.5 * d * math.log(math.pi) - math.lgamma(d / 2 + 1)
        log_volume = np.log(self.min_samples / self.contrast / n) - self.null_.score_samples(Z)
        return (log_volume - log_unit_ball) / d

    def _near_core(self, Z):
        """Label of the nearest core sample in whose ball a row lies, -1 without any."""
        if not len(self._core_rows):
            return np.full(len(Z), NOISE, dtype=np.int64)
        distance, nearest = cKDTree(self._core_rows).query(Z)
        return np.where(distance <= self._core_eps[nearest], self._core_labels[nearest], NOISE)

    def predict(self, X):
        """Assign new rows to the group of the nearest core sample, if they lie in its ball.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            -1 outside of the ball. A row that is identical to a fitted one gets the label
            that it got in ``fit``.
        """
        check_is_fitted(self)
        X = self._validate_new(X)
        seen = match_rows(X, self._X_fit)
        return np.where(seen >= 0, self.labels_[seen], self._near_core(self._transformed(X)))

    def decision_path(self, X):
        """Tell how dense it is around each row, against what made a core sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that were fitted, or new ones.

        Returns
        -------
        table : DataFrame of n_samples rows
            ``role``: core, border or noise, ``"new"`` for rows that were not fitted;
            ``eps``, the radius of the row's ball; ``n_neighbors_eps``, the rows in it;
            ``core_distance``, the radius that would hold ``min_samples``, a new row counting
            itself; ``eps_margin``, the first less the last; ``distance_to_nearest_core``, for
            a core sample that to the next one.
        """
        import pandas as pd

        check_is_fitted(self)
        checked = self._validate_new(X)
        seen = match_rows(checked, self._X_fit)
        fitted, Z = seen >= 0, self._transformed(checked)
        eps = np.exp(np.minimum(self._log_eps(Z), self._log_limit))
        tree = cKDTree(self._transformed(self._X_fit))
        k = min(self.min_samples, tree.n)
        reach = tree.query(Z, k=[max(k - 1, 1), k])[0]
        core_distance = np.where(fitted, reach[:, 1], reach[:, 0])
        is_core = fitted & np.isin(seen, self.core_sample_indices_)
        to_core = np.full((len(Z), 2), np.nan)
        if len(self._core_rows):
            to_core = cKDTree(self._core_rows).query(Z, k=[1, 2])[0]
        role = np.where(is_core, "core", "border")
        role[fitted & (self.labels_[seen] == NOISE)] = "noise"
        role[~fitted] = "new"
        table = {
            "role": role,
            "eps": eps,
            "n_neighbors_eps": tree.query_ball_point(Z, eps, return_length=True),
            "core_distance": core_distance,
            "eps_margin": eps - core_distance,
            "distance_to_nearest_core": np.where(is_core, to_core[:, 1], to_core[:, 0]),
        }
        return pd.DataFrame(table, index=row_index(X))


def _joined(rows, eps):
    """Names from 0 on of the sets of rows that are joined by pairs, each in the other's ball."""
    names = np.arange(len(rows))
    if not len(rows):
        return names
    tree = cKDTree(rows)
    counts = tree.query_ball_point(rows, eps, return_length=True)
    ends = np.flatnonzero(np.diff(np.cumsum(counts) // MAX_PAIRS)) + 1
    for part in np.split(names, ends):
        balls = tree.query_ball_point(rows[part], eps[part])
        first, second = np.repeat(part, counts[part]), np.concatenate(balls).astype(np.intp)
        mutual = np.linalg.norm(rows[first] - rows[second], axis=1) <= eps[second]
        pairs = (names[first[mutual]], names[second[mutual]])
        graph = coo_array((np.ones(mutual.sum(), dtype=bool), pairs), shape=2 * (len(rows),))
        names = connected_components(graph, directed=False)[1][names]
    return names
