"""Semi-supervised clusterers: known groups, novel ones, and constraints."""

from climbkit.cluster._cdbscan import CDBSCAN
from climbkit.cluster._climb import CLiMB
from climbkit.cluster._contrast_dbscan import ContrastDBSCAN
from climbkit.cluster._gates import ChiSquaredGate
from climbkit.cluster._hdbscan_sweep import HDBSCANSweep
from climbkit.cluster._importance import KinematicTails
from climbkit.cluster._kbound import KBound
from climbkit.cluster._novelty import NoveltyTest
from climbkit.cluster._novelty_field import SmoothField
from climbkit.cluster._novelty_null import SmoothMixture
from climbkit.cluster._novelty_statistic import local_contrast
from climbkit.cluster._selection import SelectionGate
from climbkit.cluster._shapes import GroupCovariance
from climbkit.cluster._ssdbscan import SSDBSCAN

__all__ = [
    "CDBSCAN",
    "SSDBSCAN",
    "CLiMB",
    "ChiSquaredGate",
    "ContrastDBSCAN",
    "GroupCovariance",
    "HDBSCANSweep",
    "KBound",
    "KinematicTails",
    "NoveltyTest",
    "SelectionGate",
    "SmoothField",
    "SmoothMixture",
    "local_contrast",
]
