"""How often NoveltyTest calls a field a group, and how often it finds a stream.

    python benchmarks/novelty.py [--fields 50] [--streams 50] [--draws 20] [--n-jobs 1] [--seed 0]

Each kind of field is drawn anew for every test, has 4,500 stars in three features, and holds no
group. All tests are `NoveltyTest` with its defaults but for the number of draws and the
stabilities, which are left out.

halo       field of `make_halo`: a disc and a halo inside the envelope of bound orbits
catalogue  Gaussian mixture with six components, fitted to the RR Lyrae stars in no known group;
           only with CLIMBKIT_DATA
uniform    evenly in a cube
Gaussian   one Gaussian

false alarms   fields with any group at p < 0.05, with their 95 % Clopper-Pearson interval
found          of other fields with a stream of 60 stars around a random star, at 5 times the
               density of the field there: a group with Jaccard > 0.5 and p < 0.05
Jaccard > 0.5  the same, whatever its p-value
CPU            seconds per test (only for one job)

With 20 draws p < 0.05 means that none of them stands out as much: a test that is exact says so in
4.8 % of all fields. Where one of the first five does, the others are not drawn.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from climbkit import NoveltyTest
from climbkit.datasets import load_rr_lyrae, make_halo

N_STARS = 4_500
STREAM_SIZE = 60
STREAM_CONTRAST = 5
# The stream is a Gaussian cut at two standard deviations, in the shape of the field.
STREAM_CUT = 2.0
ALPHA = 0.05
# Draws after which a test may end: the first draws of a test are those of one with fewer.
FIRST_DRAWS = 5
N_COMPONENTS = 6


def halo(rng):
    return make_halo(
        n_field=N_STARS - 1532, group_sizes={}, n_novel=0, random_state=rng.integers(2**31)
    ).data


def uniform(rng):
    return rng.uniform(size=(N_STARS, 3))


def gaussian(rng):
    return rng.normal(size=(N_STARS, 3))


def catalogue():
    """Function that draws from a mixture fitted to the real field; None without the catalogue."""
    if not os.environ.get("CLIMBKIT_DATA"):
        return None
    stars = load_rr_lyrae()
    X = StandardScaler().fit_transform(stars.data[stars.target == -1])
    mixture = GaussianMixture(N_COMPONENTS, random_state=0).fit(X)

    def draw(rng):
        mixture.random_state = int(rng.integers(2**31))
        return mixture.sample(N_STARS)[0]

    return draw


def with_stream(X, rng):
    """Put a stream in the place of as many stars; the rows and which of them are the stream."""
    root = np.linalg.cholesky(np.cov(X.T))
    center = X[rng.integers(len(X))]
    unit = np.linalg.solve(root, (X - center).T).T
    inside = STREAM_SIZE // STREAM_CONTRAST
    radius = np.sort(np.linalg.norm(unit, axis=1))[inside]
    stream = rng.normal(size=(20 * STREAM_SIZE, X.shape[1]))
    stream = stream[np.linalg.norm(stream, axis=1) <= STREAM_CUT][:STREAM_SIZE]
    kept = X[rng.permutation(len(X))[STREAM_SIZE:]]
    stream = center + stream * radius / STREAM_CUT @ root.T
    return np.vstack([kept, stream]), np.arange(len(X)) >= len(kept)


def jaccards(labels, is_stream):
    """Overlap of each group with the stream."""
    groups = [labels == k for k in range(labels.max(initial=-1) + 1)]
    return np.array([np.sum(g & is_stream) / np.sum(g | is_stream) for g in groups])


def tested(X, seed, options):
    """A fitted test; with fewer draws where they show that it finds nothing significant."""
    for draws in (min(FIRST_DRAWS, options.draws), options.draws):
        test = NoveltyTest(
            n_draws=draws, n_bootstrap=0, random_state=seed, n_jobs=options.n_jobs
        ).fit(X)
        as_much = test.pvalues_.min(initial=1.0) * (draws + 1)
        if as_much >= ALPHA * (options.draws + 1):
            break
    return test


def run(name, draw, options):
    """One line of the table."""
    began = time.process_time()
    counts = dict.fromkeys(("alarms", "found", "overlapping"), 0)
    for number in range(options.fields):
        rng = np.random.default_rng([options.seed, 0, number])
        test = tested(StandardScaler().fit_transform(draw(rng)), number, options)
        counts["alarms"] += bool((test.pvalues_ < ALPHA).any())
    for number in range(options.streams):
        rng = np.random.default_rng([options.seed, 1, number])
        X, is_stream = with_stream(StandardScaler().fit_transform(draw(rng)), rng)
        test = tested(X, number, options)
        overlaps = jaccards(test.labels_, is_stream)
        counts["overlapping"] += bool((overlaps > 0.5).any())
        counts["found"] += bool(((overlaps > 0.5) & (test.pvalues_ < ALPHA)).any())
    seconds = time.process_time() - began
    tests = max(options.fields + options.streams, 1)
    return {"field": name, **counts, "seconds": seconds / tests}


def share(count, n):
    """A share with its Clopper-Pearson interval."""
    if n == 0:
        return "-"
    low, high = binomtest(count, n).proportion_ci(method="exact")
    return f"{count}/{n} = {count / n:.3f} [{low:.3f}, {high:.3f}]"


def show(row, options):
    print(
        f"{row['field']:<10}  {share(row['alarms'], row['n_fields']):<31}  "
        f"{share(row['found'], row['n_streams']):<31}  "
        f"{row['overlapping'] / max(row['n_streams'], 1):>13.3f}  {row['seconds']:>5.1f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fields", type=int, default=50, help="fields of each kind (default: 50)")
    parser.add_argument("--streams", type=int, default=50, help="with a stream (default: 50)")
    parser.add_argument("--draws", type=int, default=20, help="draws per test (default: 20)")
    parser.add_argument("--n-jobs", type=int, default=1, help="draws at once (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the fields (default: 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the table to this file")
    options = parser.parse_args()

    kinds = {"halo": halo, "catalogue": catalogue(), "uniform": uniform, "Gaussian": gaussian}
    print(f"{'field':<10}  {'false alarms':<31}  {'found':<31}  Jaccard > 0.5    CPU")
    rows = []
    for name, draw in kinds.items():
        if draw is None:
            print(f"{name:<10}  left out: CLIMBKIT_DATA is unset")
            continue
        row = run(name, draw, options)
        rows.append(row | {"n_fields": options.fields, "n_streams": options.streams})
        show(rows[-1], options)
    total = {name: sum(row[name] for row in rows) for name in rows[0] if name != "field"}
    total["seconds"] /= len(rows)
    show({"field": "all", **total}, options)
    if options.json:
        options.json.write_text(json.dumps({"settings": vars(options), "rows": rows}, default=str))


if __name__ == "__main__":
    main()
