"""ClusterSearch: from a table of stars to a table of clusters."""

import numpy as np
import pytest

from climbkit.datasets import make_cluster_field
from climbkit.pipelines._cluster_search import ClusterSearch
from climbkit.survey import CandidateSet

TRUTH = [
    {"x": 0.0, "y": 0.0, "n_members": 80, "r50": 0.03, "distance": 20.0, "kind": "globular"},
    {"x": -0.6, "y": 0.5, "n_members": 150, "r50": 0.1, "distance": 2.0, "kind": "open"},
]


@pytest.fixture(scope="module")
def field():
    return make_cluster_field(3_000, side=2.0, clusters=TRUTH, random_state=1)


@pytest.fixture(scope="module")
def search(field):
    return ClusterSearch().fit(field.data)


def f1(found, truth):
    return 2 * np.sum(found & truth) / (np.sum(found) + np.sum(truth))


def best_f1(labels, target):
    """F1 of each true cluster with the label that fits it best."""
    return [
        max((f1(labels == k, target == c) for k in np.unique(labels[labels >= 0])), default=0.0)
        for c in range(target.max() + 1)
    ]


def test_clusters_are_found_with_their_members(search, field):
    assert min(best_f1(search.labels_, field.target)) > 0.85
    assert len(search.clusters_) == len(TRUTH)


def test_every_output_tells_of_the_same_members(search, field):
    assert isinstance(search.cluster_set_, CandidateSet)
    for number, (name, members) in enumerate(search.member_tables_.items()):
        assert search.clusters_["name"][number] == name
        assert search.clusters_["n_members"][number] == len(members)
        rows = np.flatnonzero(search.labels_ == number)
        ids = field.data["source_id"].to_numpy()[rows]
        assert set(ids.tolist()) <= set(members["source_id"].tolist())
    assert len(search.labels_) == len(field.data)
