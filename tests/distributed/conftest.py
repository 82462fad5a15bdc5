"""A small sky with clusters on the borders of pixels, as a table and as an LSDB catalogue."""

import warnings

import numpy as np
import pytest

from climbkit.datasets import make_cluster_field

MARGIN = 0.25  # degrees
CLUSTER_SIZE, CLUSTER_R50 = 80, 0.03  # stars, degrees
#: Where four pixels of order 4 and finer meet (one of them across RA 0), and the middle of a
#: pixel of order 5.
CORNERS = [(0.0, 0.0), (2.8125, 2.38802), (357.1875, 2.38802)]
MIDDLE = (0.0, 1.19375)


def ignore_deprecations():
    """LSDB and nested-pandas still use what the newest pandas deprecates."""
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(lsdb|nested_pandas)\.")


@pytest.fixture(autouse=True)
def _quiet_lsdb():
    with warnings.catch_warnings():
        ignore_deprecations()
        yield


@pytest.fixture(scope="session")
def lsdb():
    with warnings.catch_warnings():
        ignore_deprecations()
        return pytest.importorskip("lsdb")


@pytest.fixture(scope="session")
def field():
    """A field across RA 0, crowded towards the Galactic plane; see `make_cluster_field`."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    positions = SkyCoord(*np.transpose([*CORNERS, MIDDLE]), unit=u.deg).galactic
    center = SkyCoord(0.0, 1.0, unit=u.deg).galactic
    n = len(positions)
    clusters = {
        "l": positions.l.deg,
        "b": positions.b.deg,
        "n_members": [CLUSTER_SIZE] * n,
        "r50": [CLUSTER_R50] * n,
        "pmra": np.linspace(-3, 3, n),
        "pmdec": np.linspace(3, -3, n),
        "distance": [5.0] * n,
        "dispersion": [0.5] * n,
    }
    return make_cluster_field(
        20_000, side=9.0, center=(center.l.deg, center.b.deg), clusters=clusters, random_state=0
    )


@pytest.fixture(scope="session")
def sky(field):
    """The stars, under other names for the position; two of them far from all others."""
    stars = field.data.rename(columns={"ra": "alpha", "dec": "delta"})
    far = stars.sample(30, random_state=0).assign(alpha=201.5, delta=60.5)
    far["alpha"] += np.linspace(-0.2, 0.2, 30)
    far["source_id"] = 2**59 + np.arange(30)
    import pandas as pd

    return pd.concat([stars, far], ignore_index=True)


@pytest.fixture(scope="session")
def make_catalog(lsdb):
    """Function that makes a catalogue of stars, in pixels of several orders."""

    def make(stars, **options):
        with warnings.catch_warnings():
            ignore_deprecations()
            return lsdb.from_dataframe(
                stars,
                ra_column="alpha",
                dec_column="delta",
                lowest_order=2,
                highest_order=6,
                partition_rows=4_000,
                **{"margin_threshold": MARGIN * 3600, **options},
            )

    return make


@pytest.fixture(scope="session")
def sky_catalog(sky, make_catalog):
    """The stars as a catalogue."""
    return make_catalog(sky)


@pytest.fixture(scope="session")
def client():
    """Two Dask workers in this process."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client
