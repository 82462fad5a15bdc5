"""The benchmark's tables for reading, and as a record for a file."""

import json
import platform
import textwrap
from importlib.metadata import version
from pathlib import Path

from climbkit.cluster import KBound
from climbkit.pipelines._baselines import ACCEPTED_SEEDS, BACKGROUND_COMPONENTS
from climbkit.pipelines._held_out import MATCHED_ACCEPTANCE, RECOMMENDED
from climbkit.pipelines._settings import (
    published_cdbscan,
    published_climb,
    published_ssdbscan,
)

_PACKAGES = ("climbkit", "numpy", "scipy", "scikit-learn", "numba", "finufft", "pandas")

_MEANING = {
    "published": (
        "AS PUBLISHED: all 468 known stars are scored, and copied seeds count, so that the first "
        "three scores grow with the share of seeds. Compare each line with 'copy the seeds', and "
        "with the score on the stars that were no seeds."
    ),
    "held_out": (
        "HELD OUT, EQUAL INFORMATION: every method gets the same random seeds, and centroids are "
        "means of seeds. Scored on hidden members: mean and standard deviation ({n_splits} random "
        "splits). Recall and held-out ARI reward wide nets: read them beside the share of judged "
        "non-members that is let in, or read the open-set ARI, which counts both mistakes."
    ),
    "matched": (
        "HELD OUT, SAME MISTAKES: the same splits, each score cut where it lets in {matched:.1%} "
        "of the judged non-members, about what CLiMB lets in with the published thresholds. "
        "This compares rankings, not thresholds: it takes the judged stars to place the cut. "
        "AUROC needs no cut."
    ),
    "targets": (
        "TARGETS of the recommended KBound at its own threshold: means over the splits, "
        "beside what they were set out to be (the share let in: at most; all others: at least)."
    ),
}
_WIDTH = 100  # characters in a line of text
_HEADINGS = {
    "ari": "ARI",
    "homogeneity": "homogeneity",
    "completeness": "completeness",
    "held_out_ari": "held-out ARI",
    "novel_sizes": "novel groups",
    "recall": "recall",
    "open_set_ari": "open-set ARI",
    "acceptance": "non-members let in",
    "auroc": "AUROC",
    "calibration_error": "calibration error",
    "score": "score",
    "found": "found",
    "target": "target",
    "met": "met",
}


class BenchmarkTables(dict):
    """The benchmark's tables by name; prints as text and saves as JSON.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        The tables.
    parameters : dict
        What the benchmark was run with.
    """

    def __init__(self, tables, parameters):
        super().__init__(tables)
        self.parameters = parameters

    def __str__(self):
        """Lay out the tables, each with a sentence on what it means."""
        parts = []
        for name, table in self.items():
            meaning = _MEANING[name].format(
                n_splits=self.parameters["n_splits"], matched=MATCHED_ACCEPTANCE
            )
            parts += [textwrap.fill(meaning, width=_WIDTH), _readable(table), ""]
        return "\n".join(parts)

    def to_record(self):
        """Gather tables, parameters and versions in one JSON-ready dictionary.

        Returns
        -------
        record : dict
            With the keys ``"benchmark"``, ``"parameters"``, ``"estimators"``, ``"versions"`` and
            ``"tables"``: lists of rows, in which None stands for a score that is not defined.
        """
        return {
            "benchmark": "rrlyrae",
            "parameters": {
                **self.parameters,
                "matched_acceptance": MATCHED_ACCEPTANCE,
                "accepted_seeds": ACCEPTED_SEEDS,
                "background_components": BACKGROUND_COMPONENTS,
            },
            "estimators": {
                "CLiMB": published_climb().to_dict(),
                "SS-DBSCAN": published_ssdbscan().to_dict(),
                "C-DBSCAN": published_cdbscan().to_dict(),
                RECOMMENDED: KBound.recommended().to_dict(),
            },
            "versions": {"python": platform.python_version(), **{p: version(p) for p in _PACKAGES}},
            "tables": {name: _records(table) for name, table in self.items()},
        }

    def to_json(self, path):
        """Save tables, parameters and versions.

        Parameters
        ----------
        path : str or path-like
            File to write.
        """
        text = json.dumps(self.to_record(), indent=2, allow_nan=False)
        Path(path).write_text(text + "\n", encoding="utf-8")


def _records(table):
    table = table.reset_index().astype(object)
    return table.where(table.notna(), None).to_dict("records")


def _readable(table):
    import pandas as pd

    columns = {}
    for name in table:
        if name not in _HEADINGS:
            continue
        spread = table.get(f"{name}_sd")
        cells = [_cell(value) for value in table[name]]
        if spread is not None:
            cells = [_with_spread(c, s) for c, s in zip(cells, spread, strict=True)]
        columns[_HEADINGS[name]] = cells
    seeds = table.index.get_level_values("seeds_percent")
    methods = table.index.get_level_values("method")
    width = max(map(len, methods))
    method = {f"{'method':<{width}}": [f"{name:<{width}}" for name in methods]}
    return pd.DataFrame({"seeds %": seeds, **method, **columns}).to_string(index=False)


def _cell(value):
    if isinstance(value, bool | str):
        return {True: "yes", False: "no"}.get(value, value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.3f}" if value is not None and value == value else ""


def _with_spread(cell, spread):
    return f"{cell} ± {spread:.3f}" if cell and spread == spread else cell
