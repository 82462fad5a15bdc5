"""Tune the two phases of CLiMB one after the other."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.cluster import DBSCAN
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import davies_bouldin_score
from sklearn.model_selection import ParameterGrid
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from climbkit.base import PartialLabelClusterer, check_partial_labels
from climbkit.model_selection._results import in_parallel, phase1_table, phase2_table
from climbkit.model_selection._scoring import SCORINGS, check_negatives, fit_and_score, maskings

# The grids of the paper's appendix, for features scaled to unit variance.
PAPER_PHASE1_GRID = {
    "density_threshold": [0.005, 0.01],
    "distance_threshold": [0.3, 0.5],
    "radial_threshold": [0.1, 0.4],
    "tol": [0.01, 0.03],
}
PAPER_PHASE2_GRID = {"eps": [0.15, 0.19, 0.24], "min_samples": [16, 24, 50]}

_NOVEL = 2  # what CLiMB writes into phase_ for members of novel groups
_FEWEST_CLUSTERS = 2  # the Davies-Bouldin index compares clusters with each other


class TwoStageSearchCV(MetaEstimatorMixin, PartialLabelClusterer):
    """Choose the parameters of phase 1 by hidden labels, then those of phase 2 by compactness.

    The search of the CLiMB paper's appendix: phase 1 (KBound) by the adjusted Rand index on
    known stars, phase 2 (the explorer) by the Davies-Bouldin index of what it finds among the
    rows that the best phase 1 leaves. Two short grids replace one long product, and the explorer
    is never chosen by labels that do not exist for novel groups. Unlike the paper, phase 1 is
    scored on labels that were hidden from it.

    Parameters
    ----------
    estimator : CLiMB
        Estimator to tune. A scaler goes before the search:
        ``make_pipeline(StandardScaler(), TwoStageSearchCV(CLiMB()))``.
    phase1_grid : dict or list of dict, default=None
        Values to try for parameters of ``estimator.kbound``, as for
        `sklearn.model_selection.ParameterGrid`; names with or without ``kbound__``. None: the
        paper's grid.
    phase2_grid : dict or list of dict, default=None
        The same for ``estimator.explorer``. None: the paper's grid, for DBSCAN.
    held_out : bool, default=True
        Score phase 1 on hidden labels only. False: on all known labels, copied seeds included,
        as in the paper, which favours whatever leaves the seeds alone.
    test_size : float, default=0.2
        Share of each group's labels to hide; see `hide_seeds`.
    n_splits : int, default=5
        How often to hide, fit and score each setting of phase 1.
    scoring : {"adjusted_rand", "open_set", "recall"} or callable, default="adjusted_rand"
        Score of phase 1, as in `SeedHoldout`.
    random_state : int, RandomState instance or None, default=None
        Draws what is hidden. All settings are scored on the same draws.
    n_jobs : int, default=None
        Fits at once, as in joblib.
    verbose : int, default=0
        Above 0, show progress bars.

    Attributes
    ----------
    best_estimator_ : CLiMB
        Estimator with the best parameters, fitted on all labels.
    best_params_ : dict of str to object
        Chosen parameters, for ``estimator.set_params``. A phase that could not be scored (no
        labels to hide; fewer than two novel groups everywhere) keeps the estimator's own
        parameters and is absent here.
    best_score_ : float
        Mean score of the best phase 1, NaN where nothing could be hidden.
    best_davies_bouldin_ : float
        Davies-Bouldin index of the best phase 2 (lower is better), infinite where none had two
        novel groups.
    phase1_results_ : dict of str to ndarray or list
        One entry per setting of phase 1, ready for a DataFrame: ``params``, ``param_<name>``,
        ``split<i>_test_score``, ``mean_test_score``, ``std_test_score``, ``rank_test_score``,
        ``mean_acceptance`` (NaN without ``negatives``).
    phase2_results_ : dict of str to ndarray or list
        One entry per setting of phase 2: ``params``, ``param_<name>``, ``davies_bouldin``,
        ``rank_davies_bouldin``, ``n_clusters``, ``n_clustered`` (rows in novel groups).
    labels_ : ndarray of shape (n_samples,)
        Answer of ``best_estimator_``.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had any.

    See Also
    --------
    SeedHoldout : Scores any clusterer on hidden labels, for GridSearchCV.

    Notes
    -----
    Ties go to the setting that comes first in the grid.

    The Davies-Bouldin index rewards few, tight, distant clusters, and does not see what was
    left as noise: read ``n_clustered`` beside it. It is no evidence that a novel group is real.

    Costs n_splits fits of KBound per setting of phase 1 and one of the whole estimator per
    setting of phase 2.

    References
    ----------
    .. [1] Monti et al. (2026), "CLiMB: A Domain-Informed Novelty Detection Clustering Framework
       for Galactic Archaeology and Scientific Discovery",
       :doi:`10.48550/arXiv.2601.09768`
    .. [2] Davies, D. L. and Bouldin, D. W. (1979). A cluster separation measure. IEEE
       Transactions on Pattern Analysis and Machine Intelligence, 1, 224-227.
       :doi:`10.1109/TPAMI.1979.4766909`

    Examples
    --------
    >>> from sklearn.cluster import DBSCAN
    >>> from sklearn.preprocessing import StandardScaler
    >>> from climbkit import CLiMB, KBound
    >>> from climbkit.datasets import make_halo
    >>> from climbkit.model_selection import TwoStageSearchCV
    >>> halo = make_halo(random_state=0)
    >>> search = TwoStageSearchCV(
    ...     CLiMB(kbound=KBound(metric="mahalanobis"), explorer=DBSCAN(min_samples=24)),
    ...     phase1_grid={"distance_threshold": [0.01, 0.5]},
    ...     phase2_grid={"eps": [0.15, 0.19]},
    ...     random_state=0,
    ... ).fit(StandardScaler().fit_transform(halo.data), halo.partial_target)
    >>> search.best_params_["kbound__distance_threshold"]
    0.5
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "get_params", "set_params"])],
        "phase1_grid": [dict, list, None],
        "phase2_grid": [dict, list, None],
        "held_out": ["boolean"],
        "test_size": [Interval(Real, 0, 1, closed="neither")],
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "scoring": [StrOptions(set(SCORINGS)), callable],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        phase1_grid=None,
        phase2_grid=None,
        *,
        held_out=True,
        test_size=0.2,
        n_splits=5,
        scoring="adjusted_rand",
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.phase1_grid = phase1_grid
        self.phase2_grid = phase2_grid
        self.held_out = held_out
        self.test_size = test_size
        self.n_splits = n_splits
        self.scoring = scoring
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X, y=None, *, negatives=None):
        """Search both phases, then fit with the best parameters on all labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, scaled.
        y : array-like of shape (n_samples,), default=None
            Known labels, -1 where none is known. None: phase 1 is not searched.
        negatives : array-like of shape (n_samples,), dtype bool, default=None
            True for rows known to belong to no group. Used for scoring phase 1 only.

        Returns
        -------
        self : TwoStageSearchCV
            Fitted.

        Raises
        ------
        ValueError
            If a parameter, a name in a grid, y or ``negatives`` is not what is allowed.
        """
        self._validate_params()
        estimator = _with_both_phases(self.estimator)
        checked = validate_data(self, X, ensure_all_finite=False)
        y = check_partial_labels(y, checked)
        negatives = check_negatives(negatives, y, self.scoring)
        masked = maskings(
            y,
            checked,
            n_splits=self.n_splits,
            test_size=self.test_size,
            rng=check_random_state(self.random_state),
        )
        best1 = self._search_phase1(estimator, X, y, masked, negatives)
        best2 = self._search_phase2(estimator.set_params(**best1), X, y)
        self.best_params_ = {**best1, **best2}
        self.best_estimator_ = estimator.set_params(**best2).fit(X, y)
        self.labels_ = self.best_estimator_.labels_
        return self

    def _search_phase1(self, estimator, X, y, masked, negatives):
        settings = _settings(self.phase1_grid, PAPER_PHASE1_GRID, "kbound")
        jobs = [
            (_phase(estimator, "kbound", params), X, y, partial, self.scoring, negatives)
            for params in settings
            for partial in masked
        ]
        options = {"held_out": self.held_out}
        results = in_parallel(fit_and_score, jobs, options, "phase 1", self.n_jobs, self.verbose)
        scores = np.full((len(settings), self.n_splits, 2), np.nan)
        if results:
            scores = np.array(results).reshape(scores.shape)
        self.phase1_results_ = phase1_table(settings, scores)
        means = self.phase1_results_["mean_test_score"]
        if np.isnan(means).all():
            self.best_score_ = np.nan
            return {}
        best = int(np.nanargmax(means))
        self.best_score_ = float(means[best])
        return settings[best]

    def _search_phase2(self, estimator, X, y):
        settings = _settings(self.phase2_grid, PAPER_PHASE2_GRID, "explorer")
        jobs = [(clone(estimator).set_params(**params), X, y) for params in settings]
        results = in_parallel(_explore, jobs, {}, "phase 2", self.n_jobs, self.verbose)
        self.phase2_results_ = phase2_table(settings, results)
        indices = self.phase2_results_["davies_bouldin"]
        best = int(np.argmin(indices))
        self.best_davies_bouldin_ = float(indices[best])
        if np.isinf(indices[best]):
            warnings.warn(
                "No setting of phase 2 found two novel groups; the explorer keeps its own "
                "parameters.",
                UndefinedMetricWarning,
                stacklevel=3,
            )
            return {}
        return settings[best]

    @available_if(lambda self: hasattr(self.estimator, "predict"))
    def predict(self, X):
        """Label new points with the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, scaled.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Answer of ``best_estimator_``.
        """
        check_is_fitted(self)
        validate_data(self, X, reset=False, ensure_all_finite=False)
        return self.best_estimator_.predict(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.input_tags.sparse = False
        return tags


def _with_both_phases(estimator):
    """Clone of the estimator with both phases as objects, never None."""
    missing = {"kbound", "explorer"} - estimator.get_params(deep=False).keys()
    if missing:
        raise ValueError(
            "estimator must have the parameters kbound and explorer, as CLiMB has; got "
            f"{type(estimator).__name__}. A scaler goes before the search, in a pipeline."
        )
    estimator = clone(estimator)
    if estimator.kbound is None:
        estimator.set_params(kbound=estimator._nested_builders()["kbound"]())
    if estimator.explorer is None:
        estimator.set_params(explorer=DBSCAN())
    return estimator


def _settings(grid, default, phase):
    """Expand a grid into settings whose names are those of the whole estimator."""
    prefix = f"{phase}__"
    settings = ParameterGrid(default if grid is None else grid)
    return [{prefix + n.removeprefix(prefix): v for n, v in params.items()} for params in settings]


def _phase(estimator, name, params):
    return clone(estimator).set_params(**params).get_params(deep=False)[name]


def _explore(estimator, X, y):
    """Davies-Bouldin index of the novel groups, their number, and how many rows they hold."""
    estimator.fit(X, y)
    novel = estimator.phase_ == _NOVEL
    labels = estimator.labels_[novel]
    n_clusters, n_rows = len(np.unique(labels)), len(labels)
    if not _FEWEST_CLUSTERS <= n_clusters < n_rows:
        return np.inf, n_clusters, n_rows
    return davies_bouldin_score(np.asarray(X)[novel], labels), n_clusters, n_rows
