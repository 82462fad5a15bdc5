"""New points in a condensed tree, against a plain search of all fitted points."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from climbkit.kernels._cluster_prediction import join_clusters
from climbkit.kernels._cluster_selection import select_clusters

sys.path.insert(0, str(Path(__file__).parent))
from _nary_trees import columns, exact_hierarchy, nary_condensed_tree

pytestmark = pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")


def fitted(X, m, epsilon, single):
    tree = nary_condensed_tree(exact_hierarchy(X, m), m)
    labels = np.empty(len(X), dtype=np.int64)
    chosen, *_ = select_clusters(
        *columns(tree), False, epsilon, single, True, labels, np.empty(len(X))
    )
    core = np.sort(cdist(X, X), axis=1)[:, m]
    return tree, labels, chosen, core


def predict(X, new, m, tree, chosen, core, epsilon, k):
    distances = cdist(new, X)
    neighbours = np.argsort(distances, axis=1, kind="stable")[:, :k]
    labels = np.empty(len(new), dtype=np.int64)
    parent, child, lambda_val, _ = columns(tree)
    join_clusters(
        neighbours,
        np.take_along_axis(distances, neighbours, axis=1),
        core,
        m,
        parent,
        child,
        lambda_val,
        chosen,
        epsilon,
        labels,
    )
    return labels


def reference(X, new, m, tree, chosen, core, epsilon):
    """The same, one new point and one fitted point after the other."""
    row_of = {row["child"]: row for row in tree}
    root = tree["parent"].min()
    name = {cluster: label for label, cluster in enumerate(chosen)}
    own = tree["lambda_val"][tree["parent"] == root]
    least_in_root = 1 / epsilon if epsilon else own.max()
    answers = []
    for distances in cdist(new, X):
        met = []
        for point, distance in enumerate(distances):
            reach = max(distance, core[point], np.sort(distances)[m - 1])
            lambda_ = 1 / reach if reach else np.inf
            cluster = row_of[point]["parent"]
            if row_of[point]["lambda_val"] > lambda_:
                while cluster != root and row_of[cluster]["lambda_val"] >= lambda_:
                    cluster = row_of[cluster]["parent"]
            while cluster != root and cluster not in name:
                cluster = row_of[cluster]["parent"]
            label = name.get(cluster, -1)
            if label >= 0 and cluster == root:
                inside = min(lambda_, row_of[point]["lambda_val"]) >= least_in_root
                label = label if inside and len(chosen) == 1 else -1
            met.append((reach, distance, label if label >= 0 else np.inf))
        answers.append(min(met)[2])
    return np.where(np.isinf(answers), -1, answers)


@given(
    seed=st.integers(0, 2**32),
    m=st.sampled_from([2, 4, 7]),
    epsilon=st.sampled_from([0.0, 1.5]),
    single=st.booleans(),
    grid=st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_nearest_by_mutual_reachability_names_the_cluster(seed, m, epsilon, single, grid):
    rng = np.random.default_rng(seed)
    X = np.vstack([rng.normal(c, 1.0, (25, 2)) for c in ([0, 0], [8, 0], [3, 6])])
    new = rng.uniform(-4, 12, (40, 2))
    if grid:
        X, new = np.rint(X), np.rint(new)
    tree, _, chosen, core = fitted(X, m, epsilon, single)
    found = predict(X, new, m, tree, chosen, core, epsilon, len(X))
    np.testing.assert_array_equal(found, reference(X, new, m, tree, chosen, core, epsilon))


def test_points_in_the_middle_of_a_cluster_join_it_and_far_ones_are_noise():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(c, 0.5, (60, 2)) for c in ([0, 0], [20, 0])])
    tree, labels, chosen, core = fitted(X, 10, 0.0, False)
    found = predict(X, np.array([[0, 0.1], [20, 0.1], [10, 90]]), 10, tree, chosen, core, 0.0, 20)
    assert found.tolist() == [labels[0], labels[-1], -1]
    assert labels[0] != labels[-1]
