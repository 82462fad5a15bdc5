"""Is a candidate more than chance: its density against that of its surroundings."""

import hashlib
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from tqdm.auto import tqdm

from climbkit.survey._significance_methods import (
    Group,
    Result,
    calibrated_test,
    published_test,
)
from climbkit.survey._stage import CandidateStage
from climbkit.survey._stage_input import ASTROMETRY, as_candidates
from climbkit.survey._star_columns import star_field

#: One-sided p-value of 5 sigma.
FIVE_SIGMA = 2.867e-7
_THRESHOLD = "membership_threshold"  # column of GMMMembership


class ClusterSignificanceTest(CandidateStage):
    """p-value of each candidate: are its members closer together than field stars are.

    Parameters
    ----------
    method : {"calibrated", "published"}, default="calibrated"
        Which p-value:

        - "calibrated": how often the densest group of as many stars is as dense, in fields made of
          the stars around the candidate, each with the position of one star and the astrometry of
          another. A group chosen for its density out of a field without clusters has a p-value
          that is uniform from 0 to 1. The smallest one is ``1 / (n_draws + 1)``.
        - "published": distances to the 10th neighbour among members against those among the
          non-members within 3 R50, by a one-sided Mann-Whitney U test [1]_ [2]_. As members were
          chosen for being close to each other, small values come from the field too: 5 sigma, p <
          2.867e-7, was published as the limit.

    n_neighbors : int, default=10
        Number of the neighbour. A candidate of no more members than this has no p-value.

    radius_factor : float, default=3.0
        With "published": radius around the centre from which non-members are taken, in R50.

    min_probability : float, default=None
        Members have at least this membership probability. None: what `GMMMembership` took, where
        the candidates come from it; else all of a candidate's stars are members.

    n_draws : int, default=199
        With "calibrated": number of fields.

    n_field : int, default=2000
        With "calibrated": the nearest non-members that make up the field, at least 20 for each
        member. Where there are fewer, as many of the members are drawn as that allows.

    coordinates : pair of str, default=None
        Names of longitude and latitude. None: l and b, or ra and dec.

    random_state : int, default=0
        Seed of the draws.

    n_jobs : int, default=None
        Candidates tested at once, in threads. None: 1.

    verbose : int, default=0
        Above 0: show a progress bar, which counts candidates.

    Attributes
    ----------
    p_values_ : ndarray of shape (n_candidates,)
        NaN where there is none.

    reasons_ : ndarray of shape (n_candidates,), dtype object
        Why there is none; else empty.

    candidates_ : CandidateSet
        The candidates with the columns ``p_cst``, ``cst_statistic`` (calibrated: minus the mean
        logarithm of the members' neighbour distances; published: the probability that a member's
        neighbour is nearer than a non-member's), ``cst_sigma`` (calibrated: that statistic less the
        mean of the draws, in their standard deviations; published: that of U under the null
        hypothesis), ``cst_n_members``, ``cst_n_field`` and ``cst_reason``.

    See Also
    --------
    GMMMembership : Tells the members.
    NoveltyTest : Groups in any features, against a smooth fit.

    Notes
    -----
    Positions (in the tangent plane at the centre), parallax and proper motions are scaled: to mean
    0 and standard deviation 1 in the published test; by the central 68 % of the field in the
    calibrated one, as a few stars of large proper motion would else rule the scale.

    The calibrated test is one of permutation: the members are part of the field, without which it
    would be poorer where the candidate was chosen. Shuffling takes every group out of it, also
    other clusters, and keeps gradients in position and in astrometry, but none of one with the
    other: choose `n_field` so that the field is no wider than that allows. A search over a larger
    field looks in more places than `n_field` stars have: among its candidates some reach a given p
    by chance, in proportion. Of a candidate whose members had to be thinned out the p-value is too
    large rather than too small, as they were chosen for the density that they had together.

    Each candidate has draws of its own, seeded by its candidate_id, so that the p-values do not
    depend on the order of rows and candidates, nor on `n_jobs`. Time for each candidate is
    O(n_draws n_field log n_field). Remove duplicated sources first: they are a group of the
    highest density.

    References
    ----------
    .. [1] Baloyi et al. (2025), a search for globular clusters in Gaia DR3.
    .. [2] Hunt & Reffert (2021), Improving the open cluster census. I,
       doi:10.1051/0004-6361/202039341.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from climbkit.survey import ClusterSignificanceTest
    >>> rng = np.random.default_rng(0)
    >>> names = ["ra", "dec", "parallax", "pmra", "pmdec"]
    >>> field = rng.normal([150, 2, 0.5, 0, 0], [0.5, 0.5, 0.4, 5, 5], (500, 5))
    >>> cluster = rng.normal([150, 2, 0.1, 1, -2], [0.02, 0.02, 0.1, 0.1, 0.1], (30, 5))
    >>> stars = pd.DataFrame(np.vstack([field, cluster]), columns=names)
    >>> test = ClusterSignificanceTest(n_draws=99).fit(stars, members=np.arange(530) >= 500)
    >>> test.p_values_
    array([0.01])
    """

    _parameter_constraints = {
        "method": [StrOptions({"calibrated", "published"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "radius_factor": [Interval(Real, 0, None, closed="neither")],
        "min_probability": [Interval(Real, 0, 1, closed="both"), None],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "n_field": [Interval(Integral, 1, None, closed="left")],
        "coordinates": [tuple, list, None],
        "random_state": [Interval(Integral, 0, None, closed="left")],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        method="calibrated",
        *,
        n_neighbors=10,
        radius_factor=3.0,
        min_probability=None,
        n_draws=199,
        n_field=2000,
        coordinates=None,
        random_state=0,
        n_jobs=None,
        verbose=0,
    ):
        self.method = method
        self.n_neighbors = n_neighbors
        self.radius_factor = radius_factor
        self.min_probability = min_probability
        self.n_draws = n_draws
        self.n_field = n_field
        self.coordinates = coordinates
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, members=None, mask=None):
        """Test each candidate.

        Parameters
        ----------
        X : CandidateSet, DataFrame or astropy Table
            Candidates, with the stars around them among their stars; or the stars around one
            candidate. With positions (deg), ``parallax``, ``pmra`` and ``pmdec``.
        y : ignored
            Not used, present for scikit-learn's API.
        members : array-like of bool of shape (n_stars,), default=None
            With a table of stars: which are the members.
        mask : str or array-like of bool of shape (n_stars,), default=None
            True for stars to use, or the name of such a column; the mask of the search.

        Returns
        -------
        self : ClusterSignificanceTest
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, the candidates have no stars, these lack a column, or
            ``source_id`` appears twice.
        """
        candidates, table, coordinates = as_candidates(
            X, self.coordinates, ASTROMETRY, members=members
        )
        field = star_field(table, coordinates, ASTROMETRY, mask=mask)
        position = np.full(len(table), -1, dtype=np.int64)
        position[field.rows] = np.arange(len(field.rows))
        least = self._least(candidates)
        ids = candidates.table["candidate_id"].tolist()
        jobs = (
            delayed(self._test)(field, self._members(candidates, number, least, position), name)
            for number, name in enumerate(ids)
        )
        parallel = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")
        results = list(
            tqdm(parallel(jobs), total=len(ids), unit="candidate", disable=not self.verbose)
        )
        columns = {name: [getattr(each, name) for each in results] for name in Result._fields}
        self.p_values_ = np.array(columns["p"], dtype=np.float64)
        self.reasons_ = np.array(columns["reason"], dtype=object)
        self.candidates_ = candidates.annotate(
            p_cst=self.p_values_,
            cst_statistic=np.array(columns["statistic"], dtype=np.float64),
            cst_sigma=np.array(columns["sigma"], dtype=np.float64),
            cst_n_members=np.array(columns["n_members"], dtype=np.int64),
            cst_n_field=np.array(columns["n_field"], dtype=np.int64),
            cst_reason=np.array(columns["reason"], dtype=str),
        )
        self._fitted = X
        return self

    def _least(self, candidates):
        """Smallest membership probability of a member in each candidate, 0 for any."""
        if candidates.probabilities is None:
            return np.zeros(len(candidates))
        if self.min_probability is not None:
            return np.full(len(candidates), float(self.min_probability))
        if _THRESHOLD in candidates.table:
            return candidates.table[_THRESHOLD].to_numpy(dtype=np.float64)
        return np.zeros(len(candidates))

    @staticmethod
    def _members(candidates, number, least, position):
        """Positions in the field of the members of a candidate that have complete values."""
        begin, end = candidates.indptr[number : number + 2]
        rows = candidates.indices[begin:end]
        if candidates.probabilities is not None:
            rows = rows[candidates.probabilities[begin:end] >= least[number]]
        found = position[rows]
        return np.sort(found[found >= 0])

    def _test(self, field, members, name):
        if len(members) <= self.n_neighbors:
            return Result(
                n_members=len(members),
                reason=f"{len(members)} complete members; more than {self.n_neighbors} are needed",
            )
        group = Group(field, members, self.n_neighbors)
        if self.method == "published":
            return published_test(group, self.radius_factor)
        digest = hashlib.sha256(str(name).encode()).digest()
        rng = np.random.default_rng([self.random_state, int.from_bytes(digest[:8], "big")])
        return calibrated_test(group, self.n_field, self.n_draws, rng)
