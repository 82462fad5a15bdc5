"""Candidates to train on and to test with, half of them clusters, and their images."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from _cmd_draws import (
    FAINTEST,
    FEWEST_STARS,
    SIZE_SHARES,
    disperse,
    draw_cluster,
    draw_field_stars,
    draw_mixture,
    draw_size,
)
from _cmd_found import SHARE_OF_CLUSTER, SHARE_OF_FIELD
from _cmd_sources import GLOBULAR, OPEN, features

from climbkit.cmd import CMDImageTransformer

#: How many of the candidates come out of searches, and of what the others are, by class.
FOUND_SHARE = {0: 0.3, 1: 0.2}
#: For the sake of variety: which share of the field candidates are mixtures of open clusters; of
#: the rest, mixtures of two fields; of the rest, stars that are moved to other distances.
MIXTURE_SHARE, OTHER_FIELD_SHARE, DISPERSED_SHARE = 0.12, 0.15, 0.3
#: Of the candidates to train on more are as rich as whole clusters; see `SIZE_SHARES`.
TRAINING_SIZE_SHARES = (0.45, 0.41, 0.14)
#: How stars of a field are drawn, see `draw_field_stars`.
FIELD_KINDS = ("random", "group", "motion")


class Drawn(NamedTuple):
    """A candidate that was drawn.

    Attributes
    ----------
    color, g : ndarray of shape (n_stars,)
        Its stars, mag.
    y : int
        1 for a cluster, 0 for field stars.
    kind : str
        ``"globular"`` or ``"open"``; or for field stars how they were drawn.
    source : str
        Cluster or field.
    """

    color: np.ndarray
    g: np.ndarray
    y: int
    kind: str
    source: str


def draw_candidates(n, clusters, fields, found, rng, *, varied=False):
    """Draw candidates, half of them clusters.

    Parameters
    ----------
    n : int
        How many.
    clusters, fields : list of Stars
        What to draw from.
    found : list of Found
        Candidates of searches.
    rng : Generator
        Random numbers.
    varied : bool, default=False
        Whether field stars may be mixtures of clusters, or moved in magnitude, and more
        candidates are rich: to train on.

    Returns
    -------
    candidates : list of Drawn
        In random order.
    """
    planes = [features(field) for field in fields]
    size = np.array([len(field.g) for field in fields])
    kinds = {kind: [own for own in clusters if own.kind == kind] for kind in (GLOBULAR, OPEN)}
    kind_of = {own.name: own.kind for own in clusters}
    mixed = [own for own in kinds[OPEN] if own.table is not None]
    size_shares = TRAINING_SIZE_SHARES if varied else SIZE_SHARES
    by_class = {
        1: [each for each in found if each.share > SHARE_OF_CLUSTER],
        0: [each for each in found if each.share <= SHARE_OF_FIELD],
    }
    candidates = []
    for y in rng.permutation(np.arange(n) % 2):
        if by_class[y] and rng.random() < FOUND_SHARE[y]:
            each = by_class[y][rng.integers(len(by_class[y]))]
            rows = rng.permutation(len(each.g))
            if rng.random() < 0.5:  # the same candidate as a poorer survey would have it
                rows = rows[: max(6, round(len(rows) * rng.uniform(0.3, 1)))]
            kind, source = (kind_of[each.cluster], each.cluster) if y else ("found", each.field)
            candidates.append(Drawn(each.color[rows], each.g[rows], int(y), kind, source))
        elif y:
            kind = GLOBULAR if rng.random() < 0.5 else OPEN
            own = kinds[kind][rng.integers(len(kinds[kind]))]
            color, g = draw_cluster(own, fields, planes, draw_size(rng, size_shares), rng)
            candidates.append(Drawn(color, g, 1, kind, own.name))
        else:
            n_stars = min(draw_size(rng, size_shares), size.max() // 2)
            share = np.where(size > n_stars, np.sqrt(size), 0.0)
            which = rng.choice(len(fields), p=share / share.sum())
            kind = str(rng.choice(FIELD_KINDS, p=[0.2, 0.45, 0.35]))
            rows = draw_field_stars(fields[which], planes[which], n_stars, rng, kind=kind)
            field = fields[which]
            color, g = field.color[rows], field.g[rows]
            if varied and rng.random() < MIXTURE_SHARE:
                kind, (color, g) = "mixture", draw_mixture(mixed, n_stars, rng)
            elif varied and rng.random() < OTHER_FIELD_SHARE:
                other = rng.integers(len(fields))  # of two fields
                rows = draw_field_stars(fields[other], planes[other], len(g), rng, kind=kind)
                several = (
                    np.append(color, fields[other].color[rows]),
                    np.append(g, fields[other].g[rows]),
                )
                rows = rng.permutation(len(several[0]))[:n_stars]
                color, g = several[0][rows], several[1][rows]
            elif varied and rng.random() < DISPERSED_SHARE:
                color, g = disperse(color, g, rng)
            candidates.append(Drawn(color, g, 0, kind, field.name))
    return [each for each in candidates if len(each.g) >= FEWEST_STARS]


#: How candidates are drawn: the published look first, others so that none is learnt by heart.
PUBLISHED_LOOK = {}


def searched_candidates(found, clusters, least_persistence):
    """Return candidates of searches as they are, a list of Drawn."""
    kind_of = {own.name: own.kind for own in clusters}
    candidates = []
    for each in found:
        y = int(each.share > SHARE_OF_CLUSTER)
        if each.persistence < least_persistence or (not y and each.share > SHARE_OF_FIELD):
            continue
        kind, source = (kind_of[each.cluster], each.cluster) if y else ("found", each.field)
        candidates.append(Drawn(each.color, each.g, y, kind, source))
    return candidates


def whole_candidates(clusters, fields, found, rng):
    """Clusters with all their listed members, and for each field stars of every kind, as many.

    Parameters
    ----------
    clusters, fields : list of Stars
        Clusters, and fields to draw from.
    found : list of Found
        Candidates of searches, of which the false ones are taken as they are.
    rng : Generator
        Random numbers.

    Returns
    -------
    candidates : list of Drawn
        Clusters first; then a random draw, a group near in position and astrometry, one near in
        astrometry alone and a false group of a search for each. A false group has its own size.
    """
    candidates = []
    for own in clusters:
        seen = own.g < FAINTEST + 0.1
        candidates.append(Drawn(own.color[seen], own.g[seen], 1, own.kind, own.name))
    planes = [features(field) for field in fields]
    most = max(len(field.g) for field in fields) // 2
    for n_stars in [min(len(each.g), most) for each in candidates]:
        large = [row for row, field in enumerate(fields) if len(field.g) > n_stars]
        for kind in FIELD_KINDS:
            which = rng.choice(large)
            field = fields[which]
            rows = draw_field_stars(field, planes[which], n_stars, rng, kind=kind)
            candidates.append(Drawn(field.color[rows], field.g[rows], 0, kind, field.name))
    false = [each for each in found if each.share <= SHARE_OF_FIELD]
    for row in rng.permutation(len(false))[: len(clusters)]:
        each = false[row]
        candidates.append(Drawn(each.color, each.g, 0, "found", each.field))
    return [each for each in candidates if len(each.g) >= FEWEST_STARS]


def draw_look(rng):
    """Return parameters of `CMDImageTransformer`: the published look, or one near it."""
    if rng.random() < 0.5:
        return PUBLISHED_LOOK
    look = {
        "point_size": float(rng.uniform(0.6, 1.6)),
        "outline_width": float(rng.choice([0.0, 0.5, 1.0, 1.5])),
        "dpi": float(rng.choice([80.0, 100.0, 100.0, 130.0, 200.0])),
    }
    if rng.random() < 0.15:
        look["axes_box"] = (0.0, 0.0, 1.0, 1.0)
    return look


def draw_images(diagrams, rng=None, *, at_a_time=50):
    """Draw diagrams as images of 8 bits.

    Parameters
    ----------
    diagrams : list of (color, g)
        Stars of each.
    rng : Generator, default=None
        Varies the look; None: the published one.
    at_a_time : int, default=50
        Diagrams that share a look.

    Returns
    -------
    images : ndarray of shape (n_diagrams, 128, 128), dtype uint8
        255 is white.
    """
    images = np.empty((len(diagrams), 128, 128), dtype=np.uint8)
    for begin in range(0, len(diagrams), at_a_time):
        look = PUBLISHED_LOOK if rng is None else draw_look(rng)
        drawer = CMDImageTransformer(channel_axis=False, n_jobs=2, **look)
        part = diagrams[begin : begin + at_a_time]
        images[begin : begin + len(part)] = np.rint(drawer.transform(part) * 255)
    return images


def save_images(path, candidates, rng=None):
    """Draw candidates and write the images with class, kind, source and number of stars."""
    path = Path(path)
    part = path.with_name(f"part_{path.name}")
    np.savez_compressed(
        part,
        images=draw_images([(each.color, each.g) for each in candidates], rng),
        y=np.array([each.y for each in candidates], dtype=np.uint8),
        kind=np.array([each.kind for each in candidates]),
        source=np.array([each.source for each in candidates]),
        n_stars=np.array([len(each.g) for each in candidates]),
    )
    part.replace(path)
