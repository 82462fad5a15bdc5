"""Reading constraints: pairs, labels, closure, contradictions."""

import numpy as np
import pandas as pd
import pytest

from climbkit.cluster._constraints import (
    check_pairs,
    cluster_constraints,
    cluster_under_links,
    merge_until_conflict,
    read_constraints,
)

NONE = np.full(6, -1)


def test_rows_joined_by_way_of_others_share_a_set():
    linked = read_constraints(NONE, [(0, 3), (3, 5)], None).linked_set
    assert len({linked[0], linked[3], linked[5]}) == 1
    assert len(set(linked.tolist())) == 4


def test_labels_join_their_rows_without_listing_pairs():
    y = np.where(np.arange(100_000) % 2 == 0, 4, 9)
    constraints = read_constraints(y, None, None)
    assert len(set(constraints.linked_set.tolist())) == 2
    assert len(constraints.apart) == 0
    assert constraints.protected.all()


def test_labels_and_pairs_close_together():
    y = np.array([7, -1, 7, -1, 2, -1])
    constraints = read_constraints(y, [(2, 3)], [(1, 5)])
    linked = constraints.linked_set
    assert linked[0] == linked[2] == linked[3]
    assert constraints.group.tolist() == [1, -1, 1, -1, 0, -1]
    assert constraints.apart.tolist() == [[1, 5]]


def test_a_label_with_one_row_protects_nothing():
    y = np.array([7, -1, 7, -1, 2, -1])
    assert np.flatnonzero(read_constraints(y, [(3, 5)], None).protected).tolist() == [0, 2, 3, 5]


@pytest.mark.parametrize("empty", [None, [], (), np.empty((0, 2)), np.empty((0, 2), int)])
def test_no_pairs_may_be_said_in_any_way(empty):
    assert check_pairs(empty, 3, "must_link").shape == (0, 2)


@pytest.mark.parametrize(
    "pairs", [[(0, 1)], ((0, 1),), np.array([[0, 1]], np.uint8), pd.DataFrame({"a": [0], "b": [1]})]
)
def test_pairs_may_come_as_any_table(pairs):
    np.testing.assert_array_equal(check_pairs(pairs, 3, "must_link"), [[0, 1]])


@pytest.mark.parametrize("name", ["must_link", "cannot_link"])
@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([0, 1], r"shape \(n_pairs, 2\); got shape \(2,\)"),
        ([(0, 1, 2)], r"got shape \(1, 3\)"),
        ([(0, 1), (2,)], "two row numbers each"),
        ([(0.0, 1.5)], "whole row numbers; got dtype float64"),
        ([("a", "b")], "whole row numbers"),
        ([(True, False)], "whole row numbers; got dtype bool"),
        ([(0, 1), (2, 6)], r"the pair \(2, 6\); row numbers go from 0 to 5"),
        ([(-1, 3)], r"the pair \(-1, 3\)"),
    ],
)
def test_what_is_no_pair_of_rows_is_refused(name, pairs, message):
    with pytest.raises(ValueError, match=f"{name} .*{message}"):
        read_constraints(NONE, **{"must_link": None, "cannot_link": None, name: pairs})


def test_a_row_cannot_be_linked_with_itself():
    with pytest.raises(ValueError, match=r"must_link holds the pair \(2, 2\)"):
        read_constraints(NONE, [(0, 1), (2, 2)], None)
    with pytest.raises(ValueError, match=r"pair \(4, 4\), which is a row with itself"):
        read_constraints(NONE, None, [(4, 4)])


def test_a_cannot_link_against_the_must_links_is_named():
    with pytest.raises(ValueError, match=r"pair \(5, 0\), which is joined .*: 1 of 2 pairs"):
        read_constraints(NONE, [(0, 3), (3, 5)], [(1, 2), (5, 0)])


def test_a_cannot_link_within_a_label_is_named():
    with pytest.raises(ValueError, match=r"pair \(1, 4\), which is joined .* label in y"):
        read_constraints(np.array([-1, 3, -1, -1, 3, -1]), None, [(1, 4)])


def test_a_must_link_across_labels_is_named():
    y = np.array([3, -1, -1, 8, -1, -1])
    with pytest.raises(ValueError, match=r"rows 0 and 3, .* the labels 3 and 8"):
        read_constraints(y, [(0, 2), (2, 3)], None)


def test_tolerance_warns_of_the_first_contradiction():
    with pytest.warns(UserWarning, match=r"pair \(1, 0\).*1 of 1 pairs.*must-links win"):
        constraints = read_constraints(NONE, [(0, 1)], [(1, 0)], tolerant=True)
    assert constraints.linked_set[0] == constraints.linked_set[1]


def test_micro_clusters_with_rows_of_one_set_are_one_cluster():
    micro = np.array([0, 1, 1, 2, -1, 3])
    cluster, n_clusters = cluster_under_links(micro, np.array([0, 1, 2, 0, 3, 2]))
    assert n_clusters == 2
    assert cluster[0] == cluster[3] != cluster[1] == cluster[2] == cluster[5]
    assert cluster[4] == -1


def test_constraints_of_noise_and_within_a_cluster_are_left_out():
    y = np.array([-1, 5, -1, -1, 6, -1])
    constraints = read_constraints(y, None, [(0, 1), (0, 2), (3, 4), (2, 3), (3, 2)])
    cluster = np.array([0, 1, 0, 2, -1, 1])
    known, apart = cluster_constraints(cluster, 3, constraints)
    assert known.tolist() == [False, True, False]
    assert apart.tolist() == [[0, 1], [0, 2]]


def test_merging_ends_at_the_first_conflict():
    links = np.array([[0, 1], [3, 4], [1, 2], [2, 3]])
    free = np.zeros(5, bool)

    def joined(known, apart):
        merged = merge_until_conflict(5, links, known, np.array(apart, dtype=int).reshape(-1, 2))
        return [merged[a] == merged[b] for a, b in links]

    assert joined(free, []) == [True, True, True, True]
    assert joined(free, [(0, 4)]) == [True, True, True, False]
    assert joined(free, [(0, 2), (0, 4)]) == [True, True, False, False]
    assert joined(free, [(1, 0)]) == [False, False, False, False]
    assert joined(np.array([True, False, True, False, False]), []) == [True, True, False, False]
