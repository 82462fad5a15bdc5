"""What Gaia makes of magnitudes: errors, and stars that it does not find."""

import numpy as np

#: Median errors (mag) of Gaia DR3 at magnitudes of G, BP and RP, measured on 2,390 stars around
#: ra = 45, dec = 0 (deg), a field with 187 observations in G and 18 in BP and RP (medians), from
#: their flux over its error within half a magnitude.
_MAGNITUDES = np.array([10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 20.5])
_ERRORS = 1e-5 * np.array(
    [
        [27, 28, 32, 30, 28, 39, 60, 100, 172, 313, 629, 1070],
        [69, 81, 83, 91, 120, 190, 344, 732, 1597, 3837, 8629, 12655],
        [41, 44, 64, 89, 128, 242, 520, 1158, 2651, 6043, 15467, 21177],
    ]
)
_MAG_OF_RELATIVE_FLUX = 2.5 / np.log(10)


def magnitude_errors(magnitudes):
    """Typical errors of Gaia DR3 in G, BP and RP.

    Parameters
    ----------
    magnitudes : ndarray of shape (n_stars, 3)
        G, BP and RP, mag.

    Returns
    -------
    errors : ndarray of shape (n_stars, 3)
        mag, as 1.086 times the relative error of the flux. Beyond the faint end of what was
        measured the error of the flux stays the same; beyond the bright end that of the
        magnitude.
    """
    errors = np.empty_like(magnitudes)
    for band in range(3):
        m = magnitudes[:, band]
        errors[:, band] = np.exp(np.interp(m, _MAGNITUDES, np.log(_ERRORS[band])))
        errors[:, band] *= 10 ** (0.4 * np.maximum(m - _MAGNITUDES[-1], 0.0))
    return errors


def observe(magnitudes, scale, rng):
    """Add errors to fluxes; NaN where a flux comes out as zero or less."""
    relative = scale * magnitude_errors(magnitudes) / _MAG_OF_RELATIVE_FLUX
    flux = 1.0 + relative * rng.normal(size=magnitudes.shape)
    factor = np.where(flux > 0, flux, np.nan)
    return magnitudes - 2.5 * np.log10(factor)


def completeness(g, limit, width):
    """Probability that a star of observed G is found: 1/2 at `limit`, less beyond."""
    # Clipped: exp of large numbers would overflow.
    return 1.0 / (1.0 + np.exp(np.clip((g - limit) / width, -700.0, 700.0)))
