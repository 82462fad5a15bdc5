"""HDBSCANSweep: the loop's clusters from one query, unique or hdbscan's own, and new points."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hdbscan import HDBSCAN
from hdbscan._hdbscan_tree import compute_stability, get_clusters
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import HDBSCAN as SKLearnHDBSCAN
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from climbkit.cluster import HDBSCANSweep
from climbkit.cluster._hdbscan_sweep import sweep

sys.path.insert(0, str(Path(__file__).parents[1] / "kernels"))
from _nary_trees import exact_hierarchy, nary_condensed_tree, same_partition

ASTROMETRY = ["l", "b", "parallax", "pmra", "pmdec"]
SIZES = range(6, 16)

# hdbscan divides by zero where rows coincide.
pytestmark = pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")


@pytest.fixture(scope="module")
def real_field(data_folder):
    """Stars around NGC 2112, each column divided by its deviation."""
    stars = pd.read_csv(data_folder / "gaia_fields/ngc2112_gaia.csv.gz")[ASTROMETRY].dropna()
    return ((stars - stars.mean()) / stars.std()).to_numpy()


def blobs():
    return make_blobs(700, 3, centers=7, cluster_std=0.6, random_state=3)[0]


def grid(seed=0):
    """Whole numbers: nearly every distance is a tie, and rows coincide."""
    return np.random.default_rng(seed).integers(0, 22, size=(400, 2)).astype(float)


def clump_and_field():
    rng = np.random.default_rng(1)
    return np.vstack([rng.uniform(-4, 4, (300, 2)), rng.normal(0, 0.05, (40, 2))])


def loop_of_exact_trees(X, sizes, method="eom", single=False, epsilon=0.0):
    """What canonical mode promises, the slow way."""
    for m in sizes:
        tree = nary_condensed_tree(exact_hierarchy(X, m), m)
        yield get_clusters(tree, compute_stability(tree), method, single, False, epsilon)


@pytest.mark.parametrize("X", [blobs(), grid()], ids=["blobs", "grid"])
@pytest.mark.parametrize(
    ("method", "single", "epsilon"),
    [("eom", False, 0.0), ("leaf", False, 0.0), ("eom", True, 0.0), ("eom", False, 1.1)],
)
def test_canonical_clusters_are_those_of_the_exact_tree(X, method, single, epsilon):
    fitted = HDBSCANSweep(
        SIZES,
        cluster_selection_method=method,
        allow_single_cluster=single,
        cluster_selection_epsilon=epsilon,
    ).fit(X)
    expected = loop_of_exact_trees(X, SIZES, method, single, epsilon)
    for j, (labels, probabilities, persistence) in enumerate(expected):
        assert same_partition(fitted.labels_[:, j], labels)
        np.testing.assert_array_equal(fitted.probabilities_[:, j], probabilities)
        np.testing.assert_allclose(np.sort(fitted.persistence_[j]), np.sort(persistence), rtol=1e-6)
    assert fitted.n_clusters_.max() >= 1


def test_canonical_clusters_of_a_real_field_are_those_of_the_exact_tree(real_field):
    fitted = HDBSCANSweep([6, 15]).fit(real_field)
    for j, (labels, *_) in enumerate(loop_of_exact_trees(real_field, [6, 15])):
        assert adjusted_rand_score(fitted.labels_[:, j], labels) == 1.0


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=15)
def test_order_of_rows_changes_nothing_however_many_ties(seed):
    X = grid(seed)
    order = np.random.default_rng(seed).permutation(len(X))
    estimator = HDBSCANSweep(SIZES)
    a, b = estimator.fit(X), clone(estimator).fit(X[order])
    np.testing.assert_array_equal(a.labels_[order], b.labels_)
    np.testing.assert_array_equal(a.probabilities_[order], b.probabilities_)
    for one, other in zip(a.persistence_, b.persistence_, strict=True):
        np.testing.assert_array_equal(one, other)
    new = np.random.default_rng(seed).uniform(-2, 24, (40, 2)).round(1)
    np.testing.assert_array_equal(a.predict(new), b.predict(new))


def test_order_of_rows_changes_nothing_in_a_real_field(real_field):
    order = np.random.default_rng(0).permutation(len(real_field))
    a, b = HDBSCANSweep().fit(real_field), HDBSCANSweep().fit(real_field[order])
    np.testing.assert_array_equal(a.labels_[order], b.labels_)
    np.testing.assert_array_equal(a.probabilities_[order], b.probabilities_)


def test_labels_count_from_the_largest_cluster_to_the_smallest():
    fitted = HDBSCANSweep([6, 10]).fit(blobs())
    for labels, n_clusters in zip(fitted.labels_.T, fitted.n_clusters_, strict=True):
        sizes = np.bincount(labels[labels >= 0])
        assert len(sizes) == n_clusters > 3
        assert np.all(np.diff(sizes) <= 0)


def assert_equals_hdbscan(X, fitted, **settings):
    for j, m in enumerate(fitted.min_cluster_sizes_):
        peer = HDBSCAN(min_cluster_size=int(m), core_dist_n_jobs=1, **settings).fit(X)
        np.testing.assert_array_equal(fitted.labels_[:, j], peer.labels_)
        np.testing.assert_array_equal(fitted.probabilities_[:, j], peer.probabilities_)
        np.testing.assert_array_equal(fitted.persistence_[j], peer.cluster_persistence_)


@pytest.mark.parametrize("X", [blobs(), grid(), clump_and_field()], ids=["blobs", "grid", "clump"])
@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"cluster_selection_method": "leaf", "cluster_selection_epsilon": 0.7},
        {"allow_single_cluster": True},
        {"min_samples": 4},
    ],
    ids=["default", "leaf", "single", "min_samples"],
)
def test_parity_mode_is_hdbscan_to_the_bit(X, choice):
    assert_equals_hdbscan(X, HDBSCANSweep(SIZES, mst="hdbscan", **choice).fit(X), **choice)


def test_parity_mode_is_hdbscan_to_the_bit_on_a_real_field(real_field):
    assert_equals_hdbscan(real_field, HDBSCANSweep(mst="hdbscan").fit(real_field))


def test_dense_cluster_is_found_in_both_modes_with_its_members():
    X = clump_and_field()
    for mst in ("canonical", "hdbscan"):
        fitted = HDBSCANSweep([10], mst=mst).fit(X)
        best = np.argmax(fitted.persistence_[0])
        assert np.mean(fitted.labels_[300:, 0] == best) > 0.95
        sure = (fitted.labels_[:, 0] == best) & (fitted.probabilities_[:, 0] > 0.2)
        assert np.sum(sure[:300]) <= 2


def test_min_samples_does_not_count_the_row_itself():
    """Scikit-learn's HDBSCAN does: its min_samples is one larger for the same core distances."""
    X = blobs()
    fitted = HDBSCANSweep([10], min_samples=[7]).fit(X)
    peer = SKLearnHDBSCAN(min_cluster_size=10, min_samples=8, copy=True).fit(X)
    assert adjusted_rand_score(fitted.labels_[:, 0], peer.labels_) > 0.99


def test_one_min_samples_serves_all_sizes_and_a_list_one_each():
    X = blobs()
    one = HDBSCANSweep([5, 9], min_samples=4).fit(X)
    each = HDBSCANSweep([9, 5, 9], min_samples=[4, 4, 9]).fit(X)
    np.testing.assert_array_equal(each.labels_[:, [1, 0]], one.labels_)
    np.testing.assert_array_equal(each.labels_[:, [2]], HDBSCANSweep([9]).fit(X).labels_)


@pytest.mark.parametrize("mst", ["canonical", "hdbscan"])
def test_rows_with_nan_or_infinity_are_noise_and_touch_no_other(mst):
    X = blobs()
    rng = np.random.default_rng(0)
    bad = np.sort(rng.choice(len(X) + 30, 30, replace=False))
    good = np.setdiff1d(np.arange(len(X) + 30), bad)
    holed = np.zeros((len(X) + 30, 3))
    holed[good] = X
    holed[bad, rng.integers(0, 3, 30)] = rng.choice([np.nan, np.inf, -np.inf], 30)
    clean, fitted = (HDBSCANSweep([6, 12], mst=mst).fit(rows) for rows in (X, holed))
    assert np.all(fitted.labels_[bad] == -1)
    assert np.all(fitted.probabilities_[bad] == 0)
    np.testing.assert_array_equal(fitted.labels_[good], clean.labels_)
    np.testing.assert_array_equal(fitted.probabilities_[good], clean.probabilities_)
    np.testing.assert_array_equal(fitted.predict(holed), fitted.labels_)
    new = rng.uniform(-10, 10, (50, 3))
    np.testing.assert_array_equal(fitted.predict(new), clean.predict(new))


@pytest.mark.parametrize("mst", ["canonical", "hdbscan"])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_fewer_rows_than_a_cluster_needs_are_noise(mst, single, n_rows):
    X = np.random.default_rng(0).normal(size=(n_rows, 2))
    fitted = HDBSCANSweep([6, 9], mst=mst, allow_single_cluster=single).fit(X)
    assert fitted.labels_.tolist() == [[-1, -1]] * n_rows
    assert fitted.probabilities_.tolist() == [[0.0, 0.0]] * n_rows
    assert fitted.n_clusters_.tolist() == [0, 0]
    assert fitted.predict(np.vstack([X, [[3.0, 3.0]]])).tolist() == [[-1, -1]] * (n_rows + 1)


def test_sizes_below_the_number_of_rows_are_served_beside_others():
    X = np.vstack([np.random.default_rng(i).normal(9 * i, 1, (8, 2)) for i in range(2)])
    labels = HDBSCANSweep([4, 30]).fit(X).labels_
    assert set(labels[:, 0]) >= {0, 1}
    assert np.all(labels[:, 1] == -1)
    assert np.all(HDBSCANSweep([4]).fit(np.full((9, 2), np.nan)).labels_ == -1)


def test_sweep_of_an_empty_tile_is_empty():
    found = sweep(np.empty((0, 5)), [6, 7])
    assert found.labels.shape == found.probabilities.shape == (0, 2)
    assert [len(scores) for scores in found.persistence] == [0, 0]


def test_a_cluster_that_fills_the_field_needs_allow_single_cluster():
    # Without ties between core distances of neighbours the root has members other than the last.
    X = np.random.default_rng(4).normal(size=(60, 2))
    none = HDBSCANSweep([25]).fit(X)
    assert np.all(none.labels_ == -1)
    one = HDBSCANSweep([25], allow_single_cluster=True).fit(X)
    assert one.n_clusters_.tolist() == [1]
    assert np.any(one.labels_ == 0)
    near = HDBSCANSweep([25], allow_single_cluster=True, cluster_selection_epsilon=1.5).fit(X)
    assert np.sum(near.labels_ == 0) > 30
    assert near.predict([[0.01, 0.02], [9.0, 9.0]]).tolist() == [[0], [-1]]


def test_more_coinciding_rows_than_min_samples_make_every_persistence_one():
    X = np.vstack([blobs(), np.full((20, 3), 3.0)])
    fitted = HDBSCANSweep([10]).fit(X)
    labels, probabilities = fitted.labels_[:, 0], fitted.probabilities_[:, 0]
    assert len(set(labels[-20:])) == 1
    assert labels[-1] >= 0
    assert np.all(fitted.persistence_[0] == 1.0)
    assert np.all(probabilities[-20:] == 1.0)
    assert np.all(probabilities[:-20][labels[:-20] == labels[-1]] == 0.0)
    assert np.all(np.isfinite(probabilities))


def test_constant_columns_and_coinciding_rows_alone_work():
    X = np.column_stack([blobs(), np.ones(700)])
    np.testing.assert_array_equal(
        HDBSCANSweep([8]).fit(X).labels_, HDBSCANSweep([8]).fit(blobs()).labels_
    )
    assert np.all(HDBSCANSweep([8]).fit(np.ones((30, 2))).labels_ == -1)
    single = HDBSCANSweep([8], allow_single_cluster=True).fit(np.ones((30, 2)))
    assert np.all(single.labels_ == 0)
    assert single.predict([[1.0, 1.0], [5.0, 1.0]]).tolist() == [[0], [-1]]


@pytest.mark.parametrize("mst", ["canonical", "hdbscan"])
def test_fitted_rows_keep_their_labels_in_predict(mst, real_field):
    fitted = HDBSCANSweep(mst=mst).fit(real_field)
    np.testing.assert_array_equal(fitted.predict(real_field), fitted.labels_)
    some = np.random.default_rng(0).permutation(len(real_field))[:100]
    np.testing.assert_array_equal(fitted.predict(real_field[some]), fitted.labels_[some])


def test_new_rows_join_the_cluster_around_them_at_every_size():
    X = blobs()
    fitted = HDBSCANSweep([6, 15]).fit(X)
    near = X + np.random.default_rng(0).normal(0, 1e-6, X.shape)
    assert np.mean(fitted.predict(near) == fitted.labels_) > 0.98
    assert np.all(fitted.predict(X[:5] + 1e3) == -1)


def test_many_new_rows_get_the_labels_that_few_get():
    X, new = blobs(), np.random.default_rng(0).uniform(-10, 10, (200, 3))
    fitted = HDBSCANSweep([6, 15], min_samples=[9, 4]).fit(X)
    with patch("climbkit.cluster._sweep_prediction._ROWS_TO_ASK_ONE_BY_ONE", 10):
        many = fitted.predict(new)
    np.testing.assert_array_equal(many, fitted.predict(new))
    assert len(np.unique(many)) > 3


def test_names_of_columns_are_checked():
    frame = pd.DataFrame(blobs(), columns=["l", "b", "parallax"])
    fitted = HDBSCANSweep([6]).fit(frame)
    np.testing.assert_array_equal(fitted.predict(frame), fitted.labels_)
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[["b", "l", "parallax"]])


@pytest.mark.parametrize("mst", ["canonical", "hdbscan"])
def test_fields_in_threads_give_what_they_give_alone(mst):
    fields = [np.random.default_rng(i).normal(size=(300, 3)) for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda X: sweep(X, SIZES, mst=mst), fields))
    for X, found in zip(fields, together, strict=True):
        alone = sweep(X, SIZES, mst=mst)
        np.testing.assert_array_equal(found.labels, alone.labels)
        np.testing.assert_array_equal(found.probabilities, alone.probabilities)


def test_compiled_kernels_are_kept_for_the_next_process():
    """A user's second start must not compile again: that costs more than the job."""
    sweep(np.random.default_rng(0).normal(size=(50, 2)), [5])
    code = (
        "import numpy as np; from climbkit.cluster._hdbscan_sweep import sweep;"
        "from climbkit.kernels import _cluster_selection, _cluster_numbering, _condensing;"
        "sweep(np.random.default_rng(0).normal(size=(50, 2)), [5]);"
        "kernels = (_cluster_selection.select_clusters, _cluster_numbering.number_clusters,"
        " _condensing.condense);"
        "print(*(sum(kernel.stats.cache_misses.values()) for kernel in kernels))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split() == ["0", "0", "0"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_cluster_sizes": [1, 5]}, "min_cluster_sizes must be at least 2; got 1"),
        ({"min_cluster_sizes": []}, "min_cluster_sizes must be a sequence of whole numbers"),
        ({"min_cluster_sizes": [2.5]}, "min_cluster_sizes must be a sequence of whole numbers"),
        ({"min_cluster_sizes": 5}, "'min_cluster_sizes' parameter of HDBSCANSweep"),
        ({"min_samples": 0}, "'min_samples' parameter of HDBSCANSweep"),
        ({"min_samples": [0, 4]}, "min_samples must be at least 1; got 0"),
        ({"min_samples": [4]}, "min_samples has 1 values and min_cluster_sizes 2"),
        ({"cluster_selection_method": "best"}, "'cluster_selection_method' parameter"),
        ({"cluster_selection_epsilon": -1.0}, "'cluster_selection_epsilon' parameter"),
        ({"mst": "exact"}, "'mst' parameter of HDBSCANSweep"),
    ],
)
def test_bad_parameters_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        HDBSCANSweep(**{"min_cluster_sizes": [5, 8], **settings}).fit(blobs())


def test_hdbscans_mode_refuses_more_features_than_its_algorithm_serves():
    wide = np.random.default_rng(0).normal(size=(40, 61))
    with pytest.raises(ValueError, match="at most 60 features"):
        HDBSCANSweep([5], mst="hdbscan").fit(wide)
    assert HDBSCANSweep([5]).fit(wide).labels_.shape == (40, 1)


@pytest.mark.parametrize("mst", ["canonical", "hdbscan"])
def test_values_whose_squares_overflow_are_refused_and_far_new_rows_are_noise(mst):
    X = blobs()
    for factor in (1e155, 1e200, 1e300):
        with pytest.raises(ValueError, match="X is too large"):
            HDBSCANSweep([6], mst=mst).fit(X * factor)
    assert np.all(HDBSCANSweep([6], mst=mst).fit(X).predict(X[:3] * 1e200) == -1)


def test_units_do_not_matter_where_single_precision_would_overflow_or_vanish():
    X = blobs()
    plain = HDBSCANSweep(SIZES).fit(X)
    for factor in (2.0**-400, 2.0**500):
        scaled = HDBSCANSweep(SIZES).fit(X * factor)
        np.testing.assert_array_equal(scaled.labels_, plain.labels_)
        np.testing.assert_array_equal(scaled.probabilities_, plain.probabilities_)
    # hdbscan rounds sums of stabilities to single precision, and so does its mode.
    assert_equals_hdbscan(X * 2.0**500, HDBSCANSweep([6], mst="hdbscan").fit(X * 2.0**500))


@pytest.mark.parametrize(
    ("X", "message"),
    [(np.empty((0, 3)), "0 sample"), (np.empty((3, 0)), "0 feature"), ([1.0, 2.0], "2D array")],
)
def test_bad_features_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        HDBSCANSweep().fit(X)


def test_builder_and_plain_form_keep_every_setting():
    estimator = HDBSCANSweep.builder().with_min_cluster_sizes((5, 9)).with_mst("hdbscan").build()
    assert repr(HDBSCANSweep.from_dict(estimator.to_dict())) == repr(estimator)
    assert repr(HDBSCANSweep.from_dict(HDBSCANSweep().to_dict())) == "HDBSCANSweep()"
