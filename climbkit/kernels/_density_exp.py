"""The exponential inside the Gaussian sums, in a form that compilers turn into vector code.

``math.exp`` is a library call, one number at a time. Here exp(-t) is 2^k 2^f with k the nearest
integer to -t log2(e): 2^f, with |f| <= 1/2, by its Taylor polynomial, and 2^k by adding k to the
exponent bits. Nothing but multiplications and additions is left, which run on several
numbers at once.
"""

import math

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

LOG2_E = math.log2(math.e)

# Adding 1.5 * 2^52 to a small double leaves its nearest integer in the lowest bits.
ROUNDER = 1.5 * 2.0**52

# 2^-1020 is the smallest power that stays a normal number after multiplication with 2^f.
LOWEST_EXPONENT = -1020.0

# exp(f ln 2) to degree 12: the first omitted term is (ln 2 / 2)^13 / 13! = 1.7e-16.
_C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12 = (
    math.log(2.0) ** k / math.factorial(k) for k in range(1, 13)
)

# Degree 7, used by the approximate methods: (ln 2 / 2)^8 / 8! = 5e-9.
EXP_FAST_ERROR = (math.log(2.0) / 2) ** 8 / math.factorial(8) * 1.1


@intrinsic
def _bits(typingctx, x):
    """Return the 64 bits of a double as an integer."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def _double(typingctx, i):
    """Return the double that has the bits of an integer."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


# "reassoc" must stay off: it would simplify (y + ROUNDER) - ROUNDER to y.
@njit(nogil=True, fastmath={"contract"}, inline="never")
def exp_minus(t):
    """Return exp(-t) for t >= 0, to the last bits of a double."""
    y = max(-LOG2_E * t, LOWEST_EXPONENT)
    z = y + ROUNDER
    f = y - (z - ROUNDER)
    p = _C12 * f + _C11
    p = p * f + _C10
    p = p * f + _C9
    p = p * f + _C8
    p = p * f + _C7
    p = p * f + _C6
    p = p * f + _C5
    p = p * f + _C4
    p = p * f + _C3
    p = p * f + _C2
    p = p * f + _C1
    p = p * f + 1.0
    return _double(_bits(p) + (_bits(z) << 52))


@njit(nogil=True, fastmath={"contract"}, inline="never")
def exp_minus_fast(t):
    """Return exp(-t) for t >= 0, to a relative error of `EXP_FAST_ERROR`."""
    y = max(-LOG2_E * t, LOWEST_EXPONENT)
    z = y + ROUNDER
    f = y - (z - ROUNDER)
    p = _C7 * f + _C6
    p = p * f + _C5
    p = p * f + _C4
    p = p * f + _C3
    p = p * f + _C2
    p = p * f + _C1
    p = p * f + 1.0
    return _double(_bits(p) + (_bits(z) << 52))
