"""Honest scores and parameter searches for clusterers that are given part of the answer."""

from climbkit.model_selection._hiding import WholeSample, hide_seeds
from climbkit.model_selection._holdout import SeedHoldout

__all__ = ["SeedHoldout", "WholeSample", "hide_seeds"]
