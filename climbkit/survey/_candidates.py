"""Candidates: groups of stars that a search found, with a table of what is known of each."""

import numpy as np

from climbkit.base import NOISE
from climbkit.survey._candidate_exchange import ExchangeMixin
from climbkit.survey._combining import concat_sets, same_sets, with_stars
from climbkit.survey._membership_set import MembershipSet
from climbkit.survey._memberships import owners

_NO_CANDIDATE = "no candidate"
#: Columns that follow from the members, so that nobody may write them.
_DERIVED = ("candidate_id", "n_members")


class CandidateSet(ExchangeMixin, MembershipSet):
    """Groups of stars, each with its members and its row in a table.

    A set never changes: what adds columns or drops candidates returns a new one.
    ``candidates[0]`` and ``candidates["c0123456789abcdef"]`` are one `Candidate`; a slice, a
    boolean mask, an array of row numbers or an array of ids gives a smaller `CandidateSet`.

    Parameters
    ----------
    stars : DataFrame of shape (n_stars, n_columns), astropy Table or None
        The stars with Gaia's column names, ``source_id`` among them in int64. None where only
        the memberships are kept.

    indptr : array-like of shape (n_candidates + 1,)
        Where the members of each candidate begin in `indices`.

    indices : array-like of shape (n_members,)
        Row numbers of the members in `stars`, each at most once in a candidate. A star may belong
        to any number of candidates.

    table : DataFrame of shape (n_candidates, n_columns) or astropy Table
        What is known of each candidate, such as tile, tile_side, min_cluster_size, persistence,
        centre and r50. Where they are missing, ``candidate_id`` is computed by `candidate_ids`
        (from the columns tile_side and min_cluster_size too, if they are there), and
        ``n_members`` is counted.

    probabilities : array-like of shape (n_members,), default=None
        Membership probabilities from 0 to 1, in the order of `indices`.

    units : dict of str to str, default=None
        Units of columns of `table` and `stars`, as astropy spells them. Columns that have Gaia's
        names have Gaia's units without being listed; an empty string says that one has none.

    n_stars : int, default=None
        Number of stars, where `stars` is None.

    member_source_id : array-like of shape (n_members,), default=None
        ``source_id`` of the members, where `stars` is None.

    meta : dict, default=None
        Whatever else belongs to the set, such as the parameters of the search: plain numbers,
        texts, lists and dictionaries.

    Attributes
    ----------
    stars : DataFrame or None
        The stars.

    table : DataFrame of shape (n_candidates, n_columns)
        One row per candidate, numbered from 0.

    indptr, indices : ndarray of int64
        The memberships; the members of a candidate are sorted by row number.

    probabilities : ndarray of shape (n_members,) or None
        Membership probabilities.

    member_source_id : ndarray of shape (n_members,), dtype int64, or None
        ``source_id`` of the members.

    units : dict of str to str
        Units of those columns that have one.

    n_stars : int or None
        Number of stars.

    meta : dict
        As given.

    Raises
    ------
    ValueError
        If the arrays do not belong together, a candidate holds a star twice, or
        ``source_id`` is not of whole numbers.

    See Also
    --------
    describe_candidates : Computes centre, r50 and mean astrometry for the table.

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey import CandidateSet
    >>> stars = pd.DataFrame({"source_id": [11, 12, 13, 14, 15]})
    >>> table = pd.DataFrame({"persistence": [0.2, 0.7]})
    >>> candidates = CandidateSet(stars, [0, 3, 5], [0, 1, 2, 2, 3], table)
    >>> candidates.labels()
    array([ 0,  0,  1,  1, -1])
    >>> candidates.select("persistence > 0.5").members(0)["source_id"].tolist()
    [13, 14]
    """

    def annotate(self, name=None, values=None, /, *, unit=None, **columns):
        """Add columns to the table, or replace them.

        Parameters
        ----------
        name : str, default=None
            Name of one column, with `values` and `unit`.
        values : array-like of shape (n_candidates,), scalar or Quantity, default=None
            Its values.
        unit : str, default=None
            Its unit, as astropy spells it; None keeps the one that the column has.
        **columns : array-like of shape (n_candidates,), scalar or Quantity
            Columns by name.

        Returns
        -------
        candidates : CandidateSet
            A new set.

        Raises
        ------
        ValueError
            If the values have another length than the set, or the column is one of those that
            follow from the members (candidate_id, n_members).
        """
        if name is not None:
            columns = {name: values, **columns}
        elif unit is not None:
            raise ValueError("unit belongs to a column by name: annotate(name, values, unit=...).")
        table, units = self._table.copy(), dict(self._units)
        for column, value in columns.items():
            if column in _DERIVED:
                raise ValueError(f"{column} follows from the members and cannot be annotated.")
            if hasattr(getattr(value, "unit", None), "to_string"):  # astropy's Quantity or Column
                units[column] = value.unit.to_string()
                value = np.asarray(getattr(value, "value", value))
            if np.ndim(value) > 1 or (np.ndim(value) == 1 and len(value) != len(self)):
                raise ValueError(
                    f"{column} must have one value for each of the {len(self)} candidates; got "
                    f"shape {np.shape(value)}."
                )
            # Rows belong together by position, so an index that a Series brings does not count.
            table[column] = getattr(value, "array", value)
        if unit is not None:
            units[name] = str(unit)
        return self._derive(table=table, units=units)

    def select(self, where):
        """Keep the candidates that fulfil a condition.

        Parameters
        ----------
        where : str, callable or array-like of bool of shape (n_candidates,)
            A query of the table, as ``"persistence > 0.05 and r50 < 0.2"``; a function of the
            table that gives a mask; or a mask.

        Returns
        -------
        candidates : CandidateSet
            Those candidates, in the same order.
        """
        if isinstance(where, str):
            where = self._table.eval(where)
        elif callable(where):
            where = where(self.table)
        mask = np.asarray(where)
        if mask.dtype != bool or mask.shape != (len(self),):
            raise ValueError(
                "select needs a condition that is true or false for each of the "
                f"{len(self)} candidates; got dtype {mask.dtype} of shape {mask.shape}."
            )
        return self[mask]

    def sort_values(self, by, *, ascending=True):
        """Order the candidates by columns of the table; equal ones keep their order.

        Parameters
        ----------
        by : str or list of str
            Columns.
        ascending : bool or list of bool, default=True
            Smallest first.

        Returns
        -------
        candidates : CandidateSet
            The same candidates in another order.
        """
        return self._rows(
            self._table.sort_values(by, ascending=ascending, kind="stable").index.to_numpy()
        )

    @classmethod
    def concat(cls, sets):
        """Join sets over the same stars, one after the other.

        Parameters
        ----------
        sets : iterable of CandidateSet
            At least one. A candidate that is in two of them is in the result twice.

        Returns
        -------
        candidates : CandidateSet
            Columns that only some of the sets have are missing values in the others; `meta` is
            that of the first.

        Raises
        ------
        ValueError
            If the sets are over different stars, some have probabilities and others not, or
            a column has different units.
        """
        return concat_sets(list(sets))

    def with_stars(self, stars):
        """Join the candidates to a table of stars.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            Stars; among them, by ``source_id``, the members of all candidates, in any order and
            with any others. Where the set knows no ``source_id``, the very stars of before.

        Returns
        -------
        candidates : CandidateSet
            The same candidates, with the row numbers that their members have in `stars`.

        Raises
        ------
        ValueError
            If a member is not among the stars, or is there more than once.
        """
        return with_stars(self, stars)

    def equals(self, other):
        """Tell whether two sets hold the same, in the same order.

        Parameters
        ----------
        other : CandidateSet
            Another set.

        Returns
        -------
        same : bool
            True if stars, memberships, probabilities, table (values, types and order of the
            columns), units and meta are equal; missing values equal each other.
        """
        return isinstance(other, type(self)) and same_sets(self, other)

    def labels(self, by="persistence"):
        """Give each star the one candidate that is best.

        Parameters
        ----------
        by : str or array-like of shape (n_candidates,), default="persistence"
            A column of the table, or values; the largest is best and NaN the worst. Between equal
            values the candidate with more members is best, then the one whose id is the smaller.

        Returns
        -------
        labels : ndarray of shape (n_stars,), dtype int64
            Row number of the candidate, -1 for stars that belong to none.

        Notes
        -----
        Time is linear in the number of members. Whose members are taken by better ones may end
        with few stars or none.
        """
        if self.n_stars is None:
            raise ValueError("labels needs the number of stars: the set has no stars, nor n_stars.")
        values = np.asarray(self._table[by] if isinstance(by, str) else by, dtype=np.float64)
        if values.shape != (len(self),):
            raise ValueError(
                f"by must have one value per candidate ({len(self)}); got shape {values.shape}."
            )
        values = np.where(np.isnan(values), -np.inf, values)
        by_id = np.argsort(np.argsort(self._ids.astype(str), kind="stable"), kind="stable")
        order = np.lexsort((by_id, -np.diff(self.indptr), -values))
        rank = np.empty(len(self), dtype=np.int64)
        rank[order] = np.arange(len(self))
        best = np.full(self.n_stars, len(self), dtype=np.int64)
        np.minimum.at(best, self.indices, rank[owners(self.indptr)])
        return np.append(order, NOISE)[best]

    @property
    def label_names(self):
        """dict of int to str : what each label stands for: the column name, else candidate_id."""
        column = "name" if "name" in self._table else "candidate_id"
        return {NOISE: _NO_CANDIDATE, **dict(enumerate(self._table[column].tolist()))}
