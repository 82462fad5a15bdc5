"""What a threshold of probability selects: purity and completeness to expect."""

import numpy as np

from climbkit.plotting._style import KNOWN_COLORS, new_axes, tidy_axes

_CURVES = (("purity", KNOWN_COLORS[0]), ("completeness", KNOWN_COLORS[1]))
_SHADE = 0.2  # of the bands, opacity
_COLUMNS = ("threshold", "n_selected", "purity", "purity_std", "completeness", "completeness_std")


class SelectionDisplay:
    """Purity and completeness to expect above thresholds of probability, with their errors.

    Make one by `from_estimator`, or of a report of `PriorShift.report`.

    Parameters
    ----------
    report : DataFrame
        With the columns ``threshold``, ``n_selected``, ``purity``, ``completeness`` and their
        ``_std``.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure that holds them.

    See Also
    --------
    climbkit.spectra.PriorShift : Makes the report.
    sklearn.calibration.CalibrationDisplay : How well probabilities hold, where classes are known.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from climbkit.plotting import SelectionDisplay
    >>> report = pd.DataFrame({"threshold": [0.1, 0.5, 0.9], "n_selected": [90, 60, 20]})
    >>> report[["purity", "completeness"]] = [[0.5, 0.9], [0.7, 0.8], [0.9, 0.3]]
    >>> report[["purity_std", "completeness_std"]] = 0.05
    >>> display = SelectionDisplay(report).plot()
    >>> display.ax_.get_xlabel()
    'threshold of probability'
    >>> plt.close(display.figure_)
    """

    def __init__(self, report):
        self.report = report

    @classmethod
    def from_estimator(
        cls, estimator, X=None, *, proba=None, thresholds=None, ax=None, **plot_kwargs
    ):
        """Draw what an adapted `PriorShift` expects.

        Parameters
        ----------
        estimator : PriorShift
            Fitted.
        X : XPSpectra or array-like of shape (n_samples, ...), default=None
            Rows to select from.
        proba : ndarray, default=None
            Instead of X, probabilities; see `PriorShift.report`.
        thresholds : array-like of shape (n_thresholds,), default=None
            Probabilities from which on a row is selected. None: 0.02, 0.04, ..., 0.98.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : SelectionDisplay
            Drawn.

        Raises
        ------
        ValueError
            As `PriorShift.report`.
        """
        if thresholds is None:
            thresholds = np.arange(1, 50) / 50
        report = estimator.report(X, proba=proba, thresholds=thresholds)
        return cls(report).plot(ax=ax, **plot_kwargs)

    def plot(self, *, ax=None, title=""):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        title : str, default=""
            What to write above.

        Returns
        -------
        self : SelectionDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the report lacks a column.
        """
        missing = [name for name in _COLUMNS if name not in self.report]
        if missing:
            raise ValueError(f"report lacks the columns {', '.join(missing)}.")
        self.ax_ = new_axes()[1][0, 0] if ax is None else ax
        self.figure_ = self.ax_.figure
        threshold = self.report["threshold"].to_numpy(float)
        for name, color in _CURVES:
            value, error = (self.report[each].to_numpy(float) for each in (name, f"{name}_std"))
            self.ax_.plot(threshold, value, color=color, marker=".", label=name)
            low, high = (np.clip(value + sign * error, 0, 1) for sign in (-1, 1))
            self.ax_.fill_between(threshold, low, high, color=color, alpha=_SHADE, linewidth=0)
        self.ax_.set(
            xlabel="threshold of probability", ylabel="expected share", ylim=(0, 1.02), title=title
        )
        tidy_axes(self.ax_)
        self.ax_.legend(frameon=False)
        return self
