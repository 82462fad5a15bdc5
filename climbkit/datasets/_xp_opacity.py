"""Gas in local thermodynamic equilibrium: its ionisation, and what it absorbs in continuum.

Everything here is in CGS, and wavelengths are in cm: that is how the formulae are published.
"""

import numpy as np

PLANCK, LIGHT, BOLTZMANN = 6.62607015e-27, 2.99792458e10, 1.380649e-16
HYDROGEN_MASS = 1.6735e-24
BOLTZMANN_EV = 8.617333e-5  # eV / K
HYDROGEN_EV = 13.5984
RYDBERG_CM = 109_677.58  # 1 / cm, of hydrogen
HELIUM = 0.0851  # per hydrogen; Asplund et al. 2009, doi:10.1146/annurev.astro.46.060407.145222
#: What gives electrons to cool gas (Na and K; Ca and Al; Mg, Si and Fe; C), of the same source:
#: abundance per hydrogen, ionisation [eV], twice the ratio of the partition functions of ion and
#: atom. Only their order of size matters.
_METALS = ((2.1e-6, 5.3, 1.5), (4.5e-6, 6.05, 1.1), (1.04e-4, 7.85, 2.6), (3.2e-4, 11.26, 1.3))
_SAHA = 2.4146830395e15  # (2 pi m k / h^2)^(3/2), 1 / (cm3 K^1.5)
_KRAMERS_CROSS_SECTION = 7.907e-18  # cm2 at the edge of level 1
_LEVELS = 8  # whose ionisation is summed; those above are taken together as an integral
_THOMSON = 6.6524587e-25
_BISECTIONS = 45

# H-: John 1988, A&A 193, 189. Wavelengths in micrometres; bound-free and free-free.
_DETACHMENT = 1.6419
_BOUND_FREE = (152.519, 49.534, -118.858, 92.536, -34.194, 4.982)
_FREE_FREE = np.array(
    [
        [2483.3460, 285.8270, -2054.2910, 2827.7760, -1341.5370, 208.9520],
        [-3449.8890, -1158.3820, 8746.5230, -11485.6320, 5303.6090, -812.9390],
        [2200.0400, 2427.7190, -13651.1050, 16755.5240, -7510.4940, 1132.7380],
        [-696.2710, -1841.4000, 8624.9700, -10051.5300, 4400.0670, -655.0200],
        [88.2830, 444.5170, -1863.8640, 2095.2880, -901.7880, 132.9850],
    ]
)
_FREE_FREE_FROM = 0.3645  # shorter than this the fit does not hold, and little is absorbed


def ionize(temperature, pressure):
    """Give densities [1/cm3] of electrons, neutral hydrogen, all hydrogen, and mass [g/cm3].

    The electron density is the root of the conservation of charge, with Saha's equation for
    hydrogen, helium (twice) and four metals that stand for all.
    """
    thermal = BOLTZMANN_EV * temperature
    saha = _SAHA * temperature**1.5
    hydrogen = saha * np.exp(-HYDROGEN_EV / thermal)
    helium = saha * 4.0 * np.exp(-24.587 / thermal), saha * np.exp(-54.418 / thermal)
    metals = [(share, saha * u * np.exp(-energy / thermal)) for share, energy, u in _METALS]
    particles = pressure / (BOLTZMANN * temperature)

    def given(electrons):
        once = helium[0] / electrons
        twice = once * helium[1] / electrons
        per_hydrogen = hydrogen / (electrons + hydrogen)
        per_hydrogen = per_hydrogen + HELIUM * (once + 2.0 * twice) / (1.0 + once + twice)
        return per_hydrogen + sum(share * s / (electrons + s) for share, s in metals)

    low, high = np.log(particles * 1e-14), np.log(particles * 0.6)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        electrons = np.exp(middle)
        more = given(electrons) * (particles - electrons) / (1.0 + HELIUM) > electrons
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    electrons = np.exp(0.5 * (low + high))
    total = (particles - electrons) / (1.0 + HELIUM)
    neutral = total * electrons / (electrons + hydrogen)
    return electrons, neutral, total, total * (1.0 + 4.0 * HELIUM) * HYDROGEN_MASS


def last_level(electrons):
    """Give the level of hydrogen that the field of the charges dissolves (Inglis & Teller 1939).

    log10 of the electron density is 23.26 - 7.5 log10(level); ApJ 90, 439.
    """
    return 10.0 ** ((23.26 - np.log10(electrons)) / 7.5)


def dissolved(level, electrons, highest):
    """Give the share of atoms whose level is dissolved, a smooth step at the last level."""
    return -np.expm1(-((level / np.minimum(last_level(electrons), highest)) ** 7.5))


def excited(level, temperature):
    """Give the density of hydrogen in a level for each neutral atom."""
    energy = HYDROGEN_EV * (1.0 - 1.0 / level**2)
    return level**2 * np.exp(-energy / (BOLTZMANN_EV * temperature))


def continuum(wavelength, temperature, electrons, neutral, ions, highest):
    """Give the absorption per volume [1/cm] of hydrogen, H- and free electrons.

    `wavelength` [cm] broadcasts against the others. Edges of hydrogen are extended to the red by
    what transitions to dissolved levels absorb, above the level `highest` in any case.
    """
    energy = PLANCK * LIGHT / (BOLTZMANN * wavelength * temperature)
    stimulated = -np.expm1(-energy)
    atomic = 0.0
    for level in range(1, _LEVELS + 1):
        strength = _KRAMERS_CROSS_SECTION * level * (wavelength * RYDBERG_CM / level**2) ** 3
        share = _open_share(wavelength, level, electrons, highest)
        atomic = atomic + strength * excited(level, temperature) * share
    rest = HYDROGEN_EV / (_LEVELS + 0.5) ** 2 / (BOLTZMANN_EV * temperature)
    bottom = HYDROGEN_EV / (BOLTZMANN_EV * temperature)
    # An integral over the levels above, each as a Kramers absorber.
    above = _KRAMERS_CROSS_SECTION * (wavelength * RYDBERG_CM) ** 3 * np.exp(-bottom)
    atomic = neutral * (atomic + above * np.expm1(rest) / (2.0 * bottom))
    free = 3.692e8 * electrons * ions / np.sqrt(temperature) * (wavelength / LIGHT) ** 3
    rayleigh = neutral * 5.8e-13 * (wavelength * 1e8) ** -4.0
    bound = (atomic + free) * stimulated + _negative_hydrogen(
        wavelength * 1e4, temperature, electrons, neutral, stimulated
    )
    return bound + _THOMSON * electrons + rayleigh


def _open_share(wavelength, level, electrons, highest):
    """Give the share of a level's atoms that a photon can free, or lift to a dissolved level."""
    gap = 1.0 / level**2 - 1.0 / (wavelength * RYDBERG_CM)  # 1 / (the level that it reaches)^2
    if np.all(gap <= 0):
        return 1.0
    if np.all(gap > 1.0 / (level + 1) ** 2):  # no line lies beyond the first of the series
        return 0.0
    share = dissolved(1.0 / np.sqrt(np.maximum(gap, 1e-6)), electrons, highest)
    return np.where(gap <= 0, 1.0, np.where(gap > 1.0 / (level + 1) ** 2, 0.0, share))


def _negative_hydrogen(micron, temperature, electrons, neutral, stimulated):
    pressure = electrons * BOLTZMANN * temperature
    gap = np.sqrt(np.maximum(1.0 / micron - 1.0 / _DETACHMENT, 0.0))
    section = 1e-18 * micron**3 * gap**3 * np.polynomial.polynomial.polyval(gap, _BOUND_FREE)
    bound = 0.750 * temperature**-2.5 * np.exp(14_388.0 / (_DETACHMENT * temperature))
    at = np.maximum(micron, _FREE_FREE_FROM)
    powers = np.stack([at**2, at**0, at**-1.0, at**-2.0, at**-3.0, at**-4.0])
    theta = np.sqrt(5040.0 / temperature)
    free = 0.0
    for power, row in enumerate(_FREE_FREE, start=3):
        free = free + theta**power * np.tensordot(row, powers, 1)
    return neutral * pressure * (bound * section * stimulated + 1e-29 * np.maximum(free, 0.0))
