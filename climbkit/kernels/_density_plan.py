"""Gaussian sums over a tree whose parts are each done in the cheaper of two ways.

A node of the tree is a box of points. Its sums come either leaf by leaf from the leaves within the
cut-off (cheap where points are few), or by Fourier transforms over the box and a margin as wide as
the cut-off (cheap where they are many). Far outliers and crowded places are thus treated apart.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Plan:
    """What to do with each part of the tree, and at what cost (ns).

    ``leaves`` are summed pair by pair, ``boxes`` (node, oversampling) by Fourier; ``splits`` are
    the nodes whose children were planned apart, children before their parents.
    """

    cost: float
    leaves: np.ndarray
    boxes: list
    splits: list


class DensityTree:
    """Points sorted into a tree, with the error bounds that follow from them.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Points, scaled by 1 / (sqrt(2) bandwidth).
    atol : float
        Bound on the error relative to the largest density.
    largest : float, default=None
        A lower bound of the largest density. None takes one from the tree.
    """

    def __init__(self, rows, atol, largest=None):
        self.n, self.d = rows.shape
        self.rows = rows.copy()
        self.order = np.arange(self.n)
        self.nodes = build_tree(self.rows, self.order, LEAF_SIZE)
        self.first, self.last, self.lower, self.upper = self.nodes
        self.columns = padded_columns(self.rows, self.last[0])
        self.leaf_nodes = np.flatnonzero(self.last - self.first == 1)
        self.sizes = np.minimum(self.last * LEAF_SIZE, self.n) - self.first * LEAF_SIZE
        step = -(-len(self.leaf_nodes) // _SAMPLE_LEAVES)
        self.sampled = np.arange(0, len(self.leaf_nodes), step)
        if largest is None:
            largest = self._largest_density()
        self.error = error_allowed(atol, largest)
        self.tolerance = ERROR_SHARE * atol
        # n exp(-cutoff) is the most that pairs beyond the cut-off can add.
        self.cutoff = max(math.log(self.n / self.error), 1.0)
        self.fast = atol * (1.0 - 3.0 * ERROR_SHARE) > EXP_FAST_ERROR
        self._sampled_candidates = self._count(self.sampled, self.cutoff)

    def _count(self, leaves, cutoff):
        counts = np.empty(len(leaves), np.int64)
        points_within(self.nodes, self.leaf_nodes[leaves], cutoff, counts)
        return counts

    def _largest_density(self):
        """Return a lower bound of the largest density."""
        # Within half a unit (squared), one bandwidth, a Gaussian is above 0.6.
        near = self._count(self.sampled, 0.5)
        best = self.sampled[np.argsort(-near, kind="stable")[:_CROWDED_LEAVES]]
        out = np.zeros(self.n)
        tree_sums(self.nodes, self.columns, self.rows, self.leaf_nodes[best], 4.0, False, out)
        return max(1.0, float(out.max()))

    def leaf_plan(self):
        """Plan to sum all leaves pair by pair."""
        return Plan(self._leaf_cost(0), np.arange(len(self.leaf_nodes)), [], [])

    def _leaf_cost(self, node):
        """Estimate the cost of summing the points of a node leaf by leaf."""
        low = np.searchsorted(self.sampled, self.first[node])
        high = np.searchsorted(self.sampled, self.last[node])
        if low == high:
            low = max(low - 1, 0)
            high = low + 1
        candidates = self._sampled_candidates[low:high].mean()
        pairs = self.sizes[node] * candidates * pair_cost(self.d)
        return pairs + LEAF_COST * (self.last[node] - self.first[node])

    def fourier_plan(self):
        """Plan the cheapest mixture of Fourier boxes and leaves."""
        if self.d > MAX_DIMENSION:
            return self.leaf_plan()
        cost, leaves, boxes, splits = self._plan_node(0)
        leaves = np.concatenate([np.arange(0), *(np.arange(a, b) for a, b in leaves)])
        return Plan(cost, leaves, boxes, splits)

    def _plan_node(self, node):
        """Return cost, runs of leaves, boxes and splits of the cheapest way for one node."""
        run = [(self.first[node], self.last[node])]
        by_leaf = self._leaf_cost(node)
        # No box inside this node can cost less than this.
        spread = 2.0 * self.sizes[node] * SPREAD_COST[2.0][self.d - 1]
        if by_leaf <= spread + BOX_COST or self.sizes[node] < _SMALL_NODE:
            return by_leaf, run, [], []
        by_fourier, oversampling = self._fourier_cost(node)
        box = [(node, oversampling)]
        if by_fourier <= _GOOD_ENOUGH * spread + BOX_COST:
            return by_fourier, [], box, []
        left = self._plan_node(node + 1)
        right = self._plan_node(node + 2 * (self.last[node + 1] - self.first[node]))
        parts = left[0] + right[0]
        if parts < min(by_leaf, by_fourier):
            splits = [*left[3], *right[3], node]
            return parts, left[1] + right[1], left[2] + right[2], splits
        return (by_leaf, run, [], []) if by_leaf <= by_fourier else (by_fourier, [], box, [])

    def _fourier_cost(self, node):
        halo = math.sqrt(self.cutoff)
        low, high = self.lower[node], self.upper[node]
        # The sources fill the margin, but no more than there is.
        extent = np.maximum(
            np.minimum(high + halo, self.upper[0]) - low,
            high - np.maximum(low - halo, self.lower[0]),
        )
        _, half = box_modes(extent, halo, self.error / self.n)
        modes = np.prod(2.0 * half + 1.0)
        limit = mode_limit(self.n)
        if modes > limit:
            return math.inf, 2.0
        count = np.empty(1, np.int64)
        points_within(self.nodes, np.array([node]), self.cutoff, count)
        points = count[0] + self.sizes[node]
        costs = {
            ratio: points * SPREAD_COST[ratio][self.d - 1] + 2.0 * modes * MODE_COST[ratio]
            for ratio in ([2.0, 1.25] if modes <= limit / 4 else [1.25])
        }
        ratio = min(costs, key=costs.get)
        return costs[ratio] + BOX_COST, ratio

    def sums(self, plan, n_threads):
        """Carry out a plan; return the sums in the order of the original rows."""
        out = np.zeros(self.n)
        halo = math.sqrt(self.cutoff)
        for node, oversampling in plan.boxes:
            low, high = (
                self.first[node] * LEAF_SIZE,
                self.first[node] * LEAF_SIZE + self.sizes[node],
            )
            near = sources_within(self.nodes, self.columns, node, self.cutoff, halo)
            out[low:high] = fourier_sums(
                near,
                self.columns[:, low:high],
                halo,
                self.error / self.n,
                self.tolerance,
                oversampling,
                n_threads,
            )

        def some(leaves):
            nodes = self.leaf_nodes[leaves]
            tree_sums(self.nodes, self.columns, self.rows, nodes, self.cutoff, self.fast, out)

        if n_threads == 1:
            some(plan.leaves)
        else:
            # Leaves write to rows of their own: threads neither wait nor change the result.
            with ThreadPoolExecutor(n_threads) as pool:
                list(pool.map(some, np.array_split(plan.leaves, 8 * n_threads)))
        # Each part has errors of its own. Equal points in two parts get the same density, or the
        # order of the rows would decide which has which.
        for node in plan.splits:
            start = self.first[node] * LEAF_SIZE
            middle, stop = self.last[node + 1] * LEAF_SIZE, start + self.sizes[node]
            axis = int(np.argmax(self.upper[node] - self.lower[node]))
            level_twins(self.rows, start, middle, stop, axis, out)
        density = np.empty(self.n)
        density[self.order] = out
        return density
