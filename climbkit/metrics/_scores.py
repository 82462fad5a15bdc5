"""Scores over the rows whose group is known and was hidden, and over judged non-members."""

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.validation import check_consistent_length, column_or_1d

from climbkit.base import NOISE, UNLABELLED

# The adjusted Rand index compares pairs of rows: one row gives 1.0 whatever was answered.
_FEWEST_ROWS_FOR_PAIRS = 2


def held_out_ari(y_true, labels, y_partial):
    """Compute the adjusted Rand index on the known rows that were not seeds.

    A semi-supervised clusterer writes its seeds into its answer, so a score over all known rows
    grows with the share of copied labels. This one leaves the copies out: copying the seeds and
    calling the rest noise scores 0.

    It does *not* penalise wide nets: rows that belong to no group are not looked at, and
    accepting every row into the right group scores 1. Read it beside `acceptance_rate`, or use
    `open_set_ari`. It does not reward purity among unknown rows either, and where one group
    holds most of the rows that group decides the score (`group_scores` has one line each).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Known labels, -1 where none is known.
    labels : array-like of shape (n_samples,)
        The clusterer's answer; noise is -1 and counts as one cluster.
    y_partial : array-like of shape (n_samples,)
        The labels that the clusterer was given, -1 where it was given none.

    Returns
    -------
    score : float
        1 for a perfect answer, about 0 for a random one. NaN, with an
        `UndefinedMetricWarning`, where fewer than two known rows were held out.

    Raises
    ------
    ValueError
        If the lengths differ, or an argument is not one-dimensional whole numbers.

    See Also
    --------
    climbkit.model_selection.SeedHoldout : Hides seeds at fit and scores on them.

    References
    ----------
    .. [1] Hubert, L. and Arabie, P. (1985). Comparing partitions. Journal of Classification,
       2, 193-218. :doi:`10.1007/BF01908075`

    Examples
    --------
    >>> from climbkit.metrics import held_out_ari
    >>> y_true = [0, 0, 0, 1, 1, 1, -1]
    >>> seeds = [0, -1, -1, 1, -1, -1, -1]
    >>> held_out_ari(y_true, labels=seeds, y_partial=seeds)
    0.0
    >>> held_out_ari(y_true, labels=[0, 0, 0, 1, 1, 1, 1], y_partial=seeds)
    1.0
    """
    y_true, labels, y_partial = as_labels(y_true=y_true, labels=labels, y_partial=y_partial)
    rows = held_out_rows(y_true, y_partial)
    return _ari_or_nan(y_true[rows], labels[rows], "held_out_ari")


def held_out_recall(y_true, labels, y_partial):
    """Share of the known rows that were not seeds which got their own group's label.

    Unlike an adjusted Rand index it asks for the right name, not only for the right company, so
    it fits clusterers that keep the labels of their seeds. It does *not* penalise wide nets:
    read it beside `acceptance_rate`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Known labels, -1 where none is known.
    labels : array-like of shape (n_samples,)
        The clusterer's answer, in the names of ``y_true``.
    y_partial : array-like of shape (n_samples,)
        The labels that the clusterer was given, -1 where it was given none.

    Returns
    -------
    recall : float
        Between 0 and 1. NaN, with an `UndefinedMetricWarning`, where no known row was held
        out.

    Raises
    ------
    ValueError
        If the lengths differ, or an argument is not one-dimensional whole numbers.

    Examples
    --------
    >>> from climbkit.metrics import held_out_recall
    >>> held_out_recall([0, 0, 0, 1, -1], labels=[0, 0, -1, 1, 1], y_partial=[0, -1, -1, 1, -1])
    0.5
    """
    y_true, labels, y_partial = as_labels(y_true=y_true, labels=labels, y_partial=y_partial)
    rows = held_out_rows(y_true, y_partial)
    if not rows.any():
        _warn_undefined("held_out_recall", "no known row was held out")
        return np.nan
    return float(np.mean(labels[rows] == y_true[rows]))


def acceptance_rate(labels, judged, known_labels):
    """Share of the judged non-members that were let into a known group.

    Judged non-members are rows that an expert looked at and found to belong to no known group:
    letting them in is a mistake. A low rate alone is *no* merit: an answer that lets nobody in
    scores 0. Read it beside `held_out_recall`.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        The clusterer's answer.
    judged : array-like of shape (n_samples,), dtype bool
        True for judged non-members. Rows that nobody judged are False: they are no evidence.
    known_labels : array-like of shape (n_groups,)
        Labels of the known groups. Noise and novel groups are not among them and so count as
        kept out. An entry of -1 is ignored, so that ``np.unique(y)`` can be passed.

    Returns
    -------
    rate : float
        Between 0 and 1. NaN, with an `UndefinedMetricWarning`, where ``judged`` is all False.

    Raises
    ------
    ValueError
        If the lengths differ, or ``judged`` is no boolean mask.

    Examples
    --------
    >>> from climbkit.metrics import acceptance_rate
    >>> judged = [False, True, True, True, True]
    >>> acceptance_rate([0, 0, 5, -1, -1], judged, known_labels=[0, 1])
    0.25
    """
    (labels,) = as_labels(labels=labels)
    judged = as_mask(judged, labels, "judged")
    if not judged.any():
        _warn_undefined("acceptance_rate", "there are no judged non-members")
        return np.nan
    return float(np.mean(keep_known(labels[judged], known_labels) != NOISE))


def open_set_ari(y_true, labels, judged, *, y_partial=None):
    """Compute the adjusted Rand index with the judged non-members as a class of their own.

    Taken over the known rows that were not seeds and the judged non-members together. All
    judged non-members form one class; every answer that is no known group (noise and novel
    groups alike) is one answer, "none". So both ways of being wrong cost: a member that is
    missed, and a non-member that is let in. Copying the seeds scores 0.

    It does *not* say anything about novel groups, and it depends on how many non-members stand
    against how many members: compare two answers on the same rows, and pass a ``judged`` that
    marks the same share of non-members as the share of members that was held out where
    different shares are to be compared.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Known labels, -1 where none is known.
    labels : array-like of shape (n_samples,)
        The clusterer's answer, in the names of ``y_true``.
    judged : array-like of shape (n_samples,), dtype bool
        True for judged non-members; their ``y_true`` must be -1.
    y_partial : array-like of shape (n_samples,), default=None
        The labels that the clusterer was given. None: all known rows count, copied seeds
        included.

    Returns
    -------
    score : float
        1 for a perfect answer, about 0 for a random one. NaN, with an
        `UndefinedMetricWarning`, where no known row was held out or no row was judged.

    Raises
    ------
    ValueError
        If the lengths differ, ``judged`` is no boolean mask, or a judged non-member has a
        known label.

    Examples
    --------
    >>> from climbkit.metrics import open_set_ari
    >>> y_true = [0, 0, 0, 1, 1, -1, -1, -1]
    >>> judged = [False, False, False, False, False, True, True, True]
    >>> open_set_ari(y_true, [0, 0, 0, 1, 1, -1, -1, 7], judged)
    1.0
    >>> round(open_set_ari(y_true, [0, 0, 0, 1, 1, 1, 1, 1], judged), 3)
    0.556
    """
    y_true, labels = as_labels(y_true=y_true, labels=labels)
    judged = as_mask(judged, y_true, "judged")
    if np.any(judged & (y_true != UNLABELLED)):
        raise ValueError("judged marks rows whose y_true names a known group; they must be -1.")
    seen = UNLABELLED if y_partial is None else as_labels(y_true=y_true, y_partial=y_partial)[1]
    held_out = held_out_rows(y_true, seen)
    if not held_out.any() or not judged.any():
        _warn_undefined("open_set_ari", "it needs held-out rows and judged non-members")
        return np.nan
    rows = held_out | judged
    known = y_true[y_true != UNLABELLED]
    return _ari_or_nan(y_true[rows], keep_known(labels[rows], known), "open_set_ari")


def held_out_rows(y_true, y_partial):
    """Mask of the rows whose label is known and was not given."""
    return (y_true != UNLABELLED) & (y_partial == UNLABELLED)


def keep_known(labels, known_labels):
    """Labels with everything that is no known group set to -1."""
    known = np.unique(known_labels)
    return np.where(np.isin(labels, known[known != UNLABELLED]), labels, NOISE)


def as_labels(**named):
    """Return the named arrays as one-dimensional int64 of one length."""
    checked = []
    for name, values in named.items():
        array = column_or_1d(np.asarray(values))
        numeric = array.dtype.kind in "iufb"
        if not numeric or not np.all(np.isfinite(array)) or np.any(array != np.rint(array)):
            raise ValueError(f"{name} must hold whole numbers, -1 where there is no label.")
        checked.append(array.astype(np.int64))
    check_consistent_length(*checked)
    return tuple(checked)


def as_mask(mask, like, name):
    """Return a checked boolean mask of the length of ``like``."""
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != like.shape:
        raise ValueError(
            f"{name} must be a boolean mask of shape {like.shape}; "
            f"got dtype {mask.dtype} and shape {mask.shape}."
        )
    return mask


def _ari_or_nan(y_true, labels, name):
    if len(y_true) < _FEWEST_ROWS_FOR_PAIRS:
        _warn_undefined(name, "fewer than two rows are left to compare", stacklevel=4)
        return np.nan
    return float(adjusted_rand_score(y_true, labels))


def _warn_undefined(name, reason, stacklevel=3):
    warnings.warn(f"{name} is NaN: {reason}.", UndefinedMetricWarning, stacklevel=stacklevel)
