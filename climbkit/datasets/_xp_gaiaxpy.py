"""The spectrophotometer as GaiaXPy ships it: basis functions, dispersion, response, passbands."""

import functools
import os
from typing import NamedTuple

import numpy as np

from climbkit.datasets._gaiaxpy import import_gaiaxpy, silent_gaiaxpy
from climbkit.datasets._xp_instrument import Band, Instrument

N_BASES = 55  # of each band in Gaia DR3
#: Models of Gaia DR3's calibration, and where each band has light [nm].
_MODELS = {"bp": ("v375wi", 322.0, 690.0), "rp": ("v142r", 615.0, 1090.0)}
#: Pseudo-wavelengths: the window has 60 samples, and transits fall between each other.
_ELEMENTS = np.arange(0.0, 60.25, 0.5)
#: Reach of the noise of one element [pixels, standard deviation]. Of 0 to 1.4, 0.5 fits the errors
#: of real spectra best, and gives their coefficients of high order, which are noise, their size.
_NOISE_REACH = 0.5
#: Combinations of basis functions that the weighted spectrum hardly holds are left out, else the
#: edges of the bands, where there is no light, blow up.
_CUTOFF = 1e-3


class Bases(NamedTuple):
    """The basis functions of both bands, BP's 55 before RP's, of shape (110, ...)."""

    samples: np.ndarray  # in the sampled spectrum [W m-2 nm-1], weighted in the overlap
    counts: dict  # "bp" and "rp": in the elements, of shape (55, n_elements)
    photometry: np.ndarray  # fluxes in G, BP and RP, of shape (110, 3)
    zero_points: np.ndarray  # mag


@functools.cache
def load_bases(wavelengths):
    """Ask GaiaXPy for its basis functions, at a tuple of sampled wavelengths [nm]."""
    gaiaxpy = import_gaiaxpy()
    with silent_gaiaxpy():
        unit = _unit_spectra()
        sampled, _ = gaiaxpy.calibrate(unit, sampling=np.array(wavelengths), save_file=False)
        counts, _ = gaiaxpy.convert(unit, sampling=_ELEMENTS, save_file=False)
        system = gaiaxpy.PhotometricSystem.Gaia_DR3_Vega
        photometry = gaiaxpy.generate(unit, photometric_system=system, save_file=False)
    flux, mag = (
        np.array([photometry[f"GaiaDr3Vega_{kind}_{band}"] for band in ("G", "BP", "RP")])
        for kind in ("flux", "mag")
    )
    zero_points = np.nanmedian(mag + 2.5 * np.log10(np.where(flux > 0, flux, np.nan)), axis=1)
    of_band = {
        band: np.array(list(counts.loc[counts["xp"] == band.upper(), "flux"]))[rows]
        for band, rows in _rows().items()
    }
    return Bases(np.array(list(sampled["flux"])), of_band, flux.T, zero_points)


@functools.cache
def load_instrument(fine, wavelengths):
    """Build the instrument from GaiaXPy's model.

    Parameters
    ----------
    fine, wavelengths : tuple of float
        Wavelengths of the spectra before and after the instrument, nm.

    Returns
    -------
    instrument : Instrument

    Notes
    -----
    A mean spectrum is a sum of 110 basis functions whose coefficients are fitted to the counts.
    So here: the coefficients are those of the least-squares fit of the functions to the spectrum,
    each wavelength weighted by how strongly the functions see it, which is by the response.
    """
    bases = load_bases(wavelengths)
    fit = np.hstack([_fit(np.array(fine), band) for band in _MODELS])
    bands = []
    for band, rows in _rows().items():
        counts = bases.counts[band]
        bands.append(Band(band, fit[:, rows] @ counts, noise_map(bases, band)))
    return Instrument(fit @ bases.samples, tuple(bands), fit @ bases.photometry, bases.zero_points)


def noise_map(bases, band):
    """Give what unit noise in each element adds to samples, (n_elements, n_samples)."""
    reach = np.exp(-0.5 * ((_ELEMENTS[:, None] - _ELEMENTS) / _NOISE_REACH) ** 2)
    reach /= np.sqrt(np.sum(reach**2, axis=1, keepdims=True))
    return reach @ np.linalg.pinv(bases.counts[band]) @ bases.samples[_rows()[band]]


def _fit(fine, band):
    """Give the coefficients of a band for unit flux at each wavelength, of shape (n_fine, 55)."""
    model, low, high = _MODELS[band]
    instrument = import_gaiaxpy("gaiaxpy.calibrator.external_instrument_model")
    functions = import_gaiaxpy("gaiaxpy.spectrum.sampled_basis_functions")
    folder = import_gaiaxpy("gaiaxpy.config.paths").config_path
    with silent_gaiaxpy():
        files = (f"{band}C03_{model}_{part}.csv" for part in ("dispersion", "response", "bases"))
        model = instrument.ExternalInstrumentModel.from_config_csv(
            *(os.path.join(folder, name) for name in files)
        )
        inside = (fine > low) & (fine < high)
        seen = functions.SampledBasisFunctions.from_external_instrument_model(
            fine[inside], np.ones(inside.sum()), model
        ).design_matrix
    # The functions are divided by the response, and large where it is small.
    weight = 1.0 / np.sqrt(np.sum(seen**2, axis=0))
    fit = np.zeros((len(fine), N_BASES))
    fit[inside] = np.linalg.pinv((seen * weight).T, rcond=_CUTOFF).T * weight[:, None]
    return fit


def _rows():
    return {"bp": slice(0, N_BASES), "rp": slice(N_BASES, 2 * N_BASES)}


def _unit_spectra():
    """Tabulate spectra whose coefficients are all 0 but one, as GaiaXPy wants them."""
    import pandas as pd

    n = 2 * N_BASES
    table = {"source_id": np.arange(n)}
    for band, rows in _rows().items():
        table[f"{band}_n_parameters"] = np.full(n, N_BASES)
        table[f"{band}_n_relevant_bases"] = np.full(n, N_BASES)
        table[f"{band}_standard_deviation"] = np.ones(n)
        table[f"{band}_coefficients"] = list(np.eye(n)[:, rows])
        table[f"{band}_coefficient_errors"] = [np.ones(N_BASES)] * n
        table[f"{band}_coefficient_correlations"] = [np.zeros(N_BASES * (N_BASES - 1) // 2)] * n
    return pd.DataFrame(table)
