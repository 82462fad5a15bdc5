"""Synthetic open clusters and fields of the disc, for more variety than real ones have.

Stars are of PARSEC isochrones (`climbkit.SyntheticCMD`). A field is a line of sight through a disc
of many populations behind dust, with parallaxes and proper motions, so that groups can be drawn
from it as from a real one. They are trained on alone: nothing is validated or tested on them.
"""

import numpy as np
import pandas as pd
from _cmd_sources import ASTROMETRY, OPEN, Stars

from climbkit.cmd import SyntheticCMD
from climbkit.cmd._extinction import gaia_extinction
from climbkit.cmd._synthetic_survey import completeness, observe

AGES = (0.01, 10.0)  # Gyr, of the populations of the disc
OPEN_AGES = (0.004, 6.0)  # Gyr
N_POPULATIONS, N_STARS_OF_POPULATION = 60, 3_000
#: Where absolute magnitudes are drawn from: stars at 100 pc to G = 15, or M_G = 10.
NEARBY, FAINTEST_NEARBY = 0.1, 15.0
FAINTEST, COMPLETE_TO, DROP = 21.0, 20.7, 0.1  # G, mag; as `SyntheticCMD`
N_STARS_OF_FIELD = 8_000
SCALE_HEIGHT, FARTHEST = 0.3, 10.0  # kpc
DUST_HEIGHT = 0.1  # kpc
KM_S_PER_MAS_KPC = 4.74  # km/s of 1 mas/yr at 1 kpc
_PARALLAX_ERROR = ([15.0, 17.0, 18.0, 19.0, 20.0, 21.0], [0.03, 0.07, 0.13, 0.25, 0.5, 1.4])


def disc_metallicity(rng, size=None):
    """[M/H] of a population of the disc, dex."""
    return np.clip(rng.normal(-0.05, 0.2, size), -1.0, 0.3)


def synthetic_clusters(n, rng):
    """Draw open clusters, a list of Stars without astrometry."""
    clusters = []
    for number in range(n):
        age = np.exp(rng.uniform(*np.log(OPEN_AGES)))
        distance = np.exp(rng.uniform(np.log(0.2), np.log(6.0)))
        extinction = min(distance * rng.exponential(0.6), 6.0)
        population = SyntheticCMD(
            age=age,
            metallicity=float(disc_metallicity(rng)),
            distance=distance,
            extinction=extinction,
            extinction_spread=extinction * rng.choice([0.0, rng.uniform(0, 0.2)]),
            binary_fraction=rng.uniform(0.2, 0.7),
            faint_limit=rng.choice([FAINTEST, 19.0, rng.uniform(17.0, 20.0)]),
            error_scale=rng.uniform(0.7, 3.0),
            outside="nearest",
            random_state=int(rng.integers(2**31)),
        )
        try:
            stars = population.sample(round(np.exp(rng.uniform(np.log(30), np.log(3000)))))
        except ValueError:  # too far behind too much dust to be seen
            continue
        stars = stars[stars["bp_rp"].notna()]
        g, color = stars["phot_g_mean_mag"].to_numpy(), stars["bp_rp"].to_numpy()
        clusters.append(Stars(f"synthetic {number}", OPEN, color, g, None))
    return clusters


def disc_stars(rng):
    """Draw absolute magnitudes in G, BP and RP of the disc's stars: a list, one population each."""
    populations = []
    for age in np.exp(rng.uniform(*np.log(AGES), N_POPULATIONS)):
        stars = SyntheticCMD(
            age=age,
            metallicity=float(disc_metallicity(rng)),
            distance=NEARBY,
            faint_limit=FAINTEST_NEARBY,
            completeness_limit=None,
            error_scale=0.0,
            outside="nearest",
            random_state=int(rng.integers(2**31)),
        ).sample(N_STARS_OF_POPULATION)
        bands = stars[["phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag"]].to_numpy()
        populations.append((age, bands - 5.0 * np.log10(NEARBY) - 10.0))
    return populations


def synthetic_field(populations, rng):
    """Draw a line of sight through the disc, as Gaia sees it.

    Parameters
    ----------
    populations : list of (age, magnitudes)
        See `disc_stars`.
    rng : Generator
        Draws latitude, dust, the history of star formation, and the stars.

    Returns
    -------
    field : Stars
        Field.
    """
    height = abs(np.sin(np.deg2rad(rng.choice([rng.uniform(0, 6), rng.uniform(0, 60)]))))
    dust, cloud = rng.exponential(0.8), (rng.uniform(0.1, 3.0), rng.exponential(0.5))
    # Stars form at about a constant rate, or more of them of late.
    history = np.array([age ** rng.uniform(0.2, 1.2) for age, _ in populations])
    history *= rng.gamma(1.0, size=len(history))
    distances = np.linspace(0.05, FARTHEST, 400)
    density = distances**2 * np.exp(-distances * height / SCALE_HEIGHT)
    parts, n_found = [], 0
    for _ in range(100):
        n = 4 * N_STARS_OF_FIELD
        which = rng.choice(len(populations), n, p=history / history.sum())
        rows = rng.integers(N_STARS_OF_POPULATION, size=n)
        bands = np.stack([magnitudes for _, magnitudes in populations])[which, rows]
        distance = rng.choice(distances, n, p=density / density.sum())
        distance = distance * rng.uniform(0.99, 1.01, n)
        column = DUST_HEIGHT / max(height, 1e-3)  # kpc of dust in this direction
        a_v = dust * column * (1.0 - np.exp(-distance / column))
        a_v = (a_v + np.where(distance > cloud[0], cloud[1], 0.0)) * rng.normal(1.0, 0.1, n)
        dimmed = np.column_stack(gaia_extinction(bands[:, 1] - bands[:, 2], np.clip(a_v, 0, 15)))
        seen = observe(bands + dimmed + 10.0 + 5.0 * np.log10(distance)[:, None], 1.0, rng)
        kept = (seen[:, 0] < FAINTEST) & np.isfinite(seen).all(axis=1)
        kept &= rng.random(n) < completeness(seen[:, 0], COMPLETE_TO, DROP)
        parts.append(np.column_stack([seen, distance])[kept])
        n_found += kept.sum()
        if n_found >= N_STARS_OF_FIELD:
            break
    g, bp, rp, distance = np.concatenate(parts)[:N_STARS_OF_FIELD].T
    error = np.interp(g, *_PARALLAX_ERROR)
    motion = rng.normal(0, 20.0, 2) + rng.normal(0, rng.uniform(15, 40), (len(g), 2))
    motion = motion / (KM_S_PER_MAS_KPC * distance[:, None])
    motion += error[:, None] * rng.normal(size=motion.shape)
    place = rng.uniform(-1, 1, (len(g), 2))
    astrometry = [1.0 / distance + error * rng.normal(size=len(g)), *motion.T]
    table = pd.DataFrame(
        dict(
            zip(
                ("ra", "dec", *ASTROMETRY),
                [180 + place[:, 0], place[:, 1], *astrometry],
                strict=True,
            )
        )
    )
    return Stars("synthetic field", "field", bp - rp, g, table)
