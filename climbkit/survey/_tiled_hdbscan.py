"""HDBSCAN over a survey: many tiles, many scales, one set of candidates."""

import os
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from climbkit.base import NOISE, BuilderMixin
from climbkit.survey._checkpoint import Checkpoint
from climbkit.survey._frames import POLE
from climbkit.survey._star_columns import numbers_in, star_field, table_of
from climbkit.survey._tile import Tiling
from climbkit.survey._tile_joining import BY_CANDIDATE, candidate_set, join_tiles, tile_table
from climbkit.survey._tile_predicting import best_candidates, predict_members
from climbkit.survey._tile_runs import search_tiles
from climbkit.survey._tile_settings import identity_of, settings_of, tilings_of
from climbkit.survey._tiling import SquareTiling

# The published search: Baloyi et al. 2025.
_PUBLISHED_R50 = 0.20  # deg
_PUBLISHED_PERSISTENCE = 0.05


class TiledHDBSCAN(ClusterMixin, BuilderMixin, BaseEstimator):
    """Search a survey for overdensities at every scale, tile by tile.

    The region is cut into tiles, of several sizes one after the other. In each tile the stars are
    clustered by position, parallax and proper motion, at all minimum cluster sizes from one
    neighbour query (see `HDBSCANSweep`). Tiles look a margin beyond their borders, and a candidate
    belongs to the tile that owns its centre, so that no cluster is cut or counted twice.

    Parameters
    ----------
    tile_sides : sequence of float, default=(1, 2, 5)
        Sides of the tiles, degrees. Each is filled into the tilings that have no side of their
        own.

    min_cluster_sizes : sequence of int, default=(6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        Smallest numbers of stars in a cluster, each at least 2.

    tiling : SquareTiling, HealpixTiling or list of these, default=None
        How the sky is cut. None: `SquareTiling()`. A tiling that says by itself how large its
        tiles are, such as `HealpixTiling`, is used once, whatever `tile_sides`.

    margin : float, default=0.25
        How far a tile looks beyond its borders, degrees on the sphere. Clusters up to this radius
        are found whole wherever they lie. 0: tiles know nothing of each other, and cut what lies
        on their borders.

    frame : {"tangent", "raw"}, default="tangent"
        ``"tangent"``: positions and proper motions in an equal-area plane about the centre of the
        tile. ``"raw"``: longitude (unwrapped around the tile) and latitude as they are, as
        published, which shears and stretches tiles at high latitude.

    features : sequence of str, default=("parallax", "pmra", "pmdec")
        Columns to cluster by, beside the position. In the tangent frame, pmra and pmdec (or pml
        and pmb) are turned into the axes of the tile where both are there, whether they belong to
        the same system as the coordinates or not; alone, one stays as it is.

    coordinates : pair of str, default=None
        Columns of longitude and latitude, degrees. None: l and b, or ra and dec, whichever the
        table has.

    mask_column : str, default=None
        Column that is True for the stars to use, such as ``"quality"`` of `GaiaQualityMask`. None:
        all, unless `fit` is given a mask.

    scaler : transformer, default=None
        Scales the columns of each tile; any of scikit-learn. None: mean 0 and standard deviation
        1, where constant columns are only centred.

    min_samples : int, default=None
        Neighbour at which the core distance is taken. None: the minimum cluster size.

    cluster_selection_method : {"eom", "leaf"}, default="eom"
        Clusters of the largest excess of mass, or the leaves of the tree.

    cluster_selection_epsilon : float, default=0.0
        Clusters nearer to each other than this, in scaled units, are not split.

    allow_single_cluster : bool, default=False
        Whether a tile may hold one cluster alone. A globular cluster that fills its tile is found
        only so, or in a larger tile. Such a cluster gets its densest stars alone, as in
        `hdbscan.HDBSCAN`, or with `cluster_selection_epsilon` those that are linked within it.

    mst : {"canonical", "hdbscan"}, default="canonical"
        ``"canonical"``: exact and the same for every order of the rows. ``"hdbscan"``: what
        `hdbscan.HDBSCAN` gives, which depends on the order.

    max_r50 : float, default=None
        Keep candidates half of whose members lie nearer than this to the centre, degrees on the
        sphere. None: all.

    min_persistence : float, default=None
        Keep candidates that are more persistent than this. None: all.

    min_members, max_members : int, default=None
        Keep candidates with at least, and at most, so many members. None: all.

    n_jobs : int, default=None
        Tiles that are searched at a time, in threads; in processes or on Dask under a
        ``joblib.parallel_config`` that says so. The result does not depend on it. A tile is never
        divided, so set no other parallelism beside this.

    checkpoint : str or path-like, default=None
        Folder in which finished tiles are kept. A fit that was interrupted goes on from there;
        stars and parameters must be the same. None keeps nothing.

    verbose : int, default=0
        Above 0: show a progress bar, which counts stars.

    Attributes
    ----------
    candidates_ : CandidateSet
        What was found, by tiling, tile and minimum cluster size.

    labels_ : ndarray of shape (n_stars,), dtype int64
        Most persistent candidate of each star, as its number in `candidates_`; -1 for stars in
        none, and for those that were not used.

    tiles_ : DataFrame
        Key, side (degrees), n_stars in the tile, n_searched with its margin, n_candidates, and
        status: ``"searched"``, or ``"too few stars"`` where none can be a candidate.

    n_tiles_ : int
        Number of tiles.

    coordinates_ : tuple of two str
        Columns of longitude and latitude that were used.

    See Also
    --------
    climbkit.cluster.HDBSCANSweep : The search of one field.
    CandidateSet : What is found.
    SquareTiling, HealpixTiling : How the sky is cut.

    Notes
    -----
    Time is O(n log n) in the stars of a tile and linear in the number of tiles. With a margin w,
    tiles of side s search (1 + 2 w / s)**2 times the stars. Memory is that of the table, 100 bytes
    a star, 20 bytes a membership, and what the tiles under way need.

    The limits apply in each tile, before tiles are compared.

    Stars are taken in an order of the sky, not in that of the table, so that even the rounding of
    means is the same for every order of rows, division into tasks and number of jobs. With
    ``mst="hdbscan"`` the order of the table counts.

    References
    ----------
    Campello, R. J. G. B., Moulavi, D. & Sander, J. 2013, Density-based clustering based on
    hierarchical density estimates, PAKDD. https://doi.org/10.1007/978-3-642-37456-2_14

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from climbkit.survey import TiledHDBSCAN
    >>> rng = np.random.default_rng(0)
    >>> stars = pd.DataFrame(
    ...     rng.uniform([10, 0, 0, -5, -5], [12, 2, 1, 5, 5], (2000, 5)),
    ...     columns=["l", "b", "parallax", "pmra", "pmdec"],
    ... )
    >>> stars[:40] = rng.normal([11, 1, 0.5, 3, -2], 0.02, (40, 5))  # where tiles meet
    >>> search = TiledHDBSCAN(tile_sides=(1,), min_cluster_sizes=[10]).fit(stars)
    >>> best = search.candidates_.sort_values("persistence", ascending=False)[0]
    >>> print(best["l"].round(1), best["b"].round(1), np.unique(search.labels_[:40]).size)
    11.0 1.0 1
    """

    _parameter_constraints = {
        "tile_sides": ["array-like"],
        "min_cluster_sizes": ["array-like"],
        "tiling": [Tiling, list, tuple, None],
        "margin": [Interval(Real, 0, POLE, closed="left")],
        "frame": [StrOptions({"tangent", "raw"})],
        "features": ["array-like"],
        "coordinates": ["array-like", None],
        "mask_column": [str, None],
        "scaler": [HasMethods(["fit_transform", "transform"]), None],
        "min_samples": [Interval(Integral, 1, None, closed="left"), None],
        "cluster_selection_method": [StrOptions({"eom", "leaf"})],
        "cluster_selection_epsilon": [Interval(Real, 0, None, closed="left")],
        "allow_single_cluster": ["boolean"],
        "mst": [StrOptions({"canonical", "hdbscan"})],
        "max_r50": [Interval(Real, 0, None, closed="neither"), None],
        "min_persistence": [Interval(Real, 0, None, closed="left"), None],
        "min_members": [Interval(Integral, 1, None, closed="left"), None],
        "max_members": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
        "checkpoint": [str, os.PathLike, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        tile_sides=(1, 2, 5),
        min_cluster_sizes=tuple(range(6, 16)),
        *,
        tiling=None,
        margin=0.25,
        frame="tangent",
        features=("parallax", "pmra", "pmdec"),
        coordinates=None,
        mask_column=None,
        scaler=None,
        min_samples=None,
        cluster_selection_method="eom",
        cluster_selection_epsilon=0.0,
        allow_single_cluster=False,
        mst="canonical",
        max_r50=None,
        min_persistence=None,
        min_members=None,
        max_members=None,
        n_jobs=None,
        checkpoint=None,
        verbose=0,
    ):
        self.tile_sides = tile_sides
        self.min_cluster_sizes = min_cluster_sizes
        self.tiling = tiling
        self.margin = margin
        self.frame = frame
        self.features = features
        self.coordinates = coordinates
        self.mask_column = mask_column
        self.scaler = scaler
        self.min_samples = min_samples
        self.cluster_selection_method = cluster_selection_method
        self.cluster_selection_epsilon = cluster_selection_epsilon
        self.allow_single_cluster = allow_single_cluster
        self.mst = mst
        self.max_r50 = max_r50
        self.min_persistence = min_persistence
        self.min_members = min_members
        self.max_members = max_members
        self.n_jobs = n_jobs
        self.checkpoint = checkpoint
        self.verbose = verbose

    @classmethod
    def published(cls):
        """Return the search of Baloyi et al. 2025.

        Returns
        -------
        search : TiledHDBSCAN
            Squares of 1, 2 and 5 deg in raw (l, b) without margins, clustered as `hdbscan.HDBSCAN`
            does; candidates with R50 < 0.20 deg and persistence > 0.05. R50 is that on the sphere;
            without cos b, as published, it is larger.
        """
        return cls(
            tiling=SquareTiling(grid="plane"),
            margin=0.0,
            frame="raw",
            coordinates=("l", "b"),
            mst="hdbscan",
            max_r50=_PUBLISHED_R50,
            min_persistence=_PUBLISHED_PERSISTENCE,
        )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, stars, y=None, *, mask=None):
        """Search the stars.

        Parameters
        ----------
        stars : DataFrame, astropy Table or array-like of shape (n_stars, 2 + n_features)
            With the columns of `coordinates` and `features`, and ``source_id`` (int64) where
            there is one. In an array the columns are longitude, latitude (ra and dec unless
            `coordinates` names others) and the features, in this order.
        y : ignored
            Not used, present for scikit-learn's API.
        mask : str or array-like of bool of shape (n_stars,), default=None
            True for stars to use, or the name of such a column; None: `mask_column`. Stars without
            it, and those with NaN or infinity, are never used and come out as -1.

        Returns
        -------
        self : TiledHDBSCAN
            Fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is not allowed, the table is empty or lacks a column, positions are not
            in degrees, ``source_id`` appears twice, or the checkpoint is of another search.
        """
        settings, tilings = settings_of(self), tilings_of(self)
        mask = self.mask_column if mask is None else mask
        table, units, self.coordinates_, field = self._read(stars, self.coordinates, mask)
        identity = identity_of(settings, tilings, self.coordinates_, self.features)
        cut = [tiling.tiles(field.longitude, field.latitude) for tiling in tilings]
        tiles = [tile for level, _ in cut for tile in level]
        _check_keys(tiles)
        counts = np.concatenate([count for _, count in cut])
        done, save = None, None
        if self.checkpoint is not None:
            fingerprint = field.fingerprint(ordered=self.mst == "hdbscan")
            store = Checkpoint(self.checkpoint, identity, fingerprint)
            done, save = store.load(), store.save
        found = search_tiles(
            field,
            tiles,
            counts,
            settings,
            n_jobs=self.n_jobs,
            done=done,
            save=save,
            verbose=self.verbose,
        )
        level = np.repeat(np.arange(len(cut)), [len(own) for own, _ in cut])
        joined = join_tiles(found, tiles, level, margin=settings.margin)
        found = [result._replace(members=None, probabilities=None) for result in found]
        self.candidates_ = candidate_set(
            joined,
            table,
            units,
            self.coordinates_,
            field.rows,
            meta={"search": identity},
            n_jobs=self.n_jobs,
        )
        self.labels_ = self.candidates_.labels()
        self.tiles_ = tile_table(found, joined, counts, int(settings.min_cluster_sizes.min()))
        self.n_tiles_ = len(tiles)
        self._field, self._tiles, self._joined, self._settings = field, tiles, joined, settings
        return self

    def fit_predict(self, stars, y=None, *, mask=None):
        """Fit and return ``labels_``; see `fit`.

        Parameters
        ----------
        stars : DataFrame, astropy Table or array-like of shape (n_stars, 2 + n_features)
            Stars.
        y : ignored
            Not used, present for scikit-learn's API.
        mask : str or array-like of bool of shape (n_stars,), default=None
            True for stars to use.

        Returns
        -------
        labels : ndarray of shape (n_stars,), dtype int64
            Most persistent candidate of each star, -1 for none.
        """
        return self.fit(stars, y, mask=mask).labels_

    def fit_transform(self, stars, y=None, *, mask=None):
        """Fit and return ``candidates_``; see `fit`.

        Parameters
        ----------
        stars : DataFrame, astropy Table or array-like of shape (n_stars, 2 + n_features)
            Stars.
        y : ignored
            Not used, present for scikit-learn's API.
        mask : str or array-like of bool of shape (n_stars,), default=None
            True for stars to use.

        Returns
        -------
        candidates : CandidateSet
            What was found.
        """
        return self.fit(stars, y, mask=mask).candidates_

    def predict(self, stars):
        """Give new stars the candidates that were found.

        Parameters
        ----------
        stars : DataFrame, astropy Table or array-like of shape (n_stars, 2 + n_features)
            As for `fit`.

        Returns
        -------
        labels : ndarray of shape (n_stars,), dtype int64
            Number of the candidate in `candidates_`, the most persistent one; -1 for none, and
            where a position or feature is missing.

        Notes
        -----
        In the frame and scale of the tile that found a candidate, a star belongs to it if the
        nearest of the fitted stars does, and is no farther than the loneliest member is from its
        nearest fellow. A fitted star gets the label that it got in `fit`.
        """
        check_is_fitted(self)
        table, _, _, new = self._read(stars, self.coordinates_, self.mask_column)
        if self._is_fitted_table(table):
            return self.labels_.copy()
        candidate, star = self._members_among(new)
        labels = np.full(len(table), NOISE, dtype=np.int64)
        rows, best = best_candidates(self.candidates_, candidate, new.rows[star])
        labels[rows] = best
        return labels

    def transform(self, stars):
        """Return the candidates as sets of these stars.

        Parameters
        ----------
        stars : DataFrame, astropy Table or array-like of shape (n_stars, 2 + n_features)
            As for `fit`.

        Returns
        -------
        candidates : CandidateSet
            For the stars that were fitted, in the same order, `candidates_`: nothing is computed.
            For others, the candidates that get any of them by the rule of `predict`, each with
            all stars that the rule gives it. ``persistence``, ``tile``, ``tile_side`` and
            ``min_cluster_size`` are those of the fit, the rest describes the new members.
        """
        check_is_fitted(self)
        table, units, coordinates, new = self._read(stars, self.coordinates_, self.mask_column)
        if self._is_fitted_table(table):
            return self.candidates_
        candidate, star = self._members_among(new)
        chosen, sizes = np.unique(candidate, return_counts=True)
        order = np.argsort(candidate, kind="stable")
        joined = self._joined._replace(
            **{name: getattr(self._joined, name)[chosen] for name in BY_CANDIDATE},
            indptr=np.concatenate([[0], np.cumsum(sizes)]),
            members=star[order],
            probabilities=None,
        )
        return candidate_set(joined, table, units, coordinates, new.rows, self.candidates_.meta)

    def _members_among(self, new):
        return predict_members(self._field, new, self._tiles, self._joined, self._settings)

    def _read(self, stars, coordinates, mask=None):
        """Table, units, names of the positions and usable stars of what came in."""
        table, units, coordinates = table_of(stars, coordinates, self.features)
        turn = self.frame == "tangent"
        field = star_field(table, coordinates, self.features, mask=mask, turn=turn)
        return table, units, coordinates, field

    def _is_fitted_table(self, table):
        """Whether a table has the values that were fitted, star by star."""
        fitted = self.candidates_.stars
        return len(table) == len(fitted) and all(
            np.array_equal(numbers_in(table, name), numbers_in(fitted, name), equal_nan=True)
            for name in (*self.coordinates_, *self.features, *filter(None, [self.mask_column]))
        )


def _check_keys(tiles):
    """Raise where two tilings give tiles of one name, which would be one to a checkpoint."""
    keys = [tile.key for tile in tiles]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"two tilings have the same tile {twice!r}; name each tiling once.")
