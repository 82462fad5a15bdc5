"""The search of a whole catalogue, partition by partition."""

import os
from collections.abc import Mapping

from sklearn.base import clone
from sklearn.utils._param_validation import HasMethods, validate_params

from climbkit.distributed._partitions import is_catalog
from climbkit.distributed._report import CatalogSearch, warn_of_failures
from climbkit.distributed._sources import PixelSource, RegionSource
from climbkit.survey import TiledHDBSCAN

_CALLER = 4  # frames up from a warning: this function, the check of its parameters, the caller


@validate_params(
    {
        "search": [TiledHDBSCAN],
        "client": [HasMethods(["compute", "cancel"]), None],
        "columns": ["array-like", None],
        "mask": [str, None],
        "folder": [str, os.PathLike, None],
        "progress": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def search_catalog(
    catalog, search, client=None, *, columns=None, mask=None, folder=None, progress=False
):
    """Search a whole catalogue, on a Dask cluster or in this process.

    Only candidates and the stars that are their members are sent back, never the stars of
    partitions, so that the memory of this process is that of what is found.

    Parameters
    ----------
    catalog : lsdb.catalog.Catalog, list or dict
        A catalogue in HATS format, with a margin cache at least as wide as the margin of
        `search`: ``lsdb.open_catalog(path, margin_cache=...)``, or ``lsdb.from_dataframe(stars,
        margin_threshold=...)`` (arcsec). Or regions that are searched each by itself: a list of
        files (FITS, Parquet, ECSV or CSV) or tables, or a dict of these by name.
    search : TiledHDBSCAN
        What to look for; it is not changed, nor fitted. Regions are searched with it as it is. A
        catalogue is cut by its own HEALPix pixels: without a tiling each partition is one tile,
        with a `HealpixTiling` (or a list) partitions are divided further, as it says.
        ``n_jobs`` is the number of threads where there is no client.
    client : distributed.Client, default=None
        Cluster to run on. None: this process.
    columns : sequence of str, default=None
        Columns that the stars of the result have, beside those that the search needs. None: all
        that the catalogue has loaded, or the regions have.
    mask : str, default=None
        Column of bool, True for the stars to use. None: the `mask_column` of the search.
    folder : str or path-like, default=None
        Folder in which finished tiles are kept, by partition. A run that was killed goes on from
        there when it is called again with the same arguments: it reads the stars again, but does
        not search them. With a client, it must be one that all workers see. None keeps nothing.
    progress : bool, default=False
        Show a progress bar, in partitions.

    Returns
    -------
    report : CatalogSearch
        ``candidates``; ``partitions``, with what became of each; and ``retry()``, which searches
        the partitions that failed again.

    Raises
    ------
    ValueError
        If the catalogue has no margin or a narrower one than the search, lacks a column, or the
        search has a tiling that is not of HEALPix pixels.
    ImportError
        If a package of the extra is missing: ``pip install climbkit[distributed]``.

    Warns
    -----
    RuntimeWarning
        If partitions failed. What the others found is in the report.

    See Also
    --------
    climbkit.survey.TiledHDBSCAN : Searches one table.

    Notes
    -----
    The candidates of a catalogue are those of ``TiledHDBSCAN(tiling=HealpixTiling(pixels=
    report.tiles), coordinates=(ra, dec)).fit(stars)`` over all its stars, with the same ids,
    members and probabilities (with ``mst="canonical"``): tiles and margins are the same, and
    candidates that several partitions have seen are compared at the end, by ``source_id``. HEALPix
    pixels of HATS are equatorial, so right ascension and declination are the coordinates, under
    the names that the catalogue gives them.

    Candidates of regions are put one after the other, with a column ``region``; regions that
    overlap find what lies in both twice.

    Only the columns that are needed should be loaded: ``lsdb.open_catalog(..., columns=[...])``.
    A partition with its margin has to fit into the memory of a worker. What comes back is bounded
    by the limits of `search`: without ``min_persistence`` or ``max_r50``, whatever part of the
    field hangs together is a candidate too.

    Examples
    --------
    >>> from climbkit.datasets import make_cluster_field
    >>> from climbkit.distributed import search_catalog
    >>> from climbkit.survey import TiledHDBSCAN
    >>> regions = {
    ...     f"field {seed}": make_cluster_field(2000, side=2, random_state=seed).data
    ...     for seed in range(2)
    ... }
    >>> search = TiledHDBSCAN(tile_sides=[2], min_cluster_sizes=[10], min_persistence=0.2)
    >>> report = search_catalog(regions, search)
    >>> report.partitions[["region", "n_stars", "status"]]
        region  n_stars    status
    0  field 0     2000  searched
    1  field 1     2000  searched
    >>> report.complete and set(report.candidates.table["region"]) <= set(regions)
    True
    """
    columns = None if columns is None else list(columns)
    mask = search.mask_column if mask is None else mask
    folder = None if folder is None else os.fspath(folder)
    search = clone(search).set_params(checkpoint=None, verbose=0)
    search._validate_params()
    if is_catalog(catalog):
        source = PixelSource.of(catalog, search, columns, mask, folder)
    elif isinstance(catalog, Mapping | list | tuple):
        source = RegionSource.of(catalog, search, columns, mask, folder)
    else:
        raise ValueError(
            "catalog must be an LSDB catalogue, a list of files or tables, or a dict of these; "
            f"got {type(catalog).__name__}. lsdb.open_catalog opens a catalogue in HATS format."
        )
    report = CatalogSearch(source, client, progress=progress)
    warn_of_failures(report, stacklevel=_CALLER)
    return report
