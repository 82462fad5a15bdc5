"""Squared Mahalanobis distances to groups that each have a covariance of their own."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def group_squared_distances(X, centers, covariances):
    """Squared Mahalanobis distance of every row from every group.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), dtype float64
        Rows.
    centers : ndarray of shape (n_groups, n_features), dtype float64
        Centres of the groups.
    covariances : ndarray of shape (n_groups, n_features, n_features), dtype float64
        Their covariances, positive definite.

    Returns
    -------
    squared : ndarray of shape (n_rows, n_groups)
        Squared distances.

    Notes
    -----
    O(n_rows x n_groups x n_features^2).
    """
    n_rows, n_features = X.shape
    n_groups = len(centers)
    squared = np.empty((n_rows, n_groups))
    factor = np.empty((n_groups, n_features, n_features))
    for k in range(n_groups):
        factor[k] = covariances[k]
        _factorise(factor[k])
    offset = np.empty(n_features)
    for i in range(n_rows):
        for k in range(n_groups):
            for j in range(n_features):
                offset[j] = X[i, j] - centers[k, j]
            squared[i, k] = _squared_length(factor[k], offset)
    return squared


@njit(cache=True, nogil=True)
def group_squared_distances_with_errors(X, centers, covariances, errors):
    """Squared Mahalanobis distances where each row's own errors widen every group.

    Parameters
    ----------
    X, centers, covariances
        As for `group_squared_distances`.
    errors : ndarray of shape (n_rows, n_features, n_features), dtype float64
        Covariance of each row's errors, added to that of the groups.

    Returns
    -------
    squared : ndarray of shape (n_rows, n_groups)
        Squared distances.

    Notes
    -----
    O(n_rows x n_groups x n_features^3): every pair has a covariance of its own to factorise.
    """
    n_rows, n_features = X.shape
    n_groups = len(centers)
    squared = np.empty((n_rows, n_groups))
    factor = np.empty((n_features, n_features))
    offset = np.empty(n_features)
    for i in range(n_rows):
        for k in range(n_groups):
            for j in range(n_features):
                offset[j] = X[i, j] - centers[k, j]
                for m in range(j + 1):
                    factor[j, m] = covariances[k, j, m] + errors[i, j, m]
            _factorise(factor)
            squared[i, k] = _squared_length(factor, offset)
    return squared


@njit(cache=True, nogil=True)
def _factorise(matrix):
    """Cholesky factor in place of the lower triangle; the upper one is not read."""
    for j in range(len(matrix)):
        for m in range(j + 1):
            total = matrix[j, m]
            for p in range(m):
                total -= matrix[j, p] * matrix[m, p]
            matrix[j, m] = np.sqrt(total) if j == m else total / matrix[m, m]


@njit(cache=True, nogil=True)
def _squared_length(factor, offset):
    """Squared length of the solution of ``factor @ x = offset``, which takes its place."""
    total = 0.0
    for j in range(len(offset)):
        value = offset[j]
        for p in range(j):
            value -= factor[j, p] * offset[p]
        value /= factor[j, j]
        offset[j] = value
        total += value * value
    return total
