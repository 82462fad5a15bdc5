"""Mean distance between all pairs of points."""

import math

import numpy as np
from numba import njit

from ._density_exact import FASTMATH, squared_distances
from ._density_rows import column_ranges

# Up to this many points every pair is visited, in 0.05 s. The published codes hold the N x N matrix
# and rarely go beyond.
EXACT_LIMIT = 10_000

# Larger sets are summed over pairs of cells. With 2048 cells these 2 million pairs cost as much as
# 100,000 points take to be sorted into the cells.
N_CELLS = 2048

# Above this ratio of squared mean to variance Gamma(m + 1/2) / Gamma(m) is taken from its
# expansion in 1 / m (Tricomi & Erdelyi 1951, doi:10.2140/pjm.1951.1.133), to 1e-7.
_SERIES_FROM = 20.0

_BLOCK = 512


def mean_pairwise_distance(X, *, exact_limit=EXACT_LIMIT):
    """Mean Euclidean distance over all pairs of rows, each row paired with itself included.

    This is ``np.mean(squareform(pdist(X)))``: the sum over i and j of the distance between rows
    i and j, the zeros of the diagonal included, divided by n^2.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The points: finite numbers, at least one row.
    exact_limit : int, default=10000
        Up to this many rows the mean is exact to rounding; beyond it is an estimate.

    Returns
    -------
    distance : float
        The mean distance; 0 for one row, or when all rows are equal.

    Raises
    ------
    ValueError
        If X is not a finite array of shape (n, d) with n >= 1 and d >= 1.

    Notes
    -----
    The exact mean takes O(n^2 d) time and O(n d) memory.

    The estimate sorts the points into at most 2048 boxes, O(n d) for each halving, and replaces
    the points of each box by their moments. Over a pair of boxes the squared distance then has a
    known mean and variance, and the mean distance is taken from the gamma distribution with both:
    for boxes far apart this is the expansion of the mean distance to second order. The estimate
    does not depend on the order of the rows beyond rounding. On normal, uniform, heavy-tailed and
    clumped samples its relative error stays below 1e-6, 2e-5, 1e-4 and 3e-4 in 1, 2, 3 and 5
    dimensions, and below 1e-3 and 1e-2 in 10 and 20.

    Examples
    --------
    >>> from climbkit.kernels import mean_pairwise_distance
    >>> mean_pairwise_distance([[0.0, 0.0], [3.0, 4.0]])
    2.5
    """
    X = as_points(X)
    lower, upper = column_ranges(X)
    scale = float((0.5 * upper - 0.5 * lower).max())
    if scale == 0.0:
        return 0.0
    # Shifted and scaled, no square below can overflow and none that counts can vanish.
    rows = (X - (0.5 * lower + 0.5 * upper)) / scale
    n = len(rows)
    if n <= exact_limit:
        return scale * 2.0 * distance_sum(np.ascontiguousarray(rows.T), rows) / n**2
    start, stop = split_into_cells(rows, N_CELLS)
    return scale * cell_distance_sum(*cell_moments(rows, start, stop)) / n**2


def as_points(X):
    """Return X as a C-contiguous float64 array of shape (n, d), or say what is wrong with it."""
    X = np.ascontiguousarray(X, dtype=np.float64)
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(
            f"X must have shape (n, d) with at least one row and one column; got {X.shape}."
        )
    if not np.isfinite(X).all():
        raise ValueError("X must be finite; it contains NaN or infinity.")
    return X


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def distance_sum(columns, rows):
    """Sum the distances over all pairs i < j; ``columns`` is the transpose of ``rows``."""
    n = rows.shape[0]
    buffer = np.empty(_BLOCK)
    total = 0.0
    for start in range(0, n, _BLOCK):
        for i in range(min(start + _BLOCK, n)):
            low = max(start, i + 1)
            high = min(start + _BLOCK, n)
            squared_distances(columns, low, high, rows[i], buffer)
            part = 0.0
            for j in range(high - low):
                part += math.sqrt(buffer[j])
            total += part
    return total


@njit(nogil=True, cache=True)
def split_into_cells(rows, n_cells):
    """Sort the rows, in place, into at most ``n_cells`` boxes of small extent.

    The box with the largest product of count and diagonal is halved at the middle of its longest
    side until there are enough: crowded places get small boxes, and a point far from all others
    soon has one for itself. Only counts and bounding boxes decide, so that the boxes do not depend
    on the order of the rows.

    Returns
    -------
    start, stop : ndarrays of shape (n_boxes,), int64
        Box b holds rows[start[b] : stop[b]].
    """
    n, d = rows.shape
    start = np.zeros(n_cells, np.int64)
    stop = np.zeros(n_cells, np.int64)
    lower, upper = np.empty((n_cells, d)), np.empty((n_cells, d))
    burden = np.empty(n_cells)
    stop[0] = n
    burden[0] = _measure(rows, 0, n, lower[0], upper[0])
    used = 1
    while used < n_cells:
        box = np.argmax(burden[:used])
        if burden[box] == 0.0:
            break
        axis = np.argmax(upper[box] - lower[box])
        # The mean of two neighbouring doubles can round up to the larger: ">" keeps both sides.
        middle = 0.5 * lower[box, axis] + 0.5 * upper[box, axis]
        if middle >= upper[box, axis]:
            middle = lower[box, axis]
        i, j = start[box], stop[box] - 1
        while i <= j:
            if rows[i, axis] > middle:
                for k in range(d):
                    keep = rows[i, k]
                    rows[i, k] = rows[j, k]
                    rows[j, k] = keep
                j -= 1
            else:
                i += 1
        start[used], stop[used] = i, stop[box]
        stop[box] = i
        burden[used] = _measure(rows, start[used], stop[used], lower[used], upper[used])
        burden[box] = _measure(rows, start[box], stop[box], lower[box], upper[box])
        used += 1
    return start[:used], stop[:used]


@njit(nogil=True, cache=True)
def _measure(rows, start, stop, lower, upper):
    """Fill in the corners of the box around rows[start:stop]; return count times diagonal."""
    diagonal = 0.0
    for k in range(rows.shape[1]):
        lower[k] = rows[start, k]
        upper[k] = rows[start, k]
    for i in range(start + 1, stop):
        for k in range(rows.shape[1]):
            lower[k] = min(lower[k], rows[i, k])
            upper[k] = max(upper[k], rows[i, k])
    for k in range(rows.shape[1]):
        diagonal += (upper[k] - lower[k]) ** 2
    return (stop - start) * math.sqrt(diagonal)


@njit(nogil=True, cache=True)
def cell_moments(rows, starts, stops):
    """Return the moments of the points of each cell that the mean distance needs.

    Returns
    -------
    counts : ndarray of shape (n_cells,)
    means : ndarray of shape (n_cells, d)
    covariances : ndarray of shape (n_cells, d, d)
        Divisor n. Below, u is the offset of a point from the mean of its cell.
    cubes : ndarray of shape (n_cells, d)
        Mean of u |u|^2.
    spreads : ndarray of shape (n_cells,)
        Variance of |u|^2.
    """
    n_cells, d = len(starts), rows.shape[1]
    counts = np.empty(n_cells)
    means = np.zeros((n_cells, d))
    covariances = np.zeros((n_cells, d, d))
    cubes = np.zeros((n_cells, d))
    spreads = np.zeros(n_cells)
    u = np.empty(d)
    for cell in range(n_cells):
        count = stops[cell] - starts[cell]
        counts[cell] = count
        for i in range(starts[cell], stops[cell]):
            for k in range(d):
                means[cell, k] += rows[i, k] / count
        trace = 0.0
        for i in range(starts[cell], stops[cell]):
            square = 0.0
            for k in range(d):
                u[k] = rows[i, k] - means[cell, k]
                square += u[k] * u[k]
                for m in range(k + 1):
                    covariances[cell, k, m] += u[k] * u[m] / count
            for k in range(d):
                cubes[cell, k] += u[k] * square / count
            trace += square / count
            spreads[cell] += square * square / count
        spreads[cell] -= trace * trace
        for k in range(d):
            for m in range(k):
                covariances[cell, m, k] = covariances[cell, k, m]
    return counts, means, covariances, cubes, spreads


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def cell_distance_sum(counts, means, covariances, cubes, spreads):
    """Sum the expected distances over all pairs of points, from the moments of their cells.

    The loops run over the second cell innermost, along columns, to be done several at a time.
    """
    n_cells, d = means.shape
    centres, columns = means.T.copy(), cubes.T.copy()
    scatter = np.empty((d, d, n_cells))
    traces = np.zeros(n_cells)
    for a in range(n_cells):
        for k in range(d):
            traces[a] += covariances[a, k, k]
            for m in range(d):
                # Terms off the diagonal appear twice, and are visited once.
                scatter[k, m, a] = covariances[a, k, m] * (1.0 if k == m else 2.0)
    mean, variance = np.empty(n_cells), np.empty(n_cells)
    offset = np.empty((d, n_cells))
    total = 0.0
    for a in range(n_cells):
        # Mean and variance of r^2 = |offset + u - v|^2 for independent u of a and v of b.
        for b in range(a + 1):
            mean[b] = traces[a] + traces[b]
            variance[b] = spreads[a] + spreads[b]
        for k in range(d):
            x, y, row = centres[k], columns[k], offset[k]
            for b in range(a + 1):
                row[b] = x[a] - x[b]
                mean[b] += row[b] * row[b]
                variance[b] += 4.0 * row[b] * (y[a] - y[b])
            for m in range(k + 1):
                c, other = scatter[k, m], offset[m]
                ours, once = c[a], covariances[a, k, m]
                for b in range(a + 1):
                    variance[b] += 4.0 * (row[b] * other[b] * (ours + c[b]) + once * c[b])
        for b in range(a + 1):
            if mean[b] > 0.0:
                weight = counts[a] * counts[b] * (1.0 if a == b else 2.0)
                square = mean[b] * mean[b]
                total += weight * math.sqrt(mean[b]) * _gamma_mean_root(square, variance[b])
    return total


@njit(nogil=True, cache=True)
def _gamma_mean_root(square, variance):
    """Return E[sqrt(g)] / sqrt(E[g]) of a gamma variable g with E[g]^2 and Var[g] as given."""
    if variance * _SERIES_FROM <= square:
        u = max(variance, 0.0) / square
        return 1.0 + u * (-1.0 / 8.0 + u * (1.0 / 128.0 + u * (5.0 / 1024.0)))
    m = square / variance
    return math.exp(math.lgamma(m + 0.5) - math.lgamma(m)) / math.sqrt(m)
