"""The k-d tree against the whole distance matrix, boundary cases and ties included."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from climbkit.kernels._kdtree import build_tree, dense_rows, nearest_within, squared_limit

few = settings(max_examples=40, deadline=None)


@st.composite
def row_tables(draw, n_tables=1):
    """Rows on a coarse grid, where many distances tie, or anywhere."""
    n_columns = draw(st.integers(1, 5))
    on_grid = draw(st.booleans())
    values = st.integers(-3, 3).map(float) if on_grid else st.floats(-3, 3, width=32)
    return [
        draw(arrays(np.float64, (draw(st.integers(1, 60)), n_columns), elements=values))
        for _ in range(n_tables)
    ]


radii = st.sampled_from([0.1, 0.5, 1.0, np.sqrt(2), np.sqrt(3), 2.0, 2.5, 30.0])


@few
@given(row_tables(), radii, st.booleans(), st.integers(1, 10))
def test_dense_rows_agree_with_the_distance_matrix(tables, radius, strict, enough):
    (X,) = tables
    distances = cdist(X, X)
    counts = np.sum(distances < radius if strict else distances <= radius, axis=1)
    dense = dense_rows(build_tree(X, leaf_size=4), squared_limit(radius, strict), enough)
    np.testing.assert_array_equal(dense, counts >= enough)


@few
@given(row_tables(n_tables=2), radii, st.booleans())
def test_nearest_row_is_the_first_of_the_nearest_within_the_radius(tables, radius, strict):
    X, queries = tables
    distances = cdist(queries, X)
    best = distances.min(axis=1)
    inside = best < radius if strict else best <= radius
    expected = np.where(inside, distances.argmin(axis=1), -1)
    found = nearest_within(build_tree(X, leaf_size=4), queries, squared_limit(radius, strict))
    # Distances that differ by less than the rounding of a square root are ties to the matrix.
    chosen = distances[np.arange(len(queries)), found]
    np.testing.assert_array_equal(found >= 0, inside)
    np.testing.assert_array_equal(chosen[inside], best[inside])
    unique = inside & (np.sum(distances == best[:, None], axis=1) == 1)
    np.testing.assert_array_equal(found[unique], expected[unique])


def test_equally_near_rows_give_the_smallest_row_number():
    X = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [1.0, 0.0]] * 10)
    nearest = nearest_within(build_tree(X, leaf_size=2), np.zeros((1, 2)), 4.0)
    assert nearest.tolist() == [1]


@few
@given(row_tables(), st.sampled_from([2, 3, 16]))
def test_nodes_hold_their_rows_and_no_others(tables, leaf_size):
    (X,) = tables
    tree = build_tree(X, leaf_size=leaf_size)
    np.testing.assert_array_equal(np.sort(tree.rows), np.arange(len(X)))
    np.testing.assert_array_equal(tree.points, X[tree.rows])
    for node in range(len(tree.start)):
        inside = tree.points[tree.start[node] : tree.end[node]]
        np.testing.assert_array_equal(tree.lower[node], inside.min(axis=0))
        np.testing.assert_array_equal(tree.upper[node], inside.max(axis=0))
        assert tree.first_row[node] == tree.rows[tree.start[node] : tree.end[node]].min()
        if node >= tree.first_leaf:
            assert len(inside) <= leaf_size
        else:
            children = [2 * node + 1, 2 * node + 2]
            assert tree.start[children].tolist() == [tree.start[node], tree.end[children[0]]]
            assert tree.end[children[1]] == tree.end[node]


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-150, 1e150), st.booleans())
@example(np.sqrt(2.0), True)
@example(0.1, False)
def test_squared_limit_is_the_last_square_within_the_radius(radius, strict):
    limit = squared_limit(radius, strict)
    beyond = np.nextafter(limit, np.inf)
    if strict:
        assert np.sqrt(limit) < radius <= np.sqrt(beyond)
    else:
        assert np.sqrt(limit) <= radius < np.sqrt(beyond)


@pytest.mark.parametrize("radius", [5e-324, 1e-200, 1e200, 1.7e308])
def test_squared_limit_stays_finite_where_the_square_does_not(radius):
    limit = squared_limit(radius, True)
    assert np.isfinite(limit)
    assert np.sqrt(limit) < radius


def test_sorted_and_constant_columns_build_balanced_trees():
    X = np.column_stack([np.arange(5000.0), np.full(5000, 3.0), np.repeat([0.0, 1.0], 2500)])
    tree = build_tree(X)
    sizes = (tree.end - tree.start)[tree.first_leaf :]
    assert sizes.max() - sizes.min() <= 1
    assert dense_rows(tree, squared_limit(1.0, False), 3).sum() == 5000 - 4
