"""Dispersion of proper motions in a cluster, free of the errors of the stars."""

from dataclasses import dataclass

import numpy as np

#: Two directions need two stars for a mean and a dispersion; fewer than this say next to nothing.
FEWEST_STARS = 5
_COARSE, _GRID = 80, 400
_SPAN = 1e-4, 10.0  # coarse grid, in root mean squares of the motions
_NEGLIGIBLE = 12.0  # exp(-12) of the peak is left out at either end
_ONE_SIGMA = 0.5  # drop of the log likelihood
#: Share of the posterior below the upper limit.
LIMIT = 0.95


@dataclass(frozen=True, eq=False)
class MotionDispersion:
    """Isotropic dispersion of proper motions, with the mean motion that goes with it.

    Attributes
    ----------
    grid : ndarray of shape (n_points,)
        Dispersions, mas/yr.
    density : ndarray of shape (n_points,)
        Posterior density, per mas/yr, by a flat prior.
    dispersion : float
        Its mode, mas/yr; 0 where the errors alone explain the motions.
    error : float
        Half the interval in which the log likelihood is within 1/2 of its maximum, mas/yr.
    limit : float
        95 % of the posterior lie below it, mas/yr.
    mean : ndarray of shape (2,)
        Mean motion, mas/yr, each star weighted by its error and the dispersion.
    mean_covariance : ndarray of shape (2, 2)
        Its covariance.
    """

    grid: np.ndarray
    density: np.ndarray
    dispersion: float
    error: float
    limit: float
    mean: np.ndarray
    mean_covariance: np.ndarray


def motion_dispersion(motions, errors):
    """Return the dispersion of proper motions.

    Parameters
    ----------
    motions : ndarray of shape (n_stars, 2)
        Proper motions, mas/yr; at least two stars.
    errors : ndarray of shape (n_stars, 2, 2)
        Their covariances.

    Returns
    -------
    result : MotionDispersion
        Of the likelihood of stars that are normal about one mean, with the covariance of their
        errors and the squared dispersion in both directions. The mean is integrated out, without
        which the dispersion of few stars would come out too small.

    Notes
    -----
    Time is linear in the number of stars, for each of some 500 dispersions.
    """
    start = motions.mean(axis=0)
    x, y = (motions - start).T
    a, b, c = errors[:, 0, 0], errors[:, 1, 1], errors[:, 0, 1]

    def mean_at(dispersion):
        """Log likelihood, mean and inverse covariance of the mean."""
        aa, bb = a + dispersion**2, b + dispersion**2
        det = aa * bb - c * c
        p, q, r = bb / det, aa / det, -c / det
        precision = np.array([[p.sum(), r.sum()], [r.sum(), q.sum()]])
        pull = np.array([p @ x + r @ y, r @ x + q @ y])
        mean = np.linalg.solve(precision, pull)
        chi = p @ (x * x) + 2 * (r @ (x * y)) + q @ (y * y) - pull @ mean
        log = np.log(det).sum() + np.log(np.linalg.det(precision))
        return -0.5 * (log + chi), mean, precision

    size = np.sqrt(np.mean(x * x + y * y) + np.mean(a + b))
    grid = np.append(0.0, np.geomspace(_SPAN[0] * size, _SPAN[1] * size, _COARSE))
    for n_points in (_COARSE, _GRID):
        value = np.array([mean_at(each)[0] for each in grid])
        some = np.flatnonzero(value > value.max() - _NEGLIGIBLE)
        first, last = max(some[0] - 1, 0), min(some[-1] + 1, len(grid) - 1)
        grid = np.linspace(grid[first], grid[last], n_points)
    value = np.array([mean_at(each)[0] for each in grid])
    density = np.exp(value - value.max())
    steps = np.diff(grid) * 0.5 * (density[1:] + density[:-1])
    below = np.append(0.0, np.cumsum(steps))
    best = grid[np.argmax(value)]
    inside = grid[value >= value.max() - _ONE_SIGMA]
    _, mean, precision = mean_at(best)
    return MotionDispersion(
        grid,
        density / below[-1],
        float(best),
        float(0.5 * (inside[-1] - inside[0])),
        float(np.interp(LIMIT, below / below[-1], grid)),
        mean + start,
        np.linalg.inv(precision),
    )
