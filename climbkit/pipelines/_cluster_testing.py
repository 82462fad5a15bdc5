"""Whether a candidate is more than chance, beside the stars whose astrometry is like its own."""

import numpy as np
from sklearn.base import clone

from climbkit.pipelines._cluster_evidence import by_evidence, members_only, membership_matrix
from climbkit.survey._frames import TangentPlane
from climbkit.survey._significance import FIVE_SIGMA
from climbkit.survey._significance_draws import densest_group
from climbkit.survey._stage_input import ASTROMETRY, as_candidates, mean_direction
from climbkit.survey._star_columns import star_field
from climbkit.survey._widening import CandidateWidening

# Members that stand for a candidate: the time of the test grows with their number, and so many
# are enough.
_CORE = 40
# Part of the members that are tested: the outer ones of a sparse cluster lie among the field.
_DENSER_PART = 0.6
# Non-members for each of them that the calibrated test needs.
_FIELD_PER_MEMBER = 20
# Draws that tell quickly what is not worth many: of the field's own groups nearly all.
_SCREENING = 19
# The field of a test has stars with astrometry in a wider range than a membership needs: windows
# as narrow as the cluster hold nothing else. The nearest of them are taken by the test.
_WINDOW = {"spread_factor": 10.0, "error_factor": 12.5}
# Part of the smaller of two candidates that the larger one has, from which on it holds it.
_HELD = 0.5
_COLUMNS = {"p_cst": np.nan, "cst_sigma": np.nan, "cst_n_members": 0, "cst_reason": "not tested"}


class CandidateTest:
    """Tests candidates one by one, each in a field of its own.

    Parameters
    ----------
    test : ClusterSignificanceTest
        The test.
    mask : ndarray of shape (n_stars,), dtype bool
        Stars that take part.
    radius : float
        How far from a candidate's centre its field reaches, degrees.

    Notes
    -----
    The field of a candidate is made of the stars whose proper motion and parallax are like its
    own: in a field of all stars, shuffled groups lie where proper motions crowd, and a sparse
    cluster that moves otherwise is not denser than these.

    What is tested is the densest part of the members. A group of the field has none that is denser
    than chance; members chosen at random would be less dense than the cluster.
    """

    def __init__(self, test, mask, radius):
        self.test, self.mask = test, mask
        self.window = CandidateWidening(min_radius=radius, max_radius=radius, **_WINDOW)

    def annotate(self, candidates, worth, *, screening=False):
        """Return candidates with p-values.

        Parameters
        ----------
        candidates : CandidateSet
            With membership probabilities.
        worth : ndarray of shape (n_candidates,), dtype bool
            Which to test; the others get NaN.
        screening : bool, default=False
            Only few draws.

        Returns
        -------
        candidates : CandidateSet
            With the columns ``p_cst``, ``cst_sigma``, ``cst_n_members`` and ``cst_reason``.
        """
        n = len(candidates)
        columns = {name: np.full(n, value, dtype=object) for name, value in _COLUMNS.items()}
        for number in np.flatnonzero(worth):
            result = self.result(candidates[[number]], screening=screening)
            for name, values in columns.items():
                values[number] = result[name]
        return candidates.annotate(
            **{name: column.astype(type(_COLUMNS[name])) for name, column in columns.items()}
        )

    def result(self, candidate, *, without=None, screening=False):
        """Test one candidate.

        Parameters
        ----------
        candidate : CandidateSet of length 1
            With membership probabilities.
        without : ndarray of int, default=None
            Rows of stars that are to be as if they were not there.
        screening : bool, default=False
            Only few draws.

        Returns
        -------
        result : dict
            Of the columns of `annotate`.
        """
        mask = self.mask.copy()
        if without is not None:
            mask[without] = False
        members = members_only(candidate)
        rows = members.indices[mask[members.indices]]
        around = self.window.fit(
            members.with_members(members.indptr, members.indices), mask=self.mask
        ).candidates_
        inside = np.zeros(len(mask), dtype=bool)
        inside[around.indices] = True
        inside[members.indices] = False
        inside &= mask
        core = _densest(candidate, rows, int(inside.sum()), self.test.n_neighbors)
        inside[core] = True
        part = candidate.with_members([0, len(core)], core)
        test = clone(self.test)
        if screening and test.method == "calibrated":
            test.set_params(n_draws=min(test.n_draws, _SCREENING))
        table = test.fit(part, mask=inside).candidates_.table
        if test.method == "calibrated" and np.isnan(table["p_cst"].iloc[0]):
            table = self._published(part, inside, table)
        return {name: table[name].iloc[0] for name in _COLUMNS}

    def _published(self, part, inside, table):
        """Where the field is too poor to be shuffled: the published test, at its own limit."""
        other = clone(self.test).set_params(method="published").fit(part, mask=inside)
        other = other.candidates_.table
        p = other["p_cst"].iloc[0]
        if np.isnan(p):
            return table
        note = f"{table['cst_reason'].iloc[0]}; published test instead, 1 above its {FIVE_SIGMA:g}"
        return other.assign(cst_reason=note, p_cst=p if p < FIVE_SIGMA else 1.0)


def disentangle(candidates, tester, limit):
    """Keep one of two candidates of which the larger holds the smaller.

    Parameters
    ----------
    candidates : CandidateSet
        With membership probabilities, all significant.
    tester : CandidateTest or None
        Tells whether the larger is significant without the smaller: then the smaller is a piece of
        it, else the larger is a group of the field around the smaller. None: the larger evidence
        is kept.
    limit : float
        Largest p-value that is significant.

    Returns
    -------
    kept : ndarray of shape (n_candidates,), dtype bool
        Which to keep.
    """
    members = members_only(candidates)
    memberships = membership_matrix(members)
    sizes = np.diff(memberships.indptr)
    shared = (memberships @ memberships.T).toarray()
    kept = np.ones(len(candidates), dtype=bool)
    for first in by_evidence(candidates.table):
        for second in by_evidence(candidates.table):
            if first == second or not (kept[first] and kept[second]):
                continue
            if sizes[first] < sizes[second] or shared[first, second] < _HELD * sizes[second]:
                continue
            lost = second
            if tester is not None:
                rows = members.indices[slice(*members.indptr[second : second + 2])]
                p = tester.result(candidates[[first]], without=rows, screening=True)["p_cst"]
                lost = second if p <= max(limit, 1 / (1 + _SCREENING)) else first
            kept[lost] = False
    return kept


def _densest(candidate, rows, n_field, n_neighbors):
    """Rows of the densest part of a candidate's members."""
    table, coordinates = as_candidates(candidate, None, ASTROMETRY)[1:]
    most = min(_CORE, int(_DENSER_PART * len(rows)), n_field // _FIELD_PER_MEMBER)
    most = max(most, n_neighbors + 1)
    field = star_field(table.iloc[rows], coordinates, ASTROMETRY)
    if len(field) <= most:
        return np.sort(rows)
    centre = mean_direction(field.vectors)
    plane = TangentPlane(*centre, field.vectors)
    X = np.column_stack([*plane.positions(), field.values[0], *plane.motions(field.motions)])
    scale = X.std(axis=0)
    group = densest_group(X / np.where(scale > 0, scale, 1.0), most, n_neighbors)
    return np.sort(rows[field.rows[group]])
