"""Membership probabilities: a cluster and its field as two parts of a mixture."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils._param_validation import Interval, StrOptions

from climbkit.base import NOISE
from climbkit.survey._candidate_table import source_ids
from climbkit.survey._deconvolution import fit_cluster_in_field
from climbkit.survey._frames import unit_vectors, unwrap
from climbkit.survey._stage import CandidateStage
from climbkit.survey._stage_input import (
    ASTROMETRY,
    MEMBER_PROBABILITY,
    as_candidates,
    mean_direction,
)
from climbkit.survey._star_columns import numbers_in
from climbkit.survey._star_errors import carry, covariances

# Even odds: what a probability means, where the model knows the errors.
_EVEN = 0.5
# A Gaussian in 5 dimensions needs one star more than it has dimensions.
_FEWEST_STARS = 6
# Iterations of scikit-learn's GaussianMixture, and its tolerance, as published.
_PUBLISHED_ITERATIONS, _PUBLISHED_TOLERANCE = 100, 1e-3


class GMMMembership(CandidateStage):
    """Membership probability of each star of each candidate.

    Parameters
    ----------
    model : {"deconvolved", "published"}, default="deconvolved"
        What the stars are taken to be drawn from:

        - "deconvolved": a cluster with a Plummer profile on the sky and a Gaussian in parallax and
          proper motion, in a field that is uniform within the stars' convex hull and two Gaussians
          in astrometry. All Gaussians are blurred by the errors of each star, with their
          correlations where the table has them, so that faint stars count for what they tell.
        - "published": two 5-D Gaussians with full covariance on the raw longitude, latitude,
          parallax and proper motions, of which the more populous one is the cluster [1]_.

    min_probability : float, default=None
        Members have at least this probability. None: 0.9 with "published", 0.5 with "deconvolved".

    coordinates : pair of str, default=None
        Names of longitude and latitude. None: l and b with "published", ra and dec otherwise,
        along which Gaia's proper motions are; the other pair where the stars lack these.

    max_iter : int, default=300
        Most iterations of the deconvolved model.

    tol : float, default=1e-6
        Gain of its log likelihood per star below which it is at rest.

    random_state : int, default=42
        Seed of the published model, as published. The other one draws nothing.

    Attributes
    ----------
    probabilities_ : ndarray of shape (n_memberships,)
        In the order of the candidates' ``indices``; for a table of stars, one for each row.
        0 where a value is missing.

    members_ : ndarray of shape (n_memberships,), dtype bool
        Whether that is at least `min_probability`.

    labels_ : ndarray of shape (n_stars,), dtype int64
        Row number of the candidate in which the star is a member with the largest probability, -1
        for none. For a table of stars: 0 for its members.

    candidates_ : CandidateSet
        The candidates with these probabilities, and the columns ``n_probable`` (number of
        members), ``membership_threshold`` (their smallest probability), ``membership_converged``
        and ``membership_reason`` (why there are no probabilities, else empty). For a table of
        stars, one candidate of all of them.

    See Also
    --------
    ClusterSignificanceTest : Whether the members are more than chance.

    Notes
    -----
    No candidate and no star is ever left out: the probabilities tell members from others. A
    candidate with fewer than 6 complete stars gets probability 0 throughout, and a reason.

    The deconvolved model is extreme deconvolution [2]_ in the astrometry. Of three starts around
    the densest star the one that is the likeliest is kept, so that nothing is drawn at random.
    Positions and proper motions are those in the tangent plane at the candidate's centre, so that
    neither the poles nor 0/360 deg are anything special. The profile is not cut off at the edge of
    the stars: a cluster that fills them all is better told by a wider choice of stars.

    The published model sees stars in the order of ``source_id``, else by value, so that neither
    model depends on the order of rows. Its longitudes are counted from the candidate's centre where
    they pass 0/360; near a pole raw coordinates serve nothing, and it is kept for comparison.

    Time is linear in the number of stars.

    References
    ----------
    .. [1] Baloyi et al. (2025), a search for globular clusters in Gaia DR3.
    .. [2] Bovy, Hogg & Roweis (2011), Extreme deconvolution, doi:10.1214/10-AOAS439.
    .. [3] Vasiliev & Baumgardt (2021), Gaia EDR3 view on galactic globular clusters,
       doi:10.1093/mnras/stab1475.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from climbkit.survey import GMMMembership
    >>> rng = np.random.default_rng(0)
    >>> names = ["ra", "dec", "parallax", "pmra", "pmdec"]
    >>> field = rng.normal([150, 2, 0.5, 0, 0], [0.2, 0.2, 0.4, 5, 5], (100, 5))
    >>> cluster = rng.normal([150, 2, 0.1, 1, -2], [0.02, 0.02, 0.1, 0.1, 0.1], (80, 5))
    >>> stars = pd.DataFrame(np.vstack([field, cluster]), columns=names)
    >>> errors = {f"{name}_error": 0.1 for name in names[2:]}
    >>> labels = GMMMembership().fit(stars.assign(**errors)).labels_
    >>> int(np.sum(labels[100:] == 0)) >= 78, int(np.sum(labels[:100] == 0)) <= 2
    (True, True)
    """

    _parameter_constraints = {
        "model": [StrOptions({"deconvolved", "published"})],
        "min_probability": [Interval(Real, 0, 1, closed="both"), None],
        "coordinates": [tuple, list, None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        model="deconvolved",
        *,
        min_probability=None,
        coordinates=None,
        max_iter=300,
        tol=1e-6,
        random_state=42,
    ):
        self.model = model
        self.min_probability = min_probability
        self.coordinates = coordinates
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @classmethod
    def published(cls):
        """Return the published model, for which members have a probability of at least 0.9.

        Returns
        -------
        membership : GMMMembership
            Not fitted.
        """
        return cls(model="published")

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, core=None):
        """Find the members of each candidate.

        Parameters
        ----------
        X : CandidateSet, DataFrame or astropy Table
            Candidates with their stars, or the stars of one candidate; with positions (deg),
            ``parallax`` (mas), ``pmra`` and ``pmdec`` (mas/yr), and for the deconvolved model their
            errors as ``parallax_error`` and so on; correlations as ``parallax_pmra_corr`` are used
            where they are there.
        y : ignored
            Not used, present for scikit-learn's API.
        core : array-like of bool of shape (n_memberships,), default=None
            In the order of the candidates' ``indices``, the stars that each cluster is first given
            by the deconvolved model: what a search found, where the candidate was widened after
            it. The cluster that is told is then that one, also where a denser one lies beside it.
            None, and in candidates with fewer than 6 such stars: those around the densest star.

        Returns
        -------
        self : GMMMembership
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, the candidates have no stars, or these lack a column.
        """
        candidates, table, coordinates = as_candidates(X, self._coordinates(X), ASTROMETRY)
        columns = np.stack([numbers_in(table, name) for name in (*coordinates, *ASTROMETRY)])
        ids = source_ids(table)
        errors = None
        if self.model == "deconvolved":
            errors = covariances(table)
        probabilities = np.zeros(len(candidates.indices))
        core = np.zeros(len(probabilities), dtype=bool) if core is None else np.asarray(core)
        if core.dtype != bool or core.shape != probabilities.shape:
            raise ValueError(
                f"core must be True or False for each of the {len(probabilities)} memberships; got "
                f"dtype {core.dtype} of shape {core.shape}."
            )
        converged = np.zeros(len(candidates), dtype=bool)
        reason = np.full(len(candidates), "", dtype=object)
        known = {}
        for number, (begin, end) in enumerate(
            zip(candidates.indptr[:-1], candidates.indptr[1:], strict=True)
        ):
            rows = candidates.indices[begin:end]
            good = np.isfinite(columns[:, rows]).all(axis=0)
            if errors is not None:
                good &= np.isfinite(errors[rows]).all(axis=(1, 2))
            where, rows = np.flatnonzero(good), rows[good]
            if len(rows) < _FEWEST_STARS:
                reason[number] = f"{len(rows)} complete stars; {_FEWEST_STARS} are needed"
                continue
            order = _order(columns[:, rows], None if ids is None else ids[rows])
            where, rows = where[order], rows[order]
            # A search finds many groups at several scales, star by star the same.
            inside = core[begin + where]
            key = rows.tobytes(), inside.tobytes()
            if key not in known:
                blur = None if errors is None else errors[rows]
                inside = inside if inside.sum() >= _FEWEST_STARS else None
                known[key] = self._mixture(columns[:, rows], blur, coordinates, inside)
            found, converged[number] = known[key]
            probabilities[begin + where] = np.clip(found, 0.0, 1.0)
        self._keep(candidates, probabilities, converged, reason)
        self._fitted = X
        return self

    def _coordinates(self, X):
        if self.coordinates is not None:
            return self.coordinates
        stars = getattr(X, "stars", X)
        names = set(getattr(stars, "columns", ()))
        equatorial = self.model == "deconvolved" and {"ra", "dec"} <= names
        return ("ra", "dec") if equatorial else None

    def _mixture(self, columns, errors, coordinates, core):
        """Probability of each star to belong to the cluster, and whether the fit came to rest."""
        vectors = unit_vectors(columns[0], columns[1])
        centre = mean_direction(vectors)
        if self.model == "published":
            raw = columns.T.copy()
            raw[:, 0] = unwrap(raw[:, 0], centre[0])
            return _published_mixture(raw, self.random_state)
        place, values, errors = carry(centre, vectors, columns, errors, coordinates)
        fit = fit_cluster_in_field(
            place, values, errors, max_iter=self.max_iter, tol=self.tol, core=core
        )
        return fit.responsibility, fit.converged

    def _keep(self, candidates, probabilities, converged, reason):
        least = self.min_probability
        if least is None:
            least = MEMBER_PROBABILITY if self.model == "published" else _EVEN
        self.probabilities_ = probabilities
        self.members_ = probabilities >= least
        owner = np.repeat(np.arange(len(candidates)), np.diff(candidates.indptr))
        # A reason is no membership, even if members need no probability at all.
        self.members_ &= reason[owner] == ""
        self.candidates_ = candidates._derive(
            memberships=(
                candidates.indptr,
                candidates.indices,
                probabilities,
                candidates._member_source_id,
            )
        ).annotate(
            n_probable=np.bincount(owner[self.members_], minlength=len(candidates)),
            membership_converged=converged,
            membership_threshold=float(least),
            membership_reason=reason.astype(str),
        )
        ids = candidates.table["candidate_id"].to_numpy(str)
        rank = np.argsort(np.argsort(ids, kind="stable"), kind="stable")
        chosen = np.flatnonzero(self.members_)
        # The last one written is that with the largest probability.
        chosen = chosen[np.lexsort((-rank[owner[chosen]], probabilities[chosen]))]
        self.labels_ = np.full(candidates.n_stars, NOISE, dtype=np.int64)
        self.labels_[candidates.indices[chosen]] = owner[chosen]

    def fit_predict(self, X, y=None):
        """Fit and return ``labels_``; see `fit`.

        Parameters
        ----------
        X : CandidateSet, DataFrame or astropy Table
            Candidates or stars.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        labels : ndarray of shape (n_stars,), dtype int64
            See ``labels_``.
        """
        return self.fit(X).labels_


def _published_mixture(raw, seed):
    mixture = GaussianMixture(
        2,
        covariance_type="full",
        max_iter=_PUBLISHED_ITERATIONS,
        tol=_PUBLISHED_TOLERANCE,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # Whether it converged is told in a column; k-means warns of stars that coincide.
        warnings.simplefilter("ignore", ConvergenceWarning)
        shares = mixture.fit(raw).predict_proba(raw)
    populous = np.argmax(np.bincount(shares.argmax(axis=1), minlength=2))
    return shares[:, populous], mixture.converged_


def _order(columns, ids):
    """Order of the stars that does not depend on that of the rows."""
    return np.lexsort(columns[::-1] if ids is None else (*columns[::-1], ids))
