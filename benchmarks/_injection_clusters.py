"""Clusters that are put into fields: real ones that are moved away, and synthetic ones."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from _cmd_sources import GLOBULAR_FILE, KEPT_BACK, OPEN_FILE, split_of

from climbkit.cmd import SyntheticCMD
from climbkit.cmd._synthetic_survey import magnitude_errors
from climbkit.datasets._cluster_field_model import KM_S_PER_MAS_YR_KPC, draw_radii
from climbkit.datasets._sky import directions, to_tangent_plane, unit_vectors

# Ranges that clusters are drawn from, evenly in the logarithm.
RICHNESS = (10, 500)
R50 = (0.01, 0.25)  # deg
RADIUS = (0.5, 60.0)  # pc, of r50 at the distance: other pairs are no star clusters
DISTANCE = {"globular": (4.0, 30.0), "open": (1.0, 6.0)}  # kpc
LARGEST_SHARE = 0.1  # members of all clusters for each star of the field
# Synthetic clusters: ages (Gyr), [M/H], A_V (mag), and km/s of the system and in it.
AGE = {"globular": (10.0, 12.5), "open": (0.05, 5.0)}
METALLICITY = {"globular": (-1.49, -0.5), "open": (-0.3, 0.3)}
EXTINCTION = {"globular": (0.0, 0.5), "open": (0.0, 1.5)}
VELOCITY = {"globular": 150.0, "open": 25.0}
DISPERSION = {"globular": (0.5, 8.0), "open": (0.3, 1.5)}
PROFILES = ("king", "plummer")
SOURCES = ("real", "synthetic")

#: Distances (kpc) of the globular clusters that serve: Baumgardt & Vasiliev (2021),
#: doi:10.1093/mnras/stab1474. Those of open clusters are by their parallax.
GLOBULAR_DISTANCES = {
    "IC_4499": 18.89,
    "NGC_288": 8.99,
    "NGC_362": 8.83,
    "NGC_4147": 18.54,
    "NGC_5286": 11.10,
    "NGC_5824": 31.71,
    "NGC_6101": 14.45,
    "NGC_6229": 30.11,
    "NGC_6235": 11.94,
    "NGC_6362": 7.65,
    "NGC_6402_M_14": 9.14,
    "NGC_6652": 9.46,
    "NGC_6712": 7.38,
    "Pal_12": 18.49,
    "Terzan_3": 7.64,
}
_FEWEST = 100  # members of an open cluster that serves


class Members(NamedTuple):
    """A real cluster.

    Attributes
    ----------
    name, kind : str
        Name; "globular" or "open".
    distance : float
        kpc.
    offsets : ndarray of shape (n_members, 2)
        Place, in half-number radii.
    motions : ndarray of shape (n_members, 3)
        Parallax and proper motions less their medians, mas and mas/yr.
    errors : ndarray of shape (n_members, 3)
        Their errors.
    system : ndarray of shape (2,)
        Median proper motion, mas/yr.
    g, color : ndarray of shape (n_members,)
        G and BP - RP, mag; no colour is NaN.
    """

    name: str
    kind: str
    distance: float
    offsets: np.ndarray
    motions: np.ndarray
    errors: np.ndarray
    system: np.ndarray
    g: np.ndarray
    color: np.ndarray


def log_uniform(low, high, rng):
    """Draw a number."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def load_members(folder, kinds=("globular", "open")):
    """Read the real clusters that no network was trained on, with their members."""
    clusters = []
    if "globular" in kinds:
        table = pd.read_parquet(Path(folder) / GLOBULAR_FILE)
        names = ["ra", "dec", "plx", "pmra", "pmdec", "plxe", "pmrae", "pmdece", "g_mag", "bp_rp"]
        for name, members in table.groupby("cluster"):
            if name in GLOBULAR_DISTANCES:
                clusters.append(_members(name, "globular", members[names]))
    if "open" in kinds:
        table = pd.read_parquet(Path(folder) / OPEN_FILE)
        names = ["RA_ICRS", "DE_ICRS", "Plx", "pmRA", "pmDE", "e_Plx", "e_pmRA", "e_pmDE"]
        names += ["Gmag", "BPRP"]
        for name, members in table.groupby("cluster"):
            held_out = name in KEPT_BACK or split_of(name) == "test"
            if held_out and len(members) >= _FEWEST:
                clusters.append(_members(name, "open", members[names]))
    return clusters


def _members(name, kind, members):
    values = members.to_numpy(dtype=np.float64)
    values = values[np.isfinite(values[:, :9]).all(axis=1)]
    center = directions(unit_vectors(*values[:, :2].T).mean(axis=0, keepdims=True))
    places = np.column_stack(to_tangent_plane(*values[:, :2].T, [x[0] for x in center]))
    places -= np.median(places, axis=0)
    middle = np.median(values[:, 2:5], axis=0)
    distance = GLOBULAR_DISTANCES[name] if kind == "globular" else 1.0 / middle[0]
    return Members(
        name,
        kind,
        distance,
        places / np.median(np.hypot(*places.T)),
        values[:, 2:5] - middle,
        values[:, 5:8],
        middle[1:],
        values[:, 8],
        values[:, 9],
    )


def draw_cluster(most, faintest, clusters, rng):
    """Draw what a cluster is like, and its stars without errors and place.

    Returns
    -------
    truth : dict
        kind, source, name, distance (kpc), r50 (deg).
    stars : dict of str to ndarray
        offsets (deg), motions (parallax and proper motions), noise (errors that are in these
        already), g, color.
    None
        Where no cluster is like this, such as one of so many stars so far away.
    """
    kind, source = rng.choice(list(DISTANCE)), rng.choice(SOURCES)
    distance, r50 = log_uniform(*DISTANCE[kind], rng), log_uniform(*R50, rng)
    n = round(log_uniform(*RICHNESS, rng))
    radius = 1000.0 * distance * np.radians(r50)
    if not RADIUS[0] <= radius <= RADIUS[1] or n > most:
        return None
    draw = _draw_synthetic if source == "synthetic" else _draw_real
    drawn = draw(kind, distance, n, faintest, clusters, rng)
    if drawn is None:
        return None
    name, stars = drawn
    stars["offsets"] = stars["offsets"] * r50
    truth = {"kind": str(kind), "source": str(source), "name": name, "distance": distance}
    return truth | {"r50": float(np.median(np.hypot(*stars["offsets"].T)))}, stars


def _draw_real(kind, distance, n, faintest, clusters, rng):
    """Move a real cluster away, and take some of the members that are still seen."""
    able = [
        (cluster, seen)
        for cluster in clusters
        if cluster.kind == kind and cluster.distance <= distance
        for seen in [
            np.flatnonzero(cluster.g + 5 * np.log10(distance / cluster.distance) < faintest)
        ]
        if len(seen) >= n
    ]
    if not able:
        return None
    cluster, seen = able[rng.integers(len(able))]
    rows, ratio = rng.permutation(seen)[:n], distance / cluster.distance
    shift = 5 * np.log10(ratio)
    motions, noise = cluster.motions[rows].copy(), cluster.errors[rows].copy()
    # Where it moves by less, so do the errors that make a part of its scatter.
    motions[:, 1:] = (motions[:, 1:] + cluster.system) / ratio
    noise[:, 1:] /= ratio
    motions[:, 0] += 1.0 / distance
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    motions[:, 1:] = motions[:, 1:] @ turn
    g = cluster.g[rows]
    before, after = (_color_errors(x, cluster.color[rows]) for x in (g, g + shift))
    more = np.sqrt(np.maximum(after**2 - before**2, 0.0)) * rng.normal(size=n)
    return cluster.name, {
        "offsets": cluster.offsets[rows] @ turn,
        "motions": motions,
        "noise": noise,
        "g": g + shift,
        "color": cluster.color[rows] + more,
    }


def _color_errors(g, color):
    """Errors of BP - RP; the bands lie about half a colour to each side of G."""
    half = np.nan_to_num(color) / 2
    return np.hypot(*magnitude_errors(np.column_stack([g, g + half, g - half]))[:, 1:].T)


def _draw_synthetic(kind, distance, n, faintest, clusters, rng):
    """Draw a cluster from isochrones, with a King or a Plummer profile."""
    age = log_uniform(*AGE[kind], rng)
    stars = SyntheticCMD(
        age=age,
        metallicity=rng.uniform(*METALLICITY[kind]),
        distance=distance,
        extinction=rng.uniform(*EXTINCTION[kind]),
        faint_limit=faintest,
        random_state=int(rng.integers(2**31)),
    ).sample(n)
    profile = str(rng.choice(PROFILES))
    radius, angle = draw_radii(n, profile, kind, 1.0, rng), rng.uniform(0, 2 * np.pi, n)
    scale = KM_S_PER_MAS_YR_KPC * distance
    motions = np.empty((n, 3))
    motions[:, 0] = 1.0 / distance
    motions[:, 1:] = rng.normal(0, VELOCITY[kind] / scale, 2)
    motions[:, 1:] += rng.normal(0, log_uniform(*DISPERSION[kind], rng) / scale, (n, 2))
    return profile, {
        "offsets": radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]),
        "motions": motions,
        "noise": np.zeros((n, 3)),
        "g": stars["phot_g_mean_mag"].to_numpy(),
        "color": stars["bp_rp"].to_numpy(),
    }
