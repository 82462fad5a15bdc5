"""How frequent classes are among new rows, from probabilities that hold for other frequencies."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

_BLOCK = 2**17  # rows that are in memory as float64 at once
_TINY = 1e-30  # stands for probabilities of 0
_LEAP = 10.0  # what Newton's steps may change a frequency by


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
    weights = prior / training_prior
    # Products of matrices are much faster than sums along so short an axis.
    return proba * weights / (proba @ weights)[..., None]


def em_prior(proba, training_prior, tol, max_steps):
    """Frequencies of largest likelihood, where the steps of Saerens et al. end.

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

    Notes
    -----
    The likelihood has one maximum. Their steps come near it fast and reach it slowly where classes
    overlap, so that those of Newton are tried, and taken back if the likelihood falls.
    """
    prior, floor = np.array(training_prior, dtype=np.float64), _floor(proba)
    best, safe = -np.inf, prior  # the likelihood one step before, and where Saerens' step led
    for n_steps in range(1, max_steps + 1):
        here = _likelihood(proba, training_prior, prior)
        last = prior
        if here.value < best:
            prior, best = safe, -np.inf
        else:
            best, safe = here.value, _above(here.mean, floor)
            free = np.linalg.pinv(here.information) @ here.gradient
            newton = prior + np.append(free, -free.sum())
            moved = np.clip(newton, prior / _LEAP, prior * _LEAP)
            # Of two classes the nearest that is allowed is right; of more, others would move too.
            if len(prior) == 2:
                prior = _above(moved / moved.sum(), floor)
            elif np.array_equal(moved, newton) and newton.min() >= floor:
                prior = newton
            else:
                prior, best = safe, -np.inf
        if np.max(np.abs(prior / last - 1)) <= tol:
            return prior, n_steps, True
    return prior, n_steps, False


class _Likelihood(NamedTuple):
    """Sums over rows: of the log-likelihood, and its derivatives by all frequencies but the last.

    `mean` is the mean of the posterior, and `scatter` that of the gradients of the rows.
    """

    value: float
    mean: np.ndarray
    gradient: np.ndarray
    information: np.ndarray
    scatter: np.ndarray


def _likelihood(proba, training_prior, prior):
    n_classes = len(prior)
    value, first, second, scatter = 0.0, 0.0, 0.0, 0.0
    for block in blocks(proba):
        gain = block / training_prior
        total = gain @ prior
        value += np.log(total).sum() / len(block)
        gain /= total[..., None]
        flat = gain.reshape(-1, n_classes)
        first = first + np.ones(len(flat)) @ flat / len(block)
        second = second + flat.T @ flat / len(block)
        mean = flat if len(block) == 1 else gain.mean(axis=0)
        scatter = scatter + mean.T @ mean
    # The last frequency makes up for the others.
    basis = np.vstack([np.eye(n_classes - 1), -np.ones(n_classes - 1)])
    posterior_sum = prior * first
    return _Likelihood(
        float(value),
        posterior_sum / posterior_sum.sum(),
        first @ basis,
        basis.T @ second @ basis,
        basis.T @ scatter @ basis,
    )


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
    here = _likelihood(proba, training_prior, prior)
    inverse = np.linalg.pinv(here.information)
    free = rng.multivariate_normal(
        np.zeros(len(inverse)), inverse @ here.scatter @ inverse, n_draws, method="eigh"
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
        total, squares = total + np.ones(len(mean)) @ mean, squares + mean.T @ mean
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
    total = 0.0
    for block in blocks(proba):
        flat = block.reshape(-1, block.shape[-1])
        total = total + np.ones(len(flat)) @ posterior(flat, training_prior, prior)
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
