"""Scores of a partly known clustering that do not reward copying the seeds.

Homogeneity, completeness and the plain adjusted Rand index are scikit-learn's own
(`sklearn.metrics`); `score_report` puts them beside the scores of this room.
"""

from climbkit.metrics._calibration import expected_calibration_error
from climbkit.metrics._groups import group_scores
from climbkit.metrics._report import score_report
from climbkit.metrics._scores import (
    acceptance_rate,
    held_out_ari,
    held_out_recall,
    open_set_ari,
)

__all__ = [
    "acceptance_rate",
    "expected_calibration_error",
    "group_scores",
    "held_out_ari",
    "held_out_recall",
    "open_set_ari",
    "score_report",
]
