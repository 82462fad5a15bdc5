"""Whether new rows are a mixture of the known classes, in other numbers."""

import numpy as np
from scipy.stats import chi2

from climbkit.spectra._prior_estimation import blocks

# Cells of probability for each predicted class, with as many held-out rows in each.
_CELLS = 5


def label_shift_pvalue(proba, reference):
    """Probability of rows that fit no mixture of the classes better, if they are one.

    Parameters
    ----------
    proba : ndarray of shape (n_models, n_rows, n_classes)
        Probabilities of new rows; the models are those of the held-out rows.
    reference : Reference
        Held-out rows.

    Returns
    -------
    p_value : float
        NaN where all rows say the same.

    Notes
    -----
    Rows are counted in cells by the class that is the most probable one, and how probable it is.
    The share of new rows in each cell is compared with the mixture of the classes' shares that
    fits best, by the errors of both, those of the held-out rows too; the sum of squares follows
    chi-squared. Some hundreds of new rows are needed for that.
    """
    edges = _edges(reference.proba)
    n_classes = len(edges)
    n_cells = n_classes * _CELLS
    held = np.eye(n_cells)[_cells(reference.proba, edges)]
    shares, errors = [], []
    for k in range(n_classes):
        of_class = reference.target == k
        weight = reference.weight[of_class] / reference.weight[of_class].sum()
        share = weight @ held[of_class]
        around = held[of_class] - share
        shares.append(share)
        errors.append((around * weight[:, None] ** 2).T @ around)
    total, squares = np.zeros(n_cells), np.zeros((n_cells, n_cells))
    for block in blocks(proba):
        counted = np.mean([np.eye(n_cells)[_cells(model, edges)] for model in block], axis=0)
        total, squares = total + counted.sum(axis=0), squares + counted.T @ counted
    n_rows = proba.shape[1]
    mean = total / n_rows
    error = (squares / n_rows - np.outer(mean, mean)) / n_rows
    return _fit(mean, error, np.array(shares), np.array(errors))


def _edges(proba):
    """Where the cells of each predicted class end."""
    best, top = np.argmax(proba, axis=1), proba.max(axis=1)
    parts = np.arange(1, _CELLS) / _CELLS
    return [
        np.quantile(top[best == k], parts) if np.any(best == k) else np.full(_CELLS - 1, 0.5)
        for k in range(proba.shape[1])
    ]


def _cells(proba, edges):
    best, top = np.argmax(proba, axis=1), proba.max(axis=1)
    place = np.zeros(len(top), dtype=np.intp)
    for k, inner in enumerate(edges):
        place[best == k] = np.searchsorted(inner, top[best == k], side="right")
    return best * _CELLS + place


def _fit(mean, error, shares, errors):
    """P-value of the best mixture."""
    n_classes = len(shares)
    basis = np.vstack([np.eye(n_classes - 1), -np.ones(n_classes - 1)])  # sums stay the same
    first = np.append(np.zeros(n_classes - 1), 1.0)
    mixture = np.full(n_classes, 1.0 / n_classes)
    for _ in range(3):  # the errors depend on the mixture, if little
        variance = error + np.einsum("k,kij->ij", mixture**2, errors)
        inverse = np.linalg.pinv(variance, hermitian=True)
        design = shares.T @ basis
        rest = mean - first @ shares
        free = np.linalg.pinv(design.T @ inverse @ design) @ design.T @ inverse @ rest
        mixture = first + basis @ free
    surplus = mean - mixture @ shares
    freedom = np.linalg.matrix_rank(variance, hermitian=True) - (n_classes - 1)
    return float(chi2.sf(surplus @ inverse @ surplus, freedom)) if freedom > 0 else float("nan")
