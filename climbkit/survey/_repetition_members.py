"""Candidates that differ in their stars, what groups of them hold, and where these lie."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from climbkit.survey._candidate_table import ids_of_members, star_keys
from climbkit.survey._frames import (
    CELESTIAL_POLE_IN_GALACTIC,
    motion_vectors,
    turn_axes,
    unit_vectors,
)
from climbkit.survey._memberships import median_by_candidate, owners, sum_by_candidate, take
from climbkit.survey._star_columns import PROPER_MOTIONS, numbers_in

# Shares are ratios of whole numbers; this is far less than any two of them differ by.
_ROUNDING = 1e-9


def ranks(candidates):
    """Return 0 for the best candidate: the most persistent, then the largest, then by id.

    Parameters
    ----------
    candidates : CandidateSet
        Candidates; without persistence the number of members counts first.

    Returns
    -------
    rank : ndarray of shape (n_candidates,), dtype int64
        Each number once.
    """
    table = candidates.table
    persistence = np.zeros(len(table))
    if "persistence" in table:
        persistence = numbers_in(table, "persistence")
    persistence = np.where(np.isnan(persistence), -np.inf, persistence)
    # Equal ids are candidates with the same stars and scale, of two tiles.
    tile = table["tile"].astype(str) if "tile" in table else table["candidate_id"]
    keys = (tile, table["candidate_id"], -table["n_members"], -persistence)
    order = np.lexsort([np.asarray(key) if key.dtype.kind in "if" else _text(key) for key in keys])
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _text(column):
    return np.asarray(column, dtype=object).astype(str)


def largest_probabilities(candidates, groups, indptr, indices):
    """Return the largest probability that each member of a group has in any candidate.

    Parameters
    ----------
    candidates : CandidateSet
        Candidates.
    groups : ndarray of shape (n_candidates,), dtype int64
        Number of the group of each.
    indptr, indices : ndarray of int64
        Members of the groups, sorted within each.

    Returns
    -------
    probabilities : ndarray of shape (n_members,) or None
        None where the candidates have none.
    """
    if candidates.probabilities is None:
        return None
    n_stars = candidates.n_stars
    keys = owners(indptr) * n_stars + indices
    given = groups[owners(candidates.indptr)] * n_stars + candidates.indices
    at = np.searchsorted(keys, given)
    at[at == len(keys)] = 0
    kept = keys[at] == given if len(keys) else np.zeros(len(given), dtype=bool)
    largest = np.zeros(len(keys))
    np.maximum.at(largest, at[kept], candidates.probabilities[kept])
    return largest


class DistinctCandidates:
    """Candidates of which no two hold the same stars.

    Parameters
    ----------
    candidates : CandidateSet
        Candidates with their stars.
    rank : ndarray of shape (n_candidates,), dtype int64
        0 for the best.

    Attributes
    ----------
    which : ndarray of shape (n_candidates,), dtype int64
        Number of the distinct candidate that each candidate is.
    row : ndarray of shape (n_distinct,), dtype int64
        Row number of the first candidate of each.
    rank : ndarray of shape (n_distinct,), dtype int64
        Rank of the best candidate of each.
    stars : ndarray of shape (n_columns,), dtype int64
        Row numbers of the stars that are members of any, ascending.
    memberships : csr_matrix of shape (n_distinct, n_columns)
        How many candidates each is, for its members.
    """

    def __init__(self, candidates, rank):
        keys = star_keys(candidates.stars, candidates.indices)
        ids = ids_of_members(keys, candidates.indptr, None, None).astype(str)
        _, self.row, self.which, count = np.unique(
            ids, return_index=True, return_inverse=True, return_counts=True
        )
        self.rank = np.full(len(self.row), len(ids), dtype=np.int64)
        np.minimum.at(self.rank, self.which, rank)
        indptr, positions = take(candidates.indptr, self.row)
        self.stars, columns = np.unique(candidates.indices[positions], return_inverse=True)
        shape = (len(self.row), len(self.stars))
        values = np.repeat(count.astype(np.float64), np.diff(indptr))
        self.memberships = csr_matrix((values, columns, indptr), shape=shape)
        self._count = count

    def in_share(self, group, share):
        """Return the stars that a part of the repetitions in a group hold.

        Parameters
        ----------
        group : ndarray of shape (n_distinct,), dtype int64
            Number of the group of each, without gaps.
        share : float
            The part, from 0 to 1.

        Returns
        -------
        members : csr_matrix of shape (n_groups, n_columns)
            Ones for the members, and for those of the best candidate.
        """
        n = group.max(initial=-1) + 1
        of_group = _ones(group, np.arange(len(group)), (n, len(group)))
        held = (of_group @ self.memberships).tocoo()
        least = share * np.bincount(group, weights=self._count, minlength=n) - _ROUNDING
        kept = held.data >= least[held.row]
        rows, columns = held.row[kept], held.col[kept]
        by_rank = np.argsort(-self.rank)
        best = np.empty(n, dtype=np.int64)
        best[group[by_rank]] = by_rank
        own = self.memberships[best].tocoo()
        members = _ones(np.append(rows, own.row), np.append(columns, own.col), held.shape)
        members.data[:] = 1.0  # of those that were there twice
        members.sort_indices()
        return members


def _ones(rows, columns, shape):
    return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)


class StarPlaces:
    """Stars on the sky, in proper motion and in parallax.

    Parameters
    ----------
    stars : DataFrame of shape (n_stars, n_columns)
        Positions in degrees, with parallax and proper motions where there are any.
    coordinates : pair of str
        Names of longitude and latitude.
    """

    def __init__(self, stars, coordinates):
        if {"ra", "dec"} <= set(stars):
            coordinates = ("ra", "dec")
        lon, lat = (numbers_in(stars, name) for name in coordinates)
        self._directions = unit_vectors(lon, lat).T
        self._parts = {"motion": None, "parallax": None}
        motions = self._motions(stars, coordinates, lon, lat)
        if motions is not None:
            # As vectors in space, since the axes of pmra and pmdec turn around near a pole.
            self._parts["motion"] = motion_vectors(*motions, lon, lat).T
        if "parallax" in stars:
            self._parts["parallax"] = numbers_in(stars, "parallax")[:, None]

    @staticmethod
    def _motions(stars, coordinates, lon, lat):
        """Proper motions along the coordinates, None where there are none."""
        own = PROPER_MOTIONS.get(coordinates, ())
        if own and set(own) <= set(stars):
            return tuple(numbers_in(stars, name) for name in own)
        equatorial = PROPER_MOTIONS["ra", "dec"]
        if coordinates == ("l", "b") and set(equatorial) <= set(stars):
            pm = (numbers_in(stars, name) for name in equatorial)
            return turn_axes(*pm, lon, lat, CELESTIAL_POLE_IN_GALACTIC)
        return None

    def describe(self, memberships):
        """Return where groups of the stars lie.

        Parameters
        ----------
        memberships : csr_matrix of shape (n_groups, n_stars)
            Non-zero for the members.

        Returns
        -------
        places : Places
            Of each group.
        """
        indptr, indices = memberships.indptr, memberships.indices
        vectors = self._directions[indices]
        centre = _mean(vectors, indptr)
        length = np.linalg.norm(centre, axis=1, keepdims=True)
        centre = np.divide(centre, length, out=np.full_like(centre, np.nan), where=length > 0)
        away = np.linalg.norm(vectors - centre[owners(indptr)], axis=1)
        r50 = np.degrees(2.0 * np.arcsin(np.minimum(median_by_candidate(away, indptr) / 2.0, 1.0)))
        parts = {}
        for name, values in self._parts.items():
            if values is not None:
                values = values[indices]
                mean = _mean(values, indptr)
                square = _mean((values - mean[owners(indptr)]) ** 2, indptr)
                parts[name] = mean, np.sqrt(square.sum(axis=1))
        return Places(centre, r50, parts)


@dataclass
class Places:
    """Centre, half-number radius and mean astrometry of groups of stars.

    Parameters
    ----------
    centre : ndarray of shape (n_groups, 3)
        Unit vectors.
    r50 : ndarray of shape (n_groups,)
        Degrees.
    parts : dict of str to pair of ndarray
        Mean, shape (n_groups, n), and standard deviation, shape (n_groups,), of ``"motion"`` and
        ``"parallax"``, where the stars have these.
    """

    centre: np.ndarray
    r50: np.ndarray
    parts: dict

    def chord(self, first, second):
        """Return the distances between the centres of pairs, as chords of the unit sphere."""
        return np.linalg.norm(self.centre[first] - self.centre[second], axis=1)

    def agree(self, part, limit, first, second):
        """Tell which pairs have means within `limit` standard deviations of the less dispersed.

        What has no mean differs from nothing.
        """
        if part not in self.parts:
            return np.ones(len(first), dtype=bool)
        mean, deviation = self.parts[part]
        between = np.linalg.norm(mean[first] - mean[second], axis=1)
        return ~(between > limit * np.minimum(deviation[first], deviation[second]) + _ROUNDING)

    def similar(self, part, ratio, first, second):
        """Tell which pairs have standard deviations within a factor of each other."""
        if part not in self.parts:
            return np.ones(len(first), dtype=bool)
        one, other = self.parts[part][1][first], self.parts[part][1][second]
        return ~(np.maximum(one, other) > ratio * np.minimum(one, other) + _ROUNDING)


def _mean(values, indptr):
    """Mean by group of the rows without missing values, NaN where there are none."""
    whole = np.isfinite(values).all(axis=1)
    count = sum_by_candidate(whole.astype(np.float64), indptr)
    total = sum_by_candidate(np.where(whole[:, None], values, 0.0), indptr)
    mean = np.full(total.shape, np.nan)
    return np.divide(total, count[:, None], out=mean, where=count[:, None] > 0)
