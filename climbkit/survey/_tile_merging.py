"""One candidate for each cluster that several tiles have seen.

Tiles overlap by a margin, and a candidate belongs to the tile that owns its centre. Tiles do not
see the same stars, so that the centre of one cluster may differ between them: two tiles may own
it, or none. Candidates of the same tile side and minimum cluster size, which are disjoint inside
of a tile, are therefore compared by their members.
"""

import numpy as np
from scipy.sparse import csr_matrix, triu
from scipy.sparse.csgraph import connected_components

from climbkit.survey._memberships import take
from climbkit.survey._tile import NOT_SEARCHED

# Two candidates are one cluster if they share more than this part of the smaller one's members:
# what the margin cuts off a cluster lies inside of the whole one, however small it is. In three
# regions of `make_cluster_field` (60,000 stars, 20 clusters, random_state 0 to 2) this drops a
# quarter of the candidates, and the best of each of the 60 clusters stays.
SAME_CLUSTER_OVERLAP = 0.3


def merge_tiles(level, tile, owned, persistence, indptr, members, *, owner=None):
    """Choose one candidate for each cluster that several tiles have seen.

    Parameters
    ----------
    level : ndarray of shape (n_candidates,), dtype int64
        Candidates are compared where these agree: a number for each tile side and minimum cluster
        size.
    tile : ndarray of shape (n_candidates,), dtype int64
        Number of the tile that found each.
    owned : ndarray of shape (n_candidates,), dtype bool
        Whether that tile owns the centre.
    persistence : ndarray of shape (n_candidates,)
        Which candidate is best: the more persistent, then the larger, then the first.
    indptr : ndarray of shape (n_candidates + 1,), dtype int64
        Where the members of each candidate begin.
    members : ndarray of shape (n_members,), dtype int
        Stars, by a number that they have in all tiles, at least 0.
    owner : ndarray of shape (n_candidates,), dtype int64, default=None
        As of `Tile.locate`: number of the tile that owns the centre, negative where there is none.
        None: some tile owns every centre.

    Returns
    -------
    keep : ndarray of shape (n_candidates,), dtype bool
        The chosen ones: of those that their tile owns and that overlap, the best. Of those that
        their tile does not own and that overlap none of these, the best of what at least two tiles
        have seen, or whose centre lies where no tile was searched.

    Notes
    -----
    Overlaps are a sparse product of candidate by star with its transpose, whose cost is linear in
    the number of members. Chains (A overlaps B, B overlaps C) are cut where the best of each
    connected component, then the best of what does not overlap it, and so on, is kept.
    """
    sizes = np.diff(indptr)
    first, second = _overlapping(level, sizes, indptr, members)
    keep = owned.copy()
    if owner is not None:
        keep |= owner == NOT_SEARCHED
    n_seen = _tiles_that_saw(first, second, tile, keep)
    order = np.lexsort((np.arange(len(sizes)), -sizes, -persistence, ~owned))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    keep |= n_seen >= 2
    neighbours = _neighbours(first, second, len(sizes))
    for candidate in order[np.isin(order, np.concatenate([first, second]))]:
        rivals = neighbours[candidate]
        if keep[candidate] and np.any(keep[rivals] & (rank[rivals] < rank[candidate])):
            keep[candidate] = False
    return keep


def _overlapping(level, sizes, indptr, members):
    """Pairs of candidates that share more of the smaller one than the limit."""
    pairs = [np.empty((2, 0), dtype=np.int64)]
    owner = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    if len(members) and members.max() > len(members):
        members = np.unique(members, return_inverse=True)[1]
    for value in np.unique(level):
        group = np.flatnonzero(level == value)
        entries = take(indptr, group)[1]
        # Only stars that several tiles saw make pairs.
        stars = members[entries]
        several = np.bincount(stars)[stars] > 1
        if not several.any():
            continue
        row = np.searchsorted(group, owner[entries[several]])
        seen = csr_matrix((np.ones(len(row)), (row, stars[several])))
        shared = triu(seen @ seen.T, k=1, format="coo")
        a, b = group[shared.row], group[shared.col]
        same = shared.data > SAME_CLUSTER_OVERLAP * np.minimum(sizes[a], sizes[b])
        pairs.append(np.stack([a[same], b[same]]))
    return np.concatenate(pairs, axis=1).astype(np.int64)


def _tiles_that_saw(first, second, tile, kept):
    """Number of tiles in the connected component of each candidate that is not kept yet.

    Candidates that overlap a kept one count as seen by none: the tile that owns that one decides.
    """
    n = len(tile)
    seen = np.zeros(n, dtype=np.int64)
    shadowed = np.zeros(n, dtype=bool)
    shadowed[first[kept[second]]] = True
    shadowed[second[kept[first]]] = True
    free = ~kept & ~shadowed
    edge = free[first] & free[second]
    graph = csr_matrix((np.ones(edge.sum()), (first[edge], second[edge])), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    rows = np.flatnonzero(free)
    once = np.unique(np.stack([component[rows], tile[rows]]), axis=1)[0]
    count = np.bincount(once, minlength=component.max(initial=0) + 1)
    seen[rows] = count[component[rows]]
    return seen


def _neighbours(first, second, n):
    """For each candidate the numbers of those that it overlaps."""
    ends = np.concatenate([first, second])
    others = np.concatenate([second, first])[np.argsort(ends, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n))])
    return {c: others[starts[c] : starts[c + 1]] for c in np.unique(ends).tolist()}
