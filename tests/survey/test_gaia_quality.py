"""The quality mask: each cut at its limit, absent columns, and that no row is dropped."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from climbkit.datasets import load_gaia_field
from climbkit.survey import GaiaQualityMask, TiledHDBSCAN, corrected_excess_factor
from climbkit.survey._gaia_cuts import CUTS

# A star that passes every cut, with room to spare.
GOOD = {
    "parallax_over_error": 5.0,
    "phot_g_mean_mag": 15.0,
    "bp_rp": 1.0,
    "astrometric_params_solved": 31,
    "ruwe": 1.0,
    "astrometric_excess_noise_sig": 0.5,
    "ipd_gof_harmonic_amplitude": 0.01,
    "visibility_periods_used": 20,
    "ipd_frac_multi_peak": 0,
    "phot_bp_rp_excess_factor": 1.217,
    "fidelity": 0.9,
}
ALL = GaiaQualityMask(max_excess_factor=3.0, min_fidelity=0.5, missing="error")
NONE = GaiaQualityMask(**dict.fromkeys(CUTS))
AMPLITUDE = np.exp(0.18 * (15.0 - 33.0))


def stars_with(name, values):
    frame = pd.DataFrame([GOOD] * len(values))
    frame[name] = values
    return frame


@pytest.mark.parametrize(
    ("name", "values", "passes"),
    [
        ("parallax_over_error", [-2.999, -3.0, np.nan], [True, False, False]),
        ("phot_g_mean_mag", [15.0, np.nan], [True, False]),
        ("bp_rp", [1.0, np.nan], [True, False]),
        ("astrometric_params_solved", [31, 95, 3], [True, True, False]),
        ("ruwe", [1.1499, 1.15, np.nan], [True, False, False]),
        ("astrometric_excess_noise_sig", [2.0, 2.001], [True, False]),
        ("ipd_gof_harmonic_amplitude", [AMPLITUDE - 1e-9, AMPLITUDE + 1e-9], [True, False]),
        ("visibility_periods_used", [10, 9], [True, False]),
        ("ipd_frac_multi_peak", [1, 2], [True, False]),
        ("phot_bp_rp_excess_factor", [1.25, 1.3, 1.1], [True, False, False]),
        ("fidelity", [0.51, 0.5], [True, False]),
    ],
)
def test_each_cut_takes_what_is_beyond_its_limit(name, values, passes):
    assert ALL.mask(stars_with(name, values)).tolist() == passes


@pytest.mark.parametrize("name", CUTS)
def test_none_disables_a_cut_and_its_column_is_not_needed(name):
    columns = CUTS[name].columns(pd.DataFrame([GOOD]))
    alone = {
        c for c in columns if sum(c in CUTS[n].columns(pd.DataFrame([GOOD])) for n in CUTS) == 1
    }
    without = clone(ALL).set_params(**{name: None})
    assert without.mask(pd.DataFrame([GOOD]).drop(columns=list(alone))).tolist() == [True]
    if alone:
        with pytest.raises(ValueError, match=f"{sorted(alone)[0]}.*{name}=None"):
            ALL.mask(pd.DataFrame([GOOD]).drop(columns=list(alone)))


def test_no_cut_takes_no_star():
    assert NONE.mask(stars_with("ruwe", [np.nan, 99.0])).all()


def test_an_absent_column_is_warned_of_by_name_and_its_cut_left_out():
    stars = stars_with("ruwe", [1.0, 2.0]).drop(columns="visibility_periods_used")
    mask = GaiaQualityMask()
    for use in (mask.fit, mask.transform, mask.fit_transform, mask.mask):
        with pytest.warns(UserWarning, match=r"'visibility_periods_used'.*min_visib") as caught:
            use(stars)
        assert [warning.filename for warning in caught] == [__file__]
    assert mask.n_good_ == 1
    assert mask.summary_.loc["min_visibility_periods", "n_failed"] is pd.NA
    assert mask.summary_["n_left"].dropna().iloc[-1] == 1


def test_all_absent_columns_are_in_one_warning():
    with pytest.warns(UserWarning, match=r"'ruwe' and no .*max_ruwe.*max_multi_peak") as caught:
        GaiaQualityMask().fit(pd.DataFrame({"bp_rp": [1.0], "phot_g_mean_mag": [15.0]}))
    assert len(caught) == 1


def test_columns_under_other_names_are_pointed_out():
    stars = pd.DataFrame([GOOD]).rename(columns={"ruwe": "RUWE"})
    with pytest.raises(ValueError, match=r"under another name: see .*to_gaia_columns"):
        GaiaQualityMask.published().mask(stars)


def test_parallax_and_error_do_where_their_ratio_is_absent():
    stars = stars_with("parallax", [1.0, -1.0]).drop(columns="parallax_over_error")
    assert ALL.mask(stars.assign(parallax_error=0.3)).tolist() == [True, False]


def test_rows_stay_and_what_came_in_is_not_changed():
    stars = stars_with("ruwe", [1.0, 2.0, 1.0]).set_index(pd.Index([7, 3, 5]))
    before = stars.copy()
    marked = ALL.fit_transform(stars)
    assert marked["quality"].tolist() == [True, False, True]
    pd.testing.assert_frame_equal(marked.drop(columns="quality"), before)
    pd.testing.assert_frame_equal(stars, before)
    pd.testing.assert_frame_equal(ALL.transform(marked), marked)


def test_the_mask_does_not_depend_on_the_order_of_rows():
    stars = stars_with("ruwe", np.linspace(1.0, 1.3, 40))
    shuffled = stars.sample(frac=1.0, random_state=0)
    marked = ALL.transform(shuffled)
    pd.testing.assert_series_equal(marked["quality"].sort_index(), ALL.transform(stars)["quality"])


def test_a_column_of_the_user_is_not_overwritten():
    stars = pd.DataFrame([GOOD]).assign(quality="B")
    with pytest.raises(ValueError, match="already have a column 'quality'"):
        ALL.transform(stars)
    assert clone(ALL).set_params(column="good").transform(stars)["quality"].tolist() == ["B"]


def test_the_summary_counts_what_each_cut_took():
    stars = stars_with("ruwe", [1.0, 2.0, 2.0, 1.0])
    stars["visibility_periods_used"] = [20, 5, 20, 20]
    stars["ipd_frac_multi_peak"] = [0, 0, 0, 50]
    summary = GaiaQualityMask().fit(stars).summary_
    assert summary.loc["max_ruwe", "condition"] == "ruwe < 1.15"
    counts = summary.loc[["max_ruwe", "min_visibility_periods", "max_multi_peak"]]
    assert counts["n_failed"].tolist() == [2, 1, 1]
    assert counts["n_failed_alone"].tolist() == [1, 0, 1]
    assert counts["n_left"].tolist() == [2, 2, 1]


def test_the_excess_factor_follows_riello_in_all_three_ranges_of_colour():
    colour = np.array([0.0, 0.499999, 0.5, 1.0, 3.999999, 4.0, 5.0, np.nan])
    expected = [1.154360, 1.179315, 1.179315, 1.216844, 1.619695, 1.619720, 1.760257, np.nan]
    c_star, sigma = corrected_excess_factor(colour, np.zeros(8), np.full(8, 10.0))
    np.testing.assert_allclose(-c_star, expected, atol=4e-3)
    assert -c_star[3] == pytest.approx(1.162004 + 0.011464 + 0.049255 - 0.005879)
    np.testing.assert_allclose(sigma, 0.0059898 + 8.817481e-12 * 10**7.618399)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_ruwe": -1}, "'max_ruwe' parameter"),
        ({"missing": "ignore"}, "'missing' parameter"),
        ({"max_harmonic_amplitude": (1, 2, 3)}, "max_harmonic_amplitude must be two numbers"),
        ({"min_fidelity": 2}, "'min_fidelity' parameter"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        GaiaQualityMask(**parameters).fit(pd.DataFrame([GOOD]))


@pytest.mark.parametrize("stars", [None, np.zeros((3, 5)), [1, 2]])
def test_what_is_no_table_is_refused(stars):
    with pytest.raises(ValueError, match="stars must be a pandas DataFrame or an astropy Table"):
        GaiaQualityMask().fit(stars)


def test_a_table_without_rows_has_an_empty_mask():
    assert ALL.fit_transform(pd.DataFrame([GOOD])[:0])["quality"].tolist() == []


def test_builder_and_dictionary_keep_the_cuts():
    mask = GaiaQualityMask.builder().with_max_ruwe(1.4).with_max_excess_factor(5.0).build()
    again = GaiaQualityMask.from_dict(mask.to_dict())
    values = [1.3, 1.5]
    assert again.mask(stars_with("ruwe", values)).tolist() == [True, False]


def clumped_stars():
    """Two clumps of 60 in a field of 400; every third star has a bad ruwe."""
    rng = np.random.default_rng(0)
    stars = pd.DataFrame([GOOD] * 400)
    stars[["l", "b"]] = rng.uniform(0, 1, (400, 2))
    stars[["parallax", "pmra", "pmdec"]] = rng.uniform(-5, 5, (400, 3))
    for first, centre in [(0, 0.3), (60, 0.7)]:
        members = stars.index[first : first + 60]
        stars.loc[members, ["l", "b"]] = rng.normal(centre, 0.01, (60, 2))
        stars.loc[members, ["parallax", "pmra", "pmdec"]] = rng.normal(1, 0.05, (60, 3))
    stars.loc[::3, "ruwe"] = 2.0
    return stars


def test_masked_stars_are_noise_at_the_end_of_a_pipeline():
    stars = clumped_stars()
    search = TiledHDBSCAN(tile_sides=(1,), min_cluster_sizes=(8,), mask_column="quality")
    pipeline = make_pipeline(GaiaQualityMask(), search)
    labels = pipeline.fit_predict(stars)
    bad = stars["ruwe"].to_numpy() == 2.0
    assert labels.shape == (400,)
    assert (labels[bad] == -1).all()
    assert (labels[:120][~bad[:120]] >= 0).mean() > 0.9
    by_hand = TiledHDBSCAN(tile_sides=(1,), min_cluster_sizes=(8,)).fit(stars, mask=~bad)
    assert np.array_equal(labels, by_hand.labels_)


def test_new_stars_that_are_masked_get_no_label():
    stars = clumped_stars()
    search = TiledHDBSCAN(tile_sides=(1,), min_cluster_sizes=(8,), mask_column="quality")
    pipeline = make_pipeline(GaiaQualityMask(), search).fit(stars)
    others = stars.assign(ruwe=1.0)
    others.loc[1:30, "ruwe"] = 2.0
    labels = pipeline.predict(others)
    assert (labels[1:31] == -1).all()
    assert (labels[60:120] >= 0).mean() > 0.9


def test_a_search_says_which_column_it_lacks_for_its_mask():
    with pytest.raises(ValueError, match="mask names 'quality'"):
        TiledHDBSCAN(mask_column="quality").fit(clumped_stars())


def test_the_published_cuts_on_a_real_field(data_folder):
    stars = load_gaia_field("blank", data_home=data_folder).data
    mask = GaiaQualityMask.published().fit(stars)
    assert mask.n_good_ == 1246
    assert mask.summary_.loc["min_params_solved", "n_failed"] == 375
    assert mask.summary_["n_left"].iloc[-1] == mask.n_good_
