"""The published protocol: seeds chosen around the published centroids, scored with the seeds."""

import warnings
from itertools import combinations

import numpy as np

from climbkit.base import UNLABELLED
from climbkit.datasets import published_seeds
from climbkit.metrics import score_report
from climbkit.pipelines._settings import published_cdbscan, published_climb, published_ssdbscan


def as_published(catalogue, X, centroids, percentages, advance):
    """Score every published method at every percentage of seeds.

    Parameters
    ----------
    catalogue : Bunch
        As `climbkit.datasets.load_rr_lyrae` returns it.
    X : ndarray of shape (n_samples, n_features)
        Scaled features.
    centroids : dict of int to ndarray of shape (n_features,)
        Published centroids, scaled.
    percentages : sequence of int
        Percentages of seeds.
    advance : callable
        Called with a name as each step begins.

    Returns
    -------
    rows : list of dict
        One per percentage and method.
    """
    target, rows = catalogue.target, []
    advance("SS-DBSCAN")
    unguided = published_ssdbscan().fit(X).labels_  # it never sees the seeds
    for percentage in percentages:
        seeds = published_seeds(catalogue, percentage)
        y = seed_labels(seeds, len(X))
        advance(f"CLiMB, {percentage} % seeds")
        climb = published_climb(init=centroids).fit(X, y)
        advance(f"C-DBSCAN, {percentage} % seeds")
        answers = {
            "CLiMB": climb.labels_,
            "copy the seeds": y,
            "SS-DBSCAN": unguided,
            "C-DBSCAN, constraints on the wrong rows": _cdbscan(X, seeds, "file_rows"),
            "C-DBSCAN, constraints on the right rows": _cdbscan(X, seeds, "rows"),
        }
        for method, labels in answers.items():
            scores = _scores(target, labels, y)
            if method != "CLiMB":  # clusters of the others have no names, so none is novel
                scores["novel_sizes"] = None
            rows.append({"seeds_percent": percentage, "method": method, **scores})
    return rows


def seed_labels(seeds, n_samples):
    """Partial labels from the rows of the seeds."""
    y = np.full(n_samples, UNLABELLED)
    for label, group in seeds.items():
        y[group["rows"]] = label
    return y


def published_links(seeds, which):
    """Constraints of the published benchmark: all pairs in a group; first seeds apart.

    Parameters
    ----------
    seeds : dict
        As `climbkit.datasets.published_seeds` returns it.
    which : {"rows", "file_rows"}
        Rows of the catalogue; or rows of the group files, which the published benchmark took
        for them.

    Returns
    -------
    must_link, cannot_link : ndarray of shape (n_pairs, 2)
        Row numbers.
    """
    rows = [group[which] for group in seeds.values()]
    must_link = [pair for group in rows for pair in combinations(group, 2)]
    cannot_link = list(combinations([group[0] for group in rows], 2))
    return np.array(must_link).reshape(-1, 2), np.array(cannot_link).reshape(-1, 2)


def _cdbscan(X, seeds, which):
    must_link, cannot_link = published_links(seeds, which)
    with warnings.catch_warnings():
        # On the wrong rows the constraints contradict each other, which is the point of the line.
        warnings.filterwarnings("ignore", "cannot_link holds", UserWarning)
        return published_cdbscan().fit(X, must_link=must_link, cannot_link=cannot_link).labels_


def _scores(target, labels, y):
    known = target != UNLABELLED
    all_shown = np.array_equal(y[known], target[known])
    report = score_report(target, labels, y_partial=None if all_shown else y)
    names = ("ari", "homogeneity", "completeness", "held_out_ari", "novel_sizes")
    return {name: report.get(name, np.nan) for name in names}
