"""Diagrams that somebody else drew, read as images."""

import os
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, validate_params

from climbkit._optional import import_optional
from climbkit.cmd._look import height_and_width
from climbkit.kernels._cmd_images import WHITE


@validate_params(
    {
        "files": ["array-like", str, os.PathLike],
        "size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "channel_axis": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def read_cmd_images(files, size=128, *, channel_axis=True):
    """Read drawn diagrams from image files, as `CMDImageTransformer` gives them.

    Each is turned to grey on white, resized to `size` by Pillow's bilinear filter, and divided by
    255. A figure of 600 x 600 pixels that was saved by matplotlib with the published look gives
    the very image that the transformer draws at its defaults, but for single steps of 1/255.

    Parameters
    ----------
    files : path-like, or sequence of path-like of length n_diagrams
        PNG or any other format that Pillow reads.
    size : int or (int, int), default=128
        Height and width of the images, pixels.
    channel_axis : bool, default=True
        Whether images have a last axis of length 1, as Keras wants them.

    Returns
    -------
    images : ndarray of shape (n_diagrams, height, width, 1), dtype float32
        Grey values from 0 (black) to 1 (white), in the order of the files. Without
        `channel_axis`, of shape (n_diagrams, height, width).

    Raises
    ------
    ImportError
        If Pillow is missing, which comes with the extra ``plot``.
    FileNotFoundError
        If a file is not there.

    See Also
    --------
    CMDImageTransformer : Draws the diagrams of stars.

    Examples
    --------
    >>> from climbkit.cmd import read_cmd_images
    >>> read_cmd_images([]).shape
    (0, 128, 128, 1)
    """
    files = [files] if isinstance(files, str | os.PathLike) else list(files)
    height, width = height_and_width("size", size)
    pillow = import_optional("PIL.Image", "plot")
    images = np.empty((len(files), height, width), dtype=np.float32)
    for number, file in enumerate(files):
        with pillow.open(file) as opened:
            drawn = opened.convert("RGBA")  # a palette, 16 bits or a transparent ground alike
        paper = pillow.new("RGBA", drawn.size, "white")
        grey = pillow.alpha_composite(paper, drawn).convert("L")
        images[number] = grey.resize((width, height), pillow.Resampling.BILINEAR)
    images /= np.float32(WHITE)
    return images[..., None] if channel_axis else images
