"""Fitting of a classifier's network: parameters, weights to start from, parts, training."""

import contextlib
from numbers import Integral, Real
from os import PathLike, fspath

import numpy as np
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from climbkit.neural._architectures import build_network
from climbkit.neural._base import NetworkEstimator
from climbkit.neural._calibration import fit_temperature
from climbkit.neural._parts import shaped, split_samples, weights_for
from climbkit.neural._precision import FULL, PRECISIONS, as_numpy, trained_in
from climbkit.neural._prediction import network_outputs
from climbkit.neural._seeding import seeded_globals
from climbkit.neural._training import Schedule, train

_SEEDS = 2**31 - 1


class NetworkFitter(NetworkEstimator):
    """What `NetworkClassifier` does to fit. Subclasses may prepare X, and learn more."""

    _parameter_constraints = {
        "architecture": [str, callable],
        "weights": [str, PathLike, None],
        "optimizer": [str, callable],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "calibration": [StrOptions({"temperature"}), None],
        "precision": [StrOptions(set(PRECISIONS)), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }
    _saved_attributes = ("classes_", "class_prior_", "temperature_", "history_", "best_epoch_")

    def __init__(
        self,
        architecture,
        *,
        weights=None,
        optimizer="adam",
        learning_rate=1e-3,
        batch_size=32,
        max_epochs=100,
        patience=10,
        validation_fraction=0.1,
        class_weight=None,
        calibration="temperature",
        precision=None,
        random_state=None,
        verbose=0,
    ):
        self.architecture = architecture
        self.weights = weights
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.calibration = calibration
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, X, y, validation_data, augment, errors=None):
        """Fit, and draw noise of the standard deviations `errors`, which subclasses prepare."""
        if y is None:
            return self._fit_without_labels(X)
        if self.calibration and self.validation_fraction is None and validation_data is None:
            raise ValueError(
                "calibration needs held-out samples: set validation_fraction, pass "
                "validation_data, or set calibration=None."
            )
        X = self._checked_samples(X, reset=True)
        y = self._numbered_classes(X, y)
        X, errors = self._learn_preparation(X, y, errors)
        if validation_data is not None:
            held_X = self._checked_samples(validation_data[0], reset=False)
            held_y = self._numbers_of(validation_data[1], held_X)
            validation_data = self._prepared(held_X), held_y
        seed = int(check_random_state(self.random_state).randint(_SEEDS))
        parts = split_samples(
            X,
            y,
            self.classes_,
            self.class_weight,
            held_out=validation_data,
            fraction=self.validation_fraction,
            rng=np.random.default_rng(seed),
            errors=errors,
        )
        training, held_out = (shaped(part, self.input_shape_) for part in parts[:2])
        schedule = Schedule(
            self.optimizer,
            self.learning_rate,
            self.batch_size,
            self.max_epochs,
            self.patience,
            seed,
            int(self.verbose),
        )
        with seeded_globals(seed):
            with trained_in(self.precision) as policy:
                network = self._initial_network()
                outcome = train(network, training, held_out, schedule, augment)
            if policy not in (None, FULL):
                network = self._in_full_precision(network)
        self.network_ = network
        self.history_, self.best_epoch_ = outcome
        self.class_prior_ = parts.prior
        self.temperature_ = 1.0
        if self.calibration and held_out is not None:
            logits = network_outputs(network, held_out.X, self.input_shape_)
            self._fit_temperature(logits, held_out.y)
        self._learn_more(training, held_out)
        return self

    def _fit_temperature(self, logits, y):
        # Networks that were trained elsewhere do not say how frequent they take the classes to be.
        prior = getattr(self, "class_prior_", None)
        weights = None if prior is None else weights_for(prior, y)
        self.temperature_ = fit_temperature(logits, y, weights)

    @classmethod
    def _weights_path(cls, weights):
        """Context that gives the path of the file that `weights` names."""
        return contextlib.nullcontext(weights)

    def _kept(self):
        """What the file of `weights` has learned."""
        with self._weights_path(fspath(self.weights)) as path:
            return type(self)._read(path)[1]

    def _fit_without_labels(self, X):
        if self.weights is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None; only "
                "with weights there is nothing to train."
            )
        self._take(self._kept())
        self._checked_samples(X, reset=False)
        return self

    def _learn_preparation(self, X, y, errors):
        """What the network takes, as rows, of checked X and of the noise to add to it."""
        return X, None

    def _learn_more(self, training, held_out):
        """Learn what else is known of the samples as the trained network sees them."""

    def _n_outputs(self):
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _built(self):
        """Network with random weights."""
        return build_network(self.architecture, self.input_shape_, self._n_outputs())

    def _in_full_precision(self, network):
        """Return the network as it runs everywhere, with the weights of one in half precision."""
        with trained_in(FULL):
            full = self._built()
        full.set_weights(as_numpy(network))
        return full

    def _initial_network(self):
        if self.weights is None:
            return self._built()
        learned = self._kept()
        n_outputs = self._n_outputs()
        shapes = learned["input_shape_"], learned["network_"].output_shape[-1]
        if shapes != (self.input_shape_, n_outputs):
            raise ValueError(
                f"weights={self.weights!r} are of a network from {shapes[0]} to {shapes[1]} "
                f"outputs; X and y need one from {self.input_shape_} to {n_outputs}."
            )
        return learned["network_"]

    def _numbered_classes(self, X, y):
        """Learn the classes and return their numbers."""
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        check_consistent_length(X, y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold two classes or more; got one class: {self.classes_}.")
        return numbers

    def _numbers_of(self, y, X):
        y = column_or_1d(y)
        check_consistent_length(X, y)
        numbers = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        if np.any(self.classes_[numbers] != y):
            raise ValueError(f"validation_data has classes that y has not: {self.classes_}.")
        return numbers
