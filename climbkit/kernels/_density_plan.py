"""Gaussian sums over a tree whose parts are each done in the cheaper of two ways.

A node of the tree is a box of points. Its sums come either leaf by leaf from the leaves within the
cut-off (cheap where points are few), or by Fourier transforms over the box and a margin as wide as
the cut-off (cheap where they are many). Far outliers and crowded places are thus treated apart.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from ._density_costs import (
    BOX_COST,
    ERROR_SHARE,
    LEAF_COST,
    MODE_COST,
    SPREAD_COST,
    error_allowed,
    mode_limit,
    pair_cost,
)
from ._density_exp import EXP_FAST_ERROR
from ._density_fourier import MAX_DIMENSION, box_modes, fourier_sums
from ._density_tree import (
    LEAF_SIZE,
    level_twins,
    padded_columns,
    points_within,
    sources_within,
    tree_sums,
)
from ._density_tree_build import build_tree

# The candidates of this many leaves, evenly spaced, stand for those of all.
_SAMPLE_LEAVES = 512

# The largest density is taken from the points of this many leaves with the most neighbours.
_CROWDED_LEAVES = 2

# Nodes of fewer points are not looked at one by one, and a plan that costs at most this many times
# what spreading the points alone would is not improved any further: planning costs time too.
_SMALL_NODE = 2_000
_GOOD_ENOUGH = 1.6


class Plan(NamedTuple):
    """What to do with each part of the tree, and at what cost (ns).

    ``leaves`` are summed pair by pair, ``boxes`` (node, oversampling) by Fourier; ``splits`` are
    the nodes whose children were planned apart, children before their parents.
    """

    cost: float
    leaves: np.ndarray
    boxes: list
    splits: list


class DensityTree(NamedTuple):
    """Points sorted into a tree, with the cut-off that follows from them."""

    rows: np.ndarray  # the points, in the order of the tree
    order: np.ndarray  # their rows in the input
    columns: np.ndarray  # see `padded_columns`
    nodes: tuple  # first, last, lower and upper; see `build_tree`
    first: np.ndarray
    last: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    sizes: np.ndarray  # points in each node
    leaf_nodes: np.ndarray  # node of each leaf
    sampled: np.ndarray  # leaves that stand for all in the estimates of cost
    candidates: np.ndarray  # points near each of these
    error: float  # absolute error allowed to each part
    tolerance: float  # the same relative to the largest density
    cutoff: float  # squared distance beyond which pairs are left out
    fast: bool  # whether the quicker exponential will do


def sort_points(rows, atol, largest=None):
    """Sort points into a tree.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Points, scaled by 1 / (sqrt(2) bandwidth).
    atol : float
        Bound on the error relative to the largest density.
    largest : float, default=None
        A lower bound of the largest density. None takes one from the tree.

    Returns
    -------
    tree : DensityTree
    """
    n = len(rows)
    rows, order = rows.copy(), np.arange(n)
    nodes = build_tree(rows, order, LEAF_SIZE)
    first, last, lower, upper = nodes
    columns = padded_columns(rows, last[0])
    leaf_nodes = np.flatnonzero(last - first == 1)
    sampled = np.arange(0, len(leaf_nodes), -(-len(leaf_nodes) // _SAMPLE_LEAVES))
    if largest is None:
        largest = _largest_density(nodes, columns, rows, leaf_nodes[sampled])
    error = error_allowed(atol, largest)
    # n exp(-cutoff) is the most that pairs beyond the cut-off can add.
    cutoff = max(math.log(n / error), 1.0)
    return DensityTree(
        rows=rows,
        order=order,
        columns=columns,
        nodes=nodes,
        first=first,
        last=last,
        lower=lower,
        upper=upper,
        sizes=np.minimum(last * LEAF_SIZE, n) - first * LEAF_SIZE,
        leaf_nodes=leaf_nodes,
        sampled=sampled,
        candidates=_count(nodes, leaf_nodes[sampled], cutoff),
        error=error,
        tolerance=ERROR_SHARE * atol,
        cutoff=cutoff,
        fast=atol * (1.0 - 3.0 * ERROR_SHARE) > EXP_FAST_ERROR,
    )


def _count(nodes, targets, cutoff):
    """Count the points of the leaves within the cut-off of each target node."""
    counts = np.empty(len(targets), np.int64)
    points_within(nodes, targets, cutoff, counts)
    return counts


def _largest_density(nodes, columns, rows, sampled):
    """Return a lower bound of the largest density, from the points of a few of the leaves."""
    # Within half a unit (squared), one bandwidth, a Gaussian is above 0.6.
    near = _count(nodes, sampled, 0.5)
    best = sampled[np.argsort(-near, kind="stable")[:_CROWDED_LEAVES]]
    out = np.zeros(len(rows))
    tree_sums(nodes, columns, rows, best, 4.0, False, out)
    return max(1.0, float(out.max()))


def leaf_plan(tree):
    """Plan to sum all leaves pair by pair."""
    return Plan(_leaf_cost(tree, 0), np.arange(len(tree.leaf_nodes)), [], [])


def _leaf_cost(tree, node):
    """Estimate the cost of summing the points of a node leaf by leaf."""
    low = np.searchsorted(tree.sampled, tree.first[node])
    high = np.searchsorted(tree.sampled, tree.last[node])
    if low == high:
        low = max(low - 1, 0)
        high = low + 1
    candidates = tree.candidates[low:high].mean()
    pairs = tree.sizes[node] * candidates * pair_cost(tree.rows.shape[1])
    return pairs + LEAF_COST * (tree.last[node] - tree.first[node])


def fourier_plan(tree):
    """Plan the cheapest mixture of Fourier boxes and leaves."""
    if tree.rows.shape[1] > MAX_DIMENSION:
        return leaf_plan(tree)
    cost, leaves, boxes, splits = _plan_node(tree, 0)
    leaves = np.concatenate([np.arange(0), *(np.arange(a, b) for a, b in leaves)])
    return Plan(cost, leaves, boxes, splits)


def _plan_node(tree, node):
    """Return cost, runs of leaves, boxes and splits of the cheapest way for one node."""
    run = [(tree.first[node], tree.last[node])]
    by_leaf = _leaf_cost(tree, node)
    # No box inside this node can cost less than this.
    spread = 2.0 * tree.sizes[node] * SPREAD_COST[2.0][tree.rows.shape[1] - 1]
    if by_leaf <= spread + BOX_COST or tree.sizes[node] < _SMALL_NODE:
        return by_leaf, run, [], []
    by_fourier, oversampling = _fourier_cost(tree, node)
    box = [(node, oversampling)]
    if by_fourier <= _GOOD_ENOUGH * spread + BOX_COST:
        return by_fourier, [], box, []
    left = _plan_node(tree, node + 1)
    right = _plan_node(tree, node + 2 * (tree.last[node + 1] - tree.first[node]))
    parts = left[0] + right[0]
    if parts < min(by_leaf, by_fourier):
        splits = [*left[3], *right[3], node]
        return parts, left[1] + right[1], left[2] + right[2], splits
    return (by_leaf, run, [], []) if by_leaf <= by_fourier else (by_fourier, [], box, [])


def _fourier_cost(tree, node):
    """Return the cost of one Fourier box over a node, and the oversampling that is cheaper."""
    halo = math.sqrt(tree.cutoff)
    low, high = tree.lower[node], tree.upper[node]
    # The sources fill the margin, but no more than there is.
    extent = np.maximum(
        np.minimum(high + halo, tree.upper[0]) - low,
        high - np.maximum(low - halo, tree.lower[0]),
    )
    _, half = box_modes(extent, halo, tree.error / len(tree.rows))
    modes = np.prod(2.0 * half + 1.0)
    limit = mode_limit(len(tree.rows))
    if modes > limit:
        return math.inf, 2.0
    count = np.empty(1, np.int64)
    points_within(tree.nodes, np.array([node]), tree.cutoff, count)
    points = count[0] + tree.sizes[node]
    costs = {
        ratio: points * SPREAD_COST[ratio][tree.rows.shape[1] - 1] + 2.0 * modes * MODE_COST[ratio]
        for ratio in ([2.0, 1.25] if modes <= limit / 4 else [1.25])
    }
    ratio = min(costs, key=costs.get)
    return costs[ratio] + BOX_COST, ratio


def planned_sums(tree, plan, n_threads):
    """Carry out a plan; return the sums in the order of the original rows."""
    out = np.zeros(len(tree.rows))
    halo = math.sqrt(tree.cutoff)
    for node, oversampling in plan.boxes:
        low = tree.first[node] * LEAF_SIZE
        high = low + tree.sizes[node]
        near = sources_within(tree.nodes, tree.columns, node, tree.cutoff, halo)
        out[low:high] = fourier_sums(
            near,
            tree.columns[:, low:high],
            halo,
            tree.error / len(tree.rows),
            tree.tolerance,
            oversampling,
            n_threads,
        )

    def some(leaves):
        nodes = tree.leaf_nodes[leaves]
        tree_sums(tree.nodes, tree.columns, tree.rows, nodes, tree.cutoff, tree.fast, out)

    if n_threads == 1:
        some(plan.leaves)
    else:
        # Leaves write to rows of their own: threads neither wait nor change the result.
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(some, np.array_split(plan.leaves, 8 * n_threads)))
    # Each part has errors of its own. Equal points in two parts get the same density, or the
    # order of the rows would decide which has which.
    for node in plan.splits:
        start = tree.first[node] * LEAF_SIZE
        middle, stop = tree.last[node + 1] * LEAF_SIZE, start + tree.sizes[node]
        axis = int(np.argmax(tree.upper[node] - tree.lower[node]))
        level_twins(tree.rows, start, middle, stop, axis, out)
    density = np.empty(len(tree.rows))
    density[tree.order] = out
    return density
