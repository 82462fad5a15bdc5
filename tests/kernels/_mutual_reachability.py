"""Plain references for the sweep's kernels: whole distance matrices, Kruskal, recursion."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays


@st.composite
def point_tables(draw, min_rows=2, max_rows=70, max_columns=6):
    """Points on a coarse grid, where distances tie, or anywhere, some of them repeated."""
    shape = (draw(st.integers(min_rows, max_rows)), draw(st.integers(1, max_columns)))
    kind = draw(st.sampled_from(["grid", "anywhere", "repeated"]))
    if kind == "grid":
        return draw(arrays(np.float64, shape, elements=st.integers(0, 3).map(float)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.normal(size=shape)
    return X if kind == "anywhere" else X[rng.integers(0, len(X), len(X))]


def squared_distances(X):
    """Squares summed in the order of the columns."""
    total = np.zeros((len(X), len(X)))
    for column in X.T:
        total += (column[:, None] - column[None, :]) ** 2
    return total


def sorted_distances(X):
    """Distances of each row to all others, ascending, itself left out."""
    distances = np.sqrt(squared_distances(X))
    np.fill_diagonal(distances, -1.0)
    return np.sort(distances, axis=1)[:, 1:]


def reachability(X, min_samples):
    """Matrix of mutual reachability distances."""
    core = sorted_distances(X)[:, min_samples - 1]
    return np.maximum(np.maximum(core[:, None], core[None, :]), np.sqrt(squared_distances(X)))


def kruskal(left, right, weight, n_points):
    """Edges of a minimum spanning tree, ascending by weight."""
    component = np.arange(n_points)
    chosen = []
    for edge in np.argsort(weight, kind="stable"):
        one, other = component[left[edge]], component[right[edge]]
        if one != other:
            component[component == one] = other
            chosen.append(edge)
    return left[chosen], right[chosen], weight[chosen]


def exact_tree(X, min_samples):
    """Minimum spanning tree of the whole matrix."""
    left, right = np.triu_indices(len(X), 1)
    return kruskal(left, right, reachability(X, min_samples)[left, right], len(X))


def _components(points, left, right, weight, limit):
    """Split a set of points along the edges of at least a weight."""
    label = {point: point for point in points}
    for i, j, height in zip(left, right, weight, strict=True):
        if height < limit and i in label and j in label:
            one, other = label[i], label[j]
            if one != other:
                label = {point: other if its == one else its for point, its in label.items()}
    parts = {}
    for point, its in label.items():
        parts.setdefault(its, []).append(point)
    return [frozenset(part) for part in parts.values()]


def condensed(tree, n_points, min_cluster_size):
    """Rows (members of the parent, point or members of the child, lambda), from the top down."""
    left, right, weight = tree
    left, right = left.tolist(), right.tolist()
    rows = []
    everything = frozenset(range(n_points))
    pending = [(everything, everything)]
    while pending:
        points, cluster = pending.pop()
        inside = [i in points and j in points for i, j in zip(left, right, strict=True)]
        height = weight[inside].max()
        lambda_ = np.inf if height == 0.0 else 1.0 / height
        parts = _components(points, left, right, weight, height)
        clusters = [part for part in parts if len(part) >= min_cluster_size]
        for part in parts:
            if len(part) < min_cluster_size:
                rows += [(cluster, point, lambda_) for point in part]
        if len(clusters) == 1:
            pending.append((clusters[0], cluster))
        elif clusters:
            rows += [(cluster, part, lambda_) for part in clusters]
            pending += [(part, part) for part in clusters]
    return _in_order(rows)


def _in_order(rows):
    def key(row):
        is_cluster = isinstance(row[1], frozenset)
        return sorted(row[0]), is_cluster, sorted(row[1]) if is_cluster else [row[1]], row[2]

    return sorted(rows, key=key)


def with_members(tree, n_points, names=None):
    """Rows of a condensed tree with clusters told by their members, as `condensed` gives them."""
    names = np.arange(n_points) if names is None else names
    members = {}
    for cluster in range(int(tree.parent.max()), n_points - 1, -1):
        inside = set()
        for child in tree.child[tree.parent == cluster].tolist():
            inside |= members[child] if child >= n_points else {int(names[child])}
        members[cluster] = frozenset(inside)
    rows = []
    for parent, child, lambda_, size in zip(*map(np.ndarray.tolist, tree), strict=True):
        below = members[child] if child >= n_points else int(names[child])
        assert size == (len(below) if child >= n_points else 1)
        rows.append((members[parent], below, lambda_))
    return _in_order(rows)
