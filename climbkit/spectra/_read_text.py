"""CSV and ECSV with spectra, as the archive, its bulk files and GaiaXPy write them."""

import os

from climbkit._optional import import_optional
from climbkit.spectra._read_columns import Columns, first_value, is_array_text, numbers_of_text
from climbkit.survey._gaia_columns import gaia_names
from climbkit.survey._read_text import _header, _parsed, _reopened, _rows
from climbkit.survey._read_types import DAMAGED, exact_ids

_BLOCK = 1 << 16  # bytes that are read at a time, from the end, in search of the last line
# Entries of an ECSV header, or of GaiaXPy's, that hold wavelengths.
_SAMPLING = ("sampling", "wavelength", "wavelength_nm")


def read_text(source, path):
    """Read a CSV or ECSV file.

    Parameters
    ----------
    source : path-like or BytesIO
        What to read.
    path : path-like
        Its name, for errors.

    Returns
    -------
    columns : Columns
        What it holds.

    Raises
    ------
    ValueError
        If it is no such file, or cut short.
    """
    comments, first = _header(source, path)
    separator, units, wavelength = ",", {}, None
    if comments and comments[0].startswith("%ECSV"):
        separator, units, wavelength = _ecsv_header(comments, path)
    names = [name.strip() for name in next(_rows([first], separator))]
    _check_names(names, path)
    _check_last_line(source, path, separator, len(names))
    ids = [name for name in names if gaia_names([name]).get(name, name) == "source_id"]
    form = {
        "sep": separator,
        "skipinitialspace": separator == " ",
        "skiprows": len(comments),
        "names": names,
        "dtype": dict.fromkeys(ids, str),
    }
    try:
        frame = _parsed(source, form)
    except (ValueError, OverflowError) as error:
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    for name in ids:
        missing = frame[name].isna().to_numpy()
        frame[name] = exact_ids(frame[name].fillna("").to_numpy(), missing, path)
    texts = [name for name in frame if frame[name].dtype.kind not in "iufb"]
    arrays = [name for name in texts if is_array_text(first_value(frame[name]))]
    objects = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in arrays}
    return Columns(
        frame.drop(columns=arrays),
        {name: column.to_list() for name, column in objects.items()},
        units,
        wavelength,
    )


def _ecsv_header(comments, path):
    """Separator, units, and wavelengths that the header lists."""
    meta = import_optional("astropy.table.meta", "spectra")
    try:
        header = meta.get_header_from_yaml([line for line in comments if not line.startswith("%")])
        units = {column["name"]: str(column.get("unit") or "") for column in header["datatype"]}
        entries = header.get("meta") or {}
        if not isinstance(entries, dict):
            entries = {key: value for entry in entries for key, value in dict(entry).items()}
        wavelength = next((entries[key] for key in _SAMPLING if key in entries), None)
        if isinstance(wavelength, list) and any(isinstance(value, str) for value in wavelength):
            wavelength = numbers_of_text(f"[{','.join(map(str, wavelength))}]")
    except Exception as error:  # YAML has errors of its own
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    return header.get("delimiter", " "), units, wavelength


def _check_names(names, path):
    if len(names) < 2 or "" in names:
        raise ValueError(
            f"{path} is no table that can be read: the first line must name at least two columns, "
            f"divided by commas; it begins with {','.join(names)[:60]!r}."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{path} has two columns {twice!r}; rename one.")


def _check_last_line(source, path, separator, n_columns):
    """Raise where the last line lacks columns: pandas would take them as missing values."""
    with _reopened(source) as file:
        start, tail = file.seek(0, os.SEEK_END), b""
        # A spectrum with its correlations is longer than a block.
        while start and b"\n" not in tail.rstrip():
            step = min(start, max(_BLOCK, len(tail)))
            start = file.seek(start - step)
            tail = file.read(step) + tail
    last = tail.rstrip().rpartition(b"\n")[2].decode("utf-8", errors="replace")
    n_found = len(next(_rows([last], separator), []))
    if n_found != n_columns:
        raise ValueError(
            f"{path} is cut short or no table: its last line has {n_found} of {n_columns} columns."
        )
