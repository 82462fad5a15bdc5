"""ClusterDisplay: what is on the axes, below what, in which colour; and what it refuses."""

import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from climbkit import KBound
from climbkit.plotting import ClusterDisplay
from climbkit.plotting._style import NOISE_COLOR, label_styles


def test_every_row_is_drawn_once_in_its_group(pipeline, stars, words, layer):
    X = stars[0]
    display = ClusterDisplay.from_estimator(pipeline, X, **words, show_centers=False)
    labels = pipeline[-1].labels_
    for label, name in [(3, "group 3"), (7, "group 7"), (8, "novel 8"), (-1, "noise")]:
        drawn = np.asarray(layer(display.ax_, name).get_offsets())
        np.testing.assert_allclose(drawn, X[labels == label][:, :2])
    assert len(display.ax_.collections) == 4


def test_legend_names_each_group_with_its_size(pipeline, stars, words, texts):
    X, y, _ = stars
    display = ClusterDisplay.from_estimator(
        pipeline, X, y, **words, label_names={3: "Gaia-Sausage-Enceladus"}
    )
    sizes = {label: np.sum(pipeline[-1].labels_ == label) for label in (-1, 3, 7, 8)}
    assert texts(display.legend_) == [
        f"noise ({sizes[-1]})",
        f"Gaia-Sausage-Enceladus ({sizes[3]})",
        f"group 7 ({sizes[7]})",
        f"novel 8 ({sizes[8]})",
        "seeds (15)",
        "centres",
    ]


def test_axes_carry_names_and_units_of_the_chosen_features(pipeline, stars, words):
    display = ClusterDisplay.from_estimator(pipeline, stars[0], features=["Lperp", 1], **words)
    assert display.ax_.get_xlabel() == "Lperp [kpc km/s]"
    assert display.ax_.get_ylabel() == "Energy [km$^{2}$/s$^{2}$]"


def test_columns_of_a_frame_name_the_features(stars):
    frame = pd.DataFrame(stars[0], columns=["a", "b", "c"])
    display = ClusterDisplay.from_predictions(frame, stars[2], features=["c", "a"])
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("c", "a")


def test_noise_lies_below_known_groups_and_novel_groups_above(pipeline, stars, words, layer):
    ax = ClusterDisplay.from_estimator(pipeline, stars[0], **words).ax_
    order = [layer(ax, name).get_zorder() for name in ("noise", "group 3", "novel 8", "centres")]
    assert order == sorted(order)
    assert len(set(order)) == len(order)
    assert to_hex(layer(ax, "noise").get_facecolor()[0]) == NOISE_COLOR


def test_novel_groups_have_an_edge_and_known_ones_none(pipeline, stars, words, layer):
    ax = ClusterDisplay.from_estimator(pipeline, stars[0], **words).ax_
    assert layer(ax, "novel 8").get_linewidths()[0] > 0
    assert layer(ax, "group 3").get_linewidths()[0] == 0


def test_centres_of_a_pipeline_are_drawn_in_the_units_of_X(pipeline, stars, words, layer):
    X = stars[0]
    ax = ClusterDisplay.from_estimator(pipeline, X, **words).ax_
    centers = np.asarray(layer(ax, "centres").get_offsets())
    expected = pipeline[0].inverse_transform(pipeline[-1].cluster_centers_)[:, :2]
    np.testing.assert_allclose(centers, expected)


def test_seeds_are_ringed_where_they_lie(stars, layer):
    X, y, truth = stars
    ax = ClusterDisplay.from_predictions(X, truth, seeds=y).ax_
    ring = layer(ax, "seeds")
    np.testing.assert_allclose(np.asarray(ring.get_offsets()), X[y != -1][:, :2])
    assert len(ring.get_facecolor()) == 0


def test_three_features_make_a_three_dimensional_figure(pipeline, stars, words, layer):
    X = stars[0]
    ax = ClusterDisplay.from_estimator(pipeline, X, features=[0, 1, 2], **words).ax_
    assert ax.get_zlabel() == "Lperp [kpc km/s]"
    drawn = np.column_stack(layer(ax, "group 7")._offsets3d)
    np.testing.assert_allclose(drawn, X[pipeline[-1].labels_ == 7])


@pytest.mark.parametrize("model", [DBSCAN(eps=900.0), HDBSCAN(copy=True), KMeans(3), KBound()])
def test_any_clusterer_with_labels_is_drawn(model, stars):
    X, y, _ = stars
    model.fit(X, y)
    display = ClusterDisplay.from_estimator(model, X)
    n_groups = len(np.unique(model.labels_))
    n_centers = hasattr(model, "cluster_centers_")
    assert len(display.ax_.collections) == n_groups + n_centers


def test_legend_of_twenty_groups_stays_within_the_figure(texts):
    labels = np.repeat(np.arange(-1, 20), 5)
    X = np.random.default_rng(0).normal(size=(len(labels), 2))
    display = ClusterDisplay.from_predictions(X, labels, known_labels=range(12))
    display.figure_.draw_without_rendering()
    box = display.legend_.get_window_extent()
    figure = display.figure_.bbox
    assert len(texts(display.legend_)) == 21
    assert figure.x0 <= box.x0
    assert box.x1 <= figure.x1 + 1
    assert figure.y0 <= box.y0
    assert not display.ax_.get_window_extent().overlaps(box)


def test_many_rows_are_drawn_as_pixels_and_fainter(layer):
    rng = np.random.default_rng(0)
    few, many = rng.normal(size=(100, 2)), rng.normal(size=(20_000, 2))
    of_few, of_many = (
        layer(ClusterDisplay.from_predictions(X, np.full(len(X), -1)).ax_, "noise")
        for X in (few, many)
    )
    assert of_many.get_rasterized()
    assert not of_few.get_rasterized()
    assert of_many.get_alpha() < of_few.get_alpha()
    assert of_many.get_sizes()[0] < of_few.get_sizes()[0]


def test_label_keeps_its_colour_when_other_groups_vanish():
    full, part = label_styles([1, 3, 5, 6], [16, 17]), label_styles([3, 6], [17])
    assert {label: full[label] for label in part} == part


def test_twenty_labels_have_twenty_looks():
    styles = label_styles(range(20), range(20, 40))
    assert len({(style.color, style.marker) for style in styles.values()}) == 40


def test_all_noise_is_drawn(texts):
    display = ClusterDisplay.from_predictions([[0.0, 1.0], [2.0, 3.0]], [-1, -1])
    assert texts(display.legend_) == ["noise (2)"]


def test_legend_can_be_left_out_and_own_axes_used(stars):
    ax = plt.figure().add_subplot()
    display = ClusterDisplay.from_predictions(stars[0], stars[2], ax=ax, legend=False, title="T")
    assert display.ax_ is ax
    assert ax.get_legend() is None
    assert ax.get_title() == "T"


def test_pipeline_that_drops_features_still_draws_its_centres(stars, layer):
    X, y, _ = stars
    model = make_pipeline(PCA(n_components=2), KBound(distance_threshold=1e5)).fit(X, y)
    ax = ClusterDisplay.from_estimator(model, X).ax_
    expected = model[0].inverse_transform(model[-1].cluster_centers_)[:, :2]
    np.testing.assert_allclose(np.asarray(layer(ax, "centres").get_offsets()), expected)


def test_zoom_leaves_outliers_out_and_counts_them():
    X = np.random.default_rng(0).normal(size=(500, 2))
    X[:3] = [[1e6, 0.0], [0.0, -1e6], [1e6, 1e6]]
    ax = ClusterDisplay.from_predictions(X, np.zeros(500, dtype=int), zoom=0.98).ax_
    (text,) = [text.get_text() for text in ax.texts]
    low, high = np.transpose([ax.get_xlim(), ax.get_ylim()])
    shown = ((low <= X) & (high >= X)).all(axis=1)
    assert text == f"{np.sum(~shown)} rows outside"
    assert not shown[:3].any()
    assert shown.mean() > 0.95


def test_zoom_on_everything_says_nothing():
    ax = ClusterDisplay.from_predictions([[0.0, 1.0], [2.0, 3.0]], [0, 0], zoom=1.0).ax_
    assert not ax.texts


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"features": ["Lz", "Enrgy"]}, r"'Enrgy'; the features of X are \['Lz'"),
        ({"features": [0, 3]}, "column 3, but X has 3 features"),
        ({"features": [0]}, "features must name 2 or 3 features; got 1"),
        ({"feature_names": ["Lz"]}, "a name for each of the 3 features of X; got 1"),
        ({"units": {"Lx": "kpc"}}, r"units names \['Lx'\]"),
        ({"units": ["kpc"]}, "units must hold 3 units"),
        ({"labels": [0, 1]}, "labels must have one entry for each of the 220 rows of X; got 2"),
        ({"labels": np.full(220, 0.5)}, "whole numbers"),
        ({"zoom": 0.0}, "zoom must be above 0 and at most 1; got 0.0"),
        ({"zoom": 0.9, "features": [0, 1, 2]}, "zoom is for two features"),
        ({"seeds": [True]}, "inconsistent numbers of samples"),
    ],
)
def test_bad_input_is_named(kwargs, message, stars, words):
    X, _, truth = stars
    kwargs = {"labels": truth, **words, **kwargs}
    with pytest.raises(ValueError, match=message):
        ClusterDisplay.from_predictions(X, **kwargs)


def test_rows_with_nan_are_refused(stars):
    X = stars[0].copy()
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        ClusterDisplay.from_predictions(X, stars[2])


def test_other_rows_than_the_fitted_ones_are_refused(pipeline, stars):
    with pytest.raises(ValueError, match="X has 5 rows, but CLiMB was fitted on 220"):
        ClusterDisplay.from_estimator(pipeline, stars[0][:5])


def test_unfitted_estimator_is_refused(stars):
    with pytest.raises(NotFittedError):
        ClusterDisplay.from_estimator(KBound(), stars[0])


def test_flat_axes_are_refused_for_three_features(stars):
    with pytest.raises(ValueError, match="as many dimensions as there are features to draw: 3"):
        ClusterDisplay.from_predictions(
            stars[0], stars[2], features=[0, 1, 2], ax=plt.figure().add_subplot()
        )


def test_missing_matplotlib_names_the_extra(stars, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install .?climbkit\[plot\]"):
        ClusterDisplay.from_predictions(stars[0], stars[2])
