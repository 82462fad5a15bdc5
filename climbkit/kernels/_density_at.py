"""Gaussian density of a set of points at other places."""

import numpy as np
from scipy.spatial.distance import cdist

from ._density import MIN_ATOL, gaussian_density
from ._pairwise import as_points

# Up to this many pairs summing all of them costs less than sorting large sets into trees.
_DIRECT_PAIRS = 20_000_000

_CHUNK_PAIRS = 2_000_000


def gaussian_density_at(targets, X, bandwidth, *, peak=None, atol=1e-6):
    """Sum of Gaussians around the rows of X, at every row of ``targets``.

    Parameters
    ----------
    targets : array-like of shape (m, d)
        Where the density is asked for: finite numbers.
    X : array-like of shape (n, d)
        The points that make the density: finite numbers, at least one row.
    bandwidth : float
        Standard deviation of the Gaussian, in the units of X. At 0 the density is the number of
        rows of X equal to the target.
    peak : float, default=None
        Largest density at a row of X, as `gaussian_density` gave it; None: it is computed.
    atol : float, default=1e-6
        Bound on the error, relative to ``peak``.

    Returns
    -------
    density : ndarray of shape (m,)
        At least 0.

    Raises
    ------
    ValueError
        If ``targets`` and X are not finite arrays with the same number of columns.

    See Also
    --------
    gaussian_density : The density at the points themselves.

    Notes
    -----
    Few pairs are summed one by one. For many, the sums over both sets together are taken, and
    those over the targets alone subtracted, each by the quickest method of `gaussian_density`;
    the tolerance is made smaller until the difference keeps the bound.

    Examples
    --------
    >>> from climbkit.kernels import gaussian_density_at
    >>> gaussian_density_at([[0.0], [9.0]], [[0.0], [1.0]], bandwidth=1.0).round(3)
    array([1.607, 0.   ])
    """
    targets, X = as_points(targets), as_points(X)
    if targets.shape[1] != X.shape[1]:
        raise ValueError(f"targets has {targets.shape[1]} columns and X has {X.shape[1]}.")
    if bandwidth > 0 and len(targets) * len(X) <= _DIRECT_PAIRS:
        return _direct(targets, X, bandwidth)
    # Twins among the targets would make large sums of their own, to be subtracted again.
    places, place_of = np.unique(targets, axis=0, return_inverse=True)
    if peak is None:
        peak = gaussian_density(X, bandwidth, atol=atol).max()
    both = np.concatenate([X, places])
    tolerance = atol / 4
    while tolerance >= MIN_ATOL:
        together = gaussian_density(both, bandwidth, atol=tolerance)
        alone = gaussian_density(places, bandwidth, atol=tolerance)
        reached = tolerance * (together.max() + alone.max()) / peak
        if reached <= atol:
            return np.maximum(together[len(X) :] - alone, 0.0)[place_of.ravel()]
        tolerance *= 0.5 * atol / reached
    return _direct(targets, X, bandwidth)


def _direct(targets, X, bandwidth):
    density = np.empty(len(targets))
    step = max(1, _CHUNK_PAIRS // len(X))
    for start in range(0, len(targets), step):
        squared = cdist(targets[start : start + step], X, "sqeuclidean")
        density[start : start + step] = np.exp(squared / (-2.0 * bandwidth**2)).sum(axis=1)
    return density
