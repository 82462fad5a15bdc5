"""Colour-magnitude diagrams of candidates, as a network sees them, and of made-up populations."""

from climbkit.cmd._candidate_classifier import CandidateClassifier
from climbkit.cmd._files import read_cmd_images
from climbkit.cmd._images import CMDImageTransformer
from climbkit.cmd._isochrones import Isochrones, read_isochrones
from climbkit.cmd._synthetic import SyntheticCMD

__all__ = [
    "CMDImageTransformer",
    "CandidateClassifier",
    "Isochrones",
    "SyntheticCMD",
    "read_cmd_images",
    "read_isochrones",
]
