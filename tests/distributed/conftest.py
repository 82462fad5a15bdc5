"""A small sky as an LSDB catalogue."""

import warnings

import numpy as np
import pandas as pd
import pytest

MARGIN_ARCSEC = 900.0


@pytest.fixture(autouse=True)
def _quiet_lsdb():
    """LSDB and nested-pandas still use what the newest pandas deprecates."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", category=DeprecationWarning, module=r"(lsdb|nested_pandas)\."
        )
        yield


@pytest.fixture(scope="session")
def lsdb():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"lsdb\.")
        return pytest.importorskip("lsdb")


@pytest.fixture(scope="session")
def sky():
    """A crowded patch across RA 0, and a few stars far away; ids above 2**53."""
    rng = np.random.default_rng(0)
    crowded = rng.uniform(-6, 6, (3000, 2)) * rng.choice([0.3, 1.0], (3000, 1))
    crowded[:, 0] %= 360
    lonely = np.column_stack([rng.uniform(201, 202, 20), rng.uniform(60, 61, 20)])
    ra, dec = np.concatenate([crowded, lonely]).T
    return pd.DataFrame(
        {
            "source_id": 2**60 + rng.permutation(len(ra)),
            "alpha": ra,
            "delta": dec,
            "parallax": rng.normal(1.0, 0.1, len(ra)),
        }
    )


@pytest.fixture(scope="session")
def sky_catalog(lsdb, sky):
    """The patch in pixels of several orders."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", category=DeprecationWarning, module=r"(lsdb|nested_pandas)\."
        )
        return lsdb.from_dataframe(
            sky,
            ra_column="alpha",
            dec_column="delta",
            lowest_order=1,
            highest_order=5,
            partition_rows=400,
            margin_threshold=MARGIN_ARCSEC,
        )


@pytest.fixture(scope="session")
def client():
    """Two Dask workers in this process."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client
