"""Score an answer on hidden labels; shared by the hold-out and the two-stage search."""

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.pipeline import Pipeline

from climbkit.base import UNLABELLED
from climbkit.metrics import acceptance_rate, held_out_ari, held_out_recall, open_set_ari
from climbkit.metrics._scores import as_mask, held_out_rows
from climbkit.model_selection._hiding import hide_seeds

SCORINGS = ("adjusted_rand", "open_set", "recall")


def transductive_labels(estimator, X):
    """Answer of a fitted estimator for the rows it was fitted on.

    ``labels_`` of clusterers, ``transduction_`` of scikit-learn's label propagation, else
    ``predict(X)``. Of a pipeline, that of its last step.
    """
    last = estimator
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    for name in ("labels_", "transduction_"):
        if hasattr(last, name):
            return np.asarray(getattr(last, name))
    return np.asarray(estimator.predict(X))


def check_negatives(negatives, y, scoring):
    """Boolean mask of known non-members, or None."""
    if negatives is None:
        if scoring == "open_set":
            raise ValueError("scoring='open_set' needs the mask `negatives` in fit.")
        return None
    negatives = as_mask(negatives, y, "negatives")
    if np.any(negatives & (y != UNLABELLED)):
        raise ValueError("negatives marks rows whose y names a known group; they must be -1.")
    return negatives


def maskings(y, X, *, n_splits, test_size, rng):
    """Draw ``n_splits`` partly hidden copies of y; none where nothing can be hidden.

    The draw meets rows in the order of their features, so that it does not depend on the order
    in which they are given.
    """
    counts = np.unique(y[y != UNLABELLED], return_counts=True)[1]
    if not np.any(counts > 1):
        if len(counts):
            warnings.warn(
                "No group has two known labels, so none can be hidden: the score is NaN.",
                UndefinedMetricWarning,
                stacklevel=3,
            )
        return []
    order = np.lexsort(np.asarray(X).T)
    return [
        hide_seeds(y, test_size=test_size, random_state=rng, order=order) for _ in range(n_splits)
    ]


def fit_and_score(estimator, X, y, y_partial, scoring, negatives, *, held_out=True):
    """Fit on partly hidden labels; return the score on the hidden ones, and the acceptance.

    With ``held_out=False`` the score is on all known labels, those that were shown included.
    """
    estimator.fit(X, y_partial)
    labels = transductive_labels(estimator, X)
    shown = y_partial if held_out else np.full_like(y, UNLABELLED)
    return (
        score_answer(y, labels, shown, scoring, negatives),
        np.nan if negatives is None else _acceptance(labels, negatives, y),
    )


def score_answer(y, labels, y_partial, scoring, negatives):
    """Score labels on the known rows that are -1 in ``y_partial``."""
    if scoring == "adjusted_rand":
        return held_out_ari(y, labels, y_partial)
    if scoring == "recall":
        return held_out_recall(y, labels, y_partial)
    if scoring == "open_set":
        return open_set_ari(y, labels, negatives, y_partial=y_partial)
    rows = held_out_rows(y, y_partial)
    return float(scoring(y[rows], labels[rows]))


def _acceptance(labels, negatives, y):
    return acceptance_rate(labels, negatives, y) if negatives.any() else np.nan
