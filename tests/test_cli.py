"""The climbkit command: what the demo leaves and says, and what a typo gets."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from climbkit import __version__, cli
from climbkit.builder import from_dict
from climbkit.datasets import make_halo

SMALL = ["--n-field", "100", "--draws", "2"]


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def error_of(result):
    """What was written to the error stream, without its frame and line breaks."""
    return " ".join(result.stderr.replace("│", " ").split())


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    result = invoke("demo", "--job", "climb", "--out", folder, "--seed", 3, *SMALL)
    assert result.exit_code == 0, result.output
    return folder, result


def test_version_is_the_package_s():
    assert invoke("version").stdout.strip() == __version__


def test_demo_says_that_its_stars_are_simulated(demo):
    assert demo[1].stdout.startswith(
        "SIMULATED data: a mock halo of 2,220 stars, none of them real"
    )


def test_demo_labels_keep_source_ids_exact(demo):
    halo = make_halo(n_field=100, random_state=3)
    table = pd.read_csv(demo[0] / "labels.csv")
    assert list(table.columns) == ["source_id", "label", "phase", "probability"]
    assert table["source_id"].dtype == np.int64
    np.testing.assert_array_equal(table["source_id"], halo.source_id)
    seeds = halo.partial_target != -1
    np.testing.assert_array_equal(table["label"][seeds], halo.partial_target[seeds])


def test_demo_run_file_rebuilds_the_pipeline_that_made_the_labels(demo):
    state = json.loads((demo[0] / "run.json").read_text())
    assert state["data"]["simulated"] is True
    assert state["climbkit"] == __version__
    halo = make_halo(**state["data"]["parameters"])
    labels = from_dict(state["pipeline"]).fit_predict(halo.data, halo.partial_target)
    np.testing.assert_array_equal(labels, pd.read_csv(demo[0] / "labels.csv")["label"])


def test_demo_figures_are_pictures(demo):
    from matplotlib.image import imread

    for name in ("clusters", "clusters_3d", "phases", "comparison", "decision", "seed_sensitivity"):
        picture = imread(demo[0] / f"{name}.png")
        assert picture.shape[0] > 300
        assert picture[..., :3].std() > 0.01  # a blank one has no contrast


def test_demo_table_counts_what_was_hidden(demo):
    folder, result = demo
    halo = make_halo(n_field=100, random_state=3)
    labels = pd.read_csv(folder / "labels.csv")["label"].to_numpy()
    hidden = (halo.target == 10) & (halo.partial_target == -1)
    recall = np.mean(labels[hidden] == 10)
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("Gaia-Sausage")]
    cells = row.split()
    assert cells[-5:-3] == ["175", f"{hidden.sum()}"]
    assert cells[-2] == f"{recall:.2f}"


def test_demo_puts_the_copying_baseline_beside_the_scores(demo):
    lines = demo[1].stdout.splitlines()
    (row,) = [line for line in lines if line.startswith("ARI, hidden members only")]
    assert row.split()[-1] == "0.000"


def test_demo_puts_the_published_gates_beside_the_recommended_ones(demo):
    folder, result = demo
    lines = result.stdout.splitlines()
    (header,) = [line for line in lines if line.startswith("score ")]
    assert " ".join(header.split()).endswith("CLiMB published gates copy the seeds")
    scores = json.loads((folder / "run.json").read_text())["scores"]
    (row,) = [line for line in lines if line.startswith("recall of hidden members")]
    assert [float(cell) for cell in row.split()[-3:]] == [
        round(scores[name]["held_out_recall"], 3)
        for name in ("CLiMB", "published gates", "copy the seeds")
    ]
    assert scores["CLiMB"] != scores["published gates"]


def test_demo_gives_each_novel_group_a_p_value_and_a_stability(demo):
    folder, result = demo
    novel = json.loads((folder / "run.json").read_text())["novel_groups"]
    assert novel["labels"]
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("novel ")][1:]
    assert [row[1] for row in rows] == [str(label) for label in novel["labels"]]
    assert [row[-2] for row in rows] == [f"{p:.3f}" for p in novel["pvalues"]]
    assert [row[-1] for row in rows] == [f"{s:.2f}" for s in novel["stabilities"]]
    assert min(novel["pvalues"]) >= round(1 / 3, 3)  # of two draws
    assert "2 fields searched: at least 0.333" in result.stdout


def test_quiet_demo_prints_one_line(tmp_path):
    result = invoke(
        "demo", "--job", "climb", "--out", tmp_path, "--quiet", "--n-field", 0, "--draws", 1
    )
    assert result.exit_code == 0
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 1


def test_demo_does_without_figures_where_matplotlib_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = invoke("demo", "--job", "climb", "--out", tmp_path, "--quiet", *SMALL)
    assert result.exit_code == 0
    assert 'pip install "climbkit[plot]"' in result.stderr
    assert not list(tmp_path.glob("*.png"))
    assert (tmp_path / "run.json").exists()


def test_demo_refuses_a_file_as_folder(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    result = invoke("demo", "--out", path)
    assert result.exit_code == 2
    assert "is a file; name a folder" in error_of(result)


def test_benchmark_without_data_tells_how_to_get_it(monkeypatch):
    monkeypatch.delenv("CLIMBKIT_DATA", raising=False)
    result = invoke("benchmark", "rrlyrae")
    assert result.exit_code == 2
    assert "CLIMBKIT_DATA" in result.stderr
    assert "github.com/LorenzoMonti/RRLs-Clustering-Benchmark" in result.stderr


def test_benchmark_names_a_folder_that_holds_no_data(tmp_path):
    result = invoke("benchmark", "rrlyrae", "--data", tmp_path)
    assert result.exit_code == 2
    assert f"was not found in {tmp_path}" in error_of(result)


def test_benchmark_refuses_a_file_that_cannot_be_written_before_it_runs(tmp_path):
    result = invoke("benchmark", "rrlyrae", "--json", tmp_path / "absent" / "tables.json")
    assert result.exit_code == 2
    assert "there is no folder" in error_of(result)


def test_benchmark_prints_what_it_saves(data_folder, tmp_path):
    path = tmp_path / "tables.json"
    result = invoke("benchmark", "rrlyrae", "--quick", "--json", path, "--data", data_folder)
    assert result.exit_code == 0, result.output
    tables = json.loads(path.read_text())["tables"]
    (climb,) = [
        row
        for row in tables["published"]
        if row["method"] == "CLiMB" and row["seeds_percent"] == 90
    ]
    (line,) = [
        line
        for line in result.stdout.splitlines()
        if line.split()[:2] == ["90", "CLiMB"] and f"{climb['homogeneity']:.3f}" in line
    ]
    assert f"{climb['ari']:.3f}" in line
    assert climb["ari"] == pytest.approx(0.829, abs=5e-4)  # the published figure


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demos"], "No such command 'demos'"),
        (["demo", "--sead", "1"], "No such option"),
        (["demo", "--n-field", "-1"], "--n-field"),
        (["demo", "--draws", "0"], "--draws"),
        (["benchmark"], "Missing argument"),
        (["benchmark", "rrlyrea"], "there is no benchmark 'rrlyrea'"),
        (["benchmark", "rrlyrea"], "rrlyrae: CLiMB and its baselines"),
    ],
)
def test_typo_is_named(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in error_of(result)


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from climbkit import cli; "
        "print([m for m in ('numpy', 'sklearn', 'numba', 'matplotlib', 'pandas') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
