"""Candidates as other people's tables, and in files."""

import os

import numpy as np

from climbkit._optional import import_optional
from climbkit.survey._candidate_io import read_parts, write_set
from climbkit.survey._memberships import owners


class ExchangeMixin:
    """What a `CandidateSet` becomes outside climbkit, and how it comes back."""

    def to_pandas(self, *, members=False):
        """Return the candidates, or their members, as a pandas table.

        Parameters
        ----------
        members : bool, default=False
            If True, one row for each member of each candidate: candidate_id, the star's row
            number ``row``, ``probability`` where the set has any, and the columns of the stars
            (of which only ``source_id`` may be known).

        Returns
        -------
        table : DataFrame
            ``table.attrs["units"]`` holds the units of its columns.
        """
        table = self._members_table() if members else self.table
        table.attrs["units"] = {k: unit for k, unit in self.units.items() if k in table}
        return table

    def _members_table(self):
        import pandas as pd

        columns = {"candidate_id": self._ids[owners(self.indptr)], "row": self.indices}
        if self.probabilities is not None:
            columns["probability"] = self.probabilities
        if self.stars is not None:
            stars = self.stars.iloc[self.indices]
            columns |= {k: stars[k].array for k in stars if k not in columns}
        elif self.member_source_id is not None:
            columns["source_id"] = self.member_source_id
        table = pd.DataFrame(columns, copy=True)
        return table.astype({"candidate_id": self._table["candidate_id"].dtype})

    def to_qtable(self, *, members=False):
        """Return the candidates, or their members, as an astropy QTable with units.

        Parameters
        ----------
        members : bool, default=False
            As for `to_pandas`.

        Returns
        -------
        table : astropy.table.QTable
            Columns that have a unit are quantities; missing text is masked.

        Raises
        ------
        ImportError
            If astropy is missing: ``pip install climbkit[survey]``.
        """
        frame = self.to_pandas(members=members)
        table = import_optional("astropy.table", "survey").QTable.from_pandas(frame)
        for name, unit in frame.attrs["units"].items():
            # Assigning a new column keeps quantities; setting the unit of one would convert it.
            table[name] = import_optional("astropy.units", "survey").Quantity(
                frame[name].to_numpy(dtype=np.float64, na_value=np.nan), unit
            )
        return table

    def write(self, path, *, format=None, include_stars=False, overwrite=False):
        """Write the candidates to a file, which takes its name only when it is complete.

        The file is an ordinary ECSV or Parquet table with a row per candidate, in which the
        members are lists: ``member_rows``, ``member_source_id`` where the stars have it, and
        ``member_probabilities``.

        Parameters
        ----------
        path : str or path-like
            File to write, with the suffix ``.ecsv`` or ``.parquet``.
        format : {"ecsv", "parquet"}, default=None
            None: by the suffix. Parquet is the one for more than some ten thousand candidates.
        include_stars : bool, default=False
            Write the stars too, beside the set, in a file whose name begins like its own
            (their index is left out). Otherwise give them to `read` again.
        overwrite : bool, default=False
            Replace a file that is there. Stars that belonged to it are not deleted.

        Raises
        ------
        FileExistsError
            If the file is there and may not be overwritten.
        ImportError
            If astropy or pyarrow is missing: ``pip install climbkit[survey]``.
        ValueError
            If a column holds what the format has no plain form for, or the format is unknown.

        Examples
        --------
        >>> import tempfile
        >>> import pandas as pd
        >>> from climbkit.survey import CandidateSet
        >>> stars = pd.DataFrame({"source_id": [11, 12, 13]})
        >>> found = CandidateSet(stars, [0, 2], [0, 2], pd.DataFrame({"persistence": [0.5]}))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found.write(f"{folder}/found.ecsv")
        ...     found.equals(CandidateSet.read(f"{folder}/found.ecsv", stars=stars))
        True
        """
        write_set(self, path, format=format, include_stars=include_stars, overwrite=overwrite)

    @classmethod
    def read(cls, path, *, format=None, stars=None):
        """Read what `write` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.
        format : {"ecsv", "parquet"}, default=None
            None: by the suffix.
        stars : DataFrame or astropy Table, default=None
            Stars to join the candidates to, as in `with_stars`; they may be in another order.
            None takes those that were written, if any.

        Returns
        -------
        candidates : CandidateSet
            Equal to what was written. Without stars it still knows their number, and the
            ``source_id`` of the members where there was one.

        Raises
        ------
        FileNotFoundError
            If the file, or that of its stars, is not there.
        ImportError
            If astropy or pyarrow is missing: ``pip install climbkit[survey]``.
        ValueError
            If the file is damaged, cut short, or was not written by `write`; or if `stars` are
            not the stars of these candidates.
        """
        parts = read_parts(os.fspath(path), format=format, with_stars=stars is None)
        candidates = cls(**parts)
        return candidates if stars is None else candidates.with_stars(stars)
