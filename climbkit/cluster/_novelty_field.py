"""A field without its small groups: drawn from its neighbourhoods, measured by a mixture."""

from numbers import Integral

import numpy as np
from scipy.spatial import cKDTree
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from climbkit.cluster._novelty_null import SmoothMixture, core_covariance

# Rows whose neighbourhoods are in memory at once.
CHUNK = 10_000


class SmoothField(SmoothMixture):
    """Smooth field whose draws keep what is wider than a neighbourhood, and lose small groups.

    The log density is that of a `SmoothMixture`. Draws do not come from the mixture but from
    the rows: each is drawn from the Gaussian that has the mean and the covariance of a random
    row's neighbourhood, as in [1]_. Sheets, edges and tails that a mixture cannot follow are in
    the draws as they are in the data, whereas a group of fewer rows than a neighbourhood is
    blurred. Where `NoveltyTest` compares the two, the errors of the mixture are in both.

    Parameters
    ----------
    n_neighbors : int, default=50
        Rows in a neighbourhood; nearest in units in which the bulk of the rows has unit
        covariance. More blur larger groups, but also the field; fewer leave a rougher field,
        against which only stronger groups stand out.

    max_components : int, default=10
        Most components of the mixture.

    min_scale : float, default=0.2
        Least size of a component, as in `SmoothMixture`.

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
        Bayesian information criterion of the mixture.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    See Also
    --------
    NoveltyTest : Tests groups against draws from such a field.

    Notes
    -----
    The fit costs the mixture's and a query of ``n_neighbors`` neighbours of each row; memory is
    linear in the rows.

    References
    ----------
    .. [1] M. S. Taylor, J. R. Thompson, "A data based algorithm for the generation of random
       vectors", Computational Statistics & Data Analysis 4, 93 (1986),
       doi:10.1016/0167-9473(86)90013-0.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.cluster import SmoothField
    >>> rng = np.random.default_rng(0)
    >>> clump = rng.normal(1.0, 0.01, size=(30, 2))
    >>> X = np.vstack([rng.normal(size=(970, 2)), clump])
    >>> Y = SmoothField(random_state=0).fit(X).sample(1000)
    >>> def near(rows):
    ...     return int(np.sum(np.abs(rows - 1.0).max(axis=1) < 0.03))
    >>> near(X) >= 28, near(Y) < 10
    (True, True)
    """

    _parameter_constraints = {
        "n_neighbors": [Interval(Integral, 2, None, closed="left")],
        **SmoothMixture._parameter_constraints,
    }

    def __init__(
        self,
        n_neighbors=50,
        *,
        max_components=10,
        min_scale=0.2,
        min_weight=0.03,
        tol=1e-4,
        max_iter=200,
        random_state=None,
    ):
        self.n_neighbors = n_neighbors
        super().__init__(
            max_components,
            min_scale=min_scale,
            min_weight=min_weight,
            tol=tol,
            max_iter=max_iter,
            random_state=random_state,
        )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the mixture and keep the rows.

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
        self : SmoothField
            Fitted.
        """
        Z, weights = self._fit_mixture(X, sample_weight)
        self._row_shares = weights / weights.sum()
        tree = cKDTree(np.linalg.solve(np.linalg.cholesky(core_covariance(Z)), Z.T).T)
        k = np.arange(1, min(self.n_neighbors, len(Z)) + 1)
        moments = [
            _neighbourhoods(Z, weights, tree.query(tree.data[start : start + CHUNK], k=k)[1])
            for start in range(0, len(Z), CHUNK)
        ]
        self._row_means, self._row_roots = map(np.concatenate, zip(*moments, strict=True))
        return self

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
        which = rng.choice(len(self._row_shares), size=n_samples, p=self._row_shares)
        unit = rng.standard_normal((n_samples, self.n_features_in_))
        Z = self._row_means[which] + np.einsum("nij,nj->ni", self._row_roots[which], unit)
        return Z * self._scale + self._shift


def _neighbourhoods(Z, weights, near):
    """Weighted means of the rows near each row, and roots of their covariances."""
    # Of more than n_neighbors equal rows, all that are near may weigh nothing.
    shares = np.maximum(weights[near], np.finfo(float).tiny)
    shares /= shares.sum(axis=1, keepdims=True)
    points = Z[near]
    means = np.einsum("nk,nkd->nd", shares, points)
    points -= means[:, None]
    covariances = np.einsum("nk,nki,nkj->nij", shares, points, points, optimize=True)
    # The symmetric root: it exists for neighbourhoods without spread, and does not hang on the
    # signs of eigenvectors.
    values, vectors = np.linalg.eigh(covariances)
    roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None] @ vectors.swapaxes(1, 2)
    return means, roots
