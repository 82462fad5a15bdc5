"""Limits of the axes of diagrams."""

import math
from numbers import Real

import numpy as np

_SINGULAR = 0.5  # mag on both sides of the only value there is, where margins are 0


def choose_limits(extremes, limits, margins):
    """Turn smallest and largest values into limits, in place.

    Parameters
    ----------
    extremes : ndarray of shape (n_diagrams, 2)
        Smallest and largest value of each diagram, NaN where it has none. Changed to its limits;
        NaN where no value lies between those that are given.
    limits : (float or None, float or None)
        Limits that all diagrams share. None: follow the values, with a margin.
    margins : (float, float)
        Margins below and above.
    """
    low, high = extremes.T
    unseen = np.zeros(len(extremes), dtype=bool)
    if limits[0] is not None:
        unseen |= high < limits[0]
    if limits[1] is not None:
        unseen |= low > limits[1]
    missing = np.isnan(low)
    low[:] = low - margins[0] if limits[0] is None else limits[0]
    high[:] = high + margins[1] if limits[1] is None else limits[1]
    single = low == high
    low[single] -= _SINGULAR
    high[single] += _SINGULAR
    extremes[unseen | missing] = np.nan


def checked_numbers(name, values, length, *, missing=False):
    """Return the finite numbers that a parameter holds.

    Parameters
    ----------
    name : str
        Of the parameter.
    values : sequence of float or None
        Numbers.
    length : int
        How many there must be.
    missing : bool, default=False
        Whether None is allowed.

    Returns
    -------
    numbers : list of float
        NaN for None, which no comparison finds too large or too small.

    Raises
    ------
    ValueError
        If there are more or fewer, or one is no finite number.
    """
    allowed = "numbers or None" if missing else "numbers"
    good = [(missing and v is None) or (isinstance(v, Real) and math.isfinite(v)) for v in values]
    if len(values) != length or not all(good):
        raise ValueError(f"{name} must be {length} {allowed}; got {values!r}.")
    return [np.nan if value is None else float(value) for value in values]
