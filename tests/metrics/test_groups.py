import numpy as np
import pytest

from climbkit.metrics import group_scores

TRUE = [3, 3, 3, 3, 7, 7, -1, -1, -1]
LABELS = [3, 3, 3, -1, 7, 3, 3, 7, 3]
JUDGED = np.array([False] * 6 + [True, True, False])


def test_seeds_are_left_out_of_the_count():
    table = group_scores(TRUE, LABELS, y_partial=[3, 3, -1, -1, 7, -1, -1, -1, -1])
    assert table["size"].tolist() == [2, 1]
    assert table["recall"].tolist() == [0.5, 0]


def test_judged_non_members_lower_purity_and_leave_recall():
    alone, beside = group_scores(TRUE, LABELS), group_scores(TRUE, LABELS, judged=JUDGED)
    assert alone["purity"].tolist() == [0.75, 1]
    assert beside["purity"].tolist() == [0.6, 0.5]
    assert alone["recall"].tolist() == beside["recall"].tolist() == [0.75, 0.5]


def test_group_that_nobody_claims_has_no_purity():
    table = group_scores(TRUE, np.full(9, -1))
    assert table["purity"].isna().all()
    assert table["f1"].tolist() == [0, 0]


def test_f1_is_the_harmonic_mean():
    table = group_scores(TRUE, LABELS, judged=JUDGED)
    expected = 2 * table["purity"] * table["recall"] / (table["purity"] + table["recall"])
    assert table["f1"].to_numpy() == pytest.approx(expected.to_numpy())


def test_groups_come_in_ascending_order():
    assert group_scores([9, 2, 5], [9, 2, 5]).index.tolist() == [2, 5, 9]
