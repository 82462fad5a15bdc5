"""Where the stars of `make_xp_spectra` are: associations, the disc, its dust, their parallaxes."""

from typing import NamedTuple

import numpy as np

from climbkit.datasets._cluster_field_model import SUN_RADIUS, distance_modulus, draw_parallax_error
from climbkit.datasets._sky import directions, galactic_to_icrs, unit_vectors

BRIGHTEST = 4.0  # G; Gaia has no good spectra of brighter stars
MOST_EXTINCTION = 15.0  # mag in V
#: kpc; from so near that the faintest white dwarf can be as bright as any limit asks.
_DISTANCES = np.geomspace(3e-4, 25.0, 110)
_DISC_LENGTH = 2.6  # kpc; Bland-Hawthorn & Gerhard 2016, doi:10.1146/annurev-astro-081915-023441
#: Dust: extinction in V in the plane near the Sun [mag / kpc] and its scale height [kpc]; Vergely
#: et al. 2022, https://doi.org/10.1051/0004-6361/202243319, in round numbers.
_DUST_RATE, _DUST_HEIGHT = 0.8, 0.1
_DUST_SCATTER = 0.5  # of ln(extinction) between lines of sight
#: Associations: share of the massive stars, distance and height [kpc], radius [kpc]; Wright 2020,
#: https://doi.org/10.1016/j.newar.2020.101549.
ASSOCIATED = 0.6
_ASSOCIATION_DISTANCE, _ASSOCIATION_HEIGHT, _ASSOCIATION_RADIUS = (0.3, 3.5), 0.04, (0.015, 0.05)


class Associations(NamedTuple):
    """Groups of young stars."""

    place: np.ndarray  # Galactic x, y, z from the Sun [kpc], of shape (n, 3)
    radius: np.ndarray  # standard deviation in each axis [kpc]
    dust: np.ndarray  # extinction in V of its line of sight, over the mean


class Photometry(NamedTuple):
    """What the sky needs to know of brightness: absolute G, and extinction in G by that in V."""

    absolute: np.ndarray  # mag, of shape (n_stars,)
    a_v: np.ndarray  # mag, of shape (n_nodes,)
    a_g: np.ndarray  # mag, of shape (n_stars, n_nodes)

    def extinction(self, a_v):
        """Give the extinction in G [mag] of `a_v`, of shape (n_stars,) or (n_stars, n_places)."""
        wide = a_v.reshape(len(a_v), -1)
        at = np.clip(np.searchsorted(self.a_v, wide, side="right") - 1, 0, len(self.a_v) - 2)
        share = (wide - self.a_v[at]) / (self.a_v[at + 1] - self.a_v[at])
        row = np.arange(len(wide))[:, None]
        a_g = self.a_g[row, at] * (1.0 - share) + self.a_g[row, at + 1] * share
        return a_g.reshape(a_v.shape)


def draw_associations(n, rng):
    """Draw places in the plane, evenly in area but for those too near."""
    nearest, farthest = _ASSOCIATION_DISTANCE
    distance = np.sqrt(rng.uniform(nearest**2, farthest**2, n))
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    height = rng.normal(0.0, _ASSOCIATION_HEIGHT, n)
    place = np.column_stack([distance * np.cos(angle), distance * np.sin(angle), height])
    return Associations(
        place, rng.uniform(*_ASSOCIATION_RADIUS, n), np.exp(rng.normal(0.0, _DUST_SCATTER, n))
    )


def place_stars(photometry, scale_height, young, associations, faint_limit, extinction, rng):
    """Draw places where stars are bright enough.

    Parameters
    ----------
    photometry : Photometry
    scale_height : ndarray of shape (n_stars,)
        kpc.
    young : ndarray of bool of shape (n_stars,)
        Which may be of an association.
    associations : Associations
    faint_limit : float
        G, mag.
    extinction : float
        Factor on all dust.
    rng : Generator

    Returns
    -------
    place : dict of ndarray of shape (n_stars,)
        ra, dec [deg], distance [kpc], a_v [mag] and association (-1 for none).
    """
    n = len(young)
    vectors, a_v = _draw_field(photometry, scale_height, faint_limit, extinction, rng)
    chosen = np.full(n, -1)
    wish, offset = rng.random(n), rng.standard_normal((n, 3))
    if len(associations.radius):
        apart = np.linalg.norm(associations.place, axis=1)
        sine = np.abs(associations.place[:, 2]) / apart
        dust = np.minimum(
            extinction * associations.dust * _column(apart, sine), MOST_EXTINCTION
        ) * np.ones((n, 1))
        seen = photometry.absolute[:, None] + distance_modulus(apart) + photometry.extinction(dust)
        fits = (seen > BRIGHTEST) & (seen < faint_limit) & (young & (wish < ASSOCIATED))[:, None]
        any_fits = fits.any(axis=1)
        number = np.floor(rng.random(n) * fits.sum(axis=1)).astype(int)
        nth = np.argmax(np.cumsum(fits, axis=1) > number[:, None], axis=1)
        chosen[any_fits] = nth[any_fits]
        inside = associations.place[nth] + offset * associations.radius[nth, None]
        vectors = np.where(any_fits[:, None], inside, vectors)
        a_v = np.where(any_fits, dust[np.arange(n), nth], a_v)
    ra, dec = galactic_to_icrs(*directions(vectors))
    distance = np.linalg.norm(vectors, axis=1)
    return {"ra": ra, "dec": dec, "distance": distance, "a_v": a_v, "association": chosen}


def measure_parallax(distance, magnitude, rng):
    """Give parallax and its error [mas]."""
    error = draw_parallax_error(magnitude, rng)
    return 1.0 / distance + error * rng.standard_normal(len(error)), error


def _column(distance, sine):
    """Give the mean extinction in V of the dust up to a distance at |sin b|."""
    height = np.maximum(distance * sine / _DUST_HEIGHT, 1e-9)
    return _DUST_RATE * distance * -np.expm1(-height) / height


def _draw_field(photometry, scale_height, faint_limit, extinction, rng):
    """Draw places in a disc between the distances where a star is too bright and too faint."""
    n = len(scale_height)
    u, v, w, sign = rng.random((4, n))
    clouds = np.exp(rng.normal(0.0, _DUST_SCATTER, (n, 1)))
    # Heights over how far one sees, without dust: the distribution of |sin b| in a flat layer.
    reach = np.minimum(0.5 * 10.0 ** (0.2 * (faint_limit - photometry.absolute) - 2.0), 4.0)
    flat = scale_height / reach
    most = 1.0 - (1.0 + 1.0 / flat) ** -2.0
    sine = np.minimum(flat * ((1.0 - u * most) ** -0.5 - 1.0), 1.0)
    longitude = _draw_longitude(v)
    latitude = np.degrees(np.arcsin(sine)) * np.where(sign < 0.5, -1.0, 1.0)

    towards = np.cos(np.radians(longitude)) * np.sqrt(1.0 - sine**2)
    flat_part = np.sqrt(1.0 - sine**2)[:, None] * _DISTANCES
    radius = np.sqrt(
        np.maximum(SUN_RADIUS**2 + flat_part**2 - 2 * SUN_RADIUS * towards[:, None] * _DISTANCES, 0)
    )
    density = _DISTANCES**3 * np.exp(  # per step of ln(distance)
        -_DISTANCES * (sine / scale_height)[:, None] - (radius - SUN_RADIUS) / _DISC_LENGTH
    )
    a_v = np.minimum(extinction * clouds * _column(_DISTANCES, sine[:, None]), MOST_EXTINCTION)
    seen = photometry.absolute[:, None] + distance_modulus(_DISTANCES) + photometry.extinction(a_v)
    # A share of each step counts, so that the limits are not rounded to the grid.
    step = np.gradient(seen, axis=1)
    share = np.clip((faint_limit - seen) / step + 0.5, 0, 1) - np.clip(
        (BRIGHTEST - seen) / step + 0.5, 0, 1
    )
    weight = np.cumsum(density * share, axis=1)
    at = np.argmax(weight > (w * weight[:, -1])[:, None], axis=1)
    row = np.arange(n)
    before = np.where(at > 0, weight[row, at - 1], 0.0)
    inside = (w * weight[:, -1] - before) / np.maximum(weight[row, at] - before, 1e-300)
    low = np.clip((BRIGHTEST - seen[row, at]) / step[row, at] + 0.5, 0, 1)
    place = at + low + inside * share[row, at] - 0.5
    distance = np.exp(np.interp(place, np.arange(len(_DISTANCES)), np.log(_DISTANCES)))
    dust = np.minimum(extinction * clouds[:, 0] * _column(distance, sine), MOST_EXTINCTION)
    return unit_vectors(longitude, latitude) * distance[:, None], dust


def _draw_longitude(u):
    """Draw longitudes that crowd towards the centre, as 1 + 0.6 cos(l)."""
    grid = np.linspace(-180.0, 180.0, 721)
    until = (grid + 180.0) / 360.0 + 0.6 * np.sin(np.radians(grid)) / (2.0 * np.pi)
    return np.interp(u, until, grid)
