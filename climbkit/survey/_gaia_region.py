"""Downloads the stars of a region from the Gaia archive, piece by piece."""

import hashlib
import os
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from climbkit.datasets._data_home import get_data_home, read_cache, write_cache
from climbkit.datasets._gaia import ask_archive
from climbkit.survey._gaia_columns import to_gaia_columns
from climbkit.survey._gaia_names import GAIA_UNITS
from climbkit.survey._sky_pieces import box_pieces, cone_pieces

#: Columns that a search with all of its cuts and corrections needs.
REGION_COLUMNS = (
    *("source_id", "ra", "dec", "l", "b", "ecl_lat"),
    *("parallax", "parallax_error", "parallax_over_error"),
    *("pmra", "pmra_error", "pmdec", "pmdec_error"),
    *("parallax_pmra_corr", "parallax_pmdec_corr", "pmra_pmdec_corr"),
    *("phot_g_mean_mag", "bp_rp", "phot_bp_rp_excess_factor"),
    *("ruwe", "astrometric_params_solved", "astrometric_excess_noise_sig"),
    *("ipd_gof_harmonic_amplitude", "ipd_frac_multi_peak", "visibility_periods_used"),
    *("nu_eff_used_in_astrometry", "pseudocolour"),
)
# Where the archive cuts off the answers to those who are not registered.
_MAX_ROWS = 3_000_000


@validate_params(
    {
        "center": ["array-like", None],
        "radius": [Interval(Real, 0, 90, closed="neither"), None],
        "box": ["array-like", None],
        "frame": [StrOptions({"galactic", "icrs"})],
        "columns": ["array-like", None],
        "where": [str, None],
        "table": [str],
        "piece": [Interval(Real, 0, 360, closed="right")],
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "delay": [Interval(Real, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def fetch_region(
    *,
    center=None,
    radius=None,
    box=None,
    frame="galactic",
    columns=None,
    where=None,
    table="gaiadr3.gaia_source",
    piece=2.0,
    data_home=None,
    download_if_missing=True,
    n_retries=3,
    delay=1.0,
):
    """Download the stars of a cone or a box from the Gaia archive, once.

    The region is asked for in pieces. Each is kept in the folder of
    :func:`climbkit.datasets.get_data_home`, with its SHA-256 beside it, so that a download that was
    interrupted goes on where it stopped when it is called again.

    Parameters
    ----------
    center : pair of float, default=None
        Longitude and latitude of the centre of a cone, degrees.

    radius : float, default=None
        Of the cone, degrees.

    box : array-like of 4 float, default=None
        (west, east, south, north) limits in longitude and latitude, degrees, instead of a cone.
        From west to east, across 0 if east is the smaller number.

    frame : {"galactic", "icrs"}, default="galactic"
        Whether the region is in (l, b) or in (ra, dec).

    columns : sequence of str, default=None
        Columns of the archive's table. None: those that a search with all of its quality cuts and
        corrections needs. ``source_id`` is always among them.

    where : str, default=None
        A further condition in ADQL, such as ``"phot_g_mean_mag < 18 AND ruwe < 1.4"``. What is left
        out here can not be marked by `GaiaQualityMask`.

    table : str, default="gaiadr3.gaia_source"
        The archive's table.

    piece : float, default=2.0
        Height of the pieces, and width of those of a box, degrees.

    data_home : str or path-like, default=None
        Folder of the cache.

    download_if_missing : bool, default=True
        If False, raise an error where a piece is not in the cache.

    n_retries : int, default=3
        How often to ask again where the archive does not answer.

    delay : float, default=1.0
        Seconds to wait before asking again, twice as long each time.

    Returns
    -------
    stars : DataFrame of shape (n_stars, n_columns)
        Sorted by source_id (int64). Missing numbers are NaN; ``attrs["units"]`` has the units.

    Raises
    ------
    ConnectionError
        If the archive does not answer; pieces that are there are kept.
    ImportError
        If astroquery is missing (``pip install climbkit[gaia]``) and a download is needed.
    OSError
        If a piece is not in the cache and nothing may be downloaded, or is damaged there.
    ValueError
        If the region is none, or the archive's answer lacks columns or is cut off.

    See Also
    --------
    read_stars : Stars from a file.
    GaiaQualityMask : Marks stars that are good enough.

    Notes
    -----
    The archive gives 3 million stars at a time; take a smaller `piece` where there are more. This
    work has made use of data from the European Space Agency mission Gaia
    (https://www.cosmos.esa.int/gaia), processed by the Gaia Data Processing and Analysis Consortium
    (DPAC).

    Examples
    --------
    >>> from climbkit.survey import fetch_region
    >>> stars = fetch_region(center=(0.85, 45.86), radius=1.0)  # doctest: +SKIP
    >>> stars = fetch_region(box=(355, 5, 40, 50), where="ruwe < 1.4")  # doctest: +SKIP
    """
    import pandas as pd

    names = _checked_columns(columns)
    conditions = _pieces(center, radius, box, frame, float(piece))
    extra = f" AND ({where})" if where else ""
    select = f"SELECT {', '.join(names)} FROM {table} WHERE "
    home = get_data_home(data_home)
    parts = []
    for condition in conditions:
        query = f"{select}{condition}{extra}"
        path = home / _cache_name(query)
        if path.is_file():
            renew = "Delete it, or call climbkit.datasets.clear_data_home(), and fetch it again."
            parts.append(read_cache(path, renew))
        elif download_if_missing:
            parts.append(_tidy(ask_archive(query, n_retries, delay), names))
            write_cache(path, parts[-1])
        else:
            raise OSError(f"{path} is not there, and download_if_missing is False.")
    stars = pd.concat([pd.DataFrame(part)[names] for part in parts], ignore_index=True)
    if stars["source_id"].duplicated().any():
        raise ValueError("the Gaia archive's answer names a source_id more than once.")
    stars = stars.sort_values("source_id", ignore_index=True)
    stars.attrs["units"] = {name: GAIA_UNITS[name] for name in names if name in GAIA_UNITS}
    return stars


def _pieces(center, radius, box, frame, piece):
    """Conditions in ADQL, each for one piece of the region."""
    names = ("l", "b") if frame == "galactic" else ("ra", "dec")
    if box is not None and (center is not None or radius is not None):
        raise ValueError("give either a center with a radius, or a box, not both.")
    if box is not None:
        return box_pieces(_numbers(box, "box", 4), names, piece)
    if center is None or radius is None:
        raise ValueError("give the region: a center with a radius, or a box.")
    return cone_pieces(_numbers(center, "center", 2), float(radius), names, piece)


def _numbers(values, name, n):
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (n,) or not np.isfinite(array).all():
        raise ValueError(f"{name} must be {n} finite numbers, degrees; got {values!r}.")
    return tuple(array.tolist())


def _checked_columns(columns):
    names = list(REGION_COLUMNS) if columns is None else [str(name).lower() for name in columns]
    bad = [name for name in names if not name.isidentifier()]
    if bad:
        raise ValueError(f"columns must be names of the archive; got {bad}.")
    return ["source_id", *dict.fromkeys(name for name in names if name != "source_id")]


def _cache_name(query):
    return f"gaia_region_{hashlib.sha256(query.encode()).hexdigest()[:24]}.npz"


def _tidy(answer, names):
    """Plain columns of the archive's table, checked."""
    if len(answer) >= _MAX_ROWS:
        raise ValueError(
            f"the Gaia archive cut its answer off after {len(answer)} stars; ask for smaller "
            "pieces by piece=, or for fewer stars by where=."
        )
    by_name = {name.lower(): answer[name] for name in answer.colnames}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise ValueError(f"the Gaia archive's answer lacks the columns {missing}.")
    table = type(answer)([np.ma.asarray(by_name[name]) for name in names], names=names)
    for name in names:
        table[name].unit = by_name[name].unit
    source_id = by_name["source_id"]
    if source_id.dtype != np.int64 or np.ma.is_masked(source_id):
        raise ValueError(
            f"the Gaia archive gave source_id as {source_id.dtype}; only complete int64 is exact."
        )
    frame = to_gaia_columns(table)
    return {name: _plain(frame[name]) for name in names}


def _plain(column):
    """A column without objects: text, whole numbers and booleans, or floats with NaN."""
    if column.dtype.kind in "iub" and not column.isna().any():
        return column.to_numpy(dtype=getattr(column.dtype, "numpy_dtype", column.dtype))
    if column.dtype.kind in "iubf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return column.fillna("").astype(str).to_numpy(dtype=str)
