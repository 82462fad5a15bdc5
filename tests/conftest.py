"""What every test shares: real data, a headless matplotlib, networks compiled once."""

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


# Read by JAX when it is imported. Everything counts, however small or quickly compiled.
CACHE = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


@pytest.fixture(scope="session", autouse=True)
def compile_once(tmp_path_factory):
    """Networks of the same shape are compiled once in a run of the tests, not at every fit."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CACHE.items():
            patch.setenv(name, value)
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        yield
