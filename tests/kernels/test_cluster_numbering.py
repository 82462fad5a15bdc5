"""Names of clusters: the same whatever the order of rows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.kernels._cluster_numbering import number_clusters


def reference(X, labels, sizes, persistence):
    def rank(cluster):
        members = X[labels == cluster].tolist()
        return (-sizes[cluster], -persistence[cluster], min(members, default=[]))

    return np.array(sorted(range(len(sizes)), key=rank), dtype=np.int64)


def clustered(seed, n_clusters):
    """Points on a grid, none twice, in clusters of few sizes and few persistences."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(-3.0, 4.0)] * 3), axis=-1).reshape(-1, 3)
    X = rng.permutation(grid)[: 6 * n_clusters + 10]
    labels = np.full(len(X), -1)
    sizes = rng.integers(4, 7, n_clusters)
    labels[: sizes.sum()] = np.repeat(np.arange(n_clusters), sizes)
    return X, rng.permutation(labels), sizes, rng.integers(1, 4, n_clusters) / 4.0


@given(seed=st.integers(0, 2**32), n_clusters=st.integers(0, 30))
@settings(deadline=None, max_examples=50)
def test_size_then_persistence_then_place(seed, n_clusters):
    X, labels, sizes, persistence = clustered(seed, n_clusters)
    renamed = labels.copy()
    order = number_clusters(X, renamed, sizes, persistence)
    np.testing.assert_array_equal(order, reference(X, labels, sizes, persistence))
    np.testing.assert_array_equal(renamed == -1, labels == -1)
    np.testing.assert_array_equal(order[renamed[renamed >= 0]], labels[labels >= 0])


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_names_follow_the_points_when_rows_and_clusters_are_shuffled(seed):
    X, labels, sizes, persistence = clustered(seed, 12)
    rng = np.random.default_rng(seed)
    rows, names = rng.permutation(len(X)), rng.permutation(12)
    shuffled = np.where(labels >= 0, np.argsort(names)[labels], -1)[rows]
    number_clusters(X[rows], shuffled, sizes[names], persistence[names])
    number_clusters(X, labels, sizes, persistence)
    np.testing.assert_array_equal(shuffled, labels[rows])
