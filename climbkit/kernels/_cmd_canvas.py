"""Stars of a colour-magnitude diagram on a canvas of pixels, and what they touch there."""

import numpy as np
from numba import njit

MOST_COUNTED = 63  # stars in a pixel, so that those of four pixels fit 8 bits
VECTOR = 32  # pixels that compiled code does at a time; fewer than that take it longer
# A number whose 64 shifts begin with different six bits tells which one bit of a word is set:
# Leiserson, Prokop & Randall 1998, Using de Bruijn sequences to index a 1 in a computer word.
DE_BRUIJN = np.uint64(0x022FDD63CC95386D)
BIT_PLACES = np.empty(64, np.uint8)
for _place in range(64):
    BIT_PLACES[(int(DE_BRUIJN) << _place) % 2**64 >> 58] = _place


@njit(cache=True, nogil=True)
def find_corners(stars, limits, look, shift, corners):
    """Number the pixel of the canvas in which the stamp of each star begins; 0 if it is unseen."""
    color, magnitude = stars
    side = len(look.stamp)
    x_scale = (look.right - look.left) / (limits[1] - limits[0])
    y_scale = (look.faint - look.bright) / (limits[3] - limits[2])
    # Of the stamp's corner in the canvas with its margin; half a pixel, so that cutting the
    # fraction off takes the nearest pixel.
    x_zero = look.left - limits[0] * x_scale + 0.5 - side // 2 + side
    y_zero = look.bright - limits[2] * y_scale + 0.5 - side // 2 + side
    x_end, y_end = float(len(look.column_weight) + side), float(len(look.row_out) + side)
    for star in range(len(color)):
        x = x_zero + color[star] * x_scale
        y = y_zero + magnitude[star] * y_scale
        # Also False for NaN. No branches, so that several stars are done at a time.
        inside = (x >= 1.0) & (x < x_end) & (y >= 1.0) & (y < y_end)
        corners[star] = (np.int32(y if inside else 0.0) << shift) | np.int32(x if inside else 0.0)


@njit(cache=True, nogil=True)
def mark_runs(corners, shift, run_bits, marks):
    """Mark the runs that the stamps touch, in the line in which they begin."""
    low = np.uint32((1 << shift) - 1)
    for word in range(0, marks.shape[1], 2):
        for corner in corners:
            line, column = np.uint32(corner) >> np.uint32(shift), np.uint32(corner) & low
            marks[line, word] |= run_bits[column, word]
            marks[line, word + 1] |= run_bits[column, word + 1]


@njit(cache=True, nogil=True)
def widen_marks(marks, side, touched):
    """Mark the runs that stamps touch in all lines."""
    n_words = touched.shape[1]
    ours, theirs = touched.ravel(), marks.ravel()
    ours[:] = theirs
    for up in range(1, side):
        for i in range(side * n_words, len(ours)):
            ours[i] |= theirs[i - up * n_words]


@njit(cache=True, nogil=True)
def count_stars(corners, counts):
    """Count the stars in each pixel, as far as it matters."""
    most = np.uint8(MOST_COUNTED)
    for corner in corners:
        pixel = np.uint32(corner)
        counts[pixel] = min(np.uint8(counts[pixel] + np.uint8(1)), most)


@njit(cache=True, nogil=True)
def stamp_stars(corners, stamp, ceiling, shift, depths):
    """Add the stamps of the stars to the canvas."""
    side = len(stamp)
    values = stamp.ravel()
    offsets = np.empty(side * side, np.uint64)
    for i in range(side * side):
        offsets[i] = (i // side << shift) + i % side
    ceiling = np.int32(ceiling)
    for corner in corners:
        if corner > 0:
            for i in range(len(values)):
                pixel = np.uint64(corner) + offsets[i]
                depths[pixel] = min(ceiling, np.int32(np.int32(depths[pixel]) + values[i]))


@njit(cache=True, nogil=True)
def list_runs(touched, line, runs):
    """List the runs that are touched in a line of the canvas; return how many there are."""
    n_touched = 0
    for word in range(touched.shape[1]):
        bits = touched[line, word]
        while bits != 0:
            lowest = bits & (~bits + np.uint64(1))
            bits ^= lowest
            place = BIT_PLACES[(lowest * DE_BRUIJN) >> np.uint64(58)]
            runs[n_touched] = 64 * word + place
            n_touched += 1
    return n_touched


@njit(cache=True, nogil=True)
def add_counts(counts, line, shift, begin, end, stamp, enough, ceiling, depth):
    """Optical depths of a line from the numbers of stars, whose stamps are 3 x 3 pixels."""
    corner, edge, middle = np.uint16(stamp[0, 0]), np.uint16(stamp[0, 1]), np.uint16(stamp[1, 1])
    most_corner, most_edge, most_middle = enough[0], enough[1], enough[2]
    one, two, stride = np.uint64(1), np.uint64(2), np.uint64(1 << shift)
    # With the margin, stamps around a pixel begin none to two lines above its own, and one to
    # three columns after its place in the canvas.
    origin = (np.uint64(line) << np.uint64(shift)) + one
    for place in range(begin & -VECTOR, (end + VECTOR - 1) & -VECTOR):
        column = np.uint64(place)
        low = origin + column
        mid = low - stride
        top = mid - stride
        at_corner = counts[top] + counts[top + two] + counts[low] + counts[low + two]
        at_edge = counts[top + one] + counts[mid] + counts[mid + two] + counts[low + one]
        n_corner = np.uint16(min(np.uint8(at_corner), most_corner))
        n_edge = np.uint16(min(np.uint8(at_edge), most_edge))
        n_middle = np.uint16(min(counts[mid + one], most_middle))
        total = np.uint16(np.uint16(n_corner * corner) + np.uint16(n_edge * edge))
        depth[column] = min(np.uint16(total + np.uint16(n_middle * middle)), ceiling)


@njit(cache=True, nogil=True)
def move_depths(depths, at, begin, end, depth):
    """Take a line out of the canvas."""
    for column in range(begin, end):
        depth[column] = depths[at + column]
        depths[at + column] = 0
