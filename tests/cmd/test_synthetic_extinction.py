"""Extinction in Gaia's bands: published values, and what must hold for any dust."""

import numpy as np
import pytest

from climbkit.cmd._extinction import gaia_extinction

#: ESA's other set of the same law, in normalised temperature, for the little dust of A_0 = 0: the
#: constant and the first three powers of T / 5040 K, for G, BP and RP.
BY_TEMPERATURE = np.array(
    [
        [0.259021858973784, 0.93676111876298, -0.437446499585492, 0.0783508476444952],
        [0.888088914696666, 0.11318390480077, 0.0846337732558566, -0.0371265818793239],
        [0.382719668454633, 0.505895415656219, -0.314981478333036, 0.0665302085130136],
    ]
)


def shares(bp_rp, a_v=1e-6):
    return np.array(gaia_extinction(np.atleast_1d(bp_rp), a_v)).ravel() / a_v


@pytest.mark.parametrize(("bp_rp", "temperature"), [(0.82, 5772.0), (0.15, 8500.0), (1.3, 4600.0)])
def test_colour_and_temperature_give_the_same_extinction(bp_rp, temperature):
    powers = (temperature / 5040.0) ** np.arange(4)
    np.testing.assert_allclose(shares(bp_rp), BY_TEMPERATURE @ powers, atol=0.02)


def test_shares_of_a_v_are_the_known_ones():
    g, bp, rp = shares(1.0, 0.5)
    np.testing.assert_allclose([g, bp, rp, bp - rp], [0.84, 1.06, 0.64, 0.41], atol=0.02)


def test_red_stars_lose_less_of_g_and_much_dust_less_than_in_proportion():
    a_g, a_bp, a_rp = gaia_extinction(np.linspace(0.0, 2.5, 26), 1.0)
    assert (np.diff(a_g) < 0).all()
    assert (a_bp > a_g).all()
    assert (a_g > a_rp).all()
    thin, thick = shares(1.0, 0.1), shares(1.0, 5.0)
    assert (thick < thin).all()


def test_no_dust_takes_nothing_and_more_dust_takes_more():
    a_v = np.linspace(0.0, 20.0, 201)
    for band in gaia_extinction(0.8, a_v):
        assert band[0] == 0.0
        assert (np.diff(band) > 0).all()


def test_beyond_the_fitted_colours_the_end_holds():
    np.testing.assert_array_equal(shares([-0.5, 6.0]), shares([-0.06, 2.5]))


@pytest.mark.parametrize("a_v", [-0.1, 20.1, np.nan])
def test_extinction_outside_the_law_is_an_error(a_v):
    with pytest.raises(ValueError, match="between 0 and 20"):
        gaia_extinction([1.0], a_v)
