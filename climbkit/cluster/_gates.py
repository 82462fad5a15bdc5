"""Gates that decide which rows a known group takes."""

from numbers import Real

import numpy as np
from scipy.stats import chi2
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from climbkit.base import BuilderMixin
from climbkit.kernels import gaussian_density, gaussian_density_at, mean_pairwise_distance


class Gate(BuilderMixin, BaseEstimator):
    """What `KBound` asks of a gate.

    A subclass overrides ``admit`` and ``strength``, and where it knows them ``membership``.
    """

    _needs_shape = False  # whether distances have to be in the groups' own shapes
    _uses_errors = False  # whether errors serve without such shapes
    _parameter_constraints = {}

    def fit(self, X, y, classes, errors, negatives):
        """Learn thresholds from rows and seeds.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Features.
        y : ndarray of shape (n_samples,)
            Partial labels.
        classes : ndarray of shape (n_groups,)
            Labels of the groups.
        errors : ndarray or None
            Standard deviations or covariances of the rows' errors.
        negatives : ndarray of shape (n_samples,), dtype bool
            Known non-members.

        Returns
        -------
        self : Gate
            Fitted.
        """
        self._validate_params()
        return self

    @property
    def distance_limit(self):
        """Largest distance to the nearest centre; infinite if distance does not decide."""
        return np.inf

    def membership(self, X, errors=None):
        """Return probabilities of shape (n_samples, n_groups + 1), "none" last, or None."""
        return None

    def admit(self, nearest, distance, membership):
        """Return for each row the number of its group, and whether it is let in."""
        return nearest, distance <= self.distance_limit

    def strength(self, group, distance, membership):
        """Return the strength of belonging, from 0 to 1, of each row to ``group``."""
        raise NotImplementedError


class DistanceGate(Gate):
    """The published gate: one largest distance for all groups."""

    def __init__(self, threshold):
        self.threshold = threshold

    @property
    def distance_limit(self):
        """Largest distance to the nearest centre."""
        return self.threshold

    def strength(self, group, distance, membership):
        """Return 1 at the centre, falling linearly to 0 at the threshold."""
        return np.clip(1 - distance / self.threshold, 0.0, 1.0)


class ChiSquaredGate(Gate):
    """Accept a star if its distance from the group would be no surprise in a member.

    A member of a Gaussian group has a squared Mahalanobis distance that follows the chi-squared
    distribution with as many degrees of freedom as there are features. Stars within its
    ``confidence`` quantile join; what share of the members that lets in is known, what it lets
    in besides is not.

    Parameters
    ----------
    confidence : float, default=0.95
        Share of the members that are to be let in, between 0 and 1 (exclusive).

    Attributes
    ----------
    distance_limit_ : float
        Root of the quantile.

    See Also
    --------
    SelectionGate : Weighs what else is there as well, and gives probabilities.

    Notes
    -----
    It needs distances in the groups' own shapes: ``KBound(shape=GroupCovariance(),
    gate=ChiSquaredGate())``. ``probabilities_`` of KBound then holds the chi-squared p-value of
    each member's distance, which is no probability of being a member.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit import ChiSquaredGate, GroupCovariance, KBound
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> y = np.where(np.arange(1000) < 200, 3, -1)
    >>> kbound = KBound(shape=GroupCovariance(), gate=ChiSquaredGate(0.9), force_seeds=False)
    >>> float(np.mean(kbound.fit(X, y).labels_ == 3))
    0.9
    """

    _needs_shape = True
    _parameter_constraints = {"confidence": [Interval(Real, 0, 1, closed="neither")]}

    def __init__(self, confidence=0.95):
        self.confidence = confidence

    def fit(self, X, y, classes, errors, negatives):
        """Compute the quantile; see `Gate.fit`."""
        super().fit(X, y, classes, errors, negatives)
        self._n_features = X.shape[1]
        self.distance_limit_ = float(np.sqrt(chi2.ppf(self.confidence, self._n_features)))
        return self

    @property
    def distance_limit(self):
        """Largest distance to the nearest centre."""
        return self.distance_limit_

    def strength(self, group, distance, membership):
        """Return the p-value of the distance."""
        return chi2.sf(distance**2, self._n_features)


class DensityGate:
    """The published density gate of `KBound`, off at a threshold of 0.

    Parameters
    ----------
    threshold : float
        In units of the largest density.
    rule : {"min", "max"}
        Which side passes; see `KBound`.
    """

    def __init__(self, threshold, rule):
        self.threshold, self.rule = threshold, rule

    def fit(self, X, bandwidth):
        """Compute the density of the rows, 1 at the densest, unless the gate is off.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Features.
        bandwidth : float or None
            Bandwidth; None for the mean distance of all pairs.

        Returns
        -------
        self : DensityGate
            With ``density`` and the ``bandwidth`` used.
        """
        self._X = X
        self.bandwidth, self.density = None, np.ones(len(X))
        if self.threshold > 0:
            self.bandwidth = bandwidth or mean_pairwise_distance(X)
            density = gaussian_density(X, bandwidth=self.bandwidth)
            self._peak = density.max()
            self.density = density / self._peak
        return self

    def density_of(self, X, seen):
        """Density at rows; ``seen`` is the fitted row that each equals, -1 for new ones."""
        density = self.density[seen]
        new = seen < 0
        if self.threshold == 0:
            density[new] = 1.0
        elif new.any():
            sums = gaussian_density_at(X[new], self._X, self.bandwidth, peak=self._peak)
            density[new] = sums / self._peak
        return density

    def margin(self, density):
        """How far a density lies on the side that passes; negative where the gate is shut."""
        if self.rule == "min":
            return density - self.threshold
        return (1 - self.threshold) - density

    def passes(self, density):
        """Tell which densities pass."""
        return density >= self.threshold if self.rule == "min" else density <= 1 - self.threshold
