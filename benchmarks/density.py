"""Gaussian density: CPU time and error of `gaussian_density` beside other ways to the same sums.

    python benchmarks/density.py [--quick] [--sizes 5000 1000000] [--json FILE]

Each row is one data set and bandwidth (the mean pairwise distance, a tenth, a fiftieth of it). All
times are CPU seconds of one process with one thread; compilation is not counted. Columns:

ours       `gaussian_density(X, bandwidth)` at 1e-6 of the largest density; at the default bandwidth
           with ``bandwidth=None``, the mean pairwise distance included
tree16     building a `scipy.spatial.cKDTree` and asking it for 16 neighbours of every point
brute      blocked brute force in NumPy, matrix product and exp in blocks that stay in the cache;
           "~" marks times extrapolated from the rows that a few seconds allow, taken at random
kde        scikit-learn's `KernelDensity` (k-d tree, rtol=1e-6), up to 10,000 points
error      largest error of 2,000 random points against brute force, in units of the largest density
memory     largest growth of the resident memory in the call, MB
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import json
import platform
import threading
import time

import numpy as np
import psutil
from scipy.spatial import cKDTree
from sklearn.neighbors import KernelDensity

from climbkit.kernels import gaussian_density, mean_pairwise_distance
from climbkit.kernels._density import METHODS

SIZES = (5_000, 20_000, 100_000, 1_000_000)
QUICK_SIZES = (5_000, 20_000)
DIMENSIONS = (2, 3, 5)
WIDTHS = {"default": 1.0, "tenth": 0.1, "fiftieth": 0.02}
ATOL = 1e-6
CHECKED = 2_000
KDE_LIMIT = 10_000
NEIGHBOURS = 16

# Rows and columns of a block of brute force: 1 MB of doubles, which stays in the cache.
BLOCK = (64, 2_048)
BRUTE_SECONDS = 5.0


def sample(name, n, d, rng):
    """Draw points: "normal", "tails" (a core, eight clumps and far outliers) or "uniform"."""
    if name == "normal":
        X = rng.normal(size=(n, d))
    elif name == "uniform":
        X = rng.uniform(size=(n, d))
    else:
        X = rng.normal(size=(n, d))
        part = rng.integers(0, 20, size=n)
        centres = 1.5 * rng.normal(size=(8, d))
        clumped = part < 8
        X[clumped] = centres[part[clumped]] + 0.1 * X[clumped]
        outlying = part == 19
        X[outlying] = rng.standard_t(3, size=(outlying.sum(), d)) * 2.0
    return (X - X.mean(axis=0)) / X.std(axis=0)


def cpu(function, *args, **keywords):
    """Return the result and the CPU seconds of a call."""
    start = time.process_time()
    result = function(*args, **keywords)
    return result, time.process_time() - start


def cpu_and_memory(function, *args, **keywords):
    """Return the result of a call, its CPU seconds, and the growth of the resident memory in MB."""
    process = psutil.Process()
    before, peak, done = process.memory_info().rss, [0], threading.Event()

    # One look takes 0.02 ms: a five-hundredth of the time.
    def watch():
        while not done.wait(0.01):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result, spent = cpu(function, *args, **keywords)
    finally:
        done.set()
        watcher.join()
    return result, spent, max(0.0, (peak[0] - before) / 1e6)


def brute_force(X, bandwidth, rows):
    """Gaussian sums at some rows by the matrix product and exp, in blocks."""
    scaled = X / bandwidth
    halves = 0.5 * np.einsum("ij,ij->i", scaled, scaled)
    out = np.zeros(len(rows))
    block = np.empty(BLOCK)
    for i in range(0, len(rows), BLOCK[0]):
        some = rows[i : i + BLOCK[0]]
        points = scaled[some]
        for j in range(0, len(X), BLOCK[1]):
            part = block[: len(some), : min(BLOCK[1], len(X) - j)]
            np.matmul(points, scaled[j : j + BLOCK[1]].T, out=part)
            part -= halves[some, None]
            part -= halves[j : j + BLOCK[1]]
            # Rounding of the product can leave a distance of -1e-16, and a sum above 1.
            np.minimum(part, 0.0, out=part)
            np.exp(part, out=part)
            out[i : i + len(some)] += part.sum(axis=1)
    return out


def brute_time(X, bandwidth, rng):
    """Return the CPU seconds of brute force over all rows, and whether they are extrapolated."""
    order = rng.permutation(len(X))
    done, spent = 0, 0.0
    while done < len(X) and spent < BRUTE_SECONDS:
        rows = order[done : done + BLOCK[0]]
        spent += cpu(brute_force, X, bandwidth, rows)[1]
        done += len(rows)
    return spent * len(X) / done, done < len(X)


def kde(X, bandwidth):
    """Densities by scikit-learn."""
    return (
        KernelDensity(bandwidth=bandwidth, algorithm="kd_tree", rtol=ATOL).fit(X).score_samples(X)
    )


def measure(name, n, d, rng, dense):
    """Yield one row of the table for every bandwidth."""
    X = sample(name, n, d, rng)
    default, mean_cpu = cpu(mean_pairwise_distance, X)
    _, tree_cpu = cpu(lambda: cKDTree(X).query(X, NEIGHBOURS))
    for label, share in WIDTHS.items():
        bandwidth = default * share
        given = None if share == 1.0 else bandwidth
        density, ours, memory = cpu_and_memory(gaussian_density, X, given, atol=ATOL)
        brute, extrapolated = brute_time(X, bandwidth, rng)
        rows = rng.choice(n, min(n, CHECKED), replace=False)
        error = np.abs(density[rows] - brute_force(X, bandwidth, rows)).max() / density.max()
        yield {
            "data": name,
            "n": n,
            "d": d,
            "bandwidth": label,
            "ours": ours,
            "mean_pairwise_distance": mean_cpu,
            "tree16": tree_cpu,
            "ours/tree16": ours / tree_cpu,
            "brute": brute,
            "brute_extrapolated": extrapolated,
            "ours/brute": ours / brute,
            "kde": cpu(kde, X, bandwidth)[1] if dense and n <= KDE_LIMIT else None,
            "error": error,
            "memory_mb": memory,
        }


def warm_up(dimensions):
    """Compile every kernel before anything is timed."""
    rng = np.random.default_rng(0)
    for d in dimensions:
        X = rng.standard_t(3, size=(20_000, d))
        mean_pairwise_distance(X)
        mean_pairwise_distance(X[:500])
        for method in METHODS:
            if method != "fourier" or d <= 3:
                gaussian_density(X[:4_000], 0.3, method=method)
        gaussian_density(X, 0.05)


COLUMNS = (
    f"{'data':8}{'N':>9}{'d':>3} {'bandwidth':10}{'ours s':>10}{'tree16 s':>10}{'ratio':>8}"
    f"{'brute s':>12}{'ratio':>9}{'kde s':>8}{'error':>9}{'MB':>7}"
)


def table_row(row):
    """Format one row of the table."""
    brute = ("~" if row["brute_extrapolated"] else "") + f"{row['brute']:.2f}"
    dense = "-" if row["kde"] is None else f"{row['kde']:.2f}"
    return (
        f"{row['data']:8}{row['n']:>9,}{row['d']:>3} {row['bandwidth']:10}{row['ours']:>10.4f}"
        f"{row['tree16']:>10.3f}{row['ours/tree16']:>8.3f}{brute:>12}{row['ours/brute']:>9.5f}"
        f"{dense:>8}{row['error']:>9.1e}{row['memory_mb']:>7.0f}"
    )


def main():
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of points")
    parser.add_argument("--dimensions", type=int, nargs="+", default=list(DIMENSIONS))
    parser.add_argument("--data", nargs="+", default=["normal", "tails"], help="see `sample`")
    parser.add_argument("--quick", action="store_true", help="small sizes, no KernelDensity")
    parser.add_argument("--json", metavar="FILE", help="save the rows, with the machine, as JSON")
    options = parser.parse_args()
    sizes = options.sizes or (QUICK_SIZES if options.quick else SIZES)
    rng = np.random.default_rng(20_240_101)
    warm_up(options.dimensions)
    rows = []
    for n in sizes:
        for d in options.dimensions:
            for name in options.data:
                for row in measure(name, n, d, rng, not options.quick):
                    rows.append(row)
                    print(table_row(row), flush=True)
    print("\nCPU seconds, one thread; atol 1e-6; ~ extrapolated from random rows;")
    print(f"KernelDensity with rtol 1e-6, up to {KDE_LIMIT:,} points.\n")
    print("\n".join([COLUMNS, *map(table_row, rows)]))
    if options.json:
        with open(options.json, "w") as file:
            machine = {"python": platform.python_version(), "processor": platform.processor()}
            json.dump({"machine": machine, "atol": ATOL, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
