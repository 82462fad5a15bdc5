"""The demonstration of the cluster search on a simulated field: its stages, figures and tables."""

import importlib.util

import typer

from climbkit.pipelines._echo import print_table, share

_SIDE, _CLUSTERS = 6.0, 6  # degrees, and how many clusters are hidden in the field
_LISTED = 2  # every so-manieth of them is in the mock catalogue, and can be found by name
_CATALOGUE = "catalogue.ecsv"
_DPI = 150


def what_is_missing():
    """Return why the search cannot be shown, empty where it can."""
    if importlib.util.find_spec("astropy") is None:
        return 'no search for star clusters without astropy: pip install "climbkit[search]"'
    return ""


def _simulate(run):
    from climbkit.datasets import make_cluster_field

    run["folder"].mkdir(parents=True, exist_ok=True)
    run["field"] = make_cluster_field(
        run["n_stars"], side=_SIDE, n_clusters=_CLUSTERS, random_state=run["seed"]
    )
    run["names"] = [f"Mock {number + 1}" for number in range(_CLUSTERS)]
    run["files"] = []


def _catalogue(run):
    """Write the catalogue in which some of the clusters are known; return its path.

    A real one would give real names to stars that are not real.
    """
    from astropy.table import Table

    truth = run["field"].clusters
    listed = truth.iloc[::_LISTED]
    table = Table(
        {
            "name": run["names"][::_LISTED],
            "type": [f"{kind} cluster" for kind in listed["kind"]],
            **{
                name: listed[name].to_numpy() for name in ("ra", "dec", "pmra", "pmdec", "parallax")
            },
        },
        units={
            "ra": "deg",
            "dec": "deg",
            "pmra": "mas / yr",
            "pmdec": "mas / yr",
            "parallax": "mas",
        },
    )
    path = run["folder"] / _CATALOGUE
    table.write(path, format="ascii.ecsv", overwrite=True)
    return path


def _search(run):
    from climbkit.pipelines import ClusterSearch
    from climbkit.pipelines._cluster_command import fit_and_catch
    from climbkit.survey import CatalogueCrossmatch

    search = ClusterSearch(crossmatch=CatalogueCrossmatch(catalogues=str(_catalogue(run))))
    search.set_params(significance__random_state=run["seed"])
    run["notes"] = fit_and_catch(search, run["field"].data)
    search.notes_ = [
        "SIMULATED data: no star is real, and neither is any cluster or catalogue.",
        *search.notes_,
    ]
    run["search"] = search


def _score(run):
    """Hold each hidden cluster against the found one that it shares most with."""
    import numpy as np

    field, labels = run["field"], run["search"].labels_
    names = [str(name) for name in run["search"].clusters_["name"]]
    rows, used = [], set()
    for number, name in enumerate(run["names"]):
        true = field.target == number
        shared = np.bincount(labels[true & (labels >= 0)], minlength=max(len(names), 1))
        best = int(shared.argmax())
        found = int(shared[best]) > 0
        n_found = int(np.sum(labels == best)) if found else 0
        used |= {best} if found else set()
        rows.append(
            {
                "hidden": name,
                "listed": number % _LISTED == 0,
                "kind": str(field.clusters["kind"].iloc[number]),
                "n_true": int(true.sum()),
                "found": names[best] if found else None,
                "n_found": n_found,
                "f1": 2 * int(shared[best]) / (n_found + int(true.sum())) if found else 0.0,
            }
        )
    run["rows"] = rows
    run["others"] = [name for number, name in enumerate(names) if number not in used]


def _write(run):
    from climbkit.pipelines._cluster_writing import write_results

    run["drawn"] = _matplotlib_is_there()
    files = write_results(
        run["search"],
        run["folder"],
        overwrite=True,
        report=run["drawn"],
        inputs=[
            {
                "file": "climbkit.datasets:make_cluster_field (simulated)",
                "n_stars": len(run["field"].data),
                "parameters": {
                    "n_stars": run["n_stars"],
                    "side": _SIDE,
                    "n_clusters": _CLUSTERS,
                    "random_state": run["seed"],
                },
            }
        ],
    )
    run["files"] = [_CATALOGUE] + [str(path.relative_to(run["folder"])) for path in files]


def _matplotlib_is_there():
    try:
        import matplotlib
    except ImportError:
        typer.echo('no figures without matplotlib: pip install "climbkit[plot]"', err=True)
        return False
    matplotlib.use("Agg")
    return True


def _draw(run):
    if not run["drawn"]:
        return
    from matplotlib import pyplot

    from climbkit.plotting import CandidateDisplay, FourPanelDisplay

    search = run["search"]
    displays = {"field.png": CandidateDisplay.from_estimator(search)}
    displays["field.png"].ax_.set_title("Clusters found in a simulated field")
    if len(search.clusters_):
        best = int(search.clusters_["persistence"].argmax())
        panels = displays["best_cluster.png"] = FourPanelDisplay.from_estimator(search, best)
        panels.figure_.suptitle(f"Simulated: {panels.title}", fontsize="medium")
    for name, display in displays.items():
        display.figure_.savefig(run["folder"] / name, dpi=_DPI, bbox_inches="tight")
        pyplot.close(display.figure_)
        run["files"].append(name)


#: What is done, in this order; each stage reads and extends one dictionary.
STAGES = {
    "simulating a field": _simulate,
    "searching for star clusters": _search,
    "comparing with the truth": _score,
    "writing tables and the report": _write,
    "drawing figures": _draw,
}


def print_report(run):
    """Print what was hidden, and what was found of it.

    Parameters
    ----------
    run : dict
        As the stages left it.
    """
    typer.echo(
        f"SIMULATED data: a mock field of {len(run['field'].data):,} stars with {_CLUSTERS} "
        "clusters, none of them real."
    )
    for note in run["notes"]:
        typer.echo(f"Note: {note}")
    typer.echo()
    rows = [
        (
            row["hidden"],
            row["kind"],
            "yes" if row["listed"] else "no",
            f"{row['n_true']:,}",
            row["found"] or "not found",
            f"{row['n_found']:,}",
            share(row["f1"], 1) if row["found"] else "-",
        )
        for row in run["rows"]
    ]
    header = ("hidden cluster", "kind", "in catalogue", "members", "found as", "members", "F1")
    print_table(header, rows)
    others = ", ".join(run["others"]) or "none"
    typer.echo(
        f"Found beside these: {others}. F1 is the harmonic mean of purity and completeness of the "
        "members.\n"
    )
