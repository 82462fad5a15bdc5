"""One isochrone: magnitudes of stars by initial mass, and the way between two."""

from typing import NamedTuple

import numpy as np

#: Stages of PARSEC that are cut at the same fractions of their range of mass: up to the turn-off,
#: subgiants, red giants, helium burning, early AGB, pulsing AGB.
_PHASE_OF_STAGE = np.array([0, 0, 1, 2, 3, 3, 3, 4, 5])
#: A step between two phases that is wider than this (mag, in any band) is a jump, as from the tip
#: of the giants to the horizontal branch, on which no star is ever seen.
_JUMP = 0.3


class Isochrone(NamedTuple):
    """Points of an isochrone.

    Attributes
    ----------
    mass : ndarray of shape (n_points,)
        Initial mass, solar masses, ascending.
    magnitudes : ndarray of shape (n_points, 3)
        Absolute G, BP and RP, mag.
    stage : ndarray of shape (n_points,), dtype int64
        Evolutionary stage, PARSEC's ``label``.
    """

    mass: np.ndarray
    magnitudes: np.ndarray
    stage: np.ndarray

    def at_mass(self, mass):
        """Absolute magnitudes of stars, linear in mass between two points.

        Parameters
        ----------
        mass : ndarray of shape (n_stars,)
            Initial masses within the range of the isochrone.

        Returns
        -------
        magnitudes : ndarray of shape (n_stars, 3)
            Absolute G, BP and RP, mag.
        """
        below = np.searchsorted(self.mass, mass, side="right") - 1
        below = np.clip(below, 0, len(self.mass) - 2)
        step = self.mass[below + 1] - self.mass[below]
        t = np.divide(mass - self.mass[below], step, out=np.zeros_like(step), where=step > 0)
        t = np.clip(t, 0.0, 1.0)
        t = np.where(self._jumps()[below], np.rint(t), t)[:, None]
        return (1 - t) * self.magnitudes[below] + t * self.magnitudes[below + 1]

    def _jumps(self):
        other = np.diff(_PHASE_OF_STAGE[self.stage]) != 0
        return other & (np.abs(np.diff(self.magnitudes, axis=0)).max(axis=1) > _JUMP)


def blend(first, second, weight):
    """Interpolate between two isochrones.

    Parameters
    ----------
    first, second : Isochrone
        Neighbours on a grid.
    weight : float
        Of the second, between 0 and 1.

    Returns
    -------
    isochrone : Isochrone
        Linear between points at the same fraction of a phase's range of mass; the nearer of the
        two, where they do not have the same phases.
    """
    nearer = first if weight < 0.5 else second
    phases = [np.unique(_PHASE_OF_STAGE[side.stage]) for side in (first, second)]
    if not np.array_equal(*phases):
        return nearer
    masses, magnitudes, stages = [], [], []
    for phase in phases[0]:
        sides = [_part(side, phase) for side in (first, second)]
        fractions = np.union1d(*(fraction for fraction, _ in sides))
        ends = [
            np.column_stack([np.interp(fractions, fraction, column) for column in columns.T])
            for fraction, columns in sides
        ]
        values = (1 - weight) * ends[0] + weight * ends[1]
        masses.append(values[:, 0])
        magnitudes.append(values[:, 1:4])
        # Stages are names: those of the nearer, at the same fraction.
        fraction = sides[0 if nearer is first else 1][0]
        stage = nearer.stage[_PHASE_OF_STAGE[nearer.stage] == phase]
        at = np.clip(np.searchsorted(fraction, fractions, side="right") - 1, 0, len(stage) - 1)
        stages.append(stage[at])
    mass = np.maximum.accumulate(np.concatenate(masses))
    return Isochrone(mass, np.concatenate(magnitudes), np.concatenate(stages))


def _part(side, phase):
    """Fractions of a phase's range of mass (0 to 1), and mass and magnitudes there."""
    inside = _PHASE_OF_STAGE[side.stage] == phase
    mass = side.mass[inside]
    # Tables round masses, so that many points of the AGB share one: those keep their order.
    log_mass = np.log(mass)
    spread = log_mass[-1] - log_mass[0]
    fraction = (log_mass - log_mass[0]) / spread if spread > 0 else np.linspace(0, 1, len(mass))
    return fraction, np.column_stack([mass, side.magnitudes[inside]])
