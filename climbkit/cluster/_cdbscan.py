"""C-DBSCAN: density-based clusters under must-link and cannot-link constraints."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from climbkit.base import PartialLabelClusterer
from climbkit.cluster._constraints import (
    cluster_constraints,
    cluster_under_links,
    merge_until_conflict,
    read_constraints,
)
from climbkit.cluster._naming import name_clusters, nearest_core_labels
from climbkit.kernels._kdtree import build_tree, dense_rows, squared_limit
from climbkit.kernels._merging import merge_nearest
from climbkit.kernels._microclusters import micro_clusters


class CDBSCAN(PartialLabelClusterer):
    """Cluster by density under must-link and cannot-link constraints.

    Three steps: (1) rows are visited in order; one that is neither dense nor part of a must-link
    is noise for now, any other makes its unvisited neighbours a micro-cluster, or each of them
    one of its own if some pair among the neighbours may not be linked; (2) micro-clusters that a
    must-link joins are merged; (3) the nearest clusters (single linkage) are merged, nearest
    first, as long as they are within `eps` and nothing forbids it.

    Parameters
    ----------
    eps : float, default=0.5
        Rows at a Euclidean distance up to this are neighbours, and clusters up to this far apart
        may be merged.
    min_samples : int, default=5
        Neighbours that a dense row has, itself counted.
    conflict : {"skip", "stop"}, default="skip"
        What a cannot-link does. ``"skip"`` (after the paper) keeps every constraint: neither a
        micro-cluster nor a merger ever puts rows together that may not be, and mergers pass over
        the pairs of clusters that are forbidden. ``"stop"`` does what the published code does:
        a micro-cluster takes in any row next to it, so that it can hold rows that may not be
        together, and all merging ends at the first forbidden pair of clusters. Contradictory
        constraints are then a warning, not an error, and must-links win.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Label of each row, -1 for noise. With `y`, a cluster takes the label of its known rows
        (with ``conflict="stop"``, which may mix them, of most of them), and the others are
        numbered after the largest known label. Clusters are numbered in the order of their first
        rows.
    core_sample_indices_ : ndarray of shape (n_core_samples,)
        Rows of a cluster that are dense or part of a must-link.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had any.

    See Also
    --------
    SSDBSCAN : Density-based clusters that spread through important rows.
    CLiMB : Known groups first, novel ones in what is left.

    Notes
    -----
    Micro-clusters depend on the order of the rows, by the definition of the algorithm: sort the
    rows if the result must not. A row without enough neighbours that was visited before a
    micro-cluster reached it becomes part of one only if the row that claims it lies within
    `eps`, so that some rows which `sklearn.cluster.DBSCAN` calls border points are noise here.
    Where several pairs of clusters are equally near, the pair of rows with the smallest row
    numbers decides.

    A must-link with noise cannot happen: rows with a must-link are never noise, however sparse
    their surroundings. Micro-clusters that a must-link joins are merged whatever their distance.

    Memory is linear in the number of rows and of pairs; pairs that follow from `y` are never
    listed. Time is about N log N in few dimensions, whatever `eps`: rows that start a
    micro-cluster lie further than `eps` apart, and the nearest mergers are sought in a k-d tree
    that passes over nodes in which nothing may be merged. Thousands of cannot-link pairs between
    clusters that interleave cost more, and beyond some ten dimensions the tree helps little: time
    then grows up to N².

    References
    ----------
    .. [1] C. Ruiz, M. Spiliopoulou, E. Menasalvas, "C-DBSCAN: Density-Based Clustering with
       Constraints", RSFDGrC 2007, LNCS 4482, 216,
       `doi:10.1007/978-3-540-72530-5_25 <https://doi.org/10.1007/978-3-540-72530-5_25>`_

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.cluster import CDBSCAN
    >>> X = np.arange(10.0).reshape(-1, 1)
    >>> CDBSCAN(eps=1.0, min_samples=2).fit(X).labels_
    array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    >>> CDBSCAN(eps=1.0, min_samples=2).fit(X, cannot_link=[(0, 9)]).labels_
    array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    >>> y = [3, -1, -1, -1, -1, -1, -1, -1, 7, 7]
    >>> CDBSCAN(eps=1.0, min_samples=2).fit(X, y).labels_
    array([3, 3, 3, 3, 3, 3, 3, 3, 7, 7])
    """

    _parameter_constraints = {
        "eps": [Interval(Real, 0, None, closed="neither")],
        "min_samples": [Interval(Integral, 1, None, closed="left")],
        "conflict": [StrOptions({"skip", "stop"})],
    }

    def __init__(self, eps=0.5, min_samples=5, conflict="skip"):
        self.eps = eps
        self.min_samples = min_samples
        self.conflict = conflict

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, must_link=None, cannot_link=None):
        """Cluster the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,), default=None
            Known labels, -1 where none is known. Rows with the same label are must-linked, rows
            with different ones cannot-linked.
        must_link : array-like of shape (n_pairs, 2), default=None
            Pairs of row numbers, from 0, that have to share a cluster.
        cannot_link : array-like of shape (n_pairs, 2), default=None
            Pairs of row numbers that may not share a cluster.

        Returns
        -------
        self : CDBSCAN
            The fitted clusterer.

        Raises
        ------
        ValueError
            If X holds NaN or infinity, if y has another length or holds fractions, if the pairs
            are no pairs of row numbers, or if constraints contradict each other.
        """
        X, y = self._validate_fit(X, y)
        tolerant = self.conflict == "stop"
        constraints = read_constraints(y, must_link, cannot_link, tolerant=tolerant)
        tree, limit = build_tree(X), self._limit()
        micro = self._micro_clusters(tree, limit, constraints)
        clusters = micro
        if micro.max() >= 0:
            clusters = self._merge(tree, limit, micro, constraints)
        self.labels_ = name_clusters(_by_first_row(clusters), y)
        core = constraints.protected | dense_rows(tree, limit, self.min_samples)
        self.core_sample_indices_ = np.flatnonzero(core & (clusters >= 0))
        self._fit_X = X.copy()
        return self

    def predict(self, X):
        """Label points by the nearest core sample.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
            Points.

        Returns
        -------
        labels : ndarray of shape (n_points,)
            The label of the nearest core sample within `eps` (of the first among equally near
            ones), -1 where there is none. A point that equals a row of the training data gets
            that row's label, of the first of several.
        """
        check_is_fitted(self)
        X = self._validate_new(X)
        return nearest_core_labels(
            X, self._fit_X, self.labels_, self.core_sample_indices_, self._limit()
        )

    def _limit(self):
        return squared_limit(self.eps, False)

    def _micro_clusters(self, tree, limit, constraints):
        if self.conflict == "skip":
            # Sets of must-linked rows exclude each other where any two of their rows do.
            sets = constraints.linked_set
            group = np.full(sets.max() + 1, -1, dtype=np.int64)
            known = constraints.group >= 0
            group[sets[known]] = constraints.group[known]
            apart = np.unique(np.sort(sets[constraints.apart], axis=1), axis=0)
        else:
            sets, group = np.arange(len(tree.rows)), constraints.group
            apart = constraints.apart[constraints.apart[:, 0] != constraints.apart[:, 1]]
        respect = self.conflict == "skip"
        return micro_clusters(
            tree, limit, self.min_samples, constraints.protected, sets, group, apart, respect
        )

    def _merge(self, tree, limit, micro, constraints):
        """Steps 2 and 3: must-links, then the nearest first."""
        cluster, n_clusters = cluster_under_links(micro, constraints.linked_set)
        known, apart = cluster_constraints(cluster, n_clusters, constraints)
        if self.conflict == "skip":
            merged, _, _ = merge_nearest(tree, cluster, known, apart, limit)
        else:
            free = np.zeros(n_clusters, dtype=bool)
            _, links, squared = merge_nearest(tree, cluster, free, apart[:0], limit)
            links = links[np.lexsort((links[:, 1], links[:, 0], squared))]
            merged = merge_until_conflict(n_clusters, cluster[links], known, apart)
        return np.where(cluster >= 0, merged[cluster], -1)


def _by_first_row(clusters):
    """Renumber clusters in the order of their first rows."""
    numbers, first, which = np.unique(clusters, return_index=True, return_inverse=True)
    order = np.empty(len(numbers), dtype=np.int64)
    order[np.argsort(np.where(numbers < 0, -1, first))] = np.arange(len(numbers))
    return order[which] - int(numbers[0] < 0)
