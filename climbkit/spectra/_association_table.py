"""The table of associations: where each one is, how large, and how much more than chance."""

import numpy as np

from climbkit._optional import import_optional
from climbkit.datasets._sky import directions

_FORMAT = ".4g"  # of numbers that are printed
_CENTRAL_68_PERCENT = (0.16, 0.84)
_UNITS = {
    **dict.fromkeys(["x", "y", "z", "distance", "r50", "r50_across", "depth"], "kpc"),
    "distance_error": "kpc",
    **dict.fromkeys(["l", "b"], "deg"),
}


def association_table(labels, n_groups, positions, distance_error, probability, test):
    """Describe associations.

    Parameters
    ----------
    labels : ndarray of shape (n_stars,)
        Association of each star, from 0 to n_groups - 1; -1 for none.
    n_groups : int
        Number of associations.
    positions : ndarray of shape (n_stars, 3)
        Galactic x, y, z, kpc.
    distance_error : ndarray of shape (n_stars,)
        kpc, NaN where unknown.
    probability : tuple of str and ndarray of shape (n_stars,), or None
        Name and values of a probability to take the mean of.
    test : NoveltyTest or None
        Fitted to these stars.

    Returns
    -------
    table : QTable of shape (n_groups,)
        See ``AssociationFinder.associations_``.
    """
    QTable = import_optional("astropy.table", "spectra").QTable
    Unit = import_optional("astropy.units", "spectra").Unit
    rows = [np.flatnonzero(labels == k) for k in range(n_groups)]
    one = [_describe(positions[members], distance_error[members]) for members in rows]
    columns = {name: np.array([each[name] for each in one], dtype=float) for name in _UNITS}
    table = QTable()
    table["name"] = np.array(names_of(columns["l"], columns["b"], columns["distance"]), dtype=str)
    table["n_members"] = np.array([len(members) for members in rows], dtype=np.int64)
    for name, values in columns.items():
        table[name] = values * Unit(_UNITS[name])
    if probability is not None:
        name, values = probability
        table[name] = np.array([_mean(values[members]) for members in rows], dtype=float)
    if test is not None:
        table["p_value"] = test.pvalues_
        table["excess"] = test.statistics_
        table["stability"] = test.stabilities_
    for column in table.itercols():
        if column.dtype.kind == "f":
            column.info.format = _FORMAT
    return table


def _describe(positions, distance_error):
    """Centre and size of one association, by the names of their columns."""
    centre = positions.mean(axis=0)
    distance = float(np.linalg.norm(centre))
    # An association around the Sun has a direction that means nothing, but a finite one.
    towards = centre / distance if distance > 0 else np.array([1.0, 0.0, 0.0])
    away = positions - centre
    along = away @ towards
    across = np.sqrt(np.maximum(np.einsum("ij,ij->i", away, away) - along**2, 0.0))
    (longitude,), (latitude,) = directions(towards[None])
    low, high = np.quantile(along, _CENTRAL_68_PERCENT)
    return {
        **dict(zip("xyz", centre, strict=True)),
        "l": longitude,
        "b": latitude,
        "distance": distance,
        "r50": np.median(np.linalg.norm(away, axis=1)),
        "r50_across": np.median(across),
        "depth": (high - low) / 2,
        "distance_error": _median(distance_error),
    }


def names_of(longitude, latitude, distance):
    """Return names by Galactic position, such as "G135.0-01.2 at 2.31 kpc".

    Parameters
    ----------
    longitude, latitude : ndarray of shape (n_groups,)
        deg.
    distance : ndarray of shape (n_groups,)
        kpc.

    Returns
    -------
    names : list of str
        All different: where two are the same, a number follows.
    """
    names, counts = [], {}
    for lon, lat, far in zip(longitude, latitude, distance, strict=True):
        lon = round(float(lon), 1) % 360.0  # 359.96 is 0.0
        name = f"G{lon:05.1f}{lat:+05.1f} at {far:.2f} kpc"
        counts[name] = counts.get(name, 0) + 1
        names.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return names


def _mean(values):
    known = values[np.isfinite(values)]
    return known.mean() if len(known) else np.nan


def _median(values):
    known = values[np.isfinite(values)]
    return np.median(known) if len(known) else np.nan
