"""Grids of wavelengths, and the way from one to another."""

import numpy as np

# Two grids whose wavelengths agree so closely are the same one, nm.
SAME = 1e-6
# Where the samples of an XP spectrum can lie, nm, with room to spare: the photometers see 330 to
# 1050 nm. Grids in other units, such as angstrom or micron, lie outside.
_LOWEST, _HIGHEST = 200.0, 2000.0


def checked_wavelength(wavelength, n_samples=None, name="wavelength"):
    """Return a grid of wavelengths as float64.

    Parameters
    ----------
    wavelength : array-like of shape (n_samples,)
        Wavelengths, nm, rising.
    n_samples : int, default=None
        How many there must be. None: two at least.
    name : str, default="wavelength"
        Name of the parameter, for errors.

    Returns
    -------
    wavelength : ndarray of float64 of shape (n_samples,)
        The same.

    Raises
    ------
    ValueError
        If it has another number, does not rise, or cannot be in nm.
    """
    try:
        grid = np.asarray(wavelength, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, nm; got {wavelength!r}.") from None
    if grid.ndim != 1 or len(grid) < 2:
        raise ValueError(
            f"{name} must be one-dimensional, with two samples at least; got shape {grid.shape}."
        )
    if n_samples is not None and len(grid) != n_samples:
        raise ValueError(f"{name} has {len(grid)} values; the spectra have {n_samples} samples.")
    if not np.isfinite(grid).all() or np.any(np.diff(grid) <= 0):
        raise ValueError(f"{name} must be finite and rise from sample to sample.")
    if grid[0] < _LOWEST or grid[-1] > _HIGHEST:
        raise ValueError(
            f"{name} must be in nm, between {_LOWEST:g} and {_HIGHEST:g}; got {grid[0]:g} to "
            f"{grid[-1]:g}. Convert it first."
        )
    return grid


def same_grid(one, other):
    """Tell whether two grids are the same to within `SAME`.

    Parameters
    ----------
    one : ndarray of shape (n_samples,)
        Wavelengths, nm.
    other : ndarray of shape (n_other,)
        Wavelengths, nm.

    Returns
    -------
    same : bool
        Whether they are.
    """
    return one is other or (
        one.shape == other.shape and bool(np.abs(one - other).max(initial=0.0) <= SAME)
    )


def interpolate(values, source, target):
    """Interpolate rows linearly from one grid to another.

    Parameters
    ----------
    values : ndarray of shape (n_spectra, n_source)
        Samples.
    source : ndarray of shape (n_source,)
        Their wavelengths, nm.
    target : ndarray of shape (n_target,)
        Wavelengths that are wanted, nm.

    Returns
    -------
    values : ndarray of shape (n_spectra, n_target)
        Of the same dtype. A wavelength that the source has keeps its sample bit by bit, whatever
        its neighbours are.

    Raises
    ------
    ValueError
        If the target reaches beyond the source.
    """
    if target[0] < source[0] - SAME or target[-1] > source[-1] + SAME:
        raise ValueError(
            f"the spectra have samples from {source[0]:g} to {source[-1]:g} nm; there is nothing "
            f"to interpolate at {target[0]:g} to {target[-1]:g} nm. Choose wavelengths inside."
        )
    nearest = np.clip(np.searchsorted(source, target), 1, len(source) - 1)
    nearest -= target - source[nearest - 1] < source[nearest] - target
    result = values[:, nearest]
    between = np.flatnonzero(np.abs(target - source[nearest]) > SAME)
    if len(between):
        wanted = target[between]
        left = np.clip(np.searchsorted(source, wanted) - 1, 0, len(source) - 2)
        weight = (wanted - source[left]) / (source[left + 1] - source[left])
        weight = weight.astype(values.dtype)
        result[:, between] = values[:, left] * (1 - weight) + values[:, left + 1] * weight
    return result
