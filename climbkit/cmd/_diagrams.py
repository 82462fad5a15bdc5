"""Reading colours and magnitudes: candidates, or plain lists of stars."""

import itertools
from typing import NamedTuple

import numpy as np

_BATCH = 131_072  # stars that are copied at a time: 2 MB, which stay in the cache


class Diagrams(NamedTuple):
    """Stars of many diagrams, one after the other.

    Attributes
    ----------
    indptr : ndarray of shape (n_diagrams + 1,), dtype int64
        Where each diagram begins.
    names : sequence
        What to call the diagrams in messages.
    copy : callable
        ``copy(begin, end, color, magnitude)`` fills arrays of dtype float64 with the stars of
        these diagrams; NaN where a star has no colour or no magnitude.
    """

    indptr: np.ndarray
    names: object
    copy: object

    def batches(self, begin=0, end=None):
        """Copy the stars of diagrams a few at a time, always into the same memory.

        Parameters
        ----------
        begin, end : int
            First diagram, and the one after the last; all by default.

        Yields
        ------
        part : slice
            The diagrams.
        color, magnitude : ndarray of shape (n_stars,), dtype float64
            Their stars, until the next batch.
        indptr : ndarray of shape (n_diagrams + 1,), dtype int64
            Where in these arrays each diagram begins.
        """
        end = len(self.names) if end is None else end
        indptr = self.indptr[begin : end + 1]
        inner = np.searchsorted(indptr, np.arange(indptr[0], indptr[-1], _BATCH))
        bounds = np.union1d(inner, [0, end - begin])
        memory = np.empty((2, np.diff(indptr[bounds]).max(initial=0)))
        for first, last in itertools.pairwise(bounds.tolist()):
            own = indptr[first : last + 1] - indptr[first]
            color, magnitude = memory[:, : own[-1]]
            self.copy(begin + first, begin + last, color, magnitude)
            yield slice(begin + first, begin + last), color, magnitude, own


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

    def copy(begin, end, *memory):
        for values, out in zip(zip(*pairs[begin:end], strict=True), memory, strict=True):
            np.concatenate(values, out=out)

    return Diagrams(indptr, range(len(pairs)), copy)


def _of_candidates(candidates, columns):
    if candidates.stars is None:
        raise ValueError(
            "X has no stars, only memberships; join them to their stars with X.with_stars(stars)."
        )
    indptr, indices = candidates.indptr, candidates.indices
    values = [_column(candidates.stars, name, "the table of stars") for name in columns]

    def copy(begin, end, *memory):
        rows = indices[indptr[begin] : indptr[end]]
        for column, out in zip(values, memory, strict=True):
            out[:] = column[rows]

    return Diagrams(indptr, candidates.table["candidate_id"].tolist(), copy)


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
