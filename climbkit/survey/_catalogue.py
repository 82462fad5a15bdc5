"""Catalogues of known clusters and galaxies."""

import os
from pathlib import Path

from climbkit.survey._catalogue_packages import galpy_objects, openngc_clusters
from climbkit.survey._catalogue_table import catalogue_table
from climbkit.survey._catalogue_vizier import vizier_table

GLOBULAR, OPEN, DWARF = "globular cluster", "open cluster", "dwarf spheroidal"
#: Folder with the user's own data; its catalogues come before those of packages.
_DATA_VARIABLE, _FOLDER = "CLIMBKIT_DATA", "catalogues"
# What the names of files in that folder begin with.
_FILES = {GLOBULAR: "globular_cluster", OPEN: "open_cluster", DWARF: "dwarf_"}


class Catalogue:
    """Known objects with their names, types and positions.

    Make one by `from_table`, `from_vizier`, `read` or `default`.

    Attributes
    ----------
    name : str
        What the catalogue is called.

    table : DataFrame of shape (n_objects, 9)
        name, type, ra and dec (deg), and, NaN where not known, pmra and pmdec (mas/yr), parallax
        (mas), tidal_radius (deg); aliases, further names divided by commas, may be empty. Names
        are written as usual: "NGC 288", "Pal 5", "Blanco 1".

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey._catalogue import Catalogue
    >>> table = pd.DataFrame({"Name": ["NGC0288"], "RAJ2000": [13.188], "DEJ2000": [-26.583]})
    >>> Catalogue.from_table(table, type="globular cluster", name="mine")
    Catalogue('mine', 1 globular cluster)
    """

    def __init__(self, table, name):
        self.name = str(name)
        self._table = table.reset_index(drop=True)

    @property
    def table(self):
        """DataFrame : the objects; changing it does not change the catalogue."""
        return self._table.copy()

    def __len__(self):
        return len(self._table)

    def __repr__(self):
        counts = self._table["type"].value_counts(sort=False).items()
        text = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in counts)
        return f"Catalogue({self.name!r}, {text or 'empty'})"

    @classmethod
    def from_table(cls, table, *, type=None, name="catalogue", columns=None):
        """Make a catalogue of a table.

        Parameters
        ----------
        table : DataFrame or astropy Table
            With name, right ascension and declination (degrees, or sexagesimal text in hours and
            degrees), and, where it has them, type, proper motions (mas/yr), parallax (mas) or
            distance (kpc), tidal radius (degrees) and aliases. Units of an astropy Table are
            converted. Columns are known by their usual spellings, as RAJ2000, RA_ICRS, pmDE, Plx.
        type : str, default=None
            Type of all objects, such as "globular cluster". None: the table has a column.
        name : str, default="catalogue"
            What the catalogue is called.
        columns : dict of str to str, default=None
            Where a column has another spelling: its name in the table by that in `table`, or
            ``"distance"``.

        Returns
        -------
        catalogue : Catalogue
            The objects in the order of the table.

        Raises
        ------
        ValueError
            If name, position or type are missing or are none.
        """
        return cls(catalogue_table(table, type, columns), name)

    @classmethod
    def read(cls, path, *, type=None, name=None, columns=None):
        """Read a catalogue from a file.

        Parameters
        ----------
        path : str or path-like
            ECSV, FITS, VOTable, CSV or whatever else astropy reads.
        type, columns
            As for `from_table`.
        name : str, default=None
            What the catalogue is called. None: the name of the file.

        Returns
        -------
        catalogue : Catalogue
            The objects in the order of the file.

        Raises
        ------
        ImportError
            If astropy is missing (``pip install climbkit[survey]``).
        ValueError
            If name, position or type are missing or are none.
        """
        from climbkit._optional import import_optional

        path = Path(path)
        table = import_optional("astropy.table", "survey").Table.read(path)
        return cls.from_table(table, type=type, name=name or path.stem, columns=columns)

    @classmethod
    def from_vizier(
        cls,
        catalog_id,
        *,
        type=None,
        name=None,
        columns=None,
        data_home=None,
        download_if_missing=True,
    ):
        """Download a catalogue from VizieR, once.

        The answer is kept in the folder of :func:`climbkit.datasets.get_data_home`.

        Parameters
        ----------
        catalog_id : str
            Name of a table, as ``"J/A+A/686/A42/clusters"``, or of a catalogue, of which the first
            table with names and positions is taken.
        type, columns
            As for `from_table`.
        name : str, default=None
            What the catalogue is called. None: `catalog_id`.
        data_home : str or path-like, default=None
            Folder of the cache.
        download_if_missing : bool, default=True
            If False, raise an error where the catalogue is not in the cache.

        Returns
        -------
        catalogue : Catalogue
            The objects.

        Raises
        ------
        ConnectionError
            If VizieR does not answer.
        ImportError
            If astroquery is missing (``pip install climbkit[gaia]``) and a download is needed.
        OSError
            If nothing is in the cache and nothing may be downloaded, or the file is damaged.
        ValueError
            If VizieR has no such catalogue, or it has no names, positions or types.
        """
        table = vizier_table(catalog_id, type, columns, data_home, download_if_missing)
        return cls(table, name or catalog_id)

    @classmethod
    def default(cls):
        """Give the catalogues that are there without any download, the most important type first.

        Returns
        -------
        catalogues : list of Catalogue
            Of globular clusters, then open clusters, then dwarf spheroidals. Of each type first
            the files ``globular_cluster*.ecsv``, ``open_cluster*.ecsv`` and ``dwarf_*.ecsv`` in the
            folder ``catalogues`` of the one that the environment variable ``CLIMBKIT_DATA`` names,
            where there is one; then what installed packages hold: galpy's named objects (Milky
            Way globular clusters and satellite galaxies, with proper motions) and OpenNGC in
            pyongc (clusters of the NGC and IC and some others, with aliases).

        Raises
        ------
        ImportError
            If there are neither files nor packages (``pip install climbkit[search]``).
        """
        catalogues = []
        galpy = galpy_objects()
        openngc = openngc_clusters(needed=not _files(OPEN))
        for kind in (GLOBULAR, OPEN, DWARF):
            catalogues += [cls.read(path, type=kind) for path in _files(kind)]
            for name, tables in (("galpy", galpy), ("OpenNGC", openngc)):
                if kind in tables:
                    catalogues.append(cls.from_table(tables[kind], type=kind, name=name))
        return catalogues


def _files(kind):
    home = os.environ.get(_DATA_VARIABLE)
    folder = Path(home) / _FOLDER if home else None
    return [] if folder is None else sorted(folder.glob(f"{_FILES[kind]}*.ecsv"))
