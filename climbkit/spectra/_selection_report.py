"""What to expect of the rows above a threshold of probability: how many, how pure, how complete."""

import numpy as np
import pandas as pd

#: Thresholds of a report that names none.
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_PRIORS = 50  # draws of the prior that the report is made for


def selection_report(proba, reweighting, prior, draws, number, thresholds, reference):
    """Expected content of the rows above each threshold.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        Probabilities before re-weighting, above 0.
    reweighting : Reweighting
        Makes them those of the rows.
    prior : ndarray of shape (n_classes,)
        Frequencies of the classes.
    draws : ndarray of shape (n_draws, n_classes)
        Frequencies that are possible as well.
    number : int
        Number of the class to select.
    thresholds : ndarray of shape (n_thresholds,)
        Probabilities from which on a row is selected.
    reference : Reference or None
        Held-out rows, before re-weighting.

    Returns
    -------
    report : DataFrame of shape (n_thresholds, 8)
        See `PriorShift.report`.
    """
    wanted = reweighting(proba)[:, number]
    order = np.argsort(wanted)
    first = np.searchsorted(wanted[order], thresholds)  # selected are this one and those after it
    sorted_proba = proba[order]

    def above(values):
        """Sum of values over the rows from each threshold on, and over all."""
        sums = np.append(np.cumsum(values[::-1])[::-1], 0.0)
        return sums[first], sums[0]

    p = wanted[order]
    (true, all_true), (spread, all_spread) = above(p), above(p * (1 - p))
    selected = len(p) - first
    moved = []
    for draw in draws[:_PRIORS]:
        other = reweighting.with_prior(draw, prior)(sorted_proba)[:, number]
        moved.append(np.append(*above(other)))
    moved = np.array(moved).reshape(-1, len(thresholds) + 1)
    share = true / all_true if all_true > 0 else np.full(len(true), np.nan)
    # Rows above the threshold add to both terms of the share, the others to one.
    share_spread = (1 - share) ** 2 * spread + share**2 * (all_spread - spread)
    with np.errstate(divide="ignore", invalid="ignore"):
        purity = np.where(selected > 0, true / selected, np.nan)
        purity_error, share_error = _rate_errors(
            reweighting, prior, number, thresholds, reference, purity
        )
        share_var = share_spread / all_true**2 + share_error**2
        purity_var = spread / selected**2 + purity_error**2
        if len(moved) > 1:
            share_var = share_var + (moved[:, :-1] / moved[:, -1:]).var(axis=0, ddof=1)
            purity_var = purity_var + (moved[:, :-1] / selected).var(axis=0, ddof=1)
    purity_std = np.where(selected > 0, np.sqrt(purity_var), np.nan)
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "n_selected": selected,
            "n_true": true,
            "n_true_std": np.where(selected > 0, purity_std * selected, 0.0),
            "purity": purity,
            "purity_std": purity_std,
            "completeness": share,
            "completeness_std": np.sqrt(share_var),
        }
    )


def _rate_errors(reweighting, prior, number, thresholds, reference, purity):
    """Errors of purity and completeness that so few held-out rows leave.

    The rates at which rows of the class and others pass the threshold are known by the held-out
    rows that did; what passes of n rows has the variance of (k + 1/2) of (n + 1).
    """
    if reference is None:
        return np.zeros(len(thresholds)), np.zeros(len(thresholds))
    held = reweighting(reference.proba)[:, number]
    rates, variances = [], []
    for k in range(len(prior)):
        of_class = reference.target == k
        weight = reference.weight[of_class] / reference.weight[of_class].sum()
        n = 1.0 / (weight @ weight)
        passed = np.array([weight @ (held[of_class] >= t) for t in thresholds])
        rate = (n * passed + 0.5) / (n + 1)
        rates.append(rate)
        variances.append(rate * (1 - rate) / (n + 2))
    right = prior[number] * rates[number]
    others = [k for k in range(len(prior)) if k != number]
    wrong = sum(prior[k] * rates[k] for k in others)
    relative = variances[number] / rates[number] ** 2
    relative = relative + sum(prior[k] ** 2 * variances[k] for k in others) / wrong**2
    expected = np.where(np.isfinite(purity), purity, right / (right + wrong))
    return expected * (1 - expected) * np.sqrt(relative), np.sqrt(variances[number])
