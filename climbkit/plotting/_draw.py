"""The layers that displays put on their axes, from noise at the bottom to centres on top."""

import numpy as np

from climbkit.base import NOISE
from climbkit.plotting._style import (
    EDGE_COLOR,
    NOISE_COLOR,
    NOISE_SHRINK,
    RASTERIZE_FROM,
    point_alpha,
    point_size,
)

# Layers, from below. matplotlib puts its grid at 0.5 and its lines at 2.
_NOISE_LAYER, _KNOWN_LAYER, _NOVEL_LAYER, _SEED_LAYER = 1.0, 1.5, 1.8, 2.2
OUTLINE_LAYER, CENTER_LAYER = 2.5, 3.0

# A legend longer than this takes another column, so that it stays as high as the axes.
_LEGEND_ROWS = 20
_ZOOM_MARGIN = 0.05  # of the range that is shown
_MARKER_IN_LEGEND = 36.0  # points squared


def group_name(label, style, names=None):
    """Name of a group in a legend."""
    if names is not None and label in names:
        return str(names[label])
    return f"novel {label}" if style.novel else f"group {label}"


def draw_noise(ax, points, *, n_points, size=None, alpha=None, name="noise"):
    """Put noise below everything, light and small.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes.
    points : ndarray of shape (n_noise, 2 or 3)
        Noise.
    n_points : int
        Points in the whole plot: they set sizes and opacity.
    size, alpha : float, default=None
        What to use instead.
    name : str, default="noise"
        Name in the legend, to which the number of points is added.
    """
    if not len(points):
        return
    _scatter(
        ax,
        points,
        c=NOISE_COLOR,
        s=NOISE_SHRINK * (size or point_size(n_points)),
        alpha=alpha or point_alpha(n_points),
        linewidths=0.0,
        zorder=_NOISE_LAYER,
        label=f"{name} ({len(points):,})",
    )


def draw_groups(
    ax, points, labels, styles, *, names=None, size=None, alpha=None, noise_name="noise"
):
    """Draw noise, then known groups, then novel ones; small groups above large ones.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes.
    points : ndarray of shape (n_samples, 2 or 3)
        Rows.
    labels : ndarray of shape (n_samples,)
        Group of each row, -1 for noise.
    styles : dict of int to LabelStyle
        Style of each group; it may hold groups that no row belongs to.
    names : mapping of int to str, default=None
        Names of groups.
    size, alpha : float, default=None
        Area of a member's marker and opacity of noise and known groups.
    noise_name : str, default="noise"
        Name of what belongs to no group.
    """
    n_points = len(points)
    size = size or point_size(n_points)
    noise = points[labels == NOISE]
    draw_noise(ax, noise, n_points=n_points, size=size, alpha=alpha, name=noise_name)
    rows_of = {label: np.flatnonzero(labels == label) for label in styles}
    longest = max((len(rows) for rows in rows_of.values()), default=1)
    for label, style in styles.items():
        rows = rows_of[label]
        if not len(rows):
            continue
        layer = _NOVEL_LAYER if style.novel else _KNOWN_LAYER
        _scatter(
            ax,
            points[rows],
            **style.scatter_kwargs(size, len(rows)),
            alpha=0.95 if style.novel else (alpha or max(point_alpha(len(rows)), 0.6)),
            zorder=layer + 0.2 * (1 - len(rows) / longest),
            label=f"{group_name(label, style, names)} ({len(rows):,})",
        )


def draw_seeds(ax, points, *, n_points, size=None):
    """Ring the seeds."""
    _scatter(
        ax,
        points,
        facecolors="none",
        edgecolors=EDGE_COLOR,
        linewidths=0.5,
        s=1.8 * (size or point_size(n_points)),
        alpha=0.8,
        zorder=_SEED_LAYER,
        label=f"seeds ({len(points):,})",
    )


def draw_centers(ax, points, *, name="centres"):
    """Mark the centres, readable over any colour."""
    _scatter(
        ax,
        points,
        marker="X",
        c=EDGE_COLOR,
        edgecolors="white",
        linewidths=0.8,
        s=50.0,
        zorder=CENTER_LAYER,
        label=name,
    )


def _scatter(ax, points, **kwargs):
    if ax.name == "3d":
        kwargs["depthshade"] = False
        ax.computed_zorder = False  # else a far member hides behind near noise
    return ax.scatter(*points.T, rasterized=len(points) >= RASTERIZE_FROM, **kwargs)


def zoom_in(ax, points, share):
    """Limit the axes to the central share of the rows in each feature, and say what is outside.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes of two dimensions.
    points : ndarray of shape (n_samples, 2)
        Rows.
    share : float or None
        Above 0 and up to 1. None: leave the axes as they are.

    Raises
    ------
    ValueError
        If the share is out of range, or the axes have three dimensions.
    """
    if share is None:
        return
    if not 0 < share <= 1:
        raise ValueError(f"zoom must be above 0 and at most 1; got {share!r}.")
    if ax.name == "3d":
        raise ValueError("zoom is for two features: three-dimensional axes do not hide rows.")
    low, high = np.quantile(points, [(1 - share) / 2, (1 + share) / 2], axis=0)
    margin = _ZOOM_MARGIN * (high - low)
    low, high = low - margin, high + margin
    outside = int(np.sum(((points < low) | (points > high)).any(axis=1)))
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    if outside:
        text = f"{outside:,} row{'' if outside == 1 else 's'} outside"
        ax.text(0.99, 0.01, text, transform=ax.transAxes, ha="right", va="bottom", fontsize="small")


def outside_legend(ax, *, whole_figure=False, handles=None):
    """Write a legend right of the axes, in columns that stay as high as they are.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes whose artists it names.
    whole_figure : bool, default=False
        Put it right of the figure, which then has to have a constrained layout.
    handles : dict of str to artist, default=None
        Artists by name. None: those of the axes.

    Returns
    -------
    legend : matplotlib Legend
        The legend.
    """
    if handles is None:
        artists, names = ax.get_legend_handles_labels()
        handles = dict(zip(names, artists, strict=True))
    owner, where = ax, {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0)}
    if whole_figure:
        owner, where = ax.figure, {"loc": "outside right upper"}
    legend = owner.legend(
        handles.values(),
        handles.keys(),
        ncols=max(-(-len(handles) // _LEGEND_ROWS), 1),
        frameon=False,
        fontsize="small",
        borderaxespad=0.0,
        handletextpad=0.4,
        columnspacing=1.2,
        **where,
    )
    for handle in legend.legend_handles:
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([_MARKER_IN_LEGEND])
            handle.set_alpha(1.0)
    return legend
