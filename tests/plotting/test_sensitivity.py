"""SeedSensitivityDisplay: the curves that counted seeds raise, and those that they cannot."""

import numpy as np
import pytest

from climbkit.plotting import SeedSensitivityDisplay


@pytest.fixture
def drawn(pipeline, stars):
    X, _, truth = stars
    known = np.where(truth == 8, -1, truth)
    return SeedSensitivityDisplay.from_estimator(
        pipeline,
        X,
        known,
        judged=truth == -1,
        shares=[0.8, 0.2, 0.5],
        n_splits=2,
        random_state=0,
    )


def test_published_and_held_out_scores_stand_in_one_figure(drawn, texts):
    assert texts(drawn.ax_.get_legend()) == [
        "ARI, seeds counted",
        "ARI of copying the seeds",
        "ARI, held-out rows only",
        "judged non-members let in",
    ]
    for line in drawn.lines_.values():
        np.testing.assert_allclose(line.get_xdata(), [20, 50, 80])


def test_copying_the_seeds_scores_more_the_more_seeds_there_are(drawn):
    copied = drawn.lines_["copy_ari"].get_ydata()
    assert np.all(np.diff(copied) > 0)


def test_bands_span_the_splits(drawn):
    values = drawn.scores["held_out_ari"][np.argsort(drawn.shares)]
    box = drawn.bands_["held_out_ari"].get_paths()[0].vertices
    assert box[:, 1].min() == pytest.approx(values.min())
    assert box[:, 1].max() == pytest.approx(values.max())
    means = drawn.lines_["held_out_ari"].get_ydata()
    np.testing.assert_allclose(means, values.mean(axis=1))


def test_result_does_not_depend_on_the_number_of_jobs(pipeline, stars, drawn):
    X, _, truth = stars
    again = SeedSensitivityDisplay.from_estimator(
        pipeline,
        X,
        np.where(truth == 8, -1, truth),
        judged=truth == -1,
        shares=[0.8, 0.2, 0.5],
        n_splits=2,
        random_state=0,
        n_jobs=2,
    )
    for name, values in drawn.scores.items():
        np.testing.assert_array_equal(again.scores[name], values)


def test_without_judged_rows_nothing_is_said_of_them(pipeline, stars):
    X, _, truth = stars
    display = SeedSensitivityDisplay.from_estimator(pipeline, X, truth, shares=[0.5], n_splits=1)
    assert list(display.lines_) == ["ari", "copy_ari", "held_out_ari"]


def test_scores_of_one_split_have_no_band_and_nan_is_left_out():
    display = SeedSensitivityDisplay([0.1, 1.0], {"mine": [0.2, 0.4]}).plot(title="T")
    assert display.bands_ == {}
    gap = SeedSensitivityDisplay([0.1, 1.0], {"mine": [[0.2, np.nan], [np.nan, np.nan]]}).plot()
    np.testing.assert_allclose(gap.lines_["mine"].get_ydata(), [0.2, np.nan])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"shares": [0.0, 0.5]}, "shares must lie between 0 and 1"),
        ({"shares": []}, "shares must lie between 0 and 1"),
        ({"n_splits": 0}, "n_splits must be at least 1"),
        ({"scores": ["arl"]}, r"scores names \['arl'\]; allowed are \['ari'"),
        ({"y": np.full(220, -1)}, "y holds no known label"),
    ],
)
def test_bad_input_is_named(kwargs, message, pipeline, stars):
    kwargs = {"y": stars[2], **kwargs}
    with pytest.raises(ValueError, match=message):
        SeedSensitivityDisplay.from_estimator(pipeline, stars[0], **kwargs)


@pytest.mark.parametrize("scores", [{}, {"ari": [0.1, 0.2, 0.3]}])
def test_scores_that_do_not_fit_the_shares_are_refused(scores):
    with pytest.raises(ValueError, match="scores"):
        SeedSensitivityDisplay([0.1, 0.2], scores).plot()
