"""`climbkit search` and the demo of it: what they leave and say, and errors in a few words."""

import json

import numpy as np
import pandas as pd
import pytest
from astropy.table import QTable, Table
from typer.testing import CliRunner

from climbkit import __version__, cli
from climbkit.datasets import make_cluster_field
from climbkit.pipelines import ClusterSearch
from climbkit.survey import TiledHDBSCAN

N_STARS = 1_500


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def words(text):
    return " ".join(text.replace("│", " ").split())


@pytest.fixture(scope="module")
def field():
    return make_cluster_field(
        N_STARS,
        side=2.0,
        clusters={"x": [0.3], "y": [0.2], "n_members": [150], "r50": [0.05], "kind": ["globular"]},
        random_state=0,
    )


@pytest.fixture(scope="module")
def files(field, tmp_path_factory):
    """The field in one file, and in two that overlap."""
    folder = tmp_path_factory.mktemp("stars")
    Table.from_pandas(field.data).write(folder / "field.fits")
    field.data.iloc[:900].to_parquet(folder / "left.parquet")
    field.data.iloc[800:].assign(extra=1.0).to_csv(folder / "right.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A run file of a search that leaves out what takes time."""
    search = ClusterSearch(
        tiledhdbscan=TiledHDBSCAN(tile_sides=(2,), min_cluster_sizes=(8, 12)),
        structure="drop",
        classifier="drop",
        crossmatch="drop",
        n_refinements=0,
    ).set_params(significance__n_draws=49, selection__max_p_cst=0.05)
    path = tmp_path_factory.mktemp("config") / "run.json"
    path.write_text(
        json.dumps(
            {
                "kind": "climbkit.ClusterSearch run",
                "version": 1,
                "climbkit": __version__,
                "search": search.to_dict(),
            }
        )
    )
    return path


@pytest.fixture(scope="module")
def searched(files, quick, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "results"
    options = ("--config", quick, "--seed", 5, "--jobs", 1, "--format", "fits", "--format", "vot")
    result = invoke("search", files / "field.fits", "--out", folder, *options)
    assert result.exit_code == 0, result.output
    return folder, result


def test_search_prints_the_clusters_that_it_writes(searched):
    folder, result = searched
    clusters = QTable.read(folder / "clusters.fits")
    assert len(clusters) == 1
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("candidate 1")]
    assert f"{clusters['n_members'][0]:,}" in row.split()
    assert f"{clusters['l'][0].value:.4f}" in row.split()
    assert "Note: " in result.stderr
    assert "1,500 stars" in result.stderr


def test_search_finds_the_cluster_and_keeps_every_id(searched, field):
    labels = Table.read(searched[0] / "labels.fits")
    np.testing.assert_array_equal(labels["source_id"], field.data["source_id"])
    found, true = np.asarray(labels["label"]) == 0, field.target == 0
    assert 2 * np.sum(found & true) / (found.sum() + true.sum()) > 0.9
    members = Table.read(searched[0] / "members" / "candidate_1.vot", format="votable")
    assert set(members["source_id"]) == set(field.data["source_id"][found])


def test_run_file_has_what_was_asked_for_and_the_report_is_there(searched):
    folder = searched[0]
    record = json.loads((folder / "run.json").read_text())
    parameters = record["search"]["parameters"]
    assert parameters["n_jobs"] == 1
    assert parameters["significance"]["parameters"]["random_state"] == 5
    assert parameters["significance"]["parameters"]["n_draws"] == 49
    assert record["stages"]["tiledhdbscan"]["parameters"]["min_cluster_sizes"] == {"tuple": [8, 12]}
    assert record["input"]["files"] == [{"file": "field.fits", "n_stars": N_STARS}]
    assert "field.fits" in (folder / "report.html").read_text()


def test_an_earlier_run_can_be_repeated_from_parts_of_the_field(searched, files, tmp_path):
    parts = (files / "left.parquet", files / "right.csv")
    result = invoke(
        "search", *parts, "--out", tmp_path / "b", "--config", searched[0], "--no-report"
    )
    assert result.exit_code == 0, result.output
    assert "1,500 stars (100 were in more than one file)" in result.stderr
    assert "left out are columns that not all files have: ['extra']" in result.stderr
    one = Table.read(searched[0] / "clusters.fits")
    other = Table.read(tmp_path / "b" / "clusters.ecsv")
    assert str(other["candidate_id"][0]) == str(one["candidate_id"][0])
    assert other["p_cst"][0] == one["p_cst"][0]
    assert not (tmp_path / "b" / "report.html").exists()


def test_quiet_search_prints_one_line_and_overwrites_when_asked(files, quick, tmp_path):
    (tmp_path / "mine.txt").write_text("")
    options = ("--out", tmp_path, "--config", quick, "--quiet", "--no-report")
    refused = invoke("search", files / "field.fits", *options)
    assert refused.exit_code == 2
    assert "is not empty" in words(refused.stderr)
    assert "--overwrite" in refused.stderr
    result = invoke("search", files / "field.fits", *options, "--overwrite")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 1
    assert (tmp_path / "mine.txt").exists()


def test_a_field_without_clusters_says_so(files, quick, tmp_path, field):
    path = tmp_path / "blank.csv"
    field.data[field.target == -1].iloc[:400].to_csv(path, index=False)
    result = invoke("search", path, "--out", tmp_path / "out", "--config", quick, "--no-report")
    assert result.exit_code == 0, result.output
    assert "no cluster found, of " in result.stdout


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "absent.fits", "absent.fits: no such file"),
        (lambda folder: folder, "is a directory"),
        (lambda folder: write(folder / "x.png", b"\x89PNG\r\n"), "is a picture"),
        (lambda folder: write(folder / "x.csv", b"hello\nworld\n"), "x.csv is no table"),
        (lambda folder: write(folder / "x.csv", b"ra,dec\n1,2\n"), "no column 'parallax'"),
        (
            lambda folder: write(folder / "x.csv", b"source_id,ra,dec\n1e18,2,3\n"),
            "source_id",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_a_traceback(tmp_path, make, message):
    result = invoke("search", make(tmp_path), "--out", tmp_path / "out", "--no-report")
    assert result.exit_code == 2
    assert message in words(result.stderr)
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def write(path, content):
    path.write_bytes(content)
    return path


def test_wrong_folders_and_run_files_are_refused_before_the_work(tmp_path, files):
    taken = write(tmp_path / "taken", b"")
    result = invoke("search", files / "field.fits", "--out", taken)
    assert result.exit_code == 2
    assert "is a file; name a folder" in words(result.stderr)
    other = write(tmp_path / "other.json", b'{"a": 1}')
    result = invoke("search", files / "field.fits", "--out", tmp_path / "o", "--config", other)
    assert result.exit_code == 2
    assert "no run file of a cluster search" in words(result.stderr)
    foreign = {"kind": "climbkit.ClusterSearch run", "version": 1, "climbkit": __version__}
    foreign["search"] = {"estimator": "os:system", "parameters": {}}
    other.write_text(json.dumps(foreign))
    result = invoke("search", files / "field.fits", "--out", tmp_path / "o", "--config", other)
    assert result.exit_code == 2
    assert "outside the trusted packages" in words(result.stderr)
    foreign["search"] = None
    other.write_text(json.dumps(foreign))
    result = invoke("search", files / "field.fits", "--out", tmp_path / "o", "--config", other)
    assert "does not hold the parameters" in words(result.stderr)


def test_typos_of_options_are_named(files, tmp_path):
    result = invoke("search", files / "field.fits", "--out", tmp_path / "o", "--format", "hdf5")
    assert result.exit_code == 2
    assert "hdf5" in words(result.stderr)
    assert "Missing option '--out'" in words(invoke("search", files / "field.fits").stderr)
    assert "Missing argument 'FIELD" in words(invoke("search", "--out", tmp_path).stderr)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    result = invoke("demo", "--job", "clusters", "--out", folder, "--n-stars", 3_000)
    assert result.exit_code == 0, result.output
    return folder / "clusters", result


def test_demo_says_in_one_sentence_that_its_clusters_are_simulated(demo):
    first = demo[1].stdout.splitlines()[0]
    assert first == (
        "SIMULATED data: a mock field of 3,000 stars with 6 clusters, none of them real."
    )
    assert "SIMULATED data" in (demo[0] / "report.html").read_text()


def test_demo_holds_the_clusters_against_the_truth(demo):
    folder, result = demo
    field = make_cluster_field(3_000, side=6.0, n_clusters=6, random_state=0)
    labels = Table.read(folder / "labels.ecsv", format="ascii.ecsv")
    np.testing.assert_array_equal(labels["source_id"], field.data["source_id"])
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("Mock ")]
    assert len(rows) == 6
    scores = []
    for number, row in enumerate(rows):
        true = field.target == number
        assert row[4] == f"{true.sum():,}"
        if row[-1] != "-":
            name = " ".join(row[5:7])
            found = np.asarray(labels["cluster"]) == name
            scores.append(2 * np.sum(found & true) / (found.sum() + true.sum()))
            assert row[-1] == f"{scores[-1]:.2f}"
    assert len(scores) >= 3


def test_demo_names_what_its_catalogue_lists_and_nothing_else(demo):
    clusters = Table.read(demo[0] / "clusters.ecsv", format="ascii.ecsv")
    listed = {"Mock 1", "Mock 3", "Mock 5"}
    names = {str(name) for name in clusters["name"]}
    assert names & listed
    assert all(name in listed or name.startswith("candidate ") for name in names)


def test_demo_figures_are_pictures_and_its_files_are_listed(demo):
    from matplotlib.image import imread

    folder, result = demo
    for name in ("field.png", "best_cluster.png"):
        assert imread(folder / name)[..., :3].std() > 0.01
        assert name in result.stdout
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert all(name in result.stdout for name in there)


def test_labels_can_be_read_by_pandas_too(demo):
    labels = pd.read_csv(demo[0] / "labels.ecsv", comment="#", sep=" ")
    assert labels["source_id"].dtype == np.int64


def test_demo_without_astropy_leaves_the_search_out_and_says_so(tmp_path, monkeypatch):
    from importlib import util

    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "astropy" else find(name))
    result = invoke("demo", "--job", "clusters", "--out", tmp_path)
    assert result.exit_code == 2
    assert 'pip install "climbkit[search]"' in result.stderr
