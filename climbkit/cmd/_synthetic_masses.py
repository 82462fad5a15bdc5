"""Initial masses of stars, drawn from an initial mass function."""

import numpy as np

#: Steps of mass between the lightest and the heaviest star; within a step the function is flat.
_STEPS = 4000

_KROUPA_BREAKS = (0.08, 0.5)  # solar masses; Kroupa 2001, eq. 2
_KROUPA_SLOPES = (-0.3, -1.3, -2.3)
_SALPETER_SLOPE = -2.35  # Salpeter 1955
#: Chabrier 2003, table 1, single stars of the disc: per log10 of mass, below one solar mass and
#: above.
_CHABRIER_PEAK, _CHABRIER_WIDTH, _CHABRIER_HEIGHT = 0.079, 0.69, 0.158
_CHABRIER_SLOPE, _CHABRIER_HEAVY = -1.3, 0.0443


def kroupa(mass):
    """Kroupa (2001), the stars of binaries counted one by one."""
    low, high = _KROUPA_BREAKS
    brown, light, heavy = _KROUPA_SLOPES
    at_high = high ** (light - heavy)
    at_low = low ** (brown - light)
    return np.where(
        mass < low,
        mass**brown / at_low,
        np.where(mass < high, mass**light, mass**heavy * at_high),
    )


def chabrier(mass):
    """Chabrier (2003), single stars of the disc."""
    log_mass = np.log10(mass / _CHABRIER_PEAK)
    light = _CHABRIER_HEIGHT * np.exp(-0.5 * (log_mass / _CHABRIER_WIDTH) ** 2)
    return np.where(mass < 1, light, _CHABRIER_HEAVY * mass**_CHABRIER_SLOPE) / mass


def salpeter(mass):
    """Salpeter (1955)."""
    return mass**_SALPETER_SLOPE


MASS_FUNCTIONS = {"kroupa": kroupa, "chabrier": chabrier, "salpeter": salpeter}


class MassSampler:
    """Draws masses between two ends by the inverse of the cumulative mass function.

    Parameters
    ----------
    mass_function : callable
        Number of stars per unit of mass (any scale) at masses, an ndarray of solar masses.
    lightest, heaviest : float
        Ends, solar masses.

    Raises
    ------
    ValueError
        If the function is not finite, negative somewhere, or zero everywhere.
    """

    def __init__(self, mass_function, lightest, heaviest):
        self._edges = np.geomspace(lightest, heaviest, _STEPS + 1)
        # geomspace may round the ends out of the range of the isochrone.
        self._edges[[0, -1]] = lightest, heaviest
        middles = np.sqrt(self._edges[1:] * self._edges[:-1])
        density = np.asarray(mass_function(middles), dtype=np.float64)
        if density.shape != middles.shape or not (density >= 0).all() or not density.any():
            raise ValueError(
                "imf must give one number per mass, finite and not negative, nor zero for all "
                f"masses from {lightest:.3g} to {heaviest:.3g}."
            )
        counts = density * np.diff(self._edges)
        if not np.isfinite(counts).all():
            raise ValueError("imf must be finite.")
        self._cumulative = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])

    def draw(self, n_stars, rng):
        """Masses, an ndarray of shape (n_stars,), solar masses."""
        return np.interp(rng.uniform(size=n_stars), self._cumulative, self._edges)
