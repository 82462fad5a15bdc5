"""The demonstration of CLiMB on simulated stars: its stages, figures and tables."""

import typer

from climbkit.pipelines._echo import print_table, share

# Settings of the published run (https://doi.org/10.48550/arXiv.2601.09768), for comparison; the
# mock has the sizes and spreads of that catalogue.
_KBOUND = {"distance_threshold": 0.5, "radial_threshold": 0.1, "metric": "mahalanobis"}
_DBSCAN = {"eps": 0.19, "min_samples": 24}
_SSDBSCAN = {"eps": 0.15, "min_samples": 16}
_CDBSCAN = {"eps": 0.24, "min_samples": 16}
_BOOTSTRAP = 20  # resamplings for the stability of each novel group
_SPLITS = 3  # choices of the seeds for each point of the sensitivity curve
_DPI = 150


def _simulate(run):
    import numpy as np

    from climbkit.base import NOISE
    from climbkit.datasets import make_halo

    halo = make_halo(n_field=run["n_field"], random_state=run["seed"])
    known = np.setdiff1d(halo.partial_target, [NOISE])
    run["halo"], run["known"] = halo, known
    run["known_target"] = np.where(np.isin(halo.target, known), halo.target, NOISE)


def _pipeline(run):
    """The recommended CLiMB, with a test of its novel groups."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from climbkit import CLiMB, NoveltyTest

    novelty = NoveltyTest(
        n_draws=run["draws"], n_bootstrap=min(_BOOTSTRAP, run["draws"]), random_state=run["seed"]
    )
    return make_pipeline(StandardScaler(), CLiMB(novelty=novelty))


def _published():
    from sklearn.cluster import DBSCAN
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from climbkit import CLiMB, KBound

    return make_pipeline(
        StandardScaler(), CLiMB(kbound=KBound(**_KBOUND), explorer=DBSCAN(**_DBSCAN))
    )


def _fit(run):
    halo = run["halo"]
    run["pipeline"] = _pipeline(run).fit(halo.data, halo.partial_target)
    run["climb"] = run["pipeline"][-1]
    run["published"] = _published().fit_predict(halo.data, halo.partial_target)


def _score(run):
    from climbkit.metrics import score_report

    halo = run["halo"]
    run["scores"] = {
        name: score_report(
            run["known_target"], labels, y_partial=halo.partial_target, judged=halo.judged
        )
        for name, labels in {
            "CLiMB": run["climb"].labels_,
            "published gates": run["published"],
            "copy the seeds": halo.partial_target,
        }.items()
    }


def _write_labels(run):
    import pandas as pd

    halo, climb = run["halo"], run["climb"]
    table = pd.DataFrame(
        {
            "source_id": halo.source_id,
            "label": climb.labels_,
            "phase": climb.phase_,
            "probability": climb.probabilities_,
        }
    )
    table.to_csv(run["folder"] / "labels.csv", index=False)
    run["files"] = ["labels.csv"]


def _draw(run):
    try:
        import matplotlib
    except ImportError:
        typer.echo('no figures without matplotlib: pip install "climbkit[plot]"', err=True)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    from sklearn.base import clone

    from climbkit import CDBSCAN, SSDBSCAN, KinematicTails
    from climbkit.metrics import acceptance_rate, held_out_ari
    from climbkit.plotting import (
        CLiMBDisplay,
        ClusterDisplay,
        ComparisonDisplay,
        DecisionDisplay,
        SeedSensitivityDisplay,
    )

    halo, pipeline = run["halo"], run["pipeline"]
    words = {"feature_names": halo.feature_names, "units": halo.units}
    X = pipeline[0].transform(halo.data)
    seen = (pipeline, halo.data, halo.partial_target)
    truth = "truth (simulated)"
    labelings = {
        truth: halo.target,
        "copy the seeds": halo.partial_target,
        "CLiMB": run["climb"].labels_,
        "published gates": run["published"],
        "C-DBSCAN": CDBSCAN(**_CDBSCAN).fit_predict(X, halo.partial_target),
        "SS-DBSCAN": SSDBSCAN(importance=KinematicTails(), **_SSDBSCAN).fit_predict(
            X, halo.partial_target
        ),
    }
    scores = {
        name: {
            "held-out ARI": held_out_ari(run["known_target"], labels, halo.partial_target),
            "non-members let in": acceptance_rate(labels, halo.judged, run["known"]),
        }
        for name, labels in labelings.items()
        if name != truth
    }
    displays = {
        "clusters.png": ClusterDisplay.from_estimator(
            *seen, **words, title="CLiMB on a simulated halo"
        ),
        "clusters_3d.png": ClusterDisplay.from_estimator(
            *seen, **words, features=["Lz", "Lperp", "Energy"], title="CLiMB on a simulated halo"
        ),
        "phases.png": CLiMBDisplay.from_estimator(*seen, **words),
        "comparison.png": ComparisonDisplay.from_predictions(
            halo.data,
            labelings,
            **words,
            known_labels=run["known"],
            label_names=halo.target_names,
            reference=truth,
            scores=scores,
        ),
        "decision.png": DecisionDisplay.from_estimator(
            pipeline, halo.data, _row_that_just_missed(run), **words
        ),
        # Known groups alone are scored, and what is novel needs no test for that.
        "seed_sensitivity.png": SeedSensitivityDisplay.from_estimator(
            clone(run["pipeline"]).set_params(climb__novelty=None),
            halo.data,
            run["known_target"],
            judged=halo.judged,
            n_splits=_SPLITS,
            random_state=run["seed"],
        ),
    }
    for name, display in displays.items():
        display.figure_.savefig(run["folder"] / name, dpi=_DPI, bbox_inches="tight")
        pyplot.close(display.figure_)
        run["files"].append(name)


def _row_that_just_missed(run):
    """The star that only just was not let in: the closest call."""
    halo = run["halo"]
    gates = run["climb"].kbound_.decision_path(run["pipeline"][0].transform(halo.data))
    margin = gates["probability_margin"].where(gates["gate"] == "rejected_probability")
    return int(margin.idxmax())


def _write_run(run):
    import json
    import platform
    from importlib.metadata import version as version_of

    from climbkit import __version__
    from climbkit.builder import to_dict

    packages = ("numpy", "scipy", "scikit-learn", "numba", "finufft")
    state = {
        "climbkit": __version__,
        "python": platform.python_version(),
        "packages": {name: version_of(name) for name in packages},
        "data": {
            "simulated": True,
            "function": "climbkit.datasets:make_halo",
            "parameters": {"n_field": run["n_field"], "random_state": run["seed"]},
        },
        "pipeline": to_dict(_pipeline(run)),
        "scores": run["scores"],
        "novel_groups": {
            "labels": run["climb"].novel_labels_.tolist(),
            "pvalues": run["climb"].novelty_pvalue_.tolist(),
            "stabilities": run["climb"].novelty_stability_.tolist(),
        },
    }
    (run["folder"] / "run.json").write_text(json.dumps(state, indent=2) + "\n")
    run["files"].append("run.json")


def print_report(run):
    import numpy as np

    halo, climb = run["halo"], run["climb"]
    seeds = halo.partial_target != -1
    n_hidden = int(np.sum((run["known_target"] != -1) & ~seeds))
    typer.echo(
        f"SIMULATED data: a mock halo of {len(halo.data):,} stars, none of them real.\n"
        f"{seeds.sum():,} members of {len(run['known'])} known groups were given as seeds, "
        f"{n_hidden:,} were hidden and count below.\n"
    )
    rows = []
    for label in run["known"].tolist():
        found = (climb.labels_ == label) & ~seeds
        hidden = (halo.target == label) & ~seeds
        n_right = np.sum(found & hidden)
        rows.append(
            (
                halo.target_names[label],
                f"{np.sum(halo.partial_target == label):,}",
                f"{hidden.sum():,}",
                f"{found.sum():,}",
                share(n_right, hidden.sum()),
                share(n_right, found.sum()),
            )
        )
    print_table(("known group", "seeds", "hidden", "found", "recall", "purity"), rows)
    rows = []
    found = zip(climb.novel_labels_, climb.novelty_pvalue_, climb.novelty_stability_, strict=True)
    for label, p, stability in found:
        members = halo.target[climb.labels_ == label]
        names, counts = np.unique(members, return_counts=True)
        most = names[counts.argmax()]
        recall = "-" if most == -1 else share(counts.max(), np.sum(halo.target == most))
        rows.append(
            (
                f"novel {label}",
                f"{len(members):,}",
                halo.target_names[most],
                share(counts.max(), len(members)),
                recall,
                f"{p:.3f}",
                f"{stability:.2f}",
            )
        )
    header = ("novel group", "stars", "mostly", "purity", "recall", "p-value", "stability")
    print_table(header, rows)
    typer.echo(
        f"The p-value is the chance that a smooth field, searched in the same way, has a group "
        f"that stands\nout as much anywhere ({run['draws']:,} fields searched: at least "
        f"{1 / (run['draws'] + 1):.3f}). What is mostly field is no discovery.\n"
    )
    names = {
        "ari": "ARI, seeds counted",
        "held_out_ari": "ARI, hidden members only",
        "held_out_recall": "recall of hidden members",
        "acceptance": "judged non-members let in",
        "open_set_ari": "ARI, judged non-members as a class",
    }
    rows = [
        (text, *(f"{report[key]:.3f}" for report in run["scores"].values()))
        for key, text in names.items()
    ]
    print_table(("score", *run["scores"]), rows)


#: What is done, in this order; each stage reads and extends one dictionary.
STAGES = {
    "simulating a halo": _simulate,
    "fitting CLiMB, testing what is novel": _fit,
    "scoring on hidden members": _score,
    "writing labels": _write_labels,
    "drawing figures": _draw,
    "writing the run file": _write_run,
}
