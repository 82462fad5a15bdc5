"""read_cmd_images: diagrams that somebody drew are read as the transformer draws them."""

import numpy as np
import pytest

from climbkit.cmd import CMDImageTransformer, read_cmd_images

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def stars():
    rng = np.random.default_rng(0)
    return rng.normal(1.0, 0.3, 200), rng.uniform(14.0, 20.5, 200)


@pytest.fixture
def figure(stars):
    color, g = stars
    figure, ax = plt.subplots(figsize=(6, 6), dpi=100)
    ax.scatter(color, g, s=1, c="black")
    ax.set(xlim=(color.min() - 0.15, color.max() + 0.26), ylim=(21.0, g.min() - 0.17))
    ax.axis("off")
    yield figure
    plt.close(figure)


@pytest.mark.parametrize("transparent", [False, True])
def test_a_saved_figure_gives_the_image_that_is_drawn(stars, figure, tmp_path, transparent):
    figure.savefig(tmp_path / "one.png", transparent=transparent)
    read = read_cmd_images([tmp_path / "one.png"])
    drawn = CMDImageTransformer().transform([stars])
    assert read.shape == drawn.shape == (1, 128, 128, 1)
    assert read.dtype == np.float32
    assert np.abs(read - drawn).mean() < 1e-4


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_every_kind_of_file_gives_the_same_grey(tmp_path, mode):
    from PIL import Image

    black = np.zeros((40, 60), dtype=np.uint8)
    black[:, 30:] = 255
    Image.fromarray(black).convert(mode).save(tmp_path / "half.png")
    image = read_cmd_images(tmp_path / "half.png", (4, 6), channel_axis=False)[0]
    assert image.shape == (4, 6)
    np.testing.assert_array_equal(image[:, :2], 0.0)
    np.testing.assert_array_equal(image[:, -2:], 1.0)


def test_images_come_in_the_order_of_the_files(figure, tmp_path):
    from PIL import Image

    for name, grey in (("b", 10), ("a", 200)):
        Image.new("L", (9, 9), grey).save(tmp_path / f"{name}.png")
    images = read_cmd_images([tmp_path / "b.png", tmp_path / "a.png"], 3)
    np.testing.assert_allclose(images[:, 0, 0, 0], [10 / 255, 200 / 255])


def test_a_missing_file_and_a_wrong_size_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.png"):
        read_cmd_images([tmp_path / "no.png"])
    with pytest.raises(ValueError, match="size must be a positive int"):
        read_cmd_images([], (3, -1))
