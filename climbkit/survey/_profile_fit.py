"""Radial profiles by the unbinned likelihood of a Poisson process."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from climbkit.survey._profile_models import MODELS, PLUMMER, ProfileModel

#: King's profile with a background and a centre has six parameters.
FEWEST_STARS = 20
# Limits of scales, in radii of the region.
_LEAST_SCALE, _LARGEST_SCALE, _LARGEST_EDGE = 1e-3, 2.0, 10.0
_STARTS = 15  # along each scale
_BINS = 60  # of radii, for the starts alone
_ODDS = 16.0  # limit of the logit of the cluster's share: 1e-7
_BACKGROUND_LIMIT = 1e-5  # below this share of stars the background is 0
_AT_LIMIT = 1e-3  # in logarithms
_QUADRATURE = 2000
_STEP = 1e-4  # of derivatives


@dataclass(frozen=True, eq=False)
class RadialProfile:
    """A fitted radial profile.

    Attributes
    ----------
    model : ProfileModel
        Names of the parameters, and the density.
    method : str
        How it was fitted.
    values, errors : dict of str to float
        Parameters by name, per arcmin^2 and arcmin; NaN errors where a parameter is at a limit.
        King's profile has ``c``, log10(rt / rc), beside.
    center : (float, float)
        Where the radii are counted from, arcmin towards growing longitude and latitude in the
        tangent plane at the mean direction of the members.
    region : float
        Radius of the disc, arcmin.
    radii : ndarray of shape (n_stars,)
        Separations of the stars in it from that centre, arcmin, ascending.
    weights : ndarray of shape (n_stars,)
        Theirs.
    log_likelihood : float
        At these parameters; NaN where there is none.
    samples : ndarray of shape (n_samples, n_parameters) or None
        Of the posterior, in the order of ``model.names``.
    limits : tuple of str
        Names of the parameters that are at a limit of what is allowed.
    """

    model: ProfileModel
    method: str
    values: dict
    errors: dict
    center: tuple
    region: float
    radii: np.ndarray
    weights: np.ndarray
    log_likelihood: float = np.nan
    samples: np.ndarray | None = None
    limits: tuple = ()

    def density(self, radii):
        """Return the fitted surface density (per arcmin^2) at radii (arcmin)."""
        return self.model.density(radii, *(self.values[name] for name in self.model.names))


def fit_profile(places, weights, center, model="king", region=None):
    """Fit a profile with a flat background to the places of stars.

    Parameters
    ----------
    places : ndarray of shape (n_stars, 2)
        In the tangent plane, arcmin.
    weights : ndarray of shape (n_stars,)
        Weight of each star, from 0 to 1.
    center : pair of float
        Where the radii are counted from, arcmin; see `likeliest_center`.
    model : {"king", "plummer"}, default="king"
        Profile.
    region : float, default=None
        Radius of the disc from which all stars are there, arcmin. None: up to the outermost star.

    Returns
    -------
    profile : RadialProfile
        The likeliest.

    Notes
    -----
    The likelihood of stars at radii r_i in a disc is the product of their densities times exp(-N),
    where N is the number that the model expects in the disc. At its maximum N is the number of
    stars, so that only the cluster's share of them and its scales are searched. Errors are those
    of the expected information; where stars have weights, with the sum of squared weights between
    (the sandwich), as weights of 1/2 do not make half a star.
    """
    model = MODELS[model]
    away = places - np.asarray(center)
    order = np.argsort(np.hypot(*away.T), kind="stable")
    radii, weights = np.hypot(*away.T)[order], weights[order]
    region = outer_radius(radii) if region is None else region
    inside = radii <= region
    radii, weights = radii[inside], weights[inside]
    scales, share, best = _likeliest(model, radii, weights, region)
    total = weights.sum()
    parameters = np.array(
        [
            share * total / model.area(region, *scales),
            *scales,
            (1.0 - share) * total / (np.pi * region**2),
        ]
    )
    limits = tuple(
        name
        for name, value, (low, high) in zip(
            model.scales, np.log(scales), scale_bounds(model, region), strict=True
        )
        if value - low < _AT_LIMIT or high - value < _AT_LIMIT
    )
    if 1.0 - share < _BACKGROUND_LIMIT:
        parameters[-1], limits = 0.0, (*limits, "eta")
    errors = _errors(model, parameters, radii, weights, region, limits)
    values = dict(zip(model.names, map(float, parameters), strict=True))
    if model.name == "king":
        values["c"] = float(np.log10(values["rt"] / values["rc"]))
    log = best + total * np.log(total) - total
    return RadialProfile(
        model,
        "likelihood",
        values,
        errors,
        tuple(map(float, center)),
        float(region),
        radii,
        weights,
        float(log),
        limits=limits,
    )


def likeliest_center(places, weights, starts, reach, region=None):
    """Return where a Plummer profile on a background is the likeliest.

    Parameters
    ----------
    places : ndarray of shape (n_stars, 2)
        In the tangent plane, arcmin.
    weights : ndarray of shape (n_stars,)
        Weight of each star, from 0 to 1.
    starts : ndarray of shape (n_starts, 2)
        Where it may be, arcmin.
    reach : float
        How far from there, arcmin.
    region : float, default=None
        As in `fit_profile`.

    Returns
    -------
    center : (float, float)
        Arcmin.
    """
    best = None
    for start in starts:
        radii = np.hypot(*(places - start).T)
        radius = outer_radius(radii) if region is None else region
        inside = radii <= radius
        here, mass = places[inside], weights[inside]

        def cost(p, here=here, mass=mass, radius=radius):
            away = np.hypot(here[:, 0] - p[0], here[:, 1] - p[1])
            return -_log_mixture(PLUMMER, away, mass, radius, (np.exp(p[2]),), _share(p[3]))

        scale = np.log(np.median(radii[inside]))
        found = minimize(
            cost,
            [*start, scale, 1.0],
            method="L-BFGS-B",
            bounds=[
                (start[0] - reach, start[0] + reach),
                (start[1] - reach, start[1] + reach),
                *scale_bounds(PLUMMER, radius),
                (-_ODDS, _ODDS),
            ],
        )
        if best is None or found.fun < best.fun:
            best = found
    return float(best.x[0]), float(best.x[1])


def outer_radius(radii):
    """Return the radius (arcmin) of a disc of which the outermost of uniform stars is at max."""
    return float(radii.max() * np.sqrt(1.0 + 1.0 / len(radii)))


def scale_bounds(model, region):
    """Return the limits of each scale's logarithm, a pair each."""
    largest = [_LARGEST_SCALE] * len(model.scales)
    if model.name == "king":
        largest[1] = _LARGEST_EDGE
    return [(np.log(_LEAST_SCALE * region), np.log(each * region)) for each in largest]


def _log_mixture(model, radii, weights, region, scales, share):
    """Log likelihood of radii, given that so many stars are in the disc."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        area = model.area(region, *scales)
        inner = share * model.shape(radii, *scales) / area + (1.0 - share) / (np.pi * region**2)
        found = weights @ np.log(inner)
    return found if np.isfinite(found) else -1e300


def _likeliest(model, radii, weights, region):
    """Scales, the cluster's share of the stars, and the log likelihood."""
    bounds = scale_bounds(model, region)
    # Starts: every pair of scales, on stars that are gathered in bins of equal number.
    parts = np.array_split(np.arange(len(radii)), min(_BINS, len(radii)))
    few = np.array([radii[part].mean() for part in parts])
    mass = np.array([weights[part].sum() for part in parts])
    axes = [np.linspace(*each, _STARTS) for each in bounds]
    starts = np.stack([each.ravel() for each in np.meshgrid(*axes, indexing="ij")], axis=1)
    odds = (-1.0, 1.0, 3.0, 6.0)
    tried = [
        (_log_mixture(model, few, mass, region, np.exp(each), _share(odd)), *each, odd)
        for each in starts
        for odd in odds
    ]
    tried.sort(reverse=True)
    best = None
    for _, *point in tried[:3]:
        found = minimize(
            lambda p: -_log_mixture(model, radii, weights, region, np.exp(p[:-1]), _share(p[-1])),
            point,
            method="Nelder-Mead",
            bounds=[*bounds, (-_ODDS, _ODDS)],
            options={"xatol": 1e-5, "fatol": 1e-7, "maxiter": 2000},
        )
        if best is None or found.fun < best.fun:
            best = found
    return np.exp(best.x[:-1]), _share(best.x[-1]), -best.fun


def _share(logit):
    return 1.0 / (1.0 + np.exp(-logit))


def _errors(model, parameters, radii, weights, region, limits):
    """Errors of the parameters by name, from the information that the disc holds."""
    names = model.names
    free = [i for i, name in enumerate(names) if name not in limits]
    # All but the background in logarithms.
    log = np.array([name != "eta" for name in names])

    def slopes(at):
        """Derivatives of the log density by each free parameter, a row each."""
        found = []
        for i in free:
            step = _STEP * (1.0 if log[i] else max(parameters[i], 1e-12))
            ends = []
            for sign in (1.0, -1.0):
                moved = parameters.copy()
                moved[i] = moved[i] * np.exp(sign * step) if log[i] else moved[i] + sign * step
                ends.append(model.density(at, *moved))
            found.append((ends[0] - ends[1]) / (2.0 * step))
        return np.array(found) / np.maximum(model.density(at, *parameters), 1e-300)

    edges = np.linspace(0.0, region, _QUADRATURE + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    expected = model.density(middle, *parameters) * np.pi * np.diff(edges**2)
    slope = slopes(middle)
    information = (slope * expected) @ slope.T
    errors = dict.fromkeys(names, np.nan)
    if model.name == "king":
        errors["c"] = np.nan
    try:
        covariance = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return errors
    if np.any(weights < 1.0):
        score = slopes(radii) * weights
        covariance = covariance @ (score @ score.T) @ covariance
    if not np.all(np.diag(covariance) > 0):
        return errors
    sigma = np.sqrt(np.diag(covariance))
    for i, each in zip(free, sigma, strict=True):
        errors[names[i]] = float(each * parameters[i] if log[i] else each)
    if model.name == "king" and not {"rc", "rt"} & set(limits):
        i, j = free.index(1), free.index(2)
        spread = covariance[i, i] + covariance[j, j] - 2.0 * covariance[i, j]
        errors["c"] = float(np.sqrt(max(spread, 0.0)) / np.log(10.0))
    return errors
