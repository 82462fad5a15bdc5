"""How well the model of each fold did on the rows that were held out of it."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

_LEAST = np.finfo(np.float64).tiny


def fold_scores(folds, y, proba):
    """Table of scores.

    Parameters
    ----------
    folds : ndarray of shape (n_samples,), dtype int
        Fold that each row was held out of.
    y : ndarray of shape (n_samples,), dtype int
        Numbers of the classes.
    proba : ndarray of shape (n_samples, n_classes)
        Calibrated probabilities of the model that has not seen the row.

    Returns
    -------
    table : DataFrame of shape (n_folds, 7)
        ``fold``, ``n_train``, ``n_held_out``, ``accuracy``, ``balanced_accuracy`` over the classes
        that were held out, ``log_loss`` in nats, and ``roc_auc``, for more than two classes the
        mean of those against the rest; NaN where a class was not held out.
    """
    rows = []
    for fold in np.unique(folds):
        held = folds == fold
        truth, p = y[held], proba[held]
        right = np.argmax(p, axis=1) == truth
        rows.append(
            {
                "fold": int(fold),
                "n_train": int(np.sum(~held)),
                "n_held_out": int(held.sum()),
                "accuracy": right.mean(),
                "balanced_accuracy": np.mean([right[truth == k].mean() for k in np.unique(truth)]),
                "log_loss": -np.log(np.maximum(p[np.arange(len(p)), truth], _LEAST)).mean(),
                "roc_auc": _roc_auc(truth, p),
            }
        )
    return pd.DataFrame(rows)


def _roc_auc(truth, p):
    if len(np.unique(truth)) < p.shape[1]:
        return np.nan
    columns = [1] if p.shape[1] == 2 else range(p.shape[1])
    return float(np.mean([roc_auc_score(truth == k, p[:, k]) for k in columns]))
