"""
==============================
Builders, grids and run files
==============================

Every estimator has one immutable builder, which checks each parameter as it is set, and a plain
dictionary for run files, so that a result can be made again. Data is **simulated**.
"""

# %%
# Build
# -----
#
# There is a ``with_…`` method for each parameter; an editor completes them, and ``help()``
# describes them. CLiMB's builder offers those of KBound as well.
from sklearn.cluster import HDBSCAN

from climbkit import CLiMB

builder = (
    CLiMB.builder()
    .with_distance_threshold(0.5)
    .with_radial_threshold(0.1)
    .with_metric("mahalanobis")
    .with_explorer(HDBSCAN(min_cluster_size=20, copy=True))
)
climb = builder.build()
print(climb)

# %%
# A builder never changes: each step returns a new one, so a common start can be shared.
strict, loose = builder.with_distance_threshold(0.3), builder.with_distance_threshold(1.0)
print(builder.parameters["kbound__distance_threshold"])
print(strict.parameters["kbound__distance_threshold"], loose.build().kbound.distance_threshold)

# %%
# A value that is not allowed is refused where it is written, not hours later in ``fit``:
try:
    builder.with_distance_threshold(-1.0)
except ValueError as error:
    print(error)

# %%
# Grids
# -----
#
# ``grid`` gives a ``param_grid`` for GridSearchCV, with the full names and every value checked. Its
# first argument is the name of the step, where the estimator stands in a pipeline.
builder.grid("climb", distance_threshold=[0.3, 0.5, 0.8])

# %%
# Run files
# ---------
#
# ``to_dict`` holds class and parameters, nested estimators included; it is ready for JSON.
import json

from climbkit.datasets import make_halo

halo = make_halo(n_field=500, random_state=0)
run = {
    "data": {"function": "make_halo", "n_field": 500, "random_state": 0},
    "estimator": climb.to_dict(),
}
text = json.dumps(run, indent=2)
print(text[:420], "…")

# %%
# From the file comes the same estimator, and from the same data the same labels. Only classes of
# climbkit, scikit-learn and hdbscan are built; anything else has to be trusted by name.
import numpy as np
from sklearn.preprocessing import StandardScaler

X = StandardScaler().fit_transform(halo.data)
again = CLiMB.from_dict(json.loads(text)["estimator"])
first = climb.fit(X, halo.partial_target).labels_
second = again.fit(X, halo.partial_target).labels_
print("same labels:", np.array_equal(first, second))
