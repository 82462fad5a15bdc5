"""The RR Lyrae benchmark: as published, and with the seeds held out."""

from numbers import Integral

from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import Interval, validate_params

from climbkit.pipelines._as_published import as_published
from climbkit.pipelines._held_out import held_out
from climbkit.pipelines._tables import BenchmarkTables
from climbkit.pipelines._targets import targets_table

PUBLISHED_PERCENTAGES = tuple(range(10, 101, 10))
HELD_OUT_PERCENTAGES = (10, 90)

_QUICK_PERCENTAGES = (10, 90)
_QUICK_SPLITS = 3
_KEY = ["seeds_percent", "method"]


@validate_params(
    {
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
        "progress": ["boolean"],
        "quick": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def rr_lyrae_benchmark(n_splits=20, random_state=0, progress=True, *, quick=False, data_home=None):
    """Score CLiMB, its published rivals and trivial baselines on the RR Lyrae catalogue.

    Four tables: the published protocol as it stands, in which copied seeds count; a protocol
    that gives every method the same random seeds and scores only what was hidden; and the same
    splits again with every score cut where it lets in the same share of judged non-members, so
    that rankings are compared and not thresholds; and whether `KBound.recommended` reaches what
    it was set out to.

    Parameters
    ----------
    n_splits : int, default=20
        Random stratified splits at each percentage of seeds.
    random_state : int, default=0
        Draws the splits.
    progress : bool, default=True
        Show a progress bar.
    quick : bool, default=False
        Three splits, and the published protocol at 10 and 90 % only.
    data_home : str or path-like, default=None
        Folder of the data; see `climbkit.datasets.load_rr_lyrae`.

    Returns
    -------
    tables : dict of str to pandas.DataFrame
        ``print(tables)`` lays them out with a sentence on what each means;
        ``tables.to_json(path)`` saves them with parameters and versions.

        ``"published"``: by percentage and method, ``ari``, ``homogeneity``, ``completeness`` on
        all 468 known stars, ``held_out_ari`` on those that were no seeds, and for CLiMB
        ``novel_sizes``.

        ``"held_out"``: by percentage and method, mean and standard deviation (``<name>`` and
        ``<name>_sd``) over the splits of ``recall``, ``held_out_ari``, ``open_set_ari``,
        ``acceptance`` and ``auroc``, and for methods with probabilities ``calibration_error``
        on the hidden members and all judged non-members.

        ``"matched"``: the same columns but the last at equal acceptance, for methods that rank
        stars.

        ``"targets"``: ``score``, ``found``, ``target`` and ``met``.

    Raises
    ------
    FileNotFoundError
        If the catalogue is not there; the message says how to get it.
    ValueError
        If a parameter is not allowed.

    Notes
    -----
    In the held-out tables centroids are means of the seeds, groups with one star keep it, so
    that six groups are tested, and the thresholds of the trivial baselines come from the seeds:
    95 % of them would be let in, were they hidden. The Gaussian per group is the only baseline
    with a model; its background is fitted to all stars without labels. LabelSpreading rejects
    nobody. The open-set score takes as large a share of the judged non-members as of the
    members that were hidden.

    Takes about a minute of CPU time.

    References
    ----------
    .. [1] Monti et al. (2026), "CLiMB: A Domain-Informed Novelty Detection Clustering Framework
       for Galactic Archaeology and Scientific Discovery",
       :doi:`10.48550/arXiv.2601.09768`

    Examples
    --------
    >>> from climbkit.pipelines import rr_lyrae_benchmark
    >>> tables = rr_lyrae_benchmark(quick=True)  # doctest: +SKIP
    >>> print(tables)  # doctest: +SKIP
    """
    import pandas as pd
    from tqdm import tqdm

    from climbkit.datasets import load_rr_lyrae

    catalogue = load_rr_lyrae(data_home=data_home)
    scaler = StandardScaler().fit(catalogue.data)
    X = scaler.transform(catalogue.data)
    centroids = {k: scaler.transform(c[None])[0] for k, c in catalogue.centroids.items()}
    percentages = _QUICK_PERCENTAGES if quick else PUBLISHED_PERCENTAGES
    n_splits = min(n_splits, _QUICK_SPLITS) if quick else n_splits

    n_steps = 1 + 2 * len(percentages) + n_splits * len(HELD_OUT_PERCENTAGES)
    with tqdm(total=n_steps, disable=not progress) as bar:

        def advance(step):
            bar.set_description(step)
            bar.update()

        published = as_published(catalogue, X, centroids, percentages, advance)
        own, matched = held_out(catalogue, X, HELD_OUT_PERCENTAGES, n_splits, random_state, advance)
    own = _mean_and_spread(own)
    return BenchmarkTables(
        {
            "published": pd.DataFrame(published).set_index(_KEY),
            "held_out": own,
            "matched": _mean_and_spread(matched),
            "targets": targets_table(own),
        },
        {"n_splits": n_splits, "random_state": random_state, "quick": quick},
    )


def _mean_and_spread(rows):
    """Mean, standard deviation and number of splits, methods in the order they were run."""
    import pandas as pd

    by_method = pd.DataFrame(rows).drop(columns="split").groupby(_KEY, sort=False)
    spread = by_method.std().add_suffix("_sd")
    return by_method.mean().join(spread)
