"""Parts that vector instructions are written with: loads, constants, sums, least lanes."""

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8  # rows a vector; leaves are padded to a multiple
VALUES = 16  # values of min_samples a walk

DOUBLE = ir.DoubleType()
INT32 = ir.IntType(32)
INT64 = ir.IntType(64)
_BYTES = {DOUBLE: 8, INT32: 4, INT64: 8}


def constant(number, lanes=LANES):
    """Return a vector of float64 with one number in all lanes."""
    return ir.Constant(ir.VectorType(DOUBLE, lanes), [number] * lanes)


def splat(builder, value, lanes=LANES):
    """Return a vector with a value in all lanes."""
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(undefined, value, INT32(0))
    order = ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes)
    return builder.shuffle_vector(first, undefined, order)


def load(builder, data, offset, lanes=LANES):
    """Load as many neighbours from an array's data."""
    element = data.type.pointee
    pointer = builder.gep(data, [offset])
    pointer = builder.bitcast(pointer, ir.VectorType(element, lanes).as_pointer())
    return builder.load(pointer, align=_BYTES[element])


def store(builder, vector, data, offset):
    """Store a vector of float64 in an array's data."""
    pointer = builder.bitcast(builder.gep(data, [offset]), vector.type.as_pointer())
    builder.store(vector, pointer, align=_BYTES[DOUBLE])


def load_one(builder, data, offset):
    """Load one number from an array's data."""
    return builder.load(builder.gep(data, [offset]))


def larger(builder, a, b):
    """Return the larger number in each lane."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def smaller(builder, a, b):
    """Return the smaller number in each lane."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def bits(builder, vector):
    """Return the bits of a vector of them, as int64."""
    return builder.zext(builder.bitcast(vector, ir.IntType(vector.type.count)), INT64)


def fold(builder, vector, combine):
    """Combine the lanes of a vector by halves."""
    undefined = ir.Constant(vector.type, ir.Undefined)
    count = vector.type.count
    half = count // 2
    while half > 0:
        order = [lane + half if lane < half else 0 for lane in range(count)]
        order = ir.Constant(ir.VectorType(INT32, count), order)
        vector = combine(vector, builder.shuffle_vector(vector, undefined, order))
        half //= 2
    return builder.extract_element(vector, INT32(0))


def total_of_squares(builder, n_columns, term):
    """Add the squares of ``term(column)`` in the order of the columns."""
    total = cgutils.alloca_once_value(builder, constant(0.0))
    builder.store(constant(0.0), total)
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
