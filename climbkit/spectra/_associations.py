"""AssociationFinder: groups of stars in space, such as the massive stars that networks find."""

import warnings
from collections import Counter
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, _fit_context, clone
from sklearn.cluster import DBSCAN
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from climbkit.base import NOISE, BuilderMixin
from climbkit.cluster import NoveltyTest
from climbkit.spectra._association_distances import DISTANCES, LENGTH_SCALE
from climbkit.spectra._association_groups import (
    EPS,
    MIN_SAMPLES,
    carries_over,
    chosen_clusterer,
    find_groups,
    label_new,
)
from climbkit.spectra._association_stars import place_stars
from climbkit.spectra._association_table import association_table
from climbkit.survey._gaia_columns import find_columns
from climbkit.survey._star_columns import numbers_in

_PROBABILITY = "p_massive"


class AssociationFinder(ClusterMixin, BuilderMixin, BaseEstimator):
    """Find groups of stars in space, and tell which of them chance would not make.

    Stars with a parallax that is good enough are put where they are in the Galaxy and clustered
    there. The defaults are those of the published search for associations of massive stars.

    Parameters
    ----------
    clusterer : clusterer, default=None
        Any of scikit-learn or climbkit with ``fit_predict`` that marks noise by -1; it gets x, y
        and z in kpc. None: ``DBSCAN(eps=0.5, min_samples=10)``, as published.

    min_parallax_over_error : float, default=3.0
        Stars with a smaller ratio take no part. None: all do that have a distance.

    distance : {"inverse", "mode"}, default="inverse"
        ``"inverse"``: one over the parallax, as published. ``"mode"``: the likeliest distance under
        a prior that falls off exponentially, D^2 exp(-D / L) [1]_, which is less wrong where the
        ratio is small, and knows negative parallaxes.

    length_scale : float, default=1.35
        L of that prior, kpc [2]_.

    distance_column : str, default=None
        Column of distances to use instead, of whatever unit an astropy Table gives it, else kpc.

    probability_column : str, default=None
        Column whose mean over the members is told. None: ``p_massive``, where there is one.

    significance : NoveltyTest or "drop", default=None
        Test of the associations, whose explorer becomes the clusterer. None: ``NoveltyTest()``.

    random_state : int, default=0
        Seed of whatever has none of its own.

    n_jobs : int, default=None
        Draws of the test that are searched at once. The result does not depend on it.

    verbose : int, default=0
        Above 0: show a progress bar, which counts draws.

    Attributes
    ----------
    labels_ : ndarray of shape (n_stars,), dtype int64
        Row in `associations_` of each star, the largest association first; -1 for stars in none,
        and for those that took no part.

    associations_ : QTable of shape (n_associations,)
        ``name`` by the position in the Galaxy; ``n_members``; the centre ``x``, ``y``, ``z`` (kpc),
        that is ``l``, ``b`` (deg) and ``distance`` (kpc); the median separation from it in space,
        ``r50``, and across the line of sight, ``r50_across``; half the width of the central 68 % of
        the members along it, ``depth``, and the median error of their distances,
        ``distance_error``, that it may be due to (kpc); the mean of the probability; and of the
        test the ``p_value``, the ``excess`` (its statistic) and the ``stability``.

    positions_ : ndarray of shape (n_stars, 3)
        x, y and z, kpc; NaN for stars that took no part. The Sun is at the origin, x points to the
        Galactic centre, y to l = 90 deg, the way that the Galaxy turns, and z to the north Galactic
        pole: a right-handed system, that of ``SkyCoord.galactic.cartesian``.

    mask_ : ndarray of bool of shape (n_stars,)
        Stars that took part.

    reasons_ : ndarray of shape (n_stars,), dtype object
        Why a star took no part; empty where it did.

    n_masked_ : dict of str to int
        By reason, how many stars took no part.

    clusterer_ : clusterer
        Fitted, unless there were fewer stars than it needs. In place of DBSCAN stands `SSDBSCAN`,
        which gives the same groups in linear memory.

    test_ : NoveltyTest or None
        Fitted.

    See Also
    --------
    climbkit.plotting.AssociationDisplay : Draws them.
    climbkit.cluster.NoveltyTest : The test.
    climbkit.survey.ParallaxZeroPoint : Corrects parallaxes first.

    Notes
    -----
    Of 11,000 stars of a simulated disc eps=0.5 kpc joins nearly all: the published settings then
    give one group, of no significance, that is the disc around the Sun. Take a smaller ``eps``,
    such as 0.1 kpc, and judge by the p-value.

    The test asks what the test of clusters asks, how often chance makes a group that stands out as
    much, but of the whole search: draws are made from a smooth fit of all stars, searched by the
    same clusterer, and the best group of each is kept, so that the p-values are corrected for the
    number of places that were looked at. The errors of parallaxes smear what is there along the
    line of sight, field and associations alike, and the fit with it: independent errors make no
    groups. Directions shuffled against distances, as `ClusterSignificanceTest` shuffles positions
    against astrometry, served less: of simulated associations of 40 stars, which this test finds,
    the p-values were 0.7 to 1.

    In simulated discs without associations, 4 % of 200 with 3,000 stars (eps=0.5) and 3 % of 60
    with 11,000 (eps=0.1) had one of p < 0.05, where 4.8 % are expected. A window in the dust looks
    like an association, to any test that does not know the dust: where the extinction differs by a
    factor e on scales of 4 deg, it was 20 % of 60 discs and 7 % of 30. Of simulated associations
    of 40 stars, with a standard deviation of 50 pc, eps=0.1 finds all at 1.5 and 2.5 kpc and none
    at 4 kpc; p < 0.05 had 10 and 7 of 10 among 3,000 stars, and 5 and 2 of 8 among 11,000
    (``python benchmarks/associations.py``).

    Stars are clustered in an order of their own, so that the result does not depend on that of the
    rows. With DBSCAN, memory is linear in the number of stars. Time is that of the draws, and grows
    with stars and groups: 3 to 10 s for each draw from 100,000 stars. For more, take fewer draws,
    or ``"drop"`` the test.

    References
    ----------
    .. [1] Bailer-Jones (2015), "Estimating distances from parallaxes", PASP 127, 994,
       https://doi.org/10.1086/683116
    .. [2] Astraatmadja & Bailer-Jones (2016), "Estimating distances from parallaxes. III.", ApJ
       833, 119, https://doi.org/10.3847/1538-4357/833/1/119

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.cluster import DBSCAN
    >>> from climbkit.cluster import NoveltyTest
    >>> from climbkit.spectra import AssociationFinder
    >>> rng = np.random.default_rng(0)
    >>> field = rng.uniform([0, -5, 0.5], [360, 5, 5.0], (400, 3))
    >>> group = rng.normal([135, 1, 2.5], [1.0, 1.0, 0.1], (40, 3))
    >>> stars = pd.DataFrame(np.vstack([field, group]), columns=["l", "b", "distance"])
    >>> stars["parallax"], stars["parallax_error"] = 1 / stars["distance"], 0.02
    >>> quick = NoveltyTest(n_draws=19, n_bootstrap=5)
    >>> finder = AssociationFinder(DBSCAN(eps=0.2, min_samples=10), significance=quick).fit(stars)
    >>> found = finder.associations_[finder.labels_[-1]]
    >>> print(found["distance"].round(1), found["p_value"])
    2.5 kpc 0.05
    """

    _parameter_constraints = {
        "clusterer": [HasMethods(["fit_predict", "get_params"]), None],
        "min_parallax_over_error": [Interval(Real, None, None, closed="neither"), None],
        "distance": [StrOptions(set(DISTANCES))],
        "length_scale": [Interval(Real, 0, None, closed="neither")],
        "distance_column": [str, None],
        "probability_column": [str, None],
        "significance": [NoveltyTest, StrOptions({"drop"}), None],
        "random_state": [Interval(Integral, 0, 2**32 - 1, closed="both")],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        clusterer=None,
        *,
        min_parallax_over_error=3.0,
        distance="inverse",
        length_scale=LENGTH_SCALE,
        distance_column=None,
        probability_column=None,
        significance=None,
        random_state=0,
        n_jobs=None,
        verbose=0,
    ):
        self.clusterer = clusterer
        self.min_parallax_over_error = min_parallax_over_error
        self.distance = distance
        self.length_scale = length_scale
        self.distance_column = distance_column
        self.probability_column = probability_column
        self.significance = significance
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @classmethod
    def _nested_builders(cls):
        return {"significance": NoveltyTest}

    def set_params(self, **params):
        """Set parameters, also those of a clusterer or test that is None: it becomes the default.

        Parameters
        ----------
        **params : dict
            Such as ``clusterer__eps`` or ``significance__n_draws``.

        Returns
        -------
        self : AssociationFinder
            The same.
        """
        defaults = {
            "clusterer": lambda: DBSCAN(eps=EPS, min_samples=MIN_SAMPLES),
            "significance": NoveltyTest,
        }
        for owner, default in defaults.items():
            nested = any(name.startswith(f"{owner}__") for name in params)
            if nested and params.get(owner, getattr(self, owner)) is None:
                params = {**params, owner: default()}
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, stars, y=None, *, mask=None):
        """Find associations.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With Gaia's names (see `climbkit.survey.to_gaia_columns`): ``ra`` and ``dec``, or ``l``
            and ``b`` (deg); ``parallax`` (mas); ``parallax_error`` (mas) or
            ``parallax_over_error``; and where there are any ``source_id`` and ``p_massive``.
        y : ignored
            Not used, present for scikit-learn's API.
        mask : str or array-like of bool of shape (n_stars,), default=None
            True for stars that may take part, or the name of such a column.

        Returns
        -------
        self : AssociationFinder
            Fitted. Where no star takes part, there is a warning and no association.

        Raises
        ------
        ValueError
            If a parameter is not allowed, the table is empty or lacks a column, positions are not
            in degrees, units are of another kind, or ``source_id`` is not of whole numbers or
            appears twice.
        """
        placed = place_stars(stars, mask, **self.get_params(deep=False))
        probability = self._probability(placed.frame)
        self.mask_, self.reasons_ = placed.mask, placed.reasons
        self.positions_ = placed.positions
        self.n_masked_ = dict(Counter(placed.reasons[~placed.mask].tolist()))
        if not self.mask_.any():
            warnings.warn(
                f"no star takes part, so that there are no associations: {self.n_masked_}.",
                UserWarning,
                stacklevel=2,
            )
        rows = np.flatnonzero(self.mask_)
        rows = rows[np.lexsort(self.positions_[rows].T[::-1])]
        X = self.positions_[rows]
        self.clusterer_ = chosen_clusterer(self.clusterer, self.random_state)
        found = find_groups(self.clusterer_, X)
        self.test_ = self._test(X, found)
        called = found if self.test_ is None else self.test_.labels_
        self.labels_ = np.full(len(self.mask_), NOISE, dtype=np.int64)
        self.labels_[rows] = called
        self.associations_ = association_table(
            found,
            int(found.max(initial=NOISE)) + 1,
            X,
            placed.distance_error[rows],
            None if probability is None else (probability[0], probability[1][rows]),
            self.test_,
        )
        self._X_fit, self._called = X, called
        return self

    @available_if(lambda self: carries_over(self.clusterer))
    def predict(self, stars, *, mask=None):
        """Tell to which association other stars belong.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            As for `fit`.
        mask : str or array-like of bool of shape (n_stars,), default=None
            As for `fit`.

        Returns
        -------
        labels : ndarray of shape (n_stars,), dtype int64
            That of the nearest core star of DBSCAN within eps, or what the clusterer predicts; -1
            for stars in no association, or with parallaxes that are not good enough. Stars that
            were fitted keep their labels.
        """
        check_is_fitted(self, "labels_")
        placed = place_stars(stars, mask, **self.get_params(deep=False))
        labels = np.full(len(placed.mask), NOISE, dtype=np.int64)
        new = placed.positions[placed.mask]
        labels[placed.mask] = label_new(self.clusterer_, self._X_fit, self._called, new)
        return labels

    def _probability(self, frame):
        """Name and values of the column of probabilities, where there is one."""
        name = _PROBABILITY if self.probability_column is None else self.probability_column
        if name not in frame:
            if self.probability_column is None:
                return None
            find_columns(frame, [name], missing="error", without="probability_column names it")
        return name, numbers_in(frame, name)

    def _test(self, X, found):
        if isinstance(self.significance, str) or len(X) == 0:
            return None
        test = NoveltyTest() if self.significance is None else clone(self.significance)
        test.explorer = chosen_clusterer(self.clusterer, self.random_state)
        if test.random_state is None:
            test.random_state = self.random_state
        if test.n_jobs is None:
            test.n_jobs = self.n_jobs
        test.verbose = test.verbose or self.verbose
        return test.fit(X, groups=found)
