"""The record of a run: what made a result, in plain words for a file."""

import platform
import warnings
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

from climbkit.builder import to_dict

#: Packages whose versions can change a result.
_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "numba",
    "pandas",
    "astropy",
    "astropy-healpix",
    "keras",
    "jax",
    "gaiadr3-zeropoint",
    "pyongc",
)


def run_record(search, clusters=(), inputs=None):
    """Return what a run file says, ready for JSON.

    Parameters
    ----------
    search : ClusterSearch
        Fitted.
    clusters : sequence of dict, default=()
        Name and files of each cluster.
    inputs : list of dict, default=None
        What the stars came from.

    Returns
    -------
    record : dict
        Versions, input, parameters (``climbkit.builder.from_dict`` reads
        ``search``, which is None where a parameter has no plain form), the same of each stage as it
        was fitted, and clusters.
    """
    from climbkit import __version__

    return {
        "climbkit": __version__,
        "python": platform.python_version(),
        "packages": _versions(),
        "input": {"n_stars": len(search.labels_), "files": list(inputs or [])},
        "search": _parameters(search),
        "stages": {
            name: _parameters(stage) for name, stage in getattr(search, "stages_", {}).items()
        },
        "n_candidates": len(search.candidates_),
        "clusters": list(clusters),
    }


def _parameters(search):
    """Parameters for the run file; None where one of them has no plain form."""
    try:
        return to_dict(search)
    except TypeError as error:
        warnings.warn(
            f"the run file does not hold the parameters: {error} The search cannot be repeated "
            "from it.",
            UserWarning,
            stacklevel=5,
        )
        return None


def _versions():
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:
            continue
    return found
