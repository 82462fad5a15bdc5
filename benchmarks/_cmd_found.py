"""Candidates of searches in fields into which a cluster was put: clusters, and false ones."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from _cmd_draws import depth_limit

from climbkit.survey import TiledHDBSCAN

#: Candidates with at most the first share of cluster stars are field, above the second clusters.
SHARE_OF_FIELD, SHARE_OF_CLUSTER = 0.1, 0.5
# What the published search looks at (Baloyi et al. 2025), less in persistence for more variety.
LARGEST_R50, LEAST_PERSISTENCE = 0.2, 0.03


class Found(NamedTuple):
    """A candidate of a search in a field into which a cluster was put.

    Attributes
    ----------
    color, g : ndarray of shape (n_stars,)
        Its stars, mag.
    share : float
        Which share of them belongs to the cluster.
    persistence, r50 : float
        What the search says; r50 in degrees.
    cluster, field : str
        Names.
    """

    color: np.ndarray
    g: np.ndarray
    share: float
    persistence: float
    r50: float
    cluster: str
    field: str


def search_candidates(cluster, field, rng, *, most_of_a_kind=4):
    """Put a cluster into a field and search it: what is found is cluster, or false.

    Parameters
    ----------
    cluster, field : Stars
        Cluster and field.
    rng : Generator
        Draws how many members there are, where, how deep and how full the field is.
    most_of_a_kind : int, default=4
        Candidates of the cluster, and false ones, that are kept: most are the same at several
        scales.

    Returns
    -------
    found : list of Found
        Candidates, of the least persistence that the published search keeps.
    """
    limit = rng.integers(2**31)
    stars = np.flatnonzero(depth_limit(field.g, np.random.default_rng(limit)))
    stars = stars[rng.random(len(stars)) < rng.choice([1.0, rng.uniform(0.3, 1.0)])]
    members = np.flatnonzero(depth_limit(cluster.g, np.random.default_rng(limit)))
    n_members = round(np.exp(rng.uniform(np.log(12), np.log(1000))))
    members = rng.permutation(members)[:n_members]
    place = field.table.iloc[rng.integers(len(field.g))]
    moved = cluster.table.iloc[members].copy()
    centre = moved[["ra", "dec"]].median()
    ra = (moved["ra"] - centre["ra"] + 180.0) % 360.0 - 180.0
    moved["dec"] = place["dec"] + moved["dec"] - centre["dec"]
    scale = np.cos(np.deg2rad(centre["dec"])) / np.cos(np.deg2rad(place["dec"]))
    moved["ra"] = (place["ra"] + ra * scale) % 360.0
    table = pd.concat([field.table.iloc[stars], moved], ignore_index=True)
    if len(table) < 100 or (abs(table["dec"]) > 90).any():
        return []
    color = np.append(field.color[stars], cluster.color[members])
    g = np.append(field.g[stars], cluster.g[members])
    candidates = (
        TiledHDBSCAN(max_r50=LARGEST_R50, min_persistence=LEAST_PERSISTENCE)
        .fit(table.assign(source_id=np.arange(len(table))))
        .candidates_
    )
    found, kept = [], {True: 0, False: 0}
    for row in rng.permutation(len(candidates)):
        own = candidates.indices[candidates.indptr[row] : candidates.indptr[row + 1]]
        share = float(np.mean(own >= len(stars)))
        of_cluster = share > SHARE_OF_FIELD
        if kept[of_cluster] >= most_of_a_kind or len(own) > 0.5 * len(table):
            continue
        kept[of_cluster] += 1
        about = candidates.table.iloc[row]
        names = cluster.name, field.name
        found.append(Found(color[own], g[own], share, about["persistence"], about["r50"], *names))
    return found


def save_found(path, found):
    """Write candidates of searches."""
    sizes = [len(each.g) for each in found]
    texts = ("cluster", "field")
    numbers = ("share", "persistence", "r50")
    np.savez_compressed(
        path,
        sizes=np.array(sizes, dtype=np.int64),
        color=np.concatenate([each.color for each in found]),
        g=np.concatenate([each.g for each in found]),
        **{name: np.array([getattr(each, name) for each in found]) for name in texts + numbers},
    )


def load_found(path):
    """Read what `save_found` wrote, a list of Found."""
    with np.load(path) as kept:
        ends = np.cumsum(kept["sizes"])[:-1]
        columns = [np.split(kept[name], ends) for name in ("color", "g")]
        columns += [kept[name] for name in Found._fields[2:]]
    return [Found(*values) for values in zip(*columns, strict=True)]
