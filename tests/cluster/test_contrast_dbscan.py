"""ContrastDBSCAN: eps that follows the field, units and order of rows that do not matter."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN
from sklearn.neighbors import KernelDensity

from climbkit import ContrastDBSCAN
from climbkit.cluster import _contrast_dbscan

DENSE, THIN = slice(3000, 3060), slice(3060, 3120)


@pytest.fixture(scope="module")
def field():
    """A Gaussian field with a small group in its body and a wide one in its outskirts."""
    rng = np.random.default_rng(1)
    groups = [rng.normal([0.6, 0.0, 0.0], 0.1, (60, 3)), rng.normal([0, 2.5, 0.5], 0.25, (60, 3))]
    return np.vstack([rng.normal(size=(3000, 3)), *groups])


def best_jaccard(labels, members):
    inside = np.isin(np.arange(len(labels)), np.arange(len(labels))[members])
    names = np.unique(labels[labels >= 0])
    return max(
        (np.sum((labels == k) & inside) / np.sum((labels == k) | inside) for k in names), default=0
    )


def test_groups_are_found_in_dense_and_in_thin_places(field):
    labels = ContrastDBSCAN().fit(field).labels_
    assert best_jaccard(labels, DENSE) > 0.5
    assert best_jaccard(labels, THIN) > 0.5
    for eps in (0.15, 0.2, 0.3, 0.4, 0.5):
        one_eps = DBSCAN(eps=eps, min_samples=16).fit(field).labels_
        assert min(best_jaccard(one_eps, DENSE), best_jaccard(one_eps, THIN)) < 0.4


def test_higher_contrast_takes_fewer_rows(field):
    taken = [np.sum(ContrastDBSCAN(c).fit(field).labels_ >= 0) for c in (2.0, 3.0, 5.0, 500.0)]
    assert taken == sorted(taken, reverse=True)
    assert taken[0] > taken[2] > 0
    assert taken[3] == 0


def test_labels_are_those_of_the_definition(field):
    """Cores, joined in pairs and with their borders, over all distances."""
    X = field[::2]
    found = ContrastDBSCAN(2.0, min_samples=6, min_cluster_size=10).fit(X)
    D, eps = cdist(found._transformed(X), found._transformed(X)), found.eps_
    core = np.flatnonzero((eps[:, None] >= D).sum(axis=1) >= 6)
    between = D[np.ix_(core, core)]
    names = connected_components(between <= np.minimum(eps[core][:, None], eps[core]))[1]
    nearest = D[:, core].argmin(axis=1)
    within = D[np.arange(len(X)), core[nearest]] <= eps[core[nearest]]
    sizes = np.bincount(names[nearest][within])
    core = core[sizes[names] >= 10]
    np.testing.assert_array_equal(found.core_sample_indices_, core)
    between = D[np.ix_(core, core)]
    names = connected_components(between <= np.minimum(eps[core][:, None], eps[core]))[1]
    nearest = D[:, core].argmin(axis=1)
    within = D[np.arange(len(X)), core[nearest]] <= eps[core[nearest]]
    expected = np.where(within, names[nearest], -1)
    assert len(np.unique(names)) > 2
    pairs = np.unique(np.column_stack([expected, found.labels_]), axis=0)
    assert len(pairs) == len(np.unique(expected)) == len(np.unique(found.labels_))
    np.testing.assert_array_equal(expected == -1, found.labels_ == -1)


def test_pairs_in_pieces_join_the_same_groups(field, monkeypatch):
    whole = ContrastDBSCAN(2.0, min_samples=6).fit(field)
    monkeypatch.setattr(_contrast_dbscan, "MAX_PAIRS", 50)
    pieces = ContrastDBSCAN(2.0, min_samples=6).fit(field)
    assert whole.labels_.max() > 1
    np.testing.assert_array_equal(pieces.labels_, whole.labels_)


def test_field_of_many_rows_is_fitted_to_some_of_them(field, monkeypatch):
    monkeypatch.setattr(_contrast_dbscan, "FIT_ROWS", 600)
    found = ContrastDBSCAN().fit(field)
    assert best_jaccard(found.labels_, DENSE) > 0.5
    assert best_jaccard(found.labels_, THIN) > 0.5


def test_smaller_groups_are_noise(field):
    for least in (1, 40, 100):
        sizes = np.bincount(ContrastDBSCAN(min_cluster_size=least).fit(field).labels_ + 1)[1:]
        assert (sizes >= least).all()
    assert len(sizes) == 0


def test_units_do_not_matter(field):
    a = ContrastDBSCAN().fit(field)
    b = ContrastDBSCAN().fit(field * [1e5, 1.0, 1e-3] + [0.0, 7.0, 0.0])
    np.testing.assert_array_equal(a.labels_, b.labels_)


def test_order_of_rows_does_not_matter(field):
    order = np.random.default_rng(0).permutation(len(field))
    a, b = ContrastDBSCAN().fit(field), ContrastDBSCAN().fit(field[order])
    np.testing.assert_array_equal(a.labels_[order], b.labels_)
    np.testing.assert_array_equal(a.eps_[order], b.eps_)


def test_any_density_estimator_tells_what_to_expect(field):
    found = ContrastDBSCAN(null=KernelDensity(bandwidth=0.5, rtol=1e-3)).fit(field)
    assert best_jaccard(found.labels_, DENSE) > 0.5


def test_new_rows_join_the_nearest_group(field):
    found = ContrastDBSCAN().fit(field)
    np.testing.assert_array_equal(found.predict(field), found.labels_)
    np.testing.assert_array_equal(found.predict(field + 1e-9), found.labels_)
    new = found.predict([[0.6, 0.0, 0.0], [0.0, 2.5, 0.5], [50.0, 0.0, 0.0]])
    assert new[0] == np.bincount(found.labels_[DENSE] + 1).argmax() - 1
    assert new[1] == np.bincount(found.labels_[THIN] + 1).argmax() - 1
    assert new[0] >= 0
    assert new[1] >= 0
    assert new[2] == -1


def test_roles_follow_from_the_rows_in_the_ball(field):
    found = ContrastDBSCAN(min_cluster_size=1).fit(field)
    path = found.decision_path(pd.DataFrame(field, index=np.arange(len(field)) + 7))
    assert path.index[0] == 7
    np.testing.assert_array_equal(path["role"] == "core", path["n_neighbors_eps"] >= 16)
    np.testing.assert_array_equal(path["role"] == "core", path["eps_margin"] >= 0)
    np.testing.assert_array_equal(
        np.flatnonzero(path["role"] == "core"), found.core_sample_indices_
    )
    np.testing.assert_array_equal(path["role"] == "noise", found.labels_ == -1)
    np.testing.assert_allclose(path["eps"], found.eps_)
    assert (path.loc[path["role"] != "noise", "distance_to_nearest_core"] < 1).all()
    new = found.decision_path(field[:5] + 1e-9)
    assert (new["role"] == "new").all()
    # A new row counts itself: it needs one neighbour fewer than the rows that it lies beside.
    assert (new["core_distance"].to_numpy() <= path["core_distance"].to_numpy()[:5] + 1e-6).all()


def test_equal_rows_constant_columns_and_few_rows_work():
    assert ContrastDBSCAN().fit([[1.0, 2.0]]).labels_.tolist() == [-1]
    assert ContrastDBSCAN().fit(np.ones((30, 2))).labels_.tolist() == [0] * 30
    rng = np.random.default_rng(0)
    spread = pd.DataFrame({"a": np.r_[np.zeros(60), rng.normal(size=600)], "b": 1.0})
    labels = ContrastDBSCAN().fit(spread).labels_
    assert len(np.unique(labels[:60])) == 1
    assert labels[0] >= 0


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[np.nan, 0.0]], "NaN"),
        ([[np.inf, 0.0]], "infinity"),
        (np.empty((0, 2)), "0 sample"),
        ([1.0, 2.0], "2D array"),
    ],
)
def test_bad_features_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        ContrastDBSCAN().fit(X)


@pytest.mark.parametrize(
    "settings",
    [{"contrast": 1.0}, {"min_samples": 1}, {"min_cluster_size": 0}, {"null": "smooth"}],
)
def test_bad_parameters_are_refused(field, settings):
    with pytest.raises(ValueError, match=f"'{next(iter(settings))}' parameter of ContrastDBSCAN"):
        ContrastDBSCAN(**settings).fit(field)
