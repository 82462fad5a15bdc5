"""Structure of clusters: mean astrometry, radial profile, distance, dispersion of motions."""

from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from climbkit.base import BuilderMixin
from climbkit.survey._distance import LENGTH_SCALE
from climbkit.survey._stage_input import ASTROMETRY, MEMBER_PROBABILITY, as_candidates
from climbkit.survey._structure_measure import Stars, measure
from climbkit.survey._structure_result import COLUMN_UNITS, ClusterStructureResult

_THRESHOLD = "membership_threshold"  # column of GMMMembership


class ClusterStructure(BuilderMixin, BaseEstimator):
    """Mean astrometry, radial profile, distance and inner motions of each candidate.

    Parameters
    ----------
    min_probability : float, default=None
        Members have at least this membership probability. None: what `GMMMembership` took, where
        the candidates come from it; else all of a candidate's stars are members.

    parallax_systematic : float, default=0.01
        Systematic error of a mean parallax, mas [1]_.

    pm_systematic : float, default=0.02
        Systematic error of a mean proper motion in each direction, mas/yr [1]_.

    distance_scale : float, default=9.14
        Scale length L of the distance prior D^2 exp(-D / L), kpc [1]_.

    distance_systematic : bool, default=True
        Whether the distance knows `parallax_systematic`; the published one does not.

    profile : {"king", "plummer"} or None, default="king"
        Surface density that is fitted, with a flat background eta: King's (1962) profile
        k [(1 + (r/rc)^2)^-1/2 - (1 + (rt/rc)^2)^-1/2]^2 up to the tidal radius rt, and 0 beyond;
        or Plummer's k (1 + (r/a)^2)^-2. None: no profile.

    profile_method : {"likelihood", "mcmc", "binned"}, default="likelihood"
        How it is fitted:

        - "likelihood": the likeliest profile for the very places of the stars, a Poisson process,
          about the likeliest centre.
        - "mcmc": the same likelihood, but medians of samples of the posterior by emcee
          (``pip install climbkit[structure]``). Flat priors in the logarithms of k and the scales,
          and in the background.
        - "binned": King's formula as published [1]_: densities in 5 rings out to 3 R50 about
          the mean position, with Poisson errors, without truncation at rt, and with flat priors.

    profile_stars : {"all", "members", "weighted"}, default="all"
        Stars of a candidate that make the profile: all of them, among which the background eta is
        the field; its members alone; or all, each weighted by its membership probability. Without
        probabilities these are the same.

    profile_radius : float, default=None
        Radius of the disc in which the profile is fitted, arcmin. None: up to the outermost star.
        Within it the candidate must have all the stars that there are: give the radius where
        the candidates were chosen in a wider or another figure than a disc.

    coordinates : pair of str, default=None
        Names of longitude and latitude. None: ra and dec, or l and b where there are none.

    random_state : int, default=0
        Seed of "mcmc". Nothing else is drawn.

    n_jobs : int, default=None
        Candidates at once, in threads. None: 1.

    verbose : int, default=0
        Above 0: show a progress bar, which counts candidates.

    Attributes
    ----------
    structures_ : list of ClusterStructureResult
        For each candidate, what the columns are made from, with the posterior of the distance on
        its grid.

    candidates_ : CandidateSet
        The candidates with these columns, NaN where there is none:

        - ``ra``, ``dec``, ``l``, ``b`` (what the stars have of these), ``r50``: mean direction of
          the members and their median separation from it, deg;
        - ``parallax``, ``pmra``, ``pmdec`` (mas, mas/yr): means by inverse variance, with the
          statistical error in ``parallax_error``, and the systematic one in
          ``parallax_error_sys``, and so on. The published error is the sum of the two;
        - ``distance``, ``distance_lower``, ``distance_upper``: median and limits of the central
          68 % of the posterior, kpc;
        - ``pm_dispersion``, ``pm_dispersion_error``, ``pm_dispersion_limit``: isotropic dispersion
          of proper motions, its error, and the upper limit that holds with 95 %, mas/yr;
        - ``king_rc``, ``king_rt`` (arcmin), ``king_k``, ``king_eta`` (per arcmin^2), ``king_c``
          (log10(rt / rc)); or ``plummer_a``, ``plummer_k``, ``plummer_eta``; each with its error
          in ``king_rc_error`` and so on;
        - ``structure_n_members``: members that have a position;
        - ``structure_reason``: why something is missing, else empty.
    """

    _parameter_constraints = {
        "min_probability": [Interval(Real, 0, 1, closed="both"), None],
        "parallax_systematic": [Interval(Real, 0, None, closed="left")],
        "pm_systematic": [Interval(Real, 0, None, closed="left")],
        "distance_scale": [Interval(Real, 0, None, closed="neither")],
        "distance_systematic": ["boolean"],
        "profile": [StrOptions({"king", "plummer"}), None],
        "profile_method": [StrOptions({"likelihood", "mcmc", "binned"})],
        "profile_stars": [StrOptions({"all", "members", "weighted"})],
        "profile_radius": [Interval(Real, 0, None, closed="neither"), None],
        "coordinates": [tuple, list, None],
        "random_state": [Interval(Integral, 0, None, closed="left")],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        min_probability=None,
        parallax_systematic=0.01,
        pm_systematic=0.02,
        distance_scale=LENGTH_SCALE,
        distance_systematic=True,
        profile="king",
        profile_method="likelihood",
        profile_stars="all",
        profile_radius=None,
        coordinates=None,
        random_state=0,
        n_jobs=None,
        verbose=0,
    ):
        self.min_probability = min_probability
        self.parallax_systematic = parallax_systematic
        self.pm_systematic = pm_systematic
        self.distance_scale = distance_scale
        self.distance_systematic = distance_systematic
        self.profile = profile
        self.profile_method = profile_method
        self.profile_stars = profile_stars
        self.profile_radius = profile_radius
        self.coordinates = coordinates
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @classmethod
    def published(cls):
        """Return the published choices.

        Members from 0.9 on, no systematic error in the distance, King's profile by five rings of
        members. The published dispersion is not among them: its likelihood had a factor 1/2 too
        many.

        Returns
        -------
        structure : ClusterStructure
            Not fitted.
        """
        return cls(
            min_probability=MEMBER_PROBABILITY,
            distance_systematic=False,
            profile_method="binned",
            profile_stars="members",
        )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, mask=None):
        """Measure each candidate.

        Parameters
        ----------
        X : CandidateSet, DataFrame or astropy Table
            Candidates with their stars, or the stars of one cluster; with positions (deg),
            ``parallax`` (mas), ``pmra`` and ``pmdec`` (mas/yr) and their errors as
            ``parallax_error`` and so on; correlations as ``pmra_pmdec_corr`` are used where they
            are there.
        y : ignored
            Not used, present for scikit-learn's API.
        mask : str or array-like of bool of shape (n_stars,), default=None
            True for stars to use, or the name of such a column.

        Returns
        -------
        self : ClusterStructure
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, the candidates have no stars, these lack a column, or
            ``source_id`` appears twice.
        """
        if self.profile_method == "binned" and self.profile == "plummer":
            raise ValueError('profile_method="binned" is for profile="king"; got "plummer".')
        candidates, table, coordinates = as_candidates(X, self._coordinates(X), ASTROMETRY)
        stars = Stars.from_table(table, coordinates, mask)
        members = self._members(candidates)
        probabilities = candidates.probabilities
        if probabilities is None:
            probabilities = np.ones(len(candidates.indices))
        jobs = (
            delayed(measure)(
                stars, name, candidates.indices[part], members[part], probabilities[part], self
            )
            for name, part in zip(
                candidates.table["candidate_id"].tolist(),
                map(slice, candidates.indptr[:-1], candidates.indptr[1:]),
                strict=True,
            )
        )
        parallel = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")
        self.structures_ = list(
            tqdm(parallel(jobs), total=len(candidates), unit="candidate", disable=not self.verbose)
        )
        self.candidates_ = self._annotated(candidates, stars.frames)
        self._fitted = X
        return self

    def _coordinates(self, X):
        if self.coordinates is not None:
            return self.coordinates
        names = set(getattr(getattr(X, "stars", X), "columns", ()))
        # Along these are Gaia's proper motions.
        return ("ra", "dec") if {"ra", "dec"} <= names else None

    def _members(self, candidates):
        """Which memberships are those of members."""
        if candidates.probabilities is None:
            return np.ones(len(candidates.indices), dtype=bool)
        least = np.zeros(len(candidates))
        if self.min_probability is not None:
            least[:] = self.min_probability
        elif _THRESHOLD in candidates.table:
            least[:] = candidates.table[_THRESHOLD].to_numpy(dtype=np.float64)
        return candidates.probabilities >= np.repeat(least, np.diff(candidates.indptr))

    def _annotated(self, candidates, frames):
        """Columns of all results; without candidates there are columns without rows."""
        rows = [each.columns(frames, self.profile) for each in self.structures_]
        for name in ClusterStructureResult("").columns(frames, self.profile):
            values = np.array([row[name] for row in rows])
            candidates = candidates.annotate(name, values, unit=COLUMN_UNITS.get(name))
            if name.endswith("_error") and f"{name}_sys" in COLUMN_UNITS:
                size = self.parallax_systematic if "parallax" in name else self.pm_systematic
                candidates = candidates.annotate(
                    f"{name}_sys",
                    np.where(np.isnan(values), np.nan, size),
                    unit=COLUMN_UNITS[f"{name}_sys"],
                )
        return candidates

    def transform(self, X):
        """Return candidates with their structure.

        Parameters
        ----------
        X : CandidateSet, DataFrame or astropy Table
            As for `fit`. Others than those fitted are measured in the same way.

        Returns
        -------
        candidates : CandidateSet
            See ``candidates_``.
        """
        check_is_fitted(self)
        if X is self._fitted:
            return self.candidates_
        return type(self)(**self.get_params()).fit(X).candidates_

    def fit_transform(self, X, y=None, *, mask=None):
        """Fit and return ``candidates_``; see `fit`.

        Parameters
        ----------
        X : CandidateSet, DataFrame or astropy Table
            Candidates or stars.
        y : ignored
            Not used, present for scikit-learn's API.
        mask : str or array-like of bool of shape (n_stars,), default=None
            True for stars to use, or the name of such a column.

        Returns
        -------
        candidates : CandidateSet
            See ``candidates_``.
        """
        return self.fit(X, mask=mask).candidates_
