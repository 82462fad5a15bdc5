import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

from climbkit.dynamics import IntegralsOfMotion
from climbkit.dynamics._phase_space import OBSERVABLES

pytest.importorskip("astropy")
pytest.importorskip("galpy")

MOMENTA = ("Lz", "Lperp")


@pytest.fixture(scope="module")
def stars():
    """Made-up stars around the Sun."""
    rng = np.random.default_rng(0)
    n = 50
    return pd.DataFrame(
        {
            "ra": rng.uniform(0, 360, n),
            "dec": np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))),
            "distance": rng.uniform(0.5, 8, n),
            "pmra": rng.normal(0, 5, n),
            "pmdec": rng.normal(0, 5, n),
            "radial_velocity": rng.normal(0, 100, n),
        }
    )


def galactocentric(stars):
    from astropy import units as u
    from astropy.coordinates import Galactocentric, SkyCoord, galactocentric_frame_defaults

    with galactocentric_frame_defaults.set("v4.0"):
        frame = Galactocentric()
    moved = SkyCoord(
        ra=stars["ra"].to_numpy() * u.deg,
        dec=stars["dec"].to_numpy() * u.deg,
        distance=stars["distance"].to_numpy() * u.kpc,
        pm_ra_cosdec=stars["pmra"].to_numpy() * u.mas / u.yr,
        pm_dec=stars["pmdec"].to_numpy() * u.mas / u.yr,
        radial_velocity=stars["radial_velocity"].to_numpy() * u.km / u.s,
    ).transform_to(frame)
    return moved.cartesian.xyz.to_value(u.kpc), moved.velocity.d_xyz.to_value(u.km / u.s)


def test_angular_momentum_follows_its_definition(stars):
    (x, y, z), (vx, vy, vz) = galactocentric(stars)
    lz, lperp = IntegralsOfMotion(output=MOMENTA).fit_transform(stars).T
    assert lz == pytest.approx(-(x * vy - y * vx))
    assert lperp == pytest.approx(np.hypot(y * vz - z * vy, z * vx - x * vz))


def test_a_star_at_rest_beside_the_sun_shares_its_prograde_motion():
    beside = [[266.4, -28.9, 1e-6, 0.0, 0.0, 0.0]]
    prograde = IntegralsOfMotion(output=["Lz"]).fit_transform(beside)
    assert prograde[0, 0] == pytest.approx(8.122 * 245.6, rel=1e-3)
    retrograde = IntegralsOfMotion(output=["Lz"], prograde="negative").fit_transform(beside)
    assert retrograde == -prograde


def test_energy_is_kinetic_plus_the_summed_potential(stars):
    """The table of the McMillan potential against galpy's direct sum; 0.001 km2/s2 is promised."""
    from climbkit.dynamics._potential import _evaluate_directly, mcmillan17

    few = stars.iloc[:10].assign(distance=np.geomspace(0.01, 1000, 10))  # the table ends at 300
    (x, y, z), velocity = galactocentric(few)
    expected = _evaluate_directly(mcmillan17(), np.hypot(x, y), z) + (velocity**2).sum(axis=0) / 2
    energy = IntegralsOfMotion(output=["Energy"]).fit_transform(few)[:, 0]
    assert energy == pytest.approx(expected, abs=1e-3, rel=0)


def test_the_potential_vanishes_at_infinity():
    from climbkit.dynamics._potential import evaluate

    values = evaluate(None, np.array([1e5, 1e7]), np.array([0.0, 0.0]))
    assert np.all(values < 0)
    assert np.all(values > [-400, -10])  # km2/s2; -183,692 at the Sun


def test_energy_without_the_compiled_table_is_the_same(stars, monkeypatch):
    from climbkit.dynamics import _potential

    few = stars.iloc[:5]
    tabulated = IntegralsOfMotion().fit_transform(few)
    monkeypatch.setattr(_potential, "_mcmillan17_table", lambda: None)
    assert IntegralsOfMotion().fit_transform(few) == pytest.approx(tabulated, abs=1e-3)


def test_actions_are_those_of_the_isochrone(stars):
    """In a spherical potential the Staeckel approximation is exact as its foci close up.

    Jr = GM / sqrt(-2 E) - (L + sqrt(L^2 + 4 GM b)) / 2 (Binney & Tremaine 2008, eq. 3.225).
    """
    from astropy import units as u
    from galpy.potential import IsochronePotential

    gm, b = 1.5e6, 3.0  # km2/s2 kpc, kpc
    potential = IsochronePotential(amp=gm * u.km**2 / u.s**2 * u.kpc, b=b * u.kpc, ro=8.0, vo=220.0)
    names = ("Energy", "Lz", "Lperp", "Jr", "Jphi", "Jz")
    estimator = IntegralsOfMotion(output=names, potential=potential, focal_distance=1e-3)
    energy, lz, lperp, jr, jphi, jz = estimator.fit_transform(stars).T
    bound = energy < -1000
    total = np.hypot(lz, lperp)
    expected = (
        gm / np.sqrt(-2 * energy[bound]) - (total + np.sqrt(total**2 + 4 * gm * b))[bound] / 2
    )
    assert bound.sum() > 30
    assert jr[bound] == pytest.approx(expected, rel=1e-3, abs=1.0)
    assert jz[bound] == pytest.approx((total - np.abs(lz))[bound], rel=1e-3, abs=1.0)
    assert np.array_equal(jphi, lz)


def test_unbound_stars_have_energy_but_no_actions(stars):
    fast = stars.iloc[:2].assign(radial_velocity=2000.0)
    energy, jr, jz = IntegralsOfMotion(output=("Energy", "Jr", "Jz")).fit_transform(fast).T
    assert np.all(energy > 0)
    assert np.isnan([jr, jz]).all()


def test_rows_with_nan_stay_in_place_as_nan(stars):
    holes = stars.copy()
    holes.loc[3, "radial_velocity"] = np.nan
    holes.loc[7, "distance"] = np.nan
    complete = IntegralsOfMotion(output=MOMENTA).fit_transform(stars)
    gaps = IntegralsOfMotion(output=MOMENTA).fit_transform(holes)
    assert np.flatnonzero(np.isnan(gaps).any(axis=1)).tolist() == [3, 7]
    assert np.isnan(gaps[[3, 7]]).all()
    others = np.setdiff1d(np.arange(len(stars)), [3, 7])
    assert np.array_equal(gaps[others], complete[others])


def test_a_table_of_nothing_but_nan_gives_nothing_but_nan(stars):
    assert np.isnan(IntegralsOfMotion().fit_transform(stars * np.nan)).all()


def test_columns_are_read_by_name_whatever_else_there_is(stars):
    shuffled = stars[list(OBSERVABLES)[::-1]].assign(source_id=2**60 + np.arange(len(stars)))
    plain = IntegralsOfMotion(output=MOMENTA).fit_transform(stars.to_numpy())
    for table in (shuffled, dict(stars.items())):
        assert np.array_equal(IntegralsOfMotion(output=MOMENTA).fit_transform(table), plain)


@pytest.mark.parametrize("kind", ["Table", "QTable"])
def test_units_are_converted(stars, kind):
    import astropy.table
    from astropy import units as u

    table = getattr(astropy.table, kind)()
    table["ra"] = stars["ra"].to_numpy() * u.deg
    table["dec"] = np.deg2rad(stars["dec"].to_numpy()) * u.rad
    table["distance"] = 1000 * stars["distance"].to_numpy() * u.pc
    table["pmra"] = stars["pmra"].to_numpy() / 1000 * u.arcsec / u.yr
    table["pmdec"] = stars["pmdec"].to_numpy()  # without a unit: mas/yr
    table["radial_velocity"] = 1000 * stars["radial_velocity"].to_numpy() * u.m / u.s
    plain = IntegralsOfMotion(output=MOMENTA).fit_transform(stars)
    assert IntegralsOfMotion(output=MOMENTA).fit_transform(table) == pytest.approx(plain)


def test_masked_entries_are_missing(stars):
    from astropy.table import Column, MaskedColumn, Table

    for unit in (None, "km/s"):
        table = Table({name: Column(stars[name]) for name in OBSERVABLES})
        table["radial_velocity"] = MaskedColumn(
            stars["radial_velocity"], mask=np.arange(len(stars)) == 4, unit=unit
        )
        integrals = IntegralsOfMotion(output=MOMENTA).fit_transform(table)
        assert np.flatnonzero(np.isnan(integrals[:, 0])).tolist() == [4]


def test_a_unit_of_another_kind_is_refused(stars):
    from astropy import units as u

    table = dict(stars.items()) | {"distance": stars["distance"].to_numpy() * u.mas}
    with pytest.raises(ValueError, match=r"'distance' has the unit .*mas.* convertible to kpc"):
        IntegralsOfMotion().fit(table)
    with pytest.raises(ValueError, match="one unit for all"):
        IntegralsOfMotion().fit(stars.to_numpy() * u.km)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("distance", 0.0, "distance must be positive"),
        ("distance", -1.0, "distance must be positive"),
        ("dec", 91.0, "dec must lie within"),
        ("pmra", np.inf, "infinity"),
    ],
)
def test_impossible_stars_are_refused(stars, column, value, message):
    with pytest.raises(ValueError, match=message):
        IntegralsOfMotion().fit(stars.assign(**{column: value}))


def test_missing_columns_are_named(stars):
    with pytest.raises(ValueError, match=r"lacks the columns \['pmdec'\]"):
        IntegralsOfMotion().fit(stars.drop(columns="pmdec"))
    with pytest.raises(ValueError, match="X must have the 6 columns"):
        IntegralsOfMotion().fit(np.ones((3, 5)))
    with pytest.raises(ValueError, match="0 sample"):
        IntegralsOfMotion().fit(stars.iloc[:0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"output": ("Lz", "Lx")}, "output must name different columns"),
        ({"output": ()}, "output must name different columns"),
        ({"output": ("Lz", "Lz")}, "output must name different columns"),
        ({"prograde": "up"}, "'prograde' parameter"),
        ({"galcen_distance": 0.0}, "'galcen_distance' parameter"),
        ({"z_sun": 9.0}, "z_sun=9.0 must be smaller"),
        ({"v_sun": (1.0, 2.0)}, "v_sun must be three finite"),
        ({"focal_distance": -1.0}, "'focal_distance' parameter"),
    ],
)
def test_bad_parameters_are_named(stars, parameters, message):
    with pytest.raises(ValueError, match=message):
        IntegralsOfMotion(**parameters).fit(stars)


def test_output_names_and_order_are_as_asked(stars):
    estimator = IntegralsOfMotion(output=("Lperp", "Lz")).set_output(transform="pandas")
    table = estimator.fit_transform(stars.set_index(np.arange(50) + 7))
    assert list(table.columns) == ["Lperp", "Lz"]
    assert list(table.index) == list(range(7, 57))
    swapped = IntegralsOfMotion(output=("Lz", "Lperp")).fit_transform(stars)
    assert np.array_equal(table.to_numpy()[:, ::-1], swapped)


def test_rows_are_independent_of_each_other(stars):
    estimator = IntegralsOfMotion().fit(stars)
    order = np.random.default_rng(1).permutation(len(stars))
    assert np.array_equal(estimator.transform(stars.iloc[order]), estimator.transform(stars)[order])
    assert np.array_equal(estimator.transform(stars.iloc[:1]), estimator.transform(stars)[:1])


def test_transform_asks_for_fit_first(stars):
    with pytest.raises(NotFittedError):
        IntegralsOfMotion().transform(stars)


def test_it_survives_pickling(stars):
    estimator = IntegralsOfMotion(output=MOMENTA).fit(stars)
    revived = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(revived.transform(stars), estimator.transform(stars))


@pytest.mark.parametrize(
    "check",
    [
        check_estimator_cloneable,
        check_estimator_repr,
        check_get_params_invariance,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
        check_set_params,
    ],
)
def test_it_keeps_scikit_learn_conventions(check):
    """The checks that bring no data of their own; the others cannot know six columns."""
    check("IntegralsOfMotion", IntegralsOfMotion())


def test_a_missing_galpy_names_the_extra(stars, monkeypatch):
    from climbkit.dynamics import _potential

    monkeypatch.setitem(sys.modules, "galpy.potential", None)
    potential = object()
    with pytest.raises(ImportError, match=r"pip install climbkit\[dynamics\]"):
        _potential.evaluate(potential, np.ones(1), np.ones(1))


def test_stream_tracks_come_out_as_published(data_folder):
    """galstreams' tracks use the same frame, potential and zero, and a negative prograde Lz.

    The published numbers are exact to the last bits of Lz and Lperp; in E the error is that of the
    tabulated potential.
    """
    tracks = pd.read_csv(data_folder / "iom" / "stream_tracks_6d.csv")
    stars = tracks.rename(columns={"dist_kpc": "distance", "rv": "radial_velocity"})
    lz, energy, lperp = IntegralsOfMotion(prograde="negative").fit_transform(stars).T
    assert lz == pytest.approx(tracks["Lz"].to_numpy(), abs=1e-6)
    assert lperp == pytest.approx(tracks["Lperp"].to_numpy(), abs=1e-6)
    assert energy == pytest.approx(tracks["E"].to_numpy(), abs=1e-3, rel=0)


def test_a_halo_sample_in_another_frame_and_potential_comes_out_as_published(data_folder):
    """The Sun at 8.2 kpc in the plane, moving at (11.1, 245.04, 7.25) km/s, parallaxes + 0.017 mas.

    The potential is that of Koppelman et al. (2019, https://doi.org/10.1051/0004-6361/201834769).
    The sample's own velocities differ from astropy's by 0.02 km/s in the median, as it uses 4.74057
    for km/s per kpc mas/yr, and by up to 2 km/s near the Galactic pole, where its proper motions
    in l and b are less exact: a few kpc km/s in Lz, some hundreds of km2/s2 in Energy.
    """
    from astropy import units as u
    from galpy.potential import HernquistPotential, MiyamotoNagaiPotential, NFWPotential

    scales = {"ro": 8.2, "vo": 232.8}
    halo_mass = 1e12 / (np.log(1 + 12) - 12 / (1 + 12))
    potential = (
        MiyamotoNagaiPotential(amp=9.3e10 * u.Msun, a=6.5 * u.kpc, b=0.26 * u.kpc, **scales)
        + HernquistPotential(amp=2 * 3e10 * u.Msun, a=0.7 * u.kpc, **scales)
        + NFWPotential(amp=halo_mass * u.Msun, a=21.5 * u.kpc, **scales)
    )
    sample = pd.read_csv(data_folder / "iom" / "halo_sample_2000.csv")
    stars = sample.assign(
        distance=1 / (sample["parallax"] + 0.017), radial_velocity=sample["any_vlos"]
    )
    estimator = IntegralsOfMotion(
        potential=potential, galcen_distance=8.2, z_sun=0.0, v_sun=(11.1, 245.04, 7.25)
    )
    integrals = estimator.fit_transform(stars)
    residual = np.abs(integrals - sample[["Lz", "En", "Lperp"]].to_numpy())
    assert np.all(np.median(residual, axis=0) < [0.2, 10.0, 0.2])
    assert np.all(np.quantile(residual, 0.99, axis=0) < [3.0, 100.0, 2.0])
    assert np.all(residual.max(axis=0) < [15.0, 500.0, 5.0])


def test_parameters_change_what_they_name(stars):
    default = IntegralsOfMotion(output=MOMENTA).fit_transform(stars)
    for change in ({"galcen_distance": 8.5}, {"z_sun": 0.3}, {"v_sun": (11.1, 232.2, 7.3)}):
        other = clone(IntegralsOfMotion(output=MOMENTA)).set_params(**change)
        assert np.abs(other.fit_transform(stars) - default).min() > 0
