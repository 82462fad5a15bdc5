"""Models of folds, each judged on rows that it has not seen, and what they say together."""

from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context
from sklearn.utils import assert_all_finite, check_random_state, get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    _num_samples,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)
from tqdm.auto import tqdm

from climbkit.base import BuilderMixin
from climbkit.spectra._calibrators import CALIBRATORS
from climbkit.spectra._ensemble_file import load_ensemble, save_ensemble
from climbkit.spectra._fold_scores import fold_scores
from climbkit.spectra._folds import fit_fold, raw_logits, row_order, split_rows

_SEEDS = 2**31 - 1


def _members_have(name):
    return lambda self: all(hasattr(model, name) for model in self.estimators_)


class FoldEnsemble(MetaEstimatorMixin, ClassifierMixin, BuilderMixin, BaseEstimator):
    """Train a classifier once for each fold, calibrate on held-out rows, and predict by all models.

    Each row is held out of the training of one model. What that model says of it is as good a
    judgement as of a row of the sky, and there is one for every row: enough to see how far the
    probabilities can be trusted, and to correct them.

    Parameters
    ----------
    estimator : classifier
        With ``decision_function`` or ``predict_proba``, such as `XPClassifier`. It is cloned for
        each fold, and the clones get different seeds.

    cv : int or cross-validation splitter, default=10
        Number of folds with an equal share of each class, or a splitter of scikit-learn that holds
        each row out once.

    calibration : {"spline", "isotonic", "bias_corrected", "temperature"} or None, default="spline"
        What is learned from the logits of held-out rows; see Notes.

    n_jobs : int, default=None
        Folds to train at once, as in joblib, in processes of their own. The result does not depend
        on it. Networks use all processors, and one GPU, by themselves.

    random_state : int, RandomState instance or None, default=None
        Seeds the folds and the models.

    verbose : int, default=0
        Above 0: shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes.

    class_prior_ : ndarray of shape (n_classes,)
        How frequent the classes are where the probabilities hold: as in y; with "temperature" or
        None as in the models' own ``class_prior_``, if they have one.

    estimators_ : list of classifier
        The model of each fold.

    folds_ : ndarray of shape (n_samples,), dtype int
        Number of the model that has not seen the row.

    oof_decision_ : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        Raw logits of that model; for two classes the log-odds of ``classes_[1]``.

    oof_proba_ : ndarray of shape (n_samples, n_classes)
        Its probabilities, calibrated.

    oof_target_ : ndarray of shape (n_samples,), dtype int
        Number of the class of each row.

    oof_weight_ : ndarray of shape (n_samples,)
        What each row counts in the calibration: its ``sample_weight``, or 1.

    calibrator_ : object
        What was learned of the logits.

    fold_scores_ : DataFrame of shape (n_folds, 7)
        By ``fold``: rows, accuracy, balanced accuracy, log loss and area under the ROC curve of the
        rows that were held out.

    n_features_in_ : int
        Of the models, if they have it.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Of the models, if they have it.

    See Also
    --------
    PriorShift : Corrects the probabilities to how frequent the classes are on the sky, and uses the
        held-out rows for it.
    sklearn.calibration.CalibratedClassifierCV : Calibrates by folds without showing what was held
        out; averages probabilities.

    Notes
    -----
    The calibrations, by what is done to the log-odds:

    - "spline": a rising curve of straight pieces, with knots where the classes meet and a cost of
      bending. For several classes a curve for each against the others.
    - "isotonic": a curve that is any that never falls; it needs thousands of rows.
    - "bias_corrected": a slope, and a bias for each class (Platt scaling; Alexandari et al. 2020).
    - "temperature": a slope alone, under which the classes stay as frequent as in the loss.

    The calibration is that of single models, since each row has been held out of one. Predictions
    are those of all: the mean of the calibrated log-probabilities, normalised. Their mean is surer
    than one of them may be, and the truth surer still, so that the ensemble is a little too
    cautious, by a slope of some 1.02 to 1.05 on simulated tasks; means of probabilities are more
    so, and give the classes less apart. `PriorShift` corrects for it on the rows that it adapts to.

    Folds are made of the rows in an order that depends on what they hold: results do not depend on
    the order in which they come.

    References
    ----------
    Alexandari, Kundaje & Shrikumar 2020, "Maximum likelihood with bias-corrected calibration is
    hard to beat at label shift adaptation", ICML 37, 222, arXiv:1901.06852.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from climbkit.spectra import FoldEnsemble
    >>> X, y = make_classification(300, random_state=0)
    >>> model = FoldEnsemble(LogisticRegression(), cv=5, random_state=0).fit(X, y)
    >>> len(model.estimators_), model.oof_proba_.shape
    (5, (300, 2))
    >>> model.predict_proba(X[:2]).round(1)
    array([[0.1, 0.9],
           [0. , 1. ]])
    """

    _parameter_constraints = {
        "estimator": [
            HasMethods(["fit", "decision_function"]),
            HasMethods(["fit", "predict_proba"]),
        ],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split", "get_n_splits"])],
        "calibration": [StrOptions({name for name in CALIBRATORS if name}), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        *,
        cv=10,
        calibration="spline",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.cv = cv
        self.calibration = calibration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, groups=None, **fit_params):
        """Train a model for each fold and calibrate.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Classes, two or more.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are held out together, such as spectra of one star.
        **fit_params : dict
            For the estimator's ``fit``. Arrays with an entry for each row, such as ``flux_error``,
            are cut like X.

        Returns
        -------
        self : FoldEnsemble
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, X and y do not fit together, y has one class only, or
            there are too few rows or groups for the folds.
        """
        (X,) = indexable(X)
        y = self._checked_target(X, y)
        self.classes_, target = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold two classes or more; got one class: {self.classes_}.")
        if groups is not None:
            groups = column_or_1d(groups)
            check_consistent_length(X, groups)
        rng = check_random_state(self.random_state)
        order = row_order(X, target)
        folds = split_rows(
            self.cv,
            target[order],
            self.classes_,
            None if groups is None else groups[order],
            int(rng.randint(_SEEDS)),
        )
        seeds = rng.randint(_SEEDS, size=len(folds))
        results = self._trained(X, y, [(order[a], order[b]) for a, b in folds], seeds, fit_params)
        self.estimators_ = [model for model, _ in results]
        for name in ("n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)
            if hasattr(self.estimators_[0], name):
                setattr(self, name, getattr(self.estimators_[0], name))
        self.oof_target_ = target
        self.oof_weight_ = _check_sample_weight(fit_params.get("sample_weight"), target)
        self.folds_ = np.empty(len(target), dtype=np.int64)
        self.oof_decision_ = np.empty((len(target), results[0][1].shape[1]))
        for number, ((_, held), (_, logits)) in enumerate(zip(folds, results, strict=True)):
            self.folds_[order[held]] = number
            self.oof_decision_[order[held]] = logits
        self._calibrate()
        return self

    def _checked_target(self, X, y):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        if _num_samples(X) == 0:
            raise ValueError("X holds no rows: 0 sample(s), and at least two are needed.")
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        check_consistent_length(X, y)
        return y

    def _trained(self, X, y, folds, seeds, parameters):
        # Keras keeps state of its own, which two threads would share.
        parallel = Parallel(n_jobs=self.n_jobs, prefer="processes", return_as="generator")
        jobs = (
            delayed(fit_fold)(self.estimator, X, y, train, held, parameters, int(seed))
            for (train, held), seed in zip(folds, seeds, strict=True)
        )
        return list(tqdm(parallel(jobs), total=len(folds), unit="fold", disable=not self.verbose))

    def _calibrate(self):
        """Learn the calibrator from the held-out rows."""
        calibrator = CALIBRATORS[self.calibration]
        weight = self.oof_weight_
        self.class_prior_ = np.bincount(self.oof_target_, weights=weight) / weight.sum()
        if not calibrator.moves_prior and _members_have("class_prior_")(self):
            # What the loss took the classes for, which no temperature changes.
            wanted = np.mean([model.class_prior_ for model in self.estimators_], axis=0)
            weight = weight * (wanted / self.class_prior_)[self.oof_target_]
            self.class_prior_ = wanted
        # In an order of their own, since sums depend on it in the last digit.
        rows = np.lexsort((self.oof_target_, *self.oof_decision_.T))
        rows = rows[weight[rows] > 0]
        weight = weight[rows] * (len(rows) / weight.sum())
        self.calibrator_ = calibrator.fit(self.oof_decision_[rows], self.oof_target_[rows], weight)
        self.oof_proba_ = np.exp(self.calibrator_.log_proba(self.oof_decision_))
        self.fold_scores_ = fold_scores(self.folds_, self.oof_target_, self.oof_proba_)

    def member_proba(self, X):
        """Calibrated probabilities of each model.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_folds, n_samples, n_classes)
            In the order of ``estimators_`` and ``classes_``.
        """
        return np.exp(self._member_log_proba(X))

    def _member_log_proba(self, X):
        check_is_fitted(self)
        n_classes = len(self.classes_)
        return np.array(
            [
                self.calibrator_.log_proba(raw_logits(model, X, n_classes))
                for model in self.estimators_
            ]
        )

    def decision_function(self, X):
        """Log-odds for two classes, else log-probabilities, up to a number that all share.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes the log-odds of ``classes_[1]``. The mean over the models, calibrated.
        """
        mean = self._member_log_proba(X).mean(axis=0)
        return mean[:, 1] - mean[:, 0] if len(self.classes_) == 2 else mean

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``, for classes as frequent as ``class_prior_``.
        """
        return softmax(self._member_log_proba(X).mean(axis=0), axis=1)

    def predict_std(self, X):
        """Spread of the models' probabilities.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        std : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Standard deviation over the models, for two classes of the probability of either. It
            tells how far the answer hangs on what was trained on, not how often it is wrong.
        """
        return self.predict_proba_and_std(X)[1]

    def predict_proba_and_std(self, X):
        """Return `predict_proba` and `predict_std` in the time of one of them.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            As of `predict_proba`.
        std : ndarray of shape (n_samples,) or (n_samples, n_classes)
            As of `predict_std`.
        """
        members = self._member_log_proba(X)
        std = np.exp(members).std(axis=0, ddof=1)
        proba = softmax(members.mean(axis=0), axis=1)
        return proba, std[:, 1] if len(self.classes_) == 2 else std

    @available_if(_members_have("outlier_score"))
    def outlier_score(self, X):
        """Mean of the models' ``outlier_score``.

        Parameters
        ----------
        X : XPSpectra or array-like of shape (n_samples, ...)
            Rows.

        Returns
        -------
        score : ndarray of shape (n_samples,)
            See `XPClassifier.outlier_score`.
        """
        check_is_fitted(self)
        return np.mean([model.outlier_score(X) for model in self.estimators_], axis=0)

    def predict(self, X):
        """Most probable class of each row.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes.
        """
        decision = self.decision_function(X)
        number = (decision > 0).astype(int) if decision.ndim == 1 else decision.argmax(axis=1)
        return self.classes_[number]

    def score(self, X, y, sample_weight=None):
        """Share of the rows whose most probable class is the right one.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts.

        Returns
        -------
        score : float
            Accuracy.
        """
        return super().score(X, y, sample_weight)

    def save(self, path):
        """Save the fitted ensemble of networks to one file.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.zip``. It holds the networks' own ``.keras`` files, arrays and JSON; no
            pickle.

        Raises
        ------
        ValueError
            If the path does not end in ``.zip``.
        TypeError
            If the models are no networks of climbkit: save those by ``skops.io.dump``. Or if a
            parameter has no plain form, such as a splitter.
        """
        check_is_fitted(self)
        save_ensemble(self, path)

    @classmethod
    def load(cls, path, *, trusted=()):
        """Load a fitted ensemble that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            File to read.
        trusted : sequence of str, default=()
            Further packages whose functions may be among the parameters; see
            `climbkit.builder.from_dict`.

        Returns
        -------
        ensemble : FoldEnsemble
            Fitted.

        Raises
        ------
        ValueError
            If the file is cut short or damaged, was not saved by climbkit, holds another estimator,
            or names code outside the trusted packages.
        FileNotFoundError
            If there is no such file.
        ImportError
            If keras is missing.
        """
        return load_ensemble(cls, path, trusted)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
        return tags
