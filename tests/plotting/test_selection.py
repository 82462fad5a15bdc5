"""SelectionDisplay: what is drawn is what the report says."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from climbkit.plotting import SelectionDisplay
from climbkit.spectra import PriorShift


@pytest.fixture
def report():
    return pd.DataFrame(
        {
            "threshold": [0.1, 0.5, 0.9],
            "n_selected": [90, 60, 0],
            "purity": [0.5, 0.97, np.nan],
            "purity_std": [0.1, 0.1, np.nan],
            "completeness": [0.9, 0.8, 0.0],
            "completeness_std": [0.02, 0.04, 0.0],
        }
    )


def test_curves_hold_the_report(report):
    display = SelectionDisplay(report).plot(title="Sky")
    lines = {line.get_label(): line for line in display.ax_.lines}
    np.testing.assert_array_equal(lines["purity"].get_ydata(), report["purity"])
    np.testing.assert_array_equal(lines["completeness"].get_ydata(), report["completeness"])
    assert display.ax_.get_title() == "Sky"


def test_bands_stay_between_none_and_all(report):
    display = SelectionDisplay(report).plot()
    heights = np.concatenate(
        [path.vertices[:, 1] for band in display.ax_.collections for path in band.get_paths()]
    )
    assert heights.min() >= 0
    assert heights.max() == 1  # 0.97 + 0.1 would lie above


def test_axes_of_the_caller_are_used(report):
    first = SelectionDisplay(report).plot()
    again = SelectionDisplay(report).plot(ax=first.ax_)
    assert again.figure_ is first.figure_


def test_estimator_is_asked_for_its_report():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = rng.normal(size=(400, 1)) + 3 * y[:, None]
    shift = PriorShift(LogisticRegression(), prior=0.1).fit(X, y)
    display = SelectionDisplay.from_estimator(shift, X, thresholds=[0.2, 0.6])
    pd.testing.assert_frame_equal(display.report, shift.report(X, thresholds=[0.2, 0.6]))


def test_missing_columns_are_named(report):
    with pytest.raises(ValueError, match="lacks the columns purity_std"):
        SelectionDisplay(report.drop(columns="purity_std")).plot()
