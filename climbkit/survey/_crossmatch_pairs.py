"""Pairs of candidates and known objects that may be the same."""

import numpy as np
from scipy.spatial import cKDTree

from climbkit._optional import import_optional
from climbkit.survey._candidate_table import SKY_FRAMES
from climbkit.survey._catalogue_names import name_key
from climbkit.survey._catalogue_table import CATALOGUE_COLUMNS
from climbkit.survey._frames import motion_vectors, unit_vectors
from climbkit.survey._repetition_links import chord
from climbkit.survey._star_columns import numbers_in

# Standard errors of a candidate's mean by which it may differ from its object.
_MANY_SIGMA = 3.0
# Around a candidate, how far the density of known objects is counted, degrees: some times the usual
# radius of a match, and about the width of the plane of the Milky Way in open clusters.
_NEIGHBOURHOOD = 3.0
# Keeps the logarithm of what is left finite, for objects beyond that.
_ALMOST_NONE = 1e-12


class KnownObjects:
    """The objects of several catalogues, one after the other.

    Parameters
    ----------
    catalogues : list of Catalogue
        The most important type first.

    Attributes
    ----------
    table : DataFrame
        The objects with the column catalogue. Proper motions, parallaxes and aliases that one
        catalogue lacks are those of the first that has the same object.
    key : ndarray of int64
        Equal for one object in several catalogues.
    importance : ndarray of int64
        Number of the type, 0 for the most important.
    """

    def __init__(self, catalogues):
        import pandas as pd

        tables = [one.table.assign(catalogue=one.name) for one in catalogues]
        empty = pd.DataFrame({name: [] for name in (*CATALOGUE_COLUMNS, "catalogue")})
        self.table = pd.concat(tables, ignore_index=True) if tables else empty
        self.key = pd.factorize(self.table["name"].map(name_key))[0].astype(np.int64)
        self.importance = pd.factorize(self.table["type"])[0].astype(np.int64)
        place = (self.table[name].to_numpy(dtype=np.float64) for name in ("ra", "dec"))
        self._vectors = unit_vectors(*place).T
        self._share(["pmra", "pmdec"], ["parallax"], ["aliases"])

    def _share(self, *groups):
        for columns in groups:
            values = self.table[columns]
            known = (values.notna() & (values != "")).all(axis=1).to_numpy()
            rows = np.flatnonzero(known)[::-1]
            first = np.full(self.key.max(initial=-1) + 1, -1, dtype=np.int64)
            first[self.key[rows]] = rows  # the last one written is the first catalogue's
            lacking = np.flatnonzero(~known & (first[self.key] >= 0))
            source = first[self.key[lacking]]
            for column in columns:
                filled = self.table[column].to_numpy(copy=True)
                filled[lacking] = filled[source]
                self.table[column] = filled

    def pairs(self, vectors, radius):
        """Return the objects near each candidate.

        Parameters
        ----------
        vectors : ndarray of shape (n_candidates, 3)
            Unit vectors; not finite where there is no place.
        radius : float
            Degrees; objects with a larger tidal radius reach as far as that.

        Returns
        -------
        candidate, number : ndarray of int64
            Rows of the candidate and the object.
        separation : ndarray of float64
            Degrees.
        """
        rows = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        if len(rows) == 0 or len(self.table) == 0:
            none = np.empty(0, dtype=np.int64)
            return none, none, np.empty(0)
        places = self._vectors
        reach = np.fmax(self.table["tidal_radius"].to_numpy(dtype=np.float64), radius)
        # A little more than the reach, which the separation then decides.
        found = cKDTree(vectors[rows]).query_ball_point(places, chord(reach * 1.001 + 1e-9))
        number = np.repeat(np.arange(len(places)), [len(near) for near in found])
        candidate = rows[np.concatenate([np.asarray(near, dtype=np.int64) for near in found])]
        away = np.linalg.norm(vectors[candidate] - places[number], axis=1)
        separation = np.degrees(2.0 * np.arcsin(np.minimum(away / 2.0, 1.0)))
        near = separation <= reach[number]
        return candidate[near], number[near], separation[near]

    def choose(self, n, candidate, number, separation, tolerance):
        """Choose one object for each candidate.

        Parameters
        ----------
        n : int
            Number of candidates.
        candidate, number : ndarray of shape (n_pairs,), dtype int64
            Rows of candidates and objects.
        separation : ndarray of shape (n_pairs,)
            Degrees.
        tolerance : float
            Among objects that are at most this farther than the nearest one, the type decides.

        Returns
        -------
        chosen : ndarray of shape (n,), dtype int64
            Row of the object, -1 where there is none.
        away : ndarray of shape (n,)
            Separation from it, NaN where there is none.
        """
        importance, key = self.importance[number], self.key[number]
        # Of one object in several catalogues, the most important entry.
        order = np.lexsort((separation, number, importance, key, candidate))
        pairs = np.stack([candidate[order], key[order]])
        first = np.ones(len(order), dtype=bool)
        first[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
        kept = order[first]
        # An object is as near as the nearest of its entries.
        at = np.cumsum(first) - 1
        nearest = np.full(len(kept), np.inf)
        np.minimum.at(nearest, at, separation[order])
        least = np.full(n, np.inf)
        np.minimum.at(least, candidate[kept], nearest)
        tie = nearest <= least[candidate[kept]] + tolerance
        kept, nearest = kept[tie], nearest[tie]
        order = np.lexsort((number[kept], nearest, importance[kept], candidate[kept]))[::-1]
        chosen, away = np.full(n, -1, dtype=np.int64), np.full(n, np.nan)
        # The last one written is the best.
        chosen[candidate[kept[order]]] = number[kept[order]]
        away[candidate[kept[order]]] = separation[kept[order]]
        return chosen, away

    def chance(self, vectors, candidate, separation):
        """Return how likely an object would be as near by chance.

        Parameters
        ----------
        vectors : ndarray of shape (n_candidates, 3)
            Unit vectors of the candidates.
        candidate : ndarray of shape (n_pairs,), dtype int64
            Rows of candidates with a place.
        separation : ndarray of shape (n_pairs,)
            Degrees from an object.

        Returns
        -------
        chance : ndarray of shape (n_pairs,)
            If the objects around the candidate were strewn there at random.
        """
        if len(candidate) == 0:
            return np.empty(0)
        _, once = np.unique(self.key, return_index=True)
        tree = cKDTree(self._vectors[once])
        rows, which = np.unique(candidate, return_inverse=True)
        n = tree.query_ball_point(vectors[rows], chord(_NEIGHBOURHOOD), return_length=True)[which]
        part = 1.0 - np.cos(np.radians(separation))
        part /= 1.0 - np.cos(np.radians(_NEIGHBOURHOOD))
        return -np.expm1(n * np.log1p(-np.minimum(part, 1.0 - _ALMOST_NONE)))


def places_of(table):
    """Return the centres of candidates as unit vectors along the equatorial axes."""
    if {"ra", "dec"} <= set(table):
        return unit_vectors(numbers_in(table, "ra"), numbers_in(table, "dec")).T
    if not {"l", "b"} <= set(table):
        raise ValueError(
            f"candidates need the columns ra and dec, or l and b, of {SKY_FRAMES}; describe them "
            "by describe_candidates."
        )
    coordinates = import_optional("astropy.coordinates", "survey")
    lon, lat = numbers_in(table, "l"), numbers_in(table, "b")
    known = np.isfinite(lon) & np.isfinite(lat)
    vectors = np.full((len(table), 3), np.nan)
    place = coordinates.SkyCoord(lon[known], lat[known], unit="deg", frame="galactic").icrs
    vectors[known] = unit_vectors(place.ra.deg, place.dec.deg).T
    return vectors


def same_astrometry(table, known, candidate, number, *, motion, parallax):
    """Tell which pairs of candidate and object do not differ in what is known of both.

    Parameters
    ----------
    table, known : DataFrame
        Candidates and objects.
    candidate, number : ndarray of int64
        Pairs of their rows.
    motion, parallax : float or None
        Largest differences, mas/yr and mas; None does not ask.

    Returns
    -------
    same : ndarray of bool
        False where a difference is larger than this and than some standard errors.
    """
    same = np.ones(len(candidate), dtype=bool)
    if motion is not None and {"pmra", "pmdec"} <= set(table):
        ours = _motions(table, candidate)
        theirs = _motions(known, number)
        error = np.hypot(_error(table, "pmra", candidate), _error(table, "pmdec", candidate))
        same &= ~(np.linalg.norm(ours - theirs, axis=1) > np.maximum(motion, error))
    if parallax is not None and "parallax" in table:
        between = np.abs(
            numbers_in(table, "parallax")[candidate] - numbers_in(known, "parallax")[number]
        )
        same &= ~(between > np.maximum(parallax, _error(table, "parallax", candidate)))
    return same


def known_motions(table, known, candidate, number):
    """Tell for which pairs of candidate and object both proper motions are known."""
    if not {"pmra", "pmdec"} <= set(table):
        return np.zeros(len(candidate), dtype=bool)
    between = _motions(table, candidate) - _motions(known, number)
    return np.isfinite(between).all(axis=1)


def _motions(table, rows):
    """Proper motions in space, where there are ra and dec, else along their axes."""
    pm = [numbers_in(table, name)[rows] for name in ("pmra", "pmdec")]
    if {"ra", "dec"} <= set(table):
        lon, lat = (numbers_in(table, name)[rows] for name in ("ra", "dec"))
        return motion_vectors(*pm, lon, lat).T
    return np.stack([*pm, np.zeros(len(rows))], axis=1)


def _error(table, name, rows):
    """Some standard errors of a mean, 0 where they are not known."""
    if f"{name}_std" not in table:
        return np.zeros(len(rows))
    error = numbers_in(table, f"{name}_std")[rows] / np.sqrt(table["n_members"].to_numpy()[rows])
    return _MANY_SIGMA * np.nan_to_num(error)
