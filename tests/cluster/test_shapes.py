"""GroupCovariance: shrinkage, errors, invariances."""

import numpy as np
import pytest

from climbkit import ChiSquaredGate, GroupCovariance, KBound
from climbkit.datasets import make_halo


@pytest.fixture
def two_groups():
    """A long and a wide group, their seeds, and a field."""
    rng = np.random.default_rng(3)
    X = np.vstack(
        [
            rng.normal((0, 0), (2.0, 0.2), (80, 2)),
            rng.normal((0, 5), (0.5, 0.5), (80, 2)),
            rng.uniform(-8, 8, (200, 2)),
        ]
    )
    y = np.full(len(X), -1)
    y[:40], y[80:120] = 4, 9
    return X, y


def shapes(X, y, shape=None, errors=None):
    shape = shape or GroupCovariance()
    classes = np.unique(y[y >= 0])
    centers = np.array([X[y == label].mean(axis=0) for label in classes])
    common = shape.common_shape(X, y, errors)
    return shape.covariances(X, y, classes, centers, common, errors)


def test_each_group_is_measured_in_its_own_shape(two_groups):
    X, y = two_groups
    kbound = KBound(shape=GroupCovariance(), distance_threshold=2.0).fit(X, y)
    along, across = kbound.predict([[3.0, 0.0], [0.0, 1.5]])
    assert (along, across) == (4, -1)


def test_many_seeds_outweigh_the_prior_and_one_seed_takes_it(two_groups):
    X, y = two_groups
    found = shapes(X, y)[0]
    own = np.cov(X[y == 4].T)
    assert np.abs(found - own).max() < 0.15 * np.abs(own).max()
    for n_seeds in (1, 2):
        few = y.copy()
        few[np.flatnonzero(y == 9)[n_seeds:]] = -1
        covariance = shapes(X, few)[1]
        assert (np.linalg.eigvalsh(covariance) > 0).all()
    one = y.copy()
    one[np.flatnonzero(y == 9)[1:]] = -1
    shape = GroupCovariance(prior_strength=4.0)
    # A lone seed has no scatter: the common shape, widened as its centre is uncertain.
    expected = shape.common_shape(X, one) * (1 + 1 / 5)
    np.testing.assert_allclose(shapes(X, one, shape)[1], expected)


@pytest.mark.parametrize("n_seeds", [1, 2])
@pytest.mark.parametrize("prior", ["pooled", "diagonal", "isotropic"])
def test_one_group_with_one_or_two_seeds_works(prior, n_seeds):
    X = np.random.default_rng(0).normal(size=(300, 3))
    y = np.where(np.arange(300) < n_seeds, 2, -1)
    kbound = KBound(shape=GroupCovariance(prior=prior), gate=ChiSquaredGate()).fit(X, y)
    assert np.isfinite(kbound.covariances_).all()
    assert n_seeds <= np.sum(kbound.labels_ == 2) < 150


def test_a_large_prior_strength_gives_every_group_one_shape(two_groups):
    X, y = two_groups
    first, second = shapes(X, y, GroupCovariance(prior_strength=1e9))
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_prior_may_be_diagonal_isotropic_or_given(two_groups):
    X, y = two_groups
    X = X @ np.array([[1.0, 0.8], [0.0, 1.0]])
    diagonal = GroupCovariance(prior="diagonal").common_shape(X, y)
    assert diagonal[0, 1] == 0
    isotropic = GroupCovariance(prior="isotropic").common_shape(X, y)
    assert isotropic[0, 0] / isotropic[1, 1] == pytest.approx(X[:, 0].var() / X[:, 1].var())
    given = np.array([[2.0, 0.5], [0.5, 1.0]])
    np.testing.assert_array_equal(GroupCovariance(prior=given).common_shape(X, y), given)


@pytest.mark.parametrize("prior", ["pooled", "diagonal", "isotropic"])
def test_units_of_the_features_do_not_matter(two_groups, prior):
    X, y = two_groups
    factor = np.array([1e4, 1e-3])
    shape = GroupCovariance(prior=prior)
    a, b = shapes(X, y, shape), shapes(X * factor + 7.0, y, shape)
    np.testing.assert_allclose(a * np.outer(factor, factor), b, rtol=1e-6)


def test_any_affine_map_leaves_the_answer_of_pooled_shapes(two_groups):
    X, y = two_groups
    A = np.array([[1.0, 0.7], [-0.4, 2.0]])
    settings = {"shape": GroupCovariance(), "gate": ChiSquaredGate(), "radial_threshold": 0.0}
    a, b = KBound(**settings).fit(X, y), KBound(**settings).fit(X @ A.T - 3.0, y)
    np.testing.assert_allclose(
        a.decision_path(X)["distance_to_nearest"],
        b.decision_path(X @ A.T - 3.0)["distance_to_nearest"],
        rtol=1e-5,
    )
    np.testing.assert_array_equal(a.labels_, b.labels_)


def test_errors_are_taken_out_of_the_shapes_and_added_to_the_distances():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(4000, 2)) * [1.0, 0.5]
    sigma = rng.uniform(0.5, 2.0, truth.shape)
    X, y = truth + rng.normal(size=truth.shape) * sigma, np.zeros(4000, dtype=int)
    found = shapes(X, y, errors=sigma)[0]
    np.testing.assert_allclose(np.diag(found), [1.0, 0.25], atol=0.1)
    kbound = KBound(shape=GroupCovariance(), gate=ChiSquaredGate(0.9), force_seeds=False)
    assert np.mean(kbound.fit(X, y, errors=sigma).labels_ == 0) == pytest.approx(0.9, abs=0.02)


def test_standard_deviations_equal_diagonal_covariances(two_groups):
    X, y = two_groups
    sigma = np.random.default_rng(0).uniform(0.1, 0.5, X.shape)
    covariances = sigma[:, :, None] ** 2 * np.eye(2)
    kbound = KBound(shape=GroupCovariance(), gate=ChiSquaredGate())
    a = kbound.fit(X, y, errors=sigma).decision_path(X, sigma)["distance_to_nearest"]
    b = kbound.fit(X, y, errors=covariances).decision_path(X, covariances)["distance_to_nearest"]
    np.testing.assert_array_equal(a, b)


def test_collinear_and_constant_features_are_no_obstacle(two_groups):
    X, y = two_groups
    X = np.column_stack([X, X.sum(axis=1), np.full(len(X), 5.0)])
    kbound = KBound(shape=GroupCovariance(), gate=ChiSquaredGate()).fit(X, y)
    assert np.isfinite(kbound.decision_path(X)["distance_to_nearest"]).all()
    assert (kbound.labels_[:40] == 4).all()
    recommended = KBound.recommended().fit(X, y)
    assert np.isfinite(recommended.predict_proba(X)).all()


def test_shares_of_the_features_sum_to_the_distance_in_the_own_shape(two_groups):
    X, y = two_groups
    kbound = KBound(shape=GroupCovariance(), gate=ChiSquaredGate()).fit(X, y)
    table, gates = kbound.feature_attribution(X), kbound.decision_path(X)
    free = (~gates["is_seed"]).to_numpy()
    shares = table[["contrib_x0", "contrib_x1"]].sum(axis=1)
    np.testing.assert_allclose(shares[free], gates["distance_to_nearest"][free] ** 2)


def test_halo_members_are_found_by_chi_squared_at_the_stated_share():
    halo = make_halo(random_state=0)
    kbound = KBound(shape=GroupCovariance(), gate=ChiSquaredGate(0.95), radial_threshold="auto")
    kbound.fit(halo.data, halo.partial_target)
    hidden = np.isin(halo.target, kbound.classes_) & (halo.partial_target == -1)
    assert np.mean(kbound.labels_[hidden] != -1) > 0.9


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (GroupCovariance(prior_strength=0.0), "'prior_strength' parameter of GroupCovariance"),
        (GroupCovariance(prior="full"), "'prior' parameter of GroupCovariance"),
        (GroupCovariance(prior=np.eye(3)), r"prior must be a finite array of shape \(2, 2\)"),
        (GroupCovariance(prior=[[1.0, 2.0], [2.0, 1.0]]), "symmetric and positive definite"),
        ("pooled", "'shape' parameter of KBound"),
    ],
)
def test_bad_shapes_are_refused(two_groups, shape, message):
    X, y = two_groups
    with pytest.raises(ValueError, match=message):
        KBound(shape=shape).fit(X, y)
