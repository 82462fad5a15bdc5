"""Outlines of the gates of KBound in the plane of a figure."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

_N_OUTLINE = 181  # points of an outline: two degrees apart, and closed

# Where a way back is tried for straightness, in the units of the clusterer, and by how much of
# its own scale it may be off.
_FAR, _BENT = 2.0, 1e-6

# Share of a Gaussian group's members within its outline in the plane, where no distance decides
# and the outline only shows the shape.
_SHOWN_SHARE = 0.95

# Metrics whose balls are ellipsoids; others have no outline that is drawn here.
_QUADRATIC = ("euclidean", "l2", "seuclidean", "mahalanobis")


@dataclass(frozen=True)
class GateOutlines:
    """Outlines of the gates, as closed curves in the plane of two features.

    Attributes
    ----------
    distance : ndarray of shape (n_centers, n_points, 2) or None
        Shadow of each ellipsoid within which a row is near enough. Where no distance decides
        but the groups have shapes: the ellipse that holds 95 % of a Gaussian group of this
        shape in the plane. None where the metric has no ellipsoids or there is no limit.
    radial : ndarray of shape (n_centers, n_points, 2) or None
        Shadow of each ball that a centre may not leave.
    start, end : ndarray of shape (n_centers, 2)
        Centres before the first and after the last iteration.
    name : str
        What ``distance`` is, for a legend.
    """

    distance: np.ndarray | None
    radial: np.ndarray | None
    start: np.ndarray
    end: np.ndarray
    name: str = "distance gate"


def gate_outlines(kbound, before, columns):
    """Outlines of the gates of a fitted `KBound` in two of the features of X.

    Parameters
    ----------
    kbound : KBound
        Fitted.
    before : Pipeline or None
        What transformed X before KBound saw it.
    columns : sequence of two int
        Features of X to draw.

    Returns
    -------
    outlines : GateOutlines
        In the units of X.

    Raises
    ------
    ValueError
        If ``before`` cannot be inverted, or is not affine (straight lines stay straight).

    Notes
    -----
    A shadow is the projection of the whole ellipsoid, so that every row that the gate admits
    lies within it in the figure; the converse does not hold, since a row may be far in the
    features that are not drawn.
    """
    n = kbound.n_features_in_
    linear, offset = _affine_map(before, n)
    drawn = linear[list(columns)]

    def to_plane(points):
        return points @ drawn.T + offset[list(columns)]

    start, end = to_plane(kbound.initial_centers_), to_plane(kbound.cluster_centers_)
    forms, limit, name = _inverse_forms(kbound), kbound.distance_threshold_, "distance gate"
    if not np.isfinite(limit) and kbound.covariances_ is not None:
        limit, name = np.sqrt(chi2.ppf(_SHOWN_SHARE, 2)), f"group's shape ({_SHOWN_SHARE:.0%})"
    distance = radial = None
    if forms is not None and np.isfinite(limit):
        distance = _shadows(drawn @ forms @ drawn.T, np.full(len(end), limit), end)
    if np.isfinite(kbound.radial_threshold_).all():
        balls = np.broadcast_to(drawn @ drawn.T, (len(start), 2, 2))
        radial = _shadows(balls, kbound.radial_threshold_, start)
    return GateOutlines(distance, radial, start, end, name)


def _affine_map(before, n_features):
    """Matrix and offset of the way back from KBound's space to that of X."""
    if before is None:
        return np.eye(n_features), np.zeros(n_features)
    from climbkit.plotting._data import to_original

    unit, far = np.eye(n_features), np.full((1, n_features), -_FAR)
    images = to_original(before, np.vstack([np.zeros((1, n_features)), unit, far]))
    offset = images[0]
    linear = (images[1:-1] - offset).T
    # A bent feature comes out elsewhere, or not at all (NaN).
    scale = np.abs(linear).max()
    if not np.allclose(images[-1] - offset, -_FAR * linear.sum(axis=1), atol=_BENT * scale):
        raise ValueError(
            "a step of the pipeline is not affine, so the gates have no ellipses in the features "
            "of X; pass the transformed rows and the last step alone."
        )
    return linear, offset


def _inverse_forms(kbound):
    """Inverse of each group's M with d(x, c)^2 = (x - c)' M (x - c), or None."""
    if kbound.covariances_ is not None:
        return kbound.covariances_
    if kbound.metric not in _QUADRATIC:
        return None
    form = np.eye(kbound.n_features_in_)
    if kbound.metric == "mahalanobis":
        form = np.linalg.pinv(kbound.metric_params_["VI"])
    elif kbound.metric == "seuclidean":
        form = np.diag(np.asarray(kbound.metric_params_["V"], dtype=float))
    return np.broadcast_to(form, (len(kbound.cluster_centers_), *form.shape))


def _shadows(forms, radii, centers):
    """Ellipses {c + radius * form^(1/2) u : |u| = 1} around the centres."""
    angle = np.linspace(0.0, 2.0 * np.pi, _N_OUTLINE)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    values, vectors = np.linalg.eigh(forms)
    roots = (vectors * np.sqrt(np.clip(values, 0.0, None))[:, None, :]) @ vectors.mT
    return centers[:, None, :] + radii[:, None, None] * (circle @ roots)
