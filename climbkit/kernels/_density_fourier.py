"""Gaussian sums over one box by non-uniform fast Fourier transforms."""

import math

import finufft
import numpy as np
from scipy.special import erfcinv

# Transforms exist for 1, 2 and 3 dimensions.
MAX_DIMENSION = 3

# finufft states its error relative to the norm of the result. The largest single error stayed below
# its tolerance on all data tried; it is asked for half of its share of the error.
_TOLERANCE_SHARE = 0.5

# The smallest tolerance that finufft can keep in double precision.
_LOWEST_TOLERANCE = 1e-14

# More than any memory holds, and still an integer.
_MANY_MODES = 1e15


def box_modes(extent, halo, truncation):
    """Choose the period and the number of Fourier modes along each dimension.

    Parameters
    ----------
    extent : ndarray of shape (d,)
        Largest difference of coordinates between a source and a target.
    halo : float
        Distance at which a periodic image of a source no longer counts.
    truncation : float
        Bound on the error of one Gaussian.

    Returns
    -------
    period : ndarray of shape (d,)
    half : ndarray of shape (d,), int64
        Modes run from -half to half.

    Notes
    -----
    Mode k of exp(-x^2) with period P is sqrt(pi) / P exp(-(pi k / P)^2); those beyond K add up to
    at most erfc(pi K / P).
    """
    period = extent + halo
    reach = erfcinv(min(truncation / len(extent), 0.5)) / math.pi
    return period, np.ceil(np.minimum(period * reach, _MANY_MODES)).astype(np.int64) + 1


def fourier_sums(sources, targets, halo, truncation, tolerance, oversampling, n_threads):
    """Gaussian sums of some sources at some targets.

    Parameters
    ----------
    sources : ndarray of shape (d, n_sources)
        Scaled by 1 / (sqrt(2) bandwidth).
    targets : ndarray of shape (d, n_targets)
    halo, truncation : float
        See `box_modes`.
    tolerance : float
        Error wanted of the two transforms, relative to the largest sum.
    oversampling : float
        Of the fine grid: 2 is quick for many points, 1.25 for many modes.
    n_threads : int

    Returns
    -------
    sums : ndarray of shape (n_targets,)

    Notes
    -----
    O(n_sources + n_targets + M log M) for M modes: the transform of the points (type 1), times that
    of the Gaussian, is transformed back at the targets (type 2).

    References
    ----------
    A. H. Barnett, J. Magland, L. af Klinteberg, "A parallel nonuniform fast Fourier transform
    library based on an exponential of semicircle kernel", SIAM J. Sci. Comput. 41 (2019) C479,
    doi:10.1137/18M120885X
    """
    d = len(sources)
    low = np.minimum(sources.min(axis=1), targets.min(axis=1))
    high = np.maximum(sources.max(axis=1), targets.max(axis=1))
    extent = np.maximum(
        sources.max(axis=1) - targets.min(axis=1), targets.max(axis=1) - sources.min(axis=1)
    )
    period, half = box_modes(np.maximum(extent, 0.0), halo, truncation)
    middle = 0.5 * (low + high)
    # Coordinates may leave the period by the halo on either side; finufft folds them back.
    turn = (2.0 * np.pi / period)[:, None]
    source_angles = _folded((sources - middle[:, None]) * turn)
    target_angles = _folded((targets - middle[:, None]) * turn)
    settings = {
        "eps": max(_TOLERANCE_SHARE * tolerance, _LOWEST_TOLERANCE),
        "upsampfac": oversampling,
        "nthreads": n_threads,
    }
    shape = tuple(int(2 * k + 1) for k in half)
    analyse = getattr(finufft, f"nufft{d}d1")
    synthesise = getattr(finufft, f"nufft{d}d2")
    strengths = np.ones(sources.shape[1], np.complex128)
    spectrum = analyse(*source_angles, strengths, shape, isign=-1, **settings)
    for k in range(d):
        mode = np.arange(-half[k], half[k] + 1)
        gaussian = math.sqrt(math.pi) / period[k] * np.exp(-((math.pi * mode / period[k]) ** 2))
        spectrum *= gaussian.reshape([-1 if j == k else 1 for j in range(d)])
    return synthesise(*target_angles, spectrum, isign=1, **settings).real


def _folded(angles):
    """Bring angles into [-pi, pi]."""
    angles -= 2.0 * np.pi * np.rint(angles / (2.0 * np.pi))
    return list(angles)
