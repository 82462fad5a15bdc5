"""Members, duplicates and evidence of the candidates of a cluster search."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.pipelines._cluster_evidence import (
    by_evidence,
    members_only,
    without_duplicates,
    without_faint,
)
from climbkit.survey import CandidateSet


def a_set(groups, n_stars, evidence, **columns):
    """Candidates with these members, and evidences."""
    stars = pd.DataFrame({"source_id": np.arange(n_stars) + 2**60})
    indptr = np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(int)
    indices = np.concatenate([*groups, []]).astype(int)
    table = pd.DataFrame({"evidence": np.asarray(evidence, dtype=float), **columns})
    table["candidate_id"] = [f"c{number:016x}" for number in range(len(groups))]
    return CandidateSet(stars, indptr, indices, table)


def best_of_duplicates(groups, evidence):
    """The best candidate that each of them is the same as, pair by pair."""
    groups = [set(map(int, group)) for group in groups]
    best = {}
    for number in np.lexsort((np.arange(len(groups)), -np.asarray(evidence))).tolist():
        for other in [other for other in best if best[other] == other]:
            shared = len(groups[number] & groups[other])
            if shared and shared >= 0.3 * len(groups[number] | groups[other]):
                best[number] = other
                break
        else:
            best[number] = number
    return best


@settings(deadline=None, max_examples=60)
@given(
    groups=st.lists(st.sets(st.integers(0, 14), max_size=10).map(sorted), max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_best_of_those_with_the_same_members_is_kept_and_counts_the_others(groups, seed):
    rng = np.random.default_rng(seed)
    evidence = rng.integers(0, 5, len(groups))
    persistence = np.where(rng.random(len(groups)) < 0.2, np.nan, rng.random(len(groups)))
    counts = rng.integers(1, 4, len(groups))
    found = a_set(groups, 15, evidence, persistence=persistence, n_repetitions=counts)
    kept = without_duplicates(found).table
    best = best_of_duplicates(groups, evidence)
    numbers = [number for number in best if best[number] == number]
    assert kept["candidate_id"].tolist() == [f"c{number:016x}" for number in numbers]
    for row, number in enumerate(numbers):
        same = [other for other in best if best[other] == number]
        assert kept["n_repetitions"].iloc[row] == counts[same].sum()
        largest = pd.Series(persistence[same]).max()
        np.testing.assert_equal(kept["persistence"].iloc[row], largest)


def test_a_hundred_thousand_candidates_are_no_matter_of_memory_or_patience():
    rng = np.random.default_rng(0)
    n_clusters, n_times, size = 5_000, 20, 15
    cluster = np.repeat(np.arange(n_clusters), n_times)
    # Each time with one star of its cluster missing.
    stars = np.array([np.delete(np.arange(size), gone) for gone in range(size)])
    groups = size * cluster[:, None] + stars[rng.integers(0, size, len(cluster))]
    ids = np.arange(len(groups))
    found = a_set(groups, n_clusters * size, -(ids % n_times), n_repetitions=1)
    start = time.process_time()
    kept = without_duplicates(found)
    assert time.process_time() - start < 60
    assert (kept.table["n_repetitions"] == n_times).all()
    np.testing.assert_array_equal(
        kept.indices.reshape(n_clusters, -1)[:, 0] // size, np.arange(n_clusters)
    )


def test_order_by_evidence_goes_by_id_between_equal_ones():
    found = a_set([[0], [1], [2]], 3, [1.0, 5.0, 1.0])
    assert by_evidence(found.table) == [1, 0, 2]
    assert by_evidence(found[::-1].table) == [1, 2, 0]


@pytest.fixture
def probable():
    found = a_set(
        [np.arange(70), np.arange(70, 80)], 80, [9.0, 5.0], membership_threshold=[0.5, 0.2]
    )
    probabilities = np.linspace(0, 1, 80)
    return found.with_members(found.indptr, found.indices, probabilities)


def test_members_are_those_at_the_threshold_or_above(probable):
    members = members_only(probable)
    expected = [(probable.probabilities[:70] >= 0.5).sum(), 10]
    assert members.table["n_members"].tolist() == expected
    assert members.table["candidate_id"].tolist() == probable.table["candidate_id"].tolist()
    assert members.probabilities.min() >= 0.5


def test_faint_stars_are_no_members_where_there_are_enough_others(probable):
    probabilities = np.where(np.arange(80) < 70, 0.9, 0.8)
    probable = probable.with_members(probable.indptr, probable.indices, probabilities)
    faint = np.zeros(80, dtype=bool)
    faint[60:75] = True
    cut = without_faint(probable, faint)
    np.testing.assert_array_equal(
        cut.probabilities == 0, (np.arange(80) >= 60) & (np.arange(80) < 70)
    )
    assert cut.table["n_probable"].tolist() == [60, 10]
    assert cut.table["n_members"].tolist() == [70, 10]
    assert without_faint(probable, None) is probable
