"""Sparse memberships, candidate by star: checks, choosing rows, sums and medians by candidate."""

import numpy as np


def check_memberships(indptr, indices, n_candidates, n_stars):
    """Return indptr and indices as int64, after a look at their form.

    Parameters
    ----------
    indptr : array-like of shape (n_candidates + 1,)
        Where each candidate's members begin in `indices`.
    indices : array-like of shape (n_members,)
        Row numbers of the members in the table of stars.
    n_candidates : int
        Number of candidates.
    n_stars : int or None
        Number of stars; None where it is not known.

    Returns
    -------
    indptr, indices : ndarray of int64
        The same numbers.

    Raises
    ------
    ValueError
        If the arrays are not those of a sparse matrix of this shape.
    """
    indptr = _as_row_numbers(indptr, "indptr")
    indices = _as_row_numbers(indices, "indices")
    if len(indptr) != n_candidates + 1:
        raise ValueError(
            f"indptr must have one entry more than the table has rows: table has {n_candidates} "
            f"rows, indptr {len(indptr)} entries."
        )
    if indptr[0] != 0 or indptr[-1] != len(indices) or np.any(np.diff(indptr) < 0):
        raise ValueError(
            "indptr must start at 0, never decrease, and end at the number of indices "
            f"({len(indices)})."
        )
    if len(indices):
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or (n_stars is not None and high >= n_stars):
            wrong = low if low < 0 else high
            raise ValueError(
                f"indices must be row numbers of the stars, from 0 to {n_stars} (exclusive); "
                f"got {wrong}."
            )
    return indptr, indices


def _as_row_numbers(values, name):
    values = np.asarray(values)
    if values.ndim != 1 or (len(values) and values.dtype.kind not in "iu"):
        raise ValueError(
            f"{name} must be a one-dimensional array of whole numbers; got shape {values.shape} "
            f"and dtype {values.dtype}."
        )
    return values.astype(np.int64, copy=False)


def sorting_order(indptr, indices):
    """Return the order that sorts the members of each candidate, None where they are sorted.

    Raises
    ------
    ValueError
        If a candidate names a star twice.
    """
    inside = np.ones(max(len(indices) - 1, 0), dtype=bool)
    boundaries = indptr[(indptr > 0) & (indptr < len(indices))]
    inside[boundaries - 1] = False
    if np.all(np.diff(indices)[inside] > 0):
        return None
    # Candidate and star in one number; no product of the two that fits into memory overflows it.
    order = np.argsort(owners(indptr) * (indices.max() + 1) + indices, kind="stable")
    twice = (np.diff(indices[order]) == 0) & inside
    if np.any(twice):
        at = int(np.flatnonzero(twice)[0])
        raise ValueError(
            f"candidate {int(owners(indptr)[at])} holds the star in row "
            f"{int(indices[order][at])} more than once."
        )
    return order


def owners(indptr):
    """Return the number of the candidate that each entry of `indices` belongs to."""
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def take(indptr, chosen):
    """Choose candidates.

    Returns
    -------
    indptr : ndarray of shape (n_chosen + 1,), dtype int64
        Where the members of each chosen candidate begin.
    positions : ndarray of int64
        Entries of `indices` (and of whatever else has one value per member) to keep.
    """
    sizes = np.diff(indptr)[chosen]
    new_indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    shift = np.repeat(indptr[:-1][chosen] - new_indptr[:-1], sizes)
    return new_indptr, shift + np.arange(new_indptr[-1])


def sum_by_candidate(values, indptr):
    """Return the sum of each candidate's values, 0 where it has no members.

    Parameters
    ----------
    values : ndarray of shape (n_members,) or (n_members, n_columns)
        One entry per member, in the order of `indices`.
    indptr : ndarray of shape (n_candidates + 1,)
        Where each candidate's members begin.

    Returns
    -------
    sums : ndarray of shape (n_candidates,) or (n_candidates, n_columns)
        Of the dtype of `values`; unsigned integers wrap around.
    """
    sums = np.zeros((len(indptr) - 1, *values.shape[1:]), dtype=values.dtype)
    # reduceat gives an empty segment the value that follows it, so it must not see one.
    filled = np.diff(indptr) > 0
    if np.any(filled):
        sums[filled] = np.add.reduceat(values, indptr[:-1][filled], axis=0)
    return sums


def median_by_candidate(values, indptr):
    """Return the median of each candidate's values; NaN is left out.

    Parameters
    ----------
    values : ndarray of shape (n_members,), dtype float64
        One entry per member, in the order of `indices`.
    indptr : ndarray of shape (n_candidates + 1,)
        Where each candidate's members begin.

    Returns
    -------
    medians : ndarray of shape (n_candidates,)
        NaN where a candidate has no value.
    """
    import pandas as pd

    # pandas selects within each group where NumPy could only sort everything.
    found = pd.Series(values).groupby(owners(indptr), sort=False).median()
    medians = np.full(len(indptr) - 1, np.nan)
    medians[found.index.to_numpy(dtype=np.int64)] = found.to_numpy()
    return medians
