"""Plain classifiers of spectra to hold the networks against, and how any of them is measured."""

import time
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    roc_auc_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from climbkit.spectra import XPClassifier, XPNormalizer

NETWORKS = (
    *("cnn", "cnn2d", "cnn_attention", "cnn_gru", "cnn_lstm"),
    *("deep_ann", "wide_ann", "fcn", "starnet", "stellarnet"),
)
N_COMPONENTS = 40
MILLION = 1_000_000
LEAST_PROBABILITY = 1e-7  # of the true class, in the log loss
N_TIMED = 20_000  # spectra that are predicted to measure the time of a million


class Rocket(TransformerMixin, BaseEstimator):
    """The transform MiniRocket of aeon (BSD-3), of the flux without the two context columns.

    References
    ----------
    Dempster et al. 2021, "MiniRocket", KDD 27, 248, doi:10.1145/3447548.3467231.
    """

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, X, y=None):
        from aeon.transformations.collection.convolution_based import MiniRocket

        self.rocket_ = MiniRocket(random_state=self.random_state, n_jobs=1).fit(_as_series(X))
        return self

    def transform(self, X):
        return self.rocket_.transform(_as_series(X))


def _as_series(X):
    return np.asarray(X, dtype=np.float32)[:, None, :]


def baselines(seed):
    """Plain classifiers by name; ROCKET where aeon is installed."""
    linear = LogisticRegression(class_weight="balanced", max_iter=3000)
    models = {
        "logistic regression on 40 components": make_pipeline(
            XPNormalizer(), StandardScaler(), PCA(N_COMPONENTS, random_state=seed), linear
        ),
        "HistGradientBoosting": make_pipeline(
            XPNormalizer(),
            HistGradientBoostingClassifier(class_weight="balanced", random_state=seed),
        ),
    }
    try:
        import aeon  # noqa: F401
    except ImportError:
        print("(without MiniRocket: pip install aeon)")
    else:
        models["MiniRocket + logistic regression"] = make_pipeline(
            XPNormalizer(context=False),
            Rocket(seed),
            StandardScaler(),
            LogisticRegression(C=1e-3, class_weight="balanced", max_iter=500),
        )
    return models


def networks(names, seed, **parameters):
    """Return an `XPClassifier` for each name."""
    return {name: XPClassifier(name, random_state=seed, **parameters) for name in names}


class Measured(NamedTuple):
    """What one model did.

    Attributes
    ----------
    proba : ndarray of shape (n_spectra,)
        Probability of class 1 of spectra that were not trained on.
    train_loss, validation_loss : float
        Of a network, nats, at the epoch that was kept, with balanced classes; NaN for others.
    n_parameters : int or None
        Of a network.
    cpu_per_epoch, cpu_per_million : float
        Seconds of CPU time to train for an epoch (others: to fit), and to predict a million.
    """

    proba: np.ndarray
    train_loss: float
    validation_loss: float
    n_parameters: int | None
    cpu_per_epoch: float
    cpu_per_million: float


def measure(model, X, y, test_X):
    """Fit a clone on X and y, and predict other spectra."""
    begin = time.process_time()
    model = clone(model).fit(X, y)
    took = time.process_time() - begin
    proba = model.predict_proba(test_X)[:, 1]  # compiles
    rows = np.arange(N_TIMED) % len(test_X)
    many = test_X[rows]
    begin = time.process_time()
    model.predict_proba(many)
    per_million = (time.process_time() - begin) * MILLION / N_TIMED
    if not isinstance(model, XPClassifier):
        return Measured(proba, np.nan, np.nan, None, took, per_million)
    history, best = model.history_, model.best_epoch_
    return Measured(
        proba,
        history["loss"][best],
        history["validation_loss"][best],
        model.network_.count_params(),
        took / len(history["loss"]),
        per_million,
    )


def print_head(task):
    """Print the head of the table."""
    print(f"\n{task}\n")
    print(
        "| model | parameters | loss train, validation | log loss | accuracy | balanced accuracy "
        "| F1 | ROC AUC | CPU s an epoch | CPU s a million |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)


def print_row(name, parts, y, rows=None):
    """Print a model's row.

    Parameters
    ----------
    name : str
        Model.
    parts : list of Measured
        One of each fold, or a single one.
    y : ndarray of shape (n_spectra,)
        Classes.
    rows : list of ndarray, default=None
        Spectra of each fold. None: all of the single one.

    Returns
    -------
    proba : ndarray of shape (n_spectra,)
        Probability of class 1 of each spectrum.
    """
    proba = np.empty(len(y))
    for part, own in zip(parts, rows or [slice(None)], strict=True):
        proba[own] = part.proba
    guess = proba >= 0.5
    train, validation = (np.mean([each[field] for each in parts]) for field in (1, 2))
    fit, predict = (np.median([each[field] for each in parts]) for field in (4, 5))
    network = parts[0].n_parameters is not None
    cells = [
        name,
        f"{parts[0].n_parameters:,}" if network else "",
        f"{train:.3f}, {validation:.3f}" if network else "",
        f"{log_loss(y, np.clip(proba, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)):.3f}",
        f"{accuracy_score(y, guess):.4f}",
        f"{balanced_accuracy_score(y, guess):.4f}",
        f"{f1_score(y, guess):.4f}",
        f"{roc_auc_score(y, proba):.4f}",
        f"{fit:.2f}" if network else f"{fit:.1f} (fit)",
        f"{predict:.0f}",
    ]
    print("| " + " | ".join(cells) + " |", flush=True)
    return proba
