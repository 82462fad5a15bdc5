"""Models of tables: told apart in every process, and loaded from files that run no code."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import skops.io
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from climbkit.spectra import FoldEnsemble, XPClassifier, predict_table
from climbkit.spectra._model_fingerprint import model_fingerprint
from climbkit.spectra._model_loading import load_model

X = np.random.default_rng(0).normal(size=(60, 20)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)

MODELS = {
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "forest": RandomForestClassifier(5, random_state=0),
    "boosting": HistGradientBoostingClassifier(max_iter=5, random_state=0),
    "svc": SVC(),
    "function": make_pipeline(FunctionTransformer(np.sinh), LogisticRegression()),
    "random state": RandomForestClassifier(3, random_state=np.random.RandomState(0)),
}


@pytest.fixture(scope="module")
def network():
    model = XPClassifier(
        "wide_ann", normalizer="passthrough", n_context=0, max_epochs=1, random_state=0
    )
    return model.fit(X, Y)


@pytest.fixture(scope="module")
def ensemble(network):
    return FoldEnsemble(clone(network), cv=2, calibration="temperature", random_state=0).fit(X, Y)


@pytest.mark.parametrize("name", MODELS)
def test_fingerprint_stays_when_a_model_is_copied_and_changes_when_it_is_not(name):
    model = clone(MODELS[name]).fit(X, Y)
    fingerprint = model_fingerprint(model)
    model.predict(X)
    assert model_fingerprint(pickle.loads(pickle.dumps(model))) == fingerprint
    assert model_fingerprint(clone(MODELS[name]).fit(X[:-1], Y[:-1])) != fingerprint


def test_fingerprint_is_the_same_in_another_process(tmp_path):
    model = clone(MODELS["forest"]).fit(X, Y)
    (tmp_path / "model").write_bytes(pickle.dumps(model))
    code = (
        "import pickle, sys; from climbkit.spectra._model_fingerprint import model_fingerprint; "
        "print(model_fingerprint(pickle.load(open(sys.argv[1], 'rb'))))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == model_fingerprint(model)


def test_what_does_not_change_predictions_does_not_change_the_fingerprint():
    one = RandomForestClassifier(5, random_state=0).fit(X, Y)
    two = RandomForestClassifier(5, random_state=0, n_jobs=2, verbose=0).fit(X, Y)
    assert model_fingerprint(one) == model_fingerprint(two)
    one.set_params(n_estimators=6)
    assert model_fingerprint(one) != model_fingerprint(two)


def test_fingerprint_of_what_holds_itself_ends():
    model = LogisticRegression().fit(X, Y)
    model.mine_ = {"model": model, "set": {3, 1, 2}, "object": np.array(["a", None], object)}
    assert model_fingerprint(model) == model_fingerprint(pickle.loads(pickle.dumps(model)))
    model.mine_["set"] = {3, 1}
    assert model_fingerprint(model) != model_fingerprint(LogisticRegression().fit(X, Y))


def test_fingerprint_of_what_cannot_be_taken_apart_is_an_error():
    model = LogisticRegression().fit(X, Y)
    model.open_ = (each for each in X)
    with pytest.raises(TypeError, match="has no fingerprint"):
        model_fingerprint(model)


@pytest.mark.parametrize("kind", ["network", "ensemble"])
def test_saved_networks_keep_their_fingerprint_and_predict_alike(kind, request, tmp_path):
    model = request.getfixturevalue(kind)
    path = tmp_path / ("model.keras" if kind == "network" else "model.zip")
    model.predict_proba(X)
    model.save(path)
    loaded = load_model(path)
    assert type(loaded) is type(model)
    assert model_fingerprint(loaded) == model_fingerprint(model)
    np.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=1e-5)


def test_network_is_loaded_where_keras_has_named_no_layer_yet(tmp_path):
    # Layers of a loaded network keep their names, "flatten" among them.
    from climbkit.neural._architectures import build_network
    from climbkit.neural._backend import import_keras

    import_keras().utils.clear_session()  # as in the process that built it
    network = build_network("stellarnet", (20,), 1, 2)
    model = XPClassifier.from_network(
        network, [0, 1], architecture="stellarnet", normalizer="passthrough"
    )
    model.save(tmp_path / "model.keras")
    import_keras().utils.clear_session()  # as in the process that loads it
    features = load_model(tmp_path / "model.keras").hidden_features(X[:32])
    logits = features @ np.asarray(network.layers[-1].kernel.value)
    np.testing.assert_allclose(logits[:, 0], model.decision_function(X[:32]), rtol=1e-3, atol=1e-5)


def test_ensembles_fill_their_columns_from_a_file(ensemble, tmp_path):
    ensemble.save(tmp_path / "model.zip")
    frame = pd.DataFrame({"source_id": range(60), "flux": list(X)})
    frame.to_parquet(tmp_path / "x.parquet")
    predict_table(tmp_path / "model.zip", tmp_path / "x.parquet", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    proba, spread = ensemble.predict_proba_and_std(X)
    np.testing.assert_allclose(table["p_1"], proba[:, 1], rtol=1e-4)
    np.testing.assert_allclose(table["p_std"], spread, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(table["outlier_score"], ensemble.outlier_score(X), atol=1e-6)


def test_network_that_was_trained_on_is_another_one(network):
    other = clone(network).set_params(random_state=1).fit(X, Y)
    assert model_fingerprint(other) != model_fingerprint(network)
    before = model_fingerprint(other)
    weight = other.network_.weights[0]
    weight.assign(weight.value + 1e-3)
    assert model_fingerprint(other) != before


def test_skops_files_are_loaded_if_they_hold_nothing_foreign(tmp_path):
    model = clone(MODELS["pipeline"]).fit(X, Y)
    skops.io.dump(model, tmp_path / "model.skops")
    loaded = load_model(tmp_path / "model.skops")
    assert model_fingerprint(loaded) == model_fingerprint(model)
    foreign = make_pipeline(FunctionTransformer(pd.DataFrame), LogisticRegression()).fit(X, Y)
    skops.io.dump(foreign, tmp_path / "foreign.skops")
    with pytest.raises(ValueError, match=r"holds pandas\..*which are of no trusted package"):
        load_model(tmp_path / "foreign.skops")


@pytest.mark.parametrize("ending", [".keras", ".zip", ".skops"])
def test_damaged_and_strange_files_are_named(tmp_path, ending):
    path = tmp_path / f"model{ending}"
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match=f"model{ending}.* is no complete"):
        load_model(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        load_model(path)


def test_pickles_are_not_loaded(tmp_path):
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(LogisticRegression().fit(X, Y)))
    with pytest.raises(ValueError, match=r"must be a \.keras, \.zip or \.skops file"):
        load_model(tmp_path / "model.pickle")
