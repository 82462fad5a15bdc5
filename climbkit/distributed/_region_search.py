"""The search of regions, each a table of its own: on the worker, and what is made of all."""

import hashlib
import re
import time
from pathlib import Path
from typing import NamedTuple

from sklearn.base import clone

from climbkit.distributed._member_stars import (
    no_candidates,
    no_stars,
    only_members,
    union_of_stars,
)
from climbkit.distributed._reading import read_region
from climbkit.survey import CandidateSet


class RegionSearch(NamedTuple):
    """What all regions have in common.

    Attributes
    ----------
    search : TiledHDBSCAN
        The search.
    columns : list of str or None
        Columns to read; None: all.
    mask : str or None
        Column of bool, True for the stars to use.
    folder : str or None
        Where finished tiles are kept.
    """

    search: object
    columns: list | None
    mask: str | None
    folder: str | None


class RegionFound(NamedTuple):
    """What was found in one region.

    Attributes
    ----------
    n_stars : int
        Stars in the region.
    seconds : float
        Wall-clock time of reading and search.
    n_tiles : int
        Number of tiles.
    candidates : CandidateSet or None
        Candidates over the stars that are members; None where there are no stars.
    """

    n_stars: int
    seconds: float
    n_tiles: int
    candidates: object


def search_region(common, name, region):
    """Search one region.

    Parameters
    ----------
    common : RegionSearch
        What all regions have in common.
    name : str
        Name of the region.
    region : DataFrame, Table or path-like
        Its stars, or the file that holds them.

    Returns
    -------
    found : RegionFound
        Candidates, and the stars that are members.
    """
    start = time.perf_counter()
    stars = read_region(region, common.columns)
    if len(stars) == 0:
        return RegionFound(0, time.perf_counter() - start, 0, None)
    search = clone(common.search)
    if common.folder is not None:
        search.set_params(checkpoint=Path(common.folder) / folder_name(name))
    search.fit(stars, mask=common.mask)
    found = search.candidates_
    kept, (indices,) = only_members(found.stars, [found.indices])
    candidates = CandidateSet(
        kept,
        found.indptr,
        indices,
        found.table,
        probabilities=found.probabilities,
        units=found.own_units,
        meta=found.meta,
    )
    return RegionFound(len(stars), time.perf_counter() - start, search.n_tiles_, candidates)


def folder_name(name):
    """Name of a region as that of a folder, different for different regions."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}-{digest}"


def join_regions(common, names, results):
    """Put the candidates of regions one after the other.

    Parameters
    ----------
    common : RegionSearch
        What all regions have in common.
    names : list of str
        Names of the regions.
    results : list of RegionFound
        Their results.

    Returns
    -------
    candidates : CandidateSet
        With the column ``region``. Stars that several regions hold are one star.
    """
    filled = [(n, r.candidates) for n, r in zip(names, results, strict=True) if r.n_stars]
    if not filled:
        coordinates = tuple(common.search.coordinates or ("ra", "dec"))
        stars = no_stars(coordinates, common.search.features)
        filled = [("", no_candidates(stars, coordinates, {}))]
    stars, rows = union_of_stars([found.stars for _, found in filled])
    sets = []
    for (name, found), row in zip(filled, rows, strict=True):
        table = found.table
        table.insert(1, "region", name)
        sets.append(
            CandidateSet(
                stars,
                found.indptr,
                row[found.indices],
                table.astype({"region": str}),
                probabilities=found.probabilities,
                units=found.own_units,
                meta=found.meta,
            )
        )
    return CandidateSet.concat(sets)
