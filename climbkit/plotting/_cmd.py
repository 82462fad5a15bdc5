"""Colour-magnitude diagrams of candidates, side by side."""

import itertools

import numpy as np

from climbkit.plotting._style import axis_label, import_pyplot, point_size, tidy_axes

_COLUMNS = ("bp_rp", "phot_g_mean_mag")
_WORDS = {"bp_rp": "BP - RP", "phot_g_mean_mag": "G"}
_PANEL = 2.3  # inches, side of a panel
_TITLE_SIZE = "small"
_INK = "0.1"
_SHRINK = 0.2  # area of a point against that in a figure of its own


class CMDDisplay:
    """Grid of colour-magnitude diagrams: as points, or as the images that a network sees.

    Make one by `from_candidates` or `from_images`. Bright stars are at the top, and the axes are
    in mag.

    Parameters
    ----------
    diagrams : sequence of ndarray
        Of each diagram its stars, of shape (n_stars, 2), colours and magnitudes; or its image, of
        shape (height, width), row 0 at the top.
    images : bool, default=False
        Whether `diagrams` are images.
    titles : sequence of str, default=None
        What to write above the panels.
    extents : array-like of shape (n_diagrams, 4), default=None
        Of images: colours at the left and right edge, magnitudes at the bottom and top. None, or
        NaN: the panel has no scale.
    labels : (str, str), default=("BP - RP [mag]", "G [mag]")
        What to write at the axes.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, shape (n_rows, n_columns)
        Panels; those that are left over are hidden.
    figure_ : matplotlib Figure
        Figure that holds them.

    See Also
    --------
    climbkit.cmd.CMDImageTransformer : Draws the images.
    CandidateDisplay : Where the candidates are on the sky.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from climbkit.cmd import CMDImageTransformer
    >>> from climbkit.plotting import CMDDisplay
    >>> g = np.linspace(15, 20, 50)
    >>> diagrams = [(0.2 * (g - 12), g), (0.3 * (g - 13), g)]
    >>> drawing = CMDImageTransformer()
    >>> display = CMDDisplay.from_images(
    ...     drawing.transform(diagrams), extents=drawing.extents(diagrams), titles=["one", "two"]
    ... )
    >>> display.axes_.shape
    (1, 2)
    >>> plt.close(display.figure_)
    """

    def __init__(self, diagrams, *, images=False, titles=None, extents=None, labels=None):
        self.diagrams = diagrams
        self.images = images
        self.titles = titles
        self.extents = extents
        self.labels = labels

    @classmethod
    def from_candidates(
        cls,
        candidates,
        which=None,
        *,
        transformer=None,
        titles="candidate_id",
        columns=_COLUMNS,
        max_panels=20,
        **plot_kwargs,
    ):
        """Draw the diagrams of candidates.

        Parameters
        ----------
        candidates : CandidateSet
            With their stars.
        which : int, str, slice or array-like, default=None
            Candidates to draw, as in ``candidates[which]``. None: the first ones.
        transformer : CMDImageTransformer, default=None
            Draws the images that are shown. None: the stars are shown as points.
        titles : str or sequence of str, default="candidate_id"
            Column of the table to write above the panels, or what to write.
        columns : (str, str), default=("bp_rp", "phot_g_mean_mag")
            Columns of colour and magnitude; with a `transformer`, its own are used.
        max_panels : int, default=20
            No more panels than this are drawn.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : CMDDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the candidates have no stars, or a column is missing.
        """
        if isinstance(which, str | int | np.integer):
            which = [which]
        chosen = (candidates if which is None else candidates[which])[:max_panels]
        if chosen.stars is None:
            raise ValueError(
                "the candidates have no stars; join them with candidates.with_stars(stars)."
            )
        columns = tuple(columns if transformer is None else transformer.columns)
        for column in columns:
            if column not in chosen.stars:
                raise ValueError(f"the stars of the candidates have no column {column!r}.")
        if isinstance(titles, str):
            titles = [_words(value) for value in chosen.table[titles]]
        labels = [
            axis_label(_WORDS.get(name, name), chosen.units.get(name, "mag")) for name in columns
        ]
        if transformer is None:
            values = chosen.stars[list(columns)].to_numpy(dtype=float, na_value=np.nan)
            parts = itertools.pairwise(chosen.indptr)
            diagrams = [values[chosen.indices[begin:end]] for begin, end in parts]
            display = cls(diagrams, titles=titles, labels=labels)
        else:
            display = cls(
                _without_channel(transformer.transform(chosen)),
                images=True,
                titles=titles,
                extents=transformer.extents(chosen),
                labels=labels,
            )
        return display.plot(**plot_kwargs)

    @classmethod
    def from_images(cls, images, *, extents=None, titles=None, labels=None, **plot_kwargs):
        """Draw images of diagrams.

        Parameters
        ----------
        images : array-like of shape (n_diagrams, height, width) or with a last axis of length 1
            Grey values from 0 (black) to 1; row 0 is the top.
        extents : array-like of shape (n_diagrams, 4), default=None
            Colours at the left and right edge of each image and magnitudes at the bottom and top,
            as from ``CMDImageTransformer.extents``. None: no scale is drawn.
        titles : sequence of str, default=None
            What to write above the panels.
        labels : (str, str), default=None
            What to write at the axes. None: those of BP - RP and G.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : CMDDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the images have another shape, or there is another number of extents or titles.
        """
        display = cls(
            _without_channel(images), images=True, titles=titles, extents=extents, labels=labels
        )
        return display.plot(**plot_kwargs)

    def plot(self, *, axes=None, n_columns=5, color=_INK, size=None):
        """Draw.

        Parameters
        ----------
        axes : array-like of matplotlib Axes, default=None
            At least one for each diagram. None: a new figure.
        n_columns : int, default=5
            Panels beside each other in a new figure.
        color : str, default="0.1"
            Colour of the points.
        size : float, default=None
            Area of the points, in points squared. None: by the number of stars.

        Returns
        -------
        self : CMDDisplay
            Drawn.
        """
        n_diagrams = len(self.diagrams)
        if n_diagrams == 0:
            raise ValueError("there is nothing to draw: no diagrams.")
        for name in ("titles", "extents"):
            values = getattr(self, name)
            if values is not None and len(values) != n_diagrams:
                raise ValueError(f"{name} has {len(values)} entries for {n_diagrams} diagrams.")
        self.axes_ = _new_grid(n_diagrams, n_columns) if axes is None else _as_grid(axes)
        if self.axes_.size < n_diagrams:
            raise ValueError(f"axes has {self.axes_.size} panels for {n_diagrams} diagrams.")
        self.figure_ = self.axes_.flat[0].figure
        for number, ax in enumerate(self.axes_.flat):
            if number >= n_diagrams:
                ax.set_visible(False)
            elif self.images:
                self._show_image(ax, number)
            else:
                self._scatter(ax, self.diagrams[number], color, size)
            if self.titles is not None and number < n_diagrams:
                ax.set_title(self.titles[number], fontsize=_TITLE_SIZE)
        self._label(n_diagrams)
        return self

    def _scatter(self, ax, stars, color, size):
        stars = stars[np.isfinite(stars).all(axis=1)]
        area = _SHRINK * point_size(len(stars)) if size is None else size
        ax.scatter(*stars.T, s=area, c=color, linewidths=0.0, rasterized=len(stars) > 2000)
        ax.invert_yaxis()
        tidy_axes(ax)

    def _show_image(self, ax, number):
        extent = None if self.extents is None else np.asarray(self.extents[number], dtype=float)
        scaled = extent is not None and bool(np.isfinite(extent).all())
        ax.imshow(
            self.diagrams[number],
            cmap="gray",
            vmin=0.0,
            vmax=1.0,
            extent=tuple(extent) if scaled else None,
            aspect="auto" if scaled else "equal",
            interpolation="nearest",
        )
        ax.set_box_aspect(np.divide(*np.shape(self.diagrams[number])))
        if not scaled:
            ax.set(xticks=[], yticks=[])

    def _label(self, n_diagrams):
        """Write at the axes on the left and at the bottom only."""
        if self.images and self.extents is None:
            return
        labels = self.labels or [axis_label(_WORDS[name], "mag") for name in _COLUMNS]
        n_columns = self.axes_.shape[1]
        for number in range(n_diagrams):
            row, column = divmod(number, n_columns)
            if column == 0:
                self.axes_[row, column].set_ylabel(labels[1], fontsize=_TITLE_SIZE)
            if number + n_columns >= n_diagrams:
                self.axes_[row, column].set_xlabel(labels[0], fontsize=_TITLE_SIZE)


def _without_channel(images):
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3:
        raise ValueError(
            "images must have the shape (n_diagrams, height, width), or this with a last axis of "
            f"length 1; got {images.shape}."
        )
    return images


def _new_grid(n_panels, n_columns):
    n_columns = max(1, min(n_columns, n_panels))
    n_rows = -(-n_panels // n_columns)
    _, axes = import_pyplot().subplots(
        n_rows,
        n_columns,
        figsize=(_PANEL * n_columns + 0.5, _PANEL * 1.12 * n_rows + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for ax in axes.flat:
        ax.tick_params(labelsize="x-small")
    return axes


def _as_grid(axes):
    axes = np.asarray(axes, dtype=object)
    return axes if axes.ndim == 2 else axes.reshape(1, -1)


def _words(value):
    return f"{value:.3g}" if isinstance(value, float | np.floating) else str(value)
