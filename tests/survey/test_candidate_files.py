"""Candidates written to files and read back."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.survey import CandidateSet

pytest.importorskip("astropy")
pytest.importorskip("pyarrow")

FORMATS = ("ecsv", "parquet")
EXTREMES = [0.1, 1e-300, -1e300, np.nan, np.inf, -np.inf, -0.0, 5e-324]


def make_set(n_stars=50, sizes=(5, 0, 7), *, seed=0, probabilities=True, **columns):
    rng = np.random.default_rng(seed)
    stars = pd.DataFrame(
        {
            "source_id": 2**62 + 2 * rng.permutation(n_stars) + 1,
            "l": rng.uniform(0, 360, n_stars),
            "b": rng.uniform(-90, 90, n_stars),
            "phot_g_mean_mag": rng.uniform(10, 20, n_stars).astype(np.float32),
        }
    )
    indices = [rng.choice(n_stars, size, replace=False) for size in sizes]
    table = pd.DataFrame(
        {
            "tile": [f"t {k}" for k in range(len(sizes))],
            "tile_side": np.resize([1.0, 2.0], len(sizes)),
            "min_cluster_size": np.arange(len(sizes)) + 6,
            "persistence": rng.uniform(size=len(sizes)),
            **columns,
        }
    )
    indices = np.concatenate([np.empty(0, dtype=np.int64), *indices])
    return CandidateSet(
        stars,
        np.concatenate([[0], np.cumsum(sizes)]).astype(int),
        indices,
        table,
        probabilities=rng.uniform(size=len(indices)) if probabilities else None,
        units={"persistence": "", "l": "deg"},
        meta={"search": {"min_cluster_sizes": [6, 15], "eps": 1e-7, "frame": None, "1e5": True}},
    )


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("include_stars", [False, True])
@pytest.mark.parametrize("sizes", [(5, 0, 7), (0,), (), (0, 0), (1,)])
@pytest.mark.parametrize("probabilities", [False, True])
def test_what_is_written_is_read_back(tmp_path, suffix, include_stars, sizes, probabilities):
    candidates = make_set(sizes=sizes, probabilities=probabilities)
    path = tmp_path / f"found.{suffix}"
    candidates.write(path, include_stars=include_stars)
    stars = None if include_stars else candidates.stars
    assert CandidateSet.read(path, stars=stars).equals(candidates)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_type_of_column_comes_back_as_it_was(tmp_path, suffix):
    n = len(EXTREMES)
    columns = {
        "double": EXTREMES,
        "single": np.array(EXTREMES[:1] * n, dtype=np.float32),
        "byte": np.arange(n, dtype=np.uint8),
        "large": np.array([2**63 - 1 - k for k in range(n)]),
        "truth": np.arange(n) % 2 == 0,
        "text": ["", " two  words ", '"quoted"', "a,b", "line\nbreak", "ω Cen", "null", "nan"],
        "gaps": ["", None, "x", None, "None", "y", "z", "w"],
        "missing_text": [None] * n,
        "nullable": pd.array([1, None, 2**62 + 1, 4, 5, 6, 7, 8], dtype="Int64"),
        "nullable_truth": pd.array([True, None] * (n // 2), dtype="boolean"),
        "kind": pd.Categorical(["b", "a"] * (n // 2), categories=["c", "b", "a"], ordered=True),
        "plain_objects": np.array(["a", None] * (n // 2), dtype=object),
    }
    candidates = make_set(sizes=(2,) * n, **columns)
    candidates.write(tmp_path / f"found.{suffix}")
    found = CandidateSet.read(tmp_path / f"found.{suffix}", stars=candidates.stars)
    assert found.table.dtypes.equals(candidates.table.dtypes)
    assert found.equals(candidates)
    assert np.array_equal(np.signbit(found.table["double"]), np.signbit(EXTREMES))


@settings(deadline=None, max_examples=25)
@given(
    values=st.lists(st.floats(), min_size=2, max_size=4),
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=4), min_size=4, max_size=4),
    suffix=st.sampled_from(FORMATS),
)
def test_any_numbers_and_texts_come_back(tmp_path_factory, values, texts, suffix):
    n = len(values)
    candidates = make_set(sizes=(1,) * n, number=values, text=texts[:n])
    path = tmp_path_factory.mktemp("any") / f"found.{suffix}"
    candidates.write(path)
    assert CandidateSet.read(path, stars=candidates.stars).equals(candidates)


@pytest.mark.parametrize("suffix", FORMATS)
def test_without_stars_the_members_keep_their_names(tmp_path, suffix):
    candidates = make_set()
    candidates.write(tmp_path / f"found.{suffix}")
    found = CandidateSet.read(tmp_path / f"found.{suffix}")
    assert found.stars is None
    assert found.n_stars == 50
    assert found.members(0)["source_id"].tolist() == candidates.members(0)["source_id"].tolist()
    assert np.array_equal(found.labels(), candidates.labels())
    assert found.with_stars(candidates.stars).equals(candidates)
    assert found[1:].annotate(x=1.0).with_stars(candidates.stars).n_stars == 50
    assert CandidateSet.concat([found[:1], found[1:]]).equals(found)
    # What was read can be written again.
    found.write(tmp_path / f"again.{suffix}")
    assert CandidateSet.read(tmp_path / f"again.{suffix}").equals(found)


@pytest.mark.parametrize("suffix", FORMATS)
def test_candidates_are_joined_by_source_id_to_stars_in_another_order(tmp_path, suffix):
    candidates = make_set()
    candidates.write(tmp_path / f"found.{suffix}")
    stars = candidates.stars.iloc[::-1]
    found = CandidateSet.read(tmp_path / f"found.{suffix}", stars=stars)
    assert set(found.members(2)["source_id"]) == set(candidates.members(2)["source_id"])
    with pytest.raises(ValueError, match="is not among the stars"):
        CandidateSet.read(
            tmp_path / f"found.{suffix}", stars=stars.assign(source_id=stars["source_id"] - 1)
        )


@pytest.mark.parametrize("suffix", FORMATS)
def test_stars_without_ids_are_joined_by_row(tmp_path, suffix):
    stars = make_set().stars.drop(columns="source_id")
    candidates = CandidateSet(stars, [0, 2], [3, 4], pd.DataFrame({"persistence": [0.5]}))
    candidates.write(tmp_path / f"found.{suffix}")
    assert CandidateSet.read(tmp_path / f"found.{suffix}", stars=stars).equals(candidates)
    with pytest.raises(ValueError, match="over 50 stars; these are 49"):
        CandidateSet.read(tmp_path / f"found.{suffix}", stars=stars[1:])


def test_lists_of_members_may_be_longer_than_csv_allows(tmp_path):
    candidates = make_set(20_000, (15_000,))
    candidates.write(tmp_path / "found.ecsv")
    assert (tmp_path / "found.ecsv").stat().st_size > 3 * csv.field_size_limit()
    before = csv.field_size_limit()
    assert CandidateSet.read(tmp_path / "found.ecsv", stars=candidates.stars).equals(candidates)
    assert csv.field_size_limit() == before


def test_the_ecsv_is_a_table_for_everybody(tmp_path):
    table = pytest.importorskip("astropy.table")
    units = pytest.importorskip("astropy.units")
    candidates = make_set()
    candidates.write(tmp_path / "found.ecsv")
    found = table.Table.read(tmp_path / "found.ecsv")
    assert found["tile_side"].unit == units.deg
    assert found["persistence"].tolist() == candidates.table["persistence"].tolist()
    assert found["member_rows"][2].tolist() == candidates[2].rows.tolist()
    assert found["member_source_id"][0].dtype == np.int64


def test_the_parquet_is_a_table_for_everybody(tmp_path):
    candidates = make_set()
    candidates.write(tmp_path / "found.parquet")
    found = pd.read_parquet(tmp_path / "found.parquet")
    assert found["persistence"].tolist() == candidates.table["persistence"].tolist()
    assert found["member_rows"][2].tolist() == candidates[2].rows.tolist()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 0.999])
def test_a_file_that_was_cut_short_is_refused(tmp_path, suffix, share):
    path = tmp_path / f"found.{suffix}"
    make_set().write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match="found"):
        CandidateSet.read(path)


def test_no_cut_of_the_text_passes_for_the_whole(tmp_path):
    path = tmp_path / "found.ecsv"
    make_set(sizes=(2, 3), probabilities=False).write(path)
    whole = path.read_bytes().rstrip(b"\r\n")
    for end in range(whole.index(b"candidate_id n_members"), len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="found"):
            CandidateSet.read(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_of_another_kind_are_refused(tmp_path, suffix):
    path = tmp_path / f"other.{suffix}"
    if suffix == "parquet":
        pd.DataFrame({"a": [1]}).to_parquet(path)
    else:
        pytest.importorskip("astropy.table").Table({"a": [1]}).write(path)
    with pytest.raises(ValueError, match="was not written by CandidateSet"):
        CandidateSet.read(path)
    path.write_bytes(b"neither of the two\n" * 20)
    with pytest.raises(ValueError, match="other"):
        CandidateSet.read(path)
    with pytest.raises(FileNotFoundError, match="is not there"):
        CandidateSet.read(tmp_path / f"nothing.{suffix}")


def test_a_later_version_of_the_format_is_refused(tmp_path):
    path = tmp_path / "found.ecsv"
    make_set().write(path)
    path.write_text(path.read_text().replace("version: 1", "version: 2"))
    with pytest.raises(ValueError, match="has version 2 of the format"):
        CandidateSet.read(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_stars_that_are_not_those_of_the_set_are_refused(tmp_path, suffix):
    path = tmp_path / f"found.{suffix}"
    make_set().write(path, include_stars=True)
    (stars,) = tmp_path.glob("found.stars-*")
    whole = stars.read_bytes()
    stars.write_bytes(whole[:-20])
    with pytest.raises(ValueError, match="damaged, or its stars are not those"):
        CandidateSet.read(path)
    stars.unlink()
    with pytest.raises(FileNotFoundError, match="is not beside it"):
        CandidateSet.read(path)
    # They are not needed where stars are given.
    assert CandidateSet.read(path, stars=make_set().stars).equals(make_set())


def test_a_star_file_outside_the_folder_is_not_opened(tmp_path):
    path = tmp_path / "sets" / "found.ecsv"
    path.parent.mkdir()
    make_set().write(path, include_stars=True)
    (stars,) = path.parent.glob("found.stars-*")
    stars.rename(tmp_path / stars.name)
    path.write_text(path.read_text().replace(stars.name, f"../{stars.name}"))
    with pytest.raises(FileNotFoundError, match="is not beside it"):
        CandidateSet.read(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"found.{suffix}"
    make_set().write(path)
    before = path.read_bytes()
    bad = make_set(things=[{"a": 1}, [2], object()])
    with pytest.raises(ValueError, match="plain"):
        bad.write(path, overwrite=True, include_stars=True)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_is_not_replaced_unless_asked(tmp_path):
    path = tmp_path / "found.ecsv"
    make_set().write(path)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        make_set(seed=1).write(path)
    make_set(seed=1).write(path, overwrite=True)
    assert CandidateSet.read(path, stars=make_set(seed=1).stars).equals(make_set(seed=1))


@pytest.mark.parametrize("suffix", FORMATS)
def test_equal_sets_give_equal_files(tmp_path, suffix):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_set().write(tmp_path / name / f"found.{suffix}", include_stars=True)
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("one", "two"))
    assert [file.name for file in first] == [file.name for file in second]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_the_format_is_that_of_the_suffix_or_as_asked(tmp_path):
    candidates = make_set()
    candidates.write(tmp_path / "found.dat", format="parquet")
    found = CandidateSet.read(tmp_path / "found.dat", format="parquet", stars=candidates.stars)
    assert found.equals(candidates)
    with pytest.raises(ValueError, match="the suffix of path must be one of"):
        candidates.write(tmp_path / "found.csv")
    with pytest.raises(ValueError, match="format must be one of"):
        candidates.write(tmp_path / "found.ecsv", format="pickle")


def test_names_that_files_need_for_members_are_refused(tmp_path):
    with pytest.raises(ValueError, match="member_rows"):
        make_set(member_rows=[1, 2, 3]).write(tmp_path / "found.ecsv")


def test_stars_that_are_not_there_cannot_be_written(tmp_path):
    bare = CandidateSet(
        None, [0, 1], [0], pd.DataFrame({"x": [1.0]}), n_stars=3, member_source_id=[17]
    )
    with pytest.raises(ValueError, match="needs a set with stars"):
        bare.write(tmp_path / "found.ecsv", include_stars=True)


def test_metadata_are_those_of_a_plain_file():
    candidates = make_set()
    assert json.loads(json.dumps(candidates.meta)) == candidates.meta
