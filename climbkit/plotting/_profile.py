"""Radial profile of a cluster: stars in rings, and the fitted density."""

import numpy as np

from climbkit.plotting._style import EDGE_COLOR, KNOWN_COLORS, axis_label, new_axes, tidy_axes

_CURVE, _FIELD, _MARK = KNOWN_COLORS[0], "0.55", KNOWN_COLORS[1]
_POINTS = 500
_FEWEST_RINGS, _MOST_RINGS = 5, 20
_BAND = (16, 84)  # percentiles of sampled profiles
_DRAWN_SAMPLES = 200
_ROOM = 3.0  # factor below the lowest point, on a logarithmic axis
_WORDS = {"king": "King", "plummer": "Plummer"}
_MARKS = {"rc": "$r_c$", "rt": "$r_t$", "a": "$a$", "r50": "$R_{50}$"}


class ProfileDisplay:
    """Surface density of a cluster against radius, with the profile that was fitted to it.

    Make one by `from_estimator`. Rings hold about the same number of stars each; their bars are
    the errors of a Poisson number. The curve was fitted to the stars, not to the rings, unless
    it is the published one.

    Parameters
    ----------
    profile : RadialProfile
        As in the ``structures_`` of `climbkit.survey.ClusterStructure`.
    r50 : float, default=None
        Half-number radius to mark, arcmin.
    title : str, default=""
        What to write above.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on.
    figure_ : matplotlib Figure
        Figure that holds them.
    rings_ : ndarray of shape (n_rings, 4)
        Inner and outer radius (arcmin), density and its error (per arcmin^2).

    See Also
    --------
    CandidateDisplay : Candidates on the sky.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> import pandas as pd
    >>> from climbkit.plotting._profile import ProfileDisplay
    >>> from climbkit.survey._structure import ClusterStructure
    >>> rng = np.random.default_rng(0)
    >>> names = ["ra", "dec", "parallax", "pmra", "pmdec"]
    >>> cluster = rng.normal([150, 2, 0.1, 1, -2], [0.02, 0.02, 0.1, 0.1, 0.1], (80, 5))
    >>> errors = {f"{name}_error": 0.1 for name in names[2:]}
    >>> stars = pd.DataFrame(cluster, columns=names).assign(**errors)
    >>> structure = ClusterStructure(profile="plummer").fit(stars)
    >>> display = ProfileDisplay.from_estimator(structure)
    >>> display.ax_.get_xlabel()
    'radius [arcmin]'
    >>> plt.close(display.figure_)
    """

    def __init__(self, profile, *, r50=None, title=""):
        self.profile = profile
        self.r50 = r50
        self.title = title

    @classmethod
    def from_estimator(cls, structure, candidate=0, *, title=None, ax=None, **plot_kwargs):
        """Draw the profile of one candidate.

        Parameters
        ----------
        structure : ClusterStructure
            Fitted.
        candidate : int or str, default=0
            Row number or candidate_id.
        title : str, default=None
            What to write above. None: the name, where the candidates have names, or the id.
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : ProfileDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the candidate has no profile.
        """
        results = structure.structures_
        ids = [each.candidate_id for each in results]
        number = ids.index(candidate) if candidate in ids else candidate
        if isinstance(number, str) or not -len(results) <= number < len(results):
            raise ValueError(
                f"candidate must be a row number below {len(results)} or a candidate_id; got "
                f"{candidate!r}."
            )
        result = results[number]
        if result.profile is None:
            why = result.reason or "profile=None was asked for"
            raise ValueError(f"candidate {candidate!r} has no profile: {why}.")
        if title is None:
            table = structure.candidates_.table
            title = str(table["name"].iloc[number]) if "name" in table else result.candidate_id
        display = cls(result.profile, r50=60.0 * result.r50, title=title)
        return display.plot(ax=ax, **plot_kwargs)

    def plot(self, ax=None, *, n_rings=None, scale="log"):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None: a new figure.
        n_rings : int, default=None
            Number of rings. None: the square root of the number of stars, from 5 to 20.
        scale : {"log", "linear"}, default="log"
            Of both axes.

        Returns
        -------
        self : ProfileDisplay
            Drawn.
        """
        if scale not in ("log", "linear"):
            raise ValueError(f'scale must be "log" or "linear"; got {scale!r}.')
        if ax is None:
            _, axes = new_axes()
            ax = axes[0, 0]
        self.rings_ = rings = self._rings(n_rings)
        middle = np.sqrt(0.5 * (rings[:, 0] ** 2 + rings[:, 1] ** 2))
        if self.profile.method == "binned":
            middle = 0.5 * (rings[:, 0] + rings[:, 1])  # where the fit took the densities to be
        first = 0.0 if scale == "linear" else 0.5 * middle[0]
        spacing = np.linspace if scale == "linear" else np.geomspace
        radii = spacing(first, self.profile.region, _POINTS)
        self._curves(ax, radii)
        ax.errorbar(
            middle,
            rings[:, 2],
            rings[:, 3],
            fmt="o",
            color=EDGE_COLOR,
            markersize=4,
            elinewidth=1.0,
            label=f"{self.profile.weights.sum():.0f} stars in rings",
            zorder=3,
        )
        ax.set(
            xlabel=axis_label("radius", "arcmin"),
            ylabel="stars per arcmin$^2$",
            title=self.title,
        )
        tidy_axes(ax)
        if scale == "log":
            filled = rings[:, 2] > 0
            low = np.min((rings[:, 2] - np.minimum(rings[:, 3], 0.7 * rings[:, 2]))[filled])
            ax.set(xscale="log", yscale="log")
            _plain_numbers(ax.xaxis)
            ax.set_ylim(bottom=low / _ROOM)
            ax.set_xlim(first, 1.15 * self.profile.region)
        else:
            ax.set_ylim(bottom=0.0)
            ax.set_xlim(0.0, 1.03 * self.profile.region)
        self._marks(ax)
        ax.legend(frameon=False, fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _rings(self, n_rings):
        """Rings of equal number of stars; the last one ends where the region does."""
        radii, weights, region = self.profile.radii, self.profile.weights, self.profile.region
        if n_rings is None:
            n_rings = int(np.clip(np.sqrt(len(radii)), _FEWEST_RINGS, _MOST_RINGS))
        if self.profile.method == "binned":
            edges = np.linspace(0.0, region, _FEWEST_RINGS + 1)
        else:
            # Between two stars, so that none lies on an edge.
            cut = np.linspace(0, len(radii), n_rings + 1)[1:-1].astype(int)
            cut = np.unique(cut[cut > 0])
            edges = np.unique([0.0, *(0.5 * (radii[cut - 1] + radii[cut])), region])
        area = np.pi * np.diff(edges**2)
        sums = np.histogram(radii, edges, weights=weights)[0]
        squares = np.histogram(radii, edges, weights=weights**2)[0]
        return np.column_stack([edges[:-1], edges[1:], sums / area, np.sqrt(squares) / area])

    def _curves(self, ax, radii):
        profile, model = self.profile, self.profile.model
        if profile.samples is not None:
            step = max(1, len(profile.samples) // _DRAWN_SAMPLES)
            drawn = [model.density(radii, *each) for each in profile.samples[::step]]
            low, high = np.percentile(drawn, _BAND, axis=0)
            ax.fill_between(radii, low, high, color=_CURVE, alpha=0.2, linewidth=0)
        ax.plot(radii, profile.density(radii), color=_CURVE, label=self._words())
        eta = profile.values["eta"]
        if eta > 0:
            ax.axhline(eta, color=_FIELD, linestyle="--", linewidth=1.0, label="background")

    def _words(self):
        """Name of the profile, and its scales with their errors."""
        profile = self.profile
        parts = []
        for name in profile.model.scales:
            value, error = profile.values[name], profile.errors[name]
            # Two digits of the error say all that there is.
            digits = 2 if not error > 0 else int(np.clip(1 - np.floor(np.log10(error)), 0, 4))
            tail = "" if not error > 0 else rf" $\pm$ {error:.{digits}f}"
            parts.append(f"{_MARKS[name]} = {value:.{digits}f}{tail}'")
        return f"{_WORDS[profile.model.name]}: {', '.join(parts)}"

    def _marks(self, ax):
        """Vertical lines at the scales that lie in the figure, with their names above."""
        profile = self.profile
        marks = {name: profile.values[name] for name in profile.model.scales}
        if self.r50 is not None and np.isfinite(self.r50):
            marks["r50"] = self.r50
        low, high = ax.get_xlim()
        for name, value in marks.items():
            if low < value < high:
                ax.axvline(value, color=_MARK, linestyle=":", linewidth=1.0, zorder=1)
                ax.annotate(
                    _MARKS[name],
                    (value, 1.0),
                    xycoords=("data", "axes fraction"),
                    xytext=(3, -3),
                    textcoords="offset points",
                    va="top",
                    color=_MARK,
                )


def _plain_numbers(axis):
    """Write 0.5, 1, 2, 5 on a logarithmic axis, which is but a decade or two long."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())
