"""What the corrections of Gaia's measurements share."""

from sklearn.base import BaseEstimator, TransformerMixin

from climbkit.base import BuilderMixin
from climbkit.survey._table_input import as_frame

G_MAGNITUDE = "phot_g_mean_mag"


# Tables come out as tables, so that scikit-learn need not wrap them, nor hide who called.
class Correction(BuilderMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """A transformer of tables that learns nothing from them."""

    def fit(self, stars, y=None):
        """Check the parameters; nothing is learnt from the stars.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With Gaia's names and units; see `to_gaia_columns`.
        y : ignored
            Not used, present for scikit-learn's API.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter is not allowed.
        """
        self._checked(stars)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        return tags

    def _checked(self, stars):
        self._validate_params()
        frame, _ = as_frame(stars, "stars")
        if frame is None:
            raise ValueError("stars must be a pandas DataFrame or an astropy Table; got None.")
        if self._mark in frame:
            raise ValueError(
                f"stars already have a column {self._mark!r}: they have been corrected before."
            )
        return frame
