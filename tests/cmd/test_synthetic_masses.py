"""Initial mass functions: published shapes, and masses drawn from them."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from climbkit.cmd._synthetic_masses import MASS_FUNCTIONS, MassSampler


def slope(function, mass):
    """d log n / d log m."""
    a, b = mass * 0.999, mass * 1.001
    low, high = function(np.array([a, b]))
    return np.log(high / low) / np.log(b / a)


@pytest.mark.parametrize("name", sorted(MASS_FUNCTIONS))
@pytest.mark.parametrize("mass", [0.08, 0.5, 1.0])
def test_functions_have_no_step(name, mass):
    below, above = MASS_FUNCTIONS[name](np.array([mass * (1 - 1e-9), mass * (1 + 1e-9)]))
    assert below == pytest.approx(above, rel=0.01)  # Chabrier's own rounded numbers differ so


@pytest.mark.parametrize(
    ("name", "mass", "expected"),
    [
        ("kroupa", 0.05, -0.3),
        ("kroupa", 0.2, -1.3),
        ("kroupa", 5.0, -2.3),
        ("salpeter", 0.2, -2.35),
        ("salpeter", 5.0, -2.35),
        ("chabrier", 5.0, -2.3),
        ("chabrier", 0.079, -1.0),  # the peak per log10 of mass
    ],
)
def test_slopes_are_published_ones(name, mass, expected):
    assert slope(MASS_FUNCTIONS[name], mass) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", sorted(MASS_FUNCTIONS))
def test_masses_drawn_have_the_share_of_the_integral(name):
    function = MASS_FUNCTIONS[name]
    masses = MassSampler(function, 0.09, 20.0).draw(200_000, np.random.RandomState(0))
    assert masses.min() >= 0.09
    assert masses.max() <= 20.0
    ends = [0.09, 0.3, 0.5, 1.0, 3.0, 20.0]
    counts = [
        quad(lambda m: float(function(np.array(m))), a, b)[0] for a, b in itertools.pairwise(ends)
    ]
    share = np.histogram(masses, ends)[0] / len(masses)
    np.testing.assert_allclose(share, np.divide(counts, np.sum(counts)), rtol=0.03, atol=5e-4)


@pytest.mark.parametrize(
    "function",
    [lambda m: -m, lambda m: 0 * m, lambda m: np.nan * m, lambda m: m * np.inf, lambda m: 1.0],
)
def test_useless_functions_are_refused(function):
    with pytest.raises(ValueError, match="imf"):
        MassSampler(function, 0.1, 1.0)
