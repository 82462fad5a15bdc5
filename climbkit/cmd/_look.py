"""Geometry of a drawn diagram: axes in the figure, the stamp of a star, resizing weights."""

import functools
import math
from numbers import Integral

import numpy as np

from climbkit.kernels._cmd_canvas import MOST_COUNTED, VECTOR
from climbkit.kernels._cmd_images import (
    COEFFICIENT_BITS,
    HALF,
    UNROLLED,
    WHITE,
    Look,
)

POINTS_PER_INCH = 72.0
_N_DEPTHS = 4_096  # steps of optical depth up to the ceiling: a table that stays in the cache
_CEILING = math.log(4.0 * WHITE)  # optical depth that is black after rounding to 8 bits
_LINES = 256  # lines across a pixel on which the coverage by a disc is integrated


def height_and_width(name, value):
    """Height and width from one number, or two.

    Parameters
    ----------
    name : str
        Of the parameter.
    value : int or (int, int)
        Pixels.

    Returns
    -------
    height, width : int
        Pixels.

    Raises
    ------
    ValueError
        If these are no positive whole numbers.
    """
    sizes = (value, value) if isinstance(value, Integral) else tuple(value)
    if len(sizes) != 2 or not all(isinstance(v, Integral) and v > 0 for v in sizes):
        raise ValueError(f"{name} must be a positive int, or (height, width); got {value!r}.")
    return int(sizes[0]), int(sizes[1])


@functools.lru_cache(maxsize=8)
def make_look(size, figure_size, dpi, axes_box, point_size, outline_width):
    """Prepare everything that all diagrams have in common.

    Parameters
    ----------
    size, figure_size : tuple of int
        Height and width of the image, and of the figure that it is resized from; pixels.
    dpi : float
        Pixels per inch of the figure.
    axes_box : tuple of float
        Left, bottom, right and top of the axes, as fractions of the figure, bottom at 0.
    point_size, outline_width : float
        Diameter of the points and width of their outline, points (1/72 inch).

    Returns
    -------
    look : Look
        As `climbkit.kernels._cmd_images.draw_diagrams` needs it.

    Raises
    ------
    ValueError
        If the figure has a billion pixels.
    """
    height, width = figure_size
    left, bottom, right, top = axes_box
    left, right = left * width, right * width
    bright, faint = height - top * height, height - bottom * height
    # Agg cuts what is drawn at the pixels of the edges of the axes, both included.
    columns = _pixels(left, right, width)
    rows = _pixels(bright, faint, height)
    pixel = dpi / POINTS_PER_INCH
    run_out, column_weight, column_white = _resizing_weights(width, size[1])
    row_out, row_weight, row_white = _resizing_weights(height, size[0])
    columns_out = run_out[columns]
    begins = np.flatnonzero(np.diff(columns_out, prepend=-1))
    stamp = star_stamp(0.5 * point_size * pixel, outline_width * pixel)
    side, pairs = len(stamp), _pairs(column_weight[columns], begins)
    # Short runs are read with weights of 0 up to the length of the longest, and whole vectors.
    shift = (len(columns) + 2 * side + pairs.shape[1] + VECTOR).bit_length()
    if (len(rows) + 2 * side) << shift > np.iinfo(np.int32).max:
        raise ValueError(f"figure_size is too large to draw at once; got {figure_size}.")
    return Look(
        left - columns[0],
        right - columns[0],
        bright - rows[0],
        faint - rows[0],
        stamp,
        _enough(stamp),
        _darkness(),
        shift,
        _run_bits(begins, len(columns), side),
        np.append(begins, len(columns)).astype(np.int32),
        columns_out[begins],
        column_weight[columns],
        pairs,
        column_white,
        row_out[rows],
        row_weight[rows],
        row_white,
    )


def _pixels(begin, end, size):
    """Pixels between two edges, at least one."""
    first, last = (min(max(math.floor(edge + 0.5), 0), size - 1) for edge in (begin, end))
    return np.arange(first, last + 1)


def _pairs(weight, begins):
    """First two weights of the pixels of each run, one in each half of a number."""
    lengths = np.diff(begins, append=len(weight))
    both = weight[:, 0].astype(np.int64)
    if weight.shape[1] > 1:
        both += weight[:, 1].astype(np.int64) << HALF
    pairs = np.zeros((len(begins), max(lengths.max(), UNROLLED)), dtype=np.int64)
    pairs[np.arange(pairs.shape[1]) < lengths[:, None]] = both
    return pairs


def _run_bits(begins, n_columns, side):
    """Bits of the runs that a stamp touches, by its first column in a canvas with a margin."""
    run_of = np.repeat(np.arange(len(begins)), np.diff(begins, append=n_columns))
    bits = np.zeros((n_columns + 2 * side, 2 * (len(begins) // 128 + 1)), dtype=np.uint64)
    # Stamps that begin in the first column of the margin, or after the last one, are unseen.
    for first in range(1, n_columns + side):
        for run in np.unique(run_of[max(first - side, 0) : first]):
            bits[first, run // 64] |= np.uint64(1) << np.uint64(run % 64)
    return bits


def _enough(stamp):
    """Stars at a corner, an edge and in the middle that make a pixel black, if few."""
    if len(stamp) == 3:
        depth = np.array([stamp[0, 0], stamp[0, 1], stamp[1, 1]])
        enough = np.ceil((_N_DEPTHS - 1) / np.where(depth > 0, depth, _N_DEPTHS))
        if enough.max() <= MOST_COUNTED:
            return enough.astype(np.uint8)
    return np.zeros(0, dtype=np.uint8)


def star_stamp(radius, outline_width):
    """Optical depths of a star's point, centred on a pixel.

    Parameters
    ----------
    radius : float
        Radius of the disc, pixels.
    outline_width : float
        Width of the line around it, pixels; half of it lies within the disc.

    Returns
    -------
    stamp : ndarray of shape (side, side), dtype int32
        In steps of which ``len(darkness)`` make a pixel black. The side is odd.

    Notes
    -----
    The disc and its outline are laid over each other one after the other, each with its coverage
    in 8 bits, as Agg does it.
    """
    outer = radius + 0.5 * outline_width
    reach = max(math.ceil(outer - 0.5), 0)
    face = disc_coverage(radius, reach)
    line = disc_coverage(outer, reach) - disc_coverage(max(radius - 0.5 * outline_width, 0), reach)
    if outline_width == 0:
        line[:] = 0.0
    seen = [1.0 - np.rint(WHITE * part) / WHITE for part in (face, line)]
    with np.errstate(divide="ignore"):
        depth = -np.log(seen[0] * seen[1])
    steps = np.rint(np.minimum(depth / _CEILING, 1.0) * (_N_DEPTHS - 1))
    return steps.astype(np.int32)


def disc_coverage(radius, reach):
    """Shares of pixels that a disc about the middle of the central one covers.

    Parameters
    ----------
    radius : float
        Pixels.
    reach : int
        Pixels on each side of the central one.

    Returns
    -------
    coverage : ndarray of shape (2 * reach + 1, 2 * reach + 1)
        From 0 to 1.
    """
    edges = np.arange(-reach, reach + 2) - 0.5
    y = edges[0] + (np.arange(_LINES * (2 * reach + 1)) + 0.5) / _LINES
    half = np.sqrt(np.maximum(radius**2 - y**2, 0.0))[:, None]
    inside = np.clip(edges[1:], -half, half) - np.clip(edges[:-1], -half, half)
    shares = inside.reshape(2 * reach + 1, _LINES, -1).mean(axis=1)
    return 0.5 * (shares + shares.T)


def _darkness():
    """Darkness of a pixel, 0 to 255, by the steps of its optical depth."""
    depth = np.arange(_N_DEPTHS) * (_CEILING / (_N_DEPTHS - 1))
    return np.rint(-WHITE * np.expm1(-depth)).astype(np.uint8)


def _resizing_weights(n_in, n_out):
    """Bilinear resizing of one axis with the support widened when shrinking, as Pillow does it.

    Returns
    -------
    first : ndarray of shape (n_in,), dtype int32
        First pixel of the result that each pixel adds to.
    weight : ndarray of shape (n_in, n_taps), dtype int32
        What it adds to that one and to those after it, in fixed point.
    white : ndarray of shape (n_out,), dtype int32
        A white line in fixed point, with the half that makes cutting a rounding.
    """
    scale = n_in / n_out
    support = max(scale, 1.0)
    one = 1 << COEFFICIENT_BITS
    dense = np.zeros((n_in, n_out), dtype=np.int32)
    for out in range(n_out):
        center = (out + 0.5) * scale
        low = max(int(center - support + 0.5), 0)
        high = min(int(center + support + 0.5), n_in)
        share = np.maximum(1.0 - np.abs(np.arange(low, high) - center + 0.5) / support, 0.0)
        dense[low:high, out] = np.floor(0.5 + share / share.sum() * one)
    used = dense > 0
    first = np.where(used.any(axis=1), used.argmax(axis=1), 0)
    last = n_out - 1 - used[:, ::-1].argmax(axis=1)
    n_taps = int(np.where(used.any(axis=1), last - first, 0).max()) + 1
    padded = np.hstack([dense, np.zeros((n_in, n_taps), dtype=np.int32)])
    weight = np.take_along_axis(padded, first[:, None] + np.arange(n_taps), axis=1)
    white = WHITE * dense.sum(axis=0, dtype=np.int64) + one // 2
    return first.astype(np.int32), weight, white.astype(np.int32)
