"""The seed stars of the published CLiMB benchmark."""

from numbers import Real

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params


@validate_params(
    {"catalogue": [Bunch], "percentage": [Interval(Real, 0, 100, closed="right")]},
    prefer_skip_nested_validation=True,
)
def published_seeds(catalogue, percentage):
    """Give the seed stars of the published protocol.

    The members of a group, in the order of its file, are sorted by Euclidean distance from the
    published centroid in raw units, and evenly spaced entries of that order become seeds: the
    nearest and the farthest member are always among them (the nearest alone, if one is taken).

    Parameters
    ----------
    catalogue : :class:`~sklearn.utils.Bunch`
        As :func:`load_rr_lyrae` returns it.
    percentage : float
        Percent of each group that becomes seeds, above 0 and up to 100; at least one star each.

    Returns
    -------
    seeds : dict of int to dict
        By group label, in the published order (5, 3, 1, 11, 15, 10, 6, 4). ``"rows"`` are the rows
        of the seeds in the catalogue. ``"file_rows"`` are their row numbers inside the group's
        own file: the published benchmark took these for catalogue rows in the constraints of
        C-DBSCAN, which therefore join other stars.

    Raises
    ------
    ValueError
        If `percentage` is out of range.

    Notes
    -----
    The distances are ruled by Energy, whose numbers are the largest. The centroids are means of all
    members, so that even the choice of seeds has seen what is held out.

    References
    ----------
    .. [1] https://github.com/LorenzoMonti/RRLs-Clustering-Benchmark

    Examples
    --------
    >>> from climbkit.datasets import load_rr_lyrae, published_seeds
    >>> seeds = published_seeds(load_rr_lyrae(), 90)  # doctest: +SKIP
    >>> len(seeds[10]["rows"])  # doctest: +SKIP
    315
    """
    data = np.asarray(catalogue.data)
    seeds = {}
    for label, members in catalogue.group_rows.items():
        distance = cdist(data[members], catalogue.centroids[label][None, :])[:, 0]
        order = np.argsort(distance, kind="stable")
        # Grouped as in the published code: n * p / 100 rounds otherwise for some percentages.
        n_seeds = max(1, int(len(members) * (percentage / 100.0)))
        taken = order[np.linspace(0, len(order) - 1, n_seeds, dtype=int)]
        seeds[label] = {"rows": members[taken], "file_rows": taken}
    return seeds
