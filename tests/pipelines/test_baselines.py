import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import make_blobs

from climbkit.pipelines._baselines import (
    ACCEPTED_SEEDS,
    copy_seeds,
    group_gaussians,
    label_spreading,
    nearest_centroid,
    nearest_seed,
)


@pytest.fixture(scope="module")
def blobs():
    """Two groups of 40 with 20 seeds each, one of a single seed, and a field."""
    X, groups = make_blobs(
        [40, 40, 1], centers=[[0, 0], [6, 0], [0, 6]], cluster_std=0.5, random_state=0
    )
    X = np.vstack([X, np.random.default_rng(0).uniform(-10, 15, (200, 2))])
    y = np.full(len(X), -1)
    for group in range(3):
        rows = np.flatnonzero(groups == group)[:20]
        y[rows] = group
    return X, y, np.r_[groups, np.full(200, -1)]


def gaussians(X, y):
    return group_gaussians(X, y, np.full(len(X), -5.0))


GATED = [nearest_centroid, nearest_seed, gaussians]


@pytest.mark.parametrize("baseline", [copy_seeds, *GATED, label_spreading])
def test_seeds_keep_their_label(baseline, blobs):
    X, y, _ = blobs
    np.testing.assert_array_equal(baseline(X, y).labels[y != -1], y[y != -1])


@pytest.mark.parametrize("baseline", GATED)
def test_hidden_members_are_found_and_most_of_the_field_is_not(baseline, blobs):
    X, y, truth = blobs
    labels = baseline(X, y).labels
    hidden = (truth != -1) & (y == -1)
    assert np.mean(labels[hidden] == truth[hidden]) > 0.8
    assert np.mean(labels[truth == -1] == -1) > 0.6


@pytest.mark.parametrize("baseline", GATED)
def test_answer_is_the_score_cut_at_one_place(baseline, blobs):
    X, y, _ = blobs
    answer = baseline(X, y)
    inside = (answer.labels != -1) & (y == -1)
    outside = answer.labels == -1
    assert answer.score[inside].min() > answer.score[outside].max()
    np.testing.assert_array_equal(answer.labels[inside], answer.group[inside])


@pytest.mark.parametrize("baseline", GATED)
def test_limit_lets_in_the_stated_share_of_seeds_as_if_each_were_hidden(baseline, blobs):
    X, y, _ = blobs
    answer = baseline(X, y)
    lowest_let_in = answer.score[(answer.labels != -1) & (y == -1)].min()
    n_rejected = 0
    seeds = np.flatnonzero((y == 0) | (y == 1))[::2]
    for seed in seeds:
        hidden = y.copy()
        hidden[seed] = -1
        n_rejected += baseline(X, hidden).score[seed] < lowest_let_in
    # The nearest member that was let in lies somewhat within the limit.
    assert n_rejected <= np.ceil((1 - ACCEPTED_SEEDS) * len(seeds)) + 1


def test_centroid_limit_is_that_of_means_without_the_seed(blobs):
    X, y, _ = blobs
    precision = np.linalg.inv(np.cov(X.T))
    costs = []
    for seed in np.flatnonzero((y == 0) | (y == 1)):
        others = (y == y[seed]) & (np.arange(len(y)) != seed)
        mean = X[others].mean(axis=0)[None]
        costs.append(cdist(X[[seed]], mean, "mahalanobis", VI=precision)[0, 0])
    limit = np.quantile(costs, ACCEPTED_SEEDS)
    answer = nearest_centroid(X, y)
    unseen = y == -1
    np.testing.assert_array_equal(answer.labels[unseen] != -1, -answer.score[unseen] <= limit)


def test_label_spreading_rejects_nobody(blobs):
    X, y, _ = blobs
    assert (label_spreading(X, y).labels != -1).all()
