"""CandidateDisplay: circles where the candidates are, round on the sky, across 0/360."""

import numpy as np
import pandas as pd
import pytest

from climbkit.plotting import CandidateDisplay
from climbkit.survey import CandidateSet, describe_candidates

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture
def candidates():
    rng = np.random.default_rng(0)
    lon = np.concatenate([rng.normal(0.2, 0.05, 30), rng.normal(-1.0, 0.1, 20)]) % 360
    lat = np.concatenate([rng.normal(60.0, 0.025, 30), rng.normal(61.0, 0.05, 20)])
    stars = pd.DataFrame({"source_id": np.arange(50), "l": lon, "b": lat})
    indptr, indices = [0, 30, 50], np.arange(50)
    table = describe_candidates(stars, indptr, indices)
    return CandidateSet(stars, indptr, indices, table.assign(persistence=[0.2, 0.6]))


def circles_of(display):
    from matplotlib.collections import EllipseCollection

    return next(c for c in display.ax_.collections if isinstance(c, EllipseCollection))


def test_circles_are_round_on_the_sky_and_the_best_lies_on_top(candidates):
    circles = circles_of(CandidateDisplay.from_candidates(candidates))
    np.testing.assert_array_equal(circles.get_array(), [0.2, 0.6])
    latitude = np.radians(np.asarray(circles.get_offsets())[:, 1])
    widths, heights = circles.get_widths(), circles.get_heights()
    np.testing.assert_allclose(widths * np.cos(latitude), heights)
    np.testing.assert_allclose(heights / 2, candidates.table["r50"], rtol=1e-12)


def test_a_field_across_longitude_zero_is_not_torn(candidates):
    display = CandidateDisplay.from_candidates(candidates)
    left, right = display.ax_.get_xlim()
    assert 0 < left - right < 3  # east to the left, two degrees and not 360
    ticks = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert all(not text or 0 <= float(text) < 360 for text in ticks)


def test_names_are_written_beside_their_candidates(candidates):
    display = CandidateDisplay.from_candidates(candidates, names=["Pal 5", ""])
    assert [text.get_text() for text in display.ax_.texts] == ["Pal 5", ""]


def test_memberships_alone_can_be_drawn(candidates):
    bare = CandidateSet(None, candidates.indptr, candidates.indices, candidates.table, n_stars=50)
    assert len(circles_of(CandidateDisplay.from_candidates(bare)).get_array()) == 2


def test_a_field_without_candidates_shows_its_stars(candidates):
    display = CandidateDisplay.from_candidates(candidates[:0])
    assert display.colorbar_ is None
    assert len(display.ax_.collections) == 1


def test_an_unknown_column_is_named(candidates):
    with pytest.raises(ValueError, match="no column 'persistance'"):
        CandidateDisplay.from_candidates(candidates, color_by="persistance")
