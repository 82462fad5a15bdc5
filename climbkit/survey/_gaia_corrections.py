"""What is known to be wrong with Gaia's parallaxes and proper motions, taken off."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions

from climbkit._optional import import_optional
from climbkit.base import BuilderMixin
from climbkit.survey._gaia_columns import find_columns
from climbkit.survey._star_columns import numbers_in
from climbkit.survey._table_input import as_frame

_SOLVED = (31, 95)  # five and six parameters
# Where the zero point is defined (Lindegren et al. 2021, A&A 649, A4, sect. 5 and its code): G in
# mag; effective wavenumber of the 5-parameter solutions and pseudocolour of the others, 1/micron.
_RANGES = {"g": (6.0, 21.0), 31: (1.1, 1.9), 95: (1.24, 1.72)}
# The published noise N(0.01, 0.003) mas per parallax and N(0.01, 0.02) mas/yr per pmra of a bright
# star (Baloyi et al. 2025): its means.
PUBLISHED_PARALLAX_OFFSET = 0.01
PUBLISHED_PMRA_OFFSET = 0.01
OBLIQUITY = np.deg2rad(84381.448 / 3600)  # of the ecliptic at J2000.0, IAU 1976
_G = "phot_g_mean_mag"


# Tables come out as tables, so that scikit-learn need not wrap them, nor hide who called.
class _Correction(BuilderMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """A transformer of tables that learns nothing from them."""

    def fit(self, stars, y=None):
        """Check the parameters; nothing is learnt from the stars.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With Gaia's names and units; see `to_gaia_columns`.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter is not allowed.
        """
        self._checked(stars)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        return tags

    def _checked(self, stars):
        self._validate_params()
        frame, _ = as_frame(stars, "stars")
        if frame is None:
            raise ValueError("stars must be a pandas DataFrame or an astropy Table; got None.")
        if self._mark in frame:
            raise ValueError(
                f"stars already have a column {self._mark!r}: they have been corrected before."
            )
        return frame


class ParallaxZeroPoint(_Correction, auto_wrap_output_keys=None):
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
    0  0.536953            -0.036953
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
        needs = [_G, "nu_eff_used_in_astrometry", "pseudocolour", "astrometric_params_solved"]
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
        g, solved = numbers_in(frame, _G), numbers_in(frame, "astrometric_params_solved")
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


class ProperMotionFrame(_Correction, auto_wrap_output_keys=None):
    """Take off the rotation of Gaia's bright stars against its faint ones.

    Parameters
    ----------
    method : {"rotation", "offset"}, default="rotation"
        ``"rotation"``: the spin of Cantat-Gaudin & Brandt (2021), by magnitude, of stars brighter
        than G = 13. ``"offset"``: 0.01 mas/yr off the pmra of these stars, the mean of the noise
        that Baloyi et al. (2025) subtract.

    missing : {"warn", "error"}, default="warn"
        Where a column is absent: leave the proper motions as they are, and warn; or raise.

    See Also
    --------
    ParallaxZeroPoint : The correction of parallaxes.

    Notes
    -----
    Needs pmra, pmdec, phot_g_mean_mag, ra and dec. Stars without magnitude are left as they are.
    The rotation reaches 0.08 mas/yr and is known to about 0.01. Linear in the number of stars.

    References
    ----------
    Cantat-Gaudin & Brandt 2021, Characterizing and correcting the proper motion bias of the bright
    Gaia EDR3 sources, A&A 649, A124, table 1. https://doi.org/10.1051/0004-6361/202140807

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey import ProperMotionFrame
    >>> stars = pd.DataFrame({"ra": [0.0, 0.0], "dec": [0.0, 0.0], "pmra": [1.0, 1.0],
    ...                       "pmdec": [2.0, 2.0], "phot_g_mean_mag": [12.9, 13.0]})
    >>> print(ProperMotionFrame().transform(stars)[["pmra", "pmdec"]].to_string(index=False))
      pmra  pmdec
    1.0029 2.0689
    1.0000 2.0000
    """

    _parameter_constraints = {
        "method": [StrOptions({"rotation", "offset"})],
        "missing": [StrOptions({"warn", "error"})],
    }
    _mark = "pm_frame_corrected"

    def __init__(self, *, method="rotation", missing="warn"):
        self.method = method
        self.missing = missing

    @classmethod
    def published(cls):
        """Return the correction of Baloyi et al. 2025, without its random part.

        Returns
        -------
        correction : ProperMotionFrame
            With the mean of the noise that they subtract.
        """
        return cls(method="offset", missing="error")

    def transform(self, stars):
        """Correct the proper motions.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With Gaia's names and units.

        Returns
        -------
        stars : DataFrame of shape (n_stars, n_columns + 1)
            With corrected pmra and pmdec, and pm_frame_corrected: True where they have changed.

        Raises
        ------
        ValueError
            If a parameter is not allowed, a column is absent and `missing` says so, or the proper
            motions have been corrected before.
        """
        frame = self._checked(stars)
        needs = ["pmra", "pmdec", _G] + ([] if self.method == "offset" else ["ra", "dec"])
        without = "the rotation of the bright stars is not taken off"
        if not find_columns(frame, needs, missing=self.missing, without=without):
            return frame.assign(**{self._mark: False})
        g = numbers_in(frame, _G)
        bright = (g >= _MAGNITUDES[0]) & (g < _MAGNITUDES[-1])
        pmra, pmdec = numbers_in(frame, "pmra").copy(), numbers_in(frame, "pmdec").copy()
        if self.method == "offset":
            pmra[bright] -= PUBLISHED_PMRA_OFFSET
        else:
            ra, dec = (np.deg2rad(numbers_in(frame, name)[bright]) for name in ("ra", "dec"))
            spin = _SPIN[:, np.searchsorted(_MAGNITUDES, g[bright], side="right") - 1]
            along_ra, along_dec = _rotation(spin, ra, dec)
            pmra[bright] -= along_ra
            pmdec[bright] -= along_dec
        return frame.assign(pmra=pmra, pmdec=pmdec, **{self._mark: bright})


# Table 1 of Cantat-Gaudin & Brandt (2021): limits of G, and in each interval the spin of the
# bright frame about the axes of ICRS, microarcsec/yr.
_MAGNITUDES = np.array([0, 9, 9.5, 10, 10.5, 11, 11.5, 11.75, 12, 12.25, 12.5, 12.75, 13])
_SPIN_MICROARCSEC = (
    (18.4, 14.0, 12.8, 13.6, 16.2, 19.4, 21.8, 17.7, 21.3, 25.7, 27.3, 34.9),
    (33.8, 30.7, 31.4, 35.7, 50.0, 59.9, 64.2, 65.6, 74.8, 73.6, 76.6, 68.9),
    (-11.3, -19.4, -11.8, -10.5, 2.1, 0.2, 1.0, -1.9, 2.1, 1.0, 0.5, -2.9),
)
_SPIN = np.array(_SPIN_MICROARCSEC) / 1000.0  # mas/yr


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


def _rotation(spin, ra, dec):
    """Proper motions that a spin (x, y, z) gives at positions in radians."""
    x, y, z = spin
    along_ra = z * np.cos(dec) - np.sin(dec) * (x * np.cos(ra) + y * np.sin(ra))
    return along_ra, x * np.sin(ra) - y * np.cos(ra)


def _within(values, limits):
    return (values > limits[0]) & (values < limits[1])


def _quietly(function, *arguments):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)
