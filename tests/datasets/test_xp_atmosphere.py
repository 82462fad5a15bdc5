import numpy as np
import pytest

from climbkit.datasets._xp_atmosphere import emergent_flux
from climbkit.datasets._xp_library import FINE, TEFF_RANGE, extinction_law, load_library
from climbkit.datasets._xp_lines import absorption
from climbkit.datasets._xp_opacity import BOLTZMANN, HELIUM, ionize, last_level

EDGES = np.arange(340.0, 901.0, 1.0)
CENTERS = 0.5 * (EDGES[1:] + EDGES[:-1])


def model(teff, logg):
    return emergent_flux(np.array([float(teff)]), np.array([float(logg)]), EDGES)[0]


def equivalent_width(flux, line, reach):
    near = np.abs(CENTERS - line) < reach
    level = np.interp(CENTERS[near], CENTERS[near][[0, -1]], flux[near][[0, -1]])
    return np.sum(1 - flux[near] / level)


def jump(flux):
    """Magnitudes between both sides of the Balmer limit."""
    at = np.interp([355.0, 402.0], CENTERS, flux)
    return 2.5 * np.log10(at[1] / at[0])


def test_hot_gas_is_ionised_and_cool_gas_is_not():
    temperature, pressure = np.array([3_000.0, 30_000.0]), np.array([1e4, 1e4])
    electrons, neutral, total, density = ionize(temperature, pressure)
    assert neutral / total == pytest.approx([1, 0], abs=1e-3)
    assert electrons[0] / total[0] < 1e-3
    assert 1 < electrons[1] / total[1] < 1 + 2 * HELIUM
    particles = electrons + total * (1 + HELIUM)
    assert particles == pytest.approx(pressure / (BOLTZMANN * temperature), rel=1e-6)
    assert (density > 0).all()


def test_denser_gas_dissolves_lower_levels():
    assert last_level(1e13) == pytest.approx(10 ** ((23.26 - 13) / 7.5))
    assert last_level(1e17) < last_level(1e13)


def test_the_balmer_jump_is_largest_in_a_stars():
    jumps = [jump(model(teff, 4)) for teff in (5_800, 9_500, 15_000, 35_000)]
    assert np.argmax(jumps) == 1
    assert 0.8 < jumps[1] < 1.4  # with lines and slope; some 1.2 in the continuum of A0 V stars
    assert jumps[3] < 0.4


def test_hydrogen_lines_are_widest_at_high_gravity():
    width = [equivalent_width(model(10_000, logg), 486.13, 20) for logg in (1, 4, 8)]
    assert width[0] < width[1] < width[2]
    assert 0.9 < width[1] < 2.5  # nm; 1.3 to 1.9 in A0 V stars
    assert equivalent_width(model(35_000, 4), 486.13, 20) < 0.4 * width[1]


def test_flux_is_that_of_a_star_of_its_temperature():
    at = CENTERS * 1e-9
    body = 3.7418e-16 / at**5 / np.expm1(0.0143878 / (at * 30_000)) * 1e-9
    assert model(30_000, 4) == pytest.approx(body, rel=0.4)


def test_metals_and_molecules_come_with_low_temperature():
    teff = np.array([3_000.0, 4_000.0, 5_800.0, 9_000.0, 25_000.0])
    depth = absorption(FINE, teff, np.full(5, 4.5))
    assert (depth >= 0).all()
    blue = (FINE > 380) & (FINE < 500)
    assert (np.diff(depth[:, blue].mean(axis=1)) < 0).all()
    head = np.abs(FINE - 712) < 4
    assert depth[0, head].min() > 0.5
    assert depth[2, head].max() < 0.05


def test_the_grid_gives_its_nodes_back_and_holds_at_its_ends():
    library = load_library()
    i, j = 18, 4
    teff, logg = np.exp(library.log_teff[i]), library.logg[j]
    at_node = library.spectra(np.array([teff]), np.array([logg]), np.zeros(1))[0]
    assert at_node == pytest.approx(library.log_flux[i, j] - library.depth[i, j])
    beyond, end = (
        library.spectra(np.array([t]), np.array([4.0]), np.zeros(1)) for t in (1e6, TEFF_RANGE[1])
    )
    assert np.array_equal(beyond, end)


def test_metal_poor_stars_have_weaker_lines():
    rich, poor = load_library().spectra(np.full(2, 5_000.0), np.full(2, 4.5), np.array([0.0, -2.0]))
    assert (poor > rich).all()
    assert (poor - rich)[FINE < 400].mean() > (poor - rich)[FINE > 800].mean()


def test_extinction_is_one_at_v_and_grows_to_the_blue():
    standard, slope = extinction_law()
    assert np.interp(550, FINE, standard) == pytest.approx(1, abs=0.03)
    smooth = np.convolve(standard, np.full(15, 1 / 15), "valid")
    assert (np.diff(smooth) < 0).all()
    assert abs(np.interp(550, FINE, slope)) < 0.2
