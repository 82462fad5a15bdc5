"""Columns of a file with spectra, and what arrays among them hold."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_NAMED = 3  # rows that a message names
_SHOWN = re.compile(r"np\.float\d+\(([^()]*)\)")


@dataclass
class Columns:
    """What a file holds, before anybody asks what it means.

    Attributes
    ----------
    frame : DataFrame
        Columns with a number or a word in each row; ids are int64.
    arrays : dict of str to sequence
        Columns with an array in each row: a matrix, arrays, or text that writes them out; None
        where there is none.
    units : dict of str to str
        Units of the columns that have one.
    wavelength : array-like or None
        Wavelengths that the file gives once for all spectra.
    wavelength_unit : str
        Their unit; empty where the file does not say.
    """

    frame: Any
    arrays: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)
    wavelength: Any = None
    wavelength_unit: str = ""

    @property
    def names(self):
        return [*self.frame.columns, *self.arrays]

    @property
    def n_rows(self):
        return len(next(iter(self.arrays.values()), self.frame))

    def find(self, *names):
        """Column that has one of some names in whatever capitals, or None."""
        lower = {str(name).lower(): name for name in reversed(self.names)}
        return next((lower[name] for name in names if name in lower), None)


def is_array_text(value):
    """Tell whether a value writes out an array, such as ``"[1.0, 2.0]"`` or ``"(1.0, 2.0)"``.

    Parameters
    ----------
    value : object
        A value of a column.

    Returns
    -------
    is_array : bool
        Whether it begins like one.
    """
    return isinstance(value, str) and value.lstrip()[:1] in ("[", "(")


def first_value(column):
    """First value of a column of objects that is there, or None.

    Parameters
    ----------
    column : Series
        A column.

    Returns
    -------
    value : object
        The first.
    """
    present = column.dropna()
    return present.iloc[0] if len(present) else None


def stacked(values, name, rows, path):
    """Put the arrays of a column below each other.

    Parameters
    ----------
    values : sequence of length n_rows
        A matrix, or an array or text for each row.
    name : str
        Its name, for errors.
    rows : sequence of length n_rows
        Names of the rows, for errors.
    path : path-like
        The file, for errors.

    Returns
    -------
    matrix : ndarray of shape (n_rows, n_samples)
        float32 if all are float32, else float64; NaN where a sample is missing.

    Raises
    ------
    ValueError
        If a row has no array, one that cannot be read, or one of another length.
    """
    if isinstance(values, np.ndarray) and values.ndim > 1:
        matrix = _plain(values)
        return matrix.reshape(len(matrix), -1)
    arrays = [row_array(value, name, row, path) for value, row in zip(values, rows, strict=True)]
    missing = [row for array, row in zip(arrays, rows, strict=True) if array is None]
    if missing:
        raise ValueError(
            f"{path}: {len(missing)} of {len(arrays)} rows have no {name}: source_id "
            f"{_some(missing)}. The file may be cut short."
        )
    if not arrays:
        return np.empty((0, 0))
    lengths = np.array([len(array) for array in arrays])
    usual = int(np.median(lengths))
    other = np.flatnonzero(lengths != usual)
    if len(other):
        odd = [f"{rows[i]} has {lengths[i]}" for i in other[:_NAMED]]
        raise ValueError(
            f"{path}: {name} has different lengths, mostly {usual}, but source_id "
            f"{', '.join(odd)}{', ...' if len(other) > _NAMED else ''}."
        )
    return np.stack(arrays)


def row_array(value, name, row, path):
    """Return the numbers of a row.

    Parameters
    ----------
    value : object
        An array, or text that writes it out.
    name : str
        Name of the column, for errors.
    row : object
        Name of the row, for errors.
    path : path-like
        The file, for errors.

    Returns
    -------
    array : ndarray of shape (n_samples,) or None
        NaN where a sample is missing; None where there is no array.

    Raises
    ------
    ValueError
        If the text writes out no array.
    """
    if isinstance(value, str) and value.strip():
        try:
            array = numbers_of_text(value)
        except ValueError as error:
            raise ValueError(
                f"{path}: {name} of source_id {row} is no array: {error}. The file may be cut "
                "short."
            ) from error
    elif isinstance(value, str) or value is np.ma.masked or np.ndim(value) == 0:
        return None
    else:
        array = _plain(np.ma.asarray(value)).ravel()
    return array if len(array) else None


def numbers_of_text(text):
    """Return the numbers of text such as ``"[336.0, null, np.float64(340.0)]"``.

    Parameters
    ----------
    text : str
        Numbers with commas between them, in brackets. GaiaXPy wrote NumPy's way of showing them for
        a while.

    Returns
    -------
    numbers : ndarray of float64 of shape (n_numbers,)
        NaN for ``null``.

    Raises
    ------
    ValueError
        If it is something else.
    """
    text = text.strip()
    if text[:1] + text[-1:] not in ("[]", "()"):
        raise ValueError(f"it begins with {text[:20]!r} and ends with {text[-20:]!r}")
    text = text[1:-1].strip().removesuffix(",")
    if "(" in text:
        text = _SHOWN.sub(r"\1", text)
    if "null" in text:
        text = text.replace("null", "nan")
    return np.array(text.split(",") if text else [], dtype=np.float64)


def _plain(values):
    """Floats in this machine's byte order, with NaN where masked."""
    kind = values.dtype.kind
    if kind not in "fiu":
        values = values.astype(np.float64)
    exact = values.dtype.kind == "f" and values.dtype.itemsize in (4, 8)
    dtype = values.dtype.newbyteorder("=") if exact else np.dtype(np.float64)
    if isinstance(values, np.ma.MaskedArray):
        values = values.astype(dtype).filled(np.nan)
    return np.ascontiguousarray(values, dtype=dtype)


def _some(rows):
    return ", ".join(str(row) for row in rows[:_NAMED]) + (", ..." if len(rows) > _NAMED else "")
