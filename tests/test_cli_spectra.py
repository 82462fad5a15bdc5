"""`climbkit spectra predict`: what it writes and says, and errors in a few words.

The spectra are simulated: Gaussians with noise.
"""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from typer.testing import CliRunner

from climbkit import cli
from climbkit.spectra import WAVELENGTH, XPNormalizer

N_ROWS = 60


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def words(text):
    return " ".join(text.replace("│", " ").split())


def simulated(n):
    rng = np.random.default_rng(n)
    y = np.arange(n) % 2
    peak = np.where(y == 1, 450.0, 750.0)[:, None] + rng.normal(0, 20, (n, 1))
    flux = 1e-16 * np.exp(-(((WAVELENGTH - peak) / 200) ** 2))
    return (flux + rng.normal(0, 1e-18, flux.shape)).astype(np.float32), y


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Spectra in two files, and models."""
    folder = tmp_path_factory.mktemp("spectra")
    flux, _ = simulated(N_ROWS)
    frame = pd.DataFrame({"source_id": np.arange(N_ROWS) + 2**60, "flux": list(flux), "ra": 1.5})
    frame.loc[7, "flux"] = None
    frame[:40].to_parquet(folder / "part-9.parquet")
    frame[40:].to_parquet(folder / "part-10.parquet")
    X, y = simulated(100)
    for name, last in (("logistic", LogisticRegression()), ("bayes", GaussianNB(var_smoothing=1))):
        model = make_pipeline(XPNormalizer(context=False), last).fit(X, y)
        skops.io.dump(model, folder / f"{name}.skops")
    return folder


def predict(folder, *options, source="part-*.parquet", model="logistic.skops"):
    return invoke("spectra", "predict", folder / source, "--model", folder / model, *options)


def test_predict_writes_a_row_for_each_spectrum_and_counts_them(folder, tmp_path):
    out = tmp_path / "out.parquet"
    result = predict(folder, "--out", out, "--names", "cool,massive", "--column", "ra")
    assert result.exit_code == 0, result.output
    table = pq.read_table(out)
    assert table.column_names == [
        "source_id",
        "prediction",
        "p_cool",
        "p_massive",
        "flag",
        "ra",
    ]
    np.testing.assert_array_equal(table["source_id"], np.arange(N_ROWS) + 2**60)
    assert table["prediction"].to_pylist() == [None if i == 7 else i % 2 for i in range(N_ROWS)]
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["cool", "30", "0.50"] in lines
    assert ["massive", "29", "0.48"] in lines
    assert ["not", "predicted:", "missing", "1", "0.02"] in lines
    assert f"wrote 60 rows to {out}" in words(result.stdout)
    assert "60.0/60.0" in result.stderr


def test_quiet_prints_one_line(folder, tmp_path):
    result = predict(folder, "--out", tmp_path / "out.parquet", "--quiet", "--rows", 9)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


def test_output_is_replaced_only_when_asked_for(folder, tmp_path):
    options = ("--out", tmp_path / "out.parquet", "--quiet")
    assert predict(folder, *options).exit_code == 0
    refused = predict(folder, *options)
    assert refused.exit_code == 2
    assert "is there already" in words(refused.stderr)
    assert "--overwrite" in refused.stderr
    assert predict(folder, *options, "--overwrite").exit_code == 0


def test_prior_is_given_or_estimated(folder, tmp_path):
    out = tmp_path / "out.parquet"
    result = predict(folder, "--out", out, "--prior", "0.01", model="bayes.skops")
    assert result.exit_code == 0, result.output
    assert "re-weighed to 0: 0.99, 1: 0.01" in result.stdout
    table = pq.read_table(out).to_pandas().drop(index=7)
    expected = table["p_1"] * 0.01 / (table["p_1"] * 0.01 + table["p_0"] * 0.99)
    np.testing.assert_allclose(table["p_1_reweighted"], expected, rtol=1e-4, atol=1e-20)
    options = ("--prior", "estimate", "--overwrite")
    result = predict(folder, "--out", out, *options, model="bayes.skops")
    assert result.exit_code == 0, result.output
    assert "re-weighed to 0: 0.5" in result.stdout
    for prior, message in (("1.5", "prior must be above 0"), ("often", "--prior must be a number")):
        result = predict(folder, "--out", out, "--prior", prior, "--overwrite", model="bayes.skops")
        assert result.exit_code == 2
        assert message in words(result.stderr)


def test_guessed_wavelengths_are_noted(folder, tmp_path):
    flux = np.hstack([simulated(5)[0], np.zeros((5, 1), np.float32)])
    path = tmp_path / "x.parquet"
    pd.DataFrame({"source_id": range(5), "flux": list(flux)}).to_parquet(path)
    result = predict(folder, "--out", tmp_path / "out.parquet", source=path)
    assert result.exit_code == 0, result.output
    note = "Note: source does not say at which wavelengths the 344 samples"
    assert words(result.stderr).count(note) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "absent.parquet"}, "absent.parquet: no such file"),
        ({"source": "absent-*.parquet"}, "no file is called like"),
        ({"source": "logistic.skops"}, "logistic.skops"),
        ({"model": "absent.keras"}, "absent.keras: no such file"),
        ({"model": "part-9.parquet"}, "a model must be a .keras, .zip or .skops file"),
        ({"options": ("--flux", "spectrum")}, "no column 'spectrum' of spectra"),
        ({"options": ("--id", "name")}, "no column 'name'"),
        ({"options": ("--column", "dec")}, "no column 'dec'"),
        ({"options": ("--names", "a,b,c")}, "--names has 3 names"),
        ({"options": ("--prior", "0.1")}, "LogisticRegression does not"),
        ({"out": "absent/out.parquet"}, "no such folder"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(folder, tmp_path, change, message):
    options = ("--out", tmp_path / change.get("out", "out.parquet"), *change.get("options", ()))
    names = {name: change[name] for name in ("source", "model") if name in change}
    result = predict(folder, *options, **names)
    assert result.exit_code == 2
    assert message in words(result.stderr)
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_interrupted_run_says_how_to_go_on(folder, tmp_path, monkeypatch):
    from climbkit.spectra._table_parts import Parts

    save = Parts.save

    def interrupted(self, number, *arguments):
        if number == 3:
            raise KeyboardInterrupt
        save(self, number, *arguments)

    out = tmp_path / "out.parquet"
    with monkeypatch.context() as patch:
        patch.setattr(Parts, "save", interrupted)
        result = predict(folder, "--out", out, "--rows", 8)
    assert result.exit_code == 130
    assert "Stopped; the same command goes on from here." in result.stderr
    assert len(list(tmp_path.glob("out.parquet.parts/part-*"))) == 3
    assert predict(folder, "--out", out, "--rows", 8).exit_code == 0
    assert pq.read_table(out).num_rows == N_ROWS


def test_typos_and_help():
    result = invoke("spectra", "predict", "x.parquet", "--out", "y.parquet")
    assert "Missing option '--model'" in words(result.stderr)
    assert invoke("spectra", "prdict").exit_code == 2
    assert "predict" in invoke("spectra", "--help").stdout
    assert "spectra" in invoke("--help").stdout
