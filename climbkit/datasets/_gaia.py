"""RR Lyrae stars from the Gaia archive."""

import os
import time
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from climbkit._optional import import_optional
from climbkit.datasets._data_home import get_data_home, read_cache, write_cache

QUERY = """\
SELECT g.source_id, g.ra, g.dec, g.l, g.b, g.parallax, g.parallax_error,
  g.pmra, g.pmra_error, g.pmdec, g.pmdec_error, g.pmra_pmdec_corr, g.ruwe,
  g.phot_g_mean_mag, g.bp_rp,
  g.radial_velocity, g.radial_velocity_error, g.rv_nb_transits,
  v.best_classification, v.pf, v.p1_o, v.int_average_g, v.peak_to_peak_g,
  v.metallicity, v.metallicity_error, v.average_rv, v.average_rv_error
FROM gaiadr3.vari_rrlyrae AS v
JOIN gaiadr3.gaia_source AS g ON v.source_id = g.source_id"""
COLUMNS = [part.split(".")[1].strip() for part in QUERY.partition("FROM")[0].split(",")]
_TEXT = "best_classification"
_UNITS = (
    dict.fromkeys(["ra", "dec", "l", "b"], "deg")
    | dict.fromkeys(["parallax", "parallax_error"], "mas")
    | dict.fromkeys(["pmra", "pmra_error", "pmdec", "pmdec_error"], "mas/yr")
    | dict.fromkeys(["radial_velocity", "radial_velocity_error"], "km/s")
    | dict.fromkeys(["average_rv", "average_rv_error"], "km/s")
    | dict.fromkeys(["phot_g_mean_mag", "bp_rp", "int_average_g", "peak_to_peak_g"], "mag")
    | dict.fromkeys(["pf", "p1_o"], "d")
    | dict.fromkeys(["metallicity", "metallicity_error"], "dex")
)
_CACHE_NAME = "gaia_dr3_rr_lyrae.npz"

_DESCR = """RR Lyrae stars of Gaia DR3

All stars of gaiadr3.vari_rrlyrae (Clementini et al. 2023,
https://doi.org/10.1051/0004-6361/202243964) with their astrometry and, where there are any, radial
velocities. This work has made use of data from the European Space Agency mission Gaia
(https://www.cosmos.esa.int/gaia), processed by the Gaia Data Processing and Analysis Consortium
(DPAC)."""


@validate_params(
    {
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
        "as_frame": ["boolean"],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "delay": [Interval(Real, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def fetch_rr_lyrae(
    *, data_home=None, download_if_missing=True, as_frame=True, n_retries=3, delay=1.0
):
    """Download the RR Lyrae stars of Gaia DR3 from the archive, once.

    The answer is kept in the folder of :func:`get_data_home` with its SHA-256 beside it, and read
    from there afterwards. The query (ADQL) is::

        SELECT g.source_id, g.ra, g.dec, g.l, g.b, g.parallax, g.parallax_error,
          g.pmra, g.pmra_error, g.pmdec, g.pmdec_error, g.pmra_pmdec_corr, g.ruwe,
          g.phot_g_mean_mag, g.bp_rp,
          g.radial_velocity, g.radial_velocity_error, g.rv_nb_transits,
          v.best_classification, v.pf, v.p1_o, v.int_average_g, v.peak_to_peak_g,
          v.metallicity, v.metallicity_error, v.average_rv, v.average_rv_error
        FROM gaiadr3.vari_rrlyrae AS v
        JOIN gaiadr3.gaia_source AS g ON v.source_id = g.source_id

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the cache, as for :func:`get_data_home`.
    download_if_missing : bool, default=True
        If False, raise an error where nothing is cached rather than ask the archive.
    as_frame : bool, default=True
        Give `data` as a pandas DataFrame; otherwise as a structured array.
    n_retries : int, default=3
        How often to ask again where the archive does not answer.
    delay : float, default=1.0
        Seconds to wait before asking again, twice as long each time.

    Returns
    -------
    stars : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : DataFrame of shape (n_stars, 27) or structured ndarray of shape (n_stars,)
            The columns of the query, sorted by ``source_id``. Missing numbers are NaN, missing
            classifications are empty. ``source_id`` is int64; it must not be turned into floats.
        source_id : Series or ndarray of int64 of shape (n_stars,)
            The same column by itself.
        feature_names : list of str
            Names of the columns.
        units : dict of str to str
            Units of the columns that have one.
        query : str
            The ADQL text.
        DESCR : str
            Description of the data set, with whom to credit.

    Raises
    ------
    ImportError
        If astroquery is missing (``pip install climbkit[gaia]``) and a download is needed.
    OSError
        If nothing is cached and nothing may be downloaded, the cached file is damaged, or the
        archive does not answer (a ConnectionError).
    ValueError
        If the archive's answer lacks columns, is empty, or names a star twice.

    See Also
    --------
    climbkit.dynamics.IntegralsOfMotion : Turns six-dimensional stars into integrals of motion.
    load_rr_lyrae : The published catalogue with integrals of motion and known groups.

    Notes
    -----
    Gaia gives no distance for these stars: one must be added, from ``int_average_g``, extinction
    and ``metallicity``, before the integrals of motion can be computed. Most of the stars have no
    radial velocity.

    Examples
    --------
    >>> from climbkit.datasets import fetch_rr_lyrae
    >>> stars = fetch_rr_lyrae().data  # doctest: +SKIP
    """
    path = get_data_home(data_home) / _CACHE_NAME
    if path.is_file():
        renew = "Delete it, or call climbkit.datasets.clear_data_home(), and fetch it again."
        columns = read_cache(path, renew)
    elif download_if_missing:
        columns = _tidy(ask_archive(QUERY, n_retries, delay))
        write_cache(path, columns)
    else:
        raise OSError(f"{path} is not there, and download_if_missing is False.")

    import pandas as pd

    data = pd.DataFrame(columns)
    source_id = data["source_id"]
    if not as_frame:
        data = data.to_records(index=False, column_dtypes={_TEXT: columns[_TEXT].dtype})
        data, source_id = np.asarray(data), source_id.to_numpy()
    return Bunch(
        data=data,
        source_id=source_id,
        feature_names=list(COLUMNS),
        units=dict(_UNITS),
        query=QUERY,
        DESCR=_DESCR,
    )


def ask_archive(query, n_retries, delay):
    """Send a query to the Gaia archive, again where it fails.

    Parameters
    ----------
    query : str
        ADQL.
    n_retries : int
        How often to ask again.
    delay : float
        Seconds to wait before asking again, twice as long each time.

    Returns
    -------
    answer : astropy Table
        As the archive gives it.

    Raises
    ------
    ConnectionError
        If the archive does not answer.
    ImportError
        If astroquery is missing.
    """
    gaia = import_optional("astroquery.gaia", "gaia").Gaia
    return ask_again(lambda: gaia.launch_job_async(query).get_results(), n_retries, delay)


def ask_again(ask, n_retries, delay):
    """Call a function that asks the Gaia archive, again where it fails.

    Parameters
    ----------
    ask : callable
        Without arguments.
    n_retries : int
        How often to ask again.
    delay : float
        Seconds to wait before asking again, twice as long each time.

    Returns
    -------
    answer : object
        What the function returns.

    Raises
    ------
    ConnectionError
        If the archive does not answer.
    ImportError
        If astroquery is missing.
    """
    failures = import_optional("astroquery.exceptions", "gaia")
    # Failed connections and refused requests are OSErrors, by way of requests.
    passing = (OSError, failures.RemoteServiceError, failures.TimeoutError)
    for attempt in range(n_retries + 1):
        try:
            return ask()
        except passing as error:
            if attempt == n_retries:
                raise ConnectionError(
                    f"the Gaia archive did not answer in {n_retries + 1} attempts "
                    f"({type(error).__name__}: {error}). Look at the connection and at "
                    "https://gea.esac.esa.int/archive/, or try later."
                ) from error
            time.sleep(delay * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _tidy(answer):
    """Turn the archive's table into plain columns, sorted by source_id, and check them."""
    by_name = {name.lower(): answer[name] for name in answer.colnames}
    missing = [name for name in COLUMNS if name not in by_name]
    if missing:
        raise ValueError(f"the Gaia archive's answer lacks the columns {missing}")
    source_id = by_name["source_id"]
    if source_id.dtype != np.int64 or np.ma.is_masked(source_id):
        raise ValueError(
            f"the Gaia archive gave source_id as {source_id.dtype}; only complete int64 is exact"
        )
    source_id = np.asarray(source_id)
    if len(source_id) == 0:
        raise ValueError("the Gaia archive's answer has no rows")
    if len(np.unique(source_id)) < len(source_id):
        raise ValueError("the Gaia archive's answer names a source_id more than once")
    order = np.argsort(source_id)
    columns = {"source_id": source_id[order]}
    for name in COLUMNS[1:]:
        column = np.ma.asarray(by_name[name])[order]
        if name == _TEXT:
            columns[name] = np.asarray(column.astype(str).filled(""))
        else:
            columns[name] = np.asarray(column.astype(np.float64).filled(np.nan))
    return columns
