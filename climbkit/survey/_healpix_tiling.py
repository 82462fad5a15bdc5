"""HEALPix pixels as tiles: of one order, of the orders that the density asks for, or as given."""

from functools import cached_property
from numbers import Integral

import numpy as np
from scipy.spatial import cKDTree
from sklearn.utils._param_validation import Interval

from climbkit._optional import import_optional
from climbkit.survey._frames import FULL_CIRCLE, POLE, longitude_span, unit_vectors
from climbkit.survey._tile import NOT_SEARCHED, OUTSIDE, Tile, Tiling, widened_box

N_BASE_PIXELS = 12
#: Finest pixels that are cut, 51 arcsec across: far below any margin.
FINEST_ORDER = 12
# Order of the indices that stars are told apart by, the finest of 64 bits, as in HATS.
_INDEX_ORDER = 29
SPHERE = 4 * np.pi * (180 / np.pi) ** 2  # deg2

# Borders of pixels are followed by great circles of this length at most (deg), and four a side at
# least. They bend most next to a pole; half a degree from it such a step is off by 0.4 arcsec.
_STEP = 0.02
_LEAST_STEPS = 4


class HealpixTiling(Tiling):
    """HEALPix pixels (nested), split until none holds too many stars.

    Parameters
    ----------
    max_stars : int, default=20000
        A pixel is split in four while it holds more stars than this. None never splits.

    order : int, default=None
        Order of the coarsest pixels; one of order k is 58.6 / 2**k deg across. None starts from
        the twelve base pixels.

    pixels : list of pairs of int, default=None
        The tiles themselves, as (order, nested index), such as the partitions of a HATS
        catalogue; they must not overlap. The other two parameters are not used. Stars outside of
        them belong to no tile, though to margins.

    Notes
    -----
    Needs astropy-healpix (``pip install climbkit[survey]``). Catalogues in HATS format are cut by
    equatorial pixels: search them with ``coordinates=("ra", "dec")``.

    References
    ----------
    Górski, K. M. et al. 2005, HEALPix: A framework for high-resolution discretization and fast
    analysis of data distributed on the sphere, ApJ 622, 759. https://doi.org/10.1086/427976

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.survey import HealpixTiling
    >>> rng = np.random.default_rng(0)
    >>> ra, dec = rng.uniform(40, 50, 1000), rng.uniform(-5, 5, 1000)
    >>> tiles, counts = HealpixTiling(max_stars=400).tiles(ra, dec)
    >>> int(counts.max()) <= 400, int(counts.sum())
    (True, 1000)
    """

    _parameter_constraints = {
        "max_stars": [Interval(Integral, 1, None, closed="left"), None],
        "order": [Interval(Integral, 0, FINEST_ORDER, closed="both"), None],
        "pixels": [list, tuple, np.ndarray, None],
    }

    def __init__(self, max_stars=20_000, *, order=None, pixels=None):
        self.max_stars = max_stars
        self.order = order
        self.pixels = pixels

    def _tiles(self, longitude, latitude):
        inside = np.sort(pixel_of(longitude, latitude, _INDEX_ORDER))
        if self.pixels is None:
            first = self.order or 0
            coarsest = np.unique(inside >> 2 * (_INDEX_ORDER - first))
            pixels = [(first, int(pixel)) for pixel in coarsest]
        else:
            pixels = _checked_pixels(self.pixels)
        # In the order of their stars, which is that along the nested curve.
        found = sorted(self._split(pixels, inside))
        given = self.pixels is not None
        tiles = [HealpixTile(order, pixel, given=given) for _, _, order, pixel in found]
        return tiles, np.array([end - start for start, end, _, _ in found], dtype=np.int64)

    def _split(self, pixels, inside):
        """Yield (first star, last star, order, pixel) of what is left after splitting."""
        limit = np.inf if self.pixels is not None or self.max_stars is None else self.max_stars
        waiting = list(pixels)
        while waiting:
            order, pixel = waiting.pop()
            shift = 2 * (_INDEX_ORDER - order)
            start, end = np.searchsorted(inside, [pixel << shift, (pixel + 1) << shift]).tolist()
            if end - start > limit and order < FINEST_ORDER:
                waiting += [(order + 1, 4 * pixel + quarter) for quarter in range(4)]
            elif end > start:
                yield start, end, order, pixel


class HealpixTile(Tile):
    """One HEALPix pixel.

    Parameters
    ----------
    order, pixel : int
        Order and nested index.
    given : bool, default=True
        Whether the tiling consists of pixels that were given, so that it ends at their borders.
    """

    def __init__(self, order, pixel, *, given=True):
        self.order, self.pixel, self._given = order, pixel, given
        self.key = f"healpix-{order}-{pixel}"
        self.side = float(np.sqrt(SPHERE / (N_BASE_PIXELS * 4**order)))
        lon, lat = _healpix(order).healpix_to_lonlat([pixel])
        self.centre = (float(lon.deg[0]), float(lat.deg[0]))

    @cached_property
    def _border(self):
        """Longitudes and latitudes of points around the pixel, in order."""
        steps = max(_LEAST_STEPS, int(np.ceil(self.side / _STEP)))
        lon, lat = _healpix(self.order).boundaries_lonlat([self.pixel], steps)
        return np.asarray(lon.deg[0]), np.asarray(lat.deg[0])

    def owns(self, longitude, latitude):
        """Return whether positions belong to this pixel; see `Tile`."""
        return pixel_of(longitude, latitude, self.order) == self.pixel

    @classmethod
    def locate(cls, tiles, longitude, latitude):
        """Return which of the tiles of one tiling owns each position; see `Tile`."""
        found = np.full(len(longitude), OUTSIDE if tiles[0]._given else NOT_SEARCHED)
        orders = np.array([tile.order for tile in tiles])
        for order in np.unique(orders):
            numbers = np.flatnonzero(orders == order)
            pixels = np.array([tiles[number].pixel for number in numbers])
            numbers, pixels = numbers[np.argsort(pixels)], np.sort(pixels)
            there = pixel_of(longitude, latitude, int(order))
            place = np.clip(np.searchsorted(pixels, there), 0, len(pixels) - 1)
            found = np.where(pixels[place] == there, numbers[place], found)
        return found

    def distance(self, longitude, latitude):
        """Return the angle on the sphere from positions to the pixel; see `Tile`.

        Notes
        -----
        The distance to the two great-circle arcs at the nearest of many points of the border,
        which differs from that to the border by less than an arcsecond.
        """
        nearest = np.zeros(len(longitude))
        outside = np.flatnonzero(~self.owns(longitude, latitude))
        ends = unit_vectors(*self._border).T
        stars = unit_vectors(longitude[outside], latitude[outside]).T
        chord, end = cKDTree(ends).query(stars)
        before, after = ends[end - 1], ends[(end + 1) % len(ends)]
        angle = 2 * np.arcsin(np.minimum(chord / 2, 1))
        for other in (before, after):
            np.minimum(angle, _to_arc(stars, ends[end], other, angle), out=angle)
        nearest[outside] = np.degrees(angle)
        return nearest

    def box(self, margin):
        """Return a box around all that is within a margin of the pixel; see `Tile`."""
        lon, lat = self._border
        # The border between two of its points may bulge by what a step may be off.
        slack = min(_STEP, self.side / _LEAST_STEPS)
        south, north = float(lat.min()) - slack, float(lat.max()) + slack
        if max(north, -south) + margin >= POLE:
            return 0.0, FULL_CIRCLE, max(south - margin, -POLE), min(north + margin, POLE)
        west, width = longitude_span(lon)
        return widened_box(west, width, south, north, margin + slack)


def pixel_of(longitude, latitude, order):
    """Return the nested index of the pixel of each position.

    Parameters
    ----------
    longitude, latitude : ndarray of shape (n,)
        Degrees.
    order : int
        Order of the pixels.

    Returns
    -------
    pixel : ndarray of shape (n,), dtype int64
        Nested index.
    """
    units = import_optional("astropy.units", "survey")
    # Of the finest index, so that a star on a border is in the same pixel at every order.
    index = _healpix(_INDEX_ORDER).lonlat_to_healpix(longitude * units.deg, latitude * units.deg)
    return np.asarray(index, dtype=np.int64) >> 2 * (_INDEX_ORDER - order)


def _healpix(order):
    healpix = import_optional("astropy_healpix", "survey")
    return healpix.HEALPix(nside=2**order, order="nested")


def _to_arc(stars, starts, ends, elsewhere):
    """Angle of each star from its great-circle arc, where the foot of the perpendicular is on it.

    That is where the star is between the planes that stand on the ends of the arc. All are unit
    vectors in rows; what is not between gets the values of `elsewhere`.
    """
    normals = np.cross(starts, ends)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    between = np.einsum("ij,ij->i", stars, np.cross(normals, starts)) >= 0
    between &= np.einsum("ij,ij->i", stars, np.cross(ends, normals)) >= 0
    across = np.abs(np.arcsin(np.clip(np.einsum("ij,ij->i", stars, normals), -1, 1)))
    return np.where(between, across, elsewhere)


def _checked_pixels(pixels):
    """Pairs of int, after checking that they are pixels and that none contains another."""
    try:
        pairs = [(int(order), int(pixel)) for order, pixel in pixels]
    except (TypeError, ValueError):
        raise ValueError(
            f"pixels must be pairs (order, nested index) of whole numbers; got {pixels!r}."
        ) from None
    known = set(pairs)
    if len(known) < len(pairs):
        raise ValueError("pixels names a pixel twice.")
    for order, pixel in pairs:
        if not (0 <= order <= FINEST_ORDER and 0 <= pixel < N_BASE_PIXELS * 4**order):
            raise ValueError(
                f"pixels holds {(order, pixel)}; an order from 0 to {FINEST_ORDER} and an index "
                "below 12 * 4**order are allowed."
            )
        above = [(k, pixel >> 2 * (order - k)) for k in range(order)]
        if over := known.intersection(above):
            raise ValueError(f"pixels overlap: {(order, pixel)} lies in {sorted(over)[0]}.")
    return pairs
