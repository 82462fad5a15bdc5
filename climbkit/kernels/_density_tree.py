"""Gaussian sums for narrow kernels: pairs of tree leaves no further apart than a cut-off."""

import numpy as np
from numba import njit

from ._density_exact import FASTMATH, squared_distances
from ._density_exp import exp_minus, exp_minus_fast

# Points in a leaf: a multiple of what two vector registers hold, so that no loop has a remainder.
LEAF_SIZE = 64

# Padding of the last leaf. Its distance from any point is so large that its Gaussian vanishes.
_FAR_AWAY = 1e100

# A leaf whose squared diagonal is more than this many cut-offs holds far outliers: its points look
# for their neighbours one by one, since its box comes near to far more.
_WIDE = 4.0

# Sources are visited in pieces of this many, which stay in the first-level cache.
_PIECE = 512


def padded_columns(rows, n_leaves):
    """Return the transpose of the rows, the last leaf filled up with points far away."""
    n, d = rows.shape
    columns = np.full((d, n_leaves * LEAF_SIZE), _FAR_AWAY)
    columns[:, :n] = rows.T
    return columns


@njit(nogil=True, cache=True)
def box_distance(low, high, lower, upper):
    """Return the squared distance between two boxes, given by their corners."""
    total = 0.0
    for k in range(len(low)):
        gap = max(low[k] - upper[k], lower[k] - high[k])
        if gap > 0.0:
            total += gap * gap
    return total


@njit(nogil=True, cache=True)
def leaves_within(tree, low, high, cutoff, stack, runs):
    """List the leaves whose box lies within ``cutoff`` (squared) of the box from low to high.

    Returns
    -------
    n_runs : int
        ``runs[r]`` holds the first leaf and the end of run r, for r < n_runs.
    """
    first, last, lower, upper = tree
    n_runs = 0
    stack[0] = 0
    depth = 1
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if box_distance(low, high, lower[node], upper[node]) > cutoff:
            continue
        if last[node] - first[node] == 1:
            if n_runs > 0 and runs[n_runs - 1, 1] == first[node]:
                runs[n_runs - 1, 1] = last[node]
            else:
                runs[n_runs, 0], runs[n_runs, 1] = first[node], last[node]
                n_runs += 1
            continue
        # The left child is taken first: leaves come in order, and neighbours join into one run.
        stack[depth] = node + 2 * (last[node + 1] - first[node])
        stack[depth + 1] = node + 1
        depth += 2
    return n_runs


@njit(nogil=True, cache=True, fastmath=FASTMATH)
def _piece_sum(columns, start, stop, point, cutoff, fast, buffer):
    """Sum the Gaussians of the sources start <= j < stop within the cut-off of one point.

    Leaves come nearer than the cut-off with pairs beyond it, too. These are left out so that the
    sums depend on no more than the pairs, and equal points have equal sums in whatever leaf.
    """
    total = 0.0
    if columns.shape[0] == 3 and fast:
        x, y, z = columns[0, start:stop], columns[1, start:stop], columns[2, start:stop]
        x0, y0, z0 = point[0], point[1], point[2]
        for j in range(stop - start):
            a = x[j] - x0
            b = y[j] - y0
            c = z[j] - z0
            t = a * a + b * b + c * c
            total += exp_minus_fast(t) if t <= cutoff else 0.0
        return total
    squared_distances(columns, start, stop, point, buffer)
    if fast:
        for j in range(stop - start):
            total += exp_minus_fast(buffer[j]) if buffer[j] <= cutoff else 0.0
    else:
        for j in range(stop - start):
            total += exp_minus(buffer[j]) if buffer[j] <= cutoff else 0.0
    return total


@njit(nogil=True, cache=True)
def tree_sums(tree, columns, rows, nodes, cutoff, fast, out):
    """Add to ``out`` the Gaussian sums at the rows of some nodes.

    Parameters
    ----------
    tree : tuple
        As returned by `build_tree`, of leaves of `LEAF_SIZE`.
    columns : ndarray of shape (d, n_leaves * LEAF_SIZE)
        The sources, from `padded_columns`.
    rows : ndarray of shape (n, d)
        The same points, in the order of the tree.
    nodes : ndarray of shape (n_nodes,), int64
        Nodes whose points are the targets.
    cutoff : float
        Squared distance beyond which a pair is left out.
    fast : bool
        Whether an error of 5e-9 in each Gaussian is small enough.
    out : ndarray of shape (n,)

    Notes
    -----
    The sums are too small by at most n exp(-cutoff).
    """
    first, last, lower, upper = tree
    n = rows.shape[0]
    runs = np.empty((last[0], 2), np.int64)
    stack = np.empty(len(first) + 2, np.int64)
    buffer = np.empty(_PIECE)
    for node in nodes:
        start, stop = first[node] * LEAF_SIZE, min(last[node] * LEAF_SIZE, n)
        if box_diagonal(lower[node], upper[node]) > _WIDE * cutoff:
            for i in range(start, stop):
                n_runs = leaves_within(tree, rows[i], rows[i], cutoff, stack, runs)
                _add_runs(columns, rows, i, i + 1, runs[:n_runs], cutoff, fast, buffer, out)
        else:
            n_runs = leaves_within(tree, lower[node], upper[node], cutoff, stack, runs)
            _add_runs(columns, rows, start, stop, runs[:n_runs], cutoff, fast, buffer, out)


@njit(nogil=True, cache=True)
def _add_runs(columns, rows, low, high, runs, cutoff, fast, buffer, out):
    """Add the sums over some runs of leaves at the targets low <= i < high."""
    for r in range(len(runs)):
        end = runs[r, 1] * LEAF_SIZE
        for start in range(runs[r, 0] * LEAF_SIZE, end, _PIECE):
            stop = min(start + _PIECE, end)
            for i in range(low, high):
                out[i] += _piece_sum(columns, start, stop, rows[i], cutoff, fast, buffer)


@njit(nogil=True, cache=True)
def box_diagonal(low, high):
    """Return the squared diagonal of a box."""
    total = 0.0
    for k in range(len(low)):
        total += (high[k] - low[k]) ** 2
    return total


@njit(nogil=True, cache=True)
def points_within(tree, targets, cutoff, out):
    """Count, for each target node, the points of the leaves within ``cutoff`` (squared) of it.

    Nodes wholly within the cut-off are counted without a look at their leaves.
    """
    first, last, lower, upper = tree
    stack = np.empty(len(first) + 2, np.int64)
    for i in range(len(targets)):
        target = targets[i]
        total = 0
        stack[0] = 0
        depth = 1
        while depth > 0:
            depth -= 1
            node = stack[depth]
            nearest, furthest = 0.0, 0.0
            for k in range(lower.shape[1]):
                a = lower[target, k] - upper[node, k]
                b = lower[node, k] - upper[target, k]
                gap = max(a, b, 0.0)
                nearest += gap * gap
                span = max(-a, -b)
                furthest += span * span
            if nearest > cutoff:
                continue
            if furthest <= cutoff or last[node] - first[node] == 1:
                total += last[node] - first[node]
                continue
            stack[depth] = node + 2 * (last[node + 1] - first[node])
            stack[depth + 1] = node + 1
            depth += 2
        out[i] = total * LEAF_SIZE


@njit(nogil=True, cache=True)
def sources_within(tree, columns, node, cutoff, halo):
    """Return the points, of shape (d, m), at most ``halo`` outside the box of a node.

    Points further out along any one dimension are further away than the halo, and are left out.
    """
    first, last, lower, upper = tree
    d = columns.shape[0]
    runs = np.empty((last[0], 2), np.int64)
    stack = np.empty(len(first) + 2, np.int64)
    n_runs = leaves_within(tree, lower[node], upper[node], cutoff, stack, runs)
    total = 0
    for r in range(n_runs):
        total += runs[r, 1] - runs[r, 0]
    near = np.empty((d, total * LEAF_SIZE))
    m = 0
    for r in range(n_runs):
        for j in range(runs[r, 0] * LEAF_SIZE, runs[r, 1] * LEAF_SIZE):
            inside = True
            for k in range(d):
                x = columns[k, j]
                near[k, m] = x
                inside &= (x >= lower[node, k] - halo) and (x <= upper[node, k] + halo)
            m += inside
    return near[:, :m].copy()


@njit(nogil=True, cache=True)
def level_twins(rows, start, middle, stop, axis, out):
    """Give equal rows on both sides of a split one value, the smaller.

    ``rows[start:stop]`` was split at ``middle`` along the axis, ties by the other coordinates: only
    the lowest row of the right side can have twins on the left.
    """
    d = rows.shape[1]
    lowest = middle
    for i in range(middle + 1, stop):
        if rows[i, axis] < rows[lowest, axis]:
            lowest = i
        elif rows[i, axis] == rows[lowest, axis]:
            for k in range(d):
                if rows[i, k] != rows[lowest, k]:
                    if rows[i, k] < rows[lowest, k]:
                        lowest = i
                    break
    least = out[lowest]
    twins = np.empty(stop - start, np.int64)
    n_twins = 0
    for i in range(start, stop):
        if rows[i, axis] == rows[lowest, axis]:
            equal = True
            for k in range(d):
                equal &= rows[i, k] == rows[lowest, k]
            if equal:
                twins[n_twins] = i
                n_twins += 1
                least = min(least, out[i])
    for t in range(n_twins):
        out[twins[t]] = least
