"""What tests and doctests share."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def print_options():
    """NumPy prints as it did before the test: GaiaXPy changes that for the whole process."""
    with np.printoptions():
        yield
