"""The ``climbkit`` command: star clusters, spectra, a demonstration, benchmarks."""

from enum import StrEnum
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
spectra = typer.Typer(help="Gaia XP spectra.", no_args_is_help=True)
app.add_typer(spectra, name="spectra")

BENCHMARKS = {"rrlyrae": "CLiMB and its baselines on the published Gaia DR3 RR Lyrae catalogue"}
_CLUSTERS, _SPECTRA = "clusters", "spectra"  # folders of two parts of the demonstration


class Job(StrEnum):
    """What `climbkit demo` shows."""

    ALL = "all"
    CLIMB = "climb"
    CLUSTERS = "clusters"
    SPECTRA = "spectra"


class Format(StrEnum):
    """What tables are written in."""

    ECSV = "ecsv"
    FITS = "fits"
    VOT = "vot"


@app.command()
def version():
    """Print the version."""
    from climbkit import __version__

    typer.echo(__version__)


@app.command()
def search(
    fields: Annotated[
        list[Path],
        typer.Argument(
            metavar="FIELD...",
            help="Tables of stars: FITS, VOTable, ECSV, CSV or Parquet, with Gaia's columns. "
            "Several are parts of one field.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.", show_default=False)],
    config: Annotated[
        Path | None,
        typer.Option(help="Run file (or folder) of an earlier search, to take its parameters."),
    ] = None,
    formats: Annotated[
        list[Format], typer.Option("--format", help="Format of the tables; may be repeated.")
    ] = (Format.ECSV,),
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html, with figures.")
    ] = True,
    jobs: Annotated[int | None, typer.Option(help="Tiles searched at a time.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of everything that is drawn.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Folder for finished tiles, from which a broken search goes on."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the folder.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no table.")] = False,
):
    """Search a field of stars for star clusters: tables, figures and a page in a folder."""
    from climbkit.pipelines._cluster_command import run_search

    try:
        run_search(
            fields,
            out,
            config=config,
            formats=[each.value for each in formats],
            report=report,
            jobs=jobs,
            seed=seed,
            checkpoint=checkpoint,
            overwrite=overwrite,
            quiet=quiet,
        )
    except FileExistsError as error:
        _fail(f"{error} (--overwrite)")
    except (OSError, ValueError, ImportError) as error:
        _fail(error)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for figures, labels and the run file.")] = Path(
        "climbkit-demo"
    ),
    job: Annotated[
        Job,
        typer.Option(
            help="CLiMB on a stellar halo, the search for star clusters, massive stars by their "
            "spectra, or all of it."
        ),
    ] = Job.ALL,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")] = 0,
    n_field: Annotated[int, typer.Option(min=0, help="Halo stars that nobody judged.")] = 2880,
    draws: Annotated[
        int, typer.Option(min=1, help="Smooth fields to search, for the p-values of novel groups.")
    ] = 100,
    n_stars: Annotated[
        int, typer.Option(min=1000, help="Stars of the field that is searched for clusters.")
    ] = 20_000,
    n_spectra: Annotated[
        int, typer.Option(min=1000, help="Spectra of the sky, one in a hundred of a massive star.")
    ] = 20_000,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar, no tables.")] = False,
):
    """Run CLiMB, the cluster search and the search for massive stars on SIMULATED stars."""
    if out.exists() and not out.is_dir():
        raise typer.BadParameter(f"{out} is a file; name a folder.", param_hint="--out")
    out.mkdir(parents=True, exist_ok=True)
    if job in (Job.ALL, Job.CLIMB):
        from climbkit.pipelines import _demo_climb

        run = {"folder": out, "seed": seed, "n_field": n_field, "draws": draws}
        _run_stages(_demo_climb, run, quiet)
    if job in (Job.ALL, Job.CLUSTERS):
        from climbkit.pipelines import _demo_clusters

        run = {"folder": out / _CLUSTERS, "seed": seed, "n_stars": n_stars}
        _run_if_possible(_demo_clusters, run, quiet, needed=job is Job.CLUSTERS)
    if job in (Job.ALL, Job.SPECTRA):
        from climbkit.pipelines import _demo_spectra

        run = {"folder": out / _SPECTRA, "seed": seed, "n_spectra": n_spectra}
        _run_if_possible(_demo_spectra, run, quiet, needed=job is Job.SPECTRA)


@spectra.command()
def predict(
    source: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN...",
            help="Spectra: Parquet files, folders of them, HATS catalogues, patterns in quotes, or "
            "the archive's files in CSV or ECSV.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Parquet file to write.", show_default=False)],
    model: Annotated[
        Path,
        typer.Option(help="Saved model, such as a .keras file.", show_default=False),
    ],
    prior: Annotated[
        str | None,
        typer.Option(
            help="How frequent the second class is among the spectra, from 0 to 1, or 'estimate'; "
            "probabilities are re-weighed to it."
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Probability from which on the second class is predicted."),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(help="Names of the classes in the columns, such as 'other,massive'."),
    ] = None,
    columns: Annotated[
        list[str],
        typer.Option("--column", help="Further column to copy; may be repeated."),
    ] = (),
    flux: Annotated[str, typer.Option(help="Column of the flux, or its columns' prefix.")] = "flux",
    id_column: Annotated[str, typer.Option("--id", help="Column of the ids.")] = "source_id",
    outliers: Annotated[
        bool, typer.Option("--outliers/--no-outliers", help="Write the model's outlier scores.")
    ] = True,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Spectra that are read and stored at a time.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT, and unfinished work for another one.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no table.")] = False,
):
    """Predict the classes of spectra; a run that was killed goes on when it is started again."""
    from climbkit.pipelines._spectra_command import run_predict

    try:
        run_predict(
            source,
            out,
            model,
            prior=prior,
            threshold=threshold,
            names=names,
            columns=columns,
            flux=flux,
            id_column=id_column,
            outliers=outliers,
            rows=rows,
            overwrite=overwrite,
            quiet=quiet,
        )
    except FileExistsError as error:
        _fail(f"{error} (--overwrite)")
    except (OSError, ValueError, TypeError, ImportError) as error:
        _fail(error)
    except KeyboardInterrupt:
        typer.echo("Stopped; the same command goes on from here.", err=True)
        raise typer.Exit(code=130) from None


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
        _fail(error)
    typer.echo(tables)
    if json is not None:
        tables.to_json(json)
        typer.echo(f"saved to {json}")


def _run_if_possible(part, run, quiet, *, needed):
    """Run a demonstration, or say which packages it lacks."""
    missing = part.what_is_missing()
    if missing and needed:
        _fail(missing)
    if missing:
        typer.echo(missing, err=True)
    else:
        _run_stages(part, run, quiet)


def _run_stages(part, run, quiet):
    """Run the stages of a demonstration under a bar, then print what it says."""
    from tqdm import tqdm

    # The bar goes to the error stream, so that the tables can be piped.
    with tqdm(total=len(part.STAGES), disable=quiet, bar_format="{l_bar}{bar:24}| {desc}") as bar:
        for name, stage in part.STAGES.items():
            bar.set_description_str(name)
            stage(run)
            bar.update()
        bar.set_description_str("done")
    if not quiet:
        part.print_report(run)
    typer.echo(f"wrote {', '.join(run['files'])} to {run['folder']}")


def _fail(error):
    """Say what is wrong, and end without a traceback."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        error = f"{error.filename}: {error.strerror.lower()}"  # without its number
    typer.echo(f"Error: {error}", err=True)
    raise typer.Exit(code=2) from None
