import re
import shutil

import numpy as np
import pandas as pd
import pytest

from climbkit.datasets import _rr_lyrae, load_rr_lyrae, published_seeds
from climbkit.datasets._base import GROUP_SIZES

FILES_IN_CLONE = {
    "rrlyrae/catalogue.csv": "known_clusters/catalogue_all/catalogue_all_rrls.csv",
    "rrlyrae/groups": "known_clusters/clusters",
    "rrlyrae/centroids.csv": "known_clusters/output/rrls_clusters.csv",
}


@pytest.fixture
def folder(tmp_path):
    """A made-up catalogue of the published shape: rows shuffled, ids beyond 2**53."""
    rng = np.random.default_rng(0)
    labels = np.concatenate(
        [np.repeat(label, size) for label, size in (GROUP_SIZES | {2: 3, 0: 4462}).items()]
    )
    table = pd.DataFrame(
        {
            "source_id": 2**60 + 2 * np.arange(len(labels)) + 1,
            "Energy": rng.normal(-1.6e5, 2e4, len(labels)).round(),
            "Lz": rng.normal(0, 800, len(labels)).round(),
            "Lperp": rng.uniform(10, 1000, len(labels)).round(),
            "labelsGroupderiv": labels,
        }
    )
    (tmp_path / "rrlyrae" / "groups").mkdir(parents=True)
    centroids = []
    for label in [*GROUP_SIZES, 2, -1]:
        members = table[labels == label] if label != -1 else table[labels == 0].iloc[:1532]
        members = members.sample(frac=1, random_state=1)
        path = tmp_path / "rrlyrae" / "groups" / f"rrls_{label}.0.csv"
        members.drop(columns="labelsGroupderiv").to_csv(path, index=False)
        if label in GROUP_SIZES:
            mean = members[["Energy", "Lz", "Lperp"]].mean()
            centroids.append([float(label), 0.0, *mean, float(len(members))])
    names = ["cluster", "centroid_id", "centroidx", "centroidy", "centroidz", "cluster_points"]
    pd.DataFrame(centroids, columns=names).to_csv(
        tmp_path / "rrlyrae" / "centroids.csv", index=False
    )
    table.sample(frac=1, random_state=2).to_csv(tmp_path / "rrlyrae" / "catalogue.csv", index=False)
    return tmp_path


def test_groups_are_joined_by_source_id_not_by_row(folder):
    catalogue = load_rr_lyrae(data_home=folder)
    for label, rows in catalogue.group_rows.items():
        members = pd.read_csv(folder / "rrlyrae" / "groups" / f"rrls_{label}.0.csv")
        assert np.array_equal(catalogue.source_id[rows], members["source_id"])
        assert np.array_equal(catalogue.data[rows], members[["Lz", "Energy", "Lperp"]])
        assert np.all(catalogue.target[rows] == label)


def test_every_star_is_counted_once(folder):
    catalogue = load_rr_lyrae(data_home=folder)
    assert (catalogue.target != -1).sum() == 468
    assert catalogue.judged.sum() == 1532
    assert not np.any(catalogue.judged & (catalogue.target != -1))
    assert np.all(catalogue.target[catalogue.unused_group_rows] == -1)
    assert len(catalogue.unused_group_rows) == 3


def test_odd_ids_beyond_the_reach_of_floats_stay_exact(folder):
    source_id = load_rr_lyrae(data_home=folder).source_id
    assert source_id.dtype == np.int64
    assert np.all(source_id % 2 == 1)
    assert len(np.unique(source_id)) == 4933


def test_centroids_follow_the_feature_order(folder):
    catalogue = load_rr_lyrae(data_home=folder)
    assert list(catalogue.centroids) == list(GROUP_SIZES)
    for label, centroid in catalogue.centroids.items():
        assert centroid == pytest.approx(catalogue.data[catalogue.target == label].mean(axis=0))


def test_the_environment_variable_names_the_folder(folder, monkeypatch):
    monkeypatch.setenv("CLIMBKIT_DATA", str(folder))
    assert load_rr_lyrae().data.shape == (4933, 3)


def test_a_clone_of_the_public_repository_is_read_as_it_is(folder):
    for here, there in FILES_IN_CLONE.items():
        (folder / there).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / here, folder / there)
    assert load_rr_lyrae(data_home=folder).judged.sum() == 1532


def test_as_frame_and_return_X_y(folder):
    plain = load_rr_lyrae(data_home=folder)
    X, y = load_rr_lyrae(data_home=folder, as_frame=True, return_X_y=True)
    assert list(X.columns) == ["Lz", "Energy", "Lperp"]
    assert np.array_equal(X, plain.data)
    assert np.array_equal(y, plain.target)
    frame = load_rr_lyrae(data_home=folder, as_frame=True).frame
    assert frame["source_id"].dtype == np.int64


@pytest.mark.parametrize("place", ["parameter", "variable", "nowhere"])
def test_missing_files_are_explained(tmp_path, monkeypatch, place):
    monkeypatch.delenv("CLIMBKIT_DATA", raising=False)
    if place == "variable":
        monkeypatch.setenv("CLIMBKIT_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="RRLs-Clustering-Benchmark") as caught:
        load_rr_lyrae(data_home=tmp_path if place == "parameter" else None)
    for word in ("CLIMBKIT_DATA", "fetch_rr_lyrae", "rrlyrae/groups"):
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["groups/rrls_6.0.csv", "centroids.csv"])
def test_a_missing_part_is_named(folder, name):
    (folder / "rrlyrae" / name).unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(name)):
        load_rr_lyrae(data_home=folder)


@pytest.mark.parametrize("name", ["catalogue.csv", "groups/rrls_-1.0.csv", "centroids.csv"])
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(folder, name, keep):
    path = folder / "rrlyrae" / name
    text = path.read_text()
    path.write_text(text[: int(len(text) * keep)])
    with pytest.raises(ValueError, match="cut short"):
        load_rr_lyrae(data_home=folder)


@pytest.mark.parametrize("name", ["catalogue.csv", "groups/rrls_5.0.csv"])
def test_a_star_listed_twice_is_refused(folder, name):
    lines = (folder / "rrlyrae" / name).read_text().splitlines()
    lines[2] = lines[1]
    (folder / "rrlyrae" / name).write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="more than once"):
        load_rr_lyrae(data_home=folder)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [(0, "99", "does not hold"), (1, "-1.0", "other values")],
)
def test_a_group_file_that_disagrees_with_the_catalogue_is_refused(folder, column, value, message):
    path = folder / "rrlyrae" / "groups" / "rrls_4.0.csv"
    lines = path.read_text().splitlines()
    cells = lines[3].split(",")
    cells[column] = value
    lines[3] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=message):
        load_rr_lyrae(data_home=folder)


def test_a_group_file_of_another_group_is_refused(folder):
    groups = folder / "rrlyrae" / "groups"
    shutil.copy(groups / "rrls_11.0.csv", groups / "rrls_15.0.csv")
    with pytest.raises(ValueError, match="labelsGroupderiv"):
        load_rr_lyrae(data_home=folder)


def test_rounded_ids_are_refused(folder):
    path = folder / "rrlyrae" / "catalogue.csv"
    table = pd.read_csv(path)
    table.assign(source_id=table["source_id"].astype(float)).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"catalogue\.csv"):
        load_rr_lyrae(data_home=folder)


def test_seeds_are_evenly_spaced_in_distance_from_the_centroid(folder):
    catalogue = load_rr_lyrae(data_home=folder)
    for label, seeds in published_seeds(catalogue, 30).items():
        members = catalogue.group_rows[label]
        distance = np.linalg.norm(catalogue.data - catalogue.centroids[label], axis=1)
        assert len(seeds["rows"]) == max(1, int(len(members) * 0.3))
        assert np.all(np.diff(distance[seeds["rows"]]) >= 0)
        assert distance[seeds["rows"][0]] == distance[members].min()
        if len(seeds["rows"]) > 1:
            assert distance[seeds["rows"][-1]] == distance[members].max()
        assert np.array_equal(members[seeds["file_rows"]], seeds["rows"])


def test_all_seeds_are_all_members_in_the_published_order(folder):
    catalogue = load_rr_lyrae(data_home=folder, as_frame=True)
    seeds = published_seeds(catalogue, 100)
    assert list(seeds) == [5, 3, 1, 11, 15, 10, 6, 4]
    for label, of_group in seeds.items():
        assert sorted(of_group["rows"]) == sorted(np.flatnonzero(catalogue.target == label))


@pytest.mark.parametrize("percentage", [0, -5, 101, np.nan])
def test_a_percentage_out_of_range_is_refused(folder, percentage):
    with pytest.raises(ValueError, match="'percentage' parameter"):
        published_seeds(load_rr_lyrae(data_home=folder), percentage)


def test_the_real_catalogue_has_the_published_counts(data_folder):
    catalogue = load_rr_lyrae(data_home=data_folder)
    known = catalogue.target != -1
    never_judged = ~known & ~catalogue.judged
    never_judged[catalogue.unused_group_rows] = False
    assert (known.sum(), catalogue.judged.sum(), never_judged.sum()) == (468, 1532, 2930)
    for label, centroid in catalogue.centroids.items():
        assert centroid == pytest.approx(catalogue.data[catalogue.target == label].mean(axis=0))


def test_the_published_share_of_real_seeds(data_folder):
    """The published run copies 90 % of each group, 420 of 468 stars, into its answer."""
    catalogue = load_rr_lyrae(data_home=data_folder)
    seeds = published_seeds(catalogue, 90)
    sizes = {label: len(of_group["rows"]) for label, of_group in seeds.items()}
    assert sizes == {5: 31, 3: 23, 1: 30, 11: 1, 15: 1, 10: 315, 6: 6, 4: 12}


def test_the_module_counts_agree_with_each_other():
    assert sum(GROUP_SIZES.values()) == 468
    assert _rr_lyrae._N_ROWS["catalogue"] == 468 + 3 + 1532 + 2930
