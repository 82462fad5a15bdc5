"""All tiles' candidates in one: compared across tiles, described, as a `CandidateSet`."""

from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed

from climbkit.survey._candidate_table import SKY_FRAMES, candidate_ids, describe_candidates
from climbkit.survey._candidates import CandidateSet
from climbkit.survey._memberships import owners
from climbkit.survey._tile_merging import merge_tiles
from climbkit.survey._tile_search import nothing_found

# Members that are sorted and described at a time: 25 MB of intermediate arrays.
_BLOCK = 250_000
_SEARCHED, _TOO_FEW = "searched", "too few stars"


#: Fields of `JoinedTiles` with an entry for each candidate.
BY_CANDIDATE = ("tile", "key", "side", "min_cluster_size", "persistence")


class JoinedTiles(NamedTuple):
    """Candidates of many tiles, by tile, minimum cluster size and label.

    Attributes
    ----------
    tile : ndarray of shape (n_candidates,), dtype int64
        Number of the tile that found each.
    key, side, min_cluster_size, persistence : ndarray of shape (n_candidates,)
        Its key and side (degrees), and what it found.
    indptr : ndarray of shape (n_candidates + 1,), dtype int64
        Where the members of each candidate begin.
    members, probabilities : ndarray of shape (n_members,)
        Stars, by the numbers that the tiles use, and their membership probabilities.
    """

    tile: np.ndarray
    key: np.ndarray
    side: np.ndarray
    min_cluster_size: np.ndarray
    persistence: np.ndarray
    indptr: np.ndarray
    members: np.ndarray
    probabilities: np.ndarray


def join_tiles(found, tiles, tiling, *, margin):
    """Put the candidates of tiles together, each cluster once.

    Parameters
    ----------
    found : list of TileCandidates
        Results of the tiles. Their members must be numbered alike: positions in one field, or
        anything else that tells stars apart over all tiles, at least 0.
    tiles : list of Tile
        The tiles, in the same order.
    tiling : ndarray of shape (n_tiles,), dtype int64
        Number of the tiling that each tile is of; tiles of different tilings are not compared.
    margin : float
        Margin of the search, degrees. Without one, tiles share no stars and all is kept.

    Returns
    -------
    joined : JoinedTiles
        The chosen candidates, in the order of the tiles.
    """
    parts = found or [nothing_found("", 0.0, 0, 0)]
    whole = [np.concatenate(arrays) for arrays in zip(*(part[4:11] for part in parts), strict=True)]
    size, persistence, longitude, latitude, owned, n_members, members = whole
    tile = np.repeat(np.arange(len(parts)), [len(part.sizes) for part in parts])
    indptr = np.concatenate([[0], np.cumsum(n_members)]).astype(np.int64)
    keep = np.ones(len(tile), dtype=bool)
    if margin > 0 and len(tile):
        tiling = np.asarray(tiling)
        owner = _owners(tiles, tiling, tile, owned, longitude, latitude)
        _, level = np.unique(np.stack([tiling[tile], size]), axis=1, return_inverse=True)
        keep = merge_tiles(level.ravel(), tile, owned, persistence, indptr, members, owner=owner)
    # Memberships are by far the most there is to hold: each array is copied once, one at a time.
    stays = np.repeat(keep, n_members)
    members = members[stays]
    ends = np.cumsum([len(part.members) for part in parts])
    stays_in = np.split(stays, ends[:-1])
    probabilities = np.concatenate(
        [part.probabilities[own] for part, own in zip(parts, stays_in, strict=True)]
    )
    chosen = np.flatnonzero(keep)
    indptr = np.concatenate([[0], np.cumsum(n_members[chosen])]).astype(np.int64)
    tile = tile[chosen]
    return JoinedTiles(
        tile=tile,
        key=np.array([part.key for part in parts], dtype=object)[tile],
        side=np.array([part.side for part in parts], dtype=np.float64)[tile],
        min_cluster_size=size[chosen],
        persistence=persistence[chosen],
        indptr=indptr,
        members=members,
        probabilities=probabilities,
    )


def candidate_set(joined, table, units, coordinates, rows, meta=None, n_jobs=None):
    """Describe joined candidates as a `CandidateSet`.

    Parameters
    ----------
    joined : JoinedTiles
        Candidates.
    table : DataFrame of shape (n_stars, n_columns)
        Stars.
    units : dict of str to str
        Units of its columns.
    coordinates : pair of str
        Columns of longitude and latitude.
    rows : ndarray of int
        Row number in `table` of each number among the members.
    meta : dict, default=None
        Parameters of the search.
    n_jobs : int, default=None
        Threads.

    Returns
    -------
    candidates : CandidateSet
        With the columns tile, tile_side (degrees), min_cluster_size and persistence beside those
        of `describe_candidates`.
    """
    import pandas as pd

    known = any(set(pair) <= set(table) for pair in SKY_FRAMES)
    named = (
        table if known else table.rename(columns=dict(zip(coordinates, SKY_FRAMES[0], strict=True)))
    )
    indices = np.empty(len(joined.members), dtype=np.int64)
    probabilities = None if joined.probabilities is None else np.empty(len(indices))
    # Not in processes, whatever the tiles ran in: the table would travel with each block.
    parts = Parallel(n_jobs=n_jobs, require="sharedmem")(
        delayed(_describe_and_sort)(joined, named, rows, block, indices, probabilities)
        for block in _blocks(joined.indptr)
    )
    ids, described = zip(*parts, strict=True)
    described = pd.concat(described, ignore_index=True)
    columns = {
        "candidate_id": np.concatenate(ids),
        "tile": joined.key.astype(str),
        "tile_side": joined.side,
        "min_cluster_size": joined.min_cluster_size,
        "n_members": described.pop("n_members"),
        "persistence": joined.persistence,
    }
    if not known:
        described = described.rename(columns=dict(zip(SKY_FRAMES[0], coordinates, strict=True)))
    return CandidateSet(
        table,
        joined.indptr,
        indices,
        pd.concat([pd.DataFrame(columns), described], axis=1),
        probabilities=probabilities,
        units=units,
        meta=meta,
    )


def tile_table(found, joined, counts, smallest):
    """Return a table of the tiles.

    Parameters
    ----------
    found : list of TileCandidates
        Results of the tiles.
    joined : JoinedTiles
        What was chosen of them.
    counts : ndarray of shape (n_tiles,)
        Unused stars excluded, stars in the core of each.
    smallest : int
        Smallest minimum cluster size.

    Returns
    -------
    table : DataFrame of shape (n_tiles, 6)
        See `TiledHDBSCAN.tiles_`.
    """
    import pandas as pd

    searched = np.array([result.n_searched for result in found], dtype=np.int64)
    return pd.DataFrame(
        {
            "key": np.array([result.key for result in found], dtype=str),
            "side": np.array([result.side for result in found], dtype=np.float64),
            "n_stars": counts,
            "n_searched": searched,
            "n_candidates": np.bincount(joined.tile, minlength=len(found)),
            "status": np.where(searched < smallest, _TOO_FEW, _SEARCHED).astype(str),
        }
    )


def _owners(tiles, tiling, tile, owned, longitude, latitude):
    """Number of the tile that owns each centre; only asked for where the finder does not."""
    owner = tile.copy()
    level = tiling[tile]
    for value in np.unique(level[~owned]):
        lost = np.flatnonzero(~owned & (level == value))
        numbers = np.flatnonzero(tiling == value)
        own = [tiles[number] for number in numbers]
        place = type(own[0]).locate(own, longitude[lost], latitude[lost])
        owner[lost] = np.where(place >= 0, numbers[np.maximum(place, 0)], place)
    return owner


def _blocks(indptr):
    """Yield slices of candidates, at least one."""
    start, n_candidates = 0, len(indptr) - 1
    while True:
        limit = indptr[start] + _BLOCK
        end = max(start + 1, int(np.searchsorted(indptr, limit, side="right")) - 1)
        end = min(end, n_candidates)
        yield slice(start, end)
        if end == n_candidates:
            return
        start = end


def _describe_and_sort(joined, table, rows, block, indices, probabilities):
    """Ids and description of some candidates; fill in their members, by ascending row number."""
    indptr = joined.indptr[block.start : block.stop + 1]
    own = slice(indptr[0], indptr[-1])
    indptr = indptr - indptr[0]
    stars = rows[joined.members[own]]
    scale = {
        "tile_side": joined.side[block],
        "min_cluster_size": joined.min_cluster_size[block],
    }
    ids = candidate_ids(table, indptr, stars, **scale)
    # Sums in the order in which the tiles give the members: it knows nothing of the table's.
    described = describe_candidates(table, indptr, stars)
    # One key sorts by both, several times faster than a sort by two.
    key = owners(indptr) * len(table) + stars
    order = np.argsort(key)
    indices[own] = key[order] % max(len(table), 1)
    if probabilities is not None:
        probabilities[own] = joined.probabilities[own][order]
    return ids, described
