"""Squares over a region of the sky."""

import math
from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from climbkit.survey._frames import FULL_CIRCLE, POLE, longitude_span, separation, unwrap, wrap
from climbkit.survey._healpix_tiling import HealpixTiling
from climbkit.survey._tile import NOT_SEARCHED, OUTSIDE, Tile, Tiling, widened_box

__all__ = ["HealpixTiling", "SquareTiling"]

# A region of 10.0000000001 deg is cut like one of 10 deg.
_SLACK = 1e-9


class SquareTiling(Tiling):
    """Squares in longitude and latitude.

    Parameters
    ----------
    side : float, default=None
        Side of the squares, degrees. None: `TiledHDBSCAN` fills in each of its ``tile_sides``.

    grid : {"sky", "plane"}, default="sky"
        ``"sky"``: rows of equal height and cells of equal width, as near to `side` on the sky as
        divides the region, so that cells at high latitude span more longitude and none is a
        sliver. ``"plane"``: the published grid, squares in the coordinates themselves from the
        lower corner of the region on; what is left over at the upper edges is smaller.

    region : tuple of four floats, default=None
        Lowest and highest longitude and lowest and highest latitude, degrees. The first may be
        larger than the second, where the region runs through 0. Stars outside of it belong to no
        tile, though to margins. None: the smallest box around the stars.

    Notes
    -----
    Cells are half-open: a star on a border belongs to the cell above it. The upper edges of the
    region belong to the last cells.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.survey import SquareTiling
    >>> l, b = np.array([359.2, 0.1, 0.9]), np.array([3.0, 3.2, 4.0])
    >>> tiles, counts = SquareTiling(side=1.0).tiles(l, b)
    >>> print([tile.key for tile in tiles], counts.tolist())
    ['sky-1-000-000', 'sky-1-000-001'] [1, 2]
    """

    _parameter_constraints = {
        "side": [Interval(Real, 0, FULL_CIRCLE, closed="right"), None],
        "grid": [StrOptions({"sky", "plane"})],
        "region": [tuple, list, None],
    }

    def __init__(self, side=None, *, grid="sky", region=None):
        self.side = side
        self.grid = grid
        self.region = region

    def _tiles(self, longitude, latitude):
        if self.side is None:
            raise ValueError("SquareTiling needs a side (degrees), e.g. SquareTiling(side=1.0).")
        if len(longitude) == 0:
            return [], np.empty(0, dtype=np.int64)
        grid = SquareGrid(self, longitude, latitude)
        cell = grid.cell_of(longitude, latitude)
        found, counts = np.unique(cell[cell >= 0], return_counts=True)
        return [SquareTile(grid, int(number)) for number in found], counts.astype(np.int64)


class SquareGrid:
    """The cells of a `SquareTiling` over a region, numbered from the lower corner on.

    Parameters
    ----------
    tiling : SquareTiling
        With a side.
    longitude, latitude : ndarray of shape (n_stars,)
        Stars that give the region where the tiling has none, degrees.
    """

    def __init__(self, tiling, longitude, latitude):
        self.side = float(tiling.side)
        self.grid = tiling.grid
        # A region that was given ends at its borders. One around the stars does not: the mean
        # direction of stars along a parallel lies beyond it, and must be owned by somebody.
        self.closed = tiling.region is not None
        if self.closed:
            self.west, self.width, self.south, self.north = _checked_region(tiling.region)
        else:
            self.west, self.width = longitude_span(longitude)
            self.south, self.north = float(latitude.min()), float(latitude.max())
        height = self.north - self.south
        if self.grid == "plane":
            n_rows = _pieces(height, self.side)
            self.row_height = self.side
            self.n_columns = np.full(n_rows, _pieces(self.width, self.side))
            self.cell_width = np.full(n_rows, self.side)
        else:
            n_rows = _nearest_pieces(height, self.side)
            self.row_height = height / n_rows or self.side
            borders = self.south + self.row_height * np.arange(n_rows + 1)
            # The parallel nearest to the equator is the longest of a row.
            crosses = (borders[:-1] < 0) & (borders[1:] > 0)
            lowest = np.where(crosses, 0.0, np.minimum(abs(borders[:-1]), abs(borders[1:])))
            lengths = self.width * np.cos(np.radians(lowest))
            self.n_columns = np.array([_nearest_pieces(length, self.side) for length in lengths])
            self.cell_width = np.where(self.width > 0, self.width / self.n_columns, self.side)
        self.first_cell = np.concatenate([[0], np.cumsum(self.n_columns)])

    def cell_of(self, longitude, latitude):
        """Return the number of the cell of each position, -1 outside of a region that ends."""
        row = np.floor((latitude - self.south) / self.row_height)
        row = np.clip(row, 0, len(self.n_columns) - 1).astype(np.int64)
        # Positions beside the region count from the border that they are nearer to.
        along = unwrap(longitude, self.west + self.width / 2) - self.west
        column = np.floor(along / self.cell_width[row])
        column = np.clip(column, 0, self.n_columns[row] - 1).astype(np.int64)
        cell = self.first_cell[row] + column
        if self.closed:
            outside = (latitude < self.south) | (latitude > self.north)
            outside |= (along < 0) | (along > self.width)
            cell[outside] = -1
        return cell

    def place(self, number):
        """Return row, column, west, width, south and north (degrees) of a cell."""
        row = int(np.searchsorted(self.first_cell, number, side="right") - 1)
        column = number - int(self.first_cell[row])
        west = column * float(self.cell_width[row])
        width = min(float(self.cell_width[row]), max(self.width - west, 0.0)) or self.side
        south = self.south + row * self.row_height
        north = min(south + self.row_height, max(self.north, south))
        return row, column, float(wrap(np.float64(self.west + west))), width, south, north


class SquareTile(Tile):
    """One cell of a `SquareGrid`."""

    def __init__(self, grid, number):
        self._grid, self._number = grid, number
        row, column, self.west, self.width, self.south, self.north = grid.place(number)
        self.side = grid.side
        self.key = f"{grid.grid}-{grid.side:.10g}-{row:03d}-{column:03d}"
        middle = float(wrap(np.float64(self.west + self.width / 2)))
        self.centre = (middle, (self.south + self.north) / 2)

    def owns(self, longitude, latitude):
        """Return whether positions belong to this cell; see `Tile`."""
        return self._grid.cell_of(longitude, latitude) == self._number

    @classmethod
    def locate(cls, tiles, longitude, latitude):
        """Return which of the tiles of one tiling owns each position; see `Tile`."""
        numbers = np.array([tile._number for tile in tiles])
        order = np.argsort(numbers)
        cell = tiles[0]._grid.cell_of(longitude, latitude)
        place = order[np.clip(np.searchsorted(numbers[order], cell), 0, len(numbers) - 1)]
        found = np.where(numbers[place] == cell, place, NOT_SEARCHED)
        return np.where(cell < 0, OUTSIDE, found)

    def distance(self, longitude, latitude):
        """Return the angle on the sphere from positions to the cell; see `Tile`.

        Notes
        -----
        Above and below the cell the nearest point is at the same longitude. Beside it, it lies on
        the nearer meridian, at the foot of the perpendicular, or at the end that is next to the
        foot; which holds for distances below 90 deg, and larger ones come out larger than that.
        """
        latitude = np.asarray(latitude, dtype=np.float64)
        away = np.abs(
            unwrap(np.asarray(longitude, dtype=np.float64), self.centre[0]) - self.centre[0]
        )
        nearest = np.maximum(np.maximum(self.south - latitude, latitude - self.north), 0.0)
        beside = np.flatnonzero(away > self.width / 2)
        step, lat = np.radians(away[beside] - self.width / 2), np.radians(latitude[beside])
        foot = np.degrees(np.arctan2(np.sin(lat), np.cos(lat) * np.cos(step)))
        point = np.clip(foot, self.south, self.north)
        nearest[beside] = separation(np.degrees(step), latitude[beside], 0.0, point)
        return nearest

    def box(self, margin):
        """Return a box around all that is within a margin of the cell; see `Tile`."""
        return widened_box(self.west, self.width, self.south, self.north, margin)


def _checked_region(region):
    """West, width, south and north of a region, or an error that says what is allowed."""
    try:
        west, east, south, north = (float(value) for value in region)
    except (TypeError, ValueError):
        raise ValueError(
            f"region must be four numbers: lowest and highest longitude, lowest and highest "
            f"latitude (degrees); got {region!r}."
        ) from None
    if not (-POLE <= south < north <= POLE):
        raise ValueError(f"region must have -90 <= lowest < highest latitude <= 90; got {region}.")
    if not abs(east - west) <= FULL_CIRCLE or east == west:
        raise ValueError(f"region must be more than 0 and at most 360 deg wide; got {region}.")
    width = east - west if east > west else east - west + FULL_CIRCLE
    return float(wrap(np.float64(west))), width, south, north


def _pieces(length, side):
    return max(1, math.ceil(length / side * (1 - _SLACK)))


def _nearest_pieces(length, side):
    return max(1, round(length / side))
