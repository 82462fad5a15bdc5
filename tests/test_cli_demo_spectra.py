"""climbkit demo --job spectra: what it leaves, and what it says."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from climbkit.cli import app
from climbkit.pipelines import _demo_spectra
from climbkit.spectra import FoldEnsemble


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_demo_spectra, "_TRAINED", 1_500)
        patch.setattr(_demo_spectra, "_EPOCHS", 2)
        patch.setattr(_demo_spectra, "_DRAWS", 3)
        arguments = ["demo", "--job", "spectra", "--out", str(folder), "--n-spectra", "2000"]
        result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return folder / "spectra", result.stdout


def test_first_sentence_says_that_all_is_simulated(demo):
    assert demo[1].splitlines()[0] == (
        "SIMULATED data: 2,000 spectra of a mock sky, 20 of them of massive stars; 3 networks "
        "trained on 1,500 others."
    )


def test_each_spectrum_has_a_row_under_its_own_id(demo):
    spectra = pd.read_parquet(demo[0] / "spectra.parquet", columns=["source_id", "ra"])
    predictions = pd.read_parquet(demo[0] / "predictions.parquet")
    assert predictions["source_id"].dtype == np.int64
    np.testing.assert_array_equal(predictions["source_id"], spectra["source_id"])
    np.testing.assert_array_equal(predictions["ra"], spectra["ra"])


def test_table_counts_what_its_predictions_select(demo):
    p = pd.read_parquet(demo[0] / "predictions.parquet")["p_massive"]
    (row,) = (line.split() for line in demo[1].splitlines() if line.startswith("0.1 "))
    assert int(row[1].replace(",", "")) == (p >= 0.1).sum()


def test_saved_model_knows_the_held_out_spectra(demo):
    model = FoldEnsemble.load(demo[0] / "model.zip")
    assert model.oof_proba_.shape == (1_500, 2)


def test_figures_are_pictures_and_files_are_listed(demo):
    folder, text = demo
    listed = text.splitlines()[-1]
    for path in folder.iterdir():
        assert path.name in listed
    picture = imread(folder / "selection.png")
    assert min(picture.shape[:2]) > 300
    assert picture.std() > 0


def test_missing_packages_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(_demo_spectra.importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["demo", "--job", "spectra", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "without astropy, gaiaxpy" in result.stderr
    assert "climbkit[spectra]" in result.stderr
