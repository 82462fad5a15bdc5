"""Significance: p-values that are uniform on chance groups, and the published ones."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from climbkit.datasets import load_gaia_field
from climbkit.survey import CandidateSet, ClusterSignificanceTest, GMMMembership
from climbkit.survey._significance import FIVE_SIGMA
from climbkit.survey._significance_draws import compactness, densest_group, neighbour_distances

N_NEIGHBORS = 10


def field_of(n, rng, *, ra=30.0, dec=0.0):
    return pd.DataFrame(
        {
            "source_id": rng.permutation(n) + 10**15,
            "ra": (ra + rng.uniform(-0.5, 0.5, n) / np.cos(np.radians(dec))) % 360,
            "dec": dec + rng.uniform(-0.5, 0.5, n),
            "parallax": rng.exponential(0.6, n),
            "pmra": rng.normal(-2, 4, n),
            "pmdec": 3 * rng.standard_t(3, n),
        }
    )


def chosen_for_density(stars, n):
    """A group that anyone would find in a field: the densest one of n stars."""
    X = stars[["ra", "dec", "parallax", "pmra", "pmdec"]].to_numpy()
    low, middle, high = np.quantile(X, [0.16, 0.5, 0.84], axis=0)
    members = np.zeros(len(X), dtype=bool)
    members[densest_group((X - middle) * 2 / (high - low), n, N_NEIGHBORS)] = True
    return members


def with_cluster(seed=0, n=30, **where):
    rng = np.random.default_rng(seed)
    stars = field_of(1000, rng, **where)
    ra, dec = where.get("ra", 30.0), where.get("dec", 0.0)
    x, y = rng.normal(0, 0.03, (2, n))
    cluster = pd.DataFrame(
        {
            "source_id": np.arange(n),
            "ra": (ra + x / np.cos(np.radians(dec))) % 360,
            "dec": dec + y,
            "parallax": rng.normal(0.1, 0.05, n),
            "pmra": rng.normal(1, 0.1, n),
            "pmdec": rng.normal(-2, 0.1, n),
        }
    )
    stars = pd.concat([stars, cluster], ignore_index=True)
    return stars, np.arange(len(stars)) >= 1000


def p_values(n_fields, n_draws, *, n_stars=440, n_members=20):
    rng = np.random.default_rng(0)
    p = np.empty(n_fields)
    published = np.empty(n_fields)
    for k in range(n_fields):
        stars = field_of(n_stars, rng)
        members = chosen_for_density(stars, n_members)
        test = ClusterSignificanceTest(n_draws=n_draws, random_state=k)
        p[k] = test.fit(stars, members=members).p_values_[0]
        test = ClusterSignificanceTest("published")
        published[k] = test.fit(stars, members=members).p_values_[0]
    # The p-values are multiples of 1 / (n_draws + 1): spread each over its step.
    return p - rng.random(n_fields) / (n_draws + 1), published


def test_p_is_uniform_on_groups_that_chance_made_dense():
    p, published = p_values(50, 39)
    assert kstest(p, "uniform").pvalue > 0.01
    # What calibration is for: the published test calls these very groups dense.
    assert np.median(published) < 0.01


@pytest.mark.slow
def test_p_is_uniform_on_500_fields():
    p, _ = p_values(500, 99)
    assert kstest(p, "uniform").pvalue > 0.01


def test_neighbour_distances_are_those_of_a_full_table():
    X = np.random.default_rng(0).normal(size=(50, 5))
    full = np.sort(np.linalg.norm(X[:, None] - X, axis=2), axis=1)
    np.testing.assert_allclose(neighbour_distances(X, 10), full[:, 10])
    assert compactness(X, 10) == pytest.approx(-np.log(full[:, 10]).mean())


def test_densest_group_is_where_stars_were_put_together():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (500, 5))
    X[100:130] = 0.5 + rng.normal(0, 0.01, (30, 5))
    assert set(densest_group(X, 30, 10)) == set(range(100, 130))


@pytest.mark.parametrize("method", ["calibrated", "published"])
def test_cluster_is_significant_and_a_random_choice_is_not(method):
    stars, members = with_cluster()
    test = ClusterSignificanceTest(method, n_draws=99)
    p = test.fit(stars, members=members).p_values_[0]
    assert p <= (0.01 if method == "calibrated" else FIVE_SIGMA)
    anyone = np.random.default_rng(1).permutation(members)
    assert test.fit(stars, members=anyone).p_values_[0] > 0.1


def test_published_p_has_the_published_order_of_magnitude(data_folder):
    # 1.2e-146 for Pal 5, of 277 members; here the members are others', in a narrower field.
    field = load_gaia_field("pal5", data_home=data_folder)
    members = np.asarray(field.probability) > 0.9
    p = ClusterSignificanceTest("published").fit(field.data, members=members).p_values_[0]
    assert 1e-160 < p < 1e-90


@pytest.mark.parametrize("name", ["blanco1", "ngc103", "ngc2112"])
def test_real_clusters_are_beyond_all_draws(data_folder, name):
    field = load_gaia_field(name, data_home=data_folder)
    members = np.nan_to_num(np.asarray(field.probability, dtype=float)) > 0.9
    test = ClusterSignificanceTest(n_draws=49).fit(field.data, members=members)
    assert test.p_values_[0] == pytest.approx(0.02)


@pytest.mark.parametrize("method", ["calibrated", "published"])
def test_too_few_stars_give_nan_and_a_reason(method):
    stars, members = with_cluster(n=10)
    test = ClusterSignificanceTest(method)
    assert np.isnan(test.fit(stars, members=members).p_values_[0])
    assert "10 complete members" in test.reasons_[0]
    stars, members = with_cluster(n=30)
    some = stars[members | (np.arange(len(stars)) < 5)]
    test.fit(some, members=members[some.index])
    assert np.isnan(test.p_values_[0])
    assert "non-members" in test.reasons_[0]


@pytest.mark.parametrize("method", ["calibrated", "published"])
def test_order_of_rows_and_jobs_do_not_matter(method):
    stars, members = with_cluster()
    chance = chosen_for_density(stars[~members], 20)
    rows = np.flatnonzero(members), np.flatnonzero(chance)
    order = np.random.default_rng(2).permutation(len(stars))
    place = np.argsort(order)
    table = pd.DataFrame(index=range(2))
    here = CandidateSet(stars, [0, 30, 50], np.r_[rows], table)
    there = CandidateSet(
        stars.iloc[order].reset_index(drop=True), [0, 20, 50], place[np.r_[rows[::-1]]], table
    )
    p = ClusterSignificanceTest(method, n_draws=29).fit(here).candidates_.table["cst_sigma"]
    q = ClusterSignificanceTest(method, n_draws=29, n_jobs=2).fit(there)
    np.testing.assert_array_equal(q.candidates_.table["cst_sigma"][::-1], p)


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 0.0), (150.0, 75.0)])
@pytest.mark.parametrize("method", ["calibrated", "published"])
def test_result_is_the_same_anywhere_on_the_sky(method, ra, dec):
    here, members = with_cluster()
    there, _ = with_cluster(ra=ra, dec=dec)
    sigma = [
        ClusterSignificanceTest(method, n_draws=19)
        .fit(stars, members=members)
        .candidates_.table["cst_statistic"][0]
        for stars in (here, there)
    ]
    assert sigma[1] == pytest.approx(sigma[0], rel=0.02)


def test_members_are_those_that_membership_told():
    stars, _ = with_cluster()
    stars = stars.assign(parallax_error=0.05, pmra_error=0.1, pmdec_error=0.1)
    near = np.flatnonzero(np.hypot(stars["ra"] - 30, stars["dec"]) < 0.12)
    candidates = CandidateSet(stars, [0, len(near)], near, pd.DataFrame(index=[0]))
    membership = GMMMembership()
    told = membership.fit_transform(candidates)
    tested = ClusterSignificanceTest(n_draws=19).fit_transform(told)
    assert tested.table["cst_n_members"][0] == membership.members_.sum() < len(near)
    np.testing.assert_array_equal(tested.indices, candidates.indices)
    np.testing.assert_array_equal(tested.probabilities, told.probabilities)
    everyone = ClusterSignificanceTest("published", min_probability=0.0).fit_transform(told)
    assert everyone.table["cst_n_members"][0] == len(near)


def test_no_candidates_give_no_rows():
    stars, _ = with_cluster()
    none = CandidateSet(stars, [0], np.empty(0, dtype=int), pd.DataFrame({"r50": []}))
    assert len(ClusterSignificanceTest().fit_transform(none)) == 0
    assert len(GMMMembership("published").fit_transform(none)) == 0


def test_members_are_thinned_out_where_the_field_is_poor():
    stars, members = with_cluster(n=80)
    table = ClusterSignificanceTest(n_draws=19).fit(stars, members=members).candidates_.table
    assert table["cst_n_members"][0] == 1000 // 20
    assert table["p_cst"][0] == pytest.approx(0.05)


def test_stars_without_values_are_left_out_of_the_test():
    stars, members = with_cluster()
    hole = stars.assign(pmra=stars["pmra"].mask(np.arange(len(stars)) % 7 == 0))
    table = ClusterSignificanceTest("published").fit(hole, members=members).candidates_.table
    assert table["cst_n_members"][0] == (members & hole["pmra"].notna()).sum()
    assert table["p_cst"][0] < 1e-3


def test_masked_stars_take_no_part():
    stars, members = with_cluster()
    use = np.random.default_rng(3).random(len(stars)) < 0.8
    masked = ClusterSignificanceTest(n_draws=19).fit(stars, members=members, mask=use)
    alone = ClusterSignificanceTest("published").fit(stars[use], members=members[use])
    table = ClusterSignificanceTest("published").fit(stars, members=members, mask=use)
    assert table.p_values_[0] == alone.p_values_[0]
    assert masked.candidates_.table["cst_n_members"][0] == (members & use).sum()


def test_bad_input_is_named():
    stars, members = with_cluster()
    with pytest.raises(ValueError, match="members must be True or False for each"):
        ClusterSignificanceTest().fit(stars, members=members[:5])
    with pytest.raises(ValueError, match="no column 'pmdec'"):
        ClusterSignificanceTest().fit(stars.drop(columns="pmdec"), members=members)
    with pytest.raises(ValueError, match="'method'"):
        ClusterSignificanceTest("exact").fit(stars, members=members)
    with pytest.raises(ValueError, match="'n_draws'"):
        ClusterSignificanceTest.builder().with_n_draws(0)
    with pytest.raises(ValueError, match="source_id must be unique"):
        ClusterSignificanceTest().fit(stars.assign(source_id=1), members=members)
