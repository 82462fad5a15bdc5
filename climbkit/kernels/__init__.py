"""Numerical kernels on plain arrays: what is of use outside stands here."""

from climbkit.kernels._density import gaussian_density
from climbkit.kernels._density_at import gaussian_density_at
from climbkit.kernels._pairwise import mean_pairwise_distance

__all__ = ["gaussian_density", "gaussian_density_at", "mean_pairwise_distance"]
