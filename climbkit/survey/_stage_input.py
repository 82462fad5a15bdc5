"""What a stage that looks at candidates is given: a `CandidateSet`, or one table of members."""

import numpy as np

from climbkit.survey._candidates import CandidateSet
from climbkit.survey._frames import directions
from climbkit.survey._star_columns import table_of

#: Astrometry of the published search (Baloyi et al. 2025), beside the two coordinates.
ASTROMETRY = ("parallax", "pmra", "pmdec")

#: Smallest membership probability of a member in the published search.
MEMBER_PROBABILITY = 0.9


def as_candidates(X, coordinates, features, *, members=None):
    """Return what a stage was given as candidates.

    Parameters
    ----------
    X : CandidateSet, DataFrame or astropy Table
        Candidates with their stars, or stars of which one candidate is made.
    coordinates : pair of str or None
        Names of longitude and latitude; see `table_of`.
    features : sequence of str
        Columns that the stars must have.
    members : array-like of bool of shape (n_stars,), default=None
        With a table of stars: which of them are the candidate. None: all.

    Returns
    -------
    candidates : CandidateSet
        The same candidates, or one.
    table : DataFrame of shape (n_stars, n_columns)
        The stars, with positions in degrees.
    coordinates : pair of str
        Names of longitude and latitude.

    Raises
    ------
    ValueError
        If the candidates have no stars, the stars lack a column, or `members` fits nothing.
    """
    import pandas as pd

    if isinstance(X, CandidateSet):
        if X.stars is None:
            raise ValueError("the candidates have no stars; give them some by with_stars().")
        if members is not None:
            raise ValueError("members goes with a table of stars; candidates have their own.")
        table, _, coordinates = table_of(X.stars, coordinates, features)
        return X, table, coordinates
    if not hasattr(X, "columns"):
        raise ValueError(
            "X must be a CandidateSet, a pandas DataFrame or an astropy Table; got "
            f"{type(X).__name__}."
        )
    table, units, coordinates = table_of(X, coordinates, features)
    mask = np.ones(len(table), dtype=bool) if members is None else np.asarray(members)
    if mask.dtype != bool or mask.shape != (len(table),):
        raise ValueError(
            f"members must be True or False for each of the {len(table)} stars; got dtype "
            f"{mask.dtype} of shape {mask.shape}."
        )
    rows = np.flatnonzero(mask)
    one = CandidateSet(table, [0, len(rows)], rows, pd.DataFrame(index=[0]), units=units)
    return one, table, coordinates


def mean_direction(vectors):
    """Return longitude and latitude (degrees) of the mean of unit vectors, shape (3, n_stars)."""
    longitude, latitude = directions(vectors.mean(axis=1))
    return float(longitude), float(latitude)
