"""CLiMB: both phases, any explorer, scikit-learn's tools, the published behaviour."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import DBSCAN, HDBSCAN, OPTICS, KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, completeness_score, homogeneity_score
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from climbkit import CLiMB, KBound, NoveltyTest
from climbkit.datasets import load_rr_lyrae, make_halo, published_seeds
from climbkit.metrics import acceptance_rate


@pytest.fixture
def blobs():
    """Two known groups (5 and 9) and two novel ones of 90 and 50 rows, 40 rows of field."""
    centers = [[0, 0], [6, 0], [0, 6], [6, 6]]
    X, truth = make_blobs([60, 60, 50, 90], centers=centers, cluster_std=0.4, random_state=0)
    field = np.random.default_rng(0).uniform(-3, 9, (40, 2))
    truth = np.append(np.array([5, 9, 11, 10])[truth], np.full(40, -1))
    X = np.vstack([X, field])
    y = np.full(len(X), -1)
    for label in (5, 9):
        y[np.flatnonzero(truth == label)[:4]] = label
    return X, y, truth


def a_climb(**changes):
    return CLiMB(KBound(distance_threshold=1.5), DBSCAN(eps=0.4, min_samples=5)).set_params(
        **changes
    )


EXPLORERS = [
    DBSCAN(eps=0.4, min_samples=5),
    HDBSCAN(min_cluster_size=20, copy=True),
    OPTICS(min_samples=10, max_eps=0.6, cluster_method="dbscan"),
]


@pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda e: type(e).__name__)
def test_any_explorer_finds_the_novel_groups(blobs, explorer):
    X, y, truth = blobs
    climb = a_climb(explorer=explorer).fit(X, y)
    clear = truth != -1
    assert adjusted_rand_score(truth[clear], climb.labels_[clear]) > 0.9
    np.testing.assert_array_equal(climb.novel_labels_, [10, 11])
    np.testing.assert_array_equal(climb.predict(X), climb.labels_)
    shifted = climb.predict(X + 1e-7)
    assert np.mean(shifted[clear] == climb.labels_[clear]) > 0.95


def test_novel_labels_follow_the_known_ones_by_size(blobs):
    X, y, truth = blobs
    climb = a_climb().fit(X, y)
    sizes = [np.sum(climb.labels_ == label) for label in climb.novel_labels_]
    assert sizes == sorted(sizes, reverse=True)
    np.testing.assert_array_equal(climb.known_labels_, [5, 9])
    assert np.mean(climb.labels_[truth == 10] == 10) > 0.9
    assert np.mean(climb.labels_[truth == 11] == 11) > 0.9


def test_phase_tells_who_took_a_row(blobs):
    X, y, _ = blobs
    climb = a_climb().fit(X, y)
    np.testing.assert_array_equal(climb.phase_ == 1, np.isin(climb.labels_, [5, 9]))
    np.testing.assert_array_equal(climb.phase_ == 0, climb.labels_ == -1)
    assert (climb.probabilities_[climb.phase_ == 0] == 0).all()
    assert ((climb.probabilities_ >= 0) & (climb.probabilities_ <= 1)).all()


def test_centres_stand_for_known_then_novel_groups(blobs):
    X, y, _ = blobs
    climb = a_climb().fit(X, y)
    for label, center in zip(climb.novel_labels_, climb.cluster_centers_[2:], strict=True):
        np.testing.assert_allclose(center, X[climb.labels_ == label].mean(axis=0))


def test_result_does_not_depend_on_row_order(blobs):
    X, y, _ = blobs
    order = np.random.default_rng(2).permutation(len(X))
    a, b = a_climb().fit(X, y).labels_, a_climb().fit(X[order], y[order]).labels_
    core = a_climb().fit(X, y)
    border = core.decision_path(X)["novel_role"].eq("border").to_numpy()
    np.testing.assert_array_equal(a[order][~border[order]], b[~border[order]])


def test_new_rows_join_known_and_novel_groups_or_none(blobs):
    X, y, _ = blobs
    found = a_climb().fit(X, y).predict([[0.1, 0.1], [6.0, 6.1], [0.0, 6.1], [40.0, 0.0]])
    assert found.tolist() == [5, 10, 11, -1]


def test_without_seeds_everything_is_explored(blobs):
    X, _, _ = blobs
    climb = a_climb().fit(X)
    assert len(climb.known_labels_) == 0
    assert climb.novel_labels_.tolist() == [0, 1, 2, 3]


def test_explorer_with_too_few_rows_is_not_asked():
    X, y = np.array([[0.0], [0.1], [9.0]]), [2, -1, -1]
    for explorer in (HDBSCAN(min_cluster_size=5, copy=True), OPTICS(), DBSCAN()):
        climb = CLiMB(KBound(distance_threshold=1.0), explorer).fit(X, y)
        assert climb.labels_.tolist() == [2, 2, -1]
        assert climb.predict([[9.0], [8.9]]).tolist() == [-1, -1]


def test_explorer_that_fails_is_not_silenced(blobs):
    X, y, _ = blobs
    with pytest.raises(ValueError, match="n_clusters"):
        a_climb(explorer=KMeans(n_clusters=0)).fit(X, y)


def test_grid_search_over_explorer_and_gates(blobs):
    X, _, truth = blobs
    search = GridSearchCV(
        a_climb(),
        {"explorer__eps": [0.01, 0.4], "kbound__distance_threshold": [0.1, 1.5]},
        scoring="adjusted_rand_score",
        cv=ShuffleSplit(2, random_state=0),
    ).fit(X, truth)
    assert search.best_params_["kbound__distance_threshold"] == 1.5


def test_pipeline_with_scaler_and_pandas(blobs):
    X, y, truth = blobs
    frame = pd.DataFrame(X * 1000.0, columns=["lz", "energy"])
    pipeline = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        CLiMB(KBound(distance_threshold=0.6), DBSCAN(eps=0.15)),
    )
    labels = pipeline.fit_predict(frame, y)
    assert adjusted_rand_score(truth[truth > 0], labels[truth > 0]) > 0.9
    table = pipeline[-1].decision_path(pipeline[:-1].transform(frame))
    assert table.index.equals(frame.index)


def test_clone_and_pickle_predict_alike(blobs):
    X, y, _ = blobs
    climb = a_climb().fit(X, y)
    np.testing.assert_array_equal(clone(climb).fit(X, y).labels_, climb.labels_)
    copy = pickle.loads(pickle.dumps(climb))
    np.testing.assert_array_equal(copy.predict(X + 1e-6), climb.predict(X + 1e-6))


@pytest.mark.parametrize(
    "X", [[[np.nan, 0.0]], [[np.inf, 0.0]], np.empty((0, 2)), [1.0, 2.0], [["a", "b"]]]
)
def test_bad_features_are_refused(X):
    with pytest.raises(ValueError, match=r"NaN|infinity|0 sample|2D array|could not convert"):
        CLiMB().fit(X)


def test_duplicates_one_row_and_constant_columns_work():
    assert CLiMB().fit([[1.0, 2.0]], [5]).labels_.tolist() == [5]
    rows = np.repeat([[0.0, 1.0], [50.0, 1.0]], 10, axis=0)
    climb = CLiMB(KBound(), DBSCAN()).fit(rows, [3] + [-1] * 19)
    assert climb.labels_.tolist() == [3] * 10 + [4] * 10
    assert (CLiMB().fit(rows, [3] + [-1] * 19).labels_[:10] == 3).all()


def test_wrong_nested_objects_are_refused(blobs):
    X, y, _ = blobs
    with pytest.raises(ValueError, match="'kbound' parameter of CLiMB must be"):
        CLiMB(kbound="kbound").fit(X, y)
    with pytest.raises(ValueError, match="'explorer' parameter of CLiMB must be"):
        CLiMB(explorer="dbscan").fit(X, y)
    with pytest.raises(ValueError, match="'metric' parameter of KBound must be"):
        a_climb(kbound__metric="euclidian").fit(X, y)


@pytest.fixture(scope="module")
def halo():
    """A simulated halo in raw units: the defaults have to cope with them."""
    return make_halo(novel_size=60, random_state=3)


def test_defaults_find_hidden_members_and_streams_in_raw_units(halo):
    y = halo.partial_target
    climb = CLiMB().fit(halo.data, y)
    hidden = np.isin(halo.target, climb.known_labels_) & (y == -1)
    assert np.mean(climb.labels_[hidden] == halo.target[hidden]) > 0.75
    assert acceptance_rate(climb.labels_, halo.judged, climb.known_labels_) < 0.3
    for stream in (16, 17, 18):
        members = halo.target == stream
        overlaps = [
            np.sum(members & (climb.labels_ == k)) / np.sum(members | (climb.labels_ == k))
            for k in climb.novel_labels_
        ]
        assert max(overlaps) > 0.5


def test_probabilities_have_a_column_for_none(halo):
    climb = CLiMB().fit(halo.data, halo.partial_target)
    probabilities = climb.predict_proba(halo.data)
    assert probabilities.shape == (len(halo.data), len(climb.known_labels_) + 1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    field = halo.target == -1
    member = np.isin(halo.target, climb.known_labels_)
    assert probabilities[field, -1].mean() > probabilities[member, -1].mean() + 0.3


def test_published_gates_have_no_probabilities(blobs):
    X, y, _ = blobs
    assert not hasattr(a_climb().fit(X, y), "predict_proba")


@pytest.fixture(scope="module")
def clump():
    """600 rows of a smooth field, then a clump of 50 far out."""
    rng = np.random.default_rng(4)
    return np.vstack([rng.normal(size=(600, 2)), rng.normal([3.0, 3.0], 0.05, (50, 2))])


def test_novel_groups_come_with_significance_and_stability(clump):
    explorer = DBSCAN(eps=0.25, min_samples=12)
    found = CLiMB(KBound(), explorer).fit(clump)
    test = NoveltyTest(n_draws=60, n_bootstrap=5, random_state=0)
    climb = CLiMB(KBound(), explorer, test).fit(clump)
    np.testing.assert_array_equal(climb.labels_, found.labels_)
    is_clump = climb.novel_labels_ == climb.labels_[-1]
    assert climb.novelty_pvalue_.shape == climb.novelty_stability_.shape == is_clump.shape
    assert climb.novelty_pvalue_[is_clump] < 0.05
    assert climb.novelty_stability_[is_clump] > 0.75
    assert (climb.novelty_pvalue_[~is_clump] > 0.05).all()


def test_groups_that_fail_the_test_can_be_dropped(clump):
    explorer = DBSCAN(eps=0.25, min_samples=12)
    assert len(CLiMB(KBound(), explorer).fit(clump).novel_labels_) > 1
    test = NoveltyTest(n_draws=60, n_bootstrap=0, drop_insignificant=True, random_state=0)
    climb = CLiMB(KBound(), explorer, test).fit(clump)
    np.testing.assert_array_equal(climb.novel_labels_, [0])
    assert (climb.labels_[600:] == 0).mean() > 0.9
    assert (climb.labels_[:600] == 0).mean() < 0.05
    assert (climb.phase_[climb.labels_ == -1] == 0).all()
    np.testing.assert_array_equal(climb.predict(clump), climb.labels_)


def test_known_non_members_stay_out_of_known_groups(halo):
    judged = halo.judged
    free = CLiMB().fit(halo.data, halo.partial_target)
    told = CLiMB().fit(halo.data, halo.partial_target, negatives=judged)
    assert np.isin(free.labels_[judged], free.known_labels_).any()
    assert not np.isin(told.labels_[judged], told.known_labels_).any()


def published_climb(init):
    kbound = KBound(
        density_threshold=0.005,
        density_rule="max",
        distance_threshold=0.5,
        radial_threshold=0.1,
        radial_rule="hold",
        tol=0.01,
        metric="mahalanobis",
        init=init,
    )
    return CLiMB(kbound, DBSCAN(eps=0.190, min_samples=24))


def test_published_scores_on_the_rr_lyrae_catalogue(data_folder):
    stars = load_rr_lyrae(data_home=data_folder)
    scaler = StandardScaler().fit(stars.data)
    X = scaler.transform(stars.data)
    y = np.full(len(X), -1)
    for label, seeds in published_seeds(stars, 90).items():
        y[seeds["rows"]] = label
    init = {label: scaler.transform([c])[0] for label, c in stars.centroids.items()}
    climb = published_climb(init).fit(X, y)
    known, hidden = stars.target != -1, (stars.target != -1) & (y == -1)
    truth, labels = stars.target, climb.labels_
    assert known.sum() == 468
    assert adjusted_rand_score(truth[known], labels[known]) == pytest.approx(0.829, abs=5e-4)
    assert homogeneity_score(truth[known], labels[known]) == pytest.approx(0.953, abs=5e-4)
    assert completeness_score(truth[known], labels[known]) == pytest.approx(0.783, abs=5e-4)
    assert adjusted_rand_score(truth[hidden], labels[hidden]) == pytest.approx(0.359, abs=5e-4)
    assert [np.sum(labels == k) for k in climb.novel_labels_] == [1158, 58, 38]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    metric=st.sampled_from(["euclidean", "mahalanobis"]),
    radial_rule=st.sampled_from(["hold", "project"]),
    distance_threshold=st.floats(0.2, 3.0),
    density_threshold=st.floats(0.0, 0.9),
    radial_threshold=st.floats(0.01, 2.0),
)
def test_labels_equal_the_published_code(
    seed, metric, radial_rule, distance_threshold, density_threshold, radial_threshold
):
    from CLiMB.core.CLiMB import CLiMB as PublishedCLiMB
    from CLiMB.exploratory.DBSCANExploratory import DBSCANExploratory

    rng = np.random.default_rng(seed)
    X = rng.normal(size=(120, 3)) + rng.integers(0, 3, 120)[:, None] * 1.5
    groups = {label: rng.choice(120, 4, replace=False) for label in (2, 5)}
    groups[5] = np.setdiff1d(groups[5], groups[2])
    y = np.full(120, -1)
    for label, rows in groups.items():
        y[rows] = label
    init = {label: X[rows].mean(axis=0) for label, rows in groups.items()}
    published = PublishedCLiMB(
        constrained_clusters=2,
        seed_points={tuple(init[g]): [tuple(x) for x in X[groups[g]]] for g in groups},
        density_threshold=density_threshold,
        distance_threshold=distance_threshold,
        radial_threshold=radial_threshold,
        convergence_tolerance=0.05,
        distance_metric=metric,
        metric_params={"VI": np.linalg.inv(np.cov(X.T))} if metric == "mahalanobis" else None,
        exploratory_algorithm=DBSCANExploratory(eps=0.6, min_samples=4),
    )
    published.fit(X, np.array([2, 5]), is_slight_movement=radial_rule == "project")
    climb = CLiMB(
        KBound(
            density_threshold=density_threshold,
            density_rule="max",
            distance_threshold=distance_threshold,
            radial_threshold=radial_threshold,
            radial_rule=radial_rule,
            tol=0.05,
            metric=metric,
            init=init,
        ),
        DBSCAN(eps=0.6, min_samples=4),
    ).fit(X, y)
    known = published.constrained_labels
    np.testing.assert_array_equal(
        np.where(climb.phase_ == 1, climb.labels_, -1),
        np.where(known >= 0, np.array([2, 5])[known], -1),
    )
    assert adjusted_rand_score(published.get_labels(), climb.labels_) == 1.0


def test_skops_saves_and_loads_without_pickle(blobs):
    import skops.io

    X, y, _ = blobs
    climb = a_climb().fit(X, y)
    saved = skops.io.dumps(climb)
    foreign = skops.io.get_untrusted_types(data=saved)
    assert {name.partition(".")[0] for name in foreign} <= {"climbkit"}
    loaded = skops.io.loads(saved, trusted=foreign)
    np.testing.assert_array_equal(loaded.predict(X + 1e-6), climb.predict(X + 1e-6))
