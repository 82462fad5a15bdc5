"""The tables of a cluster search: one of the clusters, one of the members of each."""

import numpy as np

from climbkit.base import NOISE
from climbkit.datasets._sky import galactic_to_icrs, icrs_to_galactic

#: Columns of the table of clusters that are always there, in this order, with their units.
COLUMNS = {
    "name": None,
    "type": None,
    "candidate_id": None,
    "ra": "deg",
    "dec": "deg",
    "l": "deg",
    "b": "deg",
    "r50": "deg",
    "n_members": "",
    "p_class": "",
    "persistence": "",
    "p_cst": "",
    "separation": "deg",
    "catalogue": None,
    "parallax": "mas",
    "parallax_error": "mas",
    "parallax_error_sys": "mas",
    "pmra": "mas / yr",
    "pmra_error": "mas / yr",
    "pmra_error_sys": "mas / yr",
    "pmdec": "mas / yr",
    "pmdec_error": "mas / yr",
    "pmdec_error_sys": "mas / yr",
    "distance": "kpc",
    "distance_lower": "kpc",
    "distance_upper": "kpc",
}
# What is of the search rather than of the cluster.
_LEFT_OUT = ("n_probable", "membership_threshold", "rejected_by", "tile", "tile_side")


def named(clusters):
    """Return clusters that have names: those that they have, else candidate 1, candidate 2, ...

    Parameters
    ----------
    clusters : CandidateSet
        A row for each.

    Returns
    -------
    clusters : CandidateSet
        With the columns ``name`` and, where there was no name, ``type``.
    """
    if "name" in clusters.table:
        return clusters
    names = [f"candidate {number + 1}" for number in range(len(clusters))]
    return clusters.annotate(
        name=np.array(names, dtype=object), type=np.full(len(names), "candidate", dtype=object)
    )


def cluster_table(clusters):
    """Return the table of clusters.

    Parameters
    ----------
    clusters : CandidateSet
        A row for each, with its name and its members alone.

    Returns
    -------
    table : QTable of shape (n_clusters, n_columns)
        First those of `COLUMNS`, NaN or empty where a stage was left out; then whatever else the
        stages say.
    """
    from astropy.table import QTable
    from astropy.units import Unit

    known = clusters.table
    known = known.assign(**_both_positions(known))
    units = {**clusters.units, **{name: unit for name, unit in COLUMNS.items() if unit}}
    rest = [n for n in known if n not in COLUMNS and n not in _LEFT_OUT]
    table = QTable()
    for name in (*COLUMNS, *rest):
        is_text = name in COLUMNS and COLUMNS[name] is None
        if name in known:
            values = known[name].to_numpy()
        else:
            values = np.full(len(known), "" if is_text else np.nan, dtype=object)
        if is_text or values.dtype.kind in "OSU":
            is_number = not is_text and name not in known
            values = values.astype(float) if is_number else values.astype(str)
        unit = units.get(name)
        table[name] = values * Unit(unit) if unit and values.dtype.kind in "fiu" else values
    return table


def _both_positions(known):
    """Equatorial and Galactic centre, whichever of them the candidates lack."""
    if {"ra", "dec"} <= set(known) and not {"l", "b"} <= set(known):
        lon, lat = icrs_to_galactic(known["ra"].to_numpy(), known["dec"].to_numpy())
        return {"l": lon, "b": lat}
    if {"l", "b"} <= set(known) and not {"ra", "dec"} <= set(known):
        ra, dec = galactic_to_icrs(known["l"].to_numpy(), known["b"].to_numpy())
        return {"ra": ra, "dec": dec}
    return {}


def member_tables(clusters):
    """Return the members of each cluster.

    Parameters
    ----------
    clusters : CandidateSet
        A row for each, with its name and its members alone.

    Returns
    -------
    tables : dict of str to DataFrame
        By name, the rows of the stars and their ``probability``.
    """
    names = clusters.label_names
    tables = {}
    for number, candidate in enumerate(clusters):
        part = slice(*clusters.indptr[number : number + 2])
        members = candidate.members
        if clusters.probabilities is not None:
            members = members.assign(probability=clusters.probabilities[part])
        tables[names[number]] = members
    return tables


def labels_of(clusters, n_stars):
    """Return the cluster in which each star has the largest membership probability.

    Parameters
    ----------
    clusters : CandidateSet
        A row for each, with its members alone.
    n_stars : int
        Number of stars.

    Returns
    -------
    labels : ndarray of shape (n_stars,), dtype int64
        Row number of the cluster; -1 for stars that are members of none.
    """
    labels = np.full(n_stars, NOISE, dtype=np.int64)
    owner = np.repeat(np.arange(len(clusters)), np.diff(clusters.indptr))
    probability = clusters.probabilities
    if probability is None:
        probability = np.ones(len(owner))
    # The last one written is the likeliest, and of equal ones the first cluster.
    order = np.lexsort((-owner, probability))
    labels[clusters.indices[order]] = owner[order]
    return labels


def over(candidates, stars, units):
    """Return the same candidates over another table of the same stars.

    Parameters
    ----------
    candidates : CandidateSet
        Candidates.
    stars : DataFrame
        The stars as they came, row by row.
    units : dict of str to str
        Units of their columns.

    Returns
    -------
    candidates : CandidateSet
        With these stars.
    """
    if candidates.stars is stars:
        return candidates
    return type(candidates)(
        stars,
        candidates.indptr,
        candidates.indices,
        candidates.table,
        probabilities=candidates.probabilities,
        units={**candidates.own_units, **units},
        meta=candidates.meta,
    )
