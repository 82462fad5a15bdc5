"""Held-out rows for validation, chosen by what the rows hold and not by where they stand."""

from hashlib import blake2b

import numpy as np

_DIGEST_BYTES = 8


def canonical_order(X, y):
    """Order of the rows that does not depend on the order in which they came.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...), dtype float32, C-contiguous
        Samples.
    y : ndarray of shape (n_samples,), dtype int
        Classes; they order equal samples.

    Returns
    -------
    order : ndarray of shape (n_samples,), dtype int64
        By a digest of each sample. Samples that are equal in all are interchangeable.
    """
    digests = [
        int.from_bytes(blake2b(row.tobytes(), digest_size=_DIGEST_BYTES).digest()) for row in X
    ]
    return np.lexsort((y, np.array(digests, dtype=np.uint64)))


def stratified_split(y, fraction, rng):
    """Rows to train on and rows to hold out, the same fraction of each class.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), dtype int
        Classes.
    fraction : float
        Fraction to hold out.
    rng : numpy.random.Generator
        Chooses.

    Returns
    -------
    train, held_out : ndarray of int64
        Row numbers, ascending. At least one row of each class is held out where it has two or
        more, and at least one is kept.
    """
    held_out = []
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        n_held = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        held_out.append(rng.permutation(rows)[:n_held])
    held_out = np.sort(np.concatenate(held_out))
    return np.setdiff1d(np.arange(len(y)), held_out), held_out
