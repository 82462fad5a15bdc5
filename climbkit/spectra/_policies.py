"""What is done about samples that are missing, or below zero."""

import warnings

import numpy as np

NAN = ("raise", "interpolate", "drop", "keep")
NEGATIVE = ("keep", "clip")
_NAMED = 3  # spectra that a message names
# Of a spectrum with fewer of its samples nothing is interpolated: a band may be missing.
_MIN_FRACTION = 0.9


def finite_rows(values):
    """Tell which rows are finite throughout.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Numbers.

    Returns
    -------
    finite : ndarray of bool of shape (n_rows,)
        True where no number is NaN or infinite.
    """
    # A sum is not finite where a part is not; rows that merely overflow are looked at again.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(values.sum(axis=1))
    suspect = np.flatnonzero(~finite)
    finite[suspect] = np.isfinite(values[suspect]).all(axis=1)
    return finite


def name_some(names):
    """Write out the first few of some names.

    Parameters
    ----------
    names : sequence
        Names or numbers.

    Returns
    -------
    text : str
        Such as ``"3, 5, 8, ..."``.
    """
    return ", ".join(str(name) for name in names[:_NAMED]) + (
        ", ..." if len(names) > _NAMED else ""
    )


def check_policies(nan, negative):
    """Raise where a policy is none.

    Parameters
    ----------
    nan : str
        See `XPSpectra.clean`.
    negative : str
        See `XPSpectra.clean`.

    Raises
    ------
    ValueError
        If it is not allowed.
    """
    if nan not in NAN:
        raise ValueError(f"nan must be one of {', '.join(map(repr, NAN))}; got {nan!r}.")
    if negative not in NEGATIVE:
        raise ValueError(
            f"negative must be one of {', '.join(map(repr, NEGATIVE))}; got {negative!r}."
        )


def apply_policies(flux, flux_error, wavelength, source_id, nan, negative):
    """Deal with missing and negative samples; see `XPSpectra.clean`.

    Parameters
    ----------
    flux : ndarray of shape (n_spectra, n_samples)
        Flux.
    flux_error : ndarray of shape (n_spectra, n_samples) or None
        Its errors.
    wavelength : ndarray of shape (n_samples,)
        Wavelengths, nm.
    source_id : ndarray of shape (n_spectra,)
        Names, for messages.
    nan : str
        Policy.
    negative : str
        Policy.

    Returns
    -------
    flux : ndarray of shape (n_left, n_samples)
        The array that came in, if nothing was to do.
    flux_error : ndarray of shape (n_left, n_samples) or None
        Likewise.
    rows : ndarray of int of shape (n_left,) or None
        Rows that are left; None: all.

    Raises
    ------
    ValueError
        As of `XPSpectra.clean`.
    """
    check_policies(nan, negative)
    rows = None
    bad = np.array([], dtype=np.intp) if nan == "keep" else _with_gaps(flux, flux_error)
    if len(bad):
        what = f"{len(bad)} of {len(flux)} spectra have samples that are NaN or infinite"
        names = f"source_id {name_some(source_id[bad])}"
        if nan == "raise":
            raise ValueError(
                f"{what}: {names}. Choose nan='interpolate', nan='drop' or nan='keep'."
            )
        if nan == "drop":
            warnings.warn(f"{what} and are left out: {names}.", UserWarning, stacklevel=3)
            rows = np.setdiff1d(np.arange(len(flux)), bad)
            flux = flux[rows]
            flux_error = None if flux_error is None else flux_error[rows]
        else:
            flux = _filled(flux, bad, wavelength, source_id)
            if flux_error is not None:
                flux_error = _filled(flux_error, bad, wavelength, source_id)
    if negative == "clip" and (flux < 0).any():
        flux = np.where(flux < 0, flux.dtype.type(0), flux)
    return flux, flux_error, rows


def _with_gaps(flux, flux_error):
    finite = finite_rows(flux)
    if flux_error is not None:
        finite &= finite_rows(flux_error)
    return np.flatnonzero(~finite)


def _filled(values, rows, wavelength, source_id):
    filled = values.copy()
    known = np.isfinite(values[rows])
    hopeless = rows[known.mean(axis=1) < _MIN_FRACTION]
    if len(hopeless):
        raise ValueError(
            f"{len(hopeless)} spectra lack more than a tenth of their samples, too many to "
            f"interpolate: source_id {name_some(source_id[hopeless])}. Choose nan='drop' or "
            "nan='keep'."
        )
    for row, good in zip(rows, known, strict=True):
        filled[row] = np.interp(wavelength, wavelength[good], values[row, good])
    return filled
