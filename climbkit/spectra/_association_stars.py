"""Which stars take part in a search for associations, and where in space they are."""

from dataclasses import dataclass

import numpy as np

from climbkit._optional import import_optional
from climbkit.datasets._sky import icrs_to_galactic, unit_vectors
from climbkit.spectra._association_distances import DISTANCES
from climbkit.survey import to_gaia_columns
from climbkit.survey._candidate_table import source_ids
from climbkit.survey._frames import FULL_CIRCLE, POLE, wrap
from climbkit.survey._gaia_columns import find_columns
from climbkit.survey._star_columns import numbers_in

_GALACTIC, _EQUATORIAL = ("l", "b"), ("ra", "dec")
_SNR, _PARALLAX, _ERROR = "parallax_over_error", "parallax", "parallax_error"


@dataclass(frozen=True, eq=False)
class StarsInSpace:
    """Stars with what the search reads of them.

    Attributes
    ----------
    frame : DataFrame of shape (n_stars, n_columns)
        The table, with Gaia's names and units.
    longitude, latitude : ndarray of shape (n_stars,)
        Galactic, deg.
    distance, distance_error : ndarray of shape (n_stars,)
        kpc; NaN where unknown.
    reasons : ndarray of shape (n_stars,), dtype object
        Why a star takes no part; empty where it does.
    """

    frame: object
    longitude: np.ndarray
    latitude: np.ndarray
    distance: np.ndarray
    distance_error: np.ndarray
    reasons: np.ndarray

    @property
    def mask(self):
        """ndarray of bool of shape (n_stars,) : stars that take part."""
        return self.reasons == ""

    @property
    def positions(self):
        """ndarray of shape (n_stars, 3) : Galactic x, y, z (kpc); NaN for stars left out."""
        distance = np.where(self.mask, self.distance, np.nan)
        return distance[:, None] * unit_vectors(self.longitude, self.latitude)


def place_stars(
    stars, mask, *, min_parallax_over_error, distance, length_scale, distance_column, **_
):
    """Read a table of stars.

    Parameters
    ----------
    stars : DataFrame or astropy Table of shape (n_stars, n_columns)
        With ``ra`` and ``dec`` or ``l`` and ``b``, and parallaxes or distances.
    mask : str, array-like of bool of shape (n_stars,) or None
        Stars to use, or the name of such a column.
    min_parallax_over_error, distance, length_scale, distance_column
        As of `AssociationFinder`.
    **_
        Its other parameters.

    Returns
    -------
    stars : StarsInSpace
        In the order of the table.

    Raises
    ------
    ValueError
        If the table is empty, lacks a column, has units of another kind, positions that are not in
        degrees, or an id twice; or if the mask does not fit it.
    """
    frame = to_gaia_columns(stars)
    if len(frame) == 0:
        raise ValueError("stars must be a table with at least one row; got none.")
    _check_unique(frame)
    reasons = np.full(len(frame), "", dtype=object)
    _leave_out(reasons, ~_checked_mask(mask, frame), "left out by mask")
    longitude, latitude = _galactic(frame)
    _leave_out(reasons, ~np.isfinite(longitude + latitude), "no position")
    if distance_column is None:
        parallax, error = _parallaxes(frame, needs_errors=distance == "mode")
        _leave_out(reasons, ~np.isfinite(parallax), "no parallax")
        far = DISTANCES[distance](parallax, error, length_scale)
        if distance == "inverse":
            _leave_out(reasons, ~(parallax > 0), "parallax not above 0")
        _leave_out(reasons, ~np.isfinite(far), "no parallax_error")
        # To first order; of the mode it is the width of the likelihood alone.
        far_error = error * far**2
    else:
        far = _kiloparsecs(frame, distance_column)
        far_error = np.full(len(frame), np.nan)
        _leave_out(reasons, ~(np.isfinite(far) & (far > 0)), f"{distance_column} not above 0")
    if min_parallax_over_error is not None:
        snr = _parallax_over_error(frame)
        _leave_out(reasons, ~np.isfinite(snr), f"no {_SNR}")
        _leave_out(
            reasons, snr < min_parallax_over_error, f"{_SNR} below {min_parallax_over_error:g}"
        )
    return StarsInSpace(frame, longitude, latitude, far, far_error, reasons)


def _leave_out(reasons, where, reason):
    """Write a reason for stars that have none yet."""
    reasons[where & (reasons == "")] = reason


def _check_unique(frame):
    ids = source_ids(frame)
    if ids is None:
        return
    values, counts = np.unique(ids, return_counts=True)
    if len(values) < len(ids):
        raise ValueError(
            f"source_id must be unique, as a star that is there twice is its own neighbour; "
            f"{len(ids) - len(values)} rows repeat one, the first is {int(values[counts > 1][0])}. "
            "Drop them, e.g. by stars.drop_duplicates('source_id')."
        )


def _checked_mask(mask, frame):
    if mask is None:
        return np.ones(len(frame), dtype=bool)
    if isinstance(mask, str):
        find_columns(frame, [mask], missing="error", without="mask names it")
        mask = frame[mask]
    # Of columns that know missing values, those are not True.
    if getattr(getattr(mask, "dtype", None), "kind", "") == "b" and hasattr(mask, "to_numpy"):
        mask = mask.to_numpy(bool, na_value=False)
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != (len(frame),):
        raise ValueError(
            f"mask must be True or False for each of the {len(frame)} stars, True for those to "
            f"use; got dtype {mask.dtype} of shape {mask.shape}."
        )
    return mask


def _galactic(frame):
    """Galactic longitude and latitude in degrees."""
    has_galactic = set(_GALACTIC) <= set(frame)
    names = _GALACTIC if has_galactic else _EQUATORIAL
    without = "stars need the positions 'l' and 'b', or 'ra' and 'dec'"
    find_columns(frame, names, missing="error", without=without)
    longitude, latitude = (numbers_in(frame, name) for name in names)
    for name, values, limit in zip(names, (longitude, latitude), (FULL_CIRCLE, POLE), strict=True):
        worst = np.nanmax(np.abs(values), initial=0.0)
        if worst > limit:
            raise ValueError(
                f"column {name!r} must be in degrees, from {-limit:g} to {limit:g}; got a value of "
                f"{worst:g}. Are longitude and latitude swapped, or in another unit?"
            )
    if has_galactic:
        return wrap(longitude), latitude
    return icrs_to_galactic(longitude, latitude)


def _parallax_over_error(frame):
    if _SNR in frame:
        return numbers_in(frame, _SNR)
    without = (
        f"min_parallax_over_error needs '{_SNR}', or '{_PARALLAX}' and '{_ERROR}'; "
        "do without by min_parallax_over_error=None"
    )
    find_columns(frame, [_PARALLAX, _ERROR], missing="error", without=without)
    parallax, error = numbers_in(frame, _PARALLAX), numbers_in(frame, _ERROR)
    return np.divide(parallax, error, out=np.full(len(frame), np.nan), where=error > 0)


def _parallaxes(frame, *, needs_errors):
    """Parallaxes and their errors, NaN without any."""
    without = "distances need it; or name a column of distances by distance_column="
    find_columns(frame, [_PARALLAX], missing="error", without=without)
    parallax = numbers_in(frame, _PARALLAX)
    if _ERROR in frame:
        error = numbers_in(frame, _ERROR)
    elif _SNR in frame:
        snr = numbers_in(frame, _SNR)
        error = np.divide(parallax, snr, out=np.full(len(frame), np.nan), where=snr != 0)
    elif needs_errors:
        find_columns(frame, [_ERROR], missing="error", without="distance='mode' needs it")
    else:
        error = np.full(len(frame), np.nan)
    return parallax, np.where(error > 0, error, np.nan)


def _kiloparsecs(frame, name):
    find_columns(frame, [name], missing="error", without="distance_column names it")
    values = numbers_in(frame, name)
    unit = frame.attrs.get("units", {}).get(name)
    if unit in (None, "", "kpc"):
        return values
    Unit = import_optional("astropy.units", "spectra").Unit
    try:
        return values * Unit(unit).to("kpc")
    except (ValueError, TypeError) as error:
        raise ValueError(f"column {name!r} is in {unit!r}, which is no distance.") from error
