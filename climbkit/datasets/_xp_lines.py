"""What metals, molecules and helium take out of the spectra, as optical depths by temperature.

Places of lines and of band heads are those of the laboratory; strengths are round numbers of the
right size for stars of solar metallicity, not a line list.
"""

from typing import NamedTuple

import numpy as np

#: Share of the Sun's continuum that its weak lines block; after Allen's Astrophysical Quantities
#: (Cox 2000), https://doi.org/10.1007/978-1-4612-1186-0, chapter 14. Wavelengths in nm.
_BLOCKED = (
    (300, 340, 380, 400, 420, 440, 460, 480, 500, 550, 600, 650, 700, 800, 1000),
    (0.6, 0.5, 0.45, 0.38, 0.31, 0.24, 0.18, 0.145, 0.12, 0.08, 0.045, 0.03, 0.018, 0.012, 0.006),
)
_TEFF = np.array(
    [2600, 3000, 3400, 3800, 4200, 4600, 5200, 5777, 6500, 7500, 9000, 12e3, 20e3, 30e3, 40e3, 50e3]
)
#: Of the weak lines, against the Sun's, at `_TEFF`.
_WEAK_LINES = (5.5, 5.0, 4.3, 3.7, 3.0, 2.2, 1.35, 0.95, 0.6, 0.3, 0.1, 0.05, *(0.03,) * 4)
_BACK_WARMING = 0.028  # of the temperature, for lines as strong as the Sun's
_MOST_WARMING = 2.8


class _Feature(NamedTuple):
    center: float  # nm
    width: float  # standard deviation, nm
    strengths: tuple  # equivalent widths [nm] at `_TEFF`
    dwarfs: float = 0.0  # more by this share for each dex of gravity above log g = 3


_ZERO = (0.0,) * 16
_METAL = (*(1.0,) * 6, 0.9, 0.75, 0.5, 0.25, 0.08, 0.01, *_ZERO[:4])
_NEUTRAL = (*(1.0,) * 4, 0.9, 0.7, 0.4, 0.25, 0.12, 0.05, *_ZERO[:6])
_HYDRIDE = (1.0, 1.0, 0.9, 0.8, 0.65, 0.45, 0.15, 0.05, *_ZERO[:8])
_CH = (0.2, 0.3, 0.5, 0.8, 1.0, 1.0, 1.0, 0.8, 0.4, 0.1, *_ZERO[:6])
_HE_I = (*_ZERO[:10], 0.0, 0.2, 1.0, 0.75, 0.3, 0.1)
_HE_II = (*_ZERO[:12], 0.0, 0.2, 1.0, 1.1)


def _scaled(strengths, equivalent_width):
    return tuple(equivalent_width * s for s in strengths)


#: Ca II H and K and the infrared triplet, the G band of CH, Ca I, Mg b with MgH, Na D and the red
#: doublet, K I, CaH, and helium: Gray & Corbally 2009, Stellar Spectral Classification (Princeton).
_FEATURES = (
    _Feature(393.4, 1.2, _scaled(_METAL, 2.2)),
    _Feature(396.8, 1.2, _scaled(_METAL, 1.8)),
    _Feature(422.7, 1.2, _scaled(_NEUTRAL, 1.4), 0.15),
    _Feature(430.5, 1.6, _scaled(_CH, 1.1)),
    _Feature(517.5, 3.2, _scaled(_HYDRIDE, 3.6), 0.3),
    _Feature(517.2, 1.0, _scaled(_METAL, 0.45), 0.1),
    _Feature(589.3, 0.9, _scaled(_NEUTRAL, 1.1), 0.25),
    _Feature(638.5, 2.5, _scaled(_HYDRIDE, 0.7), 0.4),
    _Feature(684.0, 6.0, _scaled(_HYDRIDE, 2.2), 0.4),
    _Feature(767.5, 1.2, _scaled(_HYDRIDE, 0.9), 0.4),
    _Feature(819.0, 1.0, _scaled(_HYDRIDE, 0.5), 0.5),
    _Feature(849.8, 0.6, _scaled(_METAL, 0.16)),
    _Feature(854.2, 0.6, _scaled(_METAL, 0.38)),
    _Feature(866.2, 0.6, _scaled(_METAL, 0.30)),
    *(
        _Feature(center, 0.5, _scaled(_HE_I, width))
        for center, width in ((402.6, 0.12), (447.1, 0.11), (587.6, 0.07), (667.8, 0.06))
    ),
    *(_Feature(center, 0.5, _scaled(_HE_II, w)) for center, w in ((468.6, 0.07), (541.1, 0.09))),
)

#: Heads [nm], optical depths and lengths [nm] of bands, most of TiO, that shade to the red: heads
#: after Kirkpatrick et al. 1991, ApJS 77, 417, depths made to look like M stars in the mean.
_BANDS = (
    (447.0, 0.50, 30.0),
    (476.1, 0.35, 30.0),
    (495.5, 0.40, 35.0),
    (516.7, 0.50, 40.0),
    (544.8, 0.30, 45.0),
    (584.7, 0.30, 40.0),
    (615.9, 0.40, 30.0),
    (665.1, 0.70, 22.0),
    (705.4, 0.80, 25.0),
    (758.9, 0.25, 20.0),
    (843.2, 0.15, 40.0),
    (886.0, 0.08, 40.0),
    (930.0, 0.12, 90.0),
)
#: Of the bands, at `_TEFF`.
_MOLECULES = (3.0, 2.1, 1.4, 0.75, 0.25, 0.03, *_ZERO[:10])


def absorption(wavelength, teff, logg):
    """Give the optical depth of all but hydrogen at solar metallicity.

    Parameters
    ----------
    wavelength : ndarray of shape (n_wavelengths,)
        nm.
    teff, logg : ndarray of shape (n_models,)
        K, and log10 of cm/s2.

    Returns
    -------
    depth : ndarray of shape (n_models, n_wavelengths)
    """
    at = np.log(teff)
    blocked = -np.log1p(-np.interp(wavelength, *_BLOCKED))
    depth = _strength(_WEAK_LINES, at)[:, None] * blocked
    for feature in _FEATURES:
        offset = (wavelength - feature.center) / feature.width
        profile = np.exp(-0.5 * offset**2) / (feature.width * np.sqrt(2.0 * np.pi))
        gravity = np.maximum(1.0 + feature.dwarfs * (np.minimum(logg, 5.5) - 3.0), 0.2)
        depth += (_strength(feature.strengths, at) * gravity)[:, None] * profile
    bands = np.zeros_like(wavelength)
    for head, strength, length in _BANDS:
        behind = wavelength - head
        bands += np.where(behind > 0, strength * np.exp(-np.maximum(behind, 0.0) / length), 0.0)
    return depth + _strength(_MOLECULES, at)[:, None] * bands


def warmed(teff):
    """Give the effective temperature [K] of the atmosphere without lines that fits under lines.

    What lines block has to leave elsewhere, so that the continuum is that of a hotter star (line
    blanketing). The rate makes colours and magnitudes of the main sequence come out.
    """
    blocked = np.minimum(_strength(_WEAK_LINES, np.log(teff)), _MOST_WARMING)
    return teff * (1.0 + _BACK_WARMING * blocked)


def _strength(table, log_teff):
    return np.interp(log_teff, np.log(_TEFF), table)
