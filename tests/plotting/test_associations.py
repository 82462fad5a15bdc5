"""AssociationDisplay: every member is drawn, the Sun is marked, and the film turns once."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN
from sklearn.exceptions import NotFittedError

from climbkit import NoveltyTest
from climbkit.plotting import _associations
from climbkit.spectra import AssociationFinder

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("astropy")

AssociationDisplay = _associations.AssociationDisplay


@pytest.fixture(scope="module")
def finder():
    rng = np.random.default_rng(0)
    field = rng.uniform([0, -5, 0.5], [360, 5, 3.0], (300, 3))
    groups = [rng.normal([lon, 1, 2.0], [1.0, 1.0, 0.05], (40, 3)) for lon in (30, 200)]
    stars = pd.DataFrame(np.vstack([field, *groups]), columns=["l", "b", "distance"])
    stars["parallax"] = 1 / stars["distance"]
    stars.loc[0, "parallax"] = -1.0  # takes no part
    stars.loc[1, "parallax"] = 0.01  # 100 kpc
    test = NoveltyTest(n_draws=4, n_bootstrap=0)
    clusterer = DBSCAN(eps=0.15, min_samples=10)
    return AssociationFinder(clusterer, significance=test, min_parallax_over_error=None).fit(stars)


def test_panels_share_colours_and_have_kiloparsecs(finder, layer):
    display = AssociationDisplay.from_estimator(finder)
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in display.axes_.flat[:3]]
    assert labels == [
        ("x [kpc]", "y [kpc]"),
        ("y [kpc]", "z [kpc]"),
        ("x [kpc]", "z [kpc]"),
    ]
    assert display.axes_[1, 1].get_zlabel() == "z [kpc]"
    name = finder.associations_["name"][0]
    colors = [layer(ax, name).get_facecolor()[0].tolist() for ax in display.axes_.flat]
    assert all(color == colors[0] for color in colors)


def test_every_member_is_drawn_and_the_sun_is_at_the_origin(finder, layer):
    ax = AssociationDisplay.from_estimator(finder).axes_[0, 0]
    for label, name in enumerate(finder.associations_["name"]):
        members = finder.positions_[finder.labels_ == label]
        drawn = np.asarray(layer(ax, name).get_offsets())
        np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(members[:, :2], axis=0))
    np.testing.assert_array_equal(layer(ax, "Sun").get_offsets(), [[0.0, 0.0]])


def test_one_bad_parallax_does_not_shrink_the_rest(finder, texts):
    display = AssociationDisplay.from_estimator(finder)
    assert max(map(abs, display.axes_[0, 0].get_xlim())) < 5
    n_field = np.sum(finder.mask_ & (finder.labels_ == -1))
    assert f"field ({n_field})" in texts(display.legend_)


def test_chance_is_drawn_as_field(finder, texts):
    p = np.asarray(finder.associations_["p_value"])
    display = AssociationDisplay.from_estimator(finder, max_p_value=0.0)
    assert p.min() > 0
    assert [text.partition(" ")[0] for text in texts(display.legend_)] == ["field", "Sun"]
    display = AssociationDisplay.from_estimator(finder, max_p_value=1.0, legend=False)
    assert display.legend_ is None
    assert set(np.unique(display.labels)) == set(range(-1, len(p)))


def test_a_long_legend_says_that_it_is_cut(finder, texts):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 20 - 1
    display = AssociationDisplay.from_predictions(rng.normal(size=(60, 3)), labels, max_named=5)
    assert display.legend_.get_title().get_text() == "5 of 19 associations"
    assert len(texts(display.legend_)) == 7


def test_of_many_stars_some_are_drawn(layer):
    positions = np.random.default_rng(0).normal(size=(1000, 3))
    labels = np.repeat([-1, 0], [990, 10])
    display = AssociationDisplay.from_predictions(positions, labels, max_stars=100)
    assert 80 < len(layer(display.axes_[0, 0], "field").get_offsets()) <= 100
    assert len(layer(display.axes_[0, 0], "group 0").get_offsets()) == 10


def test_the_film_turns_once_around(finder, tmp_path, monkeypatch):
    from matplotlib import pyplot as plt
    from mpl_toolkits.mplot3d import Axes3D
    from PIL import Image

    azimuths, view = [], Axes3D.view_init
    monkeypatch.setattr(
        Axes3D, "view_init", lambda ax, e, a, *r, **k: (azimuths.append(a), view(ax, e, a, *r, **k))
    )
    display = AssociationDisplay(finder.positions_, finder.labels_)
    path = display.animate(tmp_path / "turn.gif", n_frames=4, dpi=30)
    with Image.open(path) as film:
        assert film.n_frames == 4
    np.testing.assert_allclose(np.diff(azimuths[-4:]), 90.0)
    assert not plt.get_fignums()


def test_a_film_needs_a_known_ending_and_its_program(finder, tmp_path, monkeypatch):
    display = AssociationDisplay(finder.positions_, finder.labels_)
    with pytest.raises(ValueError, match=r"\.gif or \.mp4; got 'turn.avi'"):
        display.animate(tmp_path / "turn.avi")
    from matplotlib.animation import FFMpegWriter

    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    with pytest.raises(RuntimeError, match="ffmpeg"):
        display.animate(tmp_path / "turn.mp4")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_drawn_is_refused(finder):
    with pytest.raises(NotFittedError):
        AssociationDisplay.from_estimator(AssociationFinder())
    with pytest.raises(ValueError, match="three columns"):
        AssociationDisplay.from_predictions(np.zeros((3, 2)), [0, 0, 0])
    with pytest.raises(ValueError, match="one entry for each"):
        AssociationDisplay.from_predictions(np.zeros((3, 3)), [0, 0])
    with pytest.raises(ValueError, match="nothing to draw"):
        AssociationDisplay.from_predictions(np.full((3, 3), np.nan), [-1, -1, -1])
    untested = AssociationFinder(min_parallax_over_error=None, significance="drop")
    untested.fit(pd.DataFrame({"l": [0.0], "b": [0.0], "parallax": [1.0]}))
    with pytest.raises(ValueError, match="made no test"):
        AssociationDisplay.from_estimator(untested, max_p_value=0.05)


def test_stars_without_an_association_are_enough(finder):
    display = AssociationDisplay.from_predictions([[1.0, 0.0, 0.0]], [-1])
    assert display.figure_ is display.axes_[0, 0].figure
