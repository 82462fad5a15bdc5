"""Single draws of what a candidate may be: part of a cluster, or stars of a field."""

import numpy as np
from _cmd_sources import OPEN

FAINTEST = 20.9  # mag in G; Gaia has next to no good colours beyond
REDDENING = 2.0  # of G for BP - RP, about that of Gaia's bands
FEWEST_STARS = 6  # of a candidate: the smallest minimum cluster size of the published search
# Scatter of BP - RP in Gaia DR3, mag, by G (Riello et al. 2021, doi:10.1051/0004-6361/202039587).
_G_OF_SCATTER = (13.0, 17.0, 18.0, 19.0, 20.0, 20.5, 21.0)
_COLOR_SCATTER = (0.004, 0.01, 0.025, 0.06, 0.15, 0.25, 0.4)


def depth_limit(g, rng):
    """Say which stars a survey of some depth would keep: a mask that fades out at the limit."""
    limit, width = rng.uniform(18.0, 21.2), rng.uniform(0.05, 0.5)
    if rng.random() < 0.5:  # as Gaia is
        limit = 21.5
    return rng.random(len(g)) < 1.0 / (1.0 + np.exp(np.clip((g - limit) / width, -30, 30)))


#: How many stars candidates have, and how many of the candidates: the published search looks at
#: some to a few hundred.
SIZES, SIZE_SHARES = ((6, 60), (60, 400), (400, 3000)), (0.6, 0.33, 0.07)


def draw_size(rng, shares=SIZE_SHARES):
    """Number of stars of a candidate."""
    low, high = SIZES[rng.choice(len(SIZES), p=shares)]
    return round(np.exp(rng.uniform(np.log(low), np.log(high))))


#: Lists of open clusters end at G = 19, which must not tell them from the field: how many field
#: candidates have a sharp end, and where, mag.
SHARP_SHARE, SHARP_LIMITS = 0.35, (17.8, 19.3)


def draw_field_stars(field, plane, n_stars, rng, *, kind=None):
    """Draw stars of a field that could be a candidate.

    Parameters
    ----------
    field : Stars
        Field.
    plane : ndarray of shape (n_stars, 5)
        Its `features`.
    n_stars : int
        How many; fewer where there are fewer.
    rng : Generator
        Random numbers.
    kind : {"random", "group", "motion"}, default=None
        ``"random"``: from anywhere; ``"group"``: nearest to each other in position and astrometry;
        ``"motion"``: in astrometry alone, as the members of open clusters. None: one of these.

    Returns
    -------
    rows : ndarray of int64
        Stars.
    """
    kind = kind or rng.choice(["random", "group", "motion"], p=[0.2, 0.4, 0.4])
    seen = depth_limit(field.g, rng) & (field.g < FAINTEST + 0.1)
    if rng.random() < SHARP_SHARE:
        seen &= field.g < rng.uniform(*SHARP_LIMITS)
    seen = np.flatnonzero(seen)
    if kind == "random" or len(seen) <= n_stars:
        return rng.permutation(seen)[:n_stars]
    weight = np.exp(rng.normal(0, 0.7, 5))
    if kind == "motion":
        weight[:2] = 0.0
        if rng.random() < 0.3:
            weight[3:] = 0.0  # a slice in distance
    looser = min(len(seen), round(n_stars * np.exp(rng.uniform(0, 1.5))))
    apart = (((plane[seen] - plane[rng.choice(seen)]) * weight) ** 2).sum(axis=1)
    near = seen[np.argpartition(apart, looser - 1)[:looser]]
    return rng.permutation(near)[:n_stars]


def draw_mixture(clusters, n_stars, rng):
    """Draw stars of many open clusters, a few of each: what the disc looks like.

    Parameters
    ----------
    clusters : list of Stars
        Open clusters.
    n_stars : int
        How many.
    rng : Generator
        Random numbers.

    Returns
    -------
    color, g : ndarray
        Stars.
    """
    own = [clusters[row] for row in rng.permutation(len(clusters))[: rng.integers(40, 200)]]
    if rng.random() < 0.5:  # all about as distant
        parallax = np.array([each.table["parallax"].median() for each in own])
        near = np.argsort(abs(np.log(np.clip(parallax, 0.1, None)) - rng.normal(-0.7, 0.6)))
        own = [own[row] for row in near[:20]]
    color, g = (np.concatenate([getattr(each, name) for each in own]) for name in ("color", "g"))
    if rng.random() < 0.5:
        color, g = move_away(color, g, rng, farthest=2.0)
    seen = rng.permutation(np.flatnonzero(depth_limit(g, rng)))[:n_stars]
    return color[seen], g[seen]


def disperse(color, g, rng):
    """Put the stars of a field at other distances, behind other clouds: another field."""
    distance = rng.normal(rng.uniform(-1.5, 1.5), rng.uniform(0, 0.7), len(g))
    cloud = np.clip(rng.normal(0, rng.uniform(0, 0.5), len(g)), -1, 1)  # mag in BP - RP
    moved, reddened = g + distance + REDDENING * cloud, color + cloud
    keep = moved < FAINTEST
    return reddened[keep], moved[keep]


def move_away(color, g, rng, *, farthest):
    """Put a cluster at a greater distance: fainter, with larger errors, its faint end gone."""
    brightest = np.percentile(g, 2)
    shift = rng.uniform(0, np.clip(FAINTEST - 1.5 - brightest, 0, farthest))
    moved = g + shift
    before, after = (np.interp(x, _G_OF_SCATTER, _COLOR_SCATTER) for x in (g, moved))
    moved_color = color + np.sqrt(after**2 - before**2) * rng.normal(size=len(g))
    keep = moved < FAINTEST
    return moved_color[keep], moved[keep]


def draw_cluster(cluster, fields, planes, n_stars, rng, *, contamination=None):
    """Draw a candidate that is a cluster.

    Parameters
    ----------
    cluster : Stars
        Members.
    fields, planes : list
        Fields and their `features`, for contamination.
    n_stars : int
        How many stars, with the field stars among them.
    rng : Generator
        Random numbers.
    contamination : float, default=None
        Share of field stars. None: none for half of the candidates, else up to a half, in
        most cases less.

    Returns
    -------
    color, g : ndarray
        Stars.
    """
    if contamination is None:
        contamination = rng.choice([0.0, 0.5 * rng.uniform() ** 2])
    color, g = cluster.color, cluster.g
    if rng.random() < 0.5:
        color, g = move_away(color, g, rng, farthest=3.0 if cluster.kind == OPEN else 2.0)
    seen = np.flatnonzero(depth_limit(g, rng) & (g < FAINTEST + 0.1))
    if len(seen) < 6:
        color, g = cluster.color, cluster.g
        seen = np.arange(len(g))
    n_members = min(len(seen), max(4, round(n_stars * (1 - contamination))))
    chosen = rng.permutation(seen)[:n_members]
    n_field = round(n_members * contamination / (1 - contamination))
    if n_field == 0:
        return color[chosen], g[chosen]
    which = rng.integers(len(fields))
    field = fields[which]
    rows = draw_field_stars(field, planes[which], n_field, rng)
    return np.append(color[chosen], field.color[rows]), np.append(g[chosen], field.g[rows])
