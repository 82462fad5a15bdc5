"""Samples of a radial profile's posterior, by emcee."""

from dataclasses import replace

import numpy as np

from climbkit._optional import import_optional
from climbkit.survey._profile_fit import scale_bounds

# Published: 16 walkers, 10,000 steps of which 2,000 burn in, every tenth kept. Started at the
# maximum of the likelihood, fewer steps serve.
_WALKERS, _STEPS, _BURN, _THIN = 32, 2000, 500, 10
_SPREAD = 1e-2  # of the walkers at the start, in logarithms
_LOWER, _UPPER = 16, 84  # percentiles
# The amplitude may be this factor off the likeliest, either way.
_AMPLITUDE_RANGE = 1e4


def sample_profile(profile, seed):
    """Replace the likeliest parameters by medians of samples, and errors by half of 68 %.

    Parameters
    ----------
    profile : RadialProfile
        As of `fit_profile`.
    seed : int
        Of the walkers.

    Returns
    -------
    profile : RadialProfile
        With samples. The priors are flat in the logarithms of amplitude and scales, within the
        limits that `fit_profile` has, and in the background from 0 on.

    Raises
    ------
    ImportError
        If emcee is missing.
    """
    emcee = import_optional("emcee", "structure")
    model, radii, weights, region = profile.model, profile.radii, profile.weights, profile.region
    likeliest = np.array([profile.values[name] for name in model.names])
    amplitude = np.log(likeliest[0])
    width = np.log(_AMPLITUDE_RANGE)
    low, high = np.array(
        [(amplitude - width, amplitude + width), *scale_bounds(model, region), (0.0, np.inf)]
    ).T
    disc = np.pi * region**2

    def log_posterior(at):
        if np.any(at < low) or np.any(at > high):
            return -np.inf
        factor, *scales = np.exp(at[:-1])
        density = model.density(radii, factor, *scales, at[-1])
        if np.any(density <= 0):
            return -np.inf
        expected = factor * model.area(region, *scales) + at[-1] * disc
        return weights @ np.log(density) - expected

    rng = np.random.default_rng(seed)
    start = np.append(np.log(likeliest[:-1]), likeliest[-1])
    walkers = start + _SPREAD * rng.normal(size=(_WALKERS, len(start)))
    # One star in the disc is what a background of 0 is spread over.
    walkers[:, -1] = likeliest[-1] + rng.uniform(0.1, 1.0, _WALKERS) / disc
    inner = _SPREAD * rng.uniform(0.1, 1.0, (_WALKERS, len(start)))
    walkers = np.clip(walkers, low + inner, high - inner * np.isfinite(high))
    sampler = emcee.EnsembleSampler(_WALKERS, len(start), log_posterior)
    state = np.random.RandomState(rng.integers(2**31)).get_state()
    sampler.run_mcmc(emcee.State(walkers, random_state=state), _STEPS)
    samples = sampler.get_chain(discard=_BURN, thin=_THIN, flat=True)
    samples[:, :-1] = np.exp(samples[:, :-1])
    named = dict(zip(model.names, samples.T, strict=True))
    if model.name == "king":
        named["c"] = np.log10(named["rt"] / named["rc"])
    values, errors = {}, {}
    for name, each in named.items():
        lower, values[name], upper = np.percentile(each, (_LOWER, 50, _UPPER)).tolist()
        errors[name] = 0.5 * (upper - lower)
    return replace(profile, method="mcmc", values=values, errors=errors, samples=samples, limits=())
