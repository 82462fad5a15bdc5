"""One candidate of a `CandidateSet`."""


class Candidate:
    """One candidate: its row of the table and its members.

    Get one from a `CandidateSet`, by ``candidates[0]``, ``candidates["c0123456789abcdef"]`` or in
    a loop. ``candidate["r50"]`` is the value of a column.

    Attributes
    ----------
    candidate_id : str
        Stable name.

    row : Series
        The candidate's row of the table.

    rows : ndarray of shape (n_members,), dtype int64
        Row numbers of the members among the stars.

    probabilities : ndarray of shape (n_members,) or None
        Membership probabilities, where the set has them.

    members : DataFrame of shape (n_members, n_columns)
        Rows of the stars; see `CandidateSet.members`.
    """

    def __init__(self, candidates, number):
        self._candidates = candidates
        self._number = number

    @property
    def candidate_id(self):
        return self["candidate_id"]

    @property
    def row(self):
        return self._candidates._table.iloc[self._number].copy()

    @property
    def rows(self):
        return self._part(self._candidates.indices)

    @property
    def probabilities(self):
        return self._part(self._candidates.probabilities)

    @property
    def members(self):
        if self._candidates.stars is not None:
            return self._candidates.stars.iloc[self.rows]
        import pandas as pd

        ids = self._part(self._candidates.member_source_id)
        return pd.DataFrame({"row": self.rows} | ({} if ids is None else {"source_id": ids}))

    def _part(self, values):
        begin, end = self._candidates.indptr[self._number : self._number + 2]
        return None if values is None else values[begin:end]

    def __getitem__(self, column):
        return self._candidates._table[column].iloc[self._number]

    def __len__(self):
        return len(self.rows)

    def __repr__(self):
        return f"Candidate({self.candidate_id!r}, n_members={len(self)})"
