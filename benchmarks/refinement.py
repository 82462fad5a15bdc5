"""Tell whether re-weighing known and novel groups together helps (the CLiMB paper's idea).

    python benchmarks/refinement.py [--halos 8]

On simulated halos with three hidden streams, half of the known members as seeds. "as fitted":
`KBound.recommended()`, then DBSCAN on what it leaves. "novel groups as known": the novel groups'
members become seeds of groups of their own, and all groups are fitted again until nothing changes.
"novel members as negatives": phase 1 is fitted again with the novel groups' members as known
non-members, and phase 2 again on what that leaves, until nothing changes.
"""

import argparse

import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.preprocessing import StandardScaler

from climbkit import CLiMB, KBound
from climbkit.datasets import make_halo
from climbkit.metrics import acceptance_rate, held_out_recall, open_set_ari

EXPLORER = DBSCAN(eps=0.19, min_samples=24)
MAX_ROUNDS = 5
# A group with more rows than this share is the body of the field, not a stream.
LARGEST_SHARE = 0.1


def as_fitted(X, y):
    return CLiMB(KBound.recommended(), EXPLORER).fit(X, y).labels_


def novel_as_known(X, y):
    labels = as_fitted(X, y)
    for _ in range(MAX_ROUNDS):
        novel = is_novel(labels, y)
        seeds = np.where(novel, labels, y)
        refit = KBound.recommended().set_params(force_seeds=False).fit(X, seeds).labels_
        refit = np.where(y >= 0, y, refit)
        if np.array_equal(refit, labels):
            break
        labels = refit
    return labels


def novel_as_negatives(X, y):
    labels = as_fitted(X, y)
    for _ in range(MAX_ROUNDS):
        novel = labels > y.max()
        refit = KBound.recommended().fit(X, y, negatives=novel).labels_.copy()
        rest = np.flatnonzero(refit == -1)
        found = EXPLORER.fit_predict(X[rest])
        refit[rest] = np.where(found >= 0, found + y.max() + 1, -1)
        if np.array_equal(refit, labels):
            break
        labels = refit
    return labels


def is_novel(labels, y):
    novel = labels > y.max()
    names, sizes = np.unique(labels[novel], return_counts=True)
    return np.isin(labels, names[sizes <= LARGEST_SHARE * len(labels)])


def scores(halo, labels):
    y, streams = (
        halo.partial_target,
        np.unique(halo.target[halo.target > halo.partial_target.max()]),
    )
    known = np.unique(y[y >= 0])
    truth = np.where(np.isin(halo.target, known), halo.target, -1)
    hidden = (truth != -1) & (y == -1)
    judged = np.random.default_rng(0).permutation(np.flatnonzero(halo.judged))
    share = hidden.sum() / np.sum(truth != -1)
    negatives = np.isin(np.arange(len(y)), judged[: int(share * len(judged))])
    found = [
        max(
            (jaccard(labels == k, halo.target == s) for k in np.unique(labels[labels > y.max()])),
            default=0.0,
        )
        for s in streams
    ]
    return [
        held_out_recall(truth, labels, y),
        acceptance_rate(labels, halo.judged, known),
        open_set_ari(truth, labels, negatives, y_partial=y),
        np.mean(found),
    ]


def jaccard(a, b):
    return np.sum(a & b) / np.sum(a | b)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--halos", type=int, default=8)
    options = parser.parse_args()
    rows = {
        "as fitted": as_fitted,
        "novel groups as known": novel_as_known,
        "novel members as negatives": novel_as_negatives,
    }
    results = {name: [] for name in rows}
    for seed in range(options.halos):
        halo = make_halo(novel_size=60, random_state=seed)
        X = StandardScaler().fit_transform(halo.data)
        for name, method in rows.items():
            results[name].append(scores(halo, method(X, halo.partial_target)))
    print(f"{options.halos} simulated halos, mean")
    print(f"{'':<28}{'recall':>8}{'let in':>8}{'open-set ARI':>14}{'stream Jaccard':>16}")
    for name, values in results.items():
        recall, let_in, ari, streams = np.mean(values, axis=0)
        print(f"{name:<28}{recall:>8.3f}{let_in:>8.3f}{ari:>14.3f}{streams:>16.3f}")


if __name__ == "__main__":
    main()
