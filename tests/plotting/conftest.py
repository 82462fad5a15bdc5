"""Data for the displays, and no figure left open."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.cluster import DBSCAN
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from climbkit import CLiMB, KBound


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def stars():
    """Two known groups with seeds, one that nobody named, and noise; raw units."""
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 6.0, 0.0]])
    groups = [center + rng.normal(scale=0.3, size=(60, 3)) for center in centers]
    noise = rng.uniform(-12, 12, size=(40, 3))
    X = np.vstack([*groups, noise]) * [500.0, 2e4, 300.0] - [0.0, 1.5e5, 0.0]
    truth = np.repeat([3, 7, 8, -1], [60, 60, 60, 40])
    y = np.full(len(X), -1)
    y[:10], y[60:65] = 3, 7
    return X, y, truth


@pytest.fixture(scope="session")
def pipeline(stars):
    X, y, _ = stars
    climb = CLiMB(
        kbound=KBound(distance_threshold=0.5, radial_threshold=0.1, density_threshold=0.2),
        explorer=DBSCAN(eps=0.3, min_samples=8),
    )
    return make_pipeline(StandardScaler(), climb).fit(X, y)


@pytest.fixture(scope="session")
def words():
    """Names and units of the features of `stars`."""
    return {
        "feature_names": ["Lz", "Energy", "Lperp"],
        "units": {"Lz": "kpc km/s", "Energy": "km2/s2", "Lperp": "kpc km/s"},
    }


@pytest.fixture(scope="session")
def texts():
    """Entries of a legend."""
    return lambda legend: [text.get_text() for text in legend.get_texts()]


@pytest.fixture(scope="session")
def layer():
    """The one scatter layer of some axes whose legend entry starts with a name."""

    def find(ax, name):
        (found,) = [c for c in ax.collections if str(c.get_label()).startswith(name)]
        return found

    return find
