"""Names for candidates: the known objects that they are."""

import os
from numbers import Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from climbkit.survey._candidates import CandidateSet
from climbkit.survey._catalogue import Catalogue
from climbkit.survey._crossmatch_pairs import (
    KnownObjects,
    known_motions,
    places_of,
    same_astrometry,
)
from climbkit.survey._stage import CandidateStage

# Baloyi et al. 2025, degrees.
_PUBLISHED_RADIUS = 0.5
_UNMATCHED = "candidate"
# Part of the allowed differences within which a candidate agrees well with an object.
_CLOSE = 0.25


class CatalogueCrossmatch(CandidateStage):
    """Name candidates after the known objects that they are.

    Parameters
    ----------
    catalogues : list of Catalogue, Catalogue, str or path-like, default=None
        Known objects; those of the first type in the list are the most important. A text or path
        is a file with a type column, as for `Catalogue.read`. None: `Catalogue.default`. Only
        texts and None have a plain form for run files.

    radius : float, default=0.5
        Largest separation of a candidate from its object, degrees on the sphere. Where a catalogue
        has a tidal radius that is larger, that one.

    prefer : {"nearest", "type"}, default="nearest"
        - "nearest": the nearest object. Only among those that are at most `tolerance` farther than
          the nearest one, or that are the same object by name, the type decides.
        - "type": as published [1]_, the nearest object of the first type of which any lies within
          `radius`: a globular cluster at 0.45 deg before the open cluster right there.

    tolerance : float, default=0.1
        How far separations count as equal, degrees.

    max_proper_motion_difference : float, default=2.0
        Largest difference from an object whose proper motion is known, mas/yr; or three standard
        errors of the candidate's mean, where these are more. None: proper motions do not count.

    max_parallax_difference : float, default=0.5
        The same for parallaxes, mas.

    max_chance : float, default=0.3
        No object is given that would be as near by chance with a larger probability than this (see
        ``chance``), unless its proper motion is known and agrees. None: any may be.

    unique : bool, default=True
        Give an object to one candidate only, the best one; others are fragments or chance, and
        stay candidates. False: any number of candidates may have one name.

    best_by : str, default="persistence"
        Column of the candidates whose largest value is best; where it is missing or equal, the
        number of members, then the id, decides.

    Attributes
    ----------
    candidates_ : CandidateSet
        The candidates with the columns

        - ``name``: that of the object; ``"candidate 1"``, ``"candidate 2"``, … without, the best
          one first,
        - ``type``: that of the object, ``"candidate"`` without,
        - ``separation``: from the object, degrees; NaN without,
        - ``chance``: how likely an object would be as near if those within 3 deg were strewn at
          random; NaN without,
        - ``catalogue``: name of the catalogue, empty without,
        - ``aliases``: further names of the object,
        - ``nearest_object``: the object that a candidate would have, were it the best one; where it
          differs from ``name``, the candidate may be a fragment of it.

    catalogues_ : list of Catalogue
        What was used.

    See Also
    --------
    RepetitionMerger : Before, so that each cluster is one candidate.
    Catalogue : Known objects.

    Notes
    -----
    One object that stands in several catalogues ("Pal 5", "Palomar 5") is one: it has the name,
    type and position of the first that has it within reach, and the proper motion and parallax of
    the first that know any. Objects are looked up in a tree of unit vectors.

    Among candidates of one object those that agree with a quarter of the allowed differences come
    before others: a cluster before the field around it.

    In the plane of the Milky Way open clusters lie so close that some lies within 0.5 deg of most
    places. Hence `max_chance`, and the column ``chance``, which knows nothing of proper motions.

    References
    ----------
    .. [1] Baloyi et al. (2025), a search for globular clusters in Gaia DR3.

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey import CandidateSet
    >>> from climbkit.survey._catalogue import Catalogue
    >>> from climbkit.survey._crossmatch import CatalogueCrossmatch
    >>> known = pd.DataFrame({"name": ["NGC_2682"], "ra": [132.85], "dec": [11.81]})
    >>> known = Catalogue.from_table(known, type="open cluster")
    >>> table = pd.DataFrame({"ra": [150.0, 132.8], "dec": [2.0, 11.8], "persistence": [0.3, 0.2]})
    >>> found = CandidateSet(None, [0, 2, 4], [0, 1, 2, 3], table, member_source_id=[1, 2, 3, 4])
    >>> CatalogueCrossmatch(known).fit_transform(found).table[["name", "type", "separation"]]
              name          type  separation
    0  candidate 1     candidate         NaN
    1     NGC 2682  open cluster        0.05
    """

    _parameter_constraints = {
        "catalogues": [list, tuple, Catalogue, str, os.PathLike, None],
        "radius": [Interval(Real, 0, 180, closed="right")],
        "prefer": [StrOptions({"nearest", "type"})],
        "tolerance": [Interval(Real, 0, None, closed="left")],
        "max_proper_motion_difference": [Interval(Real, 0, None, closed="left"), None],
        "max_parallax_difference": [Interval(Real, 0, None, closed="left"), None],
        "max_chance": [Interval(Real, 0, 1, closed="both"), None],
        "unique": ["boolean"],
        "best_by": [str],
    }

    def __init__(
        self,
        catalogues=None,
        radius=0.5,
        *,
        prefer="nearest",
        tolerance=0.1,
        max_proper_motion_difference=2.0,
        max_parallax_difference=0.5,
        max_chance=0.3,
        unique=True,
        best_by="persistence",
    ):
        self.catalogues = catalogues
        self.radius = radius
        self.prefer = prefer
        self.tolerance = tolerance
        self.max_proper_motion_difference = max_proper_motion_difference
        self.max_parallax_difference = max_parallax_difference
        self.max_chance = max_chance
        self.unique = unique
        self.best_by = best_by

    @classmethod
    def published(cls, catalogues=None):
        """Return the published rule, by position alone and by type first.

        Parameters
        ----------
        catalogues : list of Catalogue, default=None
            Known objects.

        Returns
        -------
        crossmatch : CatalogueCrossmatch
            Not fitted. Separations are on the sphere.
        """
        return cls(
            catalogues,
            _PUBLISHED_RADIUS,
            prefer="type",
            max_proper_motion_difference=None,
            max_parallax_difference=None,
            max_chance=None,
            unique=False,
        )

    def _unfitted(self):
        return super()._unfitted().set_params(catalogues=self.catalogues_)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Name candidates.

        Parameters
        ----------
        X : CandidateSet
            Candidates whose table has ``ra`` and ``dec``, or ``l`` and ``b``, in degrees.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : CatalogueCrossmatch
            Fitted.

        Raises
        ------
        ImportError
            If the default is wanted and there are no catalogues.
        ValueError
            If a parameter is not allowed, or the candidates have no positions.
        """
        if not isinstance(X, CandidateSet):
            raise ValueError(f"X must be a CandidateSet; got {type(X).__name__}.")
        self.catalogues_ = _catalogues(self.catalogues)
        known = KnownObjects(self.catalogues_)
        table = X.table
        places = places_of(table)
        candidate, number, separation = known.pairs(places, self.radius)
        same = self._agree(table, known, candidate, number)
        if self.max_chance is not None:
            sure = known.chance(places, candidate, separation) <= self.max_chance
            sure |= known_motions(table, known.table, candidate, number) & self._agree(
                table, known, candidate, number, _CLOSE
            )
            same &= sure
        candidate, number, separation = candidate[same], number[same], separation[same]
        tolerance = self.tolerance if self.prefer == "nearest" else np.inf
        chosen, away = known.choose(len(table), candidate, number, separation, tolerance)
        named = self._named(X, known, chosen, away)
        away = named.table["separation"].to_numpy()
        rows = np.flatnonzero(np.isfinite(away))
        chance = np.full(len(table), np.nan)
        chance[rows] = known.chance(places, rows, away[rows])
        self.candidates_ = named.annotate(chance=chance)
        self._fitted = X
        return self

    def _agree(self, table, known, candidate, number, part=1.0):
        limits = {
            "motion": self.max_proper_motion_difference,
            "parallax": self.max_parallax_difference,
        }
        limits = {name: None if one is None else part * one for name, one in limits.items()}
        return same_astrometry(table, known.table, candidate, number, **limits)

    def _named(self, X, known, chosen, away):
        order = self._order(X.table)
        nearest = np.append(known.table["name"].to_numpy(dtype=object), "")[chosen]
        if self.unique:
            matched = order[chosen[order] >= 0]
            close = self._agree(X.table, known, matched, chosen[matched], _CLOSE)
            by_quality = matched[np.argsort(~close, kind="stable")]
            _, first = np.unique(known.key[chosen[by_quality]], return_index=True)
            lost = np.setdiff1d(by_quality, by_quality[first])
            chosen, away = chosen.copy(), away.copy()
            chosen[lost], away[lost] = -1, np.nan
        columns = {
            column: np.append(known.table[column].to_numpy(dtype=object), "")[chosen]
            for column in ("name", "type", "catalogue", "aliases")
        }
        unknown = order[chosen[order] < 0]
        columns["name"][unknown] = [f"{_UNMATCHED} {i + 1}" for i in range(len(unknown))]
        columns["type"][unknown] = _UNMATCHED
        texts = {column: np.asarray(values, dtype=str) for column, values in columns.items()}
        return X.annotate(
            name=texts["name"],
            type=texts["type"],
            catalogue=texts["catalogue"],
            aliases=texts["aliases"],
            nearest_object=np.asarray(nearest, dtype=str),
        ).annotate("separation", away, unit="deg")

    def _order(self, table):
        """Candidates from the best to the worst."""
        values = np.zeros(len(table))
        if self.best_by in table:
            values = table[self.best_by].to_numpy(dtype=np.float64, na_value=np.nan)
        values = np.where(np.isnan(values), -np.inf, values)
        ids = table["candidate_id"].to_numpy(dtype=object).astype(str)
        return np.lexsort((ids, -table["n_members"].to_numpy(), -values))


def _catalogues(given):
    if given is None:
        return Catalogue.default()
    if isinstance(given, Catalogue | str | os.PathLike):
        given = [given]
    catalogues = [
        Catalogue.read(one) if isinstance(one, str | os.PathLike) else one for one in given
    ]
    wrong = [type(one).__name__ for one in catalogues if not isinstance(one, Catalogue)]
    if wrong:
        raise ValueError(f"catalogues must hold Catalogue objects or paths; got {wrong[0]}.")
    return catalogues
