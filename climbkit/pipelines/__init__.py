"""Whole jobs, ready to run."""

from climbkit.pipelines._rr_lyrae import rr_lyrae_benchmark

__all__ = ["rr_lyrae_benchmark"]
