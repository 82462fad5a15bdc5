"""Interstellar extinction in Gaia's bands."""

import numpy as np

#: Coefficients of A_band / A_0 for main-sequence stars in the passbands of Gaia EDR3 (those of
#: DR3 too), with the law of Fitzpatrick et al. (2019), as ESA publishes them:
#: https://www.cosmos.esa.int/web/gaia/edr3-extinction-law
#: Terms, with X the intrinsic colour and A = A_0: 1, X, X², X³, A, A², A³, AX, AX², A²X.
_COEFFICIENTS = np.array(
    [
        [
            0.995969721536602,
            -0.159726460302015,
            0.0122380738156057,
            0.00090726555099859,
            -0.0377160263914123,
            0.00151347495244888,
            -2.52364537395142e-05,
            0.0114522658102451,
            -0.000936914989014318,
            -0.000260296774134201,
        ],
        [
            1.15363197483424,
            -0.0814012991657388,
            -0.036013023976704,
            0.0192143585568966,
            -0.022397548243016,
            0.000840562680547171,
            -1.31018008013549e-05,
            0.00660124080271006,
            -0.000882247501989453,
            -0.000111215755291684,
        ],
        [
            0.66320787941067,
            -0.0179847164933981,
            0.000493769449961458,
            -0.00267994405695751,
            -0.00651422146709376,
            3.30179903473159e-05,
            1.57894227641527e-06,
            -7.9800898337247e-05,
            0.000255679812110045,
            1.10476584967393e-05,
        ],
    ]
)
_COLOR_RANGE = (-0.06, 2.5)  # mag, where the coefficients were fitted
MAX_EXTINCTION = 20.0  # mag, likewise


def gaia_extinction(bp_rp, a_v):
    """Give the extinction in G, BP and RP of stars behind dust.

    Parameters
    ----------
    bp_rp : array-like of shape (n_stars,)
        Intrinsic colour, mag. Beyond -0.06 and 2.5, where the law was fitted, the coefficients
        are those of the nearer end.
    a_v : float or array-like of shape (n_stars,)
        Extinction at 550 nm, mag, between 0 and 20; near enough that in V.

    Returns
    -------
    a_g, a_bp, a_rp : ndarray of shape (n_stars,)
        Extinction in each band, mag.

    Raises
    ------
    ValueError
        If `a_v` is not between 0 and 20.

    Notes
    -----
    The bands are wide, and their extinction depends on the colour of the star and grows more
    slowly than `a_v`.

    References
    ----------
    .. [1] Fitzpatrick et al. 2019, ApJ 886, 108, https://doi.org/10.3847/1538-4357/ab4c3a
    .. [2] Danielski et al. 2018, A&A 614, A19, https://doi.org/10.1051/0004-6361/201732327

    Examples
    --------
    >>> from climbkit.cmd._extinction import gaia_extinction
    >>> a_g, a_bp, a_rp = gaia_extinction([0.0, 1.0, 2.0], 1.0)
    >>> a_g.round(2).tolist(), (a_bp - a_rp).round(2).tolist()
    ([0.96, 0.82, 0.72], [0.48, 0.4, 0.39])
    """
    a_v = np.asarray(a_v, dtype=np.float64)
    if not ((a_v >= 0) & (a_v <= MAX_EXTINCTION)).all():
        raise ValueError(f"a_v must be between 0 and {MAX_EXTINCTION:g} mag; got {a_v}.")
    x, a = np.broadcast_arrays(np.clip(np.asarray(bp_rp, dtype=np.float64), *_COLOR_RANGE), a_v)
    terms = [np.ones_like(x), x, x**2, x**3, a, a**2, a**3, a * x, a * x**2, a**2 * x]
    return tuple(
        a * sum(c * term for c, term in zip(row, terms, strict=True)) for row in _COEFFICIENTS
    )
