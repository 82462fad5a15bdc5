"""From columns of observed positions and motions to Galactocentric coordinates."""

from collections.abc import Mapping

import numpy as np

from climbkit._optional import import_optional

#: The observables, in the order in which a plain array holds them, with their units.
OBSERVABLES = {
    "ra": "deg",
    "dec": "deg",
    "distance": "kpc",
    "pmra": "mas / yr",
    "pmdec": "mas / yr",
    "radial_velocity": "km / s",
}


def is_table(X):
    """Tell whether `X` has named columns: a DataFrame, an astropy table or a mapping."""
    return hasattr(X, "colnames") or isinstance(X, Mapping) or hasattr(X, "columns")


def select_observables(X):
    """Take the observables out of a table by name, each in its own unit.

    Parameters
    ----------
    X : DataFrame, astropy Table, QTable or mapping of str to array-like or Quantity
        Other columns than the observables are left aside. Columns without a unit are taken to
        be in the units of `OBSERVABLES`; masked entries become NaN.

    Returns
    -------
    observed : DataFrame of shape (n_stars, 6)
        The observables in the order of `OBSERVABLES`, as float64.
    """
    import pandas as pd

    names = list(getattr(X, "colnames", None) or X.keys())
    missing = [name for name in OBSERVABLES if name not in names]
    if missing:
        raise ValueError(
            f"X lacks the columns {missing}; a table must have {list(OBSERVABLES)}, got {names}"
        )
    columns = {name: _to_unit(X[name], unit, name) for name, unit in OBSERVABLES.items()}
    return pd.DataFrame(columns, index=getattr(X, "index", None) if hasattr(X, "iloc") else None)


def _to_unit(column, unit, name):
    """Give the values of a column in `unit`, as a plain float array."""
    if getattr(column, "unit", None) is not None:
        units = import_optional("astropy.units", "dynamics")
        mask = getattr(column, "mask", None)
        try:
            column = units.Quantity(np.ma.getdata(column), column.unit).to_value(unit)
        except units.UnitConversionError as error:
            raise ValueError(
                f"the column {name!r} has the unit {error.args[0].split(' and ')[0]}; "
                f"it must be convertible to {unit}"
            ) from error
        column = np.ma.array(column, mask=mask) if mask is not None else column
    if np.ma.isMaskedArray(column):
        column = column.astype(np.float64).filled(np.nan)
    return np.asarray(column, dtype=np.float64)


def check_ranges(observed):
    """Refuse distances that are not positive and declinations beyond the poles."""
    dec, distance = observed[:, 1], observed[:, 2]
    if np.any(distance <= 0):
        raise ValueError(
            f"distance must be positive, got {np.nanmin(distance)} kpc; "
            "mark stars without a distance with NaN"
        )
    if np.any(np.abs(dec) > 90):
        raise ValueError(f"dec must lie within -90 and 90 degrees, got {dec[np.abs(dec) > 90][0]}")


def to_galactocentric(observed, *, galcen_distance, z_sun, v_sun):
    """Turn observables into right-handed Galactocentric positions and velocities.

    The Sun lies at negative x and moves towards positive y.

    Returns
    -------
    position, velocity : ndarray of shape (3, n_stars)
        In kpc and km/s.
    """
    units = import_optional("astropy.units", "dynamics")
    coordinates = import_optional("astropy.coordinates", "dynamics")
    ra, dec, distance, pmra, pmdec, radial_velocity = (
        column * units.Unit(unit)
        for column, unit in zip(observed.T, OBSERVABLES.values(), strict=True)
    )
    stars = coordinates.ICRS(
        ra=ra,
        dec=dec,
        distance=distance,
        pm_ra_cosdec=pmra,
        pm_dec=pmdec,
        radial_velocity=radial_velocity,
    )
    # The direction of the centre is astropy's: Reid & Brunthaler (2004),
    # https://doi.org/10.1086/424960. Every default is given, so that a change of astropy's own
    # defaults cannot change a result.
    frame = coordinates.Galactocentric(
        galcen_coord=coordinates.ICRS(ra=266.4051 * units.deg, dec=-28.936175 * units.deg),
        galcen_distance=galcen_distance * units.kpc,
        z_sun=z_sun * units.kpc,
        galcen_v_sun=coordinates.CartesianDifferential(*v_sun, unit=units.km / units.s),
        roll=0 * units.deg,
    )
    moved = stars.transform_to(frame)
    position = moved.cartesian.xyz.to_value(units.kpc)
    velocity = moved.velocity.d_xyz.to_value(units.km / units.s)
    return position, velocity
