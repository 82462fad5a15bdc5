"""One star cluster in four panels: sky, parallax, proper motion, colour and magnitude."""

import numpy as np

from climbkit.plotting._four_panel_data import ClusterView, find_cluster, named_clusters
from climbkit.plotting._four_panel_draw import (
    Ink,
    draw_histogram,
    draw_motion,
    draw_points,
    draw_sky,
    limit_diagram,
    limit_parallax,
)
from climbkit.plotting._style import import_pyplot

_CMAP = "viridis_r"
_PANEL = 3.4  # inches, side of a panel


class FourPanelDisplay:
    """One cluster on the sky, in parallax, in proper motion, and in colour and magnitude.

    Make one by `from_estimator` or `from_candidate`. Members are dark, the more probable the
    darker; the other stars of the same piece of sky are faint. The ring has the half-number
    radius. A panel for which the stars have no columns says so.

    Parameters
    ----------
    stars : DataFrame of shape (n_stars, n_columns)
        Stars in and around the cluster, with Gaia's column names.
    rows : array-like of int of shape (n_rows,)
        Row numbers of the cluster's stars.
    probabilities : array-like of shape (n_rows,), default=None
        Their membership probabilities. None: all of them are members.
    min_probability : float, default=0.5
        Members have at least this probability.
    center : tuple of (float, float), default=None
        Longitude and latitude of the centre, degrees. None: the mean direction of the members.
    r50 : float, default=None
        Half-number radius, degrees. None, or NaN: no ring.
    title : str, default=""
        What to write above: the name in the first line, numbers in the second.
    frame : tuple of str, default=("l", "b")
        Columns of longitude and latitude.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, shape (2, 2)
        Panels: sky and parallax above, proper motion and diagram below.
    figure_ : matplotlib Figure
        Figure that holds them.
    colorbar_ : matplotlib Colorbar or None
        Of the probabilities, where there are any.

    See Also
    --------
    CandidateDisplay : All candidates on the sky.
    CMDDisplay : Diagrams of many candidates.

    Notes
    -----
    The parallaxes of the other stars are scaled to the area of the members' histogram. What is
    shown follows Baloyi et al. [1]_.

    References
    ----------
    .. [1] Baloyi et al. (2025), a search for globular clusters in Gaia DR3.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from climbkit.datasets import make_cluster_field
    >>> from climbkit.plotting import FourPanelDisplay
    >>> field = make_cluster_field(3_000, n_clusters=1, random_state=0)
    >>> display = FourPanelDisplay(field.data, np.flatnonzero(field.target == 0)).plot()
    >>> display.axes_[1, 1].get_ylabel()
    'G [mag]'
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        stars,
        rows,
        probabilities=None,
        *,
        min_probability=0.5,
        center=None,
        r50=None,
        title="",
        frame=("l", "b"),
    ):
        self.stars = stars
        self.rows = rows
        self.probabilities = probabilities
        self.min_probability = min_probability
        self.center = center
        self.r50 = r50
        self.title = title
        self.frame = frame

    @classmethod
    def from_estimator(cls, search, cluster=0, *, min_probability=None, **plot_kwargs):
        """Draw a cluster that a search found.

        Parameters
        ----------
        search : ClusterSearch
            Fitted; its ``cluster_set_`` is drawn.
        cluster : int or str, default=0
            Row number in ``clusters_``, name or candidate_id.
        min_probability : float, default=None
            As in `from_candidate`.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : FourPanelDisplay
            Drawn.
        """
        return cls.from_candidate(
            named_clusters(search), cluster, min_probability=min_probability, **plot_kwargs
        )

    @classmethod
    def from_candidate(cls, candidates, candidate=0, *, min_probability=None, **plot_kwargs):
        """Draw one candidate of a set.

        Parameters
        ----------
        candidates : CandidateSet
            With stars that have l and b, or ra and dec.
        candidate : int or str, default=0
            Row number, candidate_id, or what stands in the column ``name``.
        min_probability : float, default=None
            Members have at least this probability. None: the column ``membership_threshold``,
            else 0.5; all stars of a candidate without probabilities are members.
        **plot_kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : FourPanelDisplay
            Drawn.

        Raises
        ------
        ValueError
            If there is no such candidate, or the set has no stars or no positions.
        """
        return cls(**find_cluster(candidates, candidate, min_probability)).plot(**plot_kwargs)

    def plot(
        self,
        *,
        axes=None,
        half_width=None,
        motion_half_width=None,
        parallax="histogram",
        n_bins=None,
        max_stars=20_000,
        cmap=_CMAP,
    ):
        """Draw.

        Parameters
        ----------
        axes : array-like of four matplotlib Axes, default=None
            Sky, parallax, proper motion, diagram. None: a new figure.
        half_width : float, default=None
            Half of the side of the piece of sky that is shown, degrees. None: what holds nearly
            all members. The published figures have 0.5.
        motion_half_width : float, default=None
            Half of the side of the proper-motion panel, mas/yr. None: by the members' scatter.
            The published figures have 5.
        parallax : {"histogram", "magnitude"}, default="histogram"
            Number of stars by parallax, or parallax against magnitude.
        n_bins : int, default=None
            Bins of the histogram. None: one for every 15 members, as published, but from 5 to 60.
        max_stars : int, default=20_000
            Of more other stars, every so-manieth is drawn as a point.
        cmap : str or matplotlib Colormap, default="viridis_r"
            Colours of the probabilities, of which the palest part is left out.

        Returns
        -------
        self : FourPanelDisplay
            Drawn.
        """
        if parallax not in ("histogram", "magnitude"):
            raise ValueError(f"parallax must be 'histogram' or 'magnitude'; got {parallax!r}.")
        view = ClusterView(self, half_width, max_stars)
        own = axes is None
        self.axes_ = _new_panels() if own else np.asarray(axes, dtype=object).reshape(2, 2)
        self.figure_ = self.axes_[0, 0].figure
        ink = Ink(view, self.min_probability, cmap)
        sky, second, motion, diagram = self.axes_.flat
        draw_sky(sky, view, ink, self.r50, self.frame)
        if parallax == "histogram":
            draw_histogram(second, view, n_bins)
        else:
            draw_points(second, view, ink, ("phot_g_mean_mag", "parallax"))
            limit_parallax(second, view)
        draw_motion(motion, view, ink, motion_half_width)
        draw_points(diagram, view, ink, ("bp_rp", "phot_g_mean_mag"))
        limit_diagram(diagram, view)
        self.colorbar_ = None
        if ink.mappable is not None:
            self.colorbar_ = self.figure_.colorbar(
                ink.mappable, ax=self.axes_, shrink=0.5, aspect=30, label="membership probability"
            )
        if self.title:
            name, _, numbers = self.title.partition("\n")
            if own:
                self.figure_.suptitle(f"{name}\n{numbers}" if numbers else name, fontsize="medium")
            else:
                sky.set_title(name)
        return self


def _new_panels():
    figure, axes = import_pyplot().subplots(
        2, 2, figsize=(2 * _PANEL * 1.18, 2 * _PANEL), layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    for ax in axes.flat:
        ax.set_box_aspect(1.0)
    return axes
