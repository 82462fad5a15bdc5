"""Writes what a cluster search found to a folder."""

import numpy as np

from climbkit.base import NOISE
from climbkit.pipelines._cluster_record import run_record
from climbkit.pipelines._cluster_writing_files import ResultFolder, file_stem
from climbkit.pipelines._cluster_writing_tables import (
    FORMATS,
    plain_table,
    printable,
    write_table,
)

_FIRST = ("source_id", "probability", "cluster")  # columns of the members, before all others


def write_results(
    search, folder, *, formats=("ecsv",), overwrite=False, report=False, inputs=None, progress=None
):
    """Write clusters, members, labels and the run file of a search.

    Parameters
    ----------
    search : ClusterSearch
        Fitted.
    folder : str or path-like
        Where to; it is made if it is not there.
    formats : sequence of {"ecsv", "fits", "vot"}, default=("ecsv",)
        Each table is written in all of these.
    overwrite : bool, default=False
        Replace an earlier run in this folder. Files that are not of the run stay.
    report : bool, default=False
        Write ``report.html`` too; it needs matplotlib.
    inputs : list of dict, default=None
        What the stars came from, for the run file; plain numbers and texts.
    progress : callable, default=None
        Called with the name of each file when it is there.

    Returns
    -------
    files : list of Path
        What was written, the run file last:

        - ``clusters``: `clusters_`, a row for each cluster;
        - ``members/NAME``: the members of each, with all columns of the stars, ``probability``
          and ``cluster``;
        - ``labels``: for each star, in the order of the stars, the row of its cluster (-1 for
          none), the name and the probability;
        - ``candidates.ecsv``: all candidates with their members, for `CandidateSet.read`;
        - ``report.html``;
        - ``run.json``: parameters, versions, and these files.

    Raises
    ------
    FileExistsError
        If the folder is not empty and may not be overwritten.
    ImportError
        If astropy, or for the report matplotlib, is missing.
    NotADirectoryError
        If the folder is a file.
    ValueError
        If a format is unknown.

    Notes
    -----
    Each file takes its name only when it is whole, and the run file is the last one: a folder with
    a run file is complete.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(search, "cluster_set_")
    formats = _check_formats(formats)
    results = ResultFolder(folder, overwrite=overwrite)

    def put(name, table, title):
        for format in formats:
            with results.writing(f"{name}.{format}") as path:
                write_table(path, table, format, title=title)
            tell(f"{name}.{format}")

    tell = progress or (lambda name: None)
    put("clusters", plain_table(search.clusters_, search.cluster_set_.units), "clusters")
    listed, taken = [], set()
    for name, members in member_tables(search):
        stem = file_stem(name, taken)
        taken.add(stem.lower())
        put(f"members/{stem}", members, f"members of {name}")
        listed.append({"name": name, "n_members": len(members), "members": f"members/{stem}"})
    put("labels", label_table(search), "labels")
    with results.writing("candidates.ecsv") as path:
        search.candidates_.write(path)
    tell("candidates.ecsv")
    if report:
        from climbkit.pipelines._cluster_report import report_page

        with results.writing("report.html") as path:
            files = [[f"{each['members']}.{format}" for format in formats] for each in listed]
            page = report_page(search, inputs=inputs, member_files=files)
            path.write_text(page, encoding="utf-8")
        tell("report.html")
    results.finish(run_record(search, listed, inputs))
    return [results.folder / name for name in results.files]


def _check_formats(formats):
    formats = [formats] if isinstance(formats, str) else list(dict.fromkeys(formats))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ValueError(
            f"formats must be one or more of {', '.join(FORMATS)}; got "
            f"{', '.join(map(repr, unknown)) or 'none'}."
        )
    return formats


def member_tables(search):
    """Return the members of each cluster, as tables to be written.

    Parameters
    ----------
    search : ClusterSearch
        Fitted.

    Returns
    -------
    tables : list of (str, astropy.table.Table)
        Names and plain tables, in the order of ``clusters_``. The columns source_id (where the
        stars have it), probability and cluster come first.
    """
    tables = search.member_tables_
    names = list(map(str, search.clusters_["name"]))
    if hasattr(tables, "values"):
        tables = [tables[name] for name in names] if set(names) <= set(tables) else tables.values()
    units = search.cluster_set_.units
    return [
        (printable(name), _member_table(table, printable(name), units))
        for name, table in zip(names, tables, strict=True)
    ]


def _member_table(table, name, units):
    plain = plain_table(table, units)
    plain["cluster"] = np.full(len(plain), name, dtype=f"U{max(len(name), 1)}")
    first = [column for column in _FIRST if column in plain.colnames]
    return plain[first + [column for column in plain.colnames if column not in first]]


def label_table(search):
    """Return the cluster of each star, as a table to be written.

    Parameters
    ----------
    search : ClusterSearch
        Fitted.

    Returns
    -------
    table : astropy.table.Table
        In the order of the stars: source_id (or the row number ``row``, where the stars have no
        ids), label (row of ``clusters_``, -1 for none), cluster (its name, or empty) and
        probability (NaN for stars in none).
    """
    import pandas as pd

    labels = np.asarray(search.labels_, dtype=np.int64)
    names = np.array([*map(printable, search.clusters_["name"]), ""], dtype=str)
    stars = search.cluster_set_.stars
    if stars is not None and "source_id" in stars:
        columns = {"source_id": stars["source_id"].to_numpy(dtype=np.int64)}
    else:
        columns = {"row": np.arange(len(labels))}
    frame = pd.DataFrame({**columns, "label": labels})
    table = plain_table(frame)
    table["cluster"] = names[np.where(labels == NOISE, len(names) - 1, labels)]
    table["probability"] = _probabilities(search.cluster_set_, labels)
    return table


def _probabilities(clusters, labels):
    """Probability of each star in the cluster of its label."""
    found = np.full(len(labels), np.nan)
    if clusters.probabilities is None:
        return found
    owners = np.repeat(np.arange(len(clusters)), np.diff(clusters.indptr))
    own = labels[clusters.indices] == owners
    found[clusters.indices[own]] = clusters.probabilities[own]
    return found
