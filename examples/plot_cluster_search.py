"""
========================================
From a table of stars to star clusters
========================================

The whole search in one call: :class:`~climbkit.pipelines.ClusterSearch` takes a table of stars and
gives named clusters with members, probabilities, significance and structure. The field is
**simulated** by :func:`~climbkit.datasets.make_cluster_field`, so that the answer can be held
against the truth. What each stage does is in the user guide: :ref:`cluster_search`.
"""

# %%
# A field
# -------
#
# Gaia's columns, with errors that grow with magnitude. Three clusters are hidden in it.
from climbkit.datasets import make_cluster_field

field = make_cluster_field(
    9_000,
    side=4.0,
    clusters={
        "kind": ["globular", "open", "open"],
        "x": [-1.2, 0.9, 1.1],
        "y": [0.8, 1.1, -1.0],
        "n_members": [400, 150, 60],
    },
    random_state=0,
)
stars = field.data
field.clusters[["kind", "l", "b", "n_members", "r50", "distance"]].round(3)

# %%
# A catalogue
# -----------
#
# Left alone, the search names what it finds after real clusters. Stars that are simulated must not
# get real names, so that we give it a catalogue of its own, with the first cluster alone.
from climbkit.survey import Catalogue, CatalogueCrossmatch

known = field.clusters[:1].assign(name="Mock 1", type="globular cluster")
catalogue = Catalogue.from_table(known[["name", "type", "ra", "dec"]], name="mock catalogue")

# %%
# Search
# ------
#
# Every stage is a parameter. The ones that are not named are at their defaults.
import warnings

from climbkit import ClusterSearch

search = ClusterSearch(crossmatch=CatalogueCrossmatch(catalogues=[catalogue]), n_jobs=2)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the mock has no ruwe: such cuts are left out, and said
    search.fit(stars)
search.clusters_["name", "type", "n_members", "r50", "persistence", "p_cst", "distance"]

# %%
# What was done without is kept beside the results:
search.notes_

# %%
# The field, with what was found
# ------------------------------
from climbkit.plotting import CandidateDisplay, FourPanelDisplay, ProfileDisplay

CandidateDisplay.from_estimator(search)

# %%
# A cluster in four panels
# ------------------------
#
# Members are dark, the more probable the darker; other stars of the same piece of sky are faint.
FourPanelDisplay.from_estimator(search, "Mock 1")

# %%
# Its profile
# -----------
#
# King's profile is fitted to the members, not to the rings.
number = list(search.clusters_["name"]).index("Mock 1")
ProfileDisplay.from_estimator(search.stages_["structure"], number, title="Mock 1")

# %%
# Held against the truth
# ----------------------
import numpy as np
import pandas as pd

rows = []
for cluster in range(3):
    true = field.target == cluster
    shared = np.bincount(search.labels_[true & (search.labels_ >= 0)], minlength=1)
    best = int(shared.argmax())
    found = search.labels_ == best
    rows.append(
        {
            "found as": str(search.clusters_["name"][best]),
            "true members": true.sum(),
            "found": found.sum(),
            "F1": 2 * shared[best] / (found.sum() + true.sum()),
        }
    )
pd.DataFrame(rows).round(3)
