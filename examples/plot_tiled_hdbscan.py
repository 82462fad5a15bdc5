"""
====================================
One query, all scales: star clusters
====================================

Search a field for overdensities with tiles of three sizes and ten minimum cluster sizes, look at
the candidates on the sky, and hold them against the truth. The field is **simulated** by
:func:`~climbkit.datasets.make_cluster_field`. The reasons are in the user guide:
:ref:`one_query_all_scales`.
"""

# %%
# A field of 40,000 stars
# -----------------------
#
# The table has Gaia's columns. It lies across l = 0, where a search that subtracts longitudes
# would tear it apart.
from climbkit.datasets import make_cluster_field

field = make_cluster_field(40_000, side=8.0, center=(0.0, 35.0), n_clusters=8, random_state=0)
stars = field.data
field.clusters

# %%
# Search
# ------
#
# Three sides, ten minimum cluster sizes: every tile is queried once. Of the candidates we keep
# those that are compact and persistent, as the published search does.
from climbkit import TiledHDBSCAN

search = TiledHDBSCAN(max_r50=0.5, min_persistence=0.1).fit(stars)
search.candidates_

# %%
# Where they are. A cluster that is found at many scales has many circles.
from climbkit.plotting import CandidateDisplay

CandidateDisplay.from_candidates(search.candidates_)

# %%
# One answer per star
# -------------------
#
# ``labels_`` gives each star the most persistent of its candidates. Of the true clusters, how
# many members did the best candidate have, and how many strangers?
import numpy as np
import pandas as pd

n_found = search.candidates_.table["n_members"].to_numpy()
rows = []
for cluster in np.unique(field.target[field.target >= 0]):
    true = field.target == cluster
    shared = np.array([true[candidate.rows].sum() for candidate in search.candidates_])
    jaccard = shared / (n_found + true.sum() - shared)
    best = int(np.argmax(jaccard))
    scale = search.candidates_[best].row[["tile_side", "min_cluster_size", "persistence"]]
    row = {"members": true.sum(), "found": shared[best], "strangers": n_found[best] - shared[best]}
    rows.append({**row, "Jaccard": jaccard[best], **scale})
pd.DataFrame(rows).round(2)
