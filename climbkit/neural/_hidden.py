"""The last hidden layer: what a network has made of a sample, and how unusual that is."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from climbkit.neural._backend import import_keras
from climbkit.neural._calibration import probabilities
from climbkit.neural._outliers import distances, fit_distances, tail_scores
from climbkit.neural._prediction import network_outputs


class HiddenLayerMixin:
    """Methods of a `NetworkClassifier` that look at what goes into its last layer.

    Subclasses save ``outlier_model_``, a dictionary of `fit_distances`; None for networks whose
    last layer is no dense one.
    """

    def hidden_features(self, X):
        """Outputs of the last hidden layer: what the logits are weighted sums of.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Samples, as in `fit`.

        Returns
        -------
        features : ndarray of shape (n_samples, n_hidden)
            After the activation.

        Raises
        ------
        ValueError
            If the network's last layer is not dense.
        """
        return self._seen(X, lambda features, logits: features)

    def outlier_distance(self, X):
        """Distance of samples from those that were trained on, in the last hidden layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Samples, as in `fit`.

        Returns
        -------
        distance : ndarray of shape (n_samples,)
            Mahalanobis distance to the nearest class, in standard deviations. It orders also what
            is so far away that `outlier_score` is the same.

        Raises
        ------
        ValueError
            If the network's last layer is not dense.
        """
        return self._seen(X, lambda features, logits: self._distances(features)[:, None])[:, 0]

    def outlier_score(self, X):
        """Part of the samples held out in training that are less unusual than these.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Samples, as in `fit`.

        Returns
        -------
        score : ndarray of shape (n_samples,)
            From 0 to n / (n + 1) for n samples that were held out: those whose `outlier_distance`
            is smaller, divided by n + 1. One minus the score is a p-value: of new samples of the
            kind that was trained on, a part of about q has 1 - score <= q. If nothing was held out
            the samples that were trained on stand in, and scores are too high.

        Raises
        ------
        ValueError
            If the network's last layer is not dense.
        """
        distance = self.outlier_distance(X)
        return tail_scores(self.outlier_model_, distance)

    def predict_proba_and_outlier_score(self, X):
        """Return `predict_proba` and `outlier_score` in the time of one of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Samples, as in `fit`.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            As of `predict_proba`.
        score : ndarray of shape (n_samples,)
            As of `outlier_score`.

        Raises
        ------
        ValueError
            If the network's last layer is not dense.
        """
        both = self._seen(
            X, lambda features, logits: np.column_stack([logits, self._distances(features)])
        )
        logits, distance = both[:, :-1], both[:, -1]
        return (
            probabilities(logits, self.temperature_),
            tail_scores(self.outlier_model_, distance),
        )

    def _distances(self, features):
        if self.outlier_model_ is None:
            raise ValueError(
                "distances were not fitted, since the network's last layer is no Dense."
            )
        return distances(self.outlier_model_, features)

    def _seen(self, X, finish):
        """What `finish` makes of features and logits, batch by batch."""
        check_is_fitted(self)
        n_logits = self.network_.output_shape[-1]
        return self._network_outputs(
            X,
            network=self._features_and_logits(),
            finish=lambda both: finish(both[:, :-n_logits], both[:, -n_logits:]),
        )

    def _features_and_logits(self):
        # Made once for a network: compiled anew it would take longer than many predictions.
        made_for, model = getattr(self, "_with_features", (None, None))
        if made_for is not self.network_:
            model = features_and_logits(self.network_)
            self._with_features = self.network_, model
        return model

    def _learn_more(self, training, held_out):
        super()._learn_more(training, held_out)
        self.outlier_model_ = None
        if not ends_dense(self.network_):
            return
        features = [
            network_outputs(self._features_and_logits(), part.X, self.input_shape_)
            for part in (training, held_out)
            if part is not None
        ]
        n_logits = self.network_.output_shape[-1]
        features = [part[:, :-n_logits] for part in features]
        self.outlier_model_ = fit_distances(features[0], training.y, *features[1:])

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_with_features", None)
        return state


def ends_dense(network):
    """Whether the output of a network is that of a dense layer, whose input is known."""
    keras = import_keras()
    if not (isinstance(network, keras.Sequential) or hasattr(network, "operations")):
        return False  # a subclass with a `call` of its own
    last = network.layers[-1]
    return isinstance(last, keras.layers.Dense) and last.output is network.outputs[0]


def features_and_logits(network):
    """Return a network that gives the input of the last layer, and after it the output.

    Parameters
    ----------
    network : keras.Model
        See `ends_dense`.

    Returns
    -------
    both : keras.Model
        Shares all weights.

    Raises
    ------
    ValueError
        If the last layer is not dense.
    """
    if not ends_dense(network):
        raise ValueError("hidden features need a network whose last layer is keras.layers.Dense.")
    keras = import_keras()
    last = network.layers[-1]
    # With names of their own: in a new process Keras would give them those of a loaded network's.
    flatten = keras.layers.Flatten(data_format="channels_last", name="last_hidden_features")
    join = keras.layers.Concatenate(dtype="float32", name="features_and_logits")
    both = join([flatten(last.input), last.output])
    return keras.Model(network.inputs, both)
