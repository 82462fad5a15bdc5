"""The stars of `make_xp_spectra`: kinds, masses, temperatures, gravities, companions."""

from typing import NamedTuple

import numpy as np

SUN_TEFF, SUN_LOGG = 5772.0, 4.438  # IAU 2015 resolution B3
MASSIVE = 8.0  # Msun; heavier stars end as supernovae
# Luminosity against mass on the main sequence, log10 of solar units, from each mass on, and
# temperature above 1.5 Msun; Eker et al. 2018, https://doi.org/10.1093/mnras/sty1834. Below, the
# radius of the same source.
_LUMINOSITY = (
    (0.0, 2.028, -0.976),
    (0.45, 4.572, -0.102),
    (0.72, 5.743, -0.007),
    (1.05, 4.329, 0.010),
    (2.40, 3.967, 0.093),
    (7.0, 2.865, 1.105),
)
_TEMPERATURE = (-0.170, 0.888, 3.671)
_RADIUS = (0.438, 0.479, 0.075)
_RADIUS_UP_TO = 1.5
#: From the start to the end of the main sequence, dex; Ekström et al. 2012,
#: https://doi.org/10.1051/0004-6361/201117751, for 3 to 25 Msun.
_BRIGHTENING, _COOLING = 0.45, 0.10
_AFTER = 0.2  # dex at most, that supergiants brighten later
_EVOLVES_ABOVE = 1.1  # Msun; lighter stars have not had the time
_BRIGHTEST_COOL = 5.8  # log10 L of supergiants; Humphreys & Davidson 1979, doi:10.1086/157301
_COOL_BELOW = 4.15  # log10 of the temperature, for that limit
_HIGHEST_TEFF = 4.70  # log10; of the hottest O stars
#: Share of stars with a companion that counts, by log10 of the mass: Duchêne & Kraus 2013,
#: https://doi.org/10.1146/annurev-astro-081710-102602
_BINARIES = ((-0.5, 0.0, 0.5, 1.0), (0.26, 0.44, 0.6, 0.8))
_LEAST_COMPANION, _LEAST_RATIO = 0.2, 0.1  # Msun, and of the masses
_BE_RANGE = (10_000.0, 32_000.0)  # K, of stars that may have a disc
_DRAWN = ("mass", "log_teff", "log_luminosity", "logg")
_RV_SCATTER, _RV_RANGE = 0.2, (2.3, 5.5)


class Kind(NamedTuple):
    """A kind of star. Ranges are drawn from evenly, unless a slope of the masses is given."""

    name: str
    share: float  # of its group, as a survey limited in magnitude holds them
    mass: tuple  # Msun
    slope: float  # number per mass goes as mass^-slope
    scale_height: float  # kpc
    log_teff: tuple | None = None  # None: on the main sequence
    log_luminosity: tuple | None = None  # None: that of the end of the main sequence, or `logg`'s
    logg: tuple | None = None  # in place of the luminosity
    iron: tuple = (-0.1, 0.2)  # mean and scatter of [Fe/H]
    age: float = 1.0  # up to this part of the time on the main sequence


#: Stars above 8 Msun. Slopes are flatter than the initial mass function (Kroupa 2001,
#: doi:10.1046/j.1365-8711.2001.04022.x), since brighter stars are seen farther.
MASSIVE_KINDS = (
    Kind("main sequence", 0.64, (MASSIVE, 60.0), 1.9, 0.05, iron=(0.0, 0.12)),
    Kind("blue supergiant", 0.32, (MASSIVE, 40.0), 1.9, 0.05, (3.93, 4.46), iron=(0.0, 0.12)),
    Kind("yellow supergiant", 0.02, (MASSIVE, 25.0), 2.3, 0.05, (3.69, 3.93), iron=(0.0, 0.12)),
    Kind("red supergiant", 0.02, (MASSIVE, 25.0), 2.3, 0.05, (3.53, 3.63), iron=(0.0, 0.12)),
)
#: Lighter stars that look like massive ones.
HARD_KINDS = (
    Kind("main sequence", 0.56, (2.5, MASSIVE), 1.6, 0.07, iron=(0.0, 0.15)),
    Kind("blue giant", 0.12, (2.5, MASSIVE), 1.6, 0.07, iron=(0.0, 0.15), age=1.6),
    Kind("main sequence", 0.11, (1.7, 2.5), 1.6, 0.1, iron=(0.0, 0.15)),
    Kind("hot subdwarf", 0.10, (0.45, 0.50), 0.0, 0.4, (4.36, 4.70), logg=(5.2, 6.1)),
    Kind(
        "horizontal branch", 0.05, (0.5, 0.65), 0.0, 2.0, (3.9, 4.3), (1.4, 1.75), iron=(-1.4, 0.4)
    ),
    Kind("white dwarf", 0.04, (0.55, 0.70), 0.0, 0.3, (3.9, 4.65), logg=(7.8, 8.2)),
    Kind("post-AGB", 0.02, (0.55, 0.75), 0.0, 0.4, (3.85, 4.60), (3.2, 4.0), iron=(-0.5, 0.4)),
)
#: Everybody else.
EASY_KINDS = (
    Kind("main sequence", 0.60, (0.35, 1.7), 0.0, 0.25, iron=(-0.1, 0.25)),
    Kind("giant", 0.40, (0.9, 2.2), 1.0, 0.3, (3.54, 3.71), (0.8, 3.2), iron=(-0.15, 0.25)),
)


def draw_stars(massive, hard_negatives, emission, rng):
    """Draw what stars are.

    Parameters
    ----------
    massive : ndarray of bool of shape (n_stars,)
        Which of them are massive.
    hard_negatives : float
        Share of the others that are of a kind that looks like massive stars.
    emission : float
        Share of the stars of type B on the main sequence that have emission lines.
    rng : Generator

    Returns
    -------
    stars : dict of ndarray of shape (n_stars,)
        kind, mass [Msun], teff [K], logg, log_luminosity [Lsun], feh, r_v, scale_height [kpc],
        is_binary, companion_mass [Msun], emission (equivalent width of Hα in nm, 0 without).
    """
    n = len(massive)
    hard = rng.random(n) < hard_negatives
    pick, u, v, w = rng.random((4, n))
    stars = {name: np.empty(n) for name in (*_DRAWN, "feh")}
    stars |= {"kind": np.empty(n, dtype=object), "scale_height": np.empty(n)}
    iron = rng.standard_normal(n)
    for kinds, group in (
        (MASSIVE_KINDS, massive),
        (HARD_KINDS, ~massive & hard),
        (EASY_KINDS, ~massive & ~hard),
    ):
        until = np.cumsum([kind.share for kind in kinds])
        number = np.searchsorted(until / until[-1], pick)
        for i, kind in enumerate(kinds):
            of = group & (number == i)
            drawn = _draw(kind, u[of], v[of], w[of])
            for name, values in zip(
                ("mass", "log_teff", "log_luminosity", "logg"), drawn, strict=True
            ):
                stars[name][of] = values
            stars["feh"][of] = kind.iron[0] + kind.iron[1] * iron[of]
            stars["kind"][of] = kind.name
            stars["scale_height"][of] = kind.scale_height
    stars["teff"] = 10.0 ** stars.pop("log_teff")
    stars["r_v"] = np.clip(3.1 + _RV_SCATTER * rng.standard_normal(n), *_RV_RANGE)
    return stars | _draw_companions(stars["mass"], rng) | _draw_discs(stars, emission, rng)


def _draw(kind, u, v, w):
    """Draw mass, log10 temperature, log10 luminosity and log10 gravity from even numbers."""
    mass = _power_law(kind.mass, kind.slope, u)
    if kind.log_teff is None:
        age = np.where(mass > _EVOLVES_ABOVE, v * kind.age, 0.5)
        luminosity, teff = main_sequence(mass, age)
        teff = np.minimum(teff, _HIGHEST_TEFF)
    else:
        # Along the giant branch the brighter are the cooler.
        along = 1.0 - (0.8 * w + 0.2 * v) if kind.name == "giant" else v
        teff = kind.log_teff[0] + np.ptp(kind.log_teff) * along
        luminosity = _evolved_luminosity(kind, mass, teff, w)
    logg = SUN_LOGG + np.log10(mass) + 4.0 * (teff - np.log10(SUN_TEFF)) - luminosity
    return mass, teff, luminosity, logg


def _evolved_luminosity(kind, mass, teff, w):
    if kind.log_luminosity is not None:
        return kind.log_luminosity[0] + np.ptp(kind.log_luminosity) * w
    if kind.logg is not None:
        logg = kind.logg[0] + np.ptp(kind.logg) * w
        return SUN_LOGG + np.log10(mass) + 4.0 * (teff - np.log10(SUN_TEFF)) - logg
    luminosity = main_sequence(mass, np.ones_like(mass))[0] + _AFTER * w
    return np.where(teff < _COOL_BELOW, np.minimum(luminosity, _BRIGHTEST_COOL), luminosity)


def main_sequence(mass, age):
    """Give log10 of luminosity [Lsun] and of temperature [K].

    Parameters
    ----------
    mass : ndarray of shape (n_stars,)
        Msun.
    age : ndarray of shape (n_stars,)
        Part of the time on the main sequence that is over; the relations hold halfway.
    """
    log_mass = np.log10(mass)
    start, slope, offset = np.array(_LUMINOSITY).T
    at = np.searchsorted(start, mass, side="right") - 1
    luminosity = slope[at] * log_mass + offset[at]
    radius = np.log10(np.polyval(_RADIUS, mass))
    cool = np.log10(SUN_TEFF) + 0.25 * luminosity - 0.5 * radius
    teff = np.where(mass > _RADIUS_UP_TO, np.polyval(_TEMPERATURE, log_mass), cool)
    return luminosity + _BRIGHTENING * (age - 0.5), teff - _COOLING * (age - 0.5)


def _power_law(limits, slope, u):
    low, high = limits
    if slope == 1.0:
        return low * (high / low) ** u
    power = 1.0 - slope
    return (low**power + u * (high**power - low**power)) ** (1.0 / power)


def _draw_companions(mass, rng):
    companion = mass * rng.uniform(_LEAST_RATIO, 1.0, len(mass))
    common = rng.random(len(mass)) < np.interp(np.log10(mass), *_BINARIES)
    is_binary = common & (companion > _LEAST_COMPANION)
    return {"is_binary": is_binary, "companion_mass": np.where(is_binary, companion, 0.0)}


def _draw_discs(stars, share, rng):
    """Draw the emission of Be stars; the width is spread evenly in its logarithm, up to 5 nm."""
    low, high = _BE_RANGE
    able = (stars["kind"] == "main sequence") & (stars["teff"] > low) & (stars["teff"] < high)
    has = able & (rng.random(len(able)) < share)
    return {"emission": np.where(has, 10.0 ** rng.uniform(-0.5, 0.7, len(able)), 0.0)}
