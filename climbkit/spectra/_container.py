"""Spectra with their ids, errors and wavelengths, which stay together when rows are picked."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from climbkit.spectra._grid import WAVELENGTH
from climbkit.spectra._policies import apply_policies, finite_rows
from climbkit.spectra._resampling import checked_wavelength, interpolate, same_grid


@dataclass(frozen=True, eq=False)
class XPSpectra:
    """Sampled XP spectra of stars, a row each.

    It slices like an array of rows, so that scikit-learn's cross-validation can cut it, and turns
    into its flux where an array is wanted.

    Parameters
    ----------
    source_id : array-like of int of shape (n_spectra,)
        Gaia's ids. Whole numbers of 64 bits, never floats.

    flux : array-like of shape (n_spectra, n_samples)
        Flux per wavelength, W m-2 nm-1. float32 and float64 are kept as they are.

    flux_error : array-like of shape (n_spectra, n_samples), default=None
        Its standard errors, W m-2 nm-1.

    wavelength : array-like of shape (n_samples,), default=WAVELENGTH
        Wavelengths of the samples, nm, rising.

    table : DataFrame of shape (n_spectra, n_columns), default=None
        Whatever else is known of each star.

    Attributes
    ----------
    shape : tuple of int
        (n_spectra, n_samples).

    usable : ndarray of bool of shape (n_spectra,)
        Spectra that are finite everywhere and have a sample above zero: what networks can take.

    Raises
    ------
    ValueError
        If lengths differ, the ids are no whole numbers of 64 bits, or an array holds no numbers.

    See Also
    --------
    read_xp, fetch_xp : Where spectra come from.
    XPNormalizer : Prepares them for networks.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.spectra import WAVELENGTH, XPSpectra
    >>> flux = 1e-16 * np.exp(-((WAVELENGTH - [[450.0], [800.0]]) / 200) ** 2)
    >>> spectra = XPSpectra([4295806720, 38655544960], flux)
    >>> len(spectra), spectra.shape
    (2, (2, 343))
    >>> spectra[spectra.source_id == 38655544960].source_id
    array([38655544960])
    >>> spectra.resample(np.arange(400, 1000, 5)).shape
    (2, 120)
    """

    source_id: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray | None = None
    wavelength: np.ndarray = field(default_factory=lambda: WAVELENGTH)
    table: Any = None

    def __post_init__(self):
        flux = _matrix(self.flux, "flux")
        values = {"source_id": checked_ids(self.source_id), "flux": flux}
        if self.wavelength is not WAVELENGTH or flux.shape[1] != len(WAVELENGTH):
            values["wavelength"] = checked_wavelength(self.wavelength, flux.shape[1])
        if self.flux_error is not None:
            values["flux_error"] = _matrix(self.flux_error, "flux_error")
            if values["flux_error"].shape != flux.shape:
                raise ValueError(
                    f"flux_error must have the shape of flux, {flux.shape}; got "
                    f"{values['flux_error'].shape}."
                )
        if len(values["source_id"]) != len(flux):
            raise ValueError(f"{len(values['source_id'])} source_id for {len(flux)} rows of flux.")
        if self.table is not None:
            values["table"] = _checked_table(self.table, len(flux))
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def shape(self):
        return self.flux.shape

    @property
    def ndim(self):
        return self.flux.ndim

    @property
    def dtype(self):
        return self.flux.dtype

    @property
    def usable(self):
        return finite_rows(self.flux) & (self.flux > 0).any(axis=1)

    def __len__(self):
        return len(self.flux)

    def __array__(self, dtype=None, copy=None):
        if copy:
            return np.array(self.flux, dtype=dtype)
        array = np.asarray(self.flux, dtype=dtype)
        if copy is False and not np.shares_memory(array, self.flux):
            raise ValueError(f"flux is {self.flux.dtype}; as {dtype} it must be copied.")
        return array

    def __getitem__(self, rows):
        # scikit-learn asks for spectra[rows, ...].
        if isinstance(rows, tuple):
            rows, *others = rows
            if not all(other is Ellipsis or other == slice(None) for other in others):
                raise IndexError("spectra are sliced by rows; pick wavelengths by resample().")
        if not isinstance(rows, slice):
            rows = np.atleast_1d(np.asarray(rows))
            if rows.size == 0:
                rows = rows.astype(np.intp)
        return XPSpectra(
            self.source_id[rows],
            self.flux[rows],
            None if self.flux_error is None else self.flux_error[rows],
            self.wavelength,
            None if self.table is None else self.table.iloc[rows],
        )

    def __repr__(self):
        parts = [f"{len(self)} spectra of {self.shape[1]} samples"]
        parts.append(f"{self.wavelength[0]:g} to {self.wavelength[-1]:g} nm")
        parts.append("with errors" if self.flux_error is not None else "without errors")
        if self.table is not None:
            parts.append(f"columns {', '.join(map(str, self.table))}")
        return f"<XPSpectra: {', '.join(parts)}>"

    def resample(self, wavelength=WAVELENGTH):
        """Interpolate linearly to another grid.

        Parameters
        ----------
        wavelength : array-like of shape (n_wanted,), default=WAVELENGTH
            Wavelengths that are wanted, nm, rising.

        Returns
        -------
        spectra : XPSpectra
            On that grid; this object itself if it is on that grid.

        Raises
        ------
        ValueError
            If the grid reaches beyond the samples, or is none.

        Notes
        -----
        XP spectra are smooth functions that were sampled, at several samples for each element of
        resolution, and not counts in bins: there is no flux to conserve. Samples that both grids
        have stay as they are, bit by bit. Errors are interpolated like the flux, as if those of
        neighbours were fully correlated. They nearly are: the samples come from 110 coefficients.
        """
        grid = checked_wavelength(wavelength)
        if same_grid(self.wavelength, grid):
            return self
        return XPSpectra(
            self.source_id,
            interpolate(self.flux, self.wavelength, grid),
            None
            if self.flux_error is None
            else interpolate(self.flux_error, self.wavelength, grid),
            grid,
            self.table,
        )

    def clean(self, *, nan="raise", negative="keep"):
        """Deal with samples that are missing or below zero.

        Parameters
        ----------
        nan : {"raise", "interpolate", "drop", "keep"}, default="raise"
            What to do about spectra with samples that are NaN or infinite: raise an error that
            names them; interpolate over the gaps, linearly, and at the ends by the nearest sample;
            leave the spectra out, with a warning that names them; or keep them as they are.

        negative : {"keep", "clip"}, default="keep"
            Keep negative flux, which noise around zero has to have, or set it to zero.

        Returns
        -------
        spectra : XPSpectra
            Cleaned; this object itself if there was nothing to do.

        Raises
        ------
        ValueError
            If a parameter is not allowed; if spectra have gaps and `nan` is ``"raise"``, or gaps
            over more than a tenth of their samples and `nan` is ``"interpolate"``.
        """
        flux, flux_error, rows = apply_policies(
            self.flux, self.flux_error, self.wavelength, self.source_id, nan, negative
        )
        if rows is None and flux is self.flux and flux_error is self.flux_error:
            return self
        rows = slice(None) if rows is None else rows
        return XPSpectra(
            self.source_id[rows],
            flux,
            flux_error,
            self.wavelength,
            None if self.table is None else self.table.iloc[rows],
        )

    def to_pandas(self):
        """Return a table with a row for each spectrum, as the archive has it.

        Returns
        -------
        frame : DataFrame of shape (n_spectra, n_columns)
            ``source_id``, ``flux`` and ``flux_error`` with an array in each row, and the columns
            of ``table``. ``attrs["wavelength"]`` has the wavelengths, nm, which Parquet keeps.
        """
        import pandas as pd

        columns = {"source_id": self.source_id, "flux": list(self.flux)}
        if self.flux_error is not None:
            columns["flux_error"] = list(self.flux_error)
        frame = pd.DataFrame(columns)
        if self.table is not None:
            frame = pd.concat(
                [frame, self.table.drop(columns=list(columns), errors="ignore")], axis=1
            )
        frame.attrs["wavelength"] = self.wavelength.tolist()
        return frame


def concatenate(parts):
    """Put spectra on one grid below each other.

    Parameters
    ----------
    parts : list of XPSpectra
        At least one, all on one grid.

    Returns
    -------
    spectra : XPSpectra
        All rows in order. Errors are there if all parts have them.

    Raises
    ------
    ValueError
        If the grids differ, or there is no part.
    """
    import pandas as pd

    if not parts:
        raise ValueError("there are no spectra to put together.")
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts:
        if not same_grid(first.wavelength, part.wavelength):
            raise ValueError(
                f"spectra are on different grids: {first.shape[1]} samples from "
                f"{first.wavelength[0]:g} to {first.wavelength[-1]:g} nm and {part.shape[1]} from "
                f"{part.wavelength[0]:g} to {part.wavelength[-1]:g} nm. Resample them first."
            )
    with_errors = all(part.flux_error is not None for part in parts)
    tables = [part.table for part in parts]
    return XPSpectra(
        np.concatenate([part.source_id for part in parts]),
        np.concatenate([part.flux for part in parts]),
        np.concatenate([part.flux_error for part in parts]) if with_errors else None,
        first.wavelength,
        None if any(table is None for table in tables) else pd.concat(tables, ignore_index=True),
    )


def _matrix(values, name):
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold numbers; got dtype {array.dtype}.")
    if array.ndim != 2:
        raise ValueError(
            f"{name} must have a row of samples for each spectrum; got shape {array.shape}."
        )
    if array.dtype.kind == "f" and array.dtype.itemsize in (4, 8):
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    return array.astype(np.float64)


def checked_ids(values):
    """Return ids of stars as int64.

    Parameters
    ----------
    values : array-like of int of shape (n_stars,)
        Gaia's ids.

    Returns
    -------
    ids : ndarray of int64 of shape (n_stars,)
        The same numbers.

    Raises
    ------
    ValueError
        If they are no whole numbers of 64 bits.
    """
    ids = np.asarray(values)
    if ids.size == 0:
        ids = ids.astype(np.int64)
    if ids.ndim != 1:
        raise ValueError(f"source_id must be one-dimensional; got shape {ids.shape}.")
    if ids.dtype.kind == "f":
        raise ValueError(
            f"source_id is {ids.dtype}. A float has 53 bits, so that Gaia's ids, of up to 63, have "
            "been rounded and name other stars. This cannot be undone: get them as int64."
        )
    if ids.dtype.kind not in "iu":
        raise ValueError(f"source_id must hold whole numbers; got dtype {ids.dtype}.")
    if ids.dtype.kind == "u" and len(ids) and ids.max() > np.iinfo(np.int64).max:
        raise ValueError("source_id has numbers above 2**63, which are none of Gaia's.")
    return ids.astype(np.int64, copy=False)


def _checked_table(table, n_rows):
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"table must be a pandas DataFrame; got {type(table).__name__}.")
    if len(table) != n_rows:
        raise ValueError(f"table has {len(table)} rows for {n_rows} spectra.")
    if table.index.equals(pd.RangeIndex(n_rows)):
        return table
    return table.reset_index(drop=True)
