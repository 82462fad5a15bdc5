"""Data sets: a mock halo and a mock region of the sky, published catalogues, the Gaia archive."""

from climbkit.datasets._cluster_field import make_cluster_field
from climbkit.datasets._data_home import clear_data_home, get_data_home
from climbkit.datasets._gaia import fetch_rr_lyrae
from climbkit.datasets._gaia_field import gaia_field_names, load_gaia_field
from climbkit.datasets._halo import make_halo
from climbkit.datasets._published import published_seeds
from climbkit.datasets._rr_lyrae import load_rr_lyrae
from climbkit.datasets._xp_spectra import make_xp_spectra

__all__ = [
    "clear_data_home",
    "fetch_rr_lyrae",
    "gaia_field_names",
    "get_data_home",
    "load_gaia_field",
    "load_rr_lyrae",
    "make_cluster_field",
    "make_halo",
    "make_xp_spectra",
    "published_seeds",
]
