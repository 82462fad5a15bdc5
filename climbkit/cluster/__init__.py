"""Semi-supervised clusterers: known groups, novel ones, and constraints."""

from climbkit.cluster._climb import CLiMB
from climbkit.cluster._kbound import KBound

__all__ = ["CLiMB", "KBound"]
