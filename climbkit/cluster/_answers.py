"""What a fitted KBound says of rows: labels, probabilities, and why."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from climbkit.cluster._explain import feature_attribution, gate_table, row_index
from climbkit.cluster._rows import match_rows
from climbkit.cluster._selection import SelectionGate


def _has_probabilities(kbound):
    if not isinstance(kbound.gate, SelectionGate):
        raise AttributeError(
            f"KBound has predict_proba only with a gate that has probabilities, such as "
            f"gate=SelectionGate(); this one has gate={kbound.gate!r}."
        )
    return True


class KBoundAnswers:
    """The methods of `KBound` that need it fitted."""

    def _validate_rows(self, X, errors):
        check_is_fitted(self)
        X = self._validate_new(X)
        return X, self._checked_errors(errors, X)

    def predict(self, X, errors=None):
        """Assign new rows by the fitted centres and gates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        errors : array-like, default=None
            Errors of these rows, as in ``fit``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Group labels, -1 for rows that no group takes. A row that is identical to a fitted
            one gets the label that it got in ``fit``.
        """
        X, errors = self._validate_rows(X, errors)
        nearest, _, distance, _ = self._two_nearest(
            X, errors, self.cluster_centers_, self.covariances_
        )
        seen = match_rows(X, self._X_fit)
        dense = self._density_gate.passes(self._density_gate.density_of(X, seen))
        labels, _ = self._decide(nearest, distance, self.gate_.membership(X, errors), dense)
        return np.where(seen >= 0, self.labels_[seen], labels)

    @available_if(_has_probabilities)
    def predict_proba(self, X, errors=None):
        """Return calibrated probabilities of membership.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        errors : array-like, default=None
            Errors of these rows, as in ``fit``.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters + 1)
            Of the groups in ``classes_``, and in the last column of none of them; rows sum to
            1. A row that is identical to a fitted one gets what it got in ``fit``: seeds and
            ``negatives`` are certain.
        """
        X, errors = self._validate_rows(X, errors)
        seen = match_rows(X, self._X_fit)
        return np.where(
            (seen >= 0)[:, None], self._membership[seen], self.gate_.membership(X, errors)
        )

    def decision_path(self, X, errors=None):
        """Tell which gate decided each row, and by what margin.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that were fitted, or new ones.
        errors : array-like, default=None
            Errors of these rows, as in ``fit``.

        Returns
        -------
        table : DataFrame of n_samples rows
            ``label``; ``gate``: ``"assigned"``, ``"rejected_density"``,
            ``"rejected_distance"``, ``"rejected_probability"``, ``"seed_forced"``,
            ``"known_negative"`` or ``"no_group"``; ``is_seed``;
            ``local_density``, ``density_passed``, ``density_margin`` (negative: the gate is
            shut); ``nearest_cluster``, ``distance_to_nearest``, ``distance_passed``,
            ``distance_margin``; ``competitor_cluster``, ``distance_to_competitor`` and
            ``margin``, the lead of the nearest centre over the second.

            With a ``shape`` also ``p_value``, the chi-squared p-value of the distance to the
            nearest centre, and with `ChiSquaredGate` ``p_value_threshold`` and
            ``p_value_margin``.

            With `SelectionGate` also ``likeliest_cluster``, ``probability`` of membership in
            it, ``probability_threshold``, ``probability_passed``, ``probability_margin``, and
            ``probability_<label>`` for each group and ``probability_none``. They are what the
            gate says of the row's features, so of seeds and ``negatives`` as well.
        """
        checked, errors = self._validate_rows(X, errors)
        return gate_table(self, checked, row_index(X), errors)

    def feature_attribution(self, X):
        """Split each row's squared distance to its centre exactly by feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that were fitted, or new ones.

        Returns
        -------
        table : DataFrame of n_samples rows
            ``reference_cluster`` (the row's group, or the nearest for noise),
            ``competitor_cluster`` (the next nearest), their squared distances
            ``d2_reference`` and ``d2_competitor``, and for each feature ``contrib_<name>``,
            which sum to ``d2_reference``, and ``disc_<name>``, which sum to
            ``d2_competitor - d2_reference``.

        Raises
        ------
        ValueError
            If the metric is no quadratic form: only distances in the groups' shapes,
            ``"euclidean"``, ``"l2"``, ``"seuclidean"`` and ``"mahalanobis"`` can be split by
            feature.
        """
        check_is_fitted(self)
        return feature_attribution(self, self._validate_new(X), row_index(X))
