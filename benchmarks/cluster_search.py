"""Run the cluster search blind on real fields, and on simulated ones without clusters.

    python benchmarks/cluster_search.py fields
    python benchmarks/cluster_search.py fields pal5 ngc103
    python benchmarks/cluster_search.py wide --n-fields 12
    python benchmarks/cluster_search.py recovery --n-fields 4

`fields` takes every field of CLIMBKIT_DATA with nothing but the defaults: which name the known
cluster got, how far it lies from the catalogue's position, how many others were reported, and F1 of
the members against the published list, beside those of

- plain HDBSCAN on the z-scored position, parallax and proper motion of the whole field, the cluster
  that shares most stars with the list, at min_cluster_size 10 and at the best of 6 to 15;
- the published search: squares of 1, 2 and 5 deg, candidates with persistence >= 0.1 and R50 < 0.2
  deg; the best of them, and the union of those on the cluster with the published membership at 0.9.

Both are shown the list to choose by, the search is not. `wide` counts what is reported in simulated
fields without any cluster: 32,691 stars of the halo over 30 square degrees, and as many of the disc
over 6. `recovery` puts nine sparse clusters of 25 to 100 stars into such fields. CPU time is that
of the whole search (`time.process_time`), one thread, with compilation left out.
"""

import argparse
import os

# Before NumPy is loaded: one level of parallelism, ours.
for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import time
import warnings

import hdbscan
import numpy as np
from sklearn.preprocessing import StandardScaler

from climbkit.datasets import gaia_field_names, load_gaia_field, make_cluster_field
from climbkit.pipelines._cluster_search import ClusterSearch
from climbkit.survey import GMMMembership, TiledHDBSCAN

KNOWN = {
    "blanco1": "Blanco 1",
    "blank": None,
    "m67": "NGC 2682",
    "ngc103": "NGC 103",
    "ngc2112": "NGC 2112",
    "ngc2323": "NGC 2323",
    "ngc2477": "NGC 2477",
    "ngc6405": "NGC 6405",
    "ngc7789": "NGC 7789",
    "ngc288": "NGC 288",
    "ngc362": "NGC 362",
    "ngc4147": "NGC 4147",
    "ngc6441": "NGC 6441",
    "pal5": "Pal 5",
}
SIZES, COMMON_SIZE = range(6, 16), 10
PERSISTENCE, R50 = 0.1, 0.2  # published limits of what is drawn and classified
ON_CLUSTER = 0.05  # F1 from which on a published candidate lies on the cluster
N_WIDE, SIDE = 32_691, 5.48  # stars, deg
HALO, DISC = (218.0, -41.0), (100.0, 4.0)  # l and b
SPARSE = {"kind": "globular", "profile": "plummer"}
# Members, distance (kpc), half-number radius (deg) and place of the injected clusters.
INJECTED = [
    {"n_members": n, "distance": d, "r50": r, "x": x, "y": y, **SPARSE}
    for n, d, r, x, y in (
        (25, 60.0, 0.02, -2.0, -2.0),
        (40, 60.0, 0.02, -2.0, 0.0),
        (60, 60.0, 0.02, -2.0, 2.0),
        (25, 30.0, 0.05, 0.0, -2.0),
        (40, 30.0, 0.05, 0.0, 0.0),
        (60, 30.0, 0.05, 0.0, 2.0),
        (40, 20.0, 0.10, 2.0, -2.0),
        (60, 20.0, 0.10, 2.0, 0.0),
        (100, 20.0, 0.10, 2.0, 2.0),
    )
]


def f1(found, truth):
    """Harmonic mean of purity and completeness of members."""
    return 2 * np.sum(found & truth) / max(np.sum(found) + np.sum(truth), 1)


def plain(stars, truth):
    """F1 of HDBSCAN's cluster with the largest overlap, by min_cluster_size."""
    X = stars[["ra", "dec", "parallax", "pmra", "pmdec"]].to_numpy(dtype=float, copy=True)
    X[:, 0] = (X[:, 0] - np.median(X[:, 0]) + 180) % 360  # a field may hold ra = 0
    good = np.isfinite(X).all(axis=1)
    X = StandardScaler().fit_transform(X[good])
    scores = {}
    for size in SIZES:
        labels = np.full(len(stars), -1)
        labels[good] = hdbscan.HDBSCAN(
            min_cluster_size=size, min_samples=size, approx_min_span_tree=False
        ).fit_predict(X)
        shared = np.bincount(labels[truth & (labels >= 0)], minlength=1)
        scores[size] = f1(labels == shared.argmax(), truth)
    return scores[COMMON_SIZE], max(scores.values())


def published(stars, truth):
    """F1 of the best published candidate, and of the published members of all on the cluster."""
    found = TiledHDBSCAN.published().fit(stars).candidates_
    found = found.select(f"persistence >= {PERSISTENCE} and r50 < {R50}")
    union, best = np.zeros(len(stars), dtype=bool), 0.0
    for begin, end in zip(found.indptr[:-1], found.indptr[1:], strict=True):
        members = np.zeros(len(stars), dtype=bool)
        members[found.indices[begin:end]] = True
        score = f1(members, truth)
        best = max(best, score)
        if score >= ON_CLUSTER:
            union |= members
    if not union.any():
        return best, 0.0
    membership = GMMMembership.published().fit(stars[union].reset_index(drop=True))
    members = np.zeros(len(stars), dtype=bool)
    members[np.flatnonzero(union)] = membership.members_
    return best, f1(members, truth)


def searched(stars, **parameters):
    """A fitted search and its CPU time."""
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # errors that are told by magnitude
        search = ClusterSearch(**parameters).fit(stars)
    return search, time.process_time() - begin


def fields(names):
    """Blind runs on real fields."""
    searched(load_gaia_field("pal5").data)  # compiles
    print(
        "| field | stars | named | separation | others | members | F1 | plain, size 10 "
        "| plain, best | published, best | published, members | p_class | CPU s |\n"
        + "|---" * 13
        + "|"
    )
    for name in names or gaia_field_names():
        field = load_gaia_field(name)
        search, seconds = searched(field.data)
        table = search.clusters_
        found = list(table["name"])
        row = found.index(KNOWN[name]) if KNOWN[name] in found else None
        cells = [name, f"{len(field.data):,}"]
        if row is None:
            cells += ["none" if KNOWN[name] is None and not found else "NOT FOUND", "", len(found)]
            cells += ["", ""]
        else:
            members = search.labels_ == row
            separation = table["separation"][row].to_value("deg")
            score = "" if field.target is None else f"{f1(members, field.target == 1):.3f}"
            cells += [found[row], f"{separation:.3f}", len(found) - 1, int(members.sum()), score]
        if field.target is None:
            cells += [""] * 4
        else:
            truth = field.target == 1
            cells += [
                f"{v:.3f}" for v in (*plain(field.data, truth), *published(field.data, truth))
            ]
        probability = "" if row is None else f"{float(table['p_class'][row]):.2f}"
        print(
            "| " + " | ".join(map(str, [*cells, probability, f"{seconds:.1f}"])) + " |", flush=True
        )
        for number, other in enumerate(found):
            if number != row:
                print(f"  also: {other} ({table['type'][number]})", flush=True)


def wide(n_fields):
    """What is reported where there is nothing."""
    total = 0
    for number in range(n_fields):
        center, side = ((HALO, SIDE), (DISC, SIDE / 2))[number % 2]
        field = make_cluster_field(
            N_WIDE, side=side, center=center, n_clusters=0, random_state=number
        )
        search, seconds = searched(field.data, structure="drop")
        total += len(search.clusters_)
        print(
            f"field {number} at (l, b) = {center}: {len(search.clusters_)} reported of "
            f"{len(search.candidates_)} candidates, {seconds:.1f} s",
            flush=True,
        )
    print(f"{total} false clusters in {n_fields} fields")


def recovery(n_fields):
    """Which injected clusters are found."""
    scores, false = [], 0
    for number in range(n_fields):
        field = make_cluster_field(
            N_WIDE,
            side=SIDE,
            center=HALO,
            clusters=INJECTED,
            n_clusters=0,
            random_state=100 + number,
        )
        search, _ = searched(field.data, structure="drop", classifier="drop")
        table = np.array(
            [
                [
                    f1(search.labels_ == row, field.target == k)
                    for row in range(len(search.clusters_))
                ]
                for k in range(len(INJECTED))
            ]
        ).reshape(len(INJECTED), -1)
        scores.append(table.max(axis=1, initial=0.0))
        false += int(np.sum(table.max(axis=0, initial=0.0) < ON_CLUSTER))
    scores = np.array(scores)
    print("| members | r50, deg | distance, kpc | found | F1 of those found |\n" + "|---" * 5 + "|")
    for cluster, column in zip(INJECTED, scores.T, strict=True):
        found = column[column > 0.5]
        mean = f"{found.mean():.2f}" if len(found) else ""
        cells = [cluster["n_members"], cluster["r50"], cluster["distance"]]
        print("| " + " | ".join(map(str, [*cells, f"{len(found)} of {n_fields}", mean])) + " |")
    print(f"{false} false clusters in {n_fields} fields")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["fields", "wide", "recovery"])
    parser.add_argument("names", nargs="*", help="real fields; all by default")
    parser.add_argument("--n-fields", type=int, default=6)
    arguments = parser.parse_args()
    if arguments.what == "fields":
        fields(arguments.names)
    else:
        {"wide": wide, "recovery": recovery}[arguments.what](arguments.n_fields)


if __name__ == "__main__":
    main()
