"""Every method with the same random seeds, scored on what was hidden from all of them."""

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_random_state

from climbkit.base import NOISE, UNLABELLED
from climbkit.cluster import CLiMB, KBound
from climbkit.metrics import (
    acceptance_rate,
    expected_calibration_error,
    held_out_ari,
    held_out_recall,
    open_set_ari,
)
from climbkit.metrics._scores import held_out_rows
from climbkit.model_selection import hide_seeds
from climbkit.pipelines import _baselines
from climbkit.pipelines._baselines import Answer
from climbkit.pipelines._settings import (
    chi_squared_kbound,
    published_cdbscan,
    published_climb,
    published_kbound,
    published_ssdbscan,
)

# Share of judged non-members at which scores are compared: what CLiMB lets in with the
# published thresholds, so that every method may make as many mistakes as it does.
MATCHED_ACCEPTANCE = 0.076

RECOMMENDED = "KBound, recommended"


def held_out(catalogue, X, percentages, n_splits, random_state, advance):
    """Score every method on every split.

    Parameters
    ----------
    catalogue : Bunch
        As `climbkit.datasets.load_rr_lyrae` returns it.
    X : ndarray of shape (n_samples, n_features)
        Scaled features.
    percentages : sequence of int
        Percentages of each group that become seeds.
    n_splits : int
        Random stratified splits at each percentage.
    random_state : int
        Draws the splits.
    advance : callable
        Called with a name as each step begins.

    Returns
    -------
    rows, matched_rows : list of dict
        One per split and method: scores of the method's own answer; and, for methods that rank
        stars, scores where the threshold lets in the same share of judged non-members.
    """
    rng = check_random_state(random_state)
    methods = _methods(_baselines.background_log_density(X))
    rows, matched_rows = [], []
    for percentage in percentages:
        share = 1 - percentage / 100
        for split in range(n_splits):
            advance(f"{percentage} % seeds, split {split + 1}")
            y = hide_seeds(catalogue.target, test_size=share, random_state=rng)
            rejects = _draw(catalogue.judged, share, rng)
            for name, method in methods.items():
                answer = method(X, y)
                key = {"seeds_percent": percentage, "method": name, "split": split}
                rows.append({**key, **_scores(catalogue, answer.labels, y, rejects)})
                rows[-1]["auroc"] = _auroc(catalogue, answer.score, y)
                rows[-1]["calibration_error"] = _calibration(catalogue, answer.probability, y)
                if answer.group is not None:
                    labels = _at_matched_acceptance(answer, catalogue.judged, y)
                    matched_rows.append({**key, **_scores(catalogue, labels, y, rejects)})
                    matched_rows[-1]["auroc"] = rows[-1]["auroc"]
    return rows, matched_rows


def _methods(background):
    """Name → function of (X, y) that returns an `Answer`, all from the seeds alone."""
    return {
        "CLiMB, published thresholds": lambda X, y: _climb(published_climb(), X, y),
        "CLiMB, defaults": lambda X, y: _climb(CLiMB(), X, y),
        "KBound, published thresholds": lambda X, y: Answer(published_kbound().fit(X, y).labels_),
        "KBound, group covariances + chi-squared": lambda X, y: _kbound(chi_squared_kbound(), X, y),
        RECOMMENDED: lambda X, y: _kbound(KBound.recommended(), X, y),
        "C-DBSCAN": lambda X, y: Answer(published_cdbscan("skip").fit(X, y).labels_),
        "C-DBSCAN, published code": lambda X, y: Answer(published_cdbscan().fit(X, y).labels_),
        "SS-DBSCAN": lambda X, y: Answer(published_ssdbscan().fit(X, y).labels_),
        "copy the seeds": _baselines.copy_seeds,
        "nearest centroid": _baselines.nearest_centroid,
        "1-NN within a radius": _baselines.nearest_seed,
        "LabelSpreading": _baselines.label_spreading,
        "Gaussian per group": lambda X, y: _baselines.group_gaussians(X, y, background),
    }


def _climb(climb, X, y):
    climb.fit(X, y)
    return _ranked(climb.kbound_, climb.labels_, X)


def _kbound(kbound, X, y):
    kbound.fit(X, y)
    return _ranked(kbound, kbound.labels_, X)


def _ranked(kbound, labels, X):
    """Answer with the score that the gate goes by."""
    path = kbound.decision_path(X)
    if "probability" in path:
        score, group = path["probability"].to_numpy(), path["likeliest_cluster"].to_numpy()
        return Answer(labels, score, group, 1 - kbound.predict_proba(X)[:, -1])
    return Answer(
        labels, -path["distance_to_nearest"].to_numpy(), path["nearest_cluster"].to_numpy()
    )


def _scores(catalogue, labels, y, rejects):
    target = catalogue.target
    return {
        "recall": held_out_recall(target, labels, y),
        "held_out_ari": held_out_ari(target, labels, y),
        "open_set_ari": open_set_ari(target, labels, rejects, y_partial=y),
        "acceptance": acceptance_rate(labels, catalogue.judged, target),
    }


def _auroc(catalogue, score, y):
    """Chance that a hidden member of any group scores higher than a judged non-member."""
    if score is None:
        return np.nan
    member = held_out_rows(catalogue.target, y)
    rows = member | catalogue.judged
    return float(roc_auc_score(member[rows], score[rows]))


def _calibration(catalogue, probability, y):
    """Calibration error on the hidden members and the judged non-members."""
    if probability is None:
        return np.nan
    member = held_out_rows(catalogue.target, y)
    rows = member | catalogue.judged
    return expected_calibration_error(member[rows], probability[rows])


def _at_matched_acceptance(answer, judged, y):
    """Labels where the threshold lets in the fixed share of judged non-members."""
    threshold = np.quantile(answer.score[judged], 1 - MATCHED_ACCEPTANCE)
    labels = np.where(answer.score >= threshold, answer.group, NOISE)
    return np.where(y != UNLABELLED, y, labels)


def _draw(judged, share, rng):
    """Mask of a random share of the judged non-members.

    The same share as that of the hidden members: the open-set score depends on how many stand
    against how many, and would not compare between percentages otherwise.
    """
    rows = np.flatnonzero(judged)
    drawn = np.zeros_like(judged)
    drawn[rng.permutation(rows)[: round(share * len(rows))]] = True
    return drawn
