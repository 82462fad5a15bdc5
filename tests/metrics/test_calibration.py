import numpy as np
import pytest

from climbkit.metrics import expected_calibration_error


def test_calibrated_draws_have_a_small_error_and_exaggerated_ones_a_large_one():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=100_000)
    came_true = rng.uniform(size=len(p)) < p
    assert expected_calibration_error(came_true, p) < 0.01
    # The mean of |p - 1/2| is 1/4: what a certain answer is off by.
    assert expected_calibration_error(came_true, np.rint(p)) == pytest.approx(0.25, abs=0.01)


def test_errors_of_opposite_sign_cancel_within_a_bin_only():
    truth, stated = [1, 0], [0.3, 0.9]
    assert expected_calibration_error(truth, stated) == pytest.approx(0.8)
    assert expected_calibration_error(truth, stated, n_bins=1) == pytest.approx(0.1)


def test_order_of_rows_does_not_matter_and_the_ends_belong_to_bins():
    truth, stated = np.array([0, 1, 1, 0]), np.array([0.0, 1.0, 0.95, 0.05])
    error = expected_calibration_error(truth, stated)
    assert error == pytest.approx(0.025)
    assert expected_calibration_error(truth[::-1], stated[::-1]) == pytest.approx(error)


@pytest.mark.parametrize(
    ("truth", "stated", "message"),
    [
        ([1, 0], [0.5], "inconsistent numbers"),
        ([], [], "at least one row"),
        ([0, 2], [0.1, 0.2], "is_member must"),
        ([0, 1], [0.1, 1.2], "probability must"),
        ([0, 1], [0.1, np.nan], "probability must"),
    ],
)
def test_bad_input_is_named(truth, stated, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(truth, stated)


def test_number_of_bins_is_checked():
    with pytest.raises(ValueError, match="'n_bins' parameter"):
        expected_calibration_error([1], [0.5], n_bins=0)
