"""The stars that are members of anything, from many partitions, each once."""

import numpy as np

from climbkit.survey._candidate_table import source_ids
from climbkit.survey._tile_joining import candidate_set, join_tiles


def union_of_stars(tables):
    """Put the members of several partitions into one table, where each star is once.

    Parameters
    ----------
    tables : list of DataFrame
        Stars with the same columns, at least one table. Those without ``source_id`` are taken
        for different stars.

    Returns
    -------
    stars : DataFrame of shape (n_stars, n_columns)
        Sorted by ``source_id``, so that the order of the tables does not count.
    rows : list of ndarray of int64
        For each table, the row that each of its stars has in `stars`.
    """
    import pandas as pd

    filled = [table for table in tables if len(table)] or [tables[0]]
    stars = pd.concat(filled, ignore_index=True)
    ids = source_ids(stars) if "source_id" in stars else np.arange(len(stars))
    ids, first, row = np.unique(ids, return_index=True, return_inverse=True)
    ends = np.cumsum([len(table) for table in tables])[:-1]
    return stars.iloc[first].reset_index(drop=True), np.split(row.astype(np.int64), ends)


def only_members(stars, members):
    """Keep the stars that are members.

    Parameters
    ----------
    stars : DataFrame of shape (n_stars, n_columns)
        Stars.
    members : list of ndarray of int
        Row numbers.

    Returns
    -------
    stars : DataFrame of shape (n_kept, n_columns)
        Those that any of the arrays names.
    members : list of ndarray of int64
        Their numbers there, in the order in which they were given.
    """
    used = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *members]))
    numbers = [np.searchsorted(used, rows).astype(np.int64) for rows in members]
    return stars.iloc[used].reset_index(drop=True), numbers


def no_stars(coordinates, features):
    """Return an empty table with the columns that every search needs.

    Parameters
    ----------
    coordinates : pair of str
        Columns of longitude and latitude.
    features : sequence of str
        Columns of features.

    Returns
    -------
    stars : DataFrame of shape (0, 3 + n_features)
        int64 ``source_id`` and float64 columns.
    """
    import pandas as pd

    types = {"source_id": np.int64} | dict.fromkeys([*coordinates, *features], np.float64)
    return pd.DataFrame({name: np.empty(0, dtype=dtype) for name, dtype in types.items()})


def no_candidates(stars, coordinates, meta):
    """Return a set without candidates, with the columns and types of one that has some.

    Parameters
    ----------
    stars : DataFrame of shape (0, n_columns)
        No stars, of the types of others.
    coordinates : pair of str
        Columns of longitude and latitude.
    meta : dict
        What the set tells of the search.

    Returns
    -------
    candidates : CandidateSet
        Empty, over no stars.
    """
    joined = join_tiles([], [], np.empty(0, dtype=np.int64), margin=0.0)
    return candidate_set(joined, stars, {}, coordinates, joined.members, meta=meta)
