"""Ten networks and plain classifiers on XP spectra, and how many massive stars a sky holds.

    python benchmarks/spectra.py subdwarfs   # real spectra: hot subdwarfs, single or composite
    python benchmarks/spectra.py massive     # SIMULATED spectra: massive stars, half of them
    python benchmarks/spectra.py sky --architectures deep_ann --n-trained 40000
                                             # SIMULATED spectra: one star in a hundred is massive

The first needs the folder that CLIMBKIT_DATA (or --data) names. Times are CPU times of this
process; MiniRocket is left out where aeon is not installed.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from _spectra_models import NETWORKS, baselines, measure, networks, print_head, print_row
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

REAL = "spectra/xp_sampled343_hotsubdwarf.npz"
N_TESTED = 4_728  # as many as published
TRAINED_SHARE, SKY_SHARE = 0.1, 0.01  # massive stars to train on, and of the sky
SKY_HARD_NEGATIVES = 0.05  # of lighter stars that look like massive ones; a few per cent are
THRESHOLDS = (0.5, 0.9, 0.99)
N_BINS = 15  # of the calibration error


def _models(options):
    chosen = networks(options.architectures, options.seed, max_epochs=options.epochs)
    return chosen if options.no_baselines else {**baselines(options.seed), **chosen}


def subdwarfs(options):
    """Compare on the real spectra, by stratified folds."""
    with np.load(options.data / REAL) as real:
        X, y = real["flux"], real["y"].astype(int)
    folds = StratifiedKFold(options.folds, shuffle=True, random_state=options.seed)
    splits = list(folds.split(X, y))
    print_head(
        f"Real spectra of {len(y):,} hot subdwarfs, {y.sum():,} of them composite; "
        f"{options.folds} folds, all figures but the first loss on spectra that were held out"
    )
    for name, model in _models(options).items():
        parts = [measure(model, X[train], y[train], X[test]) for train, test in splits]
        print_row(name, parts, y, [test for _, test in splits])


def massive(options):
    """Compare on simulated spectra, half of them of massive stars."""
    from climbkit.datasets import make_xp_spectra

    stars = make_xp_spectra(
        options.n_trained + N_TESTED, massive_fraction=0.5, random_state=options.seed
    )
    X, y = stars.data, stars.target
    order = np.random.default_rng(options.seed).permutation(len(y))
    test, train = order[:N_TESTED], order[N_TESTED:]
    print_head(
        f"SIMULATED spectra, half of them of massive stars: {len(train):,} to train on, "
        f"{len(test):,} tested"
    )
    for name, model in _models(options).items():
        print_row(name, [measure(model, X[train], y[train], X[test])], y[test])


def _trained_and_sky(options):
    """Spectra to train on, and others of the same population of which few are massive."""
    from climbkit.datasets import make_xp_spectra

    n_massive = round(TRAINED_SHARE * options.n_trained), round(SKY_SHARE * options.n_sky)
    n = options.n_trained + options.n_sky
    # One draw: another one has other associations, at other distances behind other dust.
    stars = make_xp_spectra(
        n,
        massive_fraction=sum(n_massive) / n,
        hard_negatives=SKY_HARD_NEGATIVES,
        random_state=options.seed,
    )
    rng = np.random.default_rng(options.seed)
    massive, other = (rng.permutation(np.flatnonzero(stars.target == k)) for k in (1, 0))
    n_other = options.n_trained - n_massive[0]
    trained = np.append(massive[: n_massive[0]], other[:n_other])
    tested = np.append(massive[n_massive[0] :], other[n_other:])
    return (stars.data[trained], stars.target[trained]), (stars.data[tested], stars.target[tested])


def sky(options):
    """Predict a simulated sky on which few stars are massive, with and without `PriorShift`."""
    from climbkit.metrics import expected_calibration_error
    from climbkit.spectra import FoldEnsemble, PriorShift, XPClassifier

    trained, (X, y) = _trained_and_sky(options)
    begin = time.process_time()
    name = options.architectures[0]
    network = XPClassifier(name, max_epochs=options.epochs)
    ensemble = FoldEnsemble(network, cv=options.folds, random_state=options.seed)
    shift = PriorShift(ensemble, random_state=options.seed).fit(*trained)
    print(
        f"\n{options.folds} networks ({name}) trained on {options.n_trained:,} SIMULATED spectra, "
        f"{TRAINED_SHARE:.0%} massive: {time.process_time() - begin:.0f} s of CPU time; tested on "
        f"{options.n_sky:,} others, {SKY_SHARE:.0%} massive\n"
    )
    members = shift.estimator_.member_proba(X)  # asked for once: this takes the time
    raw = shift.reweigh(members)[:, 1]
    shifted = shift.adapt(proba=members).reweigh(members)[:, 1]
    print(f"ROC AUC {roc_auc_score(y, raw):.4f}; massive in truth {y.sum():,}")
    print(
        f"prior estimated {shift.prior_[1]:.3%} +- {shift.prior_std_[1]:.3%}, in truth "
        f"{y.mean():.3%}; by likelihood alone {shift.em_prior_[1]:.3%}; p-value of the shift "
        f"{shift.shift_pvalue_:.3f}\n"
    )
    print("| probabilities | expected massive | over the truth | calibration error |")
    print("|---|---|---|---|")
    for name, proba in (("as trained", raw), ("after PriorShift", shifted)):
        error = expected_calibration_error(y, proba, n_bins=N_BINS)
        print(f"| {name} | {proba.sum():,.0f} | {proba.sum() / y.sum():.3f} | {error:.4f} |")
    print("\n| threshold | probabilities | selected | false | purity | completeness |")
    print("|---|---|---|---|---|---|")
    for threshold in THRESHOLDS:
        for name, proba in (("as trained", raw), ("after PriorShift", shifted)):
            chosen = proba >= threshold
            true = (chosen & (y == 1)).sum()
            print(
                f"| {threshold} | {name} | {chosen.sum():,} | {chosen.sum() - true:,} "
                f"| {true / max(chosen.sum(), 1):.3f} | {true / y.sum():.3f} |"
            )
    print("\nWhat PriorShift expects, without the truth:\n")
    print(shift.report(proba=members, thresholds=THRESHOLDS).round(3).to_string(index=False))


TASKS = {each.__name__: each for each in (subdwarfs, massive, sky)}


def main():
    """Run one task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--data", type=Path, default=os.environ.get("CLIMBKIT_DATA"))
    parser.add_argument("--architectures", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=50, help="most, of a network")
    parser.add_argument("--n-trained", type=int, default=12_000, help="simulated spectra")
    parser.add_argument("--n-sky", type=int, default=100_000)
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.task == "subdwarfs" and not options.data:
        parser.error("--data is needed, or the environment variable CLIMBKIT_DATA")
    options.data = options.data and Path(options.data)
    TASKS[options.task](options)


if __name__ == "__main__":
    main()
