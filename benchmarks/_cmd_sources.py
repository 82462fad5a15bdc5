"""Clusters and fields that the network of diagrams is trained on, validated on and tested on.

Clusters and fields are split, so that no star of one that is tested was ever trained on.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from climbkit.datasets import load_gaia_field

GLOBULAR, OPEN = "globular", "open"
GLOBULAR_FILE = "cmd_training/globular_cluster_members_edr3.parquet"
OPEN_FILE = "cmd_training/open_cluster_members_edr3.parquet"
#: Clusters on which whole searches are tested: never trained on.
KEPT_BACK = (
    *("NGC_288", "NGC_362", "NGC_4147", "NGC_6441", "Pal_5", "NGC_5904_M_5", "Eridanus"),
    *("Blanco_1", "NGC_103", "NGC_2112", "NGC_2477", "NGC_7789", "NGC_2682", "NGC_2323"),
    "NGC_6405",
)
#: Share of the clusters that are tested, and validated on.
TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
#: Fields by what they serve. The blank one, at high latitude as halo clusters are, is tested as a
#: whole. There are few fields, and each has a diagram of its own: of some of them the northern half
#: is trained on, the southern one held out.
FIELDS = {
    "train": (
        *("blanco1", "m67", "ngc2112", "ngc2323", "ngc2477", "ngc6441"),
        *("ngc103 north", "ngc6405 north", "ngc7789 north", "pal5 north"),
    ),
    "validation": ("ngc6405 south", "pal5 south"),
    "test": ("blank", "ngc103 south", "ngc7789 south"),
}
#: Clusters of the fields: proper motion (mas/yr), parallax (mas), and how far from this motion
#: stars are taken out, beside three errors: lists of members leave out binaries and the faint.
#: From the stars themselves and Hunt & Reffert (2023), doi:10.1051/0004-6361/202346285.
MOTIONS = {
    "blanco1": [(18.7, 2.6, 4.2, 3.0)],
    "m67": [(-10.97, -2.91, 1.15, 2.5)],
    "ngc103": [(-2.8, -1.07, 0.31, 0.4)],
    "ngc2112": [(-2.7, 4.28, 0.94, 0.8)],
    "ngc2323": [(-0.73, -0.64, 1.03, 0.6), (-1.56, -3.46, 0.88, 0.8)],  # the other is CMa 2
    "ngc2477": [(-2.43, 0.90, 0.69, 0.4)],
    "ngc6405": [(-1.37, -5.80, 2.17, 1.0)],
    "ngc6441": [(-2.55, -5.35, 0.08, 2.0)],
    "ngc7789": [(-0.93, -1.94, 0.49, 0.4)],
    "pal5": [(-2.73, -2.65, 0.04, 1.0)],
}
#: Rich clusters that move as their field does: among faint stars nobody can tell them, so that only
#: the bright ones serve, down to this G.
FAINTEST_FIELD_STARS = {"ngc2477": 18.5, "ngc7789": 18.5}
#: Stars with less than this published membership probability are field.
SURE_FIELD = 0.05
_PARALLAX_WIDTH = 0.3  # mas
ASTROMETRY = ("parallax", "pmra", "pmdec")
# Errors of proper motion, mas/yr, by G (Lindegren et al. 2021, doi:10.1051/0004-6361/202039709);
# those of parallax are about as large.
_G_OF_ERROR = (15.0, 17.0, 18.0, 19.0, 20.0, 21.0)
_MOTION_ERROR = (0.03, 0.07, 0.13, 0.25, 0.5, 1.4)


class Stars(NamedTuple):
    """Stars of a cluster or of a field.

    Attributes
    ----------
    name, kind : str
        Name, and ``"globular"``, ``"open"`` or ``"field"``.
    color, g : ndarray of shape (n_stars,)
        BP - RP and G, mag; both finite.
    table : DataFrame of shape (n_stars, 5)
        ra, dec (deg), parallax (mas), pmra, pmdec (mas/yr).
    """

    name: str
    kind: str
    color: np.ndarray
    g: np.ndarray
    table: pd.DataFrame


def split_of(name):
    """Return what a cluster serves for, "train", "validation" or "test", by its name alone."""
    share = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
    if share < TEST_SHARE:
        return "test"
    return "validation" if share < TEST_SHARE + VALIDATION_SHARE else "train"


def load_clusters(folder, *, fewest=10):
    """Read the members of all clusters that are not kept back.

    Parameters
    ----------
    folder : path-like
        Holds ``cmd_training/``.
    fewest : int, default=10
        Clusters with fewer stars that have a colour are left out.

    Returns
    -------
    clusters : dict of str to list of Stars
        By split.
    """
    names = {
        GLOBULAR: (GLOBULAR_FILE, ["ra", "dec", "plx", "pmra", "pmdec"], "g_mag", "bp_rp"),
        OPEN: (OPEN_FILE, ["RA_ICRS", "DE_ICRS", "Plx", "pmRA", "pmDE"], "Gmag", "BPRP"),
    }
    clusters = {"train": [], "validation": [], "test": []}
    for kind, (path, columns, magnitude, color) in names.items():
        table = pd.read_parquet(Path(folder) / path)
        table = table[table[color].notna() & table[magnitude].notna()]
        for name, members in table.groupby("cluster"):
            if name in KEPT_BACK or len(members) < fewest:
                continue
            where = members[columns].set_axis(["ra", "dec", *ASTROMETRY], axis=1)
            clusters[split_of(name)].append(
                Stars(
                    name,
                    kind,
                    members[color].to_numpy(float),
                    members[magnitude].to_numpy(float),
                    where.reset_index(drop=True),
                )
            )
    return clusters


def load_field(name, folder):
    """Read a field without the stars of its cluster.

    Parameters
    ----------
    name : str
        See `climbkit.datasets.load_gaia_field`; " north" or " south" behind it gives the half of
        the stars on that side.
    folder : path-like
        Holds ``gaia_fields/`` and ``gc_fields/``.

    Returns
    -------
    field : Stars
        Stars with position, astrometry and colour that belong to no known cluster.
    """
    whole, _, half = name.partition(" ")
    field = load_gaia_field(whole, data_home=folder)
    data = field.data
    keep = np.isfinite(data[[*ASTROMETRY, "phot_g_mean_mag", "bp_rp"]]).all(axis=1)
    if field.probability is not None:
        keep &= (field.probability < SURE_FIELD) & (field.target != 1)
    error = np.interp(data["phot_g_mean_mag"], _G_OF_ERROR, _MOTION_ERROR)
    for pmra, pmdec, parallax, radius in MOTIONS.get(whole, ()):
        apart = np.hypot(data["pmra"] - pmra, data["pmdec"] - pmdec)
        near = abs(data["parallax"] - parallax) < _PARALLAX_WIDTH + 3 * error
        keep &= ~((apart < radius + 3 * error) & near)
    keep &= data["phot_g_mean_mag"] < FAINTEST_FIELD_STARS.get(whole, np.inf)
    if half:
        keep &= (data["dec"] > data["dec"].median()) == (half == "north")
    data = data[keep]
    return Stars(
        name,
        "field",
        data["bp_rp"].to_numpy(),
        data["phot_g_mean_mag"].to_numpy(),
        data[["ra", "dec", *ASTROMETRY]].reset_index(drop=True),
    )


def load_fields(folder):
    """Return a dict of split to list of Stars: the fields of `FIELDS` without their clusters."""
    return {split: [load_field(name, folder) for name in own] for split, own in FIELDS.items()}


def features(field):
    """Position and astrometry in units of their scatter, shape (n_stars, 5)."""
    table = field.table
    ra = (table["ra"] - table["ra"].iloc[0] + 180.0) % 360.0 - 180.0
    plane = np.column_stack([ra * np.cos(np.deg2rad(table["dec"])), table[["dec", *ASTROMETRY]]])
    spread = np.percentile(plane, 84, axis=0) - np.percentile(plane, 16, axis=0)
    return (plane - np.median(plane, axis=0)) / spread
