"""What the search of every tile has in common, out of the parameters of `TiledHDBSCAN`."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from climbkit.builder import to_dict
from climbkit.survey._frames import FULL_CIRCLE
from climbkit.survey._star_columns import motion_columns
from climbkit.survey._tile import Tiling
from climbkit.survey._tiling import SquareTiling

_SMALLEST_CLUSTER = 2


class TileSettings(NamedTuple):
    """What the search of every tile has in common; names as the parameters of `TiledHDBSCAN`."""

    min_cluster_sizes: np.ndarray
    min_samples: np.ndarray
    cluster_selection_method: str
    cluster_selection_epsilon: float
    allow_single_cluster: bool
    mst: str
    margin: float
    tangent: bool
    #: Columns of the features that are the two proper motions, to be turned into the frame.
    motions: list
    scaler: object
    max_r50: float | None
    min_persistence: float | None
    min_members: int | None
    max_members: int | None


def settings_of(search):
    """Return the settings of a `TiledHDBSCAN`, whose scalar parameters have been checked.

    Raises
    ------
    ValueError
        If a sequence among the parameters holds what is not allowed.
    """
    sizes = _checked_sizes(search.min_cluster_sizes)
    features = list(search.features)
    if len(set(features)) < len(features) or not all(isinstance(f, str) for f in features):
        raise ValueError(f"features must name different columns; got {search.features!r}.")
    samples = sizes if search.min_samples is None else np.full_like(sizes, search.min_samples)
    return TileSettings(
        min_cluster_sizes=sizes,
        min_samples=samples,
        cluster_selection_method=search.cluster_selection_method,
        cluster_selection_epsilon=float(search.cluster_selection_epsilon),
        allow_single_cluster=bool(search.allow_single_cluster),
        mst=search.mst,
        margin=float(search.margin),
        tangent=search.frame == "tangent",
        motions=motion_columns(features),
        scaler=search.scaler,
        max_r50=search.max_r50,
        min_persistence=search.min_persistence,
        min_members=search.min_members,
        max_members=search.max_members,
    )


def tilings_of(search):
    """Return the tilings of a `TiledHDBSCAN`, each with its side.

    Raises
    ------
    ValueError
        If `tile_sides` or `tiling` hold what is not allowed.
    """
    tilings = search.tiling
    if tilings is None:
        tilings = [SquareTiling()]
    elif isinstance(tilings, Tiling):
        tilings = [tilings]
    if len(tilings) == 0 or not all(isinstance(tiling, Tiling) for tiling in tilings):
        raise ValueError(
            "tiling must be a SquareTiling, a HealpixTiling or a list of these; got "
            f"{search.tiling!r}."
        )
    filled = []
    for tiling in tilings:
        if getattr(tiling, "side", 0) is None:
            sides = _checked_sides(search.tile_sides)
            filled += [clone(tiling).set_params(side=side) for side in sides]
        else:
            filled.append(tiling)
    return filled


def identity_of(settings, tilings, coordinates, features):
    """Return all that the candidates depend on beside the stars, in JSON's types."""
    values = settings._asdict()
    del values["motions"]
    values |= {
        "tilings": [tiling.to_dict() for tiling in tilings],
        "coordinates": list(coordinates),
        "features": list(features),
        "scaler": None if settings.scaler is None else to_dict(settings.scaler),
        "min_cluster_sizes": settings.min_cluster_sizes.tolist(),
        "min_samples": settings.min_samples.tolist(),
    }
    return {n: v.item() if isinstance(v, np.generic) else v for n, v in values.items()}


def _checked_sizes(sizes):
    array = np.asarray(list(sizes))
    whole = array.ndim == 1 and len(array) and array.dtype.kind in "iu"
    if not whole or array.min() < _SMALLEST_CLUSTER or len(np.unique(array)) < len(array):
        raise ValueError(
            "min_cluster_sizes must be different whole numbers, each at least "
            f"{_SMALLEST_CLUSTER}; got {sizes!r}."
        )
    return array.astype(np.int64)


def _checked_sides(sides):
    try:
        array = np.asarray([float(side) for side in sides])
    except (TypeError, ValueError):
        array = np.empty(0)
    allowed = len(array) and np.all((array > 0) & (array <= FULL_CIRCLE))
    if not allowed or len(np.unique(array)) < len(array):
        raise ValueError(
            f"tile_sides must be different numbers of degrees, above 0 and at most "
            f"{FULL_CIRCLE:g}; got {sides!r}."
        )
    return array.tolist()
