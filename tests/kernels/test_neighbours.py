"""Nearest neighbours against the whole distance matrix and SciPy's tree."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from climbkit.kernels._neighbours import nearest_neighbours

sys.path.insert(0, str(Path(__file__).parent))
from _mutual_reachability import point_tables, sorted_distances, squared_distances


@settings(max_examples=50, deadline=None)
@given(point_tables(), st.integers(1, 20))
def test_distances_are_those_of_the_matrix_and_no_row_lists_itself(X, k):
    k = min(k, len(X) - 1)
    distances, indices = nearest_neighbours(X, k)
    np.testing.assert_array_equal(distances, sorted_distances(X)[:, :k])
    apart = np.sqrt(squared_distances(X))
    np.testing.assert_array_equal(np.take_along_axis(apart, indices, axis=1), distances)
    assert (indices != np.arange(len(X))[:, None]).all()
    assert (np.diff(np.sort(indices, axis=1), axis=1) > 0).all()


@pytest.mark.parametrize(("n_points", "n_columns"), [(3000, 5), (5000, 2), (2500, 6)])
def test_a_field_with_dense_clumps_agrees_with_scipy(n_points, n_columns):
    rng = np.random.default_rng(0)
    clumps = rng.normal(size=(4, n_columns))[rng.integers(0, 4, n_points // 3)]
    clumps = clumps + rng.normal(size=clumps.shape) * 0.01
    X = np.concatenate([rng.normal(size=(n_points - len(clumps), n_columns)), clumps])
    distances, indices = nearest_neighbours(X, 15)
    expected, rows = cKDTree(X).query(X, 16)
    np.testing.assert_allclose(distances, expected[:, 1:], rtol=1e-15, atol=0)
    np.testing.assert_array_equal(indices, rows[:, 1:])


def test_order_of_rows_does_not_change_distances():
    rng = np.random.default_rng(1)
    X = rng.integers(0, 12, (2000, 4)).astype(float)
    order = rng.permutation(len(X))
    distances = nearest_neighbours(X, 10)[0]
    np.testing.assert_array_equal(nearest_neighbours(X[order], 10)[0], distances[order])
