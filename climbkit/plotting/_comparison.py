"""Several clusterings of the same rows side by side."""

from collections.abc import Mapping

import numpy as np

from climbkit.base import NOISE
from climbkit.plotting._data import (
    Features,
    check_labels,
    check_rows,
    fitted_labels,
    known_labels_of,
    unwrap,
)
from climbkit.plotting._draw import draw_groups, group_name, outside_legend, zoom_in
from climbkit.plotting._match import match_groups
from climbkit.plotting._style import (
    EDGE_COLOR,
    NOISE_COLOR,
    LabelStyle,
    label_styles,
    new_axes,
    split_labels,
    tidy_axes,
)

_PANEL_WIDTH, _PANEL_HEIGHT = 3.7, 3.9  # inches
_X_TICKS = 4  # more would run into one another in panels so narrow
_OTHER_STYLE = LabelStyle("#6e6e6e", "D", novel=True)  # a grey that is in no palette


class ComparisonDisplay:
    """Several clusterings of the same rows, side by side on shared axes.

    Make one by `from_estimators` or `from_predictions`.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Rows in the features to draw.
    labelings : mapping of str to ndarray of shape (n_samples,)
        Labels by name of the answer, in the order of the panels.
    axis_labels : sequence of two str
        What to write beside the axes.
    known_labels : array-like of int, default=None
        Labels that were known beforehand; others are drawn as novel. None: all are known.
    label_names : mapping of int to str, default=None
        Names for the legend.
    scores : mapping of str to float or mapping, default=None
        Score for the title of each panel, or several by name; panels may be left out.
    score_name : str, default="score"
        What the score is.
    n_listed : int, default=None
        Labels from this one on are drawn alike, as "other groups". None: no label is.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        A panel for each answer.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        Figure that holds them.
    legend_ : matplotlib Legend or None
        Legend of all panels.

    See Also
    --------
    ClusterDisplay : One clustering.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from climbkit.plotting import ComparisonDisplay
    >>> X = [[0.0, 0.0], [0.1, 0.0], [3.0, 3.0]]
    >>> answers = {"truth": [0, 0, -1], "all in one": [0, 0, 0]}
    >>> display = ComparisonDisplay.from_predictions(X, answers, scores={"all in one": 0.0})
    >>> [ax.get_title().splitlines() for ax in display.axes_]
    [['truth'], ['all in one', 'score 0.00']]
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        points,
        labelings,
        *,
        axis_labels,
        known_labels=None,
        label_names=None,
        scores=None,
        score_name="score",
        n_listed=None,
    ):
        self.points = points
        self.labelings = labelings
        self.axis_labels = axis_labels
        self.known_labels = known_labels
        self.label_names = label_names
        self.scores = scores
        self.score_name = score_name
        self.n_listed = n_listed

    @classmethod
    def from_estimators(cls, estimators, X, *, truth=None, known_labels=None, **kwargs):
        """Draw the labels of fitted clusterers.

        Parameters
        ----------
        estimators : mapping of str to clusterer or Pipeline
            Fitted on X, by name of the panel.
        X : array-like of shape (n_samples, n_features)
            The rows that they were fitted on.
        truth : array-like of shape (n_samples,), default=None
            True labels: the first panel, whose colours the groups of the others take.
        known_labels : array-like of int, default=None
            Labels that were known beforehand. None: what the first estimator that tells says.
        **kwargs : dict
            Passed to `from_predictions`.

        Returns
        -------
        display : ComparisonDisplay
            Drawn.

        Raises
        ------
        ValueError
            If an estimator has no labels for these rows.
        """
        clusterers = {name: unwrap(estimator)[1] for name, estimator in estimators.items()}
        labelings = {name: fitted_labels(model, X) for name, model in clusterers.items()}
        told = (known_labels_of(model) for model in clusterers.values())
        if known_labels is None:
            known_labels = next((known for known in told if known is not None), None)
        if truth is not None:
            labelings = {"truth": truth, **labelings}
            kwargs.setdefault("reference", "truth")
        return cls.from_predictions(X, labelings, known_labels=known_labels, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        X,
        labelings,
        *,
        features=None,
        feature_names=None,
        units=None,
        known_labels=None,
        label_names=None,
        scores=None,
        score_name="score",
        reference=None,
        unnamed=(),
        axes=None,
        **plot_kwargs,
    ):
        """Draw labels, wherever they come from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        labelings : mapping of str to array-like of shape (n_samples,)
            Labels by name of the panel, -1 for noise.
        features : sequence of two int or str, default=None
            Features to draw, by number or name. None: the first two.
        feature_names : sequence of str, default=None
            Names of all features. None: the columns of a DataFrame, else numbers.
        units : mapping of str to str, or sequence of str, default=None
            Units of the features.
        known_labels : array-like of int, default=None
            Labels that were known beforehand; others are drawn as novel. None: all are known.
        label_names : mapping of int to str, default=None
            Names for the legend.
        scores : mapping of str to float or mapping, or callable, default=None
            Score for the title of each panel, or several by name; or ``score(labels)``, which
            returns one or the other.
        score_name : str, default="score"
            What the score is.
        reference : str, default=None
            Name of a labeling. Groups of the others, known ones excepted, are coloured after the
            group of the reference that they overlap most, one to one; the rest are listed in
            the legend as "other groups". None: equal labels have equal colours.
        unnamed : sequence of str, default=()
            Labelings whose numbers mean nothing, such as DBSCAN's: all their groups are
            coloured after the reference.
        axes : sequence of matplotlib Axes, default=None
            Axes to draw on, one for each labeling. None: a new figure.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : ComparisonDisplay
            Drawn.

        Raises
        ------
        ValueError
            If lengths differ, or a feature or the reference is unknown.
        """
        if not isinstance(labelings, Mapping) or not labelings:
            raise ValueError("labelings must be a mapping of at least one name to labels.")
        strangers = {*unnamed, *([] if reference is None else [reference])} - set(labelings)
        if strangers:
            raise ValueError(
                f"reference and unnamed must be names of labelings {list(labelings)}; got "
                f"{sorted(strangers)}."
            )
        chosen = Features.choose(X, features, feature_names, units, allowed=(2,))
        rows = check_rows(X)
        answers = {
            name: check_labels(labels, rows, f"labelings[{name!r}]")
            for name, labels in labelings.items()
        }
        if callable(scores):
            scores = {name: scores(labels) for name, labels in answers.items()}
        n_listed = None
        if reference is not None:
            fixed = [] if known_labels is None else np.setdiff1d(known_labels, [NOISE])
            base = answers[reference]
            answers = {
                name: labels
                if name == reference
                else match_groups(labels, base, fixed=[] if name in unnamed else fixed)
                for name, labels in answers.items()
            }
            n_listed = int(max(base.max(), np.max(fixed, initial=NOISE))) + 1
        display = cls(
            chosen.of(rows),
            answers,
            axis_labels=chosen.axis_labels,
            known_labels=known_labels,
            label_names=label_names,
            scores=scores,
            score_name=score_name,
            n_listed=n_listed,
        )
        return display.plot(axes=axes, **plot_kwargs)

    def plot(self, axes=None, *, legend=True, zoom=None, size=None, alpha=None):
        """Draw the panels.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, default=None
            Axes to draw on, one for each labeling. None: a new figure.
        legend : bool, default=True
            Write one legend for all panels.
        zoom : float, default=None
            Limit the axes to the central share of the rows in each feature, for instance 0.99,
            and write how many lie outside: one outlier can shrink the rest to a dot.
        size, alpha : float, default=None
            Area of a member's marker, in points squared, and opacity of noise and of known
            groups. None: by the number of rows.

        Returns
        -------
        display : ComparisonDisplay
            This one.
        """
        own_figure = axes is None
        if own_figure:
            axes = new_axes(
                len(self.labelings),
                width=_PANEL_WIDTH,
                height=_PANEL_HEIGHT,
                sharex=True,
                sharey=True,
            )[1]
        axes = np.asarray(axes, dtype=object).ravel()
        if len(axes) != len(self.labelings):
            raise ValueError(
                f"axes must hold {len(self.labelings)} matplotlib Axes, one for each labeling; "
                f"got {len(axes)}."
            )
        known, novel = split_labels(np.concatenate([*self.labelings.values()]), self.known_labels)
        others = {label for label in novel.tolist() if self._is_other(label)}
        styles = label_styles(known, sorted(set(novel.tolist()) - others))
        styles.update(dict.fromkeys(sorted(others), _OTHER_STYLE))
        for ax, (name, labels) in zip(axes, self.labelings.items(), strict=True):
            draw_groups(
                ax, self.points, labels, styles, names=self.label_names, size=size, alpha=alpha
            )
            tidy_axes(ax)
            ax.locator_params(axis="x", nbins=_X_TICKS)
            ax.set(xlabel=self.axis_labels[0], title=self._title(name))
        zoom_in(axes[-1], self.points, zoom)  # all panels share their limits
        axes[0].set_ylabel(self.axis_labels[1])
        self.axes_, self.ax_, self.figure_ = axes, axes[0], axes[0].figure
        self.legend_ = None
        if legend:
            self.legend_ = outside_legend(
                axes[-1], whole_figure=own_figure, handles=self._legend_handles(styles)
            )
        return self

    def _title(self, name):
        if not self.scores:
            return name
        lines = {panel: self._score_lines(panel) for panel in self.labelings}
        # Empty lines keep the names of all panels on one height.
        missing = max(map(len, lines.values())) - len(lines[name])
        return "\n".join([name, *lines[name], *[""] * missing])

    def _score_lines(self, name):
        if name not in self.scores:
            return []
        score = self.scores[name]
        named = score if isinstance(score, Mapping) else {self.score_name: score}
        return [f"{what} {value:.2f}" for what, value in named.items()]

    def _legend_handles(self, styles):
        """One marker for each group that any panel shows, and one for all that are not listed."""
        from matplotlib.lines import Line2D

        def marker(style, color, edge):
            return Line2D(
                [], [], ls="", marker=style, ms=6, mfc=color, mec=edge, mew=0.6 if edge else 0
            )

        present = np.unique(np.concatenate([*self.labelings.values()]))
        handles = {"noise": marker("o", NOISE_COLOR, NOISE_COLOR)} if NOISE in present else {}
        for label in present[np.isin(present, [*styles])].tolist():
            style = styles[label]
            other = self._is_other(label)
            name = "other groups" if other else group_name(label, style, self.label_names)
            edge = EDGE_COLOR if style.novel else style.color
            handles[name] = marker(style.marker, style.color, edge)
        return handles

    def _is_other(self, label):
        return self.n_listed is not None and label >= self.n_listed
