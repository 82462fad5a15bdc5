"""Covariances of parallax and proper motions, and their way into another frame."""

import numpy as np

from climbkit.survey._frames import (
    CELESTIAL_POLE_IN_GALACTIC,
    TangentPlane,
    motion_vectors,
    turn_axes,
)
from climbkit.survey._stage_input import ASTROMETRY
from climbkit.survey._star_columns import numbers_in


def covariances(table):
    """Return the covariance of each star's astrometry.

    Parameters
    ----------
    table : DataFrame of shape (n_stars, n_columns)
        With ``parallax_error``, ``pmra_error`` and ``pmdec_error``; correlations, such as
        ``parallax_pmra_corr``, count as 0 where they are missing.

    Returns
    -------
    errors : ndarray of shape (n_stars, 3, 3)
        Of parallax, pmra and pmdec; NaN where an error is missing or not above 0.

    Raises
    ------
    ValueError
        If a column of errors is missing, or a correlation does not lie between -1 and 1.
    """
    names = [f"{name}_error" for name in ASTROMETRY]
    missing = [name for name in names if name not in table]
    if missing:
        raise ValueError(
            f"stars have no column {missing[0]!r}: errors are needed here. Rename the columns "
            'that hold them, or choose model="published", which takes none.'
        )
    sigma = np.column_stack([numbers_in(table, name) for name in names])
    sigma[~(sigma > 0)] = np.nan
    errors = np.zeros((len(table), 3, 3))
    for i in range(3):
        errors[:, i, i] = sigma[:, i] ** 2
        for j in range(i):
            name = f"{ASTROMETRY[j]}_{ASTROMETRY[i]}_corr"
            if name in table:
                correlation = np.nan_to_num(numbers_in(table, name), nan=0.0)
                if np.any(np.abs(correlation) > 1):
                    raise ValueError(f"column {name!r} must lie between -1 and 1.")
                errors[:, i, j] = errors[:, j, i] = correlation * sigma[:, i] * sigma[:, j]
    return errors


def carry(centre, vectors, columns, errors, coordinates):
    """Return astrometry and its covariances in the tangent plane at a centre.

    Parameters
    ----------
    centre : pair of float
        Longitude and latitude, deg.
    vectors : ndarray of shape (3, n_stars)
        Directions of the stars.
    columns : ndarray of shape (5, n_stars)
        Longitude, latitude, parallax, pmra, pmdec.
    errors : ndarray of shape (n_stars, 3, 3)
        Covariances of the last three.
    coordinates : pair of str
        Names of longitude and latitude: beside l and b, proper motions along ra and dec are
        turned.

    Returns
    -------
    place : ndarray of shape (n_stars, 2)
        Positions in the plane, deg.
    values : ndarray of shape (n_stars, 3)
        Parallax and proper motions along the axes of the plane.
    errors : ndarray of shape (n_stars, 3, 3)
        Their covariances.
    """
    plane = TangentPlane(*centre, vectors)
    lon, lat = columns[:2]
    turn = np.zeros((lon.size, 3, 3))
    turn[:, 0, 0] = 1.0
    # Where unit motions along each axis go tells how all motions turn.
    for axis, unit in enumerate(np.eye(2)):
        pm = unit[0] * np.ones_like(lon), unit[1] * np.ones_like(lon)
        if tuple(coordinates) == ("l", "b"):
            pm = turn_axes(*pm, lon, lat, CELESTIAL_POLE_IN_GALACTIC)
        turn[:, 1, 1 + axis], turn[:, 2, 1 + axis] = plane.motions(motion_vectors(*pm, lon, lat))
    values = np.einsum("nij,nj->ni", turn, columns[2:].T)
    return np.column_stack(plane.positions()), values, turn @ errors @ turn.transpose(0, 2, 1)
