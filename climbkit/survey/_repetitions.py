"""One candidate for each cluster that a search has found many times."""

from numbers import Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from climbkit.survey._candidate_table import describe_candidates
from climbkit.survey._candidates import CandidateSet
from climbkit.survey._repetition_links import (
    chord,
    groups_about_the_best,
    groups_about_the_first,
    join_pairs,
    near_pairs,
    overlapping_pairs,
)
from climbkit.survey._repetition_members import (
    DistinctCandidates,
    StarPlaces,
    largest_probabilities,
    ranks,
)
from climbkit.survey._stage import CandidateStage
from climbkit.survey._stage_input import as_candidates

# Baloyi et al. 2025: centres within this of the first of a group are one cluster, degrees.
_PUBLISHED_RADIUS = 0.6
# A star counts for what a group is once this part of its repetitions hold it: less, and one
# candidate that spans two neighbours would join them; more, and a cluster that coarse tiles alone
# saw whole would stay in the pieces that fine tiles made of it.
_CORE_SHARE = 0.25


class RepetitionMerger(CandidateStage):
    """Merge candidates that are repetitions of one cluster.

    A search over tiles and scales, such as `TiledHDBSCAN`, finds a cluster many times: whole, its
    core, and the parts of it that lie in two tiles. Candidates are repetitions if they lie at one
    place on the sky, in proper motion and in parallax, and share stars or lie within each other.

    Parameters
    ----------
    radius : float, default=0.6
        Largest separation of the centres of repetitions, degrees on the sphere.

    reach : float, default=2.5
        Candidates that share no stars are repetitions if their centres lie within this many
        half-number radii (of the larger one), and within `radius`.

    min_overlap : float, default=0.5
        Candidates are repetitions, up to `radius`, if they share at least this part of the smaller
        one's members.

    max_proper_motion_difference : float, default=1.0
        Largest difference of the mean proper motions of repetitions, in standard deviations of the
        members' proper motions, of the less dispersed one. None: they do not count.

    max_parallax_difference : float, default=1.0
        The same for the mean parallaxes.

    max_dispersion_ratio : float, default=5.0
        Candidates are no repetitions if the proper motions of one are more dispersed than the
        other's by more than this factor: a group of field stars is no repetition of the cluster
        that it holds. None: any may be.

    min_share : float, default=0.25
        Members of a merged candidate are the best one's, and the stars that at least this part of
        its repetitions hold. 0: the stars of all of them.

    linkage : {"best", "first"}, default="best"
        - "best": the best candidate and its repetitions are a group, then the best one of the rest,
          and so on; groups that are repetitions of each other are joined in the same way, until
          there are none.
        - "first": as published [1]_: the first candidate of the table and those within `radius` of
          it are a group, then the first of the rest, and so on; nothing else counts, and the
          result depends on the order of candidates.

    Attributes
    ----------
    candidates_ : CandidateSet
        One row for each group, the most persistent first: the columns of its best candidate, with
        number of members, centre, r50 and mean astrometry computed anew, ``n_repetitions`` (how
        many candidates were merged) and ``best_candidate_id``. Membership probabilities are the
        largest that a star has in the repetitions.

    groups_ : ndarray of shape (n_candidates,), dtype int64
        Row in `candidates_` of each candidate that was given.

    labels_ : ndarray of shape (n_stars,), dtype int64
        Row in `candidates_` of each star, -1 for none. A star of several is the most persistent
        one's.

    See Also
    --------
    TiledHDBSCAN : The search.
    GMMMembership : Tells the members of a merged candidate from the field.

    Notes
    -----
    The best candidate is the most persistent, then the one with more members, then the one whose
    id is the smaller. Connected components of repetitions are thus cut around their best
    candidates: a chain of candidates does not join two neighbours. Groups are compared by the stars
    that the best candidate or a quarter of the repetitions hold, so that a few candidates that span
    two neighbours do not join them either. The result depends neither on the order of candidates
    nor on that of stars (except with "first").

    Overlaps are a sparse product over candidates with different members; candidates at one place
    are found in a tree of unit vectors. Memory is linear in the number of memberships and of pairs
    of candidates that lie at one place.

    References
    ----------
    .. [1] Baloyi et al. (2025), a search for globular clusters in Gaia DR3.

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey import CandidateSet
    >>> from climbkit.survey._repetitions import RepetitionMerger
    >>> stars = pd.DataFrame({"ra": [9.9, 10.0, 10.1, 10.2, 40.0, 40.1], "dec": 0.0})
    >>> table = pd.DataFrame({"persistence": [0.3, 0.5, 0.2]})
    >>> found = CandidateSet(stars, [0, 3, 6, 8], [0, 1, 2, 0, 1, 3, 4, 5], table)
    >>> merged = RepetitionMerger().fit_transform(found)
    >>> merged.table[["n_repetitions", "n_members", "persistence"]]
       n_repetitions  n_members  persistence
    0              2          4          0.5
    1              1          2          0.2
    """

    _parameter_constraints = {
        "radius": [Interval(Real, 0, 180, closed="right")],
        "reach": [Interval(Real, 0, None, closed="left")],
        "min_overlap": [Interval(Real, 0, 1, closed="right")],
        "max_proper_motion_difference": [Interval(Real, 0, None, closed="left"), None],
        "max_parallax_difference": [Interval(Real, 0, None, closed="left"), None],
        "max_dispersion_ratio": [Interval(Real, 1, None, closed="left"), None],
        "min_share": [Interval(Real, 0, 1, closed="both")],
        "linkage": [StrOptions({"best", "first"})],
    }

    def __init__(
        self,
        radius=0.6,
        *,
        reach=2.5,
        min_overlap=0.5,
        max_proper_motion_difference=1.0,
        max_parallax_difference=1.0,
        max_dispersion_ratio=5.0,
        min_share=0.25,
        linkage="best",
    ):
        self.radius = radius
        self.reach = reach
        self.min_overlap = min_overlap
        self.max_proper_motion_difference = max_proper_motion_difference
        self.max_parallax_difference = max_parallax_difference
        self.max_dispersion_ratio = max_dispersion_ratio
        self.min_share = min_share
        self.linkage = linkage

    @classmethod
    def published(cls):
        """Return the published rule: union of what lies within 0.6 deg of the first of a group.

        Returns
        -------
        merger : RepetitionMerger
            Not fitted. Separations are on the sphere.
        """
        return cls(radius=_PUBLISHED_RADIUS, linkage="first", min_share=0.0)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Merge candidates.

        Parameters
        ----------
        X : CandidateSet
            Candidates, with stars that have positions (deg), and proper motions and parallaxes
            where these are to count.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : RepetitionMerger
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, or the candidates have no stars or these no positions.
        """
        if not isinstance(X, CandidateSet):
            raise ValueError(f"X must be a CandidateSet; got {type(X).__name__}.")
        stars, coordinates = as_candidates(X, None, ())[1:]
        rank = ranks(X)
        found = DistinctCandidates(X, rank)
        places = StarPlaces(stars.iloc[found.stars], coordinates)
        if self.linkage == "first":
            centre = places.describe(found.memberships).centre
            group = groups_about_the_first(centre, self.radius, found.row)
        else:
            group = self._groups(found, places)
        self._keep(X, stars, rank, found, group)
        self._fitted = X
        return self

    def _groups(self, found, places):
        """Number of the group of each distinct candidate."""
        group = np.arange(len(found.rank))
        while True:
            cores = found.in_share(group, _CORE_SHARE)
            rank = np.full(cores.shape[0], len(found.which), dtype=np.int64)
            np.minimum.at(rank, group, found.rank)
            pairs = self._links(cores, places.describe(cores))
            best = groups_about_the_best(*pairs, rank)
            joined = np.unique(best, return_inverse=True)[1]
            if joined.max(initial=-1) + 1 == len(rank):
                return group
            group = joined[group]

    def _links(self, memberships, places):
        """Pairs of candidates that are repetitions of one another."""
        reach = np.minimum(self.reach * places.r50, self.radius)
        first, second = join_pairs(
            len(reach),
            overlapping_pairs(memberships, self.min_overlap),
            near_pairs(places.centre, reach),
        )
        same = places.chord(first, second) <= chord(self.radius)
        for part, limit in (
            ("motion", self.max_proper_motion_difference),
            ("parallax", self.max_parallax_difference),
        ):
            if limit is not None:
                same &= places.agree(part, limit, first, second)
        if self.max_dispersion_ratio is not None:
            same &= places.similar("motion", self.max_dispersion_ratio, first, second)
        return first[same], second[same]

    def _keep(self, X, stars, rank, found, group):
        group = group[found.which]
        n = group.max(initial=-1) + 1
        best_rank = np.full(n, len(X), dtype=np.int64)
        np.minimum.at(best_rank, group, rank)
        order = np.argsort(best_rank)
        number = np.empty(n, dtype=np.int64)
        number[order] = np.arange(n)
        self.groups_ = number[group]
        best = np.argsort(rank)[best_rank[order]]
        one_each = np.zeros(len(found.rank), dtype=np.int64)
        one_each[found.which] = self.groups_
        members = found.in_share(one_each, self.min_share)
        indices = found.stars[members.indices]
        table = X.table.iloc[best].reset_index(drop=True)
        table["best_candidate_id"] = table.pop("candidate_id")
        described = describe_candidates(stars, members.indptr, indices)
        table = table.assign(**{name: described[name] for name in described})
        table["n_repetitions"] = np.bincount(self.groups_, minlength=n)
        self.candidates_ = CandidateSet(
            X.stars,
            members.indptr,
            indices,
            table,
            probabilities=largest_probabilities(X, self.groups_, members.indptr, indices),
            units=X.own_units,
            meta=X.meta,
        )
        self.labels_ = self.candidates_.labels(-np.arange(n, dtype=np.float64))

    def fit_predict(self, X, y=None):
        """Fit and return ``labels_``; see `fit`.

        Parameters
        ----------
        X : CandidateSet
            Candidates.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        labels : ndarray of shape (n_stars,), dtype int64
            See ``labels_``.
        """
        return self.fit(X).labels_
