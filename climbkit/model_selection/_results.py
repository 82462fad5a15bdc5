"""Run the settings of a search, and lay out what came of them as columns."""

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import rankdata


def in_parallel(function, jobs, options, description, n_jobs, verbose):
    """Call ``function`` on each tuple of arguments; a progress bar where verbose."""
    from tqdm import tqdm

    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(function)(*job, **options) for job in jobs
    )
    return list(tqdm(results, total=len(jobs), desc=description, disable=not verbose))


def phase1_table(settings, scores):
    """Columns per setting from scores of shape (n_settings, n_splits, 2: score, acceptance)."""
    tested, acceptance = scores[..., 0], scores[..., 1]
    table = _parameter_columns(settings)
    table.update({f"split{i}_test_score": tested[:, i] for i in range(tested.shape[1])})
    table["mean_test_score"] = tested.mean(axis=1)
    table["std_test_score"] = tested.std(axis=1)
    table["rank_test_score"] = _rank(-table["mean_test_score"])
    table["mean_acceptance"] = acceptance.mean(axis=1)
    return table


def phase2_table(settings, results):
    """Columns per setting from (index, n_clusters, n_clustered)."""
    indices, n_clusters, n_clustered = (np.array(c) for c in zip(*results, strict=True))
    return {
        **_parameter_columns(settings),
        "davies_bouldin": indices,
        "rank_davies_bouldin": _rank(indices),
        "n_clusters": n_clusters,
        "n_clustered": n_clustered,
    }


def _parameter_columns(settings):
    names = sorted({name for params in settings for name in params})
    columns = {f"param_{name}": [params.get(name) for params in settings] for name in names}
    return {"params": settings, **columns}


def _rank(costs):
    """Rank 1 for the lowest; ties share it, and NaN comes last."""
    return rankdata(np.where(np.isnan(costs), np.inf, costs), method="min").astype(int)
