"""Maps from a classifier's logits to probabilities, learned from rows that it has not seen."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_expit, logsumexp

from climbkit.neural._calibration import log_probabilities
from climbkit.spectra._curves import Curve, isotonic_curve, spline_curve, targets

# Slopes of a line through standardised logits, and biases; fits that run into them have seen
# nothing that would tell more.
_LOG_SLOPES = (-7.0, 7.0)
_BIASES = (-50.0, 50.0)


class Uncalibrated(NamedTuple):
    """Logits are taken as they are."""

    #: Whether the probabilities hold for the classes as frequent as among the rows of the fit.
    moves_prior = False

    @classmethod
    def fit(cls, logits, y, weight):
        """Learn nothing; see `TemperatureCalibrator.fit`."""
        return cls()

    def log_proba(self, logits):
        """Log-probabilities; see `TemperatureCalibrator.log_proba`."""
        return log_probabilities(logits)


class TemperatureCalibrator(NamedTuple):
    """Logits are divided by a number.

    Attributes
    ----------
    temperature : float
        The number.
    """

    temperature: float

    moves_prior = False

    @classmethod
    def fit(cls, logits, y, weight):
        """Learn from rows that the classifier has not seen.

        Parameters
        ----------
        logits : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
            One column: log-odds of the second of two classes.
        y : ndarray of shape (n_samples,), dtype int
            Numbers of the classes.
        weight : ndarray of shape (n_samples,)
            What each row counts, above 0.

        Returns
        -------
        calibrator : TemperatureCalibrator
            Fitted.
        """
        return cls(1.0 / _affine(logits, y, weight, with_biases=False)[0])

    def log_proba(self, logits):
        """Calibrated log-probabilities.

        Parameters
        ----------
        logits : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
            As in `fit`.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Their exponentials sum to 1 in each row.
        """
        return log_probabilities(logits, self.temperature)


class BiasCorrectedCalibrator(NamedTuple):
    """Logits are multiplied by a number, and one is added for each class.

    Attributes
    ----------
    slope : float
        Inverse of the temperature.
    biases : tuple of float
        One for each column of the logits.
    """

    slope: float
    biases: tuple

    moves_prior = True

    @classmethod
    def fit(cls, logits, y, weight):
        """Learn from rows that were not seen; see `TemperatureCalibrator.fit`."""
        slope, biases = _affine(logits, y, weight, with_biases=True)
        return cls(slope, tuple((biases - (biases.mean() if len(biases) > 1 else 0)).tolist()))

    def log_proba(self, logits):
        """Log-probabilities; see `TemperatureCalibrator.log_proba`."""
        return log_probabilities(logits * self.slope + np.array(self.biases))


class SplineCalibrator(NamedTuple):
    """Log-odds of each class go through a rising curve.

    Attributes
    ----------
    curves : tuple of Curve
        One for two classes, else one for each against all others.
    """

    curves: tuple

    moves_prior = True

    @classmethod
    def fit(cls, logits, y, weight):
        """Learn from rows that were not seen; see `TemperatureCalibrator.fit`."""
        return cls._fit(spline_curve, logits, y, weight)

    @classmethod
    def _fit(cls, curve, logits, y, weight):
        if logits.shape[1] == 1:
            return cls((curve(logits[:, 0], y, weight),))
        odds = _against_others(logits)
        columns = range(odds.shape[1])
        return cls(tuple(curve(odds[:, k], (y == k).astype(int), weight) for k in columns))

    def log_proba(self, logits):
        """Log-probabilities; see `TemperatureCalibrator.log_proba`."""
        if len(self.curves) == 1:
            return log_probabilities(self.curves[0](logits[:, 0])[:, None])
        odds = _against_others(logits)
        each = np.column_stack([log_expit(c(z)) for c, z in zip(self.curves, odds.T, strict=True)])
        return each - logsumexp(each, axis=1, keepdims=True)


class IsotonicCalibrator(SplineCalibrator):
    """Log-odds of each class go through a curve that is any that never falls."""

    @classmethod
    def fit(cls, logits, y, weight):
        """Learn from rows that were not seen; see `TemperatureCalibrator.fit`."""
        return cls._fit(isotonic_curve, logits, y, weight)


CALIBRATORS = {
    "spline": SplineCalibrator,
    "isotonic": IsotonicCalibrator,
    "bias_corrected": BiasCorrectedCalibrator,
    "temperature": TemperatureCalibrator,
    None: Uncalibrated,
}


def calibrator_state(calibrator):
    """Numbers of a fitted calibrator, ready for JSON."""
    if isinstance(calibrator, SplineCalibrator):
        return {"curves": [curve._asdict() for curve in calibrator.curves]}
    return calibrator._asdict()


def calibrator_from_state(name, state):
    """Calibrator of a name in `CALIBRATORS` and of what `calibrator_state` returned."""
    cls = CALIBRATORS[name]
    if issubclass(cls, SplineCalibrator):
        return cls(tuple(Curve.of(**curve) for curve in state["curves"]))
    if cls is BiasCorrectedCalibrator:
        return cls(state["slope"], tuple(state["biases"]))
    return cls(**state)


def _affine(logits, y, weight, *, with_biases):
    """Slope and biases that make the log loss smallest."""
    n_columns = logits.shape[1]
    wanted = targets(y, max(2, n_columns), weight)
    center = logits.mean(axis=0) if with_biases else np.zeros(n_columns)
    logits = logits - center
    scale = float(logits.std()) or 1.0

    def loss(parameters):
        slope, biases = np.exp(parameters[0]) / scale, parameters[1:]
        log_proba = log_probabilities(logits * slope + biases)
        surplus = weight[:, None] * (np.exp(log_proba) - wanted)
        surplus = surplus[:, 1:] if n_columns == 1 else surplus
        gradient = np.append(slope * np.sum(surplus * logits), surplus.sum(axis=0))
        return -(weight @ (wanted * log_proba).sum(axis=1)) / len(y), gradient / len(y)

    biases = _BIASES if with_biases else (0.0, 0.0)
    found = minimize(
        loss,
        np.zeros(1 + n_columns),
        jac=True,
        method="L-BFGS-B",
        bounds=[_LOG_SLOPES] + [biases] * n_columns,
        options={"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-9},
    ).x
    slope = float(np.exp(found[0]) / scale)
    return slope, found[1:] - slope * center


def _against_others(logits):
    """Log-odds of each class against all others together."""
    columns = range(logits.shape[1])
    others = [logsumexp(np.delete(logits, k, axis=1), axis=1) for k in columns]
    return logits - np.column_stack(others)
