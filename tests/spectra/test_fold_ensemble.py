"""FoldEnsemble: models of folds, each judged on rows that it has not seen; data is simulated."""

import zipfile

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.tree import DecisionTreeClassifier

from climbkit.spectra import WAVELENGTH, FoldEnsemble, XPClassifier, XPSpectra

CALIBRATIONS = ("spline", "isotonic", "bias_corrected", "temperature")


def gaussians(n=300, seed=0, n_classes=2, apart=1.2):
    """Normal clouds, simulated, as many rows of each class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, n_classes)) + apart * np.eye(n_classes)[y], y


class Overconfident(LogisticRegression):
    """Says its odds to the fourth power."""

    def decision_function(self, X):
        return 4 * super().decision_function(X)


class Remembering(ClassifierMixin, BaseEstimator):
    """Knows which rows it was trained on, by their first number, and with what."""

    def fit(self, X, y, sample_weight=None, flux_error=None):
        self.kind_, self.seen_ = type(X), numbers(X)
        self.classes_ = np.unique(y)
        self.y_, self.weight_, self.error_ = y, sample_weight, flux_error
        return self

    def decision_function(self, X):
        return np.where(np.isin(numbers(X), self.seen_), 100.0, -numbers(X))


def numbers(X):
    return X.source_id if isinstance(X, XPSpectra) else np.asarray(X)[:, 0]


def numbered(n=60):
    return np.arange(1.0, n + 1)[:, None], np.arange(n) % 2


@pytest.fixture(scope="module")
def fitted():
    return FoldEnsemble(LogisticRegression(), cv=5, random_state=0).fit(*gaussians())


def test_each_row_is_held_out_by_the_one_model_that_has_not_seen_it():
    X, y = numbered()
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order], y[order]
    model = FoldEnsemble(Remembering(), cv=6, calibration=None, random_state=0).fit(X, y)
    assert len(model.estimators_) == 6
    assert_array_equal(np.bincount(model.folds_), np.full(6, 10))
    for number, member in enumerate(model.estimators_):
        assert_array_equal(np.sort(member.seen_), np.sort(X[model.folds_ != number, 0]))
        assert_array_equal(member.y_, (member.seen_ - 1) % 2)
    # A row that had been seen would say 100.
    assert_array_equal(model.oof_decision_[:, 0], -X[:, 0])


def test_held_out_decisions_are_those_of_the_model_of_the_fold(fitted):
    X, y = gaussians()
    for number, member in enumerate(fitted.estimators_):
        held = fitted.folds_ == number
        assert_allclose(fitted.oof_decision_[held, 0], member.decision_function(X[held]))
        own = LogisticRegression().fit(X[~held], y[~held])
        assert_allclose(member.coef_, own.coef_, rtol=1e-3)
    assert_array_equal(fitted.oof_target_, y)


def test_folds_hold_an_equal_share_of_each_class():
    X, y = gaussians(400)
    y = (np.arange(400) < 40).astype(int)
    model = FoldEnsemble(LogisticRegression(), calibration=None, random_state=0).fit(X, y)
    assert_array_equal(np.bincount(model.folds_, weights=y), np.full(10, 4.0))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_result_does_not_depend_on_the_order_of_the_rows(n_classes):
    X, y = gaussians(120, n_classes=n_classes)
    order = np.random.default_rng(1).permutation(len(X))
    model = FoldEnsemble(LogisticRegression(), cv=4, random_state=0)
    first = model.fit(X, y)
    proba, held, folds = first.predict_proba(X), first.oof_proba_, first.folds_
    second = model.fit(X[order], y[order])
    assert_array_equal(second.predict_proba(X), proba)
    assert_array_equal(second.oof_proba_, held[order])
    assert_array_equal(second.folds_, folds[order])


def test_random_state_makes_the_folds_and_the_models_again():
    X, y = gaussians()
    tree = DecisionTreeClassifier(max_depth=3, max_features=1)
    results = [FoldEnsemble(tree, cv=4, random_state=s).fit(X, y) for s in (3, 3, 4)]
    proba = [model.predict_proba(X) for model in results]
    assert_array_equal(proba[0], proba[1])
    assert_array_equal(results[0].folds_, results[1].folds_)
    assert np.any(results[0].folds_ != results[2].folds_)
    assert np.any(proba[0] != proba[2])


def test_models_of_the_folds_have_seeds_of_their_own():
    tree = DecisionTreeClassifier(random_state=5)
    model = FoldEnsemble(tree, cv=4, random_state=0).fit(*gaussians())
    assert len({member.random_state for member in model.estimators_}) == 4
    assert tree.random_state == 5


def test_folds_trained_at_once_give_the_same():
    X, y = gaussians(120)
    alone = FoldEnsemble(LogisticRegression(), cv=3, random_state=0).fit(X, y)
    both = FoldEnsemble(LogisticRegression(), cv=3, n_jobs=2, random_state=0).fit(X, y)
    assert_array_equal(both.predict_proba(X), alone.predict_proba(X))
    assert_array_equal(both.oof_proba_, alone.oof_proba_)


def test_rows_of_one_group_are_held_out_together():
    X, y = gaussians(240)
    groups = np.array([f"star {number}" for number in np.arange(240) // 8])
    model = FoldEnsemble(LogisticRegression(), cv=5, random_state=0).fit(X, y, groups=groups)
    assert pd.Series(model.folds_).groupby(groups).nunique().max() == 1
    free = FoldEnsemble(LogisticRegression(), cv=5, random_state=0).fit(X, y)
    assert pd.Series(free.folds_).groupby(groups).nunique().max() > 1


def test_parameters_with_an_entry_for_each_row_are_cut_like_the_rows():
    X, y = numbered()
    weight, error = 1 + X[:, 0] / 7, np.column_stack([X[:, 0], -X[:, 0]])
    model = FoldEnsemble(Remembering(), cv=5, random_state=0)
    model.fit(X, y, sample_weight=weight, flux_error=error)
    for member in model.estimators_:
        assert_array_equal(member.weight_, 1 + member.seen_ / 7)
        assert_array_equal(member.error_, np.column_stack([member.seen_, -member.seen_]))
    assert_array_equal(model.oof_weight_, weight)


def test_rows_of_no_weight_do_not_touch_the_calibration():
    X, y = gaussians(400)
    wrong = np.arange(400) < 100
    wanted = FoldEnsemble(LogisticRegression(), cv=KFold(4)).fit(X[~wrong], y[~wrong])
    flipped = np.where(wrong, 1 - y, y)

    def off(**parameters):
        model = FoldEnsemble(LogisticRegression(), cv=KFold(4)).fit(X, flipped, **parameters)
        return np.abs(model.predict_proba(X) - wanted.predict_proba(X)).max()

    assert off() > 0.15
    assert off(sample_weight=np.where(wrong, 0.0, 1.0)) < 0.05


def test_spectra_are_cut_into_folds():
    n = 20
    flux = np.random.default_rng(0).random((n, 5)).astype(np.float32)
    spectra = XPSpectra(
        source_id=np.arange(1, n + 1),
        flux=flux,
        flux_error=0.1 * flux,
        wavelength=np.linspace(400, 900, 5),
        table=None,
    )
    model = FoldEnsemble(Remembering(), cv=4, calibration=None, random_state=0)
    model.fit(spectra, np.arange(n) % 2)
    for number, member in enumerate(model.estimators_):
        assert member.kind_ is XPSpectra
        assert_array_equal(
            np.sort(member.seen_), np.sort(spectra.source_id[model.folds_ != number])
        )
    assert_array_equal(model.oof_decision_[:, 0], -spectra.source_id)
    assert model.predict_proba(spectra).shape == (n, 2)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_calibration_repairs_an_overconfident_model(calibration, n_classes):
    X, y = gaussians(1200, n_classes=n_classes)
    new, truth = gaussians(3000, seed=1, n_classes=n_classes)

    def loss(calibration, estimator):
        model = FoldEnsemble(estimator, cv=2, calibration=calibration, random_state=0).fit(X, y)
        return log_loss(truth, model.predict_proba(new)), log_loss(y, model.oof_proba_)

    honest, _ = loss(None, LogisticRegression())
    bad, bad_held = loss(None, Overconfident())
    good, good_held = loss(calibration, Overconfident())
    assert bad > 1.4 * honest  # or there would be nothing to repair
    assert good < 1.03 * honest
    assert good_held < 0.8 * bad_held


def test_temperature_is_the_power_that_was_too_much():
    X, y = gaussians(4000)
    model = FoldEnsemble(Overconfident(), cv=4, calibration="temperature", random_state=0)
    assert model.fit(X, y).calibrator_.temperature == pytest.approx(4, rel=0.1)


def test_calibrated_probabilities_are_how_often_the_class_comes_true():
    X, y = gaussians(3000)
    model = FoldEnsemble(Overconfident(), cv=5, random_state=0).fit(X, y)
    new, truth = gaussians(40_000, seed=1)
    p = model.predict_proba(new)[:, 1]
    for low, high in ((0.05, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.95)):
        rows = (p >= low) & (p < high)
        assert truth[rows].mean() == pytest.approx(p[rows].mean(), abs=0.04)


def test_prediction_is_the_mean_of_the_log_probabilities(fitted):
    X, _ = gaussians(seed=2)
    members = fitted.member_proba(X)
    assert members.shape == (5, len(X), 2)
    mean = np.exp(np.log(members).mean(axis=0))
    proba = fitted.predict_proba(X)
    assert_allclose(proba, mean / mean.sum(axis=1, keepdims=True))
    assert_allclose(fitted.decision_function(X), np.log(proba[:, 1] / proba[:, 0]))
    assert_array_equal(fitted.predict(X), (proba[:, 1] > 0.5).astype(int))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_spread_is_that_of_the_models(n_classes):
    X, y = gaussians(n_classes=n_classes)
    model = FoldEnsemble(LogisticRegression(), cv=4, random_state=0).fit(X, y)
    spread = model.member_proba(X).std(axis=0, ddof=1)
    proba, std = model.predict_proba_and_std(X)
    assert_allclose(std, spread[:, 1] if n_classes == 2 else spread, atol=1e-12)
    assert_array_equal(model.predict_std(X), std)
    assert_array_equal(model.predict_proba(X), proba)


def test_spread_is_smaller_where_more_was_learned_from():
    new, _ = gaussians(seed=3)
    few, many = (
        FoldEnsemble(LogisticRegression(), cv=5, calibration=None, random_state=0)
        .fit(*gaussians(n))
        .predict_std(new)
        .mean()
        for n in (60, 3000)
    )
    assert 0 < many < 0.3 * few


def test_scores_of_folds_are_those_of_the_held_out_rows(fitted):
    _, y = gaussians()
    scores = fitted.fold_scores_
    assert len(scores) == 5
    for number, row in enumerate(scores.itertuples(index=False)):
        held = fitted.folds_ == number
        proba = fitted.oof_proba_[held]
        assert_allclose(row.accuracy, accuracy_score(y[held], proba.argmax(axis=1)))
        assert_allclose(row.log_loss, log_loss(y[held], proba))
        assert_allclose(row.roc_auc, roc_auc_score(y[held], proba[:, 1]))
    assert scores["n_held_out"].sum() == len(y)


def test_classes_keep_their_names():
    X, y = gaussians()
    names = np.array(["single", "massive"])[y]
    model = FoldEnsemble(LogisticRegression(), cv=4, random_state=0).fit(X, names)
    assert_array_equal(model.classes_, ["massive", "single"])
    assert set(model.predict(X)) == {"massive", "single"}
    assert model.score(X, names) > 0.75


def test_class_prior_is_how_frequent_the_classes_are_in_y():
    X, y = gaussians(400)
    keep = (y == 0) | (np.arange(400) % 8 == 1)
    model = FoldEnsemble(LogisticRegression(), cv=4, random_state=0).fit(X[keep], y[keep])
    assert_allclose(model.class_prior_, [0.8, 0.2])
    assert model.oof_proba_.mean(axis=0) == pytest.approx([0.8, 0.2], abs=0.01)


def test_names_of_columns_are_those_of_the_table():
    X, y = gaussians()
    table = pd.DataFrame(X, columns=["blue", "red"])
    model = FoldEnsemble(LogisticRegression(), cv=4, random_state=0).fit(table, y)
    assert list(model.feature_names_in_) == ["blue", "red"]
    model.fit(X, y)
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2


def test_too_few_rows_of_a_class_name_cv():
    X, y = gaussians(40)
    y = np.where(np.arange(40) < 3, "rare", "common")
    with pytest.raises(ValueError, match=r"cv=5 folds need 5 rows.*'rare' has 3.*smaller cv"):
        FoldEnsemble(LogisticRegression(), cv=5).fit(X, y)


def test_too_few_groups_name_cv():
    X, y = gaussians(40)
    with pytest.raises(ValueError, match=r"cv=5 folds need 5 groups; there are 4"):
        FoldEnsemble(LogisticRegression(), cv=5).fit(X, y, groups=np.arange(40) // 10)


def test_groups_that_hold_all_of_a_class_name_cv():
    X, _ = gaussians(40)
    y = (np.arange(40) < 10).astype(int)
    with pytest.raises(ValueError, match=r"cv=4 holds out all rows of class 1"):
        FoldEnsemble(LogisticRegression(), cv=4).fit(X, y, groups=np.arange(40) // 10)


def test_splitter_that_does_not_hold_each_row_out_once_is_refused():
    with pytest.raises(ValueError, match="cv must hold each row out once"):
        FoldEnsemble(LogisticRegression(), cv=ShuffleSplit(3, random_state=0)).fit(*gaussians())


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"cv": 1}, "cv"),
        ({"cv": "ten"}, "cv"),
        ({"calibration": "temperatur"}, "calibration"),
        ({"n_jobs": 1.5}, "n_jobs"),
        ({"random_state": "x"}, "random_state"),
        ({"estimator": np.mean}, "estimator"),
    ],
)
def test_parameters_that_are_not_allowed_are_named(parameters, name):
    model = FoldEnsemble(**{"estimator": LogisticRegression(), **parameters})
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        model.fit(*gaussians())


def test_bad_rows_and_classes_are_refused():
    X, y = gaussians(60)
    model = FoldEnsemble(LogisticRegression(), cv=3)
    with pytest.raises(ValueError, match="y contains NaN"):
        model.fit(X, np.where(y == 1, np.nan, 0.0))
    broken = X.copy()
    broken[7, 1] = np.nan
    with pytest.raises(ValueError, match="X contains NaN"):
        model.fit(broken, y)
    with pytest.raises(ValueError, match="X contains NaN"):
        model.fit(X, y).predict_proba(broken)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y[:-1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y, groups=np.arange(59))
    with pytest.raises(ValueError, match="two classes or more"):
        model.fit(X, np.zeros(60))
    with pytest.raises(ValueError, match="holds no rows"):
        model.fit(X[:0], y[:0])
    with pytest.raises(ValueError, match="requires y"):
        model.fit(X, None)


def test_scores_that_are_not_finite_are_refused():
    class Broken(Remembering):
        def decision_function(self, X):
            return np.full(len(X), np.inf)

    with pytest.raises(ValueError, match="Broken gives scores that are not finite"):
        FoldEnsemble(Broken(), cv=3).fit(*numbered())


def test_nothing_is_predicted_or_saved_before_the_fit(tmp_path):
    model = FoldEnsemble(LogisticRegression())
    with pytest.raises(NotFittedError):
        model.predict_proba(gaussians()[0])
    with pytest.raises(NotFittedError):
        model.save(tmp_path / "model.zip")


def test_what_the_models_lack_the_ensemble_lacks(fitted):
    assert not hasattr(fitted, "outlier_score")


def simulated_spectra(n=40, seed=0):
    """Power laws, simulated: red ones (0) and blue ones (1), in W m-2 nm-1."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    slope = np.where(y == 1, -3.0, 1.0)[:, None] + rng.normal(scale=0.5, size=(n, 1))
    flux = 1e-16 * (WAVELENGTH / 600) ** slope
    return (flux * (1 + 0.01 * rng.normal(size=flux.shape))).astype(np.float32), y


@pytest.fixture(scope="module")
def networks():
    X, y = simulated_spectra()
    network = XPClassifier("wide_ann", max_epochs=2)
    return FoldEnsemble(network, cv=2, random_state=0).fit(X, np.array(["red", "blue"])[y])


@pytest.fixture(scope="module")
def saved(networks, tmp_path_factory):
    path = tmp_path_factory.mktemp("ensemble") / "model.zip"
    networks.save(path)
    return path


def test_saved_networks_predict_the_same(networks, saved):
    X, _ = simulated_spectra(seed=1)
    loaded = FoldEnsemble.load(saved)
    assert_array_equal(loaded.predict_proba(X), networks.predict_proba(X))
    assert_array_equal(loaded.predict(X), networks.predict(X))
    assert_array_equal(loaded.predict_std(X), networks.predict_std(X))
    assert_array_equal(loaded.outlier_score(X), networks.outlier_score(X))
    assert_array_equal(loaded.oof_proba_, networks.oof_proba_)
    assert_array_equal(loaded.folds_, networks.folds_)
    assert_array_equal(loaded.class_prior_, networks.class_prior_)
    assert_array_equal(loaded.classes_, ["blue", "red"])
    pd.testing.assert_frame_equal(loaded.fold_scores_, networks.fold_scores_)
    assert loaded.cv == 2
    assert loaded.estimator.max_epochs == 2


def test_saved_file_holds_no_pickle(saved):
    with zipfile.ZipFile(saved) as archive:
        endings = {name.rsplit(".", 1)[1] for name in archive.namelist()}
    assert endings == {"json", "npy", "keras"}


def test_wrong_ending_is_named_and_nothing_is_written(networks, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in '\.zip'"):
        networks.save(tmp_path / "model.keras")
    assert list(tmp_path.iterdir()) == []


def test_models_that_are_no_networks_are_not_saved(fitted, tmp_path):
    with pytest.raises(TypeError, match=r"save writes networks.*skops"):
        fitted.save(tmp_path / "model.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_file_that_was_cut_short_is_refused(saved, tmp_path, share):
    content = saved.read_bytes()
    path = tmp_path / "short.zip"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"short\.zip.*cut short"):
        FoldEnsemble.load(path)


def test_damaged_file_is_refused(saved, tmp_path):
    content = bytearray(saved.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8] = bytes(255 - byte for byte in content[middle : middle + 8])
    path = tmp_path / "damaged.zip"
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"damaged\.zip"):
        FoldEnsemble.load(path)


def test_files_of_others_are_refused(saved, tmp_path):
    foreign = tmp_path / "foreign.zip"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("letter.txt", "hello")
    with pytest.raises(ValueError, match=r"foreign\.zip' was not saved by climbkit"):
        FoldEnsemble.load(foreign)
    lacking = tmp_path / "lacking.zip"
    with zipfile.ZipFile(saved) as whole, zipfile.ZipFile(lacking, "w") as archive:
        for name in whole.namelist():
            if name != "member_01.keras":
                archive.writestr(name, whole.read(name))
    with pytest.raises(ValueError, match=r"lacking\.zip' lacks its part 'member_01"):
        FoldEnsemble.load(lacking)
    with pytest.raises(FileNotFoundError):
        FoldEnsemble.load(tmp_path / "nowhere.zip")
