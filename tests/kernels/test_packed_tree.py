"""The packed tree holds each point once, in boxes that fit."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from climbkit.kernels._lanes import FAN_OUT, LEAF_SIZE
from climbkit.kernels._packed_tree import build_packed_tree

sys.path.insert(0, str(Path(__file__).parent))
from _mutual_reachability import point_tables


@settings(max_examples=30, deadline=None)
@given(point_tables(min_rows=1))
def test_every_row_stands_in_one_leaf(X):
    tree = build_packed_tree(X)
    np.testing.assert_array_equal(np.sort(tree.rows), np.arange(len(X)))
    np.testing.assert_array_equal(tree.points, X[tree.rows])
    in_leaves = tree.leaves.transpose(0, 2, 1).reshape(-1, X.shape[1])
    np.testing.assert_array_equal(in_leaves[: len(X)], tree.points)
    assert np.isinf(in_leaves[len(X) :]).all()


@pytest.mark.parametrize("n_points", [1, 16, 17, 128, 129, 1500, 8193, 9000])
def test_boxes_are_those_of_the_points_below(n_points):
    X = np.random.default_rng(n_points).normal(size=(n_points, 3))
    tree = build_packed_tree(X)
    n_below = LEAF_SIZE
    for level in range(len(tree.first_block) - 1):
        boxes = tree.boxes[tree.first_block[level] : tree.first_block[level + 1]]
        lower, upper = boxes.transpose(2, 0, 3, 1).reshape(2, -1, 3)
        n_nodes = -(-n_points // n_below)
        assert n_nodes <= len(lower) < n_nodes + FAN_OUT
        for node in range(n_nodes):
            points = tree.points[node * n_below : (node + 1) * n_below]
            np.testing.assert_array_equal(lower[node], points.min(axis=0))
            np.testing.assert_array_equal(upper[node], points.max(axis=0))
        assert np.isposinf(lower[n_nodes:]).all()
        assert np.isneginf(upper[n_nodes:]).all()
        n_below *= FAN_OUT
    assert n_nodes <= FAN_OUT
