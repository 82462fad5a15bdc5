"""What a network takes, of fluxes or of rows that are normalised already."""

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import validate_data

from climbkit.neural._prediction import as_float32
from climbkit.neural._splitting import canonical_order
from climbkit.spectra._container import XPSpectra
from climbkit.spectra._normalizer import CONTEXT, XPNormalizer

PASSTHROUGH = "passthrough"
N_CONTEXT = len(CONTEXT)
PREPARATION = ("normalizer_", "flux_mean_", "flux_scale_")


class PreparationMixin:
    """The steps of `XPClassifier` from X to its network, batch by batch in predictions."""

    def _checked_samples(self, X, *, reset):
        prepared = isinstance(self.normalizer, str)
        if isinstance(X, XPSpectra):
            if prepared:
                raise ValueError(
                    "normalizer='passthrough' takes rows that are prepared already; got XPSpectra. "
                    "Set normalizer=None, or transform them by an XPNormalizer first."
                )
            if reset:
                vars(self).pop("feature_names_in_", None)
                return X
            # Rows are cut batch by batch, and need nothing else.
            return XPSpectra(X.source_id, X.flux, None, X.wavelength)
        return validate_data(
            self,
            X,
            reset=reset,
            dtype="numeric",
            ensure_all_finite=prepared,  # else the normalizer looks for NaN, batch by batch
            ensure_min_samples=int(reset),
        )

    def _learn_preparation(self, X, y, errors):
        if self.weights is not None:
            kept = self._kept()
            self._take({name: kept[name] for name in PREPARATION})
            rows = self._prepared(X)
        else:
            # Means depend on the order, if only in their last digit.
            order = canonical_order(np.ascontiguousarray(as_float32(np.asarray(X))), y)
            self.normalizer_ = self._fitted_normalizer(X, order)
            rows = self._normalized(X)
            self.flux_mean_ = self.flux_scale_ = None
            if self.standardize:
                flux = rows[order, : rows.shape[1] - self.n_context]
                self.flux_mean_ = flux.mean(axis=0, dtype=np.float64).astype(np.float32)
                scatter = flux.std(axis=0, dtype=np.float64).astype(np.float32)
                self.flux_scale_ = np.where(scatter > 0, scatter, np.float32(1))
            rows = self._standardized(rows)
        if self.normalizer_ is not None:
            self.n_features_in_ = self.normalizer_.n_features_in_
        self.input_shape_ = (rows.shape[1],)
        return rows, self._errors_of_rows(X, rows, errors) if self.error_augmentation else None

    def _fitted_normalizer(self, X, order):
        if isinstance(self.normalizer, str):
            return None
        normalizer = self._chosen_normalizer()
        try:
            return normalizer.fit(X[order])
        except ValueError:
            normalizer.fit(X)  # whose error names the rows as they came
            raise

    def _chosen_normalizer(self):
        if self.normalizer is None:
            if self.n_context not in (0, N_CONTEXT):
                raise ValueError(
                    f"n_context must be 0 or {N_CONTEXT}, which is what XPNormalizer appends; "
                    f"got {self.n_context}."
                )
            return XPNormalizer(context=self.n_context > 0)
        appended = N_CONTEXT * getattr(self.normalizer, "context", 0)
        if isinstance(self.normalizer, XPNormalizer) and appended != self.n_context:
            raise ValueError(
                f"n_context={self.n_context} does not fit normalizer={self.normalizer!r}, which "
                f"appends {appended} numbers."
            )
        return clone(self.normalizer)

    def _errors_of_rows(self, X, rows, errors):
        """Standard deviations of the noise to add to the flux in prepared rows."""
        wanted = len(rows), rows.shape[1] - self.n_context
        if self.normalizer_ is not None:
            errors = self.normalizer_.scale_errors(X, errors)
        elif errors is None or np.shape(errors) != wanted:
            raise ValueError(
                f"error_augmentation={self.error_augmentation} needs flux_error of shape {wanted}; "
                f"got {None if errors is None else np.shape(errors)}."
            )
        errors = np.asarray(errors)
        if errors.dtype.kind not in "fiu" or not (np.isfinite(errors) & (errors >= 0)).all():
            raise ValueError("flux_error must hold finite numbers, none of them negative.")
        errors = self.error_augmentation * errors
        return as_float32(errors if self.flux_scale_ is None else errors / self.flux_scale_)

    def _prepared(self, X):
        return self._standardized(self._normalized(X))

    def _normalized(self, X):
        return as_float32(X if self.normalizer_ is None else self.normalizer_.transform(X))

    def _standardized(self, rows):
        if self.flux_mean_ is None:
            return rows
        rows = rows.copy() if self.normalizer_ is None else rows
        flux = rows[:, : len(self.flux_mean_)]
        flux -= self.flux_mean_
        flux /= self.flux_scale_
        return rows

    def _outputs_of(self, X, network, finish):
        try:
            return super()._outputs_of(X, network, finish)
        except ValueError:
            self._prepared(X)  # as a whole, so that the error names the rows of X, not of a batch
            raise
