"""A simulated region of the sky in Gaia's columns, with star clusters in a smooth field."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from climbkit.base import UNLABELLED
from climbkit.datasets._cluster_field_clusters import draw_clusters, draw_members, read_clusters
from climbkit.datasets._cluster_field_model import draw_field_stars, field_density, measure
from climbkit.datasets._sky import from_tangent_plane

#: Columns of the stars, in Gaia's order and with Gaia's units.
UNITS = {
    "source_id": "",
    "ra": "deg",
    "dec": "deg",
    "l": "deg",
    "b": "deg",
    "parallax": "mas",
    "parallax_error": "mas",
    "pmra": "mas / yr",
    "pmra_error": "mas / yr",
    "pmdec": "mas / yr",
    "pmdec_error": "mas / yr",
    "phot_g_mean_mag": "mag",
    "bp_rp": "mag",
}
#: Like Gaia's, the mock ids do not fit into a float64 without rounding.
_ID_RANGE = (2**60, 2**63 - 1)
_CHUNK = 250_000  # stars that are drawn at a time, to bound memory
_WIDEST = 90.0  # degrees; beyond, the corners of a tangent plane lie far apart on the sky

_DESCR = """Simulated region of the sky with star clusters

{n} simulated stars in Gaia's columns: {n_members} in {n_clusters} clusters, {n_field} of a smooth
field of thin disc, thick disc and halo, in a square of {side} x {side} deg around l = {lon} and
b = {lat} deg. No star is real, and neither is any source_id."""


@validate_params(
    {
        "n_stars": [Interval(Integral, 1, None, closed="left")],
        "side": [Interval(Real, 0, _WIDEST, closed="right")],
        "center": ["array-like"],
        "n_clusters": [Interval(Integral, 0, None, closed="left"), None],
        "clusters": [None, dict, list, "array-like"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_cluster_field(
    n_stars=60_000,
    *,
    side=10.0,
    center=(35.0, 20.0),
    n_clusters=None,
    clusters=None,
    random_state=None,
):
    """Simulate a square region of the sky in Gaia's columns, with star clusters in a smooth field.

    The field is of thin disc, thick disc and halo, thins out away from the Galactic plane, and
    moves as the Galaxy rotates. Clusters have King [1]_ or Plummer [2]_ profiles and lie on a
    sequence in colour and magnitude. Errors grow with magnitude as in Gaia DR3 [3]_. Nothing is
    copied from a catalogue.

    Parameters
    ----------
    n_stars : int, default=60_000
        Stars of field and clusters together.
    side : float, default=10.0
        Side of the square on the tangent plane at its centre, in degrees, at most 90.
    center : tuple of (float, float), default=(35.0, 20.0)
        Galactic longitude and latitude of the centre of the square, in degrees. It may lie
        anywhere, also where the square holds l = 0 or a pole.
    n_clusters : int, default=None
        Clusters to draw at random: half compact and far like globular clusters, half extended and
        near like open ones, with 20 to 3,000 members (fewer, where all of them would be more
        than half of the stars). None is 12, or none where `clusters` is given.
    clusters : DataFrame, dict of arrays or list of dict, default=None
        Clusters to place, before those that are drawn. Columns, of which any may be missing:

        - ``l`` and ``b`` [deg], or ``x`` and ``y`` [deg] on the tangent plane: x = y = 0 is the
          centre of the square, and so the corner of four tiles of half its side;
        - ``n_members``; ``r50``, the half-number radius [deg]; ``distance`` [kpc];
        - ``pmra`` and ``pmdec`` [mas/yr], ``dispersion`` in one dimension [km/s];
        - ``kind``, "globular" or "open"; ``profile``, "king" or "plummer".

        What is missing is drawn. Members beyond the edge of the square are kept.
    random_state : int, RandomState instance or None, default=None
        Seeds every draw and the order of the rows.

    Returns
    -------
    field : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : DataFrame of shape (n_stars, 13)
            source_id (int64), ra, dec, l, b [deg], parallax, parallax_error [mas], pmra,
            pmra_error, pmdec, pmdec_error [mas/yr], phot_g_mean_mag and bp_rp [mag]; complete.
        target : ndarray of shape (n_stars,), dtype int64
            The truth: row of the star's cluster in `clusters`, -1 for the field.
        clusters : DataFrame of shape (n_clusters, 15)
            The truth of each cluster, in the columns that the parameter `clusters` has, and ra,
            dec and parallax. ``r50`` is the profile's; pmra and pmdec are those of the centre.
        feature_names, units : list and dict
            Names of the columns of `data`, and their units.
        side, center : float and tuple
            As given.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If a parameter is out of range, `clusters` has an unknown column, a value that is not
        possible or more members than there are stars.

    See Also
    --------
    load_gaia_field : Real regions around clusters, where you have the files.
    make_halo : A simulated halo in integrals of motion.

    Notes
    -----
    Time and memory are linear in the number of stars. There is no extinction, and no binary. Many
    of the open clusters that are drawn are loose: they stand out in proper motion and parallax,
    hardly on the sky.

    References
    ----------
    .. [1] King (1962), "The structure of star clusters. I. An empirical density law",
       AJ 67, 471, https://doi.org/10.1086/108756
    .. [2] Plummer (1911), "On the problem of distribution in globular star clusters",
       MNRAS 71, 460, https://doi.org/10.1093/mnras/71.5.460
    .. [3] Lindegren et al. (2021), "Gaia Early Data Release 3. The astrometric solution",
       A&A 649, A2, https://doi.org/10.1051/0004-6361/202039709

    Examples
    --------
    >>> from climbkit.datasets import make_cluster_field
    >>> field = make_cluster_field(5_000, n_clusters=3, random_state=0)
    >>> field.data.shape, len(field.clusters)
    ((5000, 13), 3)
    >>> corner = make_cluster_field(5_000, center=(0, 20), clusters={"x": [0], "y": [0]})
    >>> corner.clusters[["l", "b"]].round(6)
         l     b
    0  0.0  20.0
    """
    import pandas as pd

    center = _check_center(center)
    # A Generator is several times quicker, and is seeded by what scikit-learn's users pass.
    rng = np.random.default_rng(check_random_state(random_state).randint(2**32, size=8))
    if n_clusters is None:
        n_clusters = 12 if clusters is None else 0
    given = read_clusters(clusters)
    truth = draw_clusters(given, n_clusters, n_stars=n_stars, side=side, center=center, rng=rng)
    n_members = truth["n_members"].to_numpy()
    n_field = n_stars - int(n_members.sum())

    order = rng.permutation(n_stars)
    target = np.full(n_stars, UNLABELLED, dtype=np.int64)
    target[order[n_field:]] = np.repeat(np.arange(len(truth)), n_members)
    data = {name: np.empty(n_stars) for name in UNITS if name != "source_id"}
    filled = 0
    for columns in (
        *_field_chunks(n_field, side, center, rng),
        *(draw_members(cluster, rng) for cluster in truth.itertuples()),
    ):
        rows = order[filled : filled + len(columns["l"])]
        filled += len(rows)
        for name, values in measure(columns, rng).items():
            data[name][rows] = values
    return Bunch(
        data=pd.DataFrame({"source_id": _draw_ids(n_stars, rng), **data}, copy=False),
        target=target,
        clusters=truth,
        feature_names=list(UNITS),
        units={name: unit for name, unit in UNITS.items() if unit},
        side=side,
        center=center,
        DESCR=_DESCR.format(
            n=n_stars,
            n_members=n_stars - n_field,
            n_clusters=len(truth),
            n_field=n_field,
            side=side,
            lon=center[0],
            lat=center[1],
        ),
    )


def _check_center(center):
    values = np.asarray(center, dtype=float)
    if values.shape != (2,) or not np.all(np.isfinite(values)) or abs(values[1]) > 90:
        raise ValueError(
            "center must be Galactic longitude and latitude in degrees, the latitude from -90 to "
            f"90; got {center!r}"
        )
    return float(values[0] % 360.0), float(values[1])


def _field_chunks(n_field, side, center, rng):
    """Give the field's stars chunk by chunk, without measurement errors."""
    while n_field > 0:
        lon, lat = _draw_positions(min(n_field, _CHUNK), side, center, rng)
        n_field -= len(lon)
        yield draw_field_stars(lon, lat, rng)


def _draw_positions(n, side, center, rng):
    """Draw positions whose density declines with latitude as the populations do."""
    corner = np.degrees(np.arctan(np.radians(side) / np.sqrt(2.0)))  # from the centre, on the sky
    highest = field_density(np.array([max(abs(center[1]) - corner, 0.0)])).sum()
    found = []
    missing = n
    while missing > 0:
        lon, lat = from_tangent_plane(*rng.uniform(-side / 2, side / 2, (2, 2 * missing)), center)
        kept = rng.random(len(lat)) * highest < field_density(lat).sum(axis=0)
        found.append(np.column_stack([lon[kept], lat[kept]])[:missing])
        missing -= len(found[-1])
    return np.concatenate(found).T


def _draw_ids(n, rng):
    """Draw `n` different ids in the range of Gaia's largest."""
    ids = np.unique(rng.integers(*_ID_RANGE, size=n))
    while len(ids) < n:
        ids = np.unique(np.concatenate([ids, rng.integers(*_ID_RANGE, size=n - len(ids))]))
    return rng.permutation(ids)
