"""The whole sweep against condensed trees of whole matrices, for any order of rows."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.kernels._sweep import sweep_condensed_trees

sys.path.insert(0, str(Path(__file__).parent))
from _mutual_reachability import condensed, exact_tree, point_tables, with_members


@settings(max_examples=50, deadline=None)
@given(
    point_tables(max_rows=50),
    st.lists(st.tuples(st.integers(1, 8), st.integers(2, 8)), min_size=1, max_size=4),
)
def test_trees_are_those_of_the_whole_matrix(X, parameters):
    samples, sizes = zip(*parameters, strict=True)
    found = dict(sweep_condensed_trees(X, samples, sizes))
    assert sorted(found) == list(range(len(parameters)))
    for column, tree in found.items():
        expected = exact_tree(X, min(samples[column], len(X) - 1))
        assert with_members(tree, len(X)) == condensed(expected, len(X), sizes[column])


@settings(max_examples=30, deadline=None)
@given(point_tables(min_rows=10), st.integers(0, 2**32 - 1))
def test_order_of_rows_makes_no_difference(X, seed):
    order = np.random.default_rng(seed).permutation(len(X))
    sizes = [2, 3, 5]
    found = dict(sweep_condensed_trees(X, sizes, sizes))
    for column, tree in sweep_condensed_trees(X[order], sizes, sizes):
        expected = with_members(found[column], len(X))
        assert with_members(tree, len(X), order) == expected


def test_a_grid_full_of_ties_is_cut_the_same_in_any_order_of_rows():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.integers(0, 9, (900, 3)), rng.integers(3, 6, (200, 3))]) / 2.0
    sizes = list(range(6, 16))
    found = dict(sweep_condensed_trees(X, sizes, sizes))
    order = rng.permutation(len(X))
    for column, tree in sweep_condensed_trees(X[order], sizes, sizes):
        assert with_members(tree, len(X), order) == with_members(found[column], len(X))
        # A cluster's rows carry the same numbers in the same order, so that sums are equal, too.
        np.testing.assert_array_equal(tree.lambda_val, found[column].lambda_val)


@pytest.mark.parametrize("n_points", [0, 1])
def test_less_than_two_points_give_empty_trees(n_points):
    found = list(sweep_condensed_trees(np.zeros((n_points, 5)), [6, 8], [6, 8]))
    assert [column for column, _ in found] == [1, 0]
    assert all(len(rows) == 0 for _, tree in found for rows in tree)


def test_fewer_points_than_neighbours_count_all_others():
    X = np.array([[0.0], [1.0], [3.0]])
    ((_, tree),) = sweep_condensed_trees(X, [10], [2])
    np.testing.assert_array_equal(tree.parent, 3)
    np.testing.assert_array_equal(np.sort(tree.child), [0, 1, 2])
    np.testing.assert_array_equal(tree.lambda_val, 1.0 / 3.0)


def test_numbers_are_the_same_on_every_machine():
    # Stored: nothing but IEEE sums, square roots and quotients in a fixed order.
    rng = np.random.Generator(np.random.PCG64(7))
    X = rng.integers(-4000, 4000, (800, 5)) / 1024.0
    X[:250] = X[0] + X[:250] / 32.0
    digest = hashlib.sha256()
    for _, tree in sweep_condensed_trees(X, [15, 10, 6], [15, 10, 6]):
        digest.update(tree.lambda_val.tobytes())
        digest.update(tree.child_size.tobytes())
    assert digest.hexdigest()[:16] == "a86b6e6790968ca2"
