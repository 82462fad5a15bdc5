"""The spanning tree against hdbscan's own, edge by edge."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.kernels._hdbscan_sweep_trees import hdbscan_spanning_trees

sys.path.insert(0, str(Path(__file__).parent))
import _hdbscan_package as package


def assert_same_edges(X, sweep, approximate=True):
    trees = hdbscan_spanning_trees(X, sweep, approximate=approximate, core_dist_n_jobs=1)
    for min_samples, edges in zip(sweep, trees, strict=True):
        expected = package.spanning_tree(X, min_samples, approximate)
        np.testing.assert_array_equal(np.column_stack(edges), expected)


@settings(max_examples=50, deadline=None)
@given(package.tied_rows(), st.lists(st.integers(1, 16), min_size=1, max_size=4), st.booleans())
def test_edges_and_their_order_are_those_of_hdbscan(X, sweep, approximate):
    assert_same_edges(X, sweep, approximate)


@pytest.mark.parametrize("n_columns", range(1, 7))
@pytest.mark.parametrize("n_rows", [300, 2500])
def test_blobs_of_any_dimension_give_the_same_edges(n_rows, n_columns):
    assert_same_edges(package.blobs(n_rows, n_columns), [6, 15])


@pytest.mark.parametrize("step", [1.0, 0.5, 0.1, 0.01])
def test_rounded_coordinates_give_the_same_edges(step):
    assert_same_edges(np.round(package.blobs(1500, 3) / step) * step, [6, 15])


def test_the_exact_tree_is_the_same_too():
    assert_same_edges(package.blobs(2000, 5), [6, 15], approximate=False)


def test_more_values_than_one_walk_serves():
    assert_same_edges(package.blobs(400, 2), [*range(1, 20), 3])


def test_scales_far_from_one_give_the_same_edges():
    X = package.blobs(500, 3)
    for scale in (1e-170, 1e-100, 1e100):
        assert_same_edges(X * scale, [6])


def test_rows_too_far_apart_for_squares_are_an_error():
    """The package itself never comes to an end on them."""
    X = package.blobs(40, 2)
    X[:20] *= 1e200
    with pytest.raises(ValueError, match="overflow"):
        next(hdbscan_spanning_trees(X, [3]))
