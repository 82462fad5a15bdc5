"""Isochrones of PARSEC in Gaia's bands, read and interpolated."""

import functools
import gzip
import io
import os
from pathlib import Path

import numpy as np
from sklearn.utils._param_validation import validate_params

from climbkit.cmd._synthetic_isochrone import Isochrone, blend
from climbkit.datasets._rr_lyrae import DATA_VARIABLE

_NEEDED = ("MH", "logAge", "Mini", "label", "Gmag", "G_BPmag", "G_RPmag")
_DEFAULT_FOLDER = "isochrones"
#: Evolutionary stages of PARSEC: 0 before the main sequence, 1 main sequence, 2 subgiants, 3 red
#: giants, 4 to 6 helium burning, 7 early and 8 thermally pulsing AGB. What follows (9) crosses the
#: diagram in no time; a line is all that would show of it.
_LAST_STAGE = 8
#: Absolute G (mag) of no star on an isochrone, but of AGB stars behind their own dust in models.
_FAINTEST = 20.0
_LOG_AGE_DECIMALS, _METALLICITY_DECIMALS = 3, 4  # tables write 8.35001 for 8.35
_GYR = 9.0  # log10 of years in a Gyr
#: Ages and metallicities nearer than this (dex) are one: printed ages of 12.6 Gyr are 10.1 dex.
_SAME = 5e-4

_HOW_TO_GET = f"""\
No table of isochrones was found {{where}}.
Get one from the web form CMD of the PARSEC group (http://stev.oapd.inaf.it/cmd): photometric system
"Gaia EDR3", tables of several ages (log(age/yr)) and metallicities [M/H], output as it comes; then
pass the file, or climbkit.cmd.read_isochrones(file), as isochrones. Or set the environment variable
{DATA_VARIABLE} to a folder that holds the one file in {_DEFAULT_FOLDER}/."""


class Isochrones:
    """Isochrones on a grid of metallicity and age.

    Parameters
    ----------
    table : dict of (float, float) to Isochrone
        Isochrones by [M/H] and log10 of the age in years.

    See Also
    --------
    read_isochrones : Reads them.
    """

    def __init__(self, table):
        self.table = table

    def __repr__(self):
        metallicities = ", ".join(f"{value:g}" for value in self.metallicities)
        ages = 10 ** (np.array([age for _, age in self.table]) - _GYR)
        return (
            f"<Isochrones: {len(self.table)}, of {ages.min():.3g} to {ages.max():.3g} Gyr, "
            f"[M/H] {metallicities}>"
        )

    @property
    def metallicities(self):
        """Metallicities [M/H] of the grid, dex: ndarray, ascending."""
        return np.unique([metallicity for metallicity, _ in self.table])

    @property
    def ages(self):
        """Ages that every metallicity of the grid has, Gyr: ndarray, ascending."""
        common = set.intersection(
            *({a for m, a in self.table if m == metallicity} for metallicity in self.metallicities)
        )
        return 10 ** (np.array(sorted(common)) - _GYR)

    def at(self, age, metallicity, *, outside="raise"):
        """Interpolate an isochrone.

        Parameters
        ----------
        age : float
            Age, Gyr.
        metallicity : float
            [M/H], dex.
        outside : {"raise", "nearest"}, default="raise"
            Whether what lies outside the grid is an error, or taken at the edge of the grid.

        Returns
        -------
        isochrone : Isochrone
            Initial masses, absolute magnitudes and stages.

        Raises
        ------
        ValueError
            If the grid does not reach that far.

        Notes
        -----
        Linear in log10 of the age and in [M/H], between points of the same stage of evolution:
        each stage is cut at the same fractions of its range of initial mass. Where two
        neighbours on the grid do not have the same stages, the nearer is taken.
        """
        metallicities = self.metallicities
        value = float(metallicity)
        if not _inside(value, metallicities) and outside == "raise":
            raise ValueError(
                f"metallicity must be between {metallicities[0]:g} and {metallicities[-1]:g} dex, "
                f"where the isochrones end; got {value:g}. outside='nearest' takes the edge."
            )
        below, above, weight = _neighbours(value, metallicities)
        if not weight:
            return self._of_age(below, age, outside)
        first, second = (self._of_age(side, age, outside) for side in (below, above))
        return blend(first, second, weight)

    def _of_age(self, metallicity, age, outside):
        log_age = np.log10(age) + _GYR
        grid = np.array(sorted(a for m, a in self.table if m == metallicity))
        if not _inside(log_age, grid) and outside == "raise":
            youngest, oldest = 10 ** (grid[[0, -1]] - _GYR)
            raise ValueError(
                f"age must be between {youngest:.5g} and {oldest:.5g} Gyr, where the isochrones of "
                f"[M/H] = {metallicity:g} end; got {age:g}. outside='nearest' takes the edge."
            )
        below, above, weight = _neighbours(log_age, grid)
        young = self.table[metallicity, below]
        return blend(young, self.table[metallicity, above], weight) if weight else young


def _inside(value, grid):
    return grid[0] - _SAME <= value <= grid[-1] + _SAME


def _neighbours(value, grid):
    """Values of the grid around one, and the weight of the upper; the edge beyond the grid."""
    near = np.abs(grid - value).argmin()
    if np.abs(grid[near] - value) < _SAME or not grid[0] < value < grid[-1]:
        return grid[near], grid[near], 0.0
    above = int(np.searchsorted(grid, value))
    below = above - 1
    return grid[below], grid[above], (value - grid[below]) / (grid[above] - grid[below])


@validate_params(
    {"path": [str, os.PathLike], "system": [str]},
    prefer_skip_nested_validation=True,
)
def read_isochrones(path, *, system="gaiaedr3"):
    """Read a table of PARSEC isochrones in the bands of Gaia.

    Parameters
    ----------
    path : path-like
        Table as the web form CMD [1]_ gives it, or the same as CSV; either may be compressed by
        gzip. Columns MH, logAge, Mini, label, Gmag, G_BPmag and G_RPmag are read.
    system : str, default="gaiaedr3"
        Photometric system, where a column ``set`` tells several apart.

    Returns
    -------
    isochrones : Isochrones
        With `metallicities`, `ages`, and ``at(age, metallicity)``.

    Raises
    ------
    ValueError
        If a column is missing, or nothing is left.

    Notes
    -----
    Stages after the asymptotic giant branch are left out, and points that have no magnitude or
    are fainter than G = 20 (AGB stars behind dust of their own).

    References
    ----------
    .. [1] Bressan et al. 2012, MNRAS 427, 127, https://doi.org/10.1111/j.1365-2966.2012.21948.x;
       web form: http://stev.oapd.inaf.it/cmd
    """
    path = Path(path)
    frame = _read_table(path)
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        raise ValueError(
            f"{path} has no columns {missing}, which PARSEC's tables for Gaia EDR3 have; it has "
            f"{list(frame.columns)}."
        )
    if "set" in frame.columns:
        known = sorted(frame["set"].astype(str).unique())
        if system not in known:
            raise ValueError(f"system must be one of {known}, which {path} holds; got {system!r}.")
        frame = frame[frame["set"] == system]
    frame = frame[list(_NEEDED)].astype(np.float64)
    keep = np.isfinite(frame).all(axis=1) & (frame["label"] <= _LAST_STAGE)
    keep &= (frame["Gmag"] < _FAINTEST) & (frame["Mini"] > 0)
    frame = frame[keep]
    metallicity = frame["MH"].round(_METALLICITY_DECIMALS) + 0.0
    log_age = frame["logAge"].round(_LOG_AGE_DECIMALS)
    table = {}
    for (at_metallicity, at_age), part in frame.groupby([metallicity, log_age], sort=True):
        part = part.sort_values("Mini", kind="stable")
        if part["Mini"].nunique() > 1:
            table[float(at_metallicity), float(at_age)] = Isochrone(
                part["Mini"].to_numpy(),
                part[["Gmag", "G_BPmag", "G_RPmag"]].to_numpy(),
                part["label"].to_numpy().astype(np.int64),
            )
    if not table:
        raise ValueError(f"{path} holds no isochrone of two points or more.")
    return Isochrones(table)


def default_isochrones():
    """Isochrones from the folder of the user's data, read once.

    Raises
    ------
    FileNotFoundError
        If there is none; the message tells how to get one.
    """
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        raise FileNotFoundError(_HOW_TO_GET.format(where=f"({DATA_VARIABLE} is unset)"))
    folder = Path(folder) / _DEFAULT_FOLDER
    files = sorted(p for p in folder.glob("*") if p.is_file() and not p.name.startswith("."))
    if len(files) != 1:
        found = f"only one may be there, and {len(files)} are" if files else "the folder is empty"
        where = f"in {folder}" if not files else f"in {folder} ({found})"
        raise FileNotFoundError(_HOW_TO_GET.format(where=where))
    return cached_isochrones(files[0])


def cached_isochrones(path):
    """Isochrones of a file, read again only when it has changed."""
    path = Path(path)
    status = path.stat()
    return _cached(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _cached(path, modified, size):
    return read_isochrones(path)


def _read_table(path):
    import pandas as pd

    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        text = file.read()
    comments = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comments.append(line)
    if not comments:
        return pd.read_csv(io.StringIO(text))
    # CMD names the columns in the last comment above the numbers, and again above each isochrone.
    names = comments[-1].lstrip("# ").split()
    return pd.read_csv(io.StringIO(text), sep=r"\s+", comment="#", names=names)
