"""Classification by a network: classes, weights, early stopping, calibrated probabilities."""

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context

from climbkit.neural._calibration import probabilities
from climbkit.neural._fitting import NetworkFitter


class NetworkClassifier(ClassifierMixin, NetworkFitter):
    """What the classifiers share; subclasses say what a sample is. See `CNNClassifier`."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, validation_data=None, augment=None):
        """Train the network, or take `weights` as they are where there is no y.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...) or (n_samples, n_numbers)
            Samples, or samples laid flat.
        y : array-like of shape (n_samples,), default=None
            Classes, two or more. With `weights` training starts from those, and y may be None:
            nothing is trained then.
        validation_data : (X, y), default=None
            Samples for early stopping and calibration, instead of a part of X.
        augment : callable, default=None
            ``augment(X, y, rng)`` returns what is trained on instead of a batch: an array of X's
            shape, made from X of shape (batch, ...), dtype float32, the numbers of the
            classes y, and a `numpy.random.Generator`. Held-out samples stay as they are.

        Returns
        -------
        self : NetworkClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, X and y do not fit together, y has one class only, or
            the loss is no number in the first epoch.
        ImportError
            If keras is missing.
        """
        return self._fit(X, y, validation_data, augment)

    def calibrate(self, X, y):
        """Fit the temperature to samples that were not trained on.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...) or (n_samples, n_numbers)
            Samples, as in `fit`.
        y : array-like of shape (n_samples,)
            Their classes, among those of `fit`.

        Returns
        -------
        self : NetworkClassifier
            With a new ``temperature_``. The samples are weighed so that the classes are as
            frequent as ``class_prior_`` says, since a temperature cannot move the decision.

        Raises
        ------
        ValueError
            If X does not fit what was fitted, or y holds other classes.
        """
        logits = self._network_outputs(X)
        self._fit_temperature(logits, self._numbers_of(y, logits))
        return self

    @classmethod
    def from_network(cls, network, classes, **parameters):
        """Make a fitted classifier of a network that was trained elsewhere.

        Parameters
        ----------
        network : keras.Model
            Gives logits: one for two classes, else one for each.
        classes : array-like of shape (n_classes,)
            Classes in the order of the outputs, ascending; of two the logit is that of the second.
        **parameters : dict
            Of the constructor; `architecture` must be what built the network, for `fit` to build
            it again.

        Returns
        -------
        classifier : NetworkClassifier
            Fitted, with a temperature of 1; see `calibrate`.

        Raises
        ------
        ValueError
            If classes are not ascending, or are not as many as the outputs say.
        """
        classifier = cls(**parameters)
        classes = np.asarray(classes)
        n_outputs = 1 if len(classes) == 2 else len(classes)
        if len(classes) < 2 or not np.array_equal(np.unique(classes), classes):
            raise ValueError(f"classes must be two or more, ascending; got {classes}.")
        if network.output_shape[-1] != n_outputs:
            raise ValueError(
                f"{len(classes)} classes need {n_outputs} logits; the network gives "
                f"{network.output_shape[-1]}."
            )
        input_shape = tuple(network.input_shape[1:])
        return classifier._take(
            {
                "network_": network,
                "classes_": classes,
                "temperature_": 1.0,
                "history_": {},
                "best_epoch_": None,
                "input_shape_": input_shape,
                "n_features_in_": int(np.prod(input_shape)),
            }
        )

    def decision_function(self, X):
        """Logits of the network, before the temperature.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...) or (n_samples, n_numbers)
            Samples, as in `fit`.

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes the log-odds of ``classes_[1]``.
        """
        logits = self._network_outputs(X)
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X):
        """Probabilities of the classes, calibrated by the temperature.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...) or (n_samples, n_numbers)
            Samples, as in `fit`.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        return probabilities(self._network_outputs(X), self.temperature_)

    def predict(self, X):
        """Most probable class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...) or (n_samples, n_numbers)
            Samples, as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes.
        """
        logits = self.decision_function(X)
        return self.classes_[(logits > 0).astype(int) if logits.ndim == 1 else logits.argmax(1)]

    def score(self, X, y, sample_weight=None):
        """Share of the samples whose most probable class is the right one.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...) or (n_samples, n_numbers)
            Samples, as in `fit`.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts.

        Returns
        -------
        score : float
            Accuracy.
        """
        return super().score(X, y, sample_weight)
