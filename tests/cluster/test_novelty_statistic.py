"""local_contrast: counts inside a group's region against what the fit expects there."""

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from climbkit.cluster import local_contrast
from climbkit.cluster._novelty_statistic import find_regions, fit_without_groups


class Flat:
    """Density 1 everywhere: the fit of a unit cube, at its best."""

    def score_samples(self, X):
        return np.zeros(len(X))


@pytest.fixture(scope="module")
def ball():
    """An even ball of 50 rows among 2,000 in the unit cube; labels of those in the ball."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(50, 3))
    direction *= (rng.uniform(size=(50, 1)) ** (1 / 3)) / np.linalg.norm(
        direction, axis=1, keepdims=True
    )
    X = np.vstack([rng.uniform(size=(2000, 3)), 0.5 + 0.1 * direction])
    labels = np.repeat([-1, 0], [2000, 50])
    return X, labels


def test_statistic_is_the_poisson_likelihood_ratio_in_the_group_s_ellipsoid(ball):
    X, labels = ball
    members = X[labels == 0]
    off = members - members.mean(axis=0)
    inverse = np.linalg.inv(5 * np.cov(off.T, bias=True))
    distance = np.einsum("ni,ij,nj->n", X - members.mean(axis=0), inverse, X - members.mean(axis=0))
    inside = np.sum(distance <= 1)
    around = np.sum((distance > 1) & (distance <= 4 ** (2 / 3)))
    volume = 4 / 3 * np.pi / np.sqrt(np.linalg.det(inverse))
    level = max((around + 1) / (3 * len(X) * volume), 1.0)
    expected = 2 * len(X) * volume * level
    value = inside * np.log(inside / expected) - (inside - expected)
    np.testing.assert_allclose(local_contrast(X, labels, Flat()), value, rtol=1e-3)
    assert value > 5


def test_groups_that_are_no_denser_than_around_count_nothing(ball):
    X, _ = ball
    middle = np.linalg.norm(X - [0.25, 0.25, 0.25], axis=1) < 0.15
    assert local_contrast(X, np.where(middle, 0, -1), Flat()) == 0


def test_tolerance_forgives_an_error_of_the_fit(ball):
    X, labels = ball
    values = [local_contrast(X, labels, Flat(), tolerance=t)[0] for t in (1.0, 2.0, 4.0, 8.0)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == 0


def test_level_of_the_fit_does_not_matter_where_it_is_too_low(ball):
    class Low(Flat):
        def score_samples(self, X):
            return np.full(len(X), -9.0)

    X, labels = ball
    low, flat = (local_contrast(X, labels, null()) for null in (Low, Flat))
    np.testing.assert_allclose(low, flat, rtol=0.2)


def test_no_group_gives_no_statistic(ball):
    X, labels = ball
    assert local_contrast(X, np.full(len(X), -1), Flat()).shape == (0,)
    assert find_regions(X, labels).points.shape == (1, 2, 256, 3)


def test_groups_weigh_in_the_fit_what_lies_around_them(ball):
    X, labels = ball
    seen = []

    def fit(weights, null):
        seen.append(weights)
        return KernelDensity(bandwidth=0.3).fit(X, sample_weight=weights)

    fit_without_groups(X, labels, fit)
    assert (seen[0] == 1).all()
    assert (seen[-1][labels < 0] == 1).all()
    assert np.ptp(seen[-1][labels == 0]) == 0
    # Of the 50 so many are left as make up for the share of the ball that strangers leave empty.
    assert seen[-1][labels == 0].sum() < 5


def test_group_of_the_field_s_own_density_keeps_its_weight(ball):
    X, _ = ball
    labels = np.where(np.linalg.norm(X - [0.25, 0.25, 0.25], axis=1) < 0.15, 0, -1)
    seen = []

    def fit(weights, null):
        seen.append(weights)
        return Flat()

    fit_without_groups(X, labels, fit)
    assert all((weights == 1).all() for weights in seen)
