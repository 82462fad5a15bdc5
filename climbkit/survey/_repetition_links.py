"""Pairs of candidates that overlap or lie near each other, and the groups that they make."""

import numpy as np
from scipy.sparse import triu
from scipy.spatial import cKDTree


def overlapping_pairs(memberships, min_overlap):
    """Return pairs of candidates that share at least a part of the smaller one's members.

    Parameters
    ----------
    memberships : csr_matrix of shape (n_candidates, n_stars)
        Ones for the members.
    min_overlap : float
        The part, above 0.

    Returns
    -------
    first, second : ndarray of int64
        Row numbers, each pair once.
    """
    sizes = np.diff(memberships.indptr)
    shared = triu(memberships @ memberships.T, k=1, format="coo")
    first, second = shared.row.astype(np.int64), shared.col.astype(np.int64)
    same = shared.data >= min_overlap * np.minimum(sizes[first], sizes[second])
    return first[same], second[same]


def near_pairs(vectors, reach):
    """Return pairs of places of which one lies within the reach of the other.

    Parameters
    ----------
    vectors : ndarray of shape (n_places, 3)
        Unit vectors; places that are not finite are in no pair.
    reach : ndarray of shape (n_places,)
        Degrees on the sphere; NaN reaches nothing.

    Returns
    -------
    first, second : ndarray of int64
        Row numbers, each pair once.
    """
    rows = np.flatnonzero(np.isfinite(vectors).all(axis=1) & (reach >= 0))
    if len(rows) < 2:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    tree = cKDTree(vectors[rows])
    found = tree.query_ball_point(vectors[rows], chord(reach[rows]))
    first = np.repeat(rows, [len(others) for others in found])
    second = rows[np.concatenate([np.asarray(others, dtype=np.int64) for others in found])]
    return _once(first, second, len(vectors))


def _once(first, second, n):
    """Pairs as (smaller, larger), without repetition and without a place beside itself."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    pairs = np.unique(low[low != high] * n + high[low != high])
    return pairs // n, pairs % n


def join_pairs(n, *pairs):
    """Return the pairs of several lists, each once."""
    first = np.concatenate([pair[0] for pair in pairs])
    second = np.concatenate([pair[1] for pair in pairs])
    return _once(first, second, n)


def chord(angle):
    """Return the distance of unit vectors that are some degrees apart, up to half a turn."""
    return 2.0 * np.sin(np.radians(np.clip(angle, 0.0, 180.0)) / 2.0)


def groups_about_the_best(first, second, rank):
    """Divide candidates into groups, each of the best one and those that are linked to it.

    Parameters
    ----------
    first, second : ndarray of int64
        Links.
    rank : ndarray of shape (n_candidates,), dtype int64
        0 for the best.

    Returns
    -------
    best : ndarray of shape (n_candidates,), dtype int64
        Row number of the best of each candidate's group.

    Notes
    -----
    The best candidate takes those that are linked to it, then the best of what is left takes those
    of what is left, and so on: a chain of links does not join what lies at its two ends. Time is
    linear in candidates and links.
    """
    n = len(rank)
    ends, others = np.concatenate([first, second]), np.concatenate([second, first])
    others = others[np.argsort(ends, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n))])
    best = np.full(n, -1, dtype=np.int64)
    for leader in np.argsort(rank).tolist():
        if best[leader] < 0:
            linked = others[starts[leader] : starts[leader + 1]]
            best[linked[best[linked] < 0]] = leader
            best[leader] = leader
    return best


def groups_about_the_first(vectors, radius, row):
    """Divide candidates into groups, each of the first one and those near it.

    Parameters
    ----------
    vectors : ndarray of shape (n_candidates, 3)
        Unit vectors of the centres.
    radius : float
        Degrees on the sphere.
    row : ndarray of shape (n_candidates,), dtype int64
        Smallest for the first.

    Returns
    -------
    group : ndarray of shape (n_candidates,), dtype int64
        Number of the group of each.
    """
    group = np.full(len(row), -1, dtype=np.int64)
    known = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    tree = cKDTree(vectors[known]) if len(known) else None
    n_groups = 0
    for leader in np.argsort(row):
        if group[leader] >= 0:
            continue
        near = np.array([leader])
        if np.isfinite(vectors[leader]).all():
            near = known[tree.query_ball_point(vectors[leader], chord(radius))]
        group[near[group[near] < 0]] = n_groups
        n_groups += 1
    return group
