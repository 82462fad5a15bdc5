"""Figures of clusterings, as scikit-learn's displays; matplotlib is imported when one is drawn."""

from climbkit.plotting._associations import AssociationDisplay
from climbkit.plotting._candidates import CandidateDisplay
from climbkit.plotting._climb import CLiMBDisplay
from climbkit.plotting._clusters import ClusterDisplay
from climbkit.plotting._cmd import CMDDisplay
from climbkit.plotting._comparison import ComparisonDisplay
from climbkit.plotting._decision import DecisionDisplay
from climbkit.plotting._four_panel import FourPanelDisplay
from climbkit.plotting._profile import ProfileDisplay
from climbkit.plotting._selection import SelectionDisplay
from climbkit.plotting._sensitivity import SeedSensitivityDisplay

__all__ = [
    "AssociationDisplay",
    "CLiMBDisplay",
    "CMDDisplay",
    "CandidateDisplay",
    "ClusterDisplay",
    "ComparisonDisplay",
    "DecisionDisplay",
    "FourPanelDisplay",
    "ProfileDisplay",
    "SeedSensitivityDisplay",
    "SelectionDisplay",
]
