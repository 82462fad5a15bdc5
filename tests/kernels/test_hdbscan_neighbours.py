"""Neighbours for hdbscan's first round, against the distance matrix and scikit-learn's query."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KDTree

from climbkit.kernels._hdbscan_kdtree import SQUARE, node_arrays, node_distance
from climbkit.kernels._hdbscan_neighbours import (
    first_neighbours,
    first_neighbours_by_query,
)
from climbkit.kernels._neighbours import query_tree
from climbkit.kernels._packed_tree import build_packed_tree

sys.path.insert(0, str(Path(__file__).parent))
import _hdbscan_package as package

few = settings(max_examples=50, deadline=None)


def reference_first_neighbours(X, min_samples):
    """First of scikit-learn's neighbours that is not less dense, by row number."""
    distances, neighbours = KDTree(X, leaf_size=40).query(
        X, k=min_samples + 1, dualtree=True, breadth_first=True
    )
    core = distances[:, -1] * distances[:, -1]
    suited = (neighbours != np.arange(len(X))[:, None]) & (core[neighbours] <= core[:, None])
    first = neighbours[np.arange(len(X)), suited.argmax(axis=1)]
    return core, np.where(suited.any(axis=1), first, -1)


def found_first_neighbours(X, min_samples):
    """Core distances, first neighbours by row number, and how many rows ties leave open."""
    packed = build_packed_tree(X)
    squared, neighbours = query_tree(packed, min(min_samples + 3, len(X) - 1))
    core, first = np.empty(len(X)), np.empty(len(X), np.int32)
    n_open = first_neighbours(squared, neighbours, packed.rows, min_samples, core, first)
    if n_open:
        core, first = first_neighbours_by_query(X, min_samples, 1, 40)
    return core, first, n_open


@few
@given(package.tied_rows(), st.integers(1, 16))
def test_first_neighbours_are_those_of_the_query_or_called_open(X, min_samples):
    min_samples = min(min_samples, len(X) - 1)
    expected_core, expected_first = reference_first_neighbours(X, min_samples)
    core, first, _ = found_first_neighbours(X, min_samples)
    np.testing.assert_array_equal(core, expected_core)
    np.testing.assert_array_equal(first, expected_first)


@pytest.mark.parametrize("min_samples", [1, 6, 15])
def test_rows_without_ties_leave_nothing_open(min_samples):
    assert found_first_neighbours(package.blobs(3000, 5), min_samples)[2] == 0


@pytest.mark.parametrize("min_samples", [1, 3])
def test_a_pair_repeated_leaves_nothing_open_and_a_grid_does(min_samples):
    X = package.blobs(200, 3)
    X[7] = X[5]
    assert found_first_neighbours(X, min_samples)[2] == 0
    assert found_first_neighbours(np.round(X), min_samples)[2] > 0


def test_node_distances_are_those_of_the_boxes_of_their_rows():
    X = package.blobs(200, 3)
    tree = node_arrays(X, 13)
    first = tree.first_leaf
    leaves = [X[rows[rows >= 0]] for rows in tree.rows.reshape(first + 1, -1)]
    rng = np.random.default_rng(1)
    for a, b in rng.integers(first, 2 * first + 1, (50, 2)):
        one, other = leaves[a - first], leaves[b - first]
        gaps = np.maximum(one.min(axis=0) - other.max(axis=0), other.min(axis=0) - one.max(axis=0))
        expected = np.sum(np.maximum(gaps, 0) ** 2)
        found = node_distance(tree.boxes, a, b, SQUARE)
        np.testing.assert_allclose(found, expected, rtol=1e-14)
