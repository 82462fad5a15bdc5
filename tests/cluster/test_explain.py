"""decision_path and feature_attribution: the published explanation, and more."""

import numpy as np
import pytest
from CLiMB.core.CLiMB import CLiMB as PublishedCLiMB
from CLiMB.exploratory.DBSCANExploratory import DBSCANExploratory
from sklearn.cluster import DBSCAN, HDBSCAN, OPTICS

from climbkit import CLiMB, ContrastDBSCAN, KBound

GATE_COLUMNS = {
    "gate": "gate",
    "is_seed": "is_seed",
    "local_density": "local_density",
    "density_passed": "density_passed",
    "density_margin": "density_margin",
    "distance_to_nearest": "distance_to_nearest",
    "distance_passed": "distance_passed",
    "distance_margin": "distance_margin",
    "distance_to_competitor": "distance_to_competitor",
    "margin": "margin",
}
ROLE_COLUMNS = [
    "role",
    "n_neighbors_eps",
    "core_distance",
    "eps_margin",
    "distance_to_nearest_core",
]


@pytest.fixture(scope="module")
def both():
    """The published code and ours, fitted alike, with their tables."""
    rng = np.random.default_rng(5)
    X = np.vstack([rng.normal(c, 0.4, (60, 3)) for c in (0.0, 3.0, 6.0)])
    groups = {4: np.arange(5), 8: np.arange(60, 66)}
    y = np.full(len(X), -1)
    for label, rows in groups.items():
        y[rows] = label
    init = {label: X[rows].mean(axis=0) for label, rows in groups.items()}
    inverse = np.linalg.inv(np.cov(X.T))
    published = PublishedCLiMB(
        constrained_clusters=2,
        seed_points={tuple(init[g]): [tuple(x) for x in X[groups[g]]] for g in groups},
        density_threshold=0.02,
        distance_threshold=0.25,
        radial_threshold=0.3,
        convergence_tolerance=0.01,
        distance_metric="mahalanobis",
        metric_params={"VI": inverse},
        exploratory_algorithm=DBSCANExploratory(eps=0.5, min_samples=5),
    )
    published.fit(X, np.array([4, 8]))
    climb = CLiMB(
        KBound(
            density_threshold=0.02,
            density_rule="max",
            distance_threshold=0.25,
            radial_threshold=0.3,
            radial_rule="hold",
            tol=0.01,
            metric="mahalanobis",
            init=init,
        ),
        DBSCAN(eps=0.5, min_samples=5),
    ).fit(X, y)
    return X, published, climb


def test_gates_and_margins_equal_the_published_ones(both):
    X, published, climb = both
    theirs, ours = published.explain(X), climb.decision_path(X)
    assert {"assigned", "rejected_distance", "rejected_density", "seed_forced"} == set(
        ours["known_gate"]
    )
    for name, their_name in GATE_COLUMNS.items():
        a, b = ours[f"known_{name}"].to_numpy(), theirs[f"phase1_{their_name}"].to_numpy()
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, atol=2e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)
    names = np.array([4, 8])
    np.testing.assert_array_equal(
        ours["known_nearest_cluster"], names[theirs["phase1_nearest_cluster"]]
    )
    np.testing.assert_array_equal(
        ours["known_competitor_cluster"], names[theirs["phase1_competitor_cluster"]]
    )


def test_dbscan_roles_equal_the_published_ones(both):
    X, published, climb = both
    theirs, ours = published.explain(X), climb.decision_path(X)
    explored = ours["known_label"].to_numpy() == -1
    member = explored & (ours["label"].to_numpy() != -1)
    for name in ROLE_COLUMNS:
        # They report the distance to a core row for members only; we do for noise as well.
        rows = member if name == "distance_to_nearest_core" else explored
        a = ours.loc[rows, f"novel_{name}"].to_numpy()
        b = theirs.loc[rows, f"phase2_{name}"].to_numpy()
        if name == "role":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a.astype(float), b.astype(float), err_msg=name)


def test_shares_of_the_features_equal_the_published_ones(both):
    X, published, climb = both
    theirs = published.kbound_.feature_attribution(X)
    ours = climb.kbound_.feature_attribution(X)
    np.testing.assert_allclose(ours["d2_reference"], theirs["d2_reference"])
    for j in range(3):
        np.testing.assert_allclose(ours[f"contrib_x{j}"], theirs[f"contrib_feature_{j}"])
        np.testing.assert_allclose(ours[f"disc_x{j}"], theirs[f"disc_feature_{j}"])


def test_path_repeats_the_labels_of_fit_and_predict(both):
    X, _, climb = both
    fitted = climb.decision_path(X)
    np.testing.assert_array_equal(fitted["label"], climb.labels_)
    np.testing.assert_array_equal(fitted["phase"], climb.phase_)
    new = X[:40] + 0.01
    np.testing.assert_array_equal(climb.decision_path(new)["label"], climb.predict(new))
    assert set(climb.decision_path(X + 0.001)["novel_role"].dropna()) == {"new"}


def test_shares_sum_to_the_distance_under_every_quadratic_metric(both):
    X, _, _ = both
    y = np.full(len(X), -1)
    y[[0, 70]] = [1, 2]
    for metric in ("euclidean", "l2", "seuclidean", "mahalanobis"):
        kbound = KBound(metric=metric, distance_threshold=1.0).fit(X, y)
        table, gates = kbound.feature_attribution(X), kbound.decision_path(X)
        shares = table[["contrib_x0", "contrib_x1", "contrib_x2"]].sum(axis=1)
        free = ~gates["is_seed"]
        np.testing.assert_allclose(shares[free], gates["distance_to_nearest"][free] ** 2)


def test_other_metrics_cannot_be_split():
    kbound = KBound(metric="manhattan").fit([[0.0], [1.0]], [0, -1])
    with pytest.raises(ValueError, match="no quadratic form"):
        kbound.feature_attribution([[0.0]])


@pytest.mark.parametrize(
    ("explorer", "columns"),
    [
        (HDBSCAN(min_cluster_size=10, copy=True), {"membership_probability"}),
        (OPTICS(min_samples=10), {"reachability", "core_distance", "order_position"}),
    ],
)
def test_other_explorers_tell_what_they_learned(both, explorer, columns):
    X, _, climb = both
    y = np.where(climb.kbound_.seed_mask_, climb.labels_, -1)
    path = CLiMB(climb.kbound, explorer).fit(X, y).decision_path(X)
    explored = path["known_label"] == -1
    for name in columns:
        assert path.loc[explored, f"novel_{name}"].notna().all()
        assert path.loc[~explored, f"novel_{name}"].isna().all()


def test_groupless_fit_is_explained():
    table = KBound().fit([[0.0], [1.0]]).decision_path([[0.0], [2.0]])
    assert table["gate"].tolist() == ["no_group", "no_group"]


def test_default_explorer_tells_roles_in_its_own_units(both):
    X = both[0] * [1e5, 1.0, 1.0]
    climb = CLiMB(KBound(), ContrastDBSCAN(1.5, min_samples=6, min_cluster_size=1)).fit(X)
    path = climb.decision_path(X)
    core = np.zeros(len(X), dtype=bool)
    core[climb.explorer_.core_sample_indices_] = True
    assert core.any()
    np.testing.assert_array_equal(path["novel_role"] == "core", core)
    np.testing.assert_array_equal(path["novel_eps_margin"] >= 0, core)


def test_rows_that_phase_one_took_need_no_explorer(both):
    X, _, climb = both
    taken = X[climb.phase_ == 1]
    assert (climb.decision_path(taken)["phase"] == 1).all()
