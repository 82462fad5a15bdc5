"""Probabilities of a table, re-weighed to how frequent the classes are in it."""

from numbers import Real

import numpy as np

ESTIMATE = "estimate"
# The frequencies stand when none moves by more, and long before so many rounds.
_TOLERANCE, _MOST_ROUNDS = 1e-8, 2_000
_LEAST = 1e-12  # a class that is rarer is not there


def check_prior(prior, model, classes):
    """Raise where a prior cannot be.

    Parameters
    ----------
    prior : float or "estimate"
        Frequency of the second of two classes, or that it is to be estimated.
    model : estimator
        Fitted.
    classes : ndarray of shape (n_classes,)
        Its classes.

    Returns
    -------
    old : ndarray of shape (n_classes,)
        Frequencies for which the model's probabilities hold.

    Raises
    ------
    ValueError
        If the prior is neither, does not fit the classes, or the model does not tell for which
        frequencies its probabilities hold.
    """
    if isinstance(prior, Real) and not isinstance(prior, bool):
        if not 0 < prior < 1:
            raise ValueError(f"prior must be above 0 and below 1; got {prior!r}.")
        if len(classes) != 2:
            raise ValueError(
                f"prior as a number is for two classes; the model has {len(classes)}: "
                f"{classes.tolist()}."
            )
    elif not isinstance(prior, str) or prior != ESTIMATE:
        raise ValueError(f"prior must be None, {ESTIMATE!r} or a number; got {prior!r}.")
    if hasattr(model, "prior_"):
        raise ValueError(f"{type(model).__name__} re-weighs its probabilities; set prior=None.")
    last = getattr(model, "steps", [("", model)])[-1][1]  # of a pipeline
    old = getattr(last, "class_prior_", None)
    if old is None:
        raise ValueError(
            f"prior needs a model that tells by class_prior_ how frequent it takes the classes to "
            f"be; {type(last).__name__} does not."
        )
    return np.asarray(old, dtype=np.float64)


def reweigh(proba, old, new):
    """Probabilities for classes of other frequencies.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        For classes as frequent as `old`; NaN where there is none.
    old, new : ndarray of shape (n_classes,)
        Frequencies.

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        For classes as frequent as `new`.
    """
    weighed = proba * (new / old)
    return weighed / weighed.sum(axis=1, keepdims=True)


def estimate_prior(blocks, old):
    """Frequencies of the classes under which the probabilities of a table are the likeliest.

    Parameters
    ----------
    blocks : callable
        ``blocks()`` yields ndarrays of shape (n_rows, n_classes), the whole table, each time.
    old : ndarray of shape (n_classes,)
        Frequencies for which they hold.

    Returns
    -------
    new : ndarray of shape (n_classes,)
        Frequencies; `old` where there is no row.

    Notes
    -----
    The rounds of Saerens et al. [1]_, each a pass over the table: a class is as frequent as the
    mean of its probability, re-weighed. It holds if the classes look in the table as in training.

    References
    ----------
    .. [1] Saerens, Latinne & Decaestecker 2002, "Adjusting the outputs of a classifier to new a
       priori probabilities", Neural Computation 14, 21, doi:10.1162/089976602753284446.
    """
    new = old
    for _ in range(_MOST_ROUNDS):
        total, n_rows = np.zeros(len(old)), 0
        for proba in blocks():
            rows = proba[np.isfinite(proba).all(axis=1)]
            total += reweigh(rows.astype(np.float64), old, new).sum(axis=0)
            n_rows += len(rows)
        if n_rows == 0:
            return old
        before, new = new, np.maximum(total / n_rows, _LEAST)
        if np.abs(new - before).max() < _TOLERANCE:
            break
    return new
