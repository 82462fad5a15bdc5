"""All stars around a candidate that could be its members, so that field and cluster can be told."""

from numbers import Real

import numpy as np
from scipy.spatial import cKDTree
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from climbkit.survey._frames import TangentPlane
from climbkit.survey._stage import CandidateStage
from climbkit.survey._stage_input import ASTROMETRY, as_candidates, mean_direction
from climbkit.survey._star_columns import numbers_in, star_field

# Median distance from the middle of a two-dimensional Gaussian, and of a one-dimensional one, in
# standard deviations.
_MEDIAN_RADIUS, _MEDIAN_AWAY = np.sqrt(2 * np.log(2)), 0.6745
# Rounds in which the middle of a candidate forgets its farther half.
_ROUNDS = 3


class CandidateWidening(CandidateStage):
    """Widen each candidate to all stars near it that could be its members.

    A search for overdensities finds the dense part of a cluster. What is needed to tell its members
    from the field is all of both: the stars within some half-number radii of its centre whose
    proper motion and parallax its errors allow.

    Parameters
    ----------
    radius_factor : float, default=10.0
        Radius around the centre from which stars are taken, in half-number radii of the candidate.

    min_radius, max_radius : float, default=0.1 and 2.0
        Smallest and largest such radius, degrees.

    spread_factor : float, default=4.0
        Stars may differ from the middle of the candidate by this many times the spread of its own
        stars, in proper motion and in parallax ...

    error_factor : float, default=5.0
        ... plus this many times the error of the stars around it, where the table has errors.

    error_quantile : float, default=0.95
        Which of their errors: that which this part of the stars does not exceed.

    coordinates : pair of str, default=None
        Names of longitude and latitude. None: l and b, or ra and dec.

    Attributes
    ----------
    candidates_ : CandidateSet
        The same candidates with more stars, and with the column ``widening_radius`` (degrees).
        Membership probabilities are forgotten, for they are to be found anew.

    core_ : ndarray of shape (n_memberships,), dtype bool
        In the order of its ``indices``, the stars that the candidate had before.

    Notes
    -----
    Windows are round on the sky and in proper motion, in the tangent plane at the candidate's
    centre, so that poles and axes are nothing special. The limits are the same for all stars of a
    window, so that they cut the field and the cluster alike. Time is that of a query of a tree for
    each candidate.
    """

    _parameter_constraints = {
        "radius_factor": [Interval(Real, 0, None, closed="neither")],
        "min_radius": [Interval(Real, 0, None, closed="left")],
        "max_radius": [Interval(Real, 0, 90, closed="right")],
        "spread_factor": [Interval(Real, 0, None, closed="left")],
        "error_factor": [Interval(Real, 0, None, closed="left")],
        "error_quantile": [Interval(Real, 0, 1, closed="both")],
        "coordinates": [tuple, list, None],
    }

    def __init__(
        self,
        radius_factor=10.0,
        *,
        min_radius=0.1,
        max_radius=2.0,
        spread_factor=4.0,
        error_factor=5.0,
        error_quantile=0.95,
        coordinates=None,
    ):
        self.radius_factor = radius_factor
        self.min_radius = min_radius
        self.max_radius = max_radius
        self.spread_factor = spread_factor
        self.error_factor = error_factor
        self.error_quantile = error_quantile
        self.coordinates = coordinates

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, mask=None):
        """Widen candidates.

        Parameters
        ----------
        X : CandidateSet
            Candidates with their stars. Where there are membership probabilities, only members
            (by ``membership_threshold``) tell where the candidate lies.
        y : ignored
            Not used, present for scikit-learn's API.
        mask : str or array-like of bool of shape (n_stars,), default=None
            True for stars that may be taken, or the name of such a column.

        Returns
        -------
        self : CandidateWidening
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, or the candidates have no stars or these lack a column.
        """
        candidates, table, coordinates = as_candidates(X, self.coordinates, ASTROMETRY)
        around = _Surroundings(table, coordinates, mask)
        chosen, cores, radii = [], [], np.zeros(len(candidates))
        for number in range(len(candidates)):
            rows = core_rows(candidates, number)
            seed = around.positions(rows)
            cores.append(rows)
            if len(seed):
                rows, radii[number] = self._window(around, seed)
            chosen.append(rows)
        indptr = np.cumsum([0, *(len(rows) for rows in chosen)])
        indices = np.concatenate([*chosen, np.empty(0, dtype=np.int64)])
        self.candidates_ = candidates.with_members(indptr, indices).annotate(
            "widening_radius", radii, unit="deg"
        )
        self.core_ = np.concatenate(
            [np.isin(*pair) for pair in zip(chosen, cores, strict=True)] + [np.zeros(0, dtype=bool)]
        )
        self._fitted = X
        return self

    def _window(self, around, seed):
        """Rows of the stars in the window of a candidate, and its radius."""
        field = around.field
        centre = mean_direction(field.vectors[:, seed])
        reach = np.hypot(*TangentPlane(*centre, field.vectors[:, seed]).positions())
        radius = float(
            np.clip(self.radius_factor * np.median(reach), self.min_radius, self.max_radius)
        )
        near = np.union1d(around.within(centre, radius), seed)
        values = around.astrometry(near, centre)
        inside = np.isin(near, seed)
        errors = around.errors[:, near]
        allowed = np.ones(len(near), dtype=bool)
        for part, gaussian, error in (
            (values[:, :1], _MEDIAN_AWAY, errors[0]),
            (values[:, 1:], _MEDIAN_RADIUS, errors[1]),
        ):
            away = np.linalg.norm(part - _middle(part[inside]), axis=1)
            limit = self.spread_factor * np.median(away[inside]) / gaussian
            known = error[np.isfinite(error)]
            if len(known):
                limit += self.error_factor * np.quantile(known, self.error_quantile)
            allowed &= away <= limit
        return np.sort(field.rows[near[allowed | inside]]), radius


class _Surroundings:
    """The stars of a table, where they are looked up by place."""

    def __init__(self, table, coordinates, mask):
        self.field = star_field(table, coordinates, ASTROMETRY, mask=mask)
        self._position = np.full(len(table), -1, dtype=np.int64)
        self._position[self.field.rows] = np.arange(len(self.field))
        self._tree = cKDTree(self.field.vectors.T) if len(self.field) else None
        names = [f"{name}_error" for name in ASTROMETRY]
        errors = np.full((3, len(self.field)), np.nan)
        for row, name in zip(errors, names, strict=True):
            if name in table:
                row[:] = numbers_in(table, name)[self.field.rows]
        # One error of proper motions, the same whichever way the axes lie.
        self.errors = np.stack([errors[0], np.sqrt((errors[1] ** 2 + errors[2] ** 2) / 2)])

    def positions(self, rows):
        """Numbers in the field of those rows that are usable."""
        found = self._position[rows]
        return np.sort(found[found >= 0])

    def within(self, centre, radius):
        """Numbers in the field of the stars within some degrees, ascending."""
        lon, lat = np.radians(centre)
        vector = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        found = self._tree.query_ball_point(vector, 2 * np.sin(np.radians(radius) / 2))
        return np.sort(np.asarray(found, dtype=np.int64))

    def astrometry(self, positions, centre):
        """Parallax and proper motions in the plane at the centre, a row for each star."""
        plane = TangentPlane(*centre, self.field.vectors[:, positions])
        motions = plane.motions(self.field.motions[:, positions])
        return np.column_stack([self.field.values[0, positions], *motions])


def core_rows(candidates, number):
    """Return the rows of a candidate's members, or of all its stars where it has none.

    Parameters
    ----------
    candidates : CandidateSet
        Candidates, with or without membership probabilities.
    number : int
        Which one.

    Returns
    -------
    rows : ndarray of int64
        Row numbers in the stars.
    """
    part = slice(*candidates.indptr[number : number + 2])
    rows = candidates.indices[part]
    if candidates.probabilities is None:
        return rows
    least = 0.0
    if "membership_threshold" in candidates.table:
        least = candidates.table["membership_threshold"].iloc[number]
    members = rows[candidates.probabilities[part] >= least]
    return members if len(members) else rows


def _middle(values):
    """Middle of some stars that a few far ones hardly move, and that turns with the axes."""
    middle = values.mean(axis=0)
    for _ in range(_ROUNDS):
        away = np.linalg.norm(values - middle, axis=1)
        middle = values[away <= np.median(away)].mean(axis=0)
    return middle
