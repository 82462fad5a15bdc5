"""What a fitted CLiMB knows of one row: numbers for bars, and sentences."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import pairwise_distances

from climbkit.base import NOISE
from climbkit.plotting._gate_panel import distance_unit

# Words for `novel_role` of DBSCAN's kind.
_ROLES = {"core": "a core sample", "border": "a border member", "new": "a member"}

_CLOSE = 0.01  # a margin smaller than this is written with more digits


@dataclass(frozen=True)
class Bars:
    """A number for each known group, and the threshold that decided.

    Attributes
    ----------
    labels : ndarray of shape (n_bars,)
        Groups, -1 for "none of them"; the best first, "none" last.
    values : ndarray of shape (n_bars,)
        Probabilities, or distances from the centres.
    threshold : float
        What the best had to reach, or to stay within; may be infinite.
    quantity : str
        What the values are, for the axis.
    is_probability : bool
        Whether they are probabilities.
    """

    labels: np.ndarray
    values: np.ndarray
    threshold: float
    quantity: str
    is_probability: bool

    @property
    def passed(self):
        """Whether the best value is on the good side of the threshold."""
        if not len(self.values):
            return False
        best = self.values[0]
        return bool(best >= self.threshold if self.is_probability else best <= self.threshold)


def bars_of(kbound, x, path):
    """Probabilities of the known groups, or distances from them where there are none.

    Parameters
    ----------
    kbound : KBound
        Fitted.
    x : ndarray of shape (1, n_features)
        The row, as KBound saw it.
    path : Series
        Line of `CLiMB.decision_path` for that row.

    Returns
    -------
    bars : Bars
        The best group first.
    """
    if "known_probability" in path:
        values = np.array([path[f"known_probability_{k}"] for k in kbound.classes_], dtype=float)
        order = np.argsort(-values, kind="stable")
        return Bars(
            np.append(kbound.classes_[order], NOISE),
            np.append(values[order], path["known_probability_none"]),
            float(path["known_probability_threshold"]),
            "probability of membership",
            True,
        )
    values = _distances(kbound, x)
    order = np.argsort(values, kind="stable")
    quantity = f"distance from the centre ({distance_unit(kbound)})"
    return Bars(
        kbound.classes_[order], values[order], float(kbound.distance_threshold_), quantity, False
    )


def _distances(kbound, x):
    centers = kbound.cluster_centers_
    if not len(centers):
        return np.empty(0)
    if kbound.covariances_ is None:
        return pairwise_distances(x, centers, metric=kbound.metric, **kbound.metric_params_)[0]
    off = x - centers
    solved = np.linalg.solve(kbound.covariances_, off[:, :, None])[:, :, 0]
    return np.sqrt(np.einsum("kj,kj->k", off, solved))


def sentences(climb, row, path, bars, name_of):
    """Say in words why a row is where it is.

    Parameters
    ----------
    climb : CLiMB
        Fitted.
    row : int
        Number of the row among those that were fitted.
    path : Series
        Its line of `CLiMB.decision_path`.
    bars : Bars
        Its probabilities or distances.
    name_of : callable
        Gives the name of a label.

    Returns
    -------
    lines : list of str
        One for each step of the decision.
    """
    lines = [f"Phase 1: {_known_step(path, bars, name_of)}"]
    if bars.is_probability and (bars.labels != NOISE).any():
        nearest = name_of(path["known_nearest_cluster"])
        lines.append(
            f"Nearest centre: {nearest}, at a distance of "
            f"{path['known_distance_to_nearest']:.2f} ({distance_unit(climb.kbound_)})."
        )
    elif not bars.is_probability and len(bars.labels) > 1:
        lines.append(f"Next: {name_of(bars.labels[1])}, at a distance of {bars.values[1]:.2f}.")
    if climb.phase_[row] == 1:
        return lines
    lines.append(f"Phase 2: {_novel_step(climb, row, path, name_of)}")
    if climb.phase_[row] == 2:
        lines.append(_significance(climb, climb.novel_labels_ == climb.labels_[row]))
    return lines


def _known_step(path, bars, name_of):
    gate = path["known_gate"]
    if gate == "no_group":
        return "there is no known group."
    if gate == "known_negative":
        return "it was given as a member of no known group."
    if gate == "rejected_density":
        return (
            f"its density, {path['known_local_density']:.2f} of the largest, does not pass the "
            f"gate (margin {_signed(path['known_density_margin'])})."
        )
    best = name_of(bars.labels[0])
    if gate == "seed_forced":
        verdict = "would have let it in" if bars.passed else "would not have let it in"
        return (
            f"it is a seed, so that its label was given, not found. The gate alone {verdict}: "
            f"{_comparison(bars, best)}."
        )
    if gate == "assigned":
        return f"{best} took it: {_comparison(bars)}."
    which = "likeliest" if bars.is_probability else "nearest"
    return f"no known group took it. The {which} is {best}: {_comparison(bars)}."


def _comparison(bars, name=None):
    value, limit = bars.values[0], bars.threshold
    what = "probability" if bars.is_probability else "distance"
    if name is not None:
        what += f" {'of' if bars.is_probability else 'from'} {name}"
    if not np.isfinite(limit):
        return f"{what} {value:.2f}, without a limit"
    if bars.is_probability:
        sign, margin = ("≥" if value >= limit else "<"), value - limit
    else:
        sign, margin = ("≤" if value <= limit else ">"), limit - value
    digits = 2 if abs(margin) >= _CLOSE else 4
    return f"{what} {value:.{digits}f} {sign} {limit:.{digits}f} (margin {_signed(margin, digits)})"


def _signed(value, digits=2):
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _novel_step(climb, row, path, name_of):
    explorer = climb.explorer_
    if explorer is None:
        return "too few rows were left to explore."
    which = type(explorer).__name__
    if climb.phase_[row] == 2:
        size = int(np.sum(climb.labels_ == climb.labels_[row]))
        role = _ROLES.get(_role(climb, row, path), "a member")
        group = name_of(climb.labels_[row])
        return f"{which} made it {role} of {group}, a group of {size:,} rows{_detail(path)}."
    position = np.searchsorted(climb.explored_rows_, row)
    if np.asarray(explorer.labels_)[position] != NOISE:
        return (
            f"{which} put it into a group that failed the novelty test, and was made noise "
            "because drop_insignificant=True."
        )
    return f"{which} calls it noise{_detail(path)}."


def _role(climb, row, path):
    """Role in an explorer of DBSCAN's kind, None in others."""
    if "novel_role" in path:
        return path["novel_role"]
    cores = getattr(climb.explorer_, "core_sample_indices_", None)
    if cores is None:
        return None
    return "core" if row in climb.explored_rows_[cores] else "border"


def _detail(path):
    if "novel_n_neighbors_eps" in path:
        n_rows = int(path["novel_n_neighbors_eps"])
        return (
            f" ({n_rows} {'row' if n_rows == 1 else 'rows'} within eps, core distance "
            f"{path['novel_core_distance']:.2f}, nearest other core sample at "
            f"{path['novel_distance_to_nearest_core']:.2f})"
        )
    if "novel_membership_probability" in path:
        return f" (strength {path['novel_membership_probability']:.2f})"
    return ""


def _significance(climb, own):
    if not hasattr(climb, "novelty_pvalue_"):
        return (
            "The group was not tested: a smooth field has such groups by chance "
            "(novelty=NoveltyTest() tests it)."
        )
    p, stability = climb.novelty_pvalue_[own][0], climb.novelty_stability_[own][0]
    alpha = climb.novelty_.alpha
    verdict = "significant" if p < alpha else "not significant: a smooth field makes such groups"
    text = f"The group has p = {p:.3f} ({verdict}, at {alpha:g})"
    return text + (f" and a stability of {stability:.2f}." if np.isfinite(stability) else ".")
