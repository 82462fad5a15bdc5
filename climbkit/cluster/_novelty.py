"""NoveltyTest: p-values and stabilities of groups that an explorer finds."""

from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval

from climbkit.base import NOISE, UNLABELLED, PartialLabelClusterer, check_partial_labels
from climbkit.cluster._contrast_dbscan import ContrastDBSCAN
from climbkit.cluster._novelty_draws import check_statistics, fit_field, largest_statistic
from climbkit.cluster._novelty_field import SmoothField
from climbkit.cluster._novelty_stability import (
    bootstrap_jaccard,
    consecutive,
    explore,
    varied_jaccard,
)
from climbkit.cluster._novelty_statistic import local_contrast

_SEEDS = 2**31 - 1


class NoveltyTest(PartialLabelClusterer):
    """Tell which groups of an explorer a smooth field could not have made.

    An explorer finds groups in anything. Here it searches the data, and then many draws from a
    smooth fit of the data that have no groups; a group's p-value is the share of draws in which
    any group, wherever it lies, stands out as much. Beside it stands the stability of the
    group: its mean overlap with the best-matching group when the rows are resampled, and when
    the parameters of the explorer change a little.

    Parameters
    ----------
    explorer : clusterer, default=None
        Any clusterer with ``fit_predict`` that marks noise by -1. None: ``ContrastDBSCAN()``.

    n_draws : int, default=200
        Draws from the smooth fit. The least p-value is ``1 / (n_draws + 1)``.

    n_bootstrap : int, default=50
        Bootstrap samples, and as many changes of the explorer's parameters. 0: the stabilities
        are NaN.

    null : density estimator, default=None
        Smooth fit: an object with ``fit``, ``sample`` and ``score_samples`` (log density) that
        cannot follow the groups, such as a `sklearn.neighbors.KernelDensity` much wider than
        they are. It is fitted to the data, and anew to every draw. None: ``SmoothField()``.

    alpha : float, default=0.05
        Groups with a smaller p-value are significant. As p-values are corrected for the search,
        this is the probability of any false group at all.

    drop_insignificant : bool, default=False
        Make the other groups noise in ``labels_``.

    statistic : callable, default=None
        ``statistic(X, labels, null)`` gives a number for each group, the larger the more it
        stands out; ``labels`` number the groups from 0, and ``null`` is fitted to X. None:
        `climbkit.cluster.local_contrast`.

    random_state : int, RandomState instance or None, default=None
        Seeds everything that is drawn. The result is the same for any ``n_jobs``.

    n_jobs : int, default=None
        Draws searched at once, as in joblib.

    verbose : bool or int, default=0
        Show a progress bar.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Rows with a known label keep it. Groups follow after the largest, in descending order
        of size, or from 0 on where nothing is known; -1 is noise.

    group_labels_ : ndarray of shape (n_groups,)
        Labels of the groups that were tested, those that were dropped included.

    sizes_ : ndarray of shape (n_groups,)
        Their numbers of rows.

    statistics_ : ndarray of shape (n_groups,)
        How much each stands out of the smooth fit.

    pvalues_ : ndarray of shape (n_groups,)
        ``(1 + draws whose largest statistic is at least the group's) / (n_draws + 1)``.

    significant_ : ndarray of shape (n_groups,), dtype bool
        Where the p-value is less than ``alpha``.

    stabilities_ : ndarray of shape (n_groups,)
        Mean Jaccard of the group with the best-matching one, over resamplings and changes of
        parameters: 1 for a group that comes back unchanged. Below 0.5 a group has dissolved,
        above 0.75 it is stable [2]_.

    bootstrap_stabilities_, parameter_stabilities_ : ndarray of shape (n_groups,)
        The same over resamplings alone, and over changes of parameters alone (NaN where the
        explorer has none that we know).

    null_statistics_ : ndarray of shape (n_draws,)
        Largest statistic of each draw, 0 for draws without a group; empty where the data
        have none.

    null_ : estimator or None
        Smooth fit of the data; None where they have no group.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    See Also
    --------
    CLiMB : Known groups first, then an explorer on what they leave.
    SmoothField : The default of ``null``.

    Notes
    -----
    Draws are treated as the data are: searched by the same explorer, the smooth fit made anew,
    the statistic computed with that (a parametric bootstrap). The largest statistic of a draw
    is what a search through structureless data gives at most, so that the p-values are
    corrected for the number of groups and places that were looked at [1]_.

    The test costs ``n_draws`` and the stabilities ``2 n_bootstrap`` runs of the explorer.

    References
    ----------
    .. [1] S. S. Lövdal et al., "Substructure in the stellar halo near the Sun. I.", A&A 665,
       A57 (2022), doi:10.1051/0004-6361/202243060: significance of groups in integrals of
       motion against a smooth background.
    .. [2] C. Hennig, "Cluster-wise assessment of cluster stability", Computational Statistics
       & Data Analysis 52, 258 (2007), doi:10.1016/j.csda.2006.11.025.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit import NoveltyTest
    >>> rng = np.random.default_rng(0)
    >>> stream = rng.normal([2.0, 2.0], 0.1, (40, 2))
    >>> X = np.vstack([rng.normal(size=(400, 2)), stream])
    >>> test = NoveltyTest(n_draws=40, random_state=0).fit(X)
    >>> group = test.labels_[-1]
    >>> bool(test.significant_[group])
    True
    """

    _parameter_constraints = {
        "explorer": [HasMethods(["fit_predict"]), None],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "n_bootstrap": [Interval(Integral, 0, None, closed="left")],
        "null": [HasMethods(["fit", "sample", "score_samples", "get_params"]), None],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "drop_insignificant": ["boolean"],
        "statistic": [callable, None],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        explorer=None,
        *,
        n_draws=200,
        n_bootstrap=50,
        null=None,
        alpha=0.05,
        drop_insignificant=False,
        statistic=None,
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        self.explorer = explorer
        self.n_draws = n_draws
        self.n_bootstrap = n_bootstrap
        self.null = null
        self.alpha = alpha
        self.drop_insignificant = drop_insignificant
        self.statistic = statistic
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, groups=None):
        """Search the rows that are in no known group, and test what is found.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        y : array-like of shape (n_samples,), default=None
            Labels of rows in known groups, -1 for every other row. Only the others are
            searched.
        groups : array-like of shape (n_samples,), default=None
            Groups that the explorer has found already, -1 for rows in none; rows with a known
            label are left aside. None: the explorer is run.

        Returns
        -------
        self : NoveltyTest
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, X holds NaN, or y or ``groups`` has another length
            than X.
        """
        X, y = self._validate_fit(X, y)
        rest = np.flatnonzero(y == UNLABELLED)
        explorer = ContrastDBSCAN() if self.explorer is None else self.explorer
        rng = check_random_state(self.random_state)
        search_seed, null_seed = rng.randint(_SEEDS, size=2)
        if groups is None:
            found = explore(explorer, X[rest], search_seed)
        else:
            found = consecutive(_check_groups(groups, X)[rest])
        # Everything that is drawn below is drawn over the rows in an order of their own, so
        # that it does not depend on the order in which they came.
        order = np.lexsort(X[rest].T[::-1])
        residual, ranks = X[rest][order], _by_size(found[order], X[rest][order])
        found = np.empty_like(ranks)
        found[order] = ranks
        self._test(explorer, residual, ranks, rng, null_seed)

        first = max(int(y.max(initial=UNLABELLED)), -1) + 1
        self.group_labels_ = first + np.arange(len(self.pvalues_))
        kept = self.significant_ if self.drop_insignificant else np.ones(len(self.pvalues_), bool)
        named = np.append(np.where(kept, self.group_labels_, NOISE), NOISE)
        self.labels_ = y.copy()
        self.labels_[rest] = named[found]
        return self

    def _test(self, explorer, X, labels, rng, null_seed):
        """Statistics, p-values and stabilities of the groups 0, 1, … of the sorted rows."""
        n_groups = int(labels.max(initial=-1)) + 1
        seeds = rng.randint(_SEEDS, size=self.n_draws + 2 * self.n_bootstrap)
        self.sizes_ = np.bincount(labels[labels >= 0], minlength=n_groups)
        if n_groups == 0:
            self.null_, self.null_statistics_ = None, np.empty(0)
            self.statistics_, self.pvalues_ = np.empty(0), np.empty(0)
            self.significant_ = np.empty(0, dtype=bool)
            self.stabilities_ = np.empty(0)
            self.bootstrap_stabilities_ = self.parameter_stabilities_ = np.empty(0)
            return
        statistic = local_contrast if self.statistic is None else self.statistic
        null = SmoothField() if self.null is None else self.null
        self.null_ = fit_field(null, X, labels, int(null_seed))
        self.statistics_ = check_statistics(statistic(X, labels, self.null_), n_groups)
        draws, bootstrap, varied = np.split(seeds, [self.n_draws, self.n_draws + self.n_bootstrap])
        jobs = [
            delayed(largest_statistic)(explorer, self.null_, statistic, len(X), int(seed))
            for seed in draws
        ]
        jobs += [delayed(bootstrap_jaccard)(explorer, X, labels, int(s)) for s in bootstrap]
        jobs += [delayed(varied_jaccard)(explorer, X, labels, int(s)) for s in varied]
        results = self._run(jobs)
        self.null_statistics_ = np.array(results[: self.n_draws])
        at_least = np.sum(self.null_statistics_[:, None] >= self.statistics_, axis=0)
        self.pvalues_ = (1 + at_least) / (self.n_draws + 1)
        self.significant_ = self.pvalues_ < self.alpha
        overlaps = np.array(results[self.n_draws :]).reshape(2, self.n_bootstrap, n_groups)
        self.bootstrap_stabilities_, self.parameter_stabilities_ = map(_means, overlaps)
        self.stabilities_ = _means(
            np.stack([self.bootstrap_stabilities_, self.parameter_stabilities_])
        )

    def _run(self, jobs):
        from tqdm import tqdm

        results = Parallel(n_jobs=self.n_jobs, return_as="generator")(jobs)
        return list(tqdm(results, total=len(jobs), desc="novelty test", disable=not self.verbose))


def _check_groups(groups, X):
    """Groups as whole numbers, one per row."""
    try:
        return check_partial_labels(groups, X)
    except ValueError as error:
        raise ValueError(f"groups must be labels as in y: {error}") from None


def _by_size(labels, X):
    """Number groups from 0 on, the largest first, equal ones by their means."""
    names = np.unique(labels[labels >= 0])
    keys = [(-np.sum(labels == k), *X[labels == k].mean(axis=0)) for k in names]
    ranks = np.full(len(names) + 1, NOISE)
    ranks[sorted(range(len(names)), key=keys.__getitem__)] = np.arange(len(names))
    return ranks[labels]


def _means(values):
    """Means over the first axis, of what is not NaN."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
