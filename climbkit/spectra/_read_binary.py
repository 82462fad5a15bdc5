"""FITS, VOTable, Parquet and npz with spectra."""

import json
import re
import warnings
import zipfile
import zlib

import numpy as np

from climbkit._optional import import_optional
from climbkit.spectra._read_columns import Columns, numbers_of_text
from climbkit.survey._gaia_columns import gaia_names
from climbkit.survey._read_binary import _check_status, from_table
from climbkit.survey._read_types import DAMAGED, exact_ids, tidy_types

# What pandas and Dask call an index without name.
_INDEX = re.compile(r"__(index_level_\d+|null_dask_index)__")
_SAMPLING = ("sampling", "wavelength", "wavelength_nm")


def read_fits(source, path):
    """Read the first table of a FITS file; see `climbkit.spectra._read_text.read_text`."""
    fits = import_optional("astropy.io.fits", "spectra")
    table_class = import_optional("astropy.table", "spectra").Table
    with warnings.catch_warnings():
        # Files that are shorter than they say are warned of; odd units and keywords are no harm.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*truncated")
        try:
            with fits.open(source, memmap=False) as hdus:
                kinds = (fits.BinTableHDU, fits.TableHDU)
                hdu = next((hdu for hdu in hdus if isinstance(hdu, kinds)), None)
                table = None if hdu is None else table_class.read(hdu)
        except Exception as error:  # astropy raises all kinds on damaged files
            raise ValueError(DAMAGED.format(path=path, error=error)) from error
    if table is None:
        raise ValueError(f"{path} is a FITS file without any table.")
    table.convert_bytestring_to_unicode()
    return columns_of_table(table, path)


def read_votable(source, path):
    """Read the first table of a VOTable file; see `climbkit.spectra._read_text.read_text`."""
    votable = import_optional("astropy.io.votable", "spectra")
    with warnings.catch_warnings():
        # Most services break one rule or another of the standard.
        warnings.simplefilter("ignore")
        try:
            parsed = votable.parse(source, verify="ignore")
            element = parsed.get_first_table()
            table = element.to_table(use_names_over_ids=True)
        except Exception as error:  # XML, and astropy, have errors of their own
            raise ValueError(DAMAGED.format(path=path, error=error)) from error
    _check_status(parsed, path)
    for param in element.params:
        table.meta.setdefault(param.name, param.value)
        if param.name in _SAMPLING:
            table.meta["wavelength_unit"] = str(param.unit or "")
    return columns_of_table(table, path)


def columns_of_table(table, path):
    """Sort the columns of an astropy Table into numbers and arrays.

    Parameters
    ----------
    table : astropy Table
        Spectra.
    path : path-like or str
        Where they are from, for errors.

    Returns
    -------
    columns : Columns
        What it holds.

    Raises
    ------
    ValueError
        If ids are not whole numbers of 64 bits.
    """
    arrays = {}
    for name in table.colnames:
        column = table[name]
        values = np.ma.asarray(column)
        if values.ndim > 1:
            arrays[name] = values
        elif values.dtype.kind == "O" and not _is_text(values):
            missing = np.ma.getmaskarray(values)
            arrays[name] = [
                None if m else value for value, m in zip(values.data, missing, strict=True)
            ]
        elif values.dtype.kind in "UO" and _is_written(values):
            arrays[name] = [str(value) for value in values.filled("")]
    frame, units = from_table(table, [name for name in table.colnames if name not in arrays], path)
    units |= {name: str(table[name].unit or "") for name in arrays}
    meta = {str(key).lower(): value for key, value in table.meta.items()}
    wavelength = next((meta[key] for key in _SAMPLING if key in meta), None)
    if isinstance(wavelength, str):
        wavelength = _numbers(wavelength)
    return Columns(tidy_types(frame), arrays, units, wavelength, meta.get("wavelength_unit", ""))


def read_parquet(source, path):
    """Read a Parquet file; see `climbkit.spectra._read_text.read_text`."""
    parquet = import_optional("pyarrow.parquet", "spectra")
    import pyarrow as pa

    try:
        with parquet.ParquetFile(source) as file:
            table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    return columns_of_arrow(table, path)


def columns_of_arrow(table, path):
    """Sort the columns of an Arrow table into numbers and arrays.

    Parameters
    ----------
    table : pyarrow.Table
        Spectra.
    path : path-like or str
        Where they are from, for errors.

    Returns
    -------
    columns : Columns
        What it holds.

    Raises
    ------
    ValueError
        If ids are not whole numbers of 64 bits.
    """
    import pandas as pd
    import pyarrow as pa

    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    arrays, scalars = {}, []
    for name in table.column_names:
        if any(is_list(table.schema.field(name).type) for is_list in lists):
            arrays[name] = _matrix_of_lists(table[name])
        elif not _INDEX.fullmatch(name):
            scalars.append(name)
    kinds = [getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)]
    # Whole numbers with gaps would come as floats otherwise.
    nullable = {kind: pd.api.types.pandas_dtype(_pandas_name(kind)) for kind in kinds}
    nullable[pa.bool_()] = pd.BooleanDtype()
    frame = table.select(scalars).to_pandas(types_mapper=nullable.get, ignore_metadata=True)
    for name in scalars:
        if gaia_names([name]).get(name, name) == "source_id":
            column, missing = frame[name], frame[name].isna().to_numpy()
            whole = column.dtype.kind in "iu"
            values = column.fillna(0).to_numpy(column.dtype.numpy_dtype) if whole else column
            frame[name] = exact_ids(values, missing, path)
    metadata = table.schema.metadata or {}
    attrs = json.loads(metadata[b"PANDAS_ATTRS"]) if b"PANDAS_ATTRS" in metadata else {}
    own = {
        key.decode(): value.decode() for key, value in metadata.items() if key.decode() in _SAMPLING
    }
    wavelength = next((attrs[key] for key in _SAMPLING if key in attrs), None)
    if wavelength is None and own:
        wavelength = _numbers(next(iter(own.values())))
    return Columns(tidy_types(frame), arrays, dict(attrs.get("units", {})), wavelength)


def read_npz(source, path):
    """Read NumPy's npz; see `climbkit.spectra._read_text.read_text`."""
    import pandas as pd

    try:
        with np.load(source, allow_pickle=False) as stored:
            values = {name: stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    arrays = {name: value for name, value in values.items() if value.ndim == 2}
    wavelength = next((values[key] for key in _SAMPLING if key in values), None)
    if wavelength is not None and wavelength.ndim != 1:
        raise ValueError(f"{path}: its wavelengths have shape {wavelength.shape}; one is needed.")
    n_rows = len(arrays["flux"]) if "flux" in arrays else None
    scalars = {
        name: value.astype(value.dtype.newbyteorder("="))
        for name, value in values.items()
        if value.ndim == 1 and len(value) == n_rows and name not in _SAMPLING
    }
    for name, value in scalars.items():
        if gaia_names([name]).get(name, name) == "source_id":
            scalars[name] = exact_ids(value, np.zeros(len(value), dtype=bool), path)
    if "flux" not in arrays:
        raise ValueError(
            f"{path} has no spectra: it needs a matrix named flux; it has {', '.join(values)}."
        )
    return Columns(pd.DataFrame(scalars), arrays, {}, wavelength)


def _pandas_name(kind):
    return str(kind).replace("uint", "UInt").replace("int", "Int", 1)


def _is_text(values):
    present = values.compressed()
    return len(present) > 0 and isinstance(present[0], str | bytes)


def _is_written(values):
    present = values.compressed()
    return len(present) > 0 and str(present[0]).lstrip()[:1] in ("[", "(")


def _numbers(text):
    """Numbers of text such as ``"(336.0, 338.0)"``; None if it is something else."""
    try:
        return numbers_of_text(text)
    except ValueError:
        return None


def _matrix_of_lists(column):
    """Lists of one length as a matrix; otherwise a list for each row, None where there is none."""
    import pyarrow.compute as pc

    column = column.combine_chunks()
    if not len(column) or column.null_count:
        return column.to_pylist()
    lengths = pc.list_value_length(column)
    low, high = pc.min_max(lengths).as_py().values()
    flat = column.flatten()
    if low != high or not low or not _is_number(flat.type):
        return [None if row is None else np.array(row, dtype=object) for row in column.to_pylist()]
    return flat.to_numpy(zero_copy_only=False).reshape(len(column), low)


def _is_number(kind):
    import pyarrow as pa

    return pa.types.is_floating(kind) or pa.types.is_integer(kind)
