"""Searching a survey: tiles of the sky, and what is found in them as a `CandidateSet`."""

from climbkit.survey._candidate_table import candidate_ids, describe_candidates
from climbkit.survey._candidates import CandidateSet
from climbkit.survey._membership import GMMMembership
from climbkit.survey._tiled_hdbscan import TiledHDBSCAN
from climbkit.survey._tiling import HealpixTiling, SquareTiling

__all__ = [
    "CandidateSet",
    "GMMMembership",
    "HealpixTiling",
    "SquareTiling",
    "TiledHDBSCAN",
    "candidate_ids",
    "describe_candidates",
]
