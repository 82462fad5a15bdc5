"""Types of columns as they come from a file: ids exactly, missing numbers as NaN."""

import numpy as np

from climbkit.survey._gaia_columns import FLOAT_IDS

DAMAGED = "{path} cannot be read, it is damaged or cut short: {error}"
_EXACT = 2**53  # beyond it not every whole number is a float64


def exact_ids(values, missing, path):
    """Return ids of stars as int64.

    Parameters
    ----------
    values : ndarray of shape (n_stars,)
        Whole numbers, or text that writes them out.
    missing : ndarray of bool of shape (n_stars,)
        Where there is none.
    path : path-like
        The file, for errors.

    Returns
    -------
    ids : ndarray of int64 of shape (n_stars,)
        The same numbers.

    Raises
    ------
    ValueError
        If one is missing, or they are not whole numbers of 64 bits.
    """
    values = np.asarray(values)
    if values.dtype.kind == "f":
        raise ValueError(FLOAT_IDS.format(where=path, dtype=values.dtype))
    if missing.any():
        raise ValueError(
            f"{path}: {int(missing.sum())} of {len(missing)} stars have no source_id, the first in "
            f"row {int(np.argmax(missing))}. Drop them, or read other columns."
        )
    if values.dtype.kind == "u" and len(values) and values.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{path}: source_id has numbers above 2**63, which are none of Gaia's.")
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    text = values.astype(str)
    try:
        return np.array([int(value) for value in text], dtype=np.int64)
    except (ValueError, OverflowError):
        bad = str(next(value for value in text if not _is_int64(value)))
    if _is_number(bad):
        raise ValueError(FLOAT_IDS.format(where=path, dtype=f"written as a float, such as {bad}"))
    raise ValueError(f"{path}: source_id must be a whole number; got {bad!r}.")


def tidy_types(frame):
    """Return a table whose numbers are NumPy's, with NaN where there is none.

    Parameters
    ----------
    frame : DataFrame of shape (n_stars, n_columns)
        With pandas' nullable types.

    Returns
    -------
    frame : DataFrame of shape (n_stars, n_columns)
        The same; integers and booleans keep a nullable type where NaN cannot stand beside them.
    """
    import pandas as pd

    changed = {}
    for name in frame:
        column = frame[name]
        if not pd.api.types.is_extension_array_dtype(column.dtype):
            continue
        kind = column.dtype.kind
        if kind == "f" or (kind in "iub" and not column.isna().any()):
            changed[name] = column.dtype.numpy_dtype
        elif kind in "iu" and column.abs().max() <= _EXACT:
            changed[name] = np.float64
    return frame.assign(
        **{
            name: frame[name].to_numpy(dtype, **({"na_value": np.nan} if dtype.kind == "f" else {}))
            for name, dtype in ((name, np.dtype(dtype)) for name, dtype in changed.items())
        }
    )


def _is_int64(text):
    try:
        return -(2**63) <= int(text) < 2**63
    except ValueError:
        return False


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return not _is_int64(text)
