import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.datasets import make_cluster_field
from climbkit.datasets._sky import (
    from_tangent_plane,
    galactic_to_icrs,
    icrs_to_galactic,
    to_tangent_plane,
)

COLUMNS = ["source_id", "ra", "dec", "l", "b", "parallax", "parallax_error", "pmra", "pmra_error"]
COLUMNS += ["pmdec", "pmdec_error", "phot_g_mean_mag", "bp_rp"]


@pytest.fixture(scope="module")
def field():
    return make_cluster_field(20_000, n_clusters=6, random_state=0)


def separation(lon, lat, lon0, lat0):
    """Angle in degrees, by the haversine formula."""
    lon, lat, lon0, lat0 = map(np.radians, (lon, lat, lon0, lat0))
    haversine = (
        np.sin((lat - lat0) / 2) ** 2 + np.cos(lat) * np.cos(lat0) * np.sin((lon - lon0) / 2) ** 2
    )
    return np.degrees(2 * np.arcsin(np.sqrt(haversine)))


def test_every_star_and_every_member_is_there(field):
    assert list(field.data) == COLUMNS
    assert len(field.data) == len(field.target) == 20_000
    assert not field.data.isna().any(axis=None)
    counts = np.bincount(field.target + 1, minlength=7)[1:]
    assert np.array_equal(counts, field.clusters["n_members"])
    assert f"{counts.sum()} in 6 clusters" in field.DESCR


def test_ids_are_unique_int64_that_a_float_would_round(field):
    ids = field.data["source_id"]
    assert ids.dtype == np.int64
    assert ids.is_unique
    assert np.any(ids.astype(np.float64).astype(np.uint64) != ids)


def test_the_same_seed_gives_the_same_field_and_another_seed_another(field):
    again = make_cluster_field(20_000, n_clusters=6, random_state=0)
    assert again.data.equals(field.data)
    assert again.clusters.equals(field.clusters)
    assert np.array_equal(again.target, field.target)
    assert not make_cluster_field(20_000, n_clusters=6, random_state=1).data.equals(field.data)


def test_rows_are_shuffled(field):
    largest = field.clusters["n_members"].idxmax()
    rows = np.flatnonzero(field.target == largest)
    assert abs(rows.mean() - 10_000) < 5 * 20_000 / np.sqrt(12 * len(rows))


@pytest.mark.parametrize("center", [(35.0, 20.0), (0.0, -5.0), (359.9, 0.0), (200.0, 89.0)])
def test_the_field_fills_its_square_and_nothing_else(center):
    field = make_cluster_field(5_000, center=center, side=6.0, n_clusters=0, random_state=0)
    x, y = to_tangent_plane(field.data["l"], field.data["b"], center)
    assert max(np.abs(x).max(), np.abs(y).max()) <= 3.0 + 1e-9
    share, _, _ = np.histogram2d(x, y, bins=4, range=[[-3, 3], [-3, 3]])
    assert share.min() > 5_000 / 16 / 4


def test_stars_thin_out_away_from_the_plane():
    field = make_cluster_field(20_000, center=(90, 10), n_clusters=0, random_state=0)
    low, high = np.quantile(field.data["b"], [0.0, 1.0])
    near, far = (field.data["b"].between(*edge).sum() for edge in ((low, 8), (12, high)))
    assert near > 1.5 * far
    level = make_cluster_field(20_000, center=(90, 0), n_clusters=0, random_state=0)
    assert abs(level.data["b"].mean()) < 0.1


def test_galactic_and_equatorial_positions_are_the_same_points(field):
    coordinates = pytest.importorskip("astropy.coordinates")
    galactic = coordinates.SkyCoord(
        l=field.data["l"], b=field.data["b"], unit="deg", frame="galactic"
    )
    equatorial = coordinates.SkyCoord(field.data["ra"], field.data["dec"], unit="deg")
    # Two realisations of the Galactic frame differ by some 0.02 arcsec.
    assert galactic.separation(equatorial).arcsec.max() < 0.05


@settings(deadline=None, max_examples=30)
@given(
    lon=st.floats(0, 360, exclude_max=True),
    lat=st.floats(-90, 90),
    x=st.floats(-20, 20),
    y=st.floats(-20, 20),
)
def test_projections_and_rotations_come_back_to_where_they_began(lon, lat, x, y):
    x, y = np.array([x]), np.array([y])
    l1, b1 = from_tangent_plane(x, y, (lon, lat))
    assert np.allclose(to_tangent_plane(l1, b1, (lon, lat)), [x, y], atol=1e-9)
    l2, b2 = icrs_to_galactic(*galactic_to_icrs(l1, b1))
    assert separation(l1, b1, l2, b2)[0] < 1e-9
    assert 0 <= l2[0] < 360


@pytest.mark.parametrize("profile", ["king", "plummer"])
@pytest.mark.parametrize("kind", ["globular", "open"])
def test_half_of_the_members_lie_within_r50(profile, kind):
    asked = {"x": [0.0], "y": [0.0], "r50": [0.2], "n_members": [3000]}
    field = make_cluster_field(
        6_000,
        center=(359.95, -60.0),
        clusters={**asked, "profile": [profile], "kind": [kind]},
        random_state=3,
    )
    cluster, members = field.clusters.iloc[0], field.data[field.target == 0]
    away = separation(members["l"], members["b"], cluster["l"], cluster["b"])
    assert np.median(away) == pytest.approx(0.2, rel=0.08)
    assert cluster["r50"] == 0.2


def test_a_king_profile_ends_and_follows_its_law():
    asked = {"x": [0.0], "y": [0.0], "r50": [0.2], "n_members": [20_000]}
    field = make_cluster_field(
        20_000, clusters={**asked, "profile": ["king"], "kind": ["open"]}, random_state=0
    )
    cluster = field.clusters.iloc[0]
    away = np.sort(separation(field.data["l"], field.data["b"], cluster["l"], cluster["b"]))
    # King (1962), eq. 14, summed numerically; the tidal radius is 10^0.7 core radii.
    radius = np.linspace(0, 10**0.7, 20_001)
    surface = ((1 + radius**2) ** -0.5 - (1 + 10**1.4) ** -0.5) ** 2
    within = np.cumsum(surface * radius) / np.sum(surface * radius)
    core = 0.2 / np.interp(0.5, within, radius)
    expected = np.interp(away / core, radius, within)
    assert np.abs(expected - np.arange(20_000) / 20_000).max() < 0.015
    assert away[-1] <= core * 10**0.7 * (1 + 1e-9)


def test_members_share_the_parallax_and_motion_of_their_cluster(field):
    for number, cluster in field.clusters.iterrows():
        members = field.data[field.target == number]
        for name in ("parallax", "pmra", "pmdec"):
            spread = members[f"{name}_error"]
            pull = (members[name] - cluster[name]) / spread
            centre = np.sum(pull / spread) / np.sum(1 / spread)
            # Depth and velocity dispersion widen it; the mean stays.
            inner = cluster["dispersion"] / (4.74 * cluster["distance"])
            inner = 0.01 * cluster["parallax"] if name == "parallax" else inner
            allowed = 5 * np.sqrt((1 + (inner / spread.min()) ** 2) / len(members)) + 0.1
            assert abs(centre) < allowed


def test_members_near_the_pole_share_a_velocity_not_its_components():
    lon, lat = icrs_to_galactic(np.array([10.0]), np.array([89.8]))
    asked = {"x": [0], "y": [0], "r50": [0.5], "n_members": [1000], "distance": [0.3]}
    asked |= {"dispersion": [0.0], "pmra": [50.0], "pmdec": [0.0], "profile": ["plummer"]}
    field = make_cluster_field(1_000, center=(lon[0], lat[0]), clusters=asked, random_state=0)
    stars = field.data
    assert stars["pmra"].min() < -40
    assert stars["pmdec"].max() > 40
    total = np.hypot(stars["pmra"], stars["pmdec"]) - 50
    # A hundredth for the depth of the cluster, another for the tilt of the tangent planes.
    allowed = 5 * np.hypot(stars["pmra_error"], 0.02 * 50)
    assert (np.abs(total) < allowed).mean() > 0.99


@pytest.mark.parametrize("center", [(0.0, 5.0), (120.0, 89.0)])
def test_a_cluster_can_be_placed_on_the_corner_of_tiles(center):
    field = make_cluster_field(
        3_000, center=center, clusters={"x": [0.0], "y": [0.0], "n_members": [400]}, random_state=0
    )
    cluster = field.clusters.iloc[0]
    assert separation(cluster["l"], cluster["b"], *center) < 1e-9
    members = field.data[field.target == 0]
    assert len(members) == 400
    assert np.median(separation(members["l"], members["b"], *center)) < 3 * cluster["r50"]
    if center[0] == 0.0:
        assert 0.3 < np.mean(members["l"] > 180) < 0.7


def test_given_clusters_keep_what_is_given_and_come_first():
    asked = pd.DataFrame(
        {"l": [40.0, -0.5], "b": [21.0, 20.0], "n_members": [50, 60], "distance": [5.0, 1.0]}
    )
    asked = asked.assign(pmra=[1.0, 2.0], pmdec=[3.0, 4.0], kind=["open", "globular"])
    field = make_cluster_field(
        2_000, center=(0.0, 20.0), side=90.0, clusters=asked, n_clusters=2, random_state=0
    )
    truth = field.clusters
    assert len(truth) == 4
    assert truth["l"][:2].tolist() == [40.0, 359.5]
    for name in ("b", "n_members", "distance", "pmra", "pmdec", "kind"):
        assert truth[name][:2].tolist() == asked[name].tolist()
    assert truth["parallax"][:2].tolist() == [0.2, 1.0]
    # x, y and l, b name the same place.
    assert np.allclose(to_tangent_plane(truth["l"], truth["b"], (0, 20)), truth[["x", "y"]].T)


def test_drawn_clusters_differ_in_size_and_take_no_more_than_half_of_the_stars():
    field = make_cluster_field(n_clusters=40, random_state=0)
    sizes = field.clusters["n_members"]
    assert sizes.between(20, 3000).all()
    assert sizes.max() > 10 * sizes.min()
    assert sizes.sum() <= 30_000
    by_kind = field.clusters.groupby("kind")
    assert by_kind.size().tolist() == [20, 20]
    assert by_kind["r50"].median()["open"] > 2 * by_kind["r50"].median()["globular"]


def test_errors_grow_with_magnitude_as_in_gaia(field):
    magnitude = field.data["phot_g_mean_mag"]
    # Medians of Gaia DR3: Lindegren et al. 2021 (10.1051/0004-6361/202039709), table 4.
    for about, expected in ((15.0, 0.03), (17.0, 0.07), (20.0, 0.6)):
        errors = field.data["parallax_error"][np.abs(magnitude - about) < 0.25]
        assert errors.median() == pytest.approx(expected, rel=0.5)


def test_stars_above_the_sun_move_against_its_rotation():
    coordinates = pytest.importorskip("astropy.coordinates")
    units = pytest.importorskip("astropy.units")
    field = make_cluster_field(20_000, center=(180, 85), n_clusters=0, random_state=0)
    stars = {name: field.data[name].to_numpy() for name in ("ra", "dec", "pmra", "pmdec")}
    motion = {"pm_ra_cosdec": stars["pmra"], "pm_dec": stars["pmdec"]}
    sky = coordinates.SkyCoord(
        stars["ra"] * units.deg,
        stars["dec"] * units.deg,
        **{name: values * units.mas / units.yr for name, values in motion.items()},
    ).galactic
    sin_l, cos_l, sin_b = np.sin(sky.l.rad), np.cos(sky.l.rad), np.sin(sky.b.rad)
    inwards = np.median(-sky.pm_l_cosb.value * sin_l - sky.pm_b.value * sin_b * cos_l)
    along_rotation = np.median(sky.pm_l_cosb.value * cos_l - sky.pm_b.value * sin_b * sin_l)
    assert along_rotation < -2  # the thick disc's lag of 50 km/s at 2 kpc is 5 mas/yr
    assert abs(inwards) < 0.4 * abs(along_rotation)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"center": (0.0, 91.0)}, "center must be"),
        ({"center": (np.nan, 0.0)}, "center must be"),
        ({"center": (1.0, 2.0, 3.0)}, "center must be"),
        ({"side": 0.0}, "side"),
        ({"n_stars": 0}, "n_stars"),
        ({"clusters": {"size": [1.0]}}, r"the columns \['size'\]; allowed are"),
        ({"clusters": {"l": [1.0]}}, "both of the columns l and b"),
        ({"clusters": {"l": [1.0], "b": [1.0], "x": [1.0], "y": [1.0]}}, "not both pairs"),
        ({"clusters": {"r50": [0.0]}}, "r50 must be finite and greater than 0"),
        ({"clusters": {"distance": [np.nan]}}, "distance must be finite"),
        ({"clusters": {"n_members": [0]}}, "n_members must be at least 1"),
        ({"clusters": {"n_members": [200]}}, "more than n_stars=100"),
        ({"clusters": {"kind": ["dwarf"]}}, "kind must be one of"),
        ({"clusters": {"l": [35.0], "b": [95.0]}}, "b must lie between"),
        ({"clusters": {"l": [215.0], "b": [-20.0]}}, "within 90 deg of center"),
    ],
)
def test_what_is_not_possible_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_cluster_field(**{"n_stars": 100, **parameters})
