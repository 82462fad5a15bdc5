"""HDBSCAN at many minimum cluster sizes from one neighbour query."""

from climbkit.cluster._sweep import Sweep, sweep

__all__ = ["Sweep", "sweep"]
