"""Spectra of hydrogen atmospheres: grey, plane-parallel, in local thermodynamic equilibrium."""

import numpy as np
from scipy.special import expn

from climbkit.datasets._xp_opacity import (
    BOLTZMANN,
    LIGHT,
    PLANCK,
    RYDBERG_CM,
    continuum,
    dissolved,
    excited,
    ionize,
)

_DEPTH = 10.0 ** np.linspace(-4.5, 2.0, 40)  # Rosseland optical depth of the layers
_ROSSELAND_NM = np.geomspace(60.0, 4000.0, 60)  # where the mean opacity is summed
_HIGHEST = 16  # the upper level of the last line; the continuum takes over from there
_SERIES = {2: (3, _HIGHEST), 3: (5, _HIGHEST)}  # Balmer and, in the red, Paschen lines
#: Oscillator strengths over Kramers' by the difference of the levels (1, 2, 3 and more).
_GAUNT = (0.76, 0.82, 0.85, 0.87)
_OFFSETS = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 6.0, 12.0])  # nm, from a line
_CONTINUUM_STEP = 5.0  # nm
_LINE_REACH = 30.0  # nm
_LINE_STRENGTH = 8.8528e-13  # pi e^2 / (m c^2), cm
_NORMAL_FIELD = 1.25e-9  # of Holtsmark, times the electron density to the power of 2/3, CGS
#: Mean shift of the Stark components over that of the outermost, which is n (n - 1) units.
_STARK_SHARE = 0.5
_STARK_UNIT = 0.01919  # 3 h / (8 pi^2 m e c), 1 / (cm statvolt / cm)
#: Holtsmark's distribution of the field tends to 1.496 beta^-2.5; electrons add as much as ions.
_WING = 1.496
_WING_INTEGRAL = 2.0 * (np.pi / 2.5) / np.sin(np.pi / 2.5)  # of 1 / (1 + |x|^2.5)


def emergent_flux(teff, logg, edges):
    """Compute the flux that leaves hydrogen-helium atmospheres.

    Parameters
    ----------
    teff, logg : ndarray of shape (n_models,)
        Effective temperature [K] and log10 of the gravity [cm/s2].
    edges : ndarray of shape (n_bins + 1,)
        Edges of the wavelength bins, nm.

    Returns
    -------
    flux : ndarray of shape (n_models, n_bins)
        Mean flux at the surface over each bin, W m-2 nm-1.

    Notes
    -----
    The temperature follows Hopf's solution for a grey atmosphere, the pressure hydrostatic
    equilibrium with the Rosseland mean. Absorbers are hydrogen, H- and free electrons, and the
    Balmer and Paschen lines with Stark wings in the quasi-static approximation [1]_, merged into
    the continuum near their limit. There are no metals, no convection, no departures from
    equilibrium and no winds: good to some 10 % in the continuum, not for analysis of real stars.

    References
    ----------
    .. [1] Gray (2005), "The Observation and Analysis of Stellar Photospheres", chapters 7 to 11,
       https://doi.org/10.1017/CBO9781316036570
    """
    temperature, pressure, mean = _structure(teff, 10.0**logg)
    electrons, neutral, total, _ = gas = ionize(temperature, pressure)
    wavelength = _wavelengths(edges)
    flux = np.empty((len(teff), len(wavelength)))
    for k, lam in enumerate(wavelength * 1e-7):
        absorbed = continuum(lam, temperature, electrons, neutral, total - neutral, _HIGHEST)
        absorbed = absorbed + _lines(wavelength[k], temperature, electrons, neutral)
        flux[:, k] = _formal_solution(lam, temperature, absorbed / (mean * gas[3]))
    return _bin_means(wavelength, flux, edges)


def _structure(teff, gravity):
    """Give temperature, pressure and mean opacity per mass, of shape (n_models, n_layers)."""
    hopf = 0.7104 - 0.1331 * np.exp(-3.4488 * _DEPTH)
    temperature = teff[:, None] * (0.75 * (_DEPTH + hopf)) ** 0.25
    pressure, mean = np.empty_like(temperature), np.empty_like(temperature)
    now = gravity * _DEPTH[0] / 0.4
    for _ in range(12):
        opacity = _rosseland(temperature[:, 0], now)
        now = np.sqrt(now * gravity * _DEPTH[0] / opacity)
    pressure[:, 0], mean[:, 0] = now, opacity
    step = np.log(_DEPTH[1] / _DEPTH[0])
    for i in range(1, len(_DEPTH)):
        before = gravity * _DEPTH[i - 1] / (mean[:, i - 1] * pressure[:, i - 1])
        slope = before
        for _ in range(4):
            now = pressure[:, i - 1] * np.exp(step * 0.5 * (before + slope))
            opacity = _rosseland(temperature[:, i], now)
            slope = gravity * _DEPTH[i] / (opacity * now)
        pressure[:, i], mean[:, i] = now, opacity
    return temperature, pressure, mean


def _rosseland(temperature, pressure):
    electrons, neutral, total, density = (q[:, None] for q in ionize(temperature, pressure))
    lam = _ROSSELAND_NM * 1e-7
    x = np.minimum(PLANCK * LIGHT / (BOLTZMANN * lam * temperature[:, None]), 500.0)
    weight = lam**-5 * x * np.exp(-x) / np.expm1(-x) ** 2  # dB/dT on a grid of equal ratios
    absorbed = continuum(lam, temperature[:, None], electrons, neutral, total - neutral, _HIGHEST)
    return (weight.sum(1) / (weight / (absorbed / density)).sum(1)).ravel()


def _line_list():
    """Yield lower and upper level and wavelength [nm] of the lines."""
    for lower, (first, last) in _SERIES.items():
        for upper in range(first, last + 1):
            yield lower, upper, 1e7 / (RYDBERG_CM * (1.0 / lower**2 - 1.0 / upper**2))


def _wavelengths(edges):
    """Give where to solve: a coarse grid, and points that crowd about each line."""
    near = [np.arange(edges[0], edges[-1], _CONTINUUM_STEP), edges[-1:]]
    for lower, upper, center in _line_list():
        gap = center - 1e7 / (RYDBERG_CM * (1.0 / lower**2 - 1.0 / (upper + 1) ** 2))
        offsets = _OFFSETS[gap > _OFFSETS]
        near += [[center], center + offsets, center - offsets]
    found = np.unique(np.concatenate(near))
    return found[(found >= edges[0]) & (found <= edges[-1])]


def _lines(wavelength, temperature, electrons, neutral):
    """Give the absorption per volume [1/cm] of the lines near a wavelength [nm]."""
    absorbed = np.zeros_like(temperature)
    field = _NORMAL_FIELD * electrons ** (2.0 / 3.0)
    thermal = np.sqrt(2.0 * BOLTZMANN * temperature / 1.6735e-24) / LIGHT
    for lower, upper, center in _line_list():
        if abs(wavelength - center) > _LINE_REACH:
            continue
        lam, away = center * 1e-7, abs(wavelength - center) * 1e-7
        gap = 1.0 / lower**2 - 1.0 / upper**2
        kramers = 32.0 / (3.0 * np.pi * np.sqrt(3.0)) / (lower**5 * upper**3 * gap**3)
        strength = kramers * _GAUNT[min(upper - lower, len(_GAUNT)) - 1] * _LINE_STRENGTH * lam**2
        shift = _STARK_UNIT * lam**2 * _STARK_SHARE * upper * (upper - 1) * field
        wing = _WING * shift**1.5
        core = (wing * _WING_INTEGRAL) ** (2.0 / 3.0)  # that makes the profile's integral 1
        width = thermal * lam
        core = np.sqrt(core**2 + width**2)
        profile = np.maximum(wing, core**1.5 / _WING_INTEGRAL * np.exp(-((away / core) ** 2)))
        profile = profile / (core**2.5 + away**2.5)
        kept = 1.0 - dissolved(upper, electrons, _HIGHEST + 0.5)
        absorbed += strength * neutral * excited(lower, temperature) * kept * profile
    return absorbed * -np.expm1(-PLANCK * LIGHT / (BOLTZMANN * wavelength * 1e-7 * temperature))


def _formal_solution(lam, temperature, ratio):
    """Give the flux [W m-2 nm-1] of layers that emit as black bodies; `ratio` is to the mean."""
    slope = ratio * _DEPTH  # of the optical depth, against the logarithm of the mean one
    step = np.log(_DEPTH[1] / _DEPTH[0])
    depth = np.empty_like(slope)
    depth[:, 0] = slope[:, 0]
    depth[:, 1:] = depth[:, :1] + np.cumsum(0.5 * step * (slope[:, 1:] + slope[:, :-1]), axis=1)
    x = PLANCK * LIGHT / (BOLTZMANN * lam * temperature)
    source = 2.0 * PLANCK * LIGHT**2 / lam**5 / np.expm1(np.minimum(x, 500.0))
    through = expn(3, depth)
    inside = (0.5 * (source[:, 1:] + source[:, :-1]) * (through[:, :-1] - through[:, 1:])).sum(1)
    outside = source[:, 0] * (0.5 - through[:, 0])
    total = 2.0 * np.pi * (inside + outside + source[:, -1] * through[:, -1])
    return total * 1e-10  # erg s-1 cm-2 cm-1 to W m-2 nm-1


def _bin_means(wavelength, flux, edges):
    """Average over bins what broken lines between the wavelengths give."""
    every = np.unique(np.concatenate([wavelength, edges]))
    after = np.clip(np.searchsorted(wavelength, every), 1, len(wavelength) - 1)
    share = (every - wavelength[after - 1]) / (wavelength[after] - wavelength[after - 1])
    flux = flux[:, after - 1] * (1.0 - share) + flux[:, after] * share
    area = 0.5 * (flux[:, 1:] + flux[:, :-1]) * np.diff(every)
    total = np.concatenate([np.zeros((len(flux), 1)), np.cumsum(area, axis=1)], axis=1)
    return np.diff(total[:, np.searchsorted(every, edges)], axis=1) / np.diff(edges)
