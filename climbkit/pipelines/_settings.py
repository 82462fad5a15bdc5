"""Settings of the published RR Lyrae benchmark, and the estimators they make."""

from sklearn.cluster import DBSCAN

from climbkit.cluster import (
    CDBSCAN,
    SSDBSCAN,
    ChiSquaredGate,
    CLiMB,
    GroupCovariance,
    KBound,
    KinematicTails,
)

# Monti et al. (2026), https://doi.org/10.48550/arXiv.2601.09768, and its published code: the
# rules "max" and "hold" are the code's, not the paper's.
KBOUND_SETTINGS = {
    "density_threshold": 0.005,
    "density_rule": "max",
    "distance_threshold": 0.5,
    "radial_threshold": 0.1,
    "radial_rule": "hold",
    "tol": 0.01,
    "metric": "mahalanobis",
}
DBSCAN_SETTINGS = {"eps": 0.190, "min_samples": 24}
SSDBSCAN_SETTINGS = {"eps": 0.15, "min_samples": 16}
CDBSCAN_SETTINGS = {"eps": 0.24, "min_samples": 16}


def published_kbound(init="seeds"):
    """KBound with the published thresholds."""
    return KBound(**KBOUND_SETTINGS, init=init)


def chi_squared_kbound():
    """KBound with a covariance per group, accepting by the chi-squared quantile."""
    return KBound(shape=GroupCovariance(), gate=ChiSquaredGate())


def published_climb(init="seeds"):
    """CLiMB with the published thresholds and explorer."""
    return CLiMB(kbound=published_kbound(init), explorer=DBSCAN(**DBSCAN_SETTINGS))


def published_ssdbscan():
    """SS-DBSCAN with the published settings and rule."""
    return SSDBSCAN(**SSDBSCAN_SETTINGS, importance=KinematicTails())


def published_cdbscan(conflict="stop"):
    """C-DBSCAN with the published settings; ``conflict="stop"`` is the published code's."""
    return CDBSCAN(**CDBSCAN_SETTINGS, conflict=conflict)
