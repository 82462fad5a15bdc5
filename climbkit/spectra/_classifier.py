"""Classification of spectra by networks."""

from numbers import Integral, Real

from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from climbkit.neural._architectures import build_network
from climbkit.neural._classifier import NetworkClassifier
from climbkit.neural._hidden import HiddenLayerMixin
from climbkit.spectra._preparation import N_CONTEXT, PASSTHROUGH, PREPARATION, PreparationMixin


class XPClassifier(PreparationMixin, HiddenLayerMixin, NetworkClassifier):
    """Classify Gaia's XP spectra by a network with calibrated probabilities.

    Parameters
    ----------
    architecture : str or callable, default="stellarnet"
        Name of a network in `climbkit.neural.ARCHITECTURES`: "cnn", "cnn2d", "cnn_attention",
        "cnn_gru", "cnn_lstm", "deep_ann", "fcn", "starnet", "stellarnet" or "wide_ann". Or a
        function ``architecture(input_shape, n_outputs, n_context)``, or one without `n_context`,
        that returns a Keras model with `n_outputs` logits (1 for two classes), without activation.

    normalizer : transformer, "passthrough" or None, default=None
        Makes of fluxes what the network takes. None: an `XPNormalizer`. "passthrough": nothing; X
        has been prepared already, such as by an `XPNormalizer` before in a pipeline.

    n_context : int, default=2
        Numbers at the end of a prepared row that are no flux, such as the brightness that
        `XPNormalizer` appends. "cnn_attention", "cnn_gru", "cnn_lstm", "fcn" and "stellarnet" have
        a branch for them; the other named networks do not look at them. 0: brightness is not used.

    standardize : bool, default=True
        Whether the flux at each wavelength, once normalised, has the mean of all spectra subtracted
        and is divided by their scatter. Spectra of unit norm are much alike: without it networks
        learn slowly what little they differ by. False: as published.

    weights : str or path-like, default=None
        File of `save`. `fit` starts from its weights and its normalizer, or leaves all as it is
        where it gets no y. None: random ones.

    optimizer : str or callable, default="one_cycle"
        "one_cycle": AdamW with a weight decay of 0.01, whose rate rises from a tenth of
        `learning_rate` for three tenths of all steps and then falls to 0 along a cosine [1]_. Or
        the name of a Keras optimizer, or a function ``optimizer(learning_rate, n_steps)`` that
        returns one, where `n_steps` is the largest number of batches that there can be.

    learning_rate : float, default=1e-3
        Step of the optimizer; of "one_cycle" the largest.

    batch_size : int, default=64
        Samples in a step.

    max_epochs : int, default=50
        Most epochs to train for.

    patience : int, default=10
        Epochs without a lower loss on the held-out samples after which training stops. The
        weights are those of the epoch with the lowest one.

    validation_fraction : float, default=0.1
        Fraction of each class that is held out for early stopping, calibration and
        `outlier_score`. None: nothing is held out, and all `max_epochs` are trained.

    class_weight : "balanced", dict or None, default="balanced"
        Weights of the classes in the loss, also in that of the held-out samples; "balanced":
        inverse to their frequency.

    calibration : "temperature" or None, default="temperature"
        Whether the logits are divided by the temperature that fits the held-out samples best
        [2]_. It changes no class and no ranking.

    precision : {"float32", "mixed_float16", "mixed_bfloat16", "auto"} or None, default=None
        How the network computes while it is trained. "auto": in half precision where there is a
        GPU. None: as Keras is set. Fitted networks have single precision, and run everywhere; so do
        those that start from `weights`.

    error_augmentation : float, default=0.0
        Each time that a spectrum is trained on, noise of this many of its own standard errors is
        added to its flux.

    random_state : int, RandomState instance or None, default=None
        Seeds initial weights, held-out samples, noise and the order of the batches. An int makes
        training on a CPU reproducible.

    verbose : int, default=0
        Above 0: shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes.

    class_prior_ : ndarray of shape (n_classes,)
        How frequent the classes are where the probabilities hold; see Notes.

    normalizer_ : transformer or None
        The fitted one; None for "passthrough".

    flux_mean_, flux_scale_ : ndarray of shape (n_samples,) or None
        Mean and standard deviation of the normalised flux at each wavelength.

    temperature_ : float
        Divides the logits in `predict_proba`; 1 without calibration.

    outlier_model_ : dict of str to ndarray or None
        Where the classes lie in the last hidden layer, and the distances of held-out samples.

    history_ : dict of str to list of float
        For each epoch "loss", and "validation_loss" and "validation_accuracy" if samples were held
        out.

    best_epoch_ : int
        Epoch, counted from 0, whose weights were kept.

    input_shape_ : (int,)
        Numbers of a prepared row.

    network_ : keras.Model
        The trained network. It takes prepared rows and gives logits.

    n_features_in_ : int
        Columns of X; samples of `normalizer_` if it was fitted to `XPSpectra`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X was a table.

    See Also
    --------
    XPNormalizer : Prepares the spectra.
    PriorShift : Corrects the probabilities to how frequent the classes are on the sky.
    FoldEnsemble : Probabilities of spectra that the network has not been trained on.

    Notes
    -----
    Probabilities depend on how frequent the classes are, and they hold for classes as frequent as
    they are in the loss, which is ``class_prior_``: with ``class_weight="balanced"`` all alike,
    whatever their numbers in y, and without weights as in y. The temperature is fitted under the
    same weights. Among spectra of other frequencies use `PriorShift`.

    Spectra with NaN or without any flux above zero are refused: see `XPSpectra.clean` and
    ``XPSpectra.usable``. `XPSpectra` on other grids of wavelengths are resampled by the normalizer.
    No class says that a spectrum is of a kind that the network has never seen; `outlier_score`
    does, by comparing it with those that were held out [3]_.

    Nothing is imported of Keras before `fit` or `load`. It runs on JAX unless another backend was
    chosen by ``KERAS_BACKEND`` or by Keras' configuration file, or keras is imported already.

    The result does not depend on the order of the rows. Of the global random generators only the
    state is used during `fit`, and put back.

    Predictions need memory for X, one batch and the outputs: spectra are normalised batch by batch.

    References
    ----------
    .. [1] Smith & Topin 2019, "Super-convergence: very fast training of neural networks using
       large learning rates", Proc. SPIE 11006, doi:10.1117/12.2520589.
    .. [2] Guo et al. 2017, "On calibration of modern neural networks", ICML 34, 1321.
    .. [3] Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples
       and adversarial attacks", NeurIPS 31, arXiv:1807.03888.

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.spectra import WAVELENGTH, XPClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 60)  # cool and hot, as simulated by two slopes
    >>> slope = np.where(y == 1, -3, 1)[:, None] + rng.normal(size=(120, 1)) / 3
    >>> flux = 1e-16 * (WAVELENGTH / 600) ** slope
    >>> model = XPClassifier("wide_ann", learning_rate=0.02, max_epochs=10, random_state=0)
    >>> model.fit(flux, y).predict(flux[[0, -1]])
    array([0, 1])
    >>> model.predict_proba(flux).shape, model.outlier_score(flux).shape
    ((120, 2), (120,))
    """

    _parameter_constraints = {
        **NetworkClassifier._parameter_constraints,
        "normalizer": [HasMethods(["fit", "transform"]), StrOptions({PASSTHROUGH}), None],
        "standardize": ["boolean"],
        "n_context": [Interval(Integral, 0, None, closed="left")],
        "error_augmentation": [Interval(Real, 0, None, closed="left")],
    }
    _saved_attributes = (
        *NetworkClassifier._saved_attributes,
        *PREPARATION,
        "outlier_model_",
    )

    def __init__(
        self,
        architecture="stellarnet",
        *,
        normalizer=None,
        n_context=N_CONTEXT,
        standardize=True,
        weights=None,
        optimizer="one_cycle",
        learning_rate=1e-3,
        batch_size=64,
        max_epochs=50,
        patience=10,
        validation_fraction=0.1,
        class_weight="balanced",
        calibration="temperature",
        precision=None,
        error_augmentation=0.0,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            architecture,
            weights=weights,
            optimizer=optimizer,
            learning_rate=learning_rate,
            batch_size=batch_size,
            max_epochs=max_epochs,
            patience=patience,
            validation_fraction=validation_fraction,
            class_weight=class_weight,
            calibration=calibration,
            precision=precision,
            random_state=random_state,
            verbose=verbose,
        )
        self.normalizer = normalizer
        self.n_context = n_context
        self.standardize = standardize
        self.error_augmentation = error_augmentation

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, flux_error=None, validation_data=None, augment=None):
        """Train the network, or take `weights` as they are where there is no y.

        Parameters
        ----------
        X : XPSpectra or array-like of shape (n_spectra, n_samples)
            Flux, W m-2 nm-1, on the grid of the normalizer; prepared rows for "passthrough".
        y : array-like of shape (n_spectra,), default=None
            Classes, two or more. With `weights` training starts from those, and y may be None:
            nothing is trained then.
        flux_error : array-like of shape (n_spectra, n_samples), default=None
            Standard errors for `error_augmentation`, in the unit and on the grid of X; of prepared
            rows without their context. None: those of the XPSpectra. Not looked at where
            `error_augmentation` is 0.
        validation_data : (X, y), default=None
            Spectra for early stopping, calibration and `outlier_score`, instead of a part of X.
        augment : callable, default=None
            ``augment(X, y, rng)`` returns what is trained on instead of a batch: an array of X's
            shape, made from prepared rows X of shape (batch, n_numbers), dtype float32, the
            numbers of the classes y, and a `numpy.random.Generator`. Held-out spectra stay as they
            are.

        Returns
        -------
        self : XPClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed; X has gaps, spectra without any flux above zero, or
            another grid than the normalizer; X, y and flux_error do not fit together; y has one
            class only; there are no errors for `error_augmentation`; or the loss is no number in
            the first epoch.
        ImportError
            If keras is missing.
        """
        return self._fit(X, y, validation_data, augment, flux_error)

    @classmethod
    def from_network(cls, network, classes, **parameters):
        """Make a fitted classifier of a network that was trained elsewhere.

        Parameters
        ----------
        network : keras.Model
            Takes normalised rows, which are not standardised; gives logits: one for two classes,
            else one for each.
        classes : array-like of shape (n_classes,)
            Classes in the order of the outputs, ascending; of two the logit is that of the second.
        **parameters : dict
            Of the constructor. `architecture` must be what built the network, for `fit` to build
            it again, and `normalizer` "passthrough" or fitted.

        Returns
        -------
        classifier : XPClassifier
            Fitted, with a temperature of 1; see `calibrate`. It knows no distances.

        Raises
        ------
        ValueError
            If classes are not ascending, or are not as many as the outputs say; or if there is no
            fitted normalizer.
        """
        classifier = super().from_network(network, classes, **parameters)
        classifier._take(dict.fromkeys((*PREPARATION, "outlier_model_")))
        if classifier.normalizer != PASSTHROUGH:
            if classifier.normalizer is None:
                raise ValueError("normalizer must be fitted or 'passthrough'; got None.")
            check_is_fitted(classifier.normalizer)
            classifier.normalizer_ = classifier.normalizer
            classifier.n_features_in_ = classifier.normalizer.n_features_in_
        return classifier

    def _built(self):
        return build_network(
            self.architecture, self.input_shape_, self._n_outputs(), self.n_context
        )
