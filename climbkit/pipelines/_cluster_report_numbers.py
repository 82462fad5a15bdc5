"""Numbers of a report: with errors, units, and no more digits than they have."""

import html
import math

import numpy as np

_MINUS = "\u2212"
_DASH = "\u2013"
_NONE = "\u2013"
_ERROR_DIGITS = 2
_MOST_DECIMALS = 8
# Decimals of columns that have no error of their own.
_DECIMALS = dict.fromkeys(["ra", "dec", "l", "b"], 4) | {"r50": 4, "separation": 4}
_DECIMALS |= {"p_class": 3, "persistence": 3}
_NEARLY_ONE = 0.9995  # a probability that would be written as 1.000
_CLOSE = ("", "\u00b0", "\u2032")  # units that stand at the number without a space
#: Ends of the names of columns that belong to another one.
ENDS = ("_error", "_error_sys", "_lower", "_upper")


def escape(text):
    """Return text that is safe anywhere in a page."""
    return html.escape(str(text), quote=True)


def is_number(value):
    """Tell whether a value is a number, missing or not."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def known(value):
    """Tell whether there is a value: not None, NaN, masked or empty text."""
    if value is None or value is np.ma.masked:
        return False
    return math.isfinite(value) if is_number(value) else str(value).strip() != ""


def write_number(value, decimals=None):
    """Return a number as text, with a true minus sign."""
    if not known(value):
        return _NONE
    if isinstance(value, int | np.integer):
        return f"{int(value):,}".replace("-", _MINUS)
    value = float(value)
    if decimals is not None:
        text = f"{value:.{decimals}f}"
    elif value == 0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:.4g}"
    else:
        text = f"{value:.2e}"
    return text.replace("-", _MINUS)


def decimals_of(error):
    """Return how many decimals show two digits of an error."""
    if not known(error) or error <= 0:
        return None
    return int(np.clip(_ERROR_DIGITS - 1 - math.floor(math.log10(error)), 0, _MOST_DECIMALS))


def write_cell(row, name):
    """Return what stands for a column of the table: the value, with its digits.

    Parameters
    ----------
    row : dict
        Values by column.
    name : str
        Column.

    Returns
    -------
    text : str
        Not yet escaped.
    """
    value = row.get(name)
    if not is_number(value):
        return str(value) if known(value) else _NONE
    if name == "p_class" and _NEARLY_ONE <= value < 1.0:
        return "> 0.999"
    decimals = decimals_of(row.get(f"{name}_error"))
    return write_number(value, _DECIMALS.get(name) if decimals is None else decimals)


def write_value(row, name, unit=""):
    """Return a number with its errors and unit.

    Parameters
    ----------
    row : dict
        Values by column: `name`, and what there is of `name` with ``_error`` (statistical),
        ``_error_sys`` (systematic), ``_lower`` and ``_upper``.
    name : str
        Column.
    unit : str, default=""
        Unit.

    Returns
    -------
    text : str
        Not yet escaped.
    """
    value = row.get(name)
    if not is_number(value) or not known(value):
        return write_cell(row, name)
    error, systematic = row.get(f"{name}_error"), row.get(f"{name}_error_sys")
    lower, upper = row.get(f"{name}_lower"), row.get(f"{name}_upper")
    unit = unit if unit in _CLOSE else f" {unit}"
    if known(error):
        decimals = decimals_of(error)
        text = f"{write_number(value, decimals)} ± {write_number(error, decimals)}"
        if known(systematic):
            text = f"{text} (stat) ± {write_number(systematic, decimals_of(systematic))} (sys)"
        return text + unit
    if known(lower) and known(upper):
        decimals = decimals_of(min(value - lower, upper - value))
        ends = f"{write_number(lower, decimals)} {_DASH} {write_number(upper, decimals)}"
        return f"{write_number(value, decimals)}{unit} (68 %: {ends})"
    return write_cell(row, name) + unit


def write_unit(unit):
    """Return a unit as people write it: ``mas yr⁻¹``."""
    if unit is None:
        return ""
    return unit.to_string("unicode") if hasattr(unit, "to_string") else str(unit)
