"""Sets of candidates together: joined, compared, and moved to another table of stars."""

import numpy as np

from climbkit.survey._candidate_table import source_ids
from climbkit.survey._table_input import as_frame


def concat_sets(sets):
    """Join sets over the same stars; see `CandidateSet.concat`."""
    import pandas as pd

    if not sets:
        raise ValueError("concat needs at least one CandidateSet.")
    first = sets[0]
    for other in sets[1:]:
        if not _same_stars(first, other):
            raise ValueError("the sets are over different stars; with_stars moves them to others.")
    units = {}
    for one in sets:
        for name, unit in one.units.items():
            if units.setdefault(name, unit) != unit:
                raise ValueError(f"the sets give {name} in {units[name]!r} and in {unit!r}.")
    # An empty table would turn the types of its columns into object.
    tables = [one.table for one in sets if len(one)] or [first.table]
    table = pd.concat(tables, ignore_index=True)
    starts = np.cumsum([0, *(len(one.indices) for one in sets)])
    indptr = [one.indptr[1:] + start for one, start in zip(sets, starts[:-1], strict=True)]
    no_stars = first.stars is None
    return type(first)(
        first.stars,
        np.concatenate([[0], *indptr]).astype(np.int64),
        np.concatenate([one.indices for one in sets]),
        table,
        probabilities=_joined(sets, "probabilities"),
        units={k: unit for one in reversed(sets) for k, unit in one.own_units.items()},
        n_stars=first.n_stars,
        member_source_id=_joined(sets, "member_source_id") if no_stars else None,
        meta=first.meta,
    )


def _joined(sets, name):
    """Values of all members, None where no set has them; a set without members may lack them."""
    values = [getattr(one, name) for one in sets if len(one.indices)]
    if not values:
        return getattr(sets[0], name)
    if all(value is None for value in values):
        return None
    if any(value is None for value in values):
        raise ValueError(f"some of the sets have {name} and others not.")
    return np.concatenate(values)


def _same_stars(one, other):
    if one.stars is other.stars and one.n_stars == other.n_stars:
        return True
    if one.stars is None or other.stars is None or len(one.stars) != len(other.stars):
        return False
    ids = [source_ids(each.stars) for each in (one, other)]
    if any(values is None for values in ids):
        return one.stars.equals(other.stars)
    return np.array_equal(*ids)


def same_sets(one, other):
    """Tell whether two sets hold the same; see `CandidateSet.equals`."""
    if (one.stars is None) != (other.stars is None):
        return False
    arrays = ("indptr", "indices", "probabilities", "member_source_id")
    return (
        (one.n_stars, one.units, one.meta) == (other.n_stars, other.units, other.meta)
        and all(_same_arrays(getattr(one, name), getattr(other, name)) for name in arrays)
        and _same_frames(one.table, other.table)
        and (one.stars is other.stars or _same_frames(one.stars, other.stars))
    )


def _same_arrays(one, other):
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def _same_frames(one, other):
    """Tell whether values, types and columns are equal; the index does not count."""
    return one.reset_index(drop=True).equals(other.reset_index(drop=True))


def with_stars(candidates, stars):
    """Join candidates to a table of stars; see `CandidateSet.with_stars`."""
    stars, units = as_frame(stars, "stars")
    if stars is None:
        raise ValueError("stars must be a DataFrame or an astropy Table; got None.")
    wanted = candidates.member_source_id
    if wanted is None:
        if candidates.n_stars not in (None, len(stars)):
            raise ValueError(
                f"the candidates have no source_id and are over {candidates.n_stars} stars; these "
                f"are {len(stars)}."
            )
        rows = candidates.indices
    else:
        rows = _rows_of(wanted, stars, candidates.indices)
    return type(candidates)(
        stars,
        candidates.indptr,
        rows,
        candidates.table,
        probabilities=candidates.probabilities,
        units={**candidates.own_units, **units},
        meta=candidates.meta,
    )


def _rows_of(wanted, stars, guess):
    """Return the rows of the stars with the ids `wanted`; `guess` is tried first."""
    ids = source_ids(stars)
    if ids is None:
        raise ValueError("the candidates are joined to stars by source_id, which these lack.")
    if len(wanted) == 0:
        return wanted
    if len(guess) and (guess.max() < len(ids) and np.array_equal(ids[guess], wanted)):
        return guess
    import pandas as pd

    index = pd.Index(ids)
    if not index.is_unique:
        # Only members must be unambiguous; other stars may stand twice.
        twice = ids[index.duplicated()]
        if np.isin(twice, wanted).any():
            name = twice[np.isin(twice, wanted)][0]
            raise ValueError(f"source_id {name} of a member stands more than once among the stars.")
        first = np.flatnonzero(~index.duplicated())
        return first[_rows_of(wanted, stars.iloc[first], guess[:0])]
    rows = index.get_indexer(wanted)
    if np.any(rows < 0):
        raise ValueError(f"source_id {wanted[rows < 0][0]} of a member is not among the stars.")
    return rows.astype(np.int64)
