"""The cuts of `GaiaQualityMask`: what each needs and which stars pass."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from climbkit.survey._star_columns import numbers_in

# Riello et al. 2021, A&A 649, A3: the excess factor of isolated stars by bp_rp, eq. 6 with table 2
# (powers ascending), in three ranges of colour, and the scatter of it by G, eq. 18.
_COLOUR_LIMITS = (0.5, 4.0)
_EXCESS_BY_COLOUR = (
    (1.154360, 0.033772, 0.032277),
    (1.162004, 0.011464, 0.049255, -0.005879),
    (1.057572, 0.140537),
)
_SCATTER = (0.0059898, 8.817481e-12, 7.618399)

_G, _BP_RP, _EXCESS = "phot_g_mean_mag", "bp_rp", "phot_bp_rp_excess_factor"


def corrected_excess_factor(bp_rp, excess_factor, g):
    """Return the excess of flux in BP and RP over that in G, without its trend in colour.

    Parameters
    ----------
    bp_rp : array-like of shape (n_stars,)
        Colour, mag.
    excess_factor : array-like of shape (n_stars,)
        Gaia's phot_bp_rp_excess_factor.
    g : array-like of shape (n_stars,)
        phot_g_mean_mag, mag.

    Returns
    -------
    c_star : ndarray of shape (n_stars,)
        Corrected excess factor, about 0 for isolated stars; NaN without colour.
    sigma : ndarray of shape (n_stars,)
        Its scatter among well-behaved isolated stars of that magnitude.

    References
    ----------
    Riello et al. 2021, A&A 649, A3, eqs. 6 and 18. https://doi.org/10.1051/0004-6361/202039587

    Examples
    --------
    >>> from climbkit.survey import corrected_excess_factor
    >>> c_star, sigma = corrected_excess_factor([1.0], [1.25], [15.0])
    >>> print(c_star.round(4), sigma.round(4))
    [0.0332] [0.014]
    """
    bp_rp, excess, g = (
        np.asarray(values, dtype=np.float64) for values in (bp_rp, excess_factor, g)
    )
    expected = np.full(np.broadcast(bp_rp, excess).shape, np.nan)
    blue, red = _COLOUR_LIMITS
    ranges = (bp_rp < blue, (bp_rp >= blue) & (bp_rp < red), bp_rp >= red)
    for where, powers in zip(ranges, _EXCESS_BY_COLOUR, strict=True):
        expected[where] = np.polynomial.polynomial.polyval(bp_rp[where], powers)
    floor, scale, power = _SCATTER
    return excess - expected, floor + scale * g**power


class Cut(NamedTuple):
    """One cut on the quality of stars.

    Attributes
    ----------
    columns : callable
        From a table to the names of the columns that are needed.
    passes : callable
        From a table and the limit to ndarray of bool.
    condition : callable
        From the limit to the condition in words.
    """

    columns: Callable
    passes: Callable
    condition: Callable


def _compared(name, sign, comparison):
    """A cut that compares one column with the limit."""

    def passes(frame, limit):
        return comparison(numbers_in(frame, name), limit)

    return Cut(lambda frame: [name], passes, lambda limit: f"{name} {sign} {limit:g}")


def _parallax_columns(frame):
    direct = ["parallax_over_error"]
    # Stars with the two parts alone are as good, if they have both.
    parts = ["parallax", "parallax_error"]
    return parts if direct[0] not in frame and set(parts) <= set(frame) else direct


def _parallax_passes(frame, limit):
    names = _parallax_columns(frame)
    if len(names) == 1:
        return numbers_in(frame, names[0]) > limit
    parallax, error = (numbers_in(frame, name) for name in names)
    return parallax > limit * error


def _photometry_passes(frame, _):
    return np.isfinite(numbers_in(frame, _G)) & np.isfinite(numbers_in(frame, _BP_RP))


def _amplitude_passes(frame, limit):
    slope, origin = limit
    allowed = np.exp(slope * (numbers_in(frame, _G) - origin))
    return numbers_in(frame, "ipd_gof_harmonic_amplitude") <= allowed


def _excess_passes(frame, limit):
    values = (numbers_in(frame, name) for name in (_BP_RP, _EXCESS, _G))
    c_star, sigma = corrected_excess_factor(*values)
    return np.abs(c_star) < limit * sigma


#: By parameter of `GaiaQualityMask`, in the order in which they are counted.
CUTS = {
    "min_parallax_over_error": Cut(
        _parallax_columns, _parallax_passes, lambda limit: f"parallax_over_error > {limit:g}"
    ),
    "require_photometry": Cut(
        lambda frame: [_G, _BP_RP], _photometry_passes, lambda _: f"{_G} and {_BP_RP} present"
    ),
    "min_params_solved": _compared("astrometric_params_solved", ">", np.greater),
    "max_ruwe": _compared("ruwe", "<", np.less),
    "max_excess_noise_sig": _compared("astrometric_excess_noise_sig", "<=", np.less_equal),
    "max_harmonic_amplitude": Cut(
        lambda frame: ["ipd_gof_harmonic_amplitude", _G],
        _amplitude_passes,
        lambda limit: f"ipd_gof_harmonic_amplitude <= exp({limit[0]:g} (G - {limit[1]:g}))",
    ),
    "min_visibility_periods": _compared("visibility_periods_used", ">=", np.greater_equal),
    "max_multi_peak": _compared("ipd_frac_multi_peak", "<", np.less),
    "max_excess_factor": Cut(
        lambda frame: [_BP_RP, _EXCESS, _G],
        _excess_passes,
        lambda limit: f"|C*| < {limit:g} sigma_C",
    ),
    "min_fidelity": _compared("fidelity", ">", np.greater),
}


def combined(passed, n_stars):
    """Return which stars pass all cuts.

    Parameters
    ----------
    passed : dict of str to ndarray of bool of shape (n_stars,) or None
        Which stars pass, by cut; None for one that was left out.
    n_stars : int
        Number of stars.

    Returns
    -------
    good : ndarray of bool of shape (n_stars,)
        Those that pass.
    """
    good = np.ones(n_stars, dtype=bool)
    for made in passed.values():
        if made is not None:
            good &= made
    return good


def summary(passed, limits):
    """Count what each cut takes.

    Parameters
    ----------
    passed : dict of str to ndarray of bool of shape (n_stars,) or None
        As for `combined`.
    limits : object
        With the limit of each cut as an attribute.

    Returns
    -------
    summary : DataFrame of shape (n_cuts, 4)
        As of `GaiaQualityMask.summary_`.
    """
    import pandas as pd

    made = {name: ok for name, ok in passed.items() if ok is not None}
    n_failed = sum((~ok).astype(np.int64) for ok in made.values())
    rows, good = [], True
    for name, ok in passed.items():
        counts = (pd.NA,) * 3
        if ok is not None:
            good = good & ok
            counts = (int((~ok).sum()), int((~ok & (n_failed == 1)).sum()), int(good.sum()))
        rows.append((CUTS[name].condition(getattr(limits, name)), *counts))
    counted = ["n_failed", "n_failed_alone", "n_left"]
    table = pd.DataFrame(rows, columns=["condition", *counted], index=list(passed))
    table.index.name = "cut"
    return table.astype(dict.fromkeys(counted, "Int64"))
