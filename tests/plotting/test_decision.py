"""DecisionDisplay: the row, its rivals, the numbers that decided, and the words."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, HDBSCAN
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from climbkit import ChiSquaredGate, CLiMB, GroupCovariance, KBound, NoveltyTest
from climbkit.plotting import DecisionDisplay


@pytest.fixture(scope="module")
def recommended(stars):
    """The recommended gates, with the novel group tested."""
    X, y, _ = stars
    novelty = NoveltyTest(n_draws=19, n_bootstrap=2, random_state=0)
    climb = CLiMB(explorer=DBSCAN(eps=0.3, min_samples=8), novelty=novelty)
    return make_pipeline(StandardScaler(), climb).fit(X, y)


def shown_bars(display):
    """Names, lengths and written numbers of the bars, from above."""
    ax = display.axes_[2]
    names = [tick.get_text().replace("\n", " ") for tick in ax.get_yticklabels()]
    return names, [bar.get_width() for bar in ax.patches], [text.get_text() for text in ax.texts]


def members_found(model, phase, X, y):
    return np.flatnonzero((model[-1].phase_ == phase) & (y == -1))


def test_bars_of_the_recommended_gate_are_its_probabilities_and_sum_to_one(recommended, stars):
    X, y, _ = stars
    row = members_found(recommended, 1, X, y)[0]
    display = DecisionDisplay.from_estimator(recommended, X, row)
    names, lengths, written = shown_bars(display)
    label = recommended[-1].labels_[row]
    assert names == [f"group {label}", f"group {10 - label}", "none of them"]
    (expected,) = recommended[-1].predict_proba(recommended[0].transform(X[[row]]))
    order = [*np.argsort(-expected[:2]), 2]
    np.testing.assert_allclose(lengths, expected[order])
    assert sum(lengths) == pytest.approx(1.0)
    assert written[0] == f"{expected.max():.2f}"


def test_threshold_of_the_recommended_gate_stands_where_the_gate_has_it(recommended, stars):
    X, y, _ = stars
    row = members_found(recommended, 1, X, y)[0]
    ax = DecisionDisplay.from_estimator(recommended, X, row).axes_[2]
    threshold = recommended[-1].kbound_.gate_.threshold_
    assert set(ax.lines[0].get_xdata()) == {threshold}
    assert f"≥ {threshold:.2f}" in ax.get_title(loc="left")


def test_words_for_a_member_name_its_group_its_probability_and_the_margin(recommended, stars):
    X, y, _ = stars
    row = members_found(recommended, 1, X, y)[0]
    display = DecisionDisplay.from_estimator(
        recommended, X, row, label_names={3: "Sequoia", 7: "Thamnos"}
    )
    name = {3: "Sequoia", 7: "Thamnos"}[recommended[-1].labels_[row]]
    path = recommended[-1].decision_path(recommended[0].transform(X)).iloc[row]
    assert display.sentences[0] == (
        f"Phase 1: {name} took it: probability {path['known_probability']:.2f} ≥ "
        f"{path['known_probability_threshold']:.2f} (margin "
        f"{path['known_probability_margin']:+.2f})."
    )
    assert len(display.sentences) == 2  # it never met the explorer
    assert display.figure_.get_suptitle() == f"Row {row}: {name}"


def test_words_for_a_novel_member_tell_its_role_and_its_group_s_significance(recommended, stars):
    X, y, _ = stars
    climb = recommended[-1]
    row = members_found(recommended, 2, X, y)[0]
    which = climb.novel_labels_ == climb.labels_[row]
    words = DecisionDisplay.from_estimator(recommended, X, row).sentences
    assert words[0].startswith("Phase 1: no known group took it. The likeliest is group")
    role = climb.decision_path(recommended[0].transform(X)).iloc[row]["novel_role"]
    n_members = np.sum(climb.labels_ == climb.labels_[row])
    assert f"DBSCAN made it a {role}" in words[2]
    assert f"novel {climb.labels_[row]}, a group of {n_members} rows" in words[2]
    assert f"p = {climb.novelty_pvalue_[which][0]:.3f}" in words[3]
    assert f"stability of {climb.novelty_stability_[which][0]:.2f}" in words[3]


def test_words_of_the_default_explorer_tell_the_role_too(stars):
    X, y, _ = stars
    model = make_pipeline(StandardScaler(), CLiMB()).fit(X, y)
    climb = model[-1]
    cores = climb.explored_rows_[climb.explorer_.core_sample_indices_]
    row = cores[climb.phase_[cores] == 2][0]
    words = DecisionDisplay.from_estimator(model, X, row).sentences
    assert "ContrastDBSCAN made it a core sample of" in words[2]
    assert "was not tested" in words[3]


def test_members_of_a_dropped_group_are_told_so(stars):
    X, y, _ = stars
    novelty = NoveltyTest(
        n_draws=1, n_bootstrap=0, alpha=0.01, drop_insignificant=True, random_state=0
    )  # one draw has p of a half at least
    climb = CLiMB(explorer=DBSCAN(eps=0.3, min_samples=8), novelty=novelty)
    model = make_pipeline(StandardScaler(), climb).fit(X, y)
    row = model[-1].explored_rows_[np.flatnonzero(model[-1].explorer_.labels_ >= 0)[0]]
    display = DecisionDisplay.from_estimator(model, X, row)
    assert "failed the novelty test" in display.sentences[-1]
    assert display.figure_.get_suptitle() == f"Row {row}: noise"


def test_seeds_are_said_to_be_given_with_what_the_gate_alone_says(recommended, stars):
    X = stars[0]
    words = DecisionDisplay.from_estimator(recommended, X, 0).sentences
    assert "its label was given, not found" in words[0]
    probability = recommended[-1].kbound_.decision_path(recommended[0].transform(X[:1]))
    assert f"probability of group 3 {probability['probability_3'][0]:.2f}" in words[0]


def test_bars_of_the_published_gates_are_distances_and_the_nearest_is_first(pipeline, stars):
    X, y, _ = stars
    row = members_found(pipeline, 0, X, y)[0]
    display = DecisionDisplay.from_estimator(pipeline, X, row)
    names, lengths, _ = shown_bars(display)
    climb = pipeline[-1]
    off = pipeline[0].transform(X[[row]]) - climb.kbound_.cluster_centers_
    expected = np.linalg.norm(off, axis=1)
    order = np.argsort(expected)
    assert names == [f"group {climb.known_labels_[k]}" for k in order]
    np.testing.assert_allclose(lengths, expected[order])
    assert set(display.axes_[2].lines[0].get_xdata()) == {0.5}


def test_words_for_noise_of_the_published_gates_name_the_gate_that_was_shut(pipeline, stars):
    X, _, _ = stars
    climb = pipeline[-1]
    table = climb.decision_path(pipeline[0].transform(X))
    for gate, phrase in [("rejected_density", "density"), ("rejected_distance", "> 0.50 (margin")]:
        row = np.flatnonzero((table["known_gate"] == gate) & (climb.phase_ == 0))[0]
        words = DecisionDisplay.from_estimator(pipeline, X, row).sentences
        assert phrase in words[0]
        assert "DBSCAN calls it noise" in words[-1]


def test_distances_of_a_chi_squared_gate_are_in_the_groups_own_shapes(stars):
    X, y, _ = stars
    kbound = KBound(shape=GroupCovariance(), gate=ChiSquaredGate())
    model = make_pipeline(StandardScaler(), CLiMB(kbound)).fit(X, y)
    row = members_found(model, 1, X, y)[0]
    display = DecisionDisplay.from_estimator(model, X, row)
    path = model[-1].decision_path(model[0].transform(X)).iloc[row]
    _, lengths, _ = shown_bars(display)
    assert lengths[0] == pytest.approx(path["known_distance_to_nearest"])
    assert lengths[1] == pytest.approx(path["known_distance_to_competitor"])


@pytest.mark.parametrize("phase", [0, 1, 2])
def test_row_is_marked_in_both_planes_and_is_within_their_limits(phase, recommended, stars, words):
    X, y, _ = stars
    row = members_found(recommended, phase, X, y)[0]
    display = DecisionDisplay.from_estimator(recommended, X, row, **words)
    for ax, columns in zip(display.axes_[:2], ([0, 1], [0, 2]), strict=True):
        (star,) = [c for c in ax.collections if c.get_label() == f"row {row}"]
        np.testing.assert_allclose(star.get_offsets()[0], X[row, columns])
        assert ax.get_xlim()[0] < X[row, columns[0]] < ax.get_xlim()[1]
        assert ax.get_ylim()[0] < X[row, columns[1]] < ax.get_ylim()[1]
    assert display.axes_[1].get_ylabel() == "Lperp [kpc km/s]"


def test_planes_can_be_chosen_by_name(pipeline, stars, words):
    planes = [("Lperp", "Energy"), (1, 0)]
    axes = DecisionDisplay.from_estimator(pipeline, stars[0], 5, planes=planes, **words).axes_
    assert axes[0].get_xlabel() == "Lperp [kpc km/s]"
    assert axes[1].get_ylabel() == "Lz [kpc km/s]"


def test_frames_are_read_by_position_not_by_index(stars):
    X, y, _ = stars
    frame = pd.DataFrame(X / X.std(axis=0), columns=["a", "b", "c"], index=np.arange(len(X))[::-1])
    climb = CLiMB(KBound(), explorer=HDBSCAN(copy=True)).fit(frame, y)
    row = np.flatnonzero(climb.phase_ == 2)[0]
    display = DecisionDisplay.from_estimator(climb, frame, row)
    strength = climb.probabilities_[row]
    assert f"(strength {strength:.2f})" in display.sentences[2]
    assert display.axes_[0].get_xlabel() == "a"


def test_fit_without_seeds_says_that_no_group_is_known(stars):
    X = StandardScaler().fit_transform(stars[0])
    for kbound in (None, KBound()):
        climb = CLiMB(kbound, explorer=DBSCAN(eps=0.3)).fit(X)
        display = DecisionDisplay.from_estimator(climb, X, 0)
        assert display.sentences[0] == "Phase 1: there is no known group."
        assert [text.get_text() for text in display.axes_[2].texts] == ["no known group"]


def test_known_non_members_are_said_to_be_given(stars):
    X, y, truth = stars
    X = StandardScaler().fit_transform(X)
    climb = CLiMB().fit(X, y, negatives=truth == -1)
    words = DecisionDisplay.from_estimator(climb, X, len(X) - 1).sentences
    assert words[0] == "Phase 1: it was given as a member of no known group."


@pytest.mark.parametrize(
    ("row", "kwargs", "error", "message"),
    [
        (220, {}, ValueError, "row must be from 0 to 219, the rows of X; got 220"),
        (-1, {}, ValueError, "row must be from 0 to 219"),
        (0.0, {}, TypeError, "row must be the number of a row of X; got 0.0"),
        (True, {}, TypeError, "row must be the number of a row of X; got True"),
        (0, {"planes": [(0, 1)]}, ValueError, "planes must hold two pairs of features; got 1"),
        (0, {"planes": [(0, 1), (0,)]}, ValueError, "must name 2 features; got 1"),
        (0, {"planes": [(0, "Lz"), (0, 1)]}, ValueError, "features names 'Lz'"),
    ],
)
def test_bad_input_is_named(row, kwargs, error, message, pipeline, stars):
    with pytest.raises(error, match=message):
        DecisionDisplay.from_estimator(pipeline, stars[0], row, **kwargs)


def test_other_estimators_are_refused(stars):
    X, y, _ = stars
    with pytest.raises(TypeError, match=r"must be a fitted CLiMB, or a pipeline.*; got KBound"):
        DecisionDisplay.from_estimator(KBound().fit(X, y), X, 0)


def test_one_feature_is_refused(stars):
    X, y, _ = stars
    climb = CLiMB(KBound()).fit(X[:, :1] / 500.0, y)
    with pytest.raises(ValueError, match="two features or more"):
        DecisionDisplay.from_estimator(climb, X[:, :1] / 500.0, 0)
