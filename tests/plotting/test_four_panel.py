"""FourPanelDisplay: the cluster's stars and no others, named; missing columns are said."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from climbkit.plotting import CandidateDisplay, FourPanelDisplay
from climbkit.survey import CandidateSet, describe_candidates

matplotlib = pytest.importorskip("matplotlib")

N_MEMBERS, N_FIELD = 60, 400


def make_stars(center=(0.0, 60.0), pair=("l", "b")):
    """A cluster across longitude 0 in a square of field stars."""
    rng = np.random.default_rng(0)
    n = N_MEMBERS + N_FIELD
    x = np.concatenate([rng.normal(0, 0.05, N_MEMBERS), rng.uniform(-1, 1, N_FIELD)])
    y = np.concatenate([rng.normal(0, 0.05, N_MEMBERS), rng.uniform(-1, 1, N_FIELD)])
    motions = np.concatenate([rng.normal(0, 0.1, (N_MEMBERS, 2)), rng.normal(0, 5, (N_FIELD, 2))])
    return pd.DataFrame(
        {
            "source_id": np.arange(n) + 2**60,
            pair[0]: (center[0] + x / np.cos(np.radians(center[1]))) % 360,
            pair[1]: center[1] + y,
            "parallax": np.concatenate(
                [rng.normal(1, 0.05, N_MEMBERS), rng.normal(0.5, 1, N_FIELD)]
            ),
            "pmra": motions[:, 0] + 3.0,
            "pmdec": motions[:, 1] - 2.0,
            "phot_g_mean_mag": rng.uniform(12, 20, n),
            "bp_rp": rng.uniform(0, 2, n),
        }
    )


def make_set(stars, n_sure=50):
    """One named cluster: `n_sure` members, and stars that were looked at and are none."""
    rows = np.arange(N_MEMBERS)
    table = describe_candidates(stars, [0, len(rows)], rows).assign(
        name="NGC 1", persistence=0.4, p_class=0.97, p_cst=np.nan, membership_threshold=0.5
    )
    probabilities = np.where(rows < n_sure, 0.6 + 0.4 * rows / N_MEMBERS, 0.1)
    return CandidateSet(stars, [0, len(rows)], rows, table, probabilities=probabilities)


class Search(BaseEstimator):
    """What a display needs of a fitted search."""

    def fit(self, candidates):
        self.cluster_set_ = candidates
        return self


@pytest.fixture
def candidates():
    return make_set(make_stars())


def layers(ax):
    """Points of the two scatter layers: others and members."""
    from matplotlib.collections import PathCollection

    return [np.asarray(c.get_offsets()) for c in ax.collections if isinstance(c, PathCollection)]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_members_are_those_above_the_threshold_and_no_star_is_drawn_twice(candidates):
    display = FourPanelDisplay.from_candidate(candidates, half_width=1.5)
    others, members = layers(display.axes_[0, 0])
    assert len(members) == 50
    assert len(others) == N_FIELD + 10
    assert np.hypot(*members.T).max() < 0.3  # around the centre, not a turn away from it


def test_sky_is_round_with_east_to_the_left_and_the_ring_has_r50(candidates):
    sky = FourPanelDisplay.from_candidate(candidates, half_width=1.0).axes_[0, 0]
    assert sky.get_aspect() == 1.0
    left, right = sky.get_xlim()
    assert (left, right) == (1.0, -1.0)
    (ring,) = sky.lines
    np.testing.assert_allclose(np.hypot(*ring.get_xydata().T), candidates.table.loc[0, "r50"])


@pytest.mark.parametrize("center", [(0.0, 89.95), (359.99, -60.0)])
def test_a_cluster_looks_the_same_beside_the_pole_and_across_zero(center):
    from climbkit.datasets._sky import from_tangent_plane

    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 0.2, (2, 80))
    lon, lat = from_tangent_plane(x, y, center)
    stars = pd.DataFrame({"l": lon, "b": lat})
    display = FourPanelDisplay(stars, np.arange(80), center=center).plot()
    _, members = layers(display.axes_[0, 0])
    np.testing.assert_allclose(members, np.column_stack([x, y]), atol=1e-9)


def test_a_small_cluster_is_shown_in_minutes_of_arc():
    stars = make_stars()
    stars[["l", "b"]] = [0.0, 60.0] + (stars[["l", "b"]].to_numpy() - [0.0, 60.0]) % 360 / 100
    sky = FourPanelDisplay(stars, np.arange(N_MEMBERS)).plot(half_width=0.1).axes_[0, 0]
    assert sky.get_xlabel().endswith("[arcmin]")
    assert sky.get_xlim() == (6.0, -6.0)


def test_the_likelier_the_darker_and_on_top(candidates):
    display = FourPanelDisplay.from_candidate(candidates)
    colors = display.axes_[0, 0].collections[1].get_facecolors()[:, :3]
    lightness = colors @ [0.299, 0.587, 0.114]
    assert (np.diff(lightness) <= 1e-9).all()
    assert lightness[0] - lightness[-1] > 0.2
    assert display.colorbar_.vmin == 0.5


def test_without_probabilities_all_stars_are_members_and_there_is_no_colour_bar(candidates):
    bare = CandidateSet(candidates.stars, candidates.indptr, candidates.indices, candidates.table)
    display = FourPanelDisplay.from_candidate(bare)
    assert display.colorbar_ is None
    assert len(layers(display.axes_[0, 0])[1]) == N_MEMBERS


def test_title_names_the_cluster_and_says_which_numbers_are_missing(candidates):
    title = FourPanelDisplay.from_candidate(candidates).figure_.get_suptitle()
    name, numbers = title.split("\n")
    assert name == "NGC 1"
    assert "50 members" in numbers
    assert "p_class 0.970" in numbers
    assert "persistence 0.40" in numbers
    assert "no p_cst" in numbers


def test_histogram_has_a_bin_for_every_fifteen_members_and_the_others_its_area():
    stars = make_stars()
    stars["parallax"] = np.linspace(0.5, 1.5, len(stars))
    rows = np.arange(0, 300)
    panel = FourPanelDisplay(stars, rows).plot(half_width=2.0).axes_[0, 1]
    members, others = (patch.get_data() for patch in panel.patches)
    assert len(members.values) == 20
    assert members.values.sum() == 300
    np.testing.assert_allclose(others.values.sum(), 300)
    assert "300 members" in panel.get_legend().get_texts()[0].get_text()


def test_parallax_can_be_shown_against_magnitude(candidates):
    display = FourPanelDisplay.from_candidate(candidates, parallax="magnitude")
    assert display.axes_[0, 1].get_xlabel() == "G [mag]"
    assert len(layers(display.axes_[0, 1])[1]) == 50
    with pytest.raises(ValueError, match="parallax must be 'histogram' or 'magnitude'"):
        FourPanelDisplay.from_candidate(candidates, parallax="distance")


def test_bright_stars_are_at_the_top_of_the_diagram(candidates):
    bottom, top = FourPanelDisplay.from_candidate(candidates).axes_[1, 1].get_ylim()
    assert bottom > top


@pytest.mark.parametrize("value", ["absent", np.nan])
def test_a_panel_without_values_says_so(value):
    stars = make_stars()
    stars = stars.drop(columns="bp_rp") if value == "absent" else stars.assign(bp_rp=value)
    panel = FourPanelDisplay.from_candidate(make_set(stars)).axes_[1, 1]
    assert not panel.collections
    (text,) = texts(panel)
    assert "bp_rp" in text
    assert text.startswith("the stars have no" if value == "absent" else "no member has")


def test_positions_alone_are_drawn_with_three_panels_that_say_what_is_missing():
    stars = make_stars(pair=("ra", "dec"))[["ra", "dec"]]
    axes = FourPanelDisplay(stars, np.arange(N_MEMBERS), frame=("ra", "dec")).plot().axes_
    assert axes[0, 0].get_xlabel().startswith("Δra cos(dec)")
    assert [len(texts(ax)) for ax in axes.flat] == [0, 1, 1, 1]


def test_a_star_without_a_value_does_not_blank_the_panel(candidates):
    stars = candidates.stars.copy()
    stars.loc[0, ["pmra", "parallax", "bp_rp"]] = np.nan
    axes = FourPanelDisplay.from_candidate(make_set(stars)).axes_
    assert np.isfinite(
        [*axes[1, 0].get_xlim(), *axes[0, 1].get_xlim(), *axes[1, 1].get_xlim()]
    ).all()


def test_axes_of_a_figure_of_ones_own_are_used(candidates):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 4)
    display = FourPanelDisplay.from_candidate(candidates, axes=axes)
    assert display.figure_ is figure
    assert axes[0].get_title() == "NGC 1"


@pytest.mark.parametrize("key", [0, -1, "NGC 1"])
def test_clusters_of_a_search_are_found_by_number_and_name(candidates, key):
    title = FourPanelDisplay.from_estimator(Search().fit(candidates), key).figure_.get_suptitle()
    assert title.startswith("NGC 1\n")


def test_what_cannot_be_drawn_is_named(candidates):
    with pytest.raises(ValueError, match=r"no cluster 'NGC 2'; there are: NGC 1"):
        FourPanelDisplay.from_candidate(candidates, "NGC 2")
    with pytest.raises(ValueError, match="no cluster 1: the set has 1"):
        FourPanelDisplay.from_candidate(candidates, 1)
    with pytest.raises(ValueError, match=r"no member with a probability of at least 0\.99"):
        FourPanelDisplay.from_candidate(candidates, min_probability=0.99)
    bare = CandidateSet(None, candidates.indptr, candidates.indices, candidates.table, n_stars=460)
    with pytest.raises(ValueError, match="have no stars"):
        FourPanelDisplay.from_candidate(bare)
    with pytest.raises(NotFittedError):
        FourPanelDisplay.from_estimator(Search())


def test_overview_names_the_clusters_and_draws_their_members_alone(candidates):
    display = CandidateDisplay.from_estimator(Search().fit(candidates))
    assert [text.get_text() for text in display.ax_.texts] == ["NGC 1"]
    assert len(display.members) == 50


def test_clusters_that_no_stage_named_have_the_names_of_the_table(candidates):
    table = candidates.table.drop(columns="name")
    search = Search().fit(
        CandidateSet(
            candidates.stars,
            candidates.indptr,
            candidates.indices,
            table,
            probabilities=candidates.probabilities,
        )
    )
    search.clusters_ = {"name": ["candidate 1"]}
    title = FourPanelDisplay.from_estimator(search, "candidate 1").figure_.get_suptitle()
    assert title.startswith("candidate 1\n")
