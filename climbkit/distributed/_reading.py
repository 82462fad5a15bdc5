"""Stars as plain NumPy columns, whatever they were stored in."""

import os
from pathlib import Path

import numpy as np

from climbkit._optional import import_optional

EXTRA = "distributed"
_PARQUET = (".parquet", ".pq", ".parq")
_CSV = (".csv", ".csv.gz")
_ASTROPY = {
    ".fits": "fits",
    ".fit": "fits",
    ".fits.gz": "fits",
    ".ecsv": "ascii.ecsv",
}


def plain_frame(stars, columns=None, *, source_id="source_id"):
    """Copy stars into NumPy columns; integers that name stars stay integers.

    Catalogues come with Arrow or nullable columns, which NumPy would turn into objects or, where
    a value is missing, into float64: that rounds an id above 2**53 to the id of another star.

    Parameters
    ----------
    stars : DataFrame of shape (n_stars, n_columns)
        Columns of NumPy, nullable or Arrow types.
    columns : sequence of str, default=None
        Columns to keep, in this order. None: all.
    source_id : str, default="source_id"
        Column that names the stars.

    Returns
    -------
    stars : DataFrame of shape (n_stars, n_columns)
        Numbers are NumPy's own; missing ones are NaN, in float64. The ids, where there is such a
        column, are int64. Rows are numbered from 0.

    Raises
    ------
    ValueError
        If a column is absent, or an id is missing, no whole number, or beyond int64.
    """
    import pandas as pd

    columns = list(stars.columns) if columns is None else list(columns)
    missing = [name for name in columns if name not in stars.columns]
    if missing:
        raise ValueError(f"the stars lack the columns {missing}; there are {list(stars.columns)}.")
    return pd.DataFrame(
        {
            name: _exact_ids(stars[name]) if name == source_id else _plain(stars[name])
            for name in columns
        },
        index=pd.RangeIndex(len(stars)),
    )


def _exact_ids(column):
    """int64 values of a column of ids."""
    import pandas as pd

    if not pd.api.types.is_integer_dtype(column.dtype) or column.hasnans:
        raise ValueError(
            f"{column.name} must hold a whole number for each star; got {column.dtype}"
            + (" with missing values." if column.hasnans else ".")
        )
    if pd.api.types.is_unsigned_integer_dtype(column.dtype):
        values = column.to_numpy(dtype=np.uint64)
        if values.size and values.max() > np.iinfo(np.int64).max:
            raise ValueError(f"{column.name} exceeds the range of int64.")
    return column.to_numpy(dtype=np.int64)


def _plain(column):
    """NumPy values of any other column."""
    import pandas as pd

    dtype = column.dtype
    numpy_dtype = getattr(dtype, "numpy_dtype", dtype)
    if not pd.api.types.is_numeric_dtype(dtype):  # includes booleans
        return column.to_numpy()
    if column.hasnans and numpy_dtype.kind != "f":
        numpy_dtype = np.dtype(np.float64)
    if not pd.api.types.is_extension_array_dtype(dtype):
        return column.to_numpy(dtype=numpy_dtype.newbyteorder("="))
    na_value = np.nan if column.hasnans else pd.api.extensions.no_default
    return column.to_numpy(dtype=numpy_dtype, na_value=na_value)


def read_region(region, columns=None, *, source_id="source_id"):
    """Read the stars of one region.

    Parameters
    ----------
    region : DataFrame, Table or path-like
        The stars themselves, or a file: FITS, Parquet, ECSV or CSV by its ending.
    columns : sequence of str, default=None
        Columns to read. None: all that have one value for each star.
    source_id : str, default="source_id"
        Column that names the stars.

    Returns
    -------
    stars : DataFrame or Table of shape (n_stars, n_columns)
        A DataFrame as from `plain_frame`; or a Table, with its units, from a Table, FITS or ECSV.

    Raises
    ------
    ValueError
        If the file's ending is not known, a column is absent, or the ids are not exact.
    """
    if not isinstance(region, str | os.PathLike):
        return _kept(region, columns, source_id)
    path = Path(region)
    name = path.name.lower()
    if name.endswith(_PARQUET):
        return plain_frame(_read_parquet(path, columns), columns, source_id=source_id)
    if name.endswith(_CSV):
        import pandas as pd

        return plain_frame(pd.read_csv(path), columns, source_id=source_id)
    for ending, kind in _ASTROPY.items():
        if name.endswith(ending):
            table = import_optional("astropy.table", EXTRA).Table
            return _kept(table.read(path, format=kind), columns, source_id)
    allowed = [*_ASTROPY, *_PARQUET, *_CSV]
    raise ValueError(f"{path} has an ending that is not known; allowed are {allowed}.")


def _read_parquet(path, columns):
    """The wanted columns that the file has; `plain_frame` names those that it has not."""
    import pandas as pd

    if columns is not None:
        stored = import_optional("pyarrow.parquet", EXTRA).read_schema(path).names
        columns = [name for name in columns if name in stored]
    frame = pd.read_parquet(path, columns=columns)
    # A column that was the index when it was written, such as source_id, comes back as one.
    return frame if frame.index.name is None else frame.reset_index()


def _kept(stars, columns, source_id):
    """Wanted columns of a DataFrame or Table."""
    if not hasattr(stars, "colnames"):
        return plain_frame(stars, columns, source_id=source_id)
    if columns is None:
        columns = [name for name in stars.colnames if stars[name].ndim == 1]
    missing = [name for name in columns if name not in stars.colnames]
    if missing:
        raise ValueError(f"the stars lack the columns {missing}; there are {stars.colnames}.")
    if source_id in columns:
        exact = stars[[source_id]].to_pandas(index=False, use_nullable_int=True)
        plain_frame(exact, source_id=source_id)
    return stars[list(columns)]
