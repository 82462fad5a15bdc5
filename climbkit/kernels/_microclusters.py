"""Local micro-clusters under constraints (the first step of C-DBSCAN)."""

from typing import NamedTuple

import numpy as np
from numba import njit

from climbkit.kernels._kdtree import (
    count_ball,
    farthest_in_node,
    leaf_distances,
    push_children,
    work_space,
)
from climbkit.kernels._union_find import find

UNVISITED = -2
NOISE = -1
APART = -1  # in place of a count: two of the sets exclude each other


class Links(NamedTuple):
    """Sets of rows that exclude each other, united by and by.

    Attributes
    ----------
    parent : ndarray of shape (n_sets,), dtype int64
        Union-find forest.
    size : ndarray of shape (n_sets,), dtype int64
        Rows that each root is known to bring together.
    group : ndarray of shape (n_sets,), dtype int64
        Known group of each root, -1 for none; different groups exclude each other.
    head, tail, degree : ndarray of shape (n_sets,), dtype int64
        Linked list of the sets that a root excludes, and its length.
    following, partner : ndarray of shape (n_entries,), dtype int64
        Next entry of the list, and the set that it excludes.
    mark : ndarray of shape (n_sets,), dtype int64
        Number of the last question that named a root.
    """

    parent: np.ndarray
    size: np.ndarray
    group: np.ndarray
    head: np.ndarray
    tail: np.ndarray
    degree: np.ndarray
    following: np.ndarray
    partner: np.ndarray
    mark: np.ndarray


@njit(cache=True, nogil=True)
def _make_links(linked_set, group, apart):
    n_sets, n_pairs = len(group), len(apart)
    head = np.full(n_sets, -1)
    tail = np.full(n_sets, -1)
    degree = np.zeros(n_sets, np.int64)
    following = np.full(2 * n_pairs, -1)
    partner = np.empty(2 * n_pairs, np.int64)
    for entry in range(2 * n_pairs):
        owner, other = apart[entry // 2, entry % 2], apart[entry // 2, 1 - entry % 2]
        partner[entry] = other
        following[entry] = head[owner]
        if head[owner] < 0:
            tail[owner] = entry
        head[owner] = entry
        degree[owner] += 1
    parent = np.arange(n_sets)
    size = np.bincount(linked_set, minlength=n_sets)
    mark = np.zeros(n_sets, np.int64)
    return Links(parent, size, group.copy(), head, tail, degree, following, partner, mark)


@njit(cache=True, nogil=True)
def _unite(links, first, second):
    first, second = find(links.parent, first), find(links.parent, second)
    if first == second:
        return
    if links.degree[first] < links.degree[second]:
        first, second = second, first
    links.parent[second] = first
    links.size[first] += links.size[second]
    if links.group[first] < 0:
        links.group[first] = links.group[second]
    if links.degree[second] > 0:
        links.following[links.tail[first]] = links.head[second]
        links.tail[first] = links.tail[second]
        links.degree[first] += links.degree[second]


@njit(cache=True, nogil=True)
def _constrained_roots(links, members, n_members, question, roots):
    """Write the distinct roots but for lone free rows; return how many, APART if two exclude."""
    n_roots = 0
    longest = -1
    group = -1
    for k in range(n_members):
        root = find(links.parent, members[k])
        lone = links.size[root] == 1 and links.degree[root] == 0 and links.group[root] < 0
        if lone or links.mark[root] == question:
            continue
        links.mark[root] = question
        if links.group[root] >= 0:
            if group >= 0 and links.group[root] != group:
                return APART
            group = links.group[root]
        roots[n_roots] = root
        n_roots += 1
        if longest < 0 or links.degree[root] > links.degree[longest]:
            longest = root
    for k in range(n_roots):
        root = roots[k]
        # Exclusion is mutual, so that the longest list need not be read.
        entry = -1 if root == longest else links.head[root]
        while entry >= 0:
            other = find(links.parent, links.partner[entry])
            if other != root and links.mark[other] == question:
                return APART
            entry = links.following[entry]
    return n_roots


@njit(cache=True, nogil=True)
def collect_ball(tree, point, limit, found, stack, squared):
    """Write the row numbers within `limit` of a point; return how many."""
    lower, upper = tree.lower, tree.upper
    count = 0
    top = 1
    stack[0] = 0
    while top > 0:
        top -= 1
        node = stack[top]
        inside = farthest_in_node(lower, upper, node, point, limit) <= limit
        if not inside and node < tree.first_leaf:
            top = push_children(lower, upper, node, point, limit, stack, top)
            continue
        begin = tree.start[node]
        if not inside:
            leaf_distances(tree, node, point, squared)
        for i in range(begin, tree.end[node]):
            if inside or squared[i - begin] <= limit:
                found[count] = tree.rows[i]
                count += 1
    return count


@njit(cache=True, nogil=True)
def micro_clusters(tree, limit, min_samples, protected, linked_set, group, apart, respect):
    """Cover the dense and the protected rows with micro-clusters, in the order of the rows.

    Parameters
    ----------
    tree : Tree
        Rows.
    limit : float
        Squared distance within which rows are neighbours, as from `squared_limit`.
    min_samples : int
        Neighbours that a dense row has, itself counted.
    protected : ndarray of shape (n_rows,), dtype bool
        Rows that are never noise.
    linked_set : ndarray of shape (n_rows,), dtype int64
        Set of each row: rows of one set will end in one cluster.
    group : ndarray of shape (n_sets,), dtype int64
        Known group of each set, -1 for none.
    apart : ndarray of shape (n_pairs, 2), dtype int64
        Pairs of different sets that may not share a cluster.
    respect : bool
        Whether a micro-cluster takes rows in only if none of the constraints will be broken.

    Returns
    -------
    micro : ndarray of shape (n_rows,), dtype int64
        Number of the micro-cluster, -1 for noise.

    Notes
    -----
    Rows that start a micro-cluster lie further apart than the radius, so that a row is among
    the neighbours of a bounded number of them: time and memory are linear in the rows, for a
    given number of dimensions.
    """
    n_rows = len(tree.rows)
    micro = np.full(n_rows, UNVISITED)
    position = np.empty(n_rows, np.int64)
    position[tree.rows] = np.arange(n_rows)
    near = np.empty(n_rows, np.int64)
    sets = np.empty(n_rows + 1, np.int64)
    roots = np.empty(n_rows + 1, np.int64)
    member_set = np.empty(n_rows, np.int64)  # a set in each micro-cluster
    stack, squared = work_space(tree)
    fixed = _make_links(linked_set, group, apart)
    joined = _make_links(linked_set, group, apart)
    question = 0
    n_micro = 0
    for row in range(n_rows):
        if micro[row] != UNVISITED:
            continue
        point = tree.points[position[row]]
        if (
            not protected[row]
            and count_ball(tree, point, limit, min_samples, stack, squared) < min_samples
        ):
            micro[row] = NOISE
            continue
        n_near = collect_ball(tree, point, limit, near, stack, squared)
        for k in range(n_near):
            sets[k] = linked_set[near[k]]
        question += 1
        count = _constrained_roots(fixed, sets, n_near, question, roots)
        if count != APART and respect:
            n_free = 0
            for k in range(n_near):
                if micro[near[k]] < 0:
                    sets[n_free] = linked_set[near[k]]
                    n_free += 1
            question += 1
            count = _constrained_roots(joined, sets, n_free, question, roots)
        if count == APART:
            for other in np.sort(near[:n_near]):
                if micro[other] == UNVISITED:
                    micro[other] = n_micro
                    member_set[n_micro] = linked_set[other]
                    n_micro += 1
            continue
        sets[:count] = roots[:count]
        chosen = n_micro
        taken = micro[near[:n_near]]
        previous = -1
        for candidate in np.sort(taken[taken >= 0]):
            if candidate == previous:
                continue
            previous = candidate
            sets[count] = member_set[candidate]
            question += 1
            if not respect or (
                _constrained_roots(joined, sets, count + 1, question, roots) != APART
            ):
                chosen = candidate
                break
        if chosen == n_micro:
            member_set[n_micro] = linked_set[row]
            n_micro += 1
        for k in range(n_near):
            if micro[near[k]] < 0:
                micro[near[k]] = chosen
        if respect:
            for k in range(count):
                _unite(joined, member_set[chosen], sets[k])
    return micro
