"""ComparisonDisplay: shared axes, shared colours, scores in the titles."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.cluster import DBSCAN
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from climbkit.metrics import held_out_ari
from climbkit.plotting import ComparisonDisplay
from climbkit.plotting._match import match_groups


def colour(collection):
    return to_hex(collection.get_facecolor()[0])


def test_panels_share_axes_and_carry_scores(pipeline, stars, words):
    X, y, truth = stars
    known = np.where(truth == 8, -1, truth)
    answers = {"truth": known, "CLiMB": pipeline[-1].labels_, "seeds": y}
    display = ComparisonDisplay.from_predictions(
        X,
        answers,
        **words,
        scores=lambda labels: held_out_ari(known, labels, y),
        score_name="held-out ARI",
    )
    assert [ax.get_title().splitlines()[0] for ax in display.axes_] == list(answers)
    assert display.axes_[0].get_title() == "truth\nheld-out ARI 1.00"
    assert display.axes_[2].get_title() == "seeds\nheld-out ARI 0.00"
    assert len({ax.get_xlim() for ax in display.axes_}) == 1
    assert display.axes_[0].get_shared_x_axes().joined(*display.axes_[:2])


def test_panel_without_a_score_keeps_a_plain_title(stars):
    X, y, truth = stars
    display = ComparisonDisplay.from_predictions(X, {"a": truth, "b": y}, scores={"b": 0.5})
    assert [ax.get_title() for ax in display.axes_] == ["a\n", "b\nscore 0.50"]


def test_several_scores_stand_below_each_other(stars):
    X, y, truth = stars
    scores = {"b": {"held-out ARI": 0.5, "let in": 0.25}}
    display = ComparisonDisplay.from_predictions(X, {"a": truth, "b": y}, scores=scores)
    assert display.axes_[1].get_title() == "b\nheld-out ARI 0.50\nlet in 0.25"
    assert display.axes_[0].get_title() == "a\n\n"


def test_zoom_holds_for_all_panels(stars):
    X, y, truth = stars
    display = ComparisonDisplay.from_predictions(X, {"a": truth, "b": y}, zoom=0.5)
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in display.axes_}) == 1
    assert display.axes_[0].get_xlim()[1] < X[:, 0].max()


def test_group_has_one_colour_in_all_panels(stars, layer):
    X, y, truth = stars
    axes = ComparisonDisplay.from_predictions(X, {"a": truth, "b": y}).axes_
    assert colour(layer(axes[0], "group 7")) == colour(layer(axes[1], "group 7"))
    assert colour(layer(axes[0], "group 7")) != colour(layer(axes[0], "group 3"))


def test_unnamed_groups_take_the_colours_of_the_reference(pipeline, stars, layer, texts):
    X, _, truth = stars
    dbscan = make_pipeline(StandardScaler(), DBSCAN(eps=0.3, min_samples=8)).fit(X)
    display = ComparisonDisplay.from_estimators(
        {"CLiMB": pipeline, "DBSCAN": dbscan}, X, truth=truth, unnamed=["DBSCAN"]
    )
    of_truth, of_climb, of_dbscan = display.axes_
    for name in ("group 3", "group 7", "novel 8"):
        colours = {colour(layer(ax, name)) for ax in (of_truth, of_climb, of_dbscan)}
        assert len(colours) == 1
    assert texts(display.legend_) == ["noise", "group 3", "group 7", "novel 8"]


def test_groups_that_the_reference_lacks_are_listed_together(stars, texts, layer):
    X, _, truth = stars
    split = np.where((truth == -1) & (X[:, 0] > 0), 9, truth)
    split = np.where((truth == -1) & (X[:, 0] <= 0), 10, split)
    display = ComparisonDisplay.from_predictions(
        X, {"truth": truth, "split": split}, known_labels=[3, 7], reference="truth"
    )
    assert texts(display.legend_) == ["noise", "group 3", "group 7", "novel 8", "other groups"]
    others = [
        c for c in display.axes_[1].collections if c.get_label().startswith(("novel 9", "novel 10"))
    ]
    assert len({colour(c) for c in others}) == 1
    assert len(others) == 2


def test_matching_takes_the_largest_total_overlap():
    reference = np.array([5, 5, 5, 6, 6, 6, -1, -1])
    labels = np.array([0, 0, 1, 1, 1, 1, 2, -1])
    np.testing.assert_array_equal(match_groups(labels, reference), [5, 5, 6, 6, 6, 6, 7, -1])


def test_matching_keeps_fixed_labels():
    reference = np.array([5, 5, 6, 6, 7, 7])
    labels = np.array([6, 6, 5, 5, 9, 9])
    matched = match_groups(labels, reference, fixed=[5, 6])
    np.testing.assert_array_equal(matched, [6, 6, 5, 5, 7, 7])


def test_matching_of_two_answers_without_groups_changes_nothing():
    noise = np.full(3, -1)
    np.testing.assert_array_equal(match_groups(noise, noise), noise)


@pytest.mark.parametrize(
    ("labelings", "kwargs", "message"),
    [
        ({}, {}, "at least one name"),
        ([[0, 1]], {}, "must be a mapping"),
        ({"a": [0]}, {}, r"labelings\['a'\] must have one entry for each of the 220 rows"),
        (None, {"reference": "truht"}, r"must be names of labelings \['a'\]; got \['truht'\]"),
        (None, {"unnamed": ["b"]}, r"got \['b'\]"),
        (None, {"axes": [None, None]}, "axes must hold 1 matplotlib Axes.*; got 2"),
        (None, {"features": ["Lx", "Lz"]}, "'Lx'"),
    ],
)
def test_bad_input_is_named(labelings, kwargs, message, stars):
    X, _, truth = stars
    labelings = {"a": truth} if labelings is None else labelings
    with pytest.raises(ValueError, match=message):
        ComparisonDisplay.from_predictions(X, labelings, **kwargs)
