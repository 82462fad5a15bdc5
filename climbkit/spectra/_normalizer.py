"""From fluxes in physical units to what a network takes."""

from numbers import Real

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from climbkit.base import BuilderMixin
from climbkit.spectra._container import XPSpectra
from climbkit.spectra._grid import WAVELENGTH
from climbkit.spectra._policies import name_some
from climbkit.spectra._resampling import checked_wavelength

#: Columns behind the samples.
CONTEXT = ("log_max_flux", "log_min_flux")
# Where the logarithm of the context bends to take what is below zero, as a part of the maximum:
# the faintest samples of hot subdwarfs, whose spectra are clean, lie at 0.01 to 0.03.
_SOFTENING = 0.01
# Taken for the largest flux of a row of zeros.
_DARK = 1e-38
# The continuum is never taken lower, as a part of the largest sample. The hottest stars, whose
# flux falls like wavelength to the power of -4, reach 0.012 at the red end.
_MIN_CONTINUUM = 0.01


class XPNormalizer(BuilderMixin, TransformerMixin, BaseEstimator):
    r"""Prepare XP spectra for networks: shape and brightness apart.

    The shape is the flux divided by a norm; the brightness, which that takes away, follows in two
    columns of context.

    Parameters
    ----------
    norm : {"l2", "continuum"} or None, default="l2"
        What the flux of each spectrum is divided by: the root of the sum of its squares; its
        smooth continuum, so that lines and bands are left around 1; or nothing.

    context : bool, default=True
        Whether to append the logarithms of the largest and of the smallest flux, standardised by
        the mean and scatter of the spectra that were fitted.

    wavelength : "xp", array-like of shape (n_samples,) or None, default="xp"
        Grid of the samples, nm: the one of Gaia's sampled spectra, `WAVELENGTH`, or another.
        `XPSpectra` on other grids are resampled to it. None: rows may have any number of samples,
        of whatever, all alike.

    continuum_width : float, default=25.0
        Standard deviation, in samples, of the Gaussian that smooths the flux to its continuum. 25
        samples of 2 nm are several times what XP resolves.

    Attributes
    ----------
    wavelength_ : ndarray of shape (n_samples,) or None
        Grid of the samples, nm.

    context_mean_ : ndarray of shape (2,)
        Means of the logarithms, if `context`.

    context_scale_ : ndarray of shape (2,)
        Their standard deviations; 1 where they do not differ.

    n_features_in_ : int
        Samples of a spectrum.

    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the columns of a table, if it was one that was fitted.

    See Also
    --------
    XPSpectra.clean : Deals with gaps and negative flux first.

    Notes
    -----
    Linear in the number of spectra. float32 stays float32.

    The smallest flux of a faint spectrum is often negative, from noise. Its logarithm is the one of
    asinh magnitudes [1]_: :math:`\log_{10} [(f + \sqrt{f^2 + 4 s^2}) / 2]` with s a hundredth of
    the largest flux, which is the usual logarithm far above s, and rises with f everywhere.

    The continuum is not taken lower than a hundredth of the largest sample, so that noise around
    zero is not divided by nothing; samples fainter than that come out below 1.

    With `wavelength` None rows need not be light, and only NaN and infinity are refused: rows of
    zeros stay zeros, with the context of a largest flux of 1e-38.

    References
    ----------
    .. [1] Lupton, Gunn and Szalay (1999), "A modified magnitude system that produces well-behaved
       magnitudes, colors, and errors even for low signal-to-noise ratio measurements", AJ 118,
       1406, https://doi.org/10.1086/301004

    Examples
    --------
    >>> import numpy as np
    >>> from climbkit.spectra import WAVELENGTH, XPNormalizer
    >>> flux = 1e-16 * np.exp(-((WAVELENGTH - [[450.0], [800.0]]) / 200) ** 2)
    >>> X = XPNormalizer().fit_transform(flux)
    >>> X.shape
    (2, 345)
    >>> np.linalg.norm(X[:, :343], axis=1)
    array([1., 1.])
    """

    _parameter_constraints = {
        "norm": [StrOptions({"l2", "continuum"}), None],
        "context": ["boolean"],
        "wavelength": [StrOptions({"xp"}), "array-like", None],
        "continuum_width": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, norm="l2", *, context=True, wavelength="xp", continuum_width=25.0):
        self.norm = norm
        self.context = context
        self.wavelength = wavelength
        self.continuum_width = continuum_width

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn how the brightnesses are distributed.

        Parameters
        ----------
        X : XPSpectra or array-like of shape (n_spectra, n_samples)
            Flux, W m-2 nm-1.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : XPNormalizer
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not allowed; if the samples are not those of the grid; or if spectra
            hold NaN, infinity, zeros only or nothing above zero: the error names the rows.
        """
        if self.wavelength is None:
            self.wavelength_ = None
        else:
            named = isinstance(self.wavelength, str)
            self.wavelength_ = WAVELENGTH if named else checked_wavelength(self.wavelength)
        _, extremes = self._checked(X, reset=True)
        if self.context:
            logarithms = _logarithms(*extremes)
            self.context_mean_ = logarithms.mean(axis=0)
            scatter = logarithms.std(axis=0)
            # Of equal numbers rounding leaves a scatter that is none.
            same = np.ptp(logarithms, axis=0) == 0
            self.context_scale_ = np.where(same, 1.0, scatter)
        return self

    def transform(self, X):
        """Normalise spectra.

        Parameters
        ----------
        X : XPSpectra or array-like of shape (n_spectra, n_samples)
            Flux, W m-2 nm-1. There may be none.

        Returns
        -------
        X_new : ndarray of shape (n_spectra, n_samples + 2)
            Samples without unit, then the context; without `context`, samples only. float32 for
            float32, else float64.

        Raises
        ------
        ValueError
            As of `fit`.
        """
        check_is_fitted(self)
        flux, (low, high) = self._checked(X, reset=False)
        n_samples = flux.shape[1]
        result = np.empty((len(flux), n_samples + len(CONTEXT) * self.context), dtype=flux.dtype)
        samples = result[:, :n_samples]
        if self.norm is None:
            samples[...] = flux
        else:
            # The squares of some 1e-18 would be zero in float32, hence the division first.
            np.divide(flux, _peak(low, high), out=samples)
            samples /= self._relative_norm(samples)
        if self.context:
            logarithms = _logarithms(low, high)
            result[:, n_samples:] = (logarithms - self.context_mean_) / self.context_scale_
        return result

    def scale_errors(self, X, flux_error=None):
        """Divide the errors of spectra by the norms of the spectra.

        Parameters
        ----------
        X : XPSpectra or array-like of shape (n_spectra, n_samples)
            Flux, W m-2 nm-1, as for `transform`.
        flux_error : array-like of shape (n_spectra, n_samples), default=None
            Its standard errors, on the grid of X, W m-2 nm-1. None: those of the XPSpectra.

        Returns
        -------
        errors : ndarray of shape (n_spectra, n_samples)
            Standard errors of the samples that `transform` returns, without the small part that
            the error of the norm adds.

        Raises
        ------
        ValueError
            As of `fit`; if there are no errors; or if they have another shape than X, hold NaN or
            infinity, or are negative.
        """
        check_is_fitted(self)
        if flux_error is None:
            flux_error = getattr(X, "flux_error", None)
            if flux_error is None:
                raise ValueError("flux_error is needed where X is no XPSpectra with errors.")
        errors = np.asarray(flux_error)
        if errors.shape != np.shape(X) or errors.dtype.kind not in "fiu":
            raise ValueError(
                f"flux_error must hold numbers in the shape of X, {np.shape(X)}; got shape "
                f"{errors.shape} and dtype {errors.dtype}."
            )
        bad = np.flatnonzero(~((errors >= 0) & np.isfinite(errors)).all(axis=1))
        if len(bad):
            raise ValueError(
                f"flux_error of {len(bad)} spectra is NaN, infinite or negative: "
                f"{_named_rows(bad, X)}."
            )
        flux, (low, high) = self._checked(X, reset=False)
        if isinstance(X, XPSpectra) and self.wavelength_ is not None:
            errors = XPSpectra(X.source_id, errors, wavelength=X.wavelength)
            errors = errors.resample(self.wavelength_).flux
        if self.norm is None:
            return errors.astype(flux.dtype)
        peak = _peak(low, high)
        relative = flux / peak
        norm = self._relative_norm(relative)
        np.divide(errors, peak, out=relative, casting="same_kind")
        relative /= norm
        return relative

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
            Names of the samples, which are used where there is no grid.

        Returns
        -------
        names : ndarray of str of shape (n_features_out,)
            ``flux_336``, … by wavelength in nm, then ``log_max_flux`` and ``log_min_flux``.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        if self.wavelength_ is not None:
            names = [f"flux_{wavelength:.10g}" for wavelength in self.wavelength_]
        return np.array([*names, *(CONTEXT if self.context else ())], dtype=object)

    def _checked(self, X, *, reset):
        """Flux on the grid, and the smallest and largest of each spectrum, all of them usable."""
        spectra = X
        if isinstance(X, XPSpectra):
            X = X.flux if self.wavelength_ is None else X.resample(self.wavelength_).flux
        elif self.wavelength_ is not None:
            self._check_width(X)
        flux = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            ensure_min_samples=int(reset),
            ensure_min_features=2 if reset else 1,
        )
        # NaN and infinity show in these, so that nothing else need look for them.
        low, high = flux.min(axis=1), flux.max(axis=1)
        unknown = ~(np.isfinite(low) & np.isfinite(high))
        _refuse(unknown, "Input X contains NaN or infinity in", spectra, "See XPSpectra.clean.")
        if self.wavelength_ is not None:
            _refuse((low == 0) & (high == 0), "X is zero throughout in", spectra)
            _refuse(high <= 0, "X has no flux above zero in", spectra)
        return flux, (low, high)

    def _check_width(self, X):
        shape = np.shape(X)
        wanted = len(self.wavelength_)
        if len(shape) != 2 or shape[1] == wanted:
            return
        message = (
            f"X has {shape[1]} columns, and wavelength= has {wanted} samples, from "
            f"{self.wavelength_[0]:g} to {self.wavelength_[-1]:g} nm. Pass XPSpectra, which know "
            "the wavelengths of their samples and are resampled, or the grid by wavelength=."
        )
        if shape[1] == wanted + len(CONTEXT):
            message += (
                f" These rows of {wanted} + {len(CONTEXT)} columns seem to be prepared by an "
                "XPNormalizer already."
            )
        raise ValueError(message)

    def _relative_norm(self, samples):
        """What spectra whose largest sample is 1 are divided by."""
        if self.norm == "l2":
            squares = np.einsum("ij,ij->i", samples, samples)
            # Below 1 only in rows of zeros.
            return np.sqrt(np.maximum(squares, 1))[:, None]
        smoothing = gaussian_filter1d(
            np.eye(samples.shape[1], dtype=samples.dtype),
            self.continuum_width,
            axis=0,
            mode="nearest",
        )
        return np.maximum(samples @ smoothing.T, samples.dtype.type(_MIN_CONTINUUM))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _peak(low, high):
    """Largest absolute sample of each spectrum, a column."""
    peak = np.maximum(np.abs(low), np.abs(high))[:, None]
    return np.where(peak > 0, peak, peak.dtype.type(1))


def _logarithms(low, high):
    """Logarithms (base 10) of the largest and the smallest flux, shape (n_spectra, 2)."""
    extremes = np.column_stack([high, low]).astype(np.float64)
    peak = np.where(high > 0, high, -low).astype(np.float64)[:, None]
    softening = _SOFTENING * np.maximum(peak, _DARK)
    return np.log10(softening) + np.arcsinh(extremes / (2 * softening)) / np.log(10)


def _refuse(bad, what, spectra, hint=""):
    rows = np.flatnonzero(bad)
    if len(rows):
        raise ValueError(f"{what} {_named_rows(rows, spectra)}. {hint}".rstrip())


def _named_rows(rows, spectra):
    text = f"{len(rows)} spectra, rows {name_some(rows)}"
    if isinstance(spectra, XPSpectra):
        text += f", source_id {name_some(spectra.source_id[rows])}"
    return text
