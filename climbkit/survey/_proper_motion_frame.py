"""The frame of Gaia's bright proper motions."""

import numpy as np
from sklearn.utils._param_validation import StrOptions

from climbkit.survey._gaia_columns import find_columns
from climbkit.survey._gaia_corrections import G_MAGNITUDE, Correction
from climbkit.survey._star_columns import numbers_in

# Mean of the published noise, N(0.01, 0.02) mas/yr per pmra of a star with G < 13 (Baloyi et al.
# 2025).
PUBLISHED_PMRA_OFFSET = 0.01
# Table 1 of Cantat-Gaudin & Brandt (2021): limits of G, and in each interval the spin of the
# bright frame about the axes of ICRS, microarcsec/yr.
_MAGNITUDES = np.array([0, 9, 9.5, 10, 10.5, 11, 11.5, 11.75, 12, 12.25, 12.5, 12.75, 13])
_SPIN_MICROARCSEC = (
    (18.4, 14.0, 12.8, 13.6, 16.2, 19.4, 21.8, 17.7, 21.3, 25.7, 27.3, 34.9),
    (33.8, 30.7, 31.4, 35.7, 50.0, 59.9, 64.2, 65.6, 74.8, 73.6, 76.6, 68.9),
    (-11.3, -19.4, -11.8, -10.5, 2.1, 0.2, 1.0, -1.9, 2.1, 1.0, 0.5, -2.9),
)
_SPIN = np.array(_SPIN_MICROARCSEC) / 1000.0  # mas/yr


class ProperMotionFrame(Correction, auto_wrap_output_keys=None):
    """Take off the rotation of Gaia's bright stars against its faint ones.

    Parameters
    ----------
    method : {"rotation", "offset"}, default="rotation"
        ``"rotation"``: the spin of Cantat-Gaudin & Brandt (2021), by magnitude, of stars brighter
        than G = 13. ``"offset"``: 0.01 mas/yr off the pmra of these stars, the mean of the noise
        that Baloyi et al. (2025) subtract.

    missing : {"warn", "error"}, default="warn"
        Where a column is absent: leave the proper motions as they are, and warn; or raise.

    See Also
    --------
    ParallaxZeroPoint : The correction of parallaxes.

    Notes
    -----
    Needs pmra, pmdec, phot_g_mean_mag, ra and dec. Stars without magnitude are left as they are.
    The rotation reaches 0.08 mas/yr. Linear in the number of stars.

    References
    ----------
    Cantat-Gaudin & Brandt 2021, Characterizing and correcting the proper motion bias of the bright
    Gaia EDR3 sources, A&A 649, A124, table 1. https://doi.org/10.1051/0004-6361/202140807

    Examples
    --------
    >>> import pandas as pd
    >>> from climbkit.survey import ProperMotionFrame
    >>> stars = pd.DataFrame({"ra": [0.0, 0.0], "dec": [0.0, 0.0], "pmra": [1.0, 1.0],
    ...                       "pmdec": [2.0, 2.0], "phot_g_mean_mag": [12.9, 13.0]})
    >>> print(ProperMotionFrame().transform(stars)[["pmra", "pmdec"]].to_string(index=False))
      pmra  pmdec
    1.0029 2.0689
    1.0000 2.0000
    """

    _parameter_constraints = {
        "method": [StrOptions({"rotation", "offset"})],
        "missing": [StrOptions({"warn", "error"})],
    }
    _mark = "pm_frame_corrected"

    def __init__(self, *, method="rotation", missing="warn"):
        self.method = method
        self.missing = missing

    @classmethod
    def published(cls):
        """Return the correction of Baloyi et al. 2025, without its random part.

        Returns
        -------
        correction : ProperMotionFrame
            With the mean of the noise that they subtract.
        """
        return cls(method="offset", missing="error")

    def transform(self, stars):
        """Correct the proper motions.

        Parameters
        ----------
        stars : DataFrame or astropy Table of shape (n_stars, n_columns)
            With Gaia's names and units.

        Returns
        -------
        stars : DataFrame of shape (n_stars, n_columns + 1)
            With corrected pmra and pmdec, and pm_frame_corrected: True where they have changed.

        Raises
        ------
        ValueError
            If a parameter is not allowed, a column is absent and `missing` says so, or the proper
            motions have been corrected before.
        """
        frame = self._checked(stars)
        needs = ["pmra", "pmdec", G_MAGNITUDE] + ([] if self.method == "offset" else ["ra", "dec"])
        without = "the rotation of the bright stars is not taken off"
        if not find_columns(frame, needs, missing=self.missing, without=without):
            return frame.assign(**{self._mark: False})
        g = numbers_in(frame, G_MAGNITUDE)
        bright = (g >= _MAGNITUDES[0]) & (g < _MAGNITUDES[-1])
        pmra, pmdec = numbers_in(frame, "pmra").copy(), numbers_in(frame, "pmdec").copy()
        if self.method == "offset":
            pmra[bright] -= PUBLISHED_PMRA_OFFSET
        else:
            ra, dec = (np.deg2rad(numbers_in(frame, name)[bright]) for name in ("ra", "dec"))
            spin = _SPIN[:, np.searchsorted(_MAGNITUDES, g[bright], side="right") - 1]
            along_ra, along_dec = _rotation(spin, ra, dec)
            pmra[bright] -= along_ra
            pmdec[bright] -= along_dec
        return frame.assign(pmra=pmra, pmdec=pmdec, **{self._mark: bright})


def _rotation(spin, ra, dec):
    """Proper motions that a spin (x, y, z) gives at positions in radians."""
    x, y, z = spin
    along_ra = z * np.cos(dec) - np.sin(dec) * (x * np.cos(ra) + y * np.sin(ra))
    return along_ra, x * np.sin(ra) - y * np.cos(ra)
