"""The ``climbkit`` command: a demonstration on simulated stars, and the benchmarks."""

from pathlib import Path
from typing import Annotated

import typer

# Nothing heavy is imported here: `climbkit --help` must answer at once.
app = typer.Typer(
    help="Find groups in survey data when part of the answer is already known.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

BENCHMARKS = {"rrlyrae": "CLiMB and its baselines on the published Gaia DR3 RR Lyrae catalogue"}

# Settings of the published run (https://doi.org/10.48550/arXiv.2601.09768), for comparison; the
# mock has the sizes and spreads of that catalogue.
_KBOUND = {"distance_threshold": 0.5, "radial_threshold": 0.1, "metric": "mahalanobis"}
_DBSCAN = {"eps": 0.19, "min_samples": 24}
_SSDBSCAN = {"eps": 0.15, "min_samples": 16}
_CDBSCAN = {"eps": 0.24, "min_samples": 16}
_BOOTSTRAP = 20  # resamplings for the stability of each novel group
_SPLITS = 3  # choices of the seeds for each point of the sensitivity curve
_DPI = 150


@app.command()
def version():
    """Print the version."""
    from climbkit import __version__

    typer.echo(__version__)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for figures, labels and the run file.")] = Path(
        "climbkit-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")] = 0,
    n_field: Annotated[int, typer.Option(min=0, help="Field stars that nobody judged.")] = 2880,
    draws: Annotated[
        int, typer.Option(min=1, help="Smooth fields to search, for the p-values of novel groups.")
    ] = 100,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar, no tables.")] = False,
):
    """Run CLiMB on a SIMULATED stellar halo: tables, figures and labels in a folder."""
    from tqdm import tqdm

    if out.exists() and not out.is_dir():
        raise typer.BadParameter(f"{out} is a file; name a folder.", param_hint="--out")
    out.mkdir(parents=True, exist_ok=True)
    run = {"folder": out, "seed": seed, "n_field": n_field, "draws": draws}
    stages = {
        "simulating a halo": _simulate,
        "fitting CLiMB, testing what is novel": _fit,
        "scoring on hidden members": _score,
        "writing labels": _write_labels,
        "drawing figures": _draw,
        "writing the run file": _write_run,
    }
    # The bar goes to the error stream, so that the tables can be piped.
    with tqdm(total=len(stages), disable=quiet, bar_format="{l_bar}{bar:24}| {desc}") as bar:
        for name, stage in stages.items():
            bar.set_description_str(name)
            stage(run)
            bar.update()
        bar.set_description_str("done")
    if not quiet:
        _print_report(run)
    typer.echo(f"wrote {', '.join(run['files'])} to {out}")


@app.command()
def benchmark(
    name: Annotated[str, typer.Argument(help="Which one: " + ", ".join(BENCHMARKS) + ".")],
    json: Annotated[Path | None, typer.Option(help="Save the tables to this file too.")] = None,
    splits: Annotated[int, typer.Option(min=1, help="Random choices of the seeds.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of these choices.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer choices, fewer rows.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the catalogues; default: $CLIMBKIT_DATA.")
    ] = None,
):
    """Run a benchmark on real data and print its tables."""
    if name not in BENCHMARKS:
        listed = "".join(f"\n  {key}: {what}" for key, what in BENCHMARKS.items())
        raise typer.BadParameter(f"there is no benchmark {name!r}; there are:{listed}")
    from climbkit.pipelines import rr_lyrae_benchmark

    if json is not None and not json.resolve().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {json.parent}", param_hint="--json")
    try:
        tables = rr_lyrae_benchmark(splits, seed, quick=quick, data_home=data)
    except FileNotFoundError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(code=2) from None
    typer.echo(tables)
    if json is not None:
        tables.to_json(json)
        typer.echo(f"saved to {json}")


def _simulate(run):
    import numpy as np

    from climbkit.base import NOISE
    from climbkit.datasets import make_halo

    halo = make_halo(n_field=run["n_field"], random_state=run["seed"])
    known = np.setdiff1d(halo.partial_target, [NOISE])
    run["halo"], run["known"] = halo, known
    run["known_target"] = np.where(np.isin(halo.target, known), halo.target, NOISE)


def _pipeline(run):
    """The recommended CLiMB, with a test of its novel groups."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from climbkit import CLiMB, NoveltyTest

    novelty = NoveltyTest(
        n_draws=run["draws"], n_bootstrap=min(_BOOTSTRAP, run["draws"]), random_state=run["seed"]
    )
    return make_pipeline(StandardScaler(), CLiMB(novelty=novelty))


def _published():
    from sklearn.cluster import DBSCAN
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from climbkit import CLiMB, KBound

    return make_pipeline(
        StandardScaler(), CLiMB(kbound=KBound(**_KBOUND), explorer=DBSCAN(**_DBSCAN))
    )


def _fit(run):
    halo = run["halo"]
    run["pipeline"] = _pipeline(run).fit(halo.data, halo.partial_target)
    run["climb"] = run["pipeline"][-1]
    run["published"] = _published().fit_predict(halo.data, halo.partial_target)


def _score(run):
    from climbkit.metrics import score_report

    halo = run["halo"]
    run["scores"] = {
        name: score_report(
            run["known_target"], labels, y_partial=halo.partial_target, judged=halo.judged
        )
        for name, labels in {
            "CLiMB": run["climb"].labels_,
            "published gates": run["published"],
            "copy the seeds": halo.partial_target,
        }.items()
    }


def _write_labels(run):
    import pandas as pd

    halo, climb = run["halo"], run["climb"]
    table = pd.DataFrame(
        {
            "source_id": halo.source_id,
            "label": climb.labels_,
            "phase": climb.phase_,
            "probability": climb.probabilities_,
        }
    )
    table.to_csv(run["folder"] / "labels.csv", index=False)
    run["files"] = ["labels.csv"]


def _draw(run):
    try:
        import matplotlib
    except ImportError:
        typer.echo('no figures without matplotlib: pip install "climbkit[plot]"', err=True)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    from sklearn.base import clone

    from climbkit import CDBSCAN, SSDBSCAN, KinematicTails
    from climbkit.metrics import acceptance_rate, held_out_ari
    from climbkit.plotting import (
        CLiMBDisplay,
        ClusterDisplay,
        ComparisonDisplay,
        DecisionDisplay,
        SeedSensitivityDisplay,
    )

    halo, pipeline = run["halo"], run["pipeline"]
    words = {"feature_names": halo.feature_names, "units": halo.units}
    X = pipeline[0].transform(halo.data)
    seen = (pipeline, halo.data, halo.partial_target)
    truth = "truth (simulated)"
    labelings = {
        truth: halo.target,
        "copy the seeds": halo.partial_target,
        "CLiMB": run["climb"].labels_,
        "published gates": run["published"],
        "C-DBSCAN": CDBSCAN(**_CDBSCAN).fit_predict(X, halo.partial_target),
        "SS-DBSCAN": SSDBSCAN(importance=KinematicTails(), **_SSDBSCAN).fit_predict(
            X, halo.partial_target
        ),
    }
    scores = {
        name: {
            "held-out ARI": held_out_ari(run["known_target"], labels, halo.partial_target),
            "non-members let in": acceptance_rate(labels, halo.judged, run["known"]),
        }
        for name, labels in labelings.items()
        if name != truth
    }
    displays = {
        "clusters.png": ClusterDisplay.from_estimator(
            *seen, **words, title="CLiMB on a simulated halo"
        ),
        "clusters_3d.png": ClusterDisplay.from_estimator(
            *seen, **words, features=["Lz", "Lperp", "Energy"], title="CLiMB on a simulated halo"
        ),
        "phases.png": CLiMBDisplay.from_estimator(*seen, **words),
        "comparison.png": ComparisonDisplay.from_predictions(
            halo.data,
            labelings,
            **words,
            known_labels=run["known"],
            label_names=halo.target_names,
            reference=truth,
            scores=scores,
        ),
        "decision.png": DecisionDisplay.from_estimator(
            pipeline, halo.data, _row_that_just_missed(run), **words
        ),
        # Known groups alone are scored, and what is novel needs no test for that.
        "seed_sensitivity.png": SeedSensitivityDisplay.from_estimator(
            clone(run["pipeline"]).set_params(climb__novelty=None),
            halo.data,
            run["known_target"],
            judged=halo.judged,
            n_splits=_SPLITS,
            random_state=run["seed"],
        ),
    }
    for name, display in displays.items():
        display.figure_.savefig(run["folder"] / name, dpi=_DPI, bbox_inches="tight")
        pyplot.close(display.figure_)
        run["files"].append(name)


def _row_that_just_missed(run):
    """The star that only just was not let in: the closest call."""
    halo = run["halo"]
    gates = run["climb"].kbound_.decision_path(run["pipeline"][0].transform(halo.data))
    margin = gates["probability_margin"].where(gates["gate"] == "rejected_probability")
    return int(margin.idxmax())


def _write_run(run):
    import json
    import platform
    from importlib.metadata import version as version_of

    from climbkit import __version__
    from climbkit.builder import to_dict

    packages = ("numpy", "scipy", "scikit-learn", "numba", "finufft")
    state = {
        "climbkit": __version__,
        "python": platform.python_version(),
        "packages": {name: version_of(name) for name in packages},
        "data": {
            "simulated": True,
            "function": "climbkit.datasets:make_halo",
            "parameters": {"n_field": run["n_field"], "random_state": run["seed"]},
        },
        "pipeline": to_dict(_pipeline(run)),
        "scores": run["scores"],
        "novel_groups": {
            "labels": run["climb"].novel_labels_.tolist(),
            "pvalues": run["climb"].novelty_pvalue_.tolist(),
            "stabilities": run["climb"].novelty_stability_.tolist(),
        },
    }
    (run["folder"] / "run.json").write_text(json.dumps(state, indent=2) + "\n")
    run["files"].append("run.json")


def _print_report(run):
    import numpy as np

    halo, climb = run["halo"], run["climb"]
    seeds = halo.partial_target != -1
    n_hidden = int(np.sum((run["known_target"] != -1) & ~seeds))
    typer.echo(
        f"SIMULATED data: a mock halo of {len(halo.data):,} stars, none of them real.\n"
        f"{seeds.sum():,} members of {len(run['known'])} known groups were given as seeds, "
        f"{n_hidden:,} were hidden and count below.\n"
    )
    rows = []
    for label in run["known"].tolist():
        found = (climb.labels_ == label) & ~seeds
        hidden = (halo.target == label) & ~seeds
        n_right = np.sum(found & hidden)
        rows.append(
            (
                halo.target_names[label],
                f"{np.sum(halo.partial_target == label):,}",
                f"{hidden.sum():,}",
                f"{found.sum():,}",
                _share(n_right, hidden.sum()),
                _share(n_right, found.sum()),
            )
        )
    _print_table(("known group", "seeds", "hidden", "found", "recall", "purity"), rows)
    rows = []
    found = zip(climb.novel_labels_, climb.novelty_pvalue_, climb.novelty_stability_, strict=True)
    for label, p, stability in found:
        members = halo.target[climb.labels_ == label]
        names, counts = np.unique(members, return_counts=True)
        most = names[counts.argmax()]
        share = "-" if most == -1 else _share(counts.max(), np.sum(halo.target == most))
        rows.append(
            (
                f"novel {label}",
                f"{len(members):,}",
                halo.target_names[most],
                _share(counts.max(), len(members)),
                share,
                f"{p:.3f}",
                f"{stability:.2f}",
            )
        )
    header = ("novel group", "stars", "mostly", "purity", "recall", "p-value", "stability")
    _print_table(header, rows)
    typer.echo(
        f"The p-value is the chance that a smooth field, searched in the same way, has a group "
        f"that stands\nout as much anywhere ({run['draws']:,} fields searched: at least "
        f"{1 / (run['draws'] + 1):.3f}). What is mostly field is no discovery.\n"
    )
    names = {
        "ari": "ARI, seeds counted",
        "held_out_ari": "ARI, hidden members only",
        "held_out_recall": "recall of hidden members",
        "acceptance": "judged non-members let in",
        "open_set_ari": "ARI, judged non-members as a class",
    }
    rows = [
        (text, *(f"{report[key]:.3f}" for report in run["scores"].values()))
        for key, text in names.items()
    ]
    _print_table(("score", *run["scores"]), rows)


def _share(part, whole):
    return f"{part / whole:.2f}" if whole else "-"


def _print_table(header, rows):
    """Print aligned columns, the first to the left and the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    rule = tuple("-" * width for width in widths)
    for row in (header, rule, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        typer.echo("  ".join(cells))
    typer.echo()
