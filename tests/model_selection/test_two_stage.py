import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import DBSCAN, HDBSCAN
from sklearn.datasets import make_blobs
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import davies_bouldin_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from climbkit import CLiMB, KBound
from climbkit.model_selection import TwoStageSearchCV

CENTRES = [[0, 0], [8, 0], [0, 8], [8, 8], [4, 16]]


@pytest.fixture(scope="module")
def blobs():
    """Two known groups with half of their members labelled, three novel ones, a thin field."""
    X, groups = make_blobs([40] * 5, centers=CENTRES, cluster_std=0.5, random_state=0)
    X = np.vstack([X, np.random.default_rng(0).uniform(-20, 30, (40, 2))])
    y = np.full(len(X), -1)
    y[:200:2] = np.where(groups < 2, groups, -1)[::2]
    return X, y


def search(**params):
    settings = {
        "phase1_grid": {"distance_threshold": [0.2, 2.0]},
        "phase2_grid": {"eps": [0.05, 1.0]},
        "random_state": 0,
        **params,
    }
    return TwoStageSearchCV(CLiMB(), **settings)


def test_both_phases_are_chosen_by_their_own_score(blobs):
    X, y = blobs
    found = search().fit(X, y)
    assert found.best_params_ == {"kbound__distance_threshold": 2.0, "explorer__eps": 1.0}
    assert len(np.unique(found.labels_)) == 6
    assert found.phase1_results_["rank_test_score"].tolist() == [2, 1]
    assert found.best_score_ == found.phase1_results_["mean_test_score"][1]


def test_davies_bouldin_is_over_the_novel_groups_alone(blobs):
    X, y = blobs
    found = search().fit(X, y)
    novel = found.best_estimator_.phase_ == 2
    expected = davies_bouldin_score(X[novel], found.labels_[novel])
    assert found.best_davies_bouldin_ == pytest.approx(expected)
    assert found.phase2_results_["n_clustered"][1] == novel.sum()
    assert found.phase2_results_["n_clusters"][1] == 3


def test_setting_with_one_novel_group_is_never_chosen(blobs):
    X, y = blobs
    found = search(phase2_grid={"eps": [50.0, 1.0]}).fit(X, y)
    assert found.phase2_results_["davies_bouldin"][0] == np.inf
    assert found.best_params_["explorer__eps"] == 1.0


def test_score_on_all_known_labels_is_the_papers_and_rewards_copies(blobs):
    X, y = blobs
    kbound_alone = {"distance_threshold": [1e-9]}
    scores = {
        held_out: search(phase1_grid=kbound_alone, held_out=held_out, n_splits=1).fit(X, y)
        for held_out in (True, False)
    }
    assert scores[True].best_score_ == 0
    assert scores[False].best_score_ > 0.4


def test_wide_net_loses_where_negatives_are_scored(blobs):
    X, y = blobs
    negatives = np.arange(len(X)) >= 200
    grid = {"distance_threshold": [2.0, 1000.0]}
    wide = search(phase1_grid=grid, scoring="open_set").fit(X, y, negatives=negatives)
    assert wide.best_params_["kbound__distance_threshold"] == 2.0
    narrow, everything = wide.phase1_results_["mean_acceptance"]
    assert narrow < 0.1 < everything == 1


def test_ties_go_to_the_first_setting(blobs):
    X, y = blobs
    found = search(phase1_grid={"tol": [0.03, 0.01]}).fit(X, y)
    assert found.phase1_results_["rank_test_score"].tolist() == [1, 1]
    assert found.best_params_["kbound__tol"] == 0.03


def test_names_from_the_builder_work_as_they_are(blobs):
    X, y = blobs
    grid = CLiMB.builder().grid(distance_threshold=[0.2, 2.0])
    assert search(phase1_grid=grid).fit(X, y).best_params_ == search().fit(X, y).best_params_


def test_paper_grids_are_the_default():
    X, groups = make_blobs([60] * 4, centers=CENTRES[:4], cluster_std=0.4, random_state=0)
    X = StandardScaler().fit_transform(X)
    y = np.where((groups < 2) & (np.arange(240) % 2 == 0), groups, -1)
    found = TwoStageSearchCV(CLiMB(), n_splits=1, random_state=0).fit(X, y)
    assert len(found.phase1_results_["params"]) == 16
    assert len(found.phase2_results_["params"]) == 9


def test_results_make_a_frame(blobs):
    found = search(n_splits=2).fit(*blobs)
    frame = pd.DataFrame(found.phase1_results_)
    assert frame["param_kbound__distance_threshold"].tolist() == [0.2, 2.0]
    assert {"split0_test_score", "split1_test_score", "std_test_score"} <= set(frame)
    assert len(pd.DataFrame(found.phase2_results_)) == 2


def test_result_depends_neither_on_row_order_nor_on_jobs(blobs):
    X, y = blobs
    rows = np.random.default_rng(5).permutation(len(X))
    straight = search().fit(X, y)
    with joblib.parallel_config(backend="threading"):
        jobs = search(n_jobs=2).fit(X, y)
    shuffled = search().fit(X[rows], y[rows])
    for other in (jobs, shuffled):
        for name in ("mean_test_score", "std_test_score"):
            np.testing.assert_allclose(straight.phase1_results_[name], other.phase1_results_[name])
        assert other.best_params_ == straight.best_params_
    np.testing.assert_array_equal(straight.labels_[rows], shuffled.labels_)


def test_estimator_is_left_as_it_was(blobs):
    estimator = CLiMB(kbound=KBound(), explorer=DBSCAN())
    before = repr(clone(estimator))
    TwoStageSearchCV(estimator, {"distance_threshold": [2.0]}, {"eps": [1.0]}).fit(*blobs)
    assert repr(estimator) == before
    assert not hasattr(estimator, "labels_")


def test_scaler_goes_before_the_search(blobs):
    X, y = blobs
    found = make_pipeline(
        StandardScaler(),
        search(phase1_grid={"distance_threshold": [0.5]}, phase2_grid={"eps": [0.2]}),
    ).fit(X * [1, 1e6], y)
    np.testing.assert_array_equal(found.predict(X * [1, 1e6]), found[-1].labels_)
    assert set(y[y != -1]) < set(found[-1].labels_)


def test_nested_parameters_and_other_explorers_are_reached(blobs):
    found = search(phase2_grid={"min_cluster_size": [10, 100]})
    found.set_params(
        estimator__kbound=KBound(),
        estimator__kbound__metric="manhattan",
        estimator__explorer=HDBSCAN(copy=True),
    ).fit(*blobs)
    assert found.best_params_["explorer__min_cluster_size"] == 10
    assert found.best_estimator_.kbound.metric == "manhattan"


def test_progress_is_shown_only_where_asked(blobs, capsys):
    search(n_splits=1).fit(*blobs)
    assert capsys.readouterr().err == ""
    search(n_splits=1, verbose=1).fit(*blobs)
    assert "phase 1: 100%" in capsys.readouterr().err


def test_without_labels_phase_1_keeps_its_parameters(blobs):
    found = search().fit(blobs[0])
    assert found.best_params_ == {"explorer__eps": 1.0}
    assert np.isnan(found.best_score_)


def test_where_nothing_novel_is_found_the_explorer_keeps_its_parameters(blobs):
    with pytest.warns(UndefinedMetricWarning, match="No setting of phase 2"):
        found = search(phase2_grid={"eps": [1e-9]}).fit(*blobs)
    assert found.best_params_ == {"kbound__distance_threshold": 2.0}
    assert found.best_estimator_.explorer.eps == DBSCAN().eps


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"estimator": DBSCAN()}, "must have the parameters kbound and explorer"),
        ({"phase1_grid": {"eps": [1.0]}}, "Invalid parameter 'eps' for estimator KBound"),
        ({"phase2_grid": {"tol": [1.0]}}, "Invalid parameter 'tol' for estimator DBSCAN"),
        ({"phase1_grid": {"tol": [-1.0]}}, "'tol' parameter of KBound"),
        ({"phase1_grid": {"tol": []}}, "non-empty"),
        ({"phase1_grid": "tol"}, "'phase1_grid' parameter of TwoStageSearchCV"),
        ({"test_size": 0.0}, "'test_size' parameter of TwoStageSearchCV"),
        ({"scoring": "open_set"}, "needs the mask `negatives`"),
    ],
)
def test_bad_parameters_are_named(blobs, params, match):
    with pytest.raises(ValueError, match=match):
        search().set_params(**params).fit(*blobs)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X, y: (X, y[:-1]), "inconsistent"),
        (lambda X, y: (np.where(X > 0, np.inf, X), y), "infinity"),
        (lambda X, y: (X[:0], y[:0]), "0 sample"),
        (lambda X, y: (X, y + 0.5), "fractions"),
    ],
)
def test_bad_data_is_named(blobs, change, match):
    with pytest.raises(ValueError, match=match):
        search().fit(*change(*blobs))


def test_run_files_and_builder_rebuild_the_search():
    original = search(phase2_grid={"eps": [0.1, 0.2]}, n_splits=3)
    copy = TwoStageSearchCV.from_dict(original.to_dict())
    assert repr(copy) == repr(original)
    built = TwoStageSearchCV.builder().with_estimator(CLiMB()).with_n_splits(3).build()
    assert repr(built) == repr(TwoStageSearchCV(CLiMB(), n_splits=3))
