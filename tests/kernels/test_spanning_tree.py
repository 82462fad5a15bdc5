"""Far edges: with the neighbour lists they hold a minimum spanning tree, and they are few."""

import sys
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.kernels._neighbours import query_tree
from climbkit.kernels._packed_tree import build_packed_tree
from climbkit.kernels._spanning_tree import far_edges

sys.path.insert(0, str(Path(__file__).parent))
from _mutual_reachability import exact_tree, kruskal, point_tables, squared_distances


def with_lists(X, k):
    """Edges of the neighbour lists and far edges, weighted; and how many are far."""
    tree = build_packed_tree(X)
    squared, neighbors = query_tree(tree, k)
    core = squared[:, -1].copy()
    left, right, distance = far_edges(tree, core, neighbors)
    between = squared_distances(tree.points)[left, right]
    np.testing.assert_array_equal(distance, between)
    assert (distance >= np.maximum(core[left], core[right])).all()
    assert (np.diff(distance) >= 0).all()
    ends = np.repeat(np.arange(len(X)), k), neighbors.ravel()
    weight = np.maximum(core[ends[0]], core[ends[1]])
    edges = (*map(np.concatenate, zip(ends, (left, right), strict=True)),)
    return (*edges, np.sqrt(np.concatenate([weight, distance]))), len(left)


@settings(max_examples=50, deadline=None)
@given(point_tables(), st.integers(1, 8))
def test_lists_and_far_edges_hold_a_minimum_spanning_tree(X, k):
    k = min(k, len(X) - 1)
    edges, _ = with_lists(X, k)
    weight = kruskal(*edges, len(X))[2]
    np.testing.assert_array_equal(weight, exact_tree(X, k)[2])


def test_clumps_far_apart_are_joined_by_far_edges():
    rng = np.random.default_rng(0)
    centers = 100.0 * np.arange(6)
    X = np.concatenate([rng.normal(center, 1.0, (60, 3)) for center in centers])
    edges, n_far = with_lists(X, 5)
    assert n_far >= len(centers) - 1
    np.testing.assert_array_equal(kruskal(*edges, len(X))[2], exact_tree(X, 5)[2])


def test_one_dense_field_needs_hardly_any_far_edge():
    X = np.random.default_rng(0).normal(size=(1000, 5))
    edges, n_far = with_lists(X, 15)
    assert n_far < 10
    np.testing.assert_array_equal(kruskal(*edges, len(X))[2], exact_tree(X, 15)[2])
