"""
=================================================
What a network makes of colour-magnitude diagrams
=================================================

The stars of a cluster lie along a sequence in colour and magnitude, those of a chance group do not.
climbkit draws the diagram of each group as a small image and has a network that was trained on real
clusters. Here it looks at clusters and chance groups of a **simulated** field: see
:ref:`cmd_images` for the images, and the model card beside the weights for figures on real ones.
"""

# %%
# Groups of stars
# ---------------
#
# Forty members each of five clusters, and five times the forty stars that are nearest to a place
# where there is no cluster.
import numpy as np

from climbkit.datasets import make_cluster_field

rng = np.random.default_rng(0)
field = make_cluster_field(
    20_000,
    side=6.0,
    clusters={"n_members": [300] * 5, "kind": ["globular", "open"] * 2 + ["open"]},
    random_state=1,
)
color, magnitude = (field.data[name].to_numpy() for name in ("bp_rp", "phot_g_mean_mag"))


def members(cluster, n):
    rows = rng.choice(np.flatnonzero(field.target == cluster), n, replace=False)
    return color[rows], magnitude[rows]


def neighbours(n):
    others = np.flatnonzero(field.target == -1)
    lon, lat = (field.data[name].to_numpy()[others] for name in ("l", "b"))
    middle = rng.choice(len(others))
    away = np.hypot((lon - lon[middle]) * np.cos(np.radians(lat[middle])), lat - lat[middle])
    rows = others[np.argsort(away)[:n]]
    return color[rows], magnitude[rows]


groups = [members(cluster, 40) for cluster in range(5)] + [neighbours(40) for _ in range(5)]

# %%
# Images
# ------
from climbkit import CMDImageTransformer

drawing = CMDImageTransformer()
images = drawing.transform(groups)
images.shape

# %%
# The network
# -----------
#
# Weights come with climbkit; Keras is needed to run them (``pip install climbkit[neural]``).
from climbkit.neural import CNNClassifier

network = CNNClassifier.pretrained("cmd")
p_class = network.predict_proba(images)[:, 1]

# %%
# The upper row are clusters, the lower one chance groups.
from climbkit.plotting import CMDDisplay

CMDDisplay.from_images(
    images, extents=drawing.extents(groups), titles=[f"p_class {p:.3f}" for p in p_class]
)

# %%
# How many stars it needs
# -----------------------
#
# A few stars look like any other few stars.
import pandas as pd

rows = []
for n in (8, 15, 30, 60):
    clusters = drawing.transform([members(k % 5, n) for k in range(50)])
    chance = drawing.transform([neighbours(n) for _ in range(50)])
    rows.append(
        {
            "stars": n,
            "clusters above 0.8": np.mean(network.predict_proba(clusters)[:, 1] > 0.8),
            "chance groups above 0.8": np.mean(network.predict_proba(chance)[:, 1] > 0.8),
        }
    )
pd.DataFrame(rows)
