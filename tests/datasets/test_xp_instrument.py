import sys

import numpy as np
import pytest

from climbkit.datasets import _xp_gaiaxpy, _xp_gaussian
from climbkit.datasets._gaiaxpy import import_gaiaxpy, silent_gaiaxpy
from climbkit.datasets._xp_instrument import count_variance
from climbkit.datasets._xp_library import FINE

WAVELENGTH = np.arange(336.0, 1021.0, 2.0)
GRIDS = tuple(FINE), tuple(WAVELENGTH)
BANDS = {"bp": slice(0, 55), "rp": slice(55, 110)}


@pytest.fixture(scope="module", params=["gaiaxpy", "gaussian"])
def instrument(request):
    module = {"gaiaxpy": _xp_gaiaxpy, "gaussian": _xp_gaussian}[request.param]
    return module.load_instrument(*GRIDS)


@pytest.fixture(scope="module")
def real(data_folder):
    """Real spectra, their coefficients and their magnitudes in G."""
    real = dict(np.load(data_folder / "spectra" / "xp_sampled343_field2000.npz"))
    bases = _xp_gaiaxpy.load_bases(GRIDS[1])
    coefficients = np.hstack([real["bp_coeff"], real["rp_coeff"]]).astype(np.float64)
    flux = np.maximum(coefficients @ bases.photometry[:, 0], 1e-40)
    return real | {
        "coefficients": coefficients,
        "g": bases.zero_points[0] - 2.5 * np.log10(flux),
    }


def smooth_flux(teff, at):
    """A black body's, in any unit."""
    return at**-5.0 / np.expm1(1.43878e7 / (at * teff))


@pytest.mark.parametrize("teff", [4_000, 7_000, 15_000])
def test_smooth_spectra_pass_unchanged(instrument, teff):
    sampled = smooth_flux(teff, FINE) @ instrument.sampled
    ratio = sampled / smooth_flux(teff, WAVELENGTH)
    assert np.abs(ratio[32:] - 1).max() < 0.1  # from 400 nm
    assert np.sqrt(np.mean((ratio[32:] - 1) ** 2)) < 0.02
    # At the blue end real spectra have wiggles too; a cool star has hardly any light there.
    if teff > 5_000:
        assert np.abs(ratio[:32] - 1).max() < 0.35


@pytest.mark.parametrize(("line", "resolution"), [(434.0, (30, 100)), (850.0, (50, 110))])
def test_lines_are_as_wide_as_the_resolution(instrument, line, resolution):
    response = instrument.sampled[np.argmin(np.abs(FINE - line))]
    fine = np.arange(line - 20, line + 20, 0.1)
    profile = np.interp(fine, WAVELENGTH, response)
    assert fine[np.argmax(profile)] == pytest.approx(line, abs=1.5)
    width = 0.1 * np.sum(profile > profile.max() / 2)
    assert resolution[0] < line / width < resolution[1]


def test_both_instruments_see_the_same_magnitudes_and_errors():
    first, second = (m.load_instrument(*GRIDS) for m in (_xp_gaiaxpy, _xp_gaussian))
    flux = np.array([smooth_flux(teff, FINE) for teff in (4_000, 6_000, 10_000, 25_000)])
    flux *= 10 ** (0.4 * (first.magnitudes(flux)[:, :1] - 14))
    assert np.allclose(first.magnitudes(flux), second.magnitudes(flux), atol=0.03)
    error = [
        np.median(i.observe(np.repeat(flux, 50, axis=0), 1.0, np.random.default_rng(0))[1], axis=0)
        for i in (first, second)
    ]
    inner = slice(20, 320)
    assert np.abs(np.log(error[1] / error[0]))[inner].max() < 0.6
    assert np.median(np.abs(np.log(error[1] / error[0]))) < 0.2


def test_bases_give_the_real_spectra_from_their_coefficients(real):
    bases = _xp_gaiaxpy.load_bases(GRIDS[1])
    sampled = real["coefficients"] @ bases.samples
    scale = np.abs(real["flux"]).max(axis=1, keepdims=True)
    assert (np.abs(sampled - real["flux"]) / scale).max() < 1e-2
    assert np.median(np.abs(sampled - real["flux"]) / scale) < 1e-5


def test_errors_are_those_of_real_spectra_of_all_magnitudes(real):
    bases = _xp_gaiaxpy.load_bases(GRIDS[1])
    bright = (real["g"] > 7) & (real["g"] < 17.65)
    variance = np.zeros((bright.sum(), len(WAVELENGTH)))
    for band, rows in BANDS.items():
        counts = np.maximum(real["coefficients"][bright, rows] @ bases.counts[band], 0.0)
        variance += count_variance(counts, band) @ _xp_gaiaxpy.noise_map(bases, band) ** 2
    off = 0.5 * np.log(variance) - np.log(real["flux_error_diag"][bright])
    assert np.median(np.abs(off)) < 0.12
    magnitude = real["g"][bright]
    for low in (10, 12, 14, 15, 16):
        assert abs(np.median(off[(magnitude >= low) & (magnitude < low + 1)])) < 0.15
    assert np.abs(np.median(off, axis=0)).max() < 0.45  # at the worst wavelength


def test_gaiaxpy_leaves_other_packages_and_the_screen_alone(capsys):
    import matplotlib as mpl

    import_gaiaxpy()
    assert mpl.rcParams["text.usetex"] is False
    with silent_gaiaxpy():
        print("a bar")
    assert capsys.readouterr().out == ""
    print("seen")
    assert capsys.readouterr().out == "seen\n"


def test_a_missing_gaiaxpy_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gaiaxpy", None)
    with pytest.raises(ImportError, match=r"pip install climbkit\[spectra\]"):
        import_gaiaxpy()
