"""SS-DBSCAN: the published labels, the rule, names of clusters, new points, bad input."""

import pickle
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.cluster import DBSCAN
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure
from sklearn.preprocessing import StandardScaler

from climbkit import SSDBSCAN, KinematicTails
from climbkit.kernels._kdtree import build_tree

sys.path.insert(0, str(Path(__file__).parent))
import _published


def small_leaves():
    """Let few rows already make a tree of many nodes."""
    return patch("climbkit.cluster._ssdbscan.build_tree", lambda X: build_tree(X, leaf_size=3))


@pytest.fixture
def blobs():
    centers = [[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]]
    return make_blobs([60, 80, 100], centers=centers, cluster_std=0.5, random_state=1)[0]


@settings(max_examples=50, deadline=None)
@given(st.data(), st.sampled_from([0.4, 1.0, np.sqrt(2), 2.0]), st.integers(1, 6))
def test_labels_are_those_of_the_published_algorithm(data, eps, min_samples):
    values = data.draw(st.sampled_from([st.integers(0, 4).map(float), st.floats(0, 4)]))
    n_rows, n_columns = data.draw(st.integers(1, 50)), data.draw(st.integers(1, 4))
    X = data.draw(arrays(np.float64, (n_rows, n_columns), elements=values))
    important = data.draw(arrays(bool, n_rows))
    expected = _published.ssdbscan(X, eps, min_samples, important)
    with small_leaves():
        found = SSDBSCAN(eps, min_samples, lambda X: important).fit(X).labels_
    np.testing.assert_array_equal(found, expected)


def test_labels_are_those_of_the_published_algorithm_on_letter_like_data():
    rng = np.random.default_rng(0)
    letters = rng.integers(2, 12, size=(12, 16))[rng.integers(0, 12, 1500)]
    X = np.clip(letters + rng.integers(-3, 4, size=(1500, 16)), 0, 15).astype(float)

    def loud(X):
        return (X[:, [5, 6, 7, 8, 10, 11, 12, 13, 14, 15]] >= 13).any(axis=1)

    expected = _published.ssdbscan(X, 8, 17, loud(X))
    assert len(np.unique(expected)) > 10
    np.testing.assert_array_equal(SSDBSCAN(8, 17, loud).fit(X).labels_, expected)


def test_rr_lyrae_give_the_published_scores(data_folder):
    from climbkit.datasets import load_rr_lyrae

    catalogue = load_rr_lyrae(data_home=data_folder)
    X = StandardScaler().fit_transform(catalogue.data)
    rule = KinematicTails()
    assert rule(X).sum() == 3
    labels = SSDBSCAN(eps=0.15, min_samples=16, importance=rule).fit(X).labels_
    known = catalogue.target >= 0
    truth, found = catalogue.target[known], labels[known]
    assert known.sum() == 468
    assert adjusted_rand_score(truth, found) == pytest.approx(0.040, abs=5e-4)
    homogeneity, completeness, _ = homogeneity_completeness_v_measure(truth, found)
    assert homogeneity == pytest.approx(0.024, abs=5e-4)
    assert completeness == pytest.approx(0.465, abs=5e-4)


def test_without_a_rule_it_is_dbscan(blobs):
    ours = SSDBSCAN(eps=0.5, min_samples=8).fit(blobs)
    # No two blobs are at exactly eps, where the two differ.
    theirs = DBSCAN(eps=0.5, min_samples=8).fit(blobs)
    np.testing.assert_array_equal(ours.core_sample_indices_, theirs.core_sample_indices_)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)


def test_neighbours_at_exactly_eps_do_not_count():
    X = np.array([[0.0], [1.0], [2.0]])
    assert SSDBSCAN(eps=1.0, min_samples=2).fit(X).labels_.tolist() == [-1, -1, -1]
    assert SSDBSCAN(eps=1.0 + 1e-12, min_samples=2).fit(X).labels_.tolist() == [0, 0, 0]


def test_unimportant_rows_end_a_cluster_but_may_start_one():
    X = np.arange(8.0)[:, None]
    model = SSDBSCAN(eps=1.5, min_samples=2, importance=lambda X: X[:, 0] > 3).fit(X)
    assert model.labels_.tolist() == [0, 0, 1, 1, 2, 2, 2, 2]
    assert model.core_sample_indices_.tolist() == [0, 2, 4, 5, 6, 7]


def test_the_first_cluster_to_reach_a_row_keeps_it():
    X = np.array([[0.0], [0.9], [1.8]])
    none = SSDBSCAN(eps=1.0, min_samples=2, importance=lambda X: np.zeros(len(X), bool))
    assert none.fit(X).labels_.tolist() == [0, 0, 1]
    assert none.fit(X[::-1]).labels_.tolist() == [0, 0, 1]


def test_clusters_take_the_label_of_most_of_their_known_rows(blobs):
    groups = SSDBSCAN(eps=1.0, min_samples=5).fit(blobs).labels_
    y = np.full(len(blobs), -1)
    first, second = np.flatnonzero(groups == 0), np.flatnonzero(groups == 1)
    y[first[:5]] = [9, 9, 9, 4, 4]
    y[second[:4]] = [7, 7, 3, 3]
    labels = SSDBSCAN(eps=1.0, min_samples=5).fit(blobs, y).labels_
    np.testing.assert_array_equal(labels, np.array([9, 3, 10, -1])[groups])


def test_known_rows_do_not_change_the_clusters(blobs):
    y = np.arange(len(blobs)) % 7 - 1
    plain = SSDBSCAN(eps=0.4, min_samples=8).fit(blobs)
    named = SSDBSCAN(eps=0.4, min_samples=8).fit(blobs, y)
    np.testing.assert_array_equal(named.core_sample_indices_, plain.core_sample_indices_)
    np.testing.assert_array_equal(named.labels_ == -1, plain.labels_ == -1)


def test_new_points_join_the_nearest_core_sample(blobs):
    model = SSDBSCAN(eps=0.5, min_samples=8).fit(blobs)
    core = blobs[model.core_sample_indices_]
    points = np.random.default_rng(0).uniform(-2, 7, size=(200, 2))
    distances = np.linalg.norm(points[:, None] - core[None], axis=2)
    nearest = model.labels_[model.core_sample_indices_][distances.argmin(axis=1)]
    expected = np.where(distances.min(axis=1) < 0.5, nearest, -1)
    np.testing.assert_array_equal(model.predict(points), expected)
    assert (expected >= 0).any()


@settings(max_examples=20, deadline=None)
@given(arrays(np.float64, (30, 2), elements=st.integers(0, 6).map(float)), arrays(bool, 30))
def test_predict_gives_training_rows_their_own_label(X, important):
    model = SSDBSCAN(eps=1.5, min_samples=4, importance=lambda X: important).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_predict_says_noise_where_nothing_was_found():
    model = SSDBSCAN(eps=0.1, min_samples=3).fit(np.arange(10.0)[:, None])
    assert model.core_sample_indices_.size == 0
    assert model.predict([[3.0], [3.05]]).tolist() == [-1, -1]


def test_pandas_clone_and_pickle_give_the_same_labels(blobs):
    model = SSDBSCAN(eps=0.5, min_samples=8, importance=KinematicTails(fraction=0.9))
    expected = clone(model).fit(blobs).labels_
    frame = pd.DataFrame(blobs, columns=["Lz", "Energy"], index=np.arange(len(blobs))[::-1])
    fitted = model.fit(frame)
    np.testing.assert_array_equal(fitted.labels_, expected)
    assert fitted.feature_names_in_.tolist() == ["Lz", "Energy"]
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(frame), expected)
    rebuilt = SSDBSCAN.from_dict(model.to_dict())
    np.testing.assert_array_equal(rebuilt.fit(blobs).labels_, expected)


def test_one_row_equal_rows_and_a_constant_column_are_clustered():
    assert SSDBSCAN().fit([[1.0, 2.0]]).labels_.tolist() == [-1]
    assert SSDBSCAN(min_samples=1).fit([[1.0, 2.0]]).labels_.tolist() == [0]
    assert SSDBSCAN().fit(np.ones((100, 3))).labels_.tolist() == [0] * 100
    X = np.column_stack([np.repeat([0.0, 9.0], 50), np.full(100, 7.0)])
    assert SSDBSCAN().fit(X).labels_.tolist() == [0] * 50 + [1] * 50


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(value):
    with pytest.raises(ValueError, match="Input X contains"):
        SSDBSCAN().fit([[0.0], [value]])


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="0 sample"):
        SSDBSCAN().fit(np.empty((0, 3)))


@pytest.mark.parametrize(
    ("y", "message"),
    [([0, 1], "inconsistent"), ([0.5, -1, -1], "fractions"), ([np.nan, 0, 0], "NaN")],
)
def test_labels_that_do_not_fit_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        SSDBSCAN().fit(np.zeros((3, 1)), y)


@pytest.mark.parametrize(
    "parameters", [{"eps": 0.0}, {"eps": np.inf}, {"min_samples": 0}, {"importance": "tails"}]
)
def test_parameters_out_of_range_are_named(parameters):
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter of SSDBSCAN"):
        SSDBSCAN(**parameters).fit(np.zeros((3, 1)))


@pytest.mark.parametrize(
    ("importance", "message"),
    [
        (lambda X: np.ones(2, bool), r"shape \(3,\); got shape \(2,\)"),
        (lambda X: np.ones((3, 1), bool), r"got shape \(3, 1\)"),
        (lambda X: X[:, 0], "must return booleans; got an array of dtype float64"),
    ],
)
def test_a_rule_that_is_no_mask_is_refused(importance, message):
    with pytest.raises(ValueError, match=message):
        SSDBSCAN(importance=importance).fit(np.zeros((3, 1)))


def test_a_rule_cannot_change_the_features():
    def shift(X):
        X += 1
        return np.ones(len(X), bool)

    with pytest.raises(ValueError, match="read-only"):
        SSDBSCAN(importance=shift).fit(np.zeros((3, 1)))


def test_kinematic_tails_marks_low_lz_and_high_energy():
    X = np.array([[0.0, 0.0, 5.0], [15.0, 0.0, 5.0], [16.0, 85.0, 5.0], [100.0, 100.0, 5.0]])
    assert KinematicTails()(X).tolist() == [True, True, True, True]
    assert KinematicTails(fraction=0.1)(X).tolist() == [True, False, False, True]
    swapped = KinematicTails(lz_column=1, energy_column=0, fraction=0.1)
    assert swapped(X).tolist() == [True, True, False, True]


def test_kinematic_tails_names_a_column_that_is_not_there():
    with pytest.raises(ValueError, match=r"energy_column=4 is out of range: X has 3 columns"):
        KinematicTails(energy_column=4)(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="The 'fraction' parameter of KinematicTails"):
        KinematicTails(fraction=1.5)(np.zeros((5, 3)))
