"""What a set of candidates holds: stars, memberships, table, units; and choosing candidates."""

import json

import numpy as np

from climbkit.survey._candidate import Candidate
from climbkit.survey._candidate_choice import number_of, numbers_of
from climbkit.survey._candidate_table import COLUMN_UNITS, ids_of_members, source_ids, star_keys
from climbkit.survey._memberships import check_memberships, sorting_order, take
from climbkit.survey._table_input import as_frame

_HEAD = 10  # rows of the table that are shown


class MembershipSet:
    """Stars, memberships and a table, checked and read-only; see `CandidateSet`."""

    def __init__(
        self,
        stars,
        indptr,
        indices,
        table,
        *,
        probabilities=None,
        units=None,
        n_stars=None,
        member_source_id=None,
        meta=None,
    ):
        stars, star_units = as_frame(stars, "stars")
        table, table_units = as_frame(table, "table")
        if table is None:
            raise ValueError("table must be a DataFrame or an astropy Table; got None.")
        if stars is not None:
            if n_stars not in (None, len(stars)):
                raise ValueError(f"n_stars is {n_stars}, but stars has {len(stars)} rows.")
            n_stars = len(stars)
            source_ids(stars)  # refuses ids that were rounded
        self.stars = stars
        self.n_stars = n_stars
        self._units = {**star_units, **table_units, **(units or {})}
        self.meta = _plain(meta or {})
        self._set_memberships(
            *self._checked(indptr, indices, probabilities, member_source_id, len(table))
        )
        self._table = self._complete(table.reset_index(drop=True))

    def _checked(self, indptr, indices, probabilities, member_source_id, n_candidates):
        """Memberships in ascending order, after a look at whether they belong together."""
        indptr, indices = check_memberships(indptr, indices, n_candidates, self.n_stars)
        probabilities = _check_probabilities(probabilities, len(indices))
        member_source_id = _check_member_ids(member_source_id, self.stars, len(indices))
        order = sorting_order(indptr, indices)
        if order is not None:
            indices = indices[order]
            probabilities = None if probabilities is None else probabilities[order]
            member_source_id = None if member_source_id is None else member_source_id[order]
        return indptr, indices, probabilities, member_source_id

    def _set_memberships(self, indptr, indices, probabilities, member_source_id):
        self.indptr, self.indices = _frozen(indptr), _frozen(indices)
        self.probabilities = _frozen(probabilities)
        self._member_source_id = _frozen(member_source_id)

    def _complete(self, table):
        """Add n_members and candidate_id where they are missing, and check them where not."""
        sizes = np.diff(self.indptr)
        if "n_members" not in table:
            table.insert(0, "n_members", sizes)
        elif not np.array_equal(table["n_members"].to_numpy(), sizes):
            raise ValueError("table's n_members disagree with indptr; leave the column out.")
        if "candidate_id" not in table:
            ids = self._member_source_id
            keys = star_keys(self.stars, self.indices) if ids is None else ids.view(np.uint64)
            scale = (
                None if name not in table else table[name].to_numpy()
                for name in ("tile_side", "min_cluster_size")
            )
            table.insert(0, "candidate_id", ids_of_members(keys, self.indptr, *scale))
        return table.astype({"candidate_id": str})

    def _derive(self, *, memberships=None, table=None, units=None):
        """Return a set over the same stars, of parts that are known to belong together."""
        new = object.__new__(type(self))
        new.stars, new.n_stars, new.meta = self.stars, self.n_stars, self.meta
        new._units = dict(self._units if units is None else units)
        new._table = self._table if table is None else table
        if memberships is None:
            parts = (self.indptr, self.indices, self.probabilities, self._member_source_id)
        else:
            parts = memberships
        new._set_memberships(*parts)
        return new

    # What a set holds

    @property
    def table(self):
        """DataFrame : one row per candidate; changing it does not change the set."""
        return self._table.copy()

    @property
    def units(self):
        """dict of str to str : units of the columns of table and stars that have one."""
        names = [*self._table, *(self.stars if self.stars is not None else ())]
        known = {name: self._units.get(name, COLUMN_UNITS.get(name)) for name in names}
        return {name: unit for name, unit in known.items() if unit}

    @property
    def own_units(self):
        """dict of str to str : units that were given, beside those that Gaia's names imply."""
        return dict(self._units)

    @property
    def member_source_id(self):
        """Ndarray or None : source_id of the members, in the order of indices."""
        if self._member_source_id is not None:
            return self._member_source_id
        ids = None if self.stars is None else source_ids(self.stars)
        return None if ids is None else ids[self.indices]

    def __len__(self):
        return len(self._table)

    def __iter__(self):
        return (Candidate(self, number) for number in range(len(self)))

    def __getitem__(self, key):
        if isinstance(key, str | int | np.integer) and not isinstance(key, bool | np.bool_):
            return Candidate(self, number_of(key, self._ids))
        return self._rows(numbers_of(key, self._ids))

    @property
    def _ids(self):
        return self._table["candidate_id"].to_numpy(dtype=object)

    def _rows(self, numbers):
        indptr, positions = take(self.indptr, numbers)
        members = (self.indices, self.probabilities, self._member_source_id)
        members = (None if values is None else values[positions] for values in members)
        table = self._table.iloc[numbers].reset_index(drop=True)
        return self._derive(memberships=(indptr, *members), table=table)

    def members(self, candidate):
        """Return the rows of `stars` that belong to a candidate.

        Parameters
        ----------
        candidate : int or str
            Row number or candidate_id.

        Returns
        -------
        members : DataFrame of shape (n_members, n_columns)
            Rows of `stars`, with their index. Without stars: a table of row numbers, with
            ``source_id`` where it is known.
        """
        return self[candidate].members

    def with_members(self, indptr, indices, probabilities=None, *, member_source_id=None):
        """Give the candidates other members, or other membership probabilities.

        Parameters
        ----------
        indptr : array-like of shape (n_candidates + 1,)
            Where the members of each candidate begin in `indices`.
        indices : array-like of shape (n_members,)
            Row numbers of the members in the stars, each at most once in a candidate.
        probabilities : array-like of shape (n_members,), default=None
            Membership probabilities from 0 to 1; without them, those that were are forgotten.
        member_source_id : array-like of shape (n_members,), default=None
            ``source_id`` of the members, where the set has no stars.

        Returns
        -------
        candidates : CandidateSet
            The same candidates over the same stars: ids and all other columns, units and meta
            stay, also what a column tells of the members before; ``n_members`` is counted anew.

        Raises
        ------
        ValueError
            If the arrays do not belong together, or a candidate holds a star twice.
        """
        parts = self._checked(indptr, indices, probabilities, member_source_id, len(self))
        table = self._table.assign(n_members=np.diff(parts[0]))
        return self._derive(memberships=parts, table=table)

    def __repr__(self):
        return f"{self._summary()}\n{self._table.head(_HEAD)}"

    def _repr_html_(self):
        return f"<p>{self._summary()}</p>{self._table.head(_HEAD)._repr_html_()}"

    def _summary(self):
        of = "" if self.n_stars is None else f" of {self.n_stars:,} stars"
        return f"CandidateSet: {len(self):,} candidates{of}, {len(self.indices):,} memberships"


def _check_probabilities(probabilities, n_members):
    if probabilities is None:
        return None
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.shape != (n_members,):
        raise ValueError(
            f"probabilities must have one entry per index ({n_members}); got shape "
            f"{probabilities.shape}."
        )
    if not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise ValueError("probabilities must lie between 0 and 1.")
    return probabilities


def _check_member_ids(ids, stars, n_members):
    if ids is None:
        return None
    if stars is not None:
        raise ValueError("member_source_id is for sets without stars; these have their own ids.")
    ids = np.asarray(ids)
    if ids.shape != (n_members,) or (n_members and ids.dtype.kind not in "iu"):
        raise ValueError(
            f"member_source_id must hold {n_members} whole numbers; got dtype {ids.dtype} of "
            f"shape {ids.shape}."
        )
    return ids.astype(np.int64)


def _frozen(values):
    """Return a read-only view."""
    if values is not None:
        values = values.view()
        values.flags.writeable = False
    return values


def _plain(meta):
    """Return a copy of a dictionary as it will be read from a file."""
    try:
        return json.loads(json.dumps(meta))
    except TypeError as error:
        raise ValueError(
            f"meta must hold plain numbers, texts, lists and dictionaries only: {error}"
        ) from error
