"""Gaussian density of every point of a set: the public function and its choice of method."""

import math

import numpy as np

from ._density_exact import gaussian_sums
from ._density_fourier import fourier_density, fourier_modes
from ._pairwise import as_points, mean_pairwise_distance

METHODS = ("auto", "exact", "fourier")


def gaussian_density(X, bandwidth=None, *, atol=1e-6, method="auto", n_threads=1):
    """Sum of Gaussians around all points, at every point.

    rho_i = sum_j exp(-|x_i - x_j|^2 / (2 bandwidth^2)), with |error_i| <= atol * max(rho).
    """
    X = as_points(X)
    if bandwidth is None:
        bandwidth = mean_pairwise_distance(X)
    n, d = X.shape
    if bandwidth == 0:
        _, group, counts = np.unique(X, axis=0, return_inverse=True, return_counts=True)
        return counts[group].astype(float)
    rows = np.ascontiguousarray((X - X.mean(axis=0)) / (math.sqrt(2.0) * bandwidth))
    if method == "auto":
        method = "exact"
        if n > 3000 and d <= 3 and np.prod(fourier_modes(rows, atol)) < 30 * n:
            method = "fourier"
    if method == "fourier":
        return fourier_density(rows, atol)
    out = np.zeros(n)
    gaussian_sums(np.ascontiguousarray(rows.T), rows, out)
    return out
