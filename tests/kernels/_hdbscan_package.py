"""The steps of the hdbscan package, and rows to try them on."""

import warnings

import numpy as np
import pandas as pd
from hdbscan import HDBSCAN
from hdbscan._hdbscan_boruvka import KDTreeBoruvkaAlgorithm
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.neighbors import KDTree

SWEEP = range(6, 16)
FIELDS = {
    "pal5": "gc_fields/pal5_gaiaedr3.csv.gz",
    "ngc4147": "gc_fields/ngc4147_gaiaedr3.csv.gz",
    "blank": "gaia_fields/blank_ra45_dec0_gaiadr3_full.parquet",
    "ngc2112": "gaia_fields/ngc2112_gaia.csv.gz",
    "ngc6405": "gaia_fields/ngc6405_gaia.csv.gz",
    "ngc2477": "gaia_fields/ngc2477_gaia.csv.gz",
    "ngc103": "gaia_fields/ngc103_gaiadr3_g18p5.csv.gz",
    "m67": "gaia_fields/m67_gaiadr3.csv.gz",
    "ngc288": "gc_fields/ngc288_gaiaedr3.csv.gz",
    "ngc7789": "gaia_fields/ngc7789_gaia.csv.gz",
    "blanco1": "gaia_fields/blanco1_gaiadr2_g18.csv.gz",
    "ngc2323": "gaia_fields/ngc2323_gaiaedr3_filtered.csv.gz",
    "ngc362": "gc_fields/ngc362_gaiaedr3.csv.gz",
    "ngc6441": "gc_fields/ngc6441_crowded_gaiaedr3.csv.gz",
}


def spanning_tree(X, min_samples, approximate=True):
    """Edges (row, row, distance) in the order in which hdbscan adds them."""
    return KDTreeBoruvkaAlgorithm(
        KDTree(X, leaf_size=40),
        min(min_samples, len(X) - 1),
        leaf_size=13,
        approx_min_span_tree=approximate,
        n_jobs=1,
    ).spanning_tree()


def condensed_tree(X, min_cluster_size, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # divisions by zero where rows repeat
        fitted = HDBSCAN(min_cluster_size=min_cluster_size, **parameters).fit(X)
    return fitted.condensed_tree_._raw_tree


def real_field(data_folder, name):
    """A field's positions, parallaxes and proper motions in units of their deviations."""
    path = data_folder / FIELDS[name]
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    X = table[["l", "b", "parallax", "pmra", "pmdec"]].dropna().to_numpy(np.float64)
    return np.ascontiguousarray((X - X.mean(axis=0)) / X.std(axis=0))


def blobs(n_rows, n_columns, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_columns))
    X[: n_rows // 4] = 0.1 * X[: n_rows // 4] + rng.normal(size=n_columns)
    return rng.permutation(X)


@st.composite
def tied_rows(draw, max_rows=120):
    """Rows on a coarse grid, on one of tenths, repeated, or anywhere."""
    n_rows, n_columns = draw(st.integers(2, max_rows)), draw(st.integers(1, 6))
    kind = draw(st.sampled_from(["grid", "tenths", "repeated", "anywhere"]))
    if kind == "anywhere":
        elements = st.floats(-3, 3, width=32)
        return draw(arrays(np.float64, (n_rows, n_columns), elements=elements))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "repeated":
        distinct = rng.normal(size=(draw(st.integers(1, 10)), n_columns))
        return distinct[rng.integers(0, len(distinct), n_rows)]
    grid = rng.integers(-5, 6, (n_rows, n_columns))
    return grid * 1.0 if kind == "grid" else grid * 0.1
