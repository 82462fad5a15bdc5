"""Positions and proper motions of one tile in a frame of its own: no poles, no wrap, no cos b.

The tangent frame is Lambert's azimuthal equal-area projection about the centre of the tile. Among
the azimuthal projections it is the one that keeps areas, hence the surface density that
density-based clustering measures: a uniform field stays uniform up to the corners. It reaches over
the whole sphere but the antipode, so that coarse tiles need no other rule; inside a tile of 5 deg
the gnomonic and the orthographic plane differ from it by less than 0.2 %. Proper
motions are carried along the great circle to the centre, else two members on either side of a
pole would seem to move in opposite directions.
"""

import math

import numpy as np

FULL_CIRCLE = 360.0  # deg
POLE = 90.0  # deg

# Poles of one system in the other, (longitude, latitude) in deg: the definition of Galactic
# coordinates in the Gaia catalogue (Hipparcos, ESA SP-1200, vol. 1, sect. 1.5.3).
GALACTIC_POLE_IN_ICRS = (192.85948, 27.12825)
CELESTIAL_POLE_IN_GALACTIC = (122.93192, 27.12825)


def unwrap(longitude, around):
    """Return longitudes within half a turn of another one.

    Parameters
    ----------
    longitude : ndarray of shape (n_stars,)
        Degrees, within one turn of `around`.
    around : float
        Degrees.

    Returns
    -------
    longitude : ndarray of shape (n_stars,)
        Degrees, from ``around - 180`` on; those that lie there already keep all their bits.
    """
    half = FULL_CIRCLE / 2
    turns = np.floor((longitude - around + half) / FULL_CIRCLE)
    return longitude - turns * FULL_CIRCLE


def wrap(longitude):
    """Return longitudes from 0 (included) to 360 deg (excluded).

    Parameters
    ----------
    longitude : ndarray of shape (n_stars,)
        Degrees.

    Returns
    -------
    longitude : ndarray of shape (n_stars,)
        Degrees; those that lie in the range already keep all their bits.
    """
    wrapped = np.where(
        (longitude >= 0) & (longitude < FULL_CIRCLE), longitude, np.mod(longitude, FULL_CIRCLE)
    )
    # The remainder of a tiny negative number rounds to 360 itself.
    return np.where(wrapped == FULL_CIRCLE, 0.0, wrapped)


def longitude_span(longitude):
    """Return the shortest stretch of longitudes that holds all stars.

    Parameters
    ----------
    longitude : ndarray of shape (n_stars,)
        Degrees, at least one.

    Returns
    -------
    start : float
        Lower edge, from 0 to 360 deg.
    extent : float
        Degrees to the upper edge, which may lie beyond 360: what is left of the circle without
        its widest gap.
    """
    sorted_ = np.sort(wrap(longitude))
    gaps = np.diff(sorted_, append=sorted_[0] + FULL_CIRCLE)
    widest = int(np.argmax(gaps))
    start = sorted_[(widest + 1) % len(sorted_)]
    return float(start), float(max(FULL_CIRCLE - gaps[widest], 0.0))


def unit_vectors(longitude, latitude):
    """Return directions as unit vectors.

    Parameters
    ----------
    longitude, latitude : ndarray of shape (n_stars,)
        Degrees.

    Returns
    -------
    vectors : ndarray of shape (3, n_stars)
        Components along longitude 0, longitude 90 and the pole.
    """
    lon, lat = np.radians(longitude), np.radians(latitude)
    cos_lat = np.cos(lat)
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), np.sin(lat)])


def directions(vectors):
    """Return longitudes and latitudes of vectors of any length.

    Parameters
    ----------
    vectors : ndarray of shape (3, n_stars)
        Components as of `unit_vectors`.

    Returns
    -------
    longitude, latitude : ndarray of shape (n_stars,)
        Degrees, the longitude from 0 to 360.
    """
    x, y, z = vectors
    return wrap(np.degrees(np.arctan2(y, x))), np.degrees(np.arctan2(z, np.hypot(x, y)))


def separation(longitude, latitude, other_longitude, other_latitude):
    """Return angular distances on the sphere.

    Parameters
    ----------
    longitude, latitude : ndarray of shape (n_stars,)
        Degrees.
    other_longitude, other_latitude : float or ndarray of shape (n_stars,)
        Degrees.

    Returns
    -------
    distance : ndarray of shape (n_stars,)
        Degrees, by the haversine formula, which keeps its digits at small distances.
    """
    sin_lat = np.sin(np.radians(latitude - other_latitude) / 2)
    sin_lon = np.sin(np.radians(longitude - other_longitude) / 2)
    cosines = np.cos(np.radians(latitude)) * np.cos(np.radians(other_latitude))
    h = sin_lat**2 + cosines * sin_lon**2
    return np.degrees(2.0 * np.arcsin(np.sqrt(np.minimum(h, 1.0))))


def motion_vectors(pm_lon, pm_lat, longitude, latitude):
    """Return proper motions as vectors in the axes of `unit_vectors`.

    Parameters
    ----------
    pm_lon, pm_lat : ndarray of shape (n_stars,)
        Along growing longitude (with the factor cos latitude, as Gaia's ``pmra``) and latitude.
    longitude, latitude : ndarray of shape (n_stars,)
        Degrees.

    Returns
    -------
    vectors : ndarray of shape (3, n_stars)
        Tangent to the sphere, in the same unit.
    """
    lon, lat = np.radians(longitude), np.radians(latitude)
    sin_lon, cos_lon, inwards = np.sin(lon), np.cos(lon), np.sin(lat) * pm_lat
    return np.stack(
        [
            -sin_lon * pm_lon - cos_lon * inwards,
            cos_lon * pm_lon - sin_lon * inwards,
            np.cos(lat) * pm_lat,
        ]
    )


class TangentPlane:
    """Equal-area plane about a point of the sphere.

    Parameters
    ----------
    longitude, latitude : float
        The point, degrees.
    vectors : ndarray of shape (3, n_stars)
        Stars, as of `unit_vectors`.

    Notes
    -----
    Sums are written out: a matrix product may round a star differently in different company.

    References
    ----------
    Snyder, J. P. 1987, Map Projections: A Working Manual, USGS Professional Paper 1395, ch. 24.
    https://doi.org/10.3133/pp1395
    """

    def __init__(self, longitude, latitude, vectors):
        lon, lat = math.radians(longitude), math.radians(latitude)
        self._turn = math.sin(lon), math.cos(lon), math.sin(lat), math.cos(lat)
        self._east, self._north, towards = self._components(vectors)
        # 0 at the antipode, which has no image; the floor keeps it from dividing.
        self._sum = np.maximum(1.0 + towards, np.finfo(float).tiny)

    def _components(self, vectors):
        """Components to the east and the north of the centre, and towards it."""
        x, y, z = vectors
        sin_lon, cos_lon, sin_lat, cos_lat = self._turn
        level = cos_lon * x + sin_lon * y
        return (
            cos_lon * y - sin_lon * x,
            cos_lat * z - sin_lat * level,
            sin_lat * z + cos_lat * level,
        )

    def positions(self):
        """Return the stars' places in the plane.

        Returns
        -------
        x, y : ndarray of shape (n_stars,)
            Degrees; x towards growing longitude, y towards the pole.
        """
        scale = np.degrees(np.sqrt(2.0 / self._sum))
        return scale * self._east, scale * self._north

    def motions(self, vectors):
        """Return the stars' proper motions along the axes of the plane.

        Parameters
        ----------
        vectors : ndarray of shape (3, n_stars)
            As of `motion_vectors`.

        Returns
        -------
        pm_x, pm_y : ndarray of shape (n_stars,)
            In the same unit. Each vector keeps its angle with the great circle from the centre to
            the star (parallel transport).
        """
        east, north, towards = self._components(vectors)
        turned = towards / self._sum
        return east - turned * self._east, north - turned * self._north


def turn_axes(pm_lon, pm_lat, longitude, latitude, pole):
    """Turn proper motions from the axes of another coordinate system to the stars' own.

    Parameters
    ----------
    pm_lon, pm_lat : ndarray of shape (n_stars,)
        Along longitude (with the factor cos latitude) and latitude of the other system.
    longitude, latitude : ndarray of shape (n_stars,)
        Degrees, in the own system.
    pole : tuple of two floats
        North pole of the other system in the own one, degrees, such as
        `CELESTIAL_POLE_IN_GALACTIC`.

    Returns
    -------
    pm_lon, pm_lat : ndarray of shape (n_stars,)
        In the same unit, along longitude and latitude of the own system.
    """
    east, north = _towards(longitude, latitude, *pole)
    return pm_lon * north + pm_lat * east, pm_lat * north - pm_lon * east


def _towards(longitude, latitude, other_longitude, other_latitude):
    """Unit vector on the sky (east, north) that points from each star to another position."""
    delta = np.radians(other_longitude - longitude)
    lat, other = np.radians(latitude), np.radians(other_latitude)
    east = np.cos(other) * np.sin(delta)
    north = np.sin(other) * np.cos(lat) - np.cos(other) * np.sin(lat) * np.cos(delta)
    length = np.maximum(np.hypot(east, north), np.finfo(float).tiny)
    return east / length, north / length
