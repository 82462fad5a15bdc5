"""The density of a set at other places."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from climbkit.kernels import _density_at, gaussian_density, gaussian_density_at


def all_pairs(targets, X, bandwidth):
    return np.exp(-0.5 * (cdist(targets, X) / bandwidth) ** 2).sum(axis=1)


@pytest.mark.parametrize("direct_pairs", [0, 10**9], ids=["subtracted", "direct"])
@pytest.mark.parametrize("bandwidth", [0.02, 0.3, 3.0])
def test_error_stays_within_its_bound(monkeypatch, direct_pairs, bandwidth):
    monkeypatch.setattr(_density_at, "_DIRECT_PAIRS", direct_pairs)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 3))
    # Many targets at nearly one place: their own density is far above that of X.
    targets = np.vstack([rng.normal(size=(500, 3)), rng.normal(0, 1e-3, (3000, 3)), X[:5], X[:5]])
    found = gaussian_density_at(targets, X, bandwidth, atol=1e-6)
    peak = all_pairs(X, X, bandwidth).max()
    assert np.abs(found - all_pairs(targets, X, bandwidth)).max() <= 1e-6 * peak


def test_density_at_the_points_themselves_is_gaussian_density():
    X = np.random.default_rng(1).normal(size=(300, 2))
    np.testing.assert_allclose(gaussian_density_at(X, X, 0.5), gaussian_density(X, 0.5), rtol=1e-5)


def test_zero_bandwidth_counts_equal_rows():
    X = [[0.0], [0.0], [1.0]]
    found = gaussian_density_at([[0.0], [0.0], [2.0]], X, 0.0)
    assert found.tolist() == [2.0, 2.0, 0.0]


def test_width_must_agree():
    with pytest.raises(ValueError, match="targets has 1 columns and X has 2"):
        gaussian_density_at([[0.0]], [[0.0, 1.0]], 1.0)
