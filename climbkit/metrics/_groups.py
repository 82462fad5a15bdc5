"""Purity and recall, one line per known group."""

import numpy as np

from climbkit.base import UNLABELLED
from climbkit.metrics._scores import as_labels, as_mask, held_out_rows


def group_scores(y_true, labels, *, y_partial=None, judged=None):
    """Purity, recall and F1 of every known group, as a table.

    Only rows of which something is known count: known rows (without the seeds where
    ``y_partial`` is given) and judged non-members (where ``judged`` is given). Without
    ``judged`` the purity sees only confusion between known groups, and does *not* punish a
    group that swallows the field around it; with it, the purity still depends on how many
    non-members were judged, so it ranks answers on the same rows and is no purity of the
    catalogue.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Known labels, -1 where none is known.
    labels : array-like of shape (n_samples,)
        The clusterer's answer, in the names of ``y_true``.
    y_partial : array-like of shape (n_samples,), default=None
        The labels that the clusterer was given. None: seeds count as well, and flatter.
    judged : array-like of shape (n_samples,), dtype bool, default=None
        True for judged non-members.

    Returns
    -------
    table : pandas.DataFrame
        Indexed by group, in ascending order: ``size`` (rows of the group that count),
        ``claimed`` (rows that count and got the group's label), ``correct`` (both), ``purity``
        (correct / claimed), ``recall`` (correct / size) and ``f1``, their harmonic mean. A
        ratio over zero rows is NaN.

    Raises
    ------
    ValueError
        If the lengths differ, or ``judged`` is no boolean mask.

    Examples
    --------
    >>> from climbkit.metrics import group_scores
    >>> y_true = [0, 0, 0, 0, 1, 1, -1, -1]
    >>> labels = [0, 0, 0, -1, 1, 0, 1, -1]
    >>> judged = [False] * 6 + [True, True]
    >>> group_scores(y_true, labels, judged=judged)
           size  claimed  correct  purity  recall    f1
    group
    0         4        4        3    0.75    0.75  0.75
    1         2        2        1    0.50    0.50  0.50
    """
    import pandas as pd

    y_true, labels = as_labels(y_true=y_true, labels=labels)
    seen = UNLABELLED if y_partial is None else as_labels(y_true=y_true, y_partial=y_partial)[1]
    rows = held_out_rows(y_true, seen)
    if judged is not None:
        rows = rows | as_mask(judged, y_true, "judged")
    groups = np.unique(y_true[y_true != UNLABELLED])
    of_group = y_true[rows] == groups[:, None]
    claimed = labels[rows] == groups[:, None]
    size, n_claimed = of_group.sum(axis=1), claimed.sum(axis=1)
    correct = (of_group & claimed).sum(axis=1)
    return pd.DataFrame(
        {
            "size": size,
            "claimed": n_claimed,
            "correct": correct,
            "purity": _ratio(correct, n_claimed),
            "recall": _ratio(correct, size),
            "f1": _ratio(2 * correct, size + n_claimed),
        },
        index=pd.Index(groups, name="group"),
    )


def _ratio(part, whole):
    ratio = np.full(len(whole), np.nan)
    return np.divide(part, whole, out=ratio, where=whole > 0)
