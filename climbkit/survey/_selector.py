"""Which candidates are reported: limits on what the stages say of them."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from climbkit.survey._candidates import CandidateSet
from climbkit.survey._stage import CandidateStage

_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_PROBABILITY = Interval(Real, 0, 1, closed="both")
#: Limits: parameter → (column, whether it is a smallest value, whether a missing value passes).
_LIMITS = {
    "min_persistence": ("persistence", True, False),
    "min_members": ("n_probable", True, False),
    "max_r50": ("r50", False, False),
    "min_evidence": ("evidence", True, False),
    "max_p_cst": ("p_cst", False, True),
    "min_class_probability": ("p_class", True, True),
}


class CandidateSelector(CandidateStage):
    """Keep the candidates that are within limits.

    Each limit is on one column of the candidates; None leaves it out, and so does a column that
    the candidates do not have.

    Parameters
    ----------
    min_persistence : float, default=None
        Smallest persistence in the tree of the search.

    min_members : int, default=None
        Smallest number of members (``n_probable``, or ``n_members`` where there are no
        probabilities).

    max_r50 : float, default=None
        Largest half-number radius, degrees.

    min_evidence : float, default=None
        Smallest log likelihood ratio of cluster and field to the field alone.

    max_p_cst : float, default=None
        Largest p-value of `ClusterSignificanceTest`. Candidates without one pass.

    sure_evidence : float, default=None
        Evidence per member from which on a p-value does not count. That test shuffles positions
        against astrometry, and where the members are a large part of the stars with such
        astrometry, its draws are as dense as they are: the p-value is then large for the clearest
        of clusters.

    min_class_probability : float, default=None
        Smallest probability that the colour-magnitude diagram is a cluster's. Candidates without
        one pass.

    Attributes
    ----------
    candidates_ : CandidateSet
        Those within all limits, in the same order.

    kept_ : ndarray of shape (n_candidates,), dtype bool
        Which these are.

    reasons_ : ndarray of shape (n_candidates,), dtype object
        The limits that a candidate is beyond, by name; empty for those that are kept.
    """

    _parameter_constraints = {
        "min_persistence": [_NOT_NEGATIVE, None],
        "min_members": [Interval(Integral, 1, None, closed="left"), None],
        "max_r50": [Interval(Real, 0, None, closed="neither"), None],
        "min_evidence": [_NOT_NEGATIVE, None],
        "max_p_cst": [_PROBABILITY, None],
        "sure_evidence": [_NOT_NEGATIVE, None],
        "min_class_probability": [_PROBABILITY, None],
    }

    def __init__(
        self,
        *,
        min_persistence=None,
        min_members=None,
        max_r50=None,
        min_evidence=None,
        max_p_cst=None,
        sure_evidence=None,
        min_class_probability=None,
    ):
        self.min_persistence = min_persistence
        self.min_members = min_members
        self.max_r50 = max_r50
        self.min_evidence = min_evidence
        self.max_p_cst = max_p_cst
        self.sure_evidence = sure_evidence
        self.min_class_probability = min_class_probability

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the candidates within the limits.

        Parameters
        ----------
        X : CandidateSet
            Candidates.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : CandidateSelector
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, or X is no CandidateSet.
        """
        if not isinstance(X, CandidateSet):
            raise ValueError(f"X must be a CandidateSet; got {type(X).__name__}.")
        table = X.table
        beyond = [[] for _ in range(len(X))]
        for name, (column, smallest, missing_passes) in _LIMITS.items():
            limit = getattr(self, name)
            if column == "n_probable" and column not in table:
                column = "n_members"
            if limit is None or column not in table:
                continue
            values = table[column].to_numpy(dtype=np.float64)
            passes = values >= limit if smallest else values <= limit
            if missing_passes:
                passes |= np.isnan(values)
            if name == "max_p_cst":
                passes |= self._sure(table)
            for number in np.flatnonzero(~passes):
                beyond[number].append(name)
        self.reasons_ = np.array([", ".join(names) for names in beyond] + [None], dtype=object)[:-1]
        self.kept_ = self.reasons_ == ""
        self.candidates_ = X[self.kept_.astype(bool)]
        self._fitted = X
        return self

    def _sure(self, table):
        """Which candidates have so much evidence that their p-value does not count."""
        if self.sure_evidence is None or "evidence" not in table:
            return np.zeros(len(table), dtype=bool)
        members = table["n_probable" if "n_probable" in table else "n_members"]
        per_member = table["evidence"] / members.clip(lower=1)
        return (per_member >= self.sure_evidence).to_numpy(dtype=bool)
