"""Distance of a cluster from the parallaxes of its stars: a posterior on a grid."""

from dataclasses import dataclass

import numpy as np

#: Scale length (kpc) of the prior, as published for globular clusters (Baloyi et al. 2025).
LENGTH_SCALE = 9.14
_GRID = 4001
# Far less than the smallest and far more than the largest distance of a star in the Galaxy, kpc.
_NEAREST, _FARTHEST = 1e-4, 1e5
_COARSE = 2000
_NEGLIGIBLE = 25.0  # exp(-25) of the peak is left out at either end
_NARROWINGS = 4
#: Quantiles that are lower limit, estimate and upper limit.
QUANTILES = (0.16, 0.5, 0.84)


@dataclass(frozen=True, eq=False)
class DistancePosterior:
    """What the parallaxes say of the distance.

    Attributes
    ----------
    grid : ndarray of shape (n_points,)
        Distances, kpc.
    density : ndarray of shape (n_points,)
        Posterior density, per kpc.
    parallax, parallax_error : float
        What it was made from, mas.
    """

    grid: np.ndarray
    density: np.ndarray
    parallax: float
    parallax_error: float

    def quantile(self, q):
        """Return distances (kpc) below which a share `q` of the posterior lies."""
        steps = np.diff(self.grid) * 0.5 * (self.density[1:] + self.density[:-1])
        below = np.append(0.0, np.cumsum(steps))
        return np.interp(q, below / below[-1], self.grid)


def distance_posterior(parallax, parallax_error, length_scale=LENGTH_SCALE):
    """Return the posterior of one distance.

    Parameters
    ----------
    parallax : float
        Mean by inverse variance of the stars' parallaxes, mas. One distance and Gaussian errors
        make their likelihood one Gaussian about it.
    parallax_error : float
        Its error, mas, above 0.
    length_scale : float, default=9.14
        Of the prior D^2 exp(-D / L), kpc [1]_.

    Returns
    -------
    posterior : DistancePosterior
        On a grid that holds all of it but parts of 1e-11 of the peak.

    References
    ----------
    .. [1] Bailer-Jones (2015), Estimating distances from parallaxes, doi:10.1086/683116.
    """
    # Where the slope of the log posterior is 0.
    weight = parallax_error**-2
    turns = np.roots([1.0 / length_scale, -2.0, parallax * weight, -weight])
    modes = turns.real[(np.abs(turns.imag) <= 1e-9 * np.abs(turns)) & (turns.real > 0)]

    def log_posterior(distance):
        away = (1.0 / distance - parallax) / parallax_error
        return 2.0 * np.log(distance) - distance / length_scale - 0.5 * away**2

    grid = np.geomspace(_NEAREST, _FARTHEST, _COARSE)
    for _ in range(_NARROWINGS):
        # The modes are among the points, or a narrow peak would lie between two of them.
        grid = np.unique(np.append(grid, modes))
        value = log_posterior(grid)
        some = np.flatnonzero(value > value.max() - _NEGLIGIBLE)
        first, last = max(some[0] - 1, 0), min(some[-1] + 1, len(grid) - 1)
        grid = np.linspace(grid[first], grid[last], _GRID)
    value = log_posterior(grid)
    density = np.exp(value - value.max())
    density /= np.sum(np.diff(grid) * 0.5 * (density[1:] + density[:-1]))
    return DistancePosterior(grid, density, float(parallax), float(parallax_error))
