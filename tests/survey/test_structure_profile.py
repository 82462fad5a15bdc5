"""Radial profiles: published parameters, and inputs that come back with honest errors."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import least_squares

from climbkit.survey import CandidateSet
from climbkit.survey._profile_binned import king_rings, quantiles
from climbkit.survey._profile_fit import fit_profile, likeliest_center
from climbkit.survey._profile_models import KING, MODELS, king_untruncated
from climbkit.survey._structure import ClusterStructure

# k, rc, rt, eta of Baloyi et al. (2025).
PUBLISHED = {"Eridanus": (58.8, 0.351, 2.722, 0.023), "Pal_5": (43.8, 4.755, 6.763, 0.179)}
TRUE = {"king": (1.2, 7.0), "plummer": (1.5,)}
REGION = 12.0  # arcmin


def draw(rng, name, n_cluster, n_field, region=REGION):
    """Places of a Poisson number of stars, arcmin."""
    n_cluster, n_field = rng.poisson([n_cluster, n_field])
    grid = np.linspace(0, region, 4001)
    below = MODELS[name].area(grid, *TRUE[name])
    radii = np.interp(rng.random(n_cluster) * below[-1], below, grid)
    radii = np.r_[radii, region * np.sqrt(rng.random(n_field))]
    angle = rng.uniform(0, 2 * np.pi, len(radii))
    return np.column_stack([radii * np.cos(angle), radii * np.sin(angle)]), n_cluster


def on_sky(places, ra=150.0, dec=2.0):
    x, y = places.T / 60
    stars = pd.DataFrame({"ra": ra + x / np.cos(np.radians(dec + y)), "dec": dec + y})
    for name in ("parallax", "pmra", "pmdec"):
        stars[name] = 0.1
        stars[f"{name}_error"] = 0.1
    return stars


@settings(deadline=None, max_examples=40)
@given(st.floats(0.01, 30), st.floats(0.05, 30), st.floats(0.01, 40))
def test_numbers_in_a_disc_are_the_integral_of_the_density(first, second, radius):
    for name, scales in (("king", (first, second)), ("plummer", (first,))):
        model = MODELS[name]
        outer = min(radius, second) if name == "king" else radius
        number, _ = quad(lambda r: 2 * np.pi * r * model.shape(r, *scales), 0, outer, limit=500)
        assert model.area(radius, *scales) == pytest.approx(number, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("name", ["Eridanus", "Pal_5"])
def test_published_king_parameters_lie_within_the_errors(data_folder, name):
    Table = pytest.importorskip("astropy.table").Table
    stars = Table.read(data_folder / "member_lists" / f"{name}.ecsv").to_pandas()
    names = {f"e_{each}": f"{each}_error" for each in ("parallax", "pmra", "pmdec")}
    stars = stars.rename(columns=names)
    rows = np.arange(len(stars))
    candidates = CandidateSet(
        stars, [0, len(rows)], rows, pd.DataFrame(index=[0]), probabilities=stars["gmm_mem_prob"]
    )
    profile = ClusterStructure.published().fit(candidates).structures_[0].profile
    grids, marginals = king_rings(profile.radii, profile.region)
    for grid, share, published in zip(grids, marginals, PUBLISHED[name], strict=True):
        low, high = quantiles(grid, share, (0.16, 0.84))
        assert low < published < high


def test_grid_of_the_published_fit_is_that_of_the_residuals():
    rng = np.random.default_rng(0)
    radii = np.hypot(*draw(rng, "king", 100, 20, 8.0)[0].T)
    values, marginals = king_rings(radii, 8.0)
    edges = np.linspace(0, 8.0, 6)
    counts, area = np.histogram(radii, edges)[0], np.pi * np.diff(edges**2)
    k, rc, rt, eta = np.meshgrid(*values, indexing="ij")
    chi = 0
    for number, surface, middle in zip(counts, area, edges[:-1] + 0.8, strict=True):
        model = k * king_untruncated(middle, rc, rt) + eta
        chi = chi + (model - number / surface) ** 2 / (max(number, 1) / surface**2)
    posterior = np.exp(-0.5 * (chi - chi.min()))
    for axis, found in enumerate(marginals):
        others = tuple(i for i in range(4) if i != axis)
        expected = posterior.sum(axis=others) / posterior.sum()
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_the_published_posterior_of_a_rich_cluster_is_not_lost_between_cells():
    radii = np.hypot(*draw(np.random.default_rng(0), "king", 50_000, 10, 8.0)[0].T)
    edges = np.linspace(0, 8.0, 6)
    counts, area = np.histogram(radii, edges)[0], np.pi * np.diff(edges**2)
    middle = edges[:-1] + 0.8

    def residuals(p):
        model = p[0] * king_untruncated(middle, p[1], p[2]) + p[3]
        return (model - counts / area) / (np.sqrt(np.maximum(counts, 1)) / area)

    best = least_squares(residuals, [3000, 1.2, 7.0, 0.0], x_scale=[1000, 1, 1, 1]).x
    for grid, share, value in zip(*king_rings(radii, 8.0), best, strict=True):
        low, high = quantiles(grid, share, (0.001, 0.999))
        assert low < value < high
        assert grid[1] - grid[0] < 0.2 * (high - low)


@pytest.mark.parametrize("name", ["king", "plummer"])
def test_parameters_come_back_with_calibrated_errors(name):
    rng = np.random.default_rng(1)
    model = MODELS[name]
    truth = np.array([300 / model.area(REGION, *TRUE[name]), *TRUE[name], 150 / (np.pi * 144)])
    pulls = []
    for _ in range(40):
        places, _ = draw(rng, name, 300, 150)
        weights = np.ones(len(places))
        fit = fit_profile(places, weights, (0.0, 0.0), name, REGION)
        found = np.array([fit.values[each] for each in model.names])
        errors = np.array([fit.errors[each] for each in model.names])
        pulls.append((found - truth) / errors)
    pulls = np.array(pulls)
    assert np.all(np.abs(np.nanmean(pulls, axis=0)) < 0.6)
    inside = np.mean(np.abs(pulls) < 1, axis=0)
    assert np.all((inside > 0.5) & (inside < 0.9))


def test_errors_shrink_with_the_root_of_the_number():
    rng = np.random.default_rng(2)
    few, many = (
        fit_profile(places, np.ones(len(places)), (0.0, 0.0), "king", REGION).errors["rc"]
        for places in (draw(rng, "king", 300, 150)[0], draw(rng, "king", 4800, 2400)[0])
    )
    assert few / many == pytest.approx(4, rel=0.4)


def test_half_weights_do_not_make_better_errors():
    places, _ = draw(np.random.default_rng(3), "king", 400, 100)
    whole = fit_profile(places, np.ones(len(places)), (0.0, 0.0), "king", REGION)
    half = fit_profile(places, np.full(len(places), 0.5), (0.0, 0.0), "king", REGION)
    for each in ("rc", "rt"):
        assert half.values[each] == pytest.approx(whole.values[each], rel=1e-3)
        assert half.errors[each] == pytest.approx(whole.errors[each], rel=0.3)
    assert half.values["k"] == pytest.approx(whole.values["k"] / 2, rel=1e-3)


def test_the_centre_of_few_stars_is_nearer_than_their_mean():
    rng = np.random.default_rng(4)
    mean, fitted = [], []
    for _ in range(15):
        share = rng.random(40)
        radii = 0.5 * np.sqrt(share / (1 - share))
        angle = rng.uniform(0, 2 * np.pi, 40)
        places = np.column_stack([radii * np.cos(angle), radii * np.sin(angle)])
        mean.append(np.hypot(*places.mean(axis=0)))
        start = [places.mean(axis=0), np.median(places, axis=0)]
        fitted.append(np.hypot(*likeliest_center(places, np.ones(40), start, 2.0)))
    assert np.median(fitted) < 0.7 * np.median(mean)


def test_no_density_beyond_the_tidal_radius():
    radii = np.array([0.0, 6.999, 7.0, 50.0])
    assert KING.density(radii, 3.0, 1.2, 7.0, 0.25)[2:].tolist() == [0.25, 0.25]
    assert king_untruncated(50.0, 1.2, 7.0) > 0


@pytest.mark.parametrize("stars_of", ["weighted", "members", "all"])
def test_field_stars_leave_the_scales_alone(stars_of):
    places, n_cluster = draw(np.random.default_rng(5), "king", 500, 500)
    stars = on_sky(places)
    member = np.arange(len(stars)) < n_cluster
    rows = np.arange(len(stars))
    candidates = CandidateSet(
        stars, [0, len(rows)], rows, pd.DataFrame(index=[0]), probabilities=member * 0.98 + 0.01
    ).annotate(membership_threshold=0.5)
    structure = ClusterStructure(profile_stars=stars_of).fit(candidates)
    row = structure.candidates_.table.iloc[0]
    assert abs(row["king_rc"] - 1.2) < 3 * row["king_rc_error"] < 1.0
    assert abs(row["king_rt"] - 7.0) < 3 * row["king_rt_error"] < 6.0
    expected = {"weighted": 5 / (np.pi * 144), "members": 0.0, "all": 500 / (np.pi * 144)}
    away = abs(row["king_eta"] - expected[stars_of])
    assert away <= 3 * row["king_eta_error"] < 0.6


def test_a_cluster_without_an_edge_says_so():
    # King's profile with rt at infinity: a density of 1 / (1 + (r / rc)^2).
    share, angle = np.random.default_rng(6).uniform([[0], [0]], [[1], [2 * np.pi]], (2, 2000))
    radii = 0.5 * np.sqrt((1 + (5.0 / 0.5) ** 2) ** share - 1)
    stars = on_sky(np.column_stack([radii * np.cos(angle), radii * np.sin(angle)]))
    structure = ClusterStructure(profile_radius=4.5).fit(stars)
    row = structure.candidates_.table.iloc[0]
    assert row["king_rt"] > 4.5
    if np.isnan(row["king_rt_error"]):
        assert "rt" in row["structure_reason"]
    else:
        assert row["king_rt_error"] > 1.0


def test_too_few_or_coincident_stars_have_a_reason_and_no_profile():
    row = ClusterStructure().fit(on_sky(np.random.default_rng(0).normal(size=(12, 2))))
    assert "20 are needed" in row.candidates_.table["structure_reason"][0]
    same = ClusterStructure().fit(on_sky(np.zeros((30, 2))))
    assert np.isnan(same.candidates_.table["king_rc"][0])
    assert "different places" in same.candidates_.table["structure_reason"][0]


def test_the_published_rings_are_for_king_alone():
    with pytest.raises(ValueError, match="king"):
        ClusterStructure(profile="plummer", profile_method="binned").fit(on_sky(np.eye(2)))


@pytest.mark.skipif(importlib.util.find_spec("emcee") is None, reason="emcee is not installed")
def test_samples_agree_with_the_likelihood_and_come_again(monkeypatch):
    import climbkit.survey._profile_sampling as sampling

    monkeypatch.setattr(sampling, "_STEPS", 600)
    monkeypatch.setattr(sampling, "_BURN", 200)
    stars = on_sky(draw(np.random.default_rng(7), "plummer", 300, 50)[0])
    options = {"profile": "plummer", "profile_radius": 11.0}
    best = ClusterStructure(**options).fit(stars).candidates_.table.iloc[0]
    first, again = (ClusterStructure(profile_method="mcmc", **options).fit(stars) for _ in range(2))
    row = first.candidates_.table.iloc[0]
    assert row["plummer_a"] == pytest.approx(best["plummer_a"], abs=best["plummer_a_error"])
    assert row["plummer_a_error"] == pytest.approx(best["plummer_a_error"], rel=0.4)
    samples = [each.structures_[0].profile.samples for each in (first, again)]
    assert np.array_equal(*samples)


def test_missing_emcee_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "emcee", None)
    stars = on_sky(np.random.default_rng(0).normal(size=(40, 2)))
    with pytest.raises(ImportError, match=r"climbkit\[structure\]"):
        ClusterStructure(profile_method="mcmc").fit(stars)
