"""How dense a group of stars is, and the densest group that a field without clusters has."""

import numpy as np
from scipy.spatial import cKDTree

# Stars around which the densest group is looked for: those with the nearest n-th neighbours.
_SEEDS = 64


def neighbour_distances(X, n_neighbors):
    """Return the distance of each row to its n-th neighbour, itself not counted.

    Parameters
    ----------
    X : ndarray of shape (n_stars, n_features)
        More rows than `n_neighbors`.
    n_neighbors : int
        Number of the neighbour.

    Returns
    -------
    distances : ndarray of shape (n_stars,)
        In the units of X.
    """
    return cKDTree(X).query(X, k=[n_neighbors + 1])[0][:, 0]


def compactness(X, n_neighbors):
    """Return minus the mean logarithm of the n-th neighbour distances within a group.

    Parameters
    ----------
    X : ndarray of shape (n_stars, n_features)
        The group alone.
    n_neighbors : int
        Number of the neighbour.

    Returns
    -------
    value : float
        Larger for denser groups; infinite where stars coincide with that many others.
    """
    with np.errstate(divide="ignore"):
        return float(-np.mean(np.log(neighbour_distances(X, n_neighbors))))


def densest_group(X, n_stars, n_neighbors):
    """Return the rows of the densest group of a given number of stars.

    Parameters
    ----------
    X : ndarray of shape (n_field, n_features)
        A field.
    n_stars : int
        Stars in the group, at most `n_field`.
    n_neighbors : int
        Neighbour whose distance tells where it is dense.

    Returns
    -------
    rows : ndarray of shape (n_stars,)
        Of the 64 stars with the nearest `n_neighbors`-th neighbour, the one in the smallest ball
        of `n_stars`, and that ball.
    """
    tree = cKDTree(X)
    reach = tree.query(X, k=[n_neighbors + 1])[0][:, 0]
    seeds = np.argsort(reach, kind="stable")[:_SEEDS]
    radius = tree.query(X[seeds], k=[n_stars])[0][:, 0]
    return np.atleast_1d(tree.query(X[seeds[np.argmin(radius)]], k=n_stars)[1])


def draw_compactness(X, n_stars, n_neighbors, n_draws, rng, *, n_place=2):
    """Return the compactness of the densest groups of fields in which nothing belongs together.

    Parameters
    ----------
    X : ndarray of shape (n_field, n_features)
        Stars of the field, the candidate's among them; the first `n_place` columns are positions.
    n_stars : int
        Stars of the candidate, and of each group.
    n_neighbors : int
        Number of the neighbour.
    n_draws : int
        Number of fields.
    rng : Generator
        Source of the draws.
    n_place : int, default=2
        Number of columns that are positions.

    Returns
    -------
    values : ndarray of shape (n_draws,)
        Of one field each, in which every star has the position of one star and the astrometry of
        another, drawn without replacement.
    """
    values = np.empty(n_draws)
    for draw in range(n_draws):
        field = np.column_stack([X[:, :n_place], X[rng.permutation(len(X)), n_place:]])
        group = densest_group(field, n_stars, n_neighbors)
        values[draw] = compactness(field[group], n_neighbors)
    return values
