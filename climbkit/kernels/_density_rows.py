"""Ranges and norms of rows. NumPy's reductions along short rows take ten times as long."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def column_ranges(rows):
    """Return the least and the largest number in each column."""
    lower, upper = rows[0].copy(), rows[0].copy()
    for i in range(1, rows.shape[0]):
        for k in range(rows.shape[1]):
            lower[k] = min(lower[k], rows[i, k])
            upper[k] = max(upper[k], rows[i, k])
    return lower, upper


@njit(nogil=True, cache=True)
def largest_coordinates(rows):
    """Return the largest absolute coordinate of each row."""
    out = np.zeros(rows.shape[0])
    for i in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            out[i] = max(out[i], abs(rows[i, k]))
    return out


@njit(nogil=True, cache=True)
def squared_norms(rows):
    """Return the squared length of each row."""
    out = np.zeros(rows.shape[0])
    for i in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            out[i] += rows[i, k] * rows[i, k]
    return out
