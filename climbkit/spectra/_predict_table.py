"""Predictions for tables of spectra of any size."""

import json
import os
from collections import Counter
from numbers import Integral
from pathlib import Path
from typing import NamedTuple

import numpy as np

from climbkit._optional import import_optional
from climbkit.spectra._model_fingerprint import model_fingerprint
from climbkit.spectra._table_files import EXTRA
from climbkit.spectra._table_model import FLAG, PREDICTION, PRIOR, TableModel
from climbkit.spectra._table_parts import Parts
from climbkit.spectra._table_pieces import open_pieces
from climbkit.spectra._table_rows import RowReader

# Spectra of a block: 45 MB of 343 samples, and half a minute of work for a network on two cores.
BATCH_ROWS = 2**15


class PredictedTable(NamedTuple):
    """What `predict_table` has written.

    Attributes
    ----------
    path : Path
        The file.
    n_rows : int
        Rows.
    n_predicted : dict of class to int
        How many rows were predicted to be of each class.
    n_flagged : dict of str to int
        How many rows could not be predicted, by reason.
    prior : dict of str to float or None
        By name of the class, the frequencies that probabilities were re-weighed to.
    """

    path: Path
    n_rows: int
    n_predicted: dict
    n_flagged: dict
    prior: dict | None


def predict_table(
    model,
    source,
    out,
    *,
    flux_column="flux",
    id_column="source_id",
    columns=(),
    wavelength=None,
    class_names=None,
    prior=None,
    threshold=None,
    outliers=True,
    batch_rows=BATCH_ROWS,
    overwrite=False,
    verbose=0,
):
    """Predict the classes of all spectra of a table, however large, in little memory.

    A row is written for each row that is read, in the same order. A run that was killed goes on
    where it stopped when it is started again with the same arguments, and leaves the same file, bit
    by bit, as if nothing had happened.

    Parameters
    ----------
    model : estimator, str or path-like
        A fitted classifier with ``predict_proba``, such as `XPClassifier`, `FoldEnsemble`,
        `PriorShift` or a pipeline of scikit-learn; or the file that its ``save`` wrote.

    source : str, path-like, sequence of those or pyarrow.dataset.Dataset
        Spectra: a Parquet file, a folder of such files or a HATS catalogue, a pattern such as
        ``"XpSampled*.csv.gz"``, several of them, or an Arrow dataset. The archive's files in CSV
        or ECSV do as well, and whatever else `read_xp` reads.

    out : str or path-like
        Parquet file to write. Unfinished work is kept in a folder beside it, with ``.parts`` behind
        its name.

    flux_column : str or sequence of str, default="flux"
        Column with a list of fluxes in each row, W m-2 nm-1, or ``"struct.field"``; or what the
        columns of single samples begin with, such as ``flux_336``; or the names of these.

    id_column : str, default="source_id"
        Column of the ids, which are written as ``source_id``. They are whole numbers of 64 bits.

    columns : sequence of str, default=()
        Further columns of the source that are written as they are.

    wavelength : array-like of shape (n_samples,), default=None
        Wavelengths of the samples, nm. None: those that the names of the columns or the file tell;
        343 samples are Gaia's (`WAVELENGTH`), and others are taken to begin at 336 nm in steps of
        2 nm, with a warning. Spectra on another grid than the model's are interpolated.

    class_names : mapping of class to str, default=None
        Names of classes in the columns of probabilities, such as ``{1: "massive"}`` for
        ``p_massive``. None: the classes themselves.

    prior : float, mapping of class to float or "estimate", default=None
        How frequent each class is among the spectra, of two classes the second; "estimate": the
        frequencies under which the probabilities of the whole table are the likeliest. There are
        then columns ``p_…_reweighted`` beside those of the model, and the prediction is theirs. A
        `PriorShift` as the model is better where a class is rare: it uses held-out rows, and knows
        its errors.

    threshold : float, default=None
        Probability of the second of two classes from which on it is predicted. None: the most
        probable class is.

    outliers : bool, default=True
        Whether to write the ``outlier_score`` of a model that has it. For ensembles it takes as
        long as the probabilities.

    batch_rows : int, default=32768
        Rows that are read, predicted and stored at a time.

    overwrite : bool, default=False
        Whether the output, and unfinished work for another one of that name, may be replaced.

    verbose : int, default=0
        Above 0: shows a progress bar.

    Returns
    -------
    written : PredictedTable
        Path, and how many rows there are of which kind.

    Raises
    ------
    FileExistsError
        If the output is there.
    FileNotFoundError
        If there is no such source, model, or folder for the output.
    ValueError
        If a parameter is not allowed; if a file is damaged, lacks a column, or has spectra that
        the model cannot take; or if there is unfinished work for this output of another model, of
        other parameters or of files that have changed since.
    TypeError
        If the model has no probabilities.

    See Also
    --------
    read_xp : Reads spectra into memory.

    Notes
    -----
    The output has these columns:

    - ``source_id``, int64, exactly as it came;
    - ``prediction``, the predicted class;
    - ``p_…``, the probability of each class, float32;
    - ``p_…_reweighted``, the same re-weighed to `prior`, if one is given;
    - ``p_std``, the spread of the ``p_…``, if the model has ``predict_std``; of more than two
      classes that of the most probable one;
    - ``outlier_score``, if the model has it and `outliers` is set;
    - ``flag``, why a spectrum could not be predicted, and then nothing stands in the columns
      above: "missing" (there is none), "wrong_length", "not_finite" (a sample is NaN or
      infinite), "zero" throughout, "negative" (nothing is above zero), or "no_result" (the model
      gave no finite number);
    - `columns`.

    Its metadata have in JSON, under ``climbkit``, the version, the class and digest of the model,
    parameters and source, and under ``climbkit_prior`` the frequencies that probabilities were
    re-weighed to. Nothing in it depends on the time or on the place of the files.

    Memory holds the model, two or three blocks of rows and one batch of the network, whatever the
    size of the source; row groups are read in pieces. Parts are flushed to the disk, so that also a
    power cut loses no more than the block under way.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from climbkit.spectra import WAVELENGTH, XPNormalizer, predict_table
    >>> peak = np.array([450.0, 460.0, 800.0, 820.0])[:, None]
    >>> flux = 1e-16 * np.exp(-(((WAVELENGTH - peak) / 200) ** 2))
    >>> hot = make_pipeline(XPNormalizer(), LogisticRegression()).fit(flux, [1, 1, 0, 0])
    >>> stars = pd.DataFrame({"source_id": np.arange(4) + 2**60, "flux": [*flux[:3], None]})
    >>> with TemporaryDirectory() as folder:
    ...     stars.to_parquet(f"{folder}/stars.parquet")
    ...     predict_table(hot, f"{folder}/stars.parquet", f"{folder}/hot.parquet").n_flagged
    ...     pd.read_parquet(f"{folder}/hot.parquet")["prediction"].tolist()
    {'missing': 1}
    [1.0, 1.0, 0.0, nan]
    """
    _check(batch_rows, columns)
    out = _checked_out(out)
    table_model = TableModel(_loaded(model), class_names, threshold, prior, outliers)
    parts_folder = Parts.folder_of(out)
    pieces = open_pieces(source, id_column, without=(out, parts_folder))
    reader = RowReader(
        pieces,
        id_column,
        flux_column,
        columns,
        wavelength,
        table_model.grid,
        table_model.n_features,
    )
    schema = table_model.raw_schema(reader.carried_fields)
    manifest = {
        "model": {
            "class": type(table_model.model).__name__,
            "fingerprint": model_fingerprint(table_model.model),
        },
        "parameters": {
            "flux_column": flux_column if isinstance(flux_column, str) else list(flux_column),
            "id_column": id_column,
            "columns": list(columns),
            "wavelength": None if wavelength is None else np.asarray(wavelength, float).tolist(),
            "class_names": table_model.names,
            "prior": table_model.prior and table_model.prior.plain,
            "threshold": None if threshold is None else float(threshold),
            "outliers": bool(outliers),
            "batch_rows": int(batch_rows),
        },
        "source": [piece.describe() for piece in pieces],
    }
    parts = Parts(out, manifest, overwrite)
    if not parts.finished:
        n_parts = _predict_parts(table_model, reader, parts, schema, int(batch_rows), verbose)
        wanted = table_model.wanted_prior(parts, n_parts)
        parts.join(
            n_parts,
            lambda table: table_model.finish(table, wanted),
            table_model.finished_schema(schema, wanted),
        )
    parts.remove()
    return _summary(out, table_model.classes)


def _predict_parts(model, reader, parts, schema, batch_rows, verbose):
    """Predict what has not been predicted, and return the number of parts."""
    from tqdm.auto import tqdm

    pool = import_optional("pyarrow", EXTRA).default_memory_pool()
    number, n_done, start = parts.done(batch_rows)
    with tqdm(
        total=reader.n_rows, initial=n_done, unit="spectra", unit_scale=True, disable=verbose <= 0
    ) as bar:
        for rows in reader.blocks(batch_rows, start):
            # A damaged part may be followed by sound ones.
            if not parts.has(number, len(rows)):
                parts.save(number, model.table(rows, schema), rows.end)
            number += 1
            bar.update(len(rows))
            del rows
            pool.release_unused()
    return number


def _summary(out, classes):
    """Count what was written, a block at a time."""
    parquet = import_optional("pyarrow.parquet", EXTRA)
    predicted, flagged, n_rows = Counter(dict.fromkeys(classes.tolist(), 0)), Counter(), 0
    with parquet.ParquetFile(out) as file:
        prior = json.loads(file.schema_arrow.metadata.get(PRIOR, b"null"))
        for batch in file.iter_batches(columns=[PREDICTION, FLAG]):
            n_rows += batch.num_rows
            for name, counter in ((PREDICTION, predicted), (FLAG, flagged)):
                counts = batch.column(name).drop_null().value_counts()
                counter.update({each["values"]: each["counts"] for each in counts.to_pylist()})
    return PredictedTable(out, n_rows, dict(predicted), dict(sorted(flagged.items())), prior)


def _loaded(model):
    if not isinstance(model, str | os.PathLike):
        return model
    from climbkit.spectra._model_loading import load_model

    return load_model(model)


def _check(batch_rows, columns):
    if not isinstance(batch_rows, Integral) or isinstance(batch_rows, bool) or batch_rows < 1:
        raise ValueError(f"batch_rows must be a whole number above 0; got {batch_rows!r}.")
    if isinstance(columns, str):
        raise ValueError(f"columns must be a sequence of names; got {columns!r}.")
    if len(set(columns)) < len(list(columns)):
        raise ValueError(f"columns names a column twice: {list(columns)}.")


def _checked_out(out):
    out = Path(out)
    if out.is_dir():
        raise IsADirectoryError(f"out must be a file; {out} is a folder.")
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(2, "No such folder for the output", str(out.parent))
    return out
