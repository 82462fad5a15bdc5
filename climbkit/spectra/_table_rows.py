"""Blocks of spectra on the grid of a model, with the reason where one cannot be predicted."""

import json
import warnings
from typing import Any, NamedTuple

import numpy as np

from climbkit._optional import import_optional
from climbkit.spectra._grid import FIRST, STEP, WAVELENGTH
from climbkit.spectra._resampling import checked_wavelength, interpolate, same_grid
from climbkit.spectra._table_continuous import sampled_piece
from climbkit.spectra._table_files import EXTRA
from climbkit.spectra._table_flux import ATTRIBUTES, find_flux, first_length, read_flux

#: Why a spectrum cannot be predicted, by code; 0 is for those that can.
REASONS = (None, "missing", "wrong_length", "not_finite", "zero", "negative", "no_result")
_MISSING, _LENGTH, _NOT_FINITE, _ZERO, _NEGATIVE, NO_RESULT = range(1, len(REASONS))

_LOOKED_AT = 256  # rows read at once to see how long spectra are


class Position(NamedTuple):
    """A place between two rows of a table.

    Attributes
    ----------
    piece : int
        Number of a piece.
    row : int
        Rows of it that come before.
    """

    piece: int
    row: int


BEGINNING = Position(0, 0)


class Rows(NamedTuple):
    """Some rows of a table.

    Attributes
    ----------
    end : Position
        Where the next row is.
    source_id : pyarrow.Int64Array of length n_rows
        Ids.
    flux : ndarray of shape (n_rows, n_samples), dtype float32
        On the grid of the model, W m-2 nm-1; arbitrary where there is a reason.
    reason : ndarray of uint8 of shape (n_rows,)
        Number of one of `REASONS`.
    carried : tuple of pyarrow.Array of length n_rows
        Columns that go to the output as they are.
    """

    end: Position
    source_id: Any
    flux: np.ndarray
    reason: np.ndarray
    carried: tuple

    def __len__(self):
        return len(self.reason)

    def part(self, start, stop):
        """Rows from `start` to `stop`, all of one piece."""
        return Rows(
            Position(self.end.piece, self.end.row - len(self) + stop),
            self.source_id[start:stop],
            self.flux[start:stop],
            self.reason[start:stop],
            tuple(column[start:stop] for column in self.carried),
        )


class RowReader:
    """Reads the rows of a table in blocks of one size.

    Parameters
    ----------
    pieces : list
        Of `open_pieces`.
    id_column : str
        Column of the ids.
    flux_column : str or sequence of str
        See `find_flux`.
    columns : sequence of str
        Columns that go to the output.
    wavelength : array-like of shape (n_samples,) or None
        Grid of the samples, nm. None: of the file, or of 343 samples Gaia's.
    grid : ndarray of shape (n_wanted,) or None
        Grid that the model was fitted on, nm. None: nothing is resampled.
    n_features : int or None
        Numbers that the model takes. None: any.

    Raises
    ------
    ValueError
        If a file lacks a column or it is of another type, or its spectra are none that the model
        could take.
    """

    def __init__(self, pieces, id_column, flux_column, columns, wavelength, grid, n_features):
        self.pieces = pieces
        self.id_column = id_column
        self.flux_column = flux_column
        self.columns = list(columns)
        self.wavelength = None if wavelength is None else checked_wavelength(wavelength)
        self.grid = grid
        self.n_features = n_features
        first = pieces[0].schema()
        self._check_columns(first, pieces[0].name)
        self.carried_fields = [first.field(name) for name in self.columns]
        # A mistake is found before the work, if it is one in the first file.
        n_samples = self._layout(pieces[0])[2]
        if self.n_features is None and self.grid is None:
            self.n_features = n_samples

    @property
    def n_rows(self):
        """Rows of all pieces, or None where a piece does not tell."""
        counts = [piece.n_rows for piece in self.pieces]
        return None if None in counts else sum(counts)

    @property
    def _n_wanted(self):
        """Numbers that the model takes, as far as that is known."""
        return len(self.grid) if self.grid is not None else self.n_features or 0

    def blocks(self, size, start=BEGINNING):
        """Yield all rows.

        Parameters
        ----------
        size : int
            Rows of a block; the last one may have fewer.
        start : Position, default=BEGINNING
            Where to begin: the ``end`` of a block.

        Yields
        ------
        rows : Rows
            `size` of them.
        """
        waiting, n_waiting = [], 0
        for rows in self._rows(size, start):
            while n_waiting + len(rows) >= size:
                n_taken = size - n_waiting
                yield _joined([*waiting, rows.part(0, n_taken)])
                rows = rows.part(n_taken, len(rows))
                waiting, n_waiting = [], 0
            if len(rows):
                waiting.append(rows)
                n_waiting += len(rows)
        if n_waiting:
            yield _joined(waiting)

    def _rows(self, size, start):
        """Rows in batches of any size up to `size`, each of one piece."""
        for number in range(start.piece, len(self.pieces)):
            row = start.row if number == start.piece else 0
            piece, flux, n_samples, source = self._layout(self.pieces[number])
            wanted = list(dict.fromkeys([self.id_column, *flux.columns, *self.columns]))
            for batch in piece.batches(wanted, size, row):
                row += batch.num_rows
                end = Position(number, row)
                yield self._of_batch(end, batch, flux, n_samples, source)

    def _of_batch(self, end, batch, flux, n_samples, source):
        name = self.pieces[end.piece].name
        values, missing, odd = read_flux(batch, flux, n_samples)
        if values.dtype != np.float32:
            with np.errstate(over="ignore"):
                values = values.astype(np.float32)
        if source is not None:
            values = interpolate(values, source, self.grid)
        return Rows(
            end,
            _ids(batch.column(self.id_column), name),
            values,
            self._reasons(values, missing, odd),
            tuple(self._carried(batch, field, name) for field in self.carried_fields),
        )

    def _reasons(self, values, missing, odd):
        reason = np.zeros(len(values), dtype=np.uint8)
        if values.shape[1]:
            # NaN and infinity show in the extremes.
            low, high = values.min(axis=1), values.max(axis=1)
            if self.grid is not None:
                reason[high <= 0] = _NEGATIVE
            reason[(low == 0) & (high == 0)] = _ZERO
            reason[~(np.isfinite(low) & np.isfinite(high))] = _NOT_FINITE
        reason[odd] = _LENGTH
        reason[missing] = _MISSING
        return reason

    def _carried(self, batch, field, name):
        column = batch.column(field.name)
        if column.type == field.type:
            return column
        try:
            return column.cast(field.type)
        except (ValueError, NotImplementedError) as error:
            raise ValueError(
                f"{name}: column {field.name!r} is {column.type}, in the first file it is "
                f"{field.type}: {error}"
            ) from error

    def _layout(self, piece):
        """Sampled piece, columns of its flux, samples, and their grid if it is not the model's."""
        schema = piece.schema()
        self._check_columns(schema, piece.name)
        wanted = self.wavelength if self.wavelength is not None else self.grid
        sampled = sampled_piece(piece, schema, self.flux_column, wanted)
        if sampled is not piece:
            piece, schema = sampled, sampled.schema()
        flux = find_flux(schema, self.flux_column, piece.name)
        n_samples = flux.n_samples
        if n_samples is None:
            for batch in piece.batches(list(flux.columns), _LOOKED_AT):
                n_samples = first_length(batch, flux)
                if n_samples is not None:
                    break
        if n_samples is None:
            # Nobody knows how long its spectra would be; all of them are missing.
            return piece, flux, self._n_wanted, None
        source = self._source_grid(schema, flux, n_samples, piece.name)
        return piece, flux, n_samples, source

    def _check_columns(self, schema, name):
        for column in (self.id_column, *self.columns):
            if column not in schema.names:
                known = ", ".join(schema.names[:20])
                raise ValueError(
                    f"{name} has no column {column!r}; its columns begin with {known}."
                )

    def _source_grid(self, schema, flux, n_samples, name):
        """Grid of the samples, nm, or None if it is the one of the model."""
        if self.grid is None:
            if self.n_features not in (None, n_samples):
                raise ValueError(
                    f"{name} has spectra of {n_samples} samples; the model takes "
                    f"{self.n_features} numbers."
                )
            return None
        if self.wavelength is not None:
            source = checked_wavelength(self.wavelength, n_samples)
        else:
            source = _known_grid(schema, flux, n_samples)
        if source is None and n_samples == len(self.grid):
            return None
        if source is None:
            source = FIRST + STEP * np.arange(n_samples)
            warnings.warn(
                f"source does not say at which wavelengths the {n_samples} samples of its spectra "
                f"are; they are taken to be {FIRST:g}, {FIRST + STEP:g}, … {source[-1]:g} nm. Pass "
                "wavelength= if that is wrong.",
                UserWarning,
                stacklevel=2,
            )
        if same_grid(source, self.grid):
            return None
        try:
            interpolate(np.zeros((0, n_samples)), source, self.grid)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return source


def _known_grid(schema, flux, n_samples):
    """Grid that the file tells, or Gaia's for as many samples as that has."""
    told = flux.numbers
    if told is None:
        attributes = json.loads((schema.metadata or {}).get(ATTRIBUTES, b"{}"))
        told = attributes.get("wavelength")
    try:
        return checked_wavelength(told, n_samples)
    except ValueError:  # numbers of samples from 0, say
        return WAVELENGTH if n_samples == len(WAVELENGTH) else None


def _ids(column, name):
    """Ids as int64, exactly."""
    types = import_optional("pyarrow.types", EXTRA)
    arrow = import_optional("pyarrow", EXTRA)
    if types.is_floating(column.type):
        raise ValueError(
            f"{name}: the ids are {column.type}. A float has 53 bits, so that Gaia's ids, of up to "
            "63, have been rounded and name other stars. This cannot be undone: get them as int64."
        )
    try:
        return column.cast(arrow.int64())
    except (ValueError, NotImplementedError) as error:
        raise ValueError(f"{name}: the ids must be whole numbers of 64 bits: {error}") from error


def _joined(parts):
    """Rows of all parts below each other."""
    if len(parts) == 1:
        return parts[0]
    concat = import_optional("pyarrow", EXTRA).concat_arrays
    return Rows(
        parts[-1].end,
        concat([part.source_id for part in parts]),
        np.concatenate([part.flux for part in parts]),
        np.concatenate([part.reason for part in parts]),
        tuple(concat(columns) for columns in zip(*(part.carried for part in parts), strict=True)),
    )
