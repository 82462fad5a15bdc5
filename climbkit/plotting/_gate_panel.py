"""The panel that shows which gate decided each row."""

import numpy as np

from climbkit.plotting._draw import OUTLINE_LAYER
from climbkit.plotting._style import (
    EDGE_COLOR,
    RASTERIZE_FROM,
    point_alpha,
    point_size,
    tidy_axes,
)

# Gates of `KBound.decision_path`, from the most to the fewest rows as a rule, so that the
# few lie above; colours of P. Tol's "vibrant" scheme (see _style).
GATES = {
    "rejected_distance": ("too far", "#BBBBBB"),
    "rejected_probability": ("too unlikely", "#BBBBBB"),
    "rejected_density": ("density gate shut", "#EE7733"),
    "no_group": ("no group", "#BBBBBB"),
    "known_negative": ("known non-member", "#009988"),
    "assigned": ("taken", "#0077BB"),
    "seed_forced": ("seed, forced", "#CC3311"),
}
_N_BINS = 60

# With probabilities the axis of distances ends a little beyond the farthest row that has a
# chance of one in a hundred: most rows are far from every group.
_LEAST_PROBABILITY, _FARTHEST_SHOWN = 0.01, 1.1


def draw_gates(ax, gates, kbound, *, size=None):
    """Draw probability or density against distance, or distance alone where no other decides.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes.
    gates : DataFrame
        As `KBound.decision_path` returns it.
    kbound : KBound
        Fitted, for the thresholds.
    size : float, default=None
        Area of a marker, in points squared.
    """
    ax.set_title("Gates of phase 1", loc="left")
    ax.set_xlabel(f"distance to the nearest centre ({distance_unit(kbound)})")
    distance = gates["distance_to_nearest"].to_numpy()
    if not np.isfinite(distance).any():
        ax.text(0.5, 0.5, "no known group", ha="center", va="center", transform=ax.transAxes)
        return
    present = [gate for gate in GATES if (gates["gate"] == gate).any()]
    rows_of = {gate: (gates["gate"] == gate).to_numpy() for gate in present}
    tidy_axes(ax)
    if "probability" in gates:
        threshold = gates["probability_threshold"].iloc[0]
        _draw_scatter(ax, distance, gates["probability"].to_numpy(), rows_of, size)
        ax.set_ylabel("probability of the likeliest group")
        ax.set_xlim(0.0, _FARTHEST_SHOWN * distance[_near(gates, distance)].max())
        _guide(ax.axhline, threshold, f"probability ≥ {threshold:.2f}", "-")
    elif kbound.density_threshold == 0:
        _draw_histogram(ax, distance, rows_of, kbound.distance_threshold_)
    else:
        _draw_scatter(ax, distance, gates["local_density"].to_numpy(), rows_of, size)
        ax.set_ylabel("density (1 at the densest row)")
        ceiling = kbound.density_rule == "max"
        level = 1 - kbound.density_threshold if ceiling else kbound.density_threshold
        _guide(ax.axhline, level, f"density {'≤' if ceiling else '≥'} {level:g}", "--")
    limit = kbound.distance_threshold_
    if np.isfinite(limit):
        _guide(ax.axvline, limit, f"distance ≤ {limit:.4g}", "-")


def distance_unit(kbound):
    """In what the distances of a fitted KBound are measured, for an axis."""
    if kbound.covariances_ is not None:
        return "each group's own shape"
    return _metric_name(kbound.metric)


def _near(gates, distance):
    """Rows that set how far the axis goes: those with a chance, else the nearer half."""
    likely = gates["probability"].to_numpy() >= _LEAST_PROBABILITY
    return likely if likely.any() else distance <= np.median(distance)


def _draw_scatter(ax, distance, density, rows_of, size):
    n_points = len(distance)
    for k, (gate, rows) in enumerate(rows_of.items()):
        name, color = GATES[gate]
        ax.scatter(
            distance[rows],
            density[rows],
            c=color,
            s=size or point_size(n_points),
            alpha=max(point_alpha(n_points), 0.5),
            linewidths=0.0,
            zorder=1 + 0.1 * k,
            rasterized=int(rows.sum()) >= RASTERIZE_FROM,
            label=f"{name} ({rows.sum():,})",
        )


def _draw_histogram(ax, distance, rows_of, threshold):
    width = (distance.max() or 1.0) / _N_BINS
    if np.isfinite(threshold):
        # The threshold on the edge of a bin, so that no bin straddles it.
        width = threshold / max(1, round(threshold / width))
    ax.hist(
        [distance[rows] for rows in rows_of.values()],
        bins=np.arange(0.0, distance.max() + 2 * width, width),
        stacked=True,
        color=[GATES[gate][1] for gate in rows_of],
        label=[f"{GATES[gate][0]} ({rows.sum():,})" for gate, rows in rows_of.items()],
    )
    ax.set_ylabel("rows (the density gate is off)")


def _guide(line, at, name, style):
    line(at, color=EDGE_COLOR, lw=1.2, ls=style, zorder=OUTLINE_LAYER, label=name, alpha=0.9)


def _metric_name(metric):
    if not isinstance(metric, str):
        return getattr(metric, "__name__", "own metric")
    return {"euclidean": "Euclidean", "mahalanobis": "Mahalanobis"}.get(metric, metric)
