"""Why one star was put where it was."""

import textwrap
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from climbkit.base import NOISE
from climbkit.plotting._data import Features, check_rows, fitted_labels, unwrap
from climbkit.plotting._decision_bars import draw_bars
from climbkit.plotting._decision_facts import bars_of, sentences
from climbkit.plotting._draw import (
    CENTER_LAYER,
    OUTLINE_LAYER,
    draw_centers,
    draw_groups,
    group_name,
)
from climbkit.plotting._gates import GateOutlines, gate_outlines
from climbkit.plotting._style import (
    EDGE_COLOR,
    import_pyplot,
    label_styles,
    point_size,
    tidy_axes,
)

_SIZE = (15.0, 6.0)  # inches
_WIDTHS, _HEIGHTS = (1.0, 1.0, 0.8), (1.0, 0.3)  # of the columns and rows of panels
_TEXT_COLUMNS = 118  # characters of a line of text below two panels
_MOST_OUTLINES = 3  # known groups in the planes
_MARGIN = 0.15  # of the range that a plane shows
_LEGEND_COLUMNS = 44  # characters of a group's name
_STAR_SIZE, _STAR_COLOR = 330.0, "#FFD500"  # points squared
_MARKER_IN_LEGEND = 36.0  # points squared


@dataclass(frozen=True)
class Plane:
    """Two features: the rows in them, what to write beside the axes, and the outlines."""

    points: np.ndarray
    axis_labels: tuple
    outlines: GateOutlines


class DecisionDisplay:
    """Figure that shows for one row why CLiMB put it where it did.

    Two planes of features with the row (star), the known groups that come nearest, each with
    the outline of its gate or shape, and the row's own novel group; a bar for each known group
    with the probability of membership, or with the distance where the gate has no
    probabilities, against the threshold that decided; below, the decision in words.

    Make one by `from_estimator`.

    Parameters
    ----------
    planes : sequence of two Plane
        What to draw.
    labels : ndarray of shape (n_samples,)
        Group of each row, -1 for noise.
    row : int
        The row that is explained.
    bars : Bars
        Its probabilities or distances.
    sentences : sequence of str
        The decision in words.
    known_labels : ndarray of shape (n_known,)
        Labels of the known groups.
    shown : sequence of int
        Labels of the groups to draw.
    label_names : mapping of int to str, default=None
        Names of the groups.

    Attributes
    ----------
    axes_ : ndarray of four matplotlib Axes
        The two planes, the bars, the words.
    figure_ : matplotlib Figure
        Figure that holds them.

    See Also
    --------
    CLiMBDisplay : All rows at once.

    Notes
    -----
    The words come from `CLiMB.decision_path`, which knows nothing of ``errors`` that were given
    at fit: with errors the gate may have decided by other numbers than those shown.

    An outline of a gate is the shadow of an ellipsoid, and a row inside it may still be far in
    a feature that is not drawn. Where membership is decided by probability, the outline shows
    the group's shape (95 % of a Gaussian group in the plane), and decides nothing.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from climbkit import CLiMB, KBound
    >>> from climbkit.plotting import DecisionDisplay
    >>> X = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [9.0, 9.0]]
    >>> climb = CLiMB(KBound()).fit(X, [4, -1, -1, -1])
    >>> display = DecisionDisplay.from_estimator(climb, X, 1, label_names={4: "Thamnos"})
    >>> print(display.sentences[0])
    Phase 1: Thamnos took it: distance 0.07 ≤ 0.50 (margin +0.43).
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, planes, labels, row, *, bars, sentences, known_labels, shown, label_names=None
    ):
        self.planes = planes
        self.labels = labels
        self.row = row
        self.bars = bars
        self.sentences = sentences
        self.known_labels = known_labels
        self.shown = shown
        self.label_names = label_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        row,
        *,
        planes=None,
        feature_names=None,
        units=None,
        label_names=None,
        figure=None,
    ):
        """Draw why a fitted CLiMB put one of its rows where it did.

        Parameters
        ----------
        estimator : CLiMB or Pipeline
            Fitted; of a pipeline CLiMB is the last step, and the steps before it are affine,
            such as StandardScaler or PCA.
        X : array-like of shape (n_samples, n_features)
            The rows that it was fitted on, of two features or more.
        row : int
            Number of the row to explain, from 0.
        planes : sequence of two pairs of int or str, default=None
            Features on the axes of the two planes. None: the first against the second and the
            third; of two features, the first against the second and the reverse.
        feature_names : sequence of str, default=None
            Names of all features. None: the columns of a DataFrame, else numbers.
        units : mapping of str to str, or sequence of str, default=None
            Units of the features.
        label_names : mapping of int to str, default=None
            Names of groups.
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw on. None: a new one.

        Returns
        -------
        display : DecisionDisplay
            Drawn.

        Raises
        ------
        TypeError
            If the estimator is no CLiMB, or the row no number.
        ValueError
            If X is not what was fitted or has no such row, a feature is unknown, or the
            pipeline not affine.
        """
        before, climb = unwrap(estimator)
        if not (hasattr(climb, "kbound_") and hasattr(climb, "phase_")):
            raise TypeError(
                f"estimator must be a fitted CLiMB, or a pipeline that ends in one; got "
                f"{type(climb).__name__}."
            )
        labels, rows = fitted_labels(climb, X), check_rows(X)
        row = _check_row(row, rows)
        drawn = []
        for pair in _check_planes(planes, rows):
            chosen = Features.choose(X, pair, feature_names, units, allowed=(2,))
            outlines = gate_outlines(climb.kbound_, before, chosen.columns)
            drawn.append(Plane(chosen.of(rows), chosen.axis_labels, outlines))
        one = X.iloc[[row]] if hasattr(X, "iloc") else rows[[row]]
        seen = one if before is None else before.transform(one)
        path = _path(climb, seen, row)
        bars = bars_of(climb.kbound_, np.asarray(seen, dtype=np.float64), path)
        styles = label_styles(climb.known_labels_, climb.novel_labels_)
        display = cls(
            drawn,
            labels,
            row,
            bars=bars,
            sentences=sentences(
                climb, row, path, bars, lambda k: group_name(k, styles[k], label_names)
            ),
            known_labels=climb.known_labels_,
            shown=_groups_to_show(labels[row], path, bars),
            label_names=label_names,
        )
        return display.plot(figure)

    def plot(self, figure=None):
        """Draw the four panels.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw on. None: a new one.

        Returns
        -------
        display : DecisionDisplay
            This one.
        """
        if figure is None:
            figure = import_pyplot().figure(figsize=_SIZE, layout="constrained")
        panels = figure.subplot_mosaic(
            [["first", "second", "bars"], ["words", "words", "legend"]],
            width_ratios=_WIDTHS,
            height_ratios=_HEIGHTS,
        )
        novel = np.setdiff1d(self.labels, [*self.known_labels, NOISE])
        styles = label_styles(self.known_labels, novel)
        for name, plane in zip(("first", "second"), self.planes, strict=True):
            self._plot_plane(panels[name], plane, styles)
        draw_bars(panels["bars"], self.bars, styles, self.label_names)
        self._write(panels["words"])
        self._name_markers(panels["legend"], panels["first"])
        label = int(self.labels[self.row])
        where = "noise" if label == NOISE else group_name(label, styles[label], self.label_names)
        figure.suptitle(f"Row {self.row:,}: {where}", x=0.01, ha="left", fontweight="bold")
        self.axes_ = np.array([panels[k] for k in ("first", "second", "bars", "words")])
        self.figure_ = figure
        return self

    def _plot_plane(self, ax, plane, styles):
        shown = {label: styles[label] for label in styles if label in self.shown}
        low, high = self._limits(plane, styles)
        inside = ((plane.points >= low) & (plane.points <= high)).all(axis=1)
        labels = np.where(np.isin(self.labels, list(shown)), self.labels, NOISE)
        draw_groups(
            ax,
            plane.points,
            labels,
            shown,
            names=self.label_names,
            noise_name="other rows",
            size=point_size(inside.sum()),
        )
        outlines = plane.outlines
        for k in np.flatnonzero(np.isin(self.known_labels, self.shown)):
            color = styles[int(self.known_labels[k])].color
            if outlines.distance is not None:
                ax.plot(*outlines.distance[k].T, color=color, lw=1.6, zorder=OUTLINE_LAYER)
            draw_centers(ax, outlines.end[[k]], name=None)
        if outlines.distance is not None and len(shown):
            ax.plot([], [], color=EDGE_COLOR, lw=1.6, label=outlines.name)
        ax.scatter(
            *plane.points[self.row],
            marker="*",
            s=_STAR_SIZE,
            c=_STAR_COLOR,
            edgecolors=EDGE_COLOR,
            linewidths=1.2,
            zorder=CENTER_LAYER + 1,
            label=f"row {self.row:,}",
        )
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        ax.set(xlabel=plane.axis_labels[0], ylabel=plane.axis_labels[1])
        tidy_axes(ax)

    def _limits(self, plane, styles):
        """Lower and upper ends of the axes: room for the row, its group and the outlines."""
        frame = [plane.points[[self.row]]]
        own = int(self.labels[self.row])
        if own in styles and styles[own].novel:
            frame.append(plane.points[self.labels == own])
        for k in np.flatnonzero(np.isin(self.known_labels, self.shown)):
            frame.append(plane.outlines.end[[k]])
            if plane.outlines.distance is not None:
                frame.append(plane.outlines.distance[k])
        frame = np.vstack(frame)
        if not (np.ptp(frame, axis=0) > 0).all():  # nothing but the row: show everything
            frame = plane.points
        low, high = frame.min(axis=0), frame.max(axis=0)
        room = _MARGIN * np.where(high > low, high - low, 1.0)
        return low - room, high + room

    def _name_markers(self, ax, drawn):
        handles, names = drawn.get_legend_handles_labels()
        names = [textwrap.shorten(name, _LEGEND_COLUMNS, placeholder=" …") for name in names]
        legend = ax.legend(
            handles, names, loc="upper left", frameon=False, fontsize="small", borderaxespad=0.0
        )
        for handle in legend.legend_handles[:-1]:  # the row itself is last, and large enough
            if hasattr(handle, "set_sizes"):
                handle.set_sizes([_MARKER_IN_LEGEND])
                handle.set_alpha(1.0)
        ax.set_axis_off()

    def _write(self, ax):
        text = "\n".join(textwrap.fill(line, _TEXT_COLUMNS) for line in self.sentences)
        ax.text(0.0, 1.0, text, transform=ax.transAxes, va="top", linespacing=1.5)
        ax.set_axis_off()


def _path(climb, seen, row):
    """Line of the decision path; a row of phase 1 never met the explorer."""
    if climb.phase_[row] == 1:
        return climb.kbound_.decision_path(seen).add_prefix("known_").iloc[0]
    return climb.decision_path(seen).iloc[0]


def _check_row(row, rows):
    if not isinstance(row, Integral) or isinstance(row, bool):
        raise TypeError(f"row must be the number of a row of X; got {row!r}.")
    if not 0 <= row < len(rows):
        raise ValueError(f"row must be from 0 to {len(rows) - 1}, the rows of X; got {row}.")
    return int(row)


def _check_planes(planes, rows):
    if rows.shape[1] < 2:
        raise ValueError("X must have two features or more: a plane cannot be drawn of one.")
    if planes is None:
        return [(0, 1), (0, 2)] if rows.shape[1] > 2 else [(0, 1), (1, 0)]
    if len(planes) != 2:
        raise ValueError(f"planes must hold two pairs of features; got {len(planes)}.")
    return planes


def _groups_to_show(label, path, bars):
    """The row's own group, and the known groups that come nearest."""
    rivals = [label, path["known_nearest_cluster"], *bars.labels[:1], path["known_label"]]
    rivals.append(path["known_competitor_cluster"])
    known = [int(k) for k in dict.fromkeys(rivals) if k != NOISE]
    return known[: _MOST_OUTLINES + (label in known)]
