"""Which candidates a key names: row numbers, slices, masks and ids."""

import numpy as np


def number_of(key, ids):
    """Return the row number of the candidate that a row number or an id names.

    Parameters
    ----------
    key : int or str
        Row number, from the end where negative, or candidate_id.
    ids : ndarray of shape (n_candidates,)
        Ids of the candidates.

    Returns
    -------
    number : int
        Row number.

    Raises
    ------
    IndexError
        If there are fewer candidates.
    KeyError
        If no candidate, or more than one, has the id.
    """
    if not isinstance(key, str):
        return int(_checked_numbers(np.array([key]), len(ids))[0])
    found = np.flatnonzero(ids == key)
    if len(found) != 1:
        raise KeyError(f"{len(found)} candidates have the id {key!r}.")
    return int(found[0])


def numbers_of(key, ids):
    """Return the row numbers of the candidates that a key names.

    Parameters
    ----------
    key : slice, array-like of bool, of int or of str
        Slice of rows, mask, row numbers or candidate ids.
    ids : ndarray of shape (n_candidates,)
        Ids of the candidates.

    Returns
    -------
    numbers : ndarray of int64
        Row numbers, in the order of the key.

    Raises
    ------
    IndexError
        If the key is of another kind or length, or out of range.
    KeyError
        If an id is unknown or is that of several candidates.
    """
    if isinstance(key, slice):
        return np.arange(len(ids))[key]
    key = np.asarray(key)
    if key.ndim == 1 and len(key) == 0 and key.dtype != bool:
        return np.empty(0, dtype=np.int64)
    if key.ndim == 1 and key.dtype == bool:
        if len(key) != len(ids):
            raise IndexError(f"the mask has {len(key)} entries for {len(ids)} candidates.")
        return np.flatnonzero(key)
    if key.ndim == 1 and key.dtype.kind in "iu":
        return _checked_numbers(key, len(ids))
    if key.ndim == 1 and key.dtype.kind in "OUT" and all(isinstance(k, str) for k in key):
        return _numbers_of_ids(key.astype(object), ids)
    raise IndexError(
        "candidates are chosen by a row number, an id, a slice, a boolean mask, or an array of "
        f"row numbers or ids; got dtype {key.dtype} of shape {key.shape}."
    )


def _checked_numbers(numbers, n_candidates):
    wrong = (numbers < -n_candidates) | (numbers >= n_candidates)
    if np.any(wrong):
        raise IndexError(
            f"candidate {numbers[wrong][0]} is out of range: there are {n_candidates}."
        )
    return np.where(numbers < 0, numbers + n_candidates, numbers).astype(np.int64)


def _numbers_of_ids(wanted, ids):
    import pandas as pd

    index = pd.Index(ids.astype(object))
    chosen = index.isin(wanted)
    if index[chosen].has_duplicates:
        twice = index[chosen][index[chosen].duplicated()][0]
        raise KeyError(f"several candidates have the id {twice!r}.")
    numbers = index[chosen].get_indexer(wanted)
    if np.any(numbers < 0):
        raise KeyError(f"no candidate has the id {wanted[numbers < 0][0]!r}.")
    return np.flatnonzero(chosen)[numbers]
