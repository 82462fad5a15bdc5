"""Numerical kernels on plain arrays."""

from ._density import gaussian_density
from ._pairwise import mean_pairwise_distance

__all__ = ["gaussian_density", "mean_pairwise_distance"]
