"""The mean pairwise distance against the full matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from climbkit.kernels import mean_pairwise_distance
from climbkit.kernels._pairwise import split_into_cells


def published(X):
    return np.mean(squareform(pdist(X)))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 700), st.integers(1, 22), st.floats(-8, 8), st.integers(0, 999))
def test_mean_of_small_sets_is_that_of_the_full_matrix(n, d, decade, seed):
    X = np.random.default_rng(seed).normal(loc=1.0, size=(n, d)) * 10.0**decade
    np.testing.assert_allclose(mean_pairwise_distance(X), published(X), rtol=1e-12)


def tails(rng, shape):
    return rng.standard_t(2, size=shape)


def clumps(rng, shape):
    centres = 3.0 * rng.normal(size=(8, shape[1]))
    member = rng.integers(8, size=shape[0])
    return centres[member] + rng.normal(size=shape) * rng.uniform(0.05, 1, size=8)[member, None]


@pytest.mark.parametrize(
    ("d", "rtol"), [(1, 1e-6), (2, 2e-5), (3, 1e-4), (5, 3e-4), (10, 1e-3), (20, 1e-2)]
)
@pytest.mark.parametrize("draw", ["normal", "uniform", "tails", "clumps"])
def test_estimate_is_within_its_stated_error(d, rtol, draw):
    rng = np.random.default_rng(0)
    X = {
        "normal": lambda: rng.normal(size=(6_000, d)),
        "uniform": lambda: rng.uniform(size=(6_000, d)),
        "tails": lambda: tails(rng, (6_000, d)),
        "clumps": lambda: clumps(rng, (6_000, d)),
    }[draw]()
    exact = mean_pairwise_distance(X)
    assert mean_pairwise_distance(X, exact_limit=100) == pytest.approx(exact, rel=rtol)


def test_estimate_does_not_depend_on_row_order():
    rng = np.random.default_rng(1)
    X = np.round(clumps(rng, (12_000, 3)), 1)
    first = mean_pairwise_distance(X)
    assert mean_pairwise_distance(rng.permutation(X)) == pytest.approx(first, rel=1e-12)


def test_estimate_survives_a_far_outlier():
    X = np.random.default_rng(2).normal(size=(4_000, 3))
    X[17] = 1e7
    assert mean_pairwise_distance(X, exact_limit=1) == pytest.approx(published(X), rel=1e-6)


def test_few_distinct_points_are_exact_in_the_estimate():
    X = np.repeat([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]], 5_000, axis=0)
    assert mean_pairwise_distance(X) == pytest.approx(5.0 * 2 * (2 / 3) * (1 / 3), rel=1e-12)


def test_equal_points_and_one_point_have_distance_zero():
    assert mean_pairwise_distance(np.full((20_000, 2), 0.1)) == 0.0
    assert mean_pairwise_distance([[1.0, 2.0]]) == 0.0


def test_huge_and_tiny_coordinates_neither_overflow_nor_vanish():
    X = np.random.default_rng(3).normal(size=(50, 2))
    for scale in (1e300, 1e-300):
        assert mean_pairwise_distance(X * scale) / scale == pytest.approx(published(X))


def test_cells_hold_every_row_once():
    X = tails(np.random.default_rng(4), (5_000, 2))
    rows = X.copy()
    start, stop = split_into_cells(rows, 300)
    ends = np.sort(stop)
    np.testing.assert_array_equal(np.sort(start), np.concatenate([[0], ends[:-1]]))
    assert ends[-1] == len(X)
    assert (stop > start).all()
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(X, axis=0))


@pytest.mark.parametrize("X", [np.zeros(3), np.zeros((0, 2)), [[np.nan]]])
def test_unusable_points_are_refused(X):
    with pytest.raises(ValueError, match="X must"):
        mean_pairwise_distance(X)
