"""King's profile as it was published: five rings, Poisson errors, a posterior by flat priors."""

import numpy as np

from climbkit.survey._profile_fit import RadialProfile
from climbkit.survey._profile_models import KING, king_untruncated

#: As published: as many points as this for four parameters.
N_RINGS = 5
#: Rings reach this many half-number radii, as the published significance test does.
RADII = 3.0
# Upper limits of the flat priors: k in densities of the densest ring, rc and rt in radii of the
# region, |eta| in mean densities of the region.
_LIMITS = (10.0, 1.0, 2.0, 1.0)
_POINTS = 40  # along each parameter
# Powers of the likelihood by which the range is narrowed; the last is the posterior.
_FLATTENINGS = (1 / 256, 1 / 64, 1 / 16, 1 / 4, 1.0)
_NEGLIGIBLE = 1e-4  # of the peak of a marginal
# What is summed over for k, rc, rt and eta in an array over (rc, rt, k, eta).
_OTHER_AXES = ((0, 1, 3), (1, 2, 3), (0, 2, 3), (0, 1, 2))


def king_rings(radii, region, *, n_rings=N_RINGS):
    """Return the posterior of King's profile, untruncated, from densities in rings.

    Parameters
    ----------
    radii : ndarray of shape (n_stars,)
        Separations from the centre, arcmin.
    region : float
        Outer radius of the last ring, arcmin.
    n_rings : int, default=5
        Number of rings of equal width.

    Returns
    -------
    values : tuple of four ndarrays
        Grid of k, rc, rt and eta.
    marginals : tuple of four ndarrays
        Their posterior probabilities, which sum to 1.

    Notes
    -----
    The likelihood is quadratic in k and eta, so that all of the grid costs little. It is narrowed
    step by step to where the posterior is, by a likelihood that is flattened less and less: that
    of a rich cluster is narrower than a cell of the whole range.
    """
    edges = np.linspace(0.0, region, n_rings + 1)
    counts = np.histogram(radii, edges)[0]
    area = np.pi * np.diff(edges**2)
    density, error = counts / area, np.sqrt(np.maximum(counts, 1)) / area
    middle = 0.5 * (edges[1:] + edges[:-1])
    units = np.array([density.max(), region, region, counts.sum() / area.sum()])
    high = units * _LIMITS
    low = np.array([0.0, 0.0, 0.0, -high[3]])
    for flattening in _FLATTENINGS:
        cells = (high - low) / _POINTS
        values = tuple(
            a + cell * (np.arange(_POINTS) + 0.5) for a, cell in zip(low, cells, strict=True)
        )
        chi = _chi_squared(values, middle, density, error)
        posterior = np.exp(-0.5 * flattening * (chi - chi.min()))
        posterior /= posterior.sum()
        marginals = tuple(posterior.sum(axis=others) for others in _OTHER_AXES)
        there = [np.flatnonzero(each > _NEGLIGIBLE * each.max()) for each in marginals]
        first = np.array([max(each[0] - 1, 0) for each in there])
        last = np.array([min(each[-1] + 2, _POINTS) for each in there])
        low, high = low + first * cells, low + last * cells
    return values, marginals


def _chi_squared(values, middle, density, error):
    """Of densities at radii, over (rc, rt, k, eta)."""
    k, rc, rt, eta = values
    core = 1.0 / np.sqrt(1.0 + (middle / rc[:, None]) ** 2)
    edge = 1.0 / np.sqrt(1.0 + (rt / rc[:, None]) ** 2)
    shape = (core[:, None, :] - edge[:, :, None]) ** 2
    weight = error**-2
    squares, cross, data = shape**2 @ weight, shape @ weight, shape @ (weight * density)
    chi = (squares[..., None] * k - 2.0 * data[..., None]) * k
    chi = chi[..., None] + 2.0 * (cross[..., None] * k)[..., None] * eta
    chi += (weight.sum() * eta - 2.0 * (weight @ density)) * eta
    return chi


def binned_profile(radii, r50, region=None):
    """Return King's profile as it was published.

    Parameters
    ----------
    radii : ndarray of shape (n_stars,)
        Separations from the mean position of the members, arcmin.
    r50 : float
        Half-number radius of the members, arcmin.
    region : float, default=None
        Outer radius, arcmin. None: three half-number radii.

    Returns
    -------
    profile : RadialProfile
        Medians, and half of the central 68 % as errors.
    """
    region = RADII * r50 if region is None else region
    radii = np.sort(radii[radii <= region])
    values, errors = {}, {}
    for name, grid, share in zip(KING.names, *king_rings(radii, region), strict=True):
        low, middle, high = quantiles(grid, share, (0.16, 0.5, 0.84))
        values[name], errors[name] = float(middle), float(0.5 * (high - low))
    values["c"] = float(np.log10(values["rt"] / values["rc"]))
    errors["c"] = float(
        np.hypot(*(errors[name] / values[name] for name in ("rc", "rt"))) / np.log(10.0)
    )
    model = KING._replace(shape=king_untruncated, area=None)
    return RadialProfile(
        model, "binned", values, errors, (0.0, 0.0), float(region), radii, np.ones(len(radii))
    )


def quantiles(values, probabilities, q):
    """Return quantiles of a distribution over cells of equal width, about their middles."""
    width = values[1] - values[0]
    below = np.append(0.0, np.cumsum(probabilities))
    return np.interp(q, below, np.append(values - width / 2, values[-1] + width / 2))
