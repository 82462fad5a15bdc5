"""The panels of a cluster, one by one."""

import numpy as np

from climbkit.plotting._style import (
    NOISE_COLOR,
    RASTERIZE_FROM,
    axis_label,
    point_alpha,
    point_size,
    tidy_axes,
)

_ARCMIN_BELOW = 0.2  # degrees: a smaller half width is shown in minutes of arc
_ARCMIN = 60.0
_BIN_MEMBERS = 15  # members for each bin of the parallax histogram: Baloyi et al. 2025
_FEWEST_BINS, _MOST_BINS = 5, 60
_PARALLAX_REACH = 5.0  # half width of the parallax axis, in the members' robust deviations
_MOTION_REACH = 8.0  # the same for proper motions, which show the field beside the cluster
_LEAST_MOTION = 0.01  # mas/yr
_DEVIATION = 1.4826  # of a Gaussian, in median absolute deviations
_PALEST = 0.3  # of the colour map, for the least probable member: still seen on white
_INK = "#3b1f54"  # members without probabilities
_RING = "#CC3311"  # Tol's vibrant red: apart from viridis in every form of colour blindness
_OTHERS_SHRINK, _MEMBER_SHRINK = 0.45, 0.7
_MEMBER_FAINTEST = 0.5  # opacity


class Ink:
    """How members and others are drawn."""

    def __init__(self, view, least, cmap):
        self.mappable = None
        self._colors = _INK
        if view.probabilities is not None and len(view.probabilities) and least < 1:
            from matplotlib import colormaps
            from matplotlib.cm import ScalarMappable
            from matplotlib.colors import ListedColormap, Normalize

            shades = colormaps.get_cmap(cmap)(np.linspace(_PALEST, 1.0, 256))
            self.mappable = ScalarMappable(Normalize(least, 1.0), ListedColormap(shades))
            self._colors = self.mappable.to_rgba(view.probabilities)

    def scatter(self, ax, others, members):
        """Draw points, of shape (n, 2) each, members above others and the likeliest on top."""
        for points, color, shrink, faintest, layer in (
            (others, NOISE_COLOR, _OTHERS_SHRINK, 0.0, 1.0),
            (members, self._colors, _MEMBER_SHRINK, _MEMBER_FAINTEST, 2.0),
        ):
            ax.scatter(
                *points.T,
                s=shrink * point_size(len(points)),
                alpha=max(point_alpha(len(points)), faintest),
                c=color,
                linewidths=0.0,
                zorder=layer,
                rasterized=len(points) > RASTERIZE_FROM,
            )


def draw_sky(ax, view, ink, r50, frame):
    """Offsets from the centre, east to the left, and the ring of the half-number radius."""
    minutes = view.half_width < _ARCMIN_BELOW
    scale, unit = (_ARCMIN, "arcmin") if minutes else (1.0, "deg")
    ink.scatter(ax, scale * view.others_sky, scale * view.members_sky)
    if r50 is not None and np.isfinite(r50):
        angle = np.linspace(0.0, 2 * np.pi, 181)
        ring = scale * r50 * np.stack([np.cos(angle), np.sin(angle)])
        ax.plot(*ring, color=_RING, linewidth=1.3, zorder=3.0, label="r50")
        ax.legend(loc="upper right", fontsize="x-small", frameon=False)
    reach = scale * view.half_width
    longitude, latitude = frame
    factor = "cos b" if latitude == "b" else f"cos({latitude})"
    ax.set(
        xlim=(reach, -reach),
        ylim=(-reach, reach),
        aspect="equal",
        xlabel=axis_label(f"Δ{longitude} {factor}", unit),
        ylabel=axis_label(f"Δ{latitude}", unit),
    )
    tidy_axes(ax)


def draw_histogram(ax, view, n_bins):
    """Members by parallax, and the others scaled to the same area."""
    members, others = view.values("parallax")
    if members is None:
        _say_missing(ax, view, ("parallax",))
        return
    low, high = _parallax_limits(members)
    if n_bins is None:
        n_bins = int(np.clip(len(members) // _BIN_MEMBERS, _FEWEST_BINS, _MOST_BINS))
    edges = np.linspace(low, high, n_bins + 1)
    counts, _ = np.histogram(members, edges)
    ax.stairs(counts, edges, fill=True, color=_INK, alpha=0.85, label=f"{len(members):,} members")
    around, _ = np.histogram(others, edges)
    if around.sum():
        ax.stairs(
            around * (counts.sum() / around.sum()),
            edges,
            color="0.45",
            linewidth=1.3,
            label=f"{len(others):,} others, scaled",
        )
    ax.set(xlabel=axis_label("parallax", "mas"), ylabel="members in a bin", xlim=(low, high))
    ax.margins(y=0.25)  # room for the legend
    ax.legend(loc="upper right", fontsize="x-small", frameon=False)
    tidy_axes(ax)


def draw_motion(ax, view, ink, half_width):
    """Proper motions around the members' median."""
    names = view.motion_columns
    if not draw_points(ax, view, ink, names):
        return
    members = view.finite_members(names)
    middle = np.median(members, axis=0)
    if half_width is None:
        half_width = max(_MOTION_REACH * _spread(members - middle), _LEAST_MOTION)
    ax.set(
        xlim=(middle[0] - half_width, middle[0] + half_width),
        ylim=(middle[1] - half_width, middle[1] + half_width),
        aspect="equal",
    )


def draw_points(ax, view, ink, names):
    """Scatter two columns; tell whether there was anything to draw."""
    others, members = view.points(names)
    if members is None or len(view.finite_members(names)) == 0:
        _say_missing(ax, view, names)
        return False
    ink.scatter(ax, others, members)
    ax.set(xlabel=view.label(names[0]), ylabel=view.label(names[1]))
    tidy_axes(ax)
    ax.ticklabel_format(style="plain", useOffset=False)
    return True


def limit_parallax(ax, view):
    """Parallaxes around the members' median."""
    members, _ = view.values("parallax")
    if members is not None and ax.has_data():
        ax.set_ylim(*_parallax_limits(members))


def limit_diagram(ax, view):
    """Bright stars above; what few stars have far from all others is cut off."""
    if not ax.has_data():
        return
    others, _ = view.points(("bp_rp", "phot_g_mean_mag"))
    shown = view.finite_members(("bp_rp", "phot_g_mean_mag"))
    others = others[np.isfinite(others).all(axis=1)]
    if len(others):
        low, high = np.percentile(others, (1, 99), axis=0)
        shown = np.vstack([shown, low, high])
    low, high = shown.min(axis=0), shown.max(axis=0)
    pad = 0.05 * np.maximum(high - low, 0.1)
    (left, top), (right, bottom) = low - pad, high + pad
    ax.set(xlim=(left, right), ylim=(bottom, top))


def _parallax_limits(members):
    middle = np.median(members)
    reach = max(_PARALLAX_REACH * _spread(members - middle), 1e-3)
    low, high = max(middle - reach, members.min()), min(middle + reach, members.max())
    pad = 0.05 * max(high - low, 1e-3)
    return low - pad, high + pad


def _spread(away):
    """Robust standard deviation, of the wider column where there are two."""
    return _DEVIATION * float(np.max(np.nanmedian(np.abs(away), axis=0)))


def _say_missing(ax, view, names):
    """Write what is missing where nothing can be drawn."""
    absent = [name for name in names if name not in view.columns]
    text = (
        "the stars have no\n" + "\nand no ".join(absent)
        if absent
        else "no member has\n" + " and ".join(names)
    )
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="0.35")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color("0.8")
