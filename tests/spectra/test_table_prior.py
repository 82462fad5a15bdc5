"""Probabilities of a table are re-weighed to a frequency that is given or estimated from it."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.optimize import minimize_scalar
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from climbkit.spectra import PriorShift, predict_table
from climbkit.spectra._table_parts import Parts

RARE = 0.03
N_ROWS = 20_000


def drawn(n, share, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    return (rng.normal(size=(n, 3)) + 1.2 * y[:, None]).astype(np.float32), y


@pytest.fixture(scope="module")
def model():
    """Trained where both classes are as frequent, and told so."""
    X, y = drawn(20_000, 0.5, seed=0)
    return GaussianNB(priors=[0.5, 0.5]).fit(X, y)


@pytest.fixture(scope="module")
def sky():
    return drawn(N_ROWS, RARE, seed=1)


@pytest.fixture(scope="module")
def source(sky, tmp_path_factory):
    path = tmp_path_factory.mktemp("sky") / "sky.parquet"
    table = pa.table({"source_id": np.arange(N_ROWS), "flux": list(sky[0])})
    pq.write_table(table, path)
    return path


def test_estimated_number_of_a_rare_class_is_near_the_truth(model, sky, source, tmp_path):
    written = predict_table(model, source, tmp_path / "out.parquet", prior="estimate")
    assert written.prior["1"] == pytest.approx(np.mean(sky[1]), rel=0.1)
    table = pq.read_table(tmp_path / "out.parquet")
    assert np.sum(table["p_1_reweighted"]) == pytest.approx(N_ROWS * written.prior["1"], rel=1e-3)
    # Without it there would be many times too many.
    assert np.sum(table["p_1"]) > 3 * sky[1].sum()
    total = np.add(table["p_0_reweighted"], table["p_1_reweighted"])
    np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_estimate_is_the_likeliest_frequency(model, sky, source, tmp_path):
    proba = model.predict_proba(sky[0])
    found = minimize_scalar(
        lambda q: -np.log(proba[:, 0] * (1 - q) + proba[:, 1] * q).sum(), bounds=(0, 1)
    ).x
    written = predict_table(model, source, tmp_path / "out.parquet", prior="estimate")
    assert written.prior["1"] == pytest.approx(found, rel=1e-3)


def test_estimate_is_that_of_prior_shift_without_held_out_rows(model, sky, source, tmp_path):
    shift = PriorShift(FrozenEstimator(model), n_draws=2).fit(*sky)
    shift.adapt(proba=model.predict_proba(sky[0]))
    written = predict_table(model, source, tmp_path / "out.parquet", prior="estimate")
    np.testing.assert_allclose(list(written.prior.values()), shift.em_prior_, rtol=1e-4)
    table = pq.read_table(tmp_path / "out.parquet")
    expected = shift.predict_proba(sky[0])[:, 1]
    np.testing.assert_allclose(table["p_1_reweighted"], expected, rtol=1e-3)


def test_adapted_prior_shift_is_a_model_itself(model, sky, source, tmp_path):
    shift = PriorShift(FrozenEstimator(model), n_draws=2).fit(*sky).adapt(sky[0])
    predict_table(shift, source, tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    np.testing.assert_allclose(table["p_1"], shift.predict_proba(sky[0])[:, 1], rtol=1e-5)
    with pytest.raises(ValueError, match="PriorShift re-weighs its probabilities"):
        predict_table(shift, source, tmp_path / "no.parquet", prior=0.1)


def test_prediction_and_threshold_are_of_reweighed_probabilities(model, source, tmp_path):
    out = tmp_path / "out.parquet"
    predict_table(model, source, out, prior=0.2, threshold=0.3, batch_rows=777)
    table = pq.read_table(out).to_pandas()
    p = table["p_1"] * 0.2 / (table["p_1"] * 0.2 + table["p_0"] * 0.8)
    np.testing.assert_allclose(table["p_1_reweighted"], p, rtol=1e-5)
    np.testing.assert_array_equal(table["prediction"], table["p_1_reweighted"] >= 0.3)
    metadata = pq.read_schema(out).metadata
    assert json.loads(metadata[b"climbkit_prior"]) == {"0": 0.8, "1": 0.2}
    assert json.loads(metadata[b"climbkit"])["parameters"]["prior"] == [0.8, 0.2]


def test_stopped_run_estimates_the_same(model, source, tmp_path, monkeypatch):
    options = {"prior": "estimate", "batch_rows": 3_000}
    predict_table(model, source, tmp_path / "whole.parquet", **options)
    save = Parts.save

    def stopped(self, number, *arguments):
        if number == 4:
            raise KeyboardInterrupt
        save(self, number, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            predict_table(model, source, tmp_path / "out.parquet", **options)
    with pytest.raises(ValueError, match=r"prior was 'estimate', is \[0\.5, 0\.5\]"):
        predict_table(model, source, tmp_path / "out.parquet", prior=0.5, batch_rows=3_000)
    predict_table(model, source, tmp_path / "out.parquet", **options)
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_three_classes_are_estimated_or_given_by_name(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.choice(3, 6_000, p=[0.8, 0.15, 0.05])
    X = (rng.normal(size=(6_000, 2)) + 3 * np.eye(3, 2)[y]).astype(np.float32)
    even = np.repeat([0, 1, 2], 2_000)
    model = GaussianNB(priors=[1 / 3] * 3)
    model.fit(rng.normal(size=(6_000, 2)) + 3 * np.eye(3, 2)[even], even)
    table = pa.table({"source_id": np.arange(6_000), "flux": list(X)})
    pq.write_table(table, tmp_path / "x.parquet")
    written = predict_table(model, tmp_path / "x.parquet", tmp_path / "o.parquet", prior="estimate")
    np.testing.assert_allclose(list(written.prior.values()), np.bincount(y) / 6_000, atol=0.02)
    given = {0: 0.7, 1: 0.2, 2: 0.1}
    written = predict_table(model, tmp_path / "x.parquet", tmp_path / "p.parquet", prior=given)
    assert written.prior == pytest.approx({"0": 0.7, "1": 0.2, "2": 0.1})
    for wrong, message in ((0.1, "for each of the classes"), ({0: 1.0}, "must have the classes")):
        with pytest.raises(ValueError, match=message):
            predict_table(model, tmp_path / "x.parquet", tmp_path / "q.parquet", prior=wrong)


def test_table_without_a_spectrum_keeps_the_prior(model, tmp_path):
    table = pa.table({"source_id": range(3), "flux": pa.nulls(3, pa.list_(pa.float32()))})
    pq.write_table(table, tmp_path / "x.parquet")
    written = predict_table(model, tmp_path / "x.parquet", tmp_path / "o.parquet", prior="estimate")
    assert written.prior == {"0": 0.5, "1": 0.5}
    assert pq.read_table(tmp_path / "o.parquet")["p_1_reweighted"].null_count == 3


@pytest.mark.parametrize("prior", [0, 1, -0.1, 2.0, "guess", True])
def test_priors_that_cannot_be_are_named(model, source, tmp_path, prior):
    with pytest.raises(ValueError, match="prior must be"):
        predict_table(model, source, tmp_path / "out.parquet", prior=prior)


def test_model_must_say_for_which_frequencies_its_probabilities_hold(sky, source, tmp_path):
    model = LogisticRegression().fit(*sky)
    with pytest.raises(ValueError, match="LogisticRegression does not"):
        predict_table(model, source, tmp_path / "out.parquet", prior=0.1)
    model.prior_ = [0.5, 0.5]
    with pytest.raises(ValueError, match="LogisticRegression re-weighs its probabilities"):
        predict_table(model, source, tmp_path / "out.parquet", prior=0.1)
