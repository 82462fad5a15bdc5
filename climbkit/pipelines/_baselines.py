"""Trivial answers that a method has to beat, each made from the seeds alone."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from sklearn.semi_supervised import LabelSpreading

from climbkit.base import NOISE, UNLABELLED

# A radius or threshold is set where this share of the seeds, each treated as if it had been
# hidden, would still be let in. Nothing else is known before the answers are looked at.
ACCEPTED_SEEDS = 0.95

# Components of the mixture that stands for "any star"; 10 and 20 give the same ranking.
BACKGROUND_COMPONENTS = 20


class Answer(NamedTuple):
    """Labels; where the method has them, a score (higher: likelier a member) and whose.

    Also, where it states one, the probability of being a member of any group.
    """

    labels: np.ndarray
    score: np.ndarray | None = None
    group: np.ndarray | None = None
    probability: np.ndarray | None = None


def copy_seeds(X, y):
    """Answer with the seeds, and call all other rows noise."""
    return Answer(y.copy())


def nearest_centroid(X, y):
    """Nearest mean of a group's seeds, in the Mahalanobis distance of all rows."""
    precision = np.linalg.inv(np.cov(X.T))
    groups = _groups(y)
    centres = np.array([X[y == group].mean(axis=0) for group in groups])
    distance = cdist(X, centres, "mahalanobis", VI=precision)
    hidden = []
    for k, group in enumerate(groups):
        n_seeds = np.sum(y == group)
        if n_seeds > 1:  # without itself, a seed is n / (n - 1) times as far from the mean
            hidden.append(distance[y == group, k] * n_seeds / (n_seeds - 1))
    return _within_limit(distance, hidden, groups, y)


def nearest_seed(X, y):
    """Group of the nearest seed, within one radius for all groups (Euclidean)."""
    groups = _groups(y)
    trees = [KDTree(X[y == group]) for group in groups]
    distance = np.column_stack([tree.query(X)[0] for tree in trees])
    hidden = [tree.query(tree.data, k=2)[0][:, 1] for tree in trees if tree.n > 1]
    return _within_limit(distance, hidden, groups, y)


def label_spreading(X, y):
    """scikit-learn's LabelSpreading over the nearest neighbours; it rejects nobody."""
    spread = LabelSpreading(kernel="knn", max_iter=1000).fit(X, y)
    return Answer(spread.transduction_, spread.label_distributions_.max(axis=1))


def background_log_density(X):
    """Log-density of a mixture fitted to all rows, whatever their labels."""
    return GaussianMixture(BACKGROUND_COMPONENTS, random_state=0).fit(X).score_samples(X)


def group_gaussians(X, y, background):
    """Likelihood ratio of a Gaussian per group, weighted by its seeds, over the background."""
    groups = _groups(y)
    pooled = _pooled_covariance(X, y, groups)
    n_seeds = np.array([np.sum(y == group) for group in groups])
    weight = n_seeds / n_seeds.sum()

    def log_ratio(members, k, rows):
        mean, covariance = members.mean(axis=0), _shrunk_covariance(members, pooled)
        density = multivariate_normal(mean, covariance).logpdf(X[rows])
        return density + np.log(weight[k]) - background[rows]

    everyone, cost, hidden = np.arange(len(X)), [], []
    for k, group in enumerate(groups):
        seeds = np.flatnonzero(y == group)
        cost.append(-log_ratio(X[seeds], k, everyone))
        if len(seeds) > 1:
            rest = [np.delete(seeds, i) for i in range(len(seeds))]
            ratios = [log_ratio(X[r], k, seed) for seed, r in zip(seeds, rest, strict=True)]
            hidden.append(-np.array(ratios))
    return _within_limit(np.column_stack(cost), hidden, groups, y)


def _groups(y):
    return np.unique(y[y != UNLABELLED])


def _within_limit(cost, hidden, groups, y):
    """Cheapest group of each row where the cost is within the limit that the seeds set."""
    lowest = cost.min(axis=1)
    limit = np.quantile(np.concatenate(hidden), ACCEPTED_SEEDS)
    cheapest = groups[cost.argmin(axis=1)]
    labels = np.where(lowest <= limit, cheapest, NOISE)
    labels[y != UNLABELLED] = y[y != UNLABELLED]
    return Answer(labels, -lowest, cheapest)


def _pooled_covariance(X, y, groups):
    """Covariance of the seeds around the mean of their own group."""
    offsets = [X[y == group] - X[y == group].mean(axis=0) for group in groups]
    freedom = np.sum(y != UNLABELLED) - len(groups)
    return sum(part.T @ part for part in offsets) / freedom


def _shrunk_covariance(members, pooled):
    """Covariance of one group, with as many pseudo-members of the pooled one as features."""
    n_members, n_pseudo = members.shape
    offsets = members - members.mean(axis=0)
    return (offsets.T @ offsets + n_pseudo * pooled) / (n_members - 1 + n_pseudo)
