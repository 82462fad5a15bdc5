"""Which candidates new stars belong to, tile by tile."""

import numpy as np
from scipy.spatial import cKDTree

from climbkit.survey._tile_features import scaled, stars_of, tile_features


def predict_members(field, new, tiles, joined, settings):
    """Assign new stars to the candidates of the tiles.

    Parameters
    ----------
    field : StarField
        Stars that were fitted.
    new : StarField
        Stars to assign.
    tiles : list of Tile
        Tiles of the search.
    joined : JoinedTiles
        What was found.
    settings : TileSettings
        Parameters of the search.

    Returns
    -------
    candidates, stars : ndarray of int64
        Pairs of a candidate's number and a position in `new`.

    Notes
    -----
    A star belongs to a candidate if the nearest of the fitted stars of the tile does, in the
    tile's frame and scale, and is no farther away than the loneliest member is from its nearest
    fellow.
    """
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for number in np.unique(joined.tile):
        tile = tiles[number]
        arriving, _ = stars_of(new, tile, settings)
        if len(arriving) == 0:
            continue
        fitted, _ = stars_of(field, tile, settings)
        X, transform = scaled(tile_features(field, fitted, tile, settings), settings.scaler)
        distance, nearest = cKDTree(X).query(
            transform(tile_features(new, arriving, tile, settings))
        )
        order = np.argsort(fitted)
        for candidate in np.flatnonzero(joined.tile == number):
            members = joined.members[joined.indptr[candidate] : joined.indptr[candidate + 1]]
            local = order[np.searchsorted(fitted, members, sorter=order)]
            inside = np.zeros(len(fitted), dtype=bool)
            inside[local] = True
            own = X[local]
            reach = cKDTree(own).query(own, k=2)[0][:, 1].max()
            taken = arriving[inside[nearest] & (distance <= reach)]
            pairs.append(np.stack([np.full(len(taken), candidate), taken]))
    return np.concatenate(pairs, axis=1)


def best_candidates(candidates, number, row):
    """Choose one candidate for each star, as `CandidateSet.labels` does.

    Parameters
    ----------
    candidates : CandidateSet
        With the column persistence.
    number, row : ndarray of int
        Pairs of a candidate and a star.

    Returns
    -------
    rows, best : ndarray of int
        Each star once, with its best candidate.
    """
    table = candidates.table
    keys = table["candidate_id"].to_numpy(dtype=str), -table["n_members"], -table["persistence"]
    rank = np.empty(len(table), dtype=np.int64)
    rank[np.lexsort(keys)] = np.arange(len(table))
    order = np.lexsort((rank[number], row))
    rows, first = np.unique(row[order], return_index=True)
    return rows, number[order][first]
