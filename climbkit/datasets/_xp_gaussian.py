"""A plain spectrophotometer, for where GaiaXPy is not at hand: Gaussian lines, no wiggles."""

import functools

import numpy as np

from climbkit.datasets._xp_instrument import Band, Instrument

_PHOTON = 1.98644586e-16  # h c, J nm
_PUPIL = 0.7278  # m2
_STEP = 0.5  # pixels between the elements
#: Pixel and response against wavelength [nm] in the two bands, and where one hands over to the
#: other, rounded from Montegriffo et al. 2023, https://doi.org/10.1051/0004-6361/202243880
_DISPERSION = {
    "bp": (
        (320, 360, 400, 440, 480, 520, 560, 600, 640, 680, 720),
        (55.0, 43.2, 35.1, 29.4, 25.0, 21.6, 18.8, 16.6, 14.7, 13.1, 11.7),
    ),
    "rp": (
        (560, 600, 640, 680, 720, 760, 800, 840, 880, 920, 960, 1000, 1040, 1090),
        (-2.0, 6.3, 13.1, 18.9, 23.9, 28.3, 32.2, 35.7, 39.0, 42.0, 44.9, 47.6, 50.2, 53.2),
    ),
}
_RESPONSE = {
    "bp": (
        (325, 330, 335, 340, 360, 380, 400, 450, 550, 600, 640, 660, 670, 680),
        (0.0, 0.01, 0.075, 0.16, 0.21, 0.16, 0.42, 0.65, 0.63, 0.64, 0.58, 0.36, 0.06, 0.0),
    ),
    "rp": (
        (615, 620, 630, 635, 640, 700, 750, 800, 850, 900, 950, 1000, 1020, 1050, 1080),
        (0.0, 0.01, 0.39, 0.69, 0.73, 0.77, 0.78, 0.73, 0.64, 0.46, 0.25, 0.078, 0.029, 0.004, 0.0),
    ),
}
_OVERLAP = (635.0, 643.0)
#: Wavelength over full width at half maximum: 30 to 100 in BP, 70 to 100 in RP; De Angeli et al.
#: 2023, https://doi.org/10.1051/0004-6361/202243680
_RESOLUTION = {"bp": ((330, 400, 500, 680), (100, 65, 40, 30)), "rp": ((620, 1050), (100, 70))}
_NARROWEST = 2.0  # nm, full width: the step of the spectra before the instrument
_WIDTH_OF_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
#: Size of the noise in a sample [W m-2 nm-1] for unit noise in every element, and how far the noise
#: of an element reaches [pixels, standard deviation]: both near what GaiaXPy's model gives.
_GAIN = {
    "bp": (
        (336, 345, 380, 400, 420, 460, 500, 540, 580, 640),
        (4.0e-18, 2.9e-18, 2.9e-18, 1.13e-18, 7.3e-19, 4.7e-19, 3.0e-19, 1.9e-19, 1.3e-19, 8.3e-20),
    ),
    "rp": (
        (640, 860, 900, 940, 980, 1000, 1020),
        (3.7e-19, 2.7e-19, 3.2e-19, 4.5e-19, 8.7e-19, 1.4e-18, 3.0e-18),
    ),
}
_NOISE_REACH = 0.7
#: Relative transmission of G, and zero points in the mean flux [W m-2 nm-1] of G, BP and RP that
#: a star of magnitude 0 has: Riello et al. 2021, https://doi.org/10.1051/0004-6361/202039587
_G_BAND = (
    (325, 350, 380, 410, 450, 500, 550, 600, 650, 700, 750, 800, 850, 900, 950, 1000, 1050),
    (0.0, 0.14, 0.2, 0.46, 0.66, 0.74, 0.78, 0.76, 0.76, 0.78, 0.7, 0.64, 0.42, 0.25, 0.1, 0.03, 0),
)
_ZERO_POINTS = np.array([-26.490, -25.966, -27.216])


@functools.cache
def load_instrument(fine, wavelengths):
    """Build the instrument; parameters and result as with GaiaXPy's."""
    fine, wavelengths = np.array(fine), np.array(wavelengths)
    share = np.clip((wavelengths - _OVERLAP[0]) / (_OVERLAP[1] - _OVERLAP[0]), 0.0, 1.0)
    sampled, bands = 0.0, []
    for band, weight in (("bp", 1.0 - share), ("rp", share)):
        sampled = sampled + _blur(fine, wavelengths, band) * weight
        bands.append(_band(fine, wavelengths, band, weight))
    seen = [np.interp(fine, *_G_BAND), *(_response(fine, band) for band in ("bp", "rp"))]
    photometry = np.column_stack([s * fine / np.sum(s * fine) for s in seen])
    return Instrument(sampled, tuple(bands), photometry, _ZERO_POINTS)


def _response(wavelength, band):
    return np.interp(wavelength, *_RESPONSE[band])


def _blur(fine, centers, band):
    """Give the shares of the fine wavelengths in each centre, of shape (n_fine, n_centers)."""
    width = np.maximum(centers / np.interp(centers, *_RESOLUTION[band]), _NARROWEST)
    blur = np.exp(-0.5 * ((fine[:, None] - centers) * _WIDTH_OF_SIGMA / width) ** 2)
    return blur / blur.sum(axis=0)


def _band(fine, wavelengths, band, weight):
    nodes, pixels = _DISPERSION[band]
    elements = np.arange(pixels[0], pixels[-1], np.sign(pixels[-1] - pixels[0]) * _STEP)
    order = np.argsort(pixels)
    center = np.interp(elements, np.take(pixels, order), np.take(nodes, order))
    per_pixel = np.abs(np.gradient(center, _STEP))
    photons = _PUPIL * _response(center, band) * center / _PHOTON * per_pixel
    counts = _blur(fine, center, band) * photons

    at = np.interp(wavelengths, nodes, pixels)
    kernel = np.exp(-0.5 * ((elements[:, None] - at) / _NOISE_REACH) ** 2)
    kernel /= np.sqrt(np.sum(kernel**2, axis=0))
    return Band(band, counts, kernel * np.interp(wavelengths, *_GAIN[band]) * weight)
