"""Hierarchy and condensed tree against hdbscan's, from the same edges."""

import numpy as np
from hdbscan._hdbscan_linkage import label
from hdbscan._hdbscan_tree import condense_tree
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.kernels._hdbscan_linkage import condense, single_linkage


@st.composite
def trees(draw):
    """Edges of a random tree, with few different weights or many."""
    n_rows = draw(st.integers(2, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    reach = draw(st.sampled_from([1, 3, n_rows]))  # from a chain to a bush
    left = np.array([rng.integers(max(0, row - reach), row) for row in range(1, n_rows)])
    right = np.arange(1, n_rows)
    flip = rng.random(n_rows - 1) < 0.5
    left, right = np.where(flip, right, left), np.where(flip, left, right)
    weight = rng.integers(0, draw(st.sampled_from([3, 1000])), n_rows - 1) / 7
    names = rng.permutation(n_rows)
    return names[left], names[right], weight


@settings(max_examples=50, deadline=None)
@given(trees(), st.integers(2, 20))
def test_hierarchy_and_condensed_tree_are_those_of_hdbscan(tree, min_cluster_size):
    left, right, weight = tree
    order = np.argsort(weight)
    expected = label(np.column_stack(tree)[order])
    children, sizes = single_linkage(left, right, order)
    np.testing.assert_array_equal(children, expected[:, :2])
    np.testing.assert_array_equal(sizes, expected[:, 3])

    rows = condense(children, sizes, weight[order], min_cluster_size)
    expected = condense_tree(expected, min_cluster_size)
    for found, name in zip(rows, ("parent", "child", "lambda_val", "child_size"), strict=True):
        np.testing.assert_array_equal(found, expected[name])
