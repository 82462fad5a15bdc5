"""The search of one tile: its stars, their frame and scale, the sweep, and what is kept."""

from typing import NamedTuple

import numpy as np

from climbkit.cluster._hdbscan_sweep import sweep
from climbkit.survey._frames import directions
from climbkit.survey._memberships import owners
from climbkit.survey._tile_features import scaled, stars_of, tile_features

# A separation (radians) is at most pi, so that keys "candidate * 4 + separation" sort by both.
_MORE_THAN_PI = 4.0


class TileCandidates(NamedTuple):
    """What was found in one tile.

    Attributes
    ----------
    key : str
        The tile.
    side : float
        Its side, degrees.
    n_core, n_searched : int
        Stars in the tile, and in the tile and its margin together.
    min_cluster_size : ndarray of shape (n_candidates,), dtype int64
        Minimum cluster size at which each candidate was found.
    persistence : ndarray of shape (n_candidates,)
        Its persistence.
    longitude, latitude : ndarray of shape (n_candidates,)
        Centre: the mean direction of the members, degrees. It is the same in every tile that finds
        the same members, which a median along the axes of a tile would not be.
    owned : ndarray of shape (n_candidates,), dtype bool
        Whether the tile owns the centre. What no tile owns is needed to tell whether a candidate
        got lost between tiles; `climbkit.survey._tile_merging.merge_tiles` decides.
    sizes : ndarray of shape (n_candidates,), dtype int64
        Number of members of each.
    members : ndarray of shape (n_members,), dtype int32 or int64
        Positions of the members in the field, candidate after candidate, ascending in each.
    probabilities : ndarray of shape (n_members,)
        Membership probabilities.
    """

    key: str
    side: float
    n_core: int
    n_searched: int
    min_cluster_size: np.ndarray
    persistence: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    owned: np.ndarray
    sizes: np.ndarray
    members: np.ndarray
    probabilities: np.ndarray


def search_tile(field, tile, settings):
    """Search one tile of a field, by itself.

    A partition of a larger survey is searched in this way wherever it lies:

    1. put its stars and those of its margin into one table, each once (others do no harm);
    2. read it: ``table, units, coordinates = table_of(...)``, ``field = star_field(...)``;
    3. take its tile, such as ``HealpixTile(order, pixel)``, and ``settings_of(search)``.

    The candidates are those of a run over the whole survey, to the last bit, as neither the order
    of the stars nor the frame depends on what lies beyond the margin (with ``mst="hdbscan"``, on
    the order of the rows). They include what the tile does not own, since `join_tiles` needs to
    know what got lost between tiles. Before joining, name members by what tells stars apart in
    all partitions, such as rows of one table: ``found._replace(members=...)``.

    Parameters
    ----------
    field : StarField
        Stars; those of the tile and its margin must be there.
    tile : Tile
        The tile.
    settings : TileSettings
        Parameters of the search.

    Returns
    -------
    found : TileCandidates
        Candidates that pass the limits on size, persistence and radius, whether the tile owns
        their centres or not.
    """
    positions, n_core = stars_of(field, tile, settings)
    if len(positions) < 2:
        return nothing_found(tile.key, tile.side, n_core, len(positions))
    X = scaled(tile_features(field, positions, tile, settings), settings.scaler)[0]
    found = sweep(
        X,
        settings.min_cluster_sizes,
        min_samples=settings.min_samples,
        cluster_selection_method=settings.cluster_selection_method,
        cluster_selection_epsilon=settings.cluster_selection_epsilon,
        allow_single_cluster=settings.allow_single_cluster,
        mst=settings.mst,
    )
    entries, sizes, chosen = _chosen_members(found, settings)
    if len(sizes) == 0:
        return nothing_found(tile.key, tile.side, n_core, len(positions))
    columns = np.repeat(np.arange(len(settings.min_cluster_sizes)), [*map(len, found.persistence)])
    members = positions[entries % len(positions)]
    centre, keep = _centres(field.vectors[:, members], sizes, settings.max_r50)
    longitude, latitude = directions(centre)
    result = TileCandidates(
        tile.key,
        tile.side,
        n_core,
        len(positions),
        settings.min_cluster_sizes[columns[chosen]],
        np.concatenate(found.persistence)[chosen],
        longitude,
        latitude,
        # Without margins nobody else sees the members, wherever their centre lies.
        tile.owns(longitude, latitude) if settings.margin > 0 else np.ones(len(sizes), dtype=bool),
        sizes,
        members,
        found.probabilities.T.ravel()[entries],
    )
    return result if keep.all() else choose(result, keep)


def choose(found, keep):
    """Keep some of the candidates of a tile.

    Parameters
    ----------
    found : TileCandidates
        All.
    keep : ndarray of shape (n_candidates,), dtype bool
        Which to keep.

    Returns
    -------
    found : TileCandidates
        Those.
    """
    members = np.repeat(keep, found.sizes)
    return TileCandidates(
        *found[:4],
        *(values[keep] for values in found[4:10]),
        *(values[members] for values in found[10:]),
    )


def _chosen_members(found, settings):
    """Entries of the label table that belong to clusters within the limits, cluster by cluster.

    Returns entries (column * n_stars + star), the size of each cluster, and its number among all.
    """
    labels = found.labels.T.ravel()
    persistence = np.concatenate(found.persistence)
    first = np.cumsum([0, *map(len, found.persistence)])[:-1]
    inside = np.flatnonzero(labels >= 0)
    cluster = labels[inside] + first[inside // len(found.labels)]
    sizes = np.bincount(cluster, minlength=len(persistence))
    wanted = sizes >= (settings.min_members or 1)
    if settings.max_members is not None:
        wanted &= sizes <= settings.max_members
    if settings.min_persistence is not None:
        wanted &= persistence > settings.min_persistence
    some = wanted[cluster]
    inside, cluster = inside[some], cluster[some]
    if len(persistence) < np.iinfo(np.uint16).max:
        cluster = cluster.astype(np.uint16)  # which NumPy sorts by digits, in linear time
    order = np.argsort(cluster, kind="stable")
    return inside[order], sizes[wanted], np.flatnonzero(wanted)


def _centres(vectors, sizes, max_r50):
    """Mean direction of each candidate as a vector, and whether half of it is near enough."""
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    centre = np.add.reduceat(vectors, indptr[:-1], axis=1)
    centre /= np.maximum(np.linalg.norm(centre, axis=0), np.finfo(float).tiny)
    if max_r50 is None:
        return centre, np.ones(len(sizes), dtype=bool)
    owner = owners(indptr)
    chord = np.linalg.norm(vectors - centre[:, owner], axis=0)
    away = 2.0 * np.arcsin(np.minimum(chord / 2.0, 1.0))
    away = away[np.argsort(owner * _MORE_THAN_PI + away)]
    r50 = (away[indptr[:-1] + (sizes - 1) // 2] + away[indptr[:-1] + sizes // 2]) / 2.0
    return centre, np.degrees(r50) < max_r50


def nothing_found(key, side, n_core, n_searched):
    """Return the result of a tile without candidates.

    Parameters
    ----------
    key, side, n_core, n_searched : str, float, int, int
        As of `TileCandidates`.

    Returns
    -------
    found : TileCandidates
        With empty arrays.
    """
    numbers, whole = np.empty(0), np.empty(0, dtype=np.int64)
    return TileCandidates(
        key=key,
        side=side,
        n_core=n_core,
        n_searched=n_searched,
        min_cluster_size=whole,
        persistence=numbers,
        longitude=numbers,
        latitude=numbers,
        owned=np.empty(0, dtype=bool),
        sizes=whole,
        members=np.empty(0, dtype=np.int32),
        probabilities=numbers,
    )
