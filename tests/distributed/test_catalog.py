"""A catalogue searched by partitions: the same candidates as in one table, and what fails."""

import warnings

import numpy as np
import pandas as pd
import pytest

from climbkit.distributed import search_catalog
from climbkit.survey import HealpixTiling, SquareTiling, TiledHDBSCAN

COORDINATES = ("alpha", "delta")


@pytest.fixture(scope="module")
def search():
    return TiledHDBSCAN(min_cluster_sizes=[8, 15], min_persistence=0.02)


@pytest.fixture(scope="module")
def bare_catalog(sky, make_catalog):
    return make_catalog(sky, margin_threshold=None)


@pytest.fixture(scope="module")
def report(sky_catalog, search, client):
    """Two Dask workers."""
    return search_catalog(sky_catalog, search, client)


def local(search, tiles, stars):
    """The same tiles in one table, whose rows come in another order."""
    one = TiledHDBSCAN(**search.get_params())
    one.set_params(tiling=HealpixTiling(pixels=tiles), coordinates=COORDINATES)
    return one.fit(stars.sample(frac=1, random_state=1)).candidates_


def assert_same_candidates(found, expected):
    """Same candidates, members and probabilities; the rest of the table to the last digits.

    Means are taken over the members by row, and rows come in another order here.
    """
    assert len(expected) > 0
    exact = ["candidate_id", "tile", "tile_side", "min_cluster_size", "n_members", "persistence"]
    pd.testing.assert_frame_equal(found.table[exact], expected.table[exact], check_exact=True)
    pd.testing.assert_frame_equal(found.table, expected.table, rtol=1e-11, atol=1e-11)
    found = found.with_stars(expected.stars)
    np.testing.assert_array_equal(found.indptr, expected.indptr)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


# The same candidates, wherever they are searched


def test_two_workers_find_what_one_table_gives(report, sky, search):
    assert len({order for order, _ in report.tiles}) > 1
    assert_same_candidates(report.candidates, local(search, report.tiles, sky))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_threads_of_this_process_find_what_workers_find(report, sky_catalog, search, n_jobs):
    here = search_catalog(sky_catalog, TiledHDBSCAN(**search.get_params() | {"n_jobs": n_jobs}))
    assert here.candidates.equals(report.candidates)
    columns = ["order", "pixel", "n_stars", "n_tiles", "n_candidates", "status", "error"]
    pd.testing.assert_frame_equal(here.partitions[columns], report.partitions[columns])


def test_a_catalogue_on_disk_gives_what_the_table_gives(
    report, lsdb, sky_catalog, search, client, tmp_path
):
    sky_catalog.write_catalog(tmp_path / "sky", catalog_name="sky", progress_bar=False)
    opened = lsdb.open_catalog(tmp_path / "sky")
    assert search_catalog(opened, search, client).candidates.equals(report.candidates)


def test_clusters_on_borders_come_out_once_and_whole(report, field):
    ids = field.data["source_id"].to_numpy()
    found = report.candidates
    for number in range(len(field.clusters)):
        truth = ids[field.target == number]
        for _, rows in found.table.groupby("min_cluster_size"):
            shared = [np.isin(found.members(k)["source_id"], truth).sum() for k in rows.index]
            assert max(shared) >= 0.75 * len(truth)
            assert sum(np.array(shared) > 0.3 * len(truth)) == 1


def test_ids_stay_exact_and_only_members_come_back(report, sky):
    stars = report.candidates.stars
    assert stars["source_id"].dtype == np.int64
    assert np.isin(stars["source_id"], sky["source_id"]).all()
    assert sorted(stars) == sorted(sky)
    assert len(stars) < len(sky) / 2
    assert np.array_equal(np.unique(report.candidates.indices), np.arange(len(stars)))


@pytest.mark.parametrize("max_stars", [500, None])
def test_partitions_are_divided_into_smaller_tiles(sky_catalog, sky, search, client, max_stars):
    tiling = HealpixTiling(max_stars=max_stars, order=5 if max_stars is None else None)
    finer = TiledHDBSCAN(**search.get_params() | {"tiling": tiling})
    report = search_catalog(sky_catalog, finer, client)
    assert len(report.tiles) == report.partitions["n_tiles"].sum() > len(report.partitions)
    assert_same_candidates(report.candidates, local(search, report.tiles, sky))


def test_several_tilings_make_no_tile_twice(sky_catalog, sky, search, client):
    tilings = [HealpixTiling(max_stars=3_000), HealpixTiling(max_stars=1_000)]
    several = TiledHDBSCAN(**search.get_params() | {"tiling": tilings})
    report = search_catalog(sky_catalog, several, client)
    coarse, fine = report.tiles
    assert coarse
    assert fine
    assert not set(coarse) & set(fine)
    repeated = TiledHDBSCAN(**search.get_params())
    repeated.set_params(
        tiling=[HealpixTiling(pixels=coarse), HealpixTiling(pixels=fine)], coordinates=COORDINATES
    )
    assert_same_candidates(report.candidates, repeated.fit(sky).candidates_)


def test_given_pixels_choose_the_tiles(report, sky_catalog, sky, search, client):
    some = report.tiles[::2]
    chosen = TiledHDBSCAN(**search.get_params() | {"tiling": HealpixTiling(pixels=some)})
    again = search_catalog(sky_catalog, chosen, client)
    assert again.tiles == some
    assert_same_candidates(again.candidates, local(search, some, sky))


def test_a_search_without_margin_needs_no_margin(sky, search, bare_catalog, client):
    apart = TiledHDBSCAN(**search.get_params() | {"margin": 0.0})
    report = search_catalog(bare_catalog, apart, client)
    assert_same_candidates(report.candidates, local(apart, report.tiles, sky))


def test_mask_and_columns(sky, search, make_catalog, client):
    # The stars of one partition lack a feature.
    good = sky.assign(
        good=np.arange(len(sky)) % 7 > 0, parallax=sky["parallax"].where(sky["delta"] < 50)
    )
    report = search_catalog(
        make_catalog(good), search, client, mask="good", columns=["phot_g_mean_mag"]
    )
    needed = ["source_id", *COORDINATES, *search.features, "good", "phot_g_mean_mag"]
    assert report.candidates.stars.columns.tolist() == needed
    assert report.candidates.stars["good"].all()
    assert report.partitions["n_tiles"].min() == 0
    expected = local(search, report.tiles, good.loc[good["good"], needed])
    assert_same_candidates(report.candidates, expected)


# Partitions that are empty, that fail, and that were finished before


def test_empty_partitions_are_typed_and_reported(sky_catalog, sky, search, client, report):
    half = sky_catalog.query("delta > 0")
    assert len(half.get_healpix_pixels()) == len(report.partitions)
    searched = search_catalog(half, search, client)
    assert set(searched.partitions["status"]) == {"searched", "empty"}
    empty = searched.partitions["status"] == "empty"
    counts = searched.partitions[["n_stars", "n_tiles", "n_candidates"]]
    assert np.all(counts[empty] == 0)
    assert np.all(counts.loc[~empty, "n_stars"] > 0)
    assert searched.complete
    assert_same_candidates(
        searched.candidates, local(search, searched.tiles, sky[sky["delta"] > 0])
    )


def test_a_catalogue_without_stars_gives_no_candidates_of_the_usual_types(
    sky_catalog, search, report
):
    nothing = search_catalog(sky_catalog.query("delta > 90"), search)
    assert set(nothing.partitions["status"]) == {"empty"}
    assert len(nothing.candidates) == 0
    for part in ("table", "stars"):
        empty, usual = (getattr(each.candidates, part).dtypes for each in (nothing, report))
        pd.testing.assert_series_equal(empty, usual)
    pd.testing.assert_series_equal(nothing.partitions.dtypes, report.partitions.dtypes)


def broken(rows, pixel, flag):
    if flag.exists() and (pixel.order, pixel.pixel) == tuple(map(int, flag.read_text().split())):
        raise OSError("disk on fire")
    return rows


@pytest.mark.parametrize("where", ["workers", "here"])
def test_a_partition_that_fails_is_reported_and_searched_again_alone(
    sky_catalog, search, client, report, tmp_path, monkeypatch, where
):
    flag = tmp_path / "broken"
    at = report.partitions["n_candidates"].idxmax()
    flag.write_text("{order} {pixel}".format(**report.partitions.loc[at]))
    fragile = sky_catalog.map_partitions(broken, flag, include_pixel=True, meta=sky_catalog.meta)
    client = client if where == "workers" else None
    with pytest.warns(RuntimeWarning, match=r"1 of \d+ partitions failed: order . pixel .*disk"):
        first = search_catalog(fragile, search, client)
    assert not first.complete
    failed = first.partitions["status"] == "failed"
    assert failed[failed].index.tolist() == [at]
    assert first.partitions.loc[at, "error"].endswith("disk on fire")
    assert 0 < len(first.candidates) < len(report.candidates)
    assert "1 failed" in repr(first)
    flag.unlink()

    from climbkit.distributed import _report

    tasks = []
    run_tasks = _report.run_tasks

    def counting(function, some, **options):
        tasks.extend(some)
        return run_tasks(function, some, **options)

    monkeypatch.setattr(_report, "run_tasks", counting)
    second = first.retry(client)
    assert len(tasks) == 1
    assert second.complete
    assert second.candidates.equals(report.candidates)
    np.testing.assert_array_equal(
        second.partitions["n_candidates"], report.partitions["n_candidates"]
    )


def test_all_partitions_may_fail(sky_catalog, search):
    doubled = sky_catalog.map_partitions(twice, meta=sky_catalog.meta)
    with pytest.warns(RuntimeWarning, match=r"source_id must be unique"):
        report = search_catalog(doubled, search)
    assert set(report.partitions["status"]) == {"failed"}
    assert len(report.candidates) == 0
    assert isinstance(next(iter(report.errors.values())), ValueError)


def twice(rows):
    return pd.concat([rows, rows])


def test_a_run_that_was_killed_goes_on_from_its_folder(
    sky_catalog, search, report, client, tmp_path, monkeypatch
):
    from climbkit.survey import _tile_runs

    folder = tmp_path / "run"
    flag = tmp_path / "broken"
    flag.write_text("{order} {pixel}".format(**report.partitions.loc[0]))
    fragile = sky_catalog.map_partitions(broken, flag, include_pixel=True, meta=sky_catalog.meta)
    with pytest.warns(RuntimeWarning, match="1 of"):
        search_catalog(fragile, search, client, folder=folder)

    searched = []
    search_tile = _tile_runs.search_tile

    def counting(field, tile, settings):
        searched.append((tile.order, tile.pixel))
        return search_tile(field, tile, settings)

    monkeypatch.setattr(_tile_runs, "search_tile", counting)
    again = search_catalog(sky_catalog, search, client, folder=folder)
    assert searched == [tuple(report.partitions.loc[0, ["order", "pixel"]])]
    assert again.candidates.equals(report.candidates)
    other = TiledHDBSCAN(**search.get_params() | {"min_cluster_sizes": [9]})
    with pytest.raises(ValueError, match="other parameters: min_cluster_sizes"):
        search_catalog(sky_catalog, other, folder=folder)


# What is not allowed


def test_a_margin_is_demanded(bare_catalog, sky_catalog, search):
    with pytest.raises(ValueError, match="no margin"):
        search_catalog(bare_catalog, search)
    wide = TiledHDBSCAN(**search.get_params() | {"margin": 0.5})
    with pytest.raises(ValueError, match="900 arcsec wide only"):
        search_catalog(sky_catalog, wide)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tiling": SquareTiling()}, "HEALPix"),
        ({"coordinates": ("l", "b")}, r"\('alpha', 'delta'\)"),
        ({"tiling": HealpixTiling(pixels=[(1, 19)])}, "larger than a partition"),
        ({"features": ["ruwe"]}, "no column 'ruwe'"),
        ({"margin": -1.0}, "margin"),
    ],
)
def test_searches_that_do_not_fit_are_refused(sky_catalog, search, parameters, message):
    with pytest.raises(ValueError, match=message):
        search_catalog(sky_catalog, TiledHDBSCAN(**search.get_params() | parameters))


def test_other_arguments_that_do_not_fit_are_refused(sky_catalog, sky, search):
    with pytest.raises(ValueError, match="source_id"):
        search_catalog(sky_catalog.rename({"source_id": "objid"}), search)
    with pytest.raises(ValueError, match=r"lsdb\.open_catalog"):
        search_catalog("a/path", search)
    with pytest.raises(ValueError, match="'search' parameter"):
        search_catalog(sky_catalog, "search")
    with pytest.raises(ValueError, match="'client' parameter"):
        search_catalog(sky_catalog, search, "address")


def test_swapped_positions_are_noticed(sky, search, lsdb):
    few = sky[:500]
    catalog = lsdb.from_dataframe(
        few, ra_column="alpha", dec_column="delta", lowest_order=4, margin_threshold=900
    )
    swapped = catalog.map_partitions(shifted, meta=catalog.meta)
    with pytest.warns(RuntimeWarning, match="no row of the partition is in its pixel"):
        search_catalog(swapped, search)


def shifted(rows):
    return rows.assign(delta=rows["delta"] + 40)


@pytest.mark.slow
def test_two_worker_processes_find_what_one_table_gives(sky_catalog, sky, search):
    distributed = pytest.importorskip("distributed")
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        report = search_catalog(sky_catalog, search, client)
    assert_same_candidates(report.candidates, local(search, report.tiles, sky))
