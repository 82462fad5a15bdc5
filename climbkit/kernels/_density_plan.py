"""Gaussian sums over a tree whose parts are each done in the cheaper of two ways.

A node of the tree is a box of points. Its sums come either leaf by leaf from the leaves within the
cut-off (cheap where points are few), or by Fourier transforms over the box and a margin as wide as
the cut-off (cheap where they are many). Far outliers and crowded places are thus treated apart.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ._density_exp import EXP_FAST_ERROR
from ._density_fourier import MAX_DIMENSION, box_modes, fourier_sums
from ._density_tree import (
    LEAF_SIZE,
    padded_columns,
    points_within,
    sources_within,
    tree_sums,
)
from ._density_tree_build import build_tree

# Times in ns on one core of a 2.6 GHz AMD EPYC (Zen 4), measured with benchmarks/density.py; only
# their ratios matter. A pair costs PAIR_COST[0] + d * PAIR_COST[1].
PAIR_COST = (0.45, 0.1)
LEAF_COST = 2_000.0
# Spreading one point, by oversampling and dimension; one mode, by oversampling; one whole box.
SPREAD_COST = {2.0: (60.0, 110.0, 420.0), 1.25: (90.0, 200.0, 900.0)}
MODE_COST = {2.0: 200.0, 1.25: 80.0}
BOX_COST = 400_000.0

# Modes in memory: at most this many, and so many for each point. One takes 50 bytes at an
# oversampling of 1.25; at 2 it takes up to 144 and only MODES_PER_POINT / 4 are allowed.
MODES_ALWAYS = 250_000
MODES_PER_POINT = 4

# The candidates of this many leaves, evenly spaced, stand for those of all.
_SAMPLE_LEAVES = 512

# The largest density is taken from the points of this many leaves with the most neighbours.
_CROWDED_LEAVES = 4

# Omitted pairs, omitted modes, and the transforms: each may use this part of the error.
_SHARE = 0.3


@dataclass(frozen=True)
class Plan:
    """What to do with each part of the tree, and at what cost (ns)."""

    cost: float
    leaves: np.ndarray
    boxes: list


class DensityTree:
    """Points sorted into a tree, with the error bounds that follow from them.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Points, scaled by 1 / (sqrt(2) bandwidth).
    atol : float
        Bound on the error relative to the largest density.
    """

    def __init__(self, rows, atol):
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
        self.error = _SHARE * atol * self._largest_density()
        self.tolerance = _SHARE * atol
        # n exp(-cutoff) is the most that pairs beyond the cut-off can add.
        self.cutoff = max(math.log(self.n / self.error), 1.0)
        self.fast = atol * (1.0 - 3.0 * _SHARE) > EXP_FAST_ERROR
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
        return Plan(self._leaf_cost(0), np.arange(len(self.leaf_nodes)), [])

    def _leaf_cost(self, node):
        """Estimate the cost of summing the points of a node leaf by leaf."""
        low = np.searchsorted(self.sampled, self.first[node])
        high = np.searchsorted(self.sampled, self.last[node])
        if low == high:
            low = max(low - 1, 0)
            high = low + 1
        candidates = self._sampled_candidates[low:high].mean()
        pairs = self.sizes[node] * candidates * (PAIR_COST[0] + self.d * PAIR_COST[1])
        return pairs + LEAF_COST * (self.last[node] - self.first[node])

    def fourier_plan(self):
        """Plan the cheapest mixture of Fourier boxes and leaves."""
        if self.d > MAX_DIMENSION:
            return self.leaf_plan()
        cost, leaves, boxes = self._plan_node(0)
        return Plan(cost, np.concatenate([np.arange(a, b) for a, b in leaves] or [[]]), boxes)

    def _plan_node(self, node):
        """Return cost, runs of leaves and boxes of the cheapest way for one node."""
        run = [(self.first[node], self.last[node])]
        by_leaf = self._leaf_cost(node)
        # No box inside this node can cost less than this.
        spread = 2.0 * self.sizes[node] * SPREAD_COST[2.0][self.d - 1]
        if by_leaf <= spread + BOX_COST or self.last[node] - self.first[node] == 1:
            return by_leaf, run, []
        by_fourier, oversampling = self._fourier_cost(node)
        box = [(node, oversampling)]
        if by_fourier <= 1.2 * spread + BOX_COST:
            return by_fourier, [], box
        left = self._plan_node(node + 1)
        right = self._plan_node(node + 2 * (self.last[node + 1] - self.first[node]))
        parts = left[0] + right[0]
        if parts < min(by_leaf, by_fourier):
            return parts, left[1] + right[1], left[2] + right[2]
        return (by_leaf, run, []) if by_leaf <= by_fourier else (by_fourier, [], box)

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
        limit = MODES_ALWAYS + MODES_PER_POINT * self.n
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

        leaves = np.asarray(plan.leaves, dtype=np.int64)
        if n_threads == 1:
            some(leaves)
        else:
            # Leaves write to rows of their own: threads neither wait nor change the result.
            with ThreadPoolExecutor(n_threads) as pool:
                list(pool.map(some, np.array_split(leaves, 8 * n_threads)))
        density = np.empty(self.n)
        density[self.order] = out
        return density
