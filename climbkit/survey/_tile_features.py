"""The stars of one tile, as rows of features in its frame and on its scale."""

import numpy as np
from sklearn.base import clone

from climbkit.survey._frames import TangentPlane, unwrap


def stars_of(field, tile, settings):
    """Return the positions of the stars that a tile searches, and how many are in its core.

    Parameters
    ----------
    field : StarField
        Stars.
    tile : Tile
        The tile.
    settings : TileSettings
        With the margin.

    Returns
    -------
    positions : ndarray of int
        Ascending, so that the order is that of the sky; with ``mst="hdbscan"``, whose answer
        depends on it, in the order of the table.
    n_core : int
        Stars in the tile itself.
    """
    near = field.within(*tile.box(settings.margin))
    core, around = tile.core_and_margin(
        field.longitude[near], field.latitude[near], settings.margin
    )
    positions = near[core | around]
    if settings.mst == "hdbscan":
        positions = positions[np.argsort(field.rows[positions])]
    return positions, int(core.sum())


def tile_features(field, positions, tile, settings):
    """Return positions and features of stars in the frame of a tile.

    Parameters
    ----------
    field : StarField
        Stars.
    positions : ndarray of int
        Which of them.
    tile : Tile
        The tile.
    settings : TileSettings
        With the frame.

    Returns
    -------
    columns : ndarray of shape (2 + n_features, n_chosen)
        Two coordinates in degrees, then the features.
    """
    columns = np.empty((2 + len(field.values), len(positions)))
    columns[2:] = field.values[:, positions]
    if not settings.tangent:
        columns[0] = unwrap(field.longitude[positions], tile.centre[0])
        columns[1] = field.latitude[positions]
        return columns
    plane = TangentPlane(*tile.centre, field.vectors[:, positions])
    columns[0], columns[1] = plane.positions()
    for number, (i, j) in enumerate(settings.motions):
        own = field.motions[3 * number : 3 * number + 3, positions]
        columns[2 + i], columns[2 + j] = plane.motions(own)
    return columns


def scaled(columns, scaler):
    """Scale the features of a tile.

    Parameters
    ----------
    columns : ndarray of shape (n_features, n_stars)
        As of `tile_features`.
    scaler : transformer or None
        Fitted on the stars of the tile; None: mean 0 and standard deviation 1, where constant
        columns are only centred.

    Returns
    -------
    X : ndarray of shape (n_stars, n_features)
        C-contiguous.
    transform : callable
        Scales other stars in the same way.
    """
    if scaler is not None:
        scaler = clone(scaler)
        X = np.ascontiguousarray(scaler.fit_transform(columns.T), dtype=np.float64)
        return X, lambda others: np.ascontiguousarray(scaler.transform(others.T), dtype=np.float64)
    mean = columns.mean(axis=1)
    deviation = columns.std(axis=1)
    # What rounding leaves of a constant column is no deviation (as in sklearn's StandardScaler).
    n, eps = columns.shape[1], np.finfo(np.float64).eps
    deviation[deviation**2 <= n * eps * deviation**2 + (n * mean * eps) ** 2] = 1.0

    def transform(others):
        return np.ascontiguousarray(((others - mean[:, None]) / deviation[:, None]).T)

    return transform(columns), transform
