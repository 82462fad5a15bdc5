"""Gaussian sums over every pair of points."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from ._density_exp import exp_minus

# Sources are taken in blocks of this many, so that one block (in 20 dimensions 80 kB) and its
# squared distances stay in the cache while all targets pass over it.
SOURCE_BLOCK = 512

# Sums are reordered and fused into multiply-adds; nothing else of IEEE arithmetic is given up.
FASTMATH = {"contract", "reassoc"}


def exact_density(rows, n_threads=1):
    """Gaussian sums at every row, to rounding.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Points, scaled by 1 / (sqrt(2) bandwidth).
    n_threads : int

    Returns
    -------
    density : ndarray of shape (n,)
    """
    return sums_at(rows, rows, n_threads)


def sums_at(sources, targets, n_threads):
    """Gaussian sums of all sources, shape (n, d), at the targets, shape (m, d)."""
    out = np.zeros(len(targets))
    columns = np.ascontiguousarray(sources.T)
    if n_threads == 1:
        gaussian_sums(columns, targets, out)
        return out
    # Every target is summed in the same order whatever part it falls in.
    parts = np.array_split(np.arange(len(targets)), 8 * n_threads)
    with ThreadPoolExecutor(n_threads) as pool:
        jobs = [
            pool.submit(gaussian_sums, columns, targets[p[0] : p[-1] + 1], out[p[0] : p[-1] + 1])
            for p in parts
            if len(p)
        ]
        for job in jobs:
            job.result()
    return out


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def squared_distances(columns, start, stop, point, out):
    """Write |column_j - point|^2 for start <= j < stop into ``out[0 : stop - start]``.

    Two dimensions are added per pass: this halves the loads and stores of ``out``.
    """
    d = columns.shape[0]
    m = stop - start
    first = columns[0, start:stop]
    x0 = point[0]
    if d == 1:
        for j in range(m):
            out[j] = (first[j] - x0) * (first[j] - x0)
        return
    second = columns[1, start:stop]
    x1 = point[1]
    for j in range(m):
        a = first[j] - x0
        b = second[j] - x1
        out[j] = a * a + b * b
    for k in range(2, d - 1, 2):
        first = columns[k, start:stop]
        second = columns[k + 1, start:stop]
        x0 = point[k]
        x1 = point[k + 1]
        for j in range(m):
            a = first[j] - x0
            b = second[j] - x1
            out[j] += a * a + b * b
    if d % 2 == 1:
        first = columns[d - 1, start:stop]
        x0 = point[d - 1]
        for j in range(m):
            out[j] += (first[j] - x0) * (first[j] - x0)


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def gaussian_sums(sources, targets, out):
    """Add sum_j exp(-|source_j - target_i|^2) to ``out[i]``.

    Parameters
    ----------
    sources : ndarray of shape (d, n_sources)
        One row per dimension, scaled by 1 / (sqrt(2) sigma).
    targets : ndarray of shape (n_targets, d)
        Scaled in the same way.
    out : ndarray of shape (n_targets,)

    Notes
    -----
    O(n_sources n_targets d).
    """
    d, n = sources.shape
    buffer = np.empty(SOURCE_BLOCK)
    for start in range(0, n, SOURCE_BLOCK):
        stop = min(start + SOURCE_BLOCK, n)
        m = stop - start
        if d == 3:
            x, y, z = sources[0, start:stop], sources[1, start:stop], sources[2, start:stop]
            for i in range(targets.shape[0]):
                x0, y0, z0 = targets[i, 0], targets[i, 1], targets[i, 2]
                total = 0.0
                for j in range(m):
                    a = x[j] - x0
                    b = y[j] - y0
                    c = z[j] - z0
                    total += exp_minus(a * a + b * b + c * c)
                out[i] += total
        else:
            for i in range(targets.shape[0]):
                squared_distances(sources, start, stop, targets[i], buffer)
                total = 0.0
                for j in range(m):
                    total += exp_minus(buffer[j])
                out[i] += total
