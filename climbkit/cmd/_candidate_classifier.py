"""How much the diagram of each candidate looks like that of a star cluster."""

import itertools
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from climbkit.base import UNLABELLED, check_partial_labels
from climbkit.cmd._diagrams import read_diagrams
from climbkit.cmd._images import CMDImageTransformer
from climbkit.survey._stage import CandidateStage

_PRETRAINED = "cmd"
_IMAGE_SHAPE = "image_shape"  # parameter of classifiers that take images
_AT_A_TIME = 512  # diagrams that are in memory together
_ANY_DIAGRAM = (np.array([1.0]), np.array([18.0]))  # one star, to tell the shape of images


class CandidateClassifier(CandidateStage):
    """Draw the colour-magnitude diagram of each candidate and classify it.

    Parameters
    ----------
    classifier : classifier with ``predict_proba``, default=None
        Any classifier of images. None: the network that climbkit has trained,
        ``CNNClassifier.pretrained("cmd")``. One that is fitted is used as it is when no labels
        come to `fit`. Classifiers with a parameter ``image_shape`` get images, all others one flat
        row for each.

    transformer : transformer, default=None
        Draws the images from a list of (colours, magnitudes). None: `CMDImageTransformer`, whose
        defaults are what the network was trained on.

    cluster_class : int or str, default=1
        The class of the classifier that means a star cluster.

    min_membership : float, default=None
        Members with at least this probability are drawn, where the candidates have membership
        probabilities. None: all.

    min_stars : int, default=1
        Candidates with fewer stars to draw get no probability.

    Attributes
    ----------
    candidates_ : CandidateSet
        The candidates with the columns ``p_class``, the probability of being a cluster,
        ``class_n_stars``, how many stars were drawn, and ``class_reason``, why there is no
        probability, else empty.

    p_class_ : ndarray of shape (n_candidates,)
        These probabilities; NaN where there is nothing to draw.

    classifier_ : classifier
        The one that was used.

    See Also
    --------
    CMDImageTransformer : Draws the images.
    climbkit.neural.CNNClassifier : The network.

    Notes
    -----
    A few stars have a diagram like any other few stars: below some twenty members `p_class` tells
    little. The model card beside the weights, ``climbkit/neural/weights/cmd.md``, has figures by
    the number of stars.

    Candidates of the same stars, which a search finds at several scales, are classified once. The
    result depends on the order of neither stars nor candidates. Memory is that of 512 images.

    References
    ----------
    Baloyi et al. (2025), the published search for globular clusters in Gaia DR3, keeps candidates
    with a probability above 0.8.

    Examples
    --------
    Any classifier may be trained on candidates that somebody has judged:

    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from climbkit.cmd import CMDImageTransformer
    >>> from climbkit.cmd._candidate_classifier import CandidateClassifier
    >>> from climbkit.survey import CandidateSet
    >>> rng = np.random.default_rng(0)
    >>> g = rng.uniform(14, 20, (20, 30))
    >>> color = 0.2 * (g - 12)  # ten clusters, then ten groups of the field
    >>> color[10:] = rng.uniform(0.5, 3, (10, 30))
    >>> stars = pd.DataFrame({"source_id": np.arange(600)})
    >>> stars = stars.assign(bp_rp=color.ravel(), phot_g_mean_mag=g.ravel())
    >>> y = np.repeat([1, 0], 10)
    >>> table = pd.DataFrame(index=range(20))
    >>> groups = CandidateSet(stars, np.arange(21) * 30, np.arange(600), table)
    >>> model = CandidateClassifier(KNeighborsClassifier(3), CMDImageTransformer(size=16))
    >>> p = model.fit_transform(groups, y).table["p_class"]
    >>> bool(p[:10].min() > p[10:].max())
    True
    """

    _parameter_constraints = {
        "classifier": [HasMethods(["fit", "predict_proba"]), None],
        "transformer": [HasMethods(["fit", "transform"]), None],
        "cluster_class": [Integral, str],
        "min_membership": [Interval(Real, 0, 1, closed="both"), None],
        "min_stars": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        classifier=None,
        transformer=None,
        *,
        cluster_class=1,
        min_membership=None,
        min_stars=1,
    ):
        self.classifier = classifier
        self.transformer = transformer
        self.cluster_class = cluster_class
        self.min_membership = min_membership
        self.min_stars = min_stars

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Classify the candidates; with labels, train the classifier on them first.

        Parameters
        ----------
        X : CandidateSet
            Candidates with their stars, which have the transformer's columns of colour and
            magnitude.
        y : array-like of shape (n_candidates,), default=None
            Classes of the candidates as whole numbers, -1 for those that nobody has judged. None,
            or -1 throughout: the classifier is used as it is.

        Returns
        -------
        self : CandidateClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed, X is no CandidateSet with stars, these lack a column,
            there is nothing to train a classifier on that is not fitted, or `cluster_class` is
            none of its classes.
        ImportError
            If `classifier` is None and keras is missing.
        """
        _check_candidates(X)
        diagrams = self._diagrams(X)
        labels = None if y is None else check_partial_labels(y, X.table)
        if labels is None or np.all(labels == UNLABELLED):
            self.classifier_ = self._ready()
        else:
            self.classifier_ = self._trained(diagrams, labels)
        self.p_class_ = self._probabilities(diagrams)
        self.candidates_ = self._annotated(X, diagrams, self.p_class_)
        self._fitted = X
        return self

    def transform(self, X):
        """Return candidates with the probability of being a cluster.

        Parameters
        ----------
        X : CandidateSet
            As for `fit`. Others than those fitted are classified by the same classifier.

        Returns
        -------
        candidates : CandidateSet
            See ``candidates_``.
        """
        check_is_fitted(self)
        if X is self._fitted:
            return self.candidates_
        _check_candidates(X)
        diagrams = self._diagrams(X)
        return self._annotated(X, diagrams, self._probabilities(diagrams))

    def _drawer(self):
        return CMDImageTransformer() if self.transformer is None else self.transformer

    def _diagrams(self, candidates):
        """Colours and magnitudes of the stars to draw, a pair for each candidate."""
        columns = getattr(self._drawer(), "columns", CMDImageTransformer().columns)
        read = read_diagrams(candidates, tuple(columns))
        faintest = getattr(self._drawer(), "magnitude_limits", (None, None))[1]
        weighed = self.min_membership is not None and candidates.probabilities is not None
        diagrams = []
        for part, color, magnitude, indptr in read.batches():
            keep = np.isfinite(color) & np.isfinite(magnitude)
            if faintest is not None:
                keep &= magnitude <= faintest
            if weighed:
                stars = slice(candidates.indptr[part.start], candidates.indptr[part.stop])
                keep &= candidates.probabilities[stars] >= self.min_membership
            for ends in itertools.pairwise(indptr):
                own = slice(*ends)
                diagrams.append((color[own][keep[own]], magnitude[own][keep[own]]))
        return diagrams

    def _images(self, diagrams, classifier):
        """Images as the classifier wants them."""
        images = np.asarray(self._drawer().transform(diagrams))
        if _IMAGE_SHAPE in classifier.get_params(deep=False):
            return images
        return images.reshape(len(images), -1)

    def _ready(self):
        """The classifier as it is, which must be fitted or know where its weights are."""
        if self.classifier is None:
            from climbkit.neural import CNNClassifier

            return CNNClassifier.pretrained(_PRETRAINED)
        try:
            check_is_fitted(self.classifier)
        except NotFittedError:
            # Clones have forgotten what was learned, but not the name of their weights.
            parameters = self.classifier.get_params(deep=False)
            if _IMAGE_SHAPE in parameters and parameters.get("weights") is not None:
                classifier = clone(self.classifier)
                return classifier.fit(self._images([_ANY_DIAGRAM], classifier))
            raise ValueError(
                "classifier is not fitted: pass one that is, or y with the classes of the "
                "candidates to train it on."
            ) from None
        return self.classifier

    def _trained(self, diagrams, labels):
        rows = [
            row
            for row, (color, _) in enumerate(diagrams)
            if labels[row] != UNLABELLED and len(color) >= self.min_stars
        ]
        classifier = self.classifier
        if classifier is None:
            from climbkit.neural import CNNClassifier

            classifier = CNNClassifier(weights=_PRETRAINED)
        classifier = clone(classifier)
        images = self._images([diagrams[row] for row in rows], classifier)
        return classifier.fit(images, labels[rows])

    def _probabilities(self, diagrams):
        """Probability of each diagram to be a cluster's; NaN for those with too few stars."""
        classes = list(self.classifier_.classes_)
        if self.cluster_class not in classes:
            raise ValueError(
                f"cluster_class must be one of the classifier's classes {classes}; got "
                f"{self.cluster_class!r}."
            )
        column = classes.index(self.cluster_class)
        first, place = {}, np.full(len(diagrams), -1, dtype=np.int64)
        for row, (color, magnitude) in enumerate(diagrams):
            if len(color) >= self.min_stars:
                key = (color.tobytes(), magnitude.tobytes())
                place[row] = first.setdefault(key, len(first))
        rows = np.unique(place, return_index=True)[1][np.any(place < 0).astype(int) :]
        probabilities = np.full(len(first) + 1, np.nan)  # the last one is for too few stars
        for begin in range(0, len(rows), _AT_A_TIME):
            part = rows[begin : begin + _AT_A_TIME]
            images = self._images([diagrams[row] for row in part], self.classifier_)
            found = self.classifier_.predict_proba(images)[:, column]
            probabilities[begin : begin + len(part)] = found
        return probabilities[place]

    def _annotated(self, candidates, diagrams, probabilities):
        counts = np.array([len(color) for color, _ in diagrams], dtype=np.int64)
        reasons = np.array(
            [
                ""
                if count >= self.min_stars
                else f"{count} stars with colour and magnitude; {self.min_stars} are needed"
                for count in counts
            ],
            dtype=str,
        )
        return candidates.annotate(
            p_class=probabilities, class_n_stars=counts, class_reason=reasons
        )


def _check_candidates(X):
    if not (hasattr(X, "indptr") and hasattr(X, "annotate")):
        raise ValueError(f"X must be a CandidateSet; got {type(X).__name__}.")
