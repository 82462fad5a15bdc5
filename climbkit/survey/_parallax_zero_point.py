"""The zero point of Gaia's parallaxes."""

import warnings
from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from climbkit._optional import import_optional
from climbkit.survey._gaia_columns import find_columns
from climbkit.survey._gaia_corrections import G_MAGNITUDE, Correction
from climbkit.survey._star_columns import numbers_in

_SOLVED = (31, 95)  # five and six parameters
# Where the zero point is defined (Lindegren et al. 2021, A&A 649, A4, and its code): G in
# mag; effective wavenumber of the 5-parameter solutions and pseudocolour of the others, 1/micron.
_RANGES = {"g": (6.0, 21.0), 31: (1.1, 1.9), 95: (1.24, 1.72)}
# Mean of the published noise, N(0.01, 0.003) mas per parallax (Baloyi et al. 2025).
PUBLISHED_PARALLAX_OFFSET = 0.01
OBLIQUITY = np.deg2rad(84381.448 / 3600)  # of the ecliptic at J2000.0, IAU 1976


class ParallaxZeroPoint(Correction, auto_wrap_output_keys=None):
    """Take the zero point of Lindegren et al. (2021) off the parallaxes.

    Parameters
    ----------
    out_of_range : {"clip", "keep", "nan"}, default="clip"
        What becomes of stars for which the zero point is not defined: G outside of 6 to 21 mag,
        effective wavenumber outside of 1.1 to 1.9 or pseudocolour outside of 1.24 to 1.72 per
        micron. ``"clip"``: they get that at the limit, which is what the formula itself does for
        all but the effective wavenumber. ``"keep"``: they keep their parallax. ``"nan"``: zero
        point and parallax are NaN, so that `TiledHDBSCAN` leaves the star out, as published; it
        costs many faint stars. Stars without magnitude or colour are NaN, or kept.

    offset : float, default=0.0
        What else to take off each parallax, mas.

    missing : {"warn", "error"}, default="warn"
        Where a column is absent: leave the parallaxes as they are, apart from `offset`, and warn;
        or raise.

    See Also
    --------
    ProperMotionFrame : The correction of proper motions.
    GaiaQualityMask : Marks stars that are good enough.

    Notes
    -----
    Needs parallax, phot_g_mean_mag, nu_eff_used_in_astrometry, pseudocolour and
    astrometric_params_solved; and ecl_lat, or ra and dec. Stars without parallax have a zero point
    of NaN. The column parallax_over_error stays that of the archive.

    The coefficients are those of the package gaiadr3-zeropoint, of Gaia's own team
    (``pip install climbkit[gaia]``). Linear in the number of stars.

    References
    ----------
    Lindegren et al. 2021, Gaia EDR3: parallax bias versus magnitude, colour, and position, A&A
    649, A4. https://doi.org/10.1051/0004-6361/202039653

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey import ParallaxZeroPoint
    >>> stars = pd.DataFrame({"parallax": [0.5], "phot_g_mean_mag": [15.0], "ecl_lat": [20.0],
    ...                       "nu_eff_used_in_astrometry": [1.5], "pseudocolour": [None],
    ...                       "astrometric_params_solved": [31]})
    >>> corrected = ParallaxZeroPoint().transform(stars)  # doctest: +SKIP
    >>> corrected[["parallax", "parallax_zero_point"]]  # doctest: +SKIP
       parallax  parallax_zero_point
    0  0.539935            -0.039935
    """

    _parameter_constraints = {
        "out_of_range": [StrOptions({"clip", "keep", "nan"})],
        "offset": [Interval(Real, None, None, closed="neither")],
        "missing": [StrOptions({"warn", "error"})],
    }
    _mark = "parallax_zero_point"

    def __init__(self, *, out_of_range="clip", offset=0.0, missing="warn"):
        self.out_of_range = out_of_range
        self.offset = offset
        self.missing = missing

    @classmethod
    def published(cls):
        """Return the correction of Baloyi et al. 2025, without its random part.

        Returns
        -------
        correction : ParallaxZeroPoint
            Stars out of range are NaN; with an offset of 0.01 mas, the mean of the noise that they
            subtract.
        """
        return cls(out_of_range="nan", offset=PUBLISHED_PARALLAX_OFFSET, missing="error")

    def transform(self, stars):
        """Correct the parallaxes.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With Gaia's names and units.

        Returns
        -------
        stars : DataFrame of shape (n_stars, n_columns + 1)
            With corrected parallax, and parallax_zero_point: what was taken off, mas.

        Raises
        ------
        ImportError
            If the package gaiadr3-zeropoint is missing.
        ValueError
            If a parameter is not allowed, parallax is absent, another column is absent and
            `missing` says so, or the parallaxes have been corrected before.
        """
        frame = self._checked(stars)
        find_columns(frame, ["parallax"], missing="error", without="there is nothing to correct")
        taken = np.full(len(frame), float(self.offset))
        needs = [
            G_MAGNITUDE,
            "nu_eff_used_in_astrometry",
            "pseudocolour",
            "astrometric_params_solved",
        ]
        needs += [] if {"ra", "dec"} <= set(frame) else ["ecl_lat"]
        without = "the zero point of parallaxes is not taken off"
        if find_columns(frame, needs, missing=self.missing, without=without):
            taken += self._zero_point(frame)
        parallax = numbers_in(frame, "parallax") - taken
        corrected = frame.assign(parallax=parallax, **{self._mark: taken})
        if "units" in corrected.attrs:
            corrected.attrs["units"] = {**corrected.attrs["units"], self._mark: "mas"}
        return corrected

    def _zero_point(self, frame):
        package = import_optional("zero_point.zpt", "gaia")
        package.load_tables()
        g, solved = numbers_in(frame, G_MAGNITUDE), numbers_in(frame, "astrometric_params_solved")
        latitude = ecliptic_latitude(frame)
        has = np.isfinite(g) & np.isfinite(latitude) & np.isin(solved, _SOLVED)
        has &= np.isfinite(numbers_in(frame, "parallax"))
        colours = {
            31: numbers_in(frame, "nu_eff_used_in_astrometry"),
            95: numbers_in(frame, "pseudocolour"),
        }
        inside = _within(g, _RANGES["g"])
        for kind, colour in colours.items():
            own = solved == kind
            has &= ~own | np.isfinite(colour)
            inside &= ~own | _within(colour, _RANGES[kind])
            if self.out_of_range == "clip":
                colours[kind] = np.clip(colour, *_RANGES[kind])
        if self.out_of_range == "clip":
            g, inside = np.clip(g, *_RANGES["g"]), np.ones_like(inside)
        use = has & inside
        zero_point = np.full(len(frame), np.nan)
        if use.any():
            arguments = (values[use] for values in (g, colours[31], colours[95], latitude, solved))
            # At the limits themselves the package warns, and gives what is asked for.
            zero_point[use] = _quietly(package.get_zpt, *arguments)
        if self.out_of_range == "keep":
            zero_point[~use & np.isfinite(numbers_in(frame, "parallax"))] = 0.0
        return zero_point


def ecliptic_latitude(frame):
    """Return the ecliptic latitude of stars.

    Parameters
    ----------
    frame : DataFrame
        With ecl_lat, or ra and dec.

    Returns
    -------
    latitude : ndarray of shape (n_stars,)
        Degrees.
    """
    if "ecl_lat" in frame:
        return numbers_in(frame, "ecl_lat")
    ra, dec = (np.deg2rad(numbers_in(frame, name)) for name in ("ra", "dec"))
    sine = np.sin(dec) * np.cos(OBLIQUITY) - np.cos(dec) * np.sin(OBLIQUITY) * np.sin(ra)
    return np.rad2deg(np.arcsin(np.clip(sine, -1.0, 1.0)))


def _within(values, limits):
    return (values > limits[0]) & (values < limits[1])


def _quietly(function, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)
