"""What membership probabilities say of a candidate: its evidence, its members, its duplicates."""

import numpy as np
from scipy.sparse import csr_matrix

from climbkit.survey._candidate_table import describe_candidates
from climbkit.survey._memberships import owners
from climbkit.survey._stage_input import as_candidates

# Stars that two candidates share, of those that either has, from which on they are one cluster.
_SAME = 0.3
# Members that tell a cluster well enough without any faint ones.
_ENOUGH = 50
# How the columns of duplicates are joined with those of the best one.
_JOINED = {"n_repetitions": np.add, "persistence": np.fmax}
# Probabilities are told from 1 up to here: beyond, a star says nothing more.
_CERTAIN = 1e-12


def log_likelihood_ratio(probabilities):
    """Return how much likelier the stars are with a cluster in the field than without.

    Parameters
    ----------
    probabilities : ndarray of shape (n_stars,)
        Membership probabilities of all stars of a mixture of cluster and field.

    Returns
    -------
    value : float
        Difference of the log likelihoods of the mixture and of its field alone, whose stars they
        all are then.

    Notes
    -----
    A star's density is ``w c + (1 - w) f`` with the cluster's share w, the mean probability. As
    its probability is ``p = w c / (w c + (1 - w) f)``, the ratio to the field alone is
    ``(1 - w) / (1 - p)``.
    """
    if len(probabilities) == 0:
        return 0.0
    share = min(float(np.mean(probabilities)), 1.0 - _CERTAIN)
    kept = np.minimum(probabilities, 1.0 - _CERTAIN)
    return float(np.sum(np.log1p(-share) - np.log1p(-kept)))


def describe_members(candidates):
    """Describe candidates by their members instead of all their stars.

    Parameters
    ----------
    candidates : CandidateSet
        From `GMMMembership`.

    Returns
    -------
    candidates : CandidateSet
        With centre, r50 and mean astrometry of the members, and the column ``evidence``; see
        `log_likelihood_ratio`.
    """
    stars = as_candidates(candidates, None, ())[1]
    part = members_only(candidates)
    table = describe_candidates(stars, part.indptr, part.indices).drop(columns="n_members")
    ratios = [
        log_likelihood_ratio(candidates.probabilities[begin:end])
        for begin, end in zip(candidates.indptr[:-1], candidates.indptr[1:], strict=True)
    ]
    return candidates.annotate(**{name: table[name].to_numpy() for name in table}).annotate(
        evidence=np.array(ratios, dtype=np.float64)
    )


def members_only(candidates):
    """Return candidates with their members alone, and their probabilities.

    Parameters
    ----------
    candidates : CandidateSet
        With the column ``membership_threshold`` where there are probabilities.

    Returns
    -------
    candidates : CandidateSet
        With the same ids.
    """
    if candidates.probabilities is None:
        return candidates
    owner = owners(candidates.indptr)
    least = candidates.table["membership_threshold"].to_numpy(dtype=np.float64)
    kept = candidates.probabilities >= least[owner]
    sizes = np.bincount(owner[kept], minlength=len(candidates))
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    return candidates.with_members(indptr, candidates.indices[kept], candidates.probabilities[kept])


def without_duplicates(candidates):
    """Keep the candidate of the largest evidence of those that have the same members.

    Parameters
    ----------
    candidates : CandidateSet
        From `describe_members`.

    Returns
    -------
    candidates : CandidateSet
        Those that share with no better one 30 % of the stars that either has, the largest evidence
        first. ``n_repetitions`` counts those of the duplicates, and ``persistence`` is the largest
        of theirs.

    Notes
    -----
    Memory is linear in the memberships. So is time, as long as a star is a member of few candidates
    that are kept, which share less than those 30 % with each other.
    """
    table = candidates.table
    members = members_only(candidates)
    holders = _Holders(members)
    kept = []
    values = {name: table[name].to_numpy(copy=True) for name in _JOINED if name in table}
    for number in by_evidence(table):
        better = holders.same(number)
        if better is None:
            kept.append(number)
            holders.add(number)
            continue
        for name, column in values.items():
            column[better] = _JOINED[name](column[better], column[number])
    return candidates.annotate(**values)[np.array(kept, dtype=np.int64)]


class _Holders:
    """Which of the candidates that were added, the best first, hold a star.

    The memberships of a star are a chain from the last one that was added to the first.
    """

    def __init__(self, members):
        self._indptr, self._rows = members.indptr, members.indices
        self._owners = owners(members.indptr)
        self._last = np.full(members.n_stars, -1, dtype=np.int64)
        self._before = np.full(len(members.indices), -1, dtype=np.int64)
        self._place = np.full(len(members), -1, dtype=np.int64)
        self._n_added = 0

    def add(self, number):
        """Add a candidate."""
        part = slice(*self._indptr[number : number + 2])
        rows = self._rows[part]
        self._before[part] = self._last[rows]
        self._last[rows] = np.arange(part.start, part.stop)
        self._place[number] = self._n_added
        self._n_added += 1

    def same(self, number):
        """Return the first of those that were added that is the same cluster, None without."""
        begin, end = self._indptr[number : number + 2]
        entries = self._last[self._rows[begin:end]]
        found = []
        while len(entries := entries[entries >= 0]):
            found.append(self._owners[entries])
            entries = self._before[entries]
        if not found:
            return None
        others, shared = np.unique(np.concatenate(found), return_counts=True)
        either = end - begin + self._indptr[others + 1] - self._indptr[others] - shared
        others = others[shared >= _SAME * either]
        return int(others[np.argmin(self._place[others])]) if len(others) else None


def by_evidence(table):
    """Return the row numbers of candidates, the largest evidence first.

    Parameters
    ----------
    table : DataFrame
        Of candidates.

    Returns
    -------
    order : list of int
        Equal ones by their id.
    """
    ids = table["candidate_id"].to_numpy(dtype=object).astype(str)
    return np.lexsort((ids, -table["evidence"].to_numpy(dtype=np.float64))).tolist()


def membership_matrix(candidates):
    """Return memberships as a sparse matrix.

    Parameters
    ----------
    candidates : CandidateSet
        Candidates.

    Returns
    -------
    matrix : csr_matrix of shape (n_candidates, n_stars)
        1 where a star belongs to a candidate.
    """
    ones = np.ones(len(candidates.indices), dtype=np.int64)
    shape = (len(candidates), candidates.n_stars)
    return csr_matrix((ones, candidates.indices, candidates.indptr), shape=shape)


def without_faint(candidates, faint):
    """Return candidates without faint members where they have enough others.

    Parameters
    ----------
    candidates : CandidateSet
        With membership probabilities.
    faint : ndarray of shape (n_stars,), dtype bool, or None
        Which stars are faint.

    Returns
    -------
    candidates : CandidateSet
        With probability 0 for these.
    """
    if faint is None or not faint.any() or candidates.probabilities is None:
        return candidates
    probabilities = candidates.probabilities.copy()
    least = candidates.table["membership_threshold"].to_numpy(dtype=np.float64)
    counts = np.zeros(len(candidates), dtype=np.int64)
    for number, (begin, end) in enumerate(
        zip(candidates.indptr[:-1], candidates.indptr[1:], strict=True)
    ):
        part, dim = probabilities[begin:end], faint[candidates.indices[begin:end]]
        if np.sum(part[~dim] >= least[number]) >= _ENOUGH:
            part[dim] = 0.0
        counts[number] = np.sum(part >= least[number])
    return candidates.with_members(candidates.indptr, candidates.indices, probabilities).annotate(
        n_probable=counts
    )
