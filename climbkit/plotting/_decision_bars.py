"""The panel that shows how near each known group came to taking a row."""

import textwrap

import numpy as np

from climbkit.base import NOISE
from climbkit.plotting._draw import group_name
from climbkit.plotting._style import EDGE_COLOR, NOISE_COLOR

_MOST_BARS = 10  # known groups in the panel of bars
_LEAST_WRITTEN = 0.01  # numbers below half of it would read 0.00
_BEFORE_BAR = 0.02  # of the width of the panel of bars, between a bar and its number
_NAME_COLUMNS = 22  # characters of a line of a group's name


def draw_bars(ax, bars, styles, names_of=None):
    """Draw a bar for each known group, the best on top, and the threshold.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes.
    bars : Bars
        Probabilities or distances.
    styles : dict of int to LabelStyle
        Style of each group.
    names_of : mapping of int to str, default=None
        Names of groups.
    """
    known = np.flatnonzero(bars.labels != NOISE)
    if not len(known):
        ax.text(0.5, 0.5, "no known group", ha="center", va="center", transform=ax.transAxes)
        ax.set_axis_off()
        return
    kept = np.append(known[:_MOST_BARS], np.flatnonzero(bars.labels == NOISE))
    labels, values = bars.labels[kept].tolist(), bars.values[kept]
    names = ["none of them" if k == NOISE else group_name(k, styles[k], names_of) for k in labels]
    colors = [NOISE_COLOR if k == NOISE else styles[k].color for k in labels]
    places = np.arange(len(kept))
    ax.barh(places, values, color=colors, height=0.7)
    limit = bars.threshold if np.isfinite(bars.threshold) else 0.0
    widest = 1.0 if bars.is_probability else max(values.max(), limit) or 1.0
    # Room on the right for the number of the longest bar.
    ax.set(xlim=(0.0, 1.2 * widest), ylim=(len(kept) - 0.5, -0.5))
    for place, value in zip(places, values, strict=True):
        tiny = 0 < value < _LEAST_WRITTEN / 2
        ax.text(
            value + _BEFORE_BAR * widest,
            place,
            f"< {_LEAST_WRITTEN}" if tiny else f"{value:.2f}",
            va="center",
            fontsize="small",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
        )
    ax.set_yticks(places, [textwrap.fill(name, _NAME_COLUMNS) for name in names])
    ax.set_xlabel(bars.quantity)
    if bars.is_probability:
        ax.set_xticks(np.linspace(0.0, 1.0, 6))
    title = "Known groups"
    if len(known) > _MOST_BARS:
        title = f"The {_MOST_BARS} best of {len(known)} known groups"
    if np.isfinite(bars.threshold):
        ax.axvline(bars.threshold, color=EDGE_COLOR, lw=1.2, ls="--")
        title += f" (let in: {'≥' if bars.is_probability else '≤'} {bars.threshold:.2f})"
    ax.set_title(title, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="x", alpha=0.25, linewidth=0.5)
    ax.set_axisbelow(True)
