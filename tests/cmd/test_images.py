"""CMDImageTransformer: the published look, whatever the stars come in."""

import io
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import (
    check_estimator_repr,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
)

from climbkit.cmd import CMDImageTransformer
from climbkit.datasets import load_gaia_field
from climbkit.survey import CandidateSet, TiledHDBSCAN


def main_sequence(n_stars, seed=0):
    rng = np.random.default_rng(seed)
    g = rng.triangular(13.0, 20.9, 20.9, n_stars)
    return 0.6 + 0.012 * (g - 14.0) ** 2 + rng.normal(0, 0.04, n_stars), g


@pytest.fixture
def candidates():
    color, g = main_sequence(60)
    color[3] = np.nan
    stars = pd.DataFrame({"source_id": np.arange(60), "bp_rp": color, "phot_g_mean_mag": g})
    indices = [*range(0, 40), *range(20, 60)]
    return CandidateSet(stars, [0, 40, 80], indices, pd.DataFrame(index=range(2)))


def savefig_and_read(color, g, size=128, point_size=1.0, dpi=100.0, pixels=600):
    """What matplotlib draws, read back and resized by Pillow."""
    from matplotlib import pyplot as plt
    from PIL import Image

    figure = plt.figure(figsize=(pixels / dpi, pixels / dpi), dpi=dpi)
    ax = figure.add_subplot()
    ax.scatter(color, g, s=point_size**2, c="black")
    ax.set_xlim(np.nanmin(color) - 0.15, np.nanmax(color) + 0.26)
    ax.set_ylim(21.0, np.nanmin(g) - 0.17)
    ax.axis("off")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    image = Image.open(file).convert("L").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32) / 255


@pytest.mark.parametrize(
    ("n_stars", "tolerance"), [(1, 1e-9), (15, 1e-9), (300, 1e-4), (5000, 3e-4)]
)
def test_images_are_those_of_matplotlib_and_pillow(n_stars, tolerance):
    pytest.importorskip("matplotlib")
    color, g = main_sequence(n_stars)
    image = CMDImageTransformer(channel_axis=False).transform([(color, g)])[0]
    expected = savefig_and_read(color, g)
    assert np.abs(image - expected).mean() < tolerance
    assert np.abs(image - expected).max() < 2.5 / 255


@pytest.mark.parametrize("name", ["pal5", "ngc4147"])
def test_images_of_real_clusters_are_those_of_matplotlib(data_folder, name):
    pytest.importorskip("matplotlib")
    field = load_gaia_field(name, data_home=data_folder)
    members = field.data[field.target >= 0]
    image = CMDImageTransformer(channel_axis=False).transform([members])[0]
    seen = members[["bp_rp", "phot_g_mean_mag"]].dropna().to_numpy()
    assert len(seen) < len(members)
    assert np.abs(image - savefig_and_read(*seen.T)).mean() < 1e-4


@pytest.mark.parametrize(("point_size", "dpi", "pixels"), [(4.0, 150.0, 300), (0.5, 72.0, 400)])
def test_other_sizes_are_those_of_matplotlib_too(point_size, dpi, pixels):
    pytest.importorskip("matplotlib")
    color, g = main_sequence(100)
    drawing = CMDImageTransformer(
        64, point_size=point_size, dpi=dpi, figure_size=pixels, channel_axis=False
    )
    expected = savefig_and_read(color, g, 64, point_size, dpi, pixels)
    assert np.abs(drawing.transform([(color, g)])[0] - expected).mean() < 1e-3


def test_every_form_of_the_stars_gives_the_same_image(candidates):
    members = candidates.members(0)
    color, g = members["bp_rp"].to_numpy(), members["phot_g_mean_mag"].to_numpy()
    images = CMDImageTransformer().transform(
        [
            (color, g),
            np.column_stack([color, g]),
            list(zip(color, g, strict=True)),
            members,
            (np.ma.masked_invalid(color), g.tolist()),
        ]
    )
    of_candidates = CMDImageTransformer().transform(candidates)
    assert of_candidates.shape == (2, 128, 128, 1)
    assert of_candidates.dtype == np.float32
    for image in images:
        np.testing.assert_array_equal(image, of_candidates[0])


def test_order_of_stars_and_threads_make_no_difference():
    drawing = CMDImageTransformer()
    diagrams = [main_sequence(n, seed=n) for n in (5, 800, 50)]
    images = drawing.transform(diagrams)
    rng = np.random.default_rng(0)
    shuffled = [np.column_stack(stars)[rng.permutation(len(stars[0]))] for stars in diagrams]
    np.testing.assert_array_equal(drawing.transform(shuffled), images)
    np.testing.assert_array_equal(drawing.set_params(n_jobs=2).transform(diagrams), images)


def test_stars_without_colour_change_nothing():
    color, g = main_sequence(50)
    drawing = CMDImageTransformer()
    more = (np.append(color, [np.nan, 1.0]), np.append(g, [10.0, np.nan]))
    np.testing.assert_array_equal(drawing.transform([more]), drawing.transform([(color, g)]))


@pytest.mark.parametrize(
    "stars",
    [([], []), ([np.nan], [15.0]), ([1.0, 1.2], [21.5, 22.0])],
    ids=["none", "nan", "faint"],
)
def test_a_diagram_without_visible_stars_is_blank_with_a_warning(stars):
    with pytest.warns(UserWarning, match=r"1 of 2 diagrams .* are blank: 1\."):
        images = CMDImageTransformer().transform([main_sequence(9), stars])
    np.testing.assert_array_equal(images[1], 1.0)
    assert images[0].min() < 1.0
    assert np.isnan(CMDImageTransformer().limits([stars])).all()


def test_the_warning_names_candidates(candidates):
    stars = candidates.stars.assign(bp_rp=np.nan)
    with pytest.warns(UserWarning, match=candidates[0].candidate_id):
        CMDImageTransformer().transform(candidates.with_stars(stars))


def test_no_diagrams_give_no_images(candidates):
    assert CMDImageTransformer(32).transform([]).shape == (0, 32, 32, 1)
    drawing = CMDImageTransformer((32, 20), channel_axis=False)
    assert drawing.transform(candidates[:0]).shape == (0, 32, 20)


def test_bright_stars_are_at_the_top_and_red_ones_at_the_right():
    drawing = CMDImageTransformer(
        60,
        color_limits=(0, 4),
        magnitude_limits=(10, 20),
        axes_box=(0, 0, 1, 1),
        channel_axis=False,
    )
    image = drawing.transform([([3.0], [12.5])])[0]
    row, column = np.unravel_index(image.argmin(), image.shape)
    assert abs(row - 15) <= 1
    assert abs(column - 45) <= 1


def test_limits_and_extents_say_where_a_star_is_drawn():
    stars = ([1.0, 1.5, 2.0], [14.0, 16.0, 18.0])
    drawing = CMDImageTransformer(600, channel_axis=False)
    np.testing.assert_allclose(drawing.limits([stars]), [[0.85, 2.26, 13.83, 21.0]])
    left, right, bottom, top = drawing.extents([stars])[0]
    image = drawing.transform([stars])[0]
    for color, g in zip(*stars, strict=True):
        column = int((color - left) / (right - left) * 600 + 0.5)
        row = int((g - top) / (bottom - top) * 600 + 0.5)
        assert image[row - 1 : row + 2, column - 1 : column + 2].min() == 0.0


def test_open_limits_follow_the_faintest_star():
    drawing = CMDImageTransformer(magnitude_limits=(None, None), magnitude_margins=(0.5, 0.25))
    np.testing.assert_allclose(drawing.limits([([1.0], [22.0])])[0, 2:], [21.5, 22.25])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"size": 0}, "size"),
        ({"size": (128, 0)}, "size must be a positive int"),
        ({"color_limits": (2.0, 1.0)}, "color_limits must rise"),
        ({"magnitude_limits": (None, np.nan)}, "magnitude_limits must be 2 numbers or None"),
        ({"color_margins": (-0.1, 0.2)}, "color_margins must not be negative"),
        ({"axes_box": (0.5, 0.1, 0.4, 0.9)}, "axes_box must be left < right"),
        ({"columns": ("bp_rp",)}, "columns must be the names"),
        ({"point_size": 0.0}, "point_size"),
        ({"outline_width": -1.0}, "outline_width"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        CMDImageTransformer(**parameters).fit()
    with pytest.raises(ValueError, match=message):
        CMDImageTransformer(**parameters).transform([main_sequence(5)])


def test_a_figure_of_a_billion_pixels_is_refused():
    with pytest.raises(ValueError, match="figure_size is too large"):
        CMDImageTransformer(figure_size=60_000).transform([main_sequence(5)])


@pytest.mark.parametrize("point_size", [1.0, 3.0])
def test_stars_in_one_place_make_a_point_of_one_star_or_a_darker_edge(point_size):
    drawing = CMDImageTransformer(600, point_size=point_size, magnitude_limits=(10, 20))
    one, many, more = drawing.transform([([1.0] * n, [15.0] * n) for n in (1, 300, 100_000)])
    assert (many <= one).all()
    assert set(np.unique(many)) == {0.0, 1.0}
    np.testing.assert_array_equal(more, many)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_diagrams_are_the_same_in_small_batches(monkeypatch, n_jobs):
    drawing = CMDImageTransformer(n_jobs=n_jobs)
    diagrams = [main_sequence(n, seed=n) for n in (40, 1, 7, 90, 3)] + [([1.0], [30.0])]
    with pytest.warns(UserWarning, match=r"1 of 6 .* blank: 5\."):
        images = drawing.transform(diagrams)
    limits = drawing.limits(diagrams)
    monkeypatch.setattr("climbkit.cmd._diagrams._BATCH", 20)
    with pytest.warns(UserWarning, match=r"1 of 6 .* blank: 5\."):
        np.testing.assert_array_equal(drawing.transform(diagrams), images)
    np.testing.assert_array_equal(drawing.limits(diagrams), limits)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((5, 2)), "For one diagram pass"),
        (pd.DataFrame({"bp_rp": [1.0]}), "For the diagram of one table pass"),
        ([pd.DataFrame({"bp_rp": [1.0]})], "no column 'phot_g_mean_mag'"),
        ([([1.0, 2.0], [15.0])], "two arrays of one length"),
        ([np.zeros((5, 3))], r"X\[0\] must be a pair"),
        ([(["a"], ["b"])], "must hold numbers"),
    ],
)
def test_wrong_stars_are_explained(X, message):
    with pytest.raises(ValueError, match=message):
        CMDImageTransformer().transform(X)


def test_memberships_without_stars_are_explained(candidates):
    bare = CandidateSet(None, candidates.indptr, candidates.indices, candidates.table, n_stars=60)
    with pytest.raises(ValueError, match="with_stars"):
        CMDImageTransformer().transform(bare)


class InkClassifier(ClassifierMixin, BaseEstimator):
    """True for images with more ink than the median of those that were fitted."""

    def fit(self, X, y=None):
        self.median_ = np.median(1 - X.mean(axis=(1, 2, 3)))
        return self

    def predict(self, X):
        return 1 - X.mean(axis=(1, 2, 3)) > self.median_


def test_a_search_is_followed_by_images_and_a_classifier():
    rng = np.random.default_rng(0)
    columns = ["l", "b", "parallax", "pmra", "pmdec"]
    low, high = [10, 0, 0, -5, -5], [11, 1, 1, 5, 5]
    stars = pd.DataFrame(rng.uniform(low, high, (600, 5)), columns=columns)
    stars[:60] = rng.normal([10.3, 0.3, 0.5, 3, -2], 0.02, (60, 5))
    stars[60:90] = rng.normal([10.7, 0.7, 0.2, -3, 2], 0.02, (30, 5))
    stars["bp_rp"], stars["phot_g_mean_mag"] = main_sequence(600)
    search = TiledHDBSCAN(tile_sides=(1,), min_cluster_sizes=[8, 12])
    pipeline = make_pipeline(search, CMDImageTransformer(), InkClassifier()).fit(stars)
    n_candidates = len(search.fit(stars).candidates_)
    assert n_candidates >= 4
    assert 0 < pipeline.predict(stars).sum() <= n_candidates / 2
    assert pipeline.predict(stars).shape == (n_candidates,)


def test_fit_is_not_needed_and_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CMDImageTransformer().transform([main_sequence(5)])


@pytest.mark.parametrize(
    "check",
    [
        check_estimator_repr,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
    ],
    ids=lambda check: check.__name__,
)
def test_data_free_check(check):
    check("CMDImageTransformer", CMDImageTransformer())


def test_the_plain_form_gives_the_same_transformer_back():
    drawing = CMDImageTransformer.builder().with_size((64, 32)).with_dpi(72).build()
    assert repr(CMDImageTransformer.from_dict(drawing.to_dict())) == repr(drawing)
