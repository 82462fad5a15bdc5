"""Honest scores and parameter searches for clusterers that are given part of the answer."""

from climbkit.model_selection._hiding import WholeSample, hide_seeds
from climbkit.model_selection._holdout import SeedHoldout
from climbkit.model_selection._two_stage import TwoStageSearchCV

__all__ = ["SeedHoldout", "TwoStageSearchCV", "WholeSample", "hide_seeds"]
