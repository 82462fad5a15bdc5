"""Distances of single stars from their parallaxes."""

import numpy as np

#: Scale length (kpc) of the prior for a survey of the disc: Astraatmadja & Bailer-Jones (2016),
#: ApJ 833, 119, https://doi.org/10.3847/1538-4357/833/1/119
LENGTH_SCALE = 1.35
# Imaginary part, in units of the root, up to which an eigenvalue is a real root.
_REAL = 1e-9


def inverse_parallax(parallax, parallax_error, length_scale):
    """Return one over the parallax.

    Parameters
    ----------
    parallax : ndarray of shape (n_stars,)
        mas.
    parallax_error, length_scale : ignored
        Not used, as the published search does.

    Returns
    -------
    distance : ndarray of shape (n_stars,)
        kpc; NaN where the parallax is not above 0.
    """
    return np.divide(1.0, parallax, out=np.full(parallax.shape, np.nan), where=parallax > 0)


def likeliest_distance(parallax, parallax_error, length_scale):
    """Return the mode of the posterior under the prior D^2 exp(-D / L).

    Parameters
    ----------
    parallax : ndarray of shape (n_stars,)
        mas, of any sign.
    parallax_error : ndarray of shape (n_stars,)
        mas.
    length_scale : float
        L, kpc.

    Returns
    -------
    distance : ndarray of shape (n_stars,)
        kpc; NaN where parallax or error is not finite, or the error not above 0.

    Notes
    -----
    The slope of the posterior is zero at the roots of a cubic in the distance. Where three of them
    are positive, the smallest is the peak of the likelihood and the largest that of the prior; the
    smallest is taken, as by Bailer-Jones (2015), PASP 127, 994, https://doi.org/10.1086/683116
    """
    distance = np.full(parallax.shape, np.nan)
    use = np.isfinite(parallax) & np.isfinite(parallax_error) & (parallax_error > 0)
    if not use.any():
        return distance
    # In units of L: u^3 - 2 u^2 + first u - zeroth = 0.
    zeroth = (parallax_error[use] * length_scale) ** -2.0
    first = parallax[use] * length_scale * zeroth
    companion = np.zeros((len(zeroth), 3, 3))
    companion[:, 0] = np.column_stack([np.full(len(zeroth), 2.0), -first, zeroth])
    companion[:, 1, 0] = companion[:, 2, 1] = 1.0
    roots = np.linalg.eigvals(companion)
    real = (np.abs(roots.imag) <= _REAL * np.abs(roots)) & (roots.real > 0)
    distance[use] = length_scale * np.where(real, roots.real, np.inf).min(axis=1)
    return distance


#: By value of the parameter ``distance``.
DISTANCES = {"inverse": inverse_parallax, "mode": likeliest_distance}
