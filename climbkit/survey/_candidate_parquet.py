"""Tables with lists of members in Parquet."""

import json

from climbkit._optional import import_optional
from climbkit.survey._table_input import restore_types

NAME = "Parquet"
_HEADER_KEY = b"climbkit"


def write_table(path, frame, indptr, lists, header, units):
    """Write a table, and lists by row.

    Parameters
    ----------
    path : Path
        File to write.
    frame : DataFrame of shape (n_rows, n_columns)
        The table.
    indptr : ndarray of shape (n_rows + 1,) or None
        Where the entries of each row begin in the lists.
    lists : dict of str to ndarray
        Values of each column of lists, one row after the other.
    header : dict
        What is stored about the table; plain types.
    units : dict of str to str
        Not used: units are part of the header here.
    """
    pa = import_optional("pyarrow", "survey")
    parquet = import_optional("pyarrow.parquet", "survey")
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"a column has no plain type for Parquet: {error}") from error
    for name, values in lists.items():
        table = table.append_column(name, pa.LargeListArray.from_arrays(indptr, values))
    header = {**header, "dtypes": {name: str(dtype) for name, dtype in frame.dtypes.items()}}
    stored = {_HEADER_KEY: json.dumps(header).encode(), **(table.schema.metadata or {})}
    parquet.write_table(table.replace_schema_metadata(stored), path)


def read_header(path):
    """Return the header, empty where the file is of another kind."""
    parquet = import_optional("pyarrow.parquet", "survey")
    stored = parquet.read_schema(path).metadata or {}
    return json.loads(stored.get(_HEADER_KEY, b"{}"))


def read_table(path, list_columns):
    """Return the table, indptr and lists that `write_table` was given."""
    pa = import_optional("pyarrow", "survey")
    parquet = import_optional("pyarrow.parquet", "survey")
    table = parquet.read_table(path)
    indptr, lists = None, {}
    for name in list_columns:
        if name in table.column_names:
            column = table.column(name)
            column = (
                pa.concat_arrays(column.chunks) if column.num_chunks else column.combine_chunks()
            )
            indptr = column.offsets.to_numpy()
            lists[name] = column.values.to_numpy()[indptr[0] : indptr[-1]]
            indptr = indptr - indptr[0]
            table = table.drop_columns([name])
    return restore_types(table.to_pandas(), read_header(path)["dtypes"]), indptr, lists


def read_errors():
    """Return what a damaged file raises."""
    pa = import_optional("pyarrow", "survey")
    return (pa.ArrowException, OSError, ValueError, KeyError)
