import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import adjusted_rand_score

from climbkit.metrics import (
    acceptance_rate,
    held_out_ari,
    held_out_recall,
    open_set_ari,
    score_report,
)

TRUE = np.array([0] * 6 + [1] * 4 + [2] + [-1] * 6)
JUDGED = np.array([False] * 11 + [True] * 4 + [False] * 2)
SEEDS = np.where(np.isin(np.arange(17), [0, 1, 6, 10]), TRUE, -1)

partial_answers = st.lists(
    st.tuples(st.integers(-1, 3), st.integers(-1, 5), st.booleans(), st.booleans()),
    min_size=1,
    max_size=40,
)


def unpack(rows):
    y_true, labels, is_seed, judged = (np.array(column) for column in zip(*rows, strict=True))
    return y_true, labels, np.where(is_seed, y_true, -1), judged & (y_true == -1)


def test_copying_the_seeds_is_worth_nothing_on_held_out_rows():
    assert adjusted_rand_score(TRUE[:11], SEEDS[:11]) > 0.1
    assert held_out_ari(TRUE, SEEDS, SEEDS) == 0
    assert held_out_recall(TRUE, SEEDS, SEEDS) == 0
    assert open_set_ari(TRUE, SEEDS, JUDGED, y_partial=SEEDS) == 0


def test_wide_net_is_seen_by_acceptance_and_open_set_only():
    wide = np.where(TRUE == -1, 0, TRUE)
    assert held_out_ari(TRUE, wide, SEEDS) == 1
    assert acceptance_rate(wide, JUDGED, TRUE) == 1
    assert open_set_ari(TRUE, wide, JUDGED, y_partial=SEEDS) < 0.6


def test_perfect_answer_scores_one_everywhere():
    report = score_report(TRUE, TRUE, y_partial=SEEDS, judged=JUDGED)
    ones = ("ari", "homogeneity", "completeness", "held_out_ari", "held_out_recall")
    assert [report[name] for name in (*ones, "open_set_ari")] == [1] * 6
    assert report["acceptance"] == 0
    assert report["n_novel"] == 0


def test_non_member_in_a_novel_group_counts_as_kept_out():
    novel = np.where(JUDGED, 9, TRUE)
    assert acceptance_rate(novel, JUDGED, [0, 1, 2]) == 0
    assert open_set_ari(TRUE, novel, JUDGED) == 1


def test_member_in_a_novel_group_counts_as_missed_in_the_open_set():
    as_novel = np.where(TRUE == 1, 9, TRUE)
    as_noise = np.where(TRUE == 1, -1, TRUE)
    scores = [open_set_ari(TRUE, labels, JUDGED) for labels in (as_novel, as_noise)]
    assert scores[0] == scores[1] < 1


def test_rows_that_nobody_judged_change_nothing():
    answer = np.where(TRUE == 1, 0, TRUE)
    other = answer.copy()
    other[-2:] = [0, 9]
    for labels in (answer, other):
        assert acceptance_rate(labels, JUDGED, TRUE) == 0
    assert open_set_ari(TRUE, answer, JUDGED) == open_set_ari(TRUE, other, JUDGED)


def test_noise_among_known_labels_is_no_group():
    assert acceptance_rate([-1, -1], np.array([True, True]), [-1, 0]) == 0


def test_report_lists_novel_groups_by_size():
    labels = np.array([0, 1, 7, 8, 8, 8, -1])
    report = score_report([0, 1, -1, -1, -1, 0, 0], labels)
    assert report["novel_sizes"] == [3, 1]
    assert report["n_novel"] == 2


@settings(deadline=None, max_examples=50)
@given(partial_answers, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_row_order(rows, random):
    shuffled = random.sample(rows, len(rows))
    scores = []
    for y_true, labels, partial, judged in (unpack(rows), unpack(shuffled)):
        if (y_true == -1).all() or not judged.any():
            return
        if (((y_true != -1) & (partial == -1)).sum()) < 2:
            return
        scores.append(score_report(y_true, labels, y_partial=partial, judged=judged))
    sizes = [score.pop("novel_sizes") for score in scores]
    assert sizes[0] == sizes[1]
    assert scores[0] == pytest.approx(scores[1])


@settings(deadline=None, max_examples=50)
@given(partial_answers)
def test_rates_stay_between_zero_and_one(rows):
    y_true, labels, partial, judged = unpack(rows)
    if judged.any():
        assert 0 <= acceptance_rate(labels, judged, y_true) <= 1
    if ((y_true != -1) & (partial == -1)).any():
        assert 0 <= held_out_recall(y_true, labels, partial) <= 1


@pytest.mark.parametrize(
    "score",
    [
        lambda: held_out_ari(TRUE, TRUE, TRUE),
        lambda: held_out_recall(TRUE, TRUE, TRUE),
        lambda: acceptance_rate(TRUE, np.zeros(17, bool), TRUE),
        lambda: open_set_ari(TRUE, TRUE, JUDGED, y_partial=TRUE),
        lambda: open_set_ari(TRUE, TRUE, np.zeros(17, bool)),
    ],
)
def test_nothing_to_score_gives_nan_and_says_so(score):
    with pytest.warns(UndefinedMetricWarning, match="is NaN"):
        assert np.isnan(score())


def test_one_held_out_row_has_no_rand_index():
    partial = np.where(np.arange(17) == 3, -1, TRUE)
    with pytest.warns(UndefinedMetricWarning, match="fewer than two"):
        assert np.isnan(held_out_ari(TRUE, TRUE, partial))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: held_out_ari(TRUE, TRUE[:-1], SEEDS), "inconsistent"),
        (lambda: held_out_ari(TRUE, TRUE + 0.5, SEEDS), "labels must hold whole numbers"),
        (lambda: held_out_ari(TRUE, np.full(17, np.nan), SEEDS), "labels must hold whole"),
        (lambda: held_out_ari(TRUE, ["a"] * 17, SEEDS), "labels must hold whole"),
        (lambda: held_out_ari(TRUE, np.c_[TRUE, TRUE], SEEDS), "1d array"),
        (lambda: acceptance_rate(TRUE, JUDGED.astype(int), TRUE), "judged must be a boolean"),
        (lambda: acceptance_rate(TRUE, JUDGED[:-1], TRUE), "judged must be a boolean"),
        (lambda: open_set_ari(TRUE, TRUE, ~JUDGED), "judged marks rows whose y_true"),
        (lambda: score_report(np.full(17, -1), TRUE), "y_true holds no known label"),
    ],
)
def test_bad_input_is_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()
