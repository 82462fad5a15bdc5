"""SelectionGate: probabilities, their calibration, the threshold, and the fit behind them."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from climbkit import GroupCovariance, KBound, SelectionGate
from climbkit.cluster._selection_region import Region, spread_by_errors
from climbkit.datasets import make_halo
from climbkit.metrics import expected_calibration_error


def kbound(**settings):
    return KBound(shape=GroupCovariance(), gate=SelectionGate(**settings))


def probabilities(fitted, X, errors=None):
    """What the gate says of the features, of seeds and negatives as well."""
    table = fitted.decision_path(X, errors)
    return table["probability"].to_numpy()


@pytest.fixture(scope="module")
def halo():
    return make_halo(random_state=1)


@pytest.fixture(scope="module")
def fitted(halo):
    return KBound.recommended().fit(halo.data, halo.partial_target)


@pytest.fixture
def small():
    """A group of 150 in a field of 450, a third of it seeds, and one of 20, alike."""
    rng = np.random.default_rng(0)
    X = np.vstack(
        [
            rng.normal(0, (0.5, 0.2), (150, 2)),
            rng.normal((3, 3), 0.3, (20, 2)),
            rng.uniform(-5, 5, (430, 2)),
        ]
    )
    y = np.full(600, -1)
    y[:50], y[150:157] = 2, 6
    return X, y


def test_probabilities_sum_to_one_and_seeds_are_certain(halo, fitted):
    P = fitted.predict_proba(halo.data)
    assert P.shape == (len(halo.data), len(fitted.classes_) + 1)
    assert P.min() >= 0
    np.testing.assert_allclose(P.sum(axis=1), 1.0)
    seeds = halo.partial_target != -1
    own = P[seeds, np.searchsorted(fitted.classes_, halo.partial_target[seeds])]
    assert (own == 1).all()
    new = fitted.predict_proba(halo.data[:100] * 1.001)
    np.testing.assert_allclose(new.sum(axis=1), 1.0)


def test_probabilities_of_members_are_those_of_their_group(halo, fitted):
    member = fitted.labels_ != -1
    P = fitted.predict_proba(halo.data)
    own = P[member, np.searchsorted(fitted.classes_, fitted.labels_[member])]
    np.testing.assert_array_equal(fitted.probabilities_[member], own)
    assert (fitted.probabilities_[~member] == 0).all()


@pytest.mark.parametrize("seed_fraction", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("draw", [0, 1])
def test_probabilities_are_calibrated_on_the_stars_that_were_no_seeds(seed_fraction, draw):
    halo = make_halo(random_state=draw, seed_fraction=seed_fraction)
    found = KBound.recommended().fit(halo.data, halo.partial_target)
    free = halo.partial_target == -1
    member = np.isin(halo.target, found.classes_)
    stated = 1 - found.predict_proba(halo.data)[:, -1]
    assert expected_calibration_error(member[free], stated[free]) <= 0.05


def test_a_known_share_of_seeds_calibrates_at_least_as_well():
    halo = make_halo(random_state=0, seed_fraction=0.1)
    free = halo.partial_target == -1
    errors = {}
    for share in ("auto", 0.1):
        found = kbound(seed_fraction=share).fit(halo.data, halo.partial_target)
        member = np.isin(halo.target, found.classes_)
        stated = 1 - found.predict_proba(halo.data)[:, -1]
        errors[share] = expected_calibration_error(member[free], stated[free])
    assert errors[0.1] <= errors["auto"] + 0.005


def test_completeness_widens_the_net(small):
    X, y = small
    taken = [np.sum(kbound(completeness=q).fit(X, y).labels_ != -1) for q in (0.5, 0.8, 0.95)]
    assert taken == sorted(set(taken))


def test_threshold_parts_those_let_in_from_the_others(small):
    X, y = small
    found = kbound().fit(X, y)
    free = y == -1
    P = probabilities(found, X)
    np.testing.assert_array_equal(found.labels_[free] != -1, P[free] >= found.gate_.threshold_)


def test_hidden_members_are_found_and_most_of_the_field_is_not(small):
    X, y = small
    labels = kbound().fit(X, y).labels_
    assert np.mean(labels[50:150] == 2) > 0.85
    assert np.mean(labels[157:170] == 6) > 0.5
    assert np.mean(labels[170:] == -1) > 0.9


@pytest.mark.parametrize("n_seeds", [1, 2])
def test_one_or_two_seeds_work(small, n_seeds):
    X, _ = small
    y = np.where(np.arange(len(X)) < n_seeds, 2, -1)
    found = kbound().fit(X, y)
    assert np.isfinite(found.predict_proba(X)).all()
    assert found.labels_[:n_seeds].tolist() == [2] * n_seeds


def test_all_labelled_and_none_labelled_work(small):
    X, _ = small
    assert (kbound().fit(X, np.full(len(X), 3)).labels_ == 3).all()
    nothing = kbound().fit(X)
    assert (nothing.labels_ == -1).all()
    np.testing.assert_array_equal(nothing.predict_proba(X), np.ones((len(X), 1)))
    assert (nothing.decision_path(X)["gate"] == "no_group").all()


def test_result_does_not_depend_on_row_order(small):
    X, y = small
    order = np.random.default_rng(1).permutation(len(X))
    a, b = kbound().fit(X, y), kbound().fit(X[order], y[order])
    np.testing.assert_array_equal(a.labels_[order], b.labels_)
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-6)


def test_units_of_the_features_do_not_matter(small):
    X, y = small
    factor, offset = np.array([1e5, 1e-2]), np.array([3.0, -40.0])
    a = KBound.recommended().fit(X, y)
    b = KBound.recommended().fit(X * factor + offset, y)
    np.testing.assert_array_equal(a.labels_, b.labels_)
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X * factor + offset), atol=1e-5)


def test_sampling_the_catalogue_hardly_changes_the_answer(halo, fitted):
    sampled = KBound.recommended().set_params(gate__max_rows=2000)
    sampled.fit(halo.data, halo.partial_target)
    assert np.mean(sampled.labels_ == fitted.labels_) > 0.985


def test_large_catalogues_are_sampled_in_an_order_of_their_own(halo):
    order = np.random.default_rng(0).permutation(len(halo.data))
    settings = {"gate__max_rows": 1000}
    a = KBound.recommended().set_params(**settings).fit(halo.data, halo.partial_target)
    b = KBound.recommended().set_params(**settings)
    b.fit(halo.data[order], halo.partial_target[order])
    np.testing.assert_array_equal(a.labels_[order], b.labels_)


def test_negatives_lower_the_probabilities_around_them(small):
    X, y = small
    place = np.array([0.9, 0.0])
    around = np.random.default_rng(4).normal(place, 0.1, (12, 2))
    X, y = np.vstack([X, around]), np.append(y, np.full(12, -1))
    negatives = np.arange(len(X) - 12, len(X))
    without, given = kbound().fit(X, y), kbound().fit(X, y, negatives=negatives)
    near = np.random.default_rng(5).normal(place, 0.1, (20, 2))
    assert (probabilities(given, near) < probabilities(without, near)).all()
    assert (given.labels_[negatives] == -1).all()
    assert (given.predict_proba(X)[negatives, -1] == 1).all()
    assert np.mean(given.labels_[50:150] == 2) > 0.6


def test_errors_widen_acceptance(small):
    X, y = small
    found = kbound().fit(X, y)
    far = np.tile([0.0, 1.2], (3, 1))
    errors = np.array([0.0, 0.4, 0.8])[:, None] * np.ones(2)
    P = probabilities(found, far, errors)
    assert (np.diff(P) > 0).all()
    np.testing.assert_allclose(P[0], probabilities(found, far[:1])[0])


def test_a_star_with_errors_is_less_certain_both_within_and_without():
    rng = np.random.default_rng(8)
    X = np.vstack([rng.normal(0, 0.5, (400, 2)), rng.uniform(-5, 5, (400, 2))])
    sigma = np.full(X.shape, 0.5)
    noisy, y = X + rng.normal(size=X.shape) * sigma, np.where(np.arange(800) < 200, 0, -1)
    found = kbound().fit(noisy, y, errors=sigma)
    assert np.mean(found.labels_[200:400] == 0) > 0.85
    places = np.array([[0.75, 0.0], [2.6, 0.0]])
    sharp, blurred = (probabilities(found, places, np.full((2, 2), e)) for e in (0.0, 0.5))
    assert blurred[0] < sharp[0]
    assert blurred[1] > sharp[1]


def test_table_tells_the_probability_of_each_group(halo, fitted):
    table = fitted.decision_path(halo.data)
    np.testing.assert_array_equal(table["label"], fitted.labels_)
    assert set(table["gate"]) == {"assigned", "rejected_probability", "seed_forced"}
    names = [f"probability_{label}" for label in fitted.classes_]
    np.testing.assert_array_equal(table[names].max(axis=1), table["probability"])
    np.testing.assert_allclose(table[[*names, "probability_none"]].sum(axis=1), 1.0)
    margin = table["probability"] - table["probability_threshold"]
    np.testing.assert_allclose(table["probability_margin"], margin)
    np.testing.assert_array_equal(table["probability_passed"], margin >= 0)
    likeliest = [f"probability_{label}" for label in table["likeliest_cluster"]]
    assert table[names].idxmax(axis=1).tolist() == likeliest
    new = halo.data[:200] * 1.0001
    np.testing.assert_array_equal(fitted.decision_path(new)["label"], fitted.predict(new))


@pytest.mark.parametrize("errors", [None, 0.3])
@pytest.mark.parametrize("seed_fraction", [None, 0.4])
def test_gradient_of_the_fit_is_that_of_its_loss(errors, seed_fraction):
    rng = np.random.default_rng(0)

    def spread(X):
        return spread_by_errors(X, None if errors is None else np.full(X.shape, errors))

    seeds, rows, negatives = (
        rng.normal(0.5, 0.3, (15, 2)),
        rng.normal(size=(100, 2)),
        rng.normal(size=(6, 2)),
    )
    region = Region(
        spread(seeds), spread(rows), rng.uniform(1, 3, 100), spread(negatives), np.cov(seeds.T)
    )
    region.fit(4.0, 0.5, seed_fraction)
    at = region._parameters + rng.normal(size=len(region._parameters)) * 0.3
    numeric = approx_fprime(at, lambda p: region._loss(p)[0], 1e-7)
    np.testing.assert_allclose(region._loss(at)[1], numeric, rtol=1e-4, atol=1e-4)


def test_points_that_stand_for_errors_have_their_mean_and_covariance():
    rng = np.random.default_rng(0)
    X, roots = rng.normal(size=(5, 3)), rng.normal(size=(5, 3, 3))
    covariances = roots @ roots.transpose(0, 2, 1)
    points = spread_by_errors(X, covariances)
    np.testing.assert_allclose(points.mean(axis=0), X, atol=1e-12)
    offsets = points - X
    found = np.einsum("pni,pnj->nij", offsets, offsets) / len(points)
    np.testing.assert_allclose(found, covariances, atol=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"completeness": 1.0},
        {"prior_strength": -1.0},
        {"seed_fraction": "half"},
        {"seed_fraction": 0.0},
        {"max_rows": 1},
    ],
)
def test_bad_parameters_are_refused(small, settings):
    X, y = small
    with pytest.raises(ValueError, match=f"'{next(iter(settings))}' parameter of SelectionGate"):
        kbound(**settings).fit(X, y)
