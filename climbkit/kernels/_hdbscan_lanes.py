"""Vector instructions for hdbscan's walk: rows of a leaf, and values of min_samples, side by side.

As in the other searches of trees, loops are written as vectors because a compiler can't rule out
that arrays overlap. Every lane adds its squares in the order of the columns.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from climbkit.kernels._hdbscan_vectors import (
    INT32,
    INT64,
    LANES,
    VALUES,
    bits,
    constant,
    fold,
    larger,
    load,
    load_one,
    smaller,
    splat,
    store,
    total_of_squares,
)


def _data(context, builder, signature, arguments, place):
    return context.make_array(signature.args[place])(context, builder, arguments[place]).data


def _least_lane(builder, vector):
    return fold(builder, vector, lambda a, b: smaller(builder, a, b))


@intrinsic
def lanes_above(typing_context, bounds, node, distance):
    """Return the bits of the lanes of ``bounds[node]`` (`VALUES` of them) above a distance."""
    signature = types.int64(bounds, types.int64, types.float64)

    def generate(context, builder, signature, arguments):
        data = _data(context, builder, signature, arguments, 0)
        offset = builder.mul(arguments[1], INT64(VALUES))
        row = load(builder, data, offset, VALUES)
        above = builder.fcmp_ordered(">", row, splat(builder, arguments[2], VALUES))
        return bits(builder, above)

    return signature, generate


@intrinsic
def lanes_apart(typing_context, components, a, b):
    """Return the bits of the lanes in which two nodes are not of one component.

    ``components`` has `VALUES` columns of int32, negative for nodes of several components.
    """
    signature = types.int64(components, types.int64, types.int64)

    def generate(context, builder, signature, arguments):
        data = _data(context, builder, signature, arguments, 0)
        own = load(builder, data, builder.mul(arguments[1], INT64(VALUES)), VALUES)
        other = load(builder, data, builder.mul(arguments[2], INT64(VALUES)), VALUES)
        zero = ir.Constant(own.type, [0] * VALUES)
        apart = builder.or_(
            builder.icmp_signed("!=", own, other), builder.icmp_signed("<", own, zero)
        )
        return bits(builder, apart)

    return signature, generate


@intrinsic
def rows_with(typing_context, masks, begin, n_lanes, values):
    """Return the bits of the rows from `begin` on whose mask (int32) shares a bit with `values`."""
    signature = types.int64(masks, types.int64, types.int64, types.int64)

    def generate(context, builder, signature, arguments):
        data = _data(context, builder, signature, arguments, 0)
        _, begin, n_lanes, values = arguments
        values = splat(builder, builder.trunc(values, INT32))
        zero = ir.Constant(values.type, [0] * LANES)
        result = cgutils.alloca_once_value(builder, INT64(0))
        n_blocks = builder.udiv(n_lanes, INT64(LANES))
        with cgutils.for_range(builder, n_blocks) as loop:
            first = builder.mul(loop.index, INT64(LANES))
            row = load(builder, data, builder.add(begin, first))
            shared = builder.icmp_signed("!=", builder.and_(row, values), zero)
            found = builder.shl(bits(builder, shared), first)
            builder.store(builder.or_(builder.load(result), found), result)
        return builder.load(result)

    return signature, generate


@intrinsic
def box_distance(typing_context, boxes, a, b):
    """Return the least squared distance between two boxes, added in any order.

    ``boxes`` has shape (n_nodes, 2, n_padded): lower and upper sides, with as many zeros behind
    the columns as make a multiple of `LANES`.
    """
    signature = types.float64(boxes, types.int64, types.int64)

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        data = array.data
        width = builder.extract_value(array.shape, 2)
        double_width = builder.mul(width, INT64(2))
        a = builder.mul(arguments[1], double_width)
        b = builder.mul(arguments[2], double_width)
        total = cgutils.alloca_once_value(builder, constant(0.0))
        n_blocks = builder.udiv(width, INT64(LANES))
        with cgutils.for_range(builder, n_blocks) as loop:
            first = builder.mul(loop.index, INT64(LANES))
            a_lower = builder.add(a, first)
            b_lower = builder.add(b, first)
            below = builder.fsub(
                load(builder, data, a_lower), load(builder, data, builder.add(b_lower, width))
            )
            above = builder.fsub(
                load(builder, data, b_lower), load(builder, data, builder.add(a_lower, width))
            )
            gap = larger(builder, larger(builder, below, above), constant(0.0))
            builder.store(builder.fadd(builder.load(total), builder.fmul(gap, gap)), total)
        return fold(builder, builder.load(total), builder.fadd)

    return signature, generate


@intrinsic
def rows_to_box(typing_context, columns, leaf, boxes, node, n_columns, squared):
    """Write the least squared distance to a node's box for each row of a leaf.

    Rounding is monotone and squares are added in the order of the columns: no computed distance
    from a row to one in the box is less. ``columns`` has shape (n_leaves, n_columns, n_lanes).
    """
    signature = types.void(columns, types.int64, boxes, types.int64, types.int64, squared)

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        n_lanes = builder.extract_value(array.shape, 2)
        sides = context.make_array(signature.args[2])(context, builder, arguments[2])
        width = builder.extract_value(sides.shape, 2)
        out = _data(context, builder, signature, arguments, 5)
        _, leaf, _, node, n_columns, _ = arguments
        own = builder.mul(builder.mul(leaf, n_columns), n_lanes)
        lower = builder.mul(builder.mul(node, INT64(2)), width)
        with cgutils.for_range(builder, builder.udiv(n_lanes, INT64(LANES))) as block:
            first = builder.mul(block.index, INT64(LANES))

            def gap(column):
                offset = builder.add(builder.add(own, builder.mul(column, n_lanes)), first)
                rows = load(builder, array.data, offset)
                side = builder.add(lower, column)
                below = builder.fsub(splat(builder, load_one(builder, sides.data, side)), rows)
                side = builder.add(side, width)
                above = builder.fsub(rows, splat(builder, load_one(builder, sides.data, side)))
                return larger(builder, larger(builder, below, above), constant(0.0))

            store(builder, total_of_squares(builder, n_columns, gap), out, first)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def row_to_rows(typing_context, columns, leaf, lane, other, n_columns, squared):
    """Write the squared distances from a row to those of another leaf; return the least."""
    signature = types.float64(columns, types.int64, types.int64, types.int64, types.int64, squared)

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        n_lanes = builder.extract_value(array.shape, 2)
        out = _data(context, builder, signature, arguments, 5)
        _, leaf, lane, other, n_columns, _ = arguments
        own = builder.add(builder.mul(builder.mul(leaf, n_columns), n_lanes), lane)
        other = builder.mul(builder.mul(other, n_columns), n_lanes)
        least = cgutils.alloca_once_value(builder, constant(float("inf")))
        with cgutils.for_range(builder, builder.udiv(n_lanes, INT64(LANES))) as block:
            first = builder.mul(block.index, INT64(LANES))

            def difference(column):
                step = builder.mul(column, n_lanes)
                value = load_one(builder, array.data, builder.add(own, step))
                offset = builder.add(builder.add(other, step), first)
                return builder.fsub(splat(builder, value), load(builder, array.data, offset))

            total = total_of_squares(builder, n_columns, difference)
            store(builder, total, out, first)
            builder.store(smaller(builder, total, builder.load(least)), least)
        return _least_lane(builder, builder.load(least))

    return signature, generate


def _reaches(builder, squared, core, component, value, begin, first, own):
    """Reaches of eight rows of a leaf, infinite inside the component `own`."""
    offset = builder.add(builder.add(value, begin), first)
    reach = larger(builder, load(builder, squared, first), load(builder, core, offset))
    inside = builder.icmp_signed("==", load(builder, component, offset), splat(builder, own))
    return builder.select(inside, constant(float("inf")), reach)


@intrinsic
def least_reach(typing_context, squared, core, component, value, begin, n_lanes, own):
    """Return the least of ``max(squared, core)`` of a leaf's rows outside a component.

    Parameters
    ----------
    squared : ndarray of shape (n_lanes,), dtype float64
        Squared distances to the rows of the leaf.
    core, component : ndarray of shape (n_values, n_slots), dtype float64 and int32
        Squared core distances and components.
    value, begin, n_lanes : int64
        Row of `core` and `component`; first slot and number of slots of the leaf.
    own : int32
        Component to stay outside of.

    Returns
    -------
    least : float64
        Infinite where all rows are in the component.
    """
    signature = types.float64(
        squared, core, component, types.int64, types.int64, types.int64, types.int32
    )

    def generate(context, builder, signature, arguments):
        cores = context.make_array(signature.args[1])(context, builder, arguments[1])
        squared = _data(context, builder, signature, arguments, 0)
        component = _data(context, builder, signature, arguments, 2)
        _, _, _, value, begin, n_lanes, own = arguments
        value = builder.mul(value, builder.extract_value(cores.shape, 1))
        least = cgutils.alloca_once_value(builder, constant(float("inf")))
        with cgutils.for_range(builder, builder.udiv(n_lanes, INT64(LANES))) as block:
            first = builder.mul(block.index, INT64(LANES))
            reach = _reaches(builder, squared, cores.data, component, value, begin, first, own)
            builder.store(smaller(builder, reach, builder.load(least)), least)
        return _least_lane(builder, builder.load(least))

    return signature, generate


@intrinsic
def first_within(typing_context, squared, core, component, value, begin, n_lanes, own, reach):
    """Return the bits of the rows that `least_reach` looks at whose reach is at most `reach`."""
    signature = types.int64(
        squared, core, component, types.int64, types.int64, types.int64, types.int32, types.float64
    )

    def generate(context, builder, signature, arguments):
        cores = context.make_array(signature.args[1])(context, builder, arguments[1])
        squared = _data(context, builder, signature, arguments, 0)
        component = _data(context, builder, signature, arguments, 2)
        _, _, _, value, begin, n_lanes, own, limit = arguments
        value = builder.mul(value, builder.extract_value(cores.shape, 1))
        limit = splat(builder, limit)
        result = cgutils.alloca_once_value(builder, INT64(0))
        with cgutils.for_range(builder, builder.udiv(n_lanes, INT64(LANES))) as block:
            first = builder.mul(block.index, INT64(LANES))
            reach = _reaches(builder, squared, cores.data, component, value, begin, first, own)
            found = bits(builder, builder.fcmp_ordered("<=", reach, limit))
            found = builder.shl(found, first)
            builder.store(builder.or_(builder.load(result), found), result)
        return builder.load(result)

    return signature, generate
