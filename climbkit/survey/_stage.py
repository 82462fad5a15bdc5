"""What all stages of a search share that take candidates and give candidates."""

from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from climbkit.base import BuilderMixin


class CandidateStage(BuilderMixin, BaseEstimator):
    """A stage whose ``fit`` leaves ``candidates_``, and in ``_fitted`` what it was given."""

    def transform(self, X):
        """Return candidates as the stage leaves them.

        Parameters
        ----------
        X : CandidateSet, or a table of stars where `fit` takes one
            As for `fit`. Others than those fitted are treated in the same way: nothing is carried
            from one set to another.

        Returns
        -------
        candidates : CandidateSet
            See ``candidates_``.
        """
        check_is_fitted(self, "candidates_")
        if X is self._fitted:
            return self.candidates_
        return self._unfitted().fit(X).candidates_

    def fit_transform(self, X, y=None, **fit_params):
        """Fit and return ``candidates_``; see `fit`.

        Parameters
        ----------
        X : CandidateSet, or a table of stars where `fit` takes one
            Candidates.
        y : array-like, default=None
            As for `fit`.
        **fit_params : dict
            As for `fit`.

        Returns
        -------
        candidates : CandidateSet
            See ``candidates_``.
        """
        return self.fit(X, y, **fit_params).candidates_

    def _unfitted(self):
        """A stage with the same parameters, to fit to other candidates."""
        return clone(self)
