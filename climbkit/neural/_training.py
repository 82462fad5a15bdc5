"""Training of a network: shuffled batches of one size, early stopping, the best weights kept."""

from typing import NamedTuple

import numpy as np

from climbkit.neural._backend import import_keras
from climbkit.neural._calibration import log_loss
from climbkit.neural._optimizers import make_optimizer
from climbkit.neural._precision import as_numpy
from climbkit.neural._prediction import as_float32, network_outputs


class Samples(NamedTuple):
    """Samples with their classes and weights.

    Attributes
    ----------
    X : ndarray of shape (n_samples, ...), dtype float32 or uint8
        What goes into the network; 8-bit images as fractions of white.
    y : ndarray of shape (n_samples,), dtype int
        Numbers of the classes.
    weights : ndarray of shape (n_samples,)
        Weights in the loss.
    errors : ndarray of shape (n_samples, n_uncertain) or None
        Standard deviations of the noise that is drawn anew, each time that a sample is trained on,
        for the first numbers of samples that are rows.
    """

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    errors: np.ndarray | None = None


class Schedule(NamedTuple):
    """How long and in which steps to train; see `CNNClassifier` for the meaning."""

    optimizer: object
    learning_rate: float
    batch_size: int
    max_epochs: int
    patience: int
    seed: int
    verbose: int


class Outcome(NamedTuple):
    """What came of the training.

    Attributes
    ----------
    history : dict of str to list of float
        Loss of each epoch, and loss and accuracy on the held-out samples if there are any.
    best_epoch : int
        Epoch, counted from 0, whose weights the network has.
    """

    history: dict
    best_epoch: int


def train(network, samples, held_out, schedule, augment=None):
    """Train a network in place.

    Parameters
    ----------
    network : keras.Model
        Gives logits: one for two classes, else one for each class.
    samples : Samples
        To train on.
    held_out : Samples or None
        Training stops when their loss has not fallen for `patience` epochs, and the network gets
        the weights of the epoch with the lowest one.
    schedule : Schedule
        Optimizer, rates and lengths.
    augment : callable, default=None
        ``augment(X, y, rng)`` returns what is trained on instead of a batch's X.

    Returns
    -------
    outcome : Outcome
        History, and the epoch whose weights were kept.

    Raises
    ------
    ValueError
        If the loss is not a number from some epoch on, before any weights were worth keeping.

    Notes
    -----
    Each epoch goes through all samples in a new order. All batches have the same size, since some
    backends compile anew for each one; the last batch of an epoch is filled up with rows of
    weight 0.
    """
    keras = import_keras()
    batches = _training_batches(keras, samples, schedule, augment, network)
    watch = _watch(keras, network, samples, held_out, schedule, len(batches))
    # A model around the network is compiled, so that the network itself stays free of the
    # optimizer and is saved without it.
    sample = keras.Input(samples.X.shape[1:])
    trainer = keras.Model(sample, network(sample))
    binary = network.compute_output_shape((None, *samples.X.shape[1:]))[-1] == 1
    losses = keras.losses
    loss = losses.BinaryCrossentropy if binary else losses.SparseCategoricalCrossentropy
    optimizer = make_optimizer(
        schedule.optimizer, schedule.learning_rate, len(batches) * schedule.max_epochs
    )
    trainer.compile(optimizer=optimizer, loss=loss(from_logits=True))
    trainer.fit(batches, epochs=schedule.max_epochs, shuffle=False, verbose=0, callbacks=[watch])
    if watch.best_weights is None:
        raise ValueError(
            "the loss became NaN or infinite in the first epoch; lower learning_rate, or scale X "
            "to values of about 0 to 1."
        )
    network.set_weights(watch.best_weights)
    return Outcome(watch.history_so_far, watch.best_epoch)


def _training_batches(keras, samples, schedule, augment, network):
    binary = network.output_shape[-1] == 1

    class TrainingBatches(keras.utils.PyDataset):
        """Batches of one size, in a new order each epoch."""

        def __init__(self):
            super().__init__()
            self.size = min(schedule.batch_size, len(samples.y))
            self.epoch = 0
            self._shuffle()

        def _shuffle(self):
            rng = np.random.default_rng([schedule.seed, self.epoch])
            self.order = rng.permutation(len(samples.y))

        def __len__(self):
            return -(-len(samples.y) // self.size)

        def __getitem__(self, number):
            places = np.arange(number * self.size, (number + 1) * self.size)
            rows = self.order[places % len(self.order)]
            X, y = as_float32(samples.X[rows]), samples.y[rows]
            # Keras may look at a batch more often than it trains on it, so each has its own
            # generator.
            rng = np.random.default_rng([schedule.seed, self.epoch, number])
            if samples.errors is not None:
                errors = samples.errors[rows]
                noise = rng.standard_normal(errors.shape, dtype=np.float32)
                X[:, : errors.shape[1]] += errors * noise
            if augment is not None:
                X = np.asarray(augment(X, y, rng), dtype=np.float32)
                if X.shape != samples.X[rows].shape:
                    raise ValueError(
                        f"augment must return an array of shape {samples.X[rows].shape}; got "
                        f"{X.shape}."
                    )
            weights = np.where(places < len(self.order), samples.weights[rows], 0.0)
            target = y[:, None].astype(np.float32) if binary else y
            return X, target, weights.astype(np.float32)

        def on_epoch_end(self):
            self.epoch += 1
            self._shuffle()

    return TrainingBatches()


def _watch(keras, network, samples, held_out, schedule, n_batches):
    # Keras' mean over an epoch also counts the rows of weight 0 that fill up the last batch.
    filled = n_batches * min(schedule.batch_size, len(samples.y)) / len(samples.y)

    class Watch(keras.callbacks.Callback):
        """Keeps the best weights, stops in time, and shows a bar."""

        def __init__(self):
            super().__init__()
            self.history_so_far = {"loss": []}
            if held_out is not None:
                self.history_so_far.update(validation_loss=[], validation_accuracy=[])
            self.best_weights = None
            self.best_loss = np.inf
            self.best_epoch = -1
            self.bar = None

        def on_train_begin(self, logs=None):
            from tqdm.auto import tqdm

            total = schedule.max_epochs * n_batches
            self.bar = tqdm(total=total, unit="batch", disable=schedule.verbose <= 0)

        def on_train_batch_end(self, batch, logs=None):
            self.bar.update()

        def on_epoch_end(self, epoch, logs=None):
            loss = float(logs["loss"]) * filled
            self.history_so_far["loss"].append(loss)
            shown = {"epoch": epoch + 1, "loss": f"{loss:.4f}"}
            trainer = (
                self.model
            )  # asking for it writes the weights back, on backends that detach them
            if held_out is not None:
                logits = network_outputs(network, held_out.X, held_out.X.shape[1:])
                finite = np.isfinite(logits).all()
                watched = log_loss(logits, held_out.y, held_out.weights) if finite else np.nan
                shown["validation_loss"] = f"{watched:.4f}"
                guess = logits.argmax(axis=1) if logits.shape[1] > 1 else logits[:, 0] > 0
                self.history_so_far["validation_loss"].append(watched)
                self.history_so_far["validation_accuracy"].append(
                    float(np.mean(guess == held_out.y))
                )
            self.bar.set_postfix(shown)
            if not np.isfinite(loss if held_out is None else loss + watched):
                trainer.stop_training = True
            elif held_out is None:
                self._keep(epoch)
            elif watched < self.best_loss:
                self.best_loss = watched
                self._keep(epoch)
            elif epoch - self.best_epoch >= schedule.patience:
                trainer.stop_training = True

        def _keep(self, epoch):
            self.best_epoch = epoch
            self.best_weights = as_numpy(network)

        def on_train_end(self, logs=None):
            self.bar.close()

    return Watch()
