"""The region of one known group: a selection from the catalogue, fitted to its seeds."""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp

from climbkit.cluster._row_inputs import error_covariances

# Weak priors on the form of a region. Halving or doubling any of them changes the scores of the
# RR Lyrae benchmark by less than their spread between splits.
PEAK_MEAN, PEAK_SD = 3.0, 2.0  # log-odds at the centre: between a Gaussian rim and a hard edge
SIZE_SD = 0.7  # of the log of the precision, against that of the seeds
CENTRE_WEIGHT = 5.0  # pseudo-seeds that hold the centre at the mean of the seeds
SHAPE_WEIGHT = 10.0  # pseudo-seeds that hold the axes to those of the seeds

_MAX_ITER = 200


def quadratic_features(U):
    """Columns 1, u, and the products of u whose coefficients are those of -u'Au / 2."""
    i, j = np.triu_indices(U.shape[1])
    return np.hstack([np.ones((len(U), 1)), U, -U[:, i] * U[:, j] * np.where(i == j, 0.5, 1.0)])


def spread_by_errors(X, errors):
    """Points that stand for where each row may truly lie.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        Rows.
    errors : ndarray or None
        Standard deviations or covariances of their errors.

    Returns
    -------
    points : ndarray of shape (n_points, n, n_features)
        The rows themselves where there are no errors; else two points along each axis of the
        error ellipsoid, which have its mean and covariance (the third-degree cubature rule,
        Arasaratnam and Haykin 2009, doi:10.1109/TAC.2009.2019800).
    """
    if errors is None:
        return X[None]
    values, vectors = np.linalg.eigh(error_covariances(errors))
    roots = np.einsum("nij,nj,nkj->ikn", vectors, np.sqrt(np.clip(values, 0, None)), vectors)
    steps = np.sqrt(X.shape[1]) * roots.transpose(0, 2, 1)
    return np.concatenate([X + steps, X - steps])


class Region:
    """A soft ellipsoid: the rows of one group as a selection from the catalogue.

    A member of the group is a row of the catalogue that was selected with a probability
    proportional to s(x) = sigmoid(q(x)), q a quadratic with a peak. Its density is then
    ``f(x) s(x) / mean(s)``, f the density of everything, and the density itself cancels: the
    chance that a row at x is a seed is ``n s(x) / Z``, where Z is the sum of s over all rows
    (each region's number of rows).

    Parameters
    ----------
    seeds : ndarray of shape (n_points, n_seeds, n_features)
        Seeds, spread by their errors.
    rows : ndarray of shape (n_points, n_rows, n_features)
        Rows that stand for the catalogue, spread by their errors.
    weights : ndarray of shape (n_rows,)
        How many rows each of them stands for.
    negatives : ndarray of shape (n_points, n_negatives, n_features)
        Known non-members, spread by their errors.
    covariance : ndarray of shape (n_features, n_features)
        Shrunk covariance of the seeds.
    """

    def __init__(self, seeds, rows, weights, negatives, covariance):
        self.n_seeds, d = seeds.shape[1:]
        self._mean = seeds.mean(axis=(0, 1))
        self._root = np.linalg.cholesky(covariance)
        self._weights = weights
        self._seeds, self._rows, self._negatives = map(self._features, (seeds, rows, negatives))
        i, j = np.triu_indices(d)
        self._sphere = np.where(i == j, 1.0, 0.0)
        self._shape_weight = SHAPE_WEIGHT * np.where(i == j, 1.0, 2.0)
        self._parameters = np.zeros(2 + d + len(i))
        self._parameters[0] = PEAK_MEAN
        self._expected, self._log_members = None, None

    def fit(self, expected_log_rows=None, sd=None, seed_fraction=None):
        """Find the most probable parameters.

        Parameters
        ----------
        expected_log_rows, sd : float, default=None
            Prior mean and standard deviation of the log of the region's number of rows.
        seed_fraction : float, default=None
            Share of the members that are seeds, without which known non-members tell nothing.

        Returns
        -------
        self : Region
            With ``log_rows``, the log of Z.
        """
        self._expected = None if sd is None else (expected_log_rows, sd)
        if seed_fraction is not None and self._negatives.shape[1]:
            self._log_members = np.log(self.n_seeds / seed_fraction)
        options = {"maxiter": _MAX_ITER}
        found = minimize(self._loss, self._parameters, jac=True, method="L-BFGS-B", options=options)
        self._parameters = found.x
        of_rows = _log_selection(self._rows, self._coefficients())[0]
        self.log_rows = self._log_rows(of_rows)[0]
        return self

    def peak(self):
        """Return the largest chance that a row is a seed."""
        selection = _log_selection(self._rows, self._coefficients())[0].max()
        return min(np.exp(np.log(self.n_seeds) + selection - self.log_rows), 1.0)

    def release(self):
        """Drop the rows, which only ``fit`` needs."""
        del self._seeds, self._rows, self._negatives, self._weights

    def log_seed_probability(self, points):
        """Log of the chance that a row is a seed of this group.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_samples, n_features)
            Rows, spread by their errors.

        Returns
        -------
        log_probability : ndarray of shape (n_samples,)
            At most 0.
        """
        selection = _log_selection(self._features(points), self._coefficients())[0]
        return np.minimum(np.log(self.n_seeds) + selection - self.log_rows, 0.0)

    def _features(self, points):
        flat = (points - self._mean).reshape(-1, points.shape[-1])
        whitened = solve_triangular(self._root, flat.T, lower=True).T
        features = quadratic_features(whitened)
        return features.reshape(*points.shape[:2], features.shape[1])

    def _coefficients(self, parameters=None):
        """Coefficients of q: peak, then tilt and precision in units of the precision's size."""
        peak, log_size, centre, shape = self._split(
            self._parameters if parameters is None else parameters
        )
        size = np.exp(log_size)
        return np.concatenate([[peak], size * centre, size * (self._sphere + shape)])

    def _split(self, parameters):
        d = len(self._mean)
        return parameters[0], parameters[1], parameters[2 : 2 + d], parameters[2 + d :]

    def _log_rows(self, log_selection):
        """Log of the weighted sum, and the share that each row has in it."""
        largest = log_selection.max()
        parts = self._weights * np.exp(log_selection - largest)
        total = parts.sum()
        return np.log(total) + largest, parts / total

    def _loss(self, parameters):
        """Negative log posterior and its gradient."""
        w = self._coefficients(parameters)
        of_rows, slope_rows = _log_selection(self._rows, w)
        of_seeds, slope_seeds = _log_selection(self._seeds, w)
        log_rows, share = self._log_rows(of_rows)
        loss, pull = self.n_seeds * log_rows - of_seeds.sum(), self.n_seeds
        if self._expected is not None:
            mean, sd = self._expected
            loss += 0.5 * ((log_rows - mean) / sd) ** 2
            pull += (log_rows - mean) / sd**2
        by_w = -_dot(slope_seeds, self._seeds)
        if self._log_members is not None:
            # Members are drawn from the catalogue as a Poisson process, so that none lies among
            # the known non-members with probability exp(-expected number of members there).
            of_negatives, slope = _log_selection(self._negatives, w)
            expected = np.exp(self._log_members + of_negatives - log_rows)
            loss += expected.sum()
            pull -= expected.sum()
            by_w += _dot(slope * expected, self._negatives)
        by_w += _dot(slope_rows * (pull * share), self._rows)
        return self._add_prior(parameters, loss, by_w)

    def _add_prior(self, parameters, loss, by_w):
        peak, log_size, centre, shape = self._split(parameters)
        size, d = np.exp(log_size), len(centre)
        by_centre, by_shape = size * by_w[1 : 1 + d], size * by_w[1 + d :]
        by_size = by_centre @ centre + by_shape @ (self._sphere + shape)
        loss += 0.5 * (
            ((peak - PEAK_MEAN) / PEAK_SD) ** 2
            + (log_size / SIZE_SD) ** 2
            + CENTRE_WEIGHT * centre @ centre
            + (self._shape_weight * shape) @ shape
        )
        gradient = np.concatenate(
            [
                [by_w[0] + (peak - PEAK_MEAN) / PEAK_SD**2, by_size + log_size / SIZE_SD**2],
                by_centre + CENTRE_WEIGHT * centre,
                by_shape + self._shape_weight * shape,
            ]
        )
        return loss, gradient


def _log_selection(features, coefficients):
    """Log of the selection averaged over each row's points, and its slopes along q."""
    q = features @ coefficients
    log_each = log_expit(q)
    if len(q) == 1:
        return log_each[0], expit(-q)
    log_mean = logsumexp(log_each, axis=0) - np.log(len(q))
    return log_mean, np.exp(log_each - log_mean) / len(q) * expit(-q)


def _dot(slopes, features):
    return np.tensordot(slopes, features, axes=((0, 1), (0, 1)))
