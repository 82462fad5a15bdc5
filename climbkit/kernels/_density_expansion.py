"""Gaussian sums for wide kernels, by one Taylor expansion about the middle of the data.

With lengths in units of the bandwidth,

    exp(-|x - y|^2 / 2) = exp(-|x|^2 / 2) exp(-|y|^2 / 2) sum_a x^a y^a / a!

over all multi-indices a. Cut at total degree p, the sum over y of every term is one number, found
in one pass over the points, and a second pass evaluates the polynomial at every x. Points too far
out for the expansion are summed one by one.
"""

import math

import numpy as np
from numba import njit

from ._density_exact import FASTMATH, sums_at
from ._density_exp import exp_minus
from ._density_rows import squared_norms

# Points that go through the polynomial together. Their powers at every degree, up to 16 kB for
# degree 15, stay in the first-level cache.
_BLOCK = 128

# Degrees and radii tried. Beyond 8 bandwidths the expansion needs more terms than can pay.
MAX_DEGREE = 60
_MAX_RADIUS = 8.0
_RADII = 160

# The centre is a multiple of 1 / 64.
_CENTRE_GRID = 64.0

# No expansion of more terms than this: their coefficients take 40 bytes each.
MAX_TERMS = 2_000_000


def expansion_centre(rows):
    """Return the mean of the rows that are not too far out for any expansion.

    It is rounded, so that the order in which the rows are added does not show in it.
    """
    near = squared_norms(rows) <= 0.5 * _MAX_RADIUS**2
    if not near.any():
        return np.zeros(rows.shape[1])
    return np.rint(near @ rows / near.sum() * _CENTRE_GRID) / _CENTRE_GRID


def plan_expansion(rows, atol, term_cost, pair_cost):
    """Choose the radius and degree of the cheapest expansion that keeps the error bound.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Points relative to `expansion_centre`, scaled by 1 / (sqrt(2) bandwidth).
    atol : float
        Bound on the error, relative to the largest density.
    term_cost, pair_cost : float
        Time for one term at one point (both passes), and for one exact pair.

    Returns
    -------
    cost : float
        In the unit of the costs; infinity if no expansion will do.
    radius : float
        Points within it, in units of the rows, take part in the expansion.
    degree : int

    Notes
    -----
    The remainder at x is at most exp(-|x|^2/2) sum_{k > p} |x|^k S_k / k! with
    S_k = sum_y |y|^k exp(-|y|^2/2), since |x . y| <= |x| |y|. S_k comes from a histogram of the
    radii, each bin counted at the end that makes the bound larger.
    """
    n, d = rows.shape
    # In units of the bandwidth.
    radii = np.sqrt(2.0 * squared_norms(rows))
    edges = np.linspace(0.0, min(_MAX_RADIUS, radii.max() * (1 + 1e-9)), _RADII + 1)
    if edges[-1] == 0.0:
        return 0.0, 0.0, 0
    # A bin more takes those beyond the last edge.
    bins = np.minimum(radii * (_RADII / edges[-1]), _RADII).astype(np.int64)
    counts = np.bincount(bins, minlength=_RADII + 1)[:_RADII]
    lower, upper = edges[:-1], edges[1:]
    weights = counts * np.exp(-0.5 * lower**2)
    degrees = np.arange(MAX_DEGREE + 60)
    log_upper = np.log(upper)
    # powers[k, b] = upper_b^k / sqrt(k!), so that products of two are the terms of the series.
    half_log_factorial = 0.5 * np.array([math.lgamma(k + 1.0) for k in degrees])
    powers = np.exp(degrees[:, None] * log_upper - half_log_factorial[:, None])
    sums = np.cumsum(powers * weights, axis=1)
    terms = powers * sums * np.exp(-0.5 * lower**2)
    # errors[p, b]: degree p, radius upper_b. A target may lie anywhere inside the radius.
    tails = np.cumsum(terms[::-1], axis=0)[::-1][1:]
    errors = np.maximum.accumulate(tails, axis=1)[:MAX_DEGREE]
    # The density at the innermost point, every other at the far end of its bin, bounds the largest.
    largest = max(1.0, float(counts @ np.exp(-0.5 * (upper + radii.min()) ** 2)))
    enough = errors <= atol * largest
    found = enough.any(axis=0)
    degree = np.argmax(enough, axis=0)
    size = np.array([float(math.comb(p + d, d)) for p in range(MAX_DEGREE)])
    far = n - np.cumsum(counts)
    cost = n * term_cost * size[degree] + 2.0 * pair_cost * n * far
    cost[~found | (size[degree] > MAX_TERMS)] = np.inf
    best = int(np.argmin(cost))
    return float(cost[best]), float(upper[best] / math.sqrt(2.0)), int(degree[best])


def expansion_density(rows, radius, degree, n_threads=1):
    """Gaussian sums at every row: an expansion within the radius, exact sums beyond it.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Points relative to `expansion_centre`, scaled by 1 / (sqrt(2) bandwidth).
    radius : float
        Points further from the origin are summed one by one.
    degree : int
        Highest total degree of the expansion.
    n_threads : int, default=1
        Threads for the points beyond the radius.

    Returns
    -------
    density : ndarray of shape (n,)

    Notes
    -----
    O(n C(degree + d, d) + n n_far d) time, O(n d) memory.

    References
    ----------
    C. Yang, R. Duraiswami, N. A. Gumerov, L. Davis, "Improved fast Gauss transform and efficient
    kernel density estimation", ICCV 2003, doi:10.1109/ICCV.2003.1238383
    """
    d = rows.shape[1]
    near = squared_norms(rows) <= radius**2
    inside = rows if near.all() else rows[near]
    level, axis, coefficients = multi_indices(d, degree, math.comb(degree + d, d))
    columns = np.ascontiguousarray(inside.T) * math.sqrt(2.0)
    moments = expansion_moments(columns, level, axis, degree)
    values = np.zeros(len(inside))
    expansion_values(columns, level, axis, degree, moments * coefficients, values)
    if len(inside) == len(rows):
        return values
    outside = rows[~near]
    out = np.empty(len(rows))
    out[near] = values + sums_at(outside, inside, n_threads)
    out[~near] = sums_at(rows, outside, n_threads)
    return out


@njit(nogil=True, cache=True)
def multi_indices(d, degree, n_terms):
    """List the multi-indices of total degree up to ``degree`` so that each follows its factor.

    Returns
    -------
    level : ndarray of shape (n_terms,), int64
        Total degree of the term.
    axis : ndarray of shape (n_terms,), int64
        The term is the last earlier one of degree level - 1, times the coordinate ``axis``.
    coefficients : ndarray of shape (n_terms,)
        1 / a!.
    """
    level = np.zeros(n_terms, np.int64)
    axis = np.zeros(n_terms, np.int64)
    coefficients = np.ones(n_terms)
    # Factors in non-decreasing order name each monomial once.
    factors = np.zeros(degree + 1, np.int64)
    repeats = np.zeros(degree + 1, np.int64)
    values = np.ones(degree + 1)
    depth = 0
    for t in range(1, n_terms):
        if depth < degree:
            depth += 1
            factors[depth] = factors[depth - 1] if depth > 1 else 0
        else:
            while factors[depth] == d - 1:
                depth -= 1
            factors[depth] += 1
        same = depth > 1 and factors[depth] == factors[depth - 1]
        repeats[depth] = repeats[depth - 1] + 1 if same else 1
        values[depth] = values[depth - 1] / repeats[depth]
        level[t], axis[t], coefficients[t] = depth, factors[depth], values[depth]
    return level, axis, coefficients


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def _start_block(columns, start, stop, point, powers):
    """Copy a block of points, padded with zeros, and set its powers of degree 0."""
    for b in range(_BLOCK):
        powers[0, b] = 0.0
    for k in range(columns.shape[0]):
        for b in range(_BLOCK):
            x = columns[k, start + b] if start + b < stop else 0.0
            point[k, b] = x
            powers[0, b] += 0.5 * x * x
    for b in range(_BLOCK):
        powers[0, b] = exp_minus(powers[0, b])
    for b in range(stop - start, _BLOCK):
        powers[0, b] = 0.0


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def expansion_moments(columns, level, axis, degree):
    """Sum y^a exp(-|y|^2 / 2) over all points, for every multi-index a."""
    d, n = columns.shape
    moments = np.zeros(len(level))
    point = np.empty((d, _BLOCK))
    powers = np.empty((degree + 1, _BLOCK))
    for start in range(0, n, _BLOCK):
        _start_block(columns, start, min(start + _BLOCK, n), point, powers)
        for b in range(_BLOCK):
            moments[0] += powers[0, b]
        for t in range(1, len(level)):
            x, old, new = point[axis[t]], powers[level[t] - 1], powers[level[t]]
            total = 0.0
            for b in range(_BLOCK):
                value = old[b] * x[b]
                new[b] = value
                total += value
            moments[t] += total
    return moments


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def expansion_values(columns, level, axis, degree, coefficients, out):
    """Write sum_a coefficients_a x^a exp(-|x|^2 / 2) into ``out`` for every point x."""
    d, n = columns.shape
    point = np.empty((d, _BLOCK))
    powers = np.empty((degree + 1, _BLOCK))
    values = np.empty(_BLOCK)
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        _start_block(columns, start, stop, point, powers)
        for b in range(_BLOCK):
            values[b] = coefficients[0] * powers[0, b]
        for t in range(1, len(level)):
            x, old, new = point[axis[t]], powers[level[t] - 1], powers[level[t]]
            c = coefficients[t]
            for b in range(_BLOCK):
                value = old[b] * x[b]
                new[b] = value
                values[b] += c * value
        for b in range(stop - start):
            out[start + b] = values[b]
