"""The Gaussian density against the sum over all pairs, for every method and awkward data."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist, squareform

from climbkit.kernels import _density_box, gaussian_density, mean_pairwise_distance
from climbkit.kernels._density_box import largest_density_bound, plan_box
from climbkit.kernels._density_expansion import (
    expansion_centre,
    expansion_density,
    multi_indices,
    plan_expansion,
)
from climbkit.kernels._density_fourier import fourier_sums
from climbkit.kernels._density_plan import Plan, fourier_plan, planned_sums, sort_points
from climbkit.kernels._density_tree import level_twins
from climbkit.kernels._density_tree_build import build_tree

METHODS = ["auto", "exact", "tree", "fourier", "expansion"]


def reference(X, bandwidth, at=None):
    """Sum over all pairs, in NumPy."""
    at = X if at is None else at
    return np.exp(cdist(at, X, "sqeuclidean") / (-2.0 * bandwidth**2)).sum(axis=1)


def largest_error(found, expected):
    return np.abs(found - expected).max() / expected.max()


def normal(rng, n, d):
    return rng.normal(size=(n, d))


def uniform(rng, n, d):
    return rng.uniform(-3.0, 3.0, size=(n, d))


def clumps_and_tails(rng, n, d):
    X = rng.standard_t(2, size=(n, d))
    clump = rng.random(n) < 0.4
    X[clump] = 1.5 + 0.1 * rng.normal(size=(clump.sum(), d))
    return X


def duplicates(rng, n, d):
    return rng.integers(0, 4, size=(n, d)).astype(float)


def with_outliers(rng, n, d):
    X = rng.normal(size=(n, d))
    X[0] = 1e3
    X[-1, 0] = -1e6
    return X


DATA = [normal, uniform, clumps_and_tails, duplicates, with_outliers]


@st.composite
def problems(draw):
    d = draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = draw(st.sampled_from(DATA))(rng, draw(st.integers(1, 400)), d)
    X = X * 10.0 ** draw(st.integers(-3, 3)) + draw(st.sampled_from([0.0, 1e3]))
    bandwidth = X.std() * 10.0 ** draw(st.floats(-3, 1.5)) + 1e-3
    method = draw(st.sampled_from(METHODS))
    return X, bandwidth, 10.0 ** draw(st.integers(-10, -2)), "auto" if d > 3 else method


@settings(deadline=None, max_examples=50)
@given(problems())
def test_every_method_keeps_its_error_bound(problem):
    X, bandwidth, atol, method = problem
    found = gaussian_density(X, bandwidth, atol=atol, method=method)
    # Coordinates of outliers are rounded: 1e-16 of 1e6 bandwidths is no more than 1e-10.
    assert largest_error(found, reference(X, bandwidth)) <= atol + 1e-12


@pytest.mark.parametrize(
    ("d", "method"),
    [(d, m) for d in (1, 2, 3, 5) for m in METHODS if m != "exact" and (d <= 3 or m != "fourier")],
)
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("width", [1.0, 0.1, 0.02])
def test_error_bound_holds_on_thousands_of_points(data, d, method, width):
    rng = np.random.default_rng(d)
    X = data(rng, 5_000, d)
    bandwidth = width * X[1:-1].std()
    rows = rng.choice(len(X), 500, replace=False)
    expected = reference(X, bandwidth, X[rows])
    found = gaussian_density(X, bandwidth, atol=1e-6, method=method)
    assert np.abs(found[rows] - expected).max() <= 1e-6 * found.max()


@pytest.mark.parametrize("d", [1, 2, 3, 4, 8, 21])
def test_exact_method_is_the_sum_over_all_pairs_to_rounding(d):
    X = np.random.default_rng(0).normal(size=(1_300, d))
    found = gaussian_density(X, 1.7, method="exact")
    np.testing.assert_allclose(found, reference(X, 1.7), rtol=1e-13)


def test_default_bandwidth_is_the_published_mean_of_the_full_matrix():
    X = np.random.default_rng(1).normal(size=(800, 3))
    bandwidth = np.mean(squareform(pdist(X)))
    found = gaussian_density(X, method="exact")
    np.testing.assert_allclose(found, reference(X, bandwidth), rtol=1e-12)


@pytest.mark.parametrize("bandwidth", [None, 0.2, 0.04])
@pytest.mark.parametrize("data", DATA)
def test_row_order_does_not_matter(data, bandwidth):
    rng = np.random.default_rng(2)
    X = data(rng, 12_000, 3)
    order = rng.permutation(len(X))
    first = gaussian_density(X, bandwidth)
    second = gaussian_density(X[order], bandwidth)
    assert np.abs(second - first[order]).max() <= 1e-11 * first.max()


def test_equal_points_have_equal_densities_in_whatever_leaf():
    X = duplicates(np.random.default_rng(12), 3_000, 3)
    _, group = np.unique(X, axis=0, return_inverse=True)
    found = gaussian_density(X, 0.3, method="tree")
    for g in range(group.max() + 1):
        assert np.ptp(found[group.ravel() == g]) <= 1e-12 * found.max()


def test_twins_on_both_sides_of_a_split_are_levelled():
    rows = np.array([[0.0, 2.0], [1.0, 5.0], [1.0, 3.0], [1.0, 5.0], [2.0, 0.0], [1.0, 6.0]])
    out = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    level_twins(rows, 0, 3, 6, 0, out)
    np.testing.assert_array_equal(out, [1.0, 2.0, 3.0, 2.0, 5.0, 6.0])


@pytest.mark.parametrize("method", ["exact", "tree", "fourier", "expansion"])
def test_threads_do_not_change_the_result(method):
    X = clumps_and_tails(np.random.default_rng(3), 6_000, 3)
    one = gaussian_density(X, 0.3, method=method)
    np.testing.assert_allclose(gaussian_density(X, 0.3, method=method, n_threads=3), one, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_equal_points_count_each_other(method):
    X = np.full((70, 3), 1.23456e7)
    np.testing.assert_array_equal(gaussian_density(X, method=method), np.full(70, 70.0))
    np.testing.assert_array_equal(gaussian_density(X, 2.0, method=method), np.full(70, 70.0))


@pytest.mark.parametrize("method", METHODS)
def test_one_point_has_density_one(method):
    np.testing.assert_array_equal(gaussian_density([[3.0, 4.0]], method=method), [1.0])
    np.testing.assert_array_equal(gaussian_density([[3.0]], 0.5, method=method), [1.0])


def test_zero_bandwidth_counts_coincident_rows():
    X = np.array([[0.0, 1.0], [2.0, 1.0], [0.0, 1.0], [0.0, 3.0]])
    np.testing.assert_array_equal(gaussian_density(X, 0.0), [2.0, 1.0, 2.0, 1.0])


@pytest.mark.parametrize("method", METHODS)
def test_constant_columns_do_not_matter(method):
    X = np.random.default_rng(4).normal(size=(600, 2))
    padded = np.column_stack([np.full(600, 7e8), X, np.zeros(600)])
    found = gaussian_density(padded[:, :3], 0.3, method=method)
    np.testing.assert_allclose(found, gaussian_density(X, 0.3, method=method), rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_astronomically_far_outliers_see_only_their_twins(method):
    X = np.vstack([[[0.0], [1.0]], [[1e200], [-1.7e308], [1.7e308]], [[1e200]]])
    found = gaussian_density(X, 1.0, method=method)
    near = 1.0 + np.exp(-0.5)
    np.testing.assert_allclose(found, [near, near, 2.0, 1.0, 1.0, 2.0], rtol=1e-6)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_fourier_box_with_a_margin_keeps_the_bound(d):
    rng = np.random.default_rng(5)
    sources, targets = rng.uniform(-6, 6, size=(d, 3_000)), rng.uniform(-2, 1, size=(d, 500))
    halo = 6.0
    kept = (np.abs(sources + 0.5) <= 1.5 + halo).all(axis=0)
    kept = np.ascontiguousarray(sources[:, kept])
    found = fourier_sums(kept, targets, halo, 1e-10, 1e-8, 1.25, 1)
    expected = reference(sources.T, 0.5**0.5, targets.T)
    assert largest_error(found, expected) < 1e-7


@pytest.mark.parametrize("data", [clumps_and_tails, duplicates])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_tree_divided_between_boxes_and_leaves_keeps_the_bound(data, d):
    rows = 2.0 * data(np.random.default_rng(6), 4_000, d)
    rows = rows[(np.abs(rows) < 20.0).all(axis=1)]
    tree = sort_points(rows, 1e-6)
    right = 2 * tree.last[1]
    its_right = right + 2 * (tree.last[right + 1] - tree.first[right + 1])
    leaves = np.arange(tree.first[its_right], tree.last[its_right])
    plan = Plan(0.0, leaves, [(1, 2.0), (right + 1, 1.25)], [right, 0])
    found = planned_sums(tree, plan, 1)
    assert largest_error(found, reference(rows, 0.5**0.5)) <= 1e-6
    _, group = np.unique(rows, axis=0, return_inverse=True)
    for g in np.flatnonzero(np.bincount(group.ravel()) > 1):
        assert np.ptp(found[group.ravel() == g]) <= 1e-12 * found.max()


def test_plan_takes_a_box_for_the_crowd_and_leaves_for_the_outliers():
    rng = np.random.default_rng(13)
    rows = np.vstack([rng.normal(size=(20_000, 3)), 1e4 * rng.normal(size=(200, 3))])
    plan = fourier_plan(sort_points(rows, 1e-6))
    assert plan.boxes
    assert 1 <= len(plan.leaves) < 40


def test_outliers_beyond_the_box_are_summed_one_by_one():
    X = with_outliers(np.random.default_rng(7), 20_000, 3)
    box = plan_box(X, 1e-6, largest_density_bound(X))
    assert box.width < 20.0
    found = _density_box.box_density(X, box, 1e-6, 1)
    np.testing.assert_allclose(found[[0, -1]], [1.0, 1.0], rtol=1e-9)
    rows = np.arange(0, 20_000, 100)
    assert np.abs(found[rows] - reference(X, 0.5**0.5, X[rows])).max() <= 1e-6 * found.max()


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_bound_of_the_largest_density_is_a_bound_and_close(data, d):
    rows = data(np.random.default_rng(8), 3_000, d) * 3.0
    largest = reference(rows, 0.5**0.5).max()
    assert 0.2 * largest <= largest_density_bound(rows) <= largest * (1 + 1e-12)


def test_expansion_leaves_out_far_points_and_keeps_the_bound():
    rows = 0.3 * clumps_and_tails(np.random.default_rng(9), 4_000, 4)
    rows -= expansion_centre(rows)
    cost, radius, degree = plan_expansion(rows, 1e-7, 0.3, 1.0)
    assert np.isfinite(cost)
    assert 0 < np.count_nonzero((rows**2).sum(axis=1) > radius**2) < 2_000
    found = expansion_density(rows, radius, degree)
    assert largest_error(found, reference(rows, 0.5**0.5)) <= 1e-7


def test_multi_indices_name_every_monomial_once():
    level, axis, coefficients = multi_indices(3, 4, 35)
    last, names = {0: np.zeros(3, int)}, set()
    for t in range(1, 35):
        power = last[level[t] - 1].copy()
        power[axis[t]] += 1
        last[level[t]] = power
        names.add(tuple(power))
        factorial = np.prod([np.prod(np.arange(1, k + 1)) for k in power])
        assert coefficients[t] == pytest.approx(1.0 / factorial)
    assert len(names | {(0, 0, 0)}) == 35
    assert max(map(sum, names)) == 4


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 600), st.integers(1, 4), st.sampled_from(DATA), st.integers(0, 99))
def test_tree_holds_every_point_once_in_boxes_that_fit(n, d, data, seed):
    X = data(np.random.default_rng(seed), n, d)
    rows, order = X.copy(), np.arange(n)
    first, last, lower, upper = build_tree(rows, order, 8)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    np.testing.assert_array_equal(rows, X[order])
    for node in range(len(first)):
        inside = rows[first[node] * 8 : last[node] * 8]
        np.testing.assert_array_equal(lower[node], inside.min(axis=0))
        np.testing.assert_array_equal(upper[node], inside.max(axis=0))


def test_memory_grows_with_the_number_of_points_and_not_its_square():
    rng = np.random.default_rng(10)
    for d, bandwidth in [(3, 0.3), (3, 0.02), (6, 0.3)]:
        X = rng.normal(size=(30_000, d))
        gaussian_density(X[:3000], bandwidth)
        tracemalloc.start()
        gaussian_density(X, bandwidth)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # All pairs would take 7.2 GB.
        assert peak < 60e6


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(3), r"X must have shape \(n, d\)"),
        (np.zeros((0, 2)), r"X must have shape \(n, d\)"),
        (np.zeros((2, 0)), r"X must have shape \(n, d\)"),
        ([[0.0], [np.nan]], "X must be finite"),
        ([[0.0], [np.inf]], "X must be finite"),
    ],
)
def test_unusable_points_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        gaussian_density(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bandwidth": -1.0}, "bandwidth must be None or a finite number >= 0"),
        ({"bandwidth": np.nan}, "bandwidth must be"),
        ({"bandwidth": "wide"}, "bandwidth must be"),
        ({"atol": 0.0}, "atol must be a number in"),
        ({"atol": 1.0}, "atol must be a number in"),
        ({"method": "magic"}, "method must be one of"),
        ({"method": "fourier"}, "method='fourier' works in 1 to 3 dimensions"),
        ({"n_threads": 0}, "n_threads must be an integer >= 1"),
    ],
)
def test_parameters_out_of_range_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        gaussian_density(np.zeros((3, 4)), **parameters)


def test_default_bandwidth_beyond_the_exact_limit_is_the_estimate():
    X = np.random.default_rng(11).normal(size=(12_000, 3))
    found = gaussian_density(X)
    expected = gaussian_density(X, mean_pairwise_distance(X))
    np.testing.assert_array_equal(found, expected)
