"""Mean astrometry of the members of a cluster, and what it is computed from."""

from typing import NamedTuple

import numpy as np

from climbkit.survey._frames import (
    CELESTIAL_POLE_IN_GALACTIC,
    TangentPlane,
    directions,
    turn_axes,
    unit_vectors,
)
from climbkit.survey._star_errors import carry

ARCMIN = 60.0  # in a degree


class Astrometry(NamedTuple):
    """Parallax and proper motions of stars, along the axes at one centre.

    Attributes
    ----------
    values : ndarray of shape (n_stars, 3)
        Parallax (mas), pmra and pmdec (mas/yr).
    errors : ndarray of shape (n_stars, 3, 3)
        Their covariances.
    """

    values: np.ndarray
    errors: np.ndarray

    def mean(self):
        """Return means by inverse variance, one by one, and their errors: two of shape (3,)."""
        weights = 1.0 / np.einsum("nii->ni", self.errors)
        total = weights.sum(axis=0)
        return (weights * self.values).sum(axis=0) / total, total**-0.5


def astrometry_at(centre, vectors, columns, errors, coordinates):
    """Return the astrometry of stars along the directions of ra and dec at a centre.

    Parameters
    ----------
    centre : pair of float
        Longitude and latitude, deg, by `coordinates`.
    vectors : ndarray of shape (3, n_stars)
        Directions of the stars.
    columns : ndarray of shape (5, n_stars)
        Longitude, latitude, parallax, pmra, pmdec.
    errors : ndarray of shape (n_stars, 3, 3)
        Covariances of the last three.
    coordinates : pair of str
        Names of longitude and latitude.

    Returns
    -------
    astrometry : Astrometry
        Proper motions carried along great circles to the centre, so that the axes of all stars
        are the same, also at a pole.
    """
    _, values, errors = carry(centre, vectors, columns, errors, coordinates)
    if tuple(coordinates) == ("l", "b"):
        # `carry` gave motions along l and b; the way back is the turn the other way.
        turn = np.eye(3)
        for axis, unit in enumerate(np.eye(2)):
            turn[1:, 1 + axis] = turn_axes(*unit, *centre, CELESTIAL_POLE_IN_GALACTIC)
        values, errors = values @ turn, turn.T @ errors @ turn
    return Astrometry(values, errors)


def centre_and_radii(vectors):
    """Return mean direction and separations from it.

    Parameters
    ----------
    vectors : ndarray of shape (3, n_stars)
        Unit vectors.

    Returns
    -------
    longitude, latitude : float
        Degrees.
    separations : ndarray of shape (n_stars,)
        Degrees, on the sphere.
    """
    lon, lat = directions(vectors.mean(axis=1))
    towards = unit_vectors(lon, lat)[:, None]
    chord = np.sqrt(((vectors - towards) ** 2).sum(axis=0))
    return float(lon), float(lat), np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1.0)))


def offsets(centre, vectors):
    """Return places of stars in the tangent plane at a centre, shape (n_stars, 2), in arcmin."""
    return ARCMIN * np.column_stack(TangentPlane(*centre, vectors).positions())
