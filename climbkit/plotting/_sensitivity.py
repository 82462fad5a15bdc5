"""Scores against the share of labels that a clusterer is given."""

import warnings
from collections.abc import Mapping

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils import check_random_state

from climbkit.base import UNLABELLED, check_partial_labels
from climbkit.plotting._style import new_axes, tidy_axes

# Name in the legend, colour (P. Tol's "vibrant" scheme, see _style), line style and marker.
_KNOWN_SCORES = {
    "ari": ("ARI, seeds counted", "#EE7733", "-", "s"),
    "copy_ari": ("ARI of copying the seeds", "#777777", "--", ""),
    "held_out_ari": ("ARI, held-out rows only", "#0077BB", "-", "o"),
    "held_out_recall": ("recall, held-out rows", "#009988", "-", "^"),
    "acceptance": ("judged non-members let in", "#CC3311", ":", "D"),
    "open_set_ari": ("open-set ARI", "#EE3377", "-", "v"),
}
_OTHER_COLORS = ("#332288", "#882255", "#117733", "#999933", "#AA4499")
_DEFAULT_SCORES = ("ari", "copy_ari", "held_out_ari", "acceptance")
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_MAX_SEED = 2**31 - 1


class SeedSensitivityDisplay:
    """Curves of scores against the share of the known labels that are given as seeds.

    A score that counts the seeds rises with their share even where nothing is learned, since
    seeds are copied into the answer; the curve of *copying the seeds* shows by how much. Scores
    on held-out rows do not.

    Make one by `from_estimator`, or from scores that are there already.

    Parameters
    ----------
    shares : array-like of shape (n_shares,)
        Shares of the known labels, between 0 and 1.
    scores : mapping of str to array-like of shape (n_shares, n_splits) or (n_shares,)
        Scores by name. ``"ari"``, ``"copy_ari"``, ``"held_out_ari"``, ``"held_out_recall"``,
        ``"acceptance"`` and ``"open_set_ari"`` get their own look; other names stand in the
        legend as they are. NaN is left out.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure that holds them.
    lines_ : dict of str to matplotlib Line2D
        Curve of the mean, by score.
    bands_ : dict of str to matplotlib FillBetweenPolyCollection
        Band from the smallest to the largest score over the splits, where there are several.

    See Also
    --------
    climbkit.model_selection.SeedHoldout : The held-out score as a number to search by.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from climbkit.plotting import SeedSensitivityDisplay
    >>> scores = {"ari": [[0.2, 0.3], [0.7, 0.8]], "held_out_ari": [[0.2, 0.4], [0.3, 0.3]]}
    >>> display = SeedSensitivityDisplay([0.1, 0.9], scores).plot()
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['ARI, seeds counted', 'ARI, held-out rows only']
    >>> plt.close(display.figure_)
    """

    def __init__(self, shares, scores):
        self.shares = shares
        self.scores = scores

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        judged=None,
        shares=_SHARES,
        n_splits=5,
        scores=_DEFAULT_SCORES,
        random_state=None,
        n_jobs=None,
        ax=None,
        **plot_kwargs,
    ):
        """Fit with growing shares of the known labels, score, and draw.

        Parameters
        ----------
        estimator : clusterer or Pipeline
            Its ``fit_predict(X, y)`` takes -1 for unlabelled. It is cloned.
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            All known labels, -1 where none is known.
        judged : array-like of shape (n_samples,), dtype bool, default=None
            Rows known to belong to no group; without them ``"acceptance"`` and
            ``"open_set_ari"`` are left out.
        shares : sequence of float, default=(0.1, 0.2, ..., 0.9)
            Shares of each group's labels to give, between 0 and 1 (exclusive).
        n_splits : int, default=5
            Random choices of the seeds for each share.
        scores : sequence of str, default=("ari", "copy_ari", "held_out_ari", "acceptance")
            What to draw, from `climbkit.metrics.score_report`, and ``"copy_ari"``.
        random_state : int, RandomState instance or None, default=None
            For the choices.
        n_jobs : int, default=None
            Fits at once, as in joblib. The result does not depend on it.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : SeedSensitivityDisplay
            Drawn.

        Raises
        ------
        ValueError
            If a share is not between 0 and 1, a score is unknown, or y holds no label.

        Notes
        -----
        Costs ``len(shares) * n_splits`` fits.
        """
        shares = np.asarray(shares, dtype=float)
        if shares.ndim != 1 or not len(shares) or not np.all((shares > 0) & (shares < 1)):
            raise ValueError(f"shares must lie between 0 and 1 (exclusive); got {shares}.")
        if n_splits < 1:
            raise ValueError(f"n_splits must be at least 1; got {n_splits}.")
        unknown = sorted(set(scores) - set(_KNOWN_SCORES))
        if unknown:
            raise ValueError(f"scores names {unknown}; allowed are {list(_KNOWN_SCORES)}.")
        y = check_partial_labels(y, X)
        if not np.any(y != UNLABELLED):
            raise ValueError("y holds no known label: every entry is -1.")
        if judged is None:
            scores = [name for name in scores if name not in ("acceptance", "open_set_ari")]
        rng = check_random_state(random_state)
        # Each split's own seed, drawn beforehand, keeps the result independent of n_jobs.
        draws = rng.randint(_MAX_SEED, size=(len(shares), n_splits))
        reports = Parallel(n_jobs=n_jobs)(
            delayed(_report)(estimator, X, y, judged, share, int(seed))
            for share, row in zip(shares, draws, strict=True)
            for seed in row
        )
        table = {
            name: np.array([report[name] for report in reports]).reshape(draws.shape)
            for name in scores
        }
        return cls(shares, table).plot(ax=ax, **plot_kwargs)

    def plot(self, ax=None, *, title=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        title : str, default=None
            Title.

        Returns
        -------
        display : SeedSensitivityDisplay
            This one.
        """
        shares, scores = self._checked()
        if ax is None:
            ax = new_axes(width=8.4, height=4.6)[1][0, 0]
        self.lines_, self.bands_ = {}, {}
        for k, (name, values) in enumerate(scores.items()):
            other = (name, _OTHER_COLORS[k % len(_OTHER_COLORS)], "-", "P")
            label, color, style, marker = _KNOWN_SCORES.get(name, other)
            mean, low, high = _summary(values)
            if values.shape[1] > 1:
                self.bands_[name] = ax.fill_between(
                    100 * shares, low, high, color=color, alpha=0.18, lw=0
                )
            (self.lines_[name],) = ax.plot(
                100 * shares, mean, color=color, ls=style, marker=marker, ms=5, lw=1.8, label=label
            )
        ax.set(xlabel="known labels given as seeds [%]", ylabel="score")
        ax.set_ylim(min(0.0, ax.get_ylim()[0]), 1.02)
        tidy_axes(ax)
        ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False, borderaxespad=0.0)
        if title is not None:
            ax.set_title(title)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _checked(self):
        shares = np.asarray(self.shares, dtype=float)
        if not isinstance(self.scores, Mapping) or not self.scores:
            raise ValueError("scores must be a mapping of at least one name to scores.")
        scores = {}
        for name, values in self.scores.items():
            values = np.asarray(values, dtype=float)
            values = values[:, None] if values.ndim == 1 else values
            if values.ndim != 2 or len(values) != len(shares):
                raise ValueError(
                    f"scores[{name!r}] must have a row for each of the {len(shares)} shares; got "
                    f"shape {values.shape}."
                )
            scores[name] = values
        order = np.argsort(shares, kind="stable")
        return shares[order], {name: values[order] for name, values in scores.items()}


def _summary(values):
    """Mean, smallest and largest of each row, NaN left out; NaN where nothing else is left."""
    with warnings.catch_warnings():
        # An all-NaN row is a gap in the curve, and nothing to warn of.
        warnings.simplefilter("ignore", RuntimeWarning)
        return tuple(f(values, axis=1) for f in (np.nanmean, np.nanmin, np.nanmax))


def _report(estimator, X, y, judged, share, seed):
    """Scores of one fit with a share of the labels."""
    from sklearn.metrics import adjusted_rand_score

    from climbkit.metrics import score_report
    from climbkit.model_selection import hide_seeds

    given = hide_seeds(y, test_size=1.0 - share, random_state=seed)
    labels = clone(estimator).fit_predict(X, given)
    known = y != UNLABELLED
    report = score_report(y, labels, y_partial=given, judged=judged)
    return {**report, "copy_ari": float(adjusted_rand_score(y[known], given[known]))}
