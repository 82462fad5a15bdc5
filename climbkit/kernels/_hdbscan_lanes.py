"""Vector instructions for hdbscan's walk: rows of a leaf, and values of min_samples, side by side.

As in the other searches of trees, loops are written as vectors because a compiler can't rule out
that arrays overlap. Every lane adds its squares in the order of the columns.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8  # rows a vector; leaves are padded to a multiple
VALUES = 16  # values of min_samples a walk
_DOUBLE = ir.DoubleType()
_INT32 = ir.IntType(32)
_INT64 = ir.IntType(64)
_ROWS = ir.VectorType(_DOUBLE, LANES)


def _constant(number, lanes=LANES):
    return ir.Constant(ir.VectorType(_DOUBLE, lanes), [number] * lanes)


def _splat(builder, value, lanes=LANES):
    vector = ir.VectorType(value.type, lanes)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, _INT32(0))
    mask = ir.Constant(ir.VectorType(_INT32, lanes), [0] * lanes)
    return builder.shuffle_vector(first, undefined, mask)


def _load(builder, data, offset, lanes=LANES):
    pointer = builder.gep(data, [offset])
    vector = ir.VectorType(data.type.pointee, lanes)
    return builder.load(
        builder.bitcast(pointer, vector.as_pointer()),
        align=data.type.pointee.width // 8 if isinstance(data.type.pointee, ir.IntType) else 8,
    )


def _store(builder, vector, data, offset):
    pointer = builder.gep(data, [offset])
    builder.store(vector, builder.bitcast(pointer, vector.type.as_pointer()), align=8)


def _at(builder, data, offset):
    return builder.load(builder.gep(data, [offset]))


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _smaller(builder, a, b):
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _bits(builder, vector, lanes):
    return builder.zext(builder.bitcast(vector, ir.IntType(lanes)), _INT64)


def _least_lane(builder, vector):
    """Least of a vector's lanes, by halves."""
    undefined = ir.Constant(vector.type, ir.Undefined)
    lanes = vector.type.count
    while lanes > 1:
        lanes //= 2
        order = [lane + lanes if lane < lanes else 0 for lane in range(vector.type.count)]
        mask = ir.Constant(ir.VectorType(_INT32, vector.type.count), order)
        vector = _smaller(builder, vector, builder.shuffle_vector(vector, undefined, mask))
    return builder.extract_element(vector, _INT32(0))


def _data(context, builder, signature, arguments, place):
    return context.make_array(signature.args[place])(context, builder, arguments[place]).data


def _total_of_squares(builder, n_columns, term):
    total = cgutils.alloca_once(builder, _ROWS)
    builder.store(_constant(0.0), total)
    with cgutils.for_range(builder, n_columns) as loop:
        value = term(loop.index)
        builder.store(builder.fadd(builder.load(total), builder.fmul(value, value)), total)
    return builder.load(total)


@intrinsic
def unowned(typing_context, array):
    """Return an array without its owner, so that its use is not counted.

    Notes
    -----
    Counting the owners of arrays takes a large part of the time of a loop that hands arrays to
    functions. The array has to live as long as what is returned: as an argument of the caller.
    """

    def generate(context, builder, signature, arguments):
        view = context.make_array(array)(context, builder, arguments[0])
        view.meminfo = ir.Constant(view.meminfo.type, None)
        view.parent = ir.Constant(view.parent.type, None)
        return view._getvalue()

    return array(array), generate


@intrinsic
def lowest_bit(typing_context, mask):
    """Return the number of the lowest bit that is set in a mask other than 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@intrinsic
def lanes_above(typing_context, bounds, node, distance):
    """Return the bits of the lanes of ``bounds[node]`` (`VALUES` of them) above a distance."""
    signature = types.int64(bounds, types.int64, types.float64)

    def generate(context, builder, signature, arguments):
        data = _data(context, builder, signature, arguments, 0)
        offset = builder.mul(arguments[1], _INT64(VALUES))
        row = _load(builder, data, offset, VALUES)
        above = builder.fcmp_ordered(">", row, _splat(builder, arguments[2], VALUES))
        return _bits(builder, above, VALUES)

    return signature, generate


@intrinsic
def lanes_apart(typing_context, components, a, b):
    """Return the bits of the lanes in which two nodes are not of one component.

    ``components`` has `VALUES` columns of int32, negative for nodes of several components.
    """
    signature = types.int64(components, types.int64, types.int64)

    def generate(context, builder, signature, arguments):
        data = _data(context, builder, signature, arguments, 0)
        own = _load(builder, data, builder.mul(arguments[1], _INT64(VALUES)), VALUES)
        other = _load(builder, data, builder.mul(arguments[2], _INT64(VALUES)), VALUES)
        zero = ir.Constant(own.type, [0] * VALUES)
        apart = builder.or_(
            builder.icmp_signed("!=", own, other), builder.icmp_signed("<", own, zero)
        )
        return _bits(builder, apart, VALUES)

    return signature, generate


@intrinsic
def rows_with(typing_context, masks, begin, n_lanes, values):
    """Return the bits of the rows from `begin` on whose mask (int32) shares a bit with `values`."""
    signature = types.int64(masks, types.int64, types.int64, types.int64)

    def generate(context, builder, signature, arguments):
        data = _data(context, builder, signature, arguments, 0)
        _, begin, n_lanes, values = arguments
        values = _splat(builder, builder.trunc(values, _INT32))
        zero = ir.Constant(values.type, [0] * LANES)
        result = cgutils.alloca_once_value(builder, _INT64(0))
        n_blocks = builder.udiv(n_lanes, _INT64(LANES))
        with cgutils.for_range(builder, n_blocks) as loop:
            first = builder.mul(loop.index, _INT64(LANES))
            row = _load(builder, data, builder.add(begin, first))
            shared = builder.icmp_signed("!=", builder.and_(row, values), zero)
            bits = builder.shl(_bits(builder, shared, LANES), first)
            builder.store(builder.or_(builder.load(result), bits), result)
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
        double_width = builder.mul(width, _INT64(2))
        a = builder.mul(arguments[1], double_width)
        b = builder.mul(arguments[2], double_width)
        total = cgutils.alloca_once_value(builder, _constant(0.0))
        n_blocks = builder.udiv(width, _INT64(LANES))
        with cgutils.for_range(builder, n_blocks) as loop:
            first = builder.mul(loop.index, _INT64(LANES))
            a_lower = builder.add(a, first)
            b_lower = builder.add(b, first)
            below = builder.fsub(
                _load(builder, data, a_lower), _load(builder, data, builder.add(b_lower, width))
            )
            above = builder.fsub(
                _load(builder, data, b_lower), _load(builder, data, builder.add(a_lower, width))
            )
            gap = _larger(builder, _larger(builder, below, above), _constant(0.0))
            builder.store(builder.fadd(builder.load(total), builder.fmul(gap, gap)), total)
        total = builder.load(total)
        undefined = ir.Constant(total.type, ir.Undefined)
        lanes = LANES
        while lanes > 1:
            lanes //= 2
            order = [lane + lanes if lane < lanes else 0 for lane in range(LANES)]
            mask = ir.Constant(ir.VectorType(_INT32, LANES), order)
            total = builder.fadd(total, builder.shuffle_vector(total, undefined, mask))
        return builder.extract_element(total, _INT32(0))

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
        lower = builder.mul(builder.mul(node, _INT64(2)), width)
        with cgutils.for_range(builder, builder.udiv(n_lanes, _INT64(LANES))) as block:
            first = builder.mul(block.index, _INT64(LANES))

            def gap(column):
                offset = builder.add(builder.add(own, builder.mul(column, n_lanes)), first)
                rows = _load(builder, array.data, offset)
                side = builder.add(lower, column)
                below = builder.fsub(_splat(builder, _at(builder, sides.data, side)), rows)
                side = builder.add(side, width)
                above = builder.fsub(rows, _splat(builder, _at(builder, sides.data, side)))
                return _larger(builder, _larger(builder, below, above), _constant(0.0))

            _store(builder, _total_of_squares(builder, n_columns, gap), out, first)
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
        least = cgutils.alloca_once_value(builder, _constant(float("inf")))
        with cgutils.for_range(builder, builder.udiv(n_lanes, _INT64(LANES))) as block:
            first = builder.mul(block.index, _INT64(LANES))

            def difference(column):
                step = builder.mul(column, n_lanes)
                value = _at(builder, array.data, builder.add(own, step))
                offset = builder.add(builder.add(other, step), first)
                return builder.fsub(_splat(builder, value), _load(builder, array.data, offset))

            total = _total_of_squares(builder, n_columns, difference)
            _store(builder, total, out, first)
            builder.store(_smaller(builder, total, builder.load(least)), least)
        return _least_lane(builder, builder.load(least))

    return signature, generate


def _reaches(builder, squared, core, component, value, begin, first, own):
    """Reaches of eight rows of a leaf, infinite inside the component `own`."""
    offset = builder.add(builder.add(value, begin), first)
    reach = _larger(builder, _load(builder, squared, first), _load(builder, core, offset))
    inside = builder.icmp_signed("==", _load(builder, component, offset), _splat(builder, own))
    return builder.select(inside, _constant(float("inf")), reach)


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
        least = cgutils.alloca_once_value(builder, _constant(float("inf")))
        with cgutils.for_range(builder, builder.udiv(n_lanes, _INT64(LANES))) as block:
            first = builder.mul(block.index, _INT64(LANES))
            reach = _reaches(builder, squared, cores.data, component, value, begin, first, own)
            builder.store(_smaller(builder, reach, builder.load(least)), least)
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
        limit = _splat(builder, limit)
        result = cgutils.alloca_once_value(builder, _INT64(0))
        with cgutils.for_range(builder, builder.udiv(n_lanes, _INT64(LANES))) as block:
            first = builder.mul(block.index, _INT64(LANES))
            reach = _reaches(builder, squared, cores.data, component, value, begin, first, own)
            bits = _bits(builder, builder.fcmp_ordered("<=", reach, limit), LANES)
            builder.store(builder.or_(builder.load(result), builder.shl(bits, first)), result)
        return builder.load(result)

    return signature, generate
