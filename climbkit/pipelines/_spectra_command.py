"""The job of ``climbkit spectra predict``: from files of spectra to a table of predictions."""

import warnings
from pathlib import Path

import typer

from climbkit.pipelines._echo import print_table, share

_ESTIMATE = "estimate"


def run_predict(
    source,
    out,
    model,
    *,
    prior=None,
    threshold=None,
    names=None,
    columns=(),
    flux="flux",
    id_column="source_id",
    outliers=True,
    rows=None,
    overwrite=False,
    quiet=False,
):
    """Predict, and say how many spectra are of which class.

    Parameters
    ----------
    source : sequence of path-like
        Files, folders or patterns.
    out : path-like
        Parquet file to write.
    model : path-like
        Saved model.
    prior : str, default=None
        Frequency of the second class, or "estimate".
    threshold : float, default=None
        See `predict_table`.
    names : str, default=None
        Names of the classes, divided by commas.
    columns : sequence of str, default=()
        Columns that are copied.
    flux, id_column : str
        Columns of the source.
    outliers : bool, default=True
        Whether outlier scores are written.
    rows : int, default=None
        Rows of a block.
    overwrite : bool, default=False
        Whether the output may be replaced.
    quiet : bool, default=False
        No progress, no table.

    Raises
    ------
    ImportError
        If a package is missing.
    OSError
        If a file cannot be read or written.
    ValueError
        If something does not fit; see `predict_table`.
    TypeError
        If the model is none that has probabilities.
    """
    from climbkit.spectra import predict_table
    from climbkit.spectra._model_loading import load_model

    options = {} if rows is None else {"batch_rows": rows}
    prior = _checked_prior(prior)
    loaded = load_model(model)
    class_names = _class_names(names, loaded.classes_)
    with warnings.catch_warnings():
        # Said at once, not after hours.
        warnings.showwarning = _note(warnings.showwarning, quiet)
        warnings.simplefilter("always", UserWarning)
        written = predict_table(
            loaded,
            list(source),
            out,
            flux_column=flux,
            id_column=id_column,
            columns=list(columns),
            class_names=class_names,
            prior=prior,
            threshold=threshold,
            outliers=outliers,
            overwrite=overwrite,
            verbose=int(not quiet),
            **options,
        )
    if not quiet:
        _print_counts(written, class_names or {})
    typer.echo(f"wrote {written.n_rows:,} rows to {Path(out)}")


def _note(show, quiet):
    """Show warnings of this project as notes, each text once."""
    told = set()

    def shown(message, category, *others, **more):
        if category is not UserWarning:
            show(message, category, *others, **more)
        elif not quiet and str(message) not in told:
            told.add(str(message))
            typer.echo(f"Note: {message}", err=True)

    return shown


def _checked_prior(prior):
    if prior is None or prior == _ESTIMATE:
        return prior
    try:
        return float(prior)
    except ValueError:
        raise ValueError(f"--prior must be a number or '{_ESTIMATE}'; got {prior!r}.") from None


def _class_names(names, classes):
    if names is None:
        return None
    given = [name.strip() for name in names.split(",")]
    if len(given) != len(classes):
        raise ValueError(
            f"--names has {len(given)} names, {names!r}; the model has {len(classes)} classes: "
            f"{classes.tolist()}."
        )
    return dict(zip(classes.tolist(), given, strict=True))


def _print_counts(written, names):
    rows = [
        (str(names.get(label, label)), f"{count:,}", share(count, written.n_rows))
        for label, count in written.n_predicted.items()
    ]
    rows += [
        (f"not predicted: {reason}", f"{count:,}", share(count, written.n_rows))
        for reason, count in written.n_flagged.items()
    ]
    if written.prior is not None:
        told = ", ".join(f"{name}: {value:.4g}" for name, value in written.prior.items())
        typer.echo(f"re-weighed to {told}")
    print_table(("predicted class", "spectra", "share"), rows)
