"""The simulated sky of `make_cluster_field`: populations, cluster profiles, magnitudes, errors."""

from typing import NamedTuple

import numpy as np

from climbkit.datasets._sky import ICRS_TO_GALACTIC, galactic_to_icrs, tangent_axes, unit_vectors

KM_S_PER_MAS_YR_KPC = 4.740470464  # IAU 2012 astronomical unit over a Julian year
#: Distance of the Galactic centre [kpc]; GRAVITY Collaboration 2019, 10.1051/0004-6361/201935656.
SUN_RADIUS = 8.178
#: Circular velocity [km/s]; Eilers et al. 2019, https://doi.org/10.3847/1538-4357/aaf648.
CIRCULAR_VELOCITY = 229.0
#: The Sun against the circular orbit [km/s]: Schönrich et al. 2010,
#: https://doi.org/10.1111/j.1365-2966.2010.16253.x
SUN_PECULIAR = np.array([11.1, 12.24, 7.25])
FAINT_LIMIT = 20.7  # G where Gaia's counts turn over
BRIGHT_LIMIT = 8.0


class Population(NamedTuple):
    """Field stars of one kind. The numbers are round ones of the right size, fitted to nothing."""

    density: float  # per solid angle in the plane, relative
    latitude_scale: float  # of the density's decline with |b| [deg]
    scale_height: float  # [kpc]
    longest_scale: float  # largest length scale of the distances [kpc]
    lag: float  # behind the circular velocity [km/s]
    dispersion: tuple  # towards the centre, along rotation, up [km/s]
    locus: str  # colour against absolute magnitude


POPULATIONS = (
    Population(1.00, 9.0, 0.30, 1.2, 12.0, (34.0, 23.0, 17.0), "young"),
    Population(0.40, 22.0, 0.90, 1.8, 50.0, (65.0, 45.0, 40.0), "old"),
    Population(0.10, np.inf, np.inf, 3.5, 225.0, (140.0, 90.0, 90.0), "old"),
)
HALO = POPULATIONS[-1]
#: Counts grow like 10^(slope G) in the field and 10^(slope M_G) in a cluster.
FIELD_COUNT_SLOPE, CLUSTER_COUNT_SLOPE = 0.22, 0.12
#: Absolute magnitude and BP-RP along a main sequence, and along an old population with its giants.
LOCI = {
    "young": (
        (-4.0, -2.0, 0.0, 1.0, 3.0, 4.7, 6.0, 8.0, 10.0, 12.0, 14.0),
        (1.6, 1.3, 1.0, 0.2, 0.5, 0.82, 1.05, 1.7, 2.3, 2.9, 3.7),
    ),
    "old": (
        (-3.0, -2.0, 0.0, 2.0, 3.0, 3.4, 3.9, 4.7, 6.0, 8.0, 10.0, 12.0, 14.0),
        (2.2, 1.7, 1.2, 1.0, 0.95, 0.75, 0.62, 0.72, 1.0, 1.6, 2.1, 2.7, 3.4),
    ),
}
_LOCUS_SCATTER = {"field": 0.12, "cluster": 0.015}  # in BP-RP
_TIP = -2.5  # M_G of the brightest cluster star
# Variance of the parallax [microarcsec^2] against z; proper motion's error by parallax's; Gaia DR3,
# https://www.cosmos.esa.int/web/gaia/science-performance
_PARALLAX_POLYNOMIAL = (40.0, 800.0, 30.0)
_PM_OF_PARALLAX_ERROR = {"pmra": 1.03, "pmdec": 0.89}
_ERROR_SCATTER = 0.12  # of ln(error) between stars: the scanning law
_COLOUR_ERROR = (0.003, 0.12)  # of BP-RP: of bright stars, and what is added at G = 20
_CONCENTRATION = {"open": 0.7, "globular": 1.5}  # log10 of King's tidal over core radius
_PLUMMER_EDGE = 10.0  # in scale radii


def field_density(lat):
    """Return the relative density of each population, of shape (3, n), at latitudes in degrees."""
    return np.array([p.density * np.exp(-np.abs(lat) / p.latitude_scale) for p in POPULATIONS])


def draw_populations(lat, rng):
    """Draw the number of each star's population."""
    cumulative = np.cumsum(field_density(lat), axis=0)
    return np.sum(rng.random(len(lat)) * cumulative[-1] > cumulative[:-1], axis=0)


def draw_distances(population, lat, rng):
    """Draw distances [kpc] from d^2 exp(-d / L), where L follows from the population's height."""
    sine = np.maximum(np.abs(np.sin(np.radians(lat))), 1e-3)
    height = np.array([p.scale_height for p in POPULATIONS])[population]
    longest = np.array([p.longest_scale for p in POPULATIONS])[population]
    return np.maximum(rng.gamma(3.0, np.minimum(longest, height / sine)), 0.01)


def draw_velocities(lag, dispersion, lon, lat, distance, rng):
    """Draw heliocentric velocities [km/s] of shape (n, 3): towards l = 0, l = 90 and b = 90."""
    place = unit_vectors(lon, lat) * distance[:, None]
    x, y = place[:, 0] - SUN_RADIUS, place[:, 1]
    rotation = (CIRCULAR_VELOCITY - lag) / np.maximum(np.hypot(x, y), 0.1)
    velocity = rng.standard_normal((len(lon), 3)) * dispersion
    velocity[:, 0] += rotation * y
    velocity[:, 1] -= rotation * x
    return velocity - SUN_PECULIAR - (0.0, CIRCULAR_VELOCITY, 0.0)


def proper_motions(velocity, ra, dec, distance):
    """Return pmra (with cos dec) and pmdec [mas/yr] of velocities on ICRS axes [km/s]."""
    scale = 1.0 / (KM_S_PER_MAS_YR_KPC * distance)
    return tuple(np.sum(velocity * axis, axis=1) * scale for axis in tangent_axes(ra, dec))


def draw_magnitudes(n, bright, faint, slope, rng):
    """Draw magnitudes whose counts grow like 10^(slope m), from `bright` to `faint`."""
    rate = slope * np.log(10.0)
    low = np.exp(-rate * (faint - bright))
    return faint + np.log(low + rng.random(n) * (1.0 - low)) / rate


def draw_colours(absolute, locus, kind, rng):
    """Draw BP-RP without measurement errors."""
    return np.interp(absolute, *LOCI[locus]) + rng.normal(0.0, _LOCUS_SCATTER[kind], len(absolute))


def draw_field_stars(lon, lat, rng):
    """Draw everything but positions of field stars, without measurement errors."""
    population = draw_populations(lat, rng)
    distance = draw_distances(population, lat, rng)
    ra, dec = galactic_to_icrs(lon, lat)
    lag = np.array([p.lag for p in POPULATIONS])[population]
    dispersion = np.array([p.dispersion for p in POPULATIONS])[population]
    velocity = draw_velocities(lag, dispersion, lon, lat, distance, rng)
    magnitude = draw_magnitudes(len(lon), BRIGHT_LIMIT, FAINT_LIMIT, FIELD_COUNT_SLOPE, rng)
    absolute = magnitude - distance_modulus(distance)
    colour = np.empty(len(lon))
    for number, kind in enumerate(POPULATIONS):
        of = population == number
        colour[of] = draw_colours(absolute[of], kind.locus, "field", rng)
    pmra, pmdec = proper_motions(velocity @ ICRS_TO_GALACTIC, ra, dec, distance)
    return named_columns(ra, dec, lon, lat, distance, pmra, pmdec, magnitude, colour)


def draw_cluster_photometry(distance, locus, rng):
    """Draw magnitudes and colours of the members of a cluster, without measurement errors."""
    modulus = distance_modulus(distance)
    faint = FAINT_LIMIT - modulus
    bright = np.minimum(_TIP, faint - 1.0)
    absolute = draw_magnitudes(len(distance), bright, faint, CLUSTER_COUNT_SLOPE, rng)
    return absolute + modulus, draw_colours(absolute, locus, "cluster", rng)


def named_columns(ra, dec, lon, lat, distance, pmra, pmdec, magnitude, colour):
    """Return Gaia's columns, without measurement errors."""
    columns = {"ra": ra, "dec": dec, "l": lon, "b": lat, "parallax": 1.0 / distance}
    columns |= {"pmra": pmra, "pmdec": pmdec}
    return columns | {"phot_g_mean_mag": magnitude, "bp_rp": colour}


def distance_modulus(distance):
    """Return 5 log10(distance / 10 pc) of distances in kpc."""
    return 5.0 * np.log10(distance) + 10.0


def measure(columns, rng):
    """Add errors like those of Gaia DR3 to true columns, in place, and the columns of errors."""
    magnitude = columns["phot_g_mean_mag"]
    n = len(magnitude)
    error = draw_parallax_error(magnitude, rng)
    for name, factor in {"parallax": 1.0, **_PM_OF_PARALLAX_ERROR}.items():
        columns[f"{name}_error"] = factor * error
        columns[name] += rng.standard_normal(n) * columns[f"{name}_error"]
    bright, faint = _COLOUR_ERROR
    columns["bp_rp"] += rng.standard_normal(n) * (bright + faint * 10.0 ** (0.4 * (magnitude - 20)))
    return columns


def draw_parallax_error(magnitude, rng):
    """Draw the errors of the parallaxes [mas] of stars of these G."""
    z = 10.0 ** (0.4 * (np.maximum(magnitude, 13.0) - 15.0))
    error = np.sqrt(np.polynomial.polynomial.polyval(z, _PARALLAX_POLYNOMIAL)) / 1000.0
    return error * np.exp(rng.normal(0.0, _ERROR_SCATTER, len(magnitude)))


def draw_radii(n, profile, kind, r50, rng):
    """Draw projected radii, in the unit of `r50`, their median, from a King or Plummer profile."""
    if profile == "plummer":
        edge = _PLUMMER_EDGE**2 / (1.0 + _PLUMMER_EDGE**2)
        share = np.append(rng.random(n) * edge, edge / 2.0)
        radii = np.sqrt(share / (1.0 - share))
    else:
        grid = np.linspace(0.0, 10.0 ** _CONCENTRATION[kind], 4097)
        within = _king_counts(grid**2)
        radii = np.interp(np.append(rng.random(n), 0.5) * within[-1], within, grid)
    return radii[:-1] * (r50 / radii[-1])


def _king_counts(x):
    """Counts within sqrt(x) core radii; King 1962, eq. 18, https://doi.org/10.1086/108756."""
    edge = 1.0 + x[-1]
    return np.log(1.0 + x) - 4.0 * (np.sqrt(1.0 + x) - 1.0) / np.sqrt(edge) + x / edge
