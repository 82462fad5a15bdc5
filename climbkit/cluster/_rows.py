"""Find rows that were seen in fit, exactly."""

import numpy as np

_HASH_SEED = 20_071  # any fixed number: equal rows must hash alike in every process


def _row_hashes(X):
    # Adding 0.0 turns -0.0 into 0.0, so that rows which compare equal have equal bits.
    bits = np.ascontiguousarray(X + 0.0).view(np.uint64)
    odd = np.random.default_rng(_HASH_SEED).integers(2**63, size=X.shape[1], dtype=np.uint64) | 1
    mixed = (bits ^ (bits >> np.uint64(29))) * odd
    return (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)


def match_rows(X, fitted):
    """Return for each row the number of an identical fitted row.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows to look up.
    fitted : ndarray of shape (n_fitted, n_features)
        Rows to look in.

    Returns
    -------
    rows : ndarray of shape (n_samples,), dtype intp
        Number of the first identical row, -1 where there is none.

    Notes
    -----
    O((n_samples + n_fitted) log n_fitted) time and linear memory. A hash that two different
    rows share costs a missed match, never a wrong one.
    """
    hashes = _row_hashes(fitted)
    order = np.argsort(hashes, kind="stable")
    place = np.searchsorted(hashes[order], _row_hashes(X))
    candidate = order[np.minimum(place, len(order) - 1)]
    same = (fitted[candidate] == X).all(axis=1)
    return np.where(same, candidate, -1)
