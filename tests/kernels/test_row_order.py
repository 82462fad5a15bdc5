"""The sort of rows against NumPy's."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.kernels._row_order import lexicographic_order


@given(seed=st.integers(0, 2**32), n_rows=st.integers(0, 200), n_columns=st.integers(1, 4))
@settings(deadline=None, max_examples=50)
def test_order_is_lexsorts_and_leaves_equal_rows_alone(seed, n_rows, n_columns):
    rows = np.random.default_rng(seed).integers(-3, 4, (n_rows, n_columns)).astype(float)
    rows[rows == 3] = np.inf
    expected = np.lexsort(rows.T[::-1])  # stable
    np.testing.assert_array_equal(lexicographic_order(rows), expected)
