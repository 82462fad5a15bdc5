"""Known objects that come with installed packages."""

import importlib.util
import json
from pathlib import Path

import numpy as np

from climbkit._optional import import_optional
from climbkit.survey._catalogue_names import usual_name

_GLOBULAR, _OPEN, _DWARF = "globular cluster", "open cluster", "dwarf spheroidal"
# Collections of galpy's named objects.
_GALPY = {_GLOBULAR: "MWglobularclusters", _DWARF: "MWsatellitegalaxies"}
# OpenNGC's types: clusters, and clusters with a nebula.
_OPENNGC = {"GCl": _GLOBULAR, "OCl": _OPEN, "Cl+N": _OPEN}


def galpy_objects():
    """Return the named objects of galpy by type, none where it is not installed.

    Returns
    -------
    tables : dict of str to DataFrame
        Globular clusters and dwarf spheroidals, with distances in kpc.

    Notes
    -----
    The file is read by itself, since importing galpy takes seconds.
    """
    import pandas as pd

    spec = importlib.util.find_spec("galpy")
    folders = [] if spec is None else spec.submodule_search_locations
    paths = [Path(folder) / "orbit" / "named_objects.json" for folder in folders]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return {}
    objects = json.loads(path.read_text(encoding="utf-8"))
    aliases = {}
    for other, name in objects["_synonyms"].items():
        aliases.setdefault(name, []).append(usual_name(other))
    tables = {}
    for kind, collection in _GALPY.items():
        names = objects["_collections"][collection]
        columns = {
            column: [objects[name].get(column, np.nan) for name in names]
            for column in ("ra", "dec", "pmra", "pmdec", "distance")
        }
        others = [", ".join(aliases.get(name, ())) for name in names]
        tables[kind] = pd.DataFrame({"name": names, **columns, "aliases": others})
    return tables


def openngc_clusters(*, needed):
    """Return the clusters of OpenNGC by type.

    Parameters
    ----------
    needed : bool
        Whether it is an error if pyongc is not installed.

    Returns
    -------
    tables : dict of str to DataFrame
        Globular and open clusters.

    Raises
    ------
    ImportError
        If pyongc is missing and needed.
    """
    import pandas as pd

    if not needed and importlib.util.find_spec("pyongc") is None:
        return {}
    data = import_optional("pyongc.data", "search")
    found = [
        data.clusters(other=True, extra_ids=True, notngc=addendum) for addendum in (False, True)
    ]
    found = pd.concat([part for part in found if len(part)], ignore_index=True)
    found = found[np.isfinite(found["ra"]) & found["type"].isin(list(_OPENNGC))]
    table = pd.DataFrame(
        {
            "name": found["name"],
            "ra": np.degrees(found["ra"]),
            "dec": np.degrees(found["dec"]),
            **{name: found[name].astype(float) for name in ("pmra", "pmdec", "parallax")},
            "aliases": [_aliases(row) for row in found.to_dict("records")],
        }
    )
    kinds = found["type"].map(_OPENNGC)
    return {kind: table[kinds == kind] for kind in (_GLOBULAR, _OPEN)}


def _aliases(row):
    names = [f"Messier {int(row['messier'])}"] if row["messier"] else []
    names += [name for name in (row["commonnames"] or "").split(",") if name]
    return ", ".join(names)
