"""HDBSCAN at many minimum cluster sizes from one neighbour query."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from climbkit.base import NOISE, BuilderMixin
from climbkit.cluster._rows import match_rows
from climbkit.cluster._sweep import Sweep, sweep, sweep_and_trees, within_reach
from climbkit.cluster._sweep_prediction import join_sweep

__all__ = ["HDBSCANSweep", "Sweep", "sweep"]

# Minimum cluster sizes of the published search for globular clusters (Baloyi et al. 2025).
_PUBLISHED_SIZES = tuple(range(6, 16))

_SMALLEST_CLUSTER = 2  # one row alone is no cluster; hdbscan allows none either

_MOST_FEATURES_OF_BORUVKA = 60  # hdbscan.HDBSCAN(algorithm="best") leaves it for more


class HDBSCANSweep(BuilderMixin, BaseEstimator):
    """HDBSCAN at many minimum cluster sizes, from one neighbour query.

    The same as a loop of HDBSCAN over `min_cluster_sizes`, for little more than the price of one
    fit. By default all merges at one distance count as one, so that the labels follow from the
    data alone: not from the order of the rows, nor from the machine.

    Parameters
    ----------
    min_cluster_sizes : sequence of int, default=(6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        Smallest number of rows in a cluster, each at least 2; one column of labels for each.

    min_samples : int or sequence of int, default=None
        Number of the neighbour at which the core distance is taken, the row itself not counted,
        as in ``hdbscan`` (scikit-learn's HDBSCAN counts the row itself: its ``min_samples`` is
        one larger). One for all sizes, or one for each; None: equal to the minimum cluster
        size.

    cluster_selection_method : {"eom", "leaf"}, default="eom"
        Clusters of the largest excess of mass, or the leaves of the tree, which are finer.

    cluster_selection_epsilon : float, default=0.0
        Clusters that split off at a distance below this stay together, in units of X.

    allow_single_cluster : bool, default=False
        Whether the whole field may be the only cluster. Without it a cluster that fills the
        field is not found, because the tree has no split to find it by.

    mst : {"canonical", "hdbscan"}, default="canonical"
        Which spanning tree, and what is done about ties:

        - "canonical": an exact tree, and all merges at one distance at once. The result is
          unique.
        - "hdbscan": the approximate tree of ``hdbscan.HDBSCAN``, with ties broken as it does.
          Labels, probabilities and persistence are equal to its own, to the last bit, if it
          is run in the same process; they depend on the order of the rows and may differ
          between machines.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples, n_sizes), dtype int64
        A column for each minimum cluster size; -1 for noise. In canonical mode clusters are
        numbered from the largest to the smallest, equally large ones from the most persistent
        on, and those that agree in both by their lexicographically smallest row; in hdbscan's
        mode as it numbers them.

    probabilities_ : ndarray of shape (n_samples, n_sizes)
        Strength of the membership: inverse of the distance at which the row joined its cluster,
        over that at which its densest rows joined. 0 for noise.

    persistence_ : list of ndarray of shape (n_clusters,)
        For each minimum cluster size the stability of each cluster, in the order of its labels:
        as ``cluster_persistence_`` of ``hdbscan``, a share of the largest that there could be.

    n_clusters_ : ndarray of shape (n_sizes,), dtype int64
        Number of clusters at each minimum cluster size.

    min_cluster_sizes_ : ndarray of shape (n_sizes,), dtype int64
        Minimum cluster sizes of the columns.

    min_samples_ : ndarray of shape (n_sizes,), dtype int64
        ``min_samples`` of the columns, at most ``n_samples - 1``.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    See Also
    --------
    sklearn.cluster.HDBSCAN : One minimum cluster size.
    ContrastDBSCAN : A density that follows the field.

    Notes
    -----
    One query finds the neighbours that all sizes need. The spanning tree at one ``min_samples``
    lies within the tree at the next larger one and the neighbour lists [2]_, so that only the
    first, largest tree is searched for. Time is O(n log n) for few features, memory linear in
    the rows.

    Distances are Euclidean: scale the features first.

    Rows with NaN or infinity are noise and do not touch the others. Where there are fewer rows
    than a minimum cluster size, all are noise. Rows that coincide with more than ``min_samples``
    others have a core distance of 0: they are one cluster from the start, its lambda is infinite,
    so that the persistence of all clusters is 1, and all but the coinciding rows of its cluster
    have probability 0. Remove duplicated sources first.

    References
    ----------
    .. [1] Campello, Moulavi & Sander (2013), Density-based clustering based on hierarchical
       density estimates, doi:10.1007/978-3-642-37456-2_14.
    .. [2] Araujo Neto, Naldi, Campello & Sander (2022), CORE-SG: Efficient computation of
       multiple MSTs for density-based methods, doi:10.1109/ICDE53745.2022.00076.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.cluster import HDBSCANSweep
    >>> rng = np.random.default_rng(0)
    >>> field = rng.uniform(-5, 5, (400, 2))
    >>> X = np.vstack([field, rng.normal([3.0, 0.0], 0.1, (60, 2)), rng.normal(-3, 0.1, (30, 2))])
    >>> sweep = HDBSCANSweep(min_cluster_sizes=[10, 20]).fit(X)
    >>> sweep.labels_.shape
    (490, 2)
    >>> sweep.n_clusters_
    array([6, 3])
    >>> [np.flatnonzero(persistence > 0.1).tolist() for persistence in sweep.persistence_]
    [[0, 2], [0, 1]]
    >>> sweep.predict([[3.0, 0.0], [-3.0, -3.0]])
    array([[0, 0],
           [2, 1]])
    """

    _parameter_constraints = {
        "min_cluster_sizes": ["array-like"],
        "min_samples": [Interval(Integral, 1, None, closed="left"), "array-like", None],
        "cluster_selection_method": [StrOptions({"eom", "leaf"})],
        "cluster_selection_epsilon": [Interval(Real, 0, None, closed="left")],
        "allow_single_cluster": ["boolean"],
        "mst": [StrOptions({"canonical", "hdbscan"})],
    }

    def __init__(
        self,
        min_cluster_sizes=_PUBLISHED_SIZES,
        *,
        min_samples=None,
        cluster_selection_method="eom",
        cluster_selection_epsilon=0.0,
        allow_single_cluster=False,
        mst="canonical",
    ):
        self.min_cluster_sizes = min_cluster_sizes
        self.min_samples = min_samples
        self.cluster_selection_method = cluster_selection_method
        self.cluster_selection_epsilon = cluster_selection_epsilon
        self.allow_single_cluster = allow_single_cluster
        self.mst = mst

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Cluster at every minimum cluster size.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Rows with NaN or infinity become noise.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : HDBSCANSweep
            Fitted estimator.

        Raises
        ------
        ValueError
            If X has no rows, if minimum cluster sizes or samples are not whole numbers, too
            small, or not as many as each other, if squared distances between rows overflow, or
            if X has more than 60 features in hdbscan's mode.
        """
        X = validate_data(self, X, dtype=np.float64, order="C", ensure_all_finite=False)
        sizes, samples = self._checked_sizes()
        if self.mst == "hdbscan" and X.shape[1] > _MOST_FEATURES_OF_BORUVKA:
            raise ValueError(
                f"mst='hdbscan' takes at most {_MOST_FEATURES_OF_BORUVKA} features, got "
                f"{X.shape[1]}: for more hdbscan has another algorithm. Use mst='canonical'."
            )
        found, self._trees, self._chosen = sweep_and_trees(
            X,
            sizes,
            samples,
            self.cluster_selection_method,
            self.cluster_selection_epsilon,
            self.allow_single_cluster,
            self.mst,
            keep=True,
        )
        self.labels_, self.probabilities_, self.persistence_ = found
        self.n_clusters_ = np.array([len(scores) for scores in self.persistence_])
        self.min_cluster_sizes_ = sizes
        finite = np.isfinite(X).all(axis=1)
        self._X_fit = X[finite]
        self._rows_fit = np.flatnonzero(finite)
        self.min_samples_ = np.minimum(samples, max(len(self._X_fit) - 1, 1))
        return self

    def fit_predict(self, X, y=None):
        """Cluster at every minimum cluster size and return ``labels_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Rows with NaN or infinity become noise.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        labels : ndarray of shape (n_samples, n_sizes), dtype int64
            A column for each minimum cluster size; -1 for noise.
        """
        return self.fit(X).labels_

    def predict(self, X):
        """Assign new rows to the clusters that were found.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Rows with NaN or infinity become noise.

        Returns
        -------
        labels : ndarray of shape (n_samples, n_sizes), dtype int64
            A column for each minimum cluster size; -1 for noise. A row that is identical to a
            fitted one gets the labels that it got in ``fit``; others join the cluster of the
            fitted row that is nearest by mutual reachability, as it was at that distance.

        Notes
        -----
        The clusters stay as they were fitted: many new rows between two of them do not join
        them. One query serves all minimum cluster sizes.
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, dtype=np.float64, order="C", ensure_all_finite=False, reset=False
        )
        labels = np.full((len(X), len(self.min_cluster_sizes_)), NOISE, dtype=np.int64)
        if len(self._X_fit) == 0:
            return labels
        seen = match_rows(X, self._X_fit)
        labels[seen >= 0] = self.labels_[self._rows_fit[seen[seen >= 0]]]
        new = within_reach(X) & (seen < 0)
        if new.any() and self.n_clusters_.any():
            labels[new] = join_sweep(
                X[new],
                self._X_fit,
                self.min_samples_,
                self._trees,
                self._chosen,
                self.cluster_selection_epsilon,
            )
        return labels

    def _checked_sizes(self):
        """Minimum cluster sizes and min_samples as whole numbers, one of each a column."""
        sizes = _whole_numbers(self.min_cluster_sizes, "min_cluster_sizes", _SMALLEST_CLUSTER)
        if self.min_samples is None:
            return sizes, sizes.copy()
        if isinstance(self.min_samples, Integral):
            return sizes, np.full_like(sizes, self.min_samples)
        samples = _whole_numbers(self.min_samples, "min_samples", 1)
        if len(samples) != len(sizes):
            raise ValueError(
                f"min_samples has {len(samples)} values and min_cluster_sizes {len(sizes)}; give "
                "as many, one for all, or None."
            )
        return sizes, samples


def _whole_numbers(values, name, least):
    values = np.asarray(values)
    if values.ndim != 1 or len(values) == 0 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} must be a sequence of whole numbers, one or more; got {values}.")
    if values.min() < least:
        raise ValueError(f"{name} must be at least {least}; got {values.min()}.")
    return values.astype(np.int64)
