"""Number the groups of one answer after those of another, so that they can share colours."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from climbkit.base import NOISE


def match_groups(labels, reference, *, fixed=()):
    """Rename groups after the reference groups that they overlap most, one to one.

    Parameters
    ----------
    labels, reference : ndarray of shape (n_samples,)
        Two answers for the same rows, -1 for noise.
    fixed : array-like of int, default=()
        Labels that mean the same in both and keep their name.

    Returns
    -------
    renamed : ndarray of shape (n_samples,)
        Groups without a partner follow after every label in use.

    Notes
    -----
    The pairs are those of the largest total overlap; groups without a common row stay apart.
    """
    free = np.setdiff1d(labels, [NOISE, *fixed])
    targets = np.setdiff1d(reference, [NOISE, *fixed])
    overlap = np.array([[np.sum((labels == a) & (reference == b)) for b in targets] for a in free])
    overlap = overlap.reshape(len(free), len(targets))
    names = {}
    for i, j in zip(*linear_sum_assignment(overlap, maximize=True), strict=True):
        if overlap[i, j]:
            names[free[i]] = targets[j]
    following = max(int(np.max(array, initial=NOISE)) for array in (reference, np.array([*fixed])))
    renamed = labels.copy()
    for label in free:
        if label not in names:
            following += 1
            names[label] = following
        renamed[labels == label] = names[label]
    return renamed
