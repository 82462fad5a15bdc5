"""Score a semi-supervised clusterer on labels that were hidden from it."""

from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from climbkit.base import PartialLabelClusterer, check_partial_labels
from climbkit.model_selection._scoring import (
    SCORINGS,
    check_negatives,
    fit_and_score,
    maskings,
    transductive_labels,
)


class SeedHoldout(MetaEstimatorMixin, PartialLabelClusterer):
    """Hide part of the seeds, fit, score on what was hidden; then refit on all.

    Clusterers that copy their seeds into their answer are flattered by any score that looks at
    the seeds. Cross-validation over rows does not help: it takes away rows, and with them the
    structure. This meta-estimator keeps all rows and hides a share of each group's labels.

    Parameters
    ----------
    estimator : estimator
        Clusterer, or pipeline that ends in one, whose ``fit(X, y)`` takes -1 for unlabelled.
        Its answer is ``labels_``, ``transduction_`` or ``predict(X)``, the first that it has.
    test_size : float, default=0.2
        Share of each group's labels to hide. A group with one label is never hidden; every
        other group loses at least one and keeps at least one.
    n_splits : int, default=5
        How often to hide, fit and score.
    scoring : {"adjusted_rand", "open_set", "recall"} or callable, default="adjusted_rand"
        What to measure on the hidden rows:

        - "adjusted_rand": `climbkit.metrics.held_out_ari`. Rewards wide nets.
        - "recall": `climbkit.metrics.held_out_recall`. Rewards wide nets.
        - "open_set": `climbkit.metrics.open_set_ari` over the hidden rows and the
          ``negatives`` given to ``fit``, which costs what is wrongly let in.
        - callable: ``scoring(y_true, labels)`` on the hidden rows, greater is better.
    random_state : int, RandomState instance or None, default=None
        Draws what is hidden. The same objects are hidden whatever the order of the rows.
    n_jobs : int, default=None
        Splits fitted at once, as in joblib.

    Attributes
    ----------
    estimator_ : estimator
        Clone of ``estimator``, fitted on all labels.
    labels_ : ndarray of shape (n_samples,)
        Answer of ``estimator_``.
    scores_ : ndarray of shape (n_splits,)
        Score of each split, NaN where nothing could be hidden.
    score_ : float
        Mean of ``scores_``.
    acceptance_ : float
        Mean share of ``negatives`` let into a known group; NaN where none were given.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had any.

    See Also
    --------
    WholeSample : The splitter to search over this estimator with.
    TwoStageSearchCV : Search that tunes the two phases of CLiMB one after the other.

    Notes
    -----
    Costs ``n_splits + 1`` fits. A parameter of ``estimator`` that was made with the hidden
    labels, such as centroids averaged over all members, leaks them; let the estimator take its
    start from the labels that it is given.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from climbkit import KBound
    >>> from climbkit.datasets import make_halo
    >>> from climbkit.model_selection import SeedHoldout, WholeSample
    >>> halo = make_halo(random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), KBound(metric="mahalanobis"))
    >>> search = GridSearchCV(
    ...     SeedHoldout(pipeline, n_splits=2, random_state=0),
    ...     {"estimator__kbound__distance_threshold": [0.01, 0.5]},
    ...     cv=WholeSample(),
    ... ).fit(halo.data, halo.partial_target)
    >>> search.best_params_
    {'estimator__kbound__distance_threshold': 0.5}
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit"])],
        "test_size": [Interval(Real, 0, 1, closed="neither")],
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "scoring": [StrOptions(set(SCORINGS)), callable],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        estimator,
        *,
        test_size=0.2,
        n_splits=5,
        scoring="adjusted_rand",
        random_state=None,
        n_jobs=None,
    ):
        self.estimator = estimator
        self.test_size = test_size
        self.n_splits = n_splits
        self.scoring = scoring
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X, y=None, *, negatives=None):
        """Score on hidden labels, then fit on all of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,), default=None
            Known labels, -1 where none is known. None: nothing can be hidden, and the scores
            are NaN.
        negatives : array-like of shape (n_samples,), dtype bool, default=None
            True for rows known to belong to no group. They are used for scoring only and never
            shown to the estimator.

        Returns
        -------
        self : SeedHoldout
            Fitted.

        Raises
        ------
        ValueError
            If a parameter, y or ``negatives`` is not what is allowed.
        """
        self._validate_params()
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
        # X itself goes on, not its checked copy: steps that choose columns by name need it.
        results = (
            Parallel(n_jobs=self.n_jobs)(
                delayed(fit_and_score)(
                    clone(self.estimator), X, y, partial, self.scoring, negatives
                )
                for partial in masked
            )
            or [(np.nan, np.nan)] * self.n_splits
        )
        self.scores_, acceptances = (np.array(column) for column in zip(*results, strict=True))
        self.score_ = float(self.scores_.mean())
        self.acceptance_ = float(acceptances.mean())
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.labels_ = transductive_labels(self.estimator_, X)
        return self

    def score(self, X=None, y=None):
        """Return the mean score on the labels that ``fit`` hid.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            The rows that were fitted. Not used, but another number of rows is refused: it means
            that a search takes rows away.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        score : float
            ``score_``.

        Raises
        ------
        ValueError
            If X has another number of rows than ``fit`` had.
        """
        check_is_fitted(self)
        if X is None:
            return self.score_
        n_rows = len(validate_data(self, X, reset=False, ensure_all_finite=False))
        if n_rows != len(self.labels_):
            raise ValueError(
                f"SeedHoldout scores the {len(self.labels_)} rows that it was fitted on, and "
                f"got {n_rows}; search with cv=WholeSample()."
            )
        return self.score_

    @available_if(lambda self: hasattr(self.estimator, "predict"))
    def predict(self, X):
        """Label new points with the estimator fitted on all labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Answer of ``estimator_``.
        """
        check_is_fitted(self)
        validate_data(self, X, reset=False, ensure_all_finite=False)
        return self.estimator_.predict(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.input_tags.sparse = False
        return tags
