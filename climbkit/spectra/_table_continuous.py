"""Tables of continuous spectra, sampled by GaiaXPy as they are read."""

import json

import numpy as np

from climbkit._optional import import_optional
from climbkit.spectra._grid import WAVELENGTH
from climbkit.spectra._read_columns import Columns
from climbkit.spectra._read_continuous import _ARRAYS, _BANDS, _NUMBERS, continuous_spectra
from climbkit.spectra._read_request import Request
from climbkit.spectra._table_files import EXTRA
from climbkit.spectra._table_flux import ATTRIBUTES

_LISTS = [f"{band}_{name}" for band in _BANDS for name in _ARRAYS]
_SCALARS = [f"{band}_{name}" for band in _BANDS for name in _NUMBERS]
# Rows that are read at a time: their correlations have 1,485 numbers for each band.
_MOST_ROWS = 2**11


def sampled_piece(piece, schema, flux_column, wavelength):
    """Return a piece with sampled spectra.

    Parameters
    ----------
    piece : ParquetPiece or another piece
        Sampled or continuous.
    schema : pyarrow.Schema
        Its columns.
    flux_column : str or sequence of str
        What a column of sampled spectra is called.
    wavelength : array-like of shape (n_samples,) or None
        Where continuous spectra are sampled, nm. None: at `WAVELENGTH`.

    Returns
    -------
    piece : piece
        The same where it is sampled, or is neither.
    """
    if not isinstance(flux_column, str) or flux_column in schema.names:
        return piece
    if not any(name in schema.names for name in _LISTS):
        return piece
    absent = [name for name in _LISTS + _SCALARS if name not in schema.names]
    if absent:
        raise ValueError(
            f"{piece.name} lacks columns that continuous spectra need: {', '.join(absent)}. Get "
            "the whole table xp_continuous_mean_spectrum, or sampled spectra."
        )
    return ContinuousPiece(piece, schema, flux_column, wavelength)


class ContinuousPiece:
    """A piece whose coefficients become sampled spectra.

    Parameters
    ----------
    piece : ParquetPiece or another piece
        Continuous.
    schema : pyarrow.Schema
        Its columns.
    flux_column : str
        Name for the column of spectra.
    wavelength : array-like of shape (n_samples,) or None
        Where they are sampled, nm. None: at `WAVELENGTH`.
    """

    def __init__(self, piece, schema, flux_column, wavelength):
        self.piece = piece
        self.name = piece.name
        self.flux_column = flux_column
        self.grid = WAVELENGTH if wavelength is None else np.asarray(wavelength, np.float64)
        self._schema = schema

    def schema(self):
        """Columns of the piece and the spectra, a pyarrow.Schema."""
        arrow = import_optional("pyarrow", EXTRA)
        kind = arrow.list_(arrow.float32(), len(self.grid))
        told = json.dumps({"wavelength": self.grid.tolist()})
        return self._schema.append(arrow.field(self.flux_column, kind)).with_metadata(
            {ATTRIBUTES: told}
        )

    def batches(self, columns, size, start=0):
        """Yield rows; see `ParquetPiece.batches`."""
        others = [name for name in columns if name != self.flux_column]
        wanted = list(dict.fromkeys([*others, *_LISTS, *_SCALARS]))
        for batch in self.piece.batches(wanted, min(size, _MOST_ROWS), start):
            yield batch.select(others).append_column(self.flux_column, self._sampled(batch))

    def _sampled(self, batch):
        """Spectra of a batch; there is none where both bands lack coefficients."""
        import pandas as pd

        arrow = import_optional("pyarrow", EXTRA)
        arrays = {name: _objects(batch[name]) for name in _LISTS}
        there = np.zeros(batch.num_rows, dtype=bool)
        for band in _BANDS:
            there |= np.array([each is not None for each in arrays[f"{band}_{_ARRAYS[0]}"]], bool)
        flux = np.full((batch.num_rows, len(self.grid)), np.nan, dtype=np.float32)
        rows = np.flatnonzero(there)
        if len(rows):
            numbers = {
                name: batch[name].to_numpy(zero_copy_only=False).astype(float)[rows]
                for name in _SCALARS
            }
            # Numbers of rows stand for the ids, which may be missing.
            spectra = continuous_spectra(
                Columns(pd.DataFrame(numbers), {name: arrays[name][rows] for name in _LISTS}),
                Request(self.name, self.grid, rows),
            )
            flux[rows] = spectra.flux
        return arrow.FixedSizeListArray.from_arrays(
            arrow.array(flux.ravel()), len(self.grid), mask=arrow.array(~there)
        )


def _objects(column):
    """Arrays of a column of lists, None where there is none."""
    return column.to_numpy(zero_copy_only=False)
