"""Hide part of the known labels, and a splitter that hides no rows."""

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import _num_samples

from climbkit.base import UNLABELLED
from climbkit.metrics._scores import as_labels


def hide_seeds(y, *, test_size=0.2, random_state=None, order=None):
    """Hide a share of every group's known labels.

    Each group of two labels or more loses at least one and keeps at least one. A group with one
    label keeps it: such a group cannot be tested.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Known labels, -1 where none is known.
    test_size : float, default=0.2
        Share to hide, between 0 and 1 (exclusive), rounded to whole labels in each group.
    random_state : int, RandomState instance or None, default=None
        Draws what is hidden.
    order : array-like of shape (n_samples,), default=None
        Row numbers in the order in which the draw meets them. An order made from the data, such
        as ``np.lexsort(X.T)``, hides the same objects however the rows are shuffled. None: as
        they stand.

    Returns
    -------
    y_partial : ndarray of shape (n_samples,), dtype int64
        Copy of ``y`` with -1 where a label was hidden.

    Raises
    ------
    ValueError
        If ``test_size`` is outside (0, 1), or ``order`` is no permutation of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.model_selection import hide_seeds
    >>> y = np.array([0] * 10 + [1] * 5 + [2] + [-1] * 4)
    >>> y_partial = hide_seeds(y, test_size=0.2, random_state=0)
    >>> [int(np.sum(y_partial == group)) for group in (0, 1, 2)]
    [8, 4, 1]
    """
    (y,) = as_labels(y=y)
    if not 0 < test_size < 1:
        raise ValueError(f"test_size must be between 0 and 1 (exclusive); got {test_size!r}.")
    order = np.arange(len(y)) if order is None else np.asarray(order)
    if not np.array_equal(np.sort(order), np.arange(len(y))):
        raise ValueError("order must hold each row number of y once.")
    rng = check_random_state(random_state)
    y_partial = y.copy()
    for group in np.unique(y[y != UNLABELLED]):
        rows = order[y[order] == group]
        if len(rows) > 1:
            n_hidden = np.clip(round(test_size * len(rows)), 1, len(rows) - 1)
            y_partial[rng.permutation(rows)[:n_hidden]] = UNLABELLED
    return y_partial


class WholeSample:
    """One split that gives all rows to fit and all rows to score.

    A splitter for estimators that hide labels themselves. A clusterer learns from the rows
    without a label too, so taking rows away changes the very structure that it is asked for;
    `SeedHoldout` hides labels instead, and needs every row.

    See Also
    --------
    SeedHoldout : The estimator that this splitter is for.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from climbkit import CLiMB
    >>> from climbkit.model_selection import SeedHoldout, WholeSample
    >>> search = GridSearchCV(
    ...     SeedHoldout(CLiMB()), {"estimator__kbound__tol": [0.01, 0.03]}, cv=WholeSample()
    ... )
    >>> search.cv.get_n_splits()
    1
    """

    def split(self, X, y=None, groups=None):
        """Yield all row numbers twice, once.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features; only their number is used.
        y, groups : ignored
            Not used, present for scikit-learn's splitter API.

        Yields
        ------
        fit_rows, score_rows : ndarray of shape (n_samples,)
            All row numbers.
        """
        rows = np.arange(_num_samples(X))
        yield rows, rows

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits, which is one.

        Parameters
        ----------
        X, y, groups : ignored
            Not used, present for scikit-learn's splitter API.

        Returns
        -------
        n_splits : int
            1.
        """
        return 1

    def __repr__(self):
        return "WholeSample()"
