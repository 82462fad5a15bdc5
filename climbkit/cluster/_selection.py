"""SelectionGate: membership probabilities from seeds and unlabelled rows."""

from numbers import Integral, Real

import numpy as np
from scipy.special import logsumexp
from sklearn.utils._param_validation import Interval, StrOptions

from climbkit.base import UNLABELLED
from climbkit.cluster._gates import Gate
from climbkit.cluster._selection_region import Region, spread_by_errors
from climbkit.cluster._shapes import GroupCovariance, group_distances

# The regions are averaged over these common shapes of the groups: which of the two a group with
# few seeds resembles cannot be known.
PRIORS = ("isotropic", "diagonal")

# Scatter between groups of the log of rows in the region per seed: the same share of every
# group is taken to have been labelled, but for this.
_ROWS_PER_SEED_SD = 0.3

# Seeds that a group's purity counts as unknown for, when the share of members that are seeds is
# read off the purest region.
_DOUBT = 2

_LARGEST_SHARE = 0.999  # of the members, that may be taken to be seeds

_CHUNK_ROWS = 100_000  # rows scored at once


class SelectionGate(Gate):
    """Accept stars by a calibrated probability of membership, learned without non-members.

    Each group is taken to be a selection from the catalogue: the chance of being selected is a
    sigmoid of a quadratic of the features, so anything from a Gaussian to an ellipsoid with a
    sharp edge. Seeds are known members, all other rows are unlabelled, and what else lies where
    a group is needs no model: it is in the catalogue. Stars join in falling order of probability
    until they hold a stated share of all members that are to be expected.

    Parameters
    ----------
    completeness : float, default=0.9
        Share of the expected members to let in, between 0 and 1 (exclusive). Larger values let
        in more non-members.

    prior_strength : float, default=1.0
        Pseudo-seeds of the common shape in each group's first shape; see `GroupCovariance`.

    seed_fraction : "auto" or float, default="auto"
        Share of the members that are seeds, between 0 and 1 (exclusive), the same in all
        groups. It scales the probabilities, and hardly changes who is let in. ``"auto"``: the
        share of seeds among the rows in the purest region. That is too large, and the
        probabilities too small, if even there most members are hidden among others.

    max_rows : int, default=20000
        Rows that stand for the catalogue in a group's fit: the nearer half in full, the rest by
        every k-th. Up to this size of catalogue nothing is left out.

    Attributes
    ----------
    threshold_ : float
        Probability of membership in the likeliest group from which a star is let in.

    seed_fraction_ : float
        Share that was used; NaN without seeds.

    See Also
    --------
    ChiSquaredGate : Accepts by the distance alone.

    Notes
    -----
    If s(x) is the chance of selection and Z its sum over all rows, a row at x is one of the
    group's n seeds with probability n s(x) / Z. The most probable s is found by L-BFGS, once for
    an isotropic and once for a diagonal common shape of the groups, in two passes: in the second
    the numbers of rows per seed, Z / n, are drawn towards those of the other groups. The average
    over the two is divided by the share of members that are seeds, as in [1]_: with this share
    c and P the probability of being a seed, an unlabelled row is a member with probability
    P (1 - c) / (c (1 - P)).

    The threshold: unlabelled rows in falling order of their probability, until they hold
    ``completeness`` of the sum of P over all unlabelled rows. It is one threshold for all
    groups: one of which far fewer members are seeds than of the others is let in less.

    Known non-members (``negatives=`` in ``KBound.fit``) enter the second pass: members are
    Poisson-distributed, and none of those expected where the non-members are is there. Errors
    enter by averaging s over where each star may truly lie.

    Cost: linear in n_samples, times groups; the default fit takes 0.3 s for 5,000 stars in 8
    groups. With errors it takes twice as many times as long as there are features. The
    result does not depend on the units of the features, nor on the order of the rows.

    References
    ----------
    .. [1] Elkan, C. and Noto, K. (2008). Learning classifiers from only positive and unlabeled
       data. KDD '08, 213-220. :doi:`10.1145/1401890.1401920`
    .. [2] Ward, G. et al. (2009). Presence-only data and the EM algorithm. Biometrics, 65,
       554-563. :doi:`10.1111/j.1541-0420.2008.01116.x`

    Examples
    --------
    >>> from climbkit import GroupCovariance, KBound, SelectionGate
    >>> from climbkit.datasets import make_halo
    >>> halo = make_halo(random_state=0)
    >>> kbound = KBound(shape=GroupCovariance(), gate=SelectionGate())
    >>> kbound = kbound.fit(halo.data, halo.partial_target)
    >>> kbound.predict_proba(halo.data).shape
    (5000, 9)
    """

    _uses_errors = True
    _parameter_constraints = {
        "completeness": [Interval(Real, 0, 1, closed="neither")],
        "prior_strength": [Interval(Real, 0, None, closed="neither")],
        "seed_fraction": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="neither")],
        "max_rows": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(self, completeness=0.9, prior_strength=1.0, seed_fraction="auto", max_rows=20_000):
        self.completeness = completeness
        self.prior_strength = prior_strength
        self.seed_fraction = seed_fraction
        self.max_rows = max_rows

    def fit(self, X, y, classes, errors, negatives):
        """Fit a region per group, and find the threshold; see `Gate.fit`."""
        super().fit(X, y, classes, errors, negatives)
        n_seeds = np.array([np.sum(y == label) for label in classes], dtype=int)
        self._n_groups, self._seeded = len(classes), np.flatnonzero(n_seeds > 0)
        groups, n_seeds = classes[self._seeded], n_seeds[self._seeded]
        self.seed_fraction_, self.threshold_ = np.nan, 1.0
        self._regions = []
        if len(groups):
            self._regions = [
                self._fit_regions(X, y, groups, n_seeds, errors, negatives, prior)
                for prior in PRIORS
            ]
            log_seed = self._log_seed_probabilities(X, errors)
            self.seed_fraction_ = self._share_of_seeds(np.exp(log_seed.max(axis=0)), n_seeds)
            self._set_threshold(log_seed[(y == UNLABELLED) & ~negatives])
        return self

    def membership(self, X, errors=None):
        """Return the probability of membership in each group, and last in none.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows.
        errors : ndarray, default=None
            Standard deviations or covariances of their errors.

        Returns
        -------
        membership : ndarray of shape (n_samples, n_groups + 1)
            Sums to 1.
        """
        table = np.zeros((len(X), self._n_groups + 1))
        table[:, -1] = 1.0
        if self._regions:
            found = self._from_seed_probabilities(self._log_seed_probabilities(X, errors))
            table[:, self._seeded] = found
            table[:, -1] = 1 - found.sum(axis=1)
        return np.clip(table, 0.0, 1.0)

    def admit(self, nearest, distance, membership):
        """Return the likeliest group of each row, and whether its probability suffices."""
        if not self._regions:
            return nearest, np.zeros(len(nearest), dtype=bool)
        group = membership[:, :-1].argmax(axis=1)
        return group, membership[np.arange(len(group)), group] >= self.threshold_

    def strength(self, group, distance, membership):
        """Return the probability of membership in ``group``."""
        return membership[np.arange(len(group)), group]

    def _fit_regions(self, X, y, groups, n_seeds, errors, negatives, prior):
        """Regions of all groups for one common shape."""
        shape = GroupCovariance(self.prior_strength, prior)
        centers = np.array([X[y == label].mean(axis=0) for label in groups])
        common = shape.common_shape(X, y, errors)
        covariances = shape.covariances(X, y, groups, centers, common, errors)

        def spread(rows):
            return spread_by_errors(X[rows], None if errors is None else errors[rows])

        regions = []
        for k, label in enumerate(groups):
            rows, weights = self._stand_ins(X, centers[k], covariances[k])
            regions.append(
                Region(
                    spread(np.flatnonzero(y == label)),
                    spread(rows),
                    weights,
                    spread(np.flatnonzero(negatives)),
                    covariances[k],
                ).fit()
            )
        log_rows_per_seed = [region.log_rows for region in regions] - np.log(n_seeds)
        variance = _ROWS_PER_SEED_SD**2 + 1 / n_seeds
        usual = np.average(log_rows_per_seed, weights=1 / variance)
        share = self._share_of_seeds(np.array([region.peak() for region in regions]), n_seeds)
        for region, n, v in zip(regions, n_seeds, variance, strict=True):
            region.fit(np.log(n) + usual, np.sqrt(v), share)
            region.release()
        return regions

    def _stand_ins(self, X, center, covariance):
        """Rows that stand for the catalogue around a group, and how many each stands for."""
        if len(X) <= self.max_rows:
            return np.arange(len(X)), np.ones(len(X))
        order = np.argsort(group_distances(X, center[None], covariance[None])[:, 0])
        n_near = self.max_rows // 2
        step = -(-(len(X) - n_near) // (self.max_rows - n_near))
        far = order[n_near + step // 2 :: step]
        weight = (len(X) - n_near) / len(far)
        return (
            np.concatenate([order[:n_near], far]),
            np.concatenate([np.ones(n_near), np.full(len(far), weight)]),
        )

    def _log_seed_probabilities(self, X, errors):
        """Log of the chance that each row is a seed of each group that has any."""
        found = np.empty((len(X), len(self._seeded)))
        for start in range(0, len(X), _CHUNK_ROWS):
            part = slice(start, start + _CHUNK_ROWS)
            points = spread_by_errors(X[part], None if errors is None else errors[part])
            of_priors = [
                np.column_stack([region.log_seed_probability(points) for region in regions])
                for regions in self._regions
            ]
            found[part] = logsumexp(of_priors, axis=0) - np.log(len(of_priors))
        return found

    def _share_of_seeds(self, peaks, n_seeds):
        """Share of the members that are seeds, read off the purest region."""
        if self.seed_fraction != "auto":
            return float(self.seed_fraction)
        purity = peaks * n_seeds / (n_seeds + _DOUBT)
        return float(min(purity.max(), _LARGEST_SHARE))

    def _from_seed_probabilities(self, log_seed):
        """Probabilities of membership of rows that are no seeds."""
        seed = np.exp(log_seed)
        # No row can be likelier to be a seed than a member is.
        total = seed.sum(axis=1)
        limited = np.minimum(total, self.seed_fraction_)
        odds = (1 - self.seed_fraction_) / self.seed_fraction_
        member = np.minimum(odds * limited / (1 - limited), 1.0)
        tiny = np.finfo(float).tiny
        return seed * (member / np.maximum(total, tiny))[:, None]

    def _set_threshold(self, log_seed):
        """Lowest probability that lets in ``completeness`` of the expected unlabelled members."""
        if not len(log_seed):
            return
        membership = self._from_seed_probabilities(log_seed).max(axis=1)
        best = np.exp(log_seed.max(axis=1))
        order = np.lexsort((-best, -membership))
        held = np.cumsum(best[order])
        last = np.searchsorted(held, self.completeness * held[-1])
        self.threshold_ = float(membership[order[min(last, len(order) - 1)]])
