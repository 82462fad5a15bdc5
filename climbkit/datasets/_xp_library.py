"""The grid of simulated stellar spectra, its interpolation, and the law of extinction."""

import functools
from typing import NamedTuple

import numpy as np

from climbkit._optional import import_optional
from climbkit.datasets._xp_atmosphere import emergent_flux
from climbkit.datasets._xp_lines import absorption, warmed

_STEP = 2.0  # nm
_EDGES = np.arange(321.0, 1091.0 + _STEP / 2, _STEP)
#: Wavelengths of the simulated spectra before the instrument, nm.
FINE = 0.5 * (_EDGES[1:] + _EDGES[:-1])
_TEFF = (2600, 2800, 3000, 3200, 3400, 3600, 3800, 4000, 4300, 4600, 5000, 5400, 5800, 6300, 6900)
_TEFF += (7500, 8200, 9000, 10_000, 11_500, 13_000, 15_000, 17_500, 20_000, 23_000, 26_500, 30_500)
_TEFF += (35_000, 40_000, 46_000, 55_000)
TEFF_RANGE = float(_TEFF[0]), float(_TEFF[-1])
_LOGG = np.array([-0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 9.0])
STANDARD_R_V = 3.1


class Library(NamedTuple):
    """Spectra by temperature and gravity, at `FINE`."""

    log_teff: np.ndarray  # natural logarithm, of shape (n_teff,)
    logg: np.ndarray  # (n_logg,)
    log_flux: np.ndarray  # natural logarithm of W m-2 nm-1, of shape (n_teff, n_logg, n_fine)
    depth: np.ndarray  # optical depth of metals at solar metallicity, likewise

    def spectra(self, teff, logg, feh):
        """Interpolate the logarithm of the flux at the surface.

        Parameters
        ----------
        teff, logg, feh : ndarray of shape (n_stars,)
            K, log10 of cm/s2, and dex. Beyond the grid, what is at its edge.

        Returns
        -------
        log_flux : ndarray of shape (n_stars, n_fine)
            Natural logarithm of W m-2 nm-1.
        """
        i, x = _locate(np.log(teff), self.log_teff)
        j, y = _locate(logg, self.logg)
        metals = 10.0 ** (_SATURATION * feh)
        log_flux = np.zeros((len(i), len(FINE)))
        for di, wx in ((0, 1.0 - x), (1, x)):
            for dj, wy in ((0, 1.0 - y), (1, y)):
                at = i + di, j + dj
                weight = wx * wy
                log_flux += weight[:, None] * self.log_flux[at]
                log_flux -= (weight * metals)[:, None] * self.depth[at]
        return log_flux


#: Lines grow as abundance to this power: strong ones as its square root, those on the flat part
#: of the curve of growth less; Gray 2005, chapter 16.
_SATURATION = 0.4


def _locate(values, nodes):
    """Give the node below each value, and how far to the next, from 0 to 1."""
    at = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, len(nodes) - 2)
    return at, np.clip((values - nodes[at]) / (nodes[at + 1] - nodes[at]), 0.0, 1.0)


@functools.cache
def load_library():
    """Compute the grid, once in a process."""
    teff, logg = (axis.ravel() for axis in np.meshgrid(_TEFF, _LOGG, indexing="ij"))
    shape = len(_TEFF), len(_LOGG), len(FINE)
    log_flux = np.log(emergent_flux(warmed(teff), logg, _EDGES))
    library = Library(
        np.log(np.array(_TEFF, dtype=float)),
        _LOGG,
        log_flux.reshape(shape),
        absorption(FINE, teff, logg).reshape(shape),
    )
    for array in library:
        array.setflags(write=False)
    return library


@functools.cache
def extinction_law():
    """Give a(λ) and b(λ) at `FINE`: A(λ) / A(V) is a + b (1 / R_V - 1 / 3.1).

    The law is that of Gordon et al. (2023), https://doi.org/10.3847/1538-4357/accb59, as
    dust_extinction has it.
    """
    laws = import_optional("dust_extinction.parameter_averages", "spectra")
    units = import_optional("astropy.units", "spectra")
    other = 5.0
    standard, flatter = (laws.G23(Rv=r_v)(FINE * units.nm) for r_v in (STANDARD_R_V, other))
    return standard, (flatter - standard) / (1.0 / other - 1.0 / STANDARD_R_V)
