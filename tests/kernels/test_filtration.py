"""The chain of spanning trees against trees of whole matrices and hdbscan's exact ones."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hdbscan.hdbscan_ import _hdbscan_boruvka_kdtree
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from climbkit.kernels._filtration import ascending_order, spanning_tree
from climbkit.kernels._neighbours import query_tree
from climbkit.kernels._packed_tree import build_packed_tree
from climbkit.kernels._spanning_tree import far_edges

sys.path.insert(0, str(Path(__file__).parent))
from _mutual_reachability import exact_tree, kruskal, point_tables


def chain(X, largest):
    """Spanning tree for every min_samples from the largest down to 1, by rows of X."""
    tree = build_packed_tree(X)
    squared, neighbors = query_tree(tree, largest)
    left, right, distance = far_edges(tree, squared[:, -1].copy(), neighbors)
    far = left, right, np.sqrt(distance)
    core = np.sqrt(squared.T.copy())
    for count in range(largest, 0, -1):
        left, right, weight, *far = spanning_tree(core[count - 1], neighbors, count, *far)
        yield count, (tree.rows[left], tree.rows[right], weight)


@settings(max_examples=50, deadline=None)
@given(point_tables(), st.integers(1, 9))
def test_weights_for_every_min_samples_are_those_of_the_whole_matrix(X, largest):
    for count, (_, _, weight) in chain(X, min(largest, len(X) - 1)):
        np.testing.assert_array_equal(weight, exact_tree(X, count)[2])


@settings(max_examples=30, deadline=None)
@given(point_tables(), st.integers(1, 6))
def test_components_at_every_height_are_those_of_the_whole_matrix(X, largest):
    for count, (left, right, weight) in chain(X, min(largest, len(X) - 1)):
        expected = exact_tree(X, count)
        for height in np.unique(weight):
            ours = kruskal(*(a[weight <= height] for a in (left, right, weight)), len(X))
            theirs = [a[expected[2] <= height] for a in expected]
            together = (*map(np.concatenate, zip(ours, theirs, strict=True)),)
            assert len(kruskal(*together, len(X))[2]) == len(ours[2]) == len(theirs[2])


@pytest.mark.parametrize("n_columns", [2, 3, 5])
@pytest.mark.parametrize("grid", [False, True])
def test_sorted_weights_equal_those_of_hdbscans_exact_tree(n_columns, grid):
    rng = np.random.default_rng(n_columns)
    X = rng.normal(size=(1200, n_columns))
    X[:300] = X[0] + 0.02 * X[:300]
    X = np.round(4 * X) if grid else X
    for count, (_, _, weight) in chain(X, 15):
        if count in (2, 6, 10, 15):
            tree = _hdbscan_boruvka_kdtree(
                X, count, gen_min_span_tree=True, approx_min_span_tree=False, core_dist_n_jobs=1
            )[1]
            np.testing.assert_array_equal(weight, np.sort(tree[:, 2]))


numbers = st.one_of(
    st.floats(0, allow_infinity=True, allow_nan=False), st.integers(0, 4).map(float)
)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, st.integers(0, 200), elements=numbers))
def test_order_is_that_of_a_stable_sort(values):
    values = np.abs(values)  # no negative zero
    np.testing.assert_array_equal(ascending_order(values), np.argsort(values, kind="stable"))


@pytest.mark.parametrize("n_values", [300, 5000, 70000])
def test_order_of_values_that_agree_in_their_leading_bits(n_values):
    rng = np.random.default_rng(0)
    values = np.concatenate([[0.0, 1e300], 1.0 + 1e-12 * rng.random(n_values)])
    np.testing.assert_array_equal(ascending_order(values), np.argsort(values, kind="stable"))
