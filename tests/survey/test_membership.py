"""Membership: the published probabilities, and the model that knows the errors."""

import numpy as np
import pandas as pd
import pytest

from climbkit.datasets import load_gaia_field
from climbkit.survey import CandidateSet, GMMMembership

GAIA_NAMES = {f"e_{name}": f"{name}_error" for name in ("parallax", "pmra", "pmdec")}


def f1(found, true):
    return 2 * np.sum(found & true) / (np.sum(found) + np.sum(true))


def mock(seed=0, *, ra=150.0, dec=2.0, n_field=300, n_cluster=120):
    """A field and a cluster whose faint half has large errors; the first rows are the field."""
    rng = np.random.default_rng(seed)
    n = n_field + n_cluster
    x, y = rng.uniform(-0.2, 0.2, (2, n))
    x[n_field:], y[n_field:] = rng.normal(0, 0.03, (2, n_cluster))
    error = np.where(rng.random(n) < 0.5, 0.05, 1.0)
    stars = pd.DataFrame(
        {
            "source_id": rng.permutation(n) + 10**17,
            "ra": (ra + x / np.cos(np.radians(dec))) % 360,
            "dec": dec + y,
            "parallax": np.r_[rng.exponential(0.6, n_field), np.full(n_cluster, 0.1)],
            "pmra": np.r_[rng.normal(-2, 5, n_field), np.full(n_cluster, 1.0)],
            "pmdec": np.r_[rng.normal(-3, 5, n_field), np.full(n_cluster, -2.0)],
        }
    )
    for name in ("parallax", "pmra", "pmdec"):
        stars[name] += rng.normal(0, error)
        stars[f"{name}_error"] = error
    return stars, np.arange(n) >= n_field


@pytest.mark.parametrize("name", ["Pal_5", "Eridanus"])
def test_published_probabilities_come_out_again(data_folder, name):
    Table = pytest.importorskip("astropy.table").Table
    stars = Table.read(data_folder / "member_lists" / f"{name}.ecsv").to_pandas()
    published = stars["gmm_mem_prob"].to_numpy()
    order = np.random.default_rng(0).permutation(len(stars))
    membership = GMMMembership.published().fit(stars.iloc[order])
    assert np.abs(membership.probabilities_ - published[order]).max() <= 1e-12
    assert membership.members_.sum() == {"Pal_5": 277, "Eridanus": 35}[name]


@pytest.mark.parametrize(
    ("name", "least"), [("ngc288", 0.97), ("ngc4147", 0.94), ("ngc6441", 0.8), ("pal5", 0.98)]
)
def test_errors_make_better_members_of_real_clusters(data_folder, name, least):
    field = load_gaia_field(name, data_home=data_folder)
    true = np.asarray(field.probability) > 0.5
    found = GMMMembership().fit(field.data).members_
    published = GMMMembership.published().fit(field.data).members_
    assert f1(found, true) > max(least, f1(published, true))


@pytest.mark.parametrize(("ra", "dec"), [(150.0, 2.0), (0.0, -60.0), (30.0, 89.95)])
def test_deconvolved_model_tells_members_anywhere_on_the_sky(ra, dec):
    stars, true = mock(ra=ra, dec=min(dec, 60.0))
    if dec > 60.0:  # the same field, moved to the pole as it stands
        x = (stars["ra"] - ra) * np.cos(np.radians(60.0))
        y = stars["dec"] - 60.0
        pole_x, pole_y = x, y + (90.0 - dec)
        angle = np.degrees(np.arctan2(pole_x, -pole_y))
        stars["ra"], stars["dec"] = (angle + ra) % 360, 90.0 - np.hypot(pole_x, pole_y)
        turn = np.radians(angle)
        pmra, pmdec = stars["pmra"].copy(), stars["pmdec"].copy()
        stars["pmra"] = np.cos(turn) * pmra + np.sin(turn) * pmdec
        stars["pmdec"] = np.cos(turn) * pmdec - np.sin(turn) * pmra
    assert f1(GMMMembership().fit(stars).members_, true) > 0.9


def test_large_errors_do_not_cost_the_faint_members():
    stars, true = mock()
    faint = (stars["pmra_error"] > 0.5).to_numpy()
    found = GMMMembership().fit(stars).members_
    published = GMMMembership.published().fit(stars).members_
    assert f1(found[faint], true[faint]) > f1(published[faint], true[faint])


def test_probabilities_are_calibrated():
    found = [(GMMMembership().fit(s).probabilities_, t) for s, t in (mock(k) for k in range(10))]
    p, true = (np.concatenate(part) for part in zip(*found, strict=True))
    for low, high in ((0.1, 0.5), (0.5, 0.9), (0.9, 1.0)):
        some = (p > low) & (p <= high)
        sigma = np.sqrt(np.mean(p[some] * (1 - p[some])) / some.sum())
        assert abs(true[some].mean() - p[some].mean()) < 4 * sigma


@pytest.mark.parametrize("model", ["deconvolved", "published"])
def test_order_of_rows_and_candidates_does_not_matter(model):
    stars, _ = mock()
    order = np.random.default_rng(1).permutation(len(stars))
    plain = GMMMembership(model).fit(stars)
    shuffled = GMMMembership(model).fit(stars.iloc[order])
    np.testing.assert_array_equal(shuffled.probabilities_, plain.probabilities_[order])
    np.testing.assert_array_equal(shuffled.labels_, plain.labels_[order])


def test_galactic_and_equatorial_positions_agree():
    SkyCoord = pytest.importorskip("astropy.coordinates").SkyCoord
    stars, _ = mock(dec=30.0)
    stars["parallax_pmra_corr"], stars["pmra_pmdec_corr"] = 0.3, -0.5
    stars["pmra_error"] *= 2
    galactic = SkyCoord(stars["ra"], stars["dec"], unit="deg").galactic
    other = stars.assign(l=galactic.l.deg, b=galactic.b.deg).drop(columns=["ra", "dec"])
    np.testing.assert_allclose(
        GMMMembership().fit(other).probabilities_,
        GMMMembership().fit(stars).probabilities_,
        atol=1e-3,  # the starts differ a little, since spreads are measured along the axes
    )


def test_published_model_does_not_break_at_the_zero_of_longitude():
    stars, _ = mock()
    coordinates = ("ra", "dec")
    moved = stars.assign(ra=(stars["ra"] - 150.0) % 360)
    here, there = (
        GMMMembership("published", coordinates=coordinates).fit(s).probabilities_
        for s in (stars, moved)
    )
    np.testing.assert_allclose(there, here, atol=1e-6)


def test_candidates_keep_all_stars_and_gain_probabilities():
    stars, true = mock()
    ids = stars["source_id"].copy()
    rows = np.flatnonzero(true)
    few = rows[:3]
    table = pd.DataFrame({"persistence": [0.5, 0.2]})
    indices = np.r_[np.arange(len(stars)), few]
    candidates = CandidateSet(stars, [0, len(stars), len(stars) + 3], indices, table)
    membership = GMMMembership()
    found = membership.fit_transform(candidates)
    np.testing.assert_array_equal(found.indices, candidates.indices)
    assert list(found.table["candidate_id"]) == list(candidates.table["candidate_id"])
    assert found.table["n_probable"].tolist() == [membership.members_.sum(), 0]
    assert found.table["membership_reason"].tolist()[0] == ""
    assert "3 complete stars" in found.table["membership_reason"].tolist()[1]
    np.testing.assert_array_equal(found.stars["source_id"], ids)
    assert set(membership.labels_) == {-1, 0}
    assert found.equals(membership.transform(candidates[:]))


def test_rows_with_missing_values_are_no_members_and_touch_no_others():
    stars, true = mock()
    more = pd.concat([stars, stars[true].head(5).assign(pmra=np.nan)], ignore_index=True)
    more.loc[len(stars) :, "source_id"] = np.arange(5)
    with_missing = GMMMembership().fit(more).probabilities_
    assert not with_missing[len(stars) :].any()
    np.testing.assert_array_equal(
        with_missing[: len(stars)], GMMMembership().fit(stars).probabilities_
    )


def test_duplicates_and_constant_columns_give_finite_probabilities():
    stars, _ = mock(n_field=20, n_cluster=20)
    twice = pd.concat([stars, stars.assign(source_id=np.arange(40))], ignore_index=True)
    for table in (twice, stars.assign(parallax=0.0), pd.concat([stars[:1]] * 9)):
        for model in ("deconvolved", "published"):
            p = GMMMembership(model).fit(table.drop(columns="source_id")).probabilities_
            assert np.all((p >= 0) & (p <= 1))


def test_bad_input_is_named():
    stars, _ = mock()
    with pytest.raises(ValueError, match="'pmra_error'"):
        GMMMembership().fit(stars.drop(columns="pmra_error"))
    with pytest.raises(ValueError, match="no column 'pmdec'"):
        GMMMembership().fit(stars.drop(columns="pmdec"))
    with pytest.raises(ValueError, match="CandidateSet"):
        GMMMembership().fit(stars.to_numpy())
    with pytest.raises(ValueError, match="'model'"):
        GMMMembership("raw").fit(stars)
    with pytest.raises(ValueError, match="'min_probability'"):
        GMMMembership.builder().with_min_probability(2.0)
    with pytest.raises(ValueError, match="between -1 and 1"):
        GMMMembership().fit(stars.assign(pmra_pmdec_corr=3.0))


def test_mixture_starts_from_the_core_that_it_is_given():
    rng = np.random.default_rng(3)
    names = ["ra", "dec", "parallax", "pmra", "pmdec"]
    field = rng.normal([150, 2, 0.5, 0, 0], [0.2, 0.2, 0.4, 5, 5], (300, 5))
    dense = rng.normal([150, 2, 0.1, 1, -2], [0.01, 0.01, 0.1, 0.1, 0.1], (80, 5))
    loose = rng.normal([150.3, 2.3, 0.1, -4, 4], [0.03, 0.03, 0.1, 0.1, 0.1], (40, 5))
    stars = pd.DataFrame(np.vstack([field, dense, loose]), columns=names)
    stars = stars.assign(**{f"{name}_error": 0.1 for name in names[2:]})
    group = np.repeat([0, 1, 2], [300, 80, 40])
    for wanted, core in ((1, None), (2, group == 2)):
        members = GMMMembership().fit(stars, core=core).members_
        assert np.mean(group[members] == wanted) > 0.9
        assert np.mean(members[group == wanted]) > 0.9
    with pytest.raises(ValueError, match="core must be True or False"):
        GMMMembership().fit(stars, core=group)
