"""What membership probabilities say of a candidate: its evidence, its members, its duplicates."""

import numpy as np

from climbkit.pipelines._cluster_widening import with_members
from climbkit.survey._candidate_table import describe_candidates
from climbkit.survey._frames import TangentPlane
from climbkit.survey._significance_draws import densest_group
from climbkit.survey._stage_input import ASTROMETRY, as_candidates, mean_direction
from climbkit.survey._star_columns import star_field

#: Part of a candidate's members that a better one has, from which on it is the same cluster.
SHARED = 0.3
#: Members that stand for a candidate in the significance test: its time grows with their number.
CORE = 40
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
    owner = np.repeat(np.arange(len(candidates)), np.diff(candidates.indptr))
    least = candidates.table["membership_threshold"].to_numpy(dtype=np.float64)
    kept = candidates.probabilities >= least[owner]
    sizes = np.bincount(owner[kept], minlength=len(candidates))
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    table = candidates.table
    table["n_members"] = sizes
    return type(candidates)(
        candidates.stars,
        indptr,
        candidates.indices[kept],
        table,
        probabilities=candidates.probabilities[kept],
        units=candidates.own_units,
        meta=candidates.meta,
    )


def without_duplicates(candidates, shared=SHARED):
    """Keep the candidate of the largest evidence of each cluster.

    Parameters
    ----------
    candidates : CandidateSet
        From `describe_members`.
    shared : float, default=0.3
        A candidate is a duplicate if better ones have at least this part of its members.

    Returns
    -------
    candidates : CandidateSet
        Those that are none, the largest evidence first. ``n_repetitions`` counts those of the
        duplicates, and ``persistence`` is the largest of theirs.
    """
    table = candidates.table
    part = members_only(candidates)
    ids = table["candidate_id"].to_numpy(dtype=object).astype(str)
    order = np.lexsort((ids, -table["evidence"].to_numpy(dtype=np.float64)))
    owner = np.full(candidates.n_stars, -1, dtype=np.int64)
    kept, of = [], {}
    for number in order.tolist():
        rows = part.indices[slice(*part.indptr[number : number + 2])]
        taken = owner[rows]
        taken = taken[taken >= 0]
        if len(rows) and len(taken) >= shared * len(rows):
            of[number] = int(np.bincount(taken).argmax())
            continue
        kept.append(number)
        owner[rows[owner[rows] < 0]] = number
    for column, join in (("n_repetitions", np.add), ("persistence", np.fmax)):
        if column in table:
            values = table[column].to_numpy(copy=True)
            for number, best in of.items():
                values[best] = join(values[best], values[number])
            candidates = candidates.annotate(**{column: values})
    return candidates[np.array(kept, dtype=np.int64)]


def densest_parts(candidates, mask, *, most=CORE, n_neighbors=10, field_per_member=20):
    """Return the densest stars among the members of each candidate, and what is field to them.

    Parameters
    ----------
    candidates : CandidateSet
        With membership probabilities.
    mask : ndarray of shape (n_stars,), dtype bool
        Stars that take part.
    most : int, default=40
        Largest number of stars of each.
    n_neighbors : int, default=10
        Neighbour whose distance tells where it is dense.
    field_per_member : int, default=20
        Fewer stars are chosen where the field has fewer than this for each.

    Returns
    -------
    parts : CandidateSet
        Those stars, without probabilities, with the same ids.
    mask : ndarray of shape (n_stars,), dtype bool
        Without the members that were not chosen, which are no field.

    Notes
    -----
    The densest part of a cluster is denser than what a field has by chance at any number of stars,
    and a group of the field is not. Members chosen at random would be less dense than the cluster.
    """
    part = members_only(candidates)
    table, coordinates = as_candidates(part, None, ASTROMETRY)[1:]
    field = star_field(table, coordinates, ASTROMETRY, mask=mask)
    position = np.full(len(table), -1, dtype=np.int64)
    position[field.rows] = np.arange(len(field))
    usable = np.zeros(len(table), dtype=bool)
    usable[field.rows] = True
    is_member = np.zeros(len(table), dtype=bool)
    is_member[part.indices] = True
    most = min(most, int(np.sum(usable & ~is_member)) // field_per_member)
    chosen = []
    for begin, end in zip(part.indptr[:-1], part.indptr[1:], strict=True):
        at = position[part.indices[begin:end]]
        at = np.sort(at[at >= 0])
        if len(at) > max(most, n_neighbors + 1):
            centre = mean_direction(field.vectors[:, at])
            plane = TangentPlane(*centre, field.vectors[:, at])
            motions = plane.motions(field.motions[:, at])
            X = np.column_stack([*plane.positions(), field.values[0, at], *motions])
            scale = X.std(axis=0)
            X /= np.where(scale > 0, scale, 1.0)
            at = at[densest_group(X, max(most, n_neighbors + 1), n_neighbors)]
        chosen.append(np.sort(field.rows[at]).astype(np.int64))
    indptr = np.concatenate([[0], np.cumsum([len(rows) for rows in chosen])])
    parts = with_members(candidates, indptr, chosen)
    is_member[parts.indices] = False
    return parts, mask & ~is_member
