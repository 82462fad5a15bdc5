"""Whole CLiMB fits beside the published code, climb-astro: CPU time, memory, same labels.

    python benchmarks/climb.py [--sizes 5000 10000 20000] [--json FILE]

Both fit the same rows of a simulated halo with the same settings in the same process, in turn, so
that the ratio holds on a busy machine. The DBSCAN column is the explorer alone, which both share.
The published code keeps the matrix of all distances (24 bytes x N squared at its peak): it runs up
to ``--published-limit`` rows only. MiB is the peak of what a fit adds to its process (on Linux).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from constrained_dbscan import peak_bytes, start_peak
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

import climbkit
from climbkit import CLiMB, KBound
from climbkit.datasets import make_halo

GATES = {"density_threshold": 0.005, "distance_threshold": 0.5, "radial_threshold": 0.1}
EPS_AT_5000 = 0.19  # the published eps; scaled so that a ball holds as many rows at every size
MIN_SAMPLES = 24


def halo(n):
    """Scaled features and seeds of the first n stars of a simulated halo."""
    bunch = make_halo(n_field=n, random_state=0)
    return StandardScaler().fit_transform(bunch.data[:n]), bunch.partial_target[:n]


def published_fit(X, y, eps):
    from CLiMB.core.CLiMB import CLiMB as PublishedCLiMB
    from CLiMB.exploratory.DBSCANExploratory import DBSCANExploratory

    groups = np.unique(y[y >= 0])
    seeds = {tuple(X[y == g].mean(axis=0)): [tuple(x) for x in X[y == g]] for g in groups}
    model = PublishedCLiMB(
        constrained_clusters=len(groups),
        seed_points=seeds,
        convergence_tolerance=0.01,
        distance_metric="mahalanobis",
        metric_params={"VI": np.linalg.inv(np.cov(X.T))},
        exploratory_algorithm=DBSCANExploratory(eps=eps, min_samples=MIN_SAMPLES),
        **GATES,
    )
    return model.fit(X, groups, is_slight_movement=False).get_labels()


def our_fit(X, y, eps):
    kbound = KBound(**GATES, density_rule="max", radial_rule="hold", tol=0.01, metric="mahalanobis")
    return CLiMB(kbound, DBSCAN(eps=eps, min_samples=MIN_SAMPLES)).fit(X, y).labels_


def cpu(function, *args):
    start = time.process_time()
    result = function(*args)
    return time.process_time() - start, result


def peak_memory(X, y):
    """MiB that a fit adds to the peak of a process that holds the rows and has compiled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, X=X, y=y)
        command = [sys.executable, __file__, "--memory-of", path]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_memory(path):
    rows = np.load(path)
    X, y = rows["X"], rows["y"]
    our_fit(X[:2_000], y[:2_000], 0.3)
    before = start_peak()
    our_fit(X, y, scaled_eps(len(X)))
    print((peak_bytes() - before) / 2**20)


def scaled_eps(n):
    return EPS_AT_5000 * (5_000 / n) ** (1 / 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 10_000, 20_000, 100_000])
    parser.add_argument("--published-limit", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        return print_memory(options.memory_of)
    our_fit(*halo(2_000), 0.3)  # compiles
    rows = []
    print("Simulated halo, three features. CPU seconds, the least of the repeats.")
    head = ("N", "climbkit", "DBSCAN", "published", "ratio", "same", "MiB")
    print("{:>9} {:>9} {:>8} {:>10} {:>7} {:>6} {:>7}".format(*head))
    for n in options.sizes:
        X, y = halo(n)
        eps = scaled_eps(n)
        ours, theirs, explorer = [], [np.nan], []
        agreement = np.nan
        for _ in range(options.repeats):
            seconds, labels = cpu(our_fit, X, y, eps)
            ours.append(seconds)
            explorer.append(cpu(DBSCAN(eps=eps, min_samples=MIN_SAMPLES).fit, X)[0])
            if n <= options.published_limit:
                seconds, published = cpu(published_fit, X, y, eps)
                theirs.append(seconds)
                agreement = adjusted_rand_score(labels, published)
        row = {
            "n": len(X),
            "climbkit_cpu": min(ours),
            "dbscan_alone_cpu": min(explorer),
            "published_cpu": float(np.nanmin(theirs)) if len(theirs) > 1 else None,
            "ari_between_labels": agreement,
            "climbkit_peak_mib": peak_memory(X, y),
        }
        rows.append(row)
        published = row["published_cpu"] or np.nan
        print(
            f"{len(X):>9,} {row['climbkit_cpu']:>9.3f} {row['dbscan_alone_cpu']:>8.3f} "
            f"{published:>10.2f} {published / row['climbkit_cpu']:>7.1f} {agreement:>6.3f} "
            f"{row['climbkit_peak_mib']:>7.0f}",
            flush=True,
        )
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"climbkit": climbkit.__version__, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
