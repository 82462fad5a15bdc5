"""Which stars have astrometry and photometry good enough for a search."""

from itertools import chain
from numbers import Integral, Real

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions

from climbkit.base import BuilderMixin
from climbkit.survey._gaia_columns import find_columns
from climbkit.survey._gaia_cuts import CUTS, combined, summary
from climbkit.survey._table_input import as_frame

_POSITIVE = Interval(Real, 0, None, closed="neither")
_WHOLE = Interval(Integral, 0, None, closed="left")


# Tables come out as tables, so that scikit-learn need not wrap them, nor hide who called.
class GaiaQualityMask(BuilderMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Mark the stars whose measurements can be trusted; none is dropped.

    The defaults are the cuts of Baloyi et al. (2025) [1]_. Each is a parameter; None (or False)
    leaves it out. A star without a value fails the cut.

    Parameters
    ----------
    min_parallax_over_error : float, default=-3.0
        Keep stars with parallax_over_error, or else parallax / parallax_error, above this: more
        negative parallaxes are spurious [1]_.

    require_photometry : bool, default=True
        Keep stars that have both phot_g_mean_mag and bp_rp [1]_.

    min_params_solved : int, default=3
        Keep stars with astrometric_params_solved above this: 3 are positions alone, 31 and 95
        solutions with five and six parameters [1]_ [2]_.

    max_ruwe : float, default=1.15
        Keep stars with ruwe below this [1]_; 1.4 is usual [2]_.

    max_excess_noise_sig : float, default=2.0
        Keep stars with astrometric_excess_noise_sig up to this [1]_ [2]_.

    max_harmonic_amplitude : pair of float, default=(0.18, 33.0)
        With (s, g): keep stars with ipd_gof_harmonic_amplitude up to exp(s (G - g)), as sources
        that are not round have more [1]_.

    min_visibility_periods : int, default=10
        Keep stars with visibility_periods_used of at least this [1]_.

    max_multi_peak : float, default=2
        Keep stars with ipd_frac_multi_peak below this, percent [1]_ [2]_.

    max_excess_factor : float, default=None
        Keep stars whose corrected excess factor C* is within this many sigma_C of 0 [3]_; 3 is
        usual. It is strict in crowded fields, where the light of neighbours comes into BP and RP.

    min_fidelity : float, default=None
        Keep stars whose column fidelity is above this, the probability of Rybizki et al. [4]_ that
        the astrometry is no artefact; they propose 0.5.

    column : str, default="quality"
        Name of the column that is added.

    missing : {"warn", "error"}, default="warn"
        Where a column is absent: leave out the cuts that need it, and warn; or raise.

    Attributes
    ----------
    summary_ : DataFrame of shape (n_cuts, 4)
        By cut, of the stars that were fitted: ``condition``; ``n_failed``, how many fail it;
        ``n_failed_alone``, how many fail no other; ``n_left`` after it and those before. NA where
        the cut was left out because a column is absent.

    n_good_ : int
        Stars that pass all cuts.

    See Also
    --------
    TiledHDBSCAN : Takes the column as its mask.
    ParallaxZeroPoint, ProperMotionFrame : Corrections of what is measured.
    corrected_excess_factor : C* and sigma_C.

    Notes
    -----
    Linear in the number of stars. If applied after `ParallaxZeroPoint`, the cut on
    parallax_over_error still uses the archive's value.

    References
    ----------
    .. [1] Baloyi et al. (2025), the globular-cluster search whose cuts these are
    .. [2] Lindegren et al. (2021), "Gaia EDR3: the astrometric solution", A&A 649, A2,
       https://doi.org/10.1051/0004-6361/202039709
    .. [3] Riello et al. (2021), "Gaia EDR3: photometric content and validation", A&A 649, A3,
       eqs. 6 and 18, https://doi.org/10.1051/0004-6361/202039587
    .. [4] Rybizki et al. (2022), "A classifier for spurious astrometric solutions in Gaia eDR3",
       MNRAS 510, 2597, https://doi.org/10.1093/mnras/stab3588

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey import GaiaQualityMask
    >>> stars = pd.DataFrame({"ruwe": [1.0, 1.3, None], "visibility_periods_used": [9, 15, 20]})
    >>> cuts = dict.fromkeys(["min_parallax_over_error", "min_params_solved", "max_multi_peak",
    ...                       "max_excess_noise_sig", "max_harmonic_amplitude"])
    >>> mask = GaiaQualityMask(**cuts, require_photometry=False, max_ruwe=1.4).fit(stars)
    >>> mask.transform(stars)["quality"].tolist()
    [False, True, False]
    >>> mask.summary_["n_failed"].tolist()
    [1, 1]
    """

    _parameter_constraints = {
        "min_parallax_over_error": [Real, None],
        "require_photometry": ["boolean", None],
        "min_params_solved": [_WHOLE, None],
        "max_ruwe": [_POSITIVE, None],
        "max_excess_noise_sig": [Interval(Real, 0, None, closed="left"), None],
        "max_harmonic_amplitude": [tuple, list, None],
        "min_visibility_periods": [_WHOLE, None],
        "max_multi_peak": [_POSITIVE, None],
        "max_excess_factor": [_POSITIVE, None],
        "min_fidelity": [Interval(Real, 0, 1, closed="left"), None],
        "column": [str],
        "missing": [StrOptions({"warn", "error"})],
    }

    def __init__(
        self,
        *,
        min_parallax_over_error=-3.0,
        require_photometry=True,
        min_params_solved=3,
        max_ruwe=1.15,
        max_excess_noise_sig=2.0,
        max_harmonic_amplitude=(0.18, 33.0),
        min_visibility_periods=10,
        max_multi_peak=2,
        max_excess_factor=None,
        min_fidelity=None,
        column="quality",
        missing="warn",
    ):
        self.min_parallax_over_error = min_parallax_over_error
        self.require_photometry = require_photometry
        self.min_params_solved = min_params_solved
        self.max_ruwe = max_ruwe
        self.max_excess_noise_sig = max_excess_noise_sig
        self.max_harmonic_amplitude = max_harmonic_amplitude
        self.min_visibility_periods = min_visibility_periods
        self.max_multi_peak = max_multi_peak
        self.max_excess_factor = max_excess_factor
        self.min_fidelity = min_fidelity
        self.column = column
        self.missing = missing

    @classmethod
    def published(cls):
        """Return the cuts of Baloyi et al. 2025, which all must be possible.

        Returns
        -------
        mask : GaiaQualityMask
            With ``missing="error"``. Their C* was computed but not applied.
        """
        return cls(missing="error")

    def fit(self, stars, y=None):
        """Check the parameters and count what the cuts take.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With Gaia's names and units; see `to_gaia_columns`.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : GaiaQualityMask
            Fitted transformer.

        Raises
        ------
        ValueError
            If a parameter is not allowed, or a column is absent and `missing` says so.
        """
        self._fit(stars)
        return self

    def transform(self, stars):
        """Add the column.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With Gaia's names and units.

        Returns
        -------
        stars : DataFrame of shape (n_stars, n_columns + 1)
            The same rows in the same order. A boolean column of that name is replaced.

        Raises
        ------
        ValueError
            As of `fit`; or if there is a column of that name that holds something else.
        """
        frame = self._checked(stars)
        return self._with_column(frame, self._good(frame))

    def fit_transform(self, stars, y=None):
        """Count what the cuts take, and add the column; see `transform`.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With Gaia's names and units.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        stars : DataFrame of shape (n_stars, n_columns + 1)
            The same rows in the same order.
        """
        frame, mask = self._fit(stars)
        return self._with_column(frame, mask)

    def mask(self, stars):
        """Tell which stars pass all cuts.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With Gaia's names and units.

        Returns
        -------
        mask : ndarray of bool of shape (n_stars,)
            True for good stars.
        """
        return self._good(self._checked(stars))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        return tags

    def _fit(self, stars):
        frame = self._checked(stars)
        passed = self._passed(frame)
        mask = combined(passed, len(frame))
        self.summary_ = summary(passed, self)
        self.n_good_ = int(mask.sum())
        return frame, mask

    def _checked(self, stars):
        self._validate_params()
        pair = self.max_harmonic_amplitude
        if pair is not None and not (len(pair) == 2 and all(isinstance(v, Real) for v in pair)):
            raise ValueError(f"max_harmonic_amplitude must be two numbers (s, g); got {pair!r}.")
        frame, _ = as_frame(stars, "stars")
        if frame is None:
            raise ValueError("stars must be a pandas DataFrame or an astropy Table; got None.")
        return frame

    def _good(self, frame):
        return combined(self._passed(frame), len(frame))

    def _passed(self, frame):
        """Which stars pass, by cut; None for a cut that cannot be made."""
        limits = {name: getattr(self, name) for name in CUTS}
        limits = {name: v for name, v in limits.items() if v is not None and v is not False}
        absent = {n: [c for c in CUTS[n].columns(frame) if c not in frame] for n in limits}
        absent = {name: columns for name, columns in absent.items() if columns}
        if self.missing == "error":
            without = f"do without by {', '.join(f'{name}=None' for name in absent)}"
        else:
            without = f"left out are the cuts {', '.join(absent)}"
        columns = list(dict.fromkeys(chain.from_iterable(absent.values())))
        find_columns(frame, columns, missing=self.missing, without=without, stacklevel=5)
        return {
            name: None if name in absent else CUTS[name].passes(frame, limit)
            for name, limit in limits.items()
        }

    def _with_column(self, frame, mask):
        if self.column in frame and frame[self.column].dtype.kind != "b":
            raise ValueError(
                f"stars already have a column {self.column!r}, of {frame[self.column].dtype}; name "
                "another one by column=."
            )
        return frame.assign(**{self.column: mask})
