"""CLiMB: known groups first, then an explorer on what they leave."""

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.neighbors import NearestNeighbors
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from climbkit.base import NOISE, PartialLabelClusterer
from climbkit.cluster._contrast_dbscan import ContrastDBSCAN
from climbkit.cluster._distances import neighbour_metric
from climbkit.cluster._explain import explorer_table, gate_table, row_index
from climbkit.cluster._kbound import KBound
from climbkit.cluster._novelty import NoveltyTest
from climbkit.cluster._novelty_stability import fewest_rows
from climbkit.cluster._rows import match_rows


class CLiMB(PartialLabelClusterer):
    """Semi-supervised clustering that finds known groups and novel ones.

    Phase 1 (`KBound`) gives rows to the groups that the seeds in ``y`` name. Phase 2 hands
    the rows that are left to any clusterer, the explorer; what it finds are novel groups.

    Parameters
    ----------
    kbound : KBound, default=None
        Phase 1. None: `KBound.recommended`, groups of their own shapes with calibrated
        probabilities. ``KBound()`` has the published gates.

    explorer : clusterer, default=None
        Phase 2: any scikit-learn clusterer with ``fit_predict`` that marks noise by -1, such
        as DBSCAN, HDBSCAN or OPTICS. None: `ContrastDBSCAN`, which finds what is denser than
        a smooth field, wherever it lies.

    novelty : NoveltyTest, default=None
        Test of the novel groups, run with ``explorer``. None: they are not tested, and a group
        may be nothing but a dense place of the field.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Known groups keep the labels that they came with. Novel groups follow after the
        largest, in descending order of size. -1 is noise.

    phase_ : ndarray of shape (n_samples,)
        1 for rows that KBound took, 2 for members of novel groups, 0 for noise.

    probabilities_ : ndarray of shape (n_samples,)
        Strength of membership: KBound's in phase 1, in phase 2 the explorer's
        ``probabilities_`` where it has them and else 1; 0 for noise. Not calibrated.

    cluster_centers_ : ndarray of shape (n_known + n_novel, n_features)
        Centres of the known groups, then the means of the novel ones.

    novelty_pvalue_ : ndarray of shape (n_novel,)
        Probability that the field alone would give a group that stands out as much, corrected
        for the search. Only with ``novelty``.

    novelty_stability_ : ndarray of shape (n_novel,)
        Mean Jaccard of each novel group with the best-matching one when rows are resampled
        and the explorer's parameters change a little. Only with ``novelty``.

    novelty_ : NoveltyTest
        Fitted test, with all groups that the explorer found. Only with ``novelty``.

    known_labels_ : ndarray of shape (n_known,)
        Labels of the known groups.

    novel_labels_ : ndarray of shape (n_novel,)
        Labels of the novel groups.

    n_iter_ : int
        Iterations of KBound.

    kbound_ : KBound
        Fitted phase 1.

    explorer_ : clusterer or None
        Fitted phase 2; None where phase 1 left too few rows for it, which then are noise.

    explored_rows_ : ndarray of shape (n_explored,)
        Numbers of the rows that phase 1 left.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    See Also
    --------
    KBound : Phase 1 alone.
    CDBSCAN : DBSCAN under must-link and cannot-link constraints.

    Notes
    -----
    The cost is KBound's, linear in n_samples but for the density, plus the explorer's.

    Labels of seeds are copied into the result (``KBound(force_seeds=True)``), so score only
    rows that were no seeds: `climbkit.model_selection.SeedHoldout` does.

    References
    ----------
    .. [1] L. Monti et al., "CLiMB: A Domain-Informed Novelty Detection Clustering Framework
       for Galactic Archaeology and Scientific Discovery", 2026,
       doi:10.48550/arXiv.2601.09768. Published code: climb-astro.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import DBSCAN
    >>> from climbkit import CLiMB, KBound
    >>> X = np.array([[0.0], [0.2], [0.3], [5.0], [5.1], [5.2], [9.0]])
    >>> y = [4, -1, -1, -1, -1, -1, -1]
    >>> climb = CLiMB(kbound=KBound(distance_threshold=1.0), explorer=DBSCAN(min_samples=3))
    >>> climb.fit(X, y).labels_
    array([ 4,  4,  4,  5,  5,  5, -1])
    >>> climb.phase_
    array([1, 1, 1, 2, 2, 2, 0], dtype=int8)
    """

    _parameter_constraints = {
        "kbound": [KBound, None],
        "explorer": [HasMethods(["fit_predict"]), None],
        "novelty": [NoveltyTest, None],
    }

    def __init__(self, kbound=None, explorer=None, novelty=None):
        self.kbound = kbound
        self.explorer = explorer
        self.novelty = novelty

    @classmethod
    def _nested_builders(cls):
        return {"kbound": KBound}

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, errors=None, negatives=None):
        """Find the known groups, then explore what they leave.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite. Scale them first: all gates measure distances.
        y : array-like of shape (n_samples,), default=None
            Labels of the seeds, -1 for every other row.
        errors : array-like of shape (n_samples, n_features) or \
                (n_samples, n_features, n_features), default=None
            Errors of the rows, for phase 1; see `KBound.fit`.
        negatives : array-like of shape (n_samples,), dtype bool, or of row numbers, default=None
            Rows known to belong to none of the known groups; they may be in novel ones.

        Returns
        -------
        self : CLiMB
            Fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is not allowed or does not fit the data, or if X holds NaN.
        """
        X, y = self._validate_fit(X, y)
        kbound = KBound.recommended() if self.kbound is None else clone(self.kbound)
        self.kbound_ = kbound.fit(X, y, errors=errors, negatives=negatives)
        self.known_labels_ = self.kbound_.classes_
        self.n_iter_ = self.kbound_.n_iter_
        self.labels_ = self.kbound_.labels_.copy()
        self.probabilities_ = self.kbound_.probabilities_.copy()
        self.phase_ = (self.labels_ != NOISE).astype(np.int8)
        self.explored_rows_ = np.flatnonzero(self.labels_ == NOISE)
        self._explore(X[self.explored_rows_])
        if self.novelty is not None:
            self._test_novelty(X, y)
        self.cluster_centers_ = np.vstack(
            [self.kbound_.cluster_centers_]
            + [X[self.labels_ == label].mean(axis=0) for label in self.novel_labels_]
        )
        return self

    def _explore(self, X):
        """Phase 2 on the rows that phase 1 left."""
        explorer = ContrastDBSCAN() if self.explorer is None else clone(self.explorer)
        self.novel_labels_ = np.empty(0, dtype=np.int64)
        if len(X) < fewest_rows(explorer):
            self.explorer_ = None
            return
        found = np.asarray(explorer.fit_predict(X))
        self.explorer_ = explorer
        first_novel = max(int(self.known_labels_.max(initial=-1)), -1) + 1
        labels = _by_size(found, X, first_novel)
        self.novel_labels_ = np.arange(first_novel, labels.max(initial=first_novel - 1) + 1)
        novel = labels != NOISE
        strength = np.asarray(getattr(explorer, "probabilities_", np.ones(len(X))))
        self.labels_[self.explored_rows_] = labels
        self.phase_[self.explored_rows_[novel]] = 2
        self.probabilities_[self.explored_rows_] = np.where(novel, strength, 0.0)

    def _test_novelty(self, X, y):
        """Significance and stability of the novel groups; drop those that the test drops."""
        known = np.where(self.phase_ == 1, self.labels_, NOISE)
        explorer = ContrastDBSCAN() if self.explorer is None else self.explorer
        test = clone(self.novelty).set_params(explorer=explorer)
        groups = np.where(self.phase_ == 2, self.labels_, NOISE)
        self.novelty_ = test.fit(X, known, groups=groups)
        kept = np.ones(len(self.novel_labels_), dtype=bool)
        if test.drop_insignificant:
            kept = test.significant_
        self.novelty_pvalue_ = test.pvalues_[kept]
        self.novelty_stability_ = test.stabilities_[kept]
        self._keep_novel(kept)

    def _keep_novel(self, kept):
        """Make the other novel groups noise, and number those that are kept without gaps."""
        first = self.novel_labels_[:1]
        names = np.full(len(kept), NOISE, dtype=np.int64)
        names[kept] = np.arange(kept.sum()) + first
        novel = self.phase_ == 2
        self.labels_[novel] = names[self.labels_[novel] - first]
        dropped = novel & (self.labels_ == NOISE)
        self.phase_[dropped] = 0
        self.probabilities_[dropped] = 0.0
        self.novel_labels_ = names[kept]

    @available_if(lambda self: hasattr(self.kbound_, "predict_proba"))
    def predict_proba(self, X, errors=None):
        """Probability of each known group, and of none.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        errors : array-like, default=None
            Errors of the rows, as in ``fit``.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_known + 1)
            Columns in the order of ``known_labels_``, and last "none of them", novel groups
            included. Rows sum to 1.
        """
        check_is_fitted(self)
        return self.kbound_.predict_proba(self._validate_new(X), errors=errors)

    def predict(self, X, errors=None):
        """Assign new rows to known groups, and else to novel ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        errors : array-like, default=None
            Errors of the rows, for phase 1, as in ``fit``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Labels, -1 for noise. A row that is identical to a fitted one gets the label that
            it got in ``fit``. Otherwise KBound's gates decide first, and what they leave is up
            to the explorer's ``predict`` where it has one. Else a row joins a novel group if its
            nearest core sample (for explorers without ``core_sample_indices_``: its nearest
            explored row) belongs to that group and lies within ``eps`` (for explorers without
            it: within the longest distance from any of the group's members to the nearest other).
        """
        check_is_fitted(self)
        checked = self._validate_new(X)
        labels = self.kbound_.predict(checked, errors=errors)
        rest = labels == NOISE
        if rest.any() and len(self.novel_labels_):
            labels[rest] = self._predict_novel(checked[rest])
        seen = match_rows(checked, self.kbound_._X_fit)
        return np.where(seen >= 0, self.labels_[seen], labels)

    def _predict_novel(self, X):
        rows = self.explored_rows_
        if hasattr(self.explorer_, "predict") and hasattr(self.explorer_, "labels_"):
            return self._explorer_names(self.explorer_.predict(X))
        reach = getattr(self.explorer_, "eps", None)
        if reach is not None and hasattr(self.explorer_, "core_sample_indices_"):
            rows = rows[self.explorer_.core_sample_indices_]
            reaches = np.full(len(self.novel_labels_), float(reach))
        else:
            reaches = self._widest_gaps()
        anchors = self.labels_[rows]
        neighbours = NearestNeighbors(n_neighbors=1, **neighbour_metric(self.explorer_))
        distance, nearest = neighbours.fit(self.kbound_._X_fit[rows]).kneighbors(X)
        labels = anchors[nearest[:, 0]]
        within = np.append(reaches, -np.inf)[np.searchsorted(self.novel_labels_, labels)]
        within[labels == NOISE] = -np.inf
        return np.where(distance[:, 0] <= within, labels, NOISE)

    def _explorer_names(self, found):
        """Labels of the novel groups that the explorer's own numbers stand for."""
        numbers, first = np.unique(self.explorer_.labels_, return_index=True)
        names = np.append(self.labels_[self.explored_rows_[first]], NOISE)
        place = np.minimum(np.searchsorted(numbers, found), len(numbers) - 1)
        known = (numbers[place] == found) & (found >= 0)
        return np.where(known, names[place], NOISE)

    def _widest_gaps(self):
        """For each novel group the longest nearest-neighbour distance among its members."""
        gaps = []
        for label in self.novel_labels_:
            members = self.kbound_._X_fit[self.labels_ == label]
            neighbours = NearestNeighbors(**neighbour_metric(self.explorer_)).fit(members)
            gaps.append(neighbours.kneighbors(n_neighbors=1)[0].max() if len(members) > 1 else 0.0)
        return np.array(gaps)

    def decision_path(self, X, errors=None):
        """Tell which gate or role decided each row, and by what margin.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that were fitted, or new ones.
        errors : array-like, default=None
            Errors of these rows, for phase 1, as in ``fit``.

        Returns
        -------
        table : DataFrame of n_samples rows
            ``label`` and ``phase`` of the row, ``known_<column>`` for each column of
            `KBound.decision_path`, and for rows that reached phase 2 ``novel_<column>`` in
            the explorer's own terms: the columns of its ``decision_path`` where it has one,
            as `ContrastDBSCAN` has; for DBSCAN ``role``, ``n_neighbors_eps``,
            ``core_distance``, ``eps_margin`` and ``distance_to_nearest_core``; for others what
            they learned of each row, NaN for new ones.
        """
        import pandas as pd

        check_is_fitted(self)
        checked = self._validate_new(X)
        _, errors = self.kbound_._validate_rows(checked, errors)
        known = gate_table(self.kbound_, checked, row_index(X), errors)
        table = pd.DataFrame({"label": self.predict(X, errors)}, index=known.index)
        explored = known["label"].to_numpy() == NOISE
        is_novel = explored & (table["label"].to_numpy() != NOISE)
        table["phase"] = np.where(is_novel, 2, np.where(explored, 0, 1))
        table = pd.concat([table, known.add_prefix("known_")], axis=1)
        if self.explorer_ is None or not explored.any():
            return table
        columns = explorer_table(
            self.explorer_,
            self.kbound_._X_fit[self.explored_rows_],
            self.labels_[self.explored_rows_],
            checked[explored],
        )
        for name, values in columns.items():
            table.loc[explored, f"novel_{name}"] = values
        return table


def _by_size(found, X, first):
    """Number groups from ``first`` on, the largest first; their order is not that of the rows."""
    names = np.unique(found[found >= 0])
    keys = [(-np.sum(found == name), *X[found == name].mean(axis=0)) for name in names]
    order = sorted(range(len(names)), key=keys.__getitem__)
    labels = np.full(len(found), NOISE, dtype=np.int64)
    for rank, k in enumerate(order):
        labels[found == names[k]] = first + rank
    return labels
