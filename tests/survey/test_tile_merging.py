"""One candidate for each cluster that several tiles have seen."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.datasets import make_cluster_field
from climbkit.survey import TiledHDBSCAN, _tile_joining
from climbkit.survey._tile import NOT_SEARCHED, OUTSIDE
from climbkit.survey._tile_merging import SAME_CLUSTER_OVERLAP, merge_tiles


def merged(*candidates):
    """Merge candidates given as (tile, owned, persistence, members[, owner[, level]])."""
    filled = [(*c, *(0, 0)[len(c) - 4 :]) for c in candidates]
    tile, owned, persistence, members, owner, level = zip(*filled, strict=True)
    sizes = [len(m) for m in members]
    keep = merge_tiles(
        np.array(level),
        np.array(tile),
        np.array(owned),
        np.array(persistence, dtype=float),
        np.concatenate([[0], np.cumsum(sizes)]),
        np.concatenate(members),
        owner=np.array(owner),
    )
    return keep.tolist()


WHOLE, HALF = np.arange(100), np.arange(40)


def test_cluster_that_two_tiles_own_comes_out_once_as_the_more_persistent():
    assert merged((0, True, 0.3, WHOLE), (1, True, 0.4, HALF)) == [False, True]
    assert merged((0, True, 0.4, WHOLE), (1, True, 0.3, HALF)) == [True, False]


def test_equally_persistent_clusters_come_out_as_the_larger_then_the_first():
    assert merged((0, True, 0.3, HALF), (1, True, 0.3, WHOLE)) == [False, True]
    assert merged((0, True, 0.3, WHOLE), (1, True, 0.3, WHOLE)) == [True, False]


def test_cluster_that_no_tile_owns_comes_out_once_if_two_saw_it():
    assert merged((0, False, 0.3, WHOLE), (1, False, 0.2, WHOLE)) == [True, False]
    three = [(tile, False, 0.1 * tile, WHOLE) for tile in range(3)]
    assert merged(*three) == [False, False, True]


def test_what_only_a_neighbour_saw_is_not_kept():
    assert merged((0, False, 0.9, WHOLE)) == [False]
    # Two pieces from one and the same tile are no second witness.
    assert merged((0, False, 0.9, HALF), (0, False, 0.9, HALF + 50)) == [False, False]


def test_centre_where_no_tile_was_searched_is_kept_and_outside_of_the_region_is_not():
    assert merged((0, False, 0.9, WHOLE, NOT_SEARCHED)) == [True]
    assert merged((0, False, 0.9, WHOLE, OUTSIDE)) == [False]
    both = (0, False, 0.9, WHOLE, NOT_SEARCHED), (1, False, 0.8, WHOLE, NOT_SEARCHED)
    assert merged(*both) == [True, False]


def test_owner_decides_against_more_persistent_pieces_of_neighbours():
    whole = (0, True, 0.1, WHOLE)
    assert merged((1, False, 0.9, HALF), whole, (2, False, 0.9, HALF)) == [False, True, False]


def test_different_scales_and_neighbours_without_overlap_are_left_alone():
    assert merged((0, True, 0.3, WHOLE, 0, 0), (1, True, 0.4, WHOLE, 0, 1)) == [True, True]
    assert merged((0, True, 0.3, WHOLE), (1, True, 0.4, WHOLE + 100)) == [True, True]
    little = np.arange(int(100 * (1 - SAME_CLUSTER_OVERLAP)) + 1, 200)[:100]
    assert merged((0, True, 0.3, WHOLE), (1, True, 0.4, little)) == [True, True]


def test_two_clusters_that_a_third_bridges_are_both_kept():
    bridge = np.arange(20, 180)
    left, right = np.arange(50), np.arange(150, 200)
    for owned in (True, False):
        assert merged((0, True, 0.5, left), (1, owned, 0.2, bridge), (0, True, 0.4, right)) == [
            True,
            False,
            True,
        ]


def test_without_any_candidate_nothing_is_kept():
    empty = np.empty(0, dtype=np.int64)
    keep = merge_tiles(
        empty, empty, empty.astype(bool), empty.astype(float), np.zeros(1, int), empty
    )
    assert keep.shape == (0,)


def test_members_may_be_named_by_large_numbers():
    ids = 2**62 + WHOLE
    assert merged((0, True, 0.3, ids), (1, True, 0.4, ids[:40])) == [False, True]


def test_merging_loses_no_cluster_of_a_mock_region(monkeypatch):
    region = make_cluster_field(15_000, side=5.0, n_clusters=12, random_state=0)
    cluster = np.asarray(region.target)

    def best_shares():
        candidates = TiledHDBSCAN((1, 2), [6, 10]).fit(region.data).candidates_
        best = np.zeros(cluster.max() + 1)
        for candidate in candidates:
            inside = np.bincount(cluster[candidate.rows] + 1, minlength=len(best) + 1)[1:]
            whole = np.bincount(cluster + 1)[1:] + len(candidate) - inside
            best = np.maximum(best, inside / whole)
        return best, len(candidates)

    merged, n_merged = best_shares()
    monkeypatch.setattr(_tile_joining, "merge_tiles", lambda *args, **_: args[2].copy())
    owned, n_owned = best_shares()
    assert n_merged < 0.95 * n_owned
    assert np.all(merged >= owned - 0.01)
    assert merged.mean() > 0.5


@st.composite
def overlapping(draw):
    n = draw(st.integers(1, 12))
    stars = st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True)
    return [
        (
            draw(st.integers(0, 3)),
            draw(st.booleans()),
            draw(st.sampled_from([0.1, 0.2, 0.3, 0.4])) + i * 1e-6,
            np.array(sorted(draw(stars))),
            0,
            draw(st.integers(0, 1)),
        )
        for i in range(n)
    ]


def share(a, b):
    return len(np.intersect1d(a[3], b[3])) > SAME_CLUSTER_OVERLAP * min(len(a[3]), len(b[3]))


@settings(deadline=None, max_examples=50)
@given(overlapping(), st.randoms(use_true_random=False))
def test_kept_ones_do_not_overlap_and_owned_ones_are_lost_to_owned_ones_only(candidates, random):
    keep = merged(*candidates)
    kept = [c for c, k in zip(candidates, keep, strict=True) if k]
    for i, a in enumerate(kept):
        assert not any(a[5] == b[5] and share(a, b) for b in kept[:i])
    for candidate, k in zip(candidates, keep, strict=True):
        if candidate[1] and not k:
            assert any(
                b[1] and b[2] > candidate[2] and b[5] == candidate[5] and share(candidate, b)
                for b in kept
            )
    # Persistences differ, so that the order of the candidates must not matter.
    order = list(range(len(candidates)))
    random.shuffle(order)
    again = merged(*(candidates[i] for i in order))
    assert again == [keep[i] for i in order]
