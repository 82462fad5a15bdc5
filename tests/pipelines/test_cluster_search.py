"""ClusterSearch: from a table of stars to a table of clusters."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV

from climbkit.datasets import load_gaia_field, make_cluster_field
from climbkit.datasets._sky import icrs_to_galactic
from climbkit.model_selection import WholeSample
from climbkit.pipelines._cluster_search import ClusterSearch
from climbkit.pipelines._cluster_tables import COLUMNS
from climbkit.survey import CandidateSet, GaiaQualityMask
from climbkit.survey._catalogue import Catalogue
from climbkit.survey._crossmatch import CatalogueCrossmatch
from climbkit.survey._frames import (
    directions,
    motion_vectors,
    unit_vectors,
)

TRUTH = [
    {"x": 0.0, "y": 0.0, "n_members": 80, "r50": 0.03, "distance": 20.0, "kind": "globular"},
    {"x": -0.6, "y": 0.5, "n_members": 150, "r50": 0.1, "distance": 2.0, "kind": "open"},
]
FEW = {"tiledhdbscan__min_cluster_sizes": (8, 12), "significance__n_draws": 19}
FEW["selection__max_p_cst"] = 0.05
G = "phot_g_mean_mag"
ERRORS = ["parallax_error", "pmra_error", "pmdec_error"]


def quick(**parameters):
    """A search without names, structure and diagrams, at few scales."""
    rest = dict.fromkeys(["classifier", "structure", "crossmatch"], "drop")
    return ClusterSearch(**rest).set_params(**{**FEW, **parameters})


@pytest.fixture(scope="module")
def field():
    return make_cluster_field(3_000, side=2.0, clusters=TRUTH, random_state=1)


@pytest.fixture(scope="module")
def search(field):
    known = pd.DataFrame({"name": ["Known 1"], "ra": [0.0], "dec": [0.0]})
    known[["ra", "dec"]] = field.clusters[["ra", "dec"]].to_numpy()[:1]
    known = Catalogue.from_table(known, type="globular cluster", name="list")
    return ClusterSearch(classifier="drop", crossmatch=CatalogueCrossmatch([known])).fit(field.data)


@pytest.fixture(scope="module")
def here(field):
    return quick().fit(field.data)


def f1(found, truth):
    return 2 * np.sum(found & truth) / (np.sum(found) + np.sum(truth))


def best_f1(labels, target):
    """F1 of each true cluster with the label that fits it best."""
    return [
        max((f1(labels == k, target == c) for k in np.unique(labels[labels >= 0])), default=0.0)
        for c in range(target.max() + 1)
    ]


def moved(stars, ra, dec):
    """The same sky with the middle of the field at another place."""
    vectors = unit_vectors(stars["ra"].to_numpy(), stars["dec"].to_numpy())
    motions = motion_vectors(*(stars[c].to_numpy() for c in ("pmra", "pmdec", "ra", "dec")))
    frames = []
    for lon, lat in (directions(vectors.mean(axis=1)), (ra, dec)):
        lon, lat = np.radians(float(lon)), np.radians(float(lat))
        towards = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
        east = [-np.sin(lon), np.cos(lon), 0.0]
        frames.append(np.array([towards, east, np.cross(towards, east)]))
    turn = frames[1].T @ frames[0]
    vectors, motions = turn @ vectors, turn @ motions
    lon, lat = directions(vectors)
    east = np.stack([-np.sin(np.radians(lon)), np.cos(np.radians(lon)), 0 * lon])
    north = np.cross(vectors, east, axis=0)
    new = stars.assign(ra=lon, dec=lat)
    new["pmra"], new["pmdec"] = (motions * east).sum(axis=0), (motions * north).sum(axis=0)
    new["l"], new["b"] = icrs_to_galactic(lon, lat)
    return new


def test_clusters_are_found_with_their_members(search, field):
    assert min(best_f1(search.labels_, field.target)) > 0.85
    assert len(search.clusters_) == len(TRUTH)


def test_known_cluster_has_its_name_and_the_other_is_a_candidate(search, field):
    named = dict(zip(search.clusters_["name"], search.clusters_["type"], strict=True))
    assert named == {"Known 1": "globular cluster", "candidate 1": "candidate"}
    row = list(search.clusters_["name"]).index("Known 1")
    assert f1(search.labels_ == row, field.target == 0) > 0.85
    assert search.clusters_["separation"][row].to_value("deg") < 0.02


@pytest.mark.parametrize("fitted", ["search", "here"], ids=["crossmatch", "no crossmatch"])
def test_every_output_tells_of_the_same_members(fitted, field, request):
    search = request.getfixturevalue(fitted)
    assert isinstance(search.cluster_set_, CandidateSet)
    names = list(search.clusters_["name"])
    assert len(names) > 0
    assert list(search.member_tables_) == names
    assert search.cluster_set_.table["name"].tolist() == names
    assert search.cluster_set_.table["type"].tolist() == list(search.clusters_["type"])
    for number, (name, members) in enumerate(search.member_tables_.items()):
        assert search.clusters_["name"][number] == name
        assert search.clusters_["n_members"][number] == len(members)
        rows = np.flatnonzero(search.labels_ == number)
        ids = field.data["source_id"].to_numpy()[rows]
        assert set(ids.tolist()) <= set(members["source_id"].tolist())
        assert members["source_id"].dtype == np.int64
        assert members["probability"].between(0.5, 1).all()
    assert len(search.labels_) == len(field.data)


def test_table_has_the_documented_columns_with_units(search):
    clusters = search.clusters_
    assert clusters.colnames[: len(COLUMNS)] == list(COLUMNS)
    for name, unit in COLUMNS.items():
        if unit is not None:
            assert clusters[name].unit == unit or (clusters[name].unit is None and unit == "")
    assert np.isfinite(clusters["distance"].value).all()
    assert np.isnan(np.asarray(clusters["p_class"], dtype=float)).all()


def test_candidates_that_are_not_reported_say_why(search):
    table = search.candidates_.table
    assert (table["rejected_by"] == "").sum() == len(search.clusters_)
    reported = set(search.clusters_["candidate_id"])
    assert set(table.loc[table["rejected_by"] == "", "candidate_id"]) == reported


def test_row_order_and_threads_do_not_matter(field, here):
    order = np.random.default_rng(0).permutation(len(field.data))
    shuffled = quick(n_jobs=2).fit_predict(field.data.iloc[order].reset_index(drop=True))
    np.testing.assert_array_equal(shuffled, here.labels_[order])


@pytest.mark.parametrize(
    ("ra", "dec"), [(266.405, -28.936), (10.0, 90.0), (192.859, 27.128), (0.0, 5.0)]
)
def test_place_on_the_sky_does_not_matter(field, here, ra, dec):
    # Where l is 0, about the celestial and the Galactic pole, and across ra = 0.
    there = quick().fit(moved(field.data, ra, dec))
    assert len(there.clusters_) == len(here.clusters_) == len(TRUTH)
    assert adjusted_rand_score(here.labels_, there.labels_) > 0.98


def test_cluster_across_edges_of_tiles_is_one():
    cluster = {**TRUTH[1], "x": 0.0, "y": 0.0, "r50": 0.15}
    field = make_cluster_field(
        2_500, side=2.0, center=(35.0, 20.0), clusters=[cluster], random_state=3
    )  # tiles of all sides meet at multiples of 5 degrees
    search = quick().fit(field.data)
    assert len(search.clusters_) == 1
    assert best_f1(search.labels_, field.target)[0] > 0.85


def test_rows_beyond_the_quality_cut_stay_with_label_noise(field):
    rng = np.random.default_rng(0)
    stars = field.data.assign(ruwe=np.where(rng.random(len(field.data)) < 0.1, 3.0, 1.0))
    search = quick().fit(stars)
    assert len(search.labels_) == len(stars)
    assert (search.labels_[stars["ruwe"] > 2] == -1).all()
    assert (quick(quality="drop").fit(stars).labels_[stars["ruwe"] > 2] >= 0).any()


def test_grid_search_over_stages_by_adjusted_rand_index(field):
    grid = GridSearchCV(
        quick(),
        {"tiledhdbscan__min_cluster_sizes": [(10,), (2_000,)]},
        scoring="adjusted_rand_score",
        cv=WholeSample(),
    ).fit(field.data, field.target)
    assert grid.best_params_ == {"tiledhdbscan__min_cluster_sizes": (10,)}
    assert grid.best_score_ > 0.8


def test_new_stars_get_the_clusters_that_were_found(field, here):
    np.testing.assert_array_equal(here.predict(field.data), here.labels_)
    half = field.data.iloc[::2].reset_index(drop=True)
    assert adjusted_rand_score(here.predict(half), here.labels_[::2]) > 0.95


def test_field_without_clusters_gives_an_empty_table_with_all_columns():
    field = make_cluster_field(2_000, side=2.0, n_clusters=0, random_state=5)
    search = ClusterSearch(classifier="drop").fit(field.data)
    assert len(search.clusters_) == 0
    assert search.clusters_.colnames[: len(COLUMNS)] == list(COLUMNS)
    assert search.clusters_["ra"].unit == "deg"
    assert search.member_tables_ == {}
    assert (search.labels_ == -1).all()


@pytest.mark.parametrize("n_stars", [1, 5, 40])
def test_few_stars_are_no_clusters(field, n_stars):
    search = ClusterSearch(classifier="drop").fit(field.data.iloc[:n_stars])
    assert len(search.labels_) == n_stars
    assert len(search.clusters_) == 0


def test_bad_tables_are_refused_by_name(field):
    stars = field.data
    with pytest.raises(ValueError, match="at least one row"):
        quick().fit(stars.iloc[:0])
    with pytest.raises(ValueError, match="pmdec"):
        quick().fit(stars.drop(columns="pmdec"))
    with pytest.raises(ValueError, match="source_id must be unique"):
        quick().fit(pd.concat([stars, stars.iloc[:3]], ignore_index=True))
    with pytest.raises(ValueError, match="int64"):
        quick().fit(stars.astype({"source_id": float}))
    with pytest.raises(ValueError, match="selection"):
        ClusterSearch(selection=3).fit(stars)


def test_stars_with_missing_values_and_without_ids_are_searched(field):
    stars = field.data.drop(columns="source_id")
    stars.loc[::10, ["parallax", "pmra", "pmdec"]] = np.nan
    search = quick().fit(stars)
    assert len(search.clusters_) == len(TRUTH)
    assert (search.labels_[::10] == -1).all()


def test_without_errors_these_are_told_by_magnitude_with_a_warning(field):
    stars = field.data.drop(columns=ERRORS)
    with pytest.warns(UserWarning, match=r"parallax_error, pmra_error, pmdec_error"):
        search = quick(max_estimated_error=None).fit(stars)
    assert min(best_f1(search.labels_, field.target)) > 0.85
    assert "parallax_error" not in search.cluster_set_.stars
    with pytest.warns(UserWarning, match="errors"):
        bright = quick().fit(stars)
    # Faint members are left to clusters that have few others.
    assert 0 < np.sum(bright.labels_ >= 0) < np.sum(search.labels_ >= 0)


def test_without_errors_and_magnitudes_the_published_membership_is_taken(field):
    stars = field.data.drop(columns=[*ERRORS, G])
    with pytest.warns(UserWarning, match="published"):
        search = quick().fit(stars)
    assert search.stages_["membership"].model == "published"


def test_parameters_are_a_plain_record(search):
    record = json.loads(json.dumps(quick().to_dict()))
    assert ClusterSearch.from_dict(record).get_params()["tiledhdbscan"].min_cluster_sizes == (8, 12)
    built = ClusterSearch.builder().with_tiledhdbscan__tile_sides((1,)).build()
    assert built.tiledhdbscan.tile_sides == (1,)
    assert clone(quick()).get_params()["significance__n_draws"] == 19


def test_parameters_of_a_default_stage_keep_its_other_defaults():
    search = ClusterSearch().set_params(selection__min_members=30)
    assert search.selection.min_members == 30
    assert search.selection.max_p_cst is not None
    given = ClusterSearch().set_params(quality=GaiaQualityMask(), quality__max_ruwe=2.0)
    assert given.quality.max_ruwe == 2.0
    assert given.quality.require_photometry is True


def test_a_run_is_written_with_its_record(here, tmp_path):
    files = {path.name for path in here.write(tmp_path / "run")}
    assert {"clusters.ecsv", "run.json"} <= files
    assert "numpy" in json.dumps(here.run_record())


#: Known cluster of each field, and where its members were published the F1 of plain HDBSCAN or of
#: the published search, whichever is more (``benchmarks/cluster_search.py fields``).
CLUSTERS = {
    "blanco1": ("Blanco 1", 0.808),
    "m67": ("NGC 2682", None),
    "ngc103": ("NGC 103", 0.863),
    "ngc2112": ("NGC 2112", 0.900),
    "ngc2323": ("NGC 2323", None),
    "ngc2477": ("NGC 2477", None),
    "ngc288": ("NGC 288", 0.960),
    "ngc362": ("NGC 362", 0.902),
    "ngc4147": ("NGC 4147", 0.099),
    "ngc6441": ("NGC 6441", 0.720),
    "ngc7789": ("NGC 7789", None),
    "pal5": ("Pal 5", 0.733),
}
#: Two clusters that were found after NGC 2323, both in the catalogue.
NEIGHBOURS = {"ngc2323": {"CMa 2", "PHOC 5"}}


# Some fields lack the errors, which the search tells.
@pytest.mark.filterwarnings("ignore:stars lack the columns:UserWarning")
@pytest.mark.parametrize("name", CLUSTERS)
def test_known_clusters_are_named_in_real_fields(name):
    try:
        field = load_gaia_field(name)
    except FileNotFoundError as error:
        pytest.skip(str(error).splitlines()[0])
    search = ClusterSearch(structure="drop").fit(field.data)
    cluster, peer = CLUSTERS[name]
    names = list(search.clusters_["name"])
    assert set(names) - NEIGHBOURS.get(name, set()) == {cluster}
    if peer is not None:
        assert f1(search.labels_ == names.index(cluster), field.target == 1) > peer


def test_blank_field_gives_no_cluster():
    try:
        field = load_gaia_field("blank")
    except (FileNotFoundError, ImportError) as error:
        pytest.skip(str(error).splitlines()[0])
    assert len(ClusterSearch(classifier="drop").fit(field.data).clusters_) == 0
