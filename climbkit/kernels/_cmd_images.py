"""Colour-magnitude diagrams drawn straight into small grey images."""

from typing import NamedTuple

import numpy as np
from numba import njit

from climbkit.kernels._cmd_canvas import (
    VECTOR,
    add_counts,
    count_stars,
    find_corners,
    list_runs,
    mark_runs,
    move_depths,
    stamp_stars,
    widen_marks,
)

COEFFICIENT_BITS = 22  # fixed point of the resizing weights, as in Pillow's 8-bit resize
WHITE = 255
UNROLLED = 5  # columns of a run that are read without a loop: those of 600 pixels made 128
ALL_BUT_SIGN = (1 << 63) - 1  # bits of a float
INFINITE = 0x7FF << 52  # infinity as bits; larger ones, but for the sign, are NaN
HALF = 32  # bits of half a 64-bit integer
LOW_HALF = (1 << HALF) - 1


class Look(NamedTuple):
    """How diagrams are drawn; arrays and numbers only, for compiled code.

    Rows run downwards. The canvas is that part of the figure on which stars are drawn. Columns
    of the canvas form runs: neighbours that add to the same columns of the image. `enough` is
    empty for stamps that are not 3 x 3 pixels, or too faint.
    """

    left: float  # column of the canvas at the lower colour limit
    right: float  # column at the upper one
    bright: float  # row at the bright limit
    faint: float  # row at the faint one
    stamp: np.ndarray  # (side, side) int32, optical depth of a star around its pixel
    enough: np.ndarray  # (3,) uint8, stars at a corner, an edge, the middle that make it black
    darkness: np.ndarray  # (n_depths,) uint8 by optical depth; deeper is as the last
    shift: int  # lines of the canvas, with margins, have 2**shift pixels
    run_bits: np.ndarray  # (n_columns + 2 * side, even) uint64, runs under a stamp by its begin
    run_begin: np.ndarray  # (n_runs + 1,) int32, where runs begin
    run_out: np.ndarray  # (n_runs,) int32, first column of the image that a run adds to
    column_weight: np.ndarray  # (n_columns, n_taps) int32, to that one and those after it
    run_pairs: np.ndarray  # (n_runs, at least UNROLLED) int64, the first two in halves of a number
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
    extremes = np.full((len(indptr) - 1, 4), np.nan)
    for diagram in range(len(extremes)):
        begin, end = indptr[diagram], indptr[diagram + 1]
        _find_extremes(color[begin:end], magnitude[begin:end], extremes[diagram])
    return extremes


@njit(cache=True, nogil=True)
def _find_extremes(color, magnitude, extremes):
    """Fill in the extremes of one diagram, if it has any.

    Floats are compared as the whole numbers that their bits are, with the bits of negative ones
    turned round but for the sign: this order is the same, and whole numbers need no care for
    NaN, so that several stars are done at a time.
    """
    x, y = color.view(np.int64), magnitude.view(np.int64)
    most, infinite = np.int64(ALL_BUT_SIGN), np.int64(INFINITE)
    blue, red, bright, faint = most, -most, most, -most
    for star in range(len(x)):
        good = ((x[star] & most) < infinite) & ((y[star] & most) < infinite)
        color_key = x[star] ^ ((x[star] >> 63) & most)
        magnitude_key = y[star] ^ ((y[star] >> 63) & most)
        blue = min(blue, color_key if good else most)
        red = max(red, color_key if good else -most)
        bright = min(bright, magnitude_key if good else most)
        faint = max(faint, magnitude_key if good else -most)
    if blue <= red:
        keys = np.array([blue, red, bright, faint])
        extremes[:] = (keys ^ ((keys >> 63) & most)).view(np.float64)


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
    order of the stars makes no difference. Of points of 3 x 3 pixels only the number in each
    pixel is kept, and depths are made row by row from the numbers around. Time goes with the
    stars and the parts of the canvas that they touch, not with the size of the canvas.
    """
    height, width = images.shape[1:]
    # Arrays are taken out of the look once, and small functions get them as they are: compiled
    # code counts references to each array that it takes or cuts out.
    stamp, enough, darkness = look.stamp, look.enough, look.darkness
    run_begin, run_out, run_bits = look.run_begin, look.run_out, look.run_bits
    pairs, row_out, row_weight = look.run_pairs, look.row_out, look.row_weight
    n_rows, n_runs, n_taps = len(row_out), len(run_out), look.column_weight.shape[1]
    # Stamps that lie half outside end in a margin that nobody reads.
    shift, side, counted = look.shift, len(stamp), len(enough) > 0
    n_pixels = (n_rows + 2 * side) << shift
    counts = np.zeros(n_pixels if counted else 0, np.uint8)
    depths = np.zeros(0 if counted else n_pixels, np.uint16)
    depth = np.zeros(1 << shift, np.uint16)
    # A bit for each run: by the line in which stamps begin, and by the lines that they touch.
    marks = np.zeros((n_rows + 2 * side, run_bits.shape[1]), np.uint64)
    touched = np.zeros_like(marks)
    runs = np.empty(n_runs, np.uint16)
    # Beyond the last row and column there is room for weights that are zero, and whole vectors.
    padded = (width + n_taps + VECTOR) & -VECTOR
    row_sum = np.zeros(padded, np.int32)
    white = np.zeros(padded, np.int32)
    white[:width] = look.column_white
    dark = np.zeros((height + row_weight.shape[1], padded), np.int32)
    flat_dark = dark.ravel()
    corners = np.empty(np.diff(indptr).max() if len(images) else 0, np.int32)
    for diagram in range(len(images)):
        if not np.isnan(limits[diagram]).any():
            begin, end = indptr[diagram], indptr[diagram + 1]
            stars, seen = (color[begin:end], magnitude[begin:end]), corners[: end - begin]
            find_corners(stars, limits[diagram], look, shift, seen)
            mark_runs(seen, shift, run_bits, marks)
            widen_marks(marks, side, touched)
            if counted:
                count_stars(seen, counts)
            else:
                stamp_stars(seen, stamp, len(darkness) - 1, shift, depths)
            for row in range(n_rows):
                line = row + side
                n_seen = list_runs(touched, line, runs)
                if n_seen > 0:
                    first, last = runs[0], runs[n_seen - 1]
                    begin, end = run_begin[first], run_begin[last + 1]
                    if counted:
                        ceiling = np.uint16(len(darkness) - 1)
                        add_counts(counts, line, shift, begin, end, stamp, enough, ceiling, depth)
                    else:
                        move_depths(depths, (line << shift) + side, begin, end, depth)
                    if n_taps == 2:  # as a rule, when shrinking
                        _gather_pairs(
                            depth, darkness, runs, n_seen, run_begin, run_out, pairs, row_sum
                        )
                    else:
                        _gather(look, depth, runs[:n_seen], row_sum)
                    begin, end = run_out[first], run_out[last] + n_taps
                    _spread(begin, end, white, row_weight, row, row_out[row], row_sum, flat_dark)
            counts[:] = 0
            marks[:] = 0
        _develop(look.row_white, dark, images[diagram])


@njit(cache=True, nogil=True)
def _gather_pairs(depth, darkness, runs, n_seen, run_begin, run_out, pairs, row_sum):
    """Resize a row of the canvas horizontally, both sums at once in the halves of one number."""
    for number in range(n_seen):
        run = runs[number]
        begin, out = np.uint64(run_begin[run]), np.uint64(run_out[run])
        both = 0
        for i in range(UNROLLED):
            both += np.int64(darkness[depth[begin + np.uint64(i)]]) * pairs[run, i]
        row_sum[out] += both & LOW_HALF
        row_sum[out + np.uint64(1)] += both >> HALF
    # Apart from the others, which would be slower for it.
    if pairs.shape[1] > UNROLLED:
        for number in range(n_seen):
            run = runs[number]
            begin, out = np.uint64(run_begin[run]), np.uint64(run_out[run])
            both = 0
            for i in range(np.uint64(UNROLLED), np.uint64(pairs.shape[1])):
                both += np.int64(darkness[depth[begin + i]]) * pairs[run, i]
            row_sum[out] += both & LOW_HALF
            row_sum[out + np.uint64(1)] += both >> HALF


@njit(cache=True, nogil=True)
def _gather(look, depth, runs, row_sum):
    """Resize a row of the canvas horizontally, with any number of weights."""
    darkness, run_begin, run_out = look.darkness, look.run_begin, look.run_out
    weight = look.column_weight
    for run in runs:
        out = run_out[run]
        for column in range(run_begin[run], run_begin[run + 1]):
            for tap in range(weight.shape[1]):
                row_sum[out + tap] += np.int64(darkness[depth[column]]) * weight[column, tap]


@njit(cache=True, nogil=True)
def _spread(begin, end, white, weight, row, out, row_sum, dark):
    """Round a resized row to 8 bits and add it to the rows of the image; clear it."""
    stride = np.uint64(len(white))
    first, last = np.uint64(begin & -8), np.uint64((end + 7) & -8)
    for column in range(first, last):
        row_sum[column] = WHITE - _to_8_bits(white[column] - row_sum[column])
    for tap in range(weight.shape[1]):
        share, line = weight[row, tap], np.uint64(out + tap) * stride
        for column in range(first, last):
            dark[line + column] += np.int32(row_sum[column] * share)
    for column in range(first, last):
        row_sum[column] = 0


@njit(cache=True, nogil=True)
def _develop(white, dark, image):
    """Turn sums into grey values, and clear them."""
    scale = 1.0 / WHITE  # rounds to what dividing by 255 gives, for all 256 values
    for row in range(image.shape[0]):
        full = white[row]
        line, values = image[row], dark[row]
        for column in range(image.shape[1]):
            line[column] = _to_8_bits(full - values[column]) * scale
    dark[:] = 0


@njit(cache=True, nogil=True, inline="always")
def _to_8_bits(fixed):
    """Whole part of a fixed-point number; weights are such that it is 0 to 255."""
    return np.int32(np.int32(fixed) >> np.int32(COEFFICIENT_BITS))
