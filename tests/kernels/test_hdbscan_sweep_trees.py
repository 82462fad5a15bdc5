"""Condensed trees of a sweep against fits of hdbscan, row for row."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config

from climbkit.kernels._hdbscan_sweep_trees import hdbscan_condensed_trees

sys.path.insert(0, str(Path(__file__).parent))
import _hdbscan_package as package

COLUMNS = ("parent", "child", "lambda_val", "child_size")


def assert_same_rows(X, sizes, min_samples=None, **parameters):
    trees = hdbscan_condensed_trees(X, min_samples, sizes, **parameters)
    for place, (size, tree) in enumerate(zip(sizes, trees, strict=True)):
        m = None if min_samples is None else min_samples[place]
        expected = package.condensed_tree(X, size, min_samples=m, **parameters)
        for found, name in zip(tree, COLUMNS, strict=True):
            np.testing.assert_array_equal(found, expected[name])


@settings(max_examples=40, deadline=None)
@given(package.tied_rows(), st.lists(st.integers(2, 16), min_size=1, max_size=3))
def test_trees_are_those_of_fits_one_by_one(X, sizes):
    assert_same_rows(X, sizes)


def test_min_samples_of_its_own_for_each_size():
    assert_same_rows(package.blobs(800, 2), [5, 5, 30], min_samples=[1, 20, 5])


@pytest.mark.parametrize("n_rows", [2, 3, 7, 16, 41])
def test_fewer_rows_than_min_samples(n_rows):
    assert_same_rows(package.blobs(n_rows, 3), [2, 10, 50])


@pytest.mark.parametrize("step", [0.01, 1.0])
def test_many_columns_are_joined_by_the_other_algorithm(step):
    X = np.round(package.blobs(200, 61) / step) * step
    assert_same_rows(X, [3, 8])
    assert_same_rows(np.ascontiguousarray(X[:, :60]), [3, 8])
    X[:, 2:] = 0.0
    assert_same_rows(X, [3, 8])


def test_more_repetitions_than_min_samples():
    X = np.repeat(package.blobs(100, 2), 9, axis=0)
    assert_same_rows(X, [5, 8, 9, 12])


@pytest.mark.parametrize("core_dist_n_jobs", [1, 4])
def test_ties_of_many_rows_follow_the_blocks_of_the_query(core_dist_n_jobs):
    X = np.round(package.blobs(17000, 2) * 50)
    with parallel_config(backend="threading"):  # for hdbscan, which else starts processes
        assert_same_rows(X, [10], core_dist_n_jobs=core_dist_n_jobs)


@pytest.mark.parametrize("name", ["pal5", "ngc4147", "blank"])
def test_real_fields_at_every_size(data_folder, name):
    assert_same_rows(package.real_field(data_folder, name), package.SWEEP)


@pytest.mark.slow
@pytest.mark.parametrize("name", package.FIELDS)
def test_all_real_fields_at_every_size(data_folder, name):
    X = package.real_field(data_folder, name)
    assert_same_rows(X, package.SWEEP, core_dist_n_jobs=1)
    assert_same_rows(np.round(X, 2), [6, 15], core_dist_n_jobs=1)
