"""Structure of clusters: mean astrometry, radial profile, distance, dispersion of motions."""

from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from tqdm.auto import tqdm

from climbkit.survey._distance import LENGTH_SCALE
from climbkit.survey._stage import CandidateStage
from climbkit.survey._stage_input import ASTROMETRY, MEMBER_PROBABILITY, as_candidates
from climbkit.survey._structure_measure import Stars, measure
from climbkit.survey._structure_result import annotate

_THRESHOLD = "membership_threshold"  # column of GMMMembership


class ClusterStructure(CandidateStage):
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

    dispersion_max_error : float or None, default=0.1
        Members whose proper motion has a larger error than this in any direction, mas/yr, do not
        enter the dispersion. They tell little of it, and the errors of faint stars in crowded
        fields are too small [2]_. None: all members.

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

    profile_stars : {"weighted", "members", "all"}, default="weighted"
        Stars of a candidate that make the profile: all, each weighted by its membership
        probability; its members alone; or all alike, among which the background eta is the field.
        The last needs no membership, but a field that is flat and a core that is not crowded.
        Without probabilities these are the same.

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
        For each candidate, what the columns are made from: ``distance`` and ``dispersion`` with
        their posteriors on grids, ``profile`` with its density, centre and stars.

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

    See Also
    --------
    GMMMembership : Tells the members.
    climbkit.plotting.ProfileDisplay : The profile as a figure.

    Notes
    -----
    Proper motions are carried to the mean position along great circles before they are averaged,
    so that neither the poles nor 0/360 deg are anything special; ``pmra`` and ``pmdec`` are along
    the axes there. Clusters are small beside the angles over which Gaia's systematic errors are
    correlated, so that these do not average out: [2]_ finds limits of 0.01 mas and 0.025 mas/yr.

    The distance is the median of a posterior on a grid, by the prior D^2 exp(-D / L). It is as
    good as the zero point of the parallaxes: see `ParallaxZeroPoint`.

    The dispersion is that of the likelihood of stars that are normal about one mean, with the
    covariances of their errors, in two dimensions; `pm_systematic` is added to their errors.
    Stars of the field among the members widen it.

    The published King profile and the default one differ: five densities for four parameters
    leave the priors to decide, the mean position of few stars is farther off the centre than the
    core radius is wide, the untruncated formula rises again beyond rt, and rings with few stars
    do not have normal errors. The likelihood of single stars needs no rings, is 0 beyond rt but
    for the background, and takes the likeliest centre of a Plummer profile. It cannot tell rc and
    k apart where rc is not small against rt, as in Palomar 5. A parameter that ends at a limit of
    what is searched has no error, and `structure_reason` names it: rt at ten radii of the region
    says that no edge is seen in it.

    Results do not depend on the order of rows nor on `n_jobs`. Time is linear in the number of
    stars, about a second for a cluster of ten thousand.

    References
    ----------
    .. [1] Baloyi et al. (2025), a search for globular clusters in Gaia DR3.
    .. [2] Vasiliev & Baumgardt (2021), Gaia EDR3 view on galactic globular clusters,
       doi:10.1093/mnras/stab1475.
    .. [3] King (1962), The structure of star clusters. I, doi:10.1086/108756.
    .. [4] Plummer (1911), On the problem of distribution in globular star clusters,
       doi:10.1093/mnras/71.5.460.
    .. [5] Bailer-Jones (2015), Estimating distances from parallaxes, doi:10.1086/683116.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from climbkit.survey._structure import ClusterStructure
    >>> rng = np.random.default_rng(0)
    >>> names = ["ra", "dec", "parallax", "pmra", "pmdec"]
    >>> cluster = rng.normal([150, 2, 0.1, 1, -2], [0.02, 0.02, 0.1, 0.1, 0.1], (80, 5))
    >>> errors = {f"{name}_error": 0.1 for name in names[2:]}
    >>> stars = pd.DataFrame(cluster, columns=names).assign(**errors)
    >>> table = ClusterStructure(profile="plummer").fit(stars).candidates_.table
    >>> table[["parallax", "parallax_error", "distance", "plummer_a"]].round(3)
       parallax  parallax_error  distance  plummer_a
    0     0.108           0.011     9.825      1.384
    """

    _parameter_constraints = {
        "min_probability": [Interval(Real, 0, 1, closed="both"), None],
        "parallax_systematic": [Interval(Real, 0, None, closed="left")],
        "pm_systematic": [Interval(Real, 0, None, closed="left")],
        "distance_scale": [Interval(Real, 0, None, closed="neither")],
        "distance_systematic": ["boolean"],
        "dispersion_max_error": [Interval(Real, 0, None, closed="neither"), None],
        "profile": [StrOptions({"king", "plummer"}), None],
        "profile_method": [StrOptions({"likelihood", "mcmc", "binned"})],
        "profile_stars": [StrOptions({"weighted", "members", "all"})],
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
        dispersion_max_error=0.1,
        profile="king",
        profile_method="likelihood",
        profile_stars="weighted",
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
        self.dispersion_max_error = dispersion_max_error
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

        Members from 0.9 on, no systematic error in the distance, a dispersion of all members,
        King's profile by five rings. The likelihood of the dispersion is not the published one,
        which had a factor 1/2 too many.

        Returns
        -------
        structure : ClusterStructure
            Not fitted.
        """
        return cls(
            min_probability=MEMBER_PROBABILITY,
            distance_systematic=False,
            dispersion_max_error=None,
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
        systematic = [self.parallax_systematic, self.pm_systematic, self.pm_systematic]
        self.candidates_ = annotate(
            candidates, self.structures_, stars.frames, self.profile, systematic
        )
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
