"""What is known of the structure of one cluster, and its columns in a table."""

from dataclasses import dataclass, field

import numpy as np

from climbkit.survey._distance import QUANTILES, DistancePosterior
from climbkit.survey._stage_input import ASTROMETRY

#: Units of the columns beside those whose names tell theirs.
COLUMN_UNITS = {
    f"{name}_error_sys": unit
    for name, unit in zip(ASTROMETRY, ("mas", "mas / yr", "mas / yr"), strict=True)
} | dict.fromkeys(["distance", "distance_lower", "distance_upper"], "kpc")


@dataclass(frozen=True, eq=False)
class ClusterStructureResult:
    """Structure of one candidate, as `ClusterStructure` finds it; None for what has no result.

    Attributes
    ----------
    candidate_id : str
        Name of the candidate.
    n_members : int
        Members that have a position.
    centers : dict of (str, str) to (float, float)
        Mean direction of the members, deg, by each pair of coordinates that the stars have.
    r50 : float
        Half-number radius, deg.
    mean, mean_error : ndarray of shape (3,)
        Parallax (mas), pmra and pmdec (mas/yr) by inverse variance, and their statistical errors;
        NaN where there are none.
    distance : DistancePosterior or None
        On its grid.
    reason : str
        Why something is missing, else empty.
    """

    candidate_id: str
    n_members: int = 0
    centers: dict = field(default_factory=dict)
    r50: float = np.nan
    mean: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))
    mean_error: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))
    distance: DistancePosterior | None = None
    reason: str = ""

    def columns(self, frames):
        """Return the values of all columns but the systematic errors, by name.

        Parameters
        ----------
        frames : iterable of (str, str)
            Pairs of coordinates whose columns are wanted.
        """
        found = {}
        for names in frames:
            found.update(zip(names, self.centers.get(names, (np.nan, np.nan)), strict=True))
        found["r50"] = self.r50
        for name, mean, error in zip(ASTROMETRY, self.mean, self.mean_error, strict=True):
            found[name], found[f"{name}_error"] = float(mean), float(error)
        low, middle, high = (
            (np.nan,) * 3 if self.distance is None else self.distance.quantile(QUANTILES)
        )
        found.update(distance=middle, distance_lower=low, distance_upper=high)
        found["structure_n_members"] = self.n_members
        found["structure_reason"] = self.reason
        return found
