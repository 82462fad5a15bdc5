"""Which columns of a file are flux, errors and wavelengths, and spectra made of them."""

import re
import warnings

import numpy as np

from climbkit._optional import import_optional
from climbkit.spectra._container import XPSpectra
from climbkit.spectra._grid import FIRST, STEP, WAVELENGTH
from climbkit.spectra._policies import name_some
from climbkit.spectra._read_columns import stacked
from climbkit.spectra._resampling import checked_wavelength, same_grid
from climbkit.survey._gaia_columns import gaia_names
from climbkit.survey._read_types import exact_ids

FLUX = ("flux",)
FLUX_ERROR = ("flux_error", "flux_err", "flux_error_diag", "e_flux", "error")
_WAVELENGTHS = ("wavelength", "wavelength_nm", "wavelengths", "sampling", "pos")
_FLUX_UNIT, _WAVELENGTH_UNIT = "W m-2 nm-1", "nm"
# Columns such as flux_0, flux_336, 336.0 and flux_error_336, each with one sample.
_WIDE = re.compile(r"(?:flux|xp|wl)?_?(\d+(?:\.\d*)?)(?:_?nm)?", re.IGNORECASE)
_WIDE_ERROR = re.compile(r"(?:flux_)?err(?:or)?_?(\d+(?:\.\d*)?)(?:_?nm)?", re.IGNORECASE)
# Fewer columns with numbers for names are no spectrum.
_MIN_WIDE = 10
_FILE_ID = re.compile(r"Gaia[ _-]DR\d[ _-](\d{4,19})(?!\d)")


def find_ids(columns, source_id, path):
    """Return the ids of the rows of a file, and the name of their column.

    Parameters
    ----------
    columns : Columns
        What the file holds.
    source_id : str, array-like of int or None
        Name of the column, or the ids themselves. None: the column of Gaia's name for it.
    path : path-like
        The file, for errors.

    Returns
    -------
    ids : ndarray of int64 of shape (n_rows,) or None
        The ids; None if there is no such column.
    name : str or None
        The column.

    Raises
    ------
    ValueError
        If there is no column of the given name, or the ids have another length.
    """
    frame = columns.frame
    if isinstance(source_id, str):
        if source_id not in frame:
            raise ValueError(f"{path} has no column {source_id!r}; it has {_some(columns.names)}.")
        column = frame[source_id]
        missing = column.isna().to_numpy()
        return exact_ids(column.fillna(0).to_numpy(), missing, path), source_id
    if source_id is not None:
        return np.asarray(source_id), None
    name = next((n for n in frame if gaia_names([n]).get(n, n) == "source_id"), None)
    return (None if name is None else frame[name].to_numpy(np.int64)), name


def sampled_spectra(columns, path, wavelength, source_id):
    """Make spectra of the columns of a file.

    Parameters
    ----------
    columns : Columns
        What the file holds.
    path : path-like
        The file, for errors.
    wavelength : array-like or None
        Grid that the caller gives, nm.
    source_id : str, array-like of int or None
        As of `find_ids`.

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
        return _by_rows(columns, path, wavelength, source_id)
    if flux is not None and grid is not None and grid not in columns.arrays:
        return _by_samples(columns, path, wavelength, source_id)
    wide = _wide_columns(columns.frame, _WIDE)
    if wide:
        return _by_columns(columns, wide, path, wavelength, source_id)
    raise ValueError(
        f"{path} has no spectra: it needs a column flux with an array in each row, the columns "
        "wavelength and flux with a sample in each row, a column for each wavelength, or "
        f"bp_coefficients and rp_coefficients; it has {_some(columns.names)}."
    )


def _by_rows(columns, path, wavelength, source_id):
    """A row for each spectrum, the flux an array."""
    flux, error, grid = (columns.find(*names) for names in (FLUX, FLUX_ERROR, _WAVELENGTHS))
    ids, id_name = needed_ids(columns, source_id, path)
    matrix = _in_flux_units(stacked(columns.arrays[flux], flux, ids, path), columns, flux, path)
    errors = None
    if error in columns.arrays:
        errors = stacked(columns.arrays[error], error, ids, path)
        errors = _in_flux_units(errors, columns, error, path)
    found = columns.wavelength
    unit = columns.wavelength_unit
    if grid in columns.arrays and len(ids):
        rows = stacked(columns.arrays[grid], grid, ids, path)
        found, unit = _common_grid(rows, ids, path), columns.units.get(grid, "")
    return _finished(
        ids, matrix, errors, _in_nm(found, unit, path), wavelength, columns, id_name, path
    )


def _by_samples(columns, path, wavelength, source_id):
    """A row for each sample."""
    import pandas as pd

    flux, error, grid = (columns.find(*names) for names in (FLUX, FLUX_ERROR, _WAVELENGTHS))
    frame = columns.frame
    ids, id_name = find_ids(columns, source_id, path)
    if ids is None:
        ids = np.full(len(frame), _file_id(path))
    if len(ids) != len(frame):
        raise ValueError(f"source_id has {len(ids)} values for {len(frame)} rows of {path}.")
    codes, stars = pd.factorize(ids)
    counts = np.bincount(codes, minlength=len(stars))
    usual = int(np.median(counts)) if len(stars) else 0
    odd = np.flatnonzero(counts != usual)
    if len(odd):
        raise ValueError(
            f"{path}: most spectra have {usual} samples, but {len(odd)} have other numbers: "
            f"source_id {name_some(stars[odd])}. The file may be cut short."
        )
    numbers = frame[grid].to_numpy(np.float64, na_value=np.nan)
    order = np.lexsort([numbers, codes])
    shape = (len(stars), usual)
    found = _common_grid(numbers[order].reshape(shape), stars, path) if len(stars) else None
    if found is not None and np.any(np.diff(found) <= 0):
        raise ValueError(f"{path} names wavelengths twice: source_id {name_some(stars)}.")
    matrices = []
    for name in (flux, error):
        if name is None:
            matrices.append(None)
            continue
        matrix = frame[name].to_numpy(np.float64, na_value=np.nan)[order].reshape(shape)
        matrices.append(_in_flux_units(matrix, columns, name, path))
    first = order.reshape(shape)[:, 0] if len(stars) else []
    others = frame.drop(columns=[n for n in (flux, error, grid, id_name) if n is not None])
    varying = [name for name in others if others[name].groupby(codes).nunique(False).gt(1).any()]
    columns.frame = others.drop(columns=varying).iloc[first]
    found = _in_nm(found, columns.units.get(grid, ""), path)
    return _finished(stars, *matrices, found, wavelength, columns, None, path)


def _by_columns(columns, wide, path, wavelength, source_id):
    """A column for each sample."""
    ids, id_name = needed_ids(columns, source_id, path)
    frame = columns.frame
    numbers = np.array(list(wide))
    wide_errors = _wide_columns(frame, _WIDE_ERROR)
    if wide_errors and list(wide_errors) != list(wide):
        raise ValueError(
            f"{path} has {len(wide)} columns of flux and {len(wide_errors)} of errors, which do "
            "not match."
        )
    matrices = []
    for group in (wide, wide_errors):
        names = list(group.values())
        matrix = frame[names].to_numpy(np.float64, na_value=np.nan) if names else None
        if names:
            matrix = _in_flux_units(matrix, columns, names[0], path)
        matrices.append(matrix)
    counted = np.array_equal(numbers, numbers[0] + np.arange(len(numbers))) and numbers[0] in (0, 1)
    found = columns.wavelength if counted else numbers
    columns.frame = frame.drop(columns=[*wide.values(), *wide_errors.values()])
    return _finished(ids, *matrices, found, wavelength, columns, id_name, path)


def _wide_columns(frame, pattern):
    """Names of columns with a sample each, by the number in the name, rising."""
    found = {}
    for name in frame:
        match = pattern.fullmatch(str(name).strip())
        if match and frame[name].dtype.kind in "iuf":
            found[float(match[1])] = name
    return dict(sorted(found.items())) if len(found) >= _MIN_WIDE else {}


def needed_ids(columns, source_id, path):
    """Return the ids of the rows of a file, as `find_ids` does, or raise where there are none."""
    ids, name = find_ids(columns, source_id, path)
    if ids is None:
        raise ValueError(
            f"{path} has no column source_id; it has {_some(columns.names)}. Name the column, or "
            "give the ids, by source_id=."
        )
    if len(ids) != columns.n_rows:
        raise ValueError(f"source_id has {len(ids)} values for {columns.n_rows} rows of {path}.")
    return ids, name


def _file_id(path):
    """The id in the name that the archive gives to a file with one spectrum."""
    match = _FILE_ID.search(str(getattr(path, "name", path)))
    if match is None:
        raise ValueError(
            f"{path} has no column source_id, and no id in its name as the archive's files have "
            "it ('XP_SAMPLED-Gaia DR3 4295806720.csv'). Give the ids by source_id=."
        )
    return np.int64(match[1])


def _common_grid(rows, ids, path):
    """The grid that all spectra of a file share."""
    tolerance = 1e-6 * np.abs(rows[0]).max()
    other = np.flatnonzero(~(np.abs(rows - rows[0]) <= tolerance).all(axis=1))
    if len(other):
        raise ValueError(
            f"{path}: the wavelengths differ from spectrum to spectrum, as for source_id "
            f"{name_some(ids[other])}. Read spectra on one grid at a time."
        )
    return rows[0]


def _finished(ids, flux, flux_error, found, wavelength, columns, id_name, path):
    if flux_error is not None and flux_error.shape != flux.shape:
        raise ValueError(
            f"{path}: the flux has {flux.shape[1]} samples, its errors {flux_error.shape[1]}."
        )
    if not flux.size:
        raise ValueError(f"{path} holds no spectra.")
    grid = _settled_grid(found, wavelength, flux.shape[1], path)
    table = columns.frame.drop(columns=[id_name] if id_name else [])
    return XPSpectra(ids, flux, flux_error, grid, table if len(table.columns) else None)


def _settled_grid(found, wavelength, n_samples, path):
    """The grid of the file, of the caller, or the usual one."""
    try:
        if found is not None:
            found = checked_wavelength(found, n_samples)
        if wavelength is not None:
            wavelength = checked_wavelength(wavelength, n_samples)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if found is not None and wavelength is not None and not same_grid(found, wavelength):
        raise ValueError(
            f"{path} says that its samples lie at {found[0]:g} to {found[-1]:g} nm, which is not "
            f"what wavelength= says, {wavelength[0]:g} to {wavelength[-1]:g} nm."
        )
    if found is not None or wavelength is not None:
        return found if found is not None else wavelength
    if n_samples == len(WAVELENGTH):
        return WAVELENGTH
    grid = FIRST + STEP * np.arange(n_samples)
    warnings.warn(
        f"{path} has {n_samples} samples a spectrum and does not say at which wavelengths; they "
        f"are taken to lie at {FIRST:g} to {grid[-1]:g} nm in steps of {STEP:g} nm. Give others "
        "by wavelength=.",
        UserWarning,
        stacklevel=5,
    )
    return checked_wavelength(grid)


def _in_flux_units(matrix, columns, name, path):
    factor = _factor(columns.units.get(name, ""), _FLUX_UNIT, name, path)
    return matrix if factor == 1.0 else matrix * matrix.dtype.type(factor)


def _in_nm(wavelength, unit, path):
    if wavelength is None:
        return None
    factor = _factor(unit, _WAVELENGTH_UNIT, "wavelength", path)
    return np.asarray(wavelength, dtype=np.float64) * factor


def _factor(unit, wanted, name, path):
    """What numbers in a unit are multiplied by to be in the wanted one."""
    plain = str(unit or "").replace("'", "").strip()
    if plain in ("", wanted):
        return 1.0
    units = import_optional("astropy.units", "spectra")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            factor = float(units.Unit(plain).to(units.Unit(wanted)))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: {name} is in {unit!r}, which cannot be turned into {wanted!r}: {error}"
        ) from error
    # Of the same unit in other words, such as W.m**-2.nm**-1, rounding is left.
    return 1.0 if abs(factor - 1.0) < 1e-12 else factor


def _some(names, most=12):
    return ", ".join(map(str, names[:most])) + (", ..." if len(names) > most else "")
