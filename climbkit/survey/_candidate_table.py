"""What a candidate is by its members: its stable id, centre, size and mean astrometry."""

import numpy as np

from climbkit.survey._frames import directions, unit_vectors
from climbkit.survey._memberships import (
    check_memberships,
    median_by_candidate,
    owners,
    sum_by_candidate,
)

#: Units of the columns that have Gaia's or climbkit's names, in tables of stars and candidates.
COLUMN_UNITS = (
    dict.fromkeys(["ra", "dec", "l", "b", "r50", "tile_side"], "deg")
    | dict.fromkeys(["parallax", "parallax_error", "parallax_std"], "mas")
    | dict.fromkeys(["pmra", "pmra_error", "pmra_std"], "mas / yr")
    | dict.fromkeys(["pmdec", "pmdec_error", "pmdec_std"], "mas / yr")
    | dict.fromkeys(["phot_g_mean_mag", "bp_rp"], "mag")
    | dict.fromkeys(["radial_velocity", "radial_velocity_error"], "km / s")
)
#: Longitude and latitude by their names, the first that the stars have gives r50.
SKY_FRAMES = (("l", "b"), ("ra", "dec"))
_AVERAGED = ("parallax", "pmra", "pmdec")

# SplitMix64 (Steele, Lea & Flood 2014, https://doi.org/10.1145/2660193.2660195): a bijection of
# 64 bits in which every input bit changes half of the output bits.
_MIX_STEP = 0x9E3779B97F4A7C15
_MIX_1, _MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def candidate_ids(stars, indptr, indices, *, tile_side=None, min_cluster_size=None):
    """Name candidates by what they are: their stars, the tile side and min_cluster_size.

    The id is a hash, so that a candidate has the same id whatever the order of the stars, of the
    candidates and of the tiles, on every machine. Two candidates share an id if they have the same
    stars and were found at the same scale.

    Parameters
    ----------
    stars : DataFrame of shape (n_stars, n_columns)
        With the column ``source_id`` (whole numbers); or, without it, ``ra`` and ``dec`` or ``l``
        and ``b`` (float64), whose exact values then stand for the star.
    indptr : array-like of shape (n_candidates + 1,)
        Where each candidate's members begin in `indices`.
    indices : array-like of shape (n_members,)
        Row numbers of the members in `stars`, in any order within a candidate.
    tile_side : float or array-like of shape (n_candidates,), default=None
        Side of the tile, in degrees. None leaves it out of the id.
    min_cluster_size : int or array-like of shape (n_candidates,), default=None
        Smallest cluster that the search allowed. None leaves it out of the id.

    Returns
    -------
    ids : ndarray of shape (n_candidates,), dtype object
        Strings: "c" and 16 hexadecimal digits.

    Raises
    ------
    ValueError
        If ``source_id`` is not of whole numbers or has missing values, or if the stars have
        neither ids nor positions.

    Notes
    -----
    Among a million different candidates the chance that any two share an id is 3e-8. A
    ``source_id`` that stands in two rows counts twice. Time is linear in the number of members.

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey import candidate_ids
    >>> stars = pd.DataFrame({"source_id": [11, 12, 13, 14]})
    >>> candidate_ids(stars, [0, 2, 4], [0, 1, 2, 3], min_cluster_size=6).tolist()
    ['...', '...']
    """
    indptr, indices = check_memberships(indptr, indices, len(indptr) - 1, len(stars))
    return ids_of_members(star_keys(stars, indices), indptr, tile_side, min_cluster_size)


def ids_of_members(keys, indptr, tile_side, min_cluster_size):
    """Return candidate ids from one uint64 key per member."""
    state = sum_by_candidate(_mix(keys), indptr)  # a sum does not know the order of its terms
    state = _mix(state) + np.diff(indptr).astype(np.uint64)
    for value, dtype, name in (
        (tile_side, np.float64, "tile_side"),
        (min_cluster_size, np.int64, "min_cluster_size"),
    ):
        if value is not None:
            try:
                value = np.broadcast_to(np.asarray(value, dtype=dtype), state.shape)
            except ValueError as error:
                raise ValueError(
                    f"{name} must be a number, or one number per candidate: {error}"
                ) from error
            state = _mix(state) + _bits(value)
    return np.array([f"c{value:016x}" for value in _mix(state).tolist()], dtype=object)


def source_ids(stars):
    """Return the column source_id as exact int64, None where the stars have no such column.

    Raises
    ------
    ValueError
        If it holds anything but whole numbers: floats round the ids of Gaia.
    """
    if "source_id" not in stars:
        return None
    column = stars["source_id"]
    if column.dtype.kind not in "iu" or column.isna().any():
        raise ValueError(
            f"source_id must be a complete column of whole numbers, got {column.dtype}: a float "
            "rounds Gaia's ids, so that they name other stars. Read it as int64."
        )
    return column.to_numpy(dtype=np.int64)


def star_keys(stars, indices):
    """Return one uint64 per member that tells its star from the others."""
    ids = source_ids(stars)
    if ids is not None:
        return ids[indices].view(np.uint64)
    lon, lat = next((pair for pair in reversed(SKY_FRAMES) if set(pair) <= set(stars)), (None,) * 2)
    if lon is None:
        raise ValueError(
            "stars have nothing to be told apart by: they need the column source_id, or ra and "
            "dec, or l and b."
        )
    return _mix(_bits(_numbers(stars[lon])[indices])) ^ _bits(_numbers(stars[lat])[indices])


def _numbers(column):
    """Return a column as float64, also where pandas keeps it in Arrow's types or nullable ones."""
    if isinstance(column.dtype, np.dtype):
        return column.to_numpy(dtype=np.float64)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _bits(values):
    """Return numbers as uint64 that are equal where the numbers are; -0.0 equals 0.0."""
    if values.dtype.kind == "f":
        values = values.astype(np.float64) + 0.0
    return np.ascontiguousarray(values).view(np.uint64)


def _mix(state):
    state = state + np.uint64(_MIX_STEP)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(_MIX_1)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(_MIX_2)
    return state ^ (state >> np.uint64(31))


def describe_candidates(stars, indptr, indices):
    """Compute number, centre, radius and mean astrometry of candidates from their members.

    Parameters
    ----------
    stars : DataFrame of shape (n_stars, n_columns)
        With ``l`` and ``b``, or ``ra`` and ``dec``, or all four, in degrees; and ``parallax``,
        ``pmra`` and ``pmdec`` where there are any.
    indptr : array-like of shape (n_candidates + 1,)
        Where each candidate's members begin in `indices`.
    indices : array-like of shape (n_members,)
        Row numbers of the members in `stars`.

    Returns
    -------
    table : DataFrame of shape (n_candidates, n_columns)
        n_members : int
            Number of members.
        l, b, ra, dec : float
            Centre, in degrees, by each of the coordinates that the stars have: the mean direction
            of the members, so that 0/360 and the poles are nothing special.
        r50 : float
            Half-number radius in degrees: the median separation on the sphere from the centre.
        parallax, pmra, pmdec and the same with ``_std`` : float
            Mean and standard deviation of what the stars have of these, missing values left out.

        NaN where a candidate has no members (or, in the last, no values).

    Raises
    ------
    ValueError
        If the stars have no positions.

    Notes
    -----
    Time and memory are linear in the number of members; they do not depend on the number of stars
    that are no members.

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey import describe_candidates
    >>> stars = pd.DataFrame({"l": [359.0, 1.0, 90.0], "b": [0.0, 0.0, 0.0]})
    >>> describe_candidates(stars, [0, 2], [0, 1])
       n_members    l    b  r50
    0          2  0.0  0.0  1.0
    """
    import pandas as pd

    indptr, indices = check_memberships(indptr, indices, len(indptr) - 1, len(stars))
    frames = [pair for pair in SKY_FRAMES if set(pair) <= set(stars)]
    if not frames:
        raise ValueError("stars need the columns l and b, or ra and dec, in degrees.")
    columns = {"n_members": np.diff(indptr)}
    radii = None
    for lon, lat in frames:
        members = _member_vectors(_numbers(stars[lon]), _numbers(stars[lat]), indices)
        centre, columns[lon], columns[lat] = _mean_direction(members, indptr)
        if radii is None:
            away = _separation(members, centre[owners(indptr)])
            radii = median_by_candidate(away, indptr)
    columns["r50"] = radii
    for name in _AVERAGED:
        if name in stars:
            values = _numbers(stars[name])[indices]
            columns[name], columns[f"{name}_std"] = _mean_and_deviation(values, indptr)
    return pd.DataFrame(columns)


def _member_vectors(lon, lat, indices):
    """Unit vectors of the members, a row each, with no more sines than stars or members."""
    if len(indices) > len(lon):
        return np.ascontiguousarray(unit_vectors(lon, lat).T)[indices]
    return np.ascontiguousarray(unit_vectors(lon[indices], lat[indices]).T)


def _mean_direction(members, indptr):
    """Unit vector, longitude and latitude (degrees) of the mean direction by candidate."""
    total = sum_by_candidate(np.nan_to_num(members, nan=0.0), indptr)
    length = np.linalg.norm(total, axis=1)
    centre = np.full_like(total, np.nan)
    np.divide(total, length[:, None], out=centre, where=length[:, None] > 0)
    return centre, *directions(centre.T)


def _separation(first, second):
    """Angle in degrees between unit vectors; by the chord, which is exact for small angles."""
    between = first - second
    chord = np.sqrt(np.einsum("ij,ij->i", between, between))
    return np.degrees(2.0 * np.arcsin(np.minimum(chord / 2.0, 1.0)))


def _mean_and_deviation(values, indptr):
    """Mean and standard deviation by candidate, of the finite values."""
    finite = np.isfinite(values)
    count = sum_by_candidate(finite.astype(np.float64), indptr)
    count[count == 0] = np.nan
    mean = sum_by_candidate(np.where(finite, values, 0.0), indptr) / count
    away = np.where(finite, values - mean[owners(indptr)], 0.0)
    return mean, np.sqrt(sum_by_candidate(away**2, indptr) / count)
