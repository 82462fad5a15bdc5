"""Colour-magnitude diagrams drawn straight into small grey images."""

from typing import NamedTuple

import numpy as np
from numba import njit

COEFFICIENT_BITS = 22  # fixed point of the resizing weights, as in Pillow's 8-bit resize
WHITE = 255
HALF = 32  # bits of half a 64-bit integer
LOW_HALF = (1 << HALF) - 1


class Look(NamedTuple):
    """How diagrams are drawn; arrays and numbers only, for compiled code.

    Rows run downwards. The canvas is that part of the figure on which stars are drawn. Columns
    of the canvas form runs: neighbours that add to the same columns of the image.
    """

    left: float  # column of the canvas at the lower colour limit
    right: float  # column at the upper one
    bright: float  # row at the bright limit
    faint: float  # row at the faint one
    stamp: np.ndarray  # (side, side) int32, optical depth of a star around its pixel
    darkness: np.ndarray  # (n_depths,) uint8 by optical depth; deeper is as the last
    run_of: np.ndarray  # (n_columns,) int16, run of each column
    run_begin: np.ndarray  # (n_runs + 1,) int32, where runs begin
    run_out: np.ndarray  # (n_runs,) int32, first column of the image that a run adds to
    column_weight: np.ndarray  # (n_columns, n_taps) int32, to that one and those after it
    run_pairs: np.ndarray  # (n_runs, longest run) int64, the first two in halves of a number
    column_white: np.ndarray  # (width,) int32, a white row in fixed point, rounding included
    row_out: np.ndarray  # (n_rows,) int32, the same for rows
    row_weight: np.ndarray
    row_white: np.ndarray


@njit(cache=True, nogil=True)
def diagram_extremes(color, magnitude, indptr):
    """Extremes of the stars of each diagram that have both a colour and a magnitude.

    Parameters
    ----------
    color, magnitude : ndarray of shape (n_stars,), dtype float64
        Stars, diagram after diagram.
    indptr : ndarray of shape (n_diagrams + 1,), dtype int64
        Where each diagram begins.

    Returns
    -------
    extremes : ndarray of shape (n_diagrams, 4)
        Smallest and largest colour, smallest and largest magnitude; NaN where there is no star.
    """
    n_diagrams = len(indptr) - 1
    extremes = np.full((n_diagrams, 4), np.nan)
    for diagram in range(n_diagrams):
        blue, red, bright, faint = np.inf, -np.inf, np.inf, -np.inf
        for star in range(indptr[diagram], indptr[diagram + 1]):
            x, y = color[star], magnitude[star]
            if np.isfinite(x) and np.isfinite(y):
                blue, red = min(blue, x), max(red, x)
                bright, faint = min(bright, y), max(faint, y)
        if blue <= red:
            extremes[diagram] = (blue, red, bright, faint)
    return extremes


@njit(cache=True, nogil=True)
def draw_diagrams(color, magnitude, indptr, limits, look, images):
    """Draw diagrams as black points on white.

    Parameters
    ----------
    color, magnitude : ndarray of shape (n_stars,), dtype float64
        Stars, diagram after diagram; those that are not finite are left out.
    indptr : ndarray of shape (n_diagrams + 1,), dtype int64
        Where each diagram begins.
    limits : ndarray of shape (n_diagrams, 4), dtype float64
        Colours at left and right, magnitudes at top and bottom of the axes. A diagram with a NaN
        among them stays white.
    look : Look
        Geometry, stamp and resizing weights.
    images : ndarray of shape (n_diagrams, height, width), dtype float32
        Filled with grey values from 0 (black) to 1.

    Notes
    -----
    Optical depths of overlapping stars add up in integers and are cut at a ceiling, so that the
    order of the stars makes no difference. Time goes with the stars and the parts of the canvas
    that they touch, not with the size of the canvas.
    """
    height, width = images.shape[1:]
    n_columns, n_rows, n_runs = len(look.run_of), len(look.row_out), len(look.run_out)
    # Stamps that lie half outside end in a margin that nobody reads; short runs are read with
    # weights of 0 up to the length of the longest.
    side, longest = len(look.stamp), look.run_pairs.shape[1]
    depth = np.zeros((n_rows + 2 * side, n_columns + 2 * side + longest), np.uint16)
    touched = np.zeros((n_rows + 2 * side, n_runs), np.uint8)
    runs = np.empty((n_rows + 2 * side, n_runs + 1), np.int16)
    n_touched = np.zeros(n_rows + 2 * side, np.int32)
    # Beyond the last row and column there is room for weights that are zero.
    row_sum = np.zeros(width + look.column_weight.shape[1], np.int32)
    dark = np.zeros((height + look.row_weight.shape[1], width), np.int32)
    for diagram in range(len(images)):
        if not np.isnan(limits[diagram]).any():
            begin, end = indptr[diagram], indptr[diagram + 1]
            stars = (color[begin:end], magnitude[begin:end])
            _stamp_stars(stars, limits[diagram], look, depth, touched, runs, n_touched)
            n_touched[:side] = 0
            n_touched[side + n_rows :] = 0
            for row in range(n_rows):
                line = row + side
                n_seen, n_touched[line] = n_touched[line], 0
                if n_seen > 0:
                    first, last = _gather_row(
                        look, depth[line, side:], runs[line, :n_seen], row_sum
                    )
                    depth[line] = 0
                    touched[line] = 0
                    _spread_row(row, first, last, look, row_sum, dark)
        _develop(look.row_white, dark, images[diagram])


@njit(cache=True, nogil=True)
def _stamp_stars(stars, limits, look, depth, touched, runs, n_touched):
    """Add the stamps of the stars to the canvas, and note the runs that they touch."""
    color, magnitude = stars
    stamp, run_of = look.stamp, look.run_of
    side = len(stamp)
    reach = side // 2
    ceiling = np.int64(len(look.darkness) - 1)
    n_columns, n_rows = len(run_of), len(look.row_out)
    x_scale = (look.right - look.left) / (limits[1] - limits[0])
    y_scale = (look.faint - look.bright) / (limits[3] - limits[2])
    # Of the stamp's corner in the canvas with its margin; half a pixel, so that cutting the
    # fraction off takes the nearest pixel.
    x_zero = look.left - limits[0] * x_scale + 0.5 - reach + side
    y_zero = look.bright - limits[2] * y_scale + 0.5 - reach + side
    for star in range(len(color)):
        x = x_zero + color[star] * x_scale
        y = y_zero + magnitude[star] * y_scale
        # Also False for NaN.
        if not (1.0 <= x < n_columns + side and 1.0 <= y < n_rows + side):
            continue
        left, top = np.uint64(x), np.uint64(y)
        for i in range(np.uint64(side)):
            for j in range(np.uint64(side)):
                total = np.int64(depth[top + i, left + j]) + np.int64(stamp[i, j])
                depth[top + i, left + j] = min(ceiling, total)
        first = run_of[max(np.int64(left) - side, 0)]
        last = run_of[min(np.int64(left) - 1, n_columns - 1)]
        for i in range(np.uint64(side)):
            row = top + i
            for run in range(first, last + 1):
                # Without a branch, which nobody could foresee.
                runs[row, n_touched[row]] = run
                n_touched[row] += np.int32(1) - touched[row, run]
                touched[row, run] = 1


@njit(cache=True, nogil=True)
def _gather_row(look, depth, runs, row_sum):
    """Resize one row of the canvas horizontally.

    Returns the columns of the image that it added to, as begin and end.
    """
    darkness, run_begin, run_out = look.darkness, look.run_begin, look.run_out
    weight, pairs = look.column_weight, look.run_pairs
    n_taps, length = weight.shape[1], np.uint64(pairs.shape[1])
    lowest, highest = len(run_out), 0
    for run in runs:
        lowest, highest = min(lowest, run), max(highest, run)
        begin, out = np.uint64(run_begin[run]), run_out[run]
        if n_taps == 2:  # as a rule, when shrinking: both sums at once in the halves of one number
            both = 0
            for i in range(length):
                both += np.int64(darkness[depth[begin + i]]) * pairs[run, i]
            row_sum[out] += both & LOW_HALF
            row_sum[out + 1] += both >> HALF
        else:
            for column in range(begin, np.uint64(run_begin[run + 1])):
                for tap in range(n_taps):
                    row_sum[out + tap] += np.int64(darkness[depth[column]]) * weight[column, tap]
    return run_out[lowest], min(run_out[highest] + n_taps, len(look.column_white))


@njit(cache=True, nogil=True)
def _spread_row(row, begin, end, look, row_sum, dark):
    """Round a resized row to 8 bits and add it to the rows of the image; clear it."""
    white, weight, out = look.column_white, look.row_weight[row], look.row_out[row]
    grey = row_sum[begin:end]
    for column in range(end - begin):
        grey[column] = WHITE - _to_8_bits(white[begin + column] - grey[column])
    for tap in range(len(weight)):
        line = dark[out + tap, begin:end]
        share = weight[tap]
        for column in range(end - begin):
            line[column] += grey[column] * share
    row_sum[begin : end + 1] = 0


@njit(cache=True, nogil=True)
def _develop(white, dark, image):
    """Turn sums into grey values, and clear them."""
    scale = np.float32(WHITE)
    for row in range(image.shape[0]):
        full = white[row]
        line, values = image[row], dark[row]
        for column in range(image.shape[1]):
            line[column] = np.float32(_to_8_bits(full - values[column])) / scale
    dark[:] = 0


@njit(cache=True, nogil=True, inline="always")
def _to_8_bits(fixed):
    """Whole part of a fixed-point number; weights are such that it is 0 to 255."""
    return np.int32(np.int32(fixed) >> np.int32(COEFFICIENT_BITS))
