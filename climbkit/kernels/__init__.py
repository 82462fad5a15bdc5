"""Numerical kernels on plain arrays."""

from ._density import gaussian_density
from ._kdtree import Tree, build_tree, dense_rows, nearest_within, squared_limit
from ._linking import grow_clusters
from ._pairwise import mean_pairwise_distance

__all__ = [
    "Tree",
    "build_tree",
    "dense_rows",
    "gaussian_density",
    "grow_clusters",
    "mean_pairwise_distance",
    "nearest_within",
    "squared_limit",
]
