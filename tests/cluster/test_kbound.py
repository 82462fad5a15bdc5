"""KBound: anchors, gates, metrics, bad input."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

from climbkit import KBound


@pytest.fixture
def blobs():
    centers = [[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]]
    X, truth = make_blobs([60, 80, 100], centers=centers, cluster_std=0.5, random_state=0)
    y = np.full(len(X), -1)
    for label, group in zip((7, 3, 12), range(3), strict=True):
        y[np.flatnonzero(truth == group)[:3]] = label
    return X, y, np.array([7, 3, 12])[truth]


def test_groups_keep_the_labels_of_their_seeds(blobs):
    X, y, truth = blobs
    labels = KBound(distance_threshold=3.0).fit(X, y).labels_
    np.testing.assert_array_equal(labels, truth)


def test_rows_beyond_the_distance_gate_are_noise(blobs):
    X, y, _ = blobs
    X = np.vstack([X, [[20.0, 20.0]]])
    kbound = KBound(distance_threshold=3.0).fit(X, np.append(y, -1))
    assert kbound.labels_[-1] == -1
    assert kbound.probabilities_[-1] == 0


def test_force_seeds_labels_seeds_that_no_gate_lets_in(blobs):
    X, y, _ = blobs
    X, y = np.vstack([X, [[20.0, 20.0]]]), np.append(y, 3)
    forced = KBound(distance_threshold=3.0).fit(X, y)
    free = KBound(distance_threshold=3.0, force_seeds=False).fit(X, y)
    assert (forced.labels_[-1], free.labels_[-1]) == (3, -1)
    assert not free.seed_mask_.any()


@pytest.mark.parametrize(("rule", "admitted"), [("min", "densest"), ("max", "sparsest")])
def test_density_rule_says_which_side_passes(rule, admitted):
    X = np.r_[np.linspace(0, 0.1, 30), 1.0][:, None]
    y = np.full(31, -1)
    y[0] = 0
    kbound = KBound(
        density_threshold=0.5,
        density_rule=rule,
        bandwidth=0.1,
        distance_threshold=np.inf,
        force_seeds=False,
    ).fit(X, y)
    sparse_row_in = kbound.labels_[-1] == 0
    assert sparse_row_in == (admitted == "sparsest")
    assert (kbound.labels_[15] == 0) == (admitted == "densest")


def test_projected_centre_rests_on_the_ball_and_held_centre_does_not_move(blobs):
    X, y, _ = blobs
    start = {7: [0.5, 0.5]}
    y = np.where(y == 7, 7, -1)
    settings = {"init": start, "radial_threshold": 0.1, "distance_threshold": 3.0}
    projected = KBound(radial_rule="project", **settings).fit(X, y).cluster_centers_[0]
    held = KBound(radial_rule="hold", **settings).fit(X, y).cluster_centers_[0]
    assert np.linalg.norm(projected - start[7]) == pytest.approx(0.1)
    np.testing.assert_array_equal(held, start[7])


def test_centre_within_its_ball_is_the_mean_of_its_members(blobs):
    X, y, truth = blobs
    kbound = KBound(distance_threshold=3.0, radial_threshold=np.inf, tol=0).fit(X, y)
    for label, center in zip(kbound.classes_, kbound.cluster_centers_, strict=True):
        np.testing.assert_allclose(center, X[truth == label].mean(axis=0))


def test_mahalanobis_without_covariance_uses_that_of_the_data(blobs):
    X, y, _ = blobs
    given = {"VI": np.linalg.inv(np.cov(X.T))}
    a = KBound(metric="mahalanobis", distance_threshold=0.5).fit(X, y)
    b = KBound(metric="mahalanobis", metric_params=given, distance_threshold=0.5).fit(X, y)
    np.testing.assert_array_equal(a.labels_, b.labels_)


def test_singular_covariance_is_no_obstacle(blobs):
    X, y, truth = blobs
    X = np.column_stack([X, np.full(len(X), 4.0)])
    labels = KBound(metric="mahalanobis", distance_threshold=2.0).fit(X, y).labels_
    np.testing.assert_array_equal(labels, truth)


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev", "seuclidean", "l2", "canberra"])
def test_metric_by_name_equals_its_callable(blobs, metric):
    X, y, _ = blobs
    variance = X.var(axis=0, ddof=1)
    by_hand = {
        "manhattan": lambda a, b: np.abs(a - b).sum(),
        "chebyshev": lambda a, b: np.abs(a - b).max(),
        "seuclidean": lambda a, b: np.sqrt(((a - b) ** 2 / variance).sum()),
        "l2": lambda a, b: np.sqrt(((a - b) ** 2).sum()),
        "canberra": lambda a, b: (np.abs(a - b) / (np.abs(a) + np.abs(b))).sum(),
    }[metric]
    named = KBound(metric=metric, distance_threshold=0.3).fit(X, y).labels_
    called = KBound(metric=by_hand, distance_threshold=0.3).fit(X, y).labels_
    np.testing.assert_array_equal(named, called)
    assert 0 < np.sum(named == -1) < len(X)


def test_init_by_mapping_array_and_seeds_agree(blobs):
    X, y, _ = blobs
    means = {label: X[y == label].mean(axis=0) for label in (3, 7, 12)}
    by_seeds = KBound().fit(X, y)
    by_mapping = KBound(init={12: means[12], 3: means[3]}).fit(X, y)
    by_array = KBound(init=np.array([means[3], means[7], means[12]])).fit(X, y)
    np.testing.assert_array_equal(by_seeds.labels_, by_mapping.labels_)
    np.testing.assert_array_equal(by_seeds.labels_, by_array.labels_)


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_drawn_centres_take_the_names_of_the_nearest_seeds(blobs, init):
    X, y, truth = blobs
    kbound = KBound(
        init=init, n_clusters=3, distance_threshold=np.inf, radial_threshold=np.inf, random_state=3
    ).fit(X, y)
    assert set(kbound.classes_) == {3, 7, 12}
    if init == "k-means++":
        np.testing.assert_array_equal(kbound.labels_, truth)


def test_further_centres_get_labels_after_the_largest(blobs):
    X, y, truth = blobs
    y = np.where(y == 12, -1, y)
    kbound = KBound(n_clusters=3, distance_threshold=3.0, random_state=0).fit(X, y)
    np.testing.assert_array_equal(kbound.classes_, [3, 7, 8])
    np.testing.assert_array_equal(kbound.labels_, np.where(truth == 12, 8, truth))


@pytest.mark.parametrize("init", ["seeds", "k-means++", "random"])
def test_result_does_not_depend_on_row_order(blobs, init):
    X, y, _ = blobs
    order = np.random.default_rng(1).permutation(len(X))
    settings = {"init": init, "n_clusters": 4, "density_threshold": 0.05, "random_state": 5}
    a = KBound(**settings).fit(X, y).labels_
    b = KBound(**settings).fit(X[order], y[order]).labels_
    np.testing.assert_array_equal(a[order], b)


def test_nothing_to_anchor_gives_noise_only(blobs):
    X, _, _ = blobs
    kbound = KBound().fit(X)
    assert (kbound.labels_ == -1).all()
    assert (kbound.predict(X + 1e-3) == -1).all()


@pytest.mark.parametrize("density_threshold", [0.0, 0.3])
def test_predict_repeats_the_fit_and_places_new_rows(blobs, density_threshold):
    X, y, _ = blobs
    kbound = KBound(distance_threshold=1.0, density_threshold=density_threshold).fit(X, y)
    np.testing.assert_array_equal(kbound.predict(X), kbound.labels_)
    moved = kbound.predict(X + 1e-9)
    free = ~kbound.seed_mask_
    np.testing.assert_array_equal(moved[free], kbound.labels_[free])
    assert kbound.predict([[6.1, 0.1]])[0] == 3
    assert kbound.predict([[30.0, 30.0]])[0] == -1


def test_clone_fits_alike_and_parameters_stay(blobs):
    X, y, _ = blobs
    start = {3: np.array([6.0, 0.0])}
    kbound = KBound(init=start, metric="mahalanobis", random_state=0)
    before = repr(kbound.get_params())
    labels = kbound.fit(X, y).labels_
    assert repr(kbound.get_params()) == before
    np.testing.assert_array_equal(clone(kbound).fit(X, y).labels_, labels)


def test_running_out_of_iterations_is_said(blobs):
    X, y, _ = blobs
    with pytest.warns(ConvergenceWarning, match="did not converge in max_iter=1"):
        kbound = KBound(max_iter=1, tol=1e-9).fit(X, y)
    assert not kbound.converged_


def test_one_row_equal_rows_and_constant_columns_work():
    assert KBound().fit([[1.0, 2.0]], [5]).labels_.tolist() == [5]
    equal = KBound(density_threshold=0.5, metric="mahalanobis").fit(np.ones((5, 2)), [4] + [-1] * 4)
    assert equal.labels_.tolist() == [4] * 5


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1], "inconsistent numbers of samples"),
        ([0.5, -1, -1], "whole numbers"),
        ([np.nan, -1, 1], "mark unlabelled rows with -1"),
        (["a", "b", "c"], "whole numbers"),
        (np.zeros((3, 2)), "one-dimensional"),
    ],
)
def test_bad_labels_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        KBound().fit([[0.0], [1.0], [2.0]], y)


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
        KBound().fit(X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"init": [[1.0, 2.0, 3.0]]}, r"shape \(n_clusters, 2\)"),
        ({"init": [[1.0, 2.0]]}, "1 rows for the 3 groups"),
        ({"init": {-1: [0.0, 0.0]}}, "keys must be group labels"),
        ({"init": {3: [0.0]}}, r"init\[3\] must hold 2 finite"),
        ({"init": {3: [np.nan, 0.0]}}, r"init\[3\] must hold 2 finite"),
        ({"n_clusters": 1000}, "n_clusters=1000 must be <= n_samples"),
        ({"metric": "mahalanobis", "metric_params": {"VI": np.eye(3)}}, "VI"),
        ({"metric": "euclidian"}, "'metric' parameter of KBound"),
        ({"distance_threshold": np.nan}, "'distance_threshold' parameter"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(blobs, settings, message):
    X, y, _ = blobs
    with pytest.raises(ValueError, match=message):
        KBound(**settings).fit(X, y)


def test_width_of_new_rows_is_checked(blobs):
    X, y, _ = blobs
    with pytest.raises(ValueError, match="expecting 2 features"):
        KBound().fit(X, y).predict(np.zeros((3, 3)))
