"""Disjoint sets as an array of parents, where a root is its own parent."""

from numba import njit


@njit(cache=True, nogil=True)
def find(parent, member):
    """Root of a member, halving the path to it."""
    while parent[member] != member:
        parent[member] = parent[parent[member]]
        member = parent[member]
    return member
