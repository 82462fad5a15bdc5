"""What the two phases of CLiMB did, and which gate decided."""

import numpy as np

from climbkit.base import NOISE
from climbkit.plotting._data import (
    Features,
    check_rows,
    check_seeds,
    fitted_labels,
    unwrap,
)
from climbkit.plotting._draw import (
    CENTER_LAYER,
    OUTLINE_LAYER,
    draw_groups,
    draw_seeds,
    outside_legend,
    zoom_in,
)
from climbkit.plotting._gate_panel import draw_gates
from climbkit.plotting._gates import gate_outlines
from climbkit.plotting._style import EDGE_COLOR, label_styles, new_axes, tidy_axes

_PANEL_WIDTH, _PANEL_HEIGHT = 6.0, 4.6  # inches
_N_PANELS = 3


class CLiMBDisplay:
    """Diagnostic figure of a fitted CLiMB in three panels.

    *Phase 1*: the known groups, the outline of the gate around each centre (where membership
    is decided by probability, the group's shape), the ball that the centre may not leave
    (dotted), and the way from where the centre started (open circle) to where it ended (cross).
    *Phase 2*: the novel groups, above what phase 1 left. *Gates*: the probability of membership
    in the likeliest group against the distance from the nearest centre, with the threshold. Of
    gates without probabilities: each row's distance against its density, with both thresholds;
    where the density gate is off, the distances alone.

    Make one by `from_estimator`.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Rows in the features to draw.
    labels, phases : ndarray of shape (n_samples,)
        Group of each row, -1 for noise, and the phase that decided it: 1, 2, or 0 for noise.
    gates : DataFrame of n_samples rows
        As `KBound.decision_path` returns it.
    kbound : KBound
        Fitted phase 1, for its thresholds.
    outlines : GateOutlines
        Outlines of the gates in the plane.
    axis_labels : sequence of two str
        What to write beside the axes.
    label_names : mapping of int to str, default=None
        Names for the legends.
    seeds : ndarray of shape (n_samples,), dtype bool, default=None
        Rows to ring as seeds.

    Attributes
    ----------
    axes_ : ndarray of three matplotlib Axes
        Phase 1, phase 2, gates.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        Figure that holds them.

    See Also
    --------
    ClusterDisplay : The result in one panel, or in three dimensions.

    Notes
    -----
    Outlines of gates are shadows of ellipsoids: a row inside one may still be far in a feature
    that is not drawn. The outline of a shape holds 95 % of a Gaussian group in the plane, and
    decides nothing. Metrics other than Euclidean, standardised Euclidean and Mahalanobis have none.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from climbkit import CLiMB
    >>> from climbkit.plotting import CLiMBDisplay
    >>> X = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [9.0, 9.0]]
    >>> y = [4, -1, -1, -1]
    >>> display = CLiMBDisplay.from_estimator(CLiMB().fit(X, y), X, y)
    >>> [ax.get_title(loc="left") for ax in display.axes_]
    ['Phase 1: 1 known group, 3 rows', 'Phase 2: 0 novel groups among 1 row', 'Gates of phase 1']
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        points,
        labels,
        phases,
        *,
        gates,
        kbound,
        outlines,
        axis_labels,
        label_names=None,
        seeds=None,
    ):
        self.points = points
        self.labels = labels
        self.phases = phases
        self.gates = gates
        self.kbound = kbound
        self.outlines = outlines
        self.axis_labels = axis_labels
        self.label_names = label_names
        self.seeds = seeds

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        features=None,
        feature_names=None,
        units=None,
        label_names=None,
        axes=None,
        **plot_kwargs,
    ):
        """Draw what a fitted CLiMB did with the rows that it was fitted on.

        Parameters
        ----------
        estimator : CLiMB or Pipeline
            Fitted; of a pipeline CLiMB is the last step, and the steps before it are affine,
            such as StandardScaler or PCA.
        X : array-like of shape (n_samples, n_features)
            The rows that it was fitted on.
        y : array-like of shape (n_samples,), default=None
            Partial labels that it was fitted with: their rows are ringed as seeds.
        features : sequence of two int or str, default=None
            Features to draw, by number or name. None: the first two.
        feature_names : sequence of str, default=None
            Names of all features. None: the columns of a DataFrame, else numbers.
        units : mapping of str to str, or sequence of str, default=None
            Units of the features.
        label_names : mapping of int to str, default=None
            Names for the legends.
        axes : sequence of three matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : CLiMBDisplay
            Drawn.

        Raises
        ------
        TypeError
            If the estimator is no CLiMB.
        ValueError
            If X is not what was fitted, a feature is unknown, or the pipeline not affine.
        """
        before, climb = unwrap(estimator)
        if not (hasattr(climb, "kbound_") and hasattr(climb, "phase_")):
            raise TypeError(
                f"estimator must be a fitted CLiMB, or a pipeline that ends in one; got "
                f"{type(climb).__name__}."
            )
        chosen = Features.choose(X, features, feature_names, units, allowed=(2,))
        labels = fitted_labels(climb, X)
        rows = check_rows(X)
        # As the clusterer saw them: a pipeline keeps feature names only where X has them.
        seen = X if before is None else before.transform(X)
        display = cls(
            chosen.of(rows),
            labels,
            climb.phase_,
            gates=climb.kbound_.decision_path(seen),
            kbound=climb.kbound_,
            outlines=gate_outlines(climb.kbound_, before, chosen.columns),
            axis_labels=chosen.axis_labels,
            label_names=label_names,
            seeds=check_seeds(y, rows),
        )
        return display.plot(axes=axes, **plot_kwargs)

    def plot(self, axes=None, *, legend=True, zoom=None, size=None, alpha=None):
        """Draw the three panels.

        Parameters
        ----------
        axes : sequence of three matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        legend : bool, default=True
            Write a legend in every panel.
        zoom : float, default=None
            Limit the axes to the central share of the rows in each feature, for instance 0.99,
            and write how many lie outside: one outlier can shrink the rest to a dot.
        size, alpha : float, default=None
            Area of a member's marker, in points squared, and opacity of noise and of known
            groups. None: by the number of rows.

        Returns
        -------
        display : CLiMBDisplay
            This one.
        """
        if axes is None:
            axes = new_axes(_N_PANELS, width=_PANEL_WIDTH, height=_PANEL_HEIGHT)[1][0]
        axes = np.asarray(axes, dtype=object).ravel()
        if len(axes) != _N_PANELS:
            raise ValueError(f"axes must hold {_N_PANELS} matplotlib Axes; got {len(axes)}.")
        known = self.kbound.classes_
        novel = np.unique(self.labels[self.phases == 2])
        styles = label_styles(known, novel)
        drawing = {"names": self.label_names, "size": size, "alpha": alpha}
        self._plot_known(axes[0], styles, drawing)
        self._plot_novel(axes[1], {label: styles[label] for label in novel.tolist()}, drawing)
        draw_gates(axes[2], self.gates, self.kbound, size=size)
        for ax in axes[:2]:
            ax.set(xlabel=self.axis_labels[0], ylabel=self.axis_labels[1])
            tidy_axes(ax)
        zoom_in(axes[0], self.points, zoom)
        axes[1].set(xlim=axes[0].get_xlim(), ylim=axes[0].get_ylim())
        if legend:
            for ax in axes:
                outside_legend(ax)
        self.axes_, self.ax_, self.figure_ = axes, axes[0], axes[0].figure
        return self

    def _plot_known(self, ax, styles, drawing):
        labels = np.where(self.phases == 1, self.labels, NOISE)
        shown = {k: style for k, style in styles.items() if not style.novel}
        draw_groups(ax, self.points, labels, shown, noise_name="not taken", **drawing)
        if self.seeds is not None and self.seeds.any():
            draw_seeds(ax, self.points[self.seeds], n_points=len(self.points), size=drawing["size"])
        # The outlines of a wide gate must not shrink the rows to a dot in the middle.
        limits = ax.get_xlim(), ax.get_ylim()
        self._plot_outlines(ax, shown)
        ax.set(xlim=limits[0], ylim=limits[1])
        n_rows = int(np.sum(labels != NOISE))
        ax.set_title(
            f"Phase 1: {_counted(len(shown), 'known group')}, {_counted(n_rows, 'row')}", loc="left"
        )

    def _plot_outlines(self, ax, styles):
        outlines, colors = self.outlines, [style.color for style in styles.values()]
        for k, color in enumerate(colors):
            first = k == 0
            if outlines.distance is not None:
                ax.plot(
                    *outlines.distance[k].T,
                    color=color,
                    lw=1.3,
                    zorder=OUTLINE_LAYER,
                    label=outlines.name if first else None,
                )
            if outlines.radial is not None:
                ax.plot(
                    *outlines.radial[k].T,
                    color=EDGE_COLOR,
                    lw=0.9,
                    ls=":",
                    zorder=OUTLINE_LAYER,
                    label="centre's ball" if first else None,
                )
            ax.plot(
                *np.array([outlines.start[k], outlines.end[k]]).T,
                color=EDGE_COLOR,
                lw=0.9,
                zorder=CENTER_LAYER,
            )
        if not colors:
            return
        ax.scatter(
            *outlines.start.T,
            s=22,
            facecolors="white",
            edgecolors=EDGE_COLOR,
            linewidths=0.9,
            zorder=CENTER_LAYER + 0.1,
            label="centre, start",
        )
        ax.scatter(
            *outlines.end.T,
            s=36,
            marker="X",
            c=EDGE_COLOR,
            edgecolors="white",
            linewidths=0.8,
            zorder=CENTER_LAYER + 0.2,
            label="centre, end",
        )

    def _plot_novel(self, ax, styles, drawing):
        left = self.phases != 1
        draw_groups(ax, self.points[left], self.labels[left], styles, **drawing)
        n_rows = int(left.sum())
        ax.set_title(
            f"Phase 2: {_counted(len(styles), 'novel group')} among {_counted(n_rows, 'row')}",
            loc="left",
        )


def _counted(number, noun):
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
