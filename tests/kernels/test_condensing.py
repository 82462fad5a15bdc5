"""Condensing with ties against a recursion from the top, for any order of equal edges."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.kernels._condensing import CondensedTree, condense

sys.path.insert(0, str(Path(__file__).parent))
from _mutual_reachability import condensed, with_members


def random_tree(n_points, n_heights, rng):
    """A random tree with few different weights, one of them 0."""
    left = np.arange(1, n_points, dtype=np.int32)
    right = (rng.random(n_points - 1) * left).astype(np.int32)
    weight = np.sort(rng.integers(0, n_heights, n_points - 1) / 4.0)
    return left, right, weight


def by_edges(left, right, weight, size):
    rows = np.arange(len(left) + 1, dtype=np.int32)
    return CondensedTree(
        *condense(left.astype(np.int32), right.astype(np.int32), weight, size, rows)
    )


trees = st.tuples(st.integers(2, 60), st.integers(1, 30), st.integers(0, 2**32 - 1))


@settings(max_examples=50, deadline=None)
@given(trees, st.integers(2, 8))
def test_merges_at_one_height_happen_together(drawn, size):
    n_points, n_heights, seed = drawn
    tree = random_tree(n_points, n_heights, np.random.default_rng(seed))
    ours = by_edges(*tree, size)
    assert with_members(ours, n_points) == condensed(tree, n_points, size)


@settings(max_examples=40, deadline=None)
@given(trees, st.integers(2, 6))
def test_order_of_equal_edges_and_names_of_points_make_no_difference(drawn, size):
    n_points, n_heights, seed = drawn
    rng = np.random.default_rng(seed)
    left, right, weight = random_tree(n_points, n_heights, rng)
    names = rng.permutation(n_points)
    order = np.lexsort((rng.random(n_points - 1), weight))
    other = by_edges(names[right][order], names[left][order], weight, size)
    back = np.argsort(names)
    expected = with_members(by_edges(left, right, weight, size), n_points)
    assert with_members(other, n_points, back) == expected
    # Sums row by row agree to the bit, too.
    first = by_edges(left, right, weight, size)
    np.testing.assert_array_equal(other.lambda_val[:n_points], first.lambda_val[:n_points])


@settings(max_examples=40, deadline=None)
@given(trees, st.integers(2, 6))
def test_rows_come_points_first_and_parents_before_children(drawn, size):
    n_points, n_heights, seed = drawn
    tree = by_edges(*random_tree(n_points, n_heights, np.random.default_rng(seed)), size)
    np.testing.assert_array_equal(np.sort(tree.child[:n_points]), np.arange(n_points))
    n_clusters = len(tree.child) - n_points + 1
    np.testing.assert_array_equal(
        np.sort(tree.child[n_points:]), np.arange(n_points + 1, n_points + n_clusters)
    )
    assert (tree.parent < tree.child)[n_points:].all()
    assert (tree.parent >= n_points).all()
    assert (tree.lambda_val[1:n_points] <= tree.lambda_val[: n_points - 1]).all()
    by_parent = np.lexsort((tree.child_size[n_points:], tree.parent[n_points:]))
    np.testing.assert_array_equal(by_parent, np.arange(len(by_parent)))


def test_three_clusters_that_meet_at_once_are_siblings():
    left = np.array([0, 2, 4, 0, 2], dtype=np.int32)
    right = np.array([1, 3, 5, 2, 4], dtype=np.int32)
    tree = by_edges(left, right, np.array([1.0, 1.0, 1.0, 2.0, 2.0]), 2)
    np.testing.assert_array_equal(tree.parent[6:], [6, 6, 6])
    np.testing.assert_array_equal(tree.lambda_val[6:], [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(tree.child_size[6:], [2, 2, 2])


def test_coinciding_points_leave_at_an_infinite_lambda():
    tree = by_edges(np.arange(3), np.arange(1, 4), np.array([0.0, 0.0, 2.0]), 3)
    assert dict(zip(tree.child.tolist(), tree.lambda_val.tolist(), strict=True)) == {
        0: np.inf,
        1: np.inf,
        2: np.inf,
        3: 0.5,
    }


@pytest.mark.parametrize("n_points", [2, 3, 7])
def test_too_few_points_leave_the_root_together(n_points):
    weight = np.arange(1.0, n_points)
    tree = by_edges(np.arange(n_points - 1), np.arange(1, n_points), weight, 8)
    np.testing.assert_array_equal(tree.parent, n_points)
    np.testing.assert_array_equal(tree.lambda_val, 1.0 / weight[-1])
