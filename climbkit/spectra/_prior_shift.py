"""Probabilities for a sky where the classes are not as frequent as among what was trained on."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from climbkit.base import BuilderMixin
from climbkit.spectra._label_shift_test import label_shift_pvalue
from climbkit.spectra._prior_checks import checked_prior, checked_proba, held_out_rows
from climbkit.spectra._prior_estimation import (
    _TINY,
    corrected_draws,
    corrected_prior,
    em_draws,
    em_prior,
)
from climbkit.spectra._reweighting import Reweighting, consistent_reweighting, pooled
from climbkit.spectra._selection_report import THRESHOLDS, selection_report

_ESTIMATE = "estimate"
_SEEDS = 2**31 - 1


def _estimator_has(name):
    return lambda self: hasattr(getattr(self, "estimator_", self.estimator), name)


class PriorShift(MetaEstimatorMixin, ClassifierMixin, BuilderMixin, BaseEstimator):
    """Correct a classifier's probabilities to how frequent the classes are where it is used.

    A classifier that was trained on as many massive stars as others takes every second star of the
    sky for massive before it looks. `adapt` estimates from new stars, of which nothing is known,
    how frequent each class is among them; from then on `predict_proba` counts with that, and
    `report` tells what a threshold selects.

    Parameters
    ----------
    estimator : classifier
        With ``predict_proba``. A `FoldEnsemble` brings the held-out rows that make the estimate
        reliable; others are corrected by what their probabilities say. It is cloned and fitted;
        wrap one that is fitted in `sklearn.frozen.FrozenEstimator`.

    prior : "estimate", float or mapping of class to float, default="estimate"
        Frequency of each class among new rows; of two classes that of the second will do.
        "estimate": as `adapt` finds, and as in training before.

    n_draws : int, default=200
        Priors to draw for the errors.

    tol : float, default=1e-5
        Largest relative change of a frequency in the last step of an estimate.

    max_steps : int, default=2000
        Most steps.

    random_state : int, RandomState instance or None, default=None
        Seeds the draws.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes.

    estimator_ : classifier
        Fitted.

    training_prior_ : ndarray of shape (n_classes,)
        Frequencies that the estimator's probabilities hold for: its ``class_prior_``, or those in
        y.

    prior_ : ndarray of shape (n_classes,)
        Frequencies that the probabilities are made to hold for.

    prior_std_ : ndarray of shape (n_classes,)
        Standard errors of an estimate, else 0.

    prior_draws_ : ndarray of shape (n_draws, n_classes)
        Frequencies that are possible as well; the prior alone where it is not estimated.

    em_prior_ : ndarray of shape (n_classes,)
        Frequencies of largest likelihood, without the help of held-out rows.

    n_adapted_ : int
        Rows that were adapted to; 0 before.

    n_expected_, n_expected_std_ : ndarray of shape (n_classes,)
        How many of these are expected of each class, and standard errors.

    shift_pvalue_ : float
        Probability that rows which are a mixture of the known classes look as unlike one; NaN
        without held-out rows. If it is small, the sky has something else, or the classes look other
        there than in training, and all of the above is worth little.

    reweighting_ : Reweighting
        What is done to the probabilities; ``slope`` and ``weights``.

    n_steps_ : int
        Steps of the last estimate.

    n_features_in_ : int
        Of the estimator, if it has it.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Of the estimator, if it has it.

    See Also
    --------
    FoldEnsemble : Models of folds, with held-out rows.
    climbkit.plotting.SelectionDisplay : Draws a report.

    Notes
    -----
    The frequencies of largest likelihood come from the steps of Saerens et al. [1]_. Where one
    star in a hundred is massive, they hang on the probabilities of the least likely of the others,
    which no calibration on some thousand rows gets right. With held-out rows of known class there
    is a remedy: re-weighted probabilities have a mean among held-out massive stars and one among
    the others, and their mean among new stars must be a mixture of the two [2]_. This needs no
    calibration, for each model is compared with rows that it has not seen. Its errors count the
    held-out rows too.

    The probabilities of an ensemble are then brought in line: the logarithm of the likelihoods is
    multiplied by one number, such that their mean over the rows that were adapted to is ``prior_``.
    Averages of models are a little too cautious, which this takes away.

    Everything rests on one assumption: new stars of a class look like those that were trained on,
    and there is no other class. ``shift_pvalue_`` tests it. Take bad spectra out before; see
    ``outlier_score``.

    `adapt` needs time and memory in proportion to rows times models; a random part of a survey, of
    some 100,000 rows, tells as much as all.

    References
    ----------
    .. [1] Saerens, Latinne & Decaestecker 2002, "Adjusting the outputs of a classifier to new a
       priori probabilities", Neural Computation 14, 21, doi:10.1162/089976602753284446.
    .. [2] Lipton, Wang & Smola 2018, "Detecting and correcting for label shift with black box
       predictors", ICML 35, 3122, arXiv:1802.03916.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from climbkit.spectra import FoldEnsemble, PriorShift
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 2000)
    >>> X = rng.normal(size=(4000, 1)) + 4 * y[:, None]
    >>> sky = rng.normal(size=(20000, 1)) + 4 * (np.arange(20000) < 200)[:, None]  # 1 in 100
    >>> ensemble = FoldEnsemble(LogisticRegression(), cv=5, random_state=0)
    >>> model = PriorShift(ensemble, random_state=0).fit(X, y)
    >>> round(model.predict_proba(sky)[:, 1].sum())
    808
    >>> round(model.adapt(sky).predict_proba(sky)[:, 1].sum()), round(model.n_expected_std_[1])
    (227, 19)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "prior": [StrOptions({_ESTIMATE}), Interval(Real, 0, 1, closed="neither"), dict],
        "n_draws": [Interval(Integral, 2, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_steps": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        prior=_ESTIMATE,
        n_draws=200,
        tol=1e-5,
        max_steps=2000,
        random_state=None,
    ):
        self.estimator = estimator
        self.prior = prior
        self.n_draws = n_draws
        self.tol = tol
        self.max_steps = max_steps
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, held_out=None, **fit_params):
        """Fit the estimator, and learn how frequent the classes are in its eyes.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Classes.
        held_out : (X, y), default=None
            Rows of known class that the estimator is not trained on. `FoldEnsemble` has such rows
            by itself.
        **fit_params : dict
            For the estimator's ``fit``.

        Returns
        -------
        self : PriorShift
            Fitted, and not adapted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, `prior` does not fit the classes, or `held_out` has other
            classes or none of one.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        self.classes_ = self.estimator_.classes_
        for name in ("n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        self.training_prior_ = self._training_prior(y)
        self._reference = self._held_out(held_out)
        self._forget()
        return self

    def _training_prior(self, y):
        prior = getattr(self.estimator_, "class_prior_", None)
        if prior is None:
            counts = [np.sum(np.asarray(y).ravel() == label) for label in self.classes_]
            prior = np.array(counts, dtype=np.float64)
        prior = np.maximum(np.asarray(prior, dtype=np.float64), _TINY)
        return prior / prior.sum()

    def _held_out(self, held_out):
        if held_out is not None:
            X, y = held_out
            return held_out_rows(self.estimator_.predict_proba(X), y, None, self.classes_)
        if self._n_models() is None:
            return None
        inner = self.estimator_
        truth = self.classes_[inner.oof_target_]
        if np.any(np.bincount(inner.oof_target_, weights=inner.oof_weight_) == 0):
            return None  # sample_weight has left nothing of a class
        return held_out_rows(inner.oof_proba_, truth, inner.oof_weight_, self.classes_)

    def _n_models(self):
        """Models of an ensemble that has held-out rows, else None."""
        if hasattr(self.estimator_, "member_proba") and hasattr(self.estimator_, "oof_proba_"):
            return len(self.estimator_.estimators_)
        return None

    def _forget(self):
        """Be as before any `adapt`."""
        prior = self.training_prior_
        if not isinstance(self.prior, str):
            prior = checked_prior(self.prior, self.classes_)
        self.prior_ = prior
        self.prior_std_ = np.zeros(len(prior))
        self.prior_draws_ = prior[None]
        self.em_prior_ = prior
        self.reweighting_ = Reweighting(self.training_prior_, prior)
        self.n_adapted_, self.n_steps_, self.shift_pvalue_ = 0, 0, float("nan")
        self.n_expected_ = self.n_expected_std_ = np.zeros(len(prior))

    def adapt(self, X=None, *, proba=None):
        """Estimate how frequent the classes are among new rows.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...), default=None
            New rows, of unknown classes: a random part of what is to be classified, or all of it.
        proba : array-like of shape (n_samples,), (n_samples, n_classes) or \
                (n_models, n_samples, n_classes), default=None
            Instead of X, the probabilities that ``estimator_`` gives for them; of two classes those
            of the second will do. Of an ensemble its ``member_proba``: with its ``predict_proba``
            held-out rows do not help, since none is held out of all models.

        Returns
        -------
        self : PriorShift
            Adapted.

        Raises
        ------
        ValueError
            If `prior` is stated and not to be estimated, not exactly one of X and `proba` is given,
            or `proba` holds no probabilities of these classes.
        """
        check_is_fitted(self)
        if not isinstance(self.prior, str):
            raise ValueError(
                f"prior={self.prior!r} is stated; to estimate it set prior={_ESTIMATE!r}."
            )
        proba = self._proba_of(X, proba, members=True)
        n_models = self._n_models()
        # What is said by several models together is unlike what one says of a held-out row.
        reference = self._reference if n_models in (None, len(proba)) else None
        rng = np.random.default_rng(check_random_state(self.random_state).randint(_SEEDS))
        prior, n_steps, converged = em_prior(proba, self.training_prior_, self.tol, self.max_steps)
        self.em_prior_ = prior
        self.shift_pvalue_ = float("nan")
        if reference is None:
            draws = em_draws(proba, self.training_prior_, prior, self.n_draws, rng)
            reweighting = Reweighting(self.training_prior_, prior)
        else:
            settings = proba, self.training_prior_, reference
            prior, n_steps, converged = corrected_prior(*settings, prior, self.tol, self.max_steps)
            draws = corrected_draws(*settings, prior, self.n_draws, rng)
            reweighting = consistent_reweighting(proba, self.training_prior_, prior)
            self.shift_pvalue_ = label_shift_pvalue(proba, reference)
        if not converged:
            warnings.warn(
                f"the prior changed by more than tol={self.tol} in the last of "
                f"max_steps={self.max_steps} steps.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.prior_, self.n_steps_, self.reweighting_ = prior, n_steps, reweighting
        self.prior_draws_, self.prior_std_ = draws, draws.std(axis=0, ddof=1)
        self.n_adapted_ = proba.shape[1]
        self.n_expected_ = self.n_adapted_ * prior
        self.n_expected_std_ = self.n_adapted_ * self.prior_std_
        return self

    def _proba_of(self, X, proba, *, members=False):
        """Probabilities before re-weighting, as (n_models, n_rows, n_classes)."""
        if (X is None) == (proba is None):
            raise ValueError("pass either X or proba.")
        n_models = self._n_models()
        if proba is None:
            if members and n_models is not None:
                return self.estimator_.member_proba(X)
            proba = self.estimator_.predict_proba(X)
        return checked_proba(proba, len(self.classes_), n_models)

    def reweigh(self, proba):
        """Correct probabilities that the estimator gave before.

        Parameters
        ----------
        proba : array-like of shape (n_samples,), (n_samples, n_classes) or \
                (n_models, n_samples, n_classes)
            As ``estimator_`` gives them, such as for a part of a survey that was predicted by it;
            of two classes those of the second will do.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            As `predict_proba` gives them.

        Raises
        ------
        ValueError
            If they are no probabilities of these classes.
        """
        check_is_fitted(self)
        return self.reweighting_(self._pooled(self._proba_of(None, proba)))

    @staticmethod
    def _pooled(proba):
        return pooled(np.maximum(proba, _TINY, dtype=np.float64))

    def predict_proba(self, X):
        """Probabilities of the classes, for rows among which they are as frequent as ``prior_``.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        check_is_fitted(self)
        proba = np.asarray(self.estimator_.predict_proba(X), dtype=np.float64)
        return self.reweighting_(np.maximum(proba, _TINY))

    @available_if(_estimator_has("member_proba"))
    def predict_std(self, X):
        """Spread of the probabilities of an ensemble's models.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        std : ndarray of shape (n_samples,) or (n_samples, n_classes)
            See `FoldEnsemble.predict_std`.
        """
        return self.predict_proba_and_std(X)[1]

    @available_if(_estimator_has("member_proba"))
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
        check_is_fitted(self)
        members = np.maximum(self.estimator_.member_proba(X), _TINY)
        std = self.reweighting_(members).std(axis=0, ddof=1)
        proba = self.reweighting_(pooled(members))
        return proba, std[:, 1] if len(self.classes_) == 2 else std

    @available_if(_estimator_has("outlier_score"))
    def outlier_score(self, X):
        """Score of the estimator's ``outlier_score``.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        score : ndarray of shape (n_samples,)
            See `XPClassifier.outlier_score`.
        """
        check_is_fitted(self)
        return self.estimator_.outlier_score(X)

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
        check_is_fitted(self)
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

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

    def report(self, X=None, *, proba=None, thresholds=THRESHOLDS, target=None):
        """Tell what to expect above thresholds of probability.

        Parameters
        ----------
        X : XPSpectra, array-like or DataFrame of shape (n_samples, ...), default=None
            Rows to select from.
        proba : array-like of shape (n_samples,), (n_samples, n_classes) or \
                (n_models, n_samples, n_classes), default=None
            Instead of X, the probabilities that ``estimator_`` gives for them, as for `reweigh`.
        thresholds : array-like of shape (n_thresholds,), \
                default=(0.1, 0.2, ..., 0.9, 0.95, 0.99)
            Probabilities from which on a row is selected.
        target : class, default=None
            Class to select. None: the second of two.

        Returns
        -------
        report : DataFrame of shape (n_thresholds, 8)
            By ``threshold``: ``n_selected``, how many rows are; ``n_true``, how many of them are
            expected to be of the class; ``purity``, their share; ``completeness``, the share of all
            rows of the class that they are; and standard errors, with ``_std`` behind the name.
            Purity is NaN where nothing is selected.

        Raises
        ------
        ValueError
            If not exactly one of X and `proba` is given, a threshold is no probability, or `target`
            is no class.

        Notes
        -----
        Errors add up three parts: that each row is of the class or not, by its probability; that
        the prior is an estimate; and that the rates at which the classes pass the threshold are
        known by the held-out rows that do. Without held-out rows the third is left out, and errors
        are too small. If ``shift_pvalue_`` is small, all are.
        """
        check_is_fitted(self)
        thresholds = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
        if thresholds.ndim != 1 or not ((thresholds >= 0) & (thresholds <= 1)).all():
            raise ValueError(f"thresholds must be probabilities from 0 to 1; got {thresholds}.")
        return selection_report(
            self._pooled(self._proba_of(X, proba)),
            self.reweighting_,
            self.prior_,
            self.prior_draws_,
            self._number_of(target),
            thresholds,
            self._reference,
        )

    def _number_of(self, target):
        names = self.classes_.tolist()
        if target is None and len(names) == 2:
            return 1
        if target not in names:
            raise ValueError(f"target must be one of the classes {names}; got {target!r}.")
        return names.index(target)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
        return tags
