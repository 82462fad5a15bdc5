"""A mock stellar halo with known groups, novel streams and a smooth field."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from climbkit.base import UNLABELLED
from climbkit.datasets._base import GROUP_SIZES, KNOWN_NAMES, build_bunch
from climbkit.datasets._halo_model import (
    GROUP_SHAPES,
    draw_field,
    draw_group,
    draw_halo,
    place_streams,
)

#: Like Gaia's, the mock ids do not fit into a float64 without rounding.
_ID_RANGE = (2**60, 2**63 - 1)

_DESCR = """Mock stellar halo in (Lz, Energy, Lperp)

{n} simulated stars: {n_known} in {n_groups} known groups with the sizes, centres and spreads of
those in the Gaia DR3 RR Lyrae catalogue, {n_novel} in novel streams, and {n_field} of a smooth
field, of which {n_judged} are judged to belong to no group. No star is real, and neither is any
source_id."""


@validate_params(
    {
        "n_field": [Interval(Integral, 0, None, closed="left")],
        "n_judged": [Interval(Integral, 0, None, closed="left")],
        "group_sizes": [Interval(Real, 0, None, closed="neither"), dict],
        "n_novel": [Interval(Integral, 0, None, closed="left")],
        "novel_size": [Interval(Integral, 1, None, closed="left")],
        "novel_spread": [Interval(Real, 0, None, closed="neither")],
        "seed_fraction": [Interval(Real, 0, 1, closed="right")],
        "errors": ["array-like", None],
        "random_state": ["random_state"],
        "as_frame": ["boolean"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_halo(
    *,
    n_field=2880,
    n_judged=1532,
    group_sizes=1.0,
    n_novel=3,
    novel_size=40,
    novel_spread=1.0,
    seed_fraction=0.5,
    errors=None,
    random_state=None,
    as_frame=False,
    return_X_y=False,
):
    """Simulate a stellar halo with known groups, novel streams and a smooth field.

    The mock looks like the 4,933 RR Lyrae stars of Gaia DR3 in which CLiMB was published [1]_:
    groups with the same sizes, centres and spreads, inside a field that fills the envelope of
    bound orbits of the McMillan potential [2]_. Nothing is copied from that catalogue.

    Parameters
    ----------
    n_field : int, default=2880
        Stars of the smooth field that nobody judged: half disc, half halo. The default makes
        5,000 stars in all; the catalogue has 2,930.
    n_judged : int, default=1532
        Further field stars that were judged to belong to no group, all of the halo; the default
        is the catalogue's.
    group_sizes : float or dict of int to int, default=1.0
        A number multiplies the sizes of the eight groups in the catalogue (groups 5, 3, 1, 11, 15,
        10, 6, 4 have 35, 26, 34, 1, 1, 350, 7 and 14 stars); each keeps at least one star.
        A dict gives the size of each group by its label; groups left out of it are absent.
    n_novel : int, default=3
        Number of novel streams. CLiMB reported three in the catalogue.
    novel_size : int, default=40
        Stars in each novel stream. Two of the three that were reported have 38 and 58.
    novel_spread : float, default=1.0
        Size of the streams, in units of (60 kpc km/s, 1500 km2/s2, 60 kpc km/s), close to the
        tightest of the real groups (74, 1839 and 55; group 6).
    seed_fraction : float, default=0.5
        Share of each known group that `partial_target` gives away, at least one star of each.
    errors : array-like of shape (3,), default=None
        Standard deviations of Gaussian measurement errors on Lz [kpc km/s], Energy [km2/s2] and
        Lperp [kpc km/s], added to what the measured spreads of the groups hold already.
    random_state : int, RandomState instance or None, default=None
        Seeds every draw and the order of the rows.
    as_frame : bool, default=False
        Give `data` and the columns with a row per star as pandas objects.
    return_X_y : bool, default=False
        Return ``(data, partial_target)`` in place of the Bunch.

    Returns
    -------
    halo : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (n_stars, 3) or DataFrame
            Lz [kpc km/s] (prograde is positive), Energy [km2/s2], Lperp [kpc km/s].
        target : ndarray of shape (n_stars,) or Series
            The truth: label of the known group; 16 and up for novel streams; -1 for the field.
        partial_target : ndarray of shape (n_stars,) or Series
            What a fit may see: the label of a seed star, else -1.
        judged : ndarray of bool of shape (n_stars,) or Series
            Stars judged to belong to no group.
        source_id : ndarray of int64 of shape (n_stars,) or Series
            Unique made-up names of the stars.
        centroids : dict of int to ndarray of shape (3,)
            Centre that each group and stream was drawn around. It is part of the truth: to start a
            fit from it leaks what is held out.
        target_names : dict of int to str
            What each label in `target` stands for.
        feature_names, units : list and dict
            Names of the columns of `data`, and their units.
        frame : DataFrame or None
            Everything with a row per star in one table, if `as_frame`.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If a parameter is out of range, `group_sizes` names an unknown group, `errors` is not three
        numbers that are not negative, or so many or so wide streams are asked for that they cannot
        lie apart.

    See Also
    --------
    load_rr_lyrae : The real catalogue, where you have it.

    Notes
    -----
    Time and memory are linear in the number of stars. Novel streams are placed at random on
    orbits of high angular momentum, off the crowded inner halo and away from the known groups.

    References
    ----------
    .. [1] Monti et al. (2026), "CLiMB: A Domain-Informed Novelty Detection Clustering Framework
       for Galactic Archaeology and Scientific Discovery",
       https://doi.org/10.48550/arXiv.2601.09768
    .. [2] McMillan (2017), "The mass distribution and gravitational potential of the Milky Way",
       MNRAS 465, 76, https://doi.org/10.1093/mnras/stw2759

    Examples
    --------
    >>> from climbkit.datasets import make_halo
    >>> halo = make_halo(random_state=0)
    >>> halo.data.shape
    (5000, 3)
    >>> int((halo.target == 10).sum()), int((halo.partial_target == 10).sum())
    (350, 175)
    """
    rng = check_random_state(random_state)
    sizes = _check_group_sizes(group_sizes)
    errors = _check_errors(errors)
    shapes = {label: GROUP_SHAPES[label] for label in sizes}
    names = {UNLABELLED: "field"} | {label: KNOWN_NAMES[label] for label in sizes}
    known = list(sizes)
    streams = place_streams(n_novel, novel_spread, list(GROUP_SHAPES.values()), rng)
    for label, stream in enumerate(streams, start=max(GROUP_SHAPES) + 1):
        shapes[label], sizes[label] = stream, novel_size
        names[label] = f"novel stream {label - max(GROUP_SHAPES)}"
    if not (sizes or n_judged or n_field):
        raise ValueError("group_sizes, n_novel, n_judged and n_field ask for no star at all")

    parts = [draw_group(shapes[label], size, rng) for label, size in sizes.items()]
    parts += [draw_halo(n_judged, rng), draw_field(n_field, rng)]
    data = np.vstack(parts)
    target = np.full(len(data), UNLABELLED, dtype=np.int64)
    n_grouped = sum(sizes.values())
    target[:n_grouped] = np.repeat(list(sizes), list(sizes.values()))
    judged = np.zeros(len(data), dtype=bool)
    judged[n_grouped : n_grouped + n_judged] = True
    if errors is not None:
        data += rng.normal(size=data.shape) * errors
        data[:, 2] = np.abs(data[:, 2])  # Lperp is a length

    order = rng.permutation(len(data))
    data, target, judged = data[order], target[order], judged[order]
    columns = {
        "source_id": _draw_ids(len(data), rng),
        "target": target,
        "partial_target": _draw_seeds(target, known, seed_fraction, rng),
        "judged": judged,
    }
    return build_bunch(
        data,
        columns,
        y_name="partial_target",
        as_frame=as_frame,
        return_X_y=return_X_y,
        centroids={label: np.array(shape.centre) for label, shape in shapes.items()},
        target_names=names,
        DESCR=_DESCR.format(
            n=len(data),
            n_known=n_grouped - n_novel * novel_size,
            n_groups=len(known),
            n_novel=n_novel * novel_size,
            n_field=n_field + n_judged,
            n_judged=n_judged,
        ),
    )


def _check_group_sizes(group_sizes):
    """Give the size of each group by label, in the published order."""
    if not isinstance(group_sizes, dict):
        return {label: max(1, round(size * group_sizes)) for label, size in GROUP_SIZES.items()}
    unknown = sorted(set(group_sizes) - set(GROUP_SIZES), key=str)
    if unknown:
        raise ValueError(
            f"group_sizes names the groups {unknown}; the known ones are {sorted(GROUP_SIZES)}"
        )
    for label, size in group_sizes.items():
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise ValueError(f"group_sizes[{label}] must be an int of at least 1, got {size!r}")
    return {label: int(group_sizes[label]) for label in GROUP_SIZES if label in group_sizes}


def _check_errors(errors):
    if errors is None:
        return None
    errors = np.asarray(errors, dtype=float)
    if errors.shape != (3,) or not np.all(np.isfinite(errors)) or np.any(errors < 0):
        raise ValueError(
            "errors must be three finite numbers that are not negative, for Lz, Energy and Lperp; "
            f"got {errors.tolist()}"
        )
    return errors


def _draw_seeds(target, labels, seed_fraction, rng):
    """Give away a share of each known group."""
    partial = np.full(len(target), UNLABELLED, dtype=np.int64)
    for label in labels:
        members = np.flatnonzero(target == label)
        n_seeds = max(1, int(len(members) * seed_fraction))
        partial[rng.choice(members, size=n_seeds, replace=False)] = label
    return partial


def _draw_ids(n, rng):
    """Draw `n` different ids in the range of Gaia's largest."""
    ids = np.unique(rng.randint(*_ID_RANGE, size=n, dtype=np.int64))
    while len(ids) < n:
        more = rng.randint(*_ID_RANGE, size=n - len(ids), dtype=np.int64)
        ids = np.unique(np.concatenate([ids, more]))
    return rng.permutation(ids)
