"""TiledHDBSCAN: clusters anywhere on the sky, any order of rows, any division of the work."""

import pickle
import types

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.preprocessing import RobustScaler, StandardScaler

from climbkit.survey import HealpixTiling, SquareTiling, TiledHDBSCAN, _tile_runs
from climbkit.survey._frames import directions, motion_vectors, unit_vectors

N_MEMBERS = 80
COLUMNS = ["l", "b", "parallax", "pmra", "pmdec"]
# At larger sizes some fields have no second cluster, and HDBSCAN never takes the only one.
SMALL = {"tile_sides": (1,), "min_cluster_sizes": [6]}


def around_origin(seed=0, radius=1.5, density=300, sigma=0.05):
    """A field about (0, 0) with a cluster in its middle: positions, proper motions as vectors."""
    rng = np.random.default_rng(seed)
    n = int(density * np.pi * radius**2)
    r, angle = radius * np.sqrt(rng.uniform(size=n)), rng.uniform(0, 2 * np.pi, n)
    lon, lat = r * np.cos(angle), r * np.sin(angle)
    lon[:N_MEMBERS], lat[:N_MEMBERS] = rng.normal(0, sigma, (2, N_MEMBERS))
    parallax = rng.gamma(2.0, 0.5, n)
    pm = rng.normal(0, 4, (2, n))
    parallax[:N_MEMBERS] = rng.normal(0.4, 0.05, N_MEMBERS)
    pm[:, :N_MEMBERS] = rng.normal([[3.0], [-2.0]], 0.15, (2, N_MEMBERS))
    return unit_vectors(lon, lat), motion_vectors(*pm, lon, lat), parallax


def field_at(lon, lat, seed=0, **kwargs):
    """The field of `around_origin`, turned as a whole, so that its middle comes to lie elsewhere.

    Proper motions are along the axes of the positions, as in a table with ra and dec.
    """
    positions, motions, parallax = around_origin(seed, **kwargs)
    a, b = np.radians(lon), np.radians(lat)
    up = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    about = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    positions, motions = about @ up @ positions, about @ up @ motions
    lon, lat = directions(positions)
    east = np.stack([-np.sin(np.radians(lon)), np.cos(np.radians(lon)), np.zeros(len(lon))])
    north = np.cross(positions.T, east.T).T
    stars = pd.DataFrame(
        {
            "ra": lon,
            "dec": lat,
            "parallax": parallax,
            "pmra": (motions * east).sum(axis=0),
            "pmdec": (motions * north).sum(axis=0),
        }
    )
    stars["source_id"] = np.random.default_rng(seed).permutation(2**60 + 2 * np.arange(len(lon)))
    return stars


def members_found(search, stars):
    """For each minimum cluster size: how many of the members each candidate of the cluster has."""
    candidates = search.fit(stars).candidates_
    found = {}
    for candidate in candidates:
        inside = int(np.sum(candidate.rows < N_MEMBERS))
        # A candidate of the cluster, rather than one of the field that took some members.
        if inside > 0.3 * len(candidate):
            found.setdefault(candidate["min_cluster_size"], []).append(inside)
    return found


def memberships(search):
    """Everything that a search found, in a form that does not know the order of rows."""
    candidates = search.candidates_
    ids = candidates.member_source_id
    stars = [
        dict(zip(ids[low:high].tolist(), candidates.probabilities[low:high].tolist(), strict=True))
        for low, high in zip(candidates.indptr[:-1], candidates.indptr[1:], strict=True)
    ]
    return candidates.table, stars


def assert_same(first, second):
    table, stars = memberships(first)
    other_table, other_stars = memberships(second)
    exact = ["candidate_id", "tile", "tile_side", "min_cluster_size", "n_members", "persistence"]
    pd.testing.assert_frame_equal(table[exact], other_table[exact], check_exact=True)
    pd.testing.assert_frame_equal(table, other_table)
    assert stars == other_stars


PLACES = {
    "middle of a tile": (50.5, 10.5, (48, 53, 8, 13)),
    "corner": (50.0, 10.0, (48, 52, 8, 12)),
    "edge": (50.0, 10.5, (48, 52, 8, 13)),
    "corner on longitude 0": (0.0, 10.0, (358, 2, 8, 12)),
    "on longitude 0": (0.02, 10.4, (357.5, 2.5, 8, 13)),
    "near the pole": (77.0, 89.0, None),
    "on the pole": (0.0, 89.99, None),
    "on the south pole": (0.0, -89.99, None),
}


@pytest.mark.parametrize("place", PLACES)
def test_cluster_comes_out_once_and_whole_wherever_it_lies(place):
    """Traps 2, 3 and 4: tile edges, the wrap at 0, cos b."""
    search = TiledHDBSCAN(**SMALL, coordinates=("ra", "dec"))
    expected = members_found(
        clone(search).set_params(tiling=SquareTiling(region=PLACES["middle of a tile"][2])),
        field_at(*PLACES["middle of a tile"][:2]),
    )
    lon, lat, region = PLACES[place]
    found = members_found(
        clone(search).set_params(tiling=SquareTiling(region=region)), field_at(lon, lat)
    )
    (members,), (here,) = expected[6], found[6]
    assert members >= 0.95 * N_MEMBERS
    assert here >= 0.97 * members


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("place", ["corner", "near the pole"])
def test_large_cluster_on_a_corner_comes_out_once(seed, place):
    """It is as wide as the margin, so that no two tiles see the same stars of it."""
    lon, lat, region = PLACES[place]
    search = TiledHDBSCAN(**SMALL, coordinates=("ra", "dec"), tiling=SquareTiling(region=region))
    (members,) = members_found(search, field_at(lon, lat, seed=seed, sigma=0.1))[6]
    assert members >= 0.9 * N_MEMBERS


def test_without_margin_a_cluster_on_a_corner_is_cut():
    search = TiledHDBSCAN(
        **SMALL, margin=0.0, coordinates=("ra", "dec"), tiling=SquareTiling(region=(48, 52, 8, 12))
    )
    found = members_found(search, field_at(50.0, 10.0))
    assert all(max(members) < 0.5 * N_MEMBERS for members in found.values())


def test_healpix_tiles_find_the_cluster_where_pixels_meet():
    pytest.importorskip("astropy_healpix")
    # Four pixels of every order meet here.
    search = TiledHDBSCAN(
        min_cluster_sizes=[6], coordinates=("ra", "dec"), tiling=HealpixTiling(max_stars=400)
    )
    (members,) = members_found(search, field_at(45.0, 0.0))[6]
    assert len(search.tiles_) >= 4
    assert members >= 0.95 * N_MEMBERS


def test_raw_frame_is_the_tangent_frame_sheared_at_high_latitude():
    """Trap 4: across 1 deg at b = 80 raw longitudes stretch the field fivefold."""
    stars = field_at(20.0, 80.0)
    tangent = TiledHDBSCAN(**SMALL, coordinates=("ra", "dec")).fit(stars)
    raw = TiledHDBSCAN(**SMALL, coordinates=("ra", "dec"), frame="raw").fit(stars)
    assert len(tangent.candidates_) > 0
    assert not np.array_equal(tangent.labels_ >= 0, raw.labels_ >= 0)


@pytest.mark.parametrize("frame", ["tangent", "raw"])
def test_longitude_zero_is_nothing_special(frame):
    """Trap 3: without unwrapping, the spread of a tile would be 180 deg."""
    search = TiledHDBSCAN(**SMALL, frame=frame, coordinates=("ra", "dec"))
    far = clone(search).set_params(tiling=SquareTiling(region=(118, 122, 8, 12)))
    near = clone(search).set_params(tiling=SquareTiling(region=(358, 2, 8, 12)))
    expected, found = (
        members_found(far, field_at(120.3, 10.3)),
        members_found(near, field_at(0.3, 10.3)),
    )
    assert found == expected
    # The same with longitudes from -180 on.
    stars = field_at(0.3, 10.3)
    stars["ra"] = np.where(stars["ra"] > 180, stars["ra"] - 360, stars["ra"])
    assert members_found(near, stars) == expected


def test_galactic_positions_with_equatorial_motions_find_the_same_members():
    coordinates = pytest.importorskip("astropy.coordinates")
    stars = field_at(50.0, 10.0)
    galactic = coordinates.SkyCoord(stars["ra"], stars["dec"], unit="deg").galactic
    stars["l"], stars["b"] = galactic.l.deg, galactic.b.deg
    search = TiledHDBSCAN(**SMALL)
    for pair in (("ra", "dec"), ("l", "b")):
        (members,) = members_found(clone(search).set_params(coordinates=pair), stars)[6]
        assert members >= 0.95 * N_MEMBERS


@pytest.fixture(scope="module")
def stars():
    return field_at(50.0, 10.0)


@pytest.fixture(scope="module")
def search(stars):
    sides = TiledHDBSCAN((1, 2), [6, 10, 14], coordinates=("ra", "dec"))
    return sides.fit(stars)


def test_order_of_rows_changes_nothing(stars, search):
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(stars))
        again = clone(search).fit(stars.iloc[order].reset_index(drop=True))
        assert_same(search, again)
        np.testing.assert_array_equal(again.labels_, search.labels_[order])


@pytest.mark.parametrize("config", [{}, {"backend": "sequential"}])
def test_jobs_and_backends_change_nothing(stars, search, config):
    with joblib.parallel_config(**config):
        assert_same(search, clone(search).set_params(n_jobs=2).fit(stars))


@pytest.mark.parametrize("batch", [1, 10**9])
def test_division_into_tasks_changes_nothing(stars, search, batch, monkeypatch):
    monkeypatch.setattr("climbkit.survey._tile_runs._BATCH_STARS", batch)
    assert_same(search, clone(search).fit(stars))


def test_workers_that_get_only_the_stars_of_their_tiles_change_nothing(stars, search, monkeypatch):
    """As processes and Dask do: what they are sent is pickled, and no more than they need."""
    largest = []

    def elsewhere(field, tiles, settings, save):
        assert save is None
        largest.append(len(field))
        sent = pickle.loads(pickle.dumps((field, tiles, settings)))
        return pickle.loads(pickle.dumps(search_batch(*sent, None)))

    search_batch = _tile_runs._search_batch
    backend = types.SimpleNamespace(supports_sharedmem=False)
    monkeypatch.setattr(_tile_runs, "get_active_backend", lambda **_: (backend, 1))
    monkeypatch.setattr(_tile_runs, "_search_batch", elsewhere)
    monkeypatch.setattr(_tile_runs, "_BATCH_STARS", 1)
    assert_same(search, clone(search).fit(stars))
    assert min(largest) < 0.5 * len(stars)


def test_labels_are_the_most_persistent_candidates(search):
    table = search.candidates_.table
    for row in np.random.default_rng(0).integers(0, len(search.labels_), 200):
        mine = [i for i, c in enumerate(search.candidates_) if row in c.rows]
        if mine:
            best = table["persistence"].iloc[mine].max()
            assert table["persistence"].iloc[search.labels_[row]] == best
        else:
            assert search.labels_[row] == -1


def test_table_tells_tile_scale_and_place(search):
    table, tiles = search.candidates_.table, search.tiles_
    assert set(table["tile_side"]) == {1.0, 2.0}
    assert set(table["tile"]) <= set(tiles["key"])
    assert tiles["n_candidates"].sum() == len(table)
    assert tiles.groupby("side")["n_stars"].sum().tolist() == [len(search.labels_)] * 2
    assert (tiles["n_searched"] >= tiles["n_stars"]).all()
    assert search.candidates_.units["ra"] == "deg"
    assert search.candidates_.meta["search"]["margin"] == 0.25


def test_centre_of_a_candidate_lies_in_its_tile(stars, search):
    """Unless no tile owned it, of which there is at most a few."""
    tiles = {tile.key: tile for tile in search._tiles}
    inside = [
        tiles[c["tile"]].owns(np.array([c["ra"]]), np.array([c["dec"]]))[0]
        for c in search.candidates_
    ]
    assert np.mean(inside) > 0.95


def test_limits_keep_what_they_say(stars, search):
    table = search.candidates_.table
    limits = {"max_r50": 0.2, "min_persistence": 0.01, "min_members": 12, "max_members": 100}
    # Without margins no candidate depends on another one.
    everything = clone(search).set_params(margin=0.0).fit(stars).candidates_.table
    table = clone(search).set_params(margin=0.0, **limits).fit(stars).candidates_.table
    wanted = everything.query("r50 < 0.2 and persistence > 0.01 and 12 <= n_members <= 100")
    assert 0 < len(wanted) < len(everything)
    pd.testing.assert_frame_equal(table, wanted.reset_index(drop=True))


def test_masked_and_incomplete_stars_are_never_used(stars, search):
    """Trap 5: NaN would poison the mean of a tile."""
    rng = np.random.default_rng(5)
    extra = field_at(50.0, 10.0, seed=9).iloc[:60].copy()
    extra["source_id"] = np.arange(60)
    extra.loc[extra.index[:20], "parallax"] = np.nan
    extra.loc[extra.index[20:30], "ra"] = np.nan
    extra.loc[extra.index[30:40], "pmra"] = np.inf
    table = pd.concat([stars, extra], ignore_index=True)
    table["good"] = np.arange(len(table)) < len(stars) + 40
    order = rng.permutation(len(table))
    table = table.iloc[order].reset_index(drop=True)
    by_name = clone(search).fit(table, mask="good")
    assert_same(search, by_name)
    np.testing.assert_array_equal(by_name.labels_[order >= len(stars)], -1)
    by_array = clone(search).fit(table.drop(columns="good"), mask=table["good"].to_numpy())
    np.testing.assert_array_equal(by_array.labels_, by_name.labels_)
    table["good"] = table["good"].astype("boolean").replace(False, pd.NA)
    by_nullable = clone(search).fit(table, mask="good")
    np.testing.assert_array_equal(by_nullable.labels_, by_name.labels_)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_fewer_stars_than_a_cluster_are_noise(n, stars):
    """Trap 5."""
    found = TiledHDBSCAN(**SMALL, coordinates=("ra", "dec")).fit(stars.iloc[:n])
    assert len(found.candidates_) == 0
    np.testing.assert_array_equal(found.labels_, [-1] * n)
    assert set(found.tiles_["status"]) == {"too few stars"}
    assert len(found.transform(stars.iloc[:n])) == 0


def test_all_stars_masked_is_all_noise(stars):
    nothing = np.zeros(len(stars), dtype=bool)
    found = TiledHDBSCAN(**SMALL).fit(stars, mask=nothing)
    assert found.n_tiles_ == 0
    assert np.all(found.labels_ == -1)


def test_constant_feature_changes_nothing(stars):
    """Trap 5: its scale is 1, not 0, nor what rounding leaves."""
    stars = stars.assign(same=0.1)
    features = ["parallax", "pmra", "pmdec"]
    without = TiledHDBSCAN(**SMALL, coordinates=("ra", "dec"), features=features).fit(stars)
    found = TiledHDBSCAN(**SMALL, coordinates=("ra", "dec"), features=[*features, "same"]).fit(
        stars
    )
    np.testing.assert_array_equal(found.labels_, without.labels_)


def test_exact_duplicates_without_ids_do_no_harm(stars):
    """Trap 5: core distances of 0."""
    twins = pd.concat([stars] + [stars.iloc[:1]] * 20, ignore_index=True)
    found = TiledHDBSCAN(**SMALL, coordinates=("ra", "dec")).fit(twins.drop(columns="source_id"))
    own = found.labels_[[0, *range(len(stars), len(twins))]]
    assert np.unique(own).size == 1
    assert own[0] >= 0


def test_cluster_that_fills_its_tile_needs_allow_single_cluster():
    """Trap 6."""
    rng = np.random.default_rng(0)
    X = rng.normal([50.5, 10.5, 0.4, 3, -2], [0.05, 0.05, 0.05, 0.1, 0.1], (150, 5))
    names = ["ra", "dec", "parallax", "pmra", "pmdec"]
    stars = pd.DataFrame(X, columns=names)
    search = TiledHDBSCAN(tile_sides=(1,), min_cluster_sizes=[15])
    assert len(search.fit(stars).candidates_) == 0
    # HDBSCAN gives it the densest stars alone, or those linked within epsilon.
    search.set_params(allow_single_cluster=True)
    (candidate,) = search.fit(stars).candidates_
    assert abs(candidate["dec"] - 10.5) < 0.05
    (candidate,) = search.set_params(cluster_selection_epsilon=4.0).fit(stars).candidates_
    assert len(candidate) > 100


def test_stars_on_upper_edges_are_searched():
    """Trap 7: the published open intervals lose them."""
    lon, lat = np.meshgrid(np.linspace(0, 7, 29), np.linspace(0, 7, 29))
    rng = np.random.default_rng(0)
    X = np.column_stack([lon.ravel(), lat.ravel(), rng.normal(size=(lon.size, 3))])
    search = TiledHDBSCAN((5,), [5], tiling=SquareTiling(grid="plane"), margin=0.0).fit(X)
    assert search.tiles_["n_stars"].tolist() == [400, 180, 180, 81]
    assert search.tiles_["n_stars"].sum() == len(X)


@pytest.mark.parametrize("scaler", [StandardScaler(), RobustScaler()])
def test_scaler_is_fitted_in_each_tile(stars, scaler):
    search = TiledHDBSCAN(**SMALL, coordinates=("ra", "dec"), scaler=scaler)
    found = members_found(search, stars)
    assert all(len(members) == 1 for members in found.values())
    assert not hasattr(scaler, "scale_")


def test_default_scale_is_that_of_the_standard_scaler(stars):
    own = TiledHDBSCAN(**SMALL, coordinates=("ra", "dec")).fit(stars)
    sklearn = clone(own).set_params(scaler=StandardScaler()).fit(stars)
    np.testing.assert_array_equal(own.labels_, sklearn.labels_)


def test_astropy_table_with_units_and_array_give_the_same(stars, search):
    table_module = pytest.importorskip("astropy.table")
    import astropy.units as u

    table = table_module.Table.from_pandas(stars)
    table["ra"] = (stars["ra"].to_numpy() * u.deg).to(u.rad)
    table["dec"].unit = u.deg
    from_table = clone(search).fit(table)
    assert from_table.candidates_.table["n_members"].tolist() == (
        search.candidates_.table["n_members"].tolist()
    )
    assert from_table.candidates_.stars["ra"].max() > 50
    names = ["ra", "dec", "parallax", "pmra", "pmdec"]
    from_array = clone(search).set_params(coordinates=None).fit(stars[names].to_numpy())
    np.testing.assert_array_equal(from_array.labels_, search.labels_)


def test_columns_of_other_names_can_be_positions(stars, search):
    renamed = stars.rename(columns={"ra": "RA_ICRS", "dec": "DE_ICRS"})
    found = clone(search).set_params(coordinates=("RA_ICRS", "DE_ICRS")).fit(renamed)
    np.testing.assert_array_equal(found.labels_, search.labels_)
    table = found.candidates_.table.rename(columns={"RA_ICRS": "ra", "DE_ICRS": "dec"})
    pd.testing.assert_frame_equal(table, search.candidates_.table)


def test_transform_of_the_fitted_stars_fits_nothing_new(stars, search):
    assert search.transform(stars.set_index("source_id")) is search.candidates_
    np.testing.assert_array_equal(search.predict(stars.copy()), search.labels_)


def test_fitted_stars_keep_their_label_in_any_company(stars, search):
    some = np.random.default_rng(0).permutation(len(stars))[:500]
    np.testing.assert_array_equal(search.predict(stars.iloc[some]), search.labels_[some])


def test_new_stars_are_read_in_the_coordinates_of_the_fit(stars):
    galactic = stars.rename(columns={"ra": "l", "dec": "b"})
    search = TiledHDBSCAN(**SMALL).fit(galactic)
    assert search.coordinates_ == ("l", "b")
    with pytest.raises(ValueError, match="no column 'l'"):
        search.predict(stars)


def test_new_members_join_the_cluster_and_far_stars_do_not(stars, search):
    new = field_at(50.0, 10.0, seed=33)
    labels = search.predict(new)
    best = search.candidates_.table["persistence"].idxmax()
    persistent = np.isin(np.arange(len(stars)), search.candidates_[int(best)].rows)
    assert persistent[:N_MEMBERS].mean() > 0.8
    assert np.mean(labels[:N_MEMBERS] >= 0) > 0.7
    assert np.mean(labels[N_MEMBERS:] >= 0) < 0.5
    assert np.all(search.predict(field_at(120.0, -40.0).assign(parallax=np.nan)) == -1)
    given = search.transform(new)
    assert set(given.table["min_cluster_size"]) <= {6, 10, 14}
    assert np.array_equal(np.unique(given.indices), np.flatnonzero(labels >= 0))


def test_progress_counts_stars(stars, capsys):
    TiledHDBSCAN(**SMALL, verbose=1).fit(stars)
    assert f"{len(stars) / 1000:.2f}k/" in capsys.readouterr().err.split("\r")[-1]
    TiledHDBSCAN(**SMALL).fit(stars)
    assert capsys.readouterr().err == ""


def test_published_preset_is_the_plain_loop_of_hdbscan():
    """Open squares in raw coordinates, scaled one by one, for every minimum cluster size."""
    hdbscan = pytest.importorskip("hdbscan")
    rng = np.random.default_rng(2)
    X = rng.uniform([20, -2, 0, -6, -6], [24, 2, 1.5, 6, 6], (1500, 5))
    X[:70] = rng.normal([21.4, 0.6, 0.4, 3, -2], [0.05, 0.05, 0.05, 0.1, 0.1], (70, 5))
    stars = pd.DataFrame(X, columns=COLUMNS)
    search = TiledHDBSCAN.published().set_params(
        tile_sides=(2,),
        tiling=SquareTiling(grid="plane", region=(20, 24, -2, 2)),
        min_cluster_sizes=range(6, 10),
        max_r50=None,
        min_persistence=None,
    )
    candidates = search.fit(stars).candidates_
    table = candidates.table
    assert search.n_tiles_ == 4
    number = 0
    for row, south in enumerate((-2, 0)):
        for column, west in enumerate((20, 22)):
            inside = np.flatnonzero(
                (X[:, 0] > west) & (X[:, 0] < west + 2) & (X[:, 1] > south) & (X[:, 1] < south + 2)
            )
            own = (X[inside] - X[inside].mean(axis=0)) / X[inside].std(axis=0)
            for size in range(6, 10):
                loop = hdbscan.HDBSCAN(min_cluster_size=size, core_dist_n_jobs=1).fit(own)
                for label, persistence in enumerate(loop.cluster_persistence_):
                    found = candidates[number]
                    assert table["tile"].iloc[number] == f"plane-2-{row:03d}-{column:03d}"
                    assert table["min_cluster_size"].iloc[number] == size
                    assert table["persistence"].iloc[number] == pytest.approx(persistence)
                    expected = inside[loop.labels_ == label]
                    np.testing.assert_array_equal(found.rows, expected)
                    np.testing.assert_allclose(
                        found.probabilities, loop.probabilities_[loop.labels_ == label]
                    )
                    number += 1
    assert number == len(candidates) > 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.rename(columns={"parallax": "Parallax"}), "no column 'parallax'.*'Parallax'"),
        (lambda s: s.drop(columns="dec"), "'l' and 'b', or 'ra' and 'dec'"),
        (lambda s: s.iloc[:0], "at least one row"),
        (lambda s: s.assign(dec=s["dec"] + 100), "latitude in degrees.*swapped"),
        (lambda s: s.assign(ra=s["ra"] * 3600), "longitude in degrees"),
        (lambda s: pd.concat([s, s.iloc[:3]]), "source_id must be unique; 3 rows"),
        (lambda s: s.assign(source_id=s["source_id"].astype(float)), "float"),
        (lambda s: s.assign(pmra="fast"), "'pmra' must hold numbers"),
        (lambda s: s.to_numpy()[:, :3], "5 columns"),
        (lambda s: None, "must be a table"),
    ],
)
def test_unusable_tables_are_refused(stars, change, message):
    with pytest.raises(ValueError, match=message):
        TiledHDBSCAN(**SMALL).fit(change(stars))


def test_radians_are_suspected_over_the_whole_sky():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(0, 2 * np.pi, 400), np.arcsin(rng.uniform(-1, 1, 400))])
    X = np.column_stack([X, rng.normal(size=(400, 3))])
    with pytest.warns(UserWarning, match="radians"):
        TiledHDBSCAN((5,), [10]).fit(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tile_sides": (1, 1)}, "tile_sides must be different"),
        ({"tile_sides": (1, -2)}, "tile_sides must be different numbers of degrees, above 0"),
        ({"tile_sides": "ab"}, "tile_sides"),
        ({"min_cluster_sizes": [1, 5]}, "min_cluster_sizes must be different whole numbers"),
        ({"min_cluster_sizes": [5.5]}, "min_cluster_sizes"),
        ({"min_cluster_sizes": []}, "min_cluster_sizes"),
        ({"margin": -0.1}, "'margin' parameter of TiledHDBSCAN"),
        ({"mst": "exact"}, "'mst' parameter of TiledHDBSCAN"),
        ({"tiling": []}, "tiling must be"),
        ({"tiling": [SquareTiling(side=1), SquareTiling(side=1)]}, "same tile"),
        ({"features": ["pmra", "pmra"]}, "different columns"),
        ({"coordinates": ["ra"]}, "two columns"),
    ],
)
def test_unusable_parameters_are_refused(stars, parameters, message):
    with pytest.raises(ValueError, match=message):
        TiledHDBSCAN(**parameters).fit(stars)


@pytest.mark.parametrize("mask", ["missing", [1, 0], np.ones(5, dtype=bool)])
def test_unusable_masks_are_refused(stars, mask):
    with pytest.raises(ValueError, match="mask"):
        TiledHDBSCAN(**SMALL).fit(stars, mask=mask)


def test_failure_in_a_tile_names_the_tile(stars, monkeypatch):
    def broken(*args, **kwargs):
        raise FloatingPointError("no")

    monkeypatch.setattr("climbkit.survey._tile_search.sweep", broken)
    with pytest.raises(FloatingPointError) as caught:
        TiledHDBSCAN(**SMALL).fit(stars)
    assert "tile sky-1-" in caught.value.__notes__[0]


def test_blanco_1_across_right_ascension_0_is_found_as_it_is_elsewhere(data_folder):
    stars = pd.read_csv(data_folder / "gaia_fields" / "blanco1_gaiadr2_g18.csv.gz")
    reference = np.flatnonzero(stars["ref_label"] > 0)

    def best_share(stars):
        search = TiledHDBSCAN((5,), [10, 15], coordinates=("ra", "dec"), max_members=1000)
        shared = [
            np.isin(c.rows, reference).sum() / np.union1d(c.rows, reference).size
            for c in search.fit(stars).candidates_
        ]
        return max(shared)

    assert np.ptp(stars["ra"]) > 300
    here = best_share(stars)
    assert here > 0.6
    moved = best_share(stars.assign(ra=(stars["ra"] + 40) % 360))
    assert moved == pytest.approx(here, abs=0.02)
