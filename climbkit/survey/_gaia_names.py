"""Names of Gaia's columns elsewhere, and the units that the archive gives them in."""

from itertools import product

_ANGLES = ("ra", "dec", "l", "b", "ecl_lon", "ecl_lat")
_COLOURS = ("bp_rp", "bp_g", "g_rp")
_BANDS = ("g", "bp", "rp")

#: Units of the columns of gaia_source that are converted, as astropy writes them. The parts that a
#: search reads are here; fluxes and parameters of stars keep the units that they come with.
GAIA_UNITS = (
    dict.fromkeys(_ANGLES, "deg")
    | dict.fromkeys(["ra_error", "dec_error", "parallax", "parallax_error"], "mas")
    | dict.fromkeys(["astrometric_excess_noise"], "mas")
    | dict.fromkeys(["pm", "pmra", "pmra_error", "pmdec", "pmdec_error"], "mas / yr")
    | dict.fromkeys(["pml", "pmb"], "mas / yr")
    | dict.fromkeys([f"phot_{band}_mean_mag" for band in _BANDS], "mag")
    | dict.fromkeys([*_COLOURS, "grvs_mag"], "mag")
    | dict.fromkeys(
        ["nu_eff_used_in_astrometry", "pseudocolour", "pseudocolour_error"], "1 / micron"
    )
    | dict.fromkeys(["radial_velocity", "radial_velocity_error"], "km / s")
    | {"ref_epoch": "yr"}
)

_ASTROMETRY = {
    "RA": "ra",
    "DE": "dec",
    "Plx": "parallax",
    "pmRA": "pmra",
    "pmDE": "pmdec",
    "pscol": "pseudocolour",
}

#: Names in VizieR's I/350/gaiaedr3 and I/355/gaiadr3, letter by letter: the catalogues also have
#: columns that differ in nothing but capitals, such as Gmag and GMAG.
VIZIER_NAMES = {
    "Source": "source_id",
    "DR3Name": "designation",
    "EDR3Name": "designation",
    "SolID": "solution_id",
    "RandomI": "random_index",
    "Epoch": "ref_epoch",
    "RA_ICRS": "ra",
    "DE_ICRS": "dec",
    "e_RA_ICRS": "ra_error",
    "e_DE_ICRS": "dec_error",
    "RAdeg": "ra",
    "DEdeg": "dec",
    "e_RAdeg": "ra_error",
    "e_DEdeg": "dec_error",
    "GLON": "l",
    "GLAT": "b",
    "ELON": "ecl_lon",
    "ELAT": "ecl_lat",
    "Plx": "parallax",
    "e_Plx": "parallax_error",
    "RPlx": "parallax_over_error",
    "PM": "pm",
    "pmRA": "pmra",
    "e_pmRA": "pmra_error",
    "pmDE": "pmdec",
    "e_pmDE": "pmdec_error",
    "NAL": "astrometric_n_obs_al",
    "NAC": "astrometric_n_obs_ac",
    "NgAL": "astrometric_n_good_obs_al",
    "NbAL": "astrometric_n_bad_obs_al",
    "gofAL": "astrometric_gof_al",
    "chi2AL": "astrometric_chi2_al",
    "epsi": "astrometric_excess_noise",
    "sepsi": "astrometric_excess_noise_sig",
    "Solved": "astrometric_params_solved",
    "APF": "astrometric_primary_flag",
    "nueff": "nu_eff_used_in_astrometry",
    "pscol": "pseudocolour",
    "e_pscol": "pseudocolour_error",
    "MatchObsA": "astrometric_matched_transits",
    "Nper": "visibility_periods_used",
    "amax": "astrometric_sigma5d_max",
    "MatchObs": "matched_transits",
    "NewMatchObs": "new_matched_transits",
    "MatchObsrm": "matched_transits_removed",
    "IPDgofha": "ipd_gof_harmonic_amplitude",
    "IPDgofhp": "ipd_gof_harmonic_phase",
    "IPDfmp": "ipd_frac_multi_peak",
    "IPDfow": "ipd_frac_odd_win",
    "RUWE": "ruwe",
    "Dup": "duplicated_source",
    # The excess factor; its second name is the first one without signs, as VOTable's IDs have it.
    "E(BP/RP)": "phot_bp_rp_excess_factor",
    "E_BP_RP_": "phot_bp_rp_excess_factor",
    "BP-RP": "bp_rp",
    "BP-G": "bp_g",
    "G-RP": "g_rp",
    "BP_RP": "bp_rp",
    "RV": "radial_velocity",
    "e_RV": "radial_velocity_error",
    "o_RV": "rv_nb_transits",
    "GRVSmag": "grvs_mag",
}
for _name, _band in zip(("G", "BP", "RP"), _BANDS, strict=True):
    VIZIER_NAMES |= {
        f"{_name}mag": f"phot_{_band}_mean_mag",
        f"o_{_name}mag": f"phot_{_band}_n_obs",
        f"F{_name}": f"phot_{_band}_mean_flux",
        f"e_F{_name}": f"phot_{_band}_mean_flux_error",
        f"RF{_name}": f"phot_{_band}_mean_flux_over_error",
    }
# RADEcor, PlxpmRAcor, … and, of the pseudocolour, RApscolCorr.
for _i, _j in product(_ASTROMETRY, _ASTROMETRY):
    if list(_ASTROMETRY).index(_i) < list(_ASTROMETRY).index(_j):
        _end = "Corr" if _j == "pscol" else "cor"
        VIZIER_NAMES[f"{_i}{_j}{_end}"] = f"{_ASTROMETRY[_i]}_{_ASTROMETRY[_j]}_corr"
del _name, _band, _i, _j, _end

#: The archive's names that are known here.
GAIA_NAMES = frozenset(GAIA_UNITS) | frozenset(VIZIER_NAMES.values())

#: What people call the columns, in lower case; capitals do not count. Of each only those that can
#: hardly mean anything else. Positions at 2000.0 (RAJ2000) are others than Gaia's, of 2016.0.
ALIASES = {
    "gaia_source_id": "source_id",
    "gaia_id": "source_id",
    "gaiadr3_source_id": "source_id",
    "dr3_source_id": "source_id",
    "edr3_source_id": "source_id",
    "sourceid": "source_id",
    "source": "source_id",
    "ra_icrs": "ra",
    "ra_deg": "ra",
    "right_ascension": "ra",
    "de_icrs": "dec",
    "dec_icrs": "dec",
    "dec_deg": "dec",
    "declination": "dec",
    "glon": "l",
    "gal_lon": "l",
    "l_deg": "l",
    "glat": "b",
    "gal_lat": "b",
    "b_deg": "b",
    "plx": "parallax",
    "plx_error": "parallax_error",
    "e_plx": "parallax_error",
    "parallax_err": "parallax_error",
    "e_parallax": "parallax_error",
    "pm_ra": "pmra",
    "pm_ra_cosdec": "pmra",
    "pmra_cosdec": "pmra",
    "pm_dec": "pmdec",
    "pmde": "pmdec",
    "pmra_err": "pmra_error",
    "e_pmra": "pmra_error",
    "pmdec_err": "pmdec_error",
    "e_pmdec": "pmdec_error",
    "e_pmde": "pmdec_error",
    "pm_l_cosb": "pml",
    "pml_cosb": "pml",
    "pm_b": "pmb",
    "gmag": "phot_g_mean_mag",
    "g_mag": "phot_g_mean_mag",
    "bpmag": "phot_bp_mean_mag",
    "bp_mag": "phot_bp_mean_mag",
    "rpmag": "phot_rp_mean_mag",
    "rp_mag": "phot_rp_mean_mag",
    "bprp": "bp_rp",
    "bp-rp": "bp_rp",
    "rv": "radial_velocity",
    "fidelity_v2": "fidelity",
    "excess_factor": "phot_bp_rp_excess_factor",
}
