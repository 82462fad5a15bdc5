"""CSV, and ECSV, whose header in YAML knows the units."""

import csv
import os
import re
import warnings

from climbkit._optional import import_optional
from climbkit.survey._read_types import DAMAGED, exact_ids

_TAIL = 1 << 16  # bytes that hold the last line
_ALWAYS_EXACT = (3, 1)  # pandas' version
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


def read_text(source, path, pick):
    """Read a CSV or ECSV file.

    Parameters
    ----------
    source : path-like or BytesIO
        What to read.
    path : path-like
        Its name, for errors.
    pick : callable
        From names in the file to those to read, and their new names.

    Returns
    -------
    frame : DataFrame
        Columns under the names in the file; source_id is int64.
    units : dict of str to str
        Units by the same names.
    names : dict of str to str
        Gaia's names of columns that have others.

    Raises
    ------
    ValueError
        If it is no such file, or cut short.
    """
    comments, first = _header(source, path)
    separator, units, plain = ",", {}, True
    if comments and comments[0].startswith("%ECSV"):
        separator, units, plain = _ecsv_header(comments, path)
    available = [name.strip() for name in next(_rows([first], separator))]
    _check_header(available, path)
    _check_last_line(source, path, separator, len(available))
    picked, names = pick(available)
    if not plain:
        return *_by_astropy(source, path, picked), names
    ids = [name for name in picked if names.get(name, name) == "source_id"]
    form = {
        "sep": separator,
        "skipinitialspace": separator == " ",
        "skiprows": len(comments),
        "names": available,
        **_columns_read(picked, available),
    }
    try:
        frame = _parsed(source, form)
        if any(frame[name].dtype != "int64" for name in ids):
            # Perhaps floats, or gaps that made them such: their text tells.
            frame = _parsed(source, form, dtype=dict.fromkeys(ids, str))
    except ValueError as error:
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    for name in ids:
        missing = frame[name].isna().to_numpy()
        values = frame[name].fillna("") if missing.any() else frame[name]
        frame[name] = exact_ids(values.to_numpy(), missing, path)
    frame = frame[picked]
    return frame, units, names


def _header(source, path):
    """Lines of comments, without their sign, and the line of names."""
    comments = []
    with _reopened(source) as file:
        for line in file:
            try:
                text = line.decode("utf-8-sig").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise ValueError(f"{path} is no table of stars: {error}") from error
            if not text.startswith("#"):
                return comments, text
            comments.append(text.removeprefix("#").removeprefix(" "))
    raise ValueError(f"{path} is cut short: it ends before the names of its columns.")


def _ecsv_header(comments, path):
    meta = import_optional("astropy.table.meta", "survey")
    try:
        header = meta.get_header_from_yaml([line for line in comments if not line.startswith("%")])
        columns = header["datatype"]
        units = {column["name"]: str(column.get("unit") or "") for column in columns}
    except Exception as error:  # YAML has errors of its own
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    # Columns of arrays or objects, and those that make up another, are for astropy to read.
    plain = not any("subtype" in column for column in columns)
    plain &= "__serialized_columns__" not in str(header.get("meta", ""))
    return header.get("delimiter", " "), units, plain


def _by_astropy(source, path, picked):
    from climbkit.survey._read_binary import from_table

    table = import_optional("astropy.table", "survey").Table
    try:
        read = table.read(source, format="ascii.ecsv")
    except Exception as error:  # the readers below have errors of their own
        raise ValueError(DAMAGED.format(path=path, error=error)) from error
    return from_table(read, picked, path)


def _rows(lines, separator):
    return csv.reader(lines, delimiter=separator, skipinitialspace=separator == " ")


def _columns_read(picked, available):
    # With usecols pandas no longer counts the columns of a line, so only where it spares work.
    return {} if len(picked) == len(available) else {"usecols": picked}


def _parsed(source, form, **types):
    import pandas as pd

    with warnings.catch_warnings(), _reopened(source) as file:
        # Of lines with more columns than the first one has pandas would warn, and cut them.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                file,
                header=0,
                index_col=False,
                low_memory=False,
                **form,
                **types,
                **_exact_floats(),
            )
        except pd.errors.ParserWarning as warning:
            raise ValueError(str(warning)) from warning


def _exact_floats():
    """How pandas is told to read each float as the nearest one; newer versions always do."""
    import pandas as pd

    release = tuple(int(part) for part in pd.__version__.split(".")[:2])
    return {"float_precision": "round_trip"} if release < _ALWAYS_EXACT else {}


def _check_header(available, path):
    numbers = [name for name in available if _NUMBER.fullmatch(name)]
    if len(available) < 2 or numbers or "" in available:
        raise ValueError(
            f"{path} is no table that can be read: the first line must name at least two columns, "
            f"divided by commas; it begins with {','.join(available)[:60]!r}."
        )
    if len(set(available)) < len(available):
        twice = next(name for name in available if available.count(name) > 1)
        raise ValueError(f"{path} has two columns {twice!r}; rename one.")


def _check_last_line(source, path, separator, n_columns):
    """Raise where the last line lacks columns: pandas would take them as missing values."""
    with _reopened(source) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        lines = file.read().decode("utf-8", errors="replace").rstrip("\r\n").splitlines()
    fields = next(_rows(lines[-1:], separator), [])
    if len(fields) < n_columns:
        raise ValueError(
            f"{path} is cut short: its last line has {len(fields)} of {n_columns} columns."
        )
    if len(fields) > n_columns:
        raise ValueError(
            f"{path} is no table that can be read: its first line names {n_columns} columns, its "
            f"last one has {len(fields)} columns."
        )


class _reopened:
    """A path or buffer as a binary file, from its start and back to it."""

    def __init__(self, source):
        self.source = source

    def __enter__(self):
        self.file = self.source if hasattr(self.source, "read") else open(self.source, "rb")
        self.file.seek(0)
        return self.file

    def __exit__(self, *exception):
        if self.file is self.source:
            self.file.seek(0)
        else:
            self.file.close()
