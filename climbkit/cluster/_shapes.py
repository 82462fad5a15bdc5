"""A covariance per group, from its seeds and from what the groups have in common."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from climbkit.base import UNLABELLED, BuilderMixin
from climbkit.cluster._row_inputs import error_covariances
from climbkit.kernels._group_distances import (
    group_squared_distances,
    group_squared_distances_with_errors,
)

# A group's weight in the pooled covariance grows with its seeds and levels off: at this many it
# has half of what it can have, so that one large group does not set the shape of all others.
_HALF_WEIGHT = 10

# Part of the covariance of all rows that is added to the pooled one, so that seeds on a line or
# all at one place still leave a shape that can be inverted.
_FLOOR = 1e-3

# Where no group has two seeds: groups are taken to be this much narrower than the catalogue.
_NARROWER = 4.0

# Of the variance of a feature, so that columns that depend on each other can be inverted.
_RIDGE = 1e-9

_EM_STEPS = 30  # steps that take the errors out of a covariance


class GroupCovariance(BuilderMixin, BaseEstimator):
    r"""Give each group of `KBound` a covariance of its own, shrunk where seeds are few.

    The covariance follows from a normal-inverse-Wishart prior: the scatter of the seeds
    around their centre, and that of a number of pseudo-seeds that have the shape which the groups
    have in common. A group with one seed, or none, has that common shape.

    Parameters
    ----------
    prior_strength : float, default=3.0
        Pseudo-seeds that the common shape counts for.

    prior : {"pooled", "diagonal", "isotropic"} or array-like, default="pooled"
        Common shape: the mean of the groups' covariances; that with the features uncorrelated;
        that with one variance in all features, each in units of its standard deviation over all
        rows; or a covariance that is given, of shape (n_features, n_features). Where no group
        has two seeds, the first three come from the covariance of all rows, four times narrower.

    See Also
    --------
    ChiSquaredGate : Accepts by the distances that follow from these shapes.

    Notes
    -----
    With n seeds, prior strength m and common shape W the covariance is

    .. math:: \frac{R^T R + m W}{n - 1 + m} \left(1 + \frac{1}{n + m}\right),

    where the rows of R are the seeds minus the centre. The last factor is there because the
    centre is itself uncertain, known as from n + m stars: it makes this the covariance of a
    *new* member's offset. A group without seeds, whose centre is given, does not have it. In the
    pooled shape a group weighs (n - 1) / (n - 1 + 10).

    Errors of the seeds are taken out of the scatter by expectation-maximisation ([1]_, with one
    component), since they are added again, star by star, in every distance.

    With ``prior="pooled"`` distances do not depend on the units of the features or on any other
    affine map of them; with the other two they do not depend on their units.

    References
    ----------
    .. [1] Bovy, J., Hogg, D. W. and Roweis, S. T. (2011). Extreme deconvolution: inferring
       complete distribution functions from noisy, heterogeneous and incomplete observations.
       Annals of Applied Statistics, 5, 1657-1677. :doi:`10.1214/10-AOAS439`
    .. [2] Murphy, K. P. (2012). Machine Learning: A Probabilistic Perspective. MIT Press,
       section 4.6 (the normal-inverse-Wishart posterior).

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit import GroupCovariance, KBound
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack([rng.normal(0, (2.0, 0.2), (50, 2)), rng.normal((0, 4), 0.5, (50, 2))])
    >>> y = np.r_[np.full(20, 1), np.full(60, -1), np.full(20, 2)]
    >>> kbound = KBound(shape=GroupCovariance(), distance_threshold=3.0).fit(X, y)
    >>> np.sqrt(kbound.covariances_[:, 0, 0] / kbound.covariances_[:, 1, 1]).round()
    array([9., 1.])
    """

    _parameter_constraints = {
        "prior_strength": [Interval(Real, 0, None, closed="neither")],
        "prior": [StrOptions({"pooled", "diagonal", "isotropic"}), "array-like"],
    }

    def __init__(self, prior_strength=3.0, prior="pooled"):
        self.prior_strength = prior_strength
        self.prior = prior

    def common_shape(self, X, y, errors=None):
        """Return the shape that groups without seeds of their own would have.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Features.
        y : ndarray of shape (n_samples,)
            Partial labels, -1 for unlabelled.
        errors : ndarray, default=None
            Standard deviations or covariances of the rows' errors.

        Returns
        -------
        covariance : ndarray of shape (n_features, n_features)
            Positive definite.

        Raises
        ------
        ValueError
            If ``prior`` is an array of the wrong shape, or no covariance.
        """
        if not isinstance(self.prior, str):
            return _checked_covariance(self.prior, X.shape[1])
        scale = X.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        everything = _covariance(X / scale)
        total, weights = np.zeros_like(everything), 0.0
        for group in np.unique(y[y != UNLABELLED]):
            seeds = np.flatnonzero(y == group)
            if len(seeds) > 1:
                weight = (len(seeds) - 1) / (len(seeds) - 1 + _HALF_WEIGHT)
                scatter = _covariance(X[seeds] / scale)
                if errors is not None:
                    mean_error = error_covariances(errors[seeds]).mean(axis=0)
                    scatter = _positive(scatter - mean_error / np.outer(scale, scale))
                total += weight * scatter
                weights += weight
        common = total / weights if weights else everything / _NARROWER**2
        if self.prior == "isotropic":
            common = np.eye(len(common)) * np.trace(common) / len(common)
            everything = np.eye(len(common))
        elif self.prior == "diagonal":
            common, everything = np.diag(np.diag(common)), np.eye(len(common))
        common = common + _FLOOR * everything + _RIDGE * np.eye(len(common))
        return common * np.outer(scale, scale)

    def covariances(self, X, y, classes, centers, common, errors=None):
        """Return the covariance of each group around its centre.

        Parameters
        ----------
        X, y, errors
            As for `common_shape`.
        classes : ndarray of shape (n_groups,)
            Labels of the groups.
        centers : ndarray of shape (n_groups, n_features)
            Their centres.
        common : ndarray of shape (n_features, n_features)
            As returned by `common_shape`.

        Returns
        -------
        covariances : ndarray of shape (n_groups, n_features, n_features)
            Positive definite.
        """
        shapes = np.empty((len(classes), *common.shape))
        for k, label in enumerate(classes):
            seeds = np.flatnonzero(y == label)
            offsets = X[seeds] - centers[k]
            scatter = offsets.T @ offsets
            shapes[k] = self._posterior_mean(scatter, len(seeds), common)
            if errors is not None and len(seeds):
                noise = error_covariances(errors[seeds])
                for _ in range(_EM_STEPS):
                    scatter = _true_scatter(offsets, shapes[k], noise)
                    shapes[k] = self._posterior_mean(scatter, len(seeds), common)
            if len(seeds):
                shapes[k] *= 1 + 1 / (len(seeds) + self.prior_strength)
        return shapes

    def _posterior_mean(self, scatter, n_seeds, common):
        return (scatter + self.prior_strength * common) / (
            max(n_seeds - 1, 0) + self.prior_strength
        )


def group_distances(X, centers, covariances, errors=None):
    """Mahalanobis distance of each row from each group, in the group's own shape.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    centers, covariances : ndarray of shape (n_groups, ...)
        Of the groups.
    errors : ndarray, default=None
        Standard deviations or covariances of the rows' errors.

    Returns
    -------
    distances : ndarray of shape (n_samples, n_groups)
        Distances.
    """
    X = np.ascontiguousarray(X)
    if errors is None:
        return np.sqrt(group_squared_distances(X, centers, covariances))
    noise = np.ascontiguousarray(error_covariances(errors))
    return np.sqrt(group_squared_distances_with_errors(X, centers, covariances, noise))


def _covariance(X):
    """Covariance of rows; of a single one zero."""
    if len(X) < 2:
        return np.zeros((X.shape[1], X.shape[1]))
    return np.cov(X.T).reshape(X.shape[1], X.shape[1])


def _true_scatter(offsets, shape, noise):
    """Expected scatter of where the stars truly are, given errors and the group's shape."""
    gain = np.linalg.solve(shape + noise, np.broadcast_to(shape, noise.shape)).transpose(0, 2, 1)
    moved = np.einsum("nij,nj->ni", gain, offsets)
    return moved.T @ moved + (shape - gain @ shape).sum(axis=0)


def _positive(matrix):
    """Nearest matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.clip(values, 0.0, None) @ vectors.T


def _checked_covariance(covariance, n_features):
    covariance = np.asarray(covariance, dtype=np.float64)
    if covariance.shape != (n_features, n_features) or not np.isfinite(covariance).all():
        raise ValueError(
            f"prior must be a finite array of shape ({n_features}, {n_features}); got shape "
            f"{covariance.shape}."
        )
    if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance)[0] <= 0:
        raise ValueError("prior must be a covariance: symmetric and positive definite.")
    return covariance
