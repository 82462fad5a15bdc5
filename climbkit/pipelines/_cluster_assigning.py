"""Which cluster a star belongs to that was not there when they were found."""

import numpy as np
from scipy.spatial import cKDTree

from climbkit.base import NOISE
from climbkit.survey._frames import TangentPlane
from climbkit.survey._stage_input import ASTROMETRY, mean_direction
from climbkit.survey._star_columns import numbers_in, star_field


def same_stars(table, fitted):
    """Tell whether a table has the stars of another one, row by row.

    Parameters
    ----------
    table, fitted : DataFrame
        Stars.

    Returns
    -------
    same : bool
        By position and astrometry.
    """
    names = [n for n in ("ra", "dec", "l", "b", *ASTROMETRY) if n in fitted]
    return len(table) == len(fitted) and all(
        name in table
        and np.array_equal(numbers_in(table, name), numbers_in(fitted, name), equal_nan=True)
        for name in names
    )


def assign_new(windows, labels, new, coordinates):
    """Give each new star the cluster of the nearest fitted one.

    Parameters
    ----------
    windows : CandidateSet
        Clusters with the fitted stars around them.
    labels : ndarray of shape (n_stars,), dtype int64
        Cluster of each fitted star.
    new : StarField
        New stars.
    coordinates : pair of str
        Names of longitude and latitude.

    Returns
    -------
    assigned : ndarray of shape (n_new,), dtype int64
        Cluster of each, -1 for none.
    """
    assigned = np.full(len(new), NOISE, dtype=np.int64)
    nearest = np.full(len(new), np.inf)
    if len(windows) == 0 or len(new) == 0:
        return assigned
    fitted = star_field(windows.stars, coordinates, ASTROMETRY)
    position = np.full(len(windows.stars), -1, dtype=np.int64)
    position[fitted.rows] = np.arange(len(fitted))
    for number, (begin, end) in enumerate(
        zip(windows.indptr[:-1], windows.indptr[1:], strict=True)
    ):
        around = position[windows.indices[begin:end]]
        around = around[around >= 0]
        is_member = labels[fitted.rows[around]] == number
        if is_member.sum() < 2:
            continue
        centre = mean_direction(fitted.vectors[:, around[is_member]])
        X, Y = _features(fitted, around, centre), _features(new, np.arange(len(new)), centre)
        scale = X[is_member].std(axis=0)
        X, Y = (values / np.where(scale > 0, scale, 1.0) for values in (X, Y))
        reach = cKDTree(X[is_member]).query(X[is_member], k=2)[0][:, 1].max()
        distance, at = cKDTree(X).query(Y)
        takes = is_member[at] & (distance <= reach) & (distance < nearest)
        assigned[takes], nearest[takes] = number, distance[takes]
    return assigned


def _features(field, positions, centre):
    plane = TangentPlane(*centre, field.vectors[:, positions])
    motions = plane.motions(field.motions[:, positions])
    return np.column_stack([*plane.positions(), field.values[0, positions], *motions])
