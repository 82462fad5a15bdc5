"""Tables with lists of members in ECSV, the text format of astropy."""

import contextlib
import csv
import itertools

import numpy as np

from climbkit._optional import import_optional
from climbkit.survey._table_input import restore_types

NAME = "ECSV"
_HEADER_KEY = "climbkit"
_FORMAT = "ascii.ecsv"
_LONGEST_FIELD = 2**31 - 1  # characters: the largest limit that csv takes on every system


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
        Units of the columns, for whoever reads the file as an ordinary table.

    Raises
    ------
    ValueError
        If a column holds other things than numbers, texts and truth values.
    """
    table = import_optional("astropy.table", "survey").Table()
    dtypes = []  # pairs, since YAML would sort the names of a dictionary
    for name, column in frame.items():
        dtypes.append([name, _dtype_entry(column)])
        table[name] = _plain_column(column)
        table[name].unit = units.get(name)
    for name, values in lists.items():
        # An empty table needs the column too, and astropy cannot tell lists from what is not there.
        column = np.empty(len(frame), dtype=object)
        for row in range(len(frame)):
            column[row] = values[indptr[row] : indptr[row + 1]]
        table[name] = column
    table.meta[_HEADER_KEY] = {**header, "dtypes": dtypes}
    table.write(path, format=_FORMAT)


def _dtype_entry(column):
    """Return what restores the type of a column: a name, or the categories."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.cat.categories.tolist()
        return {"categories": categories, "ordered": bool(column.cat.ordered)}
    return str(column.dtype)


def _plain_column(column):
    """Return a column as NumPy numbers, or as objects (text or None), which are stored as JSON."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column.to_numpy()
    values = np.array([_plain(value) for value in column.tolist()], dtype=object)
    wrong = [v for v in values if not (v is None or isinstance(v, str | bool | int | float))]
    if wrong:
        raise ValueError(
            f"column {column.name!r} holds {wrong[0]!r}, of which ECSV has no plain form; drop the "
            "column or write Parquet."
        )
    # Only as JSON does text keep line breaks and outer spaces, and "" differ from what is missing.
    simple = [isinstance(v, str) and v == v.strip() != "" and v.isprintable() for v in values]
    return values.astype(str) if len(values) and all(simple) else values


def _plain(value):
    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value


def read_header(path):
    """Return the header, empty where the file is of another kind."""
    meta = import_optional("astropy.table.meta", "survey")
    with path.open(encoding="utf-8") as file:
        lines = list(itertools.takewhile(lambda line: line.startswith("# "), file))
    if not lines or not lines[0].startswith("# %ECSV"):
        return {}
    header = meta.get_header_from_yaml([line[2:].rstrip("\n") for line in lines[1:]])
    return dict(dict(header.get("meta", {})).get(_HEADER_KEY, {}))


def read_table(path, list_columns):
    """Return the table, indptr and lists that `write_table` was given."""
    import pandas as pd

    with _long_fields():
        table = import_optional("astropy.table", "survey").Table.read(path, format=_FORMAT)
    dtypes = table.meta[_HEADER_KEY]["dtypes"]
    indptr, lists = None, {}
    for name in list_columns:
        if name in table.colnames:
            rows = list(table[name])
            indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
            lists[name] = np.concatenate([np.empty(0), *rows]) if not rows else np.concatenate(rows)
    columns = {name: _restored(table[name], dtype) for name, dtype in dtypes}
    frame = pd.DataFrame(columns, index=range(len(table)))
    return restore_types(frame, {k: d for k, d in dtypes if isinstance(d, str)}), indptr, lists


@contextlib.contextmanager
def _long_fields():
    """Let the csv module read lists of members that are longer than its limit, for a while."""
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _restored(column, dtype):
    """Return a column of text or JSON as objects, numbers as they are, and categories."""
    import pandas as pd

    if isinstance(dtype, dict):
        return pd.Categorical(list(column), **dtype)
    if column.dtype.kind in "OU":
        return pd.Series(column.tolist(), dtype=object)
    return np.asarray(column)


def read_errors():
    """Return what a damaged file raises."""
    meta = import_optional("astropy.table.meta", "survey")
    return (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        csv.Error,
        meta.YamlParseError,
    )
