"""Tables in the form in which ECSV, FITS and VOTable all give back what they were given."""

import re
import unicodedata
import warnings

import numpy as np

from climbkit._optional import import_optional

#: Suffix of each format that results are written in.
FORMATS = ("ecsv", "fits", "vot")
_ASTROPY_FORMATS = {"ecsv": "ascii.ecsv", "fits": "fits", "vot": "votable"}
_UNIT_STANDARDS = {"fits": "fits", "vot": "vounit"}
_LONGEST_CARD = 60  # characters of a name in a FITS header, clear of its limit of 68
# Stands for what is missing in a FITS file: no id, number or count has this value.
_FITS_NULL = np.iinfo(np.int64).min


def plain_table(table, units=None):
    """Return a table of plain columns: numbers, truth values and text, with units.

    Parameters
    ----------
    table : DataFrame, astropy Table or QTable
        Any columns of one value a row. Whole numbers stay what they are, to the last digit.
    units : dict of str to str, default=None
        Units of columns that bring none, as astropy spells them.

    Returns
    -------
    plain : astropy.table.Table
        Quantities are columns with a unit. Missing numbers are NaN where a column is of floats,
        masked otherwise; missing text is empty, and what cannot be printed in it is a space.

    Raises
    ------
    ValueError
        If a column has more than one value a row.
    """
    module = import_optional("astropy.table", "survey")
    plain = module.Table()
    names = list(table.columns)
    for name in names:
        column = table[name]
        values, mask = _values(column, name)
        if values.ndim != 1:
            raise ValueError(f"column {name!r} has more than one value a row: {values.shape}.")
        if mask is not None and mask.any():
            values = module.MaskedColumn(values, mask=mask)
        plain[str(name)] = values
        unit = getattr(column, "unit", None) or (units or {}).get(name)
        plain[str(name)].unit = unit if unit is None or str(unit) else None
        info = getattr(column, "info", None)
        plain[str(name)].description = getattr(info, "description", None) or None
    return plain


def _values(column, name):
    """Values of a column as an array of numbers, truth values or text; and what is missing."""
    if hasattr(column, "array") and hasattr(column, "isna"):  # a pandas Series
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
            return column.to_numpy(copy=True), None
        missing = column.isna().to_numpy()
        return _typed(column.astype(object).tolist(), missing)
    if hasattr(column, "isot"):  # astropy's Time
        column = column.isot
    mask = getattr(column, "mask", None)
    column = getattr(column, "unmasked", column)
    values = np.asarray(getattr(column, "value", column))
    if isinstance(column, np.ma.MaskedArray):
        values = np.asarray(column.data)
    missing = np.zeros(values.shape[:1], dtype=bool) if mask is None else np.asarray(mask)
    if values.dtype.kind in "biu":
        return values.copy(), missing if missing.any() else None
    if values.dtype.kind == "f":
        return np.where(missing, np.nan, values).astype(values.dtype), None
    if values.ndim != 1:
        return values, None
    missing = missing | np.array([_is_missing(value) for value in values.tolist()], dtype=bool)
    return _typed(values.tolist(), missing)


def _is_missing(value):
    return value is None or (isinstance(value, float) and np.isnan(value))


def _typed(values, missing):
    """An array of objects as numbers or truth values, where all are, else as text."""
    known = [value for value, gone in zip(values, missing, strict=True) if not gone]
    for kinds, dtype, filler in (
        ((bool, np.bool_), bool, False),
        ((int, np.integer), np.int64, 0),
        ((int, float, np.integer, np.floating), np.float64, np.nan),
    ):
        others = () if dtype is bool else (bool, np.bool_)
        if known and all(isinstance(v, kinds) and not isinstance(v, others) for v in known):
            filled = [filler if gone else v for v, gone in zip(values, missing, strict=True)]
            return np.array(filled, dtype=dtype), None if dtype is np.float64 else missing
    texts = ["" if gone else printable(v) for v, gone in zip(values, missing, strict=True)]
    return np.array(texts, dtype=str) if texts else np.empty(0, dtype="U1"), None


def printable(value):
    """Return text in which what cannot be printed is a space."""
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return "".join(char if char.isprintable() else " " for char in value)


def write_table(path, table, format, *, title):
    """Write a plain table.

    Parameters
    ----------
    path : Path
        File to write.
    table : astropy.table.Table
        As of `plain_table`.
    format : {"ecsv", "fits", "vot"}
        Format.
    title : str
        What the table is.

    Notes
    -----
    FITS has ASCII text alone, so that letters lose their accents there and others become question
    marks; and neither FITS nor VOTable has names of columns of other than letters, digits and
    underscores. A unit that a format cannot spell stands in the description of the column.
    """
    from climbkit import __version__

    table = table.copy(copy_data=False)
    table.meta.clear()
    if format == "ecsv":
        table.meta.update(title=title, creator=f"climbkit {__version__}")
        table.write(path, format=_ASTROPY_FORMATS[format])
        return
    _spell_names(table)
    _spell_units(table, _UNIT_STANDARDS[format])
    if format == "fits":
        _suit_fits(table)
        table.meta.update(
            EXTNAME=_ascii(title).upper()[:_LONGEST_CARD], CREATOR=f"climbkit {__version__}"
        )
        table.write(path, format=_ASTROPY_FORMATS[format])
    else:
        table.meta.update(description=f"{title}, written by climbkit {__version__}")
        # Binary: doubles and missing whole numbers come back as they are.
        table.write(path, format=_ASTROPY_FORMATS[format], tabledata_format="binary2")


def _spell_names(table):
    taken = set()
    for name in table.colnames:
        spelled = re.sub(r"[^A-Za-z0-9_]", "_", name)
        spelled = spelled if re.match(r"[A-Za-z_]", spelled) else f"_{spelled}"
        count, base = 1, spelled
        while spelled.lower() in taken:  # FITS does not tell capital letters from small ones
            count += 1
            spelled = f"{base}_{count}"
        taken.add(spelled.lower())
        if spelled != name:
            # Two steps, as the new name may still be that of a later column.
            table.rename_column(name, f"\0{spelled}")
    for name in table.colnames:
        if name.startswith("\0"):
            table.rename_column(name, name[1:])


def _spell_units(table, standard):
    units = import_optional("astropy.units", "survey")
    for column in table.itercols():
        if column.unit is None:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                spelled = column.unit.to_string(format=standard)
                same = units.Unit(spelled, format=standard, parse_strict="raise") == column.unit
        except (ValueError, TypeError, AttributeError, Warning):
            same = False
        if not same:
            said = f"unit: {column.unit}"
            column.description = f"{column.description}; {said}" if column.description else said
            column.unit = None


def _suit_fits(table):
    module = import_optional("astropy.table", "survey")
    for name in table.colnames:
        column = table[name]
        masked = isinstance(column, module.MaskedColumn) and column.mask.any()
        if column.dtype.kind == "U":
            table[name] = [_ascii(value) for value in column.tolist()] if len(column) else column
        elif column.dtype.kind in "biu" and masked:
            # FITS knows no missing truth value: 0 and 1 then.
            wide = module.MaskedColumn(column.data.astype(np.int64), mask=column.mask)
            wide.unit, wide.description, wide.fill_value = (
                column.unit,
                column.description,
                _FITS_NULL,
            )
            table[name] = wide


def _ascii(text):
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return plain.encode("ascii", "replace").decode("ascii")
