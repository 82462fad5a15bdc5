"""The demonstration of massive stars from XP spectra, simulated: its stages, figures and tables."""

import importlib.util

import typer

from climbkit.pipelines._echo import print_table, share

_MASSIVE_SHARE = 0.01  # of the simulated sky
_TRAINED, _TRAINED_SHARE = 6_000, 0.2  # spectra of known class, and which share is massive
_HARD_NEGATIVES = 0.05  # of the lighter stars; about as on the sky
_NETWORK, _EPOCHS, _FOLDS = "deep_ann", 10, 3
_THRESHOLDS = (0.1, 0.5, 0.9)
_CHOSEN = 0.5  # probability from which on stars are searched for associations
_DRAWS, _BOOTSTRAP = 39, 5  # of the test of associations
_DISTANCE, _FEWEST = 0.2, 6  # eps, kpc, and min_samples of DBSCAN
_SPECTRA, _PREDICTIONS, _MODEL = "spectra.parquet", "predictions.parquet", "model.zip"
_DPI = 150


def what_is_missing():
    """Return why the spectra cannot be shown, empty where they can."""
    needed = ("astropy", "gaiaxpy", "dust_extinction", "keras", "pyarrow")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        return f'no spectra without {", ".join(missing)}: pip install "climbkit[spectra]"'
    return ""


def _simulate(run):
    import numpy as np

    from climbkit.datasets import make_xp_spectra

    run["folder"].mkdir(parents=True, exist_ok=True)
    n_massive = round(_TRAINED_SHARE * _TRAINED), round(_MASSIVE_SHARE * run["n_spectra"])
    n = _TRAINED + run["n_spectra"]
    # One draw, so that both have the same associations behind the same dust.
    stars = make_xp_spectra(
        n,
        massive_fraction=sum(n_massive) / n,
        hard_negatives=_HARD_NEGATIVES,
        random_state=run["seed"],
    )
    rng = np.random.default_rng(run["seed"])
    massive, other = (rng.permutation(np.flatnonzero(stars.target == k)) for k in (1, 0))
    n_other = _TRAINED - n_massive[0]
    run["known"] = np.append(massive[: n_massive[0]], other[:n_other])
    run["sky"] = rng.permutation(np.append(massive[n_massive[0] :], other[n_other:]))
    run["stars"], run["files"] = stars, []


def _train(run):
    from climbkit.spectra import FoldEnsemble, PriorShift, XPClassifier

    network = XPClassifier(_NETWORK, max_epochs=_EPOCHS)
    ensemble = FoldEnsemble(network, cv=_FOLDS, random_state=run["seed"])
    stars, known = run["stars"], run["known"]
    run["shift"] = PriorShift(ensemble, random_state=run["seed"]).fit(
        stars.data[known], stars.target[known]
    )
    run["shift"].estimator_.save(run["folder"] / _MODEL)
    run["files"].append(_MODEL)


def _adapt(run):
    """Ask what is expected before anything is selected."""
    shift = run["shift"]
    members = run["members"] = shift.estimator_.member_proba(run["stars"].data[run["sky"]])
    run["raw"] = shift.reweigh(members)[:, 1]
    run["report"] = shift.adapt(proba=members).report(proba=members, thresholds=_THRESHOLDS)


def _predict(run):
    """Write the sky as an archive would, and predict it from the file."""
    import pandas as pd

    from climbkit.spectra import predict_table

    folder, sky, stars = run["folder"], run["sky"], run["stars"]
    frame = stars.frame.iloc[sky].reset_index(drop=True)
    columns = ["ra", "dec", "parallax", "parallax_error", "phot_g_mean_mag"]
    frame[["source_id", *columns]].assign(flux=list(stars.data[sky])).to_parquet(folder / _SPECTRA)
    predict_table(
        run["shift"],
        folder / _SPECTRA,
        folder / _PREDICTIONS,
        columns=columns,
        class_names={1: "massive", 0: "other"},
        overwrite=True,
    )
    run["predictions"] = pd.read_parquet(folder / _PREDICTIONS)
    run["truth"], run["frame"] = stars.target[sky], frame
    run["files"] += [_SPECTRA, _PREDICTIONS]


def _associations(run):
    from sklearn.cluster import DBSCAN

    from climbkit.cluster import NoveltyTest
    from climbkit.spectra import AssociationFinder

    chosen = run["predictions"]["p_massive"] >= _CHOSEN
    run["chosen"] = chosen.to_numpy()
    run["finder"] = None
    if chosen.any():
        run["finder"] = AssociationFinder(
            DBSCAN(eps=_DISTANCE, min_samples=_FEWEST),
            significance=NoveltyTest(n_draws=_DRAWS, n_bootstrap=_BOOTSTRAP),
            random_state=run["seed"],
        ).fit(run["predictions"][chosen].reset_index(drop=True))


def _draw(run):
    try:
        import matplotlib
    except ImportError:
        typer.echo('no figures without matplotlib: pip install "climbkit[plot]"', err=True)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    from climbkit.plotting import AssociationDisplay, SelectionDisplay

    shift, members = run["shift"], run["members"]
    figures = {"selection.png": SelectionDisplay.from_estimator(shift, proba=members).figure_}
    if run["finder"] is not None:
        figures["associations.png"] = AssociationDisplay.from_estimator(run["finder"]).figure_
    for name, figure in figures.items():
        figure.suptitle("SIMULATED spectra and stars", fontsize="medium")
        figure.savefig(run["folder"] / name, dpi=_DPI, bbox_inches="tight")
        pyplot.close(figure)
        run["files"].append(name)


#: What is done, in this order; each stage reads and extends one dictionary.
STAGES = {
    "simulating spectra": _simulate,
    "training networks": _train,
    "estimating how many are massive": _adapt,
    "predicting a table": _predict,
    "searching for associations": _associations,
    "drawing figures": _draw,
}


def print_report(run):
    """Print what was expected, and what is true.

    Parameters
    ----------
    run : dict
        As the stages left it.
    """
    shift, truth = run["shift"], run["truth"]
    p = run["predictions"]["p_massive"].to_numpy()
    n_massive = int(truth.sum())
    typer.echo(
        f"SIMULATED data: {len(truth):,} spectra of a mock sky, {n_massive:,} of them of massive "
        f"stars; {_FOLDS} networks trained on {_TRAINED:,} others."
    )
    typer.echo(
        f"Massive stars expected as trained {run['raw'].sum():,.0f}, by PriorShift "
        f"{shift.n_expected_[1]:,.0f} +- {shift.n_expected_std_[1]:,.0f}.\n"
    )
    rows = []
    for row in run["report"].itertuples():
        chosen = p >= row.threshold
        found = int(truth[chosen].sum())
        rows.append(
            (
                f"{row.threshold:g}",
                f"{int(chosen.sum()):,}",
                f"{share(row.purity, 1)} +- {share(row.purity_std, 1)}" if chosen.any() else "-",
                share(found, chosen.sum()) if chosen.any() else "-",
                f"{share(row.completeness, 1)} +- {share(row.completeness_std, 1)}",
                share(found, n_massive),
            )
        )
    header = ("threshold", "selected", "purity expected", "true", "completeness expected", "true")
    print_table(header, rows)
    if run["finder"] is None:
        return
    found = run["finder"].associations_
    of_star = run["frame"]["association"].to_numpy()[run["chosen"]]
    rows = []
    for number, association in enumerate(found):
        members = of_star[run["finder"].labels_ == number]
        same = max(((members == each).sum() for each in set(members) - {-1}), default=0)
        rows.append(
            (
                str(association["name"]),
                f"{len(members):,}",
                share(int(same), len(members)),
                f"{association['p_value']:.3f}",
            )
        )
    if rows:
        header = ("association", "stars", "of one simulated association", "p")
        print_table(header, rows)
    else:
        typer.echo("No association was found.")
