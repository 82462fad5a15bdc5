"""The whole search: from a table of stars to a table of clusters."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from climbkit.base import NOISE, BuilderMixin
from climbkit.pipelines._cluster_assigning import assign_new, same_stars
from climbkit.pipelines._cluster_defaults import STAGES, default_stage
from climbkit.pipelines._cluster_evidence import members_only
from climbkit.pipelines._cluster_stages import SearchRun
from climbkit.pipelines._cluster_tables import cluster_table, labels_of, member_tables, named
from climbkit.survey._candidate_table import source_ids
from climbkit.survey._stage_input import ASTROMETRY
from climbkit.survey._star_columns import star_field, table_of

_DROP = "drop"
_STAGE = [HasMethods(["fit", "get_params"]), StrOptions({_DROP}), None]


class ClusterSearch(ClusterMixin, BuilderMixin, BaseEstimator):
    """Search a table of stars for star clusters.

    Parameters
    ----------
    quality : GaiaQualityMask or "drop", default=None
        Which stars take part; the others stay in the table, with the label -1. None: ruwe below
        1.4, at least a five-parameter solution, and no parallax more than 5 errors below 0, as far
        as the table has the columns.

    tiledhdbscan : TiledHDBSCAN, default=None
        Finds overdensities at many scales.

    preselection : CandidateSelector or "drop", default=None
        Which overdensities are looked at. None: those of a persistence of at least 0.05.

    merger : RepetitionMerger or "drop", default=None
        Makes one candidate of the overdensities that are one cluster.

    widening : CandidateWidening or "drop", default=None
        Takes all stars around a candidate that could be its members.

    membership : GMMMembership, default=None
        Tells members from the field.

    significance : ClusterSignificanceTest or "drop", default=None
        How often chance makes such a candidate.

    classifier : CandidateClassifier or "drop", default=None
        Adds ``p_class``, the probability that the colour-magnitude diagram is a cluster's. None:
        the network that climbkit has trained, where Keras is installed
        (``pip install climbkit[neural]``) and the stars have colours.

    selection : CandidateSelector or "drop", default=None
        Which candidates are reported. None: those with at least 10 members; a log likelihood ratio
        of cluster and field to the field alone of at least 20 (``evidence``); a p-value of at most
        0.01, or an evidence of at least 3.5 per member; and a ``p_class``, where there is one, of
        at least 0.05, which takes out what no cluster looks like.

    structure : ClusterStructure or "drop", default=None
        Mean astrometry, profile, distance and inner motions of what is reported.

    crossmatch : CatalogueCrossmatch or "drop", default=None
        Names what is known.

    n_refinements : int, default=1
        How often candidates are widened again around the members that were found.

    max_estimated_error : float, default=0.4
        Where the table has no errors, they are told by magnitude. Stars whose parallax would have a
        larger error than this, mas, are then no members of clusters that have others, as errors of
        single faint stars are off by factors. None: all may be.

    n_jobs : int, default=None
        Threads of the stages that have no `n_jobs` of their own. The result does not depend on it.

    verbose : int, default=0
        Above 0: show a progress bar, which counts stages.

    Attributes
    ----------
    labels_ : ndarray of shape (n_stars,), dtype int64
        Row in `clusters_` of the cluster that each star is a member of, -1 for none.

    clusters_ : QTable of shape (n_clusters,)
        What was found.

    cluster_set_ : CandidateSet
        The same clusters, by the same names, with their members and membership probabilities.

    member_tables_ : dict of str to DataFrame
        By name of the cluster, the rows of its members with their ``probability``.

    candidates_ : CandidateSet
        What was looked at, before the selection, with all stars that membership was told for, and
        in the column ``rejected_by`` why it is not reported; empty where it is.

    stages_ : dict of str to estimator
        The fitted stages.

    notes_ : list of str
        What was done without, such as cuts whose columns are absent.

    See Also
    --------
    TiledHDBSCAN : Where candidates come from.
    GMMMembership : Where members come from.

    Notes
    -----
    Overdensities are only where a search begins: what is reported rests on the mixture of cluster
    and field that is fitted to all stars around each of them, and on a test that asks how often the
    densest part of such a group arises by chance. The test is made in a field of its own, of the
    nearest 2,000 stars whose proper motion and parallax are like the candidate's, where positions
    are shuffled against astrometry. Where the field has too few stars for that, the published test
    takes its place, with its own limit of 5 sigma. As the smallest p-value is one in 200 draws, a
    search over thousands of fields should ask for more draws and a smaller ``max_p_cst``.

    Of two significant candidates of which one holds the other, the larger one stays if it is
    significant without the stars of the smaller, else the smaller.

    Time is that of the mixtures: linear in the stars around the candidates. Tables of the stars are
    copied once, when errors are absent.

    References
    ----------
    Baloyi et al. (2025), the published search for globular clusters in Gaia DR3.

    Examples
    --------
    >>> from climbkit import ClusterSearch
    >>> from climbkit.datasets import make_cluster_field
    >>> cluster = {"x": 0.2, "y": 0.1, "n_members": 60, "r50": 0.05, "distance": 20.0}
    >>> field = make_cluster_field(1_000, side=1.0, clusters=[cluster], random_state=0)
    >>> search = ClusterSearch(classifier="drop", structure="drop", crossmatch="drop")
    >>> search = search.set_params(tiledhdbscan__tile_sides=(1,)).fit(field.data)
    >>> search.clusters_["name"].tolist()
    ['candidate 1']
    >>> bool(((search.labels_ == 0) == (field.target == 0)).mean() > 0.97)
    True
    """

    _parameter_constraints = {
        **dict.fromkeys(STAGES, _STAGE),
        "tiledhdbscan": [HasMethods(["fit", "get_params"]), None],
        "membership": [HasMethods(["fit", "get_params"]), None],
        "n_refinements": [Interval(Integral, 0, None, closed="left")],
        "max_estimated_error": [Interval(Real, 0, None, closed="neither"), None],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        quality=None,
        tiledhdbscan=None,
        preselection=None,
        merger=None,
        widening=None,
        membership=None,
        significance=None,
        classifier=None,
        selection=None,
        structure=None,
        crossmatch=None,
        n_refinements=1,
        max_estimated_error=0.4,
        n_jobs=None,
        verbose=0,
    ):
        self.quality = quality
        self.tiledhdbscan = tiledhdbscan
        self.preselection = preselection
        self.merger = merger
        self.widening = widening
        self.membership = membership
        self.significance = significance
        self.classifier = classifier
        self.selection = selection
        self.structure = structure
        self.crossmatch = crossmatch
        self.n_refinements = n_refinements
        self.max_estimated_error = max_estimated_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    @classmethod
    def _nested_builders(cls):
        return dict(STAGES)

    def set_params(self, **params):
        """Set parameters, also those of stages that are None: these become their default first.

        Parameters
        ----------
        **params : dict
            Such as ``tiledhdbscan__min_cluster_sizes``.

        Returns
        -------
        self : ClusterSearch
            The same.
        """
        for name in params:
            stage, nested, _ = name.partition("__")
            if nested and stage in STAGES and params.get(stage, getattr(self, stage)) is None:
                setattr(self, stage, default_stage(stage))
                params = {key: value for key, value in params.items() if key != stage}
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, stars, y=None):
        """Search the stars.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With positions (``ra`` and ``dec``, ``l`` and ``b``, or all four; degrees),
            ``parallax`` (mas), ``pmra`` and ``pmdec`` (mas/yr), and where there are any
            ``source_id`` (int64), the errors (``parallax_error``, ...), ``phot_g_mean_mag``,
            ``bp_rp`` and what the quality mask needs.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : ClusterSearch
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, the table is empty or lacks a column, positions are not
            in degrees, or ``source_id`` is not of whole numbers or appears twice.
        """
        table, units, _ = table_of(stars, None, ASTROMETRY)
        source_ids(table)
        with tqdm(total=len(STAGES), unit="stage", disable=not self.verbose) as bar:
            run = SearchRun(self, bar)
            self.candidates_, kept = run.run(table, units)
        self.notes_, self.stages_ = run.notes, run.stages
        self._report(kept, table)
        return self

    def _report(self, kept, table):
        self.cluster_set_ = named(members_only(kept))
        self._windows = kept
        self._table = table
        self.labels_ = labels_of(self.cluster_set_, len(table))
        self.clusters_ = cluster_table(self.cluster_set_)
        self.member_tables_ = member_tables(self.cluster_set_)

    def fit_predict(self, stars, y=None):
        """Fit and return ``labels_``; see `fit`.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            Stars.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        labels : ndarray of shape (n_stars,), dtype int64
            See ``labels_``.
        """
        return self.fit(stars).labels_

    def predict(self, stars):
        """Give new stars the clusters that were found.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            As for `fit`.

        Returns
        -------
        labels : ndarray of shape (n_stars,), dtype int64
            Row in `clusters_`, -1 for none. The stars that were fitted get their ``labels_``.

        Notes
        -----
        A new star is a member of a cluster if, of the stars around it, the nearest one is, in
        position, parallax and proper motion, and is no farther than members are from each other.
        """
        check_is_fitted(self, "labels_")
        table, _, coordinates = table_of(stars, None, ASTROMETRY)
        if same_stars(table, self._table):
            return self.labels_.copy()
        mask = np.ones(len(table), dtype=bool)
        if "quality" in self.stages_:
            mask = self.stages_["quality"].mask(table)
        new = star_field(table, coordinates, ASTROMETRY, mask=mask)
        labels = np.full(len(table), NOISE, dtype=np.int64)
        labels[new.rows] = assign_new(self._windows, self.labels_, new, coordinates)
        return labels

    def run_record(self):
        """Return everything that made the result, as a plain dictionary.

        Returns
        -------
        record : dict
            Parameters, versions and number of stars; ready for JSON.
        """
        from climbkit.pipelines._cluster_record import run_record

        check_is_fitted(self, "labels_")
        return run_record(self)

    def write(self, folder, *, formats=("ecsv",), overwrite=False, report=False):
        """Write clusters, members, labels and the run file.

        Parameters
        ----------
        folder : str or path-like
            Where to; it is made if it is not there.
        formats : sequence of {"ecsv", "fits", "vot"}, default=("ecsv",)
            Each table is written in all of these.
        overwrite : bool, default=False
            Replace an earlier run in this folder.
        report : bool, default=False
            Write ``report.html`` too; it needs matplotlib.

        Returns
        -------
        files : list of Path
            What was written.
        """
        from climbkit.pipelines._cluster_writing import write_results

        return write_results(self, folder, formats=formats, overwrite=overwrite, report=report)
