"""How groups look: colours, markers, sizes and the words on the axes."""

import re
from dataclasses import dataclass

import numpy as np

from climbkit.base import NOISE

# P. Tol, "Colour schemes", SRON/EPS/TN/09-002, issue 3.2 (2021), qualitative schemes "muted"
# and "vibrant": told apart in every common form of colour blindness. Known groups take the
# first, novel ones the second.
KNOWN_COLORS = (
    "#332288",
    "#CC6677",
    "#117733",
    "#88CCEE",
    "#882255",
    "#DDCC77",
    "#44AA99",
    "#AA4499",
    "#999933",
)
NOVEL_COLORS = ("#EE7733", "#0077BB", "#EE3377", "#33BBEE", "#CC3311", "#009988")
# A second round through the colours changes the marker, so that twenty groups stay apart.
KNOWN_MARKERS = ("o", "s", "^", "v")
NOVEL_MARKERS = ("D", "P", "X", "*")

NOISE_COLOR = "#c4c4c4"
EDGE_COLOR = "#1a1a1a"

# Scatter sizes in points squared and opacities: full for a thousand points, fading as the
# points begin to cover each other.
_LARGEST_POINT, _SMALLEST_POINT = 22.0, 2.0
_FEW_POINTS = 1_000
_FAINTEST = 0.15
RASTERIZE_FROM = 2_000  # more points than this make a vector file slow to open

NOISE_SHRINK = 0.45  # size of a noise point against that of a member
_CROWD = 100  # members of a novel group that overlap little
NOVEL_GROWTH = 1.6  # size of a novel group's point against that of a known one's


@dataclass(frozen=True)
class LabelStyle:
    """Colour and marker of one label."""

    color: str
    marker: str
    novel: bool

    def scatter_kwargs(self, size, n_rows):
        """Keywords of ``Axes.scatter`` for so many members drawn at the given size."""
        if self.novel:
            # A crowd of edged markers would be one dark blot.
            room = min(1.0, (_CROWD / max(n_rows, 1)) ** 0.5)
            return {
                "c": self.color,
                "marker": self.marker,
                "s": size * NOVEL_GROWTH * (0.4 + 0.6 * room),
                "edgecolors": EDGE_COLOR,
                "linewidths": 0.1 + 0.5 * room,
            }
        return {"c": self.color, "marker": self.marker, "s": size, "linewidths": 0.0}


def label_styles(known, novel):
    """Give every label a colour and a marker that depend on little but the label.

    Parameters
    ----------
    known, novel : array-like of int
        Labels of known and of novel groups, in any order.

    Returns
    -------
    styles : dict of int to LabelStyle
        A label takes the colour at its own number in the palette, or the next free one where
        a smaller label of its kind is there before.
    """
    styles = _spread(known, KNOWN_COLORS, KNOWN_MARKERS, novel=False)
    styles.update(_spread(novel, NOVEL_COLORS, NOVEL_MARKERS, novel=True))
    return styles


def _spread(labels, colors, markers, *, novel):
    styles, free = {}, set()
    n_slots = len(colors)
    for count, label in enumerate(sorted({int(label) for label in labels})):
        if count % n_slots == 0:
            free = set(range(n_slots))
        slot = next(s for k in range(n_slots) if (s := (label + k) % n_slots) in free)
        free.remove(slot)
        marker = markers[(count // n_slots) % len(markers)]
        styles[label] = LabelStyle(colors[slot], marker, novel)
    return styles


def split_labels(labels, known_labels):
    """Labels present in an answer or known beforehand, as (known, novel) sorted arrays."""
    present = np.unique(labels)
    present = present[present != NOISE]
    if known_labels is None:
        return present, np.empty(0, dtype=present.dtype)
    known = np.unique(np.asarray(known_labels))
    known = known[known != NOISE]
    return known, np.setdiff1d(present, known)


def point_size(n_points):
    """Area of a scatter point, in points squared, for so many of them."""
    return float(
        np.clip(
            _LARGEST_POINT * (_FEW_POINTS / max(n_points, 1)) ** 0.5,
            _SMALLEST_POINT,
            _LARGEST_POINT,
        )
    )


def point_alpha(n_points):
    """Opacity of a scatter point for so many of them."""
    return float(np.clip((_FEW_POINTS / max(n_points, 1)) ** 0.25, _FAINTEST, 0.9))


def axis_label(name, unit=None):
    """Axis label of a feature: ``"Energy [km$^2$/s$^2$]"``."""
    if not unit:
        return str(name)
    raised = re.sub(r"(?<=[A-Za-z])(-?[0-9]+)", r"$^{\1}$", str(unit))
    return f"{name} [{raised}]"


def tidy_axes(ax):
    """Take away what is not needed to read the axes, and shorten large numbers."""
    ax.ticklabel_format(style="sci", scilimits=(-3, 4), useMathText=True)
    if ax.name == "3d":
        ax.zaxis.labelpad = 12  # points: clear of the tick labels
    else:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25, linewidth=0.5)
        ax.set_axisbelow(True)


def new_axes(n_columns=1, *, projection=None, width=6.4, height=4.8, **kwargs):
    """A figure with a row of axes, laid out so that nothing overlaps."""
    plt = import_pyplot()
    return plt.subplots(
        1,
        n_columns,
        figsize=(width * n_columns, height),
        layout="constrained",
        squeeze=False,
        subplot_kw={"projection": projection} if projection else None,
        **kwargs,
    )


def import_pyplot():
    """Import matplotlib's pyplot, or say which extra brings it."""
    from climbkit._optional import import_optional

    return import_optional("matplotlib.pyplot", "plot")
