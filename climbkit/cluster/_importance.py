"""Rules that tell which rows may hand their cluster on (SS-DBSCAN)."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval

from climbkit.base import BuilderMixin

# The share of the range on either side that the RR Lyrae benchmark calls a tail.
RR_LYRAE_FRACTION = 0.15


class KinematicTails(BuilderMixin, BaseEstimator):
    """Mark stars on strongly retrograde or weakly bound orbits as important.

    A star is important if its angular momentum Lz lies in the lowest part of the range of Lz, or
    its energy in the highest part of the range of energies: the rule of the RR Lyrae benchmark
    for `SSDBSCAN`.

    Parameters
    ----------
    lz_column : int, default=0
        Column of Lz.
    energy_column : int, default=1
        Column of the orbital energy.
    fraction : float, default=0.15
        Part of each range that counts as its tail, between 0 and 1.

    Notes
    -----
    The ranges are those of the array given, so that one outlier on either side moves the rule:
    of the 4,933 RR Lyrae of the benchmark it marks three.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.cluster import KinematicTails
    >>> stars = np.array([[-3000.0, -1.5e5], [0.0, -1.8e5], [500.0, -1.7e5], [800.0, -0.9e5]])
    >>> KinematicTails()(stars)
    array([ True, False, False,  True])
    """

    _parameter_constraints = {
        "lz_column": [Interval(Integral, 0, None, closed="left")],
        "energy_column": [Interval(Integral, 0, None, closed="left")],
        "fraction": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(self, lz_column=0, energy_column=1, fraction=RR_LYRAE_FRACTION):
        self.lz_column = lz_column
        self.energy_column = energy_column
        self.fraction = fraction

    def __call__(self, X):
        """Tell which rows are important.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, Lz and energy among them, in any unit or scaled.

        Returns
        -------
        important : ndarray of shape (n_samples,), dtype bool
            True in the tail of Lz or of energy.

        Raises
        ------
        ValueError
            If X has no such columns, or holds NaN or infinity.
        """
        self._validate_params()
        X = check_array(X, dtype=np.float64)
        for name in ("lz_column", "energy_column"):
            if getattr(self, name) >= X.shape[1]:
                raise ValueError(
                    f"{name}={getattr(self, name)} is out of range: X has {X.shape[1]} columns, "
                    "numbered from 0."
                )
        lz, energy = X[:, self.lz_column], X[:, self.energy_column]
        lz_limit = lz.min() + self.fraction * (lz.max() - lz.min())
        energy_limit = energy.max() - self.fraction * (energy.max() - energy.min())
        return (lz <= lz_limit) | (energy >= energy_limit)
