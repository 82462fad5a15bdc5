"""DBSCAN whose eps comes from the data."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.cluster import DBSCAN
from sklearn.neighbors import KDTree
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from climbkit.base import NOISE, PartialLabelClusterer
from climbkit.cluster._rows import match_rows


class FieldDBSCAN(PartialLabelClusterer):
    """DBSCAN that takes ``eps`` from the data: the densest share of the rows is dense.

    Features are divided by their standard deviations, so that units do not matter. ``eps`` is
    the quantile ``dense_share`` of the distances to the ``min_samples``-th neighbour, so that
    this share of the rows are core samples.

    Parameters
    ----------
    min_samples : int, default=24
        Rows within ``eps`` of a core sample, itself counted; the published setting for halo
        stars.

    dense_share : float, default=0.15
        Share of the rows that are to be core samples, between 0 and 1 (exclusive).

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Clusters from 0 on, -1 for noise.

    eps_ : float
        Radius that was used, in standard deviations of the features.

    scale_ : ndarray of shape (n_features,)
        Standard deviations; 1 for constant features.

    core_sample_indices_ : ndarray of shape (n_core,)
        Numbers of the core samples.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    See Also
    --------
    CLiMB : Uses this as its explorer where it is given none.
    NoveltyTest : Tells which of the clusters are more than the dense body of the field.

    Notes
    -----
    The dense body of a smooth field comes out as a cluster too: that is what the densest rows
    are there. Test what is found.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit import FieldDBSCAN
    >>> rng = np.random.default_rng(0)
    >>> clump = rng.normal([3.0, 0.0], 0.02, (50, 2))
    >>> X = np.vstack([rng.uniform(-5, 5, (450, 2)), clump]) * [1.0, 1e5]
    >>> labels = FieldDBSCAN(dense_share=0.08).fit(X).labels_
    >>> int(np.sum(labels[450:] == labels[-1]))
    50
    """

    _parameter_constraints = {
        "min_samples": [Interval(Integral, 1, None, closed="left")],
        "dense_share": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(self, min_samples=24, dense_share=0.15):
        self.min_samples = min_samples
        self.dense_share = dense_share

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Choose ``eps`` and cluster.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : FieldDBSCAN
            Fitted estimator.
        """
        X, _ = self._validate_fit(X, None)
        deviation = X.std(axis=0)
        self.scale_ = np.where(deviation > 0, deviation, 1.0)
        self._X_fit = X / self.scale_
        k = min(self.min_samples, len(X))
        reach = KDTree(self._X_fit).query(self._X_fit, k)[0][:, -1]
        # Rows that all coincide leave no scale; any positive radius then means "the same".
        self.eps_ = max(float(np.quantile(reach, self.dense_share)), np.finfo(float).tiny)
        found = DBSCAN(eps=self.eps_, min_samples=self.min_samples).fit(self._X_fit)
        self.labels_ = found.labels_
        self.core_sample_indices_ = found.core_sample_indices_
        return self

    def predict(self, X):
        """Assign new rows to the cluster of the nearest core sample within ``eps_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            -1 where no core sample is near. A row that is identical to a fitted one gets the
            label that it got in ``fit``.
        """
        check_is_fitted(self)
        X = self._validate_new(X) / self.scale_
        labels = np.full(len(X), NOISE, dtype=self.labels_.dtype)
        if len(self.core_sample_indices_):
            cores = self._X_fit[self.core_sample_indices_]
            distance, nearest = KDTree(cores).query(X)
            near = distance[:, 0] <= self.eps_
            labels[near] = self.labels_[self.core_sample_indices_][nearest[near, 0]]
        seen = match_rows(X, self._X_fit)
        return np.where(seen >= 0, self.labels_[seen], labels)
