"""Usable stars as plain arrays, in an order of the sky, so that tiles find theirs quickly."""

import hashlib
from typing import NamedTuple

import numpy as np

from climbkit.survey._frames import FULL_CIRCLE, POLE, motion_vectors, unit_vectors, wrap

# Bands of latitude in which stars are ordered by longitude, deg. A tile and its margin touch
# between 2 and 40 of them; finer ones would cost more look-ups than they spare stars.
_BAND = 0.25
# Keys of different bands must not meet: longitudes are below 360.
_BAND_STEP = 512.0
# Boxes are widened by this much (deg), so that rounding in the keys hides no star.
_SLACK = 1e-9


class StarField(NamedTuple):
    """The usable stars of a table, ordered by band of latitude, then by longitude.

    The order follows from the values alone, whatever the order of the rows, and it is the same in
    any part of a field. Sums over the stars of a tile come out the same to the last bit.

    Attributes
    ----------
    longitude, latitude : ndarray of shape (n_stars,)
        Degrees, the longitude from 0 to 360.
    values : ndarray of shape (n_features, n_stars)
        Features, finite.
    vectors : ndarray of shape (3, n_stars)
        Positions, as of `unit_vectors`.
    motions : ndarray of shape (3 * n_motions, n_stars)
        Proper motions, as of `motion_vectors`, of each pair among the features.
    rows : ndarray of shape (n_stars,), dtype int32 or int64
        Row numbers in the table.
    keys : ndarray of shape (n_stars,)
        What the order goes by, ascending.
    positions : ndarray of shape (n_stars,) or None
        Where this is a part of another field: numbers of the stars there.
    """

    longitude: np.ndarray
    latitude: np.ndarray
    values: np.ndarray
    vectors: np.ndarray
    motions: np.ndarray
    rows: np.ndarray
    keys: np.ndarray
    positions: np.ndarray | None = None

    @classmethod
    def order(cls, longitude, latitude, values, rows, *, motions=(), ids=None):
        """Order stars.

        Parameters
        ----------
        longitude, latitude : ndarray of shape (n_stars,)
            Degrees, finite.
        values : ndarray of shape (n_features, n_stars)
            Features, finite.
        rows : ndarray of shape (n_stars,)
            Row numbers in the table.
        motions : list of pairs of int, default=()
            Features that are the two proper motions along the axes of the positions.
        ids : ndarray of shape (n_stars,), default=None
            What tells stars apart that agree in everything else.

        Returns
        -------
        field : StarField
            The stars.
        """
        longitude = wrap(longitude)
        keys = _band_of(latitude) * _BAND_STEP + longitude
        order = np.argsort(keys)
        keys = keys[order]
        tied = np.zeros(len(keys), dtype=bool)
        equal = keys[1:] == keys[:-1]
        tied[1:] |= equal
        tied[:-1] |= equal
        if tied.any():
            some = order[tied]
            by = [] if ids is None else [ids[some]]
            by += [*values[:, some], latitude[some], longitude[some], keys[tied]]
            order[tied] = some[np.lexsort(by)]
        small = len(keys) < np.iinfo(np.int32).max
        rows = rows[order].astype(np.int32 if small else np.int64)
        longitude, latitude, values = longitude[order], latitude[order], values[:, order]
        carried = np.empty((3 * len(motions), len(keys)))
        for number, pair in enumerate(motions):
            pm = (values[column] for column in pair)
            carried[3 * number : 3 * number + 3] = motion_vectors(*pm, longitude, latitude)
        vectors = unit_vectors(longitude, latitude)
        return cls(longitude, latitude, values, vectors, carried, rows, keys)

    def within(self, west, width, south, north):
        """Return the stars in a box, and perhaps some beside it, ascending.

        Parameters
        ----------
        west, width, south, north : float
            Degrees, as of `Tile.box`.

        Returns
        -------
        positions : ndarray of int64
            Their numbers in this field.
        """
        south, north = max(south - _SLACK, -POLE), min(north + _SLACK, POLE)
        bands = np.arange(_band_of(south), _band_of(north) + 1) * _BAND_STEP
        west, width = west % FULL_CIRCLE - _SLACK, width + 2 * _SLACK
        if width >= FULL_CIRCLE:
            stretches = [(0.0, FULL_CIRCLE)]
        elif west < 0:
            stretches = [(0.0, west + width), (west + FULL_CIRCLE, FULL_CIRCLE)]
        elif west + width > FULL_CIRCLE:
            stretches = [(0.0, west + width - FULL_CIRCLE), (west, FULL_CIRCLE)]
        else:
            stretches = [(west, west + width)]
        starts = np.stack([bands + low for low, _ in stretches], axis=1).ravel()
        ends = np.stack([bands + high for _, high in stretches], axis=1).ravel()
        starts = np.searchsorted(self.keys, starts, side="left")
        ends = np.searchsorted(self.keys, ends, side="right")
        return np.concatenate([np.arange(s, e) for s, e in zip(starts, ends, strict=True)])

    def part(self, positions):
        """Return some of the stars as a field of their own.

        Parameters
        ----------
        positions : ndarray of int
            Numbers of the stars, ascending.

        Returns
        -------
        field : StarField
            The part, which knows the numbers.
        """
        parts = (values[..., positions] for values in self[:-1])
        return StarField(*parts, positions.astype(self.rows.dtype))

    def fingerprint(self, *, ordered=False):
        """Return a hash of positions and features.

        Parameters
        ----------
        ordered : bool, default=False
            Whether the order of the rows counts too.

        Returns
        -------
        digest : str
            64 hexadecimal digits.
        """
        digest = hashlib.sha256(str(self.values.shape).encode())
        for values in (*self[:3], *([self.rows] if ordered else [])):
            digest.update(np.ascontiguousarray(values))
        return digest.hexdigest()

    def __len__(self):
        return len(self.keys)


def _band_of(latitude):
    return np.floor((latitude + POLE) / _BAND)
