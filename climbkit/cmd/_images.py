"""Images of colour-magnitude diagrams, as a step of a pipeline."""

import itertools
import warnings
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval

from climbkit.base import BuilderMixin
from climbkit.cmd._diagrams import read_diagrams
from climbkit.cmd._limits import checked_numbers, choose_limits
from climbkit.cmd._look import height_and_width, make_look
from climbkit.kernels._cmd_images import diagram_extremes, draw_diagrams

_NAMED = 3  # diagrams without stars that the warning names


class CMDImageTransformer(TransformerMixin, BuilderMixin, BaseEstimator):
    """Draw colour-magnitude diagrams straight into arrays.

    The defaults give the look of Baloyi et al. (2025) [1]_: what ``scatter(bp_rp, g, s=1,
    c="black")`` of matplotlib draws on a white figure of 600 x 600 pixels with its axes off,
    turned to grey, resized to 128 x 128 pixels by Pillow's bilinear filter and divided by 255.
    Bright stars are at the top.

    Parameters
    ----------
    size : int or (int, int), default=128
        Height and width of the images, pixels.

    color_limits : (float or None, float or None), default=(None, None)
        Colours at the left and right edge of the axes, mag. None: the bluest and the reddest
        star of each diagram, with a margin.

    magnitude_limits : (float or None, float or None), default=(None, 21.0)
        Magnitudes at the top and at the bottom, mag. None: the brightest and the faintest star of
        each diagram, with a margin.

    color_margins : (float, float), default=(0.15, 0.26)
        Margins at the blue and at the red side, mag.

    magnitude_margins : (float, float), default=(0.17, 0.17)
        Margins at the bright and at the faint side, mag.

    point_size : float, default=1.0
        Diameter of the points, in points (1/72 inch): the square root of the ``s`` of
        matplotlib's ``scatter``.

    outline_width : float, default=1.0
        Width of the line around the points, in points; matplotlib draws one in the colour of the
        point unless told otherwise. Half of it lies outside, so that points are seen with a
        diameter of `point_size` + `outline_width`. 0: none.

    figure_size : int or (int, int), default=600
        Height and width of the figure before resizing, pixels.

    dpi : float, default=100.0
        Pixels of the figure per inch, which say how large a point is.

    axes_box : (float, float, float, float), default=(0.125, 0.11, 0.9, 0.88)
        Left, bottom, right and top of the axes as fractions of the figure; the default is
        matplotlib's. ``(0, 0, 1, 1)`` fills the image.

    columns : (str, str), default=("bp_rp", "phot_g_mean_mag")
        Columns of colour and magnitude in tables of stars.

    channel_axis : bool, default=True
        Whether images have a last axis of length 1, as Keras wants them.

    n_jobs : int, default=None
        Threads. The result does not depend on it.

    See Also
    --------
    climbkit.plotting.CMDDisplay : Looks at the images, or at the diagrams themselves.

    Notes
    -----
    Nothing is learned in `fit`; `transform` works without it.

    Stars without colour or magnitude (NaN) are left out, and do not count for the limits. A
    diagram without any star that could be seen gives a blank image (all 1) with a warning that
    names it.

    Values are multiples of 1/255, as they come from a file of 8 bits. The result does not depend
    on the order of the stars: where points overlap, what they let through is multiplied in
    integers. matplotlib rounds each time instead, so that values may differ by a few 255ths.

    Time is O(n) in the stars, and memory that of the images and, for each thread, of one figure and
    a batch of stars.

    References
    ----------
    .. [1] Baloyi et al. 2025, the published search for globular clusters in Gaia DR3.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.cmd import CMDImageTransformer
    >>> rng = np.random.default_rng(0)
    >>> g = rng.uniform(15, 20.5, 200)
    >>> images = CMDImageTransformer().transform([(0.2 * (g - 12), g)])
    >>> images.shape, images.dtype
    ((1, 128, 128, 1), dtype('float32'))
    >>> bool(images.min() < 0.9), float(images.max())  # points in grey, on white
    (True, 1.0)
    """

    _parameter_constraints = {
        "size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "color_limits": [tuple, list],
        "magnitude_limits": [tuple, list],
        "color_margins": [tuple, list],
        "magnitude_margins": [tuple, list],
        "point_size": [Interval(Real, 0, None, closed="neither")],
        "outline_width": [Interval(Real, 0, None, closed="left")],
        "figure_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "dpi": [Interval(Real, 0, None, closed="neither")],
        "axes_box": [tuple, list],
        "columns": [tuple, list],
        "channel_axis": ["boolean"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        size=128,
        *,
        color_limits=(None, None),
        magnitude_limits=(None, 21.0),
        color_margins=(0.15, 0.26),
        magnitude_margins=(0.17, 0.17),
        point_size=1.0,
        outline_width=1.0,
        figure_size=600,
        dpi=100.0,
        axes_box=(0.125, 0.11, 0.9, 0.88),
        columns=("bp_rp", "phot_g_mean_mag"),
        channel_axis=True,
        n_jobs=None,
    ):
        self.size = size
        self.color_limits = color_limits
        self.magnitude_limits = magnitude_limits
        self.color_margins = color_margins
        self.magnitude_margins = magnitude_margins
        self.point_size = point_size
        self.outline_width = outline_width
        self.figure_size = figure_size
        self.dpi = dpi
        self.axes_box = axes_box
        self.columns = columns
        self.channel_axis = channel_axis
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
        """Check the parameters; there is nothing to learn.

        Parameters
        ----------
        X : ignored
            Not used, present for scikit-learn's API.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : CMDImageTransformer
            The transformer.

        Raises
        ------
        ValueError
            If a parameter is not allowed.
        """
        self._check_pairs()
        return self

    def transform(self, X):
        """Draw a diagram for each candidate.

        Parameters
        ----------
        X : CandidateSet or iterable of length n_diagrams
            Candidates with their stars, or the stars of each diagram: a tuple of two arrays
            (colours, magnitudes), an array of shape (n_stars, 2), or a table with `columns`.
            There may be none.

        Returns
        -------
        images : ndarray of shape (n_diagrams, height, width, 1), dtype float32
            Grey values from 0 (black) to 1 (white); row 0 is the top. Without `channel_axis`, of
            shape (n_diagrams, height, width).

        Raises
        ------
        ValueError
            If a parameter is not allowed, a column is missing, or X is no list of diagrams.
        """
        diagrams = self._read(X)
        size = height_and_width("size", self.size)
        figure_size = height_and_width("figure_size", self.figure_size)
        look = make_look(
            size,
            figure_size,
            float(self.dpi),
            tuple(self.axes_box),
            float(self.point_size),
            float(self.outline_width),
        )
        n_diagrams = len(diagrams.names)
        images = np.empty((n_diagrams, *size), dtype=np.float32)
        unseen = np.empty(n_diagrams, dtype=bool)

        def draw(begin, end):
            for part, color, magnitude, indptr in diagrams.batches(begin, end):
                limits = self._limits(color, magnitude, indptr)
                unseen[part] = np.isnan(limits).any(axis=1)
                draw_diagrams(color, magnitude, indptr, limits, look, images[part])

        n_jobs = max(1, min(effective_n_jobs(self.n_jobs), n_diagrams))
        bounds = np.linspace(0, n_diagrams, n_jobs + 1).astype(int)
        Parallel(n_jobs=n_jobs, prefer="threads", require="sharedmem")(
            delayed(draw)(begin, end) for begin, end in itertools.pairwise(bounds)
        )
        self._warn_of_blank(diagrams.names, unseen)
        return images[..., None] if self.channel_axis else images

    def limits(self, X):
        """Return what the axes of each diagram span.

        Parameters
        ----------
        X : CandidateSet or iterable of length n_diagrams
            As for `transform`.

        Returns
        -------
        limits : ndarray of shape (n_diagrams, 4)
            Colours at the left and right edge of the axes and magnitudes at their top and bottom,
            mag. NaN for diagrams without a star that could be seen, whose images are blank.
        """
        diagrams = self._read(X)
        limits = np.empty((len(diagrams.names), 4))
        for part, color, magnitude, indptr in diagrams.batches():
            limits[part] = self._limits(color, magnitude, indptr)
        return limits

    def extents(self, X):
        """Return what the whole image of each diagram spans, with what lies around its axes.

        Parameters
        ----------
        X : CandidateSet or iterable of length n_diagrams
            As for `transform`.

        Returns
        -------
        extents : ndarray of shape (n_diagrams, 4)
            Colours at the left and right edge of the image and magnitudes at its bottom and top,
            mag: the ``extent`` of matplotlib's ``imshow``. NaN for blank images.
        """
        blue, red, bright, faint = self.limits(X).T
        left, bottom, right, top = self.axes_box
        x = (red - blue) / (right - left)
        y = (faint - bright) / (top - bottom)
        return np.column_stack(
            [
                blue - left * x,
                red + (1.0 - right) * x,
                faint + bottom * y,
                bright - (1.0 - top) * y,
            ]
        )

    def _read(self, X):
        """Diagrams, after a look at the parameters."""
        self._validate_params()
        self._check_pairs()
        return read_diagrams(X, tuple(self.columns))

    def _limits(self, color, magnitude, indptr):
        """Limits of the axes of diagrams; NaN where nothing can be seen."""
        limits = diagram_extremes(color, magnitude, indptr)
        choose_limits(limits[:, :2], self.color_limits, self.color_margins)
        choose_limits(limits[:, 2:], self.magnitude_limits, self.magnitude_margins)
        limits[np.isnan(limits).any(axis=1)] = np.nan
        return limits

    @staticmethod
    def _warn_of_blank(names, unseen):
        """Name some diagrams in which nothing can be seen."""
        blank = np.flatnonzero(unseen)
        if len(blank):
            named = ", ".join(str(names[number]) for number in blank[:_NAMED])
            more = ", ..." if len(blank) > _NAMED else ""
            warnings.warn(
                f"{len(blank)} of {len(unseen)} diagrams have no star with colour and magnitude "
                f"within the limits and are blank: {named}{more}.",
                UserWarning,
                stacklevel=3,
            )

    def _check_pairs(self):
        """Check the parameters that hold several values."""
        height_and_width("size", self.size)
        height_and_width("figure_size", self.figure_size)
        for name in ("color_limits", "magnitude_limits"):
            low, high = checked_numbers(name, getattr(self, name), 2, missing=True)
            if low >= high:
                raise ValueError(f"{name} must rise; got {getattr(self, name)}.")
        for name in ("color_margins", "magnitude_margins"):
            if min(checked_numbers(name, getattr(self, name), 2)) < 0:
                raise ValueError(f"{name} must not be negative; got {getattr(self, name)}.")
        left, bottom, right, top = checked_numbers("axes_box", self.axes_box, 4)
        if not (0 <= left < right <= 1 and 0 <= bottom < top <= 1):
            raise ValueError(
                "axes_box must be left < right and bottom < top, between 0 and 1, as (left, "
                f"bottom, right, top); got {self.axes_box}."
            )
        if len(self.columns) != 2 or not all(isinstance(name, str) for name in self.columns):
            raise ValueError(
                f"columns must be the names of colour and magnitude; got {self.columns}."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        return tags

    def __sklearn_is_fitted__(self):
        return True
