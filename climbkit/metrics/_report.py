"""All scores of one answer together."""

import numpy as np
from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure

from climbkit.base import NOISE, UNLABELLED
from climbkit.metrics._scores import (
    acceptance_rate,
    as_labels,
    held_out_ari,
    held_out_recall,
    keep_known,
    open_set_ari,
)


def score_report(y_true, labels, *, y_partial=None, judged=None):
    """Score one answer by everything that is known, flattering and honest scores side by side.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Known labels, -1 where none is known.
    labels : array-like of shape (n_samples,)
        The clusterer's answer.
    y_partial : array-like of shape (n_samples,), default=None
        The labels that the clusterer was given; adds the held-out scores.
    judged : array-like of shape (n_samples,), dtype bool, default=None
        True for judged non-members; adds ``acceptance`` and ``open_set_ari``.

    Returns
    -------
    report : dict of str to float, int or list
        ``ari``, ``homogeneity``, ``completeness``: scikit-learn's, on all known rows; copied
        seeds count, so they grow with the share of seeds. ``held_out_ari``,
        ``held_out_recall``: on known rows that were not seeds. ``acceptance``,
        ``open_set_ari``: see the functions of these names. ``n_novel`` and ``novel_sizes``:
        groups of the answer that are not known ones, largest first.

    Raises
    ------
    ValueError
        If no row is known, or an argument is not what its function allows.

    Examples
    --------
    >>> from climbkit.metrics import score_report
    >>> seeds = [0, 0, 0, -1, 1, 1, -1, -1]
    >>> report = score_report([0, 0, 0, 0, 1, 1, 1, -1], labels=seeds, y_partial=seeds)
    >>> round(report["ari"], 2), report["held_out_ari"]
    (0.38, 0.0)
    """
    y_true, labels = as_labels(y_true=y_true, labels=labels)
    known = y_true != UNLABELLED
    if not known.any():
        raise ValueError("y_true holds no known label: every entry is -1.")
    homogeneity, completeness, _ = homogeneity_completeness_v_measure(y_true[known], labels[known])
    report = {
        "ari": float(adjusted_rand_score(y_true[known], labels[known])),
        "homogeneity": float(homogeneity),
        "completeness": float(completeness),
    }
    if y_partial is not None:
        report["held_out_ari"] = held_out_ari(y_true, labels, y_partial)
        report["held_out_recall"] = held_out_recall(y_true, labels, y_partial)
    if judged is not None:
        report["acceptance"] = acceptance_rate(labels, judged, y_true[known])
        report["open_set_ari"] = open_set_ari(y_true, labels, judged, y_partial=y_partial)
    sizes = _novel_sizes(labels, y_true[known])
    return {**report, "n_novel": len(sizes), "novel_sizes": sizes}


def _novel_sizes(labels, known_labels):
    novel = (keep_known(labels, known_labels) == NOISE) & (labels != NOISE)
    sizes = np.unique(labels[novel], return_counts=True)[1]
    return sorted(sizes.tolist(), reverse=True)
