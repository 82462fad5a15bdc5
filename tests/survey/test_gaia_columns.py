"""Names and units of Gaia's columns, in tables that come from elsewhere."""

import numpy as np
import pandas as pd
import pytest

from climbkit.survey import to_gaia_columns
from climbkit.survey._gaia_columns import gaia_names

astropy_table = pytest.importorskip("astropy.table")

BIG_ID = 2**60 + 2**3 + 1  # no float64


def test_vizier_names_become_those_of_the_archive():
    names = {
        "Source": "source_id",
        "RA_ICRS": "ra",
        "e_DE_ICRS": "dec_error",
        "Plx": "parallax",
        "pmDE": "pmdec",
        "PlxpmRAcor": "parallax_pmra_corr",
        "pmRApmDEcor": "pmra_pmdec_corr",
        "PlxpscolCorr": "parallax_pseudocolour_corr",
        "Gmag": "phot_g_mean_mag",
        "BP-RP": "bp_rp",
        "E(BP/RP)": "phot_bp_rp_excess_factor",
        "IPDgofha": "ipd_gof_harmonic_amplitude",
        "Nper": "visibility_periods_used",
        "RUWE": "ruwe",
        "Solved": "astrometric_params_solved",
        "GLAT": "b",
    }
    assert gaia_names(names) == names


def test_capitals_of_the_archive_do_not_count_but_those_of_magnitudes_do():
    assert gaia_names(["SOURCE_ID", "DESIGNATION"]) == {
        "SOURCE_ID": "source_id",
        "DESIGNATION": "designation",
    }
    # B is a magnitude, L a luminosity, GMAG and gmag other magnitudes of the same catalogue.
    assert gaia_names(["B", "L", "Gmag", "GMAG", "gmag"]) == {"Gmag": "phot_g_mean_mag"}


def test_positions_of_another_epoch_are_not_gaias():
    assert gaia_names(["RAJ2000", "DEJ2000"]) == {}


def test_a_name_of_the_archive_goes_before_others():
    assert gaia_names(["parallax", "Plx", "plx"]) == {}
    assert gaia_names(["plx", "Plx"]) == {"Plx": "parallax"}


def test_two_columns_that_are_the_same_one_are_refused():
    with pytest.raises(ValueError, match="'glon' and 'gal_lon' are both Gaia's 'l'"):
        gaia_names(["glon", "gal_lon"])


def test_units_are_converted_to_gaias():
    table = astropy_table.Table({"Plx": [1e-3], "pmRA": [5e-3], "RA_ICRS": [np.pi], "b": [3.0]})
    for name, unit in zip(table.colnames, ["arcsec", "arcsec/yr", "rad", "deg"], strict=True):
        table[name].unit = unit
    stars = to_gaia_columns(table)
    assert stars.iloc[0].to_dict() == pytest.approx(
        {"parallax": 1.0, "pmra": 5.0, "ra": 180.0, "b": 3.0}
    )
    assert stars.attrs["units"] == {"parallax": "mas", "pmra": "mas / yr", "ra": "deg", "b": "deg"}


def test_units_of_columns_that_gaia_lacks_are_kept():
    table = astropy_table.Table({"ra": [1.0], "mass": [2.0]})
    table["mass"].unit = "solMass"
    stars = to_gaia_columns(table)
    assert stars["mass"].tolist() == [2.0]
    assert stars.attrs["units"] == {"ra": "deg", "mass": "solMass"}


def test_the_archives_own_way_to_write_a_unit_is_understood():
    stars = pd.DataFrame({"pmra": [2.0], "nu_eff_used_in_astrometry": [1.5]})
    stars.attrs["units"] = {"pmra": "mas.yr**-1", "nu_eff_used_in_astrometry": "um**-1"}
    assert to_gaia_columns(stars).iloc[0].tolist() == [2.0, 1.5]


@pytest.mark.parametrize("unit", ["km / s", "a thing", "mas / yr"])
def test_a_unit_of_another_kind_is_refused(unit):
    stars = pd.DataFrame({"parallax": [2.0]})
    stars.attrs["units"] = {"parallax": unit}
    with pytest.raises(ValueError, match=f"'parallax' is in '{unit}', .* Gaia's 'mas'"):
        to_gaia_columns(stars)


def test_sexagesimal_positions_are_refused():
    with pytest.raises(ValueError, match=r"'ra' must hold numbers \[deg\].*12:30:00"):
        to_gaia_columns(pd.DataFrame({"ra": ["12:30:00"]}))


def test_ids_stay_exact_and_floats_are_refused():
    table = astropy_table.Table({"Source": [BIG_ID, BIG_ID + 1], "Plx": [1.0, 2.0]})
    assert to_gaia_columns(table)["source_id"].tolist() == [BIG_ID, BIG_ID + 1]
    with pytest.raises(ValueError, match=r"source_id is float64.*three in four"):
        to_gaia_columns(pd.DataFrame({"Source": [float(BIG_ID)]}))


def test_what_came_in_is_not_changed():
    stars = pd.DataFrame({"Plx": [2.0]})
    stars.attrs["units"] = {"Plx": "arcsec"}
    assert to_gaia_columns(stars)["parallax"].tolist() == pytest.approx([2000.0])
    assert stars.to_dict("list") == {"Plx": [2.0]}
    assert stars.attrs == {"units": {"Plx": "arcsec"}}
