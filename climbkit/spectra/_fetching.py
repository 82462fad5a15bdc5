"""XP spectra from the Gaia archive, by DataLink, once."""

import contextlib
import hashlib
import io
import os
import warnings
import zipfile
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from tqdm.auto import tqdm

from climbkit._optional import import_optional
from climbkit.datasets._data_home import get_data_home, read_cache, write_cache
from climbkit.datasets._gaia import ask_again
from climbkit.spectra._container import XPSpectra, checked_ids, concatenate
from climbkit.spectra._grid import WAVELENGTH
from climbkit.spectra._policies import NAN, NEGATIVE, name_some
from climbkit.spectra._read_binary import columns_of_table
from climbkit.spectra._read_continuous import continuous_spectra, is_continuous
from climbkit.spectra._read_request import Request
from climbkit.spectra._read_sampled import sampled_spectra

# Products that DataLink gives at a time.
_MOST = 5000


@validate_params(
    {
        "source_ids": ["array-like"],
        "retrieval_type": [StrOptions({"XP_SAMPLED", "XP_CONTINUOUS"})],
        "data_release": [str],
        "missing": [StrOptions({"warn", "error", "ignore"})],
        "nan": [StrOptions(set(NAN))],
        "negative": [StrOptions(set(NEGATIVE))],
        "chunk": [Interval(Integral, 1, _MOST, closed="both")],
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "delay": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def fetch_xp(
    source_ids,
    *,
    retrieval_type="XP_SAMPLED",
    data_release="Gaia DR3",
    missing="warn",
    nan="raise",
    negative="keep",
    chunk=2000,
    data_home=None,
    download_if_missing=True,
    n_retries=3,
    delay=1.0,
    verbose=0,
):
    """Download XP spectra of stars from the Gaia archive, once.

    The stars are asked for in chunks. Each is kept in the folder of
    :func:`climbkit.datasets.get_data_home`, with its SHA-256 beside it, so that a download that was
    interrupted goes on where it stopped when it is called again.

    Parameters
    ----------
    source_ids : array-like of int of shape (n_stars,)
        Gaia's ids, each once, of the release that is asked.

    retrieval_type : {"XP_SAMPLED", "XP_CONTINUOUS"}, default="XP_SAMPLED"
        Which product to ask for. Sampled spectra are there of 34 million stars (has_xp_sampled in
        gaia_source); continuous ones, of 220 million (has_xp_continuous), are sampled by GaiaXPy.

    data_release : str, default="Gaia DR3"
        Release of the archive.

    missing : {"warn", "error", "ignore"}, default="warn"
        What to do where stars have no spectrum: warn, with the first few names; raise; or nothing.

    nan : {"raise", "interpolate", "drop", "keep"}, default="raise"
        What to do about missing samples; see `XPSpectra.clean`.

    negative : {"keep", "clip"}, default="keep"
        What to do about negative flux; see `XPSpectra.clean`.

    chunk : int, default=2000
        Stars that are asked for at a time, 5000 at most.

    data_home : str or path-like, default=None
        Folder of the cache.

    download_if_missing : bool, default=True
        If False, raise an error where a chunk is not in the cache.

    n_retries : int, default=3
        How often to ask again where the archive does not answer.

    delay : float, default=1.0
        Seconds to wait before asking again, twice as long each time.

    verbose : int, default=0
        Draw a bar of progress unless 0.

    Returns
    -------
    spectra : XPSpectra
        At `WAVELENGTH`, in the order of `source_ids`, without those that have no spectrum.

    Raises
    ------
    ConnectionError
        If the archive does not answer; chunks that are there are kept.
    ImportError
        If astroquery (``pip install climbkit[gaia]``) or, for continuous spectra, GaiaXPy (``pip
        install climbkit[spectra]``) is missing and needed.
    OSError
        If a chunk is not in the cache and nothing may be downloaded, or is damaged there.
    ValueError
        If ids are no whole numbers or repeated, none of the stars has a spectrum, the archive's
        answer is not what was asked for, or as `missing` and `nan` say.

    See Also
    --------
    read_xp : Spectra from files.
    climbkit.survey.fetch_region : Stars from the archive.

    Notes
    -----
    The chunks are cut from the sorted ids: the cache serves the same ids in any order, but not
    other ones. This work has made use of data from the European Space Agency mission Gaia
    (https://www.cosmos.esa.int/gaia), processed by the Gaia Data Processing and Analysis Consortium
    (DPAC).

    Examples
    --------
    >>> from climbkit.spectra import fetch_xp
    >>> spectra = fetch_xp([5853498713190525696, 4472832130942575872])  # doctest: +SKIP
    """
    ids = checked_ids(source_ids)
    wanted, counts = np.unique(ids, return_counts=True)
    if not len(ids):
        raise ValueError("source_ids must name at least one star.")
    if len(wanted) < len(ids):
        raise ValueError(f"source_ids names stars twice: {name_some(wanted[counts > 1])}.")
    home = get_data_home(data_home)
    parts = []
    with tqdm(total=len(ids), unit="star", disable=not verbose) as bar:
        for start in range(0, len(wanted), chunk):
            part = wanted[start : start + chunk]
            path = home / _cache_name(part, retrieval_type, data_release)
            if path.is_file():
                renew = "Delete it, or call climbkit.datasets.clear_data_home(), and fetch again."
                stored = read_cache(path, renew)
            elif download_if_missing:
                tables = _ask(part, retrieval_type, data_release, n_retries, delay)
                stored = _stored(tables, part)
                write_cache(path, stored)
            else:
                raise OSError(f"{path} is not there, and download_if_missing is False.")
            parts.append(XPSpectra(**stored))
            bar.update(len(part))
    spectra = concatenate([part for part in parts if len(part)] or parts[:1])
    _report_missing(wanted, spectra.source_id, retrieval_type, missing)
    # Both are sorted.
    rows = np.searchsorted(spectra.source_id, ids[np.isin(ids, spectra.source_id)])
    return spectra[rows].clean(nan=nan, negative=negative)


def _cache_name(ids, retrieval_type, data_release):
    asked = f"{retrieval_type} {data_release} {','.join(map(str, ids.tolist()))}"
    return f"gaia_xp_{hashlib.sha256(asked.encode()).hexdigest()[:24]}.npz"


def _ask(ids, retrieval_type, data_release, n_retries, delay):
    """Tables of the archive's answer, by the name of the file that they come in."""
    gaia = import_optional("astroquery.gaia", "gaia").Gaia

    def ask():
        # Its VOTables break rules of the standard, and it prints.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            try:
                return gaia.load_data(
                    ids=ids.tolist(),
                    data_release=data_release,
                    data_structure="RAW",
                    retrieval_type=retrieval_type,
                    format="votable",
                )
            except zipfile.BadZipFile as error:
                raise OSError(f"its answer is no zip archive: {error}") from error

    files = ask_again(ask, n_retries, delay)
    tables = []
    for name, products in files.items():
        for product in products if isinstance(products, list) else [products]:
            whole = hasattr(product, "to_table")
            table = product.to_table(use_names_over_ids=True) if whole else product
            if len(table):
                tables.append((name, table))
    return tables


def _stored(tables, asked):
    """Spectra of the archive's answer, sorted, as columns for the cache."""
    parts = []
    for name, table in tables:
        where = f"the Gaia archive's answer {name!r}"
        columns = columns_of_table(table, where)
        make = continuous_spectra if is_continuous(columns) else sampled_spectra
        request = Request(where)
        parts.append(make(columns, request))
        if request.guesses:
            raise ValueError(
                f"{where} has {parts[-1].shape[1]} samples a spectrum and no wavelengths; spectra "
                f"of {len(WAVELENGTH)} samples were expected."
            )
    if not parts:
        none = np.empty((0, len(WAVELENGTH)), dtype=np.float32)
        return {"source_id": asked[:0], "flux": none, "flux_error": none, "wavelength": WAVELENGTH}
    spectra = concatenate(parts).resample(WAVELENGTH)
    ids, counts = np.unique(spectra.source_id, return_counts=True)
    foreign = np.setdiff1d(ids, asked)
    if (counts > 1).any():
        raise ValueError(f"the Gaia archive gave spectra twice: {name_some(ids[counts > 1])}.")
    if len(foreign):
        raise ValueError(
            f"the Gaia archive gave spectra that were not asked for: {name_some(foreign)}."
        )
    if spectra.flux_error is None:
        raise ValueError("the Gaia archive gave spectra without errors.")
    spectra = spectra[np.argsort(spectra.source_id)]
    return {
        "source_id": spectra.source_id,
        "flux": spectra.flux,
        "flux_error": spectra.flux_error,
        "wavelength": spectra.wavelength,
    }


def _report_missing(wanted, found, retrieval_type, missing):
    absent = np.setdiff1d(wanted, found)
    if not len(absent):
        return
    message = (
        f"{len(absent)} of {len(wanted)} stars have no {retrieval_type} in the archive: source_id "
        f"{name_some(absent)}."
    )
    if missing == "error" or not len(found):
        raise ValueError(message)
    if missing == "warn":
        warnings.warn(message, UserWarning, stacklevel=4)
