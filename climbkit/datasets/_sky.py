"""The sky for simulated stars: tangent planes, offsets on the sphere, Galactic to equatorial."""

import numpy as np

# Rows: the ICRS axes of the Galactic x, y and z; The Hipparcos and Tycho Catalogues (ESA SP-1200,
# 1997), vol. 1, eq. 1.5.11, which Gaia uses too (Gaia DR3 documentation, section 4.1.7).
ICRS_TO_GALACTIC = np.array(
    [
        [-0.0548755604162154, -0.8734370902348850, -0.4838350155487132],
        [+0.4941094278755837, -0.4448296299600112, +0.7469822444972189],
        [-0.8676661490190047, -0.1980763734312015, +0.4559837761750669],
    ]
)


def unit_vectors(lon, lat):
    """Return unit vectors of shape (n, 3) of longitudes and latitudes in degrees."""
    lon, lat = np.radians(lon), np.radians(lat)
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def directions(vectors):
    """Return longitudes from 0 to 360 and latitudes, in degrees, of vectors of any length."""
    lon = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360.0
    lon[lon == 360.0] = 0.0  # the remainder of a tiny negative angle rounds up
    return lon, np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))


def tangent_axes(lon, lat):
    """Return the unit vectors to the east and to the north at each position, of shape (n, 3)."""
    lon, lat = np.radians(lon), np.radians(lat)
    sin_lon, cos_lon, sin_lat = np.sin(lon), np.cos(lon), np.sin(lat)
    east = np.column_stack([-sin_lon, cos_lon, np.zeros_like(lon)])
    north = np.column_stack([-sin_lat * cos_lon, -sin_lat * sin_lon, np.cos(lat)])
    return east, north


def from_tangent_plane(x, y, center):
    """Return longitude and latitude of points of the tangent plane at `center`, all in degrees.

    A unit of x (east) and y (north) is one degree at the point of contact (gnomonic projection).
    """
    lon, lat = (np.atleast_1d(float(value)) for value in center)
    east, north = tangent_axes(lon, lat)
    x, y = np.radians(x)[:, None], np.radians(y)[:, None]
    return directions(unit_vectors(lon, lat) + x * east + y * north)


def to_tangent_plane(lon, lat, center):
    """Return x and y, in degrees, on the tangent plane at `center`; NaN beyond 90 degrees."""
    center_lon, center_lat = (np.atleast_1d(float(value)) for value in center)
    east, north = tangent_axes(center_lon, center_lat)
    vectors = unit_vectors(lon, lat)
    depth = vectors @ unit_vectors(center_lon, center_lat)[0]
    depth = np.where(depth > 0, depth, np.nan)
    return np.degrees(vectors @ east[0] / depth), np.degrees(vectors @ north[0] / depth)


def offset(lon, lat, separation, angle):
    """Return the positions at a separation (degrees) and angle (radians, from east) from others."""
    east, north = tangent_axes(lon, lat)
    along = np.cos(angle)[:, None] * east + np.sin(angle)[:, None] * north
    away = np.radians(separation)[:, None]
    return directions(np.cos(away) * unit_vectors(lon, lat) + np.sin(away) * along)


def galactic_to_icrs(lon, lat):
    """Return ra and dec of Galactic longitudes and latitudes, all in degrees."""
    return directions(unit_vectors(lon, lat) @ ICRS_TO_GALACTIC)


def icrs_to_galactic(ra, dec):
    """Return Galactic longitude and latitude of ra and dec, all in degrees."""
    return directions(unit_vectors(ra, dec) @ ICRS_TO_GALACTIC.T)
