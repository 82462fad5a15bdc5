"""The gravitational potential of the Milky Way, by galpy, in kpc and km/s."""

import functools
import warnings

import numpy as np

from climbkit._optional import import_optional

#: The McMillan potential is two expansions in basis functions, which galpy sums in Python at 4 ms
#: a star. It is tabulated once per process by galpy's C code (0.5 s) on asinh(R / R0) and
#: asinh(|z| / z0) up to a radius [kpc], and read by bicubic splines with errors below 0.001 km2/s2.
_TABLE_R0, _TABLE_Z0, _TABLE_LIMIT, _TABLE_NODES = 0.1, 0.05, 300.0, 250
#: The potential at R = z = 0 itself is NaN in galpy's C code: the innermost node lies here [kpc].
_TABLE_INNERMOST = 1e-4
#: What galpy gives as actions where it finds none.
_NO_ACTION = 9999.99


def _quiet(function):
    """Silence galpy where it warns of what does not matter here.

    Its expansions leave entries unset on current numpy and set them in the next line; and it
    misses a C library for orbital tori, which nothing here uses.
    """

    @functools.wraps(function)
    def quietly(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="'where' used without 'out'")
            warnings.filterwarnings("ignore", message="libgalpy_actionAngleTorus")
            return function(*args, **kwargs)

    return quietly


@functools.cache
@_quiet
def mcmillan17():
    """Load the McMillan (2017) potential; galpy computes its coefficients, about ten seconds."""
    return import_optional("galpy.potential.mwpotentials", "dynamics").McMillan17


def evaluate(potential, R, z):
    """Potential [km2/s2], zero at infinity, at cylindrical R and z [kpc].

    Parameters
    ----------
    potential : galpy potential or None
        None is the McMillan potential, tabulated.
    R, z : ndarray of shape (n,)
        Cylindrical coordinates.
    """
    if potential is not None:
        return _evaluate_directly(potential, R, z)
    table = _mcmillan17_table()
    if table is None:
        return _evaluate_directly(mcmillan17(), R, z)
    values = table(np.arcsinh(R / _TABLE_R0), np.arcsinh(np.abs(z) / _TABLE_Z0), grid=False)
    outside = (R > _TABLE_LIMIT) | (np.abs(z) > _TABLE_LIMIT)
    if outside.any():
        values[outside] = _evaluate_directly(mcmillan17(), R[outside], z[outside])
    return values


@_quiet
def _evaluate_directly(potential, R, z):
    galpy_potential = import_optional("galpy.potential", "dynamics")
    ro, vo = units_of(potential)
    values = galpy_potential.evaluatePotentials(potential, R / ro, z / ro, use_physical=False)
    return np.broadcast_to(values, np.shape(R)) * vo**2


@functools.cache
def _mcmillan17_table():
    """Tabulate the McMillan potential, or give None where galpy lacks its C code."""
    from scipy.interpolate import RectBivariateSpline

    compiled = import_optional("galpy.potential.interpRZPotential", "dynamics")
    if not getattr(compiled, "ext_loaded", False):
        return None
    potential = mcmillan17()
    ro, vo = units_of(potential)
    u = np.linspace(0.0, np.arcsinh(_TABLE_LIMIT / _TABLE_R0), _TABLE_NODES)
    v = np.linspace(0.0, np.arcsinh(_TABLE_LIMIT / _TABLE_Z0), _TABLE_NODES)
    R = np.maximum(_TABLE_R0 * np.sinh(u), _TABLE_INNERMOST)
    values, error = compiled.calc_potential_c(potential, R / ro, _TABLE_Z0 * np.sinh(v) / ro)
    if error or not np.isfinite(values).all():
        return None
    return RectBivariateSpline(u, v, values * vo**2)


def units_of(potential):
    """Give the length [kpc] and velocity [km/s] that scale a galpy potential."""
    conversion = import_optional("galpy.util.conversion", "dynamics")
    physical = conversion.get_physical(potential)
    return physical["ro"], physical["vo"]


@_quiet
def circular_orbit(radius):
    """Energy [km2/s2] and angular momentum [kpc km/s] of circular orbits in McMillan's potential.

    Parameters
    ----------
    radius : ndarray of shape (n,)
        Radii in kpc.
    """
    galpy_potential = import_optional("galpy.potential", "dynamics")
    ro, vo = units_of(mcmillan17())
    speed = vo * np.array(
        [galpy_potential.vcirc(mcmillan17(), r / ro, use_physical=False) for r in radius]
    )
    return evaluate(None, radius, np.zeros_like(radius)) + speed**2 / 2, radius * speed


@_quiet
def actions(potential, position, velocity, focal_distance):
    """Radial and vertical actions by the Staeckel approximation.

    Parameters
    ----------
    potential : galpy potential or None
        None is the McMillan potential.
    position, velocity : ndarray of shape (3, n)
        Bound stars, right-handed, in kpc and km/s.
    focal_distance : float
        Of the spheroidal coordinates, in kpc.

    Returns
    -------
    jr, jz : ndarray of shape (n,)
        In kpc km/s; NaN where none was found.
    """
    action_angle = import_optional("galpy.actionAngle", "dynamics")
    potential = mcmillan17() if potential is None else potential
    ro, vo = units_of(potential)
    (x, y, z), (vx, vy, vz) = position / ro, velocity / vo
    R = np.hypot(x, y)
    staeckel = action_angle.actionAngleStaeckel(pot=potential, delta=focal_distance / ro)
    jr, _, jz = staeckel(R, (x * vx + y * vy) / R, (x * vy - y * vx) / R, z, vz, use_physical=False)
    found = (jr != _NO_ACTION) & (jz != _NO_ACTION)
    return [np.where(found, action, np.nan) * ro * vo for action in (jr, jz)]
