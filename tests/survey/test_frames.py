"""Frames against astropy and against what a sphere demands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.survey import _frames as frames

LONGITUDE = st.floats(0, 360, exclude_max=True)
LATITUDE = st.floats(-89.9, 89.9)


def around(lon, lat, radius, n, seed=0):
    """Positions within a radius (deg) of a centre, by astropy's offsets."""
    coordinates = pytest.importorskip("astropy.coordinates")
    import astropy.units as u

    rng = np.random.default_rng(seed)
    centre = coordinates.SkyCoord(lon, lat, unit="deg")
    there = centre.directional_offset_by(
        rng.uniform(0, 360, n) * u.deg, rng.uniform(0, radius, n) * u.deg
    )
    return there.ra.deg, there.dec.deg


def test_unwrapped_longitudes_are_near_and_keep_their_bits():
    longitude = np.array([359.9, 0.1, 180.3, 0.7])
    np.testing.assert_allclose(frames.unwrap(longitude, 0.0), [-0.1, 0.1, -179.7, 0.7])
    assert frames.unwrap(longitude, 0.0)[3] == 0.7
    np.testing.assert_array_equal(frames.unwrap(longitude, 180.0), longitude)


@given(st.floats(-1e4, 1e4))
def test_wrapped_longitudes_are_on_the_circle(longitude):
    wrapped = frames.wrap(np.array([longitude, -1e-20]))
    assert np.all((wrapped >= 0) & (wrapped < 360))
    assert np.cos(np.radians(wrapped[0] - longitude)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("longitude", "start", "extent"),
    [
        ([350.0, 5.0, 359.0], 350.0, 15.0),
        ([10.0, 20.0], 10.0, 10.0),
        ([7.0], 7.0, 0.0),
        ([0.0, 90.0, 180.0, 260.0], 0.0, 260.0),
    ],
)
def test_span_leaves_out_the_widest_gap(longitude, start, extent):
    assert frames.longitude_span(np.array(longitude)) == pytest.approx((start, extent))


@settings(deadline=None, max_examples=25)
@given(LONGITUDE, LATITUDE)
def test_projection_keeps_bearings_and_is_equal_area(lon, lat):
    coordinates = pytest.importorskip("astropy.coordinates")
    stars = around(lon, lat, 30.0, 50)
    x, y = frames.TangentPlane(lon, lat, frames.unit_vectors(*stars)).positions()
    sky = coordinates.SkyCoord(*stars, unit="deg")
    centre = coordinates.SkyCoord(lon, lat, unit="deg")
    angle = centre.separation(sky).deg
    # The radius at which a disc has the area of the cap.
    np.testing.assert_allclose(np.hypot(x, y), np.degrees(2 * np.sin(np.radians(angle) / 2)))
    bearing = centre.position_angle(sky).rad
    np.testing.assert_allclose(x, np.hypot(x, y) * np.sin(bearing), atol=1e-9)
    np.testing.assert_allclose(y, np.hypot(x, y) * np.cos(bearing), atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(LONGITUDE, LATITUDE)
def test_carried_motions_keep_speed_and_their_angle_with_the_great_circle(lon, lat):
    coordinates = pytest.importorskip("astropy.coordinates")
    stars = around(lon, lat, 30.0, 50)
    rng = np.random.default_rng(1)
    pm = rng.normal(size=(2, 50))
    plane = frames.TangentPlane(lon, lat, frames.unit_vectors(*stars))
    x, y = plane.motions(frames.motion_vectors(*pm, *stars))
    np.testing.assert_allclose(np.hypot(x, y), np.hypot(*pm))
    sky = coordinates.SkyCoord(*stars, unit="deg")
    centre = coordinates.SkyCoord(lon, lat, unit="deg")
    # Great circle away from the centre: at the centre, and as it arrives at the star.
    leaving = centre.position_angle(sky).rad
    arriving = sky.position_angle(centre).rad + np.pi
    turned = (np.arctan2(*pm) - arriving) - (np.arctan2(x, y) - leaving)
    np.testing.assert_allclose(np.cos(turned), 1.0, atol=1e-9)


def test_motions_agree_on_both_sides_of_a_pole():
    # A rigid drift across the pole: each star's own axes turn by its longitude.
    lon = np.array([0.0, 90.0, 180.0, 270.0])
    drift = 2.0
    pm_lon, pm_lat = drift * np.cos(np.radians(lon)), -drift * np.sin(np.radians(lon))
    plane = frames.TangentPlane(0.0, 89.99, frames.unit_vectors(lon, np.full(4, 89.9)))
    x, y = plane.motions(frames.motion_vectors(pm_lon, pm_lat, lon, np.full(4, 89.9)))
    assert np.ptp(pm_lon) > drift
    assert np.ptp(x) < 1e-2 * drift
    assert np.ptp(y) < 1e-2 * drift


def test_axes_turn_between_galactic_and_equatorial_as_in_astropy():
    coordinates = pytest.importorskip("astropy.coordinates")
    import astropy.units as u

    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 40), rng.uniform(-89, 89, 40)
    pm = rng.normal(size=(2, 40))
    sky = coordinates.SkyCoord(
        ra * u.deg, dec * u.deg, pm_ra_cosdec=pm[0] * u.mas / u.yr, pm_dec=pm[1] * u.mas / u.yr
    ).galactic
    expected = np.stack([sky.pm_l_cosb.value, sky.pm_b.value])
    galactic = frames.turn_axes(*pm, sky.l.deg, sky.b.deg, frames.CELESTIAL_POLE_IN_GALACTIC)
    np.testing.assert_allclose(galactic, expected, atol=1e-6)
    back = frames.turn_axes(*expected, ra, dec, frames.GALACTIC_POLE_IN_ICRS)
    np.testing.assert_allclose(back, pm, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(LONGITUDE, LATITUDE)
def test_separations_and_directions_are_those_of_the_sphere(lon, lat):
    coordinates = pytest.importorskip("astropy.coordinates")
    stars = around(lon, lat, 170.0, 20)
    expected = coordinates.SkyCoord(lon, lat, unit="deg").separation(
        coordinates.SkyCoord(*stars, unit="deg")
    )
    np.testing.assert_allclose(frames.separation(*stars, lon, lat), expected.deg, atol=1e-9)
    back = frames.directions(7.0 * frames.unit_vectors(*stars))
    np.testing.assert_allclose(frames.separation(*stars, *back), 0, atol=1e-9)
