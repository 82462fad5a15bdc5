"""AssociationFinder: where stars are, which take part, what is found, and what is chance."""

import pickle
import tracemalloc

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from sklearn.base import clone
from sklearn.cluster import DBSCAN, HDBSCAN

from climbkit import ContrastDBSCAN, NoveltyTest
from climbkit.spectra import AssociationFinder
from climbkit.spectra._association_distances import LENGTH_SCALE, likeliest_distance
from climbkit.spectra._association_groups import chosen_clusterer, find_groups
from climbkit.spectra._association_table import names_of
from climbkit.survey._distance import distance_posterior

units = pytest.importorskip("astropy.units")
tables = pytest.importorskip("astropy.table")

FINE = DBSCAN(eps=0.2, min_samples=10)
QUICK = NoveltyTest(n_draws=19, n_bootstrap=2)


def table_of(positions, rng, error=0.02):
    """What Gaia measures of stars at these places (kpc)."""
    distance = np.linalg.norm(positions, axis=1)
    parallax = 1 / distance + error * rng.normal(size=len(distance))
    return pd.DataFrame(
        {
            "source_id": rng.permutation(len(distance)) + 2**60,
            "l": np.degrees(np.arctan2(positions[:, 1], positions[:, 0])) % 360,
            "b": np.degrees(np.arcsin(positions[:, 2] / distance)),
            "parallax": parallax,
            "parallax_error": error,
            "p_massive": rng.uniform(0.5, 1, len(distance)),
        }
    )


def disc(n, rng):
    """Places in a structureless disc around the Sun."""
    radius, angle = 3 * np.sqrt(rng.uniform(size=n)), rng.uniform(0, 2 * np.pi, n)
    z = rng.laplace(0, 0.06, n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), z])


def with_groups(seed=0, n=400, sizes=(60, 30), centres=((1.2, 1.0, 0.1), (-1.0, -1.5, -0.1))):
    rng = np.random.default_rng(seed)
    groups = [rng.normal(c, 0.04, (size, 3)) for c, size in zip(centres, sizes, strict=True)]
    truth = np.repeat(np.arange(-1, len(sizes)), [n, *sizes])
    return table_of(np.vstack([disc(n, rng), *groups]), rng), truth


@pytest.fixture(scope="module")
def stars():
    return with_groups()


@pytest.fixture(scope="module")
def fitted(stars):
    return AssociationFinder(FINE, significance=QUICK).fit(stars[0])


def test_associations_are_found_the_largest_first(stars, fitted):
    _, truth = stars
    for label, size in ((0, 60), (1, 30)):
        assert np.mean(fitted.labels_[truth == label] == label) > 0.85
        assert size * 0.85 < fitted.associations_["n_members"][label] < size * 1.3
    assert np.mean(fitted.labels_[truth == -1] == -1) > 0.95
    assert (fitted.associations_["p_value"] == 0.05).sum() == 2
    assert fitted.associations_["stability"].max() <= 1


def test_a_row_of_the_table_says_what_its_members_are(stars, fitted):
    row, members = fitted.associations_[0], fitted.labels_ == 0
    positions = fitted.positions_[members]
    centre = positions.mean(axis=0)
    np.testing.assert_allclose([row[name].to_value("kpc") for name in "xyz"], centre)
    assert row["distance"].to_value("pc") == pytest.approx(1000 * np.linalg.norm(centre))
    away = np.linalg.norm(positions - centre, axis=1)
    assert row["r50"].to_value("kpc") == pytest.approx(np.median(away))
    assert row["r50_across"] < row["r50"]
    # Along the line of sight it is as deep as the errors of the distances make it.
    assert row["depth"].to_value("kpc") == pytest.approx(0.06, abs=0.04)
    assert row["p_massive"] == pytest.approx(stars[0]["p_massive"][members].mean())
    lon, lat = row["l"].to_value("deg"), row["b"].to_value("deg")
    assert lon == pytest.approx(np.degrees(np.arctan2(1.0, 1.2)), abs=2)
    assert row["name"] == f"G{lon:05.1f}{lat:+05.1f} at {row['distance'].value:.2f} kpc"


def test_positions_are_astropys_galactic_cartesian():
    from astropy.coordinates import SkyCoord

    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 50), np.degrees(np.arcsin(rng.uniform(-1, 1, 50)))
    table = pd.DataFrame({"ra": ra, "dec": dec, "parallax": rng.uniform(0.2, 5, 50)})
    finder = AssociationFinder(min_parallax_over_error=None, significance="drop").fit(table)
    distance = 1 / table["parallax"].to_numpy() * units.kpc
    sky = SkyCoord(ra * units.deg, dec * units.deg, distance=distance)
    expected = sky.galactic.cartesian.xyz.to_value("kpc").T
    np.testing.assert_allclose(finder.positions_, expected, atol=1e-6)


def test_the_result_does_not_depend_on_the_order_of_the_rows(stars, fitted):
    order = np.random.default_rng(1).permutation(len(stars[0]))
    other = clone(fitted).fit(stars[0].iloc[order])
    np.testing.assert_array_equal(other.labels_, fitted.labels_[order])
    for name in fitted.associations_.colnames:
        assert (other.associations_[name] == fitted.associations_[name]).all()


def test_the_result_does_not_depend_on_the_number_of_jobs(stars, fitted):
    with joblib.parallel_config("threading"):
        other = clone(fitted).set_params(n_jobs=2).fit(stars[0])
    np.testing.assert_array_equal(other.test_.pvalues_, fitted.test_.pvalues_)


def test_the_seed_is_that_of_the_test_where_it_has_one(stars):
    def draws(seed, own):
        test = NoveltyTest(n_draws=3, n_bootstrap=0, random_state=own)
        finder = AssociationFinder(FINE, significance=test, random_state=seed)
        return finder.fit(stars[0]).test_.null_statistics_.tolist()

    assert draws(0, None) == draws(0, None) != draws(1, None)
    assert draws(0, 5) == draws(1, 5)


def test_stars_are_left_out_for_a_reason_and_stay_in_the_table(stars):
    table = stars[0].copy()
    table.loc[0, "l"] = np.nan
    table.loc[1, "parallax"] = np.nan
    table.loc[2, "parallax"] = 0.0
    table.loc[3, "parallax"] = -0.5
    table.loc[4, "parallax_error"] = 1.0
    table.loc[5, "parallax_error"] = np.nan
    table.loc[6, "parallax_error"] = 0.0
    mask = np.arange(len(table)) != 7
    finder = AssociationFinder(significance="drop").fit(table, mask=mask)
    no_error = "no parallax_over_error"
    assert finder.reasons_[:9].tolist() == [
        "no position",
        "no parallax",
        "parallax not above 0",
        "parallax not above 0",
        "parallax_over_error below 3",
        no_error,
        no_error,
        "left out by mask",
        "",
    ]
    assert finder.n_masked_["parallax not above 0"] == 2
    assert sum(finder.n_masked_.values()) == np.sum(~finder.mask_) == 8
    assert len(finder.labels_) == len(table)
    assert (finder.labels_[:8] == -1).all()
    assert np.isnan(finder.positions_[:8]).all()


def test_a_star_at_the_limit_takes_part():
    table = pd.DataFrame({"l": [0.0, 0.0], "b": [0.0, 0.0], "parallax": [1.0, 1.0]})
    table["parallax_over_error"] = [3.0, np.nextafter(3.0, 0)]
    finder = AssociationFinder(significance="drop").fit(table)
    assert finder.mask_.tolist() == [True, False]
    table["good"] = pd.array([None, True], dtype="boolean")
    assert finder.set_params(min_parallax_over_error=None).fit(table, mask="good").mask_[1]
    assert not finder.mask_[0]


def test_the_likeliest_distance_is_the_peak_of_the_posterior():
    parallax, error = np.array([5.0, 0.5, 0.2, 0.01, -0.3]), np.array([0.01, 0.1, 0.06, 0.2, 0.1])
    found = likeliest_distance(parallax, error, LENGTH_SCALE)
    for one, sigma, distance in zip(parallax, error, found, strict=True):
        posterior = distance_posterior(one, sigma, LENGTH_SCALE)
        peak = posterior.grid[np.argmax(posterior.density)]
        assert distance == pytest.approx(peak, abs=posterior.grid[1] - posterior.grid[0])
    assert found[0] == pytest.approx(1 / 5.0, rel=1e-3)
    none = likeliest_distance(np.array([1.0, np.nan, 1.0]), np.array([0.0, 0.1, np.nan]), 1.0)
    assert np.isnan(none).all()


def test_of_three_stationary_distances_the_nearest_is_taken():
    # The likelihood's own peak stays apart from the prior's where L is long.
    assert likeliest_distance(np.array([1.0]), np.array([0.1]), 50.0)[0] == pytest.approx(
        1.02, 0.01
    )


def test_distances_by_the_mode_take_negative_parallaxes():
    table = pd.DataFrame({"l": [0.0, 1.0], "b": 0.0, "parallax": [-0.1, 1.0]})
    table["parallax_error"] = [0.1, 0.01]
    finder = AssociationFinder(
        distance="mode", min_parallax_over_error=None, significance="drop"
    ).fit(table)
    assert finder.mask_.all()
    assert np.linalg.norm(finder.positions_[0]) > 2 * LENGTH_SCALE


def test_errors_are_told_from_the_ratio_where_they_are_absent(stars):
    table = stars[0].assign(parallax_over_error=lambda t: t["parallax"] / t["parallax_error"])
    finder = AssociationFinder(FINE, distance="mode", significance="drop")
    expected = finder.fit(table).positions_
    np.testing.assert_allclose(
        finder.fit(table.drop(columns="parallax_error")).positions_, expected
    )


def test_units_of_an_astropy_table_count(stars, fitted):
    table = tables.QTable.from_pandas(stars[0])
    table["parallax"] = (stars[0]["parallax"].to_numpy() * units.mas).to("arcsec")
    table["l"] = np.radians(stars[0]["l"].to_numpy()) * units.rad
    finder = AssociationFinder(FINE, significance="drop").fit(table)
    np.testing.assert_array_equal(finder.labels_, fitted.labels_)
    table["parallax"] = stars[0]["parallax"].to_numpy() * units.km
    with pytest.raises(ValueError, match="'parallax' is in 'km'"):
        finder.fit(table)


def test_own_distances_can_be_used_in_any_unit(stars):
    table = tables.QTable.from_pandas(stars[0][["l", "b"]])
    table["r_med"] = 1000 / stars[0]["parallax"].to_numpy() * units.pc
    finder = AssociationFinder(
        distance_column="r_med", min_parallax_over_error=None, significance="drop"
    )
    expected = AssociationFinder(significance="drop").fit(stars[0]).positions_
    np.testing.assert_allclose(finder.fit(table).positions_, expected)
    table["r_med"][0] = -1 * units.pc
    assert finder.fit(table).reasons_[0] == "r_med not above 0"
    assert np.isnan(finder.associations_["distance_error"]).all()
    table["r_med"] = np.ones(len(table)) * units.deg
    with pytest.raises(ValueError, match="'deg', which is no distance"):
        finder.fit(table)


def test_other_names_of_the_columns_are_known(stars, fitted):
    names = {"l": "GLON", "b": "GLAT", "parallax": "Plx", "parallax_error": "e_Plx"}
    finder = AssociationFinder(FINE, significance="drop").fit(stars[0].rename(columns=names))
    np.testing.assert_array_equal(finder.labels_, fitted.labels_)


def test_dbscan_in_linear_memory_gives_scikit_learns_groups():
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(0, 1, (600, 3)), 1)  # many pairs at eps exactly
    for eps in (0.2, 0.3, 0.5):
        dbscan = DBSCAN(eps=eps, min_samples=6)
        found = find_groups(chosen_clusterer(dbscan, 0), X)
        np.testing.assert_array_equal(found, find_groups(dbscan, X))


def test_an_eps_that_joins_all_stars_takes_no_more_memory():
    rng = np.random.default_rng(0)
    table = table_of(disc(20_000, rng), rng)
    finder = AssociationFinder(DBSCAN(eps=5.0, min_samples=10), significance="drop")
    finder.fit(table[:100])
    tracemalloc.start()
    assert finder.fit(table).associations_["n_members"].tolist() == [finder.mask_.sum()]
    # All pairs of neighbours would be 3 GB.
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    "clusterer",
    [HDBSCAN(min_cluster_size=20, copy=True), ContrastDBSCAN(2.0), DBSCAN(0.3, metric="manhattan")],
    ids=lambda c: type(c).__name__,
)
def test_any_clusterer_can_be_used(stars, clusterer):
    table, truth = stars
    finder = AssociationFinder(clusterer, significance="drop").fit(table)
    best = np.bincount(finder.labels_[truth == 0] + 1).argmax() - 1
    assert best >= 0
    assert np.mean(finder.labels_[truth == 0] == best) > 0.7
    assert hasattr(finder, "predict") == (not isinstance(clusterer, HDBSCAN))


@pytest.mark.parametrize("clusterer", [None, FINE, DBSCAN(0.3, metric="manhattan")])
def test_fitted_stars_keep_their_labels_and_new_ones_join_the_nearest(stars, clusterer):
    table, truth = stars
    finder = AssociationFinder(clusterer, significance="drop").fit(table)
    core = truth == 0
    same = finder.predict(table)
    np.testing.assert_array_equal(same[core], finder.labels_[core])
    new = table[core].assign(l=lambda t: t["l"] + 1e-6)
    np.testing.assert_array_equal(finder.predict(new), finder.labels_[core])
    far = new.assign(b=80.0, parallax=0.1)
    assert (finder.predict(far) == -1).all()
    assert (finder.predict(new.assign(parallax_error=10.0)) == -1).all()


def test_without_a_group_nothing_is_predicted(stars):
    finder = AssociationFinder(DBSCAN(eps=1e-4), significance="drop").fit(stars[0])
    assert (finder.predict(stars[0]) == -1).all()


def test_a_structureless_disc_has_no_significant_association():
    rng = np.random.default_rng(3)
    finder = AssociationFinder(DBSCAN(eps=0.25, min_samples=10), significance=QUICK)
    finder.fit(table_of(disc(700, rng), rng))
    assert len(finder.associations_) > 1
    assert (finder.associations_["p_value"] > 0.05).all()


def test_the_disc_itself_is_a_group_of_no_significance():
    rng = np.random.default_rng(0)
    finder = AssociationFinder(significance=QUICK).fit(table_of(disc(2000, rng), rng))
    assert finder.associations_["n_members"][0] > 1800
    assert finder.associations_["p_value"][0] == 1


@pytest.mark.slow
def test_p_is_uniform_over_structureless_discs():
    p = []
    rng = np.random.default_rng(0)
    for seed in range(100):
        test = NoveltyTest(n_draws=19, n_bootstrap=0)
        finder = AssociationFinder(FINE, significance=test, random_state=seed)
        found = finder.fit(table_of(disc(1000, rng), rng)).associations_["p_value"]
        # p-values are multiples of 1 / 20: each is spread over its step.
        p.append(min(found, default=1.0) - rng.uniform() / 20)
    assert kstest(p, "uniform", alternative="greater").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) < 0.12


def test_the_test_can_be_left_out_and_can_drop_chance(stars, fitted):
    dropped = AssociationFinder(FINE, significance="drop").fit(stars[0])
    assert dropped.test_ is None
    assert "p_value" not in dropped.associations_.colnames
    np.testing.assert_array_equal(dropped.labels_, fitted.labels_)
    strict = NoveltyTest(n_draws=3, n_bootstrap=0, alpha=0.1, drop_insignificant=True)
    finder = AssociationFinder(FINE, significance=strict).fit(stars[0])
    assert (finder.labels_ == -1).all()  # of three draws no p-value is below 0.1
    assert len(finder.associations_) == len(fitted.associations_)
    assert (finder.predict(stars[0]) == -1).all()


def test_no_star_that_takes_part_is_a_warning(stars):
    finder = AssociationFinder(min_parallax_over_error=1e6)
    with pytest.warns(UserWarning, match="no star takes part"):
        finder.fit(stars[0])
    assert (finder.labels_ == -1).all()
    assert len(finder.associations_) == 0
    assert finder.associations_["x"].unit == "kpc"
    assert (finder.predict(stars[0]) == -1).all()


@pytest.mark.parametrize("clusterer", [None, HDBSCAN(copy=True), ContrastDBSCAN()])
def test_one_star_is_no_association(stars, clusterer):
    finder = AssociationFinder(clusterer, significance=QUICK).fit(stars[0][:1])
    assert finder.labels_.tolist() == [-1]
    assert len(finder.associations_) == 0


def test_probabilities_are_told_where_there_are_any(stars):
    finder = AssociationFinder(FINE, significance="drop", probability_column="p_hot")
    with pytest.raises(ValueError, match="no column 'p_hot'"):
        finder.fit(stars[0])
    table = stars[0].rename(columns={"p_massive": "p_hot"})
    assert "p_hot" in finder.fit(table).associations_.colnames
    finder.set_params(probability_column=None).fit(table)
    assert "p_massive" not in finder.associations_.colnames


BAD = {
    "no rows": (lambda t: t[:0], "at least one row"),
    "no table": (lambda t: t.to_numpy(), "DataFrame or an astropy Table"),
    "no parallax": (lambda t: t.drop(columns="parallax"), "no column 'parallax'"),
    "no errors": (lambda t: t.drop(columns="parallax_error"), "min_parallax_over_error=None"),
    "no positions": (lambda t: t.drop(columns="b"), "need the positions"),
    "swapped": (lambda t: t.rename(columns={"l": "b", "b": "l"}), "'b' must be in degrees"),
    "one star twice": (lambda t: pd.concat([t, t[:1]]), "source_id must be unique"),
    "rounded ids": (lambda t: t.assign(source_id=1.0 * t["source_id"]), "source_id is float64"),
    "words": (lambda t: t.assign(parallax="near"), "'parallax' must hold numbers"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD.values(), ids=BAD.keys())
def test_bad_tables_are_refused_by_name(stars, spoil, message):
    with pytest.raises(ValueError, match=message):
        AssociationFinder(significance="drop").fit(spoil(stars[0]))


@pytest.mark.parametrize("mask", [[True], "no_such", np.zeros(490)])
def test_a_mask_that_does_not_fit_is_refused(stars, mask):
    with pytest.raises(ValueError, match="mask"):
        AssociationFinder(significance="drop").fit(stars[0], mask=mask)


@pytest.mark.parametrize(
    "params",
    [
        {"clusterer": "dbscan"},
        {"clusterer": DBSCAN(eps=-1.0)},
        {"distance": "median"},
        {"length_scale": 0.0},
        {"significance": "keep"},
        {"random_state": -1},
        {"min_parallax_over_error": "3"},
    ],
    ids=str,
)
def test_parameters_are_checked(stars, params):
    with pytest.raises(ValueError, match="parameter of"):
        AssociationFinder(**params).fit(stars[0])


def test_missing_errors_are_named_for_the_mode(stars):
    finder = AssociationFinder(distance="mode", min_parallax_over_error=None)
    with pytest.raises(ValueError, match="distance='mode' needs it"):
        finder.fit(stars[0].drop(columns="parallax_error"))


def test_names_are_different_and_wrap():
    names = names_of([359.96, 0.0, 120.04], [-0.0, 0.01, -12.3], [1.0, 1.0, 0.4])
    assert names == [
        "G000.0-00.0 at 1.00 kpc",
        "G000.0+00.0 at 1.00 kpc",
        "G120.0-12.3 at 0.40 kpc",
    ]
    assert names_of([1.0, 1.0], [0.0, 0.0], [2.0, 2.0])[1] == "G001.0+00.0 at 2.00 kpc (2)"


def test_nested_parameters_of_what_is_none_can_be_set():
    finder = AssociationFinder().set_params(clusterer__eps=0.1, significance__n_draws=7)
    assert (finder.clusterer.eps, finder.clusterer.min_samples) == (0.1, 10)
    assert finder.significance.n_draws == 7
    built = AssociationFinder.builder().with_n_draws(9).with_distance("mode").build()
    assert (built.significance.n_draws, built.distance) == (9, "mode")


def test_a_run_file_and_a_pickle_give_the_same_finder(stars, fitted):
    assert repr(AssociationFinder.from_dict(fitted.to_dict())) == repr(fitted)
    other = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(other.predict(stars[0]), fitted.predict(stars[0]))


def test_fit_predict_gives_the_labels(stars, fitted):
    labels = AssociationFinder(FINE, significance="drop").fit_predict(stars[0])
    np.testing.assert_array_equal(labels, fitted.labels_)
