"""What every climbkit estimator shares: builder, run-file dictionaries, partial labels."""

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, validate_data

from climbkit.builder import builder_class, from_dict, to_dict

UNLABELLED = -1  # the mark of scikit-learn's semi-supervised estimators
NOISE = -1  # the mark of scikit-learn's density-based clusterers


class BuilderMixin:
    """Builder and plain-dictionary forms for an estimator."""

    @classmethod
    def _nested_builders(cls):
        """Parameter name → class of a nested estimator whose parameters the builder offers."""
        return {}

    @classmethod
    def builder(cls):
        """Return an immutable builder with a ``with_…`` method per parameter.

        Returns
        -------
        builder : climbkit.builder.Builder
            Finish with ``build()``, or ask it for a ``grid(...)``.
        """
        return builder_class(cls)()

    def to_dict(self):
        """Return class and parameters as a JSON-ready dictionary.

        Returns
        -------
        state : dict
            See `climbkit.builder.to_dict`.
        """
        return to_dict(self)

    @classmethod
    def from_dict(cls, state, *, trusted=()):
        """Build an estimator from `to_dict`'s dictionary.

        Parameters
        ----------
        state : dict
            As returned by `to_dict`.
        trusted : sequence of str, default=()
            Further packages that the dictionary may name.

        Returns
        -------
        estimator : BaseEstimator
            A new, unfitted estimator.

        Raises
        ------
        ValueError
            If the dictionary is of another class, or names something untrusted.
        """
        estimator = from_dict(state, trusted=trusted)
        if not isinstance(estimator, cls):
            raise ValueError(
                f"the dictionary describes {type(estimator).__name__}, not {cls.__name__}."
            )
        return estimator


class PartialLabelClusterer(ClusterMixin, BuilderMixin, BaseEstimator):
    """A clusterer whose ``fit(X, y)`` takes known labels, -1 where none is known."""

    def _validate_fit(self, X, y, *, ensure_min_samples=1):
        """Checked float64 X and int64 y; y is all -1 where none was given."""
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=ensure_min_samples)
        X = np.ascontiguousarray(X)
        return X, check_partial_labels(y, X)

    def _validate_new(self, X):
        """Checked float64 X of the width that was fitted."""
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.ascontiguousarray(X)

    def fit_predict(self, X, y=None, **kwargs):
        """Fit and return ``labels_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,), default=None
            Known labels, -1 where none is known.
        **kwargs : dict
            Passed to ``fit``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Labels, -1 for noise.
        """
        return self.fit(X, y, **kwargs).labels_


def check_partial_labels(y, X):
    """Return partial labels as integers.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or None
        Whole numbers; -1 for unlabelled. None: nothing is known.
    X : array-like of shape (n_samples, n_features)
        Features that the labels belong to.

    Returns
    -------
    y : ndarray of shape (n_samples,), dtype int64
        Labels.

    Raises
    ------
    ValueError
        If y has another length than X, or holds NaN, fractions or text.
    """
    if y is None:
        return np.full(len(X), UNLABELLED, dtype=np.int64)
    labels = check_array(y, ensure_2d=False, dtype=None, ensure_all_finite=False, input_name="y")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"y must be one-dimensional; got an array of shape {labels.shape}.")
    check_consistent_length(X, labels)
    try:
        numbers = labels.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            "y must hold whole numbers, -1 for unlabelled; got "
            f"dtype {labels.dtype}. Encode names first, e.g. by pandas.factorize."
        ) from None
    if not np.isfinite(numbers).all():
        raise ValueError("y holds NaN or infinity; mark unlabelled rows with -1.")
    whole = labels if np.issubdtype(labels.dtype, np.integer) else np.rint(numbers)
    if np.any(whole != labels):
        raise ValueError("y must hold whole numbers, -1 for unlabelled; got fractions.")
    return whole.astype(np.int64)
