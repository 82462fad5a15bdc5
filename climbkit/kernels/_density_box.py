"""Gaussian sums for wide kernels in few dimensions: one Fourier box around all but far outliers."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from ._density_costs import (
    BOX_COST,
    ERROR_SHARE,
    MODE_COST,
    SPREAD_COST,
    error_allowed,
    mode_limit,
    pair_cost,
)
from ._density_exact import sums_at
from ._density_fourier import box_modes, fourier_sums
from ._density_rows import column_ranges, largest_coordinates

# Half-widths of the box that are tried: the largest, and each smaller by this factor.
_SHRINK = 0.75
_TRIED = 60

# Cells in which the most crowded place is looked for, along each dimension.
_CELLS = {1: 65536, 2: 512, 3: 64}

# The densities of one point in each of this many crowded cells bound the largest from below.
_CROWDED_CELLS = 4


class Box(NamedTuple):
    """A box of points, and what its error bound asks for."""

    cost: float
    width: float
    halo: float
    truncation: float
    oversampling: float


def largest_density_bound(rows):
    """Return a lower bound of the largest Gaussian sum in 1 to 3 dimensions, mostly a close one.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Points relative to their median, scaled by 1 / (sqrt(2) bandwidth).

    Returns
    -------
    bound : float

    Notes
    -----
    Points are counted in cells of half a bandwidth or more around the median, and the density is
    computed in full at the middlemost point of each of the most crowded cells. O(n).
    """
    d = rows.shape[1]
    # Most points lie within a few mean deviations of the median.
    spread = 4.0 * np.abs(rows).mean(axis=0)
    side = np.maximum(0.35, 2.0 * spread / _CELLS[d])
    cells = cell_numbers(rows, side, _CELLS[d])
    counts = np.bincount(cells, minlength=_CELLS[d] ** d)
    best = np.argsort(-counts, kind="stable")[:_CROWDED_CELLS]
    chosen = []
    for cell in best[counts[best] > 0]:
        inside = rows[cells == cell]
        offset = inside - inside.mean(axis=0)
        chosen.append(inside[np.argmin(np.einsum("ij,ij->i", offset, offset))])
    return float(sums_at(rows, np.array(chosen), 1).max())


@njit(nogil=True, cache=True)
def cell_numbers(rows, side, n_cells):
    """Return the number of the grid cell of each row; the outermost cells take all beyond them."""
    n, d = rows.shape
    out = np.empty(n, np.int64)
    half = 0.5 * n_cells
    for i in range(n):
        number = 0
        for k in range(d):
            place = rows[i, k] / side[k] + half
            number = number * n_cells + int(min(max(place, 0.0), n_cells - 1.0))
        out[i] = number
    return out


def plan_box(rows, atol, largest):
    """Choose the box that costs least, outliers beyond it included.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Points relative to their median, scaled by 1 / (sqrt(2) bandwidth).
    atol : float
        Bound on the error relative to the largest density.
    largest : float
        Lower bound of the largest density.

    Returns
    -------
    box : Box
        Of infinite cost if none would fit in the memory allowed.
    """
    n, d = rows.shape
    error = error_allowed(atol, largest)
    halo = math.sqrt(max(math.log(n / error), 1.0))
    reach = np.sort(largest_coordinates(rows))
    lower, upper = column_ranges(rows)
    extent = upper - lower
    best = None
    # Beyond this width one dimension alone would take more modes than allowed.
    width = min(float(reach[-1]), 2.0 * mode_limit(n))
    for _ in range(_TRIED):
        far, shell = n - np.searchsorted(reach, [width, width - halo], side="right")
        period = np.minimum(extent, 2.0 * width + halo)
        modes = np.prod(2.0 * box_modes(period, halo, error / n)[1] + 1.0)
        for ratio, most in ((2.0, mode_limit(n) / 4), (1.25, mode_limit(n))):
            cost = 2.0 * n * SPREAD_COST[ratio][d - 1] + 2.0 * modes * MODE_COST[ratio] + BOX_COST
            cost += float(far) * float(shell) * pair_cost(d)
            if modes > most:
                cost = math.inf
            if best is None or cost < best.cost:
                best = Box(cost, width, halo, error / n, ratio)
        width *= _SHRINK
        # A smaller box only makes more outliers once they cost more than everything else.
        if width == 0.0 or float(far) * float(shell) * pair_cost(d) > best.cost:
            break
    return best


def box_density(rows, box, atol, n_threads):
    """Gaussian sums at every row: by Fourier inside the box, pair by pair outside.

    Notes
    -----
    An outlier beyond the box is further than the halo from every point deeper inside the box than
    the halo, so that it needs only the points of the outer shell and the other outliers.
    """
    reach = largest_coordinates(rows)
    inside = reach <= box.width
    if inside.all():
        columns = np.ascontiguousarray(rows.T)
        sources, targets = columns, columns
    else:
        sources = np.ascontiguousarray(rows[reach <= box.width + box.halo].T)
        targets = np.ascontiguousarray(rows[inside].T)
    near = fourier_sums(
        sources,
        targets,
        box.halo,
        box.truncation,
        ERROR_SHARE * atol,
        box.oversampling,
        n_threads,
    )
    if targets is sources:
        return np.ascontiguousarray(near)
    density = np.empty(len(rows))
    density[inside] = near
    shell = rows[reach > box.width - box.halo]
    density[~inside] = sums_at(shell, rows[~inside], n_threads)
    return density
