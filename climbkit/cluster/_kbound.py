"""KBound: k-means anchored at groups that are already known."""

import warnings
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from climbkit.base import NOISE, UNLABELLED, PartialLabelClusterer
from climbkit.cluster._distances import METRICS, fitted_metric_params, two_nearest
from climbkit.cluster._explain import feature_attribution, gate_table, row_index
from climbkit.cluster._initial import initial_centers
from climbkit.cluster._rows import match_rows
from climbkit.kernels import gaussian_density, gaussian_density_at, mean_pairwise_distance


class KBound(PartialLabelClusterer):
    """K-means whose centres are anchored at known groups, with three gates.

    A row joins the group with the nearest centre if it passes a density gate and a distance
    gate; a centre follows its group's mean, but only within a ball around where it started.
    Rows that no gate lets in are noise: they are what `CLiMB` explores next.

    Parameters
    ----------
    density_threshold : float in [0, 1], default=0.0
        Threshold of the density gate, in units of the largest density; 0 lets every row pass.

    distance_threshold : float, default=0.5
        Largest distance to the nearest centre, in the chosen metric. May be infinite. This and
        the next two defaults are those that the paper found for halo stars, whose features were
        scaled to unit variance.

    radial_threshold : float, default=0.1
        Largest Euclidean distance of a centre from where it started. May be infinite.

    tol : float, default=0.01
        Stop when every centre moves by less than this (Euclidean).

    max_iter : int, default=300
        Largest number of iterations.

    bandwidth : float, default=None
        Standard deviation of the Gaussian kernel of the density gate. None: the mean of all
        pairwise distances.

    metric : str or callable, default="euclidean"
        Metric of the distance gate: any name of `scipy.spatial.distance` or
        `sklearn.metrics.pairwise_distances`, or a callable ``metric(a, b) -> float``.

    metric_params : dict, default=None
        Parameters of the metric. For ``"mahalanobis"`` the inverse covariance ``VI`` is
        computed from X where none is given, for ``"seuclidean"`` the variances ``V``.

    density_rule : {"min", "max"}, default="min"
        ``"min"`` (the paper) admits rows whose density is at least ``density_threshold``;
        ``"max"`` (the published code) those whose density is at most
        ``1 - density_threshold``.

    radial_rule : {"project", "hold"}, default="project"
        What happens to a centre that would leave its ball: ``"project"`` (the paper) puts it
        on the ball's surface, ``"hold"`` (the published code) leaves it where it was.

    force_seeds : bool, default=True
        Give the seeds their own label at the end, whatever the gates say. These labels are
        copied, not found: leave the seeds out of any score.

    n_clusters : int, default=None
        Number of centres. Every group that ``y`` and ``init`` name has one, whatever this
        says; if it is larger than their number, the remaining centres start at rows drawn by
        k-means++ and get labels after the largest.

    init : {"seeds", "k-means++", "random"}, array-like or mapping, default="seeds"
        Where the centres start. ``"seeds"``: at the mean of each group's seeds. The drawn
        ones are named after the seeds that lie nearest. An array of shape (n_clusters,
        n_features): row i is the i-th group in ascending order of label. A mapping from label
        to centre: groups that it leaves out start at the mean of their seeds.

    random_state : int, RandomState instance or None, default=None
        For the centres that are drawn.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Group labels as they came in ``y``; -1 for rows that no group takes.

    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centres that decided ``labels_``.

    classes_ : ndarray of shape (n_clusters,)
        Labels of the rows of ``cluster_centers_``.

    initial_centers_ : ndarray of shape (n_clusters, n_features)
        Where the centres started.

    probabilities_ : ndarray of shape (n_samples,)
        Strength of membership: 1 at the centre and for forced seeds, falling linearly to 0 at
        ``distance_threshold``, 0 for noise. Not a calibrated probability.

    density_ : ndarray of shape (n_samples,)
        Gaussian density of the rows, 1 at the densest. Computed when the gate is in use, else
        all 1.

    bandwidth_ : float or None
        Bandwidth that was used; None where the density gate is off.

    seed_mask_ : ndarray of shape (n_samples,), dtype bool
        Rows whose label was forced.

    metric_params_ : dict
        Parameters of the metric, with what was computed from X.

    n_iter_ : int
        Iterations that were run.

    converged_ : bool
        Whether they ended by ``tol`` rather than ``max_iter``.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    See Also
    --------
    CLiMB : KBound, then an explorer on what it leaves.

    Notes
    -----
    Each iteration costs O(n_samples x n_clusters). The density costs less than a neighbour
    query, see `climbkit.kernels.gaussian_density`; memory is linear in n_samples.

    Without seeds and without ``n_clusters`` there is nothing to anchor: every row is noise.

    References
    ----------
    .. [1] L. Monti et al., "CLiMB: A Domain-Informed Novelty Detection Clustering Framework
       for Galactic Archaeology and Scientific Discovery", 2026,
       doi:10.48550/arXiv.2601.09768. Published code: climb-astro.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit import KBound
    >>> X = np.array([[0.0], [0.2], [0.3], [5.0], [5.1], [9.0]])
    >>> y = [4, -1, -1, 7, -1, -1]
    >>> KBound(distance_threshold=1.0).fit(X, y).labels_
    array([ 4,  4,  4,  7,  7, -1])
    """

    _parameter_constraints = {
        "density_threshold": [Interval(Real, 0, 1, closed="both")],
        "distance_threshold": [Interval(Real, 0, None, closed="right")],
        "radial_threshold": [Interval(Real, 0, None, closed="both")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "bandwidth": [Interval(Real, 0, None, closed="neither"), None],
        "metric": [StrOptions(set(METRICS)), callable],
        "metric_params": [dict, None],
        "density_rule": [StrOptions({"min", "max"})],
        "radial_rule": [StrOptions({"project", "hold"})],
        "force_seeds": ["boolean"],
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "init": [StrOptions({"seeds", "k-means++", "random"}), "array-like", Mapping],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        density_threshold=0.0,
        distance_threshold=0.5,
        radial_threshold=0.1,
        tol=0.01,
        max_iter=300,
        bandwidth=None,
        metric="euclidean",
        metric_params=None,
        density_rule="min",
        radial_rule="project",
        force_seeds=True,
        n_clusters=None,
        init="seeds",
        random_state=None,
    ):
        self.density_threshold = density_threshold
        self.distance_threshold = distance_threshold
        self.radial_threshold = radial_threshold
        self.tol = tol
        self.max_iter = max_iter
        self.bandwidth = bandwidth
        self.metric = metric
        self.metric_params = metric_params
        self.density_rule = density_rule
        self.radial_rule = radial_rule
        self.force_seeds = force_seeds
        self.n_clusters = n_clusters
        self.init = init
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Anchor centres at the known groups and assign the rows that pass the gates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        y : array-like of shape (n_samples,), default=None
            Labels of the seeds, -1 for every other row.

        Returns
        -------
        self : KBound
            Fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is not allowed or does not fit the data, or if X holds NaN.
        """
        X, y = self._validate_fit(X, y)
        self._X_fit = X
        self.metric_params_ = fitted_metric_params(self.metric, self.metric_params, X)
        self.initial_centers_, self.classes_ = initial_centers(
            X, y, self.init, self.n_clusters, self.random_state
        )
        self.bandwidth_, self._peak_density, self.density_ = self._fit_density(X)
        dense = self._passes_density(self.density_)
        nearest, distance = self._iterate(X, dense)
        labels = self._labels_from(nearest, distance, dense)
        seeds = y != UNLABELLED
        self.seed_mask_ = seeds if self.force_seeds else np.zeros_like(seeds)
        labels[self.seed_mask_] = y[self.seed_mask_]
        self.labels_ = labels
        self.probabilities_ = self._strength(labels, distance)
        self.probabilities_[self.seed_mask_] = 1.0
        return self

    def _fit_density(self, X):
        """Bandwidth, largest density, and density of the rows relative to it."""
        if self.density_threshold == 0:
            return None, None, np.ones(len(X))
        bandwidth = self.bandwidth or mean_pairwise_distance(X)
        density = gaussian_density(X, bandwidth=bandwidth)
        peak = density.max()
        return bandwidth, peak, density / peak

    def _passes_density(self, density):
        if self.density_rule == "min":
            return density >= self.density_threshold
        return density <= self._density_ceiling

    @property
    def _density_ceiling(self):
        return 1 - self.density_threshold

    def _iterate(self, X, dense):
        """Move the centres until they rest; return what the last ones decided."""
        centers = self.initial_centers_.copy()
        self.converged_ = False
        for n_iter in range(1, self.max_iter + 1):
            nearest, _, distance, _ = two_nearest(X, centers, self.metric, self.metric_params_)
            moved = self._moved_centers(X, centers, nearest, dense & self._is_near(distance))
            step = np.linalg.norm(moved - centers, axis=1).max(initial=0.0)
            if step < self.tol or step == 0:
                self.converged_ = True
                break
            if n_iter < self.max_iter:
                centers = moved
        if not self.converged_:
            warnings.warn(
                f"KBound did not converge in max_iter={self.max_iter} iterations; its centres "
                f"still move by {step:.3g} (tol={self.tol}).",
                ConvergenceWarning,
                stacklevel=3,
            )
        self.cluster_centers_ = centers
        self.n_iter_ = n_iter
        return nearest, distance

    def _moved_centers(self, X, centers, nearest, admitted):
        """Means of the admitted rows, kept within each centre's ball."""
        moved = centers.copy()
        for k in range(len(centers)):
            members = X[(nearest == k) & admitted]
            if not len(members):
                continue
            mean = members.mean(axis=0)
            shift = mean - self.initial_centers_[k]
            length = np.linalg.norm(shift)
            if length <= self.radial_threshold:
                moved[k] = mean
            elif self.radial_rule == "project":
                moved[k] = self.initial_centers_[k] + shift / length * self.radial_threshold
        return moved

    def _is_near(self, distance):
        return distance <= self.distance_threshold

    def _labels_from(self, nearest, distance, dense):
        admitted = dense & self._is_near(distance) & (nearest >= 0)
        labels = np.full(len(nearest), NOISE, dtype=np.int64)
        labels[admitted] = self.classes_[nearest[admitted]]
        return labels

    def _strength(self, labels, distance):
        strength = np.zeros(len(labels))
        member = labels != NOISE
        strength[member] = np.clip(1 - distance[member] / self.distance_threshold, 0.0, 1.0)
        return strength

    def _density_of(self, X, seen):
        """Density at rows in units of the largest fitted one; ``seen`` from `match_rows`."""
        density = self.density_[seen]
        new = seen < 0
        if self.density_threshold == 0:
            density[new] = 1.0
        elif new.any():
            sums = gaussian_density_at(
                X[new], self._X_fit, self.bandwidth_, peak=self._peak_density
            )
            density[new] = sums / self._peak_density
        return density

    def predict(self, X):
        """Assign new rows by the fitted centres and gates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Group labels, -1 for rows that no group takes. A row that is identical to a fitted
            one gets the label that it got in ``fit``.
        """
        check_is_fitted(self)
        X = self._validate_new(X)
        nearest, _, distance, _ = two_nearest(
            X, self.cluster_centers_, self.metric, self.metric_params_
        )
        seen = match_rows(X, self._X_fit)
        dense = self._passes_density(self._density_of(X, seen))
        labels = self._labels_from(nearest, distance, dense)
        return np.where(seen >= 0, self.labels_[seen], labels)

    def decision_path(self, X):
        """Tell which gate decided each row, and by what margin.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that were fitted, or new ones.

        Returns
        -------
        table : DataFrame of n_samples rows
            ``label``; ``gate``: ``"assigned"``, ``"rejected_density"``,
            ``"rejected_distance"``, ``"seed_forced"`` or ``"no_group"``; ``is_seed``;
            ``local_density``, ``density_passed``, ``density_margin`` (negative: the gate is
            shut); ``nearest_cluster``, ``distance_to_nearest``, ``distance_passed``,
            ``distance_margin``; ``competitor_cluster``, ``distance_to_competitor`` and
            ``margin``, the lead of the nearest centre over the second.
        """
        check_is_fitted(self)
        return gate_table(self, self._validate_new(X), row_index(X))

    def feature_attribution(self, X):
        """Split each row's squared distance to its centre exactly by feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that were fitted, or new ones.

        Returns
        -------
        table : DataFrame of n_samples rows
            ``reference_cluster`` (the row's group, or the nearest for noise),
            ``competitor_cluster`` (the next nearest), their squared distances
            ``d2_reference`` and ``d2_competitor``, and for each feature ``contrib_<name>``,
            which sum to ``d2_reference``, and ``disc_<name>``, which sum to
            ``d2_competitor - d2_reference``.

        Raises
        ------
        ValueError
            If the metric is no quadratic form: only ``"euclidean"``, ``"l2"``,
            ``"seuclidean"`` and ``"mahalanobis"`` can be split by feature.
        """
        check_is_fitted(self)
        return feature_attribution(self, self._validate_new(X), row_index(X))
