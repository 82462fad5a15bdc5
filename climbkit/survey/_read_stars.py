"""Reads a file of stars, whatever its format."""

import gzip
import io
import os
import zlib
from pathlib import Path

from climbkit.survey._gaia_columns import gaia_names, in_gaia_units, pick_columns
from climbkit.survey._read_binary import read_fits, read_parquet, read_votable
from climbkit.survey._read_text import read_text
from climbkit.survey._read_types import DAMAGED, tidy_types

_GZIP = b"\x1f\x8b"
_HEAD = 4096  # bytes that tell the format
# First bytes of files that hold no table of stars here, and what they are.
_OTHERS = {
    b"\x89HDF": "HDF5",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x93NUMPY": "NumPy's",
    b"\x80\x04": "a pickle",
    b"%PDF": "PDF",
    b"\x89PNG": "a picture",
}


def read_stars(path, columns=None):
    r"""Read stars from a FITS, VOTable, ECSV, CSV or Parquet file.

    Parameters
    ----------
    path : str or path-like
        The file, which may be compressed by gzip. Its content tells the format, not its name.
    columns : sequence of str, default=None
        Names of the columns to read, Gaia's or those in the file. None: all.

    Returns
    -------
    stars : DataFrame of shape (n_stars, n_columns)
        With Gaia's names and units, as of `to_gaia_columns`; ``attrs["units"]`` has the units.
        ``source_id`` is int64, digit by digit as in the file. Masked numbers are NaN.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If astropy, or for Parquet pyarrow, is missing (``pip install climbkit[survey]``).
    ValueError
        If the file is cut short, damaged or no table; if ``source_id`` is stored as float or is
        not complete; if a column in `columns` is not there; or as of `to_gaia_columns`.

    See Also
    --------
    to_gaia_columns : The same for a table in memory.
    fetch_region : Stars from the archive.

    Notes
    -----
    Of FITS and VOTable files the first table is read. Integers that lack values somewhere become
    floats, unless they are too large to be exact, which are pandas' nullable Int64.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from climbkit.survey import read_stars
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "stars.csv"
    ...     _ = path.write_text("Source,RA_ICRS,Plx\n2252802052894084353,294.4,\n")
    ...     stars = read_stars(path)
    >>> print(stars.to_string(index=False))
              source_id    ra  parallax
    2252802052894084353 294.4       NaN
    """
    path = Path(os.fspath(path)).expanduser()
    with path.open("rb") as file:
        head = file.read(_HEAD)
    source = path
    try:
        if head.startswith(_GZIP):
            source = io.BytesIO(gzip.decompress(path.read_bytes()))
            head = source.read(_HEAD)
            source.seek(0)
        read = _reader(head, path)
        frame, units, names = read(source, path, _picker(columns, path))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    frame = tidy_types(frame)
    units = {names.get(name, name): unit for name, unit in units.items()}
    frame = frame.rename(columns=names)
    try:
        return in_gaia_units(frame, {k: v for k, v in units.items() if k in frame})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _reader(head, path):
    """What reads a file that begins so."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise ValueError(f"{path} is empty.")
    if head.startswith(b"SIMPLE  ="):
        return read_fits
    if head.startswith(b"PAR1"):
        return read_parquet
    for magic, kind in _OTHERS.items():
        if head.startswith(magic):
            raise ValueError(
                f"{path} is {kind}; what can be read is FITS, VOTable, ECSV, CSV and Parquet."
            )
    lower = text.lower()
    if b"<votable" in lower:
        return read_votable
    if lower.startswith((b"<!doctype html", b"<html")):
        raise ValueError(f"{path} is a web page, perhaps what a server said instead of the table.")
    if b"\0" in head or lower.startswith((b"<", b"{", b"[")):
        raise ValueError(
            f"{path} is no table of stars; what can be read is FITS, VOTable, ECSV, CSV and "
            "Parquet."
        )
    return read_text


def _picker(columns, path):
    """A function from the names in a file to those to read, and their new names."""

    def pick(available):
        try:
            names = gaia_names(available)
            old = {names.get(name, name): name for name in available}
            if columns is None:
                return list(available), names
            # By the name in the file, or by Gaia's.
            wanted = [names.get(c, c) if c in available else c for c in columns]
            picked = [old[name] for name in pick_columns(old, wanted, path)]
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return picked, {name: names[name] for name in picked if name in names}

    return pick
