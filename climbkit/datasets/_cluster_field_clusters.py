"""The clusters of `make_cluster_field`: what is asked for, what is drawn, and their members."""

import numpy as np

from climbkit.datasets._cluster_field_model import (
    HALO,
    KM_S_PER_MAS_YR_KPC,
    POPULATIONS,
    draw_cluster_photometry,
    draw_radii,
    draw_velocities,
    named_columns,
    proper_motions,
)
from climbkit.datasets._sky import (
    ICRS_TO_GALACTIC,
    from_tangent_plane,
    galactic_to_icrs,
    offset,
    tangent_axes,
    to_tangent_plane,
)

#: Distance [kpc], half-number radius [pc] and velocity dispersion [km/s]: smallest and largest of
#: what is drawn; round numbers of the size of known clusters.
_KINDS = {
    "globular": {"distance": (4.0, 18.0), "radius": (3.0, 9.0), "dispersion": (2.0, 8.0)},
    "open": {"distance": (0.6, 4.0), "radius": (2.0, 5.0), "dispersion": (0.5, 1.2)},
}
_PROFILES = ("king", "plummer")
_RICHNESS = (20, 3_000)
_LARGEST_SHARE = 0.5  # of all stars that drawn clusters may have together
_INNER = 0.9  # share of the side inside which clusters are drawn
_APART, _TRIES = 3.0, 100  # sums of r50 between drawn clusters, and how often that is tried
_OPEN_DISC, _YOUNG_DISPERSION = POPULATIONS[0], (8.0, 8.0, 5.0)
_COLUMNS = ("l", "b", "x", "y", "n_members", "r50", "distance", "pmra", "pmdec", "dispersion")
_POSITIVE = ("r50", "distance")


def read_clusters(clusters):
    """Return the clusters that are asked for as a DataFrame, after a look at each column."""
    import pandas as pd

    if clusters is None:
        return pd.DataFrame(index=range(0))
    table = pd.DataFrame(clusters).reset_index(drop=True)
    unknown = sorted(set(table.columns) - {*_COLUMNS, "kind", "profile"}, key=str)
    if unknown:
        raise ValueError(
            f"clusters has the columns {unknown}; allowed are {[*_COLUMNS, 'kind', 'profile']}."
        )
    for pair in (("l", "b"), ("x", "y"), ("pmra", "pmdec")):
        if len(set(pair) & set(table.columns)) == 1:
            raise ValueError(f"clusters must have both of the columns {pair[0]} and {pair[1]}.")
    if {"l", "x"} <= set(table.columns):
        raise ValueError("clusters must have l and b, or x and y, not both pairs.")
    for name in set(table.columns) & set(_COLUMNS):
        values = table[name].to_numpy(dtype=np.float64)
        if not np.all(np.isfinite(values)) or (name in _POSITIVE and np.any(values <= 0)):
            positive = " and greater than 0" if name in _POSITIVE else ""
            raise ValueError(f"clusters' {name} must be finite{positive}; got {values.tolist()}.")
    for name, least in (("n_members", 1), ("dispersion", 0)):
        if name in table and np.any(table[name] < least):
            raise ValueError(f"clusters' {name} must be at least {least}.")
    for name, allowed in (("kind", tuple(_KINDS)), ("profile", _PROFILES)):
        if name in table and not set(table[name]) <= set(allowed):
            raise ValueError(f"clusters' {name} must be one of {allowed}.")
    return table


def draw_clusters(given, n_drawn, *, n_stars, side, center, rng):
    """Return the truth of all clusters: the given ones completed, then the drawn ones."""
    import pandas as pd

    n = len(given) + n_drawn
    asked = int(given["n_members"].sum()) if "n_members" in given else 0
    n_open_sizes = n_drawn if "n_members" in given else n
    drawn = {}
    drawn["kind"] = np.where(rng.permutation(n) % 2 == 0, "globular", "open").astype(object)
    drawn["profile"] = rng.choice(np.array(_PROFILES, dtype=object), n)
    limit = int(_LARGEST_SHARE * (n_stars - asked) / max(n_open_sizes, 1))
    drawn["n_members"] = _log_uniform(n, _RICHNESS[0], min(_RICHNESS[1], limit), rng)
    drawn["n_members"] = drawn["n_members"].astype(np.int64)
    kind = _completed("kind", given, drawn)
    low, high = (
        {name: np.array([_KINDS[k][name][end] for k in kind]) for name in _KINDS["open"]}
        for end in (0, 1)
    )
    drawn["distance"] = _log_uniform(n, low["distance"], high["distance"], rng)
    drawn["dispersion"] = rng.uniform(low["dispersion"], high["dispersion"])
    radius = rng.uniform(low["radius"], high["radius"]) / 1000.0  # kpc
    truth = {name: _completed(name, given, drawn) for name in ("n_members", "profile")}
    truth |= {name: _completed(name, given, drawn) for name in ("distance", "dispersion")}
    drawn["r50"] = np.degrees(radius / truth["distance"])
    truth |= {"kind": kind, "r50": _completed("r50", given, drawn)}
    truth["n_members"] = truth["n_members"].astype(np.int64)
    total = int(truth["n_members"].sum())
    if total > n_stars:
        raise ValueError(f"the clusters have {total} members, more than n_stars={n_stars}.")
    truth |= _place(given, truth["r50"], side, center, rng)
    truth["ra"], truth["dec"] = galactic_to_icrs(truth["l"], truth["b"])
    drawn["pmra"], drawn["pmdec"] = _draw_motions(truth, rng)
    truth |= {name: _completed(name, given, drawn) for name in ("pmra", "pmdec")}
    truth["parallax"] = 1.0 / truth["distance"]
    order = ("l", "b", "ra", "dec", "x", "y", "n_members", "r50", "distance", "parallax")
    return pd.DataFrame({k: truth[k] for k in (*order, *(k for k in truth if k not in order))})


def _completed(name, given, drawn):
    """Return given values followed by as many drawn ones as are missing."""
    if name not in given:
        return drawn[name]
    values = given[name].to_numpy()
    return np.concatenate([values, drawn[name][len(values) :]])


def _log_uniform(n, low, high, rng):
    high = np.maximum(low, high)
    return low * (high / low) ** rng.random(n)


def _place(given, r50, side, center, rng):
    """Return l, b, x and y: of each, what is given, and the rest from the other pair."""
    n = len(given)
    places = np.zeros((len(r50), 2))
    if "x" in given:
        places[:n] = given[["x", "y"]]
    elif "l" in given:
        if np.any(np.abs(given["b"]) > 90):
            raise ValueError("clusters' b must lie between -90 and 90.")
        places[:n] = np.column_stack(to_tangent_plane(given["l"], given["b"], center))
        if np.any(np.isnan(places)):
            raise ValueError("clusters must lie within 90 deg of center.")
    else:
        n = 0
    for number in range(n, len(r50)):
        for _ in range(_TRIES):
            places[number] = rng.uniform(-_INNER / 2, _INNER / 2, 2) * side
            away = np.linalg.norm(places[:number] - places[number], axis=1)
            if np.all(away > _APART * (r50[:number] + r50[number])):
                break
    lon, lat = from_tangent_plane(*places.T, center)
    if "l" in given:
        lon[:n], lat[:n] = given["l"] % 360.0, given["b"]
    return {"l": lon, "b": lat, "x": places[:, 0], "y": places[:, 1]}


def _draw_motions(truth, rng):
    """Draw the motion of each centre: open clusters as the young disc, globular as the halo."""
    is_open = truth["kind"] == "open"
    lag = np.where(is_open, _OPEN_DISC.lag / 2, HALO.lag)
    spread = np.where(is_open[:, None], _YOUNG_DISPERSION, HALO.dispersion)
    velocity = draw_velocities(lag, spread, truth["l"], truth["b"], truth["distance"], rng)
    velocity = velocity @ ICRS_TO_GALACTIC
    return proper_motions(velocity, truth["ra"], truth["dec"], truth["distance"])


def draw_members(cluster, rng):
    """Draw the members of one cluster, without measurement errors.

    Parameters
    ----------
    cluster : namedtuple
        A row of what `draw_clusters` returns.
    rng : numpy.random.Generator
        Source of all draws.

    Returns
    -------
    columns : dict of str to ndarray of shape (n_members,)
        Columns of Gaia that are not errors.
    """
    n = cluster.n_members
    radius = draw_radii(n, cluster.profile, cluster.kind, cluster.r50, rng)
    at = np.full(n, cluster.l), np.full(n, cluster.b)
    lon, lat = offset(*at, radius, rng.uniform(0.0, 2.0 * np.pi, n))
    # As deep as it is wide: a half-number radius of depth to one standard deviation.
    depth = cluster.distance * np.radians(cluster.r50) * rng.standard_normal(n)
    distance = np.maximum(cluster.distance + depth, cluster.distance / 2)
    locus = "old" if cluster.kind == "globular" else "young"
    magnitude, colour = draw_cluster_photometry(distance, locus, rng)
    # All share the velocity of the centre: proper motions turn with the axes at each position.
    velocity = _common_velocity(cluster) + rng.standard_normal((n, 3)) * cluster.dispersion
    ra, dec = galactic_to_icrs(lon, lat)
    pmra, pmdec = proper_motions(velocity, ra, dec, distance)
    return named_columns(ra, dec, lon, lat, distance, pmra, pmdec, magnitude, colour)


def _common_velocity(cluster):
    """Velocity [km/s] across the line of sight, on ICRS axes, of a cluster's proper motion."""
    east, north = tangent_axes(np.array([cluster.ra]), np.array([cluster.dec]))
    motion = cluster.pmra * east[0] + cluster.pmdec * north[0]
    return motion * KM_S_PER_MAS_YR_KPC * cluster.distance
