"""Integrals of motion of stars with six-dimensional phase-space coordinates."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from climbkit.base import BuilderMixin
from climbkit.dynamics._phase_space import (
    OBSERVABLES,
    check_ranges,
    is_table,
    select_observables,
    to_galactocentric,
)
from climbkit.dynamics._potential import actions, evaluate

_OUTPUTS = ("Lz", "Energy", "Lperp", "Jr", "Jphi", "Jz")


class IntegralsOfMotion(BuilderMixin, TransformerMixin, BaseEstimator):
    """Turn positions and motions on the sky into energy, angular momenta and actions.

    Parameters
    ----------
    output : sequence of str, default=("Lz", "Energy", "Lperp")
        Columns to give, in this order: ``"Lz"`` and ``"Lperp"`` [kpc km/s], ``"Energy"`` [km2/s2],
        and the actions ``"Jr"``, ``"Jphi"``, ``"Jz"`` [kpc km/s]. The default is the order of
        :func:`climbkit.datasets.load_rr_lyrae`.
    potential : galpy potential, default=None
        Axisymmetric gravitational potential. None is that of McMillan (2017) [1]_. Its physical
        scales are read from itself, so build it with ``ro=..., vo=...``.
    galcen_distance : float, default=8.122
        kpc. Distance from the Sun to the Galactic centre [2]_.
    z_sun : float, default=0.0208
        kpc. Height of the Sun above the Galactic plane [3]_.
    v_sun : array-like of shape (3,), default=(12.9, 245.6, 7.78)
        km/s. Velocity of the Sun towards the centre, along the rotation and towards the north
        Galactic pole [4]_. These three defaults are those of astropy since its version 4.0.
    prograde : {"positive", "negative"}, default="positive"
        Sign of Lz (and Jphi) of stars that rotate with the disc. In right-handed coordinates they
        come out negative; most catalogues, :func:`climbkit.datasets.load_rr_lyrae` among them,
        count them positive.
    focal_distance : float, default=3.7
        kpc. Focal distance of the Staeckel approximation by which Jr and Jz are found [5]_; 0.45
        times the solar radius, as in galpy's documentation.

    Attributes
    ----------
    n_features_in_ : int
        Six.
    feature_names_in_ : ndarray of shape (6,)
        Names of the columns, if the stars came as a table.

    See Also
    --------
    climbkit.datasets.fetch_rr_lyrae : Gaia's RR Lyrae stars, to which a distance must be added.

    Notes
    -----
    Lz = ±(x vy - y vx) and Lperp = hypot(Lx, Ly), which is only roughly conserved. The Energy is
    v²/2 + potential, with the potential zero at infinity. Unbound stars have positive energies and
    no actions (NaN). Rows with a NaN anywhere, such as stars without a radial velocity, come out
    as NaN, so that the number of rows never changes.

    Time and memory are linear in the number of stars. The McMillan potential costs about ten
    seconds once per process while galpy computes its coefficients, then 0.5 s per million stars:
    it is tabulated, with errors below 0.001 km2/s2, out to 300 kpc, and summed directly beyond
    (some milliseconds a star). Actions cost about two milliseconds a star.

    Needs ``pip install climbkit[dynamics]``.

    References
    ----------
    .. [1] McMillan (2017), "The mass distribution and gravitational potential of the Milky Way",
       MNRAS 465, 76, https://doi.org/10.1093/mnras/stw2759
    .. [2] GRAVITY Collaboration (2018), A&A 615, L15, https://doi.org/10.1051/0004-6361/201833718
    .. [3] Bennett & Bovy (2019), MNRAS 482, 1417, https://doi.org/10.1093/mnras/sty2813
    .. [4] Drimmel & Poggio (2018), RNAAS 2, 210, https://doi.org/10.3847/2515-5172/aaef8b
    .. [5] Binney (2012), MNRAS 426, 1324, https://doi.org/10.1111/j.1365-2966.2012.21757.x

    Examples
    --------
    The Sun itself, seen from 1 pc, in angular momentum alone:

    >>> from climbkit.dynamics import IntegralsOfMotion
    >>> star = {"ra": [266.0], "dec": [-29.0], "distance": [0.001],
    ...         "pmra": [0.0], "pmdec": [0.0], "radial_velocity": [0.0]}
    >>> IntegralsOfMotion(output=("Lz", "Lperp")).fit_transform(star).round(1)
    array([[1994.5,   63.7]])
    """

    _parameter_constraints = {
        "output": ["array-like"],
        "potential": "no_validation",
        "galcen_distance": [Interval(Real, 0, None, closed="neither")],
        "z_sun": [Interval(Real, None, None, closed="neither")],
        "v_sun": ["array-like"],
        "prograde": [StrOptions({"positive", "negative"})],
        "focal_distance": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        output=("Lz", "Energy", "Lperp"),
        potential=None,
        galcen_distance=8.122,
        z_sun=0.0208,
        v_sun=(12.9, 245.6, 7.78),
        prograde="positive",
        focal_distance=3.7,
    ):
        self.output = output
        self.potential = potential
        self.galcen_distance = galcen_distance
        self.z_sun = z_sun
        self.v_sun = v_sun
        self.prograde = prograde
        self.focal_distance = focal_distance

    def fit(self, X, y=None):
        """Check the parameters and the columns of X; nothing is learnt from the stars.

        Parameters
        ----------
        X : table or array-like of shape (n_stars, 6)
            As for `transform`.
        y : None
            Ignored.

        Returns
        -------
        self : IntegralsOfMotion
            The transformer itself.
        """
        self._validate_params()
        output = list(self.output)
        unknown = [name for name in output if name not in _OUTPUTS]
        if unknown or not output or len(set(output)) != len(output):
            raise ValueError(
                f"output must name different columns among {_OUTPUTS}, got {tuple(output)}"
            )
        v_sun = np.asarray(self.v_sun, dtype=float)
        if v_sun.shape != (3,) or not np.isfinite(v_sun).all():
            raise ValueError(f"v_sun must be three finite velocities in km/s, got {self.v_sun!r}")
        if abs(self.z_sun) >= self.galcen_distance:
            raise ValueError(
                f"z_sun={self.z_sun} must be smaller than galcen_distance={self.galcen_distance}"
            )
        self._read(X, reset=True)
        return self

    def transform(self, X):
        """Compute the integrals of motion.

        Parameters
        ----------
        X : table or array-like of shape (n_stars, 6)
            ``ra``, ``dec`` [deg], ``distance`` [kpc], ``pmra`` (with the cosine of dec), ``pmdec``
            [mas/yr] and ``radial_velocity`` [km/s]. Tables (pandas DataFrame, astropy Table or
            QTable, dict of columns) are read by name, whatever else they hold; columns with units
            are converted. Arrays hold the six in this order.

        Returns
        -------
        integrals : ndarray of shape (n_stars, n_output)
            The columns named by `output`, NaN in rows where an observable is NaN.

        Raises
        ------
        ValueError
            If a column is missing, has a unit of another kind, or holds infinities, distances
            that are not positive or declinations beyond the poles.
        ImportError
            If astropy or, for energies and actions, galpy is missing.
        """
        check_is_fitted(self, "n_features_in_")
        observed = self._read(X, reset=False)
        complete = ~np.isnan(observed).any(axis=1)
        integrals = np.full((len(observed), len(self.output)), np.nan)
        if complete.any():
            integrals[complete] = self._compute(observed[complete])
        return integrals

    def get_feature_names_out(self, input_features=None):
        """Give the names of the output columns.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects
            The names in `output`.
        """
        check_is_fitted(self, "n_features_in_")
        return np.array(list(self.output), dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _read(self, X, *, reset):
        """Give the observables as a float array, in their order and units."""
        if is_table(X):
            X = select_observables(X)
        elif hasattr(X, "unit"):
            raise ValueError(
                "X has one unit for all of its columns, which differ in kind; give a table with a "
                f"unit per column, or a plain array in {OBSERVABLES}"
            )
        observed = validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        if observed.shape[1] != len(OBSERVABLES):
            raise ValueError(
                f"X must have the {len(OBSERVABLES)} columns {list(OBSERVABLES)}, "
                f"got {observed.shape[1]}"
            )
        check_ranges(observed)
        return observed

    def _compute(self, observed):
        """Compute the output columns of stars without NaN."""
        position, velocity = to_galactocentric(
            observed, galcen_distance=self.galcen_distance, z_sun=self.z_sun, v_sun=self.v_sun
        )
        lx, ly, lz = np.cross(position, velocity, axis=0)
        # The Sun is at negative x and moves towards positive y: prograde is negative here.
        sign = -1.0 if self.prograde == "positive" else 1.0
        columns = {"Lz": sign * lz, "Jphi": sign * lz, "Lperp": np.hypot(lx, ly)}
        if not set(self.output) <= set(columns):
            x, y, z = position
            energy = evaluate(self.potential, np.hypot(x, y), z) + (velocity**2).sum(axis=0) / 2
            columns["Energy"] = energy
        if {"Jr", "Jz"} & set(self.output):
            columns["Jr"], columns["Jz"] = np.full((2, len(observed)), np.nan)
            bound = energy < 0
            if bound.any():
                columns["Jr"][bound], columns["Jz"][bound] = actions(
                    self.potential, position[:, bound], velocity[:, bound], self.focal_distance
                )
        return np.column_stack([columns[name] for name in self.output])
