"""Drawn diagrams against NumPy's own drawing, and against Pillow's resizing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from climbkit.cmd._look import disc_coverage, make_look, star_stamp
from climbkit.kernels._cmd_images import WHITE, diagram_extremes, draw_diagrams

BOX = (0.125, 0.11, 0.9, 0.88)
SHAPES = [  # size, figure_size, axes_box, point_size
    ((128, 128), (600, 600), BOX, 1.0),
    ((30, 17), (101, 60), (0.0, 0.0, 1.0, 1.0), 4.0),
    ((40, 90), (40, 90), (0.3, 0.2, 0.31, 0.9), 2.0),
    ((50, 33), (20, 21), BOX, 0.5),
]


def reference(color, magnitude, limits, look, figure_size, size, axes_box):
    """The figure pixel by pixel, resized by Pillow."""
    height, width = figure_size
    left, bottom, right, top = axes_box
    x = left * width + (right - left) * width * (color - limits[0]) / (limits[1] - limits[0])
    y = (1 - top) * height
    y = y + (top - bottom) * height * (magnitude - limits[2]) / (limits[3] - limits[2])
    side = len(look.stamp)
    depth = np.zeros((height + 4 * side, width + 4 * side), dtype=np.int64)
    for row, column in zip(np.floor(y + 0.5), np.floor(x + 0.5), strict=True):
        row, column = row + 2 * side - side // 2, column + 2 * side - side // 2
        if 0 <= row <= height + 3 * side and 0 <= column <= width + 3 * side:
            row, column = int(row), int(column)
            depth[row : row + side, column : column + side] += look.stamp
    depth = depth[2 * side : -2 * side, 2 * side : -2 * side]
    figure = WHITE - look.darkness[np.minimum(depth, len(look.darkness) - 1)]
    edges = np.floor(np.array([left * width, right * width]) + 0.5)
    figure[:, (np.arange(width) < edges[0]) | (np.arange(width) > edges[1])] = WHITE
    edges = np.floor(np.array([height - top * height, height - bottom * height]) + 0.5)
    figure[(np.arange(height) < edges[0]) | (np.arange(height) > edges[1])] = WHITE
    image = Image.fromarray(figure.astype(np.uint8))
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR))


@pytest.mark.parametrize(("size", "figure_size", "axes_box", "point_size"), SHAPES)
@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.sampled_from([0, 1, 5, 60, 2000]), max_size=4),
    spread=st.sampled_from([0.01, 0.5, 2.0]),
)
def test_images_equal_a_figure_resized_by_pillow(
    size, figure_size, axes_box, point_size, seed, sizes, spread
):
    rng = np.random.default_rng(seed)
    look = make_look(size, figure_size, 100.0, axes_box, point_size, 1.0)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    # Some stars outside, some without a value.
    color, magnitude = rng.normal(0.5, spread, (2, indptr[-1]))
    color[rng.random(len(color)) < 0.1] = np.nan
    magnitude[rng.random(len(color)) < 0.05] = np.inf
    limits = np.tile([-0.2, 1.1, -0.3, 1.0], (len(sizes), 1))
    images = np.empty((len(sizes), *size), dtype=np.float32)
    draw_diagrams(color, magnitude, indptr, limits, look, images)
    for begin, end, image in zip(indptr[:-1], indptr[1:], images, strict=True):
        x, y = color[begin:end], magnitude[begin:end]
        good = np.isfinite(x) & np.isfinite(y)
        expected = reference(x[good], y[good], limits[0], look, figure_size, size, axes_box)
        np.testing.assert_array_equal(image, expected.astype(np.float32) / np.float32(WHITE))


def test_a_diagram_without_limits_is_white_and_leaves_no_trace_in_the_next():
    look = make_look((16, 16), (60, 60), 100.0, BOX, 3.0, 1.0)
    color, magnitude = np.random.default_rng(0).random((2, 50))
    limits = np.array([[0, 1, 0, 1], [np.nan, 1, 0, 1], [0, 1, 0, 1.0]])
    images = np.empty((3, 16, 16), dtype=np.float32)
    draw_diagrams(color, magnitude, np.array([0, 25, 50, 50]), limits, look, images)
    assert images[0].min() < 0.9
    np.testing.assert_array_equal(images[1:], 1.0)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.lists(
            st.tuples(*[st.sampled_from([-1.0, 0.0, 2.5, 3.0, np.nan, np.inf, -np.inf])] * 2),
            max_size=5,
        ),
        max_size=4,
    )
)
def test_extremes_are_those_of_the_stars_with_both_values(diagrams):
    stars = np.array([star for stars in diagrams for star in stars]).reshape(-1, 2)
    indptr = np.cumsum([0, *map(len, diagrams)])
    extremes = diagram_extremes(stars[:, 0].copy(), stars[:, 1].copy(), indptr)
    for found, begin, end in zip(extremes, indptr[:-1], indptr[1:], strict=True):
        good = stars[begin:end][np.isfinite(stars[begin:end]).all(axis=1)]
        expected = [good.min(axis=0), good.max(axis=0)] if len(good) else np.full((2, 2), np.nan)
        np.testing.assert_array_equal(found, np.transpose(expected).ravel())


@pytest.mark.parametrize("radius", [0.2, 0.5, 1.3, 4.7])
def test_coverage_adds_up_to_the_area_of_the_disc(radius):
    coverage = disc_coverage(radius, 5)
    np.testing.assert_allclose(coverage.sum(), np.pi * radius**2, rtol=1e-3)
    np.testing.assert_allclose(coverage, coverage.T, atol=2e-3)
    np.testing.assert_allclose(coverage, coverage[::-1], atol=1e-12)


def test_a_wide_outline_makes_a_larger_disc():
    thin, wide = star_stamp(2.0, 0.0), star_stamp(2.0, 3.0)
    assert len(wide) > len(thin)
    middle = len(wide) // 2
    assert wide[middle, middle] == thin.max()
