"""Searching a survey: tiles of the sky, and what is found in them as a `CandidateSet`."""

from climbkit.survey._candidate_table import candidate_ids, describe_candidates
from climbkit.survey._candidates import CandidateSet
from climbkit.survey._catalogue import Catalogue
from climbkit.survey._crossmatch import CatalogueCrossmatch
from climbkit.survey._gaia_columns import to_gaia_columns
from climbkit.survey._gaia_cuts import corrected_excess_factor
from climbkit.survey._gaia_quality import GaiaQualityMask
from climbkit.survey._gaia_region import fetch_region
from climbkit.survey._membership import GMMMembership
from climbkit.survey._parallax_zero_point import ParallaxZeroPoint
from climbkit.survey._proper_motion_frame import ProperMotionFrame
from climbkit.survey._read_stars import read_stars
from climbkit.survey._repetitions import RepetitionMerger
from climbkit.survey._selector import CandidateSelector
from climbkit.survey._significance import ClusterSignificanceTest
from climbkit.survey._structure import ClusterStructure
from climbkit.survey._tiled_hdbscan import TiledHDBSCAN
from climbkit.survey._tiling import HealpixTiling, SquareTiling
from climbkit.survey._widening import CandidateWidening

__all__ = [
    "CandidateSelector",
    "CandidateSet",
    "CandidateWidening",
    "Catalogue",
    "CatalogueCrossmatch",
    "ClusterSignificanceTest",
    "ClusterStructure",
    "GMMMembership",
    "GaiaQualityMask",
    "HealpixTiling",
    "ParallaxZeroPoint",
    "ProperMotionFrame",
    "RepetitionMerger",
    "SquareTiling",
    "TiledHDBSCAN",
    "candidate_ids",
    "corrected_excess_factor",
    "describe_candidates",
    "fetch_region",
    "read_stars",
    "to_gaia_columns",
]
