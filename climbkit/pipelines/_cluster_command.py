"""The job of ``climbkit search``: from files of stars to a folder of results."""

from pathlib import Path

import typer

from climbkit.pipelines._cluster_report_numbers import known, write_cell
from climbkit.pipelines._cluster_writing import write_results
from climbkit.pipelines._cluster_writing_files import check_folder, read_run
from climbkit.pipelines._echo import print_table

_ID = "source_id"
#: Columns of the printed table, where the results have them, and what stands above them.
_PRINTED = {
    "name": "cluster",
    "type": "type",
    "l": "l [deg]",
    "b": "b [deg]",
    "r50": "r50 [deg]",
    "n_members": "members",
    "distance": "distance [kpc]",
    "p_class": "p_class",
    "p_cst": "p_cst",
    "persistence": "persistence",
}


def run_search(
    fields,
    out,
    *,
    config=None,
    formats=("ecsv",),
    report=True,
    jobs=None,
    seed=None,
    checkpoint=None,
    overwrite=False,
    quiet=False,
):
    """Read stars, search them, print the clusters and write everything.

    Parameters
    ----------
    fields : sequence of path-like
        Files of stars, parts of one field.
    out : path-like
        Folder for the results.
    config : path-like, default=None
        Run file of an earlier search, whose parameters are taken.
    formats, report, overwrite
        As for `write_results`.
    jobs, seed : int, default=None
        Threads, and seed of all stages that draw. None: as they are.
    checkpoint : path-like, default=None
        Folder for finished tiles.
    quiet : bool, default=False
        No progress, no table.

    Raises
    ------
    ImportError
        If a package for the report is missing.
    OSError
        If a file cannot be read, or results cannot go to the folder.
    ValueError
        If a file is no table of stars, or its stars lack what the search needs.
    """
    # What would fail in the end fails before the work.
    check_folder(out, overwrite=overwrite)
    if report:
        _check_report()
    search = configured(config, jobs=jobs, seed=seed, checkpoint=checkpoint)
    stars, inputs, repeated = read_field(fields)
    if not quiet:
        again = f" ({repeated:,} were in more than one file)" if repeated else ""
        typer.echo(f"{len(stars):,} stars{again}", err=True)
        search.set_params(verbose=1)
    notes = fit_and_catch(search, stars)
    if not quiet:
        for note in notes:
            typer.echo(f"Note: {note}", err=True)
        print_clusters(search)
    files = write_results(
        search, out, formats=formats, overwrite=overwrite, report=report, inputs=inputs
    )
    typer.echo(f"wrote {len(files)} files to {Path(out)}")


def _check_report():
    import matplotlib

    matplotlib.use("Agg")  # no window is opened, and none is needed


def configured(config=None, *, jobs=None, seed=None, checkpoint=None):
    """Return a search with the parameters of a run file, and those that were asked for.

    Parameters
    ----------
    config : path-like, default=None
        Run file, or its folder.
    jobs, seed : int, default=None
        Threads, and seed of all stages that draw.
    checkpoint : path-like, default=None
        Folder for finished tiles.

    Returns
    -------
    search : ClusterSearch
        Not fitted.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is no run file, or does not hold the parameters.
    """
    from climbkit import __version__
    from climbkit.pipelines import ClusterSearch

    search = ClusterSearch()
    if config is not None:
        record = read_run(config)
        state = record.get("search")
        if state is None:
            raise ValueError(f"{config} does not hold the parameters: some have no plain form.")
        if record.get("climbkit") != __version__:
            typer.echo(
                f"Note: {config} is of climbkit {record.get('climbkit')}, this is {__version__}: "
                "defaults may differ.",
                err=True,
            )
        search = ClusterSearch.from_dict(state)
    if jobs is not None:
        search.set_params(n_jobs=jobs)
    if checkpoint is not None:
        search.set_params(tiledhdbscan__checkpoint=str(checkpoint))
    if seed is not None:
        search.set_params(significance__random_state=seed)
        drawing = [n for n in search.get_params() if n.endswith("__random_state")]
        search.set_params(**dict.fromkeys(drawing, seed))
    return search


def read_field(paths):
    """Read the files of one field.

    Parameters
    ----------
    paths : sequence of path-like
        Files that `read_stars` reads.

    Returns
    -------
    stars : DataFrame
        All stars, those with one ``source_id`` once, with the columns that all files have.
    inputs : list of dict
        Name and number of stars of each file.
    repeated : int
        Rows that were left out, as their ``source_id`` had been there before.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If a file is no table of stars.
    """
    import pandas as pd

    from climbkit.survey import read_stars

    parts = [read_stars(path) for path in paths]
    inputs = [
        {"file": Path(path).name, "n_stars": len(part)}
        for path, part in zip(paths, parts, strict=True)
    ]
    if len(parts) == 1:
        return parts[0], inputs, 0
    shared = [name for name in parts[0] if all(name in part for part in parts)]
    lost = sorted({name for part in parts for name in part} - set(shared))
    if lost:
        typer.echo(f"Note: left out are columns that not all files have: {lost}.", err=True)
    stars = pd.concat([part[shared] for part in parts], ignore_index=True)
    if _ID not in stars:
        return stars, inputs, 0
    again = stars[_ID].duplicated().to_numpy()
    return stars[~again].reset_index(drop=True), inputs, int(again.sum())


def fit_and_catch(search, stars):
    """Fit, and return what was warned of, each text once.

    Parameters
    ----------
    search : ClusterSearch
        Not fitted.
    stars : DataFrame
        Stars.

    Returns
    -------
    notes : list of str
        What the search did without, and warnings of this project; others are shown as usual.
    """
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(stars)
    notes = [str(each.message) for each in caught if each.category is UserWarning]
    for each in caught:
        if each.category is not UserWarning:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return list(dict.fromkeys([*search.notes_, *notes]))


def _plain(text):
    """Text with the signs that terminals and other programs read as numbers."""
    return text.replace("\u2212", "-").replace("\u2013", "-")


def print_clusters(search):
    """Print the table of clusters.

    Parameters
    ----------
    search : ClusterSearch
        Fitted.
    """
    table = search.clusters_
    if len(table) == 0:
        typer.echo(f"no cluster found, of {len(search.candidates_):,} candidates")
        return
    names = [name for name in _PRINTED if name in table.colnames]
    values = {name: getattr(table[name], "value", table[name]).tolist() for name in names}
    names = [name for name in names if any(map(known, values[name]))]
    rows = [
        tuple(_plain(write_cell({n: values[n][number] for n in names}, n)) for n in names)
        for number in range(len(table))
    ]
    print_table(tuple(_PRINTED[name] for name in names), rows)
