"""Which columns of a file are flux, errors and wavelengths, and spectra made of them."""

import re

import numpy as np

from climbkit.spectra._container import XPSpectra
from climbkit.spectra._policies import name_some
from climbkit.spectra._read_columns import stacked
from climbkit.spectra._read_request import listed

FLUX = ("flux",)
FLUX_ERROR = ("flux_error", "flux_err", "flux_error_diag", "e_flux", "error")
_WAVELENGTHS = ("wavelength", "wavelength_nm", "wavelengths", "sampling", "pos")
# Columns such as flux_0, flux_336, 336.0 and flux_error_336, each with one sample.
_WIDE = re.compile(r"(?:flux|xp|wl)?_?(\d+(?:\.\d*)?)(?:_?nm)?", re.IGNORECASE)
_WIDE_ERROR = re.compile(r"(?:flux_)?err(?:or)?_?(\d+(?:\.\d*)?)(?:_?nm)?", re.IGNORECASE)
# Fewer columns with numbers for names are no spectrum.
_MIN_WIDE = 10
# Wavelengths of a file that differ by a smaller part are rounded, not others.
_ROUNDING = 1e-6


def sampled_spectra(columns, request):
    """Make spectra of the columns of a file.

    Parameters
    ----------
    columns : Columns
        What the file holds.
    request : Request
        What the caller says of it.

    Returns
    -------
    spectra : XPSpectra
        As they are in the file.

    Raises
    ------
    ValueError
        If there are no spectra in it, or they are not all alike.
    """
    flux = columns.find(*FLUX)
    grid = columns.find(*_WAVELENGTHS)
    if flux in columns.arrays:
        return _by_rows(columns, request)
    if flux is not None and grid is not None and grid not in columns.arrays:
        return _by_samples(columns, request)
    wide = _wide_columns(columns.frame, _WIDE)
    if wide:
        return _by_columns(columns, wide, request)
    raise ValueError(
        f"{request.path} has no spectra: it needs a column flux with an array in each row, the "
        "columns wavelength and flux with a sample in each row, a column for each wavelength, or "
        f"bp_coefficients and rp_coefficients; it has {listed(columns)}."
    )


def _by_rows(columns, request):
    """A row for each spectrum, the flux an array."""
    path = request.path
    flux, error, grid = (columns.find(*names) for names in (FLUX, FLUX_ERROR, _WAVELENGTHS))
    ids, id_name = request.needed_ids(columns)
    matrices = [
        request.in_flux_units(stacked(columns.arrays[name], name, ids, path), columns, name)
        if name in columns.arrays
        else None
        for name in (flux, error)
    ]
    found, unit = columns.wavelength, columns.wavelength_unit
    if grid in columns.arrays and len(ids):
        rows = stacked(columns.arrays[grid], grid, ids, path)
        found, unit = _common_grid(rows, ids, path), columns.units.get(grid, "")
    return _finished(ids, matrices, request.in_nm(found, unit), _table(columns, [id_name]), request)


def _by_samples(columns, request):
    """A row for each sample."""
    import pandas as pd

    path, frame = request.path, columns.frame
    flux, error, grid = (columns.find(*names) for names in (FLUX, FLUX_ERROR, _WAVELENGTHS))
    ids, id_name = request.ids(columns)
    if not len(frame):
        raise ValueError(f"{path} holds no spectra.")
    if ids is None:
        ids = np.full(len(frame), request.file_id())
    codes, stars = pd.factorize(ids)
    n_samples = _common_number(codes, stars, path)
    wavelength = frame[grid].to_numpy(np.float64, na_value=np.nan)
    order = np.lexsort([wavelength, codes])
    shape = (len(stars), n_samples)
    found = _common_grid(wavelength[order].reshape(shape), stars, path)
    if np.any(np.diff(found) <= 0):
        raise ValueError(f"{path} names wavelengths twice: source_id {name_some(stars)}.")
    matrices = [
        None
        if name is None
        else request.in_flux_units(
            frame[name].to_numpy(np.float64, na_value=np.nan)[order].reshape(shape), columns, name
        )
        for name in (flux, error)
    ]
    table = _table(columns, [flux, error, grid, id_name])
    if table is not None:
        varying = [n for n in table if table[n].groupby(codes).nunique(False).gt(1).any()]
        table = table.drop(columns=varying).iloc[order.reshape(shape)[:, 0]]
    found = request.in_nm(found, columns.units.get(grid, ""))
    return _finished(stars, matrices, found, table, request)


def _by_columns(columns, wide, request):
    """A column for each sample."""
    ids, id_name = request.needed_ids(columns)
    wide_errors = _wide_columns(columns.frame, _WIDE_ERROR)
    if wide_errors and list(wide_errors) != list(wide):
        raise ValueError(
            f"{request.path} has {len(wide)} columns of flux and {len(wide_errors)} of errors, "
            "which do not match."
        )
    matrices = []
    for group in (wide, wide_errors):
        names = list(group.values())
        matrix = columns.frame[names].to_numpy(np.float64, na_value=np.nan)
        matrices.append(request.in_flux_units(matrix, columns, names[0]) if names else None)
    numbers = np.array(list(wide))
    counted = numbers[0] in (0, 1) and np.array_equal(numbers, numbers[0] + np.arange(len(numbers)))
    table = _table(columns, [id_name, *wide.values(), *wide_errors.values()])
    return _finished(ids, matrices, columns.wavelength if counted else numbers, table, request)


def _wide_columns(frame, pattern):
    """Names of columns with a sample each, by the number in the name, rising."""
    found = {}
    for name in frame:
        match = pattern.fullmatch(str(name).strip())
        if match and frame[name].dtype.kind in "iuf":
            found[float(match[1])] = name
    return dict(sorted(found.items())) if len(found) >= _MIN_WIDE else {}


def _common_number(codes, stars, path):
    """How many rows each star has."""
    counts = np.bincount(codes, minlength=len(stars))
    usual = int(np.median(counts))
    odd = np.flatnonzero(counts != usual)
    if len(odd):
        raise ValueError(
            f"{path}: most spectra have {usual} samples, but {len(odd)} have other numbers: "
            f"source_id {name_some(stars[odd])}. The file may be cut short."
        )
    return usual


def _common_grid(rows, ids, path):
    """The grid that all spectra of a file share."""
    tolerance = _ROUNDING * np.abs(rows[0]).max()
    other = np.flatnonzero(~(np.abs(rows - rows[0]) <= tolerance).all(axis=1))
    if len(other):
        raise ValueError(
            f"{path}: the wavelengths differ from spectrum to spectrum, as for source_id "
            f"{name_some(ids[other])}. Read spectra on one grid at a time."
        )
    return rows[0]


def _table(columns, used):
    """What else is known of each row; None if nothing is."""
    table = columns.frame.drop(columns=[name for name in used if name in columns.frame])
    return table if len(table.columns) else None


def _finished(ids, matrices, found, table, request):
    flux, flux_error = matrices
    if not flux.size:
        raise ValueError(f"{request.path} holds no spectra.")
    if flux_error is not None and flux_error.shape != flux.shape:
        raise ValueError(
            f"{request.path}: the flux has {flux.shape[1]} samples, its errors "
            f"{flux_error.shape[1]}."
        )
    return XPSpectra(ids, flux, flux_error, request.grid(found, flux.shape[1]), table)
