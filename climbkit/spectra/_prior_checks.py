"""Checks of what `PriorShift` is given."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d

from climbkit.spectra._prior_estimation import _TINY, Reference

# Probabilities written as float32, or rounded to four digits, still count as such.
_SUM_TOLERANCE = 1e-3


def checked_prior(prior, classes):
    """Frequencies of the classes.

    Parameters
    ----------
    prior : mapping of class to float, or float
        Frequency of each class; for two classes that of the second will do.
    classes : ndarray of shape (n_classes,)
        Classes.

    Returns
    -------
    prior : ndarray of shape (n_classes,)
        Above 0, in the order of `classes`; sums to 1.

    Raises
    ------
    ValueError
        If a class is missing or unknown, or the frequencies are none.
    """
    names = classes.tolist()
    if not isinstance(prior, Mapping):
        if len(names) != 2:
            raise ValueError(
                f"prior must give a frequency for each of the classes {names}, as a dict; got "
                f"{prior!r}."
            )
        return np.array([1.0 - prior, prior])
    unknown = [name for name in prior if name not in names]
    missing = [name for name in names if name not in prior]
    if unknown or missing:
        raise ValueError(f"prior must have the classes {names}; got {list(prior)}.")
    values = np.array([prior[name] for name in names], dtype=np.float64)
    if not np.all(values > 0) or abs(values.sum() - 1) > _SUM_TOLERANCE:
        raise ValueError(f"prior must hold frequencies above 0 whose sum is 1; got {prior!r}.")
    return values / values.sum()


def checked_proba(proba, n_classes, n_models=None):
    """Probabilities of rows as (n_models, n_rows, n_classes).

    Parameters
    ----------
    proba : array-like of shape (n_rows,), (n_rows, n_classes) or (n_models, n_rows, n_classes)
        Probabilities; of the second of two classes where there is one for each row.
    n_classes : int
        Classes.
    n_models : int or None
        Models that there are probabilities of, where `proba` has three dimensions; None: it may
        not have.

    Returns
    -------
    proba : ndarray of shape (n_models, n_rows, n_classes)
        The same, of their own type of float.

    Raises
    ------
    ValueError
        If they are no probabilities of so many classes, or there are no rows.
    """
    array = np.asarray(proba)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"proba must hold numbers; got dtype {array.dtype}.")
    if array.ndim == 1 and n_classes == 2:
        array = np.column_stack([1.0 - array, array])
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.shape[2] != n_classes:
        raise ValueError(
            f"proba must have a row for each sample and {n_classes} columns, one for each class; "
            f"got shape {np.shape(proba)}."
        )
    if np.ndim(proba) == 3 and len(array) != n_models:
        raise ValueError(
            f"proba has three dimensions and holds {len(array)} models; "
            + (f"the ensemble has {n_models}." if n_models else "the estimator is no ensemble.")
        )
    if array.shape[1] == 0:
        raise ValueError("proba holds no rows; there must be at least one.")
    if not (array >= 0).all() or not (np.abs(array.sum(axis=2) - 1) <= _SUM_TOLERANCE).all():
        raise ValueError("proba must hold probabilities from 0 to 1, whose sum in each row is 1.")
    return array


def held_out_rows(proba, y, weight, classes):
    """Rows whose class is known and that were not trained on.

    Parameters
    ----------
    proba : array-like of shape (n_rows, n_classes)
        Their probabilities.
    y : array-like of shape (n_rows,)
        Their classes.
    weight : ndarray of shape (n_rows,) or None
        What each row counts.
    classes : ndarray of shape (n_classes,)
        Classes.

    Returns
    -------
    reference : Reference
        Probabilities are above 0.

    Raises
    ------
    ValueError
        If there are other classes, or one has no row.
    """
    y = column_or_1d(y)
    proba = checked_proba(proba, len(classes))[0].astype(np.float64)
    check_consistent_length(proba, y)
    target = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    if np.any(classes[target] != y):
        raise ValueError(f"held_out has classes that the estimator has not: {classes.tolist()}.")
    weight = np.ones(len(target)) if weight is None else np.asarray(weight, dtype=np.float64)
    lacking = np.bincount(target, weights=weight, minlength=len(classes)) == 0
    if lacking.any():
        raise ValueError(f"held_out has no rows of class {classes[lacking].tolist()[0]!r}.")
    return Reference(np.maximum(proba, _TINY), target, weight)
