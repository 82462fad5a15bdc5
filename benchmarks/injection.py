"""Put clusters into real fields, search them, and say which are found and what else is reported.

    python benchmarks/injection.py --quick
    python benchmarks/injection.py --n-injections 450 --csv results --out docs/_static/injection.png
    python benchmarks/injection.py --read results --out docs/_static/injection.png

Needs CLIMBKIT_DATA. Clusters are of two sources. Real ones are members of globular and open
clusters that no network was trained on, moved to a greater distance: their scatter in proper motion
is scaled, their magnitudes are shifted and errors redrawn by magnitude, stars fainter than the
field's limit are lost, and of what is left some are drawn; their shape is scaled to some
half-number radius. Lists of open clusters end at G = 19 before that. Synthetic ones have colours
from isochrones (`climbkit.cmd.SyntheticCMD`) and King or Plummer profiles. Richness (members that
Gaia sees), half-number radius and distance are drawn evenly in the logarithm.

Fields are real, without the stars that belong to their known clusters or might; of large ones a
part around a star drawn at random is searched. Every second one is scrambled: the places of its
stars are given to each other at random, so that what is reported there is false for sure; and every
sixth search is of a scrambled field into which nothing is put. In the fields as they are some of it
may be a cluster that nobody took out: those that the search knows by name are counted by
themselves. The network's probability `p_class`, of which little is asked by default, is not blind
to these fields: it saw stars of m67, blanco1, ngc2323 and half of ngc103 in training.

A cluster is found if one reported cluster has at least half of its members, with F1 above 0.5, and
its centre within one half-number radius. A reported cluster is true if at least half of its members
were put in as one cluster. The search is `climbkit.ClusterSearch` with default settings, without
the stage that describes the structure of what is reported. Intervals are of 68 % (Jeffreys). How
pure a search is depends on how many clusters there are to be found; how many false ones a square
degree has does not.
"""

import argparse
import os

# Before NumPy is loaded: one level of parallelism, ours.
for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import itertools
import math
import multiprocessing
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from _injection import cut_out, inject, load_field, scramble
from _injection_clusters import load_members
from _injection_figure import RICH, RICHNESS_EDGES, draw, jeffreys, share_by

from climbkit.pipelines import ClusterSearch
from climbkit.pipelines._cluster_evidence import members_only

FIELDS = ("blank", "m67", "blanco1", "ngc2323", "ngc103")
MOST_STARS, PER_SEARCH = 6000, 3
EMPTY_EVERY = 6  # searches, of which one is of a scrambled field without clusters
LEAST_RECALL = LEAST_F1 = LEAST_SHARE = 0.5
_SCORES = ("persistence", "evidence", "p_cst", "p_class")

_held = {}  # of a process: fields and clusters


def search(task):
    """Put clusters into a field and search it; returns rows of clusters, reports and searches."""
    number, name, scrambled, n_clusters, seed, folder = task
    if "members" not in _held:
        _held["members"] = load_members(folder)
    if name not in _held:
        _held[name] = load_field(name, folder)
    rng = np.random.default_rng(seed)
    field = cut_out(_held[name], MOST_STARS, rng)
    if scrambled:
        field = scramble(field, rng)
    made = inject(field, _held["members"], n_clusters, rng)
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # errors by magnitude, where a field has none
        found = ClusterSearch(structure="drop").fit(made.table)
    about = {"search": number, "field": name, "scrambled": scrambled}
    done = about | {"area": made.area, "whole_area": field.area, "n_stars": len(field.table)}
    done["n_clusters"] = len(made.truth)
    reports, best = _reports(found, made, about)
    clusters = [
        about | truth | _recovered(row, truth, found, made, best)
        for row, truth in enumerate(made.truth)
    ]
    return clusters, reports, done | {"seconds": time.process_time() - begin}


def _members(candidates):
    """Rows of the members of each candidate."""
    has_members = "membership_threshold" in candidates.table
    part = members_only(candidates) if has_members else candidates
    return np.split(part.indices, part.indptr[1:-1]) if len(part) else []


def _reports(found, made, about):
    """Describe each candidate that was looked at; and the best reported one of each cluster."""
    table, rows, best = found.candidates_.table, [], {}
    known = found.cluster_set_.table.set_index("candidate_id")
    for number, members in enumerate(_members(found.candidates_)):
        line = table.iloc[number]
        reason, key = line["rejected_by"], line["candidate_id"]
        row = about | {"rejected_by": reason, "n_members": len(members), "r50": line["r50"]}
        row |= {name: line[name] if name in table else np.nan for name in _SCORES}
        row["name"], row["type"] = known.loc[key, ["name", "type"]] if reason == "" else ("", "")
        counts = np.bincount(made.owner[members] + 1, minlength=len(made.truth) + 1)[1:]
        row |= {"cluster": -1, "share": 0.0, "recall": 0.0, "f1": 0.0}
        if counts.any():
            of = int(counts.argmax())
            recall = counts[of] / made.truth[of]["n_members"]
            f1 = 2 * counts[of] / (len(members) + made.truth[of]["n_members"])
            row |= {"share": counts[of] / len(members), "recall": recall, "f1": f1}
            row["cluster"] = of if row["share"] >= LEAST_SHARE else -1
            if f1 > best.get((of, reason == ""), (0.0, None))[0]:
                best[of, reason == ""] = (f1, {**row, "ra": line["ra"], "dec": line["dec"]})
        rows.append(row)
    return rows, best


def _recovered(row, truth, found, made, best):
    """Whether a cluster was found, and if not, where it was lost."""
    f1, report = best.get((row, True), (0.0, None))
    if report is not None:
        apart = np.hypot(
            ((report["ra"] - truth["ra"] + 180) % 360 - 180) * np.cos(np.radians(truth["dec"])),
            report["dec"] - truth["dec"],
        )
        is_found = report["recall"] >= LEAST_RECALL and f1 > LEAST_F1 and apart <= truth["r50"]
        lost = "" if is_found else "reported, but with too few members or too many other stars"
        return {"found": is_found, "f1": f1, "recall": report["recall"], "lost": lost}
    lost = "no overdensity has it"
    own = made.owner == row
    for stage, later in (
        ("tiledhdbscan", "no overdensity of enough persistence has it"),
        ("preselection", "candidates have it, but none has it as members"),
    ):
        if stage in found.stages_:
            if not any(np.mean(own[m]) >= LEAST_SHARE for m in _members(_set(found, stage))):
                break
            lost = later
    else:
        f1, report = best.get((row, False), (0.0, None))
        if report is not None and report["cluster"] == row:
            lost = report["rejected_by"]
    return {"found": False, "f1": f1, "recall": 0.0, "lost": lost}


def _set(found, stage):
    return found.stages_[stage].candidates_


def tasks_of(fields, n_injections, seed, folder):
    """List the searches: fields in turn, every second round scrambled, some left empty."""
    n_searches = math.ceil(n_injections / PER_SEARCH * EMPTY_EVERY / (EMPTY_EVERY - 1))
    tasks, n_empty = [], 0
    for number, own in enumerate(np.random.SeedSequence(seed).spawn(n_searches)):
        is_empty = number % EMPTY_EVERY == EMPTY_EVERY - 1
        turn, which = divmod(n_empty if is_empty else number - n_empty, len(fields))
        n_empty += is_empty
        most = 0 if is_empty else PER_SEARCH
        tasks.append((number, fields[which], is_empty or turn % 2 == 1, most, own, folder))
    return tasks


def run(tasks, jobs, minutes):
    """Do all searches, or the first of them; returns DataFrames of what came of them."""
    begin, answers = time.perf_counter(), []
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(search, task) for task in tasks]
        for future in waiting:
            answers.append(future.result())
            passed = (time.perf_counter() - begin) / 60
            if len(answers) % max(len(tasks) // 20, 1) == 0:
                print(f"{len(answers)} of {len(tasks)} searches, {passed:.1f} min", flush=True)
            if passed > minutes:
                pool.shutdown(cancel_futures=True)
                print(f"stopped after {len(answers)} searches")
                break
    clusters = pd.DataFrame([row for answer in answers for row in answer[0]])
    reports = pd.DataFrame([row for answer in answers for row in answer[1]])
    return clusters, reports, pd.DataFrame([answer[2] for answer in answers])


def _percent(k, n):
    low, high = jeffreys(k, n)
    return f"{k:4d} of {n:4d}  {100 * k / n:5.1f} %  ({100 * low:.1f} to {100 * high:.1f})"


def show(clusters, reports, searches):
    """Print the tables."""
    print("\nCompleteness: clusters found of those put in")
    print(f"  {'all':36s} {_percent(int(clusters['found'].sum()), len(clusters))}")
    parts = {
        f"n_members {low} to {high}": share_by(clusters, "n_members", low, high)
        for low, high in itertools.pairwise(RICHNESS_EDGES)
    }
    for column, edges in (("r50", (0.01, 0.03, 0.08, 0.3)), ("distance", (1, 2, 4, 8, 15, 30))):
        rich = clusters[clusters["n_members"] >= RICH]
        for low, high in itertools.pairwise(edges):
            parts[f"{column} {low} to {high}, n >= {RICH}"] = share_by(rich, column, low, high)
    for column in ("field", "scrambled", "kind", "source"):
        rich = clusters[clusters["n_members"] >= RICH]
        for value, part in rich.groupby(column):
            parts[f"{column} {value}, n >= {RICH}"] = part
    for name, part in parts.items():
        if len(part):
            print(f"  {name:36s} {_percent(int(part['found'].sum()), len(part))}")
    kept = clusters[clusters["found"]]
    print(f"  of those found: median F1 {kept['f1'].median():.3f}")
    print("Where the others were lost")
    for reason, part in clusters[~clusters["found"]].groupby("lost"):
        sizes = part["n_members"]
        print(f"  {len(part):4d}  {reason} (members: {sizes.min()} to {sizes.max()}, "
              f"median {sizes.median():.0f})")  # fmt: skip

    told = reports[reports["rejected_by"] == ""]
    is_true, named = told["cluster"] >= 0, told["type"] != "candidate"
    print("Reported clusters")
    for scrambled, part in told.groupby("scrambled"):
        own = searches[searches["scrambled"] == scrambled]
        true, other = is_true[part.index], named[part.index] & ~is_true[part.index]
        if scrambled:
            other &= False
        false = ~true & ~other
        print(f"  {'scrambled fields' if scrambled else 'fields as they are'}: {len(own)} searches "
              f"of {own['area'].sum():.1f} deg2 and {own['n_stars'].sum()} stars in all, out of "
              f"{own.groupby('field')['whole_area'].first().sum():.1f} deg2 of sky")  # fmt: skip
        repeated = len(part[true]) - len(part[true].drop_duplicates(["search", "cluster"]))
        print(f"    true {true.sum()} ({repeated} of them parts of another), named, not put in "
              f"{other.sum()}, false {false.sum()}")  # fmt: skip
        n = int(true.sum() + false.sum())
        if n:
            print(f"    purity {_percent(int(true.sum()), n)}")
        print(f"    false: {false.sum() / len(own):.3f} per search, "
              f"{false.sum() / own['area'].sum():.3f} per deg2, "
              f"{1e4 * false.sum() / own['n_stars'].sum():.2f} per 10,000 stars")  # fmt: skip
        for name, each in own.groupby("field"):
            here = part["field"] == name
            print(f"      {name:9s} false {false[here].sum():3d} named {other[here].sum():3d} in "
                  f"{len(each):3d} searches of {each['area'].sum():6.1f} deg2")  # fmt: skip
    print(f"CPU time of a search: median {searches['seconds'].median():.1f} s")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-injections", type=int, default=450)
    parser.add_argument("--fields", nargs="+", default=list(FIELDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after these")
    parser.add_argument("--quick", action="store_true", help="30 clusters in two fields")
    parser.add_argument("--csv", type=Path, help="folder to write what was found to")
    parser.add_argument("--read", type=Path, help="such a folder, instead of searching")
    parser.add_argument("--out", type=Path, help="file of the figure")
    args = parser.parse_args()
    names = ("clusters", "reports", "searches")
    if args.read:
        tables = [
            pd.read_csv(args.read / f"{name}.csv", keep_default_na=False, na_values=["nan"])
            for name in names
        ]
    else:
        folder = os.environ.get("CLIMBKIT_DATA")
        if not folder:
            parser.error("set CLIMBKIT_DATA to the folder of the real data")
        if args.quick:
            args.n_injections, args.fields = 30, ["m67", "blanco1"]
        tasks = tasks_of(args.fields, args.n_injections, args.seed, folder)
        tables = run(tasks, args.jobs, args.minutes)
    if args.csv:
        args.csv.mkdir(parents=True, exist_ok=True)
        for name, table in zip(names, tables, strict=True):
            table.to_csv(args.csv / f"{name}.csv", index=False, na_rep="nan")
    show(*tables)
    if args.out:
        draw(*tables, args.out)


if __name__ == "__main__":
    main()
