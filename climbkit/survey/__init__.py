"""Searching a survey: what is found comes as a `CandidateSet`."""

from climbkit.survey._candidate_table import candidate_ids, describe_candidates
from climbkit.survey._candidates import CandidateSet

__all__ = [
    "CandidateSet",
    "candidate_ids",
    "describe_candidates",
]
