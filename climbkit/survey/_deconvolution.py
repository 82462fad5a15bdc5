"""A cluster and its field, each star blurred by its own errors: the mixture and its fit."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import ConvexHull, QhullError, cKDTree

# Gaussians of the field's astrometry: a core of distant stars and a tail of near ones.
_FIELD_COMPONENTS = 2
# Shares of the stars that the cluster is first given; the fit of the largest likelihood is kept.
_STARTS = (0.1, 0.3, 0.6)
# The 10th neighbour is that of the published significance test; here it finds the densest star.
_NEIGHBOUR = 10
# Smallest variance of a component in units of the median squared error of the stars: keeps a
# cluster of a few stars from shrinking onto one of them.
_VARIANCE_FLOOR = 1e-4
# Iterations after which the best start is told.
_WARM_UP = 30
# Stars below which a component counts as empty, and the smallest area of a cluster in that of the
# field: they keep divisions finite.
_FEWEST, _SMALLEST_AREA = 1e-10, 1e-12
_LOG_2PI = np.log(2 * np.pi)
_UPPER = np.triu_indices(3)


class ClusterInField(NamedTuple):
    """A fitted mixture.

    Attributes
    ----------
    responsibility : ndarray of shape (n_stars,)
        Probability of each star to belong to the cluster.
    log_likelihood : float
        Of all stars.
    converged : bool
        Whether the likelihood came to rest.
    weights, means, covariances : ndarray of shape (n,), (n, 3) and (n, 3, 3)
        Shares and intrinsic astrometry of the cluster (first) and the Gaussians of the field.
    centre, scale : ndarray of shape (2,) and float
        Plummer centre and radius, deg.
    """

    responsibility: np.ndarray
    log_likelihood: float
    converged: bool
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    centre: np.ndarray
    scale: float


def fit_cluster_in_field(place, astrometry, errors, *, max_iter, tol, core=None):
    """Fit a cluster and a field by expectation maximisation.

    Parameters
    ----------
    place : ndarray of shape (n_stars, 2)
        Positions in a plane, deg.
    astrometry : ndarray of shape (n_stars, 3)
        Parallax and proper motions.
    errors : ndarray of shape (n_stars, 3, 3)
        Their covariances.
    max_iter : int
        Most iterations.
    tol : float
        Gain of log likelihood per star below which the fit is at rest.
    core : ndarray of shape (n_stars,), dtype bool, default=None
        Stars that the cluster is first given. None: those around the densest one.

    Returns
    -------
    fit : ClusterInField
        The best of several starts; each runs for a while, the best of them to the end. With a core
        there is one.
    """
    spread = _robust_spread(np.column_stack([place, astrometry]))
    floor = _VARIANCE_FLOOR * np.median(np.diagonal(errors, axis1=1, axis2=2), axis=0)
    floor = np.maximum(floor, (1e-6 * spread[2:]) ** 2)
    mixture = _Mixture(place, astrometry, errors, floor)
    cores = (
        _densest_shares(np.column_stack([place, astrometry]) / spread) if core is None else [core]
    )
    runs = [mixture.start(inside) for inside in cores]
    runs = [mixture.run(run, min(_WARM_UP, max_iter), tol) for run in runs]
    best = max(runs, key=lambda run: run.log_likelihood)
    return best if best.converged else mixture.run(best, max_iter, tol)


def _densest_shares(scaled):
    """Stars nearest to the densest one: several shares of all."""
    reach = cKDTree(scaled).query(scaled, k=[min(_NEIGHBOUR + 1, len(scaled))])[0][:, 0]
    away = np.linalg.norm(scaled - scaled[np.argmin(reach)], axis=1)
    return [away <= np.quantile(away, share) for share in _STARTS]


class _Mixture:
    """What the iterations need of the stars, in arrays that follow each other in memory."""

    def __init__(self, place, astrometry, errors, floor):
        self.place, self.values, self.floor = place, np.ascontiguousarray(astrometry.T), floor
        self.errors = np.ascontiguousarray(errors[:, *_UPPER].T)
        self.log_area = np.log(_area(place))

    def start(self, inside):
        """A first guess: some stars are the cluster, all of them tell the field."""
        weights, means, covariances = _start_of_astrometry(self.values.T, inside, self.floor)
        centre, scale = _start_of_place(self.place, inside)
        none = np.zeros(len(self.place))
        return ClusterInField(
            none, -np.inf, False, weights, np.array(means), np.array(covariances), centre, scale
        )

    def run(self, fit, max_iter, tol):
        """Iterate until the likelihood is at rest."""
        for _ in range(max_iter):
            previous = fit.log_likelihood
            fit = self._step(fit)
            if fit.log_likelihood - previous < tol * len(self.place):
                return fit._replace(converged=True)
        return fit

    def _step(self, fit):
        n = len(self.place)
        offset = np.sum((self.place - fit.centre) ** 2, axis=1) / fit.scale**2
        log_terms = np.empty((len(fit.weights), n))
        log_terms[0] = -np.log(np.pi * fit.scale**2) - 2 * np.log1p(offset)
        log_terms[1:] = -self.log_area
        blurred = []
        for k, weight in enumerate(fit.weights):
            log_normal, *rest = self._blurred(fit.means[k], fit.covariances[k])
            log_terms[k] += np.log(weight) + log_normal
            blurred.append(rest)
        highest = log_terms.max(axis=0)
        shares = np.exp(log_terms - highest)
        total = shares.sum(axis=0)
        shares /= total
        counts = np.maximum(shares.sum(axis=1), _FEWEST)
        means, covariances = np.empty_like(fit.means), np.empty_like(fit.covariances)
        for k, (pull, inverse) in enumerate(blurred):
            # Expected true place of each star within the component, and how uncertain it is.
            old = fit.covariances[k]
            true = fit.means[k][:, None] + old @ pull
            means[k] = true @ shares[k] / counts[k]
            away = true - means[k][:, None]
            uncertain = shares[k].sum() * old - old @ _full(inverse @ shares[k]) @ old
            covariances[k] = ((away * shares[k]) @ away.T + uncertain) / counts[k]
            covariances[k] += np.diag(self.floor)
        # A Plummer profile is Student's t in the plane with 2 degrees of freedom: these are its
        # usual updates, with a latent weight for each star.
        latent = shares[0] * 2 / (1 + offset)
        centre = latent @ self.place / max(latent.sum(), _FEWEST)
        square = latent @ np.sum((self.place - centre) ** 2, axis=1) / counts[0]
        return ClusterInField(
            shares[0],
            float(np.sum(highest + np.log(total))),
            False,
            counts / counts.sum(),
            means,
            covariances,
            centre,
            float(np.sqrt(max(square, _SMALLEST_AREA * np.exp(self.log_area)))),
        )

    def _blurred(self, mean, covariance):
        """Log density of a Gaussian blurred by errors, inverse covariance, and that by offset."""
        a, b, c, d, e, f = covariance[_UPPER][:, None] + self.errors
        inverse = np.stack(
            [
                d * f - e * e,
                c * e - b * f,
                b * e - c * d,
                a * f - c * c,
                b * c - a * e,
                a * d - b * b,
            ]
        )
        determinant = a * inverse[0] + b * inverse[1] + c * inverse[2]
        inverse /= determinant
        x, y, z = away = self.values - mean[:, None]
        a, b, c, d, e, f = inverse
        pull = np.stack([a * x + b * y + c * z, b * x + d * y + e * z, c * x + e * y + f * z])
        distance = np.einsum("in,in->n", away, pull)
        log_normal = -0.5 * (distance + np.log(determinant) + len(mean) * _LOG_2PI)
        return log_normal, pull, inverse


def _full(upper):
    """Symmetric matrix of its upper triangle."""
    matrix = np.empty((3, 3))
    matrix[_UPPER] = upper
    matrix.T[_UPPER] = upper
    return matrix


def _start_of_place(place, inside):
    centre = np.median(place[inside > 0], axis=0)
    radius = np.median(np.linalg.norm(place[inside > 0] - centre, axis=1))
    return centre, max(float(radius), 1e-12)


def _start_of_astrometry(astrometry, inside, floor):
    """One narrow component of the stars inside, and broad ones of all stars."""
    centre = np.median(astrometry[inside > 0], axis=0)
    narrow = np.diag(_robust_spread(astrometry[inside > 0]) ** 2 + floor)
    bulk, middle = _robust_spread(astrometry), np.median(astrometry, axis=0)
    broad = [np.diag((bulk * 3.0**k) ** 2 + floor) for k in range(_FIELD_COMPONENTS)]
    share = float(inside.mean())
    weights = np.r_[share, np.full(_FIELD_COMPONENTS, (1 - share) / _FIELD_COMPONENTS)]
    means = [centre, *[middle.copy() for _ in range(_FIELD_COMPONENTS)]]
    return np.maximum(weights, 1e-6), means, [narrow, *broad]


def _robust_spread(values):
    """Half the central 68 % of each column; 1 for one that is constant."""
    low, high = np.quantile(values, [0.16, 0.84], axis=0)
    spread = (high - low) / 2
    return np.where(spread > 0, spread, 1.0)


def _area(place):
    """Area of the stars' convex hull, or of the circle around them where they have none."""
    try:
        area = ConvexHull(place).volume
    except QhullError:
        area = 0.0
    if area > 0:
        return area
    radius = np.linalg.norm(place - place.mean(axis=0), axis=1).max()
    return np.pi * max(radius, 1e-9) ** 2
