import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading

from climbkit import CLiMB, KBound
from climbkit.model_selection import SeedHoldout, WholeSample


class CopySeeds(ClusterMixin, BaseEstimator):
    """Answers with what it was given; ``net`` is what it calls the rest."""

    def __init__(self, net=-1):
        self.net = net

    def fit(self, X, y=None):
        self.seen_ = np.array(y)
        self.labels_ = np.where(self.seen_ == -1, self.net, self.seen_)
        return self


@pytest.fixture(scope="module")
def blobs():
    """Three groups of 30, of which two are known, and 30 field rows known to be in none."""
    X, groups = make_blobs(
        [30, 30, 30], centers=[[0, 0], [8, 0], [0, 8]], cluster_std=0.5, random_state=0
    )
    field = np.random.default_rng(0).uniform(-20, 20, (30, 2))
    X = np.vstack([X, field[np.abs(field - 4).max(axis=1) > 7]])
    y = np.full(len(X), -1)
    y[:90] = np.where(groups < 2, groups, -1)
    return X, y, np.arange(len(X)) >= 90


def test_hidden_seeds_are_not_shown_in_scoring_and_all_are_in_the_refit(blobs):
    X, y, _ = blobs
    seen = []

    class Watched(CopySeeds):
        def fit(self, X, y=None):
            seen.append(np.array(y))
            return super().fit(X, y)

    SeedHoldout(Watched(), n_splits=3, random_state=0).fit(X, y)
    assert [int(np.sum(partial != -1)) for partial in seen] == [48, 48, 48, 60]


def test_copying_seeds_scores_nothing(blobs):
    X, y, _ = blobs
    holdout = SeedHoldout(CopySeeds(), random_state=0).fit(X, y)
    assert holdout.scores_.tolist() == [0] * 5
    np.testing.assert_array_equal(holdout.labels_, y)


def test_climb_finds_hidden_members_of_clear_groups(blobs):
    X, y, negatives = blobs
    climb = CLiMB(KBound(distance_threshold=2.0), DBSCAN(eps=1.0))
    holdout = SeedHoldout(climb, scoring="open_set", random_state=0)
    holdout.fit(X, y, negatives=negatives)
    assert holdout.score_ > 0.9
    assert holdout.acceptance_ < 0.1


def test_open_set_scoring_stands_against_wide_nets(blobs):
    X, y, negatives = blobs
    scores = {}
    for scoring in ("recall", "open_set"):
        for threshold in (2.0, 100.0):
            kbound = KBound(distance_threshold=threshold)
            holdout = SeedHoldout(kbound, scoring=scoring, random_state=0)
            scores[scoring, threshold] = holdout.fit(X, y, negatives=negatives).score_
            if threshold == 100.0:
                assert holdout.acceptance_ == 1
    assert scores["recall", 100.0] == scores["recall", 2.0] == 1
    assert scores["open_set", 100.0] < 0.5 < scores["open_set", 2.0]


def test_callable_scoring_sees_the_hidden_rows_only(blobs):
    X, y, _ = blobs
    sizes = []

    def scoring(y_true, labels):
        sizes.append((len(y_true), set(labels)))
        return 0.25

    holdout = SeedHoldout(CopySeeds(net=5), scoring=scoring, n_splits=2).fit(X, y)
    assert sizes == [(12, {5})] * 2
    assert holdout.score() == 0.25


def test_grid_search_over_the_explorer_is_honest(blobs):
    X, y, _ = blobs
    y = np.where(np.arange(len(y)) % 3 == 0, y, -1)
    search = GridSearchCV(
        SeedHoldout(CLiMB(kbound=KBound(distance_threshold=0.2)), random_state=0),
        {"estimator__explorer": [DBSCAN()], "estimator__explorer__eps": [1e-3, 1.5]},
        cv=WholeSample(),
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_["estimator__explorer__eps"] == 1.5
    assert search.best_estimator_.score_ == search.best_score_


def test_pipeline_answers_with_its_last_step(blobs):
    X, y, _ = blobs
    X = X * [1, 1e-6]
    pipeline = make_pipeline(StandardScaler(), KBound(distance_threshold=0.3))
    scaled = SeedHoldout(pipeline, random_state=0, scoring="recall").fit(X, y)
    assert scaled.score_ > 0.9
    assert set(scaled.predict(X[y != -1])) == {0, 1}


def test_label_propagation_answers_with_its_transduction(blobs):
    X, y, _ = blobs
    holdout = SeedHoldout(LabelSpreading(), scoring="recall", random_state=0).fit(X, y)
    assert holdout.score_ == 1


def test_columns_keep_their_names(blobs):
    X, y, _ = blobs
    frame = pd.DataFrame(X, columns=["Lz", "Energy"])
    holdout = SeedHoldout(make_pipeline(StandardScaler(), KBound()), n_splits=1).fit(frame, y)
    assert holdout.estimator_[0].feature_names_in_.tolist() == ["Lz", "Energy"]


def test_result_depends_neither_on_row_order_nor_on_jobs(blobs):
    X, y, negatives = blobs
    rows = np.random.default_rng(3).permutation(len(X))
    holdout = SeedHoldout(
        KBound(distance_threshold=1.0), test_size=0.5, scoring="open_set", random_state=0
    )
    straight = clone(holdout).fit(X, y, negatives=negatives)
    shuffled = clone(holdout).fit(X[rows], y[rows], negatives=negatives[rows])
    with joblib.parallel_config(backend="threading"):
        parallel = clone(holdout).set_params(n_jobs=2).fit(X, y, negatives=negatives)
    assert len(set(straight.scores_)) > 1
    np.testing.assert_allclose(straight.scores_, shuffled.scores_)
    np.testing.assert_array_equal(straight.scores_, parallel.scores_)


def test_survives_pickling(blobs):
    X, y, _ = blobs
    holdout = SeedHoldout(KBound(), random_state=0).fit(X, y)
    copy = pickle.loads(pickle.dumps(holdout))
    np.testing.assert_array_equal(copy.predict(X), holdout.predict(X))


def test_without_labels_the_score_is_nan_and_the_fit_stands(blobs):
    holdout = SeedHoldout(KMeans(2, n_init=1, random_state=0)).fit(blobs[0])
    assert np.isnan(holdout.score_)
    assert set(holdout.labels_) == {0, 1}


def test_lone_labels_cannot_be_hidden_and_it_says_so():
    y = [0, 1, -1, -1]
    with pytest.warns(UndefinedMetricWarning, match="No group has two known labels"):
        holdout = SeedHoldout(CopySeeds()).fit(np.eye(4), y)
    assert np.isnan(holdout.score_)


def test_predict_is_there_only_if_the_estimator_has_it():
    assert hasattr(SeedHoldout(KMeans()), "predict")
    assert not hasattr(SeedHoldout(DBSCAN()), "predict")


def test_search_that_takes_rows_away_is_refused(blobs):
    X, y, _ = blobs
    holdout = SeedHoldout(KBound(), random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"cv=WholeSample\(\)"):
        holdout.score(X[:10], y[:10])


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"test_size": 1.0}, "'test_size' parameter of SeedHoldout"),
        ({"n_splits": 0}, "'n_splits' parameter of SeedHoldout"),
        ({"scoring": "accuracy"}, "'scoring' parameter of SeedHoldout"),
        ({"estimator": "CLiMB"}, "'estimator' parameter of SeedHoldout"),
        ({"scoring": "open_set"}, "needs the mask `negatives`"),
    ],
)
def test_bad_parameters_are_named(blobs, params, match):
    X, y, _ = blobs
    with pytest.raises(ValueError, match=match):
        SeedHoldout(KBound()).set_params(**params).fit(X, y)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X, y, n: (X, y[:-1], None), "inconsistent"),
        (lambda X, y, n: (X, y + 0.5, None), "fractions"),
        (lambda X, y, n: (X * np.nan, y, None), "NaN"),
        (lambda X, y, n: (X[:0], y[:0], None), "0 sample"),
        (lambda X, y, n: (X, y, n[:-1]), "negatives must be a boolean mask"),
        (lambda X, y, n: (X, y, n.astype(int)), "negatives must be a boolean mask"),
        (lambda X, y, n: (X, y, y == 0), "negatives marks rows whose y"),
    ],
)
def test_bad_data_is_named(blobs, change, match):
    X, y, negatives = change(*blobs)
    with pytest.raises(ValueError, match=match):
        SeedHoldout(KBound()).fit(X, y, negatives=negatives)
