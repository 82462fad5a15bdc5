"""PARSEC populations against real clusters and real errors; they need the folder of data."""

import numpy as np
import pandas as pd
import pytest

from climbkit.cmd import SyntheticCMD, read_isochrones
from climbkit.cmd._isochrones import Isochrones
from climbkit.cmd._synthetic_survey import magnitude_errors
from climbkit.datasets import load_gaia_field

M67 = {"age": 3.9, "metallicity": 0.03, "distance": 0.86, "extinction": 0.11}
NGC_288 = {"age": 12.5, "metallicity": -1.1, "distance": 8.99, "extinction": 0.09}


@pytest.fixture(scope="module")
def isochrones(data_folder):
    return read_isochrones(data_folder / "isochrones" / "parsec_gaiaedr3_compact.csv.gz")


def locus(stars, centres, width=0.15):
    """Median colour around each magnitude."""
    color, g = stars["bp_rp"].to_numpy(), stars["phot_g_mean_mag"].to_numpy()
    return np.array([np.nanmedian(color[np.abs(g - centre) < width]) for centre in centres])


def test_m67_turns_off_where_it_does(isochrones, data_folder):
    field = load_gaia_field("m67", data_home=data_folder).data
    near = np.hypot(field["pmra"] + 10.97, field["pmdec"] + 2.91) < 0.8
    near &= (field["parallax"] - 1.15).abs() < 0.25
    members = field[near & field["bp_rp"].between(0.6, 1.1)]
    made = SyntheticCMD(isochrones, faint_limit=18.0, random_state=0, **M67).sample(3000)
    made = made[made["bp_rp"].between(0.6, 1.1)]
    centres = np.arange(12.7, 14.5, 0.1)
    real, synthetic = locus(members, centres), locus(made, centres)
    np.testing.assert_allclose(synthetic, real, atol=0.05)
    assert abs(real.min() - synthetic.min()) < 0.04
    assert abs(centres[real.argmin()] - centres[synthetic.argmin()]) < 0.35


def test_ngc_288_has_giants_and_turn_off_of_its_colour(isochrones, data_folder):
    path = data_folder / "cmd_training" / "globular_cluster_members_edr3.parquet"
    pytest.importorskip("pyarrow")
    real = pd.read_parquet(path, filters=[("cluster", "==", "NGC_288")])
    real = real[(real["memberprob"] > 0.9) & (real["qflag"] >= 2)]
    real = real.rename(columns={"g_mag": "phot_g_mean_mag"})
    made = SyntheticCMD(isochrones, random_state=0, **NGC_288).sample(20000)
    centres = np.array([16.8, 17.5, 18.5, 19.0, 19.5])  # above them lies a blue horizontal branch
    np.testing.assert_allclose(locus(made, centres), locus(real, centres), atol=0.07)
    # The scatter at the faint end, mostly errors, is that of real stars within a third.
    spread = [
        np.subtract(
            *stars["bp_rp"][stars["phot_g_mean_mag"].between(20.0, 20.5)].quantile([0.84, 0.16])
        )
        for stars in (made, real)
    ]
    assert 0.67 < spread[0] / spread[1] < 1.5


def test_errors_are_those_of_a_dr3_field(data_folder):
    pytest.importorskip("pyarrow")
    names = ["phot_g_mean", "phot_bp_mean", "phot_rp_mean"]
    path = data_folder / "gaia_fields" / "blank_ra45_dec0_gaiadr3_full.parquet"
    field = pd.read_parquet(path)
    magnitudes = field[[f"{name}_mag" for name in names]].to_numpy(dtype=float)
    over_error = field[[f"{name}_flux_over_error" for name in names]].to_numpy(dtype=float)
    ratio = 2.5 / np.log(10) / over_error / magnitude_errors(magnitudes)
    for band in range(3):
        for bright in range(13, 20):
            inside = (magnitudes[:, band] >= bright) & (magnitudes[:, band] < bright + 1)
            assert np.nanmedian(ratio[inside, band]) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("log_age", [8.0, 9.5, 10.0])
def test_an_isochrone_left_out_is_interpolated_from_its_neighbours(isochrones, log_age):
    node = (isochrones.metallicities[0], log_age)
    true = isochrones.table[node]
    rest = {key: value for key, value in isochrones.table.items() if key != node}
    guess = Isochrones(rest).at(10 ** (log_age - 9.0), node[0])
    mass = np.geomspace(0.15, 0.98 * true.mass[true.stage == 1].max(), 200)
    off = np.abs(guess.at_mass(mass) - true.at_mass(mass))
    assert np.median(off) < 0.01
    assert off.max() < 0.05
