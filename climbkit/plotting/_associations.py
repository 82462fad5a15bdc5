"""Associations in space: three projections, a view of all three dimensions, and it turning."""

from pathlib import Path

import numpy as np

from climbkit.base import NOISE
from climbkit.plotting._data import check_labels
from climbkit.plotting._draw import CENTER_LAYER, draw_groups, outside_legend
from climbkit.plotting._style import EDGE_COLOR, axis_label, import_pyplot, label_styles, tidy_axes

_AXES = ("x", "y", "z")
# (panel, the two coordinates): from above the disc, then along it.
_PROJECTIONS = (((0, 0), (0, 1)), ((0, 1), (1, 2)), ((1, 0), (0, 2)))
_SPACE_PANEL = (1, 1)
_MARGIN = 0.05  # of the range that is shown
_SHOWN = 0.98  # share of the field along each axis: single bad parallaxes reach far out
_FLATNESS = 0.4  # height of the box: the disc is thin, and its height has a scale of its own
_ELEVATION, _AZIMUTH = 25.0, -60.0  # deg, of the still view
_SUN_COLOR, _SUN_SIZE = "#EE7733", 90.0  # Tol's vibrant orange; points squared
_FIELD = "field"
_DPI = 100
_PANEL_ZOOM, _FILM_ZOOM = 1.1, 0.9  # so that labels stay inside


class AssociationDisplay:
    """Associations of stars in space, around the Sun.

    Make one by `from_estimator` or `from_predictions`. Stars in none lie below in light grey. The
    Sun is the star at the origin; the Galactic centre is towards +x. z has a scale of its own.

    Parameters
    ----------
    positions : ndarray of shape (n_stars, 3)
        x, y and z, kpc; stars with NaN are not drawn.
    labels : ndarray of shape (n_stars,)
        Association of each star, -1 for none.
    names : sequence of str, default=None
        Names of the associations by label.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure.
    axes_ : ndarray of shape (2, 2)
        Axes: x and y, y and z; x and z, all three.
    legend_ : matplotlib Legend or None
        Legend, where one was asked for.

    See Also
    --------
    climbkit.spectra.AssociationFinder : Finds them.
    ClusterDisplay : A clustering in any two or three features.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from climbkit.plotting import AssociationDisplay
    >>> rng = np.random.default_rng(0)
    >>> positions = np.vstack([rng.normal(0, 2, (200, 3)), rng.normal([2, 1, 0], 0.1, (20, 3))])
    >>> labels = np.repeat([-1, 0], [200, 20])
    >>> display = AssociationDisplay.from_predictions(positions, labels, names=["Cep OB2"])
    >>> display.axes_[0, 0].get_xlabel()
    'x [kpc]'
    >>> plt.close(display.figure_)
    """

    def __init__(self, positions, labels, *, names=None):
        self.positions = positions
        self.labels = labels
        self.names = names

    @classmethod
    def from_estimator(cls, finder, *, max_p_value=None, **plot_kwargs):
        """Draw what an `AssociationFinder` found.

        Parameters
        ----------
        finder : AssociationFinder
            Fitted.
        max_p_value : float, default=None
            Associations with a larger p-value are drawn as field. None: none are.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : AssociationDisplay
            Drawn.

        Raises
        ------
        ValueError
            If a p-value is asked for and the finder made no test.
        NotFittedError
            If the finder is not fitted.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(finder, "associations_")
        table, labels = finder.associations_, finder.labels_
        if max_p_value is not None:
            if "p_value" not in table.colnames:
                raise ValueError("max_p_value needs p-values, and the finder made no test.")
            kept = np.append(np.asarray(table["p_value"]) <= max_p_value, False)
            labels = np.where(kept[labels], labels, NOISE)
        names = [str(name) for name in table["name"]]
        return cls.from_predictions(finder.positions_, labels, names=names, **plot_kwargs)

    @classmethod
    def from_predictions(cls, positions, labels, *, names=None, **plot_kwargs):
        """Draw associations, wherever they come from.

        Parameters
        ----------
        positions : array-like of shape (n_stars, 3)
            x, y and z, kpc; stars with NaN are not drawn.
        labels : array-like of shape (n_stars,)
            Association of each star, -1 for none.
        names : sequence of str, default=None
            Names of the associations by label.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : AssociationDisplay
            Drawn.

        Raises
        ------
        ValueError
            If positions have another shape, or labels another length.
        """
        positions = np.asarray(positions, dtype=np.float64)
        if positions.ndim != 2 or positions.shape[1] != 3:
            raise ValueError(f"positions must have three columns; got shape {positions.shape}.")
        labels = check_labels(labels, positions)
        return cls(positions, labels, names=names).plot(**plot_kwargs)

    def plot(self, *, legend=True, max_named=12, max_stars=20_000, title=None):
        """Draw the three projections and the view in space.

        Parameters
        ----------
        legend : bool, default=True
            Write a legend right of the panels.
        max_named : int, default=12
            Most associations in it, the first ones.
        max_stars : int, default=20_000
            Of more stars of the field, every so-manieth is drawn, so that about this number is
            shown.
        title : str, default=None
            Title of the figure.

        Returns
        -------
        display : AssociationDisplay
            This one.

        Raises
        ------
        ValueError
            If no star has a position.
        """
        plt = import_pyplot()
        scene = _Scene(self.positions, self.labels, self.names, max_stars)
        figure = plt.figure(figsize=(11.0, 8.0), layout="constrained")
        grid = figure.add_gridspec(2, 2)
        self.axes_ = np.empty((2, 2), dtype=object)
        for panel, pair in _PROJECTIONS:
            self.axes_[panel] = ax = figure.add_subplot(grid[panel])
            scene.draw_flat(ax, pair)
        self.axes_[_SPACE_PANEL] = space = figure.add_subplot(grid[_SPACE_PANEL], projection="3d")
        scene.draw_space(space, _PANEL_ZOOM)
        space.view_init(_ELEVATION, _AZIMUTH)
        if title is not None:
            figure.suptitle(title)
        self.figure_ = figure
        self.legend_ = scene.write_legend(self.axes_[0, 0], max_named) if legend else None
        return self

    def animate(
        self, path, *, n_frames=72, fps=12, elevation=_ELEVATION, max_stars=5_000, dpi=_DPI
    ):
        """Write a film of the associations that turn once around the axis of the Galaxy.

        Parameters
        ----------
        path : str or path-like
            File to write: ``.gif``, or ``.mp4``, which needs the program ffmpeg.
        n_frames : int, default=72
            Pictures in one turn.
        fps : int, default=12
            Pictures in a second.
        elevation : float, default=25.0
            From how high above the disc it is seen, deg.
        max_stars : int, default=5_000
            As in `plot`.
        dpi : int, default=100
            Pixels per inch, of 6.4 by 4.8 inches.

        Returns
        -------
        path : Path
            The file.

        Raises
        ------
        ValueError
            If the file has another ending, or no star has a position.
        RuntimeError
            If ffmpeg is needed and missing.
        """
        path = Path(path)
        writer = _film_writer(path, fps)
        plt = import_pyplot()
        scene = _Scene(self.positions, self.labels, self.names, max_stars)
        figure = plt.figure(figsize=(6.4, 4.8))
        try:
            ax = figure.add_axes([0.0, 0.0, 1.0, 1.0], projection="3d")
            scene.draw_space(ax, _FILM_ZOOM)
            with writer.saving(figure, str(path), dpi):
                for turned in np.linspace(0.0, 360.0, n_frames, endpoint=False):
                    ax.view_init(elevation, _AZIMUTH + turned)
                    writer.grab_frame()
        finally:
            plt.close(figure)
        return path


class _Scene:
    """Stars within what is shown, and how each association looks."""

    def __init__(self, positions, labels, names, max_stars):
        seen = np.isfinite(positions).all(axis=1)
        points, labels = positions[seen], labels[seen]
        if len(points) == 0:
            raise ValueError("there is nothing to draw: no star has a position.")
        members = np.flatnonzero(labels != NOISE)
        field = np.flatnonzero(labels == NOISE)
        self.n_field = len(field)
        field = field[:: max(1, -(-len(field) // max_stars))]
        self.low, self.high = _limits(points, members)
        rows = np.concatenate([field, members])
        rows = rows[((points[rows] >= self.low) & (points[rows] <= self.high)).all(axis=1)]
        self.points, self.labels = points[rows], labels[rows]
        self.styles = label_styles(labels[members], [])
        self.names = None if names is None else dict(enumerate(names))

    def _draw(self, ax, points):
        draw_groups(ax, points, self.labels, self.styles, names=self.names, noise_name=_FIELD)
        ax.scatter(
            *np.zeros((points.shape[1], 1)),
            marker="*",
            s=_SUN_SIZE,
            c=_SUN_COLOR,
            edgecolors=EDGE_COLOR,
            linewidths=0.6,
            zorder=CENTER_LAYER,
            label="Sun",
        )

    def draw_flat(self, ax, pair):
        """Draw two coordinates."""
        i, j = pair
        self._draw(ax, self.points[:, [i, j]])
        ax.set(
            xlim=(self.low[i], self.high[i]),
            ylim=(self.low[j], self.high[j]),
            xlabel=axis_label(_AXES[i], "kpc"),
            ylabel=axis_label(_AXES[j], "kpc"),
        )
        if "z" not in (_AXES[i], _AXES[j]):
            ax.set_aspect("equal", adjustable="box")
        tidy_axes(ax)

    def draw_space(self, ax, zoom):
        """Draw all three."""
        self._draw(ax, self.points)
        limits = list(zip(self.low, self.high, strict=True))
        ax.set(xlim=limits[0], ylim=limits[1], zlim=limits[2])
        ax.set(**{f"{name}label": axis_label(name, "kpc") for name in _AXES})
        width, depth = self.high[:2] - self.low[:2]
        ax.set_box_aspect((width, depth, _FLATNESS * max(width, depth)), zoom=zoom)
        tidy_axes(ax)

    def write_legend(self, ax, max_named):
        """Name the first associations, the field and the Sun."""
        artists, texts = ax.get_legend_handles_labels()
        found = dict(zip(texts, artists, strict=True))
        others = [text for text in found if text == "Sun" or text.startswith(f"{_FIELD} (")]
        named = [text for text in found if text not in others]
        handles = {text: found[text] for text in named[:max_named]}
        for text in others:
            # Not all of the field is drawn.
            handles["Sun" if text == "Sun" else f"{_FIELD} ({self.n_field:,})"] = found[text]
        legend = outside_legend(ax, whole_figure=True, handles=handles)
        if len(named) > max_named:
            legend.set_title(f"{max_named} of {len(named)} associations")
        return legend


def _limits(points, members):
    """What to show along each axis: most of the field, all members, and the Sun."""
    low, high = np.quantile(points, [(1 - _SHOWN) / 2, (1 + _SHOWN) / 2], axis=0)
    both = np.vstack([low, high, points[members], np.zeros((1, 3))])
    low, high = both.min(axis=0), both.max(axis=0)
    margin = _MARGIN * np.where(high > low, high - low, 1.0)
    return low - margin, high + margin


def _film_writer(path, fps):
    from matplotlib import animation

    if path.suffix == ".gif":
        return animation.PillowWriter(fps=fps)
    if path.suffix != ".mp4":
        raise ValueError(f"path must end in .gif or .mp4; got {path.name!r}.")
    if not animation.FFMpegWriter.isAvailable():
        raise RuntimeError("an .mp4 needs the program ffmpeg, which is not there; write a .gif.")
    return animation.FFMpegWriter(fps=fps)
