"""Real fields of stars, and clusters put into them.

Everything of a star that is put in and that is not drawn here (errors, ruwe and other columns that
quality cuts look at) is that of a real star of the field of about its magnitude.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from _cmd_sources import MOTIONS, SURE_FIELD
from _injection_clusters import LARGEST_SHARE, draw_cluster
from scipy.spatial import ConvexHull

from climbkit.datasets import load_gaia_field
from climbkit.datasets._sky import (
    directions,
    from_tangent_plane,
    icrs_to_galactic,
    to_tangent_plane,
    unit_vectors,
)
from climbkit.pipelines._cluster_defaults import with_errors

ASTROMETRY = ("parallax", "pmra", "pmdec")
ERRORS = tuple(f"{name}_error" for name in ASTROMETRY)
#: What decides which stars take part in a search, and what tells members, if a field has it.
COLUMNS = ("source_id", "ra", "dec", "l", "b", *ASTROMETRY, *ERRORS, "phot_g_mean_mag", "bp_rp")
COLUMNS += ("ruwe", "astrometric_params_solved", "phot_bp_rp_excess_factor")
FAINTEST = 20.7  # G beyond which Gaia measures few parallaxes, mag

_PARALLAX_WIDTH = 0.3  # mas, beside three errors, in which a cluster is taken out of its field
_ROOM, _APART, _TRIES = 1.5, 3.0, 300  # in r50 and in sums of r50


class Field(NamedTuple):
    """Stars of a field.

    Attributes
    ----------
    name : str
        Of `load_gaia_field`.
    table : DataFrame
        Stars, with `COLUMNS` as far as the file has them.
    errors : DataFrame of shape (n_stars, 3)
        Their errors; by magnitude, as of Gaia DR3, where the file has none.
    faintest : float
        G of the faintest stars that are put in.
    area : float
        Of all that the file has, square degrees.
    """

    name: str
    table: pd.DataFrame
    errors: pd.DataFrame
    faintest: float
    area: float


def load_field(name, folder):
    """Read a real field and take the stars of its known clusters out.

    Out go stars of a published membership probability of 0.05 or more, and all whose proper motion
    and parallax are those of a cluster of the field within what they scatter and three errors.
    """
    field = load_gaia_field(name, data_home=folder)
    table = field.data[[column for column in COLUMNS if column in field.data]]
    work, _ = with_errors(table)
    keep = np.ones(len(table), dtype=bool)
    if field.probability is not None:
        keep &= ~(field.probability >= SURE_FIELD) & (field.target != 1)
    for pmra, pmdec, parallax, radius in MOTIONS.get(name, ()):
        apart = np.hypot(work["pmra"] - pmra, work["pmdec"] - pmdec)
        scatter = 3 * np.hypot(work["pmra_error"], work["pmdec_error"]) / np.sqrt(2)
        near = abs(work["parallax"] - parallax) < _PARALLAX_WIDTH + 3 * work["parallax_error"]
        keep &= ~((apart < radius + scatter) & near).to_numpy()
    if "source_id" not in table:
        table = table.assign(source_id=np.arange(len(table), dtype=np.int64))
    faintest = min(FAINTEST, float(table["phot_g_mean_mag"].max()))
    errors = work.loc[keep, list(ERRORS)].reset_index(drop=True)
    table = table[keep].reset_index(drop=True)
    return Field(name, table, errors, faintest, float(_plane(table)[1].volume))


def _plane(table):
    """Centre of a field, its stars in the tangent plane there, and their convex hull."""
    ra, dec = table["ra"], table["dec"]
    center = [x[0] for x in directions(unit_vectors(ra, dec).mean(axis=0, keepdims=True))]
    plane = np.column_stack(to_tangent_plane(ra, dec, center))
    return center, ConvexHull(plane), plane


def cut_out(field, most, rng):
    """Return the stars nearest to one of them drawn at random, as another field."""
    if len(field.table) <= most:
        return field
    vectors = unit_vectors(field.table["ra"], field.table["dec"])
    apart = 1.0 - vectors @ vectors[rng.integers(len(vectors))]
    rows = np.sort(np.argpartition(apart, most)[:most])
    part = (data.iloc[rows].reset_index(drop=True) for data in (field.table, field.errors))
    return field._replace(**dict(zip(("table", "errors"), part, strict=True)))


def scramble(field, rng):
    """Give the places of the stars to each other, at random: no cluster is left, all else is."""
    order = rng.permutation(len(field.table))
    places = field.table[["ra", "dec", "l", "b"]].iloc[order].reset_index(drop=True)
    return field._replace(table=field.table.assign(**{name: places[name] for name in places}))


class Injected(NamedTuple):
    """A field with clusters.

    Attributes
    ----------
    table : DataFrame
        The stars of the field, and after them those that were put in.
    owner : ndarray of int64
        Of each star its row in `truth`, -1 for stars of the field.
    truth : list of dict
        One for each cluster.
    area : float
        Of the field, square degrees.
    """

    table: pd.DataFrame
    owner: np.ndarray
    truth: list
    area: float


def inject(field, clusters, most, rng):
    """Put up to so many clusters into a field, far from each other."""
    center, hull, plane = _plane(field.table)
    usable = np.isfinite(field.table[[*ASTROMETRY, "phot_g_mean_mag"]]).all(axis=1)
    usable &= np.isfinite(field.errors).all(axis=1)
    donors = np.flatnonzero(usable)
    donors = donors[np.argsort(field.table["phot_g_mean_mag"].to_numpy()[donors])]
    parts, owner, truth = [field.table], [np.full(len(field.table), -1)], []
    for _ in range(_TRIES):
        if len(truth) == most:
            break
        room = LARGEST_SHARE * len(field.table) - sum(about["n_members"] for about in truth)
        drawn = draw_cluster(room, field.faintest, clusters, rng)
        place = None if drawn is None else _place(plane, hull, drawn[0]["r50"], truth, rng)
        if place is None:
            continue
        about, stars = drawn
        about |= {"x": place[0], "y": place[1], "n_members": len(stars["g"])}
        about["ra"], about["dec"] = (x[0] for x in from_tangent_plane(*place[:, None], center))
        first = int(max(part["source_id"].max() for part in parts)) + 1
        parts.append(_observe(field, donors, stars, place, center, first, rng))
        owner.append(np.full(len(stars["g"]), len(truth)))
        truth.append(about)
    table = pd.concat(parts, ignore_index=True)
    return Injected(table, np.concatenate(owner), truth, float(hull.volume))


def _place(plane, hull, r50, others, rng):
    """Draw a place with room in the field; None if there is none."""
    low, high = plane.min(axis=0), plane.max(axis=0)
    for _ in range(20):
        place = rng.uniform(low, high)
        inside = hull.equations[:, :2] @ place + hull.equations[:, 2] < -_ROOM * r50
        apart = [np.hypot(place[0] - o["x"], place[1] - o["y"]) for o in others]
        far = [a > _APART * (r50 + o["r50"]) for a, o in zip(apart, others, strict=True)]
        if inside.all() and all(far):
            return place
    return None


def _observe(field, donors, stars, place, center, first, rng):
    """Rows of the stars, measured as stars of the field of their magnitude are."""
    n, g = len(stars["g"]), field.table["phot_g_mean_mag"].to_numpy()[donors]
    near = np.searchsorted(g, stars["g"]) + rng.integers(-15, 15, n)
    rows = donors[np.clip(near, 0, len(donors) - 1)]
    errors = field.errors.iloc[rows].to_numpy()
    more = np.sqrt(np.maximum(errors**2 - stars["noise"] ** 2, 0.0))
    measured = stars["motions"] + more * rng.normal(size=(n, 3))
    ra, dec = from_tangent_plane(*(stars["offsets"] + place).T, center)
    lon, lat = icrs_to_galactic(ra, dec)
    columns = {"source_id": first + np.arange(n), "ra": ra, "dec": dec, "l": lon, "b": lat}
    columns |= dict(zip(ASTROMETRY, measured.T, strict=True))
    columns |= {"phot_g_mean_mag": stars["g"], "bp_rp": stars["color"]}
    return field.table.iloc[rows].reset_index(drop=True).assign(**columns)
