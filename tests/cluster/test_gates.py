"""ChiSquaredGate, automatic thresholds, and the table that explains both."""

import numpy as np
import pytest
from scipy.stats import chi2

from climbkit import ChiSquaredGate, GroupCovariance, KBound, SelectionGate


@pytest.fixture
def group_and_field():
    rng = np.random.default_rng(2)
    X = np.vstack([rng.normal(size=(400, 3)), rng.uniform(-10, 10, (200, 3))])
    y = np.full(600, -1)
    y[:200] = 5
    return X, y


def chi_squared(confidence=0.95, **settings):
    return KBound(shape=GroupCovariance(), gate=ChiSquaredGate(confidence), **settings)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_stated_share_of_the_members_is_let_in(group_and_field, confidence):
    X, y = group_and_field
    labels = chi_squared(confidence, force_seeds=False).fit(X, y).labels_
    assert np.mean(labels[:400] == 5) == pytest.approx(confidence, abs=0.05)


def test_gate_is_the_quantile_of_the_distance(group_and_field):
    X, y = group_and_field
    kbound = chi_squared(0.9, force_seeds=False).fit(X, y)
    distance = kbound.decision_path(X)["distance_to_nearest"]
    np.testing.assert_array_equal(kbound.labels_ == 5, distance**2 <= chi2.ppf(0.9, 3))
    member = kbound.labels_ == 5
    np.testing.assert_allclose(kbound.probabilities_[member], chi2.sf(distance[member] ** 2, 3))
    assert (kbound.probabilities_[~member] == 0).all()


def test_errors_widen_acceptance(group_and_field):
    X, y = group_and_field
    kbound = chi_squared().fit(X, y)
    far = np.tile([6.0, 0.0, 0.0], (3, 1))
    errors = np.array([0.0, 1.0, 5.0])[:, None] * np.ones(3)
    assert kbound.predict(far, errors=errors).tolist() == [-1, -1, 5]
    table = kbound.decision_path(far, errors=errors)
    assert (np.diff(table["distance_to_nearest"]) < 0).all()


def test_table_of_chi_squared_tells_p_values(group_and_field):
    X, y = group_and_field
    kbound = chi_squared(0.9).fit(X, y)
    table = kbound.decision_path(X)
    np.testing.assert_array_equal(table["label"], kbound.labels_)
    assert set(table["gate"]) == {"assigned", "rejected_distance", "seed_forced"}
    np.testing.assert_allclose(table["p_value"], chi2.sf(table["distance_to_nearest"] ** 2, 3))
    passed = table["p_value_margin"] >= 0
    np.testing.assert_array_equal(passed, table["distance_passed"])
    assert table["p_value_threshold"].unique() == pytest.approx([0.1])


def test_probabilities_exist_only_where_the_gate_has_them(group_and_field):
    X, y = group_and_field
    for kbound in (KBound(), chi_squared()):
        assert not hasattr(kbound, "predict_proba")
        with pytest.raises(AttributeError, match="predict_proba"):
            kbound.fit(X, y).predict_proba(X)
    assert hasattr(KBound(gate=SelectionGate()), "predict_proba")


def test_density_gate_holds_beside_the_other(group_and_field):
    X, y = group_and_field
    both = chi_squared(0.99, density_threshold=0.5, bandwidth=1.0).fit(X, y)
    alone = chi_squared(0.99).fit(X, y)
    free = y == -1
    assert np.sum(both.labels_[free] == 5) < np.sum(alone.labels_[free] == 5)
    assert (both.density_[free & (both.labels_ == 5)] >= 0.5).all()


def test_automatic_distance_lets_in_the_seeds_as_if_each_were_hidden(group_and_field):
    X, y = group_and_field
    kbound = KBound(distance_threshold="auto", radial_threshold=0.0, force_seeds=False).fit(X, y)
    seeds = X[y == 5]
    others = (seeds.sum(axis=0) - seeds) / (len(seeds) - 1)
    expected = np.quantile(np.linalg.norm(seeds - others, axis=1), 0.95)
    assert kbound.distance_threshold_ == pytest.approx(expected)
    in_shape = KBound(shape=GroupCovariance(), distance_threshold="auto").fit(X, y)
    assert in_shape.distance_threshold_ == pytest.approx(np.sqrt(chi2.ppf(0.95, 3)), rel=0.1)


def test_automatic_distance_without_pairs_of_seeds_is_the_published_one():
    X = np.arange(10.0)[:, None]
    kbound = KBound(distance_threshold="auto").fit(X, [3] + [-1] * 9)
    assert kbound.distance_threshold_ == KBound().distance_threshold


def test_automatic_radius_is_the_standard_error_and_has_the_units_of_the_features(
    group_and_field,
):
    X, y = group_and_field
    radius = KBound(radial_threshold="auto").fit(X, y).radial_threshold_
    standard_error = np.sqrt(X[y == 5].var(axis=0).sum() / 200)
    assert radius == pytest.approx([standard_error], rel=0.05)
    scaled = KBound(radial_threshold="auto").fit(1000 * X, y).radial_threshold_
    np.testing.assert_allclose(scaled, 1000 * radius)
    few = np.where(np.arange(len(X)) < 5, y, -1)
    assert KBound(radial_threshold="auto").fit(X, few).radial_threshold_ > radius


def test_group_with_a_given_centre_and_no_seed_works(group_and_field):
    X, y = group_and_field
    init = {8: np.array([6.0, 6.0, 6.0])}
    kbound = chi_squared(init=init, radial_threshold="auto").fit(X, y)
    assert kbound.predict([[6.0, 6.0, 6.1]])[0] == 8
    selection = KBound.recommended().set_params(init=init).fit(X, y)
    assert (selection.labels_ != 8).all()
    assert (selection.predict_proba(X)[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gate": ChiSquaredGate()}, "needs distances in the groups' own shapes"),
        (
            {"gate": ChiSquaredGate(1.0), "shape": GroupCovariance()},
            "'confidence' parameter of ChiSquaredGate",
        ),
        ({"gate": "chi-squared"}, "'gate' parameter of KBound"),
        ({"distance_threshold": "automatic"}, "'distance_threshold' parameter of KBound"),
        ({"radial_threshold": "automatic"}, "'radial_threshold' parameter of KBound"),
    ],
)
def test_bad_gates_and_thresholds_are_refused(group_and_field, settings, message):
    X, y = group_and_field
    with pytest.raises(ValueError, match=message):
        KBound(**settings).fit(X, y)
