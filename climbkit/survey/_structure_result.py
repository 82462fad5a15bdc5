"""What is known of the structure of one cluster, and its columns in a table."""

from dataclasses import dataclass, field

import numpy as np

from climbkit.survey._dispersion import MotionDispersion
from climbkit.survey._distance import QUANTILES, DistancePosterior
from climbkit.survey._profile_fit import RadialProfile
from climbkit.survey._profile_models import MODELS
from climbkit.survey._stage_input import ASTROMETRY

#: Columns of the dispersion.
_DISPERSION = ("pm_dispersion", "pm_dispersion_error", "pm_dispersion_limit")
_ASTROMETRY_UNITS = dict(zip(ASTROMETRY, ("mas", "mas / yr", "mas / yr"), strict=True))
_PROFILE_UNITS = {"k": "1 / arcmin2", "eta": "1 / arcmin2", "c": ""}


def _profile_names(model):
    return (*MODELS[model].names, *(["c"] if model == "king" else []))


#: Units of the columns beside those whose names tell theirs.
COLUMN_UNITS = (
    {f"{name}_error_sys": unit for name, unit in _ASTROMETRY_UNITS.items()}
    | dict.fromkeys(["distance", "distance_lower", "distance_upper"], "kpc")
    | dict.fromkeys(_DISPERSION, "mas / yr")
    | {
        f"{model}_{name}{end}": _PROFILE_UNITS.get(name, "arcmin")
        for model in MODELS
        for name in _profile_names(model)
        for end in ("", "_error")
    }
)


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
    dispersion : MotionDispersion or None
        Of the proper motions.
    profile : RadialProfile or None
        With the stars that it was fitted to.
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
    dispersion: MotionDispersion | None = None
    profile: RadialProfile | None = None
    reason: str = ""

    def columns(self, frames, profile):
        """Return the values of all columns but the systematic errors, by name.

        Parameters
        ----------
        frames : iterable of (str, str)
            Pairs of coordinates whose columns are wanted.
        profile : str or None
            Name of the profile whose columns are wanted.
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
        motion = self.dispersion
        found.update(
            zip(
                _DISPERSION,
                (np.nan,) * 3
                if motion is None
                else (motion.dispersion, motion.error, motion.limit),
                strict=True,
            )
        )
        for name in () if profile is None else _profile_names(profile):
            for end, source in (("", "values"), ("_error", "errors")):
                known = {} if self.profile is None else getattr(self.profile, source)
                found[f"{profile}_{name}{end}"] = known.get(name, np.nan)
        found["structure_n_members"] = self.n_members
        found["structure_reason"] = self.reason
        return found


def annotate(candidates, results, frames, profile, systematic):
    """Return candidates with the columns of their results.

    Parameters
    ----------
    candidates : CandidateSet
        Candidates.
    results : list of ClusterStructureResult
        One for each.
    frames : iterable of (str, str)
        Pairs of coordinates whose columns are wanted.
    profile : str or None
        Name of the profile whose columns are wanted.
    systematic : sequence of three floats
        Systematic errors of parallax, pmra and pmdec.

    Returns
    -------
    candidates : CandidateSet
        With all columns, also where there are no candidates.
    """
    rows = [each.columns(frames, profile) for each in results]
    systematic = dict(zip((f"{name}_error" for name in ASTROMETRY), systematic, strict=True))
    for name in ClusterStructureResult("").columns(frames, profile):
        values = np.array([row[name] for row in rows])
        candidates = candidates.annotate(name, values, unit=COLUMN_UNITS.get(name))
        if name in systematic:
            sys_name = f"{name}_sys"
            size = np.where(np.isnan(values), np.nan, systematic[name])
            candidates = candidates.annotate(sys_name, size, unit=COLUMN_UNITS[sys_name])
    return candidates
