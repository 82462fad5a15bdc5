"""Whether probabilities mean what they say."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.validation import check_consistent_length, column_or_1d


@validate_params(
    {
        "is_member": ["array-like"],
        "probability": ["array-like"],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def expected_calibration_error(is_member, probability, *, n_bins=10):
    """Mean difference between the probability stated and the share that came true.

    Rows are put into bins of equal width by their probability. In each bin the mean probability
    is compared with the share of members, and the differences are averaged over the rows.

    It does *not* say that the probabilities are of use: the share of members in the whole
    sample, stated for every row, has an error of zero. Read it beside a score of ranking.

    Parameters
    ----------
    is_member : array-like of shape (n_samples,), dtype bool
        What came true: whether each row is a member.
    probability : array-like of shape (n_samples,)
        Probability of membership that was stated, from 0 to 1.
    n_bins : int, default=10
        Bins of equal width.

    Returns
    -------
    error : float
        Between 0, calibrated, and 1.

    Raises
    ------
    ValueError
        If the lengths differ or are zero, ``is_member`` is not of 0 and 1, or a probability is
        outside 0 to 1.

    See Also
    --------
    sklearn.calibration.calibration_curve : The same comparison, bin by bin.

    References
    ----------
    .. [1] Naeini, M. P., Cooper, G. F. and Hauskrecht, M. (2015). Obtaining well calibrated
       probabilities using Bayesian binning. AAAI '15, 2901-2907.

    Examples
    --------
    >>> from climbkit.metrics import expected_calibration_error
    >>> expected_calibration_error([True, False, False, True], [0.9, 0.1, 0.1, 0.5])
    0.2
    """
    is_member = column_or_1d(np.asarray(is_member))
    probability = column_or_1d(np.asarray(probability, dtype=np.float64))
    check_consistent_length(is_member, probability)
    if not len(probability):
        raise ValueError("expected_calibration_error needs at least one row.")
    if not np.isin(is_member, (0, 1)).all():
        raise ValueError("is_member must be a boolean mask, or of 0 and 1.")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probability must hold numbers from 0 to 1.")
    bins = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    surplus = np.bincount(bins, weights=probability - is_member.astype(float))
    return float(np.abs(surplus).sum() / len(probability))
