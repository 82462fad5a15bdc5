"""Distances in a layer, and what part of usual samples is nearer."""

import numpy as np
import pytest

from climbkit.neural._outliers import distances, fit_distances, tail_scores


def two_classes(n=400, seed=0):
    """Features of two classes with one covariance, whose axes are not those of the features."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    mixing = np.array([[2.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 0.2]])
    return rng.normal(size=(n, 3)) @ mixing + np.where(y == 1, 8.0, 0.0)[:, None], y


def test_distance_is_that_of_mahalanobis_to_the_nearest_class():
    features, y = two_classes(20_000)
    model = fit_distances(features, y)
    means = np.array([features[y == label].mean(axis=0) for label in (0, 1)])
    inverse = np.linalg.inv(np.cov((features - means[y]).T))
    points = np.random.default_rng(1).normal(scale=5, size=(50, 3))
    offsets = points[:, None] - means
    expected = np.sqrt(np.einsum("nki,ij,nkj->nk", offsets, inverse, offsets).min(axis=1))
    # The covariance is shrunk, of so many samples hardly.
    np.testing.assert_allclose(distances(model, points), expected, rtol=0.02)


def test_scores_are_tail_fractions_of_samples_of_the_same_kind():
    features, y = two_classes()
    model = fit_distances(features, y, two_classes(500, seed=1)[0])
    score = tail_scores(model, distances(model, two_classes(20_000, seed=2)[0]))
    for q in (0.5, 0.1, 0.02):
        spread = np.sqrt(q * (1 - q) / 500)
        assert np.mean(1 - score <= q) == pytest.approx(q, abs=4 * spread)


def test_far_away_is_the_largest_score_and_the_mean_the_smallest():
    features, y = two_classes()
    model = fit_distances(features, y, two_classes(99, seed=1)[0])
    far = np.array([[100.0, 0, 0], [0, 0, -100.0]])
    np.testing.assert_array_equal(tail_scores(model, distances(model, far)), 99 / 100)
    mean = features[y == 0].mean(axis=0, keepdims=True)
    assert tail_scores(model, distances(model, mean))[0] == 0.0


def test_order_of_samples_and_unit_of_features_do_not_matter():
    features, y = two_classes()
    points = two_classes(50, seed=3)[0]
    order = np.random.default_rng(0).permutation(len(y))
    expected = distances(fit_distances(features, y), points)
    np.testing.assert_allclose(
        distances(fit_distances(features[order], y[order]), points), expected, rtol=1e-9
    )
    np.testing.assert_allclose(
        distances(fit_distances(1e-6 * features, y), 1e-6 * points), expected, rtol=1e-6
    )


def test_what_never_differed_in_training_is_far_away_if_it_differs():
    features, y = two_classes()
    features = np.column_stack([features, np.zeros(len(y))])  # a unit that is dead
    model = fit_distances(features, y)
    alive = features[:1] + np.array([0, 0, 0, 1.0])
    assert np.isfinite(distances(model, alive)).all()
    assert distances(model, alive)[0] > 5 + distances(model, features[:1])[0]


def test_layers_that_are_dead_altogether_know_plain_distances():
    y = np.arange(10) % 2
    model = fit_distances(np.zeros((10, 2)), y)
    np.testing.assert_allclose(distances(model, np.array([[3.0, 4.0]])), 5.0)
    np.testing.assert_array_equal(model["usual"], 0.0)
