"""One partition of a survey at a time, and all partitions together."""

import numpy as np

from climbkit.survey._star_columns import star_field, table_of
from climbkit.survey._tile_joining import join_tiles
from climbkit.survey._tile_search import search_tile
from climbkit.survey._tile_settings import settings_of


def search_partition(search, stars, tile, *, mask=None):
    """Search one partition of a survey by itself.

    The candidates are those that a run over the whole survey finds in this tile, to the last bit,
    since neither the frame nor the order of the stars depends on what lies beyond the margin
    (with ``mst="hdbscan"``, on the order of the rows).

    Parameters
    ----------
    search : TiledHDBSCAN
        Parameters of the search; it is not fitted. Name its ``coordinates``, so that all
        partitions use the same.
    stars : DataFrame of shape (n_stars, n_columns)
        Stars of the partition and of its margin, once each and in any order. Stars beyond the
        margin do no harm, those that lack in it do.
    tile : Tile
        The tile, such as ``HealpixTile(order, pixel)`` for a partition of a HATS catalogue.
    mask : str or array-like of bool of shape (n_stars,), default=None
        True for stars to use, or the name of such a column.

    Returns
    -------
    found : TileCandidates
        Candidates that pass the limits of the search, ``owned`` by the tile or not, since
        `join_partitions` needs both. ``members`` are row numbers in `stars`.

    Raises
    ------
    ValueError
        As `TiledHDBSCAN.fit` does.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from climbkit.survey import HealpixTiling, TiledHDBSCAN
    >>> from climbkit.survey._partitions import join_partitions, search_partition
    >>> search = TiledHDBSCAN(min_cluster_sizes=[10], coordinates=("ra", "dec"))
    >>> rng = np.random.default_rng(0)
    >>> stars = pd.DataFrame(
    ...     rng.uniform([45, 2, 0, -5, -5], [48, 5, 1, 5, 5], (2000, 5)),
    ...     columns=["ra", "dec", "parallax", "pmra", "pmdec"],
    ... )
    >>> stars["source_id"] = np.arange(2000)
    >>> stars.iloc[:50, :5] = rng.normal([46, 3, 0.5, 3, -2], 0.03, (50, 5))
    >>> tiles, _ = HealpixTiling(order=5).tiles(stars["ra"], stars["dec"])
    >>> found = []
    >>> for tile in tiles:
    ...     inside, around = tile.core_and_margin(stars["ra"], stars["dec"], search.margin)
    ...     own = stars[inside | around]
    ...     part = search_partition(search, own, tile)
    ...     found.append(part._replace(members=own["source_id"].to_numpy()[part.members]))
    >>> joined = join_partitions(search, found, tiles)
    >>> best = joined.persistence.argmax()
    >>> members = joined.members[joined.indptr[best] : joined.indptr[best + 1]]
    >>> bool(np.isin(np.arange(50), members).all())
    True
    """
    search._validate_params()
    table, _, coordinates = table_of(stars, search.coordinates, search.features)
    turn = search.frame == "tangent"
    field = star_field(table, coordinates, search.features, mask=mask, turn=turn)
    found = search_tile(field, tile, settings_of(search))
    return found._replace(members=field.rows[found.members])


def join_partitions(search, found, tiles):
    """Put the candidates of partitions together, each cluster once.

    Parameters
    ----------
    search : TiledHDBSCAN
        Parameters of the search.
    found : list of TileCandidates
        Results of `search_partition`. Their members must be named alike in all of them: by
        ``source_id``, or by row numbers in one table; not negative.
    tiles : list of Tile
        The tiles, in the same order, of one tiling.

    Returns
    -------
    joined : JoinedTiles
        The candidates, by tile; `climbkit.survey._tile_joining.candidate_set` makes a
        `CandidateSet` of them, once members are row numbers of a table.
    """
    return join_tiles(found, tiles, np.zeros(len(tiles), dtype=np.int64), margin=search.margin)
