"""Vector instructions of the walk against the same in NumPy."""

import numpy as np
import pytest
from numba import njit

from climbkit.kernels import _hdbscan_lanes as lanes
from climbkit.kernels._hdbscan_vectors import VALUES, unowned


def numbers(bits):
    return {lane for lane in range(64) if bits >> lane & 1}


def rng():
    return np.random.default_rng(3)


@njit
def above(bounds, node, distance):
    return lanes.lanes_above(bounds, node, distance)


@njit
def apart(components, a, b):
    return lanes.lanes_apart(components, a, b)


@njit
def sharing(masks, begin, n_lanes, values):
    return lanes.rows_with(masks, begin, n_lanes, values)


@njit
def between_boxes(boxes, a, b):
    return lanes.box_distance(boxes, a, b)


@njit
def to_box(columns, leaf, boxes, node, squared):
    lanes.rows_to_box(columns, leaf, boxes, node, columns.shape[1], squared)


@njit
def to_rows(columns, leaf, lane, other, squared):
    return lanes.row_to_rows(columns, leaf, lane, other, columns.shape[1], squared)


@njit
def least(squared, core, component, value, begin, own, reach):
    n_lanes = len(squared)
    own = np.int32(own)
    return (
        lanes.least_reach(squared, core, component, value, begin, n_lanes, own),
        lanes.first_within(squared, core, component, value, begin, n_lanes, own, reach),
    )


@njit
def summed_without_owner(array):
    return unowned(array).sum()


def test_lanes_above_a_distance():
    bounds = rng().integers(0, 4, (5, VALUES)).astype(float)
    for node in range(5):
        assert numbers(above(bounds, node, 2.0)) == set(np.flatnonzero(bounds[node] > 2.0))


def test_lanes_apart_differ_or_hold_several_components():
    components = rng().integers(-1, 2, (6, VALUES)).astype(np.int32)
    for a in range(6):
        for b in range(6):
            expected = (components[a] != components[b]) | (components[a] < 0)
            assert numbers(apart(components, a, b)) == set(np.flatnonzero(expected))


@pytest.mark.parametrize("n_lanes", [8, 24, 32])
def test_rows_that_share_a_value(n_lanes):
    masks = rng().integers(0, 8, 80).astype(np.int32)
    found = numbers(sharing(masks, 40, n_lanes, 5))
    assert found == set(np.flatnonzero(masks[40 : 40 + n_lanes] & 5))


@pytest.mark.parametrize("n_columns", [1, 5, 8, 11])
def test_distances_of_boxes(n_columns):
    boxes = np.zeros((6, 2, 16 if n_columns > 8 else 8))
    boxes[:, :, :n_columns] = np.sort(rng().normal(size=(6, 2, n_columns)), axis=1)
    for a in range(6):
        for b in range(6):
            gaps = np.maximum(boxes[a, 0] - boxes[b, 1], boxes[b, 0] - boxes[a, 1])
            expected = np.sum(np.maximum(gaps, 0) ** 2)
            np.testing.assert_allclose(between_boxes(boxes, a, b), expected, rtol=1e-14)


@pytest.mark.parametrize("n_columns", [1, 5, 9])
def test_distances_of_rows_to_rows_and_boxes_add_up_column_by_column(n_columns):
    columns = rng().normal(size=(3, n_columns, 24))
    columns[2, :, 20:] = np.inf
    boxes = np.zeros((4, 2, 16))
    boxes[:, :, :n_columns] = np.sort(rng().normal(size=(4, 2, n_columns)), axis=1)
    squared = np.empty(24)
    expected = np.zeros(24)
    for column in range(n_columns):
        expected += (columns[0, column, 7] - columns[2, column]) ** 2
    assert to_rows(columns, 0, 7, 2, squared) == expected.min()
    np.testing.assert_array_equal(squared, expected)
    expected = np.zeros(24)
    for column in range(n_columns):
        low, high = boxes[3, :, column]
        rows = columns[1, column]
        expected += np.maximum(np.maximum(low - rows, rows - high), 0) ** 2
    to_box(columns, 1, boxes, 3, squared)
    np.testing.assert_array_equal(squared, expected)


def test_least_reach_and_the_rows_that_have_it():
    squared = rng().integers(0, 6, 24).astype(float)
    core = rng().integers(1, 6, (3, 72)).astype(float)
    component = rng().integers(0, 3, (3, 72)).astype(np.int32)
    reach = np.maximum(squared, core[2, 24:48])
    outside = component[2, 24:48] != 1
    smallest, rows = least(squared, core, component, 2, 24, 1, 3.0)
    assert smallest == reach[outside].min()
    assert numbers(rows) == set(np.flatnonzero(outside & (reach <= 3.0)))
    component[:] = 1
    assert least(squared, core, component, 2, 24, 1, 3.0) == (np.inf, 0)


def test_arrays_without_owner_hold_the_same():
    assert summed_without_owner(np.arange(5.0)) == 10.0
