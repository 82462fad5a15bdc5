"""Zero point of parallaxes and frame of bright proper motions."""

import sys

import numpy as np
import pandas as pd
import pytest

from climbkit.datasets import load_gaia_field
from climbkit.survey import ParallaxZeroPoint, ProperMotionFrame
from climbkit.survey._parallax_zero_point import ecliptic_latitude


def stars_at(g, colour=1.5, solved=31, **columns):
    frame = pd.DataFrame({"phot_g_mean_mag": np.atleast_1d(np.asarray(g, dtype=float))})
    six = solved == 95
    defaults = {
        "parallax": 1.0,
        "ecl_lat": 20.0,
        "nu_eff_used_in_astrometry": np.nan if six else colour,
        "pseudocolour": colour if six else np.nan,
        "astrometric_params_solved": solved,
    }
    return frame.assign(**(defaults | columns))


class TestZeroPoint:
    @pytest.fixture(autouse=True)
    def package(self):
        return pytest.importorskip("zero_point", reason="gaiadr3-zeropoint is not installed")

    def test_the_zero_point_is_taken_off_and_kept_beside(self):
        from zero_point import zpt

        zpt.load_tables()
        g = [10.0, 15.0, 19.0]
        corrected = ParallaxZeroPoint().transform(stars_at(g))
        expected = zpt.get_zpt(g, [1.5] * 3, [np.nan] * 3, [20.0] * 3, [31] * 3)
        np.testing.assert_allclose(corrected["parallax_zero_point"], expected)
        np.testing.assert_allclose(corrected["parallax"], 1.0 - expected)

    def test_faint_quasars_get_their_mean_parallax(self):
        # -0.017 mas over the sky (Lindegren et al. 2021), for their usual colour and magnitude.
        latitude = np.rad2deg(np.arcsin(np.linspace(-0.99, 0.99, 41)))
        corrected = ParallaxZeroPoint().transform(stars_at([19.5] * 41, 1.55, ecl_lat=latitude))
        assert corrected["parallax_zero_point"].mean() == pytest.approx(-0.017, abs=0.005)

    @pytest.mark.parametrize(
        "stars",
        [stars_at(21.5), stars_at(5.0), stars_at(15.0, 2.0), stars_at(15.0, 1.2, 95)],
        ids=["faint", "bright", "colour", "pseudocolour"],
    )
    def test_out_of_range_is_nan_kept_or_clipped(self, stars):
        dropped = ParallaxZeroPoint(out_of_range="nan").transform(stars)
        assert dropped[["parallax", "parallax_zero_point"]].isna().all(axis=None)
        kept = ParallaxZeroPoint(out_of_range="keep").transform(stars)
        assert kept[["parallax", "parallax_zero_point"]].iloc[0].tolist() == [1.0, 0.0]
        clipped = ParallaxZeroPoint(out_of_range="clip").transform(stars)
        assert 0 < abs(clipped["parallax_zero_point"][0]) < 0.2

    def test_stars_without_parallax_or_colour_have_none(self):
        stars = stars_at([15.0] * 3, parallax=[np.nan, 1.0, 1.0])
        stars.loc[1, "nu_eff_used_in_astrometry"] = np.nan
        stars.loc[2, "astrometric_params_solved"] = 3
        assert ParallaxZeroPoint().transform(stars)["parallax_zero_point"].isna().all()

    def test_positions_do_in_place_of_ecliptic_latitude(self):
        stars = stars_at([15.0, 17.0], ra=[10.0, 200.0], dec=[40.0, -70.0]).drop(columns="ecl_lat")
        both = ParallaxZeroPoint().transform(stars.assign(ecl_lat=ecliptic_latitude(stars)))
        alone = ParallaxZeroPoint().transform(stars)
        assert alone["parallax"].tolist() == both["parallax"].tolist()

    def test_the_same_at_every_call_with_the_mean_of_the_published_noise(self):
        stars = stars_at([10.0, 15.0])
        once, twice = (ParallaxZeroPoint.published().transform(stars) for _ in range(2))
        pd.testing.assert_frame_equal(once, twice)
        plain = ParallaxZeroPoint().transform(stars)["parallax"]
        np.testing.assert_allclose(plain - once["parallax"], 0.01)

    def test_parallaxes_are_not_corrected_twice(self):
        once = ParallaxZeroPoint().fit_transform(stars_at(15.0))
        with pytest.raises(ValueError, match="corrected before"):
            ParallaxZeroPoint().transform(once)


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "zero_point.zpt", None)
    with pytest.raises(ImportError, match=r"pip install climbkit\[gaia\]"):
        ParallaxZeroPoint().transform(stars_at(15.0))


def test_without_its_columns_the_zero_point_is_left_out_or_an_error():
    stars = stars_at(15.0).drop(columns=["pseudocolour", "ecl_lat"])
    with pytest.warns(UserWarning, match="no column 'pseudocolour' and no 'ecl_lat'"):
        corrected = ParallaxZeroPoint(offset=0.25).transform(stars)
    assert corrected["parallax"].tolist() == [0.75]
    with pytest.raises(ValueError, match="no column 'pseudocolour'"):
        ParallaxZeroPoint(missing="error").transform(stars)
    with pytest.raises(ValueError, match="no column 'parallax'"):
        ParallaxZeroPoint().transform(stars.drop(columns="parallax"))


def bright(g, ra=0.0, dec=0.0):
    return pd.DataFrame(
        {"phot_g_mean_mag": g, "ra": ra, "dec": dec, "pmra": 1.0, "pmdec": 2.0}, index=range(len(g))
    )


@pytest.mark.parametrize(
    ("g", "spin"),
    [(5.0, (18.4, 33.8, -11.3)), (9.0, (14.0, 30.7, -19.4)), (12.99, (34.9, 68.9, -2.9))],
)
def test_the_spin_of_the_table_is_taken_off(g, spin):
    x, y, z = np.array(spin) / 1000
    # On the equator at ra = 0, at ra = 90, and at the pole.
    corrected = ProperMotionFrame().transform(bright([g] * 3, [0.0, 90.0, 0.0], [0.0, 0.0, 90.0]))
    np.testing.assert_allclose(corrected["pmra"], [1 - z, 1 - z, 1 + x], atol=1e-12)
    np.testing.assert_allclose(corrected["pmdec"], [2 + y, 2 - x, 2 + y], atol=1e-12)


def test_the_correction_is_a_rigid_rotation():
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 200), np.rad2deg(np.arcsin(rng.uniform(-1, 1, 200)))
    stars = bright([12.6] * 200, ra, dec)
    corrected = ProperMotionFrame().transform(stars)
    lon, lat = np.deg2rad(ra), np.deg2rad(dec)
    position = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0 * lon])
    north = np.cross(position, east, axis=0)
    moved = np.cross(np.array([27.3, 76.6, 0.5]) / 1000, position, axis=0)
    np.testing.assert_allclose(1 - corrected["pmra"], (moved * east).sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(2 - corrected["pmdec"], (moved * north).sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("method", ["rotation", "offset"])
def test_faint_stars_and_those_without_magnitude_stay(method):
    corrected = ProperMotionFrame(method=method).transform(bright([13.0, 20.0, np.nan, 12.0]))
    assert corrected["pm_frame_corrected"].tolist() == [False, False, False, True]
    assert corrected[["pmra", "pmdec"]][:3].to_numpy().tolist() == [[1.0, 2.0]] * 3
    assert corrected["pmra"][3] != 1.0


def test_the_published_offset_moves_pmra_alone():
    corrected = ProperMotionFrame.published().transform(bright([12.0]))
    assert corrected[["pmra", "pmdec"]].iloc[0].tolist() == [0.99, 2.0]


def test_without_magnitudes_proper_motions_stay_or_it_is_an_error():
    stars = bright([12.0]).drop(columns="phot_g_mean_mag")
    with pytest.warns(UserWarning, match="no column 'phot_g_mean_mag'") as caught:
        corrected = ProperMotionFrame().transform(stars)
    assert caught[0].filename == __file__
    assert corrected[["pmra", "pmdec"]].iloc[0].tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="no column 'phot_g_mean_mag'"):
        ProperMotionFrame(missing="error").transform(stars)


def test_proper_motions_are_not_corrected_twice():
    with pytest.raises(ValueError, match="corrected before"):
        ProperMotionFrame().transform(ProperMotionFrame().transform(bright([12.0])))


def test_bad_parameters_are_named():
    with pytest.raises(ValueError, match="'method' parameter"):
        ProperMotionFrame(method="noise").fit(bright([12.0]))
    with pytest.raises(ValueError, match="'out_of_range' parameter"):
        ParallaxZeroPoint(out_of_range="drop").fit(stars_at(15.0))


def test_ecliptic_latitudes_are_the_archives(data_folder):
    stars = load_gaia_field("blank", data_home=data_folder).data
    ours = ecliptic_latitude(stars.drop(columns="ecl_lat"))
    arcsec = 1 / 3600
    np.testing.assert_allclose(ours, stars["ecl_lat"], atol=0.1 * arcsec)
