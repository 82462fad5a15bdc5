"""Catalogues from VizieR, kept in the folder of downloads."""

import hashlib

import numpy as np

from climbkit._optional import import_optional
from climbkit.datasets._data_home import get_data_home, read_cache, write_cache
from climbkit.survey._catalogue_table import catalogue_table

# All columns, and VizieR's own positions in degrees.
_COLUMNS = ["**", "_RAJ2000", "_DEJ2000"]


def vizier_table(catalog_id, type_, columns, data_home, download_if_missing):
    """Return a catalogue's table, from the cache or VizieR; see `Catalogue.from_vizier`."""
    import pandas as pd

    if not isinstance(catalog_id, str) or not catalog_id.strip():
        raise ValueError(f"catalog_id must be the name of a catalogue; got {catalog_id!r}.")
    what = repr((catalog_id, type_, sorted((columns or {}).items())))
    name = f"vizier_{hashlib.sha256(what.encode()).hexdigest()[:24]}.npz"
    path = get_data_home(data_home) / name
    if path.is_file():
        renew = "Delete it, or call climbkit.datasets.clear_data_home(), and fetch it again."
        return pd.DataFrame(read_cache(path, renew))
    if not download_if_missing:
        raise OSError(f"{path} is not there, and download_if_missing is False.")
    table = _first_catalogue(_ask(catalog_id), catalog_id, type_, columns)
    texts = {name: table[name].to_numpy(dtype=str) for name in ("name", "type", "aliases")}
    write_cache(path, {**{name: table[name].to_numpy() for name in table}, **texts})
    return table


def _ask(catalog_id):
    vizier = import_optional("astroquery.vizier", "gaia").Vizier(columns=_COLUMNS, row_limit=-1)
    try:
        return list(vizier.get_catalogs(catalog_id))
    except OSError as error:
        raise ConnectionError(
            f"VizieR did not answer ({type(error).__name__}: {error}). Look at the connection and "
            "at https://vizier.cds.unistra.fr, or try later."
        ) from error


def _first_catalogue(tables, catalog_id, type_, columns):
    """The first table that has names and positions."""
    reasons = []
    for table in tables:
        try:
            return catalogue_table(_plain(table), type_, columns)
        except ValueError as error:
            reasons.append(str(error))
    if not reasons:
        raise ValueError(f"VizieR has no catalogue {catalog_id!r}.")
    raise ValueError(f"{catalog_id!r} is no catalogue of objects: {' '.join(reasons)}")


def _plain(table):
    """The table without rows that lack a position."""
    for name in ("_RAJ2000", "_DEJ2000"):
        if name in table.colnames:
            values = np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan)
            table = table[np.isfinite(values)]
    return table
