"""What the four panels of a cluster show: which stars, and their values."""

import numpy as np

from climbkit.datasets._sky import directions, to_tangent_plane, unit_vectors
from climbkit.plotting._style import axis_label

_FRAMES = (("l", "b"), ("ra", "dec"))
_THRESHOLD = "membership_threshold"
_EVEN = 0.5
_MOTIONS = (("pmra", "pmdec"), ("pml", "pmb"))
_WORDS = {
    "bp_rp": ("BP - RP", "mag"),
    "phot_g_mean_mag": ("G", "mag"),
    "parallax": ("parallax", "mas"),
    "pmra": ("pmra", "mas / yr"),
    "pmdec": ("pmdec", "mas / yr"),
    "pml": ("pml", "mas / yr"),
    "pmb": ("pmb", "mas / yr"),
}
#: Numbers that stand above the panels, where the table has them, and how they are written.
_FACTS = (("p_class", ".3f"), ("persistence", ".2f"), ("p_cst", ".2g"))
_NEARLY_ONE = 0.9995  # a probability that would be written as 1.000
_MOST_MEMBERS = 0.98  # share of the members that the piece of sky holds
_LEAST_RADII = 4.0  # half width, in half-number radii, so that the field is seen too
_LEAST_WIDTH = 1e-3  # degrees
_ROOM = 1.1


def named_clusters(search):
    """Return the clusters of a fitted search as a set that has their names.

    Parameters
    ----------
    search : ClusterSearch
        Fitted; whoever leaves out the stage that names has names in ``clusters_`` alone.

    Returns
    -------
    clusters : CandidateSet
        With the column ``name``.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(search, "cluster_set_")
    clusters = search.cluster_set_
    if "name" in clusters.table:
        return clusters
    return clusters.annotate(name=[str(name) for name in search.clusters_["name"]])


def find_cluster(candidates, candidate, min_probability):
    """Return the keyword arguments of a `FourPanelDisplay` of one candidate.

    Parameters
    ----------
    candidates : CandidateSet
        The set.
    candidate : int or str
        Row number, candidate_id or name.
    min_probability : float or None
        As in `FourPanelDisplay.from_candidate`.

    Returns
    -------
    arguments : dict
        Keyword arguments.

    Raises
    ------
    ValueError
        If there is no such candidate, or the set has no stars or no positions.
    """
    if candidates.stars is None:
        raise ValueError(
            "the candidates have no stars; join them with candidates.with_stars(stars)."
        )
    table = candidates.table
    number = _number_of(table, candidate)
    found, row = candidates[number], table.iloc[number]
    frame = next((pair for pair in _FRAMES if set(pair) <= set(candidates.stars)), None)
    if frame is None:
        raise ValueError("the stars have no positions: l and b, or ra and dec, in degrees.")
    if min_probability is None:
        threshold = row.get(_THRESHOLD, _EVEN)
        min_probability = float(threshold) if np.isfinite(threshold) else _EVEN
    probabilities = found.probabilities
    n_members = (
        len(found) if probabilities is None else int(np.sum(probabilities >= min_probability))
    )
    return {
        "stars": candidates.stars,
        "rows": found.rows,
        "probabilities": probabilities,
        "min_probability": min_probability,
        "center": tuple(float(row[name]) for name in frame) if set(frame) <= set(table) else None,
        "r50": float(row["r50"]) if "r50" in table else None,
        "title": _title(row, n_members),
        "frame": frame,
    }


def _number_of(table, candidate):
    if not isinstance(candidate, str):
        if not -len(table) <= candidate < len(table):
            raise ValueError(f"there is no cluster {candidate}: the set has {len(table)}.")
        return int(candidate) % len(table)
    for column in ("name", "candidate_id"):
        if column in table:
            (found,) = np.nonzero(table[column].astype(str).to_numpy() == candidate)
            if len(found):
                return int(found[0])
    names = table["name" if "name" in table else "candidate_id"].astype(str).tolist()
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    raise ValueError(f"there is no cluster {candidate!r}; there are: {shown or 'none'}.")


def _title(row, n_members):
    """Two lines: the name, and the numbers that tell what the cluster is worth."""
    numbers = [f"{n_members:,} members"]
    if np.isfinite(row.get("r50", np.nan)):
        numbers.append(f"r50 {row['r50']:.3g}°")
    for column, form in _FACTS:
        if column in row:
            value = row[column]
            known = value is not None and np.isfinite(value)
            nearly = known and column == "p_class" and _NEARLY_ONE <= value < 1.0
            text = "> 0.999" if nearly else f"{value:{form}}" if known else ""
            numbers.append(f"{column} {text}" if known else f"no {column}")
    return f"{row.get('name', row.get('candidate_id', ''))}\n{'  ·  '.join(numbers)}"


class ClusterView:
    """Members and other stars of a piece of sky about a cluster.

    Parameters
    ----------
    display : FourPanelDisplay
        What to show.
    half_width : float or None
        Half of the side of the piece of sky, degrees.
    max_stars : int
        Most other stars.
    """

    def __init__(self, display, half_width, max_stars):
        stars = display.stars
        self.columns = list(stars.columns)
        lon, lat = (_numbers(stars, name) for name in display.frame)
        rows = np.asarray(display.rows, dtype=np.int64)
        probabilities = display.probabilities
        if probabilities is not None:
            probabilities = np.asarray(probabilities, dtype=float)
            sure = probabilities >= display.min_probability
            rows, probabilities = rows[sure], probabilities[sure]
            order = np.argsort(probabilities, kind="stable")  # the likeliest is drawn last
            rows, probabilities = rows[order], probabilities[order]
        if len(rows) == 0:
            raise ValueError(
                "there is nothing to draw: the cluster has no member with a probability of at "
                f"least {display.min_probability:g}."
            )
        center = display.center
        if center is None or not np.isfinite(center).all():
            center = mean_direction(lon[rows], lat[rows])
        x, y = to_tangent_plane(lon, lat, center)
        far = np.nanmax(np.abs([x[rows], y[rows]]), axis=0)
        if half_width is None:
            wide = np.quantile(far[np.isfinite(far)], _MOST_MEMBERS)
            radius = np.median(np.hypot(x[rows], y[rows])[np.isfinite(far)])
            half_width = max(_ROOM * wide, _LEAST_RADII * radius, _LEAST_WIDTH)
        self.half_width = float(half_width)
        shown = (np.abs(x) <= half_width) & (np.abs(y) <= half_width)  # NaN is not shown
        shown[rows] = False
        others = np.flatnonzero(shown)
        others = others[:: max(1, -(-len(others) // max_stars))]
        self.probabilities = probabilities
        self.members_sky = np.column_stack([x[rows], y[rows]])
        self.others_sky = np.column_stack([x[others], y[others]])
        self._members, self._others = stars.iloc[rows], stars.iloc[others]
        self.motion_columns = next(
            (pair for pair in _MOTIONS if set(pair) <= set(self.columns)), _MOTIONS[0]
        )

    def values(self, name):
        """Finite values of a column, of members and others; None where members have none."""
        if name not in self.columns:
            return None, None
        found = [_numbers(part, name) for part in (self._members, self._others)]
        members, others = (part[np.isfinite(part)] for part in found)
        return (members, others) if len(members) else (None, None)

    def points(self, names):
        """Two columns of others and of members, of shape (n, 2) each, NaN where they lack one."""
        if not set(names) <= set(self.columns):
            return None, None
        return tuple(
            np.column_stack([_numbers(part, name) for name in names])
            for part in (self._others, self._members)
        )

    def finite_members(self, names):
        """Two columns of those members that have both."""
        members = self.points(names)[1]
        return members[np.isfinite(members).all(axis=1)]

    @staticmethod
    def label(name):
        """What stands at the axis of a column."""
        return axis_label(*_WORDS.get(name, (name, None)))


def mean_direction(lon, lat):
    """Return longitude and latitude of the mean direction, in degrees; NaN is left out."""
    vectors = unit_vectors(lon, lat)
    vectors = vectors[np.isfinite(vectors).all(axis=1)]
    mean_lon, mean_lat = directions(vectors.sum(axis=0, keepdims=True))
    return float(mean_lon[0]), float(mean_lat[0])


def _numbers(table, name):
    return table[name].to_numpy(dtype=np.float64, na_value=np.nan)
