"""Divides a region of the sky into pieces, as conditions of a query that no star meets twice."""

import math

from climbkit._optional import import_optional
from climbkit.survey._frames import FULL_CIRCLE, POLE


def box_pieces(box, names, piece):
    """Divide a box.

    Parameters
    ----------
    box : tuple of 4 float
        West, east, south, north, degrees.
    names : pair of str
        Columns of longitude and latitude.
    piece : float
        Largest side of a piece, degrees.

    Returns
    -------
    conditions : list of str
        In ADQL. Pieces have their western and southern sides, and their others at the edge of the
        box.

    Raises
    ------
    ValueError
        If it is no box.
    """
    west, east, south, north = box
    if not -POLE <= south < north <= POLE:
        raise ValueError(
            f"box must be (west, east, south, north) with -90 <= south < north <= 90; got {box}."
        )
    if abs(west) > FULL_CIRCLE or abs(east) > FULL_CIRCLE or west == east:
        raise ValueError(
            f"box must be (west, east, south, north) with different longitudes from -360 to 360; "
            f"got {box}."
        )
    width = FULL_CIRCLE if east - west >= FULL_CIRCLE else (east - west) % FULL_CIRCLE
    west %= FULL_CIRCLE
    if west + width <= FULL_CIRCLE:
        spans = [(west, west + width)]
    else:
        spans = [(west, FULL_CIRCLE), (0.0, west + width - FULL_CIRCLE)]
    lon, lat = names
    return [
        f"{_between(lon, *columns)} AND {_between(lat, *rows)}"
        for span in spans
        for columns in _steps(*span, piece)
        for rows in _steps(south, north, piece)
    ]


def cone_pieces(center, radius, names, piece):
    """Divide a cone into bands of declination.

    Parameters
    ----------
    center : pair of float
        Longitude and latitude, degrees.
    radius : float
        Degrees.
    names : pair of str
        Columns of longitude and latitude, which tell the frame of `center`.
    piece : float
        Greatest height of a band, degrees.

    Returns
    -------
    conditions : list of str
        In ADQL.

    Raises
    ------
    ValueError
        If the centre is no position.
    """
    longitude, latitude = center
    if abs(latitude) > POLE or abs(longitude) > FULL_CIRCLE:
        raise ValueError(
            f"center must be a longitude and a latitude in degrees; got {center}. Are they swapped?"
        )
    # The archive finds cones quickly in ra and dec alone.
    ra, dec = (longitude % FULL_CIRCLE, latitude)
    if names == ("l", "b"):
        coordinates = import_optional("astropy.coordinates", "gaia")
        point = coordinates.SkyCoord(longitude, latitude, unit="deg", frame="galactic").icrs
        ra, dec = float(point.ra.deg), float(point.dec.deg)
    cone = (
        f"1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {ra:.10f}, {dec:.10f}, {radius!r}))"
    )
    south, north = max(dec - radius, -POLE), min(dec + radius, POLE)
    bands = _steps(south, north, piece)
    if len(bands) == 1:
        return [cone]
    # The outermost bands have no limit: the cone has.
    return [
        " AND ".join(
            [cone]
            + ([f"dec >= {low:.10g}"] if number else [])
            + ([f"dec < {high:.10g}"] if number < len(bands) - 1 else [])
        )
        for number, (low, high, _) in enumerate(bands)
    ]


def _steps(low, high, step):
    """Equal parts of an interval, none longer than a step, and whether each is the last one."""
    # Rounding must not make one part more.
    n = max(1, math.ceil(round((high - low) / step, 9)))
    edges = [low + (high - low) * i / n for i in range(n)] + [high]
    return [(edges[i], edges[i + 1], i == n - 1) for i in range(n)]


def _between(name, low, high, last):
    return f"{name} >= {low:.10g} AND {name} {'<=' if last else '<'} {high:.10g}"
