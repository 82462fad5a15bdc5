"""Folds of rows and models of folds, whatever the rows are and whatever order they come in."""

from hashlib import blake2b
from numbers import Integral

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import _check_method_params

from climbkit.neural._splitting import canonical_order

_SEEDS = 2**31 - 1
_RANDOM_STATE = "random_state"
# Probabilities of classifiers that have no logits are kept this far from 0 and 1: a forest that
# has counted no vote cannot know more.
_LEAST_PROBABILITY = 1e-6


def row_order(X, y):
    """Order of the rows that does not depend on the order in which they came.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, ...)
        Rows.
    y : ndarray of shape (n_samples,), dtype int
        Numbers of the classes; they order equal rows.

    Returns
    -------
    order : ndarray of shape (n_samples,), dtype int64
        Rows that are equal in all are interchangeable.
    """
    if sp.issparse(X):
        X = X.tocsr().sorted_indices()
        parts = zip(X.indptr[:-1], X.indptr[1:], strict=True)
        rows = [X.indices[a:b].tobytes() + X.data[a:b].tobytes() for a, b in parts]
    else:
        array = np.asarray(X)
        if array.dtype.kind in "fiub":
            return canonical_order(np.ascontiguousarray(array), y)
        rows = [repr(row.tolist()).encode() for row in array]
    digests = [int.from_bytes(blake2b(row, digest_size=8).digest()) for row in rows]
    return np.lexsort((y, np.array(digests, dtype=np.uint64)))


def split_rows(cv, y, classes, groups, seed):
    """Rows to train on and rows to hold out, fold by fold; each row is held out once.

    Parameters
    ----------
    cv : int or splitter
        Number of folds, or what makes them.
    y : ndarray of shape (n_samples,), dtype int
        Numbers of the classes.
    classes : ndarray of shape (n_classes,)
        Their names, for errors.
    groups : ndarray of shape (n_samples,) or None
        Rows of one group are held out together.
    seed : int
        Of the folds that a number of folds gives.

    Returns
    -------
    folds : list of (ndarray, ndarray)
        Row numbers.

    Raises
    ------
    ValueError
        If there are too few rows or groups for the folds, a fold would be trained without one of
        the classes, or `cv` does not hold each row out once.
    """
    given = cv
    if isinstance(cv, Integral):
        _check_enough(cv, y, classes, groups)
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = kind(cv, shuffle=True, random_state=seed)
    folds = list(cv.split(np.zeros((len(y), 1)), y, groups))
    held = np.bincount(np.concatenate([test for _, test in folds]), minlength=len(y))
    if np.any(held != 1):
        raise ValueError(
            f"cv must hold each row out once; {given!r} holds {np.sum(held == 0)} rows out "
            f"never and {np.sum(held > 1)} more than once."
        )
    for number, (train, _) in enumerate(folds):
        lacking = np.setdiff1d(np.arange(len(classes)), y[train])
        if len(lacking):
            raise ValueError(
                f"cv={given!r} holds out all rows of class "
                f"{classes.tolist()[lacking[0]]!r} in fold {number}, "
                "which nothing is left to learn from. Use other folds or fewer groups to a class."
            )
    return folds


def _check_enough(cv, y, classes, groups):
    counts = np.bincount(y, minlength=len(classes))
    rarest = int(np.argmin(counts))
    if counts[rarest] < cv:
        raise ValueError(
            f"cv={cv} folds need {cv} rows of each class; class {classes.tolist()[rarest]!r} has "
            f"{counts[rarest]}, n_samples = {len(y)}. Set a smaller cv."
        )
    n_groups = None if groups is None else len(np.unique(groups))
    if n_groups is not None and n_groups < cv:
        raise ValueError(f"cv={cv} folds need {cv} groups; there are {n_groups}. Set a smaller cv.")


def seeded_clone(estimator, seed):
    """Clone whose random states, and those of the estimators in it, are drawn from a seed."""
    estimator = clone(estimator)
    names = [
        name
        for name in sorted(estimator.get_params(deep=True))
        if name == _RANDOM_STATE or name.endswith(f"__{_RANDOM_STATE}")
    ]
    rng = check_random_state(seed)
    return estimator.set_params(**{name: int(rng.randint(_SEEDS)) for name in names})


def fit_fold(estimator, X, y, train, held, parameters, seed):
    """Model of a fold, and what it says of the rows that were held out.

    Parameters
    ----------
    estimator : classifier
        Is cloned.
    X : array-like of shape (n_samples, ...)
        All rows, in whatever container scikit-learn can take rows out of.
    y : ndarray of shape (n_samples,)
        Classes.
    train, held : ndarray of int
        Rows to train on and to hold out.
    parameters : dict
        For the estimator's ``fit``; what has an entry for each row is cut like X.
    seed : int
        Of the clone.

    Returns
    -------
    model : classifier
        Fitted.
    logits : ndarray of shape (n_held, n_columns)
        See `raw_logits`.
    """
    model = seeded_clone(estimator, seed)
    parameters = _check_method_params(X, parameters, train)
    model.fit(_safe_indexing(X, train), y[train], **parameters)
    return model, raw_logits(model, _safe_indexing(X, held), len(np.unique(y)))


def raw_logits(model, X, n_classes):
    """Logits of a fitted classifier, before any calibration where it shows them.

    Parameters
    ----------
    model : classifier
        With ``decision_function`` or ``predict_proba``.
    X : array-like of shape (n_samples, ...)
        Rows.
    n_classes : int
        Classes.

    Returns
    -------
    logits : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        One column for two classes: log-odds of the second.

    Raises
    ------
    ValueError
        If they are not finite.
    """
    n_columns = 1 if n_classes == 2 else n_classes
    if hasattr(model, "decision_function"):
        logits = np.asarray(model.decision_function(X), dtype=np.float64)
        logits = logits.reshape(len(logits), -1)
    if not hasattr(model, "decision_function") or logits.shape[1] != n_columns:
        logits = np.log(np.maximum(model.predict_proba(X), _LEAST_PROBABILITY))
        logits = logits[:, 1:] - logits[:, :1] if n_classes == 2 else logits
    if not np.isfinite(logits).all():
        raise ValueError(f"{type(model).__name__} gives scores that are not finite.")
    return logits
