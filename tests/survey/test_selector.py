"""Limits on what is known of candidates."""

import numpy as np
import pandas as pd
import pytest

from climbkit.survey import CandidateSelector, CandidateSet


@pytest.fixture
def candidates():
    stars = pd.DataFrame({"source_id": np.arange(60)})
    table = pd.DataFrame(
        {
            "persistence": [0.3, 0.01, 0.2, 0.2],
            "evidence": [100.0, 100.0, 15.0, 100.0],
            "p_cst": [0.005, 0.005, np.nan, 0.9],
            "p_class": [0.9, np.nan, 0.01, 0.9],
        }
    )
    return CandidateSet(stars, [0, 20, 30, 40, 60], np.arange(60), table)


def test_every_limit_that_a_candidate_is_beyond_is_named(candidates):
    limits = {"min_persistence": 0.05, "min_evidence": 20, "max_p_cst": 0.01}
    selector = CandidateSelector(**limits, min_members=15, min_class_probability=0.05)
    reasons = selector.fit(candidates).reasons_.tolist()
    assert reasons == [
        "",
        "min_persistence, min_members",
        "min_members, min_evidence, min_class_probability",
        "max_p_cst",
    ]
    assert selector.candidates_.equals(candidates[[0]])


def test_enough_evidence_per_member_stands_for_a_p_value(candidates):
    assert not CandidateSelector(max_p_cst=0.01, sure_evidence=5.1).fit(candidates).kept_[3]
    assert CandidateSelector(max_p_cst=0.01, sure_evidence=5.0).fit(candidates).kept_[3]


def test_columns_that_are_absent_limit_nothing(candidates):
    assert CandidateSelector(max_r50=0.01).fit(candidates).kept_.all()


def test_without_limits_or_candidates_nothing_is_left_out(candidates):
    assert CandidateSelector().fit_transform(candidates).equals(candidates)
    assert len(CandidateSelector(min_members=3).fit_transform(candidates[:0])) == 0


def test_a_table_is_no_candidate_set(candidates):
    with pytest.raises(ValueError, match="X must be a CandidateSet"):
        CandidateSelector().fit(candidates.table)
