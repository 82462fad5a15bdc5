"""Selection on a condensed tree: hdbscan's to the bit, and free of order where that is asked."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from hdbscan import HDBSCAN
from hdbscan._hdbscan_tree import compute_stability, get_clusters
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs

from climbkit.kernels._cluster_selection import select_clusters

sys.path.insert(0, str(Path(__file__).parent))
from _nary_trees import CONDENSED, columns, exact_hierarchy, nary_condensed_tree, same_partition

CHOICES = list(itertools.product(("eom", "leaf"), (0.0, 0.1, 0.5, 1.0, 4.0), (False, True)))

# hdbscan divides by zero and by infinity where rows coincide.
pytestmark = pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")


def select(tree, n_points, method="eom", epsilon=0.0, single=False, order_free=False):
    labels, probabilities = np.empty(n_points, dtype=np.int64), np.empty(n_points)
    chosen, sizes, persistence = select_clusters(
        *columns(tree), method == "leaf", epsilon, single, order_free, labels, probabilities
    )
    np.testing.assert_array_equal(sizes, np.bincount(labels[labels >= 0], minlength=len(sizes)))
    return labels, probabilities, persistence, chosen


def peers(tree, method, epsilon, single):
    return get_clusters(tree, compute_stability(tree), method, single, False, epsilon)


def random_tree(seed, *, binary):
    """A condensed tree with whole numbers as lambdas, many of them equal, some infinite."""
    rng = np.random.default_rng(seed)
    n_points = int(rng.integers(40, 90))
    rows, births, split_at, leaves = [], {n_points: 0.0}, {}, [n_points]
    for _ in range(rng.integers(0, 8)):
        cluster = leaves.pop(rng.integers(len(leaves)))
        split_at[cluster] = births[cluster] + rng.integers(1, 4)
        for _ in range(2 if binary else rng.integers(2, 5)):
            child = n_points + len(births)
            births[child] = split_at[cluster]
            rows.append((cluster, child, split_at[cluster], rng.integers(2, 9)))
            leaves.append(child)
    homes = [*births, *rng.choice([*births], n_points - len(births))]
    for point, cluster in enumerate(homes):
        least = births[cluster] + 1
        lambda_ = rng.integers(least, split_at.get(cluster, least + 3) + 1)
        if cluster not in split_at and rng.random() < 0.02:
            lambda_ = np.inf
        rows.append((cluster, point, lambda_, 1))
    tree = np.array(rows, dtype=CONDENSED)
    tree["lambda_val"] /= 8.0
    return tree[np.argsort(tree["lambda_val"], kind="stable")], n_points


def fields():
    rng = np.random.default_rng(5)
    yield make_blobs(700, 3, centers=7, cluster_std=0.6, random_state=3)[0]
    yield rng.uniform(size=(500, 2))
    yield rng.integers(0, 25, size=(400, 2)).astype(float)
    yield np.vstack([rng.normal(size=(150, 5)), np.zeros((40, 5)), np.ones((30, 5))])
    yield rng.normal(size=(9, 2))


@pytest.mark.parametrize("X", list(fields()), ids=["blobs", "uniform", "grid", "coinciding", "few"])
@pytest.mark.parametrize("min_cluster_size", [2, 5, 15])
def test_binary_trees_give_hdbscans_clusters_to_the_bit(X, min_cluster_size):
    fitted = HDBSCAN(min_cluster_size=min_cluster_size, core_dist_n_jobs=1).fit(X)
    tree = fitted.condensed_tree_._raw_tree
    for choice in CHOICES:
        for found, expected in zip(
            select(tree, len(X), *choice), peers(tree, *choice), strict=False
        ):
            np.testing.assert_array_equal(found, expected, err_msg=str(choice))


@given(seed=st.integers(0, 2**32), choice=st.sampled_from(CHOICES))
@settings(deadline=None, max_examples=50)
def test_any_binary_tree_gives_hdbscans_clusters_to_the_bit(seed, choice):
    tree, n_points = random_tree(seed, binary=True)
    for found, expected in zip(select(tree, n_points, *choice), peers(tree, *choice), strict=False):
        np.testing.assert_array_equal(found, expected)


@given(seed=st.integers(0, 2**32), choice=st.sampled_from(CHOICES))
@settings(deadline=None, max_examples=50)
def test_any_tree_gives_the_same_clusters_without_rounding_to_single_precision(seed, choice):
    tree, n_points = random_tree(seed, binary=False)
    labels, probabilities, persistence, _ = select(tree, n_points, *choice, order_free=True)
    expected = peers(tree, *choice)
    # Whole numbers leave nothing to round, so that equal sums are equal for both.
    np.testing.assert_array_equal(labels, expected[0])
    np.testing.assert_array_equal(probabilities, expected[1])
    np.testing.assert_allclose(persistence, expected[2], rtol=1e-6)


@pytest.mark.parametrize("min_cluster_size", [3, 8])
@pytest.mark.parametrize("X", list(fields()), ids=["blobs", "uniform", "grid", "coinciding", "few"])
def test_nary_trees_give_hdbscans_clusters(X, min_cluster_size):
    hierarchy = exact_hierarchy(X, min(min_cluster_size, len(X) - 1))
    tree = nary_condensed_tree(hierarchy, min_cluster_size)
    for choice in CHOICES:
        labels, probabilities, persistence, _ = select(tree, len(X), *choice, order_free=True)
        expected = peers(tree, *choice)
        np.testing.assert_array_equal(labels, expected[0], err_msg=str(choice))
        np.testing.assert_array_equal(probabilities, expected[1], err_msg=str(choice))
        np.testing.assert_allclose(persistence, expected[2], rtol=1e-6, err_msg=str(choice))


@given(seed=st.integers(0, 2**32), choice=st.sampled_from(CHOICES))
@settings(deadline=None, max_examples=50)
def test_order_of_rows_at_one_lambda_and_numbers_of_clusters_do_not_matter(seed, choice):
    tree, n_points = random_tree(seed, binary=False)
    tree["lambda_val"] **= 1.5  # nothing adds up exactly now
    rng = np.random.default_rng(seed + 1)
    shuffled = rng.permutation(len(tree))
    shuffled = tree[shuffled[np.argsort(tree["lambda_val"][shuffled], kind="stable")]]
    # Clusters at one lambda, and everything that hangs on them, are numbered anew.
    born = tree[tree["child"] >= n_points]
    order = np.lexsort([rng.random(len(born)), born["lambda_val"]])
    number = np.arange(n_points + 1 + len(born))
    number[born["child"][order]] = n_points + 1 + np.arange(len(born))
    for name in ("parent", "child"):
        shuffled[name] = number[shuffled[name]]
    a = select(tree, n_points, *choice, order_free=True)
    b = select(shuffled, n_points, *choice, order_free=True)
    assert same_partition(a[0], b[0])
    np.testing.assert_array_equal(a[1], b[1])
    np.testing.assert_array_equal(np.sort(a[2]), np.sort(b[2]))
    assert set(number[a[3]]) == set(b[3])


def test_falling_order_of_rows_is_as_good_as_rising():
    tree, n_points = random_tree(11, binary=False)
    falling = tree[::-1].copy()
    for found, expected in zip(
        select(tree, n_points, order_free=True),
        select(falling, n_points, order_free=True),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_sum_over_many_child_clusters_does_not_depend_on_their_order():
    rng = np.random.default_rng(2)
    n_points, n_children = 200, 40
    homes = np.r_[0, 0, np.arange(n_children), rng.integers(0, n_children, 158)]
    lambdas = rng.uniform(1.0, 9.0, n_points)
    seen = set()
    for _ in range(20):
        # The root splits in two; one of them splits into all the others, as in no binary tree.
        number = n_points + 3 + rng.permutation(n_children)
        born = [(n_points, n_points + 1, 0.1, n_points - 2), (n_points, n_points + 2, 0.1, 2)]
        born += [(n_points + 1, child, 0.2, 5) for child in number]
        left = [
            (number[home] if point > 1 else n_points + 2, point, lambda_, 1)
            for point, (home, lambda_) in enumerate(zip(homes, lambdas, strict=True))
        ]
        tree = np.array(born + left, dtype=CONDENSED)
        tree = tree[np.argsort(tree["lambda_val"], kind="stable")]
        # Epsilon chooses the cluster that splits, with the stability of all that it splits into.
        _, _, persistence, chosen = select(tree, n_points, epsilon=6.0, order_free=True)
        assert n_points + 1 in chosen
        seen.add(tuple(persistence))
    assert len(seen) == 1
