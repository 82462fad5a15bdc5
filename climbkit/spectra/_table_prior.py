"""Frequencies of the classes in a table, given or estimated from all of it, part by part."""

from collections.abc import Mapping
from numbers import Real

import numpy as np

from climbkit.spectra._prior_checks import checked_prior
from climbkit.spectra._prior_estimation import posterior

ESTIMATE = "estimate"
# The frequencies stand when none changes by a larger part of it, and long before so many rounds.
_TOLERANCE, _MOST_ROUNDS = 1e-5, 2_000
_TINY = 1e-30  # stands for probabilities of 0


class TablePrior:
    """What probabilities are re-weighed from, and to.

    Parameters
    ----------
    prior : float, mapping of class to float, or "estimate"
        Frequencies, of two classes that of the second; or that they are to be estimated.
    model : estimator
        Fitted, with ``classes_``.

    Attributes
    ----------
    old : ndarray of shape (n_classes,)
        Frequencies for which the model's probabilities hold.
    new : ndarray of shape (n_classes,) or None
        Frequencies that are wanted; None until they are estimated.

    Raises
    ------
    ValueError
        If the prior is none, does not fit the classes, or the model does not tell for which
        frequencies its probabilities hold.
    """

    def __init__(self, prior, model):
        self.new = None
        if isinstance(prior, Mapping) or (isinstance(prior, Real) and not isinstance(prior, bool)):
            if isinstance(prior, Real) and not 0 < prior < 1:
                raise ValueError(f"prior must be above 0 and below 1; got {prior!r}.")
            self.new = checked_prior(prior, np.asarray(model.classes_))
        elif not isinstance(prior, str) or prior != ESTIMATE:
            raise ValueError(
                f"prior must be a frequency, a mapping of classes to frequencies, {ESTIMATE!r} or "
                f"None; got {prior!r}."
            )
        if hasattr(model, "prior_"):
            raise ValueError(f"{type(model).__name__} re-weighs its probabilities; set prior=None.")
        last = getattr(model, "steps", [("", model)])[-1][1]  # of a pipeline
        old = getattr(last, "class_prior_", None)
        if old is None:
            raise ValueError(
                f"prior needs a model that tells by class_prior_ how frequent it takes the classes "
                f"to be; {type(last).__name__} does not. Wrap it in PriorShift."
            )
        self.old = np.maximum(np.asarray(old, dtype=np.float64), _TINY)

    @property
    def plain(self):
        """What was asked for, ready for JSON."""
        return ESTIMATE if self.new is None else self.new.tolist()

    def estimate(self, blocks):
        """Find the frequencies under which the probabilities of a table are the likeliest.

        Parameters
        ----------
        blocks : callable
            ``blocks()`` yields ndarrays of shape (n_rows, n_classes), the whole table, each time;
            NaN in rows that have no probabilities.

        Returns
        -------
        new : ndarray of shape (n_classes,)
            Frequencies, no class with less than half a row; `old` where there is no row.

        Notes
        -----
        The steps of Saerens et al. [1]_, as of `PriorShift` without held-out rows, but each is a
        pass over the parts of the table, which need not fit into memory.

        References
        ----------
        .. [1] Saerens, Latinne & Decaestecker 2002, "Adjusting the outputs of a classifier to new a
           priori probabilities", Neural Computation 14, 21, doi:10.1162/089976602753284446.
        """
        new = self.old
        for _ in range(_MOST_ROUNDS):
            total, n_rows = np.zeros(len(new)), 0
            for proba in blocks():
                known = proba[np.isfinite(proba).all(axis=1)]
                total += self.reweighed(known, new).sum(axis=0)
                n_rows += len(known)
            if n_rows == 0:
                return self.old
            last, new = new, np.maximum(total / n_rows, 0.5 / n_rows)
            if np.abs(new / last - 1).max() <= _TOLERANCE:
                break
        return new / new.sum()

    def reweighed(self, proba, new):
        """Probabilities for classes as frequent as `new`, as float64."""
        return posterior(np.maximum(proba, _TINY, dtype=np.float64), self.old, new)
