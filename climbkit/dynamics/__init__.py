"""Dynamics: from positions and velocities to the integrals of motion."""

from climbkit.dynamics._integrals import IntegralsOfMotion

__all__ = ["IntegralsOfMotion"]
