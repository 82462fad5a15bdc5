"""What Gaia's spectrophotometer makes of a spectrum: linear maps, and the noise of its counts."""

from typing import NamedTuple

import numpy as np

#: Noise of a mean spectrum in each element: variance of the counts is
#: photon * counts + background + (proportional * counts)^2 + (spread * all counts of the band)^2.
#: Fitted to the errors of 2,000 public spectra of field stars with G from 7 to 18 (median of the
#: absolute residual 9 %; tests/datasets/test_xp_instrument.py compares them anew). Counts are in
#: the internal unit of the mean spectra, near electrons per second.
NOISE = {
    "bp": {"photon": 0.0171, "background": 0.584, "proportional": 0.00201, "spread": 3.2e-5},
    "rp": {"photon": 0.00664, "background": 0.393, "proportional": 0.0, "spread": 1.3e-5},
}
#: Of the errors between stars, natural logarithm: they are seen 10 to 60 times.
EXPOSURE_SCATTER = 0.24


class Band(NamedTuple):
    """The elements of one of the two spectrometers."""

    name: str  # "bp" or "rp"
    counts: np.ndarray  # of the elements per unit of flux, of shape (n_fine, n_elements)
    samples: np.ndarray  # what noise in an element adds to a sample, (n_elements, n_samples)


class Instrument(NamedTuple):
    """Linear maps from the flux [W m-2 nm-1] of a star at the fine wavelengths."""

    sampled: np.ndarray  # to the sampled spectrum [W m-2 nm-1], of shape (n_fine, n_samples)
    bands: tuple  # of Band
    photometry: np.ndarray  # to the fluxes in G, BP and RP, of shape (n_fine, 3)
    zero_points: np.ndarray  # mag, of G, BP and RP

    def magnitudes(self, flux):
        """Give G, BP and RP [mag], of shape (n_stars, 3)."""
        measured = np.maximum(flux @ self.photometry, np.finfo(float).tiny)
        return self.zero_points - 2.5 * np.log10(measured)

    def observe(self, flux, noise, rng):
        """Give sampled spectra as measured, and their errors.

        Parameters
        ----------
        flux : ndarray of shape (n_stars, n_fine)
            W m-2 nm-1.
        noise : float
            Factor on noise and errors.
        rng : Generator

        Returns
        -------
        sampled, error : ndarray of shape (n_stars, n_samples)
            W m-2 nm-1. Noise of neighbouring samples is correlated, as it comes from the counts.
        """
        exposure = np.exp(rng.normal(0.0, EXPOSURE_SCATTER, (len(flux), 1)))
        sampled = flux @ self.sampled
        variance = np.zeros_like(sampled)
        for band in self.bands:
            # Faint stars may have negative counts where there is no light, from the wiggles.
            counts = np.maximum(flux @ band.counts, 0.0)
            spread = count_variance(counts, band.name) * (noise * exposure) ** 2
            variance += spread @ band.samples**2
            drawn = rng.standard_normal(counts.shape) * np.sqrt(spread)
            sampled += drawn @ band.samples
        return sampled, np.sqrt(variance)


def count_variance(counts, band):
    """Give the variance of the counts in the elements of a band, of shape (n_stars, n_elements)."""
    level = NOISE[band]
    everything = counts.sum(axis=1, keepdims=True)
    variance = level["photon"] * counts + level["background"]
    variance += (level["proportional"] * counts) ** 2 + (level["spread"] * everything) ** 2
    return variance
