"""Must-link and cannot-link constraints: reading, closing, finding contradictions."""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from climbkit.base import UNLABELLED


class Constraints(NamedTuple):
    """Constraints between the rows of a table.

    Attributes
    ----------
    linked_set : ndarray of shape (n_rows,), dtype int64
        Rows that must-links join, directly or by way of others, share a number.
    protected : ndarray of shape (n_rows,), dtype bool
        Rows with at least one must-link.
    group : ndarray of shape (n_rows,), dtype int64
        Known group of each row numbered from 0, -1 for none; rows of different groups exclude
        each other.
    apart : ndarray of shape (n_pairs, 2), dtype int64
        Further pairs of rows that exclude each other.
    """

    linked_set: np.ndarray
    protected: np.ndarray
    group: np.ndarray
    apart: np.ndarray


def read_constraints(y, must_link, cannot_link, *, tolerant=False):
    """Read constraints, and close them over what must-links imply.

    Parameters
    ----------
    y : ndarray of shape (n_rows,), dtype int64
        Known labels, -1 where none is known. Rows with the same label have to share a cluster,
        rows with different ones may not.
    must_link, cannot_link : array-like of shape (n_pairs, 2) or None
        Pairs of row numbers.
    tolerant : bool, default=False
        Warn of contradictions and leave the cannot-links concerned to those who break them,
        instead of raising.

    Returns
    -------
    constraints : Constraints
        In memory linear in the rows and the pairs given; pairs that follow from `y` are never
        listed.

    Raises
    ------
    ValueError
        If pairs are no pairs of row numbers, or contradict each other or `y`. The message names
        a pair.
    """
    n_rows = len(y)
    joined = check_pairs(must_link, n_rows, "must_link")
    apart = check_pairs(cannot_link, n_rows, "cannot_link")
    if len(joined) and np.any(joined[:, 0] == joined[:, 1]):
        row = joined[np.argmax(joined[:, 0] == joined[:, 1]), 0]
        raise ValueError(f"must_link holds the pair ({row}, {row}): a row with itself.")
    _, group = np.unique(y[y != UNLABELLED], return_inverse=True)
    known = np.flatnonzero(y != UNLABELLED)
    known = known[np.argsort(group, kind="stable")]
    chain = np.column_stack([known[:-1], known[1:]])
    chain = chain[y[chain[:, 0]] == y[chain[:, 1]]]
    links = np.concatenate([joined, chain])
    linked_set = _components(n_rows, links)
    _check_labels(y, known, linked_set, tolerant)
    _check_apart(apart, linked_set, tolerant)
    protected = np.zeros(n_rows, dtype=bool)
    protected[links.ravel()] = True
    groups = np.full(n_rows, -1, dtype=np.int64)
    groups[y != UNLABELLED] = group
    return Constraints(linked_set, protected, groups, apart)


def check_pairs(pairs, n_rows, name):
    """Return pairs of row numbers as an array.

    Parameters
    ----------
    pairs : array-like of shape (n_pairs, 2) or None
        Row numbers from 0; None or an empty sequence is no pair.
    n_rows : int
        Number of rows.
    name : str
        What to call the pairs in an error.

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2), dtype int64
        The same pairs.

    Raises
    ------
    ValueError
        If the shape is another, or if a number is no whole one or out of range.
    """
    none = np.empty((0, 2), dtype=np.int64)
    if pairs is None:
        return none
    try:
        array = np.asarray(pairs)
    except ValueError:
        raise ValueError(f"{name} must hold pairs: rows of two row numbers each.") from None
    if array.size == 0 and array.ndim <= 2:
        return none
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} must be an array of shape (n_pairs, 2); got shape {array.shape}.")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold whole row numbers; got dtype {array.dtype}.")
    outside = ((array < 0) | (array >= n_rows)).any(axis=1)
    if outside.any():
        first, second = array[np.argmax(outside)]
        raise ValueError(
            f"{name} holds the pair ({first}, {second}); row numbers go from 0 to {n_rows - 1}."
        )
    return np.ascontiguousarray(array, dtype=np.int64)


def cluster_under_links(micro, linked_set):
    """Merge micro-clusters that must-links join.

    Parameters
    ----------
    micro : ndarray of shape (n_rows,), dtype int64
        Micro-cluster of each row, -1 for noise.
    linked_set : ndarray of shape (n_rows,), dtype int64
        Rows with the same number have to share a cluster.

    Returns
    -------
    cluster : ndarray of shape (n_rows,), dtype int64
        Cluster of each row, from 0; -1 for noise.
    n_clusters : int
        How many there are.
    """
    clustered = micro >= 0
    n_micro = int(micro.max()) + 1
    edges = np.column_stack([micro[clustered], n_micro + linked_set[clustered]])
    joint = _components(n_micro + int(linked_set.max()) + 1, edges)
    numbers, which = np.unique(joint[:n_micro], return_inverse=True)
    cluster = np.full(len(micro), -1, dtype=np.int64)
    cluster[clustered] = which[micro[clustered]]
    return cluster, len(numbers)


def cluster_constraints(cluster, n_clusters, constraints):
    """Lift constraints between rows to clusters; those of noise and within one are left out.

    Parameters
    ----------
    cluster : ndarray of shape (n_rows,), dtype int64
        Cluster of each row, from 0; -1 for noise.
    n_clusters : int
        How many there are.
    constraints : Constraints
        Constraints between rows.

    Returns
    -------
    known : ndarray of shape (n_clusters,), dtype bool
        Clusters with rows of a known group: no two of them may be merged.
    apart : ndarray of shape (n_pairs, 2), dtype int64
        Further pairs of clusters that may not be merged.
    """
    known = np.zeros(n_clusters, dtype=bool)
    known[cluster[(constraints.group >= 0) & (cluster >= 0)]] = True
    pairs = cluster[constraints.apart]
    pairs = pairs[(pairs >= 0).all(axis=1) & (pairs[:, 0] != pairs[:, 1])]
    return known, np.unique(np.sort(pairs, axis=1), axis=0)


def merge_until_conflict(n_clusters, links, known, apart):
    """Merge clusters along links in turn, up to the first that brings rivals together.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    links : ndarray of shape (n_links, 2), dtype int64
        Pairs of clusters in the order of merging.
    known : ndarray of shape (n_clusters,), dtype bool
        Clusters no two of which may be merged.
    apart : ndarray of shape (n_pairs, 2), dtype int64
        Further pairs of different clusters that may not be merged.

    Returns
    -------
    merged : ndarray of shape (n_clusters,), dtype int64
        Number of the cluster that each has become part of.
    """

    def conflict_after(n_links):
        merged = _components(n_clusters, links[:n_links])
        together = merged[apart]
        return np.any(together[:, 0] == together[:, 1]) or np.any(np.bincount(merged[known]) > 1)

    # Once together rivals stay together, so that the first conflict is found by halving.
    good, bad = 0, len(links) + 1
    while bad - good > 1:
        middle = (good + bad) // 2
        if conflict_after(middle):
            bad = middle
        else:
            good = middle
    return _components(n_clusters, links[:good])


def _components(n_nodes, edges):
    ones = np.ones(len(edges), dtype=np.int8)
    graph = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(n_nodes, n_nodes))
    return connected_components(graph.tocsr(), directed=False)[1].astype(np.int64)


def _check_labels(y, known, linked_set, tolerant):
    """Refuse must-links between rows of different known groups."""
    by_set = known[np.argsort(linked_set[known], kind="stable")]
    first, second = by_set[:-1], by_set[1:]
    wrong = (linked_set[first] == linked_set[second]) & (y[first] != y[second])
    if wrong.any():
        a, b = sorted((first[np.argmax(wrong)], second[np.argmax(wrong)]))
        _refuse(
            f"must_link joins rows {a} and {b}, directly or by way of others, but y gives them "
            f"the labels {y[a]} and {y[b]}.",
            tolerant,
        )


def _check_apart(apart, linked_set, tolerant):
    """Refuse cannot-links between rows that must-links or a label join."""
    wrong = linked_set[apart[:, 0]] == linked_set[apart[:, 1]]
    if wrong.any():
        a, b = apart[np.argmax(wrong)]
        why = "is a row with itself" if a == b else "is joined by must_link or by a label in y"
        _refuse(
            f"cannot_link holds the pair ({a}, {b}), which {why}: {np.count_nonzero(wrong)} of "
            f"{len(apart)} pairs contradict the must-links.",
            tolerant,
        )


def _refuse(message, tolerant):
    if not tolerant:
        raise ValueError(message + ' Drop one side; conflict="stop" lets must-links win.')
    warnings.warn(message + " The must-links win.", UserWarning, stacklevel=5)
