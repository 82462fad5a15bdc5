"""The search of one tile: its stars, their frame and scale, the sweep, and what is kept."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from climbkit.cluster._hdbscan_sweep import sweep
from climbkit.survey._frames import TangentPlane, directions, unwrap
from climbkit.survey._memberships import owners

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
        return _nothing(tile, n_core, len(positions))
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
        return _nothing(tile, n_core, len(positions))
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


def stars_of(field, tile, settings):
    """Return the positions of the stars that a tile searches, and how many are in its core.

    Parameters
    ----------
    field : StarField
        Stars.
    tile : Tile
        The tile.
    settings : TileSettings
        With the margin.

    Returns
    -------
    positions : ndarray of int
        Ascending, so that the order is that of the sky; with ``mst="hdbscan"``, whose answer
        depends on it, in the order of the table.
    n_core : int
        Stars in the tile itself.
    """
    near = field.within(*tile.box(settings.margin))
    core, around = tile.core_and_margin(
        field.longitude[near], field.latitude[near], settings.margin
    )
    positions = near[core | around]
    if settings.mst == "hdbscan":
        positions = positions[np.argsort(field.rows[positions])]
    return positions, int(core.sum())


def tile_features(field, positions, tile, settings):
    """Return positions and features of stars in the frame of a tile.

    Parameters
    ----------
    field : StarField
        Stars.
    positions : ndarray of int
        Which of them.
    tile : Tile
        The tile.
    settings : TileSettings
        With the frame.

    Returns
    -------
    columns : ndarray of shape (2 + n_features, n_chosen)
        Two coordinates in degrees, then the features.
    """
    columns = np.empty((2 + len(field.values), len(positions)))
    columns[2:] = field.values[:, positions]
    if not settings.tangent:
        columns[0] = unwrap(field.longitude[positions], tile.centre[0])
        columns[1] = field.latitude[positions]
        return columns
    plane = TangentPlane(*tile.centre, field.vectors[:, positions])
    columns[0], columns[1] = plane.positions()
    for number, (i, j) in enumerate(settings.motions):
        own = field.motions[3 * number : 3 * number + 3, positions]
        columns[2 + i], columns[2 + j] = plane.motions(own)
    return columns


def scaled(columns, scaler):
    """Scale the features of a tile.

    Parameters
    ----------
    columns : ndarray of shape (n_features, n_stars)
        As of `tile_features`.
    scaler : transformer or None
        Fitted on the stars of the tile; None: mean 0 and standard deviation 1, where constant
        columns are only centred.

    Returns
    -------
    X : ndarray of shape (n_stars, n_features)
        C-contiguous.
    transform : callable
        Scales other stars in the same way.
    """
    if scaler is not None:
        scaler = clone(scaler)
        X = np.ascontiguousarray(scaler.fit_transform(columns.T), dtype=np.float64)
        return X, lambda others: np.ascontiguousarray(scaler.transform(others.T), dtype=np.float64)
    mean = columns.mean(axis=1)
    deviation = columns.std(axis=1)
    # What rounding leaves of a constant column is no deviation (as in sklearn's StandardScaler).
    n, eps = columns.shape[1], np.finfo(np.float64).eps
    deviation[deviation**2 <= n * eps * deviation**2 + (n * mean * eps) ** 2] = 1.0

    def transform(others):
        return np.ascontiguousarray(((others - mean[:, None]) / deviation[:, None]).T)

    return transform(columns), transform


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


def _nothing(tile, n_core, n_searched):
    empty, none = np.empty(0), np.empty(0, dtype=np.int64)
    return TileCandidates(
        tile.key, tile.side, n_core, n_searched,
        none, empty, empty, empty, np.empty(0, dtype=bool), none, none.astype(np.int32), empty,
    )  # fmt: skip
