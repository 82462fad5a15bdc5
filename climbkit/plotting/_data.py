"""What a display draws: checked rows, the chosen features and their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, column_or_1d

from climbkit.base import NOISE, check_partial_labels
from climbkit.plotting._style import axis_label


@dataclass(frozen=True)
class Features:
    """The features on the axes: their columns in X and what is written beside them."""

    columns: tuple
    axis_labels: tuple

    @classmethod
    def choose(cls, X, features, feature_names=None, units=None, *, allowed=(2, 3)):
        """Find the features by number or name.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; the columns of a DataFrame name the features.
        features : sequence of int or str, or None
            None: the first two.
        feature_names : sequence of str, default=None
            Names, where X has none.
        units : mapping of str to str, or sequence of str, default=None
            Units by name, or one for each feature of X.
        allowed : tuple of int, default=(2, 3)
            How many features the display can draw.

        Returns
        -------
        features : Features
            The choice.

        Raises
        ------
        ValueError
            If a name or number is unknown, or too few or too many are asked for.
        """
        n_features = np.shape(X)[1]
        names = _names(X, feature_names, n_features)
        wanted = [0, 1] if features is None else list(features)
        if len(wanted) not in allowed:
            counts = " or ".join(str(n) for n in allowed)
            raise ValueError(f"features must name {counts} features; got {len(wanted)}: {wanted}.")
        columns = tuple(_column(feature, names) for feature in wanted)
        units = _units(units, names)
        return cls(columns, tuple(axis_label(names[j], units.get(names[j])) for j in columns))

    def of(self, X):
        """Return the chosen columns of some rows."""
        return np.asarray(X, dtype=np.float64)[:, list(self.columns)]


def _names(X, feature_names, n_features):
    if feature_names is None:
        columns = getattr(X, "columns", None)
        feature_names = [f"feature {j}" for j in range(n_features)] if columns is None else columns
    names = [str(name) for name in feature_names]
    if len(names) != n_features:
        raise ValueError(
            f"feature_names must hold a name for each of the {n_features} features of X; "
            f"got {len(names)}."
        )
    return names


def _column(feature, names):
    if isinstance(feature, Integral) and not isinstance(feature, bool):
        if -len(names) <= feature < len(names):
            return int(feature) % len(names)
        raise ValueError(f"features names column {feature}, but X has {len(names)} features.")
    if feature in names:
        return names.index(feature)
    raise ValueError(f"features names {feature!r}; the features of X are {names}.")


def _units(units, names):
    if units is None:
        return {}
    if isinstance(units, Mapping):
        unknown = sorted(set(units) - set(names))
        if unknown:
            raise ValueError(f"units names {unknown}; the features of X are {names}.")
        return dict(units)
    if len(units) != len(names):
        raise ValueError(f"units must hold {len(names)} units, one a feature; got {len(units)}.")
    return dict(zip(names, units, strict=True))


def check_rows(X):
    """Return X as a finite float64 array of two dimensions."""
    return check_array(X, dtype=np.float64, input_name="X")


def check_labels(labels, X, name="labels"):
    """Return one whole number for each row of X."""
    labels = column_or_1d(np.asarray(labels))
    if len(labels) != len(X):
        raise ValueError(
            f"{name} must have one entry for each of the {len(X)} rows of X; got {len(labels)}."
        )
    return check_partial_labels(labels, X)


def check_seeds(seeds, X):
    """Return a boolean mask of the seeds, or None; partial labels are taken as well."""
    if seeds is None:
        return None
    seeds = np.asarray(seeds)
    check_consistent_length(X, seeds)
    return seeds if seeds.dtype == bool else check_labels(seeds, X, "seeds") != NOISE


def unwrap(estimator):
    """Split a fitted pipeline into what goes before its last step, and that step.

    Returns
    -------
    before : Pipeline or None
        Transformers in front of the clusterer; None where there are none.
    clusterer : estimator
        Fitted clusterer.
    """
    if not isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        return None, estimator
    clusterer = estimator[-1]
    check_is_fitted(clusterer)
    return (estimator[:-1] if len(estimator) > 1 else None), clusterer


def to_original(before, points):
    """Take points from the space of the clusterer back to that of X."""
    if before is None:
        return points
    if not hasattr(before, "inverse_transform"):
        raise ValueError(
            "a step of the pipeline has no inverse_transform, so centres cannot be drawn in the "
            "units of X; pass the transformed rows and the last step alone."
        )
    if not len(points):
        return points
    return np.asarray(before.inverse_transform(points))


def fitted_labels(clusterer, X):
    """Labels of the rows that a clusterer was fitted on."""
    if not hasattr(clusterer, "labels_"):
        raise ValueError(
            f"{type(clusterer).__name__} has no labels_; use from_predictions with its answer."
        )
    if len(clusterer.labels_) != np.shape(X)[0]:
        raise ValueError(
            f"X has {np.shape(X)[0]} rows, but {type(clusterer).__name__} was fitted on "
            f"{len(clusterer.labels_)}; pass the fitted rows, or use from_predictions with the "
            "answer for new ones."
        )
    return np.asarray(clusterer.labels_)


def known_labels_of(clusterer, y=None):
    """Labels that were known before the fit; None where nobody says."""
    for name in ("known_labels_", "classes_"):
        if hasattr(clusterer, name):
            return np.asarray(getattr(clusterer, name))
    if y is None:
        return None
    known = np.unique(y)
    return known[known != NOISE]
