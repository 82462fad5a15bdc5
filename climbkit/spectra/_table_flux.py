"""Which columns of a table hold the flux, and their numbers without a copy where that can be."""

import re
from dataclasses import dataclass

import numpy as np

from climbkit._optional import import_optional
from climbkit.spectra._table_files import EXTRA

#: Where a schema tells the wavelengths of all spectra; pandas keeps the attrs of a table there.
ATTRIBUTES = b"PANDAS_ATTRS"

# Columns of one sample each are called like this: flux_336, flux336, flux.336, 336, 336.0.
_SAMPLE = r"^(?:{prefix}[ _.]?)?(\d+(?:\.\d+)?)$"
# Fewer columns are no spectrum.
_FEWEST = 2


@dataclass(frozen=True)
class FluxColumns:
    """Where the flux is in the columns of a file.

    Attributes
    ----------
    columns : tuple of str
        One column of lists, ``"struct.field"`` included, or a column for each sample.
    n_samples : int or None
        Samples of a spectrum; None where lists may be of any length.
    numbers : ndarray of shape (n_samples,) or None
        Numbers in the names of the columns.
    """

    columns: tuple
    n_samples: int | None
    numbers: np.ndarray | None = None

    @property
    def is_list(self):
        """Whether one column holds whole spectra."""
        return self.numbers is None and len(self.columns) == 1


def find_flux(schema, flux_column, name):
    """Find the columns that hold the flux.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns of a file.
    flux_column : str or sequence of str
        Column of lists, or what the columns of single samples begin with; or these columns.
    name : str
        Name of the file, for errors.

    Returns
    -------
    flux : FluxColumns
        In the order of the samples.

    Raises
    ------
    ValueError
        If there is no such column, or it holds no numbers.
    """
    if not isinstance(flux_column, str):
        columns = tuple(flux_column)
        for column in columns:
            _check_number(_type_of(schema, column, name), column, name)
        return FluxColumns(columns, len(columns), np.arange(len(columns)))
    if _has(schema, flux_column):
        return _of_list(_type_of(schema, flux_column, name), flux_column, name)
    pattern = re.compile(_SAMPLE.format(prefix=re.escape(flux_column)))
    matches = {column: pattern.match(column) for column in schema.names}
    found = {column: float(match.group(1)) for column, match in matches.items() if match}
    if len(found) < _FEWEST:
        raise ValueError(
            f"{name} has no column {flux_column!r} of spectra, and no columns {flux_column}_0, "
            f"{flux_column}_1, … of samples; its columns are {_some(schema.names)}."
        )
    columns = sorted(found, key=found.get)
    numbers = np.array([found[column] for column in columns])
    if len(np.unique(numbers)) < len(numbers):
        raise ValueError(f"{name}: several columns of {flux_column!r} have the same number.")
    for column in columns:
        _check_number(_type_of(schema, column, name), column, name)
    return FluxColumns(tuple(columns), len(columns), numbers)


def _of_list(kind, column, name):
    types = import_optional("pyarrow.types", EXTRA)
    if types.is_fixed_size_list(kind):
        _check_number(kind.value_type, column, name)
        return FluxColumns((column,), kind.list_size)
    if types.is_null(kind):  # of a column in which there is nothing
        return FluxColumns((column,), None)
    if types.is_list(kind) or types.is_large_list(kind):
        _check_number(kind.value_type, column, name)
        return FluxColumns((column,), None)
    raise ValueError(
        f"{name}: column {column!r} must hold a list of numbers in each row; it is {kind}."
    )


def _check_number(kind, column, name):
    types = import_optional("pyarrow.types", EXTRA)
    if not (types.is_floating(kind) or types.is_integer(kind)):
        raise ValueError(f"{name}: column {column!r} must hold numbers; it is of {kind}.")


def _has(schema, column):
    return column in schema.names or column.partition(".")[0] in schema.names


def _type_of(schema, column, name):
    """Type of a column, or of a field of a struct."""
    outer, _, inner = column.partition(".")
    if column in schema.names:
        return schema.field(column).type
    if outer in schema.names and inner:
        kind = schema.field(outer).type
        if import_optional("pyarrow.types", EXTRA).is_struct(kind):
            fields = [kind.field(number) for number in range(kind.num_fields)]
            for field in fields:
                if field.name == inner:
                    return field.type
            raise ValueError(
                f"{name}: {outer!r} has no field {inner!r}; its fields are "
                f"{_some([field.name for field in fields])}."
            )
    raise ValueError(f"{name} has no column {column!r}; its columns are {_some(schema.names)}.")


def _some(names):
    shown = 20
    return ", ".join(names[:shown]) + (", …" if len(names) > shown else "")


def first_length(batch, flux):
    """Samples of the first spectrum in a batch.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        Rows.
    flux : FluxColumns
        Of lists of any length.

    Returns
    -------
    n_samples : int or None
        None if no row has any.
    """
    offsets, valid = _offsets(_column(batch, flux.columns[0]))
    lengths = np.where(valid, np.diff(offsets), 0)
    there = np.flatnonzero(lengths)
    return int(lengths[there[0]]) if len(there) else None


def read_flux(batch, flux, n_samples):
    """Flux of the rows of a batch.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        Rows.
    flux : FluxColumns
        Where it is.
    n_samples : int
        Samples of a spectrum.

    Returns
    -------
    values : ndarray of shape (n_rows, n_samples)
        Of the numeric type of the file; a view of the batch where all rows are whole.
    missing : ndarray of bool of shape (n_rows,)
        Rows that have no spectrum, or one without a sample. What stands in `values` is arbitrary.
    odd : ndarray of bool of shape (n_rows,)
        Rows that have another number of samples; likewise.
    """
    if not flux.is_list:
        values = np.empty((batch.num_rows, n_samples), dtype=np.float32)
        absent = np.ones(batch.num_rows, dtype=bool)
        for number, column in enumerate(flux.columns):
            array = _column(batch, column)
            with np.errstate(over="ignore"):
                values[:, number] = _numbers(array)
            absent &= _null(array)
        return values, absent, np.zeros_like(absent)
    array = _column(batch, flux.columns[0])
    missing = _null(array)
    if flux.n_samples is not None:
        inner = _numbers(array.values)[array.offset * n_samples :]
        values = inner[: len(array) * n_samples].reshape(len(array), n_samples)
        return values, missing, np.zeros_like(missing)
    offsets, _ = _offsets(array)
    lengths = np.diff(offsets)
    missing |= lengths == 0
    odd = (lengths != n_samples) & ~missing
    inner = _numbers(array.values)
    if not (missing | odd).any():
        return inner[offsets[0] : offsets[-1]].reshape(len(array), n_samples), missing, odd
    values = np.full((len(array), n_samples), np.nan, dtype=inner.dtype)
    whole = ~(missing | odd)
    values[whole] = inner[offsets[:-1][whole, None] + np.arange(n_samples)]
    return values, missing, odd


def _column(batch, column):
    arrow = import_optional("pyarrow", EXTRA)
    if column in batch.schema.names:
        array = batch.column(column)
        return array.cast(arrow.list_(arrow.float32())) if array.type == arrow.null() else array
    outer, _, inner = column.partition(".")
    struct = batch.column(outer)
    # flatten() gives a field the nulls of the struct.
    fields = [struct.type.field(number).name for number in range(struct.type.num_fields)]
    return struct.flatten()[fields.index(inner)]


def _offsets(array):
    """Where each list begins and ends in the values, and whether there is one."""
    return array.offsets.to_numpy(zero_copy_only=False), ~_null(array)


def _null(array):
    """New array of where there is nothing."""
    if array.null_count == 0:
        return np.zeros(len(array), dtype=bool)
    return np.array(array.is_null().to_numpy(zero_copy_only=False))


def _numbers(array):
    """Numbers of an array, NaN where one is missing."""
    return array.to_numpy(zero_copy_only=False)
