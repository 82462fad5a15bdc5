"""Hold the sweep of min_cluster_size against loops of other HDBSCANs, and measure its cost.

    python benchmarks/tiled_hdbscan.py region --n-stars 60000
    python benchmarks/tiled_hdbscan.py region --n-stars 300000 --share 0.1
    python benchmarks/tiled_hdbscan.py fields
    python benchmarks/tiled_hdbscan.py clusters
    python benchmarks/tiled_hdbscan.py recovery
    python benchmarks/tiled_hdbscan.py scaling
    python benchmarks/tiled_hdbscan.py memory
    python benchmarks/tiled_hdbscan.py threads

`region` searches a simulated 10 x 10 deg field (`climbkit.datasets.make_cluster_field`) as
published: squares of 1, 2 and 5 deg, z-scored (l, b, parallax, pmra, pmdec), min_cluster_size 6
to 15, which makes 129 tiles and 1,290 fits. Every tile is given to all peers one after the other
in one process with one thread; CPU time is `time.process_time`, compilation is left out. `--share`
takes a random part of the tiles of each side. `fields` does the same with the real fields of
CLIMBKIT_DATA, whole. `clusters` compares the best Jaccard over m of each true or published
cluster with that of hdbscan, as the rows come and permuted; `recovery` does so for tiled searches
of simulated fields. `scaling` gives the cost per star of one tile of 500 to 1,000,000 stars and
its ratio to the one neighbour query that it needs; `memory` runs a tile of a million stars, and a
region of five million, each in a process of its own; `threads` compares wall times of one
and two threads.
"""

import argparse
import os

# Before NumPy is loaded: one level of parallelism, ours.
for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import itertools
import json
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from _hdbscans import (
    OURS,
    PEERS,
    canonical,
    equal_partitions,
    hdbscan_loop,
    parity,
    timed,
    warm_up,
    z_scores,
)
from scipy.sparse import csr_matrix

from climbkit import TiledHDBSCAN, __version__
from climbkit.datasets import gaia_field_names, load_gaia_field, make_cluster_field

SIDES = (1.0, 2.0, 5.0)  # deg, published tiles
REGION_SIDE = 10.0  # deg
REGION_CENTER = (60.0, 5.0)  # l and b: near the plane a square on the sky is one in (l, b)
FEATURES = ["l", "b", "parallax", "pmra", "pmdec"]
SCALING_SIZES = (500, 2_000, 20_000, 100_000, 300_000, 1_000_000)
PARITY_UP_TO = 100_000  # stars of a tile on which the slower mode is timed too
N_FIELDS = 4  # simulated ones of `recovery`
N_ORDERS = 9  # in which hdbscan, whose labels depend on them, gets the rows
TOLERANCE = 0.02  # in Jaccard
MIB = 2.0**20


def simulated_region(n_stars, side=REGION_SIDE, seed=0):
    """Bunch of a simulated field and its clusters."""
    return make_cluster_field(n_stars, side=side, center=REGION_CENTER, random_state=seed)


def tiles_of(stars, side):
    """Scaled features of each square of the published grid."""
    cell = [
        np.clip((stars[name] - middle + REGION_SIDE / 2) // side, 0, REGION_SIDE // side - 1)
        for name, middle in zip(("l", "b"), REGION_CENTER, strict=True)
    ]
    for key, tile in stars.groupby([cell[0].to_numpy(), cell[1].to_numpy()]):
        yield (side, *key), z_scores([tile[name] for name in FEATURES])


def compare(tiles, methods):
    """CPU seconds of each method; labels held against hdbscan's and against permuted rows'."""
    seconds = dict.fromkeys(methods, 0.0)
    hits = {}
    rng = np.random.default_rng(0)
    n_stars = n_tiles = 0
    for _, X in tiles:
        labels = {}
        for name, method in methods.items():
            cpu, labels[name] = timed(method, X)
            seconds[name] += cpu
        n_tiles, n_stars = n_tiles + 1, n_stars + len(X)
        equal = (labels["parity"] == labels["hdbscan"]).all(axis=0)
        hits.setdefault("parity equals hdbscan, bit for bit", []).extend(equal)
        for name in ("canonical", *PEERS):
            if name in labels and name != "hdbscan":
                same = equal_partitions(labels[name], labels["hdbscan"])
                hits.setdefault(f"{name} against hdbscan, ARI = 1", []).extend(same)
        order = rng.permutation(len(X))
        for name in ("canonical", "hdbscan"):
            again = timed(methods[name], X[order])[1]
            same = equal_partitions(labels[name][order], again)
            hits.setdefault(f"{name} against itself permuted, ARI = 1", []).extend(same)
    agreement = {name: float(np.mean(values)) for name, values in hits.items()}
    return {"n_tiles": n_tiles, "n_stars": n_stars, "cpu_s": seconds, "agreement": agreement}


def print_comparison(title, result):
    """One line per method, one per agreement."""
    seconds = result["cpu_s"]
    print(f"\n{title}: {result['n_tiles']} tiles, {10 * result['n_tiles']:,} fits")
    print(f"{'method':16}{'CPU s':>9}{'us/star':>9}{'hdbscan/it':>12}{'it/query':>10}")
    for name, cpu in seconds.items():
        per_star = 1e6 * cpu / result["n_stars"]
        ratios = f"{seconds['hdbscan'] / cpu:12.1f}{cpu / seconds['query']:10.2f}"
        print(f"{name:16}{cpu:9.2f}{per_star:9.1f}{ratios}")
    for name, share in result["agreement"].items():
        print(f"  {name}: {100 * share:.1f} % of fits")


def region(arguments):
    """All tiles of a simulated region, or a random share of them."""
    stars = simulated_region(arguments.n_stars).data
    rng = np.random.default_rng(1)
    methods = OURS | {name: PEERS[name] for name in arguments.peers}
    warm_up(methods)
    results = {}
    for side in SIDES:
        tiles = list(tiles_of(stars, side))
        kept = rng.permutation(len(tiles))[: max(1, round(arguments.share * len(tiles)))]
        results[side] = compare((tiles[i] for i in np.sort(kept)), methods)
        print_comparison(f"{arguments.n_stars:,} simulated stars, {side:g} deg", results[side])
    # A part of the tiles stands for all of its side.
    whole = {"n_tiles": 0, "n_stars": 0, "cpu_s": dict.fromkeys(methods, 0.0), "agreement": {}}
    for side, result in results.items():
        scale = round(REGION_SIDE / side) ** 2 / result["n_tiles"]
        whole["n_tiles"] += round(scale * result["n_tiles"])
        whole["n_stars"] += scale * result["n_stars"]
        for name, cpu in result["cpu_s"].items():
            whole["cpu_s"][name] += scale * cpu
    print_comparison(f"{arguments.n_stars:,} simulated stars, all sides", whole)
    return {"sides": results, "whole": whole}


def fields(arguments):
    """Real fields, each as one tile."""
    methods = OURS | {name: PEERS[name] for name in arguments.peers}
    warm_up(methods)
    results = {}
    for name in gaia_field_names():
        X = field_features(load_gaia_field(name).data)
        results[name] = compare([(name, X)], methods)
        print_comparison(f"{name}, {len(X):,} stars", results[name])
    return results


def field_features(stars):
    """Scaled features of a real field, with whichever pair of coordinates it has."""
    position = ["ra", "dec"] if "ra" in stars else ["l", "b"]
    columns = [np.asarray(stars[name], dtype=float) for name in (*position, *FEATURES[2:])]
    columns[0] = np.rad2deg(np.unwrap(np.deg2rad(columns[0] - columns[0][0])))
    columns[0] = (columns[0] + 180) % 360 - 180
    columns[0] *= np.cos(np.deg2rad(np.nanmedian(columns[1])))
    return z_scores(columns)


def clusters(arguments):
    """Best Jaccard over m of each cluster, canonical beside hdbscan's."""
    rows = []
    stars = simulated_region(arguments.n_stars)
    data = stars.data.assign(truth=stars.target)
    for label in np.unique(stars.target[stars.target >= 0]):
        members = data[data.truth == label]
        near = (data.l - members.l.median()).abs() < 1
        near &= (data.b - members.b.median()).abs() < 1
        tile = data[near]
        X = z_scores([tile[name] for name in FEATURES])
        rows.append((f"simulated {label}", tile.truth.to_numpy() == label, X))
    for name in gaia_field_names(labelled=True) if os.environ.get("CLIMBKIT_DATA") else ():
        field = load_gaia_field(name)
        finite = np.isfinite(field.data[FEATURES[2:]].to_numpy(dtype=float)).all(axis=1)
        X = field_features(field.data)
        for label in np.unique(field.target[field.target >= 0]):
            rows.append((f"{name} {label}", (field.target == label)[finite], X))
    results = []
    rng = np.random.default_rng(0)
    print(f"\n{'':34}{'hdbscan, rows':>19}\n{'cluster':14}{'members':>9}{'canonical':>11}", end="")
    print(f"{'as given':>11}{'permuted':>17}{'median':>8}")
    for name, truth, X in rows:
        ours, given = (best_jaccard(method(X), truth) for method in (canonical, hdbscan_loop))
        orders = [rng.permutation(len(X)) for _ in range(N_ORDERS)]
        others = [best_jaccard(parity(X[order]), truth[order]) for order in orders]
        row = {"cluster": name, "canonical": ours, "hdbscan": given, "hdbscan permuted": others}
        results.append(row)
        spread = f"{min(others):.3f} to {max(others):.3f}"
        middle = np.median(others)
        print(f"{name:14}{truth.sum():9}{ours:11.3f}{given:11.3f}{spread:>17}{middle:8.3f}")
    for what, theirs in (
        ("as given", [row["hdbscan"] for row in results]),
        ("permuted, median", [np.median(row["hdbscan permuted"]) for row in results]),
    ):
        gain = np.array([row["canonical"] for row in results]) - theirs
        below, above = np.sum(gain < -TOLERANCE), np.sum(gain > TOLERANCE)
        print(
            f"canonical beside hdbscan, rows {what}: {below} of {len(gain)} lower by more than "
            f"{TOLERANCE}, {above} higher; mean {gain.mean():+.4f}"
        )
    return results


def recovery(arguments):
    """Best Jaccard of each simulated cluster in a tiled search, over all tiles and sizes."""
    gains = {"canonical": [], "hdbscan, rows permuted": []}
    for seed in range(N_FIELDS):
        field = make_cluster_field(arguments.n_stars, side=REGION_SIDE, random_state=seed)
        order = np.random.default_rng(seed).permutation(len(field.target))
        stars, shuffled = field.data, field.data.iloc[order]
        given = best_candidates(TiledHDBSCAN(mst="hdbscan").fit(stars), field.target)
        ours = best_candidates(TiledHDBSCAN().fit(stars), field.target)
        again = best_candidates(TiledHDBSCAN(mst="hdbscan").fit(shuffled), field.target[order])
        gains["canonical"].extend(ours - given)
        gains["hdbscan, rows permuted"].extend(again - given)
    print("\nbest Jaccard of simulated clusters, against that of hdbscan's labels:")
    for name, gain in gains.items():
        gain = np.array(gain)
        below, above = np.sum(gain < -TOLERANCE), np.sum(gain > TOLERANCE)
        print(
            f"{name}: {below} of {len(gain)} lower by more than {TOLERANCE}, {above} higher; ",
            end="",
        )
        print(f"mean {gain.mean():+.4f}, least {gain.min():+.3f}, most {gain.max():+.3f}")
    return {name: [float(g) for g in gain] for name, gain in gains.items()}


def best_candidates(search, truth):
    """Largest overlap of a candidate with each true cluster."""
    found = search.candidates_
    ones = np.ones(len(found.indices))
    member = csr_matrix((ones, found.indices, found.indptr), shape=(len(found), len(truth)))
    sizes = np.diff(found.indptr)
    best = []
    for label in np.unique(truth[truth >= 0]):
        shared = member @ (truth == label).astype(float)
        best.append((shared / (sizes + np.sum(truth == label) - shared)).max())
    return np.array(best)


def best_jaccard(labels, truth):
    """Largest overlap of a cluster of any column with the true one."""
    best = 0.0
    for column in labels.T:
        for label in np.unique(column[truth & (column >= 0)]):
            found = column == label
            best = max(best, np.sum(found & truth) / np.sum(found | truth))
    return float(best)


def scaling(arguments):
    """Cost per star of one tile against the number of stars in it."""
    warm_up(OURS)
    rows = []
    print(f"\n{'stars':>9}{'query':>9}{'canonical':>11}{'parity':>9}{'canonical/query':>17}")
    for n_stars in SCALING_SIZES:
        names = [name for name in OURS if name != "parity" or n_stars <= PARITY_UP_TO]
        seconds = {name: [] for name in names}
        # Another field each time: a processor learns the branches of a small one by heart.
        for seed in range(max(1, 20_000 // n_stars)):
            stars = simulated_region(n_stars, side=5.0, seed=seed).data
            X = z_scores([stars[name] for name in FEATURES])
            for name in names:
                seconds[name].append(timed(OURS[name], X)[0])
        cpu = {name: float(np.median(seconds[name])) / n_stars for name in names}
        rows.append({"n_stars": n_stars, "cpu_s_per_star": cpu})
        line = "".join(
            f"{1e6 * cpu[name]:{width}.1f}" if name in cpu else " " * (width - 1) + "-"
            for name, width in (("query", 9), ("canonical", 11), ("parity", 9))
        )
        print(f"{n_stars:9,}{line}{cpu['canonical'] / cpu['query']:17.2f}")
    print("(CPU microseconds per star for all ten min_cluster_size)")
    return rows


def memory(arguments):
    """Largest resident size of a process that searches one tile, or a region with tiles."""
    results = {}
    cases = {"one tile": "tile", "region of 10 x 10 deg": "region"}
    print(f"\n{'what':24}{'stars':>12}{'GiB resident':>14}{'of which stars':>16}{'CPU s':>9}")
    for title, kind in cases.items():
        n_stars = arguments.n_stars if kind == "tile" else 5 * arguments.n_stars
        command = [sys.executable, __file__, "_resident", "--kind", kind, "--n-stars", str(n_stars)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        results[title] = row = json.loads(output.splitlines()[-1])
        peak, before = row["peak_mib"] / 1024, row["before_mib"] / 1024
        print(f"{title:24}{n_stars:12,}{peak:14.2f}{before:16.2f}{row['cpu_s']:9.1f}")
    return results


def resident(arguments):
    """Search in this process and print its largest resident size as JSON."""
    side = 5.0 if arguments.kind == "tile" else REGION_SIDE
    stars = simulated_region(arguments.n_stars, side).data
    X = z_scores([stars[name] for name in FEATURES]) if arguments.kind == "tile" else None
    if X is not None:
        del stars
    Path("/proc/self/clear_refs").write_text("5")  # count the peak from here on
    before = peak_mib()
    began = time.process_time()
    if X is not None:
        canonical(X)
    else:
        TiledHDBSCAN(n_jobs=2).fit(stars)
    cpu = time.process_time() - began
    print(json.dumps({"peak_mib": peak_mib(), "before_mib": before, "cpu_s": cpu}))


def peak_mib():
    """Largest resident size of this process so far, in MiB."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        unit = MIB if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def threads(arguments):
    """Wall times of `TiledHDBSCAN` with one thread and with two, in turn."""
    stars = simulated_region(arguments.n_stars).data
    TiledHDBSCAN().fit(stars[:400])
    walls = {1: [], 2: []}
    for _, n_jobs in itertools.product(range(arguments.repeats), walls):
        began = time.perf_counter()
        TiledHDBSCAN(n_jobs=n_jobs).fit(stars)
        walls[n_jobs].append(time.perf_counter() - began)
    best = {n_jobs: min(times) for n_jobs, times in walls.items()}
    print(f"\none thread {best[1]:.2f} s, two {best[2]:.2f} s: {best[1] / best[2]:.2f} times")
    return walls


PARTS = {
    "region": region,
    "fields": fields,
    "clusters": clusters,
    "recovery": recovery,
    "scaling": scaling,
    "memory": memory,
    "threads": threads,
}
DEFAULT_STARS = {"memory": 1_000_000}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*PARTS, "_resident"])
    parser.add_argument("--n-stars", type=int, help="stars of the simulated field")
    parser.add_argument("--share", type=float, default=1.0, help="share of the tiles of a side")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--repeats", type=int, default=3, help="of `threads`")
    parser.add_argument("--kind", choices=("tile", "region"), default="tile", help="of `memory`")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    if arguments.n_stars is None:
        arguments.n_stars = DEFAULT_STARS.get(arguments.part, 60_000)
    if arguments.part == "_resident":
        resident(arguments)
        return
    if "hdbscan" not in arguments.peers:
        parser.error("--peers: hdbscan is what the others are held against")
    print(f"climbkit {__version__}, Python {platform.python_version()}, {platform.machine()}")
    result = PARTS[arguments.part](arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps({"part": arguments.part, "result": result}, indent=1))


if __name__ == "__main__":
    main()
