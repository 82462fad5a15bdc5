"""Whole jobs, ready to run."""

from climbkit.pipelines._cluster_search import ClusterSearch
from climbkit.pipelines._rr_lyrae import rr_lyrae_benchmark

__all__ = ["ClusterSearch", "rr_lyrae_benchmark"]
