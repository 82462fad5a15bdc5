"""What is searched partition by partition: pixels of a catalogue, or regions."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from sklearn.base import clone

from climbkit.distributed._partitions import pair_partitions, pixel_and_above, sky_columns
from climbkit.distributed._pixel_search import PixelSearch, join_pixels, search_pixel
from climbkit.distributed._region_search import RegionSearch, join_regions, search_region
from climbkit.survey import HealpixTiling
from climbkit.survey._checkpoint import Checkpoint
from climbkit.survey._tile_settings import identity_of, settings_of, tilings_of

_SOURCE_ID = "source_id"
_HATS_COLUMNS = ("Norder", "Dir", "Npix")  # where a row is stored, not what it is


class PixelSource:
    """Partitions of an LSDB catalogue.

    Attributes
    ----------
    names : list of str
        Name of each partition.
    function : callable
        Searches one.
    n_jobs : int or None
        Partitions at a time, in threads.
    unit : str
        What progress counts.
    """

    function = staticmethod(search_pixel)
    unit = "partition"

    def __init__(self, common, partitions, tilings, meta):
        self._common, self._partitions, self._meta = common, partitions, meta
        self._divided = _divide(tilings, partitions)
        self._n_tilings = len(tilings or [None])
        self.names = [f"order {part.order} pixel {part.pixel}" for part in partitions]
        self.n_jobs = common.search.n_jobs

    @classmethod
    def of(cls, catalog, search, columns, mask, folder):
        """Partitions of a catalogue, each with its margin; see `search_catalog`."""
        settings, tilings = settings_of(search), _healpix_tilings(search)
        coordinates = sky_columns(catalog)
        if search.coordinates is not None and tuple(search.coordinates) != coordinates:
            raise ValueError(
                f"coordinates must be None or {coordinates}, the right ascension and declination "
                f"of the catalogue, by which its pixels are cut; got {search.coordinates!r}."
            )
        if _SOURCE_ID not in catalog.columns:
            raise ValueError(
                "the catalogue needs the column 'source_id' (int64), by which members are named; "
                "give another id this name by catalog.rename({...: 'source_id'})."
            )
        if columns is None:
            columns = [name for name in catalog.columns if name not in _HATS_COLUMNS]
        needed = [_SOURCE_ID, *coordinates, *search.features, *([] if mask is None else [mask])]
        columns = list(dict.fromkeys([*needed, *columns]))
        search = clone(search).set_params(coordinates=coordinates, tiling=None)
        partitions = pair_partitions(catalog, columns, settings.margin)
        identity = identity_of(settings, tilings or [], coordinates, search.features)
        common = PixelSearch(search, columns, mask, folder)
        source = cls(common, partitions, tilings, {"search": identity})
        if folder is not None:
            Checkpoint(folder, {**identity, "mask": mask}, "partitions of a catalogue")
        return source

    def shared(self, client):
        """Arguments of `function` that all partitions share."""
        return (self._common,)

    def task(self, number):
        """Arguments of `function` for one partition."""
        part = self._partitions[number]
        return self._divided[number], part.order, part.pixel, part.core, *part.margins

    def names_table(self):
        """The columns of the report that name the partitions."""
        import pandas as pd

        return pd.DataFrame(
            {
                "order": np.array([part.order for part in self._partitions], dtype=np.int64),
                "pixel": np.array([part.pixel for part in self._partitions], dtype=np.int64),
            }
        )

    def join(self, numbers, results):
        """Candidates, tiles, and the number of candidates of each partition."""
        candidates, pixels, counts = join_pixels(self._common, results, self._meta)
        tiles = [pixels.get(level, []) for level in range(self._n_tilings)]
        return candidates, tiles[0] if len(tiles) == 1 else tiles, counts


class RegionSource:
    """Regions, each a table or a file; the attributes are those of `PixelSource`."""

    function = staticmethod(search_region)
    unit = "region"
    n_jobs = None  # one region at a time: its tiles are searched in threads

    def __init__(self, common, regions):
        self._common, self._regions = common, regions
        self.names = list(regions)

    @classmethod
    def of(cls, regions, search, columns, mask, folder):
        """Regions by name; see `search_catalog`."""
        settings, tilings = settings_of(search), tilings_of(search)
        if folder is not None:
            coordinates = search.coordinates or ()
            identity = identity_of(settings, tilings, coordinates, search.features)
            Checkpoint(folder, {**identity, "mask": mask}, "regions")
        if not isinstance(regions, Mapping):
            regions = _named(regions)
        if columns is not None:
            if search.coordinates is None:
                raise ValueError("with columns, name the coordinates of the search too.")
            needed = [_SOURCE_ID, *search.coordinates, *search.features, *([mask] if mask else [])]
            columns = list(dict.fromkeys([*needed, *columns]))
        return cls(
            RegionSearch(search, columns, mask, folder),
            {str(name): region for name, region in regions.items()},
        )

    def shared(self, client):
        """Arguments of `function` that all regions share; a worker has no threads to spare."""
        if client is None:
            return (self._common,)
        return (self._common._replace(search=clone(self._common.search).set_params(n_jobs=1)),)

    def task(self, number):
        """Arguments of `function` for one region."""
        name = self.names[number]
        return name, self._regions[name]

    def names_table(self):
        """The columns of the report that name the regions."""
        import pandas as pd

        return pd.DataFrame({"region": np.array(self.names, dtype=str)})

    def join(self, numbers, results):
        """Candidates, no tiles, and the number of candidates of each region."""
        names = [self.names[number] for number in numbers]
        candidates = join_regions(self._common, names, results)
        counts = [0 if found.candidates is None else len(found.candidates) for found in results]
        return candidates, None, counts


def _named(regions):
    """Regions of a list by name: that of the file, or the place in the list."""
    named = {}
    for number, region in enumerate(regions):
        is_path = isinstance(region, str | os.PathLike)
        name = Path(region).name if is_path else str(number)
        if name in named:
            raise ValueError(f"two regions are called {name!r}: give a dict, with a name for each.")
        named[name] = region
    return named


def _healpix_tilings(search):
    """Tilings of HEALPix pixels, or None where each partition is to be one tile."""
    if search.tiling is None:
        return None
    tilings = tilings_of(search)
    if not all(isinstance(tiling, HealpixTiling) for tiling in tilings):
        raise ValueError(
            "a catalogue is cut by HEALPix pixels: tiling must be None (each partition is a "
            f"tile), a HealpixTiling or a list of these; got {search.tiling!r}."
        )
    return tilings


def _divide(tilings, partitions):
    """For each partition, the part of each tiling that lies in it.

    Raises
    ------
    ValueError
        If a tile is larger than a partition, which cannot know all of its stars.
    """
    pixels = [(part.order, part.pixel) for part in partitions]
    if tilings is None:
        return [[HealpixTiling(pixels=[pixel])] for pixel in pixels]
    divided = [[] for _ in pixels]
    for tiling in tilings:
        if tiling.pixels is None:
            parts = [clone(tiling).set_params(order=max(k, tiling.order or 0)) for k, _ in pixels]
        else:
            parts = [HealpixTiling(pixels=own) for own in _by_partition(tiling.pixels, pixels)]
        for own, part in zip(divided, parts, strict=True):
            own.append(part)
    return divided


def _by_partition(tiles, partitions):
    """For each partition the tiles, all of them pixels, that lie in it."""
    number = {pixel: place for place, pixel in enumerate(partitions)}
    inside = [[] for _ in partitions]
    for tile in tiles:
        owner = next((above for above in pixel_and_above(*tile) if above in number), None)
        if owner is not None:
            inside[number[owner]].append(tuple(tile))
    given = {tuple(tile) for tile in tiles}
    for pixel in partitions:
        over = next((above for above in pixel_and_above(*pixel) if above in given), pixel)
        if over != pixel:
            raise ValueError(
                f"the tiling has the pixel {over}, which is larger than a partition of the "
                f"catalogue in it, {pixel}: tiles must be partitions or parts of them."
            )
    return inside
