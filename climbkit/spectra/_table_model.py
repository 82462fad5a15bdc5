"""What a model says of a block of spectra, and how it is written down."""

from numbers import Real

import numpy as np
from sklearn import config_context
from sklearn.utils.validation import check_is_fitted

from climbkit._optional import import_optional
from climbkit.spectra._grid import WAVELENGTH
from climbkit.spectra._table_files import EXTRA
from climbkit.spectra._table_rows import NO_RESULT, REASONS

ID, PREDICTION, SPREAD, OUTLIER, FLAG = "source_id", "prediction", "p_std", "outlier_score", "flag"
_BOTH = "predict_proba_and_outlier_score"
_PROBABILITY = "p_{}"
_REWEIGHTED = "p_{}_reweighted"
# Where estimators keep the estimators that see the spectra first.
_INNER = ("normalizer_", "estimator_", "estimators_", "estimator", "steps")


class TableModel:
    """A fitted classifier, and the columns that it fills.

    Parameters
    ----------
    model : estimator
        With ``predict_proba``.
    class_names : mapping of class to str, default=None
        What the columns of probabilities are called after. None: the classes.
    threshold : float, default=None
        Probability of the second of two classes from which on it is predicted. None: the most
        probable class is.

    Raises
    ------
    TypeError
        If the model has no probabilities.
    ValueError
        If a threshold or name does not fit the classes.
    NotFittedError
        If the model is not fitted.
    """

    def __init__(self, model, class_names=None, threshold=None):
        if not hasattr(model, "predict_proba"):
            raise TypeError(f"model must be a classifier with predict_proba; got {model!r}.")
        check_is_fitted(model)
        self.model = model
        self.classes = np.asarray(model.classes_)
        self.names = _names(self.classes, class_names)
        self.threshold = threshold
        if threshold is not None:
            _check_threshold(threshold, self.classes)
        self.has_spread = hasattr(model, "predict_std")
        # Networks that do not end in a dense layer have the method, but no distances.
        self.has_outlier = (
            hasattr(model, "outlier_score") and getattr(model, "outlier_model_", True) is not None
        )

    @property
    def n_features(self):
        """Numbers that the model takes, or None if it does not tell."""
        return getattr(self.model, "n_features_in_", None)

    @property
    def grid(self):
        """Wavelengths that the model was fitted on, nm, or None if it takes any numbers."""
        grid = _grid_of(self.model)
        if grid is None and self.n_features == len(WAVELENGTH):
            return WAVELENGTH
        return grid

    def raw_schema(self, carried):
        """Columns of a part.

        Parameters
        ----------
        carried : list of pyarrow.Field
            Columns of the source that are kept.

        Returns
        -------
        schema : pyarrow.Schema
            Ids, probabilities, what else the model says, reasons, and those columns.

        Raises
        ------
        ValueError
            If a column of the source has the name of another.
        """
        arrow = import_optional("pyarrow", EXTRA)
        numbers = [_PROBABILITY.format(name) for name in self.names]
        numbers += [SPREAD] * self.has_spread + [OUTLIER] * self.has_outlier
        fields = [(ID, arrow.int64()), *((name, arrow.float32()) for name in numbers)]
        fields.append((FLAG, arrow.string()))
        taken = {name for name, _ in fields} | {PREDICTION}
        twice = [field.name for field in carried if field.name in taken]
        if twice:
            raise ValueError(f"columns={twice} have the names of columns of the output.")
        return arrow.schema([*fields, *carried])

    def table(self, rows, schema):
        """Predict a block of rows.

        Parameters
        ----------
        rows : Rows
            Spectra.
        schema : pyarrow.Schema
            Of `raw_schema`.

        Returns
        -------
        table : pyarrow.Table
            A row for each, in order.
        """
        arrow = import_optional("pyarrow", EXTRA)
        good = rows.reason == 0
        reason = rows.reason
        results = np.full((len(rows), self.n_results), np.nan, dtype=np.float32)
        if good.any():
            flux = rows.flux if good.all() else rows.flux[good]
            # It was looked at already.
            with config_context(assume_finite=True):
                results[good] = self._results(flux)
            lost = good & ~np.isfinite(results).all(axis=1)
            if lost.any():
                reason = np.where(lost, NO_RESULT, reason).astype(np.uint8)
        empty = reason != 0
        words = arrow.DictionaryArray.from_arrays(
            arrow.array(reason.astype(np.int8)), arrow.array(REASONS, arrow.string())
        ).dictionary_decode()
        numbers = [arrow.array(column, mask=empty) for column in results.T]
        return arrow.Table.from_arrays(
            [rows.source_id, *numbers, words, *rows.carried], schema=schema
        )

    @property
    def n_results(self):
        """Numbers that are written for each spectrum."""
        return len(self.classes) + self.has_spread + self.has_outlier

    def _results(self, flux):
        """Probabilities, and whatever else there is, by as few passes as the model offers."""
        model = self.model
        if self.has_outlier and not self.has_spread and hasattr(model, _BOTH):
            columns = getattr(model, _BOTH)(flux)
        else:
            columns = [model.predict_proba(flux)]
            columns += [model.predict_std(flux)] if self.has_spread else []
            columns += [model.outlier_score(flux)] if self.has_outlier else []
        probabilities, *others = columns
        return np.hstack([probabilities, *map(_one_column, others)])

    def finished_schema(self, raw):
        """Columns of the output; see `finish`."""
        arrow = import_optional("pyarrow", EXTRA)
        kind = arrow.array(self.classes[:1].tolist()).type
        return raw.insert(1, arrow.field(PREDICTION, kind))

    def finish(self, table):
        """Add the predicted class to a part.

        Parameters
        ----------
        table : pyarrow.Table
            With the columns of `raw_schema`.

        Returns
        -------
        table : pyarrow.Table
            With a column more.
        """
        arrow = import_optional("pyarrow", EXTRA)
        names = [_PROBABILITY.format(name) for name in self.names]
        probabilities = np.column_stack([table[name].to_numpy() for name in names])
        empty = np.isnan(probabilities).any(axis=1)
        number = np.where(empty, 0, np.argmax(probabilities, axis=1))
        if self.threshold is not None:
            number = (probabilities[:, 1] >= self.threshold).astype(np.intp)
        classes = arrow.array(self.classes.tolist())
        predicted = classes.take(arrow.array(number, mask=empty))
        return table.add_column(1, PREDICTION, predicted)


def _one_column(values):
    """One number a row; of those of two classes, which are the same, the second's."""
    values = np.asarray(values)
    return values.reshape(len(values), -1)[:, -1:]


def _names(classes, class_names):
    names = {label: str(label) for label in classes.tolist()}
    if class_names is not None:
        unknown = [label for label in class_names if label not in names]
        if unknown:
            raise ValueError(f"class_names has {unknown}; the classes are {list(names)}.")
        names |= {label: str(name) for label, name in class_names.items()}
    if len(set(names.values())) < len(names):
        raise ValueError(f"class_names must be different; got {list(names.values())}.")
    return list(names.values())


def _check_threshold(threshold, classes):
    if not isinstance(threshold, Real) or not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be a probability, from 0 to 1; got {threshold!r}.")
    if len(classes) != 2:
        raise ValueError(
            f"threshold is for two classes; the model has {len(classes)}: {classes.tolist()}."
        )


def _grid_of(model):
    """The `wavelength_` of whatever part of a model sees the spectra."""
    grid = getattr(model, "wavelength_", None)
    if grid is not None:
        return np.asarray(grid)
    for name in _INNER:
        inner = getattr(model, name, None)
        if name == "steps" and inner:
            inner = inner[0][1]
        elif isinstance(inner, list | tuple) and inner:
            inner = inner[0]
        if inner is not None and not isinstance(inner, str):
            grid = _grid_of(inner)
            if grid is not None:
                return grid
    return None
