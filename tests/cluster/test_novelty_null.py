"""SmoothMixture: a mixture's likelihood, and components that cannot shrink onto a clump."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from climbkit import SmoothMixture


@pytest.fixture(scope="module")
def rows():
    """Two wide Gaussians with correlations, in unlike units, and a clump."""
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(800, 2)) @ [[1.0, 0.5], [0.0, 0.4]]
    other = rng.normal(size=(400, 2)) @ [[0.5, 0.0], [-0.3, 1.0]] + [4.0, 1.0]
    clump = rng.normal([4.0, -2.0], 0.02, (40, 2))
    return np.vstack([wide, other, clump]) * [50.0, 0.5] + [7.0, 0.0]


def test_log_density_is_that_of_the_mixture(rows):
    smooth = SmoothMixture(random_state=0).fit(rows)
    parts = zip(smooth.weights_, smooth.means_, smooth.covariances_, strict=True)
    expected = sum(w * multivariate_normal(m, c).pdf(rows) for w, m, c in parts)
    np.testing.assert_allclose(smooth.score_samples(rows), np.log(expected), rtol=1e-6)
    assert smooth.score(rows) == pytest.approx(np.log(expected).mean())


def test_without_a_floor_it_is_as_likely_as_an_ordinary_mixture(rows):
    X = rows[:1200]
    smooth = SmoothMixture(2, min_scale=0.0, tol=1e-7, random_state=0).fit(X)
    ordinary = GaussianMixture(2, tol=1e-7, n_init=3, max_iter=500, random_state=0).fit(X)
    assert smooth.score(X) == pytest.approx(ordinary.score(X), abs=2e-3)
    assert smooth.bic_ == pytest.approx(ordinary.bic(X), abs=5)


def test_no_component_shrinks_onto_a_clump(rows):
    assert SmoothMixture(min_scale=0.0, random_state=0).fit(rows).score(rows) > (
        SmoothMixture(random_state=0).fit(rows).score(rows) + 0.02
    )
    smooth = SmoothMixture(random_state=0).fit(rows / rows.std(axis=0))
    sizes = np.linalg.det(smooth.covariances_) ** (1 / 4)
    assert sizes.min() > 0.1
    assert smooth.weights_.min() >= smooth.min_weight


def test_weights_count_as_repetitions(rows):
    weights = np.random.default_rng(1).integers(0, 3, len(rows))
    settings = {"max_components": 1, "min_scale": 0.0}
    weighted = SmoothMixture(**settings).fit(rows, sample_weight=weights)
    repeated = SmoothMixture(**settings).fit(np.repeat(rows, weights, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_)
    np.testing.assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-4)


def test_refit_follows_other_rows_with_as_many_components(rows):
    smooth = SmoothMixture(random_state=0).fit(rows)
    moved = rows + 0.5 * rows.std(axis=0)
    refit = smooth.refit(moved, np.ones(len(rows)))
    assert len(refit.weights_) == len(smooth.weights_)
    assert refit.score(moved) > smooth.score(moved) + 0.05


def test_draws_look_like_the_fit(rows):
    smooth = SmoothMixture(random_state=0).fit(rows)
    drawn = smooth.sample(20_000, random_state=1)
    mean = smooth.weights_ @ smooth.means_
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.03 * rows.std(axis=0).max())
    np.testing.assert_allclose(drawn.std(axis=0), rows.std(axis=0), rtol=0.05)
    np.testing.assert_array_equal(drawn, smooth.sample(20_000, random_state=1))


def test_constant_columns_equal_rows_and_one_row_work():
    rng = np.random.default_rng(0)
    for X in (
        np.column_stack([rng.normal(size=50), np.ones(50)]),
        np.ones((30, 3)),
        [[1.0, 2.0]],
    ):
        smooth = SmoothMixture(random_state=0).fit(X)
        assert np.isfinite(smooth.score_samples(X)).all()
        assert np.isfinite(smooth.sample(5)).all()
