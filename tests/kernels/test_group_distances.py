"""Distances to groups of their own shape, against plain NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.kernels._group_distances import (
    group_squared_distances,
    group_squared_distances_with_errors,
)


def random_covariances(rng, count, d):
    roots = rng.normal(size=(count, d, d))
    return roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(d)


def reference(X, centers, covariances, errors):
    offsets = X[:, None, :] - centers
    inverse = np.linalg.inv(covariances[None] + errors[:, None])
    return np.einsum("nki,nkij,nkj->nk", offsets, inverse, offsets)


@given(
    n=st.integers(1, 30), k=st.integers(0, 4), d=st.integers(1, 5), seed=st.integers(0, 2**32 - 1)
)
@settings(deadline=None, max_examples=40)
def test_distances_equal_those_of_inverted_covariances(n, k, d, seed):
    rng = np.random.default_rng(seed)
    X, centers = 3 * rng.normal(size=(n, d)), rng.normal(size=(k, d))
    covariances, errors = random_covariances(rng, k, d), random_covariances(rng, n, d)
    np.testing.assert_allclose(
        group_squared_distances(X, centers, covariances),
        reference(X, centers, covariances, np.zeros((n, d, d))),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        group_squared_distances_with_errors(X, centers, covariances, errors),
        reference(X, centers, covariances, errors),
        rtol=1e-6,
    )


def test_errors_of_zero_change_nothing_and_input_stays():
    rng = np.random.default_rng(0)
    X, centers, covariances = (
        rng.normal(size=(20, 3)),
        rng.normal(size=(2, 3)),
        random_covariances(rng, 2, 3),
    )
    before = X.copy(), centers.copy(), covariances.copy()
    plain = group_squared_distances(X, centers, covariances)
    with_errors = group_squared_distances_with_errors(X, centers, covariances, np.zeros((20, 3, 3)))
    np.testing.assert_array_equal(plain, with_errors)
    for array, copy in zip((X, centers, covariances), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_large_errors_bring_every_group_near():
    X, centers = np.array([[10.0]]), np.array([[0.0]])
    squared = [
        group_squared_distances_with_errors(X, centers, np.ones((1, 1, 1)), np.full((1, 1, 1), e))
        for e in (0.0, 3.0, 99.0)
    ]
    assert np.ravel(squared) == pytest.approx([100.0, 25.0, 1.0])
