"""Candidates of a survey on the sky."""

import numpy as np

from climbkit.plotting._four_panel_data import named_clusters
from climbkit.plotting._style import (
    NOISE_COLOR,
    NOISE_SHRINK,
    axis_label,
    new_axes,
    point_alpha,
    point_size,
    tidy_axes,
)

#: Longitude and latitude by their names, in the order in which they are looked for.
_FRAMES = (("l", "b"), ("ra", "dec"))
_THRESHOLD = "membership_threshold"  # column of GMMMembership: the least probability of a member
_LEAST_RADIUS = 0.01  # of the height of the map, so that a compact cluster can be seen
_STAR_LAYER, _MEMBER_LAYER, _CIRCLE_LAYER, _NAME_LAYER = 1.0, 1.5, 2.0, 3.0
_OVERVIEW_MEMBER = 0.3  # of the usual size, so that the circles of clusters are seen
_CMAP = "viridis_r"  # the best ones dark, on white


class CandidateDisplay:
    """Map of candidates: where they are, how large, and how much they stand out.

    Make one by `from_candidates`, or by `from_estimator`, which names the clusters. Each candidate
    is a circle with its half-number radius; stars lie below in light grey, and members above them:
    all of a candidate's stars, or where `climbkit.survey.GMMMembership` told members from others,
    the members. East is to the left, and a degree has the same length in both directions in the
    middle of the map.

    Parameters
    ----------
    centers : ndarray of shape (n_candidates, 2)
        Longitudes and latitudes in degrees.
    radii : ndarray of shape (n_candidates,)
        Half-number radii in degrees.
    values : ndarray of shape (n_candidates,)
        What the colours show.
    stars : ndarray of shape (n_stars, 2), default=None
        Stars of the field.
    members : ndarray of shape (n_members, 2), default=None
        Stars that belong to any candidate.
    names : sequence of str, default=None
        Names to write beside the circles; an empty one writes nothing.
    frame : tuple of str, default=("l", "b")
        Names of longitude and latitude.
    value_name : str, default="persistence"
        What to write beside the colour bar.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure that holds them.
    colorbar_ : matplotlib Colorbar or None
        Colour bar, where there are candidates.

    See Also
    --------
    ClusterDisplay : A clustering in two or three features.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from climbkit.plotting import CandidateDisplay
    >>> from climbkit.survey import CandidateSet, describe_candidates
    >>> stars = pd.DataFrame({"l": [359.9, 0.1, 0.0, 0.7], "b": [1.0, 1.0, 1.2, 0.4]})
    >>> indptr, indices = [0, 3], [0, 1, 2]
    >>> table = describe_candidates(stars, indptr, indices).assign(persistence=0.4)
    >>> display = CandidateDisplay.from_candidates(CandidateSet(stars, indptr, indices, table))
    >>> display.ax_.get_xlabel()
    'l [deg]'
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        centers,
        radii,
        values,
        *,
        stars=None,
        members=None,
        names=None,
        frame=("l", "b"),
        value_name="persistence",
    ):
        self.centers = centers
        self.radii = radii
        self.values = values
        self.stars = stars
        self.members = members
        self.names = names
        self.frame = frame
        self.value_name = value_name

    @classmethod
    def from_candidates(
        cls, candidates, *, color_by="persistence", names=None, frame=None, ax=None, **plot_kwargs
    ):
        """Draw a set of candidates.

        Parameters
        ----------
        candidates : CandidateSet
            With centres and ``r50`` in its table, as `climbkit.survey.describe_candidates` and
            `climbkit.survey.TiledHDBSCAN` give them.
        color_by : str, default="persistence"
            Column of the table that gives the colours.
        names : str or sequence of str, default=None
            Column of the table with names to write, or the names.
        frame : tuple of str, default=None
            Names of longitude and latitude in the table. None: ``("l", "b")``, or
            ``("ra", "dec")`` where these are missing.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : CandidateDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the table lacks one of these columns.
        """
        table, stars = candidates.table, candidates.stars
        frame = _find_frame(table) if frame is None else tuple(frame)
        for column in (*frame, "r50", color_by):
            if column not in table:
                raise ValueError(
                    f"the table of the candidates has no column {column!r}; it has "
                    f"{', '.join(map(str, table.columns))}."
                )
        if isinstance(names, str):
            names = table[names].astype(str).tolist()
        members = None
        if stars is not None and set(frame) <= set(stars):
            stars = np.column_stack([np.asarray(stars[name], dtype=float) for name in frame])
            members = stars[_member_rows(candidates)]
        else:
            stars = None
        display = cls(
            table[list(frame)].to_numpy(dtype=float),
            table["r50"].to_numpy(dtype=float),
            table[color_by].to_numpy(dtype=float),
            stars=stars,
            members=members,
            names=names,
            frame=frame,
            value_name=axis_label(color_by, candidates.units.get(color_by)),
        )
        return display.plot(ax=ax, **plot_kwargs)

    @classmethod
    def from_estimator(cls, search, *, color_by="persistence", frame=None, ax=None, **plot_kwargs):
        """Draw a field with the clusters that a search found in it, and their names.

        Parameters
        ----------
        search : ClusterSearch
            Fitted; its ``cluster_set_`` is drawn.
        color_by, frame, ax, **plot_kwargs
            As in `from_candidates`.

        Returns
        -------
        display : CandidateDisplay
            Drawn.
        """
        plot_kwargs.setdefault("member_size", _OVERVIEW_MEMBER)
        return cls.from_candidates(
            named_clusters(search),
            color_by=color_by,
            names="name",
            frame=frame,
            ax=ax,
            **plot_kwargs,
        )

    def plot(self, ax=None, *, max_stars=100_000, cmap=_CMAP, linewidth=1.2, member_size=1.0):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        max_stars : int, default=100_000
            Of more stars, every so-manieth is drawn, so that about this number is shown.
        cmap : str or matplotlib Colormap, default="viridis_r"
            Colours of the candidates.
        linewidth : float, default=1.2
            Width of the circles' lines, in points.
        member_size : float, default=1.0
            Area of a member's point, against what suits their number.

        Returns
        -------
        self : CandidateDisplay
            Drawn.
        """
        if ax is None:
            _, axes = new_axes()
            ax = axes[0, 0]
        everything = [self.centers, self.stars]
        shown = np.concatenate([points for points in everything if points is not None])
        shown = shown[np.isfinite(shown).all(axis=1)]
        if len(shown) == 0:
            raise ValueError("there is nothing to draw: no candidates and no stars.")
        middle = _mean_longitude(shown[:, 0])
        if self.stars is not None:
            step = max(1, -(-len(self.stars) // max_stars))
            self._scatter(ax, self.stars[::step], middle, _STAR_LAYER, NOISE_COLOR, NOISE_SHRINK)
        if self.members is not None and len(self.members):
            self._scatter(ax, self.members, middle, _MEMBER_LAYER, "0.35", member_size)
        low, high = np.min(_around(shown, middle), axis=0), np.max(_around(shown, middle), axis=0)
        stretch = 1.0 / max(np.cos(np.radians(0.5 * (low[1] + high[1]))), 1e-3)
        ax.set_aspect(stretch)
        if high[0] > low[0] and high[1] > low[1]:
            ax.set(xlim=(high[0], low[0]), ylim=(low[1], high[1]))
        else:
            ax.invert_xaxis()
        self.colorbar_ = self._circles(ax, middle, high[1] - low[1], cmap, linewidth)
        if self.names is not None:
            self._write_names(ax, middle)
        ax.set(
            xlabel=axis_label(self.frame[0], "deg"),
            ylabel=axis_label(self.frame[1], "deg"),
        )
        tidy_axes(ax)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value % 360:g}")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _scatter(self, ax, points, middle, layer, color, shrink):
        ax.scatter(
            *_around(points, middle).T,
            s=shrink * point_size(len(points)),
            alpha=point_alpha(len(points)),
            c=color,
            linewidths=0.0,
            zorder=layer,
            rasterized=True,
        )

    def _circles(self, ax, middle, height, cmap, linewidth):
        """One circle per candidate, the best on top."""
        if len(self.centers) == 0:
            return None
        from matplotlib.collections import EllipseCollection

        order = np.argsort(np.nan_to_num(self.values, nan=-np.inf), kind="stable")
        centers = _around(self.centers, middle)[order]
        radii = np.maximum(self.radii, _LEAST_RADIUS * height)[order]
        # On the sphere a circle is wider in longitude by 1 / cos(latitude).
        widths = 2 * radii / np.maximum(np.cos(np.radians(centers[:, 1])), 1e-3)
        circles = EllipseCollection(
            widths,
            2 * radii,
            np.zeros(len(radii)),
            units="xy",
            offsets=centers,
            offset_transform=ax.transData,
            facecolors="none",
            linewidths=linewidth,
            cmap=cmap,
            zorder=_CIRCLE_LAYER,
        )
        circles.set_array(self.values[order])
        ax.add_collection(circles)
        return ax.figure.colorbar(circles, ax=ax, label=self.value_name)

    def _write_names(self, ax, middle):
        from matplotlib.patheffects import withStroke

        for name, center in zip(self.names, _around(self.centers, middle), strict=True):
            ax.annotate(
                name,
                center,
                xytext=(6, 6),
                textcoords="offset points",
                fontsize="small",
                zorder=_NAME_LAYER,
                annotation_clip=False,
                path_effects=[withStroke(linewidth=2.5, foreground="white")],  # stars lie below
            )


def _member_rows(candidates):
    """Row numbers of the stars that are members of any candidate."""
    rows = candidates.indices
    if candidates.probabilities is not None and _THRESHOLD in candidates.table:
        least = candidates.table[_THRESHOLD].to_numpy(dtype=float)
        rows = rows[candidates.probabilities >= np.repeat(least, np.diff(candidates.indptr))]
    return np.unique(rows)


def _find_frame(table):
    for frame in _FRAMES:
        if set(frame) <= set(table):
            return frame
    raise ValueError(
        "the table of the candidates has no centres: it needs l and b, or ra and dec, in degrees."
    )


def _mean_longitude(lon):
    """Direction of the mean, in degrees: 0/360 is nothing special."""
    lon = np.radians(lon)
    return float(np.degrees(np.arctan2(np.sin(lon).mean(), np.cos(lon).mean())) % 360)


def _around(points, middle):
    """Longitudes within 180 degrees of the middle."""
    points = np.array(points, dtype=float)
    points[:, 0] = middle + (points[:, 0] - middle + 180) % 360 - 180
    return points
