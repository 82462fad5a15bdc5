"""A smooth fit of the field: a Gaussian mixture whose components cannot shrink onto a clump."""

import functools
import math
from numbers import Integral, Real

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, DensityMixin, _fit_context
from sklearn.cluster import kmeans_plusplus
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from climbkit.base import BuilderMixin

# Share of the rows, nearest in Mahalanobis distance, that the scale of the data is measured on,
# so that a few stars far out do not make the floor of the components too wide.
CORE_SHARE = 0.9
# Keeps covariances invertible along constant or repeated columns, in units of a column's variance.
RIDGE = 1e-6


class SmoothMixture(DensityMixin, BuilderMixin, BaseEstimator):
    """Gaussian mixture of few, broad components, for a field without small groups.

    Components have full covariances, but no component may fill less than a given share of the
    volume that the data fill, nor hold less than a given share of the rows: it may be a thin
    sheet, not a clump. Their number has the lowest
    Bayesian information criterion.

    Parameters
    ----------
    max_components : int, default=10
        Most components.

    min_scale : float, default=0.2
        Least size of a component in units of that of all rows, where size is
        ``det(covariance) ** (1 / (2 n_features))``, a mean standard deviation. A smaller
        component is blown up to it in its own shape.

    min_weight : float, default=0.03
        Least share of the rows in a component, where there are several.

    tol : float, default=1e-4
        Iterations end when the mean log-likelihood gains less than this.

    max_iter : int, default=200
        Most iterations for each number of components.

    random_state : int, RandomState instance or None, default=None
        For the start of the components and for `sample`.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Shares of the components.

    means_ : ndarray of shape (n_components, n_features)
        Their means.

    covariances_ : ndarray of shape (n_components, n_features, n_features)
        Their covariances.

    bic_ : float
        Bayesian information criterion.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    See Also
    --------
    NoveltyTest : Tests groups against draws from such a fit.
    sklearn.mixture.GaussianMixture : A mixture that may shrink onto groups.

    Notes
    -----
    The fit begins with ``max_components`` components and takes the lightest away until one is
    left, as in [1]_; the best of all numbers is kept. One iteration costs
    O(n_samples x n_components x n_features^2).

    References
    ----------
    .. [1] M. A. T. Figueiredo, A. K. Jain, "Unsupervised Learning of Finite Mixture Models",
       IEEE TPAMI 24, 381 (2002), doi:10.1109/34.990138.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.cluster import SmoothMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack([rng.normal(size=(500, 2)), rng.normal(scale=0.02, size=(50, 2))])
    >>> smooth = SmoothMixture(random_state=0).fit(X)
    >>> sizes = np.linalg.det(smooth.covariances_) ** (1 / 4)
    >>> bool(sizes.min() > 0.15)
    True
    """

    _parameter_constraints = {
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "min_scale": [Interval(Real, 0, 1, closed="both")],
        "min_weight": [Interval(Real, 0, 1, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        max_components=10,
        *,
        min_scale=0.2,
        min_weight=0.03,
        tol=1e-4,
        max_iter=200,
        random_state=None,
    ):
        self.max_components = max_components
        self.min_scale = min_scale
        self.min_weight = min_weight
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative. None: all 1.

        Returns
        -------
        self : SmoothMixture
            Fitted.
        """
        self._fit_mixture(X, sample_weight)
        return self

    def _fit_mixture(self, X, sample_weight):
        """Fit; return standardised rows and their weights."""
        X = validate_data(self, X, dtype=np.float64)
        weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        Z, self._shift, self._scale = _standardised(X)
        rng = check_random_state(self.random_state)
        log_floor = _log_size(core_covariance(Z)) + np.log(max(self.min_scale, 1e-300))
        d, n = Z.shape[1], weights.sum()
        k = max(1, min(self.max_components, int(n) // (5 * (d + 1))))
        state, moments = _start(Z, k, rng, log_floor), _moments(Z)
        best = (np.inf, None)
        while True:
            state, likelihood = _iterate(
                moments, weights, state, log_floor, self.tol, self.max_iter
            )
            n_parameters = len(state[0]) * (1 + d + d * (d + 1) / 2) - 1
            bic = n_parameters * np.log(n) - 2 * n * likelihood
            if bic < best[0] and state[0].min() >= self.min_weight:
                best = (bic, state)
            if len(state[0]) == 1:
                break
            keep = np.arange(len(state[0])) != np.argmin(state[0])
            state = tuple(part[keep] for part in state)
            state = (state[0] / state[0].sum(), *state[1:])
        self._keep(best[1], log_floor)
        self.bic_ = best[0] + 2 * n * np.log(self._scale).sum()
        return Z, weights

    def refit(self, X, sample_weight):
        """Return a mixture with as many components fitted to other rows, begun from this one.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows.
        sample_weight : ndarray of shape (n_samples,)
            Their weights.

        Returns
        -------
        mixture : SmoothMixture
            New, fitted.
        """
        check_is_fitted(self)
        Z = (np.asarray(X) - self._shift) / self._scale
        state, _ = _iterate(
            _moments(Z), sample_weight, self._state, self._log_floor, self.tol, self.max_iter
        )
        other = SmoothMixture(
            self.max_components, min_scale=self.min_scale, tol=self.tol, max_iter=self.max_iter
        )
        other._shift, other._scale, other.n_features_in_ = self._shift, self._scale, len(Z.T)
        other._keep(state, self._log_floor)
        return other

    def _keep(self, state, log_floor):
        self._state, self._log_floor = state, log_floor
        self.weights_ = state[0]
        self.means_ = state[1] * self._scale + self._shift
        self.covariances_ = state[2] * np.outer(self._scale, self._scale)

    def score_samples(self, X):
        """Log density at rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Natural logarithm of the density.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        Z = (X - self._shift) / self._scale
        return logsumexp(_log_terms(_moments(Z), self._state), axis=0) - np.log(self._scale).sum()

    def score(self, X, y=None):
        """Mean log density of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : None
            Ignored.

        Returns
        -------
        log_density : float
            Mean.
        """
        return float(self.score_samples(X).mean())

    def sample(self, n_samples=1, random_state=None):
        """Draw rows.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            None: the estimator's own.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows, in random order.
        """
        check_is_fitted(self)
        rng = check_random_state(self.random_state if random_state is None else random_state)
        which = rng.choice(len(self.weights_), size=n_samples, p=self.weights_)
        roots = np.linalg.cholesky(self._state[2])
        unit = rng.standard_normal((n_samples, self.n_features_in_))
        Z = self._state[1][which] + np.einsum("nij,nj->ni", roots[which], unit)
        return Z * self._scale + self._shift


def _standardised(X):
    shift, scale = X.mean(axis=0), X.std(axis=0)
    scale[scale == 0] = 1.0
    return (X - shift) / scale, shift, scale


def core_covariance(Z):
    """Covariance of the rows without the tenth that lies farthest out."""
    whole = _with_ridge(np.atleast_2d(np.cov(Z.T, bias=True)))
    centred = Z - Z.mean(axis=0)
    squared = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(whole), centred)
    core = Z[squared <= np.quantile(squared, CORE_SHARE)]
    return _with_ridge(np.atleast_2d(np.cov(core.T, bias=True)))


def _with_ridge(covariance):
    return covariance + RIDGE * np.eye(len(covariance))


def _log_size(covariance):
    return np.linalg.slogdet(covariance)[1] / (2 * len(covariance))


def _start(Z, k, rng, log_floor):
    """Components around k-means++ centres, each as wide as the floor allows."""
    covariance = core_covariance(Z)
    root = np.linalg.cholesky(covariance)
    white = solve_triangular(root, Z.T, lower=True).T
    centers, _ = kmeans_plusplus(white, k, random_state=rng)
    scale = np.exp(log_floor - _log_size(covariance))
    covariance = covariance * max(scale, 0.5) ** 2
    return np.full(k, 1 / k), centers @ root.T, np.repeat(covariance[None], k, axis=0)


@functools.cache
def _upper(d):
    return np.triu_indices(d)


def _moments(Z):
    """Columns 1, z_i and z_i z_j (i <= j): log densities are linear in them."""
    i, j = _upper(Z.shape[1])
    return np.hstack([np.ones((len(Z), 1)), Z, Z[:, i] * Z[:, j]])


def _log_terms(moments, state):
    """Logarithm of weight times density of each component (row) at each point (column)."""
    weights, means, covariances = state
    d = means.shape[1]
    precisions = np.linalg.inv(covariances)
    linear = np.einsum("kij,kj->ki", precisions, means)
    constant = np.log(weights) - 0.5 * (
        np.einsum("ki,ki->k", linear, means)
        + np.linalg.slogdet(covariances)[1]
        + d * np.log(2 * np.pi)
    )
    i, j = _upper(d)
    quadratic = precisions[:, i, j] * np.where(i == j, -0.5, -1.0)
    return np.hstack([constant[:, None], linear, quadratic]) @ moments.T


def _iterate(moments, weights, state, log_floor, tol, max_iter):
    """Expectation and maximisation until the likelihood rests; its mean and the components."""
    last = -np.inf
    for _ in range(max_iter):
        terms = _log_terms(moments, state)
        peak = terms.max(axis=0)
        shares = np.exp(terms - peak)
        total = shares.sum(axis=0)
        likelihood = float(np.average(np.log(total) + peak, weights=weights))
        if likelihood - last < tol:
            break
        last = likelihood
        state = _maximised((shares * (weights / total)) @ moments, log_floor)
    return state, likelihood


def _maximised(sums, log_floor):
    """Components that have these sums of the moments."""
    d = math.isqrt(2 * sums.shape[1]) - 1
    masses = sums[:, 0] + 1e-10
    means = sums[:, 1 : d + 1] / masses[:, None]
    i, j = _upper(d)
    covariances = np.empty((len(masses), d, d))
    covariances[:, i, j] = sums[:, d + 1 :] / masses[:, None] - means[:, i] * means[:, j]
    covariances[:, j, i] = covariances[:, i, j]
    covariances += RIDGE * np.eye(d)
    lack = log_floor - np.linalg.slogdet(covariances)[1] / (2 * d)
    covariances *= np.exp(2 * np.maximum(lack, 0.0))[:, None, None]
    return masses / masses.sum(), means, covariances
