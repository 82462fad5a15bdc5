"""The distributions behind :func:`climbkit.datasets.make_halo`.

Stars are drawn as orbits: the angular momentum of the circular orbit of the same energy,
L_circ(E); the share t = L / L_circ of it that the star has, with L = hypot(Lz, Lperp); and the
inclination. As L cannot exceed L_circ, the mock fills the same envelope as a real halo.

The shapes below were fitted by eye to quantiles of the Gaia DR3 RR Lyrae catalogue and rounded
(https://doi.org/10.48550/arXiv.2602.19858; tests compare mock and catalogue).
"""

from dataclasses import dataclass

import numpy as np

#: Circular orbits of the McMillan (2017) potential (https://doi.org/10.1093/mnras/stw2759) as galpy
#: gives it: radius [kpc], energy [km2/s2], angular momentum [kpc km/s].
CIRCULAR_ORBITS = np.array(
    [
        (0.1, -302837, 6.5),
        (0.25, -293459, 25.3),
        (0.5, -280433, 66.0),
        (1, -260318, 164.6),
        (2, -232077, 391.2),
        (3, -212390, 630.5),
        (4, -197112, 877.8),
        (6, -174091, 1381.7),
        (8.21, -156501, 1914.6),
        (12, -136817, 2759.6),
        (16, -122817, 3613.4),
        (25, -101819, 5510.9),
        (40, -80983, 8561.7),
        (70, -59148, 14142.3),
        (120, -42065, 22242.1),
        (250, -25237, 39285.9),
    ]
)
_, _CIRCULAR_ENERGY, _CIRCULAR_L = CIRCULAR_ORBITS.T


@dataclass(frozen=True)
class GroupShape:
    """A Gaussian in (Lz, Energy, Lperp), cut at the envelope of circular orbits."""

    centre: tuple
    spread: tuple
    correlation: tuple  # of (Lz, Energy), (Lz, Lperp), (Energy, Lperp)

    def draw(self, n, rng):
        """Draw `n` points, the envelope left aside."""
        correlations = np.eye(3)
        correlations[np.triu_indices(3, 1)] = self.correlation
        correlations = correlations + correlations.T - np.eye(3)
        unit = rng.multivariate_normal(np.zeros(3), correlations, size=n)
        return self.centre + unit * self.spread


#: Centres: the published centroids (https://doi.org/10.48550/arXiv.2601.09768), rounded. Spreads
#: and correlations: measured on the members in the catalogue, rounded to two digits. Groups 11 and
#: 15 have one star each, hence no measured spread: they are given that of group 5.
GROUP_SHAPES = {
    5: GroupShape((-1602.0, -127214.0, 1237.0), (240.0, 4200.0, 470.0), (-0.4, 0.25, -0.2)),
    3: GroupShape((-839.0, -175943.0, 324.0), (180.0, 3000.0, 85.0), (-0.8, -0.2, 0.15)),
    1: GroupShape((140.0, -181606.0, 546.0), (120.0, 3000.0, 170.0), (-0.55, -0.65, 0.65)),
    11: GroupShape((-2618.0, -102616.0, 268.0), (240.0, 4200.0, 470.0), (-0.4, 0.25, -0.2)),
    15: GroupShape((-2137.0, -133804.0, 895.0), (240.0, 4200.0, 470.0), (-0.4, 0.25, -0.2)),
    10: GroupShape((-52.0, -151080.0, 424.0), (210.0, 9900.0, 240.0), (0.55, 0.1, 0.05)),
    6: GroupShape((699.0, -167782.0, 1136.0), (74.0, 1800.0, 55.0), (0.55, 0.2, 0.7)),
    4: GroupShape((1281.0, -137209.0, 1957.0), (220.0, 4100.0, 210.0), (0.0, -0.7, 0.5)),
}

#: Mean and deviation of ln L_circ, and the two shape numbers of the Beta law of t, for the
#: kinematic halo (all judged non-members and half of the rest) and the disc.
HALO_LN_LCIRC, HALO_T = (7.39, 0.48), (1.8, 2.4)
DISC_LN_LCIRC, DISC_T = (7.32, 0.28), (9.5, 1.5)
#: cos(inclination) of the halo is 2 B - 1, B ~ Beta(0.7, 0.7): isotropic but for a slight
#: preference for the plane. Inclinations of the disc: Rayleigh, median 17 degrees.
HALO_COS_INCLINATION = 0.7
DISC_INCLINATION = np.deg2rad(14.4)
#: Share of disc orbits among the stars that nobody judged.
DISC_SHARE = 0.5

#: Spread of a novel stream, as tight as the tightest real group that has more than one star.
NOVEL_SPREAD = np.array([60.0, 1500.0, 60.0])
#: Where novel streams may lie: ranges of ln L_circ and of t, off the crowded inner halo and disc.
NOVEL_LN_LCIRC, NOVEL_T = (7.5, 8.3), (0.45, 0.85)
#: Least distance of a stream from known groups and other streams, in units of the summed spreads.
NOVEL_SEPARATION = 4.0
_MAX_TRIES = 10_000


def circular_angular_momentum(energy):
    """L_circ(E) [kpc km/s] by interpolation in ln L; held constant outside the table."""
    return np.exp(np.interp(energy, _CIRCULAR_ENERGY, np.log(_CIRCULAR_L)))


def to_features(ln_l_circ, t, cos_inclination):
    """Turn orbit shapes into rows of (Lz, Energy, Lperp)."""
    energy = np.interp(ln_l_circ, np.log(_CIRCULAR_L), _CIRCULAR_ENERGY)
    total = t * np.exp(ln_l_circ)
    lperp = total * np.sqrt(1.0 - cos_inclination**2)
    return np.column_stack([total * cos_inclination, energy, lperp])


def is_on_orbit(points):
    """Tell which points are bound orbits: Lperp > 0 and L at most that of the circular orbit."""
    lz, energy, lperp = points.T
    return (lperp > 0) & (np.hypot(lz, lperp) <= circular_angular_momentum(energy))


def draw_halo(n, rng):
    """Draw `n` stars of the smooth, nearly isotropic halo."""
    ln_l_circ = rng.normal(*HALO_LN_LCIRC, size=n)
    cos_inclination = 2.0 * rng.beta(HALO_COS_INCLINATION, HALO_COS_INCLINATION, size=n) - 1.0
    return to_features(ln_l_circ, rng.beta(*HALO_T, size=n), cos_inclination)


def draw_field(n, rng):
    """Draw `n` stars that nobody judged: disc and halo."""
    n_disc = rng.binomial(n, DISC_SHARE)
    ln_l_circ = rng.normal(*DISC_LN_LCIRC, size=n_disc)
    cos_inclination = np.cos(rng.rayleigh(DISC_INCLINATION, size=n_disc))
    disc = to_features(ln_l_circ, rng.beta(*DISC_T, size=n_disc), cos_inclination)
    return np.vstack([disc, draw_halo(n - n_disc, rng)])


def draw_group(shape, n, rng):
    """Draw `n` members of a group, all of them inside the envelope."""
    members = np.empty((0, 3))
    for _ in range(_MAX_TRIES):
        if len(members) >= n:
            return members[:n]
        drawn = shape.draw(2 * n + 10, rng)
        members = np.vstack([members, drawn[is_on_orbit(drawn)]])
    raise ValueError(f"no bound orbit found within the spread {shape.spread} of {shape.centre}")


def place_streams(n, scale, others, rng):
    """Choose the shapes of `n` novel streams, apart from `others` and from one another."""
    placed, spread = [], NOVEL_SPREAD * scale
    for _ in range(_MAX_TRIES):
        if len(placed) == n:
            return placed
        candidate = to_features(
            rng.uniform(*NOVEL_LN_LCIRC), rng.uniform(*NOVEL_T), rng.uniform(-1.0, 1.0)
        )[0]
        apart = all(
            np.linalg.norm((candidate - other.centre) / (spread + other.spread)) > NOVEL_SEPARATION
            for other in [*others, *placed]
        )
        if apart:
            placed.append(GroupShape(tuple(candidate), tuple(spread), (0.0, 0.0, 0.0)))
    raise ValueError(
        f"n_novel={n} streams with novel_spread={scale} do not fit apart from one another; "
        "lower one of the two."
    )
