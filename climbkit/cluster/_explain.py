"""Why a row is where it is: tables of gates, margins and shares of the distance."""

import numpy as np
from scipy.stats import chi2
from sklearn.neighbors import NearestNeighbors

from climbkit.base import NOISE
from climbkit.cluster._distances import distances_to, neighbour_metric
from climbkit.cluster._gates import ChiSquaredGate
from climbkit.cluster._rows import match_rows
from climbkit.cluster._shapes import group_distances


def row_index(X):
    """Index of a DataFrame, None for anything else."""
    return X.index if hasattr(X, "iloc") else None


def _class_names(kbound, index):
    """Labels of centre numbers; -1 where there is no such centre."""
    return np.append(kbound.classes_, NOISE)[index]


def gate_table(kbound, X, index=None, errors=None):
    """Gates and margins of a fitted `KBound`; see its ``decision_path``.

    Parameters
    ----------
    kbound : KBound
        Fitted.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    index : array-like of shape (n_samples,), default=None
        Index of the table.
    errors : ndarray, default=None
        Errors of the rows.

    Returns
    -------
    table : DataFrame
        One row per row of X.
    """
    import pandas as pd

    gate, limit = kbound.gate_, kbound.distance_threshold_
    nearest, second, to_nearest, to_second = kbound._two_nearest(
        X, errors, kbound.cluster_centers_, kbound.covariances_
    )
    seen = match_rows(X, kbound._X_fit)
    density = kbound._density_gate.density_of(X, seen)
    dense, near = kbound._density_gate.passes(density), to_nearest <= limit
    is_seed = (seen >= 0) & kbound.seed_mask_[seen]
    is_negative = (seen >= 0) & kbound._negatives[seen]
    membership = gate.membership(X, errors)
    labels, _ = kbound._decide(nearest, to_nearest, membership, dense & ~is_negative)
    labels[is_seed] = kbound.labels_[seen[is_seed]]
    likely, probabilities = np.ones(len(X), dtype=bool), {}
    if membership is not None:
        group, likely = gate.admit(nearest, to_nearest, membership)
        probabilities = _probability_columns(kbound, membership, group, likely)
    table = {
        "label": labels,
        "gate": np.select(
            [is_seed, is_negative, nearest < 0, ~dense, ~near, ~likely],
            [
                "seed_forced",
                "known_negative",
                "no_group",
                "rejected_density",
                "rejected_distance",
                "rejected_probability",
            ],
            "assigned",
        ),
        "is_seed": is_seed,
        "local_density": density,
        "density_passed": dense,
        "density_margin": kbound._density_gate.margin(density),
        "nearest_cluster": _class_names(kbound, nearest),
        "distance_to_nearest": to_nearest,
        "distance_passed": near,
        "distance_margin": np.subtract(
            limit, to_nearest, out=np.full(len(X), -np.inf), where=np.isfinite(to_nearest)
        ),
        "competitor_cluster": _class_names(kbound, second),
        "distance_to_competitor": to_second,
        "margin": np.subtract(
            to_second, to_nearest, out=np.full(len(X), np.inf), where=np.isfinite(to_nearest)
        ),
    }
    if kbound.covariances_ is not None:
        table["p_value"] = chi2.sf(to_nearest**2, X.shape[1])
    if isinstance(gate, ChiSquaredGate):
        table["p_value_threshold"] = np.full(len(X), 1 - gate.confidence)
        table["p_value_margin"] = table["p_value"] - table["p_value_threshold"]
    return pd.DataFrame({**table, **probabilities}, index=index)


def _probability_columns(kbound, membership, group, likely):
    """What a gate with probabilities says, of the likeliest group and of each."""
    threshold = kbound.gate_.threshold_
    best = membership[np.arange(len(group)), group] if len(kbound.classes_) else 0.0 * group
    columns = {
        "likeliest_cluster": _class_names(kbound, group),
        "probability": best,
        "probability_threshold": np.full(len(group), threshold),
        "probability_passed": likely,
        "probability_margin": best - threshold,
    }
    names = [*kbound.classes_.tolist(), "none"]
    return columns | {f"probability_{name}": membership[:, k] for k, name in enumerate(names)}


def _quadratic_forms(kbound):
    """Matrix M of each centre's metric, with d(x, c)^2 = (x - c)' M (x - c)."""
    if kbound.covariances_ is not None:
        return np.linalg.inv(kbound.covariances_)
    return np.broadcast_to(
        _quadratic_form(kbound), (len(kbound.classes_), *2 * (kbound.n_features_in_,))
    )


def _quadratic_form(kbound):
    d = kbound.n_features_in_
    if kbound.metric in ("euclidean", "l2"):
        return np.eye(d)
    if kbound.metric == "mahalanobis":
        return kbound.metric_params_["VI"]
    if kbound.metric == "seuclidean":
        return np.diag(1 / np.asarray(kbound.metric_params_["V"]))
    raise ValueError(
        f"metric={kbound.metric!r} is no quadratic form, so its distances cannot be split by "
        "feature; allowed are 'euclidean', 'l2', 'seuclidean' and 'mahalanobis'."
    )


def feature_attribution(kbound, X, index=None):
    """Shares of the features in the distances; see `KBound.feature_attribution`.

    Parameters
    ----------
    kbound : KBound
        Fitted.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    index : array-like of shape (n_samples,), default=None
        Index of the table.

    Returns
    -------
    table : DataFrame
        One row per row of X.
    """
    import pandas as pd

    matrices = _quadratic_forms(kbound)
    centers = kbound.cluster_centers_
    if not len(centers):
        raise ValueError("KBound was fitted without any group: there is no centre to explain.")
    names = getattr(kbound, "feature_names_in_", None)
    names = [f"x{j}" for j in range(X.shape[1])] if names is None else list(names)
    if kbound.covariances_ is None:
        distances = distances_to(X, centers, kbound.metric, kbound.metric_params_)
    else:
        distances = group_distances(X, centers, kbound.covariances_)
    labels = gate_table(kbound, X)["label"].to_numpy()
    position = {label: k for k, label in enumerate(kbound.classes_.tolist())}
    nearest = distances.argmin(axis=1)
    reference = np.array(
        [
            position.get(label, near)
            for label, near in zip(labels.tolist(), nearest.tolist(), strict=True)
        ],
        dtype=np.intp,
    )
    distances[np.arange(len(X)), reference] = np.inf
    competitor = distances.argmin(axis=1)

    def split(center_index):
        difference = X - centers[center_index]
        return difference * np.einsum("ni,nij->nj", difference, matrices[center_index])

    contribution = split(reference)
    lead = split(competitor) - contribution
    if len(centers) == 1:
        competitor = np.full(len(X), -1)
        lead = np.full_like(contribution, np.nan)
    table = {
        "reference_cluster": kbound.classes_[reference],
        "competitor_cluster": _class_names(kbound, competitor),
        "d2_reference": contribution.sum(axis=1),
        "d2_competitor": (contribution + lead).sum(axis=1),
    }
    table.update({f"contrib_{name}": contribution[:, j] for j, name in enumerate(names)})
    table.update({f"disc_{name}": lead[:, j] for j, name in enumerate(names)})
    return pd.DataFrame(table, index=index)


def explorer_table(explorer, explored, labels, X):
    """What a fitted explorer tells of rows, in its own terms.

    Parameters
    ----------
    explorer : estimator
        Fitted clusterer.
    explored : ndarray of shape (n_explored, n_features)
        Rows that it was fitted on.
    labels : ndarray of shape (n_explored,)
        Their labels, -1 for noise.
    X : ndarray of shape (n_samples, n_features)
        Rows to explain; rows that were not explored get what can be computed for them.

    Returns
    -------
    columns : dict of str to ndarray
        Those of the explorer's ``decision_path``, if it has one. With ``eps`` and
        ``core_sample_indices_`` (DBSCAN's kind): ``role`` (core, border or noise),
        ``n_neighbors_eps``, ``core_distance``, ``eps_margin``, ``distance_to_nearest_core``.
        Otherwise those of ``membership_probability``, ``outlier_score``, ``reachability``,
        ``core_distance``, ``order_position`` and ``predecessor`` that the explorer has, for
        the rows that it has seen.
    """
    seen = match_rows(X, explored)
    if hasattr(explorer, "decision_path"):
        columns = {name: c.to_numpy() for name, c in explorer.decision_path(X).items()}
        if "role" in columns:  # a group that the explorer found may have been dropped since
            dropped = (seen >= 0) & (labels[seen] == NOISE)
            columns["role"] = np.where(dropped, "noise", columns["role"])
        return columns
    if hasattr(explorer, "core_sample_indices_") and hasattr(explorer, "eps"):
        return _dbscan_columns(explorer, explored, labels, X, seen)
    learned = {
        "membership_probability": getattr(explorer, "probabilities_", None),
        "outlier_score": getattr(explorer, "outlier_scores_", None),
        "reachability": getattr(explorer, "reachability_", None),
        "core_distance": getattr(explorer, "core_distances_", None),
        "predecessor": getattr(explorer, "predecessor_", None),
    }
    if hasattr(explorer, "ordering_"):
        learned["order_position"] = np.argsort(explorer.ordering_)
    return {
        name: np.where(seen >= 0, np.asarray(values, dtype=float)[seen], np.nan)
        for name, values in learned.items()
        if values is not None and len(values) == len(explored)
    }


def _dbscan_columns(explorer, explored, labels, X, seen):
    metric = neighbour_metric(explorer)
    neighbours = NearestNeighbors(**metric).fit(explored)
    counts = np.array(
        [len(rows) for rows in neighbours.radius_neighbors(X, explorer.eps, return_distance=False)]
    )
    # A row that was explored is its own first neighbour; one that was not still needs
    # min_samples - 1 others, since it would count itself.
    k = min(explorer.min_samples, len(explored))
    distances = neighbours.kneighbors(X, k)[0]
    core_distance = np.where(seen >= 0, distances[:, k - 1], distances[:, max(k - 2, 0)])
    core = np.zeros(len(explored), dtype=bool)
    core[explorer.core_sample_indices_] = True
    role = np.where(labels[seen] == NOISE, "noise", np.where(core[seen], "core", "border"))
    to_core = np.full(len(X), np.nan)
    if core.any():
        cores = NearestNeighbors(**metric).fit(explored[core])
        found = cores.kneighbors(X, min(2, int(core.sum())))[0]
        # For a core row the nearest core is itself: the next one tells how it hangs together.
        is_core = (seen >= 0) & core[seen]
        to_core = np.where(is_core, found[:, -1] if found.shape[1] > 1 else np.nan, found[:, 0])
    return {
        "role": np.where(seen >= 0, role, "new"),
        "n_neighbors_eps": counts,
        "core_distance": core_distance,
        "eps_margin": explorer.eps - core_distance,
        "distance_to_nearest_core": to_core,
    }
