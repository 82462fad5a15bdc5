"""Time SSDBSCAN and CDBSCAN against straightforward versions of the published algorithms.

    python benchmarks/constrained_dbscan.py --json constrained_dbscan.json

CPU time of one thread, compilation left out, on mock halos (`climbkit.datasets.make_halo`) in three
features. The straightforward versions (tests/cluster/_published.py) hold the distance matrix and
run only up to 5,000 rows. Above that, `eps` is once kept and once shrunk with the density, so that
a row keeps its number of neighbours. Every measurement has a process of its own; its peak memory
is what the fit added to what was resident before (on Linux; an upper bound elsewhere). Half of
each group is known, and C-DBSCAN gets pairs: the known rows of a group in a chain of must-links,
and the first of each group against the first of every other.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from climbkit import CDBSCAN, SSDBSCAN, KinematicTails, __version__
from climbkit.datasets import make_halo

SIZES = (5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
QUICK_SIZES = (5_000, 20_000)
LARGEST_MATRIX = 5_000  # rows; the matrix of the straightforward versions then has 200 MB
SMALL_SIZE = 500  # rows of the fit that loads the compiled code
HALO_SIZE = 5_000  # stars of make_halo with its default parameters
SETTINGS = {"SSDBSCAN": (0.15, 16), "CDBSCAN": (0.24, 16)}  # published eps and min_samples
CASES = (
    ("SSDBSCAN", "tails"),  # the rule of the RR Lyrae benchmark
    ("SSDBSCAN", "all"),  # every row important
    ("CDBSCAN", "stop"),
    ("CDBSCAN", "skip"),
)
BYTES_PER_MB = 1e6
THREAD_VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def save_halo(n_rows, path):
    """Save scaled features, must-links and cannot-links of a mock halo."""
    scale = n_rows / HALO_SIZE
    mock = make_halo(
        n_field=round(2880 * scale),
        n_judged=round(1532 * scale),
        group_sizes=scale,
        novel_size=round(40 * scale),
        random_state=0,
    )
    X = (mock.data - mock.data.mean(axis=0)) / mock.data.std(axis=0)
    y = np.asarray(mock.partial_target)
    groups = [np.flatnonzero(y == label) for label in np.unique(y[y != -1])]
    must_link = np.concatenate([np.column_stack([rows[:-1], rows[1:]]) for rows in groups])
    cannot_link = np.array([(a[0], b[0]) for a, b in itertools.combinations(groups, 2)])
    np.savez(path, X=np.ascontiguousarray(X), must_link=must_link, cannot_link=cannot_link)


def load_halo(path):
    """Load what `save_halo` saved."""
    with np.load(path) as saved:
        return saved["X"], {name: saved[name] for name in ("must_link", "cannot_link")}


def importance_of(rule):
    """Rule for `SSDBSCAN` by its name in the table."""
    return KinematicTails() if rule == "tails" else None


def fit(name, rule, eps, X, pairs):
    """Fit one clusterer."""
    min_samples = SETTINGS[name][1]
    if name == "SSDBSCAN":
        return SSDBSCAN(eps, min_samples, importance_of(rule)).fit(X)
    return CDBSCAN(eps, min_samples, rule).fit(X, **pairs)


def measure(name, rule, path, eps, small_path):
    """CPU seconds, peak memory and labels of a fit, after one on a small halo."""
    fit(name, rule, eps, *load_halo(small_path))
    X, pairs = load_halo(path)
    before = start_peak()
    began = time.process_time()
    labels = fit(name, rule, eps, X, pairs).labels_
    seconds = time.process_time() - began
    return {"cpu_s": seconds, "peak_mb": (peak_bytes() - before) / BYTES_PER_MB, "labels": labels}


def start_peak():
    """Resident bytes; from now on the peak is counted afresh, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()
    except OSError:
        return 0


def peak_bytes():
    """Largest resident size of this process so far."""
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure_straightforward(name, rule, path, eps):
    """CPU seconds and labels of the published algorithm."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "cluster"))
    import _published

    X, pairs = load_halo(path)
    min_samples = SETTINGS[name][1]
    if name == "SSDBSCAN":
        rows = importance_of(rule)
        important = np.ones(len(X), bool) if rows is None else rows(X)
        began = time.process_time()
        labels = _published.ssdbscan(X, eps, min_samples, important)
    else:
        pairs = {name: [tuple(pair) for pair in rows.tolist()] for name, rows in pairs.items()}
        began = time.process_time()
        labels = _published.cdbscan(X, eps, min_samples, **pairs, conflict=rule)
    return {"cpu_s": time.process_time() - began, "labels": labels}


def in_fresh_process(function, *arguments):
    """Result of a function called in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def run(sizes, folder):
    """Yield a row of the table for each algorithm, size and choice of eps."""
    paths = {n_rows: Path(folder) / f"{n_rows}.npz" for n_rows in (SMALL_SIZE, *sizes)}
    for n_rows, path in paths.items():
        save_halo(n_rows, path)
    for name, rule in CASES:
        published_eps = SETTINGS[name][0]
        for n_rows in sizes:
            shrunk = published_eps * (HALO_SIZE / n_rows) ** (1 / 3)
            for kind, eps in (("kept", published_eps), ("shrunk", shrunk)):
                if kind == "shrunk" and n_rows <= HALO_SIZE:
                    continue
                case = (name, rule, paths[n_rows], eps)
                fast = in_fresh_process(measure, *case, paths[SMALL_SIZE])
                labels = fast.pop("labels")
                row = {
                    "algorithm": name, "rule": rule, "rows": n_rows, "eps": eps, "eps_kind": kind,
                    "clusters": len(np.unique(labels[labels >= 0])), **fast,
                }  # fmt: skip
                if n_rows <= LARGEST_MATRIX:
                    slow = in_fresh_process(measure_straightforward, *case)
                    row["straightforward_s"] = slow["cpu_s"]
                    row["ratio"] = slow["cpu_s"] / fast["cpu_s"]
                    row["ari"] = adjusted_rand_score(slow["labels"], labels)
                yield row


HEADER = (
    f"{'algorithm':<16}{'rows':>8} {'eps':>6} {'clusters':>9} {'CPU [s]':>8} {'us/row':>7} "
    f"{'peak [MB]':>10} {'B/row':>6} {'straightf. [s]':>15} {'ratio':>6} {'ARI':>6}"
)


def table_line(row):
    """Row of the table as text."""
    per_row = 1e6 * row["cpu_s"] / row["rows"]
    memory = BYTES_PER_MB * row["peak_mb"] / row["rows"]
    line = (
        f"{row['algorithm'] + ' ' + row['rule']:<16}{row['rows']:>8} {row['eps']:>6.3f} "
        f"{row['clusters']:>9} {row['cpu_s']:>8.3f} {per_row:>7.1f} {row['peak_mb']:>10.1f} "
        f"{memory:>6.0f} "
    )
    if "ratio" not in row:
        return line + f"{'-':>15} {'-':>6} {'-':>6}"
    return line + f"{row['straightforward_s']:>15.2f} {row['ratio']:>6.0f} {row['ari']:>6.3f}"


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="numbers of rows")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the table to this file")
    parser.add_argument("--quick", action="store_true", help="only up to 20,000 rows")
    options = parser.parse_args()
    sizes = options.sizes or (QUICK_SIZES if options.quick else SIZES)

    for variable in THREAD_VARIABLES:  # the processes that measure inherit them
        os.environ[variable] = "1"
    rows = []
    print(HEADER)
    with tempfile.TemporaryDirectory() as folder:
        for row in run(sizes, folder):
            rows.append(row)
            print(table_line(row), flush=True)
    print(
        "ARI: agreement with the straightforward version. That of C-DBSCAN can break constraints, "
        'which "skip" never does: the others have to agree.'
    )
    if options.json:
        versions = {"climbkit": __version__, "numpy": np.__version__}
        about = {"machine": platform.machine(), "python": platform.python_version(), **versions}
        options.json.write_text(json.dumps({"about": about, "rows": rows}, indent=2) + "\n")
        print(f"saved to {options.json}")


if __name__ == "__main__":
    main()
