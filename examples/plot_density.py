"""
=======================================
Density of very many stars
=======================================

The density gate of KBound needs a sum of Gaussians over all pairs of stars.
:func:`~climbkit.kernels.gaussian_density` finds it without the N x N matrix: exactly for few
stars, by trees, Fourier series or Taylor expansions for many, whichever is estimated to cost
least. Stars are **simulated**, and fewer than a million, to keep these pages quick to build:
raise ``N_STARS`` for the real thing.
"""

# %%
# A wide kernel
# -------------
#
# By default the bandwidth is the mean distance of all pairs, which is estimated without listing
# them.
import time

import numpy as np
from sklearn.preprocessing import StandardScaler

from climbkit.datasets import make_halo
from climbkit.kernels import gaussian_density, mean_pairwise_distance

N_STARS = 50_000
halo = make_halo(n_field=N_STARS - 2_120, random_state=0)
X = StandardScaler().fit_transform(halo.data)
bandwidth = mean_pairwise_distance(X)

start = time.process_time()
density = gaussian_density(X, bandwidth=bandwidth)
print(f"{len(X):,} stars, bandwidth {bandwidth:.2f}, {time.process_time() - start:.2f} s of CPU")

# %%
# How exact is it?
# ----------------
#
# The error is bounded by ``atol`` in units of the largest density; here it is measured on some
# stars against the plain sum.
from scipy.spatial.distance import cdist

some = np.random.default_rng(0).choice(len(X), 200, replace=False)
exact = np.exp(-(cdist(X[some], X) ** 2) / (2 * bandwidth**2)).sum(axis=1)
print(f"largest error {np.abs(density[some] - exact).max() / density.max():.1e} of the maximum")

# %%
# Two kernels
# -----------
#
# The wide kernel ranks stars by how far out they are; a tenth of it shows the groups.
import matplotlib.pyplot as plt

narrow = gaussian_density(X, bandwidth=bandwidth / 10)
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
lz, energy = halo.data[:, 0], halo.data[:, 1]
for ax, values, name in zip(axes, (density, narrow), ("default", "a tenth of it"), strict=True):
    order = np.argsort(values)
    points = ax.scatter(
        lz[order],
        energy[order],
        c=values[order] / values.max(),
        s=1,
        cmap="cividis",
        rasterized=True,
    )
    ax.set(title=f"bandwidth: {name}", xlabel="Lz [kpc km/s]", xlim=(-4000, 4000))
axes[0].set_ylabel("Energy [km$^2$/s$^2$]")
figure.colorbar(points, ax=axes, label="density (1 at the densest star)")
