"""What is asked of a file of spectra: which ids, which wavelengths, which units."""

import re
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from climbkit._optional import import_optional
from climbkit.spectra._grid import FIRST, STEP, WAVELENGTH
from climbkit.spectra._resampling import checked_wavelength, same_grid
from climbkit.survey._gaia_columns import gaia_names
from climbkit.survey._read_types import exact_ids

FLUX_UNIT, WAVELENGTH_UNIT = "W m-2 nm-1", "nm"
_FILE_ID = re.compile(r"Gaia[ _-]DR\d[ _-](\d{4,19})(?!\d)")
_LISTED = 12  # columns that a message lists


@dataclass
class Request:
    """A file, and what the caller says of it.

    Attributes
    ----------
    path : path-like or str
        The file, for messages.
    wavelength : array-like or None
        Grid, nm.
    source_id : str, array-like of int or None
        Name of the column of ids, or the ids themselves. None: the column of Gaia's name for it.
    guesses : dict of int to path-like
        By number of samples, the first file whose wavelengths had to be guessed; it grows.
    """

    path: Any
    wavelength: Any = None
    source_id: Any = None
    guesses: dict = field(default_factory=dict)

    def ids(self, columns):
        """Ids of the rows, and their column; None and None where there are none."""
        frame, name = columns.frame, self.source_id
        if name is None:
            name = next((n for n in frame if gaia_names([n]).get(n, n) == "source_id"), None)
            return (None if name is None else frame[name].to_numpy(np.int64)), name
        if not isinstance(name, str):
            ids, name = np.asarray(name), None
        elif name not in frame:
            raise ValueError(f"{self.path} has no column {name!r}; it has {listed(columns)}.")
        else:
            column, missing = frame[name], frame[name].isna().to_numpy()
            ids = exact_ids(column.fillna(0).to_numpy(), missing, self.path)
        if len(ids) != columns.n_rows:
            raise ValueError(
                f"source_id has {len(ids)} values for {columns.n_rows} rows of {self.path}."
            )
        return ids, name

    def needed_ids(self, columns):
        """Ids of the rows, and their column; an error where there are none."""
        ids, name = self.ids(columns)
        if ids is None:
            raise ValueError(
                f"{self.path} has no column source_id; it has {listed(columns)}. Name the column, "
                "or give the ids, by source_id=."
            )
        return ids, name

    def file_id(self):
        """The id in the name that the archive gives to a file with one spectrum."""
        match = _FILE_ID.search(str(getattr(self.path, "name", self.path)))
        if match is None:
            raise ValueError(
                f"{self.path} has no column source_id, and no id in its name as the archive's "
                "files have it ('XP_SAMPLED-Gaia DR3 4295806720.csv'). Give the ids by source_id=."
            )
        return np.int64(match[1])

    def grid(self, found, n_samples):
        """The grid of the file, of the caller, or the usual one, which is noted as a guess."""
        given = self.wavelength
        try:
            found = None if found is None else checked_wavelength(found, n_samples)
            given = None if given is None else checked_wavelength(given, n_samples)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error
        if found is not None and given is not None and not same_grid(found, given):
            raise ValueError(
                f"{self.path} says that its samples lie at {found[0]:g} to {found[-1]:g} nm, which "
                f"is not what wavelength= says, {given[0]:g} to {given[-1]:g} nm."
            )
        if found is not None or given is not None:
            return given if found is None else found
        if n_samples == len(WAVELENGTH):
            return WAVELENGTH
        self.guesses.setdefault(n_samples, self.path)
        return checked_wavelength(_guess(n_samples))

    def in_flux_units(self, matrix, columns, name):
        """Flux, or its errors, in W m-2 nm-1."""
        by = unit_factor(columns.units.get(name, ""), FLUX_UNIT, name, self.path)
        return matrix if by == 1.0 else matrix * matrix.dtype.type(by)

    def in_nm(self, wavelength, unit):
        """Wavelengths in nm."""
        if wavelength is None:
            return None
        by = unit_factor(unit, WAVELENGTH_UNIT, "wavelength", self.path)
        return np.asarray(wavelength, dtype=np.float64) * by


def warn_of_guesses(guesses, stacklevel):
    """Warn of grids that had to be guessed.

    Parameters
    ----------
    guesses : dict of int to path-like
        Of a `Request`.
    stacklevel : int
        As of `warnings.warn`, from here.
    """
    for n_samples, path in guesses.items():
        grid = _guess(n_samples)
        warnings.warn(
            f"{path} has {n_samples} samples a spectrum and does not say at which wavelengths; "
            f"they are taken to lie at {grid[0]:g} to {grid[-1]:g} nm in steps of {STEP:g} nm. "
            "Give others by wavelength=.",
            UserWarning,
            stacklevel=stacklevel,
        )


def unit_factor(unit, wanted, name, path):
    """Return what numbers in a unit are multiplied by to be in the wanted one.

    Parameters
    ----------
    unit : str
        Unit of the file; empty where it says none.
    wanted : str
        Unit that is wanted.
    name : str
        Name of the column, for errors.
    path : path-like
        The file, for errors.

    Returns
    -------
    factor : float
        1 where there is no unit.

    Raises
    ------
    ValueError
        If the unit is of another kind.
    """
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


def listed(columns):
    """Names of columns, for a message."""
    names = columns.names
    return ", ".join(map(str, names[:_LISTED])) + (", ..." if len(names) > _LISTED else "")


def _guess(n_samples):
    return FIRST + STEP * np.arange(n_samples)
