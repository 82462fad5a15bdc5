"""Structure of clusters: published table and distances, and what must not matter."""

import numpy as np
import pandas as pd
import pytest

from climbkit.survey import CandidateSet
from climbkit.survey._distance import distance_posterior
from climbkit.survey._structure import ClusterStructure

ASTROMETRY = ("parallax", "pmra", "pmdec")
GAIA_NAMES = {f"e_{name}": f"{name}_error" for name in ASTROMETRY}
PUBLISHED_SYSTEMATIC = {"parallax": 0.01, "pmra": 0.02, "pmdec": 0.02}
NAMES = {"Pal_5": "Pal 5", "Eridanus": "Eridanus"}


def published_stars(data_folder, name):
    Table = pytest.importorskip("astropy.table").Table
    stars = Table.read(data_folder / "member_lists" / f"{name}.ecsv").to_pandas()
    return stars.rename(columns=GAIA_NAMES)


def one_candidate(stars, probabilities=None):
    rows = np.arange(len(stars))
    return CandidateSet(
        stars, [0, len(stars)], rows, pd.DataFrame(index=[0]), probabilities=probabilities
    )


def cluster(seed=0, n=60, *, ra=150.0, dec=2.0, pm=(1.0, -2.0), dispersion=0.0):
    """Stars about a point of the sky, whose motions are parallel in the tangent plane there."""
    from climbkit.survey._frames import directions, unit_vectors

    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 0.05, (2, n))
    # Placed at (0, 0), where the axes are those of the plane, then turned to where it shall be.
    base = unit_vectors(x, y)
    east, north, up = unit_vectors(ra + 90, 0.0), unit_vectors(ra, dec + 90), unit_vectors(ra, dec)
    turn = np.stack([up, east, north], axis=1)
    longitude, latitude = directions(turn @ base)
    error = rng.choice([0.05, 0.4], n)
    motion = rng.normal(pm, np.hypot(error, dispersion)[:, None], (n, 2))
    # Motions of the plane in each star's own axes, from the directions of these on the sky.
    lon, lat = np.radians(longitude), np.radians(latitude)
    own_east = np.stack([-np.sin(lon), np.cos(lon), 0 * lon])
    own_north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    on_sky = np.outer(east, motion[:, 0]) + np.outer(north, motion[:, 1])
    return pd.DataFrame(
        {
            "source_id": rng.permutation(n) + 10**17,
            "ra": longitude,
            "dec": latitude,
            "parallax": rng.normal(0.2, error),
            "pmra": (own_east * on_sky).sum(axis=0),
            "pmdec": (own_north * on_sky).sum(axis=0),
        }
        | {f"{name}_error": error for name in ASTROMETRY}
    )


@pytest.mark.parametrize("name", ["Pal_5", "Eridanus"])
def test_published_table_comes_out_again(data_folder, name):
    Table = pytest.importorskip("astropy.table").Table
    stars = published_stars(data_folder, name)
    candidates = one_candidate(stars, stars["gmm_mem_prob"])
    found = ClusterStructure.published().fit(candidates).candidates_.table.iloc[0]
    table = Table.read(data_folder / "member_lists" / "published_astrometry_table.ecsv")
    row = table[table["Cluster Name"] == NAMES[name]][0]
    assert found["structure_n_members"] == row[1]
    for column, value, error in zip(ASTROMETRY, (7, 9, 11), (8, 10, 12), strict=True):
        total = found[f"{column}_error"] + found[f"{column}_error_sys"]
        assert (round(found[column], 3), round(total, 3)) == (row[value], row[error])
        assert found[f"{column}_error_sys"] == PUBLISHED_SYSTEMATIC[column]
    # Centre and R50 were published as of plane coordinates.
    members = stars[stars["gmm_mem_prob"] >= 0.9]
    plane = members[["ra", "dec", "l", "b"]].mean()
    r50 = np.median(np.hypot(members["l"] - plane["l"], members["b"] - plane["b"]))
    assert plane.round(6).tolist() == [row[k] for k in (3, 4, 5, 6)]
    assert round(r50, 3) == row[2]
    assert found[["ra", "dec", "l", "b"]].to_numpy(float) == pytest.approx(plane, abs=2e-5)
    assert found["r50"] < r50


@pytest.mark.parametrize(
    ("name", "published", "grid"),
    [("Eridanus", 6.77, (6.84, -1.48, 2.69)), ("Pal_5", 25.17, (25.3, -5.0, 7.8))],
)
def test_published_distances_lie_within_the_posterior(data_folder, name, published, grid):
    stars = published_stars(data_folder, name)
    candidates = one_candidate(stars, stars["gmm_mem_prob"])
    found = ClusterStructure.published().fit(candidates).candidates_.table.iloc[0]
    digits = 2 if name == "Eridanus" else 1
    middle, low, high = (found[f"distance{end}"] for end in ("", "_lower", "_upper"))
    assert round(middle, digits) == grid[0]
    assert (round(low - middle, digits), round(high - middle, digits)) == grid[1:]
    assert low < published < high
    structure = ClusterStructure(min_probability=0.9).fit(candidates)
    wide = structure.candidates_.table.iloc[0]
    # The systematic error has its place in an interval that is to be compared with others.
    assert wide["distance_upper"] - wide["distance_lower"] > high - low
    assert wide["distance"] == pytest.approx(middle, rel=0.05)


@pytest.mark.parametrize(("parallax", "error"), [(10.0, 5e-5), (100.0, 1e-6)])
def test_narrow_posteriors_are_not_missed(parallax, error):
    low, middle, high = distance_posterior(parallax, error).quantile((0.16, 0.5, 0.84))
    assert middle == pytest.approx(1 / parallax, rel=1e-3 * error / parallax)
    assert (high - low) / 2 == pytest.approx(0.9945 * error / parallax**2, rel=2e-3)


def test_parallaxes_that_tell_nothing_leave_the_prior():
    posterior = distance_posterior(-0.1, 1e6, length_scale=2.0)
    from scipy.stats import gamma

    q = np.array([0.01, 0.16, 0.5, 0.84, 0.99])
    assert posterior.quantile(q) == pytest.approx(gamma(3, scale=2.0).ppf(q), rel=1e-3)


def test_means_are_those_of_independent_normal_errors():
    stars = cluster(n=400)
    found = ClusterStructure().fit(stars).candidates_.table.iloc[0]
    weights = stars["parallax_error"] ** -2.0
    expected = np.average(stars["parallax"], weights=weights)
    assert found["parallax"] == pytest.approx(expected, rel=1e-9)
    assert found["parallax_error"] == pytest.approx(weights.sum() ** -0.5, rel=1e-9)
    assert abs(found["pmra"] - 1.0) < 4 * found["pmra_error"]


@pytest.mark.parametrize(("ra", "dec"), [(0.01, 20.0), (77.0, 89.99), (200.0, -89.99)])
def test_wrap_and_poles_are_nothing_special(ra, dec):
    middle = ClusterStructure().fit(cluster(ra=150.0, dec=0.0)).candidates_.table.iloc[0]
    moved = ClusterStructure().fit(cluster(ra=ra, dec=dec)).candidates_.table.iloc[0]
    same = ["r50", "parallax", "distance", "distance_lower", "parallax_error", "pmra_error"]
    assert moved[same].to_numpy(float) == pytest.approx(middle[same].to_numpy(float), rel=1e-6)
    shape = ["king_rc", "king_rt", "pm_dispersion_limit"]
    assert moved[shape].to_numpy(float) == pytest.approx(middle[shape].to_numpy(float), rel=1e-2)
    # Near a pole the axes at the mean position are not those at the point the stars lie about.
    speed = [np.hypot(each["pmra"], each["pmdec"]) for each in (middle, moved)]
    assert speed[1] == pytest.approx(speed[0], rel=1e-6)


def test_galactic_positions_give_the_same_motions():
    SkyCoord = pytest.importorskip("astropy.coordinates").SkyCoord
    stars = cluster(ra=83.0, dec=-60.0)
    sky = SkyCoord(stars["ra"].to_numpy(), stars["dec"].to_numpy(), unit="deg").galactic
    stars = stars.assign(l=sky.l.deg, b=sky.b.deg)
    names = ["r50", "parallax", "pmra", "pmdec", "pmra_error", "pmdec_error", "distance"]
    with_both = ClusterStructure().fit(stars).candidates_.table[names]
    galactic = ClusterStructure(coordinates=("l", "b")).fit(stars).candidates_.table[names]
    assert galactic.to_numpy() == pytest.approx(with_both.to_numpy(), rel=1e-6)


def test_order_of_rows_and_threads_change_no_bit():
    stars = pd.concat(
        [cluster(0), cluster(1, ra=151.0).assign(source_id=lambda x: x.source_id + 99)]
    )
    stars = stars.reset_index(drop=True)
    order = np.random.default_rng(3).permutation(len(stars))
    found = []
    for table, where, n_jobs in (
        (stars, np.arange(len(stars)), 1),
        (stars.iloc[order].reset_index(drop=True), np.argsort(order), 2),
    ):
        indices = np.r_[where[:60], where[60:]]
        candidates = CandidateSet(table, [0, 60, 120], indices, pd.DataFrame(index=[0, 1]))
        found.append(ClusterStructure(n_jobs=n_jobs).fit(candidates).candidates_.table)
    pd.testing.assert_frame_equal(*found, check_exact=True)


def test_masked_and_incomplete_stars_are_left_out_with_reasons():
    stars = cluster().assign(good=True)
    stars.loc[:9, "good"] = False
    stars.loc[10:19, "parallax_error"] = np.nan
    structure = ClusterStructure().fit(stars, mask="good")
    row = structure.candidates_.table.iloc[0]
    assert row["structure_n_members"] == 50
    other = ClusterStructure().fit(stars.iloc[20:].reset_index(drop=True))
    assert row["pmra"] == pytest.approx(other.candidates_.table["pmra"][0], rel=1e-4)
    nothing = ClusterStructure().fit(stars.assign(pmra=np.nan)).candidates_.table.iloc[0]
    assert np.isnan(nothing["distance"])
    assert np.isnan(nothing["pmra_error_sys"])
    assert "no member has complete astrometry" in nothing["structure_reason"]


def test_a_candidate_without_members_has_a_reason():
    stars = cluster()
    row = ClusterStructure(min_probability=0.5).fit(one_candidate(stars, np.zeros(60)))
    row = row.candidates_.table.iloc[0]
    assert np.isnan(row["distance"])
    assert np.isnan(row["ra"])
    assert "no member" in row["structure_reason"]


def test_no_candidates_give_columns_without_rows():
    stars = cluster()
    none = CandidateSet(stars, [0], [], pd.DataFrame(index=[]))
    table = ClusterStructure().fit(none).candidates_.table
    assert len(table) == 0
    assert {"ra", "r50", "distance", "pmra_error_sys", "structure_reason"} <= set(table)


def test_units_come_along():
    u = pytest.importorskip("astropy.units")
    table = ClusterStructure().fit(cluster()).candidates_.to_qtable()
    assert table["distance"].unit == u.kpc
    assert table["pmra_error_sys"].unit == u.mas / u.yr


def test_stars_without_errors_are_refused():
    with pytest.raises(ValueError, match="pmdec_error"):
        ClusterStructure().fit(cluster().drop(columns="pmdec_error"))


def test_builder_and_dictionary_make_the_same_estimator():
    built = ClusterStructure.builder().with_profile("plummer").with_pm_systematic(0.025).build()
    assert ClusterStructure.from_dict(built.to_dict()).get_params() == built.get_params()
    with pytest.raises(ValueError, match="pm_systematic"):
        ClusterStructure.builder().with_pm_systematic(-1.0)


def test_other_candidates_are_measured_as_those_fitted():
    structure = ClusterStructure(profile=None).fit(cluster(0))
    assert structure.transform(structure._fitted) is structure.candidates_
    other = structure.transform(cluster(1)).table
    expected = ClusterStructure(profile=None).fit(cluster(1)).candidates_.table
    pd.testing.assert_frame_equal(other, expected)
    assert "king_rc" not in other
