"""Reads a table of stars: which columns are positions and features, and which stars are usable."""

import difflib
import math
import warnings

import numpy as np

from climbkit._optional import import_optional
from climbkit.survey._candidate_table import SKY_FRAMES, source_ids
from climbkit.survey._frames import (
    CELESTIAL_POLE_IN_GALACTIC,
    FULL_CIRCLE,
    GALACTIC_POLE_IN_ICRS,
    POLE,
    turn_axes,
)
from climbkit.survey._star_field import StarField
from climbkit.survey._table_input import as_frame

#: Proper motions that belong together, by the positions whose axes they follow.
PROPER_MOTIONS = {("ra", "dec"): ("pmra", "pmdec"), ("l", "b"): ("pml", "pmb")}
# Pole of the system in which the proper motions are given, in that of the positions.
_POLES = {
    (("l", "b"), ("pmra", "pmdec")): CELESTIAL_POLE_IN_GALACTIC,
    (("ra", "dec"), ("pml", "pmb")): GALACTIC_POLE_IN_ICRS,
}


def table_of(stars, coordinates, features):
    """Return stars as a DataFrame, with the names of their positions.

    Parameters
    ----------
    stars : DataFrame, astropy Table or array-like of shape (n_stars, 2 + n_features)
        In an array the columns are longitude, latitude and the features, in this order.
    coordinates : pair of str or None
        Names of longitude and latitude. None: l and b, or ra and dec, whichever the table has.
    features : sequence of str
        Names of the features.

    Returns
    -------
    table : DataFrame of shape (n_stars, n_columns)
        What came in, with positions in degrees.
    units : dict of str to str
        Units that an astropy Table has.
    coordinates : pair of str
        Names of longitude and latitude.

    Raises
    ------
    ValueError
        If the table is empty or lacks a column.
    """
    is_table = hasattr(stars, "columns") or stars is None
    if not is_table:
        stars = _named(stars, coordinates, features)
    table, units = as_frame(stars, "stars")
    if table is None or len(table) == 0:
        raise ValueError("stars must be a table with at least one row; got none.")
    if coordinates is None:
        found = [pair for pair in SKY_FRAMES if set(pair) <= set(table)]
        if not found:
            raise ValueError(
                "stars need the columns 'l' and 'b', or 'ra' and 'dec' (degrees), or coordinates= "
                f"must name two columns; the table has {_some(table)}."
            )
        coordinates = found[0]
    coordinates = tuple(coordinates)
    if len(coordinates) != 2:
        raise ValueError(f"coordinates must name two columns; got {coordinates!r}.")
    for name in (*coordinates, *features):
        if name not in table:
            near = difflib.get_close_matches(str(name), map(str, table.columns), n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "no name is near."
            raise ValueError(f"stars have no column {name!r}: {hint} They have {_some(table)}.")
    return *_in_degrees(table, units), coordinates


def star_field(table, coordinates, features, *, mask=None, turn=True):
    """Return the usable stars of a table.

    Parameters
    ----------
    table : DataFrame of shape (n_stars, n_columns)
        Stars, as of `table_of`.
    coordinates : pair of str
        Names of longitude and latitude.
    features : sequence of str
        Names of the features.
    mask : str or array-like of bool of shape (n_stars,), default=None
        True for stars to use, or the name of such a column.
    turn : bool, default=True
        Whether proper motions are to be turned: here from equatorial to Galactic axes, or the
        other way, where the positions are in the other system; then into the frame of each tile.

    Returns
    -------
    field : StarField
        Stars that the mask allows, with finite position and features.

    Raises
    ------
    ValueError
        If positions are not in degrees, ids appear twice, or the mask fits nothing.
    """
    use = _checked_mask(mask, table)
    ids = source_ids(table)
    if ids is not None:
        _check_unique(ids)
    lon, lat = (numbers_in(table, name) for name in coordinates)
    values = np.empty((len(features), len(table)))
    for column, name in zip(values, features, strict=True):
        column[:] = numbers_in(table, name)
        use &= np.isfinite(column)
    use &= np.isfinite(lon) & np.isfinite(lat)
    rows = np.flatnonzero(use)
    lon, lat, values = lon[rows], lat[rows], values[:, rows]
    _check_degrees(lon, lat, coordinates)
    motions = motion_columns(features) if turn else []
    for i, j in motions:
        pole = _POLES.get((coordinates, (features[i], features[j])))
        if pole is not None:
            values[i], values[j] = turn_axes(values[i], values[j], lon, lat, pole)
    ids = None if ids is None else ids[rows]
    return StarField.order(lon, lat, values, rows, motions=motions, ids=ids)


def motion_columns(features):
    """Return the pairs of features that are the two proper motions of a star.

    Parameters
    ----------
    features : sequence of str
        Names of the features.

    Returns
    -------
    pairs : list of pairs of int
        Column numbers of pmra and pmdec, and of pml and pmb, where both are there.
    """
    features = list(features)
    return [
        tuple(features.index(name) for name in names)
        for names in PROPER_MOTIONS.values()
        if set(names) <= set(features)
    ]


def _named(stars, coordinates, features):
    """A DataFrame of a plain array, whose columns have a fixed order."""
    import pandas as pd

    names = [*(coordinates or ARRAY_COORDINATES), *features]
    try:
        array = np.asarray(stars, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] != len(names):
        raise ValueError(
            f"stars must be a DataFrame, an astropy Table, or an array with the {len(names)} "
            f"columns {names} in this order; got {type(stars).__name__} of shape "
            f"{np.shape(array)}."
        )
    return pd.DataFrame(array, columns=names)


# What an array without names holds: the positions of Gaia, whose proper motions are along them.
ARRAY_COORDINATES = ("ra", "dec")


def _checked_mask(mask, table):
    if mask is None:
        return np.ones(len(table), dtype=bool)
    if isinstance(mask, str):
        if mask not in table:
            raise ValueError(f"mask names {mask!r}, which is no column: {_some(table)}.")
        mask = table[mask]
    if getattr(mask, "dtype", None) is not None and mask.dtype.kind == "b":
        # Of columns that know missing values, those are not True.
        mask = mask.to_numpy(bool, na_value=False) if hasattr(mask, "to_numpy") else mask
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != (len(table),):
        raise ValueError(
            f"mask must be True or False for each of the {len(table)} stars, True for those to "
            f"use; got dtype {mask.dtype} of shape {mask.shape}."
        )
    return mask.copy()


def _check_unique(ids):
    import pandas as pd

    twice = pd.Series(ids).duplicated().to_numpy()
    if twice.any():
        raise ValueError(
            f"source_id must be unique; {int(twice.sum())} rows repeat one, the first is "
            f"{int(ids[twice][0])}. Drop them, e.g. by stars.drop_duplicates('source_id')."
        )


def numbers_in(table, name):
    """Return a column as float64, NaN where there is no value."""
    try:
        return table[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {name!r} must hold numbers: {error}") from error


def _in_degrees(table, units):
    """The table with all positions in degrees, and its units."""
    angles = {"deg", "degree"}
    other = {name: units[name] for pair in SKY_FRAMES for name in pair if name in units}
    other = {name: unit for name, unit in other.items() if unit not in angles}
    if not other:
        return table, units
    Unit = import_optional("astropy.units", "survey").Unit
    degrees = {name: numbers_in(table, name) * Unit(unit).to("deg") for name, unit in other.items()}
    return table.assign(**degrees), {**units, **dict.fromkeys(other, "deg")}


def _check_degrees(lon, lat, coordinates):
    if len(lat) == 0:
        return
    if np.abs(lat).max() > POLE:
        worst = lat[np.argmax(np.abs(lat))]
        raise ValueError(
            f"column {coordinates[1]!r} must be a latitude in degrees, from -90 to 90; got "
            f"{worst:g}. Are the coordinates {coordinates} swapped, or in another unit?"
        )
    if np.abs(lon).max() > FULL_CIRCLE:
        worst = lon[np.argmax(np.abs(lon))]
        raise ValueError(
            f"column {coordinates[0]!r} must be a longitude in degrees, from -360 to 360; got "
            f"{worst:g}. Is it in another unit?"
        )
    # A survey of the whole sky in radians; smaller ones could as well be in degrees.
    turn = 2 * math.pi
    sky = np.ptp(lon) > 0.95 * turn and np.ptp(lat) > 0.8 * math.pi
    if sky and np.abs(lon).max() <= turn and np.abs(lat).max() <= math.pi / 2:
        warnings.warn(
            f"columns {coordinates} span {np.ptp(lon):.2f} by {np.ptp(lat):.2f}, as the whole sky "
            "does in radians; they are taken as degrees. If they are radians, convert them, e.g. "
            "by numpy.degrees.",
            UserWarning,
            stacklevel=4,
        )


def _some(table):
    names = list(map(str, table.columns))
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
