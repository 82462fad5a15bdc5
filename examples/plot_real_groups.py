"""
=========================================
How to know that your groups are real
=========================================

A clustering always has groups. Which members can be trusted, and which novel groups would a
smooth field not have made? The halo is **simulated** by
:func:`~climbkit.datasets.make_halo`, so that each answer can be held against the truth. The
reasons are in the user guide: :ref:`real_groups`.
"""

# %%
# Fit, with a test of what is novel
# ---------------------------------
#
# Nothing needs a threshold: known groups get shapes and probabilities from their seeds and the
# unlabelled stars, the explorer its radii from the data. The novel groups are held against 40
# draws from a smooth fit, which is quick; take 200 or more for a publication.
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from climbkit import CLiMB, NoveltyTest
from climbkit.datasets import make_halo

halo = make_halo(random_state=0)
novelty = NoveltyTest(n_draws=40, n_bootstrap=10, random_state=0)
model = make_pipeline(StandardScaler(), CLiMB(novelty=novelty))
model.fit(halo.data, halo.partial_target)
climb = model[-1]
words = {"feature_names": halo.feature_names, "units": halo.units}

# %%
# What phase 1 decided by: the probability of membership, above a threshold that lets in nine in
# ten of the members to be expected.
from climbkit.plotting import CLiMBDisplay

CLiMBDisplay.from_estimator(model, halo.data, halo.partial_target, **words)

# %%
# Is a probability of 0.6 six in ten?
# -----------------------------------
#
# Of the stars that nobody labelled, put together those of about the same probability, and count
# the members among them. A point on the diagonal is a probability that holds.
import matplotlib.pyplot as plt

from climbkit.metrics import expected_calibration_error

X = model[:-1].transform(halo.data)
unlabelled = halo.partial_target == -1
probability = 1 - climb.predict_proba(X)[unlabelled, -1]
is_member = np.isin(halo.target, climb.known_labels_)[unlabelled]
edges = np.linspace(0, 1, 6)
bins = np.digitize(probability, edges[1:-1])
counts = np.bincount(bins, minlength=5)
members = np.bincount(bins, is_member, minlength=5)
share = members / counts
error = np.sqrt(share * (1 - share) / counts)
mean = np.bincount(bins, probability, minlength=5) / counts

fig, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.6", lw=1)
ax.errorbar(mean, share, yerr=error, fmt="o", color="#332288", capsize=3)
for x, s, n in zip(mean, share, counts, strict=True):
    ax.annotate(f"{n:,}", (x, s), textcoords="offset points", xytext=(8, -12), fontsize="small")
ax.set(xlabel="probability of a known group", ylabel="members among them (simulated)")
ax.set_title("Unlabelled stars; the numbers are how many")
ece = expected_calibration_error(is_member, probability)
in_doubt = probability > 0.1
ece_in_doubt = expected_calibration_error(is_member[in_doubt], probability[in_doubt])
print(
    f"expected calibration error: {ece:.3f}; of probabilities above 0.1 alone: {ece_in_doubt:.3f}"
)

# %%
# Recall, purity, and what was let in
# -----------------------------------
#
# On members that were hidden; seeds do not count. The published gates stand beside it, and an
# answer that only copies its seeds.
from sklearn.cluster import DBSCAN

from climbkit import KBound
from climbkit.metrics import score_report

published = make_pipeline(
    StandardScaler(),
    CLiMB(KBound(metric="mahalanobis"), explorer=DBSCAN(eps=0.19, min_samples=24)),
)
known = np.where(np.isin(halo.target, climb.known_labels_), halo.target, -1)
answers = {
    "recommended": climb.labels_,
    "published gates": published.fit_predict(halo.data, halo.partial_target),
    "copy the seeds": halo.partial_target,
}
reports = {
    name: score_report(known, labels, y_partial=halo.partial_target, judged=halo.judged)
    for name, labels in answers.items()
}
scores = ["held_out_recall", "held_out_ari", "acceptance", "open_set_ari"]
pd.DataFrame(reports).loc[scores].astype(float).round(3)

# %%
# Which novel groups a smooth field would not have made
# -----------------------------------------------------
#
# ``p`` is the share of smooth fields in which any group, anywhere, stands out as much;
# ``stability`` the overlap with what comes back from resampled stars and slightly other
# parameters. Three streams were put into the mock: "mostly" is the truth, which nobody has for
# real stars.
rows = []
for label, p, stability in zip(
    climb.novel_labels_, climb.novelty_pvalue_, climb.novelty_stability_, strict=True
):
    truth = halo.target[climb.labels_ == label]
    names, counts = np.unique(truth, return_counts=True)
    best = counts.argmax()
    purity = counts[best] / len(truth)
    rows.append((label, len(truth), p, stability, halo.target_names[names[best]], purity))
columns = ["novel group", "stars", "p", "stability", "mostly", "purity"]
pd.DataFrame(rows, columns=columns).round(3)

# %%
# The p-values are shares of this histogram: what the most striking group of each smooth field
# reaches, and where the groups of the data stand.
test = climb.novelty_
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
bins = np.arange(0.0, test.statistics_.max() + 1)
ax.hist(test.null_statistics_, bins=bins, color="0.7", label="largest of each")
for statistic, label, significant in zip(
    test.statistics_, test.group_labels_, test.significant_, strict=True
):
    ax.axvline(statistic, color="#CC3311" if significant else "0.3", lw=1.4, ls="-")
    if significant:
        ax.annotate(
            f" novel {label}", (statistic, 0.95), xycoords=("data", "axes fraction"), va="top"
        )
ax.set(xlabel="how much a group stands out (statistic)", ylabel="smooth fields")
ax.set_xlim(0, 1.15 * test.statistics_.max())
ax.set_title(
    "What a search through smooth fields gives; lines: the data (red: p < 0.05)", loc="left"
)
ax.legend(loc="center", frameon=False)

# %%
# Why this star?
# --------------
#
# The closest call: the star that only just was not let in.
from climbkit.plotting import DecisionDisplay

gates = climb.kbound_.decision_path(X)
margin = gates["probability_margin"].where(gates["gate"] == "rejected_probability")
closest = int(margin.idxmax())
DecisionDisplay.from_estimator(model, halo.data, closest, **words)

# %%
# A member of the novel group that stands out most:
best = test.group_labels_[test.statistics_.argmax()]
DecisionDisplay.from_estimator(model, halo.data, np.flatnonzero(climb.labels_ == best)[0], **words)
