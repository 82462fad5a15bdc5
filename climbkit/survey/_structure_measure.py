"""Measures the structure of one candidate."""

from typing import NamedTuple

import numpy as np

from climbkit.survey._candidate_table import SKY_FRAMES
from climbkit.survey._dispersion import FEWEST_STARS, motion_dispersion
from climbkit.survey._distance import distance_posterior
from climbkit.survey._frames import unit_vectors
from climbkit.survey._stage_input import ASTROMETRY
from climbkit.survey._star_columns import numbers_in, star_field
from climbkit.survey._star_errors import covariances
from climbkit.survey._structure_astrometry import astrometry_at, centre_and_radii, offsets
from climbkit.survey._structure_profile import candidate_profile
from climbkit.survey._structure_result import ClusterStructureResult

_ROUNDING = 1e-9


class Stars(NamedTuple):
    """Stars of a table as plain arrays.

    Attributes
    ----------
    coordinates : pair of str
        Names of longitude and latitude.
    columns : ndarray of shape (5, n_stars)
        Longitude, latitude, parallax, pmra, pmdec.
    errors : ndarray of shape (n_stars, 3, 3)
        Covariances of the last three.
    frames : dict of (str, str) to ndarray of shape (3, n_stars)
        Directions by each pair of coordinates that the table has.
    rank : ndarray of shape (n_stars,), dtype int64
        An order that follows from the values and ids of the stars, -1 for those not to use.
    """

    coordinates: tuple
    columns: np.ndarray
    errors: np.ndarray
    frames: dict
    rank: np.ndarray

    @classmethod
    def from_table(cls, table, coordinates, mask):
        """Read stars; positions, ids and mask are checked."""
        for name in ASTROMETRY:
            if f"{name}_error" not in table:
                raise ValueError(f"stars have no column '{name}_error': means need errors.")
        order = star_field(table, coordinates, (), mask=mask)
        rank = np.full(len(table), -1, dtype=np.int64)
        rank[order.rows] = np.arange(len(order))
        columns = np.stack([numbers_in(table, name) for name in (*coordinates, *ASTROMETRY)])
        pairs = [coordinates, *(pair for pair in SKY_FRAMES if pair != coordinates)]
        frames = {
            pair: unit_vectors(*(numbers_in(table, name) for name in pair))
            for pair in pairs
            if set(pair) <= set(table)
        }
        return cls(coordinates, columns, covariances(table), frames, rank)

    def usable(self, rows):
        """Return which rows are to be used, in an order that is not that of the table."""
        where = np.flatnonzero(self.rank[rows] >= 0)
        return where[np.argsort(self.rank[rows[where]])]


def measure(stars, name, rows, members, probabilities, settings):
    """Measure one candidate.

    Parameters
    ----------
    stars : Stars
        All stars.
    name : str
        Name of the candidate.
    rows : ndarray of shape (n_rows,), dtype int64
        Its stars.
    members : ndarray of shape (n_rows,), dtype bool
        Which of them are members.
    probabilities : ndarray of shape (n_rows,)
        Their membership probabilities.
    settings : ClusterStructure
        Parameters.

    Returns
    -------
    result : ClusterStructureResult
        What was found.
    """
    used = stars.usable(rows)
    rows, members, probabilities = rows[used], members[used], probabilities[used]
    own = rows[members]
    if len(own) == 0:
        return ClusterStructureResult(name, reason="no member has a position")
    centers = {}
    for pair, vectors in stars.frames.items():
        *center, away = centre_and_radii(vectors[:, own])
        centers[pair] = tuple(center)
        if pair == stars.coordinates:
            r50 = float(np.median(away))
    found = {"n_members": len(own), "centers": centers, "r50": r50}
    reasons = _motions_and_distance(stars, own, settings, found)
    if settings.profile is not None:
        places = offsets(centers[stars.coordinates], stars.frames[stars.coordinates][:, rows])
        found["profile"], reason = candidate_profile(name, places, members, probabilities, settings)
        reasons.append(reason)
    return ClusterStructureResult(name, **found, reason="; ".join(filter(None, reasons)))


def _motions_and_distance(stars, own, settings, found):
    """Add what follows from the astrometry of the members; return why something does not."""
    complete = own[
        np.isfinite(stars.columns[:, own]).all(axis=0)
        & np.isfinite(stars.errors[own]).all(axis=(1, 2))
    ]
    if len(complete) == 0:
        return ["no member has complete astrometry"]
    astrometry = astrometry_at(
        found["centers"][stars.coordinates],
        stars.frames[stars.coordinates][:, complete],
        stars.columns[:, complete],
        stars.errors[complete],
        stars.coordinates,
    )
    mean, error = astrometry.mean()
    systematic = settings.parallax_systematic if settings.distance_systematic else 0.0
    found.update(
        mean=mean,
        mean_error=error,
        distance=distance_posterior(
            mean[0], np.hypot(error[0], systematic), settings.distance_scale
        ),
    )
    most = settings.dispersion_max_error
    motions, errors = astrometry.values[:, 1:], astrometry.errors[:, 1:, 1:]
    if most is not None:
        # By the largest in any direction, as the axes may be turned; that rounds.
        sharp = np.linalg.eigvalsh(errors)[:, -1] <= most**2 * (1.0 + _ROUNDING)
        motions, errors = motions[sharp], errors[sharp]
    if len(motions) < FEWEST_STARS:
        within = "" if most is None else f" with errors up to {most:g} mas/yr"
        return [f"dispersion: {len(motions)} complete members{within}; {FEWEST_STARS} are needed"]
    floor = settings.pm_systematic**2 * np.eye(2)
    found["dispersion"] = motion_dispersion(motions, errors + floor)
    return []
