"""What fit takes besides X and y, row by row: errors and known non-members."""

import numpy as np
from sklearn.utils import check_array

from climbkit.base import UNLABELLED

# Largest asymmetry, and most negative eigenvalue, that rounding may leave in a covariance,
# relative to its largest entry.
_ROUNDING = 1e-8


def check_errors(errors, X):
    """Return errors as an array of standard deviations or of covariances.

    Parameters
    ----------
    errors : array-like of shape (n_samples, n_features) or (n_samples, n_features, n_features)
        Standard deviations, or covariances; None passes.
    X : ndarray of shape (n_samples, n_features)
        Rows that they belong to.

    Returns
    -------
    errors : ndarray or None
        Of the shape that was given, dtype float64.

    Raises
    ------
    ValueError
        If the shape is neither, or the values are not finite, negative, or no covariances.
    """
    if errors is None:
        return None
    errors = check_array(
        errors, dtype=np.float64, allow_nd=True, ensure_2d=False, input_name="errors"
    )
    n, d = X.shape
    if errors.shape not in ((n, d), (n, d, d)):
        raise ValueError(
            f"errors must hold standard deviations, of shape {(n, d)}, or covariances, of shape "
            f"{(n, d, d)}; got shape {errors.shape}."
        )
    if errors.ndim == 2:
        if (errors < 0).any():
            raise ValueError("errors holds negative standard deviations; they must be >= 0.")
        return errors
    slack = _ROUNDING * np.abs(errors).max(axis=(1, 2), initial=0.0)
    transposed = errors.transpose(0, 2, 1)
    if (np.abs(errors - transposed) > slack[:, None, None]).any():
        raise ValueError("errors holds covariances that are not symmetric.")
    if (np.linalg.eigvalsh(errors)[:, 0] < -slack).any():
        raise ValueError("errors holds covariances with negative eigenvalues; they must be >= 0.")
    return errors


def error_covariances(errors):
    """Covariances of shape (n_samples, n_features, n_features), of either form of errors."""
    if errors.ndim == 3:
        return errors
    return errors[:, :, None] ** 2 * np.eye(errors.shape[1])


def check_negatives(negatives, y):
    """Return a mask of the rows known to belong to no group.

    Parameters
    ----------
    negatives : array-like of shape (n_samples,), dtype bool, or of int, or None
        Mask, or row numbers.
    y : ndarray of shape (n_samples,)
        Partial labels.

    Returns
    -------
    mask : ndarray of shape (n_samples,), dtype bool
        True for known non-members.

    Raises
    ------
    ValueError
        If it is neither, names a row that does not exist, or one with a label.
    """
    mask = np.zeros(len(y), dtype=bool)
    if negatives is None:
        return mask
    given = np.asarray(negatives)
    if given.dtype == bool and given.shape == y.shape:
        mask = given.copy()
    elif given.ndim == 1 and (given.dtype.kind in "iu" or given.size == 0):
        if given.size and (given.min() < 0 or given.max() >= len(y)):
            raise ValueError(f"negatives must hold row numbers from 0 to {len(y) - 1}.")
        mask[given.astype(np.intp)] = True
    else:
        raise ValueError(
            f"negatives must be a boolean mask of shape {y.shape} or a list of row numbers; got "
            f"dtype {given.dtype} and shape {given.shape}."
        )
    if (mask & (y != UNLABELLED)).any():
        raise ValueError("negatives marks rows whose y names a known group; they must be -1.")
    return mask
