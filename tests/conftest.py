"""What every test shares: the folder of real data and a headless matplotlib."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def data_folder():
    """The folder named by CLIMBKIT_DATA; tests that need it skip where it is unset."""
    folder = os.environ.get("CLIMBKIT_DATA")
    if not folder:
        pytest.skip("CLIMBKIT_DATA is unset: it names the folder of real catalogues")
    return Path(folder).resolve()
