"""Surface densities of clusters: King (1962) with its edge, Plummer (1911)."""

from typing import NamedTuple

import numpy as np


class ProfileModel(NamedTuple):
    """A surface density with a scale, `amplitude * shape(r, *scales)`.

    Attributes
    ----------
    name : str
        As in the columns.
    amplitude : str
        Name of the factor, per arcmin^2.
    scales : tuple of str
        Names of the lengths, arcmin.
    shape : callable
        ``shape(radii, *scales)``.
    area : callable
        ``area(radius, *scales)``: integral of the shape over the disc, arcmin^2.
    """

    name: str
    amplitude: str
    scales: tuple
    shape: object
    area: object

    @property
    def names(self):
        """Tuple of str : names of all parameters, the background last."""
        return (self.amplitude, *self.scales, "eta")

    def density(self, radii, amplitude, *rest):
        """Return stars per arcmin^2 at radii (arcmin), the background included."""
        *scales, eta = rest
        return amplitude * self.shape(radii, *scales) + eta


def king_shape(radii, rc, rt):
    """Return King's profile of amplitude 1; 0 from the tidal radius on."""
    edge = 1.0 / np.sqrt(1.0 + (rt / rc) ** 2)
    inside = np.asarray(radii) < rt
    return np.where(inside, (1.0 / np.sqrt(1.0 + (radii / rc) ** 2) - edge) ** 2, 0.0)


def king_untruncated(radii, rc, rt):
    """Return King's formula at any radius, as it was published; it rises again beyond rt."""
    return (1.0 / np.sqrt(1.0 + (radii / rc) ** 2) - 1.0 / np.sqrt(1.0 + (rt / rc) ** 2)) ** 2


def king_area(radius, rc, rt):
    """Return the integral of `king_shape` over a disc [1]_, eq. 18.

    References
    ----------
    .. [1] King (1962), The structure of star clusters. I, doi:10.1086/108756.
    """
    x, edge = (np.minimum(radius, rt) / rc) ** 2, 1.0 + (rt / rc) ** 2
    # x / (1 + sqrt(1 + x)) is sqrt(1 + x) - 1 with all its digits.
    root = x / (1.0 + np.sqrt(1.0 + x))
    return np.pi * rc**2 * (np.log1p(x) - 4.0 * root / np.sqrt(edge) + x / edge)


def plummer_shape(radii, a):
    """Return Plummer's profile in projection of amplitude 1."""
    return (1.0 + (radii / a) ** 2) ** -2


def plummer_area(radius, a):
    """Return the integral of `plummer_shape` over a disc."""
    return np.pi * a**2 * radius**2 / (radius**2 + a**2)


KING = ProfileModel("king", "k", ("rc", "rt"), king_shape, king_area)
PLUMMER = ProfileModel("plummer", "k", ("a",), plummer_shape, plummer_area)
MODELS = {"king": KING, "plummer": PLUMMER}
