"""PriorShift: probabilities for a sky where classes are rarer; data is simulated."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from climbkit.spectra import FoldEnsemble, PriorShift
from climbkit.spectra._prior_estimation import em_prior

RARE = 0.01
N_SKY = 20_000


def drawn(n, shares, seed, apart=2.6):
    """Normal clouds, simulated, whose classes are as frequent as stated."""
    rng = np.random.default_rng(seed)
    y = rng.choice(len(shares), n, p=shares)
    return rng.normal(size=(n, len(shares))) + apart * np.eye(len(shares))[y], y


def ensemble(**parameters):
    return FoldEnsemble(LogisticRegression(), **{"cv": 4, "random_state": 0, **parameters})


def frozen(training=(0.5, 0.5), seed=0):
    X, y = drawn(20_000, training, seed)
    return FrozenEstimator(LogisticRegression().fit(X, y)), X, y


@pytest.fixture(scope="module")
def training():
    return drawn(3000, [0.5, 0.5], seed=0)


@pytest.fixture(scope="module")
def sky():
    return drawn(N_SKY, [1 - RARE, RARE], seed=1)


@pytest.fixture(scope="module")
def model(training):
    """Fitted, and not adapted: tests must not change it."""
    return PriorShift(ensemble(), random_state=0).fit(*training)


@pytest.fixture(scope="module")
def adapted(training, sky):
    return PriorShift(ensemble(), random_state=0).fit(*training).adapt(sky[0])


def test_rare_class_is_found_within_the_errors(adapted):
    error = adapted.prior_std_[1]
    assert 0 < error < 0.3 * RARE
    assert abs(adapted.prior_[1] - RARE) < 3 * error
    assert adapted.prior_.sum() == pytest.approx(1)
    assert adapted.n_adapted_ == N_SKY


def test_errors_are_as_large_as_the_scatter():
    pulls = []
    for seed in range(10):
        X, y = drawn(1000, [0.5, 0.5], seed=seed)
        new, _ = drawn(2000, [0.97, 0.03], seed=1000 + seed)
        model = PriorShift(ensemble(cv=2, calibration="temperature"), random_state=0)
        model.fit(X, y).adapt(new)
        pulls.append((model.prior_[1] - 0.03) / model.prior_std_[1])
    assert 0.5 < np.sqrt(np.mean(np.square(pulls))) < 1.6
    assert abs(np.mean(pulls)) < 1.0


def test_expected_numbers_are_those_of_the_prior(adapted, sky):
    assert_allclose(adapted.n_expected_, N_SKY * adapted.prior_)
    assert_allclose(adapted.n_expected_std_, N_SKY * adapted.prior_std_)
    assert_allclose(adapted.predict_proba(sky[0]).mean(axis=0), adapted.prior_, rtol=1e-4)


def test_balanced_training_takes_far_too_many_for_the_rare_class(model, adapted, sky):
    X, y = sky
    assert model.predict_proba(X)[:, 1].sum() > 3 * y.sum()
    assert abs(adapted.predict_proba(X)[:, 1].sum() - y.sum()) < 0.3 * y.sum()
    assert adapted.score(X, y) > model.score(X, y) + 0.02


def test_three_classes_are_found_within_the_errors():
    shares = np.array([0.9, 0.07, 0.03])
    X, y = drawn(3000, [1 / 3] * 3, seed=0)
    new, truth = drawn(N_SKY, shares, seed=1)
    model = PriorShift(ensemble(), random_state=0).fit(X, y).adapt(new)
    assert np.all(np.abs(model.prior_ - shares) < 3 * model.prior_std_)
    assert np.all(model.prior_std_ < 0.25 * shares)
    assert model.prior_draws_.shape == (200, 3)
    assert model.shift_pvalue_ > 1e-3
    report = model.report(new, target=2, thresholds=[0.5])
    chosen = model.predict_proba(new)[:, 2] >= 0.5
    assert report["n_selected"][0] == chosen.sum()
    off = report["purity"][0] - np.mean(truth[chosen] == 2)
    assert abs(off) < 3 * report["purity_std"][0]
    with pytest.raises(ValueError, match=r"target must be one of the classes \[0, 1, 2\]"):
        model.report(new)


def test_training_prior_is_that_of_the_probabilities():
    X, y = drawn(2000, [0.8, 0.2], seed=0)
    share = [np.mean(y == 0), np.mean(y == 1)]
    assert_allclose(PriorShift(ensemble()).fit(X, y).training_prior_, share)
    assert_allclose(PriorShift(LogisticRegression()).fit(X, y).training_prior_, share)


@pytest.mark.parametrize("prior", [0.01, {1: 0.01, 0: 0.99}])
def test_stated_prior_multiplies_the_odds(training, sky, prior):
    model = PriorShift(LogisticRegression(), prior=prior).fit(*training)
    before = model.estimator_.predict_proba(sky[0])
    after = model.predict_proba(sky[0])
    factor = (0.01 / 0.99) / (model.training_prior_[1] / model.training_prior_[0])
    assert_allclose(after[:, 1] / after[:, 0], factor * before[:, 1] / before[:, 0])
    assert_allclose(model.prior_, [0.99, 0.01])
    assert_array_equal(model.prior_std_, [0, 0])


def test_stated_prior_of_named_classes_goes_by_name(training):
    X, y = training
    names = np.array(["other", "massive"])[y]
    model = PriorShift(LogisticRegression(), prior={"other": 0.9, "massive": 0.1}).fit(X, names)
    assert_array_equal(model.classes_, ["massive", "other"])
    assert_allclose(model.prior_, [0.1, 0.9])
    assert model.predict_proba(X).mean(axis=0)[0] < 0.5


def test_prior_of_training_leaves_the_probabilities(training, sky):
    X, y = training
    model = PriorShift(LogisticRegression(), prior=float(np.mean(y))).fit(X, y)
    wanted = model.estimator_.predict_proba(sky[0])
    assert_allclose(model.predict_proba(sky[0]), wanted, rtol=1e-10)
    unadapted = PriorShift(LogisticRegression()).fit(X, y)
    assert_array_equal(unadapted.predict_proba(sky[0]), wanted)


@pytest.mark.parametrize(
    "prior",
    [0.0, 1.0, -0.1, 1.5, float("nan"), "estimated", None, [0.5, 0.5]],
)
def test_priors_that_are_none_are_refused(training, prior):
    with pytest.raises(ValueError, match="'prior' parameter"):
        PriorShift(LogisticRegression(), prior=prior).fit(*training)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({0: 0.9}, r"must have the classes \[0, 1\]"),
        ({0: 0.9, 1: 0.05, 2: 0.05}, r"must have the classes \[0, 1\]"),
        ({"0": 0.9, "1": 0.1}, r"must have the classes \[0, 1\]"),
        ({0: 0.9, 1: 0.2}, "whose sum is 1"),
        ({0: 1.0, 1: 0.0}, "above 0"),
        ({0: 1.1, 1: -0.1}, "above 0"),
        ({0: float("nan"), 1: 0.5}, "above 0"),
    ],
)
def test_mappings_that_do_not_fit_the_classes_are_refused(training, prior, message):
    with pytest.raises(ValueError, match=f"prior .*{message}"):
        PriorShift(LogisticRegression(), prior=prior).fit(*training)


def test_one_number_is_not_enough_for_three_classes():
    X, y = drawn(300, [1 / 3] * 3, seed=0)
    with pytest.raises(ValueError, match=r"each of the classes \[0, 1, 2\], as a dict"):
        PriorShift(LogisticRegression(), prior=0.1).fit(X, y)


def test_stated_prior_is_not_estimated(training, sky):
    model = PriorShift(LogisticRegression(), prior=0.01).fit(*training)
    with pytest.raises(ValueError, match=r"prior=0\.01 is stated.*prior='estimate'"):
        model.adapt(sky[0])


def test_report_agrees_with_the_truth_within_the_errors(adapted, sky):
    X, y = sky
    report = adapted.report(X, thresholds=[0.2, 0.5, 0.8])
    p = adapted.predict_proba(X)[:, 1]
    for row in report.itertuples(index=False):
        chosen = p >= row.threshold
        assert row.n_selected == chosen.sum()
        assert 0 < row.purity_std < 0.25
        assert 0 < row.completeness_std < 0.25
        assert abs(row.purity - y[chosen].mean()) < 3 * row.purity_std
        assert abs(row.completeness - y[chosen].sum() / y.sum()) < 3 * row.completeness_std
        assert abs(row.n_true - y[chosen].sum()) < 3 * row.n_true_std


def test_report_before_the_adaptation_is_wrong(model, sky):
    """What the report of an adapted model is compared with could be missed."""
    X, y = sky
    row = model.report(X, thresholds=0.5).iloc[0]
    purity = y[model.predict_proba(X)[:, 1] >= 0.5].mean()
    assert row["purity"] - purity > 10 * row["purity_std"]


def test_report_of_nothing_selected_has_no_purity(adapted, sky):
    row = adapted.report(sky[0][:50], thresholds=[1.0]).iloc[0]
    assert row["n_selected"] == row["n_true"] == 0
    assert np.isnan(row["purity"])
    assert row["completeness"] == 0


def test_report_of_the_other_class(adapted, sky):
    X, _ = sky
    row = adapted.report(X, target=0, thresholds=[0.5]).iloc[0]
    assert row["n_selected"] == np.sum(adapted.predict_proba(X)[:, 0] >= 0.5)
    assert row["purity"] > 0.98


@pytest.mark.parametrize("thresholds", [[-0.1], [1.1], [np.nan], [[0.1, 0.2]]])
def test_thresholds_that_are_no_probabilities_are_refused(adapted, sky, thresholds):
    with pytest.raises(ValueError, match="thresholds must be probabilities"):
        adapted.report(sky[0][:10], thresholds=thresholds)


def test_mixture_of_the_classes_is_not_called_unlike_one(adapted):
    assert adapted.shift_pvalue_ > 0.001


def test_p_values_of_mixtures_are_spread_from_0_to_1(training):
    model = PriorShift(ensemble(cv=2), n_draws=2, random_state=0).fit(*training)
    p = [model.adapt(drawn(2000, [0.9, 0.1], seed=seed)[0]).shift_pvalue_ for seed in range(10, 30)]
    assert 0.2 < np.mean(p) < 0.8
    assert min(p) > 1e-4


def test_third_class_is_noticed(training, sky):
    between = np.random.default_rng(2).normal(scale=0.3, size=(N_SKY // 5, 2)) + 1.3
    model = PriorShift(ensemble(), random_state=0).fit(*training)
    model.adapt(np.concatenate([sky[0], between]))
    assert model.shift_pvalue_ < 1e-6


def test_order_of_the_rows_changes_nothing(training, sky, adapted):
    X, y = training
    rng = np.random.default_rng(3)
    order, mixed = rng.permutation(len(X)), rng.permutation(N_SKY)
    model = PriorShift(ensemble(), random_state=0).fit(X[order], y[order]).adapt(sky[0][mixed])
    assert_allclose(model.prior_, adapted.prior_, rtol=1e-9)
    assert_allclose(model.prior_std_, adapted.prior_std_, rtol=1e-6)
    assert_allclose(model.shift_pvalue_, adapted.shift_pvalue_, rtol=1e-6)
    assert_allclose(model.predict_proba(sky[0]), adapted.predict_proba(sky[0]), rtol=1e-6)


def test_random_state_makes_the_draws_again(training, sky):
    first, second, third = (
        PriorShift(ensemble(), random_state=s).fit(*training).adapt(sky[0][:2000]).prior_draws_
        for s in (0, 0, 1)
    )
    assert_array_equal(first, second)
    assert np.any(first != third)


def test_fit_forgets_the_adaptation(training, sky):
    model = PriorShift(ensemble(), random_state=0).fit(*training).adapt(sky[0])
    model.fit(*training)
    assert_array_equal(model.prior_, model.training_prior_)
    assert model.n_adapted_ == 0
    assert np.isnan(model.shift_pvalue_)


def test_frozen_estimator_stays_as_it_is(sky):
    inner, X, y = frozen()
    coefficients = inner.estimator.coef_.copy()
    model = PriorShift(inner, random_state=0).fit(X[:500], y[:500]).adapt(sky[0])
    assert_array_equal(model.estimator_.estimator.coef_, coefficients)
    assert abs(model.prior_[1] - RARE) < 3 * model.prior_std_[1] < RARE
    assert np.isnan(model.shift_pvalue_)  # no held-out rows


def test_held_out_rows_repair_a_model_that_is_badly_calibrated(training, sky):
    X, y = training
    overconfident = LogisticRegression().fit(X, y)
    overconfident.coef_ = 0.4 * overconfident.coef_ + [[0.3, 0.0]]
    plain = PriorShift(FrozenEstimator(overconfident), random_state=0).fit(X, y).adapt(sky[0])
    helped = PriorShift(FrozenEstimator(overconfident), random_state=0)
    helped.fit(X, y, held_out=drawn(3000, [0.5, 0.5], seed=5)).adapt(sky[0])
    assert abs(plain.prior_[1] - RARE) > 5 * plain.prior_std_[1]
    assert abs(helped.prior_[1] - RARE) < 3 * helped.prior_std_[1]
    assert helped.prior_std_[1] < RARE


def test_held_out_rows_of_other_classes_are_refused(training):
    X, y = training
    model = PriorShift(LogisticRegression())
    with pytest.raises(ValueError, match="held_out has classes that the estimator has not"):
        model.fit(X, y, held_out=(X, y + 1))
    with pytest.raises(ValueError, match="held_out has no rows of class 1"):
        model.fit(X, y, held_out=(X[y == 0], y[y == 0]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y, held_out=(X, y[:-1]))


def test_reweighed_probabilities_are_the_predicted_ones(adapted, sky):
    X = sky[0][:200]
    inner = adapted.estimator_
    wanted = adapted.predict_proba(X)
    assert_allclose(adapted.reweigh(inner.predict_proba(X)), wanted, rtol=1e-9)
    assert_allclose(adapted.reweigh(inner.predict_proba(X)[:, 1]), wanted, rtol=1e-6)
    assert_allclose(adapted.reweigh(inner.member_proba(X)), wanted, rtol=1e-9)


def test_probabilities_given_do_the_same_as_rows(adapted, training, sky):
    X = sky[0]
    model = PriorShift(ensemble(), random_state=0).fit(*training)
    model.adapt(proba=model.estimator_.member_proba(X))
    assert_array_equal(model.prior_, adapted.prior_)
    given = adapted.report(proba=adapted.estimator_.predict_proba(X))
    assert_allclose(given, adapted.report(X), rtol=1e-6)


@pytest.mark.parametrize(
    ("proba", "message"),
    [
        ([[0.5, 0.6]], "whose sum in each row is 1"),
        ([[1.5, -0.5]], "from 0 to 1"),
        ([[np.nan, 0.5]], "from 0 to 1"),
        ([[0.2, 0.3, 0.5]], "2 columns"),
        (np.zeros((0, 2)), "no rows"),
        ([["a", "b"]], "numbers"),
        (np.full((3, 5, 2), 0.5), "holds 3 models; the ensemble has 4"),
    ],
)
def test_what_is_no_probability_is_refused(model, proba, message):
    for call in (model.reweigh, lambda p: model.adapt(proba=p), lambda p: model.report(proba=p)):
        with pytest.raises(ValueError, match=f"proba .*{message}"):
            call(proba)


def test_either_rows_or_probabilities_are_given(model, sky):
    for call in (model.adapt, model.report):
        with pytest.raises(ValueError, match="either X or proba"):
            call()
        with pytest.raises(ValueError, match="either X or proba"):
            call(sky[0][:5], proba=[0.5] * 5)


def test_spread_is_that_of_the_reweighted_models(adapted, sky):
    X = sky[0][:100]
    members = adapted.estimator_.member_proba(X)
    wanted = np.std([adapted.reweighting_(m)[:, 1] for m in members], axis=0, ddof=1)
    assert_allclose(adapted.predict_std(X), wanted, rtol=1e-6, atol=1e-12)
    proba, std = adapted.predict_proba_and_std(X)
    assert_allclose(proba, adapted.predict_proba(X), rtol=1e-9)
    assert_array_equal(std, adapted.predict_std(X))


def test_plain_classifiers_have_no_spread(training):
    assert not hasattr(PriorShift(LogisticRegression()).fit(*training), "predict_std")


def test_too_few_steps_warn(training, sky):
    model = PriorShift(ensemble(), max_steps=1, random_state=0).fit(*training)
    with pytest.warns(ConvergenceWarning, match="max_steps=1"):
        model.adapt(sky[0])


def test_nothing_is_adapted_before_the_fit(sky):
    model = PriorShift(LogisticRegression())
    for call in (model.adapt, model.predict_proba, model.report, model.reweigh):
        with pytest.raises(NotFittedError):
            call(sky[0])


def test_rows_with_nan_are_refused(model, sky):
    broken = sky[0][:10].copy()
    broken[3, 0] = np.nan
    for call in (model.adapt, model.predict_proba, model.report):
        with pytest.raises(ValueError, match="NaN"):
            call(broken)


def plain_em(proba, training_prior, prior, n_steps):
    """Steps of Saerens et al., with the mean log-likelihood of several models."""
    for _ in range(n_steps):
        joint = proba * (prior / training_prior)
        prior = (joint / joint.sum(axis=-1, keepdims=True)).mean(axis=(0, 1))
    return prior


@pytest.mark.parametrize("n_models", [1, 3])
@pytest.mark.parametrize("shares", [[0.95, 0.05], [0.3, 0.7], [0.6, 0.3, 0.1]])
@pytest.mark.parametrize("apart", [0.7, 3.0])
def test_largest_likelihood_is_where_steps_of_em_end(apart, shares, n_models):
    n_classes = len(shares)
    rng = np.random.default_rng(0)
    y = rng.choice(n_classes, 500, p=shares)
    x = rng.normal(size=(500, n_classes)) + apart * np.eye(n_classes)[y]
    logits = apart * x + 0.1 * rng.normal(size=(n_models, 1, n_classes))
    proba = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    training_prior = np.full(n_classes, 1 / n_classes)
    wanted = plain_em(proba, training_prior, training_prior, 1000)
    assert_allclose(plain_em(proba, training_prior, wanted, 50), wanted, rtol=1e-7)
    prior, n_steps, converged = em_prior(proba, training_prior, 1e-8, 100)
    assert converged
    assert n_steps < 40
    assert_allclose(prior, wanted, rtol=1e-5)


def test_class_that_is_not_there_is_half_a_row():
    """The likelihood is largest at no frequency at all, where Newton's steps would go beyond."""
    x = np.random.default_rng(0).normal(size=1000) - 2
    p = 1 / (1 + np.exp(-4 * x))
    prior, _, converged = em_prior(np.stack([1 - p, p], axis=-1)[None], np.full(2, 0.5), 1e-8, 500)
    assert converged
    assert prior[1] == pytest.approx(0.5 / 1000, rel=1e-3)


def test_absent_classes_of_several_leave_the_others_right():
    """What is not there is half a row; the others are as steps of EM say of them alone."""
    rng = np.random.default_rng(0)
    y = rng.choice(2, 400, p=[0.7, 0.3])
    logits = 1.5 * (rng.normal(size=(400, 3)) + 1.5 * np.eye(3)[y] - [0, 0, 3])
    proba = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    prior, _, converged = em_prior(proba[None], np.full(3, 1 / 3), 1e-6, 2000)
    wanted = plain_em(proba[None, :, :2], np.full(2, 1 / 3), np.full(2, 0.5), 1000)
    assert converged
    assert prior[2] == pytest.approx(0.5 / 400, rel=0.01)
    assert_allclose(prior[:2], wanted, atol=0.005)


def test_few_rows_do_not_end_the_steps_early():
    """A class starts below the floor of eight rows; the step up to it lowers the likelihood."""
    rng = np.random.default_rng(1)
    training_prior = np.array([0.02, 0.2, 0.3, 0.48])
    for _ in range(40):
        proba = rng.dirichlet(60 * training_prior, size=(1, 8))
        prior, _, converged = em_prior(proba, training_prior, 1e-9, 20_000)
        assert converged
        again = np.maximum(plain_em(proba, training_prior, prior, 1), 0.5 / 8)
        assert_allclose(again / again.sum(), prior, rtol=1e-3)
