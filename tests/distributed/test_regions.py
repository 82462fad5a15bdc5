"""Regions searched one by one: the same candidates as each by itself."""

import numpy as np
import pandas as pd
import pytest

from climbkit.datasets import make_cluster_field
from climbkit.distributed import search_catalog
from climbkit.survey import TiledHDBSCAN


@pytest.fixture(scope="module")
def search():
    return TiledHDBSCAN(tile_sides=[2], min_cluster_sizes=[8, 15], min_persistence=0.02)


@pytest.fixture(scope="module")
def regions():
    """Three regions, of which the last holds half of the first."""
    first, second = (
        make_cluster_field(
            3_000, side=3.0, center=center, clusters={"n_members": [60, 60]}, random_state=seed
        ).data
        for seed, center in enumerate([(30.0, 20.0), (60.0, 20.0)])
    )
    return {"first": first, "second": second, "half": first[first["l"] > 30]}


def assert_same_as_alone(report, regions, search):
    table = report.candidates.table
    assert set(table["region"]) == set(regions)
    for name, stars in regions.items():
        alone = TiledHDBSCAN(**search.get_params()).fit(stars).candidates_
        found = report.candidates.select(table["region"] == name)
        pd.testing.assert_frame_equal(
            found.table.drop(columns="region"), alone.table, check_exact=True
        )
        for number in range(len(alone)):
            assert set(found.members(number)["source_id"]) == set(
                alone.members(number)["source_id"]
            )


@pytest.mark.parametrize("where", ["workers", "here", "two threads"])
def test_regions_give_what_each_gives_alone(regions, search, client, where):
    search = TiledHDBSCAN(**search.get_params() | {"n_jobs": 2 if where == "two threads" else None})
    report = search_catalog(regions, search, client if where == "workers" else None)
    assert_same_as_alone(report, regions, search)
    assert report.partitions["region"].tolist() == list(regions)
    assert report.partitions["n_stars"].tolist() == [len(stars) for stars in regions.values()]
    assert report.partitions["n_candidates"].sum() == len(report.candidates)
    assert report.tiles is None


def test_a_star_of_two_regions_is_one_star(regions, search):
    report = search_catalog(regions, search)
    assert report.candidates.stars["source_id"].is_unique
    rows = {
        name: set(report.candidates.select(f"region == '{name}'").indices.tolist())
        for name in ("first", "second", "half")
    }
    assert rows["first"] & rows["half"]
    assert not rows["first"] & rows["second"]


def test_files_of_any_kind_are_regions(regions, search, tmp_path):
    from astropy.table import Table

    regions["first"].to_parquet(tmp_path / "a.parquet")
    table = Table.from_pandas(regions["second"])
    for name in ("l", "b"):
        table[name].unit = "deg"
    table.write(tmp_path / "b.fits")
    paths = [tmp_path / "a.parquet", tmp_path / "b.fits"]
    report = search_catalog(paths, search)
    assert report.partitions["region"].tolist() == ["a.parquet", "b.fits"]
    expected = {"a.parquet": regions["first"], "b.fits": regions["second"]}
    assert_same_as_alone(report, expected, search)


def test_columns_are_chosen(regions, search, tmp_path):
    regions["first"].to_parquet(tmp_path / "a.parquet")
    named = TiledHDBSCAN(**search.get_params() | {"coordinates": ("l", "b")})
    report = search_catalog([tmp_path / "a.parquet"], named, columns=["bp_rp"])
    assert report.candidates.stars.columns.tolist() == [
        *("source_id", "l", "b", "parallax", "pmra", "pmdec", "bp_rp")
    ]
    with pytest.raises(ValueError, match="coordinates"):
        search_catalog([tmp_path / "a.parquet"], search, columns=["bp_rp"])


def test_a_missing_file_is_reported_and_read_later(regions, search, tmp_path):
    regions["first"].to_parquet(tmp_path / "a.parquet")
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    with pytest.warns(RuntimeWarning, match=r"1 of 2 partitions failed: b\.parquet") as caught:
        first = search_catalog(paths, search)
    assert caught[0].filename == __file__
    with pytest.warns(RuntimeWarning, match="1 of 2") as caught:
        first = first.retry()
    assert caught[0].filename == __file__
    assert first.partitions["status"].tolist() == ["searched", "failed"]
    assert set(first.candidates.table["region"]) == {"a.parquet"}
    regions["second"].to_parquet(tmp_path / "b.parquet")
    second = first.retry()
    expected = {"a.parquet": regions["first"], "b.parquet": regions["second"]}
    assert_same_as_alone(second, expected, search)


def test_empty_regions_are_reported(regions, search):
    some = {"none": regions["first"][:0], "first": regions["first"]}
    report = search_catalog(some, search)
    assert report.partitions["status"].tolist() == ["empty", "searched"]
    assert report.partitions["n_candidates"][0] == 0
    nothing = search_catalog({"none": regions["first"][:0]}, search)
    assert len(nothing.candidates) == 0
    usual = report.candidates.table.dtypes
    empty = nothing.candidates.table.dtypes
    assert set(empty.items()) <= set(usual.items())


def test_finished_regions_are_kept_in_a_folder(regions, search, tmp_path, monkeypatch):
    from climbkit.survey import _tile_runs

    first = search_catalog(regions, search, folder=tmp_path / "run")

    def searched(*_):
        raise AssertionError("searched again")

    monkeypatch.setattr(_tile_runs, "search_tile", searched)
    again = search_catalog(regions, search, folder=tmp_path / "run")
    assert again.candidates.equals(first.candidates)


def test_regions_without_ids_are_told_apart_by_place(regions, search):
    bare = {name: stars.drop(columns="source_id") for name, stars in regions.items()}
    report = search_catalog(bare, search)
    for name, stars in bare.items():
        alone = TiledHDBSCAN(**search.get_params()).fit(stars).candidates_
        chosen = report.candidates.select(report.candidates.table["region"] == name)
        np.testing.assert_array_equal(chosen.table["candidate_id"], alone.table["candidate_id"])


def test_progress_is_shown_on_demand(regions, search, capsys):
    search_catalog(regions, search)
    assert capsys.readouterr().err == ""
    search_catalog(regions, search, progress=True)
    assert "3/3" in capsys.readouterr().err


def test_two_regions_of_one_name_are_refused(search):
    with pytest.raises(ValueError, match=r"two regions are called 'a\.fits'"):
        search_catalog(["one/a.fits", "two/a.fits"], search)
