"""Stellar populations as Gaia would see them: colour-magnitude diagrams from isochrones."""

import os
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from climbkit.base import BuilderMixin
from climbkit.cmd._extinction import MAX_EXTINCTION, gaia_extinction
from climbkit.cmd._isochrones import Isochrones, cached_isochrones, default_isochrones
from climbkit.cmd._synthetic_masses import MASS_FUNCTIONS, MassSampler
from climbkit.cmd._synthetic_survey import completeness, observe

_MODULUS_AT_KPC = 10.0  # distance modulus of one kpc, mag
_TWINS = 2.5 * np.log10(2.0)  # how much brighter two equal stars are than one, mag
#: Stars this much fainter than the limit (mag), twins allowed for, are not drawn at all: errors
#: in G are far smaller there.
_MARGIN = 0.3
_SPREADS = 4.0  # standard deviations of extinction by which a star may lie before the mean
_FIRST_DRAW, _LARGEST_DRAW = 1000, 1_000_000
_HOPELESS = 1e-5  # share of the drawn stars that must be found


class SyntheticCMD(BuilderMixin, BaseEstimator):
    """Draw the colour-magnitude diagram of a stellar population, as Gaia DR3 would see it.

    Stars of one age and metallicity get initial masses, some of them a companion that is not
    resolved; they are dimmed by distance and dust, measured with errors, and lost where they are
    faint.

    Parameters
    ----------
    isochrones : path-like or Isochrones, default=None
        Table of PARSEC, or what `read_isochrones` made of one. None: the one file in the folder
        ``isochrones`` of the folder that the environment variable ``CLIMBKIT_DATA`` names.

    age : float, default=10.0
        Age, Gyr.

    metallicity : float, default=-1.0
        [M/H], dex.

    distance : float, default=10.0
        Distance, kpc. For a distance modulus mu it is ``10 ** (mu / 5 - 2)``.

    extinction : float, default=0.0
        Mean extinction A_V, mag; see Notes.

    extinction_spread : float, default=0.0
        Standard deviation of A_V from star to star, mag (differential reddening). No star has
        less than none.

    imf : {"kroupa", "chabrier", "salpeter"} or callable, default="kroupa"
        Initial mass function of single stars and primaries: Kroupa (2001) [1]_, Chabrier (2003)
        [2]_ for single stars of the disc, or Salpeter (1955) [3]_; or any function that gives
        the number of stars per solar mass, on any scale, at an array of masses (solar masses),
        such as those of the package ``initial-mass-function``.

    binary_fraction : float, default=0.3
        Share of the stars that have a companion, before anything is lost.

    mass_ratio_exponent : float, default=0.0
        Mass ratios q of companion and primary, from 0 to 1, are drawn in proportion to q to this
        power; 0 draws all alike. A companion lighter than the lightest star of the isochrones
        gives no light.

    faint_limit : float, default=21.0
        Faintest G that is kept, mag.

    completeness_limit : float or None, default=20.7
        G at which half of the stars are found, mag. None: all are.

    completeness_width : float, default=0.1
        Width of the drop there, mag: the share found is
        ``1 / (1 + exp((G - completeness_limit) / completeness_width))``.

    error_scale : float, default=1.0
        Factor on the photometric errors; 0 gives none. With n observations in G, about
        ``sqrt(187 / n)``.

    outside : {"raise", "nearest"}, default="raise"
        Whether an age or metallicity outside the isochrones is an error, or taken at their edge.

    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.

    See Also
    --------
    read_isochrones : Reads a table of isochrones.
    CMDImageTransformer : Draws diagrams as images.

    Notes
    -----
    Isochrones are interpolated linearly in log10 of the age and in [M/H], between equal stages of
    evolution.

    Extinction is that of each star (of each of two, in a binary) by its own colour, with the
    coefficients for Gaia EDR3 that ESA publishes for the law of Fitzpatrick et al. (2019) [4]_.

    Errors are Gaussian in flux, with medians measured on DR3 in a field at high galactic
    latitude; where a flux comes out below zero, the magnitude is NaN. The default completeness
    was measured there too, for stars that have parallax and proper motion: against all stars,
    78 % at G = 20.6 and 18 % at 20.9. Neither knows of crowding, which makes both worse in
    the cores of globular clusters, nor of the offset of BP at its faintest.

    Remnants, stars after the asymptotic giant branch and the many horizontal branches of
    globular clusters are not there: only what the isochrones have.

    Masses too light to be seen are never drawn, so that time is O(`n_stars`) at any distance.

    References
    ----------
    .. [1] Kroupa 2001, MNRAS 322, 231, https://doi.org/10.1046/j.1365-8711.2001.04022.x
    .. [2] Chabrier 2003, PASP 115, 763, https://doi.org/10.1086/376392
    .. [3] Salpeter 1955, ApJ 121, 161, https://doi.org/10.1086/145971
    .. [4] Fitzpatrick et al. 2019, ApJ 886, 108, https://doi.org/10.3847/1538-4357/ab4c3a;
       coefficients: https://www.cosmos.esa.int/web/gaia/edr3-extinction-law

    Examples
    --------
    >>> from climbkit.cmd import SyntheticCMD
    >>> globular = SyntheticCMD(age=12.0, metallicity=-1.4, distance=8.9, random_state=0)
    >>> stars = globular.sample(500)  # doctest: +SKIP
    >>> stars[["bp_rp", "phot_g_mean_mag"]].plot.scatter(0, 1)  # doctest: +SKIP
    """

    _parameter_constraints = {
        "isochrones": [str, os.PathLike, Isochrones, None],
        "age": [Interval(Real, 0, None, closed="neither")],
        "metallicity": [Interval(Real, None, None, closed="neither")],
        "distance": [Interval(Real, 0, None, closed="neither")],
        "extinction": [Interval(Real, 0, MAX_EXTINCTION, closed="both")],
        "extinction_spread": [Interval(Real, 0, None, closed="left")],
        "imf": [StrOptions(set(MASS_FUNCTIONS)), callable],
        "binary_fraction": [Interval(Real, 0, 1, closed="both")],
        "mass_ratio_exponent": [Interval(Real, -1, None, closed="neither")],
        "faint_limit": [Interval(Real, None, None, closed="neither")],
        "completeness_limit": [Interval(Real, None, None, closed="neither"), None],
        "completeness_width": [Interval(Real, 0, None, closed="neither")],
        "error_scale": [Interval(Real, 0, None, closed="left")],
        "outside": [StrOptions({"raise", "nearest"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        isochrones=None,
        *,
        age=10.0,
        metallicity=-1.0,
        distance=10.0,
        extinction=0.0,
        extinction_spread=0.0,
        imf="kroupa",
        binary_fraction=0.3,
        mass_ratio_exponent=0.0,
        faint_limit=21.0,
        completeness_limit=20.7,
        completeness_width=0.1,
        error_scale=1.0,
        outside="raise",
        random_state=None,
    ):
        self.isochrones = isochrones
        self.age = age
        self.metallicity = metallicity
        self.distance = distance
        self.extinction = extinction
        self.extinction_spread = extinction_spread
        self.imf = imf
        self.binary_fraction = binary_fraction
        self.mass_ratio_exponent = mass_ratio_exponent
        self.faint_limit = faint_limit
        self.completeness_limit = completeness_limit
        self.completeness_width = completeness_width
        self.error_scale = error_scale
        self.outside = outside
        self.random_state = random_state

    @validate_params(
        {"n_stars": [Interval(Integral, 1, None, closed="left")]},
        prefer_skip_nested_validation=True,
    )
    def sample(self, n_stars=1000):
        """Draw stars that are observed.

        Parameters
        ----------
        n_stars : int, default=1000
            Number of stars after all losses.

        Returns
        -------
        stars : DataFrame of n_stars rows
            ``phot_g_mean_mag``, ``bp_rp``, ``phot_bp_mean_mag``, ``phot_rp_mean_mag`` (mag, NaN
            where a flux was lost in noise), ``initial_mass`` and ``companion_mass`` (solar
            masses; NaN without companion), and ``is_binary``.

        Raises
        ------
        ValueError
            If a parameter is not allowed, the isochrones do not reach age or metallicity, or no
            star of the population could be seen.
        FileNotFoundError
            If there is no table of isochrones; the message tells how to get one.
        """
        import pandas as pd

        self._validate_params()
        rng = check_random_state(self.random_state)
        isochrone = self._isochrones().at(self.age, self.metallicity, outside=self.outside)
        sampler = self._mass_sampler(isochrone)
        found, n_found, n_drawn, n_next = [], 0, 0, max(n_stars, _FIRST_DRAW)
        while n_found < n_stars:
            table = self._draw(isochrone, sampler, n_next, rng)
            found.append(table)
            n_found += len(table["initial_mass"])
            n_drawn += n_next
            if n_found < _HOPELESS * n_drawn and n_drawn > _LARGEST_DRAW:
                raise ValueError(
                    f"of {n_drawn} stars drawn {n_found} were found: at distance={self.distance} "
                    f"and extinction={self.extinction} next to nothing passes "
                    f"completeness_limit={self.completeness_limit} and "
                    f"faint_limit={self.faint_limit}."
                )
            share = max(n_found, 1) / n_drawn
            n_next = int(min(1.1 * (n_stars - n_found) / share + 100, _LARGEST_DRAW))
        columns = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
        return pd.DataFrame({name: column[:n_stars] for name, column in columns.items()})

    def _isochrones(self):
        if self.isochrones is None:
            return default_isochrones()
        if isinstance(self.isochrones, Isochrones):
            return self.isochrones
        return cached_isochrones(self.isochrones)

    def _mass_sampler(self, isochrone):
        """Masses from the lightest that might be seen."""
        a_v = max(self.extinction - _SPREADS * self.extinction_spread, 0.0)
        g = self._apparent(isochrone.magnitudes, a_v)[:, 0]
        seen = np.flatnonzero(g < self.faint_limit + _TWINS + _MARGIN)
        if not len(seen):
            raise ValueError(
                f"no star of this population is brighter than faint_limit={self.faint_limit}: the "
                f"brightest has G = {g.min():.2f} at distance={self.distance} kpc and "
                f"extinction={self.extinction} mag."
            )
        mass_function = MASS_FUNCTIONS[self.imf] if isinstance(self.imf, str) else self.imf
        lightest = isochrone.mass[max(seen[0] - 1, 0)]
        return MassSampler(mass_function, lightest, isochrone.mass[-1])

    def _apparent(self, magnitudes, a_v):
        """Absolute magnitudes behind dust, at the distance."""
        dimmed = np.column_stack(gaia_extinction(magnitudes[:, 1] - magnitudes[:, 2], a_v))
        return magnitudes + dimmed + _MODULUS_AT_KPC + 5.0 * np.log10(self.distance)

    def _draw(self, isochrone, sampler, n_stars, rng):
        """Draw stars, and keep those that are observed."""
        mass = sampler.draw(n_stars, rng)
        a_v = self.extinction + self.extinction_spread * rng.normal(size=n_stars)
        a_v = np.clip(a_v, 0.0, MAX_EXTINCTION)
        magnitudes = self._apparent(isochrone.at_mass(mass), a_v)

        is_binary = rng.uniform(size=n_stars) < self.binary_fraction
        ratio = rng.uniform(size=n_stars) ** (1.0 / (1.0 + self.mass_ratio_exponent))
        companion = np.where(is_binary, ratio * mass, np.nan)
        shines = np.flatnonzero(companion >= isochrone.mass[0])
        other = self._apparent(isochrone.at_mass(companion[shines]), a_v[shines])
        magnitudes[shines] = -2.5 * np.log10(
            10 ** (-0.4 * magnitudes[shines]) + 10 ** (-0.4 * other)
        )

        magnitudes = observe(magnitudes, self.error_scale, rng)
        g, bp, rp = magnitudes.T
        kept = g < self.faint_limit
        if self.completeness_limit is not None:
            found = completeness(g, self.completeness_limit, self.completeness_width)
            kept &= rng.uniform(size=n_stars) < found
        return {
            "phot_g_mean_mag": g[kept],
            "bp_rp": (bp - rp)[kept],
            "phot_bp_mean_mag": bp[kept],
            "phot_rp_mean_mag": rp[kept],
            "initial_mass": mass[kept],
            "companion_mass": companion[kept],
            "is_binary": is_binary[kept],
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        return tags

    def __sklearn_is_fitted__(self):
        return True
