"""Colour-magnitude diagrams drawn straight into small grey images."""

from typing import NamedTuple

import numpy as np
from numba import njit

COEFFICIENT_BITS = 22  # fixed point of the resizing weights, as in Pillow's 8-bit resize
WHITE = 255
HALF = 32  # bits of half a 64-bit integer
LOW_HALF = (1 << HALF) - 1
# A number whose 64 shifts begin with different six bits tells which one bit of a word is set:
# Leiserson, Prokop & Randall 1998, Using de Bruijn sequences to index a 1 in a computer word.
DE_BRUIJN = np.uint64(0x022FDD63CC95386D)
BIT_PLACES = np.empty(64, np.uint8)
for _place in range(64):
    BIT_PLACES[(int(DE_BRUIJN) << _place) % 2**64 >> 58] = _place


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
    # A bit for each run that is touched by stamps whose upper edge is in a row.
    marks = np.zeros((n_rows + 2 * side, (n_runs + 63) // 64), np.uint64)
    runs = np.empty(n_runs, np.uint16)
    # Beyond the last row and column there is room for weights that are zero.
    row_sum = np.zeros(width + look.column_weight.shape[1], np.int32)
    dark = np.zeros((height + look.row_weight.shape[1], width), np.int32)
    for diagram in range(len(images)):
        if not np.isnan(limits[diagram]).any():
            begin, end = indptr[diagram], indptr[diagram + 1]
            stars = (color[begin:end], magnitude[begin:end])
            _stamp_stars(stars, limits[diagram], look, depth.ravel(), depth.shape[1], marks)
            for row in range(n_rows):
                line = row + side
                n_seen = _touched_runs(marks, line, side, runs)
                if n_seen > 0:
                    first, last = _gather_row(look, depth[line, side:], runs[:n_seen], row_sum)
                    depth[line] = 0
                    _spread_row(row, first, last, look, row_sum, dark)
            marks[:] = 0
        _develop(look.row_white, dark, images[diagram])


@njit(cache=True, nogil=True)
def _stamp_stars(stars, limits, look, depth, stride, marks):
    """Add the stamps of the stars to the canvas, and mark the runs that they touch."""
    color, magnitude = stars
    run_of = look.run_of
    side = len(look.stamp)
    reach = side // 2
    stamp = look.stamp.ravel()
    offset = np.empty(side * side, np.uint64)
    for i in range(side * side):
        offset[i] = i // side * stride + i % side
    ceiling = np.int32(len(look.darkness) - 1)
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
        left, top = int(x), int(y)
        corner = np.uint64(top * stride + left)
        for i in range(len(stamp)):
            pixel = corner + offset[i]
            depth[pixel] = min(ceiling, np.int32(np.int32(depth[pixel]) + stamp[i]))
        first = run_of[max(left - side, 0)]
        last = run_of[min(left - 1, n_columns - 1)]
        for run in range(first, last + 1):
            marks[top, run >> 6] |= np.uint64(1) << np.uint64(run & 63)


@njit(cache=True, nogil=True)
def _touched_runs(marks, line, side, runs):
    """List the runs that stamps touch in a line of the canvas; return how many there are."""
    n_touched = 0
    for word in range(marks.shape[1]):
        bits = np.uint64(0)
        for top in range(line - side + 1, line + 1):
            bits |= marks[top, word]
        while bits != 0:
            lowest = bits & (~bits + np.uint64(1))
            bits ^= lowest
            place = BIT_PLACES[(lowest * DE_BRUIJN) >> np.uint64(58)]
            runs[n_touched] = 64 * word + place
            n_touched += 1
    return n_touched


@njit(cache=True, nogil=True)
def _gather_row(look, depth, runs, row_sum):
    """Resize one row of the canvas horizontally.

    Returns the columns of the image that it added to, as begin and end.
    """
    darkness, run_begin, run_out = look.darkness, look.run_begin, look.run_out
    weight, pairs = look.column_weight, look.run_pairs
    n_taps, length = weight.shape[1], np.uint64(pairs.shape[1])
    for run in runs:
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
    return run_out[runs[0]], min(run_out[runs[-1]] + n_taps, len(look.column_white))


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
