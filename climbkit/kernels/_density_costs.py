"""What the methods of the density cost, and how they share the error allowed.

Times are in ns on one core of a 2.6 GHz AMD EPYC (Zen 4), measured with benchmarks/density.py. They
only decide which method is taken, so that only their ratios matter.
"""

import math

# One Gaussian of a pair of points in d dimensions costs PAIR_COST[0] + d * PAIR_COST[1].
PAIR_COST = (0.45, 0.1)

# One term of a Taylor expansion at one point, both passes.
TERM_COST = 0.3

# Sorting one point into a tree, and looking up the neighbours of one leaf.
TREE_COST = 600.0
LEAF_COST = 2_000.0

# By oversampling of the fine grid: spreading one point in 1, 2 or 3 dimensions, and one mode. One
# box costs BOX_COST besides.
SPREAD_COST = {2.0: (60.0, 110.0, 420.0), 1.25: (90.0, 200.0, 900.0)}
MODE_COST = {2.0: 200.0, 1.25: 80.0}
BOX_COST = 400_000.0

# Modes in memory: at most this many, and so many for each point. One takes 50 bytes at an
# oversampling of 1.25; at 2 it takes up to 144 and only a quarter of them are allowed.
MODES_ALWAYS = 250_000
MODES_PER_POINT = 4

# The lower bound of the largest density is lowered to a power of 2^(1/8). Rounding then does not
# reach the cut-off, nor the grid of the transforms, which makes more of it.
_BOUND_STEPS = 8.0

# Omitted pairs, omitted modes, and the transforms: each may use this part of the error.
ERROR_SHARE = 0.3


def error_allowed(atol, largest):
    """Return the absolute error that each part may make, from a bound of the largest density."""
    # Densities are often whole numbers: 0.97 keeps these away from the steps.
    steps = math.floor(_BOUND_STEPS * math.log2(0.97 * largest))
    return ERROR_SHARE * atol * 2.0 ** (steps / _BOUND_STEPS)


def pair_cost(d):
    """Return the cost of one Gaussian in d dimensions."""
    return PAIR_COST[0] + d * PAIR_COST[1]


def mode_limit(n):
    """Return the number of Fourier modes allowed for n points."""
    return MODES_ALWAYS + MODES_PER_POINT * n
