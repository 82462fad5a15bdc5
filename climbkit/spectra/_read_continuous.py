"""Spectra from their coefficients, by GaiaXPy."""

import numpy as np

from climbkit.datasets._gaiaxpy import import_gaiaxpy, silent_gaiaxpy
from climbkit.spectra._container import XPSpectra
from climbkit.spectra._policies import name_some
from climbkit.spectra._read_columns import row_array
from climbkit.spectra._resampling import checked_wavelength

_BANDS = ("bp", "rp")
_ARRAYS = ("coefficients", "coefficient_errors", "coefficient_correlations")
_NUMBERS = ("n_parameters", "standard_deviation")
# Spectra that GaiaXPy gets at a time: it makes four matrices of 55 x 55 of each.
_CHUNK = 1000


def is_continuous(columns):
    """Tell whether a file holds coefficients.

    Parameters
    ----------
    columns : Columns
        What it holds.

    Returns
    -------
    continuous : bool
        Whether there are those of a band.
    """
    return any(f"{band}_coefficients" in columns.names for band in _BANDS)


def continuous_spectra(columns, request):
    """Sample the spectra of a file with coefficients.

    Parameters
    ----------
    columns : Columns
        What the file holds.
    request : Request
        What the caller says of it; its wavelengths are those where to sample, `WAVELENGTH` where it
        has none.

    Returns
    -------
    spectra : XPSpectra
        Sampled; NaN where a band is missing.

    Raises
    ------
    ValueError
        If columns, or both bands of a spectrum, are missing, or arrays do not fit together.
    """
    path = request.path
    needed = [f"{band}_{name}" for band in _BANDS for name in (*_ARRAYS, *_NUMBERS)]
    absent = [name for name in needed if name not in columns.names]
    if absent:
        raise ValueError(
            f"{path} lacks columns that continuous spectra need: {', '.join(absent)}. Get the "
            "whole table xp_continuous_mean_spectrum, or sampled spectra."
        )
    ids, id_name = request.needed_ids(columns)
    if not len(ids):
        raise ValueError(f"{path} holds no spectra.")
    grid = None if request.wavelength is None else checked_wavelength(request.wavelength)
    bands = {band: _band(columns, band, ids, path) for band in _BANDS}
    none = [i for i in range(len(ids)) if all(bands[b]["coefficients"][i] is None for b in _BANDS)]
    if none:
        raise ValueError(
            f"{path}: {len(none)} spectra have no coefficients: source_id {name_some(ids[none])}."
        )
    parts = []
    for start in range(0, len(ids), _CHUNK):
        rows = slice(start, start + _CHUNK)
        part = {"source_id": ids[rows]}
        for band, values in bands.items():
            part |= {f"{band}_{name}": value[rows] for name, value in values.items()}
        *matrices, sampling = _calibrated(part, grid)
        parts.append(matrices)
    table = columns.frame.drop(columns=[id_name] if id_name else [])
    return XPSpectra(
        ids,
        np.concatenate([flux for flux, _ in parts]),
        np.concatenate([flux_error for _, flux_error in parts]),
        sampling,
        table if len(table.columns) else None,
    )


def _band(columns, band, ids, path):
    """Columns of a band, each a list; None where a spectrum lacks it."""
    values = {}
    for name in _ARRAYS:
        column = f"{band}_{name}"
        # A column without any array is one of missing numbers.
        stored = columns.arrays.get(column, [None] * len(ids))
        values[name] = [
            row_array(value, column, row, path) for value, row in zip(stored, ids, strict=True)
        ]
    for name in _NUMBERS:
        stored = columns.frame[f"{band}_{name}"]
        values[name] = stored.to_numpy(np.float64, na_value=np.nan, copy=True)
    for i, row in enumerate(zip(*(values[name] for name in _ARRAYS), strict=True)):
        if all(array is None for array in row):
            values["n_parameters"][i] = values["standard_deviation"][i] = np.nan
            continue
        n = values["n_parameters"][i]
        sizes = [0 if array is None else len(array) for array in row]
        if sizes != [n, n, n * (n - 1) / 2] or not values["standard_deviation"][i] > 0:
            raise ValueError(
                f"{path}: {band}_coefficients, their errors and correlations have {sizes} values "
                f"where {band}_n_parameters is {n:g}, or {band}_standard_deviation is missing: "
                f"source_id {ids[i]}. The file may be cut short."
            )
    return values


def _calibrated(part, grid):
    """Flux, errors and wavelengths of some spectra."""
    import pandas as pd

    calibrator = import_gaiaxpy("gaiaxpy.calibrator.calibrator")
    with silent_gaiaxpy():
        sampled, sampling = calibrator.calibrate(pd.DataFrame(part), sampling=grid, save_file=False)
    if not np.array_equal(sampled["source_id"].to_numpy(np.int64), part["source_id"]):
        raise RuntimeError("GaiaXPy returned other spectra than it was given.")
    flux, flux_error = (
        np.stack(sampled[name].to_list()).astype(np.float64) for name in ("flux", "flux_error")
    )
    return flux, flux_error, np.asarray(sampling, dtype=np.float64)
