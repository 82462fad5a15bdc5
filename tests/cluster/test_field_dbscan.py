"""FieldDBSCAN: eps from the data, units that do not matter."""

import numpy as np
import pandas as pd
import pytest

from climbkit import FieldDBSCAN


@pytest.fixture(scope="module")
def field():
    """Two clumps of 60 in a uniform field of 900 rows."""
    rng = np.random.default_rng(0)
    clumps = [rng.normal(center, 0.03, (60, 3)) for center in ([0.5, 0.5, 0.5], [-1.0, 0.0, 1.0])]
    return np.vstack([rng.uniform(-2, 2, (900, 3)), *clumps])


def test_clumps_are_found_and_the_field_is_noise(field):
    labels = FieldDBSCAN(dense_share=0.1).fit(field).labels_
    for members in (slice(900, 960), slice(960, 1020)):
        name = np.bincount(labels[members][labels[members] >= 0]).argmax()
        assert np.mean(labels[members] == name) > 0.95
    assert np.mean(labels[:900] == -1) > 0.95


def test_stated_share_of_the_rows_is_core(field):
    for share in (0.05, 0.15, 0.5):
        found = FieldDBSCAN(dense_share=share).fit(field)
        assert len(found.core_sample_indices_) == pytest.approx(share * len(field), abs=2)


def test_units_do_not_matter(field):
    a = FieldDBSCAN().fit(field)
    b = FieldDBSCAN().fit(field * [1e5, 1.0, 1e-3] + [0.0, 7.0, 0.0])
    np.testing.assert_array_equal(a.labels_, b.labels_)


def test_new_rows_join_the_nearest_dense_place(field):
    found = FieldDBSCAN(dense_share=0.1).fit(field)
    np.testing.assert_array_equal(found.predict(field), found.labels_)
    new = found.predict([[0.5, 0.5, 0.5], [-1.0, 0.0, 1.0], [50.0, 0.0, 0.0]])
    assert new[0] >= 0
    assert new[1] >= 0
    assert new[0] != new[1]
    assert new[2] == -1


def test_equal_rows_constant_columns_and_few_rows_work():
    assert FieldDBSCAN().fit([[1.0, 2.0]]).labels_.tolist() == [-1]
    assert FieldDBSCAN().fit(np.ones((30, 2))).labels_.tolist() == [0] * 30
    frame = pd.DataFrame({"a": np.r_[np.zeros(30), np.linspace(5, 9, 30)], "b": 1.0})
    assert FieldDBSCAN(dense_share=0.4).fit(frame).labels_[:30].tolist() == [0] * 30


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[np.nan, 0.0]], "NaN"),
        ([[np.inf, 0.0]], "infinity"),
        (np.empty((0, 2)), "0 sample"),
        ([1.0, 2.0], "2D array"),
    ],
)
def test_bad_features_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        FieldDBSCAN().fit(X)


@pytest.mark.parametrize("settings", [{"dense_share": 0.0}, {"dense_share": 1}, {"min_samples": 0}])
def test_bad_parameters_are_refused(field, settings):
    with pytest.raises(ValueError, match=f"'{next(iter(settings))}' parameter of FieldDBSCAN"):
        FieldDBSCAN(**settings).fit(field)
