"""Vector kernels against the same sums in NumPy, to the last bit."""

import numpy as np
import pytest
from numba import njit

from climbkit.kernels._lanes import (
    BUFFER,
    FAN_OUT,
    LEAF_SIZE,
    boxes_within,
    insert_sorted,
    lowest_bit,
    points_within,
)


@njit
def near_points(leaves, leaf, point, bound, squared):
    return points_within(leaves, leaf, leaves.shape[1], point, bound, squared)


@njit
def near_boxes(boxes, block, floor, point, bound, squared):
    return boxes_within(boxes, block, boxes.shape[1], floor, point, bound, squared)


@njit
def first_bit(mask):
    return lowest_bit(mask)


def bits(mask, n_lanes):
    return np.array([mask >> lane & 1 for lane in range(n_lanes)], dtype=bool)


@pytest.mark.parametrize("n_columns", [1, 2, 3, 5, 6])
def test_squared_distances_are_summed_in_the_order_of_the_columns(n_columns):
    rng = np.random.default_rng(n_columns)
    leaves = rng.normal(size=(3, n_columns, LEAF_SIZE))
    leaves[2, :, 10:] = np.inf
    point = rng.normal(size=n_columns)
    squared = np.empty(LEAF_SIZE)
    for leaf in range(3):
        expected = np.zeros(LEAF_SIZE)
        for column in range(n_columns):
            expected += (leaves[leaf, column] - point[column]) ** 2
        bound = np.sort(expected)[7]
        mask = near_points(leaves, leaf, point, bound, squared)
        np.testing.assert_array_equal(squared, expected)
        np.testing.assert_array_equal(bits(mask, LEAF_SIZE), expected < bound)


@pytest.mark.parametrize("n_columns", [1, 2, 5])
def test_boxes_are_as_far_as_their_nearest_corner_side_or_floor(n_columns):
    rng = np.random.default_rng(n_columns)
    sides = np.sort(rng.normal(size=(2, n_columns, 2, FAN_OUT)), axis=2)
    sides[1, :, 0, 5:], sides[1, :, 1, 5:] = np.inf, -np.inf
    floor = rng.uniform(0, 0.1, 2 * FAN_OUT)
    point = rng.normal(size=n_columns)
    squared = np.empty(FAN_OUT)
    for block in range(2):
        expected = np.zeros(FAN_OUT)
        for column in range(n_columns):
            lower, upper = sides[block, column]
            gap = np.maximum(np.maximum(lower - point[column], point[column] - upper), 0.0)
            expected += gap**2
        expected = np.maximum(expected, floor[block * FAN_OUT : (block + 1) * FAN_OUT])
        bound = np.sort(expected)[3]
        mask = near_boxes(sides, block, floor, point, bound, squared)
        np.testing.assert_array_equal(squared, expected)
        np.testing.assert_array_equal(bits(mask, FAN_OUT), expected < bound)


@pytest.mark.parametrize("mask", [1, 2, 12, 1 << 15, (1 << 15) | 64])
def test_lowest_bit_is_the_first_that_is_set(mask):
    assert first_bit(mask) == np.flatnonzero(bits(mask, 16))[0]


@njit
def insert(values, numbers, value, number):
    insert_sorted(values, numbers, len(values) // BUFFER, value, number)


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
def test_a_buffer_holds_the_smallest_in_order_and_earlier_ones_first(n_blocks):
    rng = np.random.default_rng(n_blocks)
    values, numbers = np.full(n_blocks * BUFFER, np.inf), np.zeros(n_blocks * BUFFER, np.int32)
    drawn = rng.integers(0, 30, 200) / 4.0
    for number, value in enumerate(drawn):
        insert(values, numbers, value, number)
    order = np.argsort(drawn, kind="stable")[: len(values)]
    np.testing.assert_array_equal(values, drawn[order])
    np.testing.assert_array_equal(numbers, order)
