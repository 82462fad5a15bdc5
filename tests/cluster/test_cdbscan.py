"""C-DBSCAN: published figures, constraints kept, names, new points, routing, bad input."""

import itertools
import pickle
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from climbkit import CDBSCAN
from climbkit.kernels._kdtree import build_tree

sys.path.insert(0, str(Path(__file__).parent))
import _published


def small_leaves():
    """Let few rows already make a tree of many nodes."""
    return patch("climbkit.cluster._cdbscan.build_tree", lambda X: build_tree(X, leaf_size=3))


def same_partition(found, expected):
    """Whether two labellings agree but for the names of the clusters."""
    np.testing.assert_array_equal(found == -1, expected == -1)
    pairs = np.unique(np.stack([found, expected]), axis=1)
    assert len(np.unique(found)) == len(np.unique(expected)) == pairs.shape[1]


@st.composite
def problems(draw, on_grid):
    """Rows (few, so that constraints bite), known labels and pairs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows, n_columns = draw(st.integers(1, 70)), draw(st.integers(1, 3))
    X = rng.normal(size=(n_rows, n_columns))
    if on_grid:
        X = np.round(2 * X)
    y = np.full(n_rows, -1)
    known = rng.random(n_rows) < draw(st.sampled_from([0.0, 0.1, 0.5]))
    y[known] = rng.integers(0, 4, np.count_nonzero(known))

    def pairs(n_pairs):
        drawn = rng.integers(0, n_rows, size=(n_pairs, 2))
        return [(int(a), int(b)) for a, b in drawn if a != b]

    must_link = pairs(draw(st.sampled_from([0, 2, 5])))
    cannot_link = pairs(draw(st.sampled_from([0, 1, 5, 30])))
    parameters = {
        "eps": draw(st.sampled_from([0.2, 0.5, 1.0, 1.5])),
        "min_samples": draw(st.integers(1, 7)),
    }
    return X, y, must_link, cannot_link, parameters


def without_contradictions(y, must_link, cannot_link):
    """Leave out pairs that contradict labels or pairs that came before."""
    joint = np.arange(len(y))
    for label in np.unique(y[y != -1]):
        joint[y == label] = joint[np.argmax(y == label)]
    kept = []
    for first, second in must_link:
        both = (joint == joint[first]) | (joint == joint[second])
        if len(np.unique(y[both & (y != -1)])) <= 1:
            joint[both] = joint[first]
            kept.append((first, second))
    return kept, [(a, b) for a, b in cannot_link if joint[a] != joint[b]]


@settings(max_examples=50, deadline=None)
@given(st.booleans().flatmap(lambda on_grid: problems(on_grid)))
def test_labels_are_those_of_the_straightforward_algorithm(problem):
    X, y, must_link, cannot_link, parameters = problem
    must_link, cannot_link = without_contradictions(y, must_link, cannot_link)
    expected = _published.constrained_dbscan(
        X, **parameters, y=y, must_link=must_link, cannot_link=cannot_link
    )
    with small_leaves():
        found = CDBSCAN(**parameters).fit(X, y, must_link, cannot_link).labels_
    same_partition(found, expected)


@settings(max_examples=50, deadline=None)
@given(problems(on_grid=False))
@pytest.mark.filterwarnings("ignore:.*The must-links win:UserWarning")
def test_stopping_gives_the_labels_of_the_published_code(problem):
    X, _, must_link, cannot_link, parameters = problem
    expected = _published.cdbscan(
        X, **parameters, must_link=must_link, cannot_link=cannot_link, conflict="stop"
    )
    model = CDBSCAN(**parameters, conflict="stop")
    with small_leaves():
        found = model.fit(X, must_link=must_link, cannot_link=cannot_link).labels_
    same_partition(found, expected)


@settings(max_examples=40, deadline=None)
@given(st.booleans().flatmap(lambda on_grid: problems(on_grid)))
def test_constraints_hold_and_nothing_more_can_be_merged(problem):
    X, y, must_link, cannot_link, parameters = problem
    must_link, cannot_link = without_contradictions(y, must_link, cannot_link)
    with small_leaves():
        labels = CDBSCAN(**parameters).fit(X, y, must_link, cannot_link).labels_
    assert all(labels[a] == labels[b] != -1 for a, b in must_link)
    assert all(labels[a] != labels[b] or labels[a] == -1 for a, b in cannot_link)
    for a, b in itertools.combinations(np.flatnonzero((y != -1) & (labels != -1)), 2):
        assert (labels[a] == labels[b]) == (y[a] == y[b])
    clusters = np.unique(labels[labels != -1])
    for first, second in itertools.combinations(clusters, 2):
        if cdist(X[labels == first], X[labels == second]).min() <= parameters["eps"]:
            rivals = any({labels[a], labels[b]} == {first, second} for a, b in cannot_link)
            assert rivals or {first, second} <= set(y.tolist())


@pytest.mark.parametrize("conflict", ["skip", "stop"])
def test_labels_say_the_same_as_all_their_pairs(conflict):
    X = np.random.default_rng(3).normal(size=(400, 2))
    y = np.where(np.arange(400) % 5 == 0, (X[:, 0] > 0) + 2 * (X[:, 1] > 0), -1)
    y[:40] = -1
    groups = [np.flatnonzero(y == label) for label in range(4)]
    must_link = [pair for rows in groups for pair in itertools.combinations(rows, 2)]
    cannot_link = [
        pair for a, b in itertools.combinations(groups, 2) for pair in itertools.product(a, b)
    ]
    model = CDBSCAN(eps=0.25, min_samples=5, conflict=conflict)
    by_pairs = clone(model).fit(X, must_link=must_link, cannot_link=cannot_link).labels_
    same_partition(model.fit(X, y).labels_, by_pairs)


@pytest.fixture(scope="module")
def rr_lyrae(data_folder):
    from climbkit.datasets import load_rr_lyrae, published_seeds

    catalogue = load_rr_lyrae(data_home=data_folder)
    X = StandardScaler().fit_transform(catalogue.data)
    return X, catalogue.target, published_seeds(catalogue, 90)


def published_pairs(seeds, rows):
    groups = [group[rows].tolist() for group in seeds.values()]
    must_link = [pair for group in groups for pair in itertools.combinations(group, 2)]
    cannot_link = [(a[0], b[0]) for a, b in itertools.combinations(groups, 2)]
    return {"must_link": must_link, "cannot_link": cannot_link}


def test_rr_lyrae_on_wrong_rows_give_the_published_scores(rr_lyrae):
    X, target, seeds = rr_lyrae
    pairs = published_pairs(seeds, "file_rows")
    with pytest.raises(ValueError, match="28 of 28 pairs contradict the must-links"):
        CDBSCAN(eps=0.24, min_samples=16).fit(X, **pairs)
    with pytest.warns(UserWarning, match="28 of 28 pairs contradict the must-links"):
        labels = CDBSCAN(eps=0.24, min_samples=16, conflict="stop").fit(X, **pairs).labels_
    known = target >= 0
    assert adjusted_rand_score(target[known], labels[known]) == pytest.approx(0.152, abs=5e-4)
    homogeneity, completeness, _ = homogeneity_completeness_v_measure(target[known], labels[known])
    assert homogeneity == pytest.approx(0.169, abs=5e-4)
    assert completeness == pytest.approx(0.250, abs=5e-4)


@pytest.mark.parametrize(
    ("min_samples", "conflict", "known_ari", "held_out_ari"),
    [
        # Re-measured on the published code with its constraints on the right rows.
        (16, "stop", 0.552, 0.441),
        (50, "stop", 0.984, 0.847),
        # With every constraint kept.
        (16, "skip", 0.977, 0.802),
        (50, "skip", 0.984, 0.847),
    ],
)
def test_rr_lyrae_on_the_right_rows(rr_lyrae, min_samples, conflict, known_ari, held_out_ari):
    X, target, seeds = rr_lyrae
    pairs = published_pairs(seeds, "rows")
    labels = CDBSCAN(0.24, min_samples, conflict).fit(X, **pairs).labels_
    known = target >= 0
    assert adjusted_rand_score(target[known], labels[known]) == pytest.approx(known_ari, abs=5e-4)
    held_out = known.copy()
    held_out[np.concatenate([group["rows"] for group in seeds.values()])] = False
    found = adjusted_rand_score(target[held_out], labels[held_out])
    assert found == pytest.approx(held_out_ari, abs=5e-4)


def test_neighbours_at_exactly_eps_count():
    X = np.array([[0.0], [1.0], [2.0], [3.5]])
    assert CDBSCAN(eps=1.0, min_samples=2).fit(X).labels_.tolist() == [0, 0, 0, -1]


def test_a_must_link_keeps_lonely_rows_from_noise():
    X = np.array([[0.0], [0.1], [0.2], [50.0], [90.0]])
    labels = CDBSCAN(eps=0.5, min_samples=3).fit(X, must_link=[(3, 4)]).labels_
    assert labels.tolist() == [0, 0, 0, 1, 1]


def test_the_published_code_can_break_a_cannot_link_and_the_default_never_does():
    # The micro-cluster of row 0 reaches row 1, that of row 2 is taken in by it with row 3.
    X = np.array([[0.0], [1.0], [1.9], [2.8]])
    constraint = {"cannot_link": [(0, 3)]}
    broken = CDBSCAN(eps=1.0, min_samples=2, conflict="stop").fit(X, **constraint).labels_
    kept = CDBSCAN(eps=1.0, min_samples=2).fit(X, **constraint).labels_
    assert broken[0] == broken[3]
    assert kept[0] != kept[3]


def test_skipping_goes_on_after_a_forbidden_merger_and_stopping_does_not():
    # Four micro-clusters; the nearest two, 0.4 apart, are forbidden, the other two are 0.5 apart.
    X = np.array([[5.0], [5.6], [6.6], [6.0], [12.0], [12.6], [13.6], [13.1]])
    pairs = {"cannot_link": [(0, 2)]}
    skip = CDBSCAN(eps=0.85, min_samples=1).fit(X, **pairs).labels_
    stop = CDBSCAN(eps=0.85, min_samples=1, conflict="stop").fit(X, **pairs).labels_
    assert skip.tolist() == [0, 0, 1, 1, 2, 2, 2, 2]
    assert stop.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_equal_distances_are_decided_by_row_numbers():
    X = np.array([[0.0], [1.0], [2.0]])
    model = CDBSCAN(eps=1.0, min_samples=1)
    assert model.fit(X, cannot_link=[(0, 2)]).labels_.tolist() == [0, 0, 1]
    assert model.fit(X[[2, 1, 0]], cannot_link=[(0, 2)]).labels_.tolist() == [0, 0, 1]


def test_known_groups_keep_their_labels_and_novel_ones_follow():
    X, truth = make_blobs(
        [40, 50, 60], centers=[[0, 0], [9, 0], [0, 9]], cluster_std=0.4, random_state=0
    )
    y = np.full(len(X), -1)
    y[np.flatnonzero(truth == 0)[:3]] = 12
    y[np.flatnonzero(truth == 2)[:3]] = 5
    labels = CDBSCAN(eps=1.0, min_samples=5).fit(X, y).labels_
    np.testing.assert_array_equal(labels, np.array([12, 13, 5])[truth])


def test_clusters_are_numbered_by_their_first_rows():
    X = np.array([[5.0], [9.0], [5.1], [0.0], [9.1], [0.1]])
    assert CDBSCAN(eps=0.5, min_samples=2).fit(X).labels_.tolist() == [0, 1, 0, 2, 1, 2]


def test_new_points_join_the_nearest_core_sample():
    X, _ = make_blobs(150, centers=[[0, 0], [4, 0]], cluster_std=0.6, random_state=2)
    model = CDBSCAN(eps=0.4, min_samples=6).fit(X)
    distances = cdist(X, X)
    core = (np.sum(distances <= 0.4, axis=1) >= 6) & (model.labels_ != -1)
    np.testing.assert_array_equal(model.core_sample_indices_, np.flatnonzero(core))
    points = np.random.default_rng(0).uniform(-2, 6, size=(200, 2))
    to_core = cdist(points, X[core])
    expected = np.where(to_core.min(axis=1) <= 0.4, model.labels_[core][to_core.argmin(axis=1)], -1)
    np.testing.assert_array_equal(model.predict(points), expected)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_pandas_clone_and_pickle_give_the_same_labels():
    X, truth = make_blobs(120, centers=3, random_state=0)
    y = np.where(np.arange(120) < 30, truth, -1)
    model = CDBSCAN(eps=0.7, min_samples=4, conflict="stop")
    expected = clone(model).fit(X, y).labels_
    index = np.arange(120)[::-1]
    frame = pd.DataFrame(X, columns=["Lz", "Energy"], index=index)
    fitted = model.fit(frame, pd.Series(y, index=index))
    np.testing.assert_array_equal(fitted.labels_, expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(frame), expected)
    rebuilt = CDBSCAN.from_dict(model.to_dict())
    np.testing.assert_array_equal(rebuilt.fit_predict(X, y), expected)


def test_pairs_reach_the_clusterer_in_a_pipeline_and_a_grid_search():
    X = np.arange(20.0)[:, None]
    pairs = [(0, 19)]
    everything = np.arange(20)
    with sklearn.config_context(enable_metadata_routing=True):
        step = CDBSCAN(min_samples=1).set_fit_request(must_link=False, cannot_link=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("cluster", step)])
        labels = pipeline.fit(X, cannot_link=pairs)["cluster"].labels_
        assert labels[0] != labels[19]
        search = GridSearchCV(
            pipeline,
            {"cluster__eps": [0.05, 0.2]},
            scoring=lambda model, X, y=None: -len(np.unique(model["cluster"].labels_)),
            cv=[(everything, everything)],
        ).fit(X, cannot_link=pairs)
    assert search.best_params_ == {"cluster__eps": 0.2}
    labels = search.best_estimator_["cluster"].labels_
    assert labels[0] != labels[19]
    assert len(np.unique(labels)) == 2


def test_one_row_equal_rows_and_a_constant_column_are_clustered():
    assert CDBSCAN().fit([[1.0, 2.0]]).labels_.tolist() == [-1]
    assert CDBSCAN(min_samples=1).fit([[1.0, 2.0]]).labels_.tolist() == [0]
    assert CDBSCAN().fit(np.ones((100, 3))).labels_.tolist() == [0] * 100
    X = np.column_stack([np.repeat([0.0, 9.0], 50), np.full(100, 7.0)])
    assert CDBSCAN().fit(X).labels_.tolist() == [0] * 50 + [1] * 50


def test_equal_rows_with_different_labels_are_kept_apart():
    y = np.full(100, -1)
    y[[0, 99]] = 3, 8
    labels = CDBSCAN().fit(np.ones((100, 3)), y).labels_
    # Every row is as near to row 0 as to row 99, and row 0 comes first.
    assert labels.tolist() == [3] * 99 + [8]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(value):
    with pytest.raises(ValueError, match="Input X contains"):
        CDBSCAN().fit([[0.0], [value]])


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="0 sample"):
        CDBSCAN().fit(np.empty((0, 3)))


@pytest.mark.parametrize(
    ("y", "message"),
    [([0, 1], "inconsistent"), ([0.5, -1, -1], "fractions"), ([np.nan, 0, 0], "NaN")],
)
def test_labels_that_do_not_fit_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        CDBSCAN().fit(np.zeros((3, 1)), y)


@pytest.mark.parametrize(
    "parameters", [{"eps": -1.0}, {"eps": np.inf}, {"min_samples": 0}, {"conflict": "ignore"}]
)
def test_parameters_out_of_range_are_named(parameters):
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter of CDBSCAN"):
        CDBSCAN(**parameters).fit(np.zeros((3, 1)))


def test_pairs_are_checked_against_the_rows_at_hand():
    with pytest.raises(ValueError, match=r"cannot_link holds the pair \(0, 3\); .* 0 to 2"):
        CDBSCAN().fit(np.zeros((3, 1)), cannot_link=[(0, 3)])
