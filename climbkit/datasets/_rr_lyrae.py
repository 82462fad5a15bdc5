"""The published RR Lyrae catalogue with its known groups, read from the user's own copy."""

import os
from pathlib import Path

import numpy as np
from sklearn.utils._param_validation import validate_params

from climbkit.base import UNLABELLED
from climbkit.datasets._base import FEATURE_NAMES, GROUP_SIZES, KNOWN_NAMES, build_bunch

DATA_VARIABLE = "CLIMBKIT_DATA"
#: Where catalogue, group files and centroids lie: as climbkit describes it, and as a clone of the
#: public repository has it.
_LAYOUTS = (
    ("rrlyrae/catalogue.csv", "rrlyrae/groups", "rrlyrae/centroids.csv"),
    (
        "known_clusters/catalogue_all/catalogue_all_rrls.csv",
        "known_clusters/clusters",
        "known_clusters/output/rrls_clusters.csv",
    ),
)
_FEATURES = list(FEATURE_NAMES)
_LABEL = "labelsGroupderiv"
#: The centroid table numbers its coordinates: x is Energy, y is Lz, z is Lperp.
_CENTROID_COLUMNS = {"Lz": "centroidy", "Energy": "centroidx", "Lperp": "centroidz"}
_JUDGED_FILE, _UNUSED_GROUP = -1, 2
#: Rows of the published files, to notice a copy that was cut short.
_N_ROWS = {"catalogue": 4933, _JUDGED_FILE: 1532, _UNUSED_GROUP: 3, **GROUP_SIZES}

_HOW_TO_GET = f"""\
The published RR Lyrae catalogue was not found {{where}}.
Clone the public repository https://github.com/LorenzoMonti/RRLs-Clustering-Benchmark (MIT licence)
and set the environment variable {DATA_VARIABLE}, or the parameter data_home, to the clone; or to a
folder that holds these files of known_clusters/ in the clone:
    catalogue_all/catalogue_all_rrls.csv  as rrlyrae/catalogue.csv
    clusters/rrls_K.csv                   as rrlyrae/groups/rrls_K.csv
    output/rrls_clusters.csv              as rrlyrae/centroids.csv
climbkit.datasets.fetch_rr_lyrae downloads RR Lyrae stars from the Gaia archive, without the groups;
climbkit.datasets.make_halo simulates a halo like it, with groups."""

_DESCR = """RR Lyrae stars of Gaia DR3 in (Lz, Energy, Lperp), with known groups

4,933 stars: 468 in the eight known groups used by the CLiMB paper (group 10 is
Gaia-Sausage-Enceladus), 1,532 judged to belong to no group, 2,930 never judged, and 3 in group 2,
which the paper does not use.

Monti et al. (2026), https://doi.org/10.48550/arXiv.2601.09768; Muraveva et al. (2026),
https://doi.org/10.48550/arXiv.2602.19858. This work has made use of data from the European Space
Agency mission Gaia, processed by the Gaia Data Processing and Analysis Consortium (DPAC)."""


@validate_params(
    {
        "data_home": [str, os.PathLike, None],
        "as_frame": ["boolean"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_rr_lyrae(*, data_home=None, as_frame=False, return_X_y=False):
    """Load the Gaia DR3 RR Lyrae catalogue that CLiMB was published on.

    The files are not part of climbkit: they are read from your own copy of the public repository
    [1]_, in its own layout or as ``rrlyrae/catalogue.csv``, ``rrlyrae/groups/rrls_K.csv`` and
    ``rrlyrae/centroids.csv``. Groups are joined to the catalogue by ``source_id``, never by row.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds the files; the environment variable ``CLIMBKIT_DATA`` names the default.
    as_frame : bool, default=False
        Give `data` and the columns with a row per star as pandas objects.
    return_X_y : bool, default=False
        Return ``(data, target)`` in place of the Bunch.

    Returns
    -------
    catalogue : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (4933, 3) or DataFrame
            Lz [kpc km/s] (prograde is positive), Energy [km2/s2], Lperp [kpc km/s].
        target : ndarray of shape (4933,) or Series
            Label of the known group (5, 3, 1, 11, 15, 10, 6 or 4) or -1.
        judged : ndarray of bool of shape (4933,) or Series
            The 1,532 stars that were judged to belong to no group.
        source_id : ndarray of int64 of shape (4933,) or Series
            Gaia DR3 names of the stars.
        centroids : dict of int to ndarray of shape (3,)
            Published centroids, in the order of the columns of `data`. They are means of all
            members: a fit that starts from them has seen what is held out.
        group_rows : dict of int to ndarray
            Rows of the catalogue that hold the members of each group, in the order of its file:
            entry i is row i of the file. The published benchmark took i itself for the row.
        unused_group_rows : ndarray of shape (3,)
            Rows of the three stars of group 2, which the paper does not use; -1 in `target`.
        target_names : dict of int to str
            What each label in `target` stands for.
        feature_names, units : list and dict
            Names of the columns of `data`, and their units.
        frame : DataFrame or None
            Everything with a row per star in one table, if `as_frame`.
        DESCR : str
            Description of the data set, with whom to credit.

    Raises
    ------
    FileNotFoundError
        If the files are not there; the message says how to get them.
    ValueError
        If a file is cut short, holds a star twice, or disagrees with another.

    See Also
    --------
    published_seeds : The seed stars of the published protocol.
    make_halo : A simulated catalogue that needs no files.

    References
    ----------
    .. [1] https://github.com/LorenzoMonti/RRLs-Clustering-Benchmark
    .. [2] Monti et al. (2026), "CLiMB: A Domain-Informed Novelty Detection Clustering Framework
       for Galactic Archaeology and Scientific Discovery",
       https://doi.org/10.48550/arXiv.2601.09768

    Examples
    --------
    >>> from climbkit.datasets import load_rr_lyrae
    >>> catalogue = load_rr_lyrae()  # doctest: +SKIP
    >>> catalogue.data.shape  # doctest: +SKIP
    (4933, 3)
    """
    catalogue_path, groups_path, centroids_path = _find_files(data_home)
    catalogue = _read_table(catalogue_path, ["source_id", *_FEATURES, _LABEL], "catalogue")
    source_id = catalogue["source_id"].to_numpy()
    data = catalogue[_FEATURES].to_numpy(dtype=np.float64)
    labels = catalogue[_LABEL].to_numpy()

    rows_of = {}
    for label in [*GROUP_SIZES, _UNUSED_GROUP, _JUDGED_FILE]:
        path = groups_path / f"rrls_{float(label)}.csv"
        rows_of[label] = _join_group(path, label, source_id, data, labels)
    target = np.full(len(data), UNLABELLED, dtype=np.int64)
    for label in GROUP_SIZES:
        target[rows_of[label]] = label
    judged = np.zeros(len(data), dtype=bool)
    judged[rows_of[_JUDGED_FILE]] = True
    return build_bunch(
        data,
        {"source_id": source_id, "target": target, "judged": judged},
        y_name="target",
        as_frame=as_frame,
        return_X_y=return_X_y,
        centroids=_read_centroids(centroids_path),
        group_rows={label: rows_of[label] for label in GROUP_SIZES},
        unused_group_rows=rows_of[_UNUSED_GROUP],
        target_names={UNLABELLED: "no known group", **KNOWN_NAMES},
        DESCR=_DESCR,
    )


def _find_files(data_home):
    """Find catalogue, group folder and centroid table in one of the known layouts."""
    folder = data_home if data_home is not None else os.environ.get(DATA_VARIABLE)
    if not folder:
        where = f"(data_home is None and {DATA_VARIABLE} is unset)"
        raise FileNotFoundError(_HOW_TO_GET.format(where=where))
    folder = Path(folder).expanduser()
    for layout in _LAYOUTS:
        paths = [folder / part for part in layout]
        if paths[0].is_file():
            return paths
    raise FileNotFoundError(_HOW_TO_GET.format(where=f"in {folder}"))


def _read_table(path, columns, n_rows_key):
    """Read some columns of a file, all of its rows complete and source_id exact."""
    import pandas as pd

    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; the folder holds only part of the catalogue.")
    types = {name: np.int64 if name in ("source_id", _LABEL) else np.float64 for name in columns}
    try:
        table = pd.read_csv(path, usecols=columns, dtype=types)
    except ValueError as error:  # a column is missing, or a cell is no number of its type
        raise ValueError(f"{path} cannot be read, it is damaged or cut short: {error}") from error
    if not np.isfinite(table.drop(columns="source_id", errors="ignore").to_numpy()).all():
        raise ValueError(f"{path} has empty or infinite cells; it is damaged or cut short.")
    expected = _N_ROWS.get(n_rows_key, len(GROUP_SIZES))
    if len(table) != expected:
        raise ValueError(
            f"{path} has {len(table)} rows, the published file {expected}: "
            "it was cut short, or is another version."
        )
    if "source_id" in table and table["source_id"].duplicated().any():
        twice = table["source_id"][table["source_id"].duplicated()].iloc[0]
        raise ValueError(f"{path} holds source_id {twice} more than once.")
    return table


def _join_group(path, label, source_id, data, labels):
    """Find the catalogue rows of the stars in a group file, in the file's order."""
    members = _read_table(path, ["source_id", *_FEATURES], label)
    order = np.argsort(source_id)
    ids = members["source_id"].to_numpy()
    place = np.minimum(np.searchsorted(source_id[order], ids), len(order) - 1)
    rows = order[place]
    missing = ids[source_id[rows] != ids]
    if len(missing):
        raise ValueError(f"{path} names source_id {missing[0]}, which the catalogue does not hold.")
    if not np.array_equal(data[rows], members[_FEATURES].to_numpy()):
        raise ValueError(f"{path} gives its stars other values of {_FEATURES} than the catalogue.")
    expected = 0 if label == _JUDGED_FILE else label
    if np.any(labels[rows] != expected):
        raise ValueError(f"{path} and the column {_LABEL} of the catalogue disagree.")
    return rows


def _read_centroids(path):
    """Read the published centroid of each group, in the order of the features."""
    table = _read_table(
        path, ["cluster", *_CENTROID_COLUMNS.values(), "cluster_points"], "centroids"
    )
    coordinates = table[[_CENTROID_COLUMNS[name] for name in _FEATURES]].to_numpy()
    labels = table["cluster"].astype(int).tolist()
    sizes = table["cluster_points"].astype(int).tolist()
    if list(zip(labels, sizes, strict=True)) != list(GROUP_SIZES.items()):
        raise ValueError(
            f"{path} lists other groups than {GROUP_SIZES} (label: stars); "
            "it was cut short, or is another version."
        )
    return dict(zip(labels, coordinates, strict=True))
