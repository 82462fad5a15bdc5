"""The search of a catalogue's partitions: on the worker, and what is made of all of them."""

import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from climbkit.distributed._member_stars import (
    no_candidates,
    no_stars,
    only_members,
    union_of_stars,
)
from climbkit.distributed._reading import plain_frame
from climbkit.survey import HealpixTiling
from climbkit.survey._checkpoint import Checkpoint
from climbkit.survey._healpix_tiling import HealpixTile, pixel_of
from climbkit.survey._star_columns import star_field, table_of
from climbkit.survey._tile_joining import candidate_set, join_tiles
from climbkit.survey._tile_runs import search_tiles
from climbkit.survey._tile_settings import identity_of, settings_of


class PixelSearch(NamedTuple):
    """What all partitions have in common.

    Attributes
    ----------
    search : TiledHDBSCAN
        With the catalogue's ``coordinates`` and without a tiling.
    columns : list of str
        Columns that members keep.
    mask : str or None
        Column of bool, True for the stars to use.
    folder : str or None
        Where finished tiles are kept.
    """

    search: object
    columns: list
    mask: str | None
    folder: str | None


class PixelFound(NamedTuple):
    """What was found in one partition.

    Attributes
    ----------
    n_stars : int
        Stars in the partition, without its margin.
    seconds : float
        Wall-clock time of the search.
    found : list of (int, (int, int), TileCandidates)
        Number of the tiling, (order, pixel) of the tile, and its candidates, whose members are
        rows of `stars`.
    stars : DataFrame of shape (n_members, n_columns)
        Stars that are members of anything.
    """

    n_stars: int
    seconds: float
    found: list
    stars: object

    @property
    def n_tiles(self):
        """Number of tiles."""
        return len(self.found)


def search_pixel(common, tilings, order, pixel, core, *margins):
    """Search one partition with the margin around it.

    Parameters
    ----------
    common : PixelSearch
        What all partitions have in common.
    tilings : list of HealpixTiling
        How the stars of the partition are divided into tiles.
    order, pixel : int
        The partition.
    core : DataFrame
        Its rows.
    *margins : DataFrame
        Rows around it, and perhaps some of its own.

    Returns
    -------
    found : PixelFound
        Candidates, and the stars that are members.

    Raises
    ------
    ValueError
        If columns are missing, ids not exact or not unique, or the rows are not those of this
        pixel.
    """
    start = time.perf_counter()
    stars = _with_margins(*(plain_frame(rows, common.columns) for rows in (core, *margins)))
    if len(core) == 0:
        return PixelFound(0, time.perf_counter() - start, [], stars.iloc[:0])
    search = common.search
    table, _, coordinates = table_of(stars, search.coordinates, search.features)
    turn = search.frame == "tangent"
    field = star_field(table, coordinates, search.features, mask=common.mask, turn=turn)
    _check_place(table[: len(core)], coordinates, order, pixel)
    inside = pixel_of(field.longitude, field.latitude, order) == pixel
    levels, tiles, counts = _cut(tilings, field.longitude[inside], field.latitude[inside])
    settings = settings_of(search)
    done, save = None, None
    if common.folder is not None:
        store = Checkpoint(
            Path(common.folder) / f"healpix-{order}-{pixel}",
            identity_of(settings, tilings, coordinates, search.features),
            field.fingerprint(ordered=search.mst == "hdbscan"),
        )
        done, save = store.load(), store.save
    found = search_tiles(field, tiles, counts, settings, n_jobs=1, done=done, save=save)
    kept, members = only_members(table, [field.rows[each.members] for each in found])
    found = [each._replace(members=rows) for each, rows in zip(found, members, strict=True)]
    pixels = [(tile.order, tile.pixel) for tile in tiles]
    found = list(zip(levels, pixels, found, strict=True))
    return PixelFound(len(core), time.perf_counter() - start, found, kept)


def _with_margins(core, *margins):
    """Rows of a partition, then those around it, each star once."""
    import pandas as pd

    parts = [core]
    for margin in margins:
        new = margin[~margin["source_id"].isin(pd.concat(parts)["source_id"])]
        parts.append(new.drop_duplicates("source_id"))
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else core


def _check_place(core, coordinates, order, pixel):
    """Raise where no row of a partition lies in its pixel."""
    longitude, latitude = (core[name].to_numpy(dtype=np.float64) for name in coordinates)
    placed = np.isfinite(longitude) & np.isfinite(latitude)
    if placed.any() and not np.any(pixel_of(longitude[placed], latitude[placed], order) == pixel):
        raise ValueError(
            f"no row of the partition is in its pixel, order {order} number {pixel}: are "
            f"{coordinates} right ascension and declination?"
        )


def _cut(tilings, longitude, latitude):
    """Tiles of all tilings, each tile once, with the number of its tiling and its stars."""
    levels, tiles, counts, known = [], [], [], set()
    for level, tiling in enumerate(tilings):
        for tile, count in zip(*tiling.tiles(longitude, latitude), strict=True):
            if tile.key not in known:
                known.add(tile.key)
                levels.append(level)
                tiles.append(tile)
                counts.append(int(count))
    return levels, tiles, counts


def join_pixels(common, results, meta):
    """Put the candidates of all partitions together, each cluster once.

    Parameters
    ----------
    common : PixelSearch
        What all partitions have in common.
    results : list of PixelFound
        Results of partitions.
    meta : dict
        What the set of candidates tells of the search.

    Returns
    -------
    candidates : CandidateSet
        As `TiledHDBSCAN` finds them in all partitions at once; its stars are the members.
    pixels : dict of int to list of (int, int)
        For each tiling the tiles, by their place on the sky.
    n_candidates : list of int
        For each partition, how many of the candidates are of its tiles.
    """
    search = common.search
    by_level = defaultdict(dict)
    for number, result in enumerate(results):
        for level, pixel, found in result.found:
            by_level[level][pixel] = (number, found)
    if not by_level:
        none = [result.stars for result in results] or [
            no_stars(search.coordinates, search.features)
        ]
        return no_candidates(none[0], search.coordinates, meta), {}, [0] * len(results)
    stars, rows = union_of_stars([result.stars for result in results])
    tiles, found, partitions, pixels = [], [], [], {}
    for level, own in sorted(by_level.items()):
        level_tiles = _in_order(own)
        pixels[level] = [(tile.order, tile.pixel) for tile in level_tiles]
        tiles += level_tiles
        for number, each in (own[pixel] for pixel in pixels[level]):
            found.append(each._replace(members=rows[number][each.members]))
            partitions.append(number)
    levels = np.repeat(list(pixels), [len(own) for own in pixels.values()])
    joined = join_tiles(found, tiles, levels, margin=search.margin)
    # Many stars were members of what only a margin has seen.
    stars, (members,) = only_members(stars, [joined.members])
    joined = joined._replace(members=members)
    every = np.arange(len(stars))
    candidates = candidate_set(joined, stars, {}, search.coordinates, every, meta=meta)
    owner = np.array(partitions, dtype=np.int64)[joined.tile]
    return candidates, pixels, np.bincount(owner, minlength=len(results)).tolist()


def _in_order(pixels):
    """Tiles of the pixels in the order in which a tiling of these pixels has them."""
    centres = np.array([HealpixTile(*pixel).centre for pixel in pixels])
    return HealpixTiling(pixels=list(pixels)).tiles(*centres.T)[0]
