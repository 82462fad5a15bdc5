"""Reading colours and magnitudes: candidates, or plain lists of stars."""

from typing import NamedTuple

import numpy as np


class Diagrams(NamedTuple):
    """Stars of many diagrams, one after the other.

    Attributes
    ----------
    color, magnitude : ndarray of shape (n_stars,), dtype float64
        Magnitudes; NaN where a star has none.
    indptr : ndarray of shape (n_diagrams + 1,), dtype int64
        Where each diagram begins.
    names : sequence
        What to call the diagrams in messages.
    """

    color: np.ndarray
    magnitude: np.ndarray
    indptr: np.ndarray
    names: object


def read_diagrams(X, columns):
    """Collect the stars of all diagrams.

    Parameters
    ----------
    X : CandidateSet or iterable
        See `CMDImageTransformer.transform`.
    columns : tuple of two str
        Names of colour and magnitude in tables.

    Returns
    -------
    diagrams : Diagrams
        Read.

    Raises
    ------
    ValueError
        If a column is missing, or X is no list of diagrams.
    """
    if hasattr(X, "indptr") and hasattr(X, "stars"):
        return _of_candidates(X, columns)
    if isinstance(X, np.ndarray) and X.ndim != 3 and X.dtype != object:
        raise ValueError(
            "X must be a CandidateSet or a list with the stars of each diagram; got one array of "
            f"shape {X.shape}. For one diagram pass [X]."
        )
    if hasattr(X, "columns") or isinstance(X, str) or not hasattr(X, "__iter__"):
        raise ValueError(
            "X must be a CandidateSet or a list with the stars of each diagram; got "
            f"{type(X).__name__}. For the diagram of one table pass [table]."
        )
    pairs = [_pair(stars, number, columns) for number, stars in enumerate(X)]
    indptr = np.zeros(len(pairs) + 1, dtype=np.int64)
    np.cumsum([len(color) for color, _ in pairs], out=indptr[1:])
    none = np.empty(0)
    color = np.concatenate([none, *(color for color, _ in pairs)])
    magnitude = np.concatenate([none, *(magnitude for _, magnitude in pairs)])
    return Diagrams(color, magnitude, indptr, range(len(pairs)))


def _of_candidates(candidates, columns):
    if candidates.stars is None:
        raise ValueError(
            "X has no stars, only memberships; join them to their stars with X.with_stars(stars)."
        )
    color, magnitude = (
        _column(candidates.stars, name, "the table of stars")[candidates.indices]
        for name in columns
    )
    return Diagrams(color, magnitude, candidates.indptr, candidates.table["candidate_id"].tolist())


def _pair(stars, number, columns):
    """Colours and magnitudes of one diagram of a list."""
    if hasattr(stars, "columns"):
        return tuple(_column(stars, name, f"table X[{number}]") for name in columns)
    if isinstance(stars, tuple) and len(stars) == 2:
        color, magnitude = (_numbers(values, f"X[{number}]") for values in stars)
        if color.ndim == 1 and color.shape == magnitude.shape:
            return color, magnitude
        raise ValueError(
            f"X[{number}] must be two arrays of one length, colours and magnitudes; got shapes "
            f"{color.shape} and {magnitude.shape}."
        )
    table = _numbers(stars, f"X[{number}]")
    if table.size == 0:
        return np.empty(0), np.empty(0)
    if table.ndim != 2 or table.shape[1] != 2:
        raise ValueError(
            f"X[{number}] must be a pair (tuple) of arrays, colours and magnitudes, or an array of "
            f"shape (n_stars, 2); got shape {table.shape}."
        )
    return table[:, 0], table[:, 1]


def _column(table, name, where):
    if name not in table.columns:
        raise ValueError(f"{where} has no column {name!r}; columns names colour and magnitude.")
    return _numbers(table[name], f"column {name!r}")


def _numbers(values, where):
    if hasattr(values, "to_numpy"):  # pandas: missing values of any kind are NaN
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    if hasattr(values, "filled"):  # masked arrays and columns
        values = values.astype(np.float64).filled(np.nan)
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} must hold numbers: {error}") from None
