"""A small search whose answer is known, for what is written and drawn of one."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from climbkit.base import BuilderMixin
from climbkit.datasets import make_cluster_field
from climbkit.survey import CandidateSet, describe_candidates

NAMES = ("NGC 288", "candidate 1")


COLUMNS = (
    *("name", "type", "candidate_id", "ra", "dec", "l", "b", "r50", "n_members", "p_class"),
    *("persistence", "p_cst", "separation", "catalogue", "parallax", "parallax_error"),
    *("parallax_error_sys", "pmra", "pmdec", "class_reason"),
)


class KnownSearch(BuilderMixin, BaseEstimator):
    """What writers and reports need of a fitted search: the answer is the truth."""

    def __init__(self, names=NAMES, n_clusters=2):
        self.names = names
        self.n_clusters = n_clusters

    def fit(self, X, y=None):
        n = self.n_clusters
        groups = [np.flatnonzero(y == cluster) for cluster in range(n)]
        indptr = np.concatenate([[0], np.cumsum([len(rows) for rows in groups])]).astype(int)
        indices = np.concatenate([*groups, np.empty(0, dtype=int)]).astype(int)
        table = describe_candidates(X, indptr, indices).assign(
            name=list(self.names)[:n],
            type=["globular cluster", "candidate"][:n],
            p_class=[0.98, np.nan][:n],
            class_reason=["", "no photometry"][:n],
            persistence=[0.4, 0.1][:n],
            p_cst=[0.005, np.nan][:n],
            separation=[0.01, np.nan][:n],
            catalogue=["a catalogue", None][:n],
            parallax_error=0.01,
            parallax_error_sys=0.01,
            membership_threshold=0.5,
        )
        rng = np.random.default_rng(0)
        self.cluster_set_ = CandidateSet(
            X,
            indptr,
            indices,
            table,
            probabilities=rng.uniform(0.5, 1.0, len(indices)),
            units={"separation": "deg", "parallax_error_sys": "mas"},
        )
        self.candidates_ = self.cluster_set_
        self.labels_ = np.where(y < n, y, -1)
        self.clusters_ = self.cluster_set_.to_qtable()
        self.clusters_.keep_columns(list(COLUMNS))
        self.member_tables_ = {}
        for name, candidate in zip(self.names, self.cluster_set_, strict=False):
            members = candidate.members.assign(probability=candidate.probabilities)
            self.member_tables_[name] = members
        return self


@pytest.fixture(scope="session")
def cluster_field():
    return make_cluster_field(3_000, side=4.0, n_clusters=2, random_state=0)


@pytest.fixture(scope="session")
def fit_known(cluster_field):
    """Fit a `KnownSearch` with other names or other stars."""

    def fit(stars=None, **parameters):
        stars = cluster_field.data if stars is None else stars
        return KnownSearch(**parameters).fit(stars, cluster_field.target)

    return fit


@pytest.fixture(scope="session")
def known_search(fit_known):
    return fit_known()
