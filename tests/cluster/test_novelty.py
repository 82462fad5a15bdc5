"""NoveltyTest: p-values of what is there and what is not, and everything around them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.mixture import GaussianMixture

from climbkit import ContrastDBSCAN, NoveltyTest

EXPLORER = DBSCAN(eps=0.22, min_samples=12)
QUICK = {"explorer": EXPLORER, "n_bootstrap": 0, "random_state": 0}


@pytest.fixture(scope="module")
def clump():
    """700 rows of a smooth field, then a clump of 40 off its middle."""
    rng = np.random.default_rng(4)
    return np.vstack([rng.normal(size=(700, 2)), rng.normal([2.0, 1.5], 0.06, (40, 2))])


def test_smooth_fields_have_no_significant_group():
    rng = np.random.default_rng(0)
    pvalues = []
    for _ in range(6):
        X = rng.normal(size=(800, 2))
        pvalues.append(NoveltyTest(EXPLORER, n_draws=25, n_bootstrap=0, random_state=0).fit(X))
    smallest = [test.pvalues_.min(initial=1.0) for test in pvalues]
    assert any(len(test.pvalues_) for test in pvalues)
    assert sum(p < 0.05 for p in smallest) <= 1
    assert np.mean(smallest) > 0.2


def test_clump_is_significant_and_the_body_of_the_field_is_not(clump):
    test = NoveltyTest(n_draws=25, n_bootstrap=4, random_state=0).fit(clump)
    name = np.bincount(test.labels_[700:] + 1).argmax() - 1
    assert name >= 0
    is_clump = test.group_labels_ == name
    assert test.pvalues_[is_clump] == pytest.approx(1 / 26)
    assert test.stabilities_[is_clump] > 0.7
    assert not test.significant_[~is_clump].any()
    assert np.mean(test.labels_[700:] == name) > 0.9


def test_pvalue_is_the_share_of_draws_that_stand_out_as_much(clump):
    test = NoveltyTest(n_draws=15, **QUICK).fit(clump)
    as_much = [np.sum(test.null_statistics_ >= value) for value in test.statistics_]
    np.testing.assert_allclose(test.pvalues_, (1 + np.array(as_much)) / 16)
    assert len(test.null_statistics_) == 15
    np.testing.assert_array_equal(test.significant_, test.pvalues_ < 0.05)


def test_jobs_and_order_of_rows_do_not_matter(clump):
    order = np.random.default_rng(0).permutation(len(clump))
    settings = QUICK | {"n_draws": 6, "n_bootstrap": 2}
    one = NoveltyTest(**settings).fit(clump)
    for other, X in (
        (NoveltyTest(**settings, n_jobs=2).fit(clump), slice(None)),
        (NoveltyTest(**settings).fit(clump[order]), order),
    ):
        np.testing.assert_array_equal(one.labels_[X], other.labels_)
        np.testing.assert_array_equal(one.pvalues_, other.pvalues_)
        np.testing.assert_array_equal(one.stabilities_, other.stabilities_)
        np.testing.assert_array_equal(one.null_statistics_, other.null_statistics_)


def test_more_draws_begin_with_the_same_draws(clump):
    few, more = (NoveltyTest(n_draws=n, **QUICK).fit(clump) for n in (3, 6))
    np.testing.assert_array_equal(few.null_statistics_, more.null_statistics_[:3])


def test_groups_that_fail_are_dropped_and_still_told(clump):
    kept = NoveltyTest(n_draws=25, **QUICK).fit(clump)
    test = NoveltyTest(n_draws=25, drop_insignificant=True, **QUICK).fit(clump)
    assert len(test.group_labels_) == len(kept.group_labels_) > test.significant_.sum() == 1
    assert np.unique(test.labels_).tolist() == [-1, test.group_labels_[test.significant_][0]]


def test_known_rows_keep_their_labels_and_are_not_searched(clump):
    y = np.where(np.arange(len(clump)) >= 700, 5, -1)
    test = NoveltyTest(n_draws=5, **QUICK).fit(clump, y)
    assert (test.labels_[700:] == 5).all()
    alone = NoveltyTest(n_draws=5, **QUICK).fit(clump[:700])
    np.testing.assert_array_equal(test.group_labels_, alone.group_labels_ + 6)
    np.testing.assert_array_equal(test.pvalues_, alone.pvalues_)


def test_groups_that_were_found_already_are_tested(clump):
    groups = np.where(np.arange(len(clump)) >= 700, 8, -1)
    test = NoveltyTest(n_draws=25, **QUICK).fit(clump, groups=groups)
    assert test.sizes_.tolist() == [40]
    assert test.significant_.tolist() == [True]
    with pytest.raises(ValueError, match="groups must be labels as in y"):
        NoveltyTest(**QUICK).fit(clump, groups=groups[1:])


def test_any_null_and_statistic_will_do(clump):
    def size(X, labels, null):
        return np.bincount(labels[labels >= 0]).astype(float)

    null = GaussianMixture(1)
    test = NoveltyTest(n_draws=5, null=null, statistic=size, **QUICK).fit(clump)
    np.testing.assert_array_equal(test.statistics_, test.sizes_)
    assert isinstance(test.null_, GaussianMixture)
    assert (np.diff(test.pvalues_) >= 0).all()


def test_statistic_must_give_a_number_for_each_group(clump):
    test = NoveltyTest(n_draws=1, statistic=lambda X, labels, null: [0.0], **QUICK)
    with pytest.raises(ValueError, match="a number for each group"):
        test.fit(clump)


def test_stability_needs_resampling_and_parameters_that_can_vary(clump):
    assert np.isnan(NoveltyTest(n_draws=1, **QUICK).fit(clump).stabilities_).all()
    settings = QUICK | {"explorer": KMeans(2, n_init=1), "n_bootstrap": 2}
    test = NoveltyTest(n_draws=1, **settings).fit(clump)
    assert np.isnan(test.parameter_stabilities_).all()
    np.testing.assert_array_equal(test.stabilities_, test.bootstrap_stabilities_)


def test_data_without_a_group_have_no_pvalue():
    X = np.random.default_rng(0).uniform(size=(60, 2))
    test = NoveltyTest(DBSCAN(eps=0.01), n_draws=3).fit(X)
    assert test.pvalues_.shape == test.stabilities_.shape == test.null_statistics_.shape == (0,)
    assert (test.labels_ == -1).all()
    assert test.null_ is None


def test_defaults_are_an_explorer_and_a_null_that_follow_the_field(clump):
    frame = pd.DataFrame(clump * [1e5, 1e-3], columns=["Lz", "Energy"])
    test = NoveltyTest(n_draws=3, n_bootstrap=0, random_state=0).fit(frame)
    np.testing.assert_array_equal(test.labels_ >= 0, ContrastDBSCAN().fit(clump).labels_ >= 0)
    assert test.feature_names_in_.tolist() == ["Lz", "Energy"]


@pytest.mark.parametrize(
    "settings",
    [{"explorer": "dbscan"}, {"n_draws": 0}, {"n_bootstrap": -1}, {"null": "kde"}, {"alpha": 1.0}],
)
def test_bad_parameters_are_refused(clump, settings):
    with pytest.raises(ValueError, match=f"'{next(iter(settings))}' parameter of NoveltyTest"):
        NoveltyTest(**settings).fit(clump)
