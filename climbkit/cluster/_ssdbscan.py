"""SS-DBSCAN: density-based clusters that spread only through important rows."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from climbkit.base import PartialLabelClusterer
from climbkit.cluster._naming import name_clusters, nearest_core_labels
from climbkit.kernels._kdtree import build_tree, squared_limit
from climbkit.kernels._linking import grow_clusters


class SSDBSCAN(PartialLabelClusterer):
    """Cluster by density, spreading only through rows that a rule calls important.

    Rows are visited in order. An unvisited row with fewer than `min_samples` rows nearer than
    `eps` is noise for now; any other starts a cluster and claims its neighbours. A claimed row
    that was noise is a leaf; one that was unvisited claims its own neighbours too, if it is dense
    and important. The row that starts a cluster spreads whether it is important or not. Without
    a rule this is DBSCAN with distances less than, not up to, `eps`.

    Parameters
    ----------
    eps : float, default=0.5
        Rows at a Euclidean distance less than this are neighbours.
    min_samples : int, default=5
        Neighbours that a dense row has, itself counted.
    importance : callable, default=None
        ``importance(X)`` returns a boolean array with True for each important row, such as
        `KinematicTails`. It gets X as a float64 array that it may not change. None: every row
        is important.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Label of each row, -1 for noise. Clusters are numbered in the order of the rows that
        started them; with `y`, a cluster takes the label of most of its known rows (the smallest
        among equally frequent ones) and the others are numbered after the largest known label.
    core_sample_indices_ : ndarray of shape (n_core_samples,)
        Rows whose neighbours were claimed: those that started a cluster, and dense and important
        ones.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had any.

    See Also
    --------
    KinematicTails : The rule for halo stars.
    CDBSCAN : Density-based clusters under must-link and cannot-link constraints.

    Notes
    -----
    The result depends on the order of the rows, by the definition of the algorithm: which rows
    start a cluster, and which cluster comes first to a row that several could claim. Sort the
    rows if it must not. Known labels take no part in the clustering, as in the paper; they only
    name the clusters.

    `fit` takes memory linear in the number of rows whatever `eps`, and about N log N time in few
    dimensions: each row is counted and claimed through a k-d tree that leaves aside what is
    claimed already. Beyond some ten dimensions the tree helps little, and time grows up to N².

    References
    ----------
    .. [1] T. Z. Abdulhameed, S. A. Yousif, V. W. Samawi, H. I. Al-Shaikhli, "SS-DBSCAN:
       Semi-Supervised Density-Based Spatial Clustering of Applications With Noise for Meaningful
       Clustering in Diverse Density Data", IEEE Access 12, 131507 (2024),
       `doi:10.1109/ACCESS.2024.3457587 <https://doi.org/10.1109/ACCESS.2024.3457587>`_

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.cluster import SSDBSCAN
    >>> X = np.arange(8.0).reshape(-1, 1)
    >>> SSDBSCAN(eps=1.5, min_samples=2).fit(X).labels_
    array([0, 0, 0, 0, 0, 0, 0, 0])
    >>> SSDBSCAN(eps=1.5, min_samples=2, importance=lambda X: X[:, 0] > 3).fit(X).labels_
    array([0, 0, 1, 1, 2, 2, 2, 2])
    """

    _parameter_constraints = {
        "eps": [Interval(Real, 0, None, closed="neither")],
        "min_samples": [Interval(Integral, 1, None, closed="left")],
        "importance": [callable, None],
    }

    def __init__(self, eps=0.5, min_samples=5, importance=None):
        self.eps = eps
        self.min_samples = min_samples
        self.importance = importance

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Cluster the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,), default=None
            Known labels, -1 where none is known. They name the clusters, no more.

        Returns
        -------
        self : SSDBSCAN
            The fitted clusterer.

        Raises
        ------
        ValueError
            If X holds NaN or infinity, if y has another length or holds fractions, or if
            `importance` does not return a boolean for each row.
        """
        X, y = self._validate_fit(X, y)
        clusters, expanded = grow_clusters(
            build_tree(X), self._limit(), self.min_samples, self._important(X)
        )
        self.labels_ = name_clusters(clusters, y)
        self.core_sample_indices_ = np.flatnonzero(expanded)
        self._fit_X = X.copy()
        return self

    def predict(self, X):
        """Label points by the nearest core sample.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
            Points.

        Returns
        -------
        labels : ndarray of shape (n_points,)
            The label of the nearest core sample that is nearer than `eps` (of the first among
            equally near ones), -1 where there is none. A point that equals a row of the training
            data gets that row's label.
        """
        check_is_fitted(self)
        X = self._validate_new(X)
        return nearest_core_labels(
            X, self._fit_X, self.labels_, self.core_sample_indices_, self._limit()
        )

    def _limit(self):
        return squared_limit(self.eps, True)

    def _important(self, X):
        if self.importance is None:
            return np.ones(len(X), dtype=bool)
        view = X.view()
        view.flags.writeable = False
        important = np.asarray(self.importance(view))
        if important.shape != (len(X),):
            raise ValueError(
                "importance must return one boolean for each row of X, an array of shape "
                f"({len(X)},); got shape {important.shape}."
            )
        if important.dtype != bool:
            raise ValueError(
                f"importance must return booleans; got an array of dtype {important.dtype}."
            )
        return important
