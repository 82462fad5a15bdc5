"""A search that was killed goes on where it stopped, and only that search."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from climbkit.survey import SquareTiling, TiledHDBSCAN, _tile_runs, _tile_search


@pytest.fixture(scope="module")
def stars():
    rng = np.random.default_rng(0)
    X = rng.uniform([10, 0, 0, -5, -5], [14, 4, 1, 5, 5], (3000, 5))
    for centre in ([11, 1], [12.5, 3.2], [13, 2]):
        rows = rng.choice(len(X), 40, replace=False)
        X[rows] = rng.normal([*centre, 0.5, 3, -2], [0.03, 0.03, 0.02, 0.1, 0.1], (40, 5))
    table = pd.DataFrame(X, columns=["l", "b", "parallax", "pmra", "pmdec"])
    table["source_id"] = rng.permutation(len(X)) + 2**60
    return table


@pytest.fixture
def search(tmp_path):
    return TiledHDBSCAN((1, 2), [6, 8], checkpoint=tmp_path / "search")


@pytest.fixture(scope="module")
def expected(stars):
    return TiledHDBSCAN((1, 2), [6, 8]).fit(stars)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(_tile_runs, "_BATCH_STARS", 500)


def searched(monkeypatch, *, fail_at=None):
    """Count the tiles that are searched; raise in one of them."""
    count = []
    search_tile = _tile_search.search_tile

    def counted(field, tile, settings):
        if fail_at is not None and len(count) == fail_at:
            raise KeyboardInterrupt
        count.append(tile.key)
        return search_tile(field, tile, settings)

    monkeypatch.setattr(_tile_runs, "search_tile", counted)
    return count


def assert_identical(first, second):
    pd.testing.assert_frame_equal(
        first.candidates_.table, second.candidates_.table, check_exact=True
    )
    for name in ("indptr", "indices", "probabilities"):
        np.testing.assert_array_equal(
            getattr(first.candidates_, name), getattr(second.candidates_, name)
        )
    np.testing.assert_array_equal(first.labels_, second.labels_)
    pd.testing.assert_frame_equal(first.tiles_, second.tiles_)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_killed_at_half_and_started_again_is_identical(
    stars, search, expected, monkeypatch, n_jobs
):
    search.set_params(n_jobs=n_jobs)
    half = expected.n_tiles_ // 2
    with monkeypatch.context() as patch:
        before = searched(patch, fail_at=half)
        with pytest.raises(KeyboardInterrupt):
            search.fit(stars)
    with monkeypatch.context() as patch:
        after = searched(patch)
        search.fit(stars)
    assert 0 < len(after) < expected.n_tiles_
    # Only tasks that were under way are repeated.
    assert len(before) + len(after) <= expected.n_tiles_ + 4
    assert_identical(search, expected)


def test_finished_search_is_read_back(stars, search, expected, monkeypatch):
    search.fit(stars)
    again = searched(monkeypatch)
    assert_identical(clone(search).fit(stars), expected)
    assert again == []


def test_rows_in_another_order_are_the_same_search(stars, search, expected, monkeypatch):
    search.fit(stars)
    again = searched(monkeypatch)
    order = np.random.default_rng(1).permutation(len(stars))
    permuted = clone(search).fit(stars.iloc[order].reset_index(drop=True))
    assert again == []
    np.testing.assert_array_equal(permuted.labels_, expected.labels_[order])
    # But not with hdbscan's tree, whose labels depend on the order.
    search.set_params(mst="hdbscan", checkpoint=search.checkpoint.with_name("other")).fit(stars)
    with pytest.raises(ValueError, match="other stars"):
        clone(search).fit(stars.iloc[order])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_file_that_was_cut_short_is_computed_again(stars, search, expected, monkeypatch, share):
    search.fit(stars)
    path = sorted(search.checkpoint.glob("*.npz"))[1]
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    again = searched(monkeypatch)
    assert_identical(clone(search).fit(stars), expected)
    assert 0 < len(again) < expected.n_tiles_
    assert path.read_bytes() == content


def test_damaged_number_is_computed_again(stars, search, expected):
    search.fit(stars)
    path = max(search.checkpoint.glob("*.npz"), key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert_identical(clone(search).fit(stars), expected)


def test_half_written_files_are_ignored(stars, search, expected):
    search.checkpoint.mkdir()
    (search.checkpoint / "manifest.json.part").write_text("{")
    (search.checkpoint / "sky-1-000-000.npz.part").write_text("half")
    assert_identical(search.fit(stars), expected)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"min_cluster_sizes": [6, 9]}, "min_cluster_sizes"),
        ({"margin": 0.1}, "margin was 0.25, is 0.1"),
        ({"tile_sides": (1,)}, "tilings"),
        ({"tiling": SquareTiling(grid="plane")}, "tilings"),
        ({"features": ["parallax"]}, "features"),
        ({"max_r50": 0.2}, "max_r50"),
    ],
)
def test_other_parameters_are_refused(stars, search, parameters, named):
    search.fit(stars)
    with pytest.raises(ValueError, match=f"other parameters.*{named}"):
        clone(search).set_params(**parameters).fit(stars)


def test_what_does_not_change_the_result_may_change(stars, search, expected):
    search.fit(stars)
    assert_identical(clone(search).set_params(n_jobs=2, verbose=0).fit(stars), expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.iloc[:-1],
        lambda s: s.assign(parallax=s["parallax"] + 1e-12),
        lambda s: s.assign(l=s["l"].where(s.index != 7)),
    ],
)
def test_other_stars_are_refused(stars, search, change):
    search.fit(stars)
    with pytest.raises(ValueError, match="other stars"):
        clone(search).fit(change(stars))
    with pytest.raises(ValueError, match="other stars"):
        clone(search).fit(stars, mask=np.arange(len(stars)) > 0)


def test_other_versions_and_strange_folders_are_refused(stars, search):
    search.fit(stars)
    path = search.checkpoint / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"climbkit": "0.0"}))
    with pytest.raises(ValueError, match="another version"):
        search.fit(stars)
    path.write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        search.fit(stars)
    path.unlink()
    with pytest.raises(ValueError, match="holds no search"):
        search.fit(stars)


def test_files_hold_no_pickle(stars, search):
    search.fit(stars)
    for path in search.checkpoint.glob("*.npz"):
        with np.load(path, allow_pickle=False) as file:
            assert all(file[name].dtype != object for name in file.files)
