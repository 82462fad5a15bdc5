"""KBound: k-means anchored at groups that are already known."""

import warnings
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions

from climbkit.base import NOISE, UNLABELLED, PartialLabelClusterer
from climbkit.cluster._anchors import follow_members, hidden_seed_distance, standard_error_radius
from climbkit.cluster._answers import KBoundAnswers
from climbkit.cluster._distances import METRICS, fitted_metric_params, two_nearest, two_smallest
from climbkit.cluster._gates import DensityGate, DistanceGate, Gate
from climbkit.cluster._initial import initial_centers
from climbkit.cluster._row_inputs import check_errors, check_negatives
from climbkit.cluster._selection import SelectionGate
from climbkit.cluster._shapes import GroupCovariance, group_distances


class KBound(KBoundAnswers, PartialLabelClusterer):
    """K-means whose centres are anchored at known groups, with three gates.

    A row joins the group with the nearest centre if it passes a density gate and a distance
    gate; a centre follows its group's mean, but only within a ball around where it started.
    Rows that no gate lets in are noise: they are what `CLiMB` explores next.

    Parameters
    ----------
    density_threshold : float in [0, 1], default=0.0
        Threshold of the density gate, in units of the largest density; 0 lets every row pass.

    distance_threshold : float or "auto", default=0.5
        Largest distance to the nearest centre, in the chosen metric. May be infinite. This and
        the next two defaults are those that the paper found for halo stars, whose features were
        scaled to unit variance. ``"auto"``: the distance that would let in 95 % of the seeds,
        each hidden in turn; where no group has two, 0.5. Not used with a ``gate``.

    radial_threshold : float or "auto", default=0.1
        Largest Euclidean distance of a centre from where it started. May be infinite.
        ``"auto"``: for each group the standard error of the mean of its seeds.

    tol : float, default=0.01
        Stop when every centre moves by less than this (Euclidean).

    max_iter : int, default=300
        Largest number of iterations.

    bandwidth : float, default=None
        Standard deviation of the Gaussian kernel of the density gate. None: the mean of all
        pairwise distances.

    metric : str or callable, default="euclidean"
        Metric of the distance gate: any name of `scipy.spatial.distance` or
        `sklearn.metrics.pairwise_distances`, or a callable ``metric(a, b) -> float``. Not used
        with a ``shape``.

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

    shape : GroupCovariance or None, default=None
        Shapes of the groups: distances are Mahalanobis distances in each group's own shape.
        None (published): one metric for all.

    gate : ChiSquaredGate, SelectionGate or None, default=None
        Decides who joins. None (published): the distance gate. The density gate holds besides,
        where it is in use.

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
        Strength of membership in the row's own group; 1 for forced seeds, 0 for noise. With
        `SelectionGate` the calibrated probability of membership, with `ChiSquaredGate` the
        p-value of the distance. Without a gate it is 1 at the centre and falls linearly to 0 at
        ``distance_threshold``.

    distance_threshold_ : float
        Distance threshold that was used; infinite where distance does not decide.

    radial_threshold_ : ndarray of shape (n_clusters,)
        Radial threshold of each centre.

    covariances_ : ndarray of shape (n_clusters, n_features, n_features) or None
        Covariances of the groups; None without a ``shape``.

    gate_ : Gate
        The fitted gate.

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
    GroupCovariance, ChiSquaredGate, SelectionGate : What ``shape`` and ``gate`` may be.

    Notes
    -----
    Each iteration costs O(n_samples x n_clusters). The density costs less than a neighbour
    query, see `climbkit.kernels.gaussian_density`; memory is linear in n_samples.

    Without seeds and without ``n_clusters`` there is nothing to anchor: every row is noise.

    With ``shape`` the covariances are those of the seeds, around centres that move; so a group
    keeps its identity though its centre follows all its members. They are not updated with the
    rows that were let in: those are cut off where the gate cuts, and mixed with others.

    `SelectionGate` decides by itself which group takes a row; centres and distances then
    describe what it decided.

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

    What is recommended, with probabilities:

    >>> from climbkit.datasets import make_halo
    >>> halo = make_halo(random_state=0)
    >>> kbound = KBound.recommended().fit(halo.data, halo.partial_target)
    >>> bool(np.allclose(kbound.predict_proba(halo.data).sum(axis=1), 1.0))
    True
    """

    _parameter_constraints = {
        "density_threshold": [Interval(Real, 0, 1, closed="both")],
        "distance_threshold": [Interval(Real, 0, None, closed="right"), StrOptions({"auto"})],
        "radial_threshold": [Interval(Real, 0, None, closed="both"), StrOptions({"auto"})],
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
        "shape": [GroupCovariance, None],
        "gate": [Gate, None],
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
        shape=None,
        gate=None,
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
        self.shape = shape
        self.gate = gate

    @classmethod
    def recommended(cls):
        """Return a KBound with groups of their own shape and calibrated probabilities.

        Returns
        -------
        kbound : KBound
            ``KBound(radial_threshold="auto", shape=GroupCovariance(), gate=SelectionGate())``.
            Nothing in it depends on the scale of the features.
        """
        return cls(radial_threshold="auto", shape=GroupCovariance(), gate=SelectionGate())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, errors=None, negatives=None):
        """Anchor centres at the known groups and assign the rows that pass the gates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        y : array-like of shape (n_samples,), default=None
            Labels of the seeds, -1 for every other row.
        errors : array-like of shape (n_samples, n_features) or \
                (n_samples, n_features, n_features), default=None
            Standard deviations of each row's errors, or their covariances, in the units of X
            as it comes here. They widen the groups, row by row. They need a ``shape``, or
            `SelectionGate`.
        negatives : array-like of shape (n_samples,), dtype bool, or of row numbers, default=None
            Rows known to belong to none of the groups. They stay noise, and `SelectionGate`
            learns from them.

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
        gate = self._new_gate()
        errors, negatives = self._checked_errors(errors, X), check_negatives(negatives, y)
        self._X_fit, self._negatives = X, negatives
        self.metric_params_ = fitted_metric_params(self.metric, self.metric_params, X)
        self.initial_centers_, self.classes_ = initial_centers(
            X, y, self.init, self.n_clusters, self.random_state
        )
        self._set_thresholds(X, y, errors, gate)
        self._density_gate = DensityGate(self.density_threshold, self.density_rule)
        self._density_gate.fit(X, self.bandwidth)
        self.bandwidth_, self.density_ = self._density_gate.bandwidth, self._density_gate.density
        self.gate_ = gate.fit(X, y, self.classes_, errors, negatives)
        self.distance_threshold_ = gate.distance_limit
        self._membership = gate.membership(X, errors)
        open_rows = self._density_gate.passes(self.density_) & ~negatives
        nearest, distance = self._anchor(X, y, errors, open_rows)
        labels, self.probabilities_ = self._decide(nearest, distance, self._membership, open_rows)
        seeds = y != UNLABELLED
        self.seed_mask_ = seeds if self.force_seeds else np.zeros_like(seeds)
        labels[self.seed_mask_] = y[self.seed_mask_]
        self.labels_ = labels
        self.probabilities_[self.seed_mask_] = 1.0
        if self._membership is not None:
            self._membership[seeds | negatives] = 0.0
            self._membership[seeds, np.searchsorted(self.classes_, y[seeds])] = 1.0
            self._membership[negatives, -1] = 1.0
        return self

    def _new_gate(self):
        """Unfitted gate, if it fits the other parameters."""
        if self.gate is None:
            return DistanceGate(self.distance_threshold)
        if self.gate._needs_shape and self.shape is None:
            raise ValueError(
                f"gate={self.gate!r} needs distances in the groups' own shapes: set "
                "shape=GroupCovariance()."
            )
        return clone(self.gate)

    def _checked_errors(self, errors, X):
        if errors is not None and self.shape is None and not getattr(self.gate, "_uses_errors", 0):
            raise ValueError(
                "errors can be used only with shape=GroupCovariance() or gate=SelectionGate()."
            )
        return check_errors(errors, X)

    def _set_thresholds(self, X, y, errors, gate):
        """Common shape of the groups, and thresholds that come from the seeds."""
        self._common_shape = None
        if self.shape is not None:
            self.shape._validate_params()
            self._common_shape = self.shape.common_shape(X, y, errors)
        if isinstance(gate, DistanceGate) and gate.threshold == "auto":
            gate.threshold = hidden_seed_distance(
                X,
                y,
                self.classes_,
                self.metric,
                self.metric_params_,
                self._covariances_at(X, y, self.initial_centers_, errors),
            )
        radius = self.radial_threshold
        if isinstance(radius, str):
            self.radial_threshold_ = standard_error_radius(X, y, self.classes_, errors)
        else:
            self.radial_threshold_ = np.full(len(self.classes_), float(radius))

    def _covariances_at(self, X, y, centers, errors):
        if self.shape is None:
            return None
        return self.shape.covariances(X, y, self.classes_, centers, self._common_shape, errors)

    def _anchor(self, X, y, errors, open_rows):
        """Let the centres follow their members; return what the last ones decided."""

        def measure(centers):
            covariances = self._covariances_at(X, y, centers, errors)
            nearest, _, distance, _ = self._two_nearest(X, errors, centers, covariances)
            return covariances, nearest, distance

        def admit(nearest, distance):
            group, admitted = self.gate_.admit(nearest, distance, self._membership)
            return group, admitted & open_rows

        found = follow_members(
            X,
            self.initial_centers_,
            measure,
            admit,
            self.radial_threshold_,
            self.radial_rule,
            self.tol,
            self.max_iter,
        )
        if not found.converged:
            warnings.warn(
                f"KBound did not converge in max_iter={self.max_iter} iterations; its centres "
                f"still move by {found.step:.3g} (tol={self.tol}).",
                ConvergenceWarning,
                stacklevel=3,
            )
        self.cluster_centers_, self.covariances_ = found.centers, found.covariances
        self.n_iter_, self.converged_ = found.n_iter, found.converged
        return found.nearest, found.distance

    def _two_nearest(self, X, errors, centers, covariances):
        """Nearest and second-nearest centre, in the metric or in the groups' shapes."""
        if covariances is None:
            return two_nearest(X, centers, self.metric, self.metric_params_)

        def distances_of(part):
            noise = None if errors is None else errors[part]
            return group_distances(X[part], centers, covariances, noise)

        row_bytes = 0 if errors is None else 8 * X.shape[1] ** 2
        return two_smallest(len(X), len(centers), distances_of, row_bytes)

    def _decide(self, nearest, distance, membership, open_rows):
        """Labels and strengths of rows, whatever is known of them."""
        group, admitted = self.gate_.admit(nearest, distance, membership)
        taken = np.flatnonzero(open_rows & admitted & (nearest >= 0))
        labels = np.full(len(nearest), NOISE, dtype=np.int64)
        labels[taken] = self.classes_[group[taken]]
        strength = np.zeros(len(nearest))
        rows = None if membership is None else membership[taken]
        strength[taken] = self.gate_.strength(group[taken], distance[taken], rows)
        return labels, strength
