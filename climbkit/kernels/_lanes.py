"""Several float64 numbers at a time: the inner loops of the tree searches as vector instructions.

A compiler leaves loops over sixteen numbers scalar when it cannot rule out that arrays overlap.
Written as vectors they become whatever the processor has, from two numbers to eight at once. Every
lane does the arithmetic of the plain loop in the same order (no fused or reordered operations), so
that results are the same on every machine.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LEAF_SIZE = 16  # points a leaf, and lanes of a vector of points
FAN_OUT = 8  # children a node, and lanes of a vector of boxes
BUFFER = 16  # lanes of a sorted buffer

_DOUBLE = ir.DoubleType()


def _data(context, builder, array_type, value):
    return context.make_array(array_type)(context, builder, value).data


def _splat(builder, value, lanes):
    vector = ir.VectorType(_DOUBLE, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, _int32(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)


def _int32(value):
    return ir.Constant(ir.IntType(32), value)


def _load(builder, data, offset, lanes):
    pointer = builder.gep(data, [offset])
    pointer = builder.bitcast(pointer, ir.VectorType(_DOUBLE, lanes).as_pointer())
    return builder.load(pointer, align=8)


def _store(builder, vector, data, offset):
    pointer = builder.gep(data, [offset])
    builder.store(vector, builder.bitcast(pointer, vector.type.as_pointer()), align=8)


def _sum_over_columns(builder, n_columns, lanes, term):
    """Sum ``term(column)`` over the columns, in their order."""
    vector = ir.VectorType(_DOUBLE, lanes)
    total = cgutils.alloca_once_value(builder, ir.Constant(vector, [0.0] * lanes))
    builder.store(ir.Constant(vector, [0.0] * lanes), total)
    with cgutils.for_range(builder, n_columns) as loop:
        value = term(loop.index)
        builder.store(builder.fadd(builder.load(total), builder.fmul(value, value)), total)
    return builder.load(total)


def _mask(builder, bits, lanes):
    return builder.zext(builder.bitcast(bits, ir.IntType(lanes)), ir.IntType(64))


@intrinsic
def points_within(typing_context, leaves, leaf, n_columns, point, bound, squared):
    """Write the squared distances from a point to those of a leaf, and tell which are less.

    Parameters
    ----------
    leaves : ndarray of shape (n_leaves, n_columns, LEAF_SIZE), dtype float64
        Coordinates, infinite where a leaf has no point.
    leaf : int64
        Number of the leaf.
    n_columns : int64
        Number of columns.
    point : ndarray of shape (n_columns,), dtype float64
        Point.
    bound : float64
        Squared distance.
    squared : ndarray of shape (LEAF_SIZE,), dtype float64
        Receives the squared distances.

    Returns
    -------
    mask : int64
        Bit ``i`` is set where ``squared[i] < bound``.
    """
    signature = types.int64(leaves, types.int64, types.int64, point, types.float64, squared)

    def generate(context, builder, signature, arguments):
        leaves, leaf, n_columns, point, bound, squared = arguments
        data = _data(context, builder, signature.args[0], leaves)
        point = _data(context, builder, signature.args[3], point)
        out = _data(context, builder, signature.args[5], squared)
        first = builder.mul(builder.mul(leaf, n_columns), leaf.type(LEAF_SIZE))

        def difference(column):
            offset = builder.add(first, builder.mul(column, column.type(LEAF_SIZE)))
            value = builder.load(builder.gep(point, [column]))
            return builder.fsub(
                _load(builder, data, offset, LEAF_SIZE),
                _splat(builder, value, LEAF_SIZE),
            )

        total = _sum_over_columns(builder, n_columns, LEAF_SIZE, difference)
        _store(builder, total, out, leaf.type(0))
        bits = builder.fcmp_ordered("<", total, _splat(builder, bound, LEAF_SIZE))
        return _mask(builder, bits, LEAF_SIZE)

    return signature, generate


@intrinsic
def boxes_within(typing_context, boxes, block, n_columns, floor, point, bound, squared):
    """Write the least squared distances from a point to a block of boxes, and tell which are less.

    Parameters
    ----------
    boxes : ndarray of shape (n_blocks, n_columns, 2, FAN_OUT), dtype float64
        Lower and upper sides, infinitely far where a block has no box.
    block : int64
        Number of the block.
    n_columns : int64
        Number of columns.
    floor : ndarray of shape (n_blocks * FAN_OUT,), dtype float64
        A squared distance at each box is this at least.
    point : ndarray of shape (n_columns,), dtype float64
        Point.
    bound : float64
        Squared distance.
    squared : ndarray of shape (FAN_OUT,), dtype float64
        Receives the squared distances.

    Returns
    -------
    mask : int64
        Bit ``i`` is set where ``squared[i] < bound``.

    Notes
    -----
    Rounding is monotone, and terms are summed in the order of the columns as those of points are:
    no computed distance to a point in a box is less than the one computed here.
    """
    signature = types.int64(boxes, types.int64, types.int64, floor, point, types.float64, squared)

    def generate(context, builder, signature, arguments):
        boxes, block, n_columns, floor, point, bound, squared = arguments
        data = _data(context, builder, signature.args[0], boxes)
        floor = _data(context, builder, signature.args[3], floor)
        point = _data(context, builder, signature.args[4], point)
        out = _data(context, builder, signature.args[6], squared)
        first = builder.mul(builder.mul(block, n_columns), block.type(2 * FAN_OUT))
        zero = ir.Constant(ir.VectorType(_DOUBLE, FAN_OUT), [0.0] * FAN_OUT)

        def larger(left, right):
            return builder.select(builder.fcmp_ordered(">", left, right), left, right)

        def gap(column):
            offset = builder.add(first, builder.mul(column, column.type(2 * FAN_OUT)))
            value = _splat(builder, builder.load(builder.gep(point, [column])), FAN_OUT)
            below = builder.fsub(_load(builder, data, offset, FAN_OUT), value)
            offset = builder.add(offset, offset.type(FAN_OUT))
            above = builder.fsub(value, _load(builder, data, offset, FAN_OUT))
            return larger(larger(below, above), zero)

        total = _sum_over_columns(builder, n_columns, FAN_OUT, gap)
        offset = builder.mul(block, block.type(FAN_OUT))
        total = larger(total, _load(builder, floor, offset, FAN_OUT))
        _store(builder, total, out, block.type(0))
        bits = builder.fcmp_ordered("<", total, _splat(builder, bound, FAN_OUT))
        return _mask(builder, bits, FAN_OUT)

    return signature, generate


@intrinsic
def lowest_bit(typing_context, mask):
    """Return the number of the lowest bit that is set in a mask other than 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@intrinsic
def insert_sorted(typing_context, values, numbers, n_blocks, value, number):
    """Insert a value in an ascending buffer, and its number in another; the last ones drop out.

    Parameters
    ----------
    values : ndarray of shape (n_blocks * BUFFER,), dtype float64
        Ascending values.
    numbers : ndarray of shape (n_blocks * BUFFER,), dtype int32
        Their numbers.
    n_blocks : int64
        Length of the buffers over `BUFFER`.
    value : float64
        New value, behind those that equal it.
    number : int64
        Its number.

    Notes
    -----
    No branch depends on the value: each lane takes its own old entry, its neighbour's or the new
    one.
    """
    signature = types.void(values, numbers, types.int64, types.float64, types.int64)

    def generate(context, builder, signature, arguments):
        values, numbers, n_blocks, value, number = arguments
        data = _data(context, builder, signature.args[0], values)
        names = _data(context, builder, signature.args[1], numbers)
        int32 = ir.IntType(32)
        doubles, ints = ir.VectorType(_DOUBLE, BUFFER), ir.VectorType(int32, BUFFER)
        shift = ir.Constant(ints, [BUFFER, *range(BUFFER - 1)])
        new = _splat(builder, value, BUFFER)
        name = builder.trunc(number, int32)
        first = builder.insert_element(ir.Constant(ints, ir.Undefined), name, _int32(0))
        name = builder.shuffle_vector(
            first, ir.Constant(ints, ir.Undefined), ir.Constant(ints, [0] * BUFFER)
        )
        carry = cgutils.alloca_once_value(builder, ir.Constant(_DOUBLE, float("-inf")))
        carry_name = cgutils.alloca_once_value(builder, _int32(0))
        builder.store(ir.Constant(_DOUBLE, float("-inf")), carry)
        with cgutils.for_range(builder, n_blocks) as loop:
            offset = builder.mul(loop.index, loop.index.type(BUFFER))
            old = _load(builder, data, offset, BUFFER)
            old_names_at = builder.bitcast(builder.gep(names, [offset]), ints.as_pointer())
            old_names = builder.load(old_names_at, align=4)
            before = builder.insert_element(
                ir.Constant(doubles, ir.Undefined), builder.load(carry), _int32(0)
            )
            before = builder.shuffle_vector(old, before, shift)
            names_before = builder.insert_element(
                ir.Constant(ints, ir.Undefined), builder.load(carry_name), _int32(0)
            )
            names_before = builder.shuffle_vector(old_names, names_before, shift)
            builder.store(builder.extract_element(old, _int32(BUFFER - 1)), carry)
            builder.store(builder.extract_element(old_names, _int32(BUFFER - 1)), carry_name)
            keeps = builder.fcmp_ordered("<=", old, new)
            moves = builder.fcmp_ordered(">", before, new)
            _store(
                builder,
                builder.select(keeps, old, builder.select(moves, before, new)),
                data,
                offset,
            )
            builder.store(
                builder.select(keeps, old_names, builder.select(moves, names_before, name)),
                old_names_at,
                align=4,
            )
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def prefetch(typing_context, array, offset):
    """Ask for the memory at an offset of an array, counted in its elements, ahead of its use."""
    signature = types.void(array, types.int64)

    def generate(context, builder, signature, arguments):
        data = _data(context, builder, signature.args[0], arguments[0])
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(
            ir.VoidType(),
            [pointer.type, ir.IntType(32), ir.IntType(32), ir.IntType(32)],
        )
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        builder.call(function, [pointer, _int32(0), _int32(3), _int32(1)])
        return context.get_dummy_value()

    return signature, generate
