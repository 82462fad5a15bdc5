"""The two significance tests of one group of stars, against the field around it."""

from typing import NamedTuple

import numpy as np
from scipy.stats import mannwhitneyu

from climbkit.survey._frames import TangentPlane
from climbkit.survey._significance_draws import (
    compactness,
    draw_compactness,
    neighbour_distances,
)
from climbkit.survey._stage_input import mean_direction

# Non-members for each member: among fewer, shuffled members of a true cluster meet often enough
# to be a cluster again. At 20 all of four real clusters with 8 to 17 % members are beyond all
# draws, at 10 the widest of them is not.
_FIELD_PER_MEMBER = 20
_CENTRAL_68_PERCENT = (0.16, 0.84)


class Result(NamedTuple):
    """What a test says; see `ClusterSignificanceTest.candidates_`."""

    p: float = np.nan
    statistic: float = np.nan
    sigma: float = np.nan
    n_members: int = 0
    n_field: int = 0
    reason: str = ""


class Group:
    """Members in a field, and how far each star is from their centre.

    Parameters
    ----------
    field : StarField
        All stars.
    members : ndarray of int
        Positions of the members in it, ascending.
    n_neighbors : int
        Number of the neighbour whose distance is measured.
    """

    def __init__(self, field, members, n_neighbors):
        self.field, self.members, self.n_neighbors = field, members, n_neighbors
        self.centre = mean_direction(field.vectors[:, members])
        # The radius in an equal-area plane grows with the separation.
        self.away = np.hypot(*TangentPlane(*self.centre, field.vectors).positions())
        others = np.ones(len(self.away), dtype=bool)
        others[members] = False
        self.others = np.flatnonzero(others)

    def features(self, positions):
        """Return positions (deg), parallax and proper motions in the plane at the centre."""
        plane = TangentPlane(*self.centre, self.field.vectors[:, positions])
        pm = plane.motions(self.field.motions[:, positions])
        return np.column_stack([*plane.positions(), self.field.values[0, positions], *pm])


def published_test(group, radius_factor):
    """Compare neighbour distances among members with those among non-members.

    Parameters
    ----------
    group : Group
        The group.
    radius_factor : float
        Non-members lie within this times R50.

    Returns
    -------
    result : Result
        Of a one-sided Mann-Whitney U test.
    """
    reach = radius_factor * np.median(group.away[group.members])
    others = group.others[group.away[group.others] <= reach]
    n, m = len(group.members), len(others)
    if m <= group.n_neighbors:
        return Result(
            n_members=n,
            n_field=m,
            reason=f"{m} non-members nearby; more than {group.n_neighbors} are needed",
        )
    X = group.features(np.concatenate([group.members, others]))
    scale = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    near, far = (neighbour_distances(part, group.n_neighbors) for part in (X[:n], X[n:]))
    u, p = mannwhitneyu(near, far, alternative="less")
    sigma = (n * m / 2 - u) / np.sqrt(n * m * (n + m + 1) / 12)
    return Result(float(p), float(1 - u / (n * m)), float(sigma), n, m)


def calibrated_test(group, n_field, n_draws, rng):
    """Compare a group with the densest ones of fields whose stars were shuffled.

    Parameters
    ----------
    group : Group
        The group.
    n_field : int
        Non-members to take, more where the group needs more.
    n_draws : int
        Number of shuffled fields.
    rng : Generator
        Source of the draws.

    Returns
    -------
    result : Result
        Of a permutation test.
    """
    members, others = group.members, group.others
    most = len(others) // _FIELD_PER_MEMBER
    if most <= group.n_neighbors:
        return Result(
            n_members=len(members),
            n_field=len(others),
            reason=f"{len(others)} non-members; {_FIELD_PER_MEMBER} for each of more than "
            f"{group.n_neighbors} members are needed",
        )
    if len(members) > most:
        members = np.sort(rng.choice(members, most, replace=False))
    n = len(members)
    nearest = np.argsort(group.away[others], kind="stable")
    around = others[nearest[: max(n_field, _FIELD_PER_MEMBER * n)]]
    # In the order of the sky, so that a seed means the same whichever stars are members.
    chosen = np.sort(np.concatenate([members, around]))
    X = group.features(chosen)
    low, high = np.quantile(X, _CENTRAL_68_PERCENT, axis=0)
    X = (X - (low + high) / 2) / np.where(high > low, (high - low) / 2, 1.0)
    observed = compactness(X[np.isin(chosen, members)], group.n_neighbors)
    drawn = draw_compactness(X, n, group.n_neighbors, n_draws, rng)
    p = (1 + np.sum(drawn >= observed)) / (1 + n_draws)
    finite = drawn[np.isfinite(drawn)]
    spread = finite.std() if len(finite) > 1 else 0.0
    sigma = (observed - finite.mean()) / spread if spread > 0 else np.nan
    return Result(float(p), observed, float(sigma), n, len(around))
