"""Reads catalogues of clusters: which column is what, in which unit."""

import numpy as np

from climbkit._optional import import_optional
from climbkit.survey._catalogue_names import usual_name
from climbkit.survey._frames import FULL_CIRCLE, POLE, wrap
from climbkit.survey._star_columns import numbers_in
from climbkit.survey._table_input import as_frame

#: Columns of every catalogue, with their units.
CATALOGUE_COLUMNS = {
    "name": "",
    "type": "",
    "ra": "deg",
    "dec": "deg",
    "pmra": "mas / yr",
    "pmdec": "mas / yr",
    "parallax": "mas",
    "tidal_radius": "deg",
    "aliases": "",
}
# Spellings in small letters without "_", the preferred one first; distance becomes parallax.
_SPELLINGS = {
    "name": ("name", "cluster", "clustername", "object", "id", "main_id", "mainid", "galaxy"),
    "type": ("type", "objecttype", "kind"),
    "ra": ("rajdeg", "raj2000", "radeg", "raicrs", "ra"),
    "dec": ("decjdeg", "dej2000", "decj2000", "dedeg", "decdeg", "deicrs", "decicrs", "dec", "de"),
    "pmra": ("pmra", "pmracosd", "pmra*"),
    "pmdec": ("pmdec", "pmde"),
    "parallax": ("parallax", "plx"),
    "distance": ("distance", "dist"),
    "tidal_radius": ("tidalradius", "rtidal", "rt"),
    "aliases": ("aliases", "othernames", "allnames"),
}
_UNITS = {**CATALOGUE_COLUMNS, "distance": "kpc"}
_NEEDED = ("name", "ra", "dec")


def catalogue_table(table, type_, columns):
    """Return a table in the columns of a catalogue.

    Parameters
    ----------
    table : DataFrame or astropy Table
        One row for each object.
    type_ : str or None
        Type of all objects; None: the table has a column.
    columns : dict of str to str or None
        Names in `table` by those of the catalogue, where they have other spellings.

    Returns
    -------
    table : DataFrame
        The columns of `CATALOGUE_COLUMNS`, in the order of `table`; NaN and empty where there is
        nothing.

    Raises
    ------
    ValueError
        If name, position or type are missing or are none.
    """
    import pandas as pd

    frame, units = as_frame(table, "table")
    where = _columns_of(frame, columns or {})
    if type_ is None and "type" not in where:
        raise ValueError(
            'type must be given, such as "open cluster": the table has no such column.'
        )
    names = [usual_name(name) for name in _texts(frame[where["name"]])]
    ra, dec = _positions(frame, where, units)
    result = pd.DataFrame({"name": names, "ra": ra, "dec": dec})
    result["type"] = type_ if type_ is not None else _texts(frame[where["type"]])
    for name in ("pmra", "pmdec", "tidal_radius"):
        result[name] = _numbers(frame, where, units, name)
    parallax = _numbers(frame, where, units, "parallax")
    distance = _numbers(frame, where, units, "distance")
    with np.errstate(divide="ignore", invalid="ignore"):
        by_distance = np.where(distance > 0, 1.0 / distance, np.nan)
    result["parallax"] = np.where(np.isnan(parallax), by_distance, parallax)
    result["aliases"] = _texts(frame[where["aliases"]]) if "aliases" in where else ""
    _check(result)
    return result[list(CATALOGUE_COLUMNS)]


def _columns_of(frame, given):
    unknown = sorted(set(given) - set(_SPELLINGS))
    absent = sorted(set(given.values()) - set(frame))
    if unknown or absent:
        raise ValueError(
            f"columns names {unknown or absent}; a catalogue has {sorted(_SPELLINGS)}, the table "
            f"{list(frame.columns)}."
        )
    plain = {}
    for column in frame.columns:
        plain.setdefault(column.lower().replace("_", ""), column)
    where = dict(given)
    # VizieR's own positions in degrees, whatever the table has itself.
    for name, own in (("ra", "_RAJ2000"), ("dec", "_DEJ2000")):
        if own in frame:
            where.setdefault(name, own)
    for name, spellings in _SPELLINGS.items():
        found = [plain[spelling] for spelling in spellings if spelling in plain]
        if found:
            where.setdefault(name, found[0])
    missing = [name for name in _NEEDED if name not in where]
    if missing:
        raise ValueError(
            f"the table has no column for {' and '.join(missing)}; name them by columns=. It has "
            f"{list(frame.columns)}."
        )
    return where


def _positions(frame, where, units):
    """Right ascension and declination in degrees; sexagesimal text is in hours and degrees."""
    if all(_is_text(frame[where[name]]) for name in ("ra", "dec")):
        coordinates = import_optional("astropy.coordinates", "survey")
        texts = [_texts(frame[where[name]]) for name in ("ra", "dec")]
        place = coordinates.SkyCoord(*texts, unit=("hourangle", "deg"))
        return place.ra.deg, place.dec.deg
    return _numbers(frame, where, units, "ra"), _numbers(frame, where, units, "dec")


def _is_text(column):
    return column.dtype.kind in "OUT" or str(column.dtype) in {"str", "string"}


def _texts(column):
    return ["" if text is None or text != text else str(text).strip() for text in column]


def _numbers(frame, where, units, name):
    if name not in where:
        return np.full(len(frame), np.nan)
    values, unit = numbers_in(frame, where[name]), units.get(where[name])
    if unit and unit != _UNITS[name]:
        Unit = import_optional("astropy.units", "survey").Unit
        values = values * Unit(unit).to(_UNITS[name])
    return values


def _check(table):
    ra, dec = table["ra"].to_numpy(), table["dec"].to_numpy()
    if not (np.isfinite(ra).all() and np.isfinite(dec).all()):
        bad = table["name"][~(np.isfinite(ra) & np.isfinite(dec))].tolist()
        raise ValueError(f"{len(bad)} objects have no position: {bad[:5]}; drop these rows.")
    if len(table) and (np.abs(dec).max() > POLE or np.abs(ra).max() > FULL_CIRCLE):
        raise ValueError("positions must be right ascensions and declinations in degrees.")
    table["ra"] = wrap(ra)
    if (table["name"] == "").any():
        raise ValueError(f"{int((table['name'] == '').sum())} objects have no name.")
