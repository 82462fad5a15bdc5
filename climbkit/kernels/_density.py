"""Gaussian density of every point of a set: the public function and its choice of method."""

import math
from numbers import Integral, Real

import numpy as np

from ._density_box import box_density, largest_density_bound, plan_box
from ._density_costs import SPREAD_COST, TERM_COST, TREE_COST, pair_cost
from ._density_exact import exact_density
from ._density_expansion import expansion_centre, expansion_density, plan_expansion
from ._density_fourier import MAX_DIMENSION
from ._density_plan import fourier_plan, leaf_plan, planned_sums, sort_points
from ._density_rows import column_ranges, largest_coordinates
from ._pairwise import as_points, mean_pairwise_distance

METHODS = ("auto", "exact", "tree", "fourier", "expansion")

# Smallest atol allowed: rounding alone leaves about 1e-14 in sums of a million Gaussians.
MIN_ATOL = 1e-12

# Below this cost, in ns, looking for a better method costs more than it can save.
_NOT_WORTH_PLANNING = 2e6

# A single Fourier box that costs no more than this many times its least possible cost is taken
# before a tree is built, since the tree would cost about the difference.
_GOOD_ENOUGH = 1.7


def gaussian_density(X, bandwidth=None, *, atol=1e-6, method="auto", n_threads=1):
    """Sum of Gaussians around all points, at every point.

    The density of row i is rho_i = sum_j exp(-|x_i - x_j|^2 / (2 bandwidth^2)) over all rows j,
    row i included; it is not normalised. N points take far less than N^2 operations.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The points: finite numbers, at least one row.
    bandwidth : float, default=None
        Standard deviation of the Gaussian, in the units of X. None takes the mean distance over all
        pairs of rows, from `mean_pairwise_distance`. At 0 the density is the number of rows equal
        to the row, its limit for a vanishing bandwidth.
    atol : float, default=1e-6
        Bound on the error: max_i |error_i| <= atol * max_i rho_i. At least 1e-12.
    method : {"auto", "exact", "tree", "fourier", "expansion"}, default="auto"
        How the sums are done.

        - "exact": every pair, to rounding whatever the value of ``atol``. O(n^2 d).
        - "tree": pairs of leaves of a k-d tree, those beyond a cut-off left out. For narrow kernels
          or many dimensions.
        - "fourier": non-uniform fast Fourier transforms, on one box or on those boxes of a k-d
          tree where they are cheaper than pairs; pairs elsewhere. 1 to 3 dimensions.
        - "expansion": a Taylor expansion about the middle, far outliers by pairs. For wide kernels.
          Where no expansion is within ``atol``, every pair is summed.
        - "auto": the one with the least estimated cost.
    n_threads : int, default=1
        Number of threads. It does not change the result beyond rounding.

    Returns
    -------
    density : ndarray of shape (n,)
        At least 1, up to the error.

    Raises
    ------
    ValueError
        If X is not a finite array of shape (n, d) with n >= 1 and d >= 1, or a parameter is out of
        its range, or ``method="fourier"`` is asked for in more than three dimensions.

    See Also
    --------
    mean_pairwise_distance : The default bandwidth.

    Notes
    -----
    The bounds on omitted pairs, modes and terms of a series are rigorous; they use a lower bound of
    the largest density that comes from the points. The error of the Fourier transforms themselves
    is that which finufft states for its tolerance.

    Coordinates are taken relative to the median of each column, so that rows far from it are placed
    to the rounding of that distance. Memory is O(n d). The density does not depend on the order of
    the rows beyond rounding.

    References
    ----------
    L. Greengard, J. Strain, "The fast Gauss transform", SIAM J. Sci. Stat. Comput. 12 (1991) 79,
    doi:10.1137/0912004

    Examples
    --------
    >>> from climbkit.kernels import gaussian_density
    >>> gaussian_density([[0.0], [0.0], [1.0]], bandwidth=1.0)
    array([2.606..., 2.606..., 2.213...])
    """
    X = as_points(X)
    _check_parameters(bandwidth, atol, method, n_threads, X.shape[1])
    if bandwidth is None:
        bandwidth = mean_pairwise_distance(X)
    lower, upper = column_ranges(X)
    if (lower == upper).any():
        X = np.ascontiguousarray(X[:, lower < upper])
    if X.shape[1] == 0:
        return np.full(len(X), float(len(X)))
    unit = math.sqrt(2.0) * float(bandwidth)
    density = np.empty(len(X))
    rest = np.arange(len(X))
    for _ in range(_MAX_SCALES if unit > 0.0 else 0):
        offsets = _around_median(X if len(rest) == len(X) else X[rest])
        near = largest_coordinates(offsets) <= _LARGEST_COORDINATE * unit
        rows = (offsets if near.all() else offsets[near]) / unit
        density[rest[near]] = _METHODS[method](rows, float(atol), int(n_threads))
        rest = rest[~near]
        if len(rest) == 0:
            return density
    density[rest] = _count_equal_rows(X[rest])
    return density


# Doubles this many bandwidths from the median are thousands of bandwidths away from the next
# double. Such rows see none of those nearer, and go around a median of their own; with this limit
# no square overflows.
_LARGEST_COORDINATE = 1e20

# After so many rounds the bandwidth is below the rounding of the coordinates.
_MAX_SCALES = 32


def _around_median(X):
    """Return the rows relative to their median."""
    # The median is a row's own coordinate: unlike the mean, it depends neither on the order of the
    # rows nor on outliers.
    half = len(X) // 2
    middle = np.array([np.partition(column, half)[half] for column in X.T])
    with np.errstate(over="ignore"):
        return X - middle


def _count_equal_rows(X):
    """Return, for each row, the number of rows equal to it."""
    _, group, counts = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    return counts[group.ravel()].astype(np.float64)


def _check_parameters(bandwidth, atol, method, n_threads, d):
    """Raise a ValueError that names the first parameter out of its range."""
    if bandwidth is not None and not (isinstance(bandwidth, Real) and 0 <= bandwidth < math.inf):
        raise ValueError(f"bandwidth must be None or a finite number >= 0; got {bandwidth!r}.")
    if not (isinstance(atol, Real) and MIN_ATOL <= atol < 1):
        raise ValueError(f"atol must be a number in [{MIN_ATOL}, 1); got {atol!r}.")
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}; got {method!r}.")
    if method == "fourier" and d > MAX_DIMENSION:
        raise ValueError(
            f"method='fourier' works in 1 to {MAX_DIMENSION} dimensions; X has {d} columns. "
            "Use method='auto'."
        )
    if not (isinstance(n_threads, Integral) and n_threads >= 1):
        raise ValueError(f"n_threads must be an integer >= 1; got {n_threads!r}.")


def _exact(rows, atol, n_threads):
    return exact_density(rows, n_threads)


def _tree(rows, atol, n_threads):
    tree = sort_points(rows, atol)
    return planned_sums(tree, leaf_plan(tree), n_threads)


def _fourier(rows, atol, n_threads):
    largest = largest_density_bound(rows)
    box = plan_box(rows, atol, largest)
    if box.cost <= _GOOD_ENOUGH * _fourier_floor(rows):
        return box_density(rows, box, atol, n_threads)
    tree = sort_points(rows, atol, largest)
    plan = fourier_plan(tree)
    if box.cost <= plan.cost:
        return box_density(rows, box, atol, n_threads)
    return planned_sums(tree, plan, n_threads)


def _expansion(rows, atol, n_threads):
    centred = rows - expansion_centre(rows)
    cost, radius, degree = plan_expansion(centred, atol, TERM_COST, pair_cost(rows.shape[1]))
    if not math.isfinite(cost):
        return exact_density(rows, n_threads)
    return expansion_density(centred, radius, degree, n_threads)


def _auto(rows, atol, n_threads):
    """Take the method with the least estimated cost, planning no more than can pay."""
    n, d = rows.shape
    exact_cost = float(n) ** 2 * pair_cost(d)
    if exact_cost <= _NOT_WORTH_PLANNING:
        return exact_density(rows, n_threads)
    cost, _, _ = plan_expansion(rows - expansion_centre(rows), atol, TERM_COST, pair_cost(d))
    if cost <= min(exact_cost, _fourier_floor(rows) if d <= MAX_DIMENSION else n * TREE_COST):
        return _expansion(rows, atol, n_threads)
    largest, box = None, None
    if d <= MAX_DIMENSION:
        largest = largest_density_bound(rows)
        box = plan_box(rows, atol, largest)
        if box.cost <= min(cost, exact_cost, _GOOD_ENOUGH * _fourier_floor(rows)):
            return box_density(rows, box, atol, n_threads)
    others = min(cost, exact_cost, box.cost if box else math.inf)
    if n * TREE_COST < others:
        tree = sort_points(rows, atol, largest)
        plan = fourier_plan(tree)
        if plan.cost <= others:
            return planned_sums(tree, plan, n_threads)
        del tree
    if box and box.cost == others:
        return box_density(rows, box, atol, n_threads)
    if cost == others:
        return _expansion(rows, atol, n_threads)
    return exact_density(rows, n_threads)


def _fourier_floor(rows):
    """Return the cost of spreading the points and back, below which no Fourier plan can be."""
    return 2.0 * len(rows) * SPREAD_COST[2.0][rows.shape[1] - 1]


_METHODS = {
    "auto": _auto,
    "exact": _exact,
    "tree": _tree,
    "fourier": _fourier,
    "expansion": _expansion,
}
