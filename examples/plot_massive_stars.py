"""
==========================================
Massive stars on a sky where they are rare
==========================================

A network learns to tell massive stars from others by their XP spectra. Then it meets a sky where
one star in a hundred is massive. All spectra here are **simulated**: see :ref:`spectra`.
"""

# %%
# Spectra
# -------
#
# One population: a part of known class to train on, a fifth of it massive, and a sky. The lighter
# stars are mostly of types F to M, and a few per cent are hot ones that look like massive stars.
import numpy as np

from climbkit.datasets import make_xp_spectra

rng = np.random.default_rng(0)
stars = make_xp_spectra(26_000, massive_fraction=0.0538, hard_negatives=0.05, random_state=0)
massive, others = (rng.permutation(np.flatnonzero(stars.target == k)) for k in (1, 0))
known = np.append(massive[:1200], others[:4800])
sky = np.append(massive[1200:], others[4800:])
print(f"{stars.target[known].mean():.0%} and {stars.target[sky].mean():.1%} massive")

# %%
# Spectra, divided by their norms, with the simulated noise: blue stars and red ones.
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for rows, color, label in ((massive[:8], "#0077BB", "massive"), (others[:8], "#BBBBBB", "other")):
    shape = stars.data[rows] / np.linalg.norm(stars.data[rows], axis=1, keepdims=True)
    lines = axes.plot(stars.wavelength, shape.T, color=color, linewidth=0.8)
    lines[0].set_label(label)
axes.set(xlabel="wavelength [nm]", ylabel="flux / norm", title="Simulated XP spectra")
axes.legend()

# %%
# Networks that judge what they have not seen
# -------------------------------------------
#
# Three folds, three networks; each spectrum is held out once.
from climbkit.spectra import FoldEnsemble, PriorShift, XPClassifier

network = XPClassifier("deep_ann", max_epochs=8)
ensemble = FoldEnsemble(network, cv=3, random_state=0)
model = PriorShift(ensemble, random_state=0).fit(stars.data[known], stars.target[known])
model.estimator_.fold_scores_.round(3)

# %%
# How many are massive?
# ---------------------
#
# Taken at their word, the probabilities of training expect too many. `adapt` looks at the sky,
# without its classes.
by_network = model.estimator_.member_proba(stars.data[sky])
as_trained = model.reweigh(by_network)[:, 1]
adapted = model.adapt(proba=by_network).reweigh(by_network)[:, 1]
print(f"in truth {stars.target[sky].sum()}, as trained {as_trained.sum():.0f},")
print(f"adapted {model.n_expected_[1]:.0f} +- {model.n_expected_std_[1]:.0f}")

# %%
# What a threshold selects
# ------------------------
#
# Expected without knowing the classes, and the truth beside it.
report = model.report(proba=by_network, thresholds=(0.1, 0.3, 0.5, 0.7))
truth = stars.target[sky]
report["true_purity"] = [truth[adapted >= limit].mean() for limit in report["threshold"]]
report["true_completeness"] = [
    truth[adapted >= limit].sum() / truth.sum() for limit in report["threshold"]
]
report.round(2)

# %%
# Spectra like none before
# ------------------------
#
# A spectrum with a broad bump, as a quasar's line would make it, lies far from all classes in the
# last hidden layer.
odd = stars.data[others[:200]] * (1 + 4 * np.exp(-(((stars.wavelength - 560) / 15) ** 2)))
score = model.estimator_.outlier_score
print(np.median(score(stars.data[sky[:200]])).round(2), np.median(score(odd)).round(2))
