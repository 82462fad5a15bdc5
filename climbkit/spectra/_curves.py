"""Rising curves through log-odds: what a score is worth, judged by how often it came true."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

# Knots stand where these parts of the one class lie below, and of the other above: most of them
# where the classes meet, and into each one's last 1 in 200.
_QUANTILES = np.array([0.05, 0.5, 0.9, 0.98, 0.995])
# What bending costs, in nats for a change of slope by the slope of the straight line. Between 1 and
# 30 little changes, on simulated scores with from 2,000 to 10,000 rows of each class.
_STIFFNESS = 3.0
_LEAST_SLOPE = 1e-3  # of the straight line's: what is ranked by the score stays ranked


class Curve(NamedTuple):
    """A rising curve of straight pieces.

    Attributes
    ----------
    x : tuple of float
        Scores at the knots, rising.
    y : tuple of float
        Log-odds there, not falling.
    slope : float
        Of the curve beyond its ends.
    """

    x: tuple
    y: tuple
    slope: float

    @classmethod
    def of(cls, x, y, slope):
        """Return the curve of any sequences of numbers."""
        return cls(tuple(map(float, x)), tuple(map(float, y)), float(slope))

    def __call__(self, score):
        """Log-odds of scores, an array of any shape."""
        beyond = score - np.clip(score, self.x[0], self.x[-1])
        return np.interp(score, self.x, self.y) + self.slope * beyond


def targets(y, n_classes, weight):
    """Probabilities that so many rows can support, for each row and class.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), dtype int
        Numbers of the classes.
    n_classes : int
        How many there are.
    weight : ndarray of shape (n_samples,)
        What each row counts.

    Returns
    -------
    wanted : ndarray of shape (n_samples, n_classes)
        (n + 1) / (n + k) for the true one of k classes, of which there are n rows [1]_. A score
        that separates a few rows without fault is not certainty.

    References
    ----------
    .. [1] Platt 1999, "Probabilistic outputs for support vector machines", Advances in Large
       Margin Classifiers, 61.
    """
    counts = np.bincount(y, weights=weight, minlength=n_classes)[y]
    wanted = np.repeat(1.0 / (counts + n_classes), n_classes).reshape(len(y), n_classes)
    wanted[np.arange(len(y)), y] *= counts + 1
    return wanted


def straight_line(score, y, weight):
    """Slope and height of the log-odds as a line, after Platt; the slope is above zero.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Scores.
    y : ndarray of shape (n_samples,), dtype int
        1 for what came true, else 0.
    weight : ndarray of shape (n_samples,)
        What each row counts, above 0.

    Returns
    -------
    slope, height : float
        Log-odds are slope * score + height.
    """
    wanted = targets(y, 2, weight)[:, 1]
    center, scale = float(score.mean()), float(score.std()) or 1.0
    z = (score - center) / scale

    def loss(line):
        slope = np.exp(line[0])
        odds = slope * z + line[1]
        surplus = weight * (expit(odds) - wanted)
        value = weight @ (np.logaddexp(0, odds) - wanted * odds)
        return value / len(y), np.array([slope * surplus @ z, surplus.sum()]) / len(y)

    found = minimize(loss, [0.0, 0.0], jac=True, method="L-BFGS-B", bounds=[(-7, 7), (-50, 50)]).x
    slope = float(np.exp(found[0]) / scale)
    return slope, float(found[1] - slope * center)


def spline_curve(score, y, weight):
    """Smooth rising curve of a score's log-odds.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Scores, such as logits, of rows that the classifier has not seen.
    y : ndarray of shape (n_samples,), dtype int
        1 for what came true, else 0.
    weight : ndarray of shape (n_samples,)
        What each row counts, above 0.

    Returns
    -------
    curve : Curve
        Maximises the likelihood less the cost of bending, by a convex problem with one solution.

    Notes
    -----
    A line has the same slope for what is certain as for what is doubtful, and where the classes are
    mixed by one in a hundred, what is certain decides. The curve bends there as far as the rows
    support it, and hardly rises beyond them.
    """
    if len(np.unique(y)) < 2:
        return _flat(y, weight)
    slope, height = straight_line(score, y, weight)
    knots = _knots(score, y)
    if len(knots) == 1:
        return Curve.of(knots, [slope * knots[0] + height], 0.0)
    wanted = targets(y, 2, weight)[:, 1]
    steps = np.diff(knots)
    # What each piece adds to the log-odds if it is as steep as the line.
    pieces = slope * steps * np.clip((score[:, None] - knots[:-1]) / steps, 0.0, 1.0)

    def loss(parameters):
        steepness, start = parameters[:-1], parameters[-1]
        odds = pieces @ steepness + start
        surplus = weight * (expit(odds) - wanted)
        bends = np.diff(steepness)
        value = weight @ (np.logaddexp(0, odds) - wanted * odds) + _STIFFNESS * bends @ bends
        gradient = pieces.T @ surplus
        gradient[:-1] -= 2 * _STIFFNESS * bends
        gradient[1:] += 2 * _STIFFNESS * bends
        return value / len(y), np.append(gradient, surplus.sum()) / len(y)

    found = minimize(
        loss,
        np.append(np.ones(len(steps)), slope * knots[0] + height),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LEAST_SLOPE, None)] * len(steps) + [(None, None)],
        options={"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-9},
    ).x
    rises = np.cumsum(slope * steps * found[:-1])
    return Curve.of(knots, found[-1] + np.append(0.0, rises), _LEAST_SLOPE * slope)


def isotonic_curve(score, y, weight):
    """Curve of a score's log-odds that never falls.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Scores, such as logits, of rows that the classifier has not seen.
    y : ndarray of shape (n_samples,), dtype int
        1 for what came true, else 0.
    weight : ndarray of shape (n_samples,)
        What each row counts, above 0.

    Returns
    -------
    curve : Curve
        Through the blocks of isotonic regression, of which one with k of n rows true stands for
        (k + 1/2) / (n + 1) at its mean score: none is certain, and nothing jumps.
    """
    if len(np.unique(y)) < 2:
        return _flat(y, weight)
    steps = IsotonicRegression().fit(score, y, sample_weight=weight).predict(score)
    block = np.unique(steps, return_inverse=True)[1]
    size = np.bincount(block, weights=weight)
    share = (np.bincount(block, weights=weight * y) + 0.5) / (size + 1.0)
    center = np.bincount(block, weights=weight * score) / size
    return Curve.of(center, logit(np.maximum.accumulate(share)), 0.0)


def _flat(y, weight):
    """Curve of what is all true, or all false."""
    return Curve.of([0.0], [logit(targets(y, 2, weight)[0, 1])], 0.0)


def _knots(score, y):
    below = np.quantile(score[y == 0], _QUANTILES)
    above = np.quantile(score[y == 1], 1.0 - _QUANTILES)
    knots = np.unique([below, above])
    apart = np.diff(knots) > 1e-9 * (knots[-1] - knots[0])
    return knots[np.append(True, apart)]
