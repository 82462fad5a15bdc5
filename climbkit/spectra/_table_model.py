"""What a model says of a block of spectra, and how it is written down."""

import json
from numbers import Real

import numpy as np
from sklearn import config_context
from sklearn.utils.validation import check_is_fitted

from climbkit._optional import import_optional
from climbkit.spectra._grid import WAVELENGTH
from climbkit.spectra._table_files import EXTRA
from climbkit.spectra._table_prior import TablePrior
from climbkit.spectra._table_rows import NO_RESULT, REASONS

ID, PREDICTION, SPREAD, OUTLIER, FLAG = "source_id", "prediction", "p_std", "outlier_score", "flag"
#: Where the metadata of the output have the frequencies that it was re-weighed to.
PRIOR = b"climbkit_prior"
# Methods that give two of these in the time of one.
_WITH_SPREAD, _WITH_OUTLIER = "predict_proba_and_std", "predict_proba_and_outlier_score"
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
    prior : float, mapping of class to float or "estimate", default=None
        See `TablePrior`.
    outliers : bool, default=True
        Whether outlier scores are wanted.

    Raises
    ------
    TypeError
        If the model has no probabilities.
    ValueError
        If a threshold, prior or name does not fit the classes.
    NotFittedError
        If the model is not fitted.
    """

    def __init__(self, model, class_names=None, threshold=None, prior=None, outliers=True):
        if not hasattr(model, "predict_proba"):
            raise TypeError(f"model must be a classifier with predict_proba; got {model!r}.")
        check_is_fitted(model)
        self.model = model
        self.classes = np.asarray(model.classes_)
        self.names = _names(self.classes, class_names)
        self.threshold = threshold
        if threshold is not None:
            _check_threshold(threshold, self.classes)
        self.prior = None if prior is None else TablePrior(prior, model)
        self.has_spread = hasattr(model, "predict_std")
        # Networks that do not end in a dense layer have the method, but no distances.
        self.has_outlier = (
            outliers
            and hasattr(model, "outlier_score")
            and getattr(model, "outlier_model_", True) is not None
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
        taken |= {_REWEIGHTED.format(name) for name in self.names}
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
        model, spread, outlier = self.model, None, None
        if self.has_spread and hasattr(model, _WITH_SPREAD):
            proba, spread = getattr(model, _WITH_SPREAD)(flux)
        elif self.has_outlier and hasattr(model, _WITH_OUTLIER):
            proba, outlier = getattr(model, _WITH_OUTLIER)(flux)
        else:
            proba = model.predict_proba(flux)
        columns = [proba]
        if self.has_spread:
            spread = model.predict_std(flux) if spread is None else spread
            columns.append(_of_predicted(np.asarray(spread), proba))
        if self.has_outlier:
            outlier = model.outlier_score(flux) if outlier is None else outlier
            columns.append(np.reshape(outlier, (-1, 1)))
        return np.hstack(columns)

    def wanted_prior(self, parts, n_parts):
        """Frequencies to re-weigh to, as given or as estimated from all parts; None: none."""
        if self.prior is None or self.prior.new is not None:
            return self.prior and self.prior.new

        def blocks():
            for number in range(n_parts):
                yield self.probabilities(parts.needed(number))

        return self.prior.estimate(blocks)

    def probabilities(self, table):
        """Probabilities of a part, shape (n_rows, n_classes), float32; NaN where there is none."""
        columns = [table[_PROBABILITY.format(name)].to_numpy() for name in self.names]
        return np.column_stack(columns)

    def finished_schema(self, raw, prior=None):
        """Columns of the output, and the frequencies in its metadata; see `finish`."""
        arrow = import_optional("pyarrow", EXTRA)
        kind = arrow.array(self.classes[:1].tolist()).type
        schema = raw.insert(1, arrow.field(PREDICTION, kind))
        if prior is None:
            return schema
        for place, name in enumerate(self.names, 2 + len(self.names)):
            schema = schema.insert(place, arrow.field(_REWEIGHTED.format(name), arrow.float32()))
        told = dict(zip(self.names, np.asarray(prior).tolist(), strict=True))
        return schema.with_metadata({PRIOR: json.dumps(told)})

    def finish(self, table, prior=None):
        """Add to a part what follows from its probabilities.

        Parameters
        ----------
        table : pyarrow.Table
            With the columns of `raw_schema`.
        prior : ndarray of shape (n_classes,), default=None
            Frequencies to re-weigh the probabilities to.

        Returns
        -------
        table : pyarrow.Table
            With the predicted class, and the re-weighed probabilities that it is of.
        """
        arrow = import_optional("pyarrow", EXTRA)
        proba = self.probabilities(table)
        empty = np.isnan(proba).any(axis=1)
        if prior is not None:
            proba = self.prior.reweighed(proba, prior)
            for place, name in enumerate(self.names, 1 + len(self.names)):
                column = arrow.array(proba[:, place - 1 - len(self.names)], mask=empty)
                column = column.cast(arrow.float32(), safe=False)
                table = table.add_column(place, _REWEIGHTED.format(name), column)
        if self.threshold is not None:
            number = (proba[:, 1] >= self.threshold).astype(np.intp)
        else:
            number = np.where(empty, 0, np.argmax(proba, axis=1))
        classes = arrow.array(self.classes.tolist())
        return table.add_column(1, PREDICTION, classes.take(arrow.array(number, mask=empty)))


def _of_predicted(values, proba):
    """One number a row: that of the most probable class, where each class has one."""
    if values.ndim == 1 or values.shape[1] == 1:
        return values.reshape(-1, 1)
    return np.take_along_axis(values, np.argmax(proba, axis=1)[:, None], axis=1)


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
