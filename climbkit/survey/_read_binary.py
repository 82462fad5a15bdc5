"""FITS, VOTable and Parquet."""

import json
import re
import warnings

import numpy as np

from climbkit._optional import import_optional
from climbkit.survey._read_types import DAMAGED, exact_ids

# What pandas calls an index without name.
_INDEX = re.compile(r"__index_level_\d+__")


def read_fits(source, path, pick):
    """Read the first table of a FITS file; see `climbkit.survey._read_text.read_text`."""
    fits = import_optional("astropy.io.fits", "survey")
    table_class = import_optional("astropy.table", "survey").Table
    with warnings.catch_warnings():
        # Files that are shorter than they say are warned of; units and keywords that no standard
        # knows are no harm.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*truncated")
        try:
            with fits.open(source, memmap=False) as hdus:
                tables = (fits.BinTableHDU, fits.TableHDU)
                hdu = next((hdu for hdu in hdus if isinstance(hdu, tables)), None)
                if hdu is not None:
                    picked, names = _named(pick, hdu.columns.names, path)
                    table = table_class.read(hdu)
        except _Refused as refused:
            raise refused.error from None
        except Exception as error:  # astropy raises all kinds on damaged files
            raise ValueError(DAMAGED.format(path=path, error=error)) from error
    if hdu is None:
        raise ValueError(f"{path} is a FITS file without any table.")
    table.convert_bytestring_to_unicode()
    return *from_table(table, picked, path), names


def read_votable(source, path, pick):
    """Read the first table of a VOTable file; see `climbkit.survey._read_text.read_text`."""
    votable = import_optional("astropy.io.votable", "survey")
    with warnings.catch_warnings():
        # Most services break one rule or another of the standard.
        warnings.simplefilter("ignore")
        try:
            parsed = votable.parse(source, verify="ignore")
            table = parsed.get_first_table().to_table(use_names_over_ids=True)
        except Exception as error:  # XML, and astropy, have errors of their own
            raise ValueError(DAMAGED.format(path=path, error=error)) from error
    _check_status(parsed, path)
    picked, names = pick(table.colnames)
    return *from_table(table, picked, path), names


def read_parquet(source, path, pick):
    """Read a Parquet file; see `climbkit.survey._read_text.read_text`."""
    parquet = import_optional("pyarrow.parquet", "survey")
    import pandas as pd
    import pyarrow as pa

    by_astropy = False
    try:
        with parquet.ParquetFile(source) as file:
            schema = file.schema_arrow
            available = [name for name in schema.names if not _INDEX.fullmatch(name)]
            by_astropy = b"table_meta_yaml" in (schema.metadata or {})
            if not by_astropy:
                picked, names = _named(pick, available, path)
                table = file.read(columns=picked)
    except _Refused as refused:
        raise refused.error from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    if by_astropy:
        return _astropy_parquet(source, path, pick)
    # Whole numbers with gaps would come as floats otherwise.
    kinds = [getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)]
    nullable = {kind: _nullable(kind) for kind in kinds} | {pa.bool_(): pd.BooleanDtype()}
    frame = table.to_pandas(types_mapper=nullable.get, ignore_metadata=True)[picked]
    for name in picked:
        if names.get(name, name) == "source_id":
            column = frame[name]
            missing = column.isna().to_numpy()
            whole = column.dtype.kind in "iu"
            values = column.fillna(0).to_numpy(column.dtype.numpy_dtype) if whole else column
            frame[name] = exact_ids(values, missing, path)
    return frame, _parquet_units(schema.metadata or {}), names


def from_table(table, picked, path):
    """Turn some columns of an astropy Table into a DataFrame.

    Parameters
    ----------
    table : astropy Table
        As read.
    picked : list of str
        Columns.
    path : path-like
        The file, for errors.

    Returns
    -------
    frame : DataFrame
        The columns; source_id is int64.
    units : dict of str to str
        Their units.
    """
    from climbkit.survey._gaia_columns import gaia_names

    table = table[picked]
    arrays = [name for name in picked if len(table[name].shape) > 1]
    if arrays:
        raise ValueError(f"{path}: the columns {arrays} hold arrays; leave them out by columns=.")
    units = {name: str(table[name].unit or "") for name in picked}
    new = gaia_names(picked)
    ids = {}
    for name in picked:
        if new.get(name, name) == "source_id":
            column = np.ma.asarray(table[name])
            ids[name] = exact_ids(column.data, np.ma.getmaskarray(column), path)
    frame = table.to_pandas(index=False)
    return frame.assign(**ids), units


class _Refused(Exception):
    """Carries an error that is not about a damaged file past those that are."""

    def __init__(self, error):
        self.error = error


def _named(pick, available, path):
    try:
        return pick(list(available))
    except ValueError as error:
        raise _Refused(error) from error


def _check_status(parsed, path):
    """Raise where a service says that its answer is an error or was cut off."""
    infos = [info for resource in parsed.resources for info in resource.infos]
    said = {str(info.value).upper() for info in infos if info.name == "QUERY_STATUS"}
    if "ERROR" in said:
        raise ValueError(f"{path} is the message of an error from a service, not a table.")
    if "OVERFLOW" in said:
        raise ValueError(
            f"{path} is cut short: the service that wrote it reached its limit of rows."
        )


def _nullable(kind):
    import pandas as pd

    return pd.array([], dtype=str(kind).replace("uint", "UInt").replace("int", "Int", 1)).dtype


def _parquet_units(metadata):
    """Units that climbkit wrote into a Parquet file, by way of pandas."""
    if b"PANDAS_ATTRS" in metadata:
        return dict(json.loads(metadata[b"PANDAS_ATTRS"]).get("units", {}))
    return {}


def _astropy_parquet(source, path, pick):
    """A file that astropy wrote, which has the masks in columns of their own."""
    table_class = import_optional("astropy.table", "survey").Table
    try:
        table = table_class.read(source, format="parquet")
    except Exception as error:  # astropy and Arrow have errors of their own
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    picked, names = pick(table.colnames)
    return *from_table(table, picked, path), names
