"""Errors and known non-members: what is accepted, and by whom."""

import numpy as np
import pytest
import sklearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from climbkit import ChiSquaredGate, CLiMB, GroupCovariance, KBound


@pytest.fixture
def rows():
    X = np.random.default_rng(0).normal(size=(60, 2))
    return X, np.where(np.arange(60) < 10, 1, -1)


def with_shape():
    return KBound(shape=GroupCovariance(), gate=ChiSquaredGate())


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        (np.ones(60), "shape \\(60, 2\\), or covariances"),
        (np.ones((60, 3)), "shape \\(60, 2\\), or covariances"),
        (np.ones((59, 2, 2)), "shape \\(60, 2\\), or covariances"),
        (np.full((60, 2), -1.0), "negative standard deviations"),
        (np.full((60, 2), np.nan), "NaN"),
        (np.tile([[1.0, 0.5], [0.0, 1.0]], (60, 1, 1)), "not symmetric"),
        (np.tile([[1.0, 2.0], [2.0, 1.0]], (60, 1, 1)), "negative eigenvalues"),
    ],
)
def test_bad_errors_are_refused(rows, errors, message):
    X, y = rows
    with pytest.raises(ValueError, match=message):
        with_shape().fit(X, y, errors=errors)


def test_errors_without_a_shape_or_gate_that_uses_them_are_refused(rows):
    X, y = rows
    with pytest.raises(ValueError, match="errors can be used only with shape=GroupCovariance"):
        KBound().fit(X, y, errors=np.ones(X.shape))
    with pytest.raises(ValueError, match="errors can be used only with"):
        KBound().fit(X, y).predict(X, errors=np.ones(X.shape))


@pytest.mark.parametrize(
    ("negatives", "message"),
    [
        ([True] * 3, "boolean mask of shape \\(60,\\)"),
        ([0.5], "boolean mask of shape \\(60,\\)"),
        ([[20]], "boolean mask of shape \\(60,\\)"),
        ([60], "row numbers from 0 to 59"),
        ([-1], "row numbers from 0 to 59"),
        ([3], "whose y names a known group"),
    ],
)
def test_bad_negatives_are_refused(rows, negatives, message):
    X, y = rows
    with pytest.raises(ValueError, match=message):
        KBound().fit(X, y, negatives=negatives)


@pytest.mark.parametrize("gate", [None, ChiSquaredGate()])
def test_negatives_stay_noise_under_every_gate(rows, gate):
    X, y = rows
    kbound = KBound(shape=GroupCovariance(), gate=gate, distance_threshold=2.0)
    taken = np.flatnonzero((kbound.fit(X, y).labels_ == 1) & (y == -1))[:3]
    mask = np.isin(np.arange(60), taken)
    by_rows, by_mask = kbound.fit(X, y, negatives=taken), KBound(**kbound.get_params(deep=False))
    by_mask.fit(X, y, negatives=mask)
    np.testing.assert_array_equal(by_rows.labels_, by_mask.labels_)
    assert (by_rows.labels_[taken] == -1).all()
    assert (by_rows.predict(X[taken]) == -1).all()
    assert (by_rows.decision_path(X[taken])["gate"] == "known_negative").all()
    assert by_rows.fit(X, y, negatives=[]).labels_[taken].tolist() == [1, 1, 1]


def test_errors_and_negatives_reach_kbound_through_a_pipeline(rows):
    X, y = rows
    errors, negatives = np.full(X.shape, 0.3), [20, 21]
    with sklearn.config_context(enable_metadata_routing=True):
        kbound = with_shape().set_fit_request(errors=True, negatives=True)
        kbound.set_predict_request(errors=True)
        pipeline = make_pipeline(FunctionTransformer(), kbound)
        pipeline.fit(X, y, errors=errors, negatives=negatives)
        far = [[3.0, 0.0]]
        wide, narrow = (pipeline.predict(far, errors=[[e, e]]) for e in (5.0, 0.0))
    direct = with_shape().fit(X, y, errors=errors, negatives=negatives)
    np.testing.assert_array_equal(pipeline[-1].labels_, direct.labels_)
    assert (wide[0], narrow[0]) == (1, -1)


def test_errors_reach_every_answer_of_climb(rows):
    X, y = rows
    climb = CLiMB(with_shape()).fit(X, y, errors=np.full(X.shape, 0.3))
    far = [[3.0, 0.0], [3.0, 0.0]]
    errors = [[5.0, 5.0], [0.0, 0.0]]
    assert climb.predict(far, errors).tolist() == [1, -1]
    path = climb.decision_path(far, errors)
    assert path["label"].tolist() == path["known_label"].tolist() == [1, -1]
    assert path["phase"].tolist() == [1, 0]
    assert path["known_p_value"][0] > 0.5 > path["known_p_value"][1]
    with pytest.raises(ValueError, match="errors can be used only with"):
        CLiMB(KBound()).fit(X, y).decision_path(X, np.ones(X.shape))
