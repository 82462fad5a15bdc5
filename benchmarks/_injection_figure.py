"""The figure of injection and recovery: completeness and purity over what clusters are like."""

import numpy as np
from scipy import stats

from climbkit.pipelines._cluster_defaults import default_stage
from climbkit.plotting._style import KNOWN_COLORS

RICHNESS_EDGES = (10, 20, 40, 80, 160, 500)
_R50_EDGES = (0.005, 0.02, 0.04, 0.08, 0.15, 0.35)
_DISTANCE_EDGES = (1, 2, 4, 8, 15, 30)
# Reported clusters may have other sizes than those that were put in.
_REPORTED_RICHNESS = (10, 20, 40, 80, 160, 100_000)
_REPORTED_R50 = (0.0, 0.02, 0.04, 0.08, 0.15, 0.35, 90.0)
_OPEN = (100_000, 90.0)  # edges that stand for none
#: Scores with a limit: label, parameter of the limit, and whether it is the least that passes.
SCORES = {
    "evidence": ("least log likelihood ratio to the field alone", "min_evidence", True),
    "p_cst": ("largest p of the significance test", "max_p_cst", False),
    "p_class": ("least p of the colour-magnitude diagram", "min_class_probability", True),
}
RICH = 30  # members
_MEMBERS = "members that Gaia sees"
_LEVEL = 0.68
_COMPLETE, _PURE = "#0077BB", "#EE7733"  # P. Tol's "vibrant", apart for the colour-blind


def jeffreys(k, n):
    """Interval of a share of k in n."""
    low, high = stats.beta.ppf([(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], k + 0.5, n - k + 0.5)
    return (0.0 if k == 0 else float(low)), (1.0 if k == n else float(high))


def share_by(table, column, low, high):
    """Rows in a range."""
    return table[(table[column] >= low) & (table[column] < high)]


def _counts(table, hits, x, x_edges, y, y_edges):
    """Number of hits and of rows in each cell, shape (n_y, n_x)."""
    # The last edges belong to the last cells.
    edges = [np.array(y_edges, dtype=float), np.array(x_edges, dtype=float)]
    values = np.column_stack([table[y], table[x]]).astype(float)
    of = np.asarray(hits, dtype=bool)
    return tuple(np.histogramdd(values[keep], edges)[0] for keep in (of, np.ones(len(of), bool)))


def _map(ax, counts, x_edges, y_edges, colors):
    """Draw shares as a map, with the counts written into it."""
    hits, all_ = counts
    share = np.where(all_ > 0, hits / np.maximum(all_, 1), np.nan)
    mesh = ax.pcolormesh(
        np.arange(len(x_edges)), np.arange(len(y_edges)), share, vmin=0, vmax=1, cmap=colors,
        edgecolors="white", linewidth=1,
    )  # fmt: skip
    for row, column in np.ndindex(*hits.shape):
        if all_[row, column]:
            dark = share[row, column] > 0.55
            text = f"{hits[row, column]:.0f}/{all_[row, column]:.0f}"
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8,
                    color="white" if dark else "black")  # fmt: skip
    for axis, edges in ((ax.xaxis, x_edges), (ax.yaxis, y_edges)):
        axis.set_ticks(np.arange(len(edges)), [_edge(e, edges[-1]) for e in edges])
    ax.figure.colorbar(mesh, ax=ax, pad=0.02)


def _edge(value, last):
    return "more" if value == last and last in _OPEN else f"{value:g}"


def _pairs(first, second):
    return zip(first, second, strict=True)


def _row_of(clusters, reports):
    """Number in `clusters` of what each report is of, -1 for nothing that was put in."""
    number = clusters.groupby("search").cumcount()
    row_of = dict(zip(_pairs(clusters["search"], number), range(len(clusters)), strict=True))
    pairs = _pairs(reports["search"], reports["cluster"])
    return np.array([row_of.get(pair, -1) for pair in pairs], dtype=np.int64)


def threshold_counts(clusters, reports, column, levels):
    """Count what would be found and reported at other limits of one score, all else as it is.

    Parameters
    ----------
    clusters, reports : DataFrame
        Clusters that were put in; candidates that were looked at.
    column : str
        Score.
    levels : ndarray of shape (n_levels,)
        Limits.

    Returns
    -------
    counts : dict of str to ndarray of shape (n_levels, 2)
        Number of hits, and of how many.
    """
    _, limit, least = SCORES[column]
    others = [set(reason.split(", ")) <= {"", limit} for reason in reports["rejected_by"]]
    able = reports[others]
    score = able[column].to_numpy(dtype=float)
    score = np.where(np.isnan(score), np.inf if least else -np.inf, score)  # not told: passed
    row, is_true = _row_of(clusters, able), (able["cluster"] >= 0).to_numpy()
    whole = is_true & (able["f1"] > 0.5).to_numpy() & (able["recall"] >= 0.5).to_numpy()
    rich = (clusters["n_members"] >= RICH).to_numpy()
    scrambled = able["scrambled"].to_numpy(dtype=bool)
    counts = {name: [] for name in ("complete", "rich", "pure", "scrambled")}
    for level in levels:
        kept = score >= level if least else score <= level
        found = np.zeros(len(clusters), dtype=bool)
        found[row[kept & whole]] = True
        counts["complete"].append((found.sum(), len(found)))
        counts["rich"].append((np.sum(found & rich), rich.sum()))
        counts["pure"].append((np.sum(kept & is_true), kept.sum()))
        counts["scrambled"].append((np.sum(kept & is_true & scrambled), np.sum(kept & scrambled)))
    return {name: np.array(pairs, dtype=np.int64) for name, pairs in counts.items()}


def _thresholds(ax, clusters, reports, column):
    """Draw completeness and purity against the limit of one score."""
    label, limit, least = SCORES[column]
    score = reports[column].dropna()
    score = score[score > 0]
    if column == "p_class":
        levels = np.linspace(0, 0.99, 100)
    else:
        low, high = score.min(), 1.0 if column == "p_cst" else 500.0
        levels = np.geomspace(low, high, 60)
        ax.set_xscale("log")
    counts = threshold_counts(clusters, reports, column, levels)
    for name, color, style, words in (
        ("complete", _COMPLETE, "-", "completeness, all"),
        ("rich", _COMPLETE, "--", f"completeness, ≥ {RICH} members"),
        ("pure", _PURE, "-", "purity, all fields"),
        ("scrambled", _PURE, "--", "purity, scrambled fields"),
    ):
        k, n = counts[name].T
        share = np.where(n, k / np.maximum(n, 1), np.nan)
        ax.plot(levels, share, color=color, ls=style, label=words)
        bounds = np.array([jeffreys(a, b) if b else (np.nan, np.nan) for a, b in _pairs(k, n)])
        ax.fill_between(levels, *bounds.T, color=color, alpha=0.15, lw=0)
    ax.set(xlabel=label, ylabel="share", ylim=(0, 1.03), title="Other limits, all else as it is")
    if (ours := default_stage("selection").get_params()[limit]) is not None:
        ax.axvline(ours, color="0.5", lw=0.8, ls=":")
    ax.legend(loc="lower left" if least else "lower right", fontsize=8, frameon=False)


def _by_field(ax, clusters):
    """Draw completeness against richness, for each field."""
    edges = np.array(RICHNESS_EDGES, dtype=float)
    middles = np.sqrt(edges[:-1] * edges[1:])
    for number, (name, part) in enumerate(clusters.groupby("field")):
        counts = [
            share_by(part, "n_members", *pair)["found"] for pair in _pairs(edges[:-1], edges[1:])
        ]
        k, n = np.array([(own.sum(), len(own)) for own in counts], dtype=int).T
        share = np.where(n, k / np.maximum(n, 1), np.nan)
        bounds = np.array([jeffreys(a, b) if b else (np.nan, np.nan) for a, b in _pairs(k, n)])
        x = middles * 1.04 ** (number - 2)
        ax.errorbar(x, share, abs(bounds.T - share), color=KNOWN_COLORS[number % 9], label=name,
                    marker="os^vD"[number % 5], ms=4, lw=1, capsize=2)  # fmt: skip
    ax.set(xscale="log", xlabel=_MEMBERS, ylabel="share found", ylim=(-0.03, 1.03))
    ax.set(title="Completeness by field")
    ax.set_xticks(edges, [f"{edge:g}" for edge in edges])
    ax.minorticks_off()
    ax.legend(fontsize=8, frameon=False)


def draw(clusters, reports, searches, path):
    """Draw the figure to a file."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, 3, figsize=(15, 8.4), layout="constrained")
    for ax, y, edges, label in (
        (axes[0, 0], "r50", _R50_EDGES, "half-number radius (deg)"),
        (axes[0, 1], "distance", _DISTANCE_EDGES, "distance (kpc)"),
    ):
        counts = _counts(clusters, clusters["found"], "n_members", RICHNESS_EDGES, y, edges)
        _map(ax, counts, RICHNESS_EDGES, edges, "Blues")
        ax.set(xlabel=_MEMBERS, ylabel=label, title="Completeness: found / put in")
    _by_field(axes[0, 2], clusters)
    told = reports[reports["rejected_by"] == ""]
    told = told[(told["cluster"] >= 0) | (told["type"] == "candidate") | told["scrambled"]]
    counts = _counts(
        told, told["cluster"] >= 0, "n_members", _REPORTED_RICHNESS, "r50", _REPORTED_R50
    )
    _map(axes[1, 0], counts, _REPORTED_RICHNESS, _REPORTED_R50, "Oranges")
    axes[1, 0].set(
        xlabel="members reported",
        ylabel="half-number radius reported (deg)",
        title="Purity: put in / reported",
    )
    there = [name for name in SCORES if reports[name].notna().any()][-2:]
    for ax, column in zip(axes[1, 1:], there, strict=False):
        _thresholds(ax, clusters, reports, column)
    real = int(np.sum(clusters["source"] == "real"))
    fig.suptitle(
        f"{real} real clusters moved away and {len(clusters) - real} synthetic ones in parts of "
        f"{searches['field'].nunique()} real fields of Gaia without their own clusters; in "
        f"{int(searches['scrambled'].sum())} of {len(searches)} searches the places of the field's "
        "stars are scrambled",
        fontsize=10,
    )
    fig.savefig(path, dpi=100)
    plt.close(fig)
