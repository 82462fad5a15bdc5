"""Numerical kernels on plain arrays."""

from ._density import gaussian_density
from ._density_at import gaussian_density_at
from ._kdtree import Tree, build_tree, dense_rows, nearest_within, squared_limit
from ._linking import grow_clusters
from ._merging import merge_nearest
from ._microclusters import micro_clusters
from ._pairwise import mean_pairwise_distance

__all__ = [
    "Tree",
    "build_tree",
    "dense_rows",
    "gaussian_density",
    "gaussian_density_at",
    "grow_clusters",
    "mean_pairwise_distance",
    "merge_nearest",
    "micro_clusters",
    "nearest_within",
    "squared_limit",
]
