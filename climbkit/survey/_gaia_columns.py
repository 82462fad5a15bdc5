"""Brings a table of stars to the names and units of Gaia's archive."""

import difflib
import warnings

import numpy as np

from climbkit._optional import import_optional
from climbkit.survey._gaia_names import ALIASES, GAIA_NAMES, GAIA_UNITS, VIZIER_NAMES
from climbkit.survey._table_input import as_frame

# A capital L or B is more often a luminosity or a magnitude than a position.
_CASE_MATTERS = ("l", "b")


def to_gaia_columns(stars):
    """Give the columns of a table Gaia's names and units.

    Parameters
    ----------
    stars : DataFrame or astropy Table of shape (n_stars, n_columns)
        Columns with the names of the archive in any case, of VizieR's I/355 and I/350, or usual
        other names (``plx``, ``Gmag``, ``glon``, …). Units are those of an astropy Table, or of
        ``stars.attrs["units"]``; a column without is taken to be in Gaia's.

    Returns
    -------
    stars : DataFrame of shape (n_stars, n_columns)
        The same rows and columns, in Gaia's units [deg, mas, mas/yr, mag, km/s]; ``attrs["units"]``
        has the units that are known. Columns that Gaia does not have keep names and units.

    Raises
    ------
    ValueError
        If two columns are the same one of Gaia, a unit is of another kind than Gaia's, a column
        with a unit holds no numbers, or ``source_id`` holds floats.

    See Also
    --------
    read_stars : The same from a file.

    Notes
    -----
    A name of the archive goes before one of VizieR, and that before others: where a table has both
    ``parallax`` and ``Plx``, the latter stays as it is. Positions at 2000.0 (``RAJ2000``) do so
    always, since those of Gaia are of 2016.0.

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey import to_gaia_columns
    >>> stars = pd.DataFrame({"Source": [2252802052894084352], "RA_ICRS": [294.4], "Plx": [0.0007]})
    >>> stars.attrs["units"] = {"Plx": "arcsec"}
    >>> print(to_gaia_columns(stars).to_string(index=False))
              source_id    ra  parallax
    2252802052894084352 294.4       0.7
    """
    frame, units = as_frame(stars, "stars")
    if frame is None:
        raise ValueError("stars must be a pandas DataFrame or an astropy Table; got None.")
    units = dict(frame.attrs.get("units", {})) | units
    names = gaia_names(frame.columns)
    frame = frame.rename(columns=names)
    units = {names.get(name, name): unit for name, unit in units.items()}
    units = {name: str(unit) for name, unit in units.items() if name in frame}
    _check_ids(frame)
    return in_gaia_units(frame, units)


def gaia_names(columns):
    """Tell which columns are Gaia's under other names.

    Parameters
    ----------
    columns : sequence of str
        Names of a table.

    Returns
    -------
    names : dict of str to str
        New names by old ones, of those that change.

    Raises
    ------
    ValueError
        If two columns are the same one.
    """
    columns = list(columns)
    names, taken = {}, {name: name for name in columns if name in GAIA_NAMES}
    for meaning in (_archive_name, VIZIER_NAMES.get, lambda name: ALIASES.get(name.lower())):
        found = {}
        for name in columns:
            gaia = meaning(name)
            if name in names or name in taken or gaia is None or gaia in taken:
                continue
            if gaia in found:
                raise ValueError(
                    f"the columns {found[gaia]!r} and {name!r} are both Gaia's {gaia!r}; drop or "
                    "rename one."
                )
            # A column of the user's own may have the name already, such as fidelity.
            if gaia not in columns:
                found[gaia] = name
        taken |= found
        names |= {name: gaia for gaia, name in found.items()}
    return names


def in_gaia_units(frame, units):
    """Convert columns that are in other units than Gaia's.

    Parameters
    ----------
    frame : DataFrame of shape (n_stars, n_columns)
        Stars, under Gaia's names.
    units : dict of str to str
        Units by name, of the columns that have one.

    Returns
    -------
    frame : DataFrame of shape (n_stars, n_columns)
        Stars, with the units in ``attrs["units"]``.

    Raises
    ------
    ValueError
        If a unit is of another kind, or a column with a unit holds no numbers.
    """
    converted, known = {}, {}
    for name in frame:
        if name not in GAIA_UNITS:
            continue
        known[name] = GAIA_UNITS[name]
        _check_numeric(frame[name], name)
        if units.get(name, "") not in ("", GAIA_UNITS[name]):
            factor = _factor(name, units[name])
            if factor != 1.0:
                numbers = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
                converted[name] = numbers * factor
    frame = frame.assign(**converted)
    frame.attrs["units"] = {k: v for k, v in units.items() if v} | known
    return frame


def find_columns(frame, names, *, missing, without, stacklevel=3):
    """Say whether a table has columns; warn or raise where it lacks one.

    Parameters
    ----------
    frame : DataFrame
        Stars.
    names : sequence of str
        Columns that are needed.
    missing : {"warn", "error"}
        What to do where one is absent.
    without : str
        What is not done then, for the message.
    stacklevel : int, default=3
        As of `warnings.warn`.

    Returns
    -------
    complete : bool
        Whether all are there.

    Raises
    ------
    ValueError
        If one is absent and `missing` is ``"error"``.
    """
    absent = [name for name in names if name not in frame]
    if not absent:
        return True
    message = f"stars have no column {' and no '.join(map(repr, absent))}: {without}."
    aliases = gaia_names([str(name) for name in frame.columns])
    if set(aliases.values()) & set(absent):
        message += " They have it under another name: see climbkit.survey.to_gaia_columns."
    if missing == "error":
        raise ValueError(message)
    warnings.warn(message, UserWarning, stacklevel=stacklevel)
    return False


def pick_columns(names, columns, where):
    """Return the wanted columns of those that there are.

    Parameters
    ----------
    names : sequence of str
        Gaia's names of all columns.
    columns : sequence of str or None
        Names that are wanted. None: all.
    where : str
        What has them, for the message.

    Returns
    -------
    picked : list of str
        The wanted ones, as ordered there.

    Raises
    ------
    ValueError
        If one is not there.
    """
    names = list(names)
    if columns is None:
        return names
    if isinstance(columns, str) or not len(columns):
        raise ValueError(f"columns must be a list of at least one name; got {columns!r}.")
    # The caller may ask for Plx, and gets parallax.
    asked = gaia_names(columns)
    wanted = [name if name in names else asked.get(name, name) for name in columns]
    for name in wanted:
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "no name is near."
            raise ValueError(f"{where} has no column {name!r}: {hint}")
    return wanted


def _archive_name(name):
    lower = name.lower()
    return lower if lower in GAIA_NAMES and lower not in _CASE_MATTERS else None


def _check_ids(frame):
    if "source_id" in frame and frame["source_id"].dtype.kind == "f":
        raise ValueError(FLOAT_IDS.format(where="stars", dtype=frame["source_id"].dtype))


FLOAT_IDS = (
    "{where}: source_id is {dtype}. A float has 53 bits, so that Gaia's ids, of up to 63, have "
    "been rounded and three in four name another star. This cannot be undone: get them as int64."
)


def _check_numeric(column, name):
    if column.dtype.kind not in "iuf" and len(column):
        raise ValueError(
            f"column {name!r} must hold numbers [{GAIA_UNITS[name]}]; it is of type "
            f"{column.dtype} and begins with {column.iloc[0]!r}."
        )


def _factor(name, unit):
    """What a column in a unit is multiplied by to be in Gaia's."""
    astropy_units = import_optional("astropy.units", "survey")
    gaia = GAIA_UNITS[name]
    try:
        # The archive quotes words that the standard does not know, as in 'electron'.s**-1.
        return float(astropy_units.Unit(unit.replace("'", "")).to(astropy_units.Unit(gaia)))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"column {name!r} is in {unit!r}, which cannot be turned into Gaia's {gaia!r}: {error}"
        ) from error
