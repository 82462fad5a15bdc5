"""A clustering in two or three of its features."""

import numpy as np

from climbkit.plotting._data import (
    Features,
    check_labels,
    check_rows,
    check_seeds,
    fitted_labels,
    known_labels_of,
    to_original,
    unwrap,
)
from climbkit.plotting._draw import draw_centers, draw_groups, draw_seeds, outside_legend, zoom_in
from climbkit.plotting._style import label_styles, new_axes, split_labels, tidy_axes


class ClusterDisplay:
    """Scatter plot of a clustering in two or three features.

    Make one by `from_estimator` or `from_predictions`. Noise lies below in light grey. Known
    groups have plain markers; novel ones, larger, have another shape and a dark edge. A label
    keeps its colour from figure to figure as long as the known labels are the same.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2) or (n_samples, 3)
        Rows in the features to draw.
    labels : ndarray of shape (n_samples,)
        Group of each row, -1 for noise.
    axis_labels : sequence of str
        What to write beside the axes.
    known_labels : array-like of int, default=None
        Labels that were known beforehand; others are drawn as novel. None: all are known.
    label_names : mapping of int to str, default=None
        Names for the legend. A group without one is "group 5", or "novel 16".
    seeds : ndarray of shape (n_samples,), dtype bool, default=None
        Rows to ring as seeds.
    centers : ndarray of shape (n_centers, 2) or (n_centers, 3), default=None
        Centres to mark.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure that holds them.
    legend_ : matplotlib Legend or None
        Legend, where one was asked for.

    See Also
    --------
    ComparisonDisplay : Several clusterings side by side.
    CLiMBDisplay : Both phases of CLiMB, with its gates.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.cluster import DBSCAN
    >>> from climbkit.plotting import ClusterDisplay
    >>> X = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [3.0, 3.0]]
    >>> model = DBSCAN(eps=0.5, min_samples=3).fit(X)
    >>> display = ClusterDisplay.from_estimator(model, X, feature_names=["Lz", "Energy"])
    >>> display.ax_.get_xlabel()
    'Lz'
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        points,
        labels,
        *,
        axis_labels,
        known_labels=None,
        label_names=None,
        seeds=None,
        centers=None,
    ):
        self.points = points
        self.labels = labels
        self.axis_labels = axis_labels
        self.known_labels = known_labels
        self.label_names = label_names
        self.seeds = seeds
        self.centers = centers

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
        show_centers=True,
        ax=None,
        **plot_kwargs,
    ):
        """Draw the labels of a fitted clusterer.

        Parameters
        ----------
        estimator : clusterer or Pipeline
            Fitted, with ``labels_``. Of a pipeline the last step is the clusterer, and its
            centres are taken back to the units of X.
        X : array-like of shape (n_samples, n_features)
            The rows that it was fitted on.
        y : array-like of shape (n_samples,), default=None
            Partial labels that it was fitted with: their rows are ringed as seeds.
        features : sequence of 2 or 3 int or str, default=None
            Features to draw, by number or name. None: the first two.
        feature_names : sequence of str, default=None
            Names of all features. None: the columns of a DataFrame, else numbers.
        units : mapping of str to str, or sequence of str, default=None
            Units of the features.
        label_names : mapping of int to str, default=None
            Names for the legend.
        show_centers : bool, default=True
            Mark ``cluster_centers_`` where the clusterer has them.
        ax : matplotlib Axes, default=None
            Axes to draw on; three-dimensional for three features. None: a new figure.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : ClusterDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the estimator has no labels for these rows, or a feature is unknown.
        NotFittedError
            If the estimator is not fitted.
        """
        before, clusterer = unwrap(estimator)
        labels = fitted_labels(clusterer, X)
        centers = getattr(clusterer, "cluster_centers_", None) if show_centers else None
        if centers is not None:
            centers = to_original(before, centers)
        return cls.from_predictions(
            X,
            labels,
            features=features,
            feature_names=feature_names,
            units=units,
            known_labels=known_labels_of(clusterer, y),
            label_names=label_names,
            seeds=y,
            centers=centers,
            ax=ax,
            **plot_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        X,
        labels,
        *,
        features=None,
        feature_names=None,
        units=None,
        known_labels=None,
        label_names=None,
        seeds=None,
        centers=None,
        ax=None,
        **plot_kwargs,
    ):
        """Draw labels, wherever they come from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        labels : array-like of shape (n_samples,)
            Group of each row, -1 for noise.
        features, feature_names, units, label_names, ax
            As in `from_estimator`.
        known_labels : array-like of int, default=None
            Labels that were known beforehand; others are drawn as novel. None: all are known.
        seeds : array-like of shape (n_samples,), default=None
            Rows to ring: a boolean mask, or partial labels, -1 for rows that are no seeds.
        centers : array-like of shape (n_centers, n_features), default=None
            Centres to mark.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : ClusterDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the lengths differ or a feature is unknown.
        """
        chosen = Features.choose(X, features, feature_names, units)
        rows = check_rows(X)
        display = cls(
            chosen.of(rows),
            check_labels(labels, rows),
            axis_labels=chosen.axis_labels,
            known_labels=known_labels,
            label_names=label_names,
            seeds=check_seeds(seeds, rows),
            centers=None if centers is None else chosen.of(centers),
        )
        return display.plot(ax=ax, **plot_kwargs)

    def plot(self, ax=None, *, legend=True, title=None, zoom=None, size=None, alpha=None):
        """Draw on axes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        legend : bool, default=True
            Write a legend with the size of each group, right of the axes.
        title : str, default=None
            Title.
        zoom : float, default=None
            Limit the axes to the central share of the rows in each feature, for instance 0.99,
            and write how many lie outside: one outlier can shrink the rest to a dot.
        size : float, default=None
            Area of a member's marker, in points squared. None: by the number of rows.
        alpha : float, default=None
            Opacity of noise and of known groups. None: by the number of rows.

        Returns
        -------
        display : ClusterDisplay
            This one.
        """
        own_figure = ax is None
        if own_figure:
            projection = "3d" if self.points.shape[1] == 3 else None
            ax = new_axes(projection=projection, width=8.0, height=5.2)[1][0, 0]
        elif (ax.name == "3d") != (self.points.shape[1] == 3):
            raise ValueError(
                f"ax must have as many dimensions as there are features to draw: "
                f"{self.points.shape[1]}."
            )
        known, novel = split_labels(self.labels, self.known_labels)
        styles = label_styles(known, novel)
        draw_groups(
            ax, self.points, self.labels, styles, names=self.label_names, size=size, alpha=alpha
        )
        if self.seeds is not None and np.any(self.seeds):
            draw_seeds(ax, self.points[self.seeds], n_points=len(self.points), size=size)
        if self.centers is not None and len(self.centers):
            draw_centers(ax, self.centers)
        self._label_axes(ax)
        zoom_in(ax, self.points, zoom)
        if title is not None:
            ax.set_title(title)
        self.ax_, self.figure_ = ax, ax.figure
        self.legend_ = outside_legend(ax, whole_figure=own_figure) if legend else None
        return self

    def _label_axes(self, ax):
        setters = [ax.set_xlabel, ax.set_ylabel]
        if self.points.shape[1] == 3:
            setters.append(ax.set_zlabel)
        for setter, text in zip(setters, self.axis_labels, strict=True):
            setter(text)
        tidy_axes(ax)
