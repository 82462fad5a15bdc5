"""What every tile can be asked, and every tiling: cells of the sky that stars belong to."""

import math

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import validate_parameter_constraints

from climbkit.base import BuilderMixin
from climbkit.survey._frames import FULL_CIRCLE, POLE

#: Numbers of tiles that do not exist: of an empty cell, and outside of the region that is cut.
NOT_SEARCHED, OUTSIDE = -1, -2


class Tile:
    """One cell of the sky; see `Tiling.tiles`.

    Attributes
    ----------
    key : str
        Unambiguous name, the same in every run with the same tiling.
    side : float
        Size of the cell, degrees.
    centre : tuple of two floats
        Longitude and latitude, degrees.
    """

    def owns(self, longitude, latitude):
        """Return whether positions belong to this cell; each belongs to one cell at most.

        Parameters
        ----------
        longitude, latitude : ndarray of shape (n,)
            Degrees.

        Returns
        -------
        inside : ndarray of shape (n,), dtype bool
            True inside of the cell.
        """
        raise NotImplementedError

    def distance(self, longitude, latitude):
        """Return the angle on the sphere from positions to the cell.

        Parameters
        ----------
        longitude, latitude : ndarray of shape (n,)
            Degrees.

        Returns
        -------
        distance : ndarray of shape (n,)
            Degrees, 0 inside.
        """
        raise NotImplementedError

    def box(self, margin):
        """Return a box in longitude and latitude around all that is within a margin of the cell.

        Parameters
        ----------
        margin : float
            Degrees.

        Returns
        -------
        west, width : float
            Lower longitude and width, degrees; 360 wide where a pole is within.
        south, north : float
            Latitudes, degrees.
        """
        raise NotImplementedError

    @classmethod
    def locate(cls, tiles, longitude, latitude):
        """Return which of the tiles of one tiling owns each position.

        Parameters
        ----------
        tiles : list of Tile
            As of one call of `Tiling.tiles`, at least one.
        longitude, latitude : ndarray of shape (n,)
            Degrees.

        Returns
        -------
        number : ndarray of shape (n,), dtype int64
            Place in the list; `NOT_SEARCHED` in a cell that no tile is for, since it holds no
            star; `OUTSIDE` beyond the borders of a region, or of a list of pixels, that was given.
        """
        raise NotImplementedError

    def core_and_margin(self, longitude, latitude, margin):
        """Return which positions are in the cell and which are around it.

        Parameters
        ----------
        longitude, latitude : ndarray of shape (n,)
            Degrees.
        margin : float
            Degrees.

        Returns
        -------
        core, around : ndarray of shape (n,), dtype bool
            In the cell; outside but within the margin.
        """
        longitude, latitude = np.asarray(longitude), np.asarray(latitude)
        core = self.owns(longitude, latitude)
        around = np.zeros(len(core), dtype=bool)
        if margin > 0:
            outside = np.flatnonzero(~core)
            around[outside] = self.distance(longitude[outside], latitude[outside]) <= margin
        return core, around


class Tiling(BuilderMixin, BaseEstimator):
    """Base of the tilings: parameters like an estimator's, and `tiles`."""

    def tiles(self, longitude, latitude):
        """Cut the region that stars cover into tiles.

        Parameters
        ----------
        longitude, latitude : ndarray of shape (n_stars,)
            Degrees, finite.

        Returns
        -------
        tiles : list of Tile
            Those that hold a star, in an order that does not depend on that of the stars.
        counts : ndarray of shape (n_tiles,), dtype int64
            Stars in the core of each.
        """
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        return self._tiles(np.asarray(longitude, float), np.asarray(latitude, float))

    def split(self, longitude, latitude, margin=0.0):
        """Yield each tile with the rows of its core and of its margin.

        Parameters
        ----------
        longitude, latitude : array-like of shape (n_stars,)
            Degrees, finite.
        margin : float, default=0.0
            Degrees, on the sphere.

        Yields
        ------
        tile : Tile
            Its ``key``, ``side``, ``centre`` and ``owns``.
        core, around : ndarray of int64
            Row numbers, ascending.

        Notes
        -----
        Every tile looks at every star; `TiledHDBSCAN` finds the same rows by an index.
        """
        longitude, latitude = np.asarray(longitude, float), np.asarray(latitude, float)
        for tile in self.tiles(longitude, latitude)[0]:
            core, around = tile.core_and_margin(longitude, latitude, margin)
            yield tile, np.flatnonzero(core), np.flatnonzero(around)


def widened_box(west, width, south, north, margin):
    """Return the box around all that is within a margin of another box.

    Parameters
    ----------
    west, width, south, north, margin : float
        Degrees.

    Returns
    -------
    west, width, south, north : float
        Degrees; 360 wide where a pole is within.
    """
    low, high = max(south - margin, -POLE), min(north + margin, POLE)
    highest = math.radians(max(abs(south), abs(north)))
    reach = math.sin(math.radians(min(margin, POLE)))
    if reach >= math.cos(highest) or margin >= POLE:
        return 0.0, FULL_CIRCLE, low, high
    # A circle of radius r about latitude b reaches asin(sin r / cos b) in longitude.
    beside = math.degrees(math.asin(reach / math.cos(highest)))
    return west - beside, min(width + 2 * beside, FULL_CIRCLE), low, high
