"""How frequent classes are among new rows, from probabilities that hold for other frequencies."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

_BLOCK = 2**17  # rows that are in memory as float64 at once
_TINY = 1e-30  # stands for probabilities of 0


class Reference(NamedTuple):
    """Rows whose class is known and that the classifier has not seen.

    Attributes
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        Probabilities, of one model for each row.
    target : ndarray of shape (n_rows,), dtype int
        Numbers of the classes; each class has a row.
    weight : ndarray of shape (n_rows,)
        What each row counts.
    """

    proba: np.ndarray
    target: np.ndarray
    weight: np.ndarray


def blocks(proba):
    """Blocks of rows as float64.

    Parameters
    ----------
    proba : ndarray of shape (n_models, n_rows, n_classes)
        Probabilities.

    Yields
    ------
    block : ndarray of shape (n_models, n_block, n_classes)
        Above 0.
    """
    step = max(1, _BLOCK // len(proba))
    for start in range(0, proba.shape[1], step):
        yield np.maximum(proba[:, start : start + step].astype(np.float64), _TINY)


def posterior(proba, training_prior, prior):
    """Probabilities of classes that are more or less frequent than in training.

    Parameters
    ----------
    proba : ndarray of shape (..., n_classes)
        Probabilities that hold for `training_prior`.
    training_prior, prior : ndarray of shape (n_classes,)
        Frequencies.

    Returns
    -------
    proba : ndarray of shape (..., n_classes)
        Probabilities that hold for `prior`.
    """
    joint = proba * (prior / training_prior)
    return joint / joint.sum(axis=-1, keepdims=True)


def em_prior(proba, training_prior, tol, max_steps):
    """Frequencies of largest likelihood, by the steps of Saerens et al.

    Parameters
    ----------
    proba : ndarray of shape (n_models, n_rows, n_classes)
        Probabilities of new rows. Several models count as one, by their mean log-likelihood.
    training_prior : ndarray of shape (n_classes,)
        Frequencies that they hold for.
    tol : float
        Largest relative change of a frequency in the last step.
    max_steps : int
        Most steps.

    Returns
    -------
    prior : ndarray of shape (n_classes,)
        Frequencies, above 0.
    n_steps : int
        Steps.
    converged : bool
        Whether the last step was small enough.
    """
    prior = np.array(training_prior, dtype=np.float64)
    floor = _floor(proba)
    for n_steps in range(1, max_steps + 1):
        last, prior = prior, _above(_mean_posterior(proba, training_prior, prior), floor)
        if np.max(np.abs(prior / last - 1)) <= tol:
            return prior, n_steps, True
    return prior, n_steps, False


def em_draws(proba, training_prior, prior, n_draws, rng):
    """Frequencies that the likelihood allows as well.

    Parameters
    ----------
    proba, training_prior : ndarray
        As for `em_prior`.
    prior : ndarray of shape (n_classes,)
        Of largest likelihood.
    n_draws : int
        How many to draw.
    rng : numpy.random.Generator
        Draws.

    Returns
    -------
    draws : ndarray of shape (n_draws, n_classes)
        From the normal distribution of the information that the rows have.
    """
    n_classes = len(prior)
    information = np.zeros((n_classes - 1, n_classes - 1))
    scatter = np.zeros_like(information)
    for block in blocks(proba):
        gain = posterior(block, training_prior, prior) / prior
        score = gain[..., :-1] - gain[..., -1:]
        information += np.einsum("mni,mnj->ij", score, score) / len(score)
        mean = score.mean(axis=0)
        scatter += mean.T @ mean
    inverse = np.linalg.pinv(information)
    free = rng.multivariate_normal(
        np.zeros(n_classes - 1), inverse @ scatter @ inverse, n_draws, method="eigh"
    )
    moved = prior + np.column_stack([free, -free.sum(axis=1)])
    return _above(moved, _floor(proba))


def corrected_prior(proba, training_prior, reference, start, tol, max_steps):
    """Frequencies at which held-out rows would give the mean that the new rows give.

    Parameters
    ----------
    proba : ndarray of shape (n_models, n_rows, n_classes)
        Probabilities of new rows.
    training_prior : ndarray of shape (n_classes,)
        Frequencies that they hold for.
    reference : Reference
        Held-out rows.
    start : ndarray of shape (n_classes,)
        First guess.
    tol, max_steps : float, int
        As for `em_prior`.

    Returns
    -------
    prior : ndarray of shape (n_classes,)
        Frequencies, above 0.
    n_steps : int
        Steps.
    converged : bool
        Whether the last step was small enough.

    Notes
    -----
    The probabilities are re-weighted by the last guess, which makes them the best measure of the
    guess's neighbourhood, whether they are calibrated or not. Their mean over the new rows is the
    mixture of their means over the held-out rows of each class; that is solved for the frequencies.
    A step goes half of the way in the logarithm, lest two guesses alternate.
    """
    prior, floor = np.array(start, dtype=np.float64), _floor(proba)
    for n_steps in range(1, max_steps + 1):
        found = _solved(
            _class_means(posterior(reference.proba, training_prior, prior), reference),
            _mean_posterior(proba, training_prior, prior),
            floor,
        )
        last, prior = prior, _above(np.sqrt(prior * found), floor)
        if np.max(np.abs(prior / last - 1)) <= tol:
            return prior, n_steps, True
    return prior, n_steps, False


def corrected_draws(proba, training_prior, reference, prior, n_draws, rng):
    """Frequencies that other new rows and other held-out rows would give.

    Parameters
    ----------
    proba, training_prior, reference : ndarray, ndarray, Reference
        As for `corrected_prior`.
    prior : ndarray of shape (n_classes,)
        What was found.
    n_draws : int
        How many to draw.
    rng : numpy.random.Generator
        Draws.

    Returns
    -------
    draws : ndarray of shape (n_draws, n_classes)
        From a bootstrap of the held-out rows of each class, and the normal distribution of the mean
        over the new rows.
    """
    n_rows, total, squares = proba.shape[1], 0.0, 0.0
    for block in blocks(proba):
        mean = posterior(block, training_prior, prior).mean(axis=0)
        total, squares = total + mean.sum(axis=0), squares + mean.T @ mean
    mean = total / n_rows
    covariance = (squares / n_rows - np.outer(mean, mean)) / n_rows
    held = posterior(reference.proba, training_prior, prior)
    classes = []
    for k in range(len(prior)):
        rows = np.flatnonzero(reference.target == k)
        # In an order of their own, so that the draws do not depend on how they came.
        rows = rows[np.lexsort((reference.weight[rows], *held[rows].T))]
        classes.append((held[rows], reference.weight[rows]))
    news = rng.multivariate_normal(mean, covariance, n_draws, method="eigh")
    draws = []
    for new in news:
        means = []
        for values, weight in classes:
            counts = np.bincount(rng.integers(len(values), size=len(values)), minlength=len(values))
            counts = counts * weight
            # All rows of weight 0: this draw knows nothing new of the class.
            means.append((counts if counts.any() else weight) @ values)
            means[-1] /= (counts if counts.any() else weight).sum()
        draws.append(_solved(np.array(means), new, _floor(proba)))
    return np.array(draws)


def _mean_posterior(proba, training_prior, prior):
    total = sum(posterior(block, training_prior, prior).sum(axis=(0, 1)) for block in blocks(proba))
    return total / (proba.shape[0] * proba.shape[1])


def _class_means(held, reference):
    """Mean over the held-out rows of each class, a row for each."""
    weight = np.zeros((len(held), held.shape[1]))
    weight[np.arange(len(held)), reference.target] = reference.weight
    return (weight / weight.sum(axis=0)).T @ held


def _solved(class_means, mean, floor):
    """Frequencies that mix the means of the classes to this one."""
    found = nnls(class_means.T, mean)[0]
    total = found.sum()
    return _above(found / total if total > 0 else np.full(len(found), 1 / len(found)), floor)


def _floor(proba):
    """Half a row: what has not been found may be there."""
    return 0.5 / proba.shape[1]


def _above(prior, floor):
    prior = np.maximum(prior, min(floor, 0.5 / prior.shape[-1]))
    return prior / prior.sum(axis=-1, keepdims=True)
