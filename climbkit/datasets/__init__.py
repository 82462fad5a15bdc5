"""Data sets: a mock halo, the published RR Lyrae catalogue, and the Gaia archive."""

from climbkit.datasets._halo import make_halo
from climbkit.datasets._published import published_seeds
from climbkit.datasets._rr_lyrae import load_rr_lyrae

__all__ = ["load_rr_lyrae", "make_halo", "published_seeds"]
