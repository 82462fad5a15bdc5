import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.model_selection import WholeSample, hide_seeds

Y = np.array([4] * 20 + [7] * 5 + [9] * 2 + [11] + [-1] * 10)
labels = st.lists(st.integers(-1, 4), min_size=1, max_size=60).map(np.array)


@settings(deadline=None, max_examples=50)
@given(labels, st.floats(0.01, 0.99), st.integers(0, 2**31))
def test_every_group_keeps_a_seed_and_is_tested_where_it_can_be(y, share, seed):
    y_partial = hide_seeds(y, test_size=share, random_state=seed)
    assert np.all((y_partial == y) | (y_partial == -1))
    for group in np.unique(y[y != -1]):
        n_seeds, n_known = np.sum(y_partial == group), np.sum(y == group)
        assert n_seeds >= 1
        assert n_seeds < n_known or n_known == 1


def test_share_is_kept_in_each_group():
    y_partial = hide_seeds(Y, test_size=0.4, random_state=0)
    assert [int(np.sum(y_partial == group)) for group in (4, 7, 9, 11)] == [12, 3, 1, 1]


def test_same_objects_are_hidden_however_rows_are_shuffled():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(len(Y), 2))
    shuffle = rng.permutation(len(Y))
    straight = hide_seeds(Y, random_state=1, order=np.lexsort(X.T))
    shuffled = hide_seeds(Y[shuffle], random_state=1, order=np.lexsort(X[shuffle].T))
    np.testing.assert_array_equal(straight[shuffle], shuffled)


def test_draws_differ_by_seed_and_the_input_stays():
    y = Y.copy()
    drawn = {hide_seeds(y, test_size=0.5, random_state=seed).tobytes() for seed in range(5)}
    assert len(drawn) == 5
    np.testing.assert_array_equal(y, Y)


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"test_size": 0.0}, "test_size must be between 0 and 1"),
        ({"test_size": 1}, "test_size must be between 0 and 1"),
        ({"order": [0, 0, 1]}, "order must hold each row number"),
    ],
)
def test_bad_input_is_named(kwargs, match):
    with pytest.raises(ValueError, match=match):
        hide_seeds(Y, **kwargs)


def test_whole_sample_gives_every_row_to_fit_and_score():
    ((fit_rows, score_rows),) = WholeSample().split(np.zeros((5, 2)))
    assert fit_rows.tolist() == score_rows.tolist() == [0, 1, 2, 3, 4]
