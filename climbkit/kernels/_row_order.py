"""Sorting of rows, quick to compile."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def lexicographic_order(rows):
    """Order that sorts rows by their first column, equal ones by the next, and so on.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_columns)
        Rows without NaN.

    Returns
    -------
    order : ndarray of shape (n_rows,), dtype int64
        Numbers of the rows, rising; equal rows in the order that they have.

    Notes
    -----
    Heap sort, O(n_rows log n_rows). NumPy's sorts take seconds to compile.
    """
    order = np.arange(len(rows))
    for start in range(len(rows) // 2 - 1, -1, -1):
        _sift(rows, order, start, len(rows))
    for end in range(len(rows) - 1, 0, -1):
        order[0], order[end] = order[end], order[0]
        _sift(rows, order, 0, end)
    return order


@njit(cache=True, nogil=True)
def _sift(rows, heap, place, end):
    """Let a row sink to where no later one lies below it."""
    row = heap[place]
    while 2 * place + 1 < end:
        below = 2 * place + 1
        if below + 1 < end and _precedes(rows, heap[below], heap[below + 1]):
            below += 1
        if not _precedes(rows, row, heap[below]):
            break
        heap[place] = heap[below]
        place = below
    heap[place] = row


@njit(cache=True, nogil=True)
def _precedes(rows, a, b):
    for column in range(rows.shape[1]):
        if rows[a, column] != rows[b, column]:
            return rows[a, column] < rows[b, column]
    return a < b
