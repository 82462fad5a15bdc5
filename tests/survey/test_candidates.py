import pickle
import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.survey import CandidateSet, candidate_ids, describe_candidates

N_STARS = 300
SIZES = (5, 0, 12, 30, 12)


def make_stars(n=N_STARS, seed=0, lon=0.0, lat=10.0):
    """Stars around (lon, lat), whose ids a float would round."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "source_id": 2**60 + 2 * rng.permutation(n) + 1,
            "l": (lon + rng.uniform(-3, 3, n)) % 360,
            "b": lat + rng.uniform(-3, 3, n),
            "parallax": rng.normal(0.5, 0.1, n),
            "pmra": rng.normal(-3, 1, n),
            "pmdec": rng.normal(2, 1, n),
        }
    )


def make_members(n=N_STARS, sizes=SIZES, seed=1):
    rng = np.random.default_rng(seed)
    members = [np.sort(rng.choice(n, size, replace=False)) for size in sizes]
    return np.concatenate([[0], np.cumsum(sizes)]), np.concatenate(members).astype(np.int64)


def make_table(sizes=SIZES):
    return pd.DataFrame(
        {
            "tile_side": np.resize([1.0, 2.0, 5.0], len(sizes)),
            "min_cluster_size": np.arange(len(sizes)) + 6,
            "persistence": np.linspace(0.1, 0.9, len(sizes)),
        }
    )


@pytest.fixture
def stars():
    return make_stars()


@pytest.fixture
def candidates(stars):
    indptr, indices = make_members()
    probabilities = np.random.default_rng(2).uniform(size=len(indices))
    return CandidateSet(stars, indptr, indices, make_table(), probabilities=probabilities)


# Construction


def test_members_are_sorted_together_with_their_probabilities(stars):
    mixed = CandidateSet(
        stars, [0, 2, 4], [7, 3, 1, 2], make_table((2, 2)), probabilities=[0.7, 0.3, 0.1, 0.2]
    )
    assert mixed.indices.tolist() == [3, 7, 1, 2]
    assert mixed.probabilities.tolist() == [0.3, 0.7, 0.1, 0.2]


def test_arrays_of_a_set_cannot_be_written(candidates):
    for values in (candidates.indptr, candidates.indices, candidates.probabilities):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0


def test_a_changed_table_does_not_change_the_set(candidates):
    table = candidates.table
    table.loc[0, "persistence"] = 99.0
    assert candidates.table["persistence"].equals(make_table()["persistence"])


def test_the_table_that_was_given_is_left_alone(stars):
    table = make_table((2,))
    CandidateSet(stars, [0, 2], [0, 1], table)
    assert list(table) == list(make_table((2,)))


@pytest.mark.parametrize(
    ("indptr", "indices", "message"),
    [
        ([0, 2], [0, 1], "indptr must have one entry more"),
        ([0, 1, 1], [0, 1], "end at the number of indices"),
        ([0, 3, 2], [0, 1], "never decrease"),
        ([1, 2, 2], [0, 1], "start at 0"),
        ([0, 1, 2], [0, N_STARS], "row numbers of the stars"),
        ([0, 1, 2], [0, -1], "row numbers of the stars"),
        ([0, 1, 2], [0.5, 1.0], "whole numbers"),
        ([0, 0, 3], [4, 5, 4], "candidate 1 holds the star in row 4 more than once"),
    ],
)
def test_memberships_that_are_no_sparse_matrix_are_refused(stars, indptr, indices, message):
    with pytest.raises(ValueError, match=message):
        CandidateSet(stars, indptr, indices, make_table((1, 1)))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"probabilities": [0.5]}, "one entry per index"),
        ({"probabilities": [0.5, 1.5]}, "between 0 and 1"),
        ({"probabilities": [0.5, np.nan]}, "between 0 and 1"),
        ({"n_stars": 3}, "n_stars is 3"),
        ({"member_source_id": [1, 2]}, "for sets without stars"),
        ({"meta": {"x": object()}}, "meta must hold plain"),
    ],
)
def test_further_parts_that_do_not_fit_are_refused(stars, extra, message):
    with pytest.raises(ValueError, match=message):
        CandidateSet(stars, [0, 2], [0, 1], make_table((2,)), **extra)


def test_wrong_member_counts_in_the_table_are_refused(stars):
    with pytest.raises(ValueError, match="n_members disagree"):
        CandidateSet(stars, [0, 2], [0, 1], pd.DataFrame({"n_members": [3]}))


def test_astropy_tables_come_in_with_their_units(stars):
    table = pytest.importorskip("astropy.table")
    units = pytest.importorskip("astropy.units")
    field = table.QTable.from_pandas(stars)
    field["parallax"] = stars["parallax"].to_numpy() * 1000 * units.uas
    found = table.QTable({"size": [1.0] * units.pc})
    candidates = CandidateSet(field, [0, 2], [0, 1], found)
    assert candidates.units["parallax"] == "uas"
    assert candidates.to_qtable()["size"].unit == units.pc
    assert candidates.stars["source_id"].tolist() == stars["source_id"].tolist()


def test_a_set_without_candidates_is_a_set(stars):
    for field in (stars, stars[:0]):
        empty = CandidateSet(field, [0], [], make_table(()))
        assert len(empty) == 0
        assert empty.labels().tolist() == [-1] * len(field)
        assert list(empty) == []
        assert empty.select("persistence > 0").equals(empty)
        assert describe_candidates(field, [0], []).shape == (0, 10)


def test_columns_of_arrow_and_nullable_types_are_as_good(candidates, stars):
    pytest.importorskip("pyarrow")
    expected = describe_candidates(stars, *make_members())
    for backend in ("pyarrow", "numpy_nullable"):
        same = stars.convert_dtypes(dtype_backend=backend)
        assert same["l"].dtype != stars["l"].dtype
        found = CandidateSet(same, *make_members(), make_table())
        assert found.table["candidate_id"].equals(candidates.table["candidate_id"])
        assert describe_candidates(same, *make_members()).equals(expected)
        nameless = stars.drop(columns="source_id")
        assert np.array_equal(
            candidate_ids(same.drop(columns="source_id"), *make_members()),
            candidate_ids(nameless, *make_members()),
        )


def test_a_set_travels_to_other_processes(candidates):
    assert pickle.loads(pickle.dumps(candidates)).equals(candidates)


# Choosing


def test_a_number_or_an_id_gives_one_candidate_with_its_members(candidates, stars):
    one = candidates[-2]
    assert one.candidate_id == candidates.table["candidate_id"][3]
    assert len(one) == 30
    assert one["persistence"] == one.row["persistence"] == pytest.approx(0.7)
    begin, end = candidates.indptr[3:5]
    assert np.array_equal(one.rows, candidates.indices[begin:end])
    assert np.array_equal(one.probabilities, candidates.probabilities[begin:end])
    assert one.members.equals(stars.iloc[one.rows])
    assert candidates[one.candidate_id].members.equals(candidates.members(3))


def test_iteration_gives_every_candidate_in_turn(candidates):
    assert [len(one) for one in candidates] == list(SIZES)


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        (slice(1, 4), [1, 2, 3]),
        (slice(None, None, -1), [4, 3, 2, 1, 0]),
        ([3, 0, 3], [3, 0, 3]),
        (np.array([-1, 1]), [4, 1]),
        ([True, False, False, True, False], [0, 3]),
        (pd.Series([False, True, True, False, False], index=[9, 8, 7, 6, 5]), [1, 2]),
        ([], []),
        (np.zeros(5, dtype=bool), []),
    ],
)
def test_slices_masks_and_numbers_give_smaller_sets(candidates, key, rows):
    chosen = candidates[key]
    assert chosen.table["min_cluster_size"].tolist() == [row + 6 for row in rows]
    for number, row in enumerate(rows):
        assert np.array_equal(chosen[number].rows, candidates[row].rows)
        assert np.array_equal(chosen[number].probabilities, candidates[row].probabilities)


def test_ids_choose_in_their_own_order(candidates):
    ids = candidates.table["candidate_id"]
    for key in (ids[[4, 2]], ids[[4, 2]].tolist(), ids[[4, 2]].to_numpy()):
        assert candidates[key].table["candidate_id"].tolist() == [ids[4], ids[2]]


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (5, IndexError, "candidate 5 is out of range"),
        ([0, -6], IndexError, "candidate -6 is out of range"),
        ([True, False], IndexError, "the mask has 2 entries for 5"),
        (True, IndexError, "candidates are chosen by"),
        ([0.0, 1.0], IndexError, "candidates are chosen by"),
        (np.zeros((2, 2), dtype=int), IndexError, "candidates are chosen by"),
        ("nobody", KeyError, "0 candidates have the id 'nobody'"),
        (["nobody"], KeyError, "no candidate has the id 'nobody'"),
    ],
)
def test_keys_that_name_no_candidate_are_refused(candidates, key, error, message):
    with pytest.raises(error, match=message):
        candidates[key]


def test_an_id_that_stands_twice_is_not_guessed(candidates):
    twice = CandidateSet.concat([candidates, candidates[2:3]])
    name = twice[2].candidate_id
    with pytest.raises(KeyError, match="2 candidates have the id"):
        twice[name]
    with pytest.raises(KeyError, match="several candidates have the id"):
        twice[[name]]


def test_select_takes_queries_functions_and_masks(candidates):
    expected = [2, 3, 4]
    by_mask = candidates.select(candidates.table["persistence"] > 0.4)
    for chosen in (
        by_mask,
        candidates.select("persistence > 0.4"),
        candidates.select(lambda table: table["persistence"] > 0.4),
    ):
        assert chosen.equals(candidates[expected])
    with pytest.raises(ValueError, match="true or false for each of the 5 candidates"):
        candidates.select("persistence + 1")


def test_sorting_keeps_the_order_of_equal_candidates(candidates):
    ordered = candidates.sort_values("n_members", ascending=False)
    assert ordered.equals(candidates[[3, 2, 4, 0, 1]])


# Annotation


def test_annotation_gives_a_new_set_and_keeps_the_old_one(candidates):
    annotated = candidates.annotate(cnn=np.arange(5.0)).annotate("distance", 3.0, unit="kpc")
    assert "cnn" not in candidates.table
    assert annotated.table["cnn"].tolist() == [0, 1, 2, 3, 4]
    assert annotated.units["distance"] == "kpc"
    assert annotated[2:].table["cnn"].tolist() == [2, 3, 4]


def test_annotation_goes_by_position_not_by_index(candidates):
    values = pd.Series(["a", "b", "c", "d", "e"], index=[4, 3, 2, 1, 0])
    assert candidates.annotate(name=values).table["name"].tolist() == ["a", "b", "c", "d", "e"]


def test_quantities_and_columns_bring_their_unit(candidates):
    units = pytest.importorskip("astropy.units")
    table = pytest.importorskip("astropy.table")
    for values in (np.arange(5) * units.pc, table.Column(np.arange(5.0), unit="pc")):
        annotated = candidates.annotate(radius=values)
        assert annotated.units["radius"] == "pc"
        assert annotated.table["radius"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"cnn": [1.0, 2.0]}, "one value for each of the 5 candidates"),
        ({"candidate_id": list("abcde")}, "cannot be annotated"),
        ({"n_members": [1] * 5}, "cannot be annotated"),
    ],
)
def test_annotation_that_does_not_fit_is_refused(candidates, columns, message):
    with pytest.raises(ValueError, match=message):
        candidates.annotate(**columns)


# Labels of stars


def test_a_star_gets_the_candidate_with_the_largest_value(stars):
    table = pd.DataFrame({"persistence": [0.2, 0.9, 0.5], "size": [3.0, 1.0, 2.0]})
    candidates = CandidateSet(stars, [0, 3, 5, 7], [0, 1, 2, 2, 3, 3, 4], table)
    assert candidates.labels()[:6].tolist() == [0, 0, 1, 1, 2, -1]
    assert candidates.labels(by="size")[:6].tolist() == [0, 0, 0, 2, 2, -1]
    assert candidates.labels(by=[0, 1, np.nan])[:6].tolist() == [0, 0, 1, 1, 2, -1]
    assert len(candidates.labels()) == N_STARS


def test_between_equal_values_the_candidate_with_more_members_is_best(stars):
    table = pd.DataFrame({"persistence": [0.5, 0.5]})
    few, many = [0, 1], [0, 1, 2]
    first = CandidateSet(stars, [0, 2, 5], few + many, table)
    assert first.labels()[:3].tolist() == [1, 1, 1]
    second = CandidateSet(stars, [0, 3, 5], many + few, table)
    assert second.labels()[:3].tolist() == [0, 0, 0]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_labels_do_not_depend_on_the_order_of_stars_or_candidates(seed):
    rng = np.random.default_rng(seed)
    stars = make_stars(40)
    indptr, indices = make_members(40, tuple(rng.integers(0, 12, 8)), seed)
    table = pd.DataFrame({"persistence": rng.integers(0, 3, 8) / 2})
    candidates = CandidateSet(stars, indptr, indices, table)
    names = np.array([candidates.label_names[k] for k in candidates.labels()])

    order = rng.permutation(40)
    moved = candidates.with_stars(stars.iloc[order])[rng.permutation(8)]
    moved_names = np.array([moved.label_names[k] for k in moved.labels()])
    assert np.array_equal(moved_names, names[order])


def test_label_names_are_the_names_where_there_are_any(candidates):
    assert candidates.label_names[-1] == "no candidate"
    assert candidates.label_names[2] == candidates[2].candidate_id
    assert candidates.annotate(name=list("abcde")).label_names[2] == "c"


# Ids


def test_ids_do_not_depend_on_the_order_of_stars_or_members(candidates, stars):
    rng = np.random.default_rng(5)
    order = rng.permutation(N_STARS)
    indptr, indices = make_members()
    for number in range(len(SIZES)):
        rng.shuffle(indices[indptr[number] : indptr[number + 1]])
    moved = CandidateSet(stars.iloc[order], indptr, np.argsort(order)[indices], make_table())
    assert moved.table["candidate_id"].equals(candidates.table["candidate_id"])


def test_ids_differ_by_stars_by_tile_side_and_by_min_cluster_size(stars):
    def name(rows, **scale):
        return candidate_ids(stars, [0, len(rows)], rows, **scale)[0]

    names = {
        name([0, 1, 2]),
        name([0, 1, 3]),
        name([0, 1]),
        name([]),
        name([0, 1, 2], tile_side=1.0),
        name([0, 1, 2], tile_side=2.0),
        name([0, 1, 2], min_cluster_size=6),
        name([0, 1, 2], min_cluster_size=7),
        name([0, 1, 2], tile_side=1.0, min_cluster_size=6),
    }
    assert len(names) == 9


def splitmix64(state):
    state = (state + 0x9E3779B97F4A7C15) % 2**64
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def id_by_hand(source_ids, tile_side, min_cluster_size):
    state = sum(map(splitmix64, source_ids)) % 2**64
    for value in (len(source_ids), *struct.unpack("<Q", struct.pack("<d", tile_side))):
        state = (splitmix64(state) + value) % 2**64
    return f"c{splitmix64(splitmix64(state) + min_cluster_size):016x}"


def test_ids_stay_what_they_are():
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # published first output for the seed 0
    stars = pd.DataFrame({"source_id": [4418723827992114560, 4418926236916262656, 17]})
    found = candidate_ids(stars, [0, 2, 3], [1, 0, 2], tile_side=2, min_cluster_size=[6, 7])
    assert found[0] == id_by_hand(stars["source_id"].tolist()[:2], 2.0, 6)
    assert found.tolist() == ["c85360446bf743237", "c85ac55e529d46ea2"]


def test_a_candidate_id_is_of_the_table_scale(candidates, stars):
    table = make_table()
    expected = candidate_ids(
        stars,
        *make_members(),
        tile_side=table["tile_side"],
        min_cluster_size=table["min_cluster_size"],
    )
    assert candidates.table["candidate_id"].tolist() == expected.tolist()


@pytest.mark.parametrize("names", [("l", "b"), ("ra", "dec")])
def test_exact_positions_stand_for_stars_without_ids(names):
    stars = pd.DataFrame({names[0]: [0.0, 1.0, 2.0, -0.0], names[1]: [5.0, 6.0, 7.0, 5.0]})
    first, swapped, other, zero = (
        candidate_ids(stars, [0, 2], rows)[0] for rows in ([0, 1], [1, 0], [0, 2], [1, 3])
    )
    assert first == swapped == zero
    assert first != other
    nudged = stars.assign(**{names[1]: np.nextafter(stars[names[1]], 90)})
    assert candidate_ids(nudged, [0, 2], [0, 1])[0] != first


@pytest.mark.parametrize(
    "ids",
    [
        np.array([1.0, 2.0]),
        pd.array([1, None], dtype="Int64"),
        np.array(["1", "2"]),
    ],
)
def test_ids_that_are_not_complete_whole_numbers_are_refused(ids):
    with pytest.raises(ValueError, match="source_id must be a complete column of whole numbers"):
        candidate_ids(pd.DataFrame({"source_id": ids}), [0, 1], [0])
    named = pd.DataFrame({"candidate_id": ["a"]})
    with pytest.raises(ValueError, match="source_id must be a complete column of whole numbers"):
        CandidateSet(pd.DataFrame({"source_id": ids}), [0, 1], [0], named)


def test_stars_without_ids_and_positions_cannot_name_candidates():
    with pytest.raises(ValueError, match="nothing to be told apart by"):
        candidate_ids(pd.DataFrame({"parallax": [1.0]}), [0, 1], [0])


# Description


def separation(lon, lat, lon0, lat0):
    """Angle in degrees, by the haversine formula."""
    lon, lat, lon0, lat0 = map(np.radians, (lon, lat, lon0, lat0))
    haversine = (
        np.sin((lat - lat0) / 2) ** 2 + np.cos(lat) * np.cos(lat0) * np.sin((lon - lon0) / 2) ** 2
    )
    return np.degrees(2 * np.arcsin(np.sqrt(haversine)))


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    lon=st.floats(0, 360),
    lat=st.floats(-90, 90),
)
def test_descriptions_equal_those_of_each_candidate_by_itself(seed, lon, lat):
    rng = np.random.default_rng(seed)
    stars = make_stars(60, seed, lon, 0.0)
    stars["b"] = np.clip(lat + stars["b"] / 3, -90, 90)
    stars.loc[rng.integers(0, 60, 5), "parallax"] = np.nan
    sizes = rng.integers(0, 10, 6)
    indptr, indices = make_members(60, tuple(sizes), seed)
    table = describe_candidates(stars, indptr, indices)
    assert table["n_members"].tolist() == sizes.tolist()
    for number, size in enumerate(sizes):
        row, members = table.iloc[number], stars.iloc[indices[indptr[number] : indptr[number + 1]]]
        if size == 0:
            assert row.drop("n_members").isna().all()
            continue
        away = separation(members["l"], members["b"], row["l"], row["b"])
        assert row["r50"] == pytest.approx(np.median(away), abs=1e-9)
        assert row["pmra"] == pytest.approx(members["pmra"].mean())
        assert row["parallax_std"] == pytest.approx(members["parallax"].std(ddof=0), nan_ok=True)
        # The mean direction is the one from which displacements to the members cancel.
        lon_, lat_ = np.radians(members["l"]), np.radians(members["b"])
        total = [
            (np.cos(lat_) * np.cos(lon_)).sum(),
            (np.cos(lat_) * np.sin(lon_)).sum(),
            np.sin(lat_).sum(),
        ]
        east = [-np.sin(np.radians(row["l"])), np.cos(np.radians(row["l"])), 0.0]
        assert np.dot(total, east) == pytest.approx(0.0, abs=1e-9)
        assert 0 <= row["l"] < 360


def test_a_candidate_across_the_meridian_has_its_centre_there():
    stars = pd.DataFrame({"l": [359.9, 0.1, 0.1, 359.9], "b": [1.0, 1.0, -1.0, -1.0]})
    row = describe_candidates(stars, [0, 4], [0, 1, 2, 3]).iloc[0]
    assert min(row["l"], 360 - row["l"]) == pytest.approx(0, abs=1e-9)
    assert row["b"] == pytest.approx(0, abs=1e-9)
    assert row["r50"] == pytest.approx(1.005, abs=1e-3)


def test_a_candidate_around_a_pole_has_its_centre_there():
    stars = pd.DataFrame({"ra": [0.0, 90.0, 180.0, 270.0], "dec": [89.5] * 4})
    row = describe_candidates(stars, [0, 4], [0, 1, 2, 3]).iloc[0]
    assert row["dec"] == pytest.approx(90)
    assert row["r50"] == pytest.approx(0.5)


def test_both_systems_give_the_same_radius_and_centre():
    coordinates = pytest.importorskip("astropy.coordinates")
    stars = make_stars(lon=120.0, lat=40.0)
    sky = coordinates.SkyCoord(l=stars["l"], b=stars["b"], unit="deg", frame="galactic").icrs
    stars["ra"], stars["dec"] = sky.ra.deg, sky.dec.deg
    indptr, indices = make_members()
    table = describe_candidates(stars, indptr, indices)
    equatorial = describe_candidates(stars.drop(columns=["l", "b"]), indptr, indices)
    assert np.allclose(table["r50"], equatorial["r50"], rtol=1e-9, equal_nan=True)
    filled = table["n_members"] > 0
    centre = coordinates.SkyCoord(
        l=table["l"][filled], b=table["b"][filled], unit="deg", frame="galactic"
    ).icrs
    assert np.allclose(centre.ra.deg, table["ra"][filled], atol=1e-9)
    assert np.allclose(centre.dec.deg, table["dec"][filled], atol=1e-9)
    assert "l" not in equatorial


def test_stars_without_positions_cannot_be_described():
    with pytest.raises(ValueError, match="l and b, or ra and dec"):
        describe_candidates(pd.DataFrame({"l": [1.0]}), [0, 1], [0])


# Other tables


def test_quantities_of_the_qtable_have_the_units_of_gaia(candidates, stars):
    units = pytest.importorskip("astropy.units")
    described = candidates.annotate(
        **describe_candidates(stars, *make_members()).drop(columns="n_members")
    ).annotate(name=["a", None, "c", "d", "e"])
    table = described.to_qtable()
    assert table.colnames == list(described.table)
    assert table["pmra"].unit == units.mas / units.yr
    assert table["r50"].unit == table["tile_side"].unit == units.deg
    assert table["r50"].value.tolist()[2:] == described.table["r50"].tolist()[2:]
    assert table["n_members"].tolist() == list(SIZES)
    assert table["name"][2] == "c"


def test_tables_of_members_have_a_row_for_each(candidates, stars):
    table = candidates.to_pandas(members=True)
    assert table["candidate_id"].tolist() == [
        one.candidate_id for one in candidates for _ in one.rows
    ]
    assert np.array_equal(table["source_id"], stars["source_id"].to_numpy()[table["row"]])
    assert np.array_equal(table["probability"], candidates.probabilities)
    assert table.attrs["units"]["parallax"] == "mas"
    assert candidates.to_pandas().attrs["units"] == {"tile_side": "deg"}


def test_the_head_of_the_table_is_shown(candidates):
    for text in (repr(candidates), candidates._repr_html_()):
        assert "5 candidates of 300 stars, 59 memberships" in text
        assert candidates[0].candidate_id in text


# Sets together


def test_parts_joined_again_are_the_whole(candidates):
    parts = [candidates[:2], candidates[2:2], candidates[2:]]
    assert CandidateSet.concat(parts).equals(candidates)
    empty = CandidateSet.concat([candidates[:0], candidates[:0]])
    assert empty.equals(candidates[:0])


def test_sets_over_different_stars_are_not_joined(candidates):
    others = make_stars(seed=9)
    with pytest.raises(ValueError, match="over different stars"):
        CandidateSet.concat([candidates, CandidateSet(others, *make_members(), make_table())])
    with pytest.raises(ValueError, match="at least one"):
        CandidateSet.concat([])


def test_sets_that_disagree_are_not_joined(candidates):
    metres, parsecs = (candidates.annotate("size", 1.0, unit=unit) for unit in ("m", "pc"))
    with pytest.raises(ValueError, match="give size in 'm' and in 'pc'"):
        CandidateSet.concat([metres, parsecs])
    bare = CandidateSet(candidates.stars, *make_members(), make_table())
    with pytest.raises(ValueError, match="some of the sets have probabilities"):
        CandidateSet.concat([candidates, bare])


def test_candidates_follow_their_stars_into_another_table(candidates, stars):
    others = make_stars(seed=3).assign(source_id=np.arange(N_STARS) // 2)  # each of them twice
    more = pd.concat([others, stars[::-1]])
    moved = candidates.with_stars(more)
    for one, other in zip(candidates, moved, strict=True):
        assert set(one.members["source_id"]) == set(other.members["source_id"])
        assert one.candidate_id == other.candidate_id
        by_star = dict(zip(one.members["source_id"], one.probabilities, strict=True))
        assert [by_star[i] for i in other.members["source_id"]] == other.probabilities.tolist()


def test_members_that_are_missing_or_doubled_are_not_guessed(candidates, stars):
    first = int(candidates.indices[0])
    with pytest.raises(ValueError, match="is not among the stars"):
        candidates.with_stars(stars.drop(index=first))
    with pytest.raises(ValueError, match="stands more than once among the stars"):
        candidates.with_stars(pd.concat([stars.iloc[[first]], stars]))
    with pytest.raises(ValueError, match="which these lack"):
        candidates.with_stars(stars.drop(columns="source_id"))


def test_equal_sets_differ_by_each_of_their_parts(candidates):
    assert candidates.equals(candidates.annotate())
    for other in (
        candidates[::-1],
        candidates.annotate(x=1),
        candidates.annotate("persistence", candidates.table["persistence"], unit="m"),
        candidates.annotate(persistence=candidates.table["persistence"].astype("float32")),
        CandidateSet(candidates.stars, *make_members(), make_table()),
        candidates.with_stars(candidates.stars.assign(parallax=0.0)),
        candidates.table,
    ):
        assert not candidates.equals(other)


# Other members


def test_other_members_leave_all_else_as_it_is(candidates):
    candidates = candidates.annotate("reach", 1.5, unit="arcmin")
    indptr, indices = make_members(sizes=(3, 4, 0, 1, 2), seed=7)
    changed = candidates.with_members(indptr, indices)
    np.testing.assert_array_equal(changed.indptr, indptr)
    np.testing.assert_array_equal(changed.indices, indices)
    assert changed.probabilities is None
    assert changed.table["n_members"].tolist() == [3, 4, 0, 1, 2]
    rest = candidates.table.columns.drop("n_members")
    assert changed.table.columns.tolist() == candidates.table.columns.tolist()
    pd.testing.assert_frame_equal(changed.table[rest], candidates.table[rest])
    assert changed.units == candidates.units
    assert changed.stars is candidates.stars
    assert candidates.table["n_members"].tolist() == list(SIZES)


def test_other_probabilities_are_sorted_with_their_stars(candidates):
    same = candidates.with_members(candidates.indptr, candidates.indices, candidates.probabilities)
    assert same.equals(candidates)
    backwards = np.concatenate([p[::-1] for p in np.split(np.arange(59), np.cumsum(SIZES)[:-1])])
    turned = candidates.with_members(
        candidates.indptr, candidates.indices[backwards], candidates.probabilities[backwards]
    )
    assert turned.equals(candidates)


def test_sets_without_stars_take_other_members_with_their_ids(candidates):
    bare = CandidateSet(
        None,
        candidates.indptr,
        candidates.indices,
        candidates.table,
        n_stars=N_STARS,
        member_source_id=candidates.member_source_id,
    )
    changed = bare.with_members([0, 1, 1, 1, 1, 2], [4, 3], member_source_id=[40, 30])
    assert changed.member_source_id.tolist() == [40, 30]
    assert changed.table["candidate_id"].tolist() == bare.table["candidate_id"].tolist()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([0, 1], [0]), "indptr must have one entry more"),
        (([0, 1, 1, 1, 1, 1], [N_STARS]), "row numbers of the stars"),
        (([0, 2, 2, 2, 2, 2], [5, 5]), "more than once"),
        (([0, 1, 1, 1, 1, 1], [0], [1.5]), "between 0 and 1"),
        (([0, 1, 1, 1, 1, 1], [0], [0.5, 0.5]), "one entry per index"),
    ],
)
def test_other_members_that_do_not_fit_are_refused(candidates, parts, message):
    with pytest.raises(ValueError, match=message):
        candidates.with_members(*parts)
