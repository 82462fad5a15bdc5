"""What every network of climbkit shares: prediction in batches, files, pickles."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from climbkit._version import __version__
from climbkit.base import BuilderMixin
from climbkit.builder import to_dict
from climbkit.neural._backend import import_keras
from climbkit.neural._model_file import (
    network_bytes,
    network_from_bytes,
    read_model_file,
    write_model_file,
)
from climbkit.neural._prediction import network_outputs
from climbkit.neural._state import plain, unplain

_FORMAT = 1  # of the state beside the network; raised when a reader of today could not read it


class NetworkEstimator(BuilderMixin, BaseEstimator):
    """An estimator whose fitted part is a Keras network.

    Subclasses set ``network_`` and ``input_shape_`` in ``fit``, say in `_sample_shape` what the
    shape of a sample is, and name in `_saved_attributes` what a file must hold beside the network.

    Notes
    -----
    ``keras.wrappers`` does not serve as this base: its estimators take rows of features only, know
    neither probabilities nor early stopping, hide the settings inside a function where a grid
    search cannot reach them, and forget their ``fit_kwargs`` when they are cloned.
    """

    _saved_attributes = ()

    def _sample_shape(self, shape):
        """Shape of a sample, of X's shape; subclasses may read their parameters."""
        return tuple(shape[1:])

    def _checked_samples(self, X, *, reset):
        """Finite numeric X as rows of numbers, a view of X where that is possible."""
        if not hasattr(X, "shape"):
            X = np.asarray(X)
        shape = X.shape
        if len(shape) > 2:
            # The rows' own width is checked below, where the message speaks of features.
            if not reset and tuple(shape[1:]) not in self._accepted_shapes():
                raise ValueError(
                    f"X must hold samples of shape {self.input_shape_}, as in fit; got an array "
                    f"of shape {shape}."
                )
            X = np.asarray(X)
            X = X.reshape(shape[0], int(np.prod(shape[1:])))
        X = validate_data(self, X, reset=reset, dtype="numeric", ensure_min_samples=int(reset))
        if reset:
            self.input_shape_ = self._sample_shape(shape if len(shape) > 2 else X.shape)
        return X

    def _accepted_shapes(self):
        return (self.input_shape_,)

    def _prepared(self, X):
        """Rows that the network takes, of rows that were checked."""
        return X

    def _network_outputs(self, X, *, network=None, finish=None):
        """Outputs of the fitted network, or one made of it, for unchecked X."""
        check_is_fitted(self)
        X = self._checked_samples(X, reset=False)
        return self._outputs_of(X, self.network_ if network is None else network, finish)

    def _outputs_of(self, X, network, finish):
        """Outputs for checked X."""
        return network_outputs(network, X, self.input_shape_, prepare=self._prepared, finish=finish)

    def save(self, path):
        """Save the fitted estimator to one file of Keras' own format.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.keras``. It holds architecture, weights, parameters and what was learned
            beside the weights; no pickle.

        Raises
        ------
        ValueError
            If the path does not end in ``.keras``.
        TypeError
            If a parameter has no plain form, such as a lambda or a random generator.
        """
        check_is_fitted(self)
        state = {
            "format": _FORMAT,
            "climbkit": __version__,
            "keras": import_keras().__version__,
            **to_dict(self),
            "input_shape": list(self.input_shape_),
            "n_features_in": self.n_features_in_,
            "learned": {
                name: plain(getattr(self, name))
                for name in self._saved_attributes
                if hasattr(self, name)
            },
        }
        if hasattr(self, "feature_names_in_"):
            state["feature_names_in"] = list(self.feature_names_in_)
        write_model_file(path, self.network_, state)

    @classmethod
    def load(cls, path, *, trusted=()):
        """Load a fitted estimator that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            File to read.
        trusted : sequence of str, default=()
            Further packages whose functions may be among the parameters; see
            `climbkit.builder.from_dict`.

        Returns
        -------
        estimator : NetworkEstimator
            Fitted, of the class that this is called on.

        Raises
        ------
        ValueError
            If the file is cut short or damaged, was not saved by climbkit, holds another
            estimator, or names code outside the trusted packages.
        FileNotFoundError
            If there is no such file.
        ImportError
            If keras is missing.

        Notes
        -----
        Keras reads the file in its safe mode: no code that the file holds is run.
        """
        estimator, learned = cls._read(path, trusted)
        return estimator._take(learned)

    @classmethod
    def _read(cls, path, trusted=()):
        """Unfitted estimator of a file, and the attributes that make it fitted."""
        content, state = read_model_file(path)
        if state.get("format") != _FORMAT:
            raise ValueError(
                f"{str(path)!r} is of format {state.get('format')!r}, which climbkit "
                f"{__version__} cannot read."
            )
        estimator = cls.from_dict(state, trusted=trusted)
        # Files of earlier versions lack what nobody had thought of.
        learned = {
            name: unplain(state["learned"][name], trusted)
            for name in cls._saved_attributes
            if name in state["learned"]
        }
        learned["input_shape_"] = tuple(state["input_shape"])
        learned["n_features_in_"] = state["n_features_in"]
        if "feature_names_in" in state:
            learned["feature_names_in_"] = np.array(state["feature_names_in"], dtype=object)
        learned["network_"] = network_from_bytes(content)
        return estimator, learned

    def _take(self, learned):
        """Become fitted by these attributes."""
        for name, value in learned.items():
            setattr(self, name, value)
        return self

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "network_" in state:
            state["network_"] = network_bytes(state["network_"])
        return state

    def __setstate__(self, state):
        state = dict(state)
        if "network_" in state:
            # A pickle runs whatever code it likes anyhow; safe mode would only refuse the user's
            # own layers.
            state["network_"] = network_from_bytes(state["network_"], safe_mode=False)
        super().__setstate__(state)
