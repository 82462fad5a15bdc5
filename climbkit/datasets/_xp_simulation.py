"""The simulation behind `make_xp_spectra`, block by block, so that parts do not depend on cuts."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from climbkit.datasets import _xp_gaiaxpy, _xp_gaussian
from climbkit.datasets._xp_library import (
    FINE,
    STANDARD_R_V,
    TEFF_RANGE,
    extinction_law,
    load_library,
)
from climbkit.datasets._xp_sky import Photometry, draw_associations, measure_parallax, place_stars
from climbkit.datasets._xp_stars import SUN_LOGG, SUN_TEFF, draw_stars, main_sequence

#: Stars that are drawn together: each block has a seed of its own.
BLOCK = 2048
_SUN_RADIUS_KPC = 2.254_6e-11  # nominal solar radius (IAU 2015 resolution B3) in kpc
_TEN_PARSEC = 0.01  # kpc
_A_V_NODES = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 4.5, 6.5, 9.0, 12.0, 15.0])  # mag
_MAGNITUDE = 0.4 * np.log(10.0)
#: Emission of a disc: lines [nm], their width [nm] and strength over that of Hα, and the excess of
#: light that the gas gives at 1000 nm for each nm of Hα, in round numbers; Rivinius et al. 2013,
#: https://doi.org/10.1007/s00159-013-0069-0
_DISC_LINES = ((656.3, 0.6, 1.0), (486.1, 0.5, 0.12), (434.0, 0.5, 0.03), (854.5, 1.2, 0.08))
_DISC_EXCESS = 0.04
_THICKEST_YOUNG = 0.07  # kpc; kinds that are no thicker may belong to an association
_ASSOCIATION_STREAM, _BLOCK_STREAM = 0, 1  # of the seeds
_WAVELENGTH = np.arange(336.0, 1021.0, 2.0)  # nm, as in climbkit.spectra, a floor above


@dataclass(frozen=True)
class Simulation:
    """All that decides what a row is."""

    seed: tuple
    target: np.ndarray  # of shape (n_stars,)
    hard_negatives: float
    faint_limit: float
    extinction: float
    emission: float
    n_associations: int
    noise: float
    instrument: str

    wavelength = _WAVELENGTH

    @cached_property
    def optics(self):
        """The instrument."""
        module = {"gaiaxpy": _xp_gaiaxpy, "gaussian": _xp_gaussian}[self.instrument]
        return module.load_instrument(tuple(FINE), tuple(_WAVELENGTH))

    @cached_property
    def associations(self):
        """The groups of young stars, the same for all rows."""
        rng = np.random.default_rng([*self.seed, _ASSOCIATION_STREAM])
        return draw_associations(self.n_associations, rng)

    def rows(self, start, stop):
        """Give flux, its error and the columns of a range of rows."""
        parts = []
        for block in range(start // BLOCK, (stop - 1) // BLOCK + 1):
            flux, error, columns = self._block(block)
            cut = slice(max(start - block * BLOCK, 0), stop - block * BLOCK)
            parts.append(
                (flux[cut], error[cut], {name: column[cut] for name, column in columns.items()})
            )
        flux, error, columns = zip(*parts, strict=True)
        joined = {name: np.concatenate([c[name] for c in columns]) for name in columns[0]}
        return np.concatenate(flux), np.concatenate(error), joined

    def _block(self, block):
        rng = np.random.default_rng([*self.seed, _BLOCK_STREAM, block])
        # The last block is drawn whole, so that a row is the same however many follow.
        massive = np.zeros(BLOCK, dtype=bool)
        given = self.target[block * BLOCK : (block + 1) * BLOCK]
        massive[: len(given)] = given == 1
        stars = draw_stars(massive, self.hard_negatives, self.emission, rng)
        surface = load_library().spectra(stars["teff"], stars["logg"], stars["feh"])
        flux = np.exp(surface) * _dilution(stars["log_luminosity"], stars["teff"])[:, None]
        flux *= _disc(stars["emission"])
        two = stars["is_binary"]
        flux[two] += _companions(stars["companion_mass"][two], stars["feh"][two])
        curve = _MAGNITUDE * _extinction_curve(stars["r_v"])
        place = self._place(flux, curve, stars["scale_height"], rng)
        flux *= np.exp(-curve * place["a_v"][:, None])
        flux *= (_TEN_PARSEC / place["distance"][:, None]) ** 2
        magnitudes = self.optics.magnitudes(flux)
        sampled, error = self.optics.observe(flux, self.noise, rng)
        parallax, parallax_error = measure_parallax(place["distance"], magnitudes[:, 0], rng)
        columns = {
            "id_offset": rng.integers(2**32, size=BLOCK),
            **{name: stars[name] for name in ("kind", "teff", "logg", "mass", "feh")},
            **{name: place[name] for name in ("a_v", "distance", "association")},
            "is_binary": two,
            "emission": stars["emission"] > 0,
            "phot_g_mean_mag": magnitudes[:, 0],
            "bp_rp": magnitudes[:, 1] - magnitudes[:, 2],
            "ra": place["ra"],
            "dec": place["dec"],
            "parallax": parallax,
            "parallax_error": parallax_error,
        }
        return sampled.astype(np.float32), error.astype(np.float32), columns

    def _place(self, flux, curve, scale_height, rng):
        """Draw places for stars whose flux at 10 pc without dust is given."""
        behind = (self.optics.magnitudes(flux * np.exp(-curve * a_v))[:, 0] for a_v in _A_V_NODES)
        magnitude = np.column_stack(list(behind))
        return place_stars(
            Photometry(magnitude[:, 0], _A_V_NODES, magnitude - magnitude[:, :1]),
            scale_height,
            scale_height <= _THICKEST_YOUNG,
            self.associations,
            self.faint_limit,
            self.extinction,
            rng,
        )


def _dilution(log_luminosity, teff):
    """Give flux at 10 pc over that at the surface."""
    radius = 10.0 ** (0.5 * log_luminosity) * (teff / SUN_TEFF) ** -2.0
    return (radius * _SUN_RADIUS_KPC / _TEN_PARSEC) ** 2


def _companions(mass, feh):
    """Give the flux at 10 pc of stars halfway through the main sequence."""
    luminosity, log_teff = main_sequence(mass, np.full(len(mass), 0.5))
    teff = np.clip(10.0**log_teff, *TEFF_RANGE)
    radius_squared = luminosity - 4.0 * np.log10(teff / SUN_TEFF)
    logg = SUN_LOGG + np.log10(mass) - radius_squared
    surface = load_library().spectra(teff, logg, feh)
    return np.exp(surface) * _dilution(luminosity, teff)[:, None]


def _disc(width):
    """Give the factor on the flux for equivalent widths of Hα [nm], (n_stars, n_fine)."""
    lines = sum(
        share * np.exp(-0.5 * ((FINE - center) / sigma) ** 2) / (sigma * np.sqrt(2.0 * np.pi))
        for center, sigma, share in _DISC_LINES
    )
    return 1.0 + width[:, None] * (lines + _DISC_EXCESS * (FINE / 1000.0) ** 2)


def _extinction_curve(r_v):
    standard, slope = extinction_law()
    return standard + slope * (1.0 / r_v[:, None] - 1.0 / STANDARD_R_V)
