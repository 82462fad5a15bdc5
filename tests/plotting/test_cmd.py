"""CMDDisplay: the right stars in every panel, bright ones at the top, axes in mag."""

import numpy as np
import pandas as pd
import pytest

from climbkit.cmd import CMDImageTransformer
from climbkit.plotting import CMDDisplay
from climbkit.survey import CandidateSet

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture
def candidates():
    rng = np.random.default_rng(0)
    stars = pd.DataFrame(
        {
            "source_id": np.arange(90),
            "bp_rp": rng.normal(1.0, 0.3, 90),
            "phot_g_mean_mag": rng.uniform(14.0, 20.0, 90),
        }
    )
    stars.loc[5, "bp_rp"] = np.nan
    table = pd.DataFrame({"name": ["A", "B", "C"], "persistence": [0.11, 0.25, 0.5]})
    return CandidateSet(stars, [0, 30, 60, 90], np.arange(90), table)


def test_a_panel_shows_the_stars_of_its_candidate_that_have_a_colour(candidates):
    display = CMDDisplay.from_candidates(candidates)
    for panel, candidate in zip(display.axes_.flat, candidates, strict=True):
        members = candidate.members[["bp_rp", "phot_g_mean_mag"]].dropna()
        np.testing.assert_array_equal(panel.collections[0].get_offsets(), members)


@pytest.mark.parametrize("transformer", [None, CMDImageTransformer()], ids=["points", "images"])
def test_bright_stars_are_at_the_top_of_axes_in_mag(candidates, transformer):
    display = CMDDisplay.from_candidates(candidates, transformer=transformer)
    for panel in display.axes_.flat:
        bottom, top = panel.get_ylim()
        assert top < 14.5 < 19.5 < bottom
        assert panel.get_xlim()[0] < panel.get_xlim()[1]
        assert "mag" in panel.get_xlabel()
    assert "mag" in display.axes_[0, 0].get_ylabel()


def test_images_are_those_of_the_transformer_where_the_stars_are(candidates):
    drawing = CMDImageTransformer(600)
    display = CMDDisplay.from_candidates(candidates, [2, 0], transformer=drawing)
    image = display.axes_[0, 1].images[0]
    np.testing.assert_array_equal(image.get_array(), drawing.transform(candidates)[0, ..., 0])
    left, right, bottom, top = image.get_extent()
    star = candidates.stars.iloc[0]
    column = int((star["bp_rp"] - left) / (right - left) * 600 + 0.5)
    row = int((star["phot_g_mean_mag"] - top) / (bottom - top) * 600 + 0.5)
    assert image.get_array()[row - 1 : row + 2, column - 1 : column + 2].min() == 0.0


@pytest.mark.parametrize(
    ("which", "titles", "expected"),
    [
        (1, "name", ["B"]),
        ([2, 0], "name", ["C", "A"]),
        (slice(0, 2), "persistence", ["0.11", "0.25"]),
        (None, ["x", "y", "z"], ["x", "y", "z"]),
    ],
)
def test_candidates_are_chosen_and_named(candidates, which, titles, expected):
    display = CMDDisplay.from_candidates(candidates, which, titles=titles)
    assert [panel.get_title() for panel in display.axes_.flat] == expected


def test_panels_left_over_are_hidden(candidates):
    display = CMDDisplay.from_candidates(candidates, n_columns=2)
    assert display.axes_.shape == (2, 2)
    assert [panel.get_visible() for panel in display.axes_.flat] == [True, True, True, False]


def test_no_more_panels_than_asked_for(candidates):
    assert CMDDisplay.from_candidates(candidates, max_panels=2).axes_.size == 2


def test_blank_images_and_images_without_scale_can_be_shown():
    images = np.ones((2, 8, 8, 1), dtype=np.float32)
    extents = [[0.0, 1.0, 21.0, 14.0], [np.nan] * 4]
    display = CMDDisplay.from_images(images, extents=extents)
    assert len(display.axes_[0, 0].get_xticks()) > 0
    assert len(display.axes_[0, 1].get_xticks()) == 0
    assert len(CMDDisplay.from_images(images[..., 0]).axes_[0, 0].get_xticks()) == 0


def test_given_axes_are_drawn_on(candidates):
    figure, axes = matplotlib.pyplot.subplots(1, 4)
    assert CMDDisplay.from_candidates(candidates, axes=axes).figure_ is figure
    with pytest.raises(ValueError, match="2 panels for 3 diagrams"):
        CMDDisplay.from_candidates(candidates, axes=axes[:2])


def test_wrong_input_is_explained(candidates):
    with pytest.raises(ValueError, match="no column 'gbp'"):
        CMDDisplay.from_candidates(candidates, columns=("gbp", "phot_g_mean_mag"))
    with pytest.raises(ValueError, match="nothing to draw"):
        CMDDisplay.from_candidates(candidates[:0])
    with pytest.raises(ValueError, match="titles has 1 entries for 3"):
        CMDDisplay.from_candidates(candidates, titles=["one"])
    with pytest.raises(ValueError, match="images must have the shape"):
        CMDDisplay.from_images(np.ones((8, 8)))
    bare = CandidateSet(None, candidates.indptr, candidates.indices, candidates.table, n_stars=90)
    with pytest.raises(ValueError, match="with_stars"):
        CMDDisplay.from_candidates(bare)
