"""CLiMBDisplay: both phases, the gates' outlines, the thresholds."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

from climbkit import ChiSquaredGate, CLiMB, GroupCovariance, KBound
from climbkit.plotting import CLiMBDisplay
from climbkit.plotting._gates import gate_outlines


def lines(ax, name):
    return [line for line in ax.lines if line.get_label() == name]


def inside(points, outline):
    from matplotlib.path import Path

    return Path(outline).contains_points(points, radius=1e-9)


def test_panels_show_the_rows_of_their_phase(pipeline, stars, words, layer):
    X, y, _ = stars
    display = CLiMBDisplay.from_estimator(pipeline, X, y, **words)
    phase_1, phase_2, _ = display.axes_
    climb = pipeline[-1]
    assert len(layer(phase_1, "group 3").get_offsets()) == np.sum(climb.labels_ == 3)
    assert len(layer(phase_1, "not taken").get_offsets()) == np.sum(climb.phase_ != 1)
    assert len(layer(phase_2, "novel 8").get_offsets()) == np.sum(climb.labels_ == 8)
    assert len(layer(phase_2, "noise").get_offsets()) == np.sum(climb.labels_ == -1)
    assert phase_2.get_xlim() == phase_1.get_xlim()


def test_zoom_holds_for_both_phases(pipeline, stars, words):
    phase_1, phase_2, _ = CLiMBDisplay.from_estimator(pipeline, stars[0], zoom=0.6, **words).axes_
    assert phase_1.get_xlim() == phase_2.get_xlim()
    assert phase_1.get_xlim()[1] < stars[0][:, 0].max()
    assert phase_1.texts[0].get_text().endswith("rows outside")


def test_both_thresholds_are_drawn_where_they_are(pipeline, stars, words, texts):
    gates = CLiMBDisplay.from_estimator(pipeline, stars[0], **words).axes_[2]
    (distance,) = lines(gates, "distance ≤ 0.5")
    (density,) = lines(gates, "density ≥ 0.2")
    assert set(distance.get_xdata()) == {0.5}
    assert set(density.get_ydata()) == {0.2}
    assert "distance ≤ 0.5" in texts(gates.get_legend())


def test_gate_panel_colours_each_row_by_the_gate_that_decided(pipeline, stars, words, layer):
    X, y, _ = stars
    gates = CLiMBDisplay.from_estimator(pipeline, X, y, **words).axes_[2]
    table = pipeline[-1].kbound_.decision_path(pipeline[0].transform(X))
    for gate, name in [
        ("assigned", "taken"),
        ("rejected_distance", "too far"),
        ("rejected_density", "density gate shut"),
        ("seed_forced", "seed, forced"),
    ]:
        rows = table[table["gate"] == gate]
        assert len(rows)
        drawn = np.asarray(layer(gates, name).get_offsets())
        np.testing.assert_allclose(drawn, rows[["distance_to_nearest", "local_density"]])


def test_published_density_rule_draws_its_ceiling(stars):
    X, y, _ = stars
    kbound = KBound(density_threshold=0.1, density_rule="max", distance_threshold=0.5)
    model = make_pipeline(StandardScaler(), CLiMB(kbound)).fit(X, y)
    gates = CLiMBDisplay.from_estimator(model, X).axes_[2]
    (ceiling,) = lines(gates, "density ≤ 0.9")
    assert set(ceiling.get_ydata()) == {0.9}


def test_distances_alone_are_drawn_where_the_density_gate_is_off(stars):
    X, y, _ = stars
    model = make_pipeline(StandardScaler(), CLiMB(KBound(distance_threshold=0.5))).fit(X, y)
    gates = CLiMBDisplay.from_estimator(model, X).axes_[2]
    assert sum(patch.get_height() for patch in gates.patches) == len(X)
    assert gates.get_ylabel() == "rows (the density gate is off)"
    edges = np.array([patch.get_x() for patch in gates.patches])
    assert np.isclose(edges, 0.5).any()


@pytest.mark.parametrize("metric", ["euclidean", "mahalanobis", "seuclidean"])
def test_every_row_that_the_distance_gate_admits_lies_within_its_outline(metric, stars):
    X, y, _ = stars
    model = make_pipeline(PCA(), KBound(metric=metric, distance_threshold=1.2, force_seeds=False))
    if metric == "euclidean":
        model.set_params(kbound__distance_threshold=9e3)
    model.fit(X, y)
    outlines = gate_outlines(model[-1], model[:-1], (0, 1))
    for k, label in enumerate(model[-1].classes_):
        members = X[model[-1].labels_ == label][:, :2]
        assert len(members)
        scale = X[:, :2].std(axis=0)
        grown = outlines.end[k] + 1.002 * (outlines.distance[k] - outlines.end[k])
        assert inside(members / scale, grown / scale).all()


def test_outline_in_two_dimensions_is_the_gate_itself():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) @ [[2.0, 0.0], [1.5, 0.5]]
    y = np.full(400, -1)
    y[0] = 0
    kbound = KBound(metric="mahalanobis", distance_threshold=0.7, radial_threshold=0.3).fit(X, y)
    outlines = gate_outlines(kbound, None, (0, 1))
    VI = kbound.metric_params_["VI"]
    on_gate = cdist(outlines.distance[0], kbound.cluster_centers_, "mahalanobis", VI=VI)
    np.testing.assert_allclose(on_gate, 0.7)
    on_ball = cdist(outlines.radial[0], kbound.initial_centers_)
    np.testing.assert_allclose(on_ball, 0.3)


def test_each_known_group_has_an_outline_and_a_ball(pipeline, stars, words):
    ax = CLiMBDisplay.from_estimator(pipeline, stars[0], **words).axes_[0]
    closed = [line for line in ax.lines if len(line.get_xdata()) > 2]
    assert len([line for line in closed if line.get_linestyle() == "-"]) == 2
    assert len([line for line in closed if line.get_linestyle() == ":"]) == 2


def test_centres_are_drawn_from_start_to_end_in_the_units_of_X(pipeline, stars, words, layer):
    ax = CLiMBDisplay.from_estimator(pipeline, stars[0], **words).axes_[0]
    kbound, scaler = pipeline[-1].kbound_, pipeline[0]
    for name, centers in [
        ("centre, start", kbound.initial_centers_),
        ("centre, end", kbound.cluster_centers_),
    ]:
        expected = scaler.inverse_transform(centers)[:, :2]
        np.testing.assert_allclose(np.asarray(layer(ax, name).get_offsets()), expected)


def test_metric_without_ellipsoids_has_no_outline_but_a_ball(stars, texts):
    X, y, _ = stars
    kbound = KBound(metric="cityblock", distance_threshold=0.8)
    model = make_pipeline(StandardScaler(), CLiMB(kbound)).fit(X, y)
    listed = texts(CLiMBDisplay.from_estimator(model, X).axes_[0].get_legend())
    assert "distance gate" not in listed
    assert "centre's ball" in listed


def test_infinite_thresholds_are_not_drawn(stars, texts):
    X, y, _ = stars
    kbound = KBound(distance_threshold=np.inf, radial_threshold=np.inf)
    display = CLiMBDisplay.from_estimator(CLiMB(kbound).fit(X, y), X)
    listed = [name for ax in display.axes_ for name in texts(ax.get_legend())]
    assert not [name for name in listed if "≤" in name or "gate" in name or "ball" in name]


def test_fit_without_seeds_says_that_no_group_is_known(stars):
    X = StandardScaler().fit_transform(stars[0])
    display = CLiMBDisplay.from_estimator(CLiMB(explorer=DBSCAN(eps=0.3)).fit(X), X)
    assert display.axes_[0].get_title(loc="left") == "Phase 1: 0 known groups, 0 rows"
    assert [text.get_text() for text in display.axes_[2].texts] == ["no known group"]


def test_other_estimators_are_refused(stars):
    X, y, _ = stars
    with pytest.raises(TypeError, match=r"must be a fitted CLiMB, or a pipeline.*; got KBound"):
        CLiMBDisplay.from_estimator(KBound().fit(X, y), X)


def test_bent_features_are_refused(stars):
    X, y, _ = stars
    model = make_pipeline(PowerTransformer(), CLiMB()).fit(X, y)
    with pytest.raises(ValueError, match="not affine"):
        CLiMBDisplay.from_estimator(model, X)


def test_three_features_are_refused(pipeline, stars):
    with pytest.raises(ValueError, match="features must name 2 features; got 3"):
        CLiMBDisplay.from_estimator(pipeline, stars[0], features=[0, 1, 2])


def test_too_few_axes_are_refused(pipeline, stars):
    with pytest.raises(ValueError, match="axes must hold 3 matplotlib Axes; got 1"):
        CLiMBDisplay.from_estimator(pipeline, stars[0]).plot(axes=[None])


def test_probability_gate_shows_each_row_s_probability_and_the_threshold(stars, layer):
    X, y, _ = stars
    model = make_pipeline(StandardScaler(), CLiMB()).fit(X, y)
    gates = CLiMBDisplay.from_estimator(model, X, y).axes_[2]
    table = model[-1].kbound_.decision_path(model[0].transform(X))
    for gate, name in [("assigned", "taken"), ("rejected_probability", "too unlikely")]:
        rows = table[table["gate"] == gate]
        assert len(rows)
        drawn = np.asarray(layer(gates, name).get_offsets())
        np.testing.assert_allclose(drawn, rows[["distance_to_nearest", "probability"]])
    threshold = model[-1].kbound_.gate_.threshold_
    (line,) = lines(gates, f"probability ≥ {threshold:.2f}")
    assert set(line.get_ydata()) == {threshold}
    farthest = table.loc[table["gate"] == "assigned", "distance_to_nearest"].max()
    assert gates.get_xlim()[1] > farthest


def test_shapes_of_groups_are_their_own_covariances_in_the_plane(stars):
    X, y, _ = stars
    X = StandardScaler().fit_transform(X)
    kbound = KBound.recommended().fit(X, y)
    outlines = gate_outlines(kbound, None, (0, 2))
    for k in range(2):
        shape = kbound.covariances_[k][np.ix_([0, 2], [0, 2])]
        off = outlines.distance[k] - kbound.cluster_centers_[k][[0, 2]]
        squared = np.einsum("ni,ij,nj->n", off, np.linalg.inv(shape), off)
        np.testing.assert_allclose(squared, -2 * np.log(0.05))  # chi-squared quantile, 2 d.o.f.
        radius = np.linalg.norm(outlines.radial[k] - kbound.initial_centers_[k][[0, 2]], axis=1)
        np.testing.assert_allclose(radius, kbound.radial_threshold_[k])


def test_chi_squared_gate_admits_only_rows_within_its_outline(stars, texts):
    X, y, _ = stars
    kbound = KBound(shape=GroupCovariance(), gate=ChiSquaredGate(0.8), force_seeds=False)
    model = make_pipeline(StandardScaler(), CLiMB(kbound)).fit(X, y)
    outlines = gate_outlines(model[-1].kbound_, model[:-1], (0, 1))
    scale = X[:, :2].std(axis=0)
    for k, label in enumerate(model[-1].known_labels_):
        members = X[model[-1].labels_ == label][:, :2]
        grown = outlines.end[k] + 1.002 * (outlines.distance[k] - outlines.end[k])
        assert inside(members / scale, grown / scale).all()
    known, _, gates = CLiMBDisplay.from_estimator(model, X).axes_
    assert "distance gate" in texts(known.get_legend())
    assert gates.get_xlabel() == "distance to the nearest centre (each group's own shape)"
