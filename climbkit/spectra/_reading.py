"""Reads files of XP spectra, whatever their format."""

import gzip
import io
import os
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from climbkit.spectra._container import concatenate
from climbkit.spectra._policies import check_policies, name_some
from climbkit.spectra._read_binary import read_fits, read_npz, read_parquet, read_votable
from climbkit.spectra._read_continuous import continuous_spectra, is_continuous
from climbkit.spectra._read_request import Request, warn_of_guesses
from climbkit.spectra._read_sampled import sampled_spectra
from climbkit.spectra._read_text import read_text
from climbkit.survey._read_types import DAMAGED

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_HEAD = 4096  # bytes that tell the format
_FORMATS = "CSV, ECSV, VOTable, FITS, Parquet and NumPy's npz"
# First bytes of files that hold no spectra here, and what they are.
_OTHERS = {
    b"\x89HDF": "HDF5",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x93NUMPY": "NumPy's npy, which knows no source_id",
    b"\x80\x04": "a pickle",
    b"Obj\x01": "Avro",
    b"%PDF": "PDF",
}


def read_xp(path, *, wavelength=None, source_id=None, nan="raise", negative="keep"):
    r"""Read XP spectra, sampled or continuous, from files of the Gaia archive and others.

    Parameters
    ----------
    path : str, path-like or list of them
        A file in CSV, ECSV, VOTable, FITS, Parquet or NumPy's npz, which may be compressed by gzip;
        its content tells the format, not its name. Or a folder, of which all Parquet files are
        read. Of several files, the spectra follow each other.

    wavelength : array-like of shape (n_samples,), default=None
        Wavelengths of the samples, nm, where the file does not say. None: 336 + 2 i nm, with a
        warning where the samples are not 343. Continuous spectra are sampled there.

    source_id : str or array-like of int of shape (n_rows,), default=None
        Name of the column of ids, or the ids themselves. None: the column that has one of the
        names of Gaia's ``source_id``.

    nan : {"raise", "interpolate", "drop", "keep"}, default="raise"
        What to do about missing samples; see `XPSpectra.clean`.

    negative : {"keep", "clip"}, default="keep"
        What to do about negative flux; see `XPSpectra.clean`.

    Returns
    -------
    spectra : XPSpectra
        In the order of the file, in W m-2 nm-1. Other columns with a number or a word for each
        spectrum are in its ``table``. Flux is float32 where the file has that.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If astropy, pyarrow or, for continuous spectra, GaiaXPy is missing (``pip install
        climbkit[spectra]``).
    ValueError
        If a file is cut short, damaged or holds no spectra; if ids are missing, repeated or stored
        as floats; if spectra have different numbers of samples, or differ in their wavelengths; if
        a unit is none of flux per wavelength; or as of `XPSpectra.clean`.

    See Also
    --------
    fetch_xp : Spectra from the archive.
    XPSpectra.resample : Brings spectra to another grid.

    Notes
    -----
    Sampled spectra are a row each, with arrays (or, in CSV, text that writes them out) ``flux`` and
    ``flux_error``; or a row for each sample with ``source_id``, ``wavelength`` and ``flux``, where
    the id may also be in the file's name, as the archive gives single spectra; or a column for
    each sample, named by its wavelength or its number (``flux_0``, …). Wavelengths are those of a
    column, or of the header where GaiaXPy puts them (``sampling``).

    Continuous spectra are rows of the archive's xp_continuous_mean_spectrum. GaiaXPy [1]_ samples
    them, some 50 a second. Where a band is missing, samples are NaN. When it is imported, GaiaXPy
    sets NumPy's print options to those of version 1.21.

    References
    ----------
    .. [1] GaiaXPy, https://gaia-dpci.github.io/GaiaXPy-website/, and De Angeli et al. (2023),
       "Gaia Data Release 3: processing and validation of BP/RP low-resolution spectral data",
       A&A 674, A2, https://doi.org/10.1051/0004-6361/202243680

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from climbkit.spectra import read_xp
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "spectra.csv"
    ...     _ = path.write_text('source_id,flux\n4295806720,"[1e-17, 3e-17, 2e-17]"\n')
    ...     read_xp(path, wavelength=[400, 500, 600])
    <XPSpectra: 1 spectra of 3 samples, 400 to 600 nm, without errors>
    """
    check_policies(nan, negative)
    paths = _files(path)
    ids = None if source_id is None or isinstance(source_id, str) else np.asarray(source_id)
    if ids is not None and len(paths) > 1:
        raise ValueError("source_id must be the name of a column where several files are read.")
    parts, guesses = [], {}
    for file in paths:
        columns = _columns(file)
        make = continuous_spectra if is_continuous(columns) else sampled_spectra
        try:
            parts.append(make(columns, Request(file, wavelength, source_id, guesses)))
        except ValueError as error:
            if str(file) in str(error):
                raise
            raise ValueError(f"{file}: {error}") from error
    warn_of_guesses(guesses, stacklevel=3)
    spectra = concatenate(parts)
    _check_unique(spectra.source_id, paths)
    try:
        return spectra.clean(nan=nan, negative=negative)
    except ValueError as error:
        raise ValueError(f"{paths[0]}{' and others' * (len(paths) > 1)}: {error}") from error


def _files(path):
    """Files to read, in order."""
    if isinstance(path, str | os.PathLike):
        path = Path(os.fspath(path)).expanduser()
        if not path.is_dir():
            return [path]
        # Names that begin so are no data, by the custom of Parquet's folders.
        hidden = ("_", ".")
        files = [p for p in path.rglob("*.parquet") if not p.name.startswith(hidden)]
        if not files:
            raise ValueError(f"{path} is a folder without any Parquet file; name its files.")
        return sorted(files, key=_natural)
    files = [file for part in path for file in _files(part)]
    if not files:
        raise ValueError("path must name at least one file; got an empty list.")
    return files


def _natural(path):
    """Key by which part.10 comes after part.9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path))]


def _columns(path):
    """What a file holds."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    source = path
    try:
        if head.startswith(_GZIP):
            source = io.BytesIO(gzip.decompress(path.read_bytes()))
            head = source.read(_HEAD)
            source.seek(0)
        return _reader(head, source, path)(source, path)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(DAMAGED.format(path=path, error=error)) from error


def _reader(head, source, path):
    """What reads a file that begins so."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise ValueError(f"{path} is empty.")
    if head.startswith(b"SIMPLE  ="):
        return read_fits
    if head.startswith(b"PAR1"):
        return read_parquet
    if head.startswith(_ZIP):
        return _npz_reader(source, path)
    for magic, kind in _OTHERS.items():
        if head.startswith(magic):
            raise ValueError(f"{path} is {kind}; what can be read is {_FORMATS}.")
    lower = text.lower()
    if b"<votable" in lower:
        return read_votable
    if lower.startswith((b"<!doctype html", b"<html")):
        raise ValueError(f"{path} is a web page, perhaps what a server said instead of the table.")
    if b"\0" in head or lower.startswith((b"<", b"{", b"[")):
        raise ValueError(f"{path} is no table of spectra; what can be read is {_FORMATS}.")
    return read_text


def _npz_reader(source, path):
    """Tell npz from other archives, such as DataLink's."""
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    finally:
        if hasattr(source, "seek"):
            source.seek(0)
    if not names or not all(name.endswith(".npy") for name in names):
        raise ValueError(
            f"{path} is a zip archive; unpack it and read its files: {', '.join(names[:3])}."
        )
    return read_npz


def _check_unique(ids, paths):
    values, counts = np.unique(ids, return_counts=True)
    twice = values[counts > 1]
    if len(twice):
        where = str(paths[0]) if len(paths) == 1 else f"the {len(paths)} files"
        raise ValueError(
            f"{len(twice)} spectra are there more than once in {where}: source_id "
            f"{name_some(twice)}."
        )
