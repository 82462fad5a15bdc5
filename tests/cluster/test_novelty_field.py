"""SmoothField: draws keep what is wide and blur what is small."""

import numpy as np
import pytest

from climbkit import SmoothField, SmoothMixture


@pytest.fixture(scope="module")
def rows():
    """A thin bent sheet that no mixture of few Gaussians follows, and a clump of 40 on it."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, 2000)
    sheet = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.01, (2000, 2))
    return np.vstack([sheet, rng.normal([0.0, 1.0], 0.004, (40, 2))])


def near(rows, center, radius):
    return np.sum(np.linalg.norm(rows - center, axis=1) < radius)


def test_draws_stay_on_a_sheet_that_a_mixture_leaves(rows):
    field = SmoothField(random_state=0).fit(rows)
    off = {
        type(drawn).__name__: np.abs(np.linalg.norm(drawn.sample(4000, 1), axis=1) - 1).mean()
        for drawn in (field, SmoothMixture(random_state=0).fit(rows))
    }
    assert off["SmoothField"] < 0.02
    assert off["SmoothMixture"] > 2 * off["SmoothField"]


def test_clump_is_blurred_and_its_rows_are_kept(rows):
    center = [0.0, 1.0]
    drawn = SmoothField(150, random_state=0).fit(rows).sample(len(rows))
    assert near(drawn, center, 0.015) < 0.6 * near(rows, center, 0.015)
    assert near(drawn, center, 0.15) == pytest.approx(near(rows, center, 0.15), rel=0.2)


def test_rows_without_weight_leave_no_trace(rows):
    clump = np.arange(len(rows)) >= 2000
    field = SmoothField(random_state=0).fit(rows, sample_weight=np.where(clump, 0.0, 1.0))
    without = SmoothField(random_state=0).fit(rows[~clump])
    center = [0.0, 1.0]
    counts = [near(f.sample(20_000, 1), center, 0.1) for f in (field, without)]
    assert counts[0] == pytest.approx(counts[1], rel=0.1)


def test_wider_neighbourhoods_blur_more(rows):
    center = [0.0, 1.0]
    counts = [
        near(SmoothField(k, random_state=0).fit(rows).sample(20_000), center, 0.015)
        for k in (10, 150, 500)
    ]
    assert counts[0] > 1.2 * counts[1] > 1.4 * counts[2]


def test_density_is_that_of_the_mixture(rows):
    field, mixture = (
        cls(random_state=0).fit(rows).score_samples(rows) for cls in (SmoothField, SmoothMixture)
    )
    np.testing.assert_array_equal(field, mixture)


def test_units_do_not_matter(rows):
    units = np.array([1e4, 1e-3])
    drawn = SmoothField(random_state=0).fit(rows).sample(100)
    scaled = SmoothField(random_state=0).fit(rows * units).sample(100)
    np.testing.assert_allclose(scaled / units, drawn, atol=1e-6)


def test_few_and_equal_rows_work():
    assert SmoothField().fit([[1.0, 2.0]]).sample(3).shape == (3, 2)
    np.testing.assert_allclose(SmoothField().fit(np.ones((200, 2))).sample(9), 1.0, atol=1e-2)
    weights = np.repeat([0.0, 1.0], 150)
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 150, axis=0)
    drawn = SmoothField(150, random_state=0).fit(X, sample_weight=weights).sample(20)
    np.testing.assert_allclose(drawn, 1.0, atol=1e-2)


def test_neighbourhoods_hold_two_rows_at_least(rows):
    with pytest.raises(ValueError, match="'n_neighbors' parameter of SmoothField must be"):
        SmoothField(1).fit(rows)
