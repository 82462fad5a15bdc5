"""Which stars of a candidate make its radial profile, and by which method."""

import hashlib

import numpy as np

from climbkit.survey._profile_binned import binned_profile
from climbkit.survey._profile_fit import FEWEST_STARS, fit_profile, likeliest_center
from climbkit.survey._profile_sampling import sample_profile

_REACH = 2.0  # half-number radii that the centre may lie off the members' mean
_STEPS = 100  # towards the geometric median
_CLOSE = 1e-6  # arcmin: the shortest step
_ONE_PLACE = 1e-5  # arcmin, less than a milliarcsecond: stars nearer than this are at one place


def candidate_profile(name, places, own, probabilities, settings):
    """Fit the profile of one candidate.

    Parameters
    ----------
    name : str
        Name of the candidate.
    places : ndarray of shape (n_stars, 2)
        Its stars in the tangent plane at the members' mean direction, arcmin.
    own : ndarray of shape (n_stars,), dtype bool
        Which of them are members.
    probabilities : ndarray of shape (n_stars,)
        Membership probabilities.
    settings : ClusterStructure
        Parameters.

    Returns
    -------
    profile : RadialProfile or None
        What was fitted.
    reason : str
        Why there is none, or what was not found, else empty.
    """
    members = places[own]
    r50 = np.median(np.hypot(*members.T))
    all_places, all_weights = places, np.ones(len(places))
    if settings.profile_stars == "members":
        places, weights = members, np.ones(len(members))
    else:
        known = probabilities > 0
        places, weights = places[known], probabilities[known]
    region = settings.profile_radius
    near = weights[np.hypot(*places.T) <= (np.inf if region is None else region)]
    if near.sum() < FEWEST_STARS or not r50 > _ONE_PLACE:
        return None, (
            f"profile: {near.sum():.3g} members; {FEWEST_STARS} are needed, at different places"
        )
    if settings.profile_method == "binned":
        return binned_profile(np.hypot(*places.T), r50, region), ""
    # Stars of the field, or the lack of stars in a crowded core, would lead a centre astray.
    starts = np.stack([np.zeros(2), geometric_median(members)])
    center = likeliest_center(places, weights, starts, _REACH * r50, region)
    if settings.profile_stars == "all":
        places, weights = all_places, all_weights
    profile = fit_profile(places, weights, center, settings.profile, region)
    if settings.profile_method == "mcmc":
        digest = hashlib.sha256(str(name).encode()).digest()
        seed = [settings.random_state, int.from_bytes(digest[:8], "big")]
        return sample_profile(profile, seed), ""
    if profile.limits:
        return profile, f"profile: {', '.join(profile.limits)} at a limit, without error"
    return profile, ""


def geometric_median(places):
    """Return the point with the smallest sum of distances to stars, by Weiszfeld's steps.

    A few members far out move it less than the mean.
    """
    at = np.median(places, axis=0)
    for _ in range(_STEPS):
        weight = 1.0 / np.maximum(np.hypot(*(places - at).T), _CLOSE)
        before, at = at, weight @ places / weight.sum()
        if np.abs(at - before).max() < _CLOSE:
            break
    return at
