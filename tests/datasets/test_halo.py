import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN
from sklearn.preprocessing import StandardScaler

from climbkit.datasets import load_rr_lyrae, make_halo
from climbkit.datasets._base import GROUP_SIZES
from climbkit.datasets._halo_model import (
    CIRCULAR_ORBITS,
    GROUP_SHAPES,
    NOVEL_SPREAD,
    circular_angular_momentum,
)


@pytest.fixture(scope="module")
def halo():
    return make_halo(random_state=0)


def test_groups_have_the_sizes_of_the_real_ones(halo):
    sizes = {label: int((halo.target == label).sum()) for label in GROUP_SIZES}
    assert sizes == GROUP_SIZES
    assert halo.judged.sum() == 1532
    assert len(halo.data) == 5000


def test_group_sizes_scale_and_keep_at_least_one_star():
    halo = make_halo(group_sizes=0.1, random_state=0)
    assert (halo.target == 10).sum() == 35
    assert (halo.target == 11).sum() == 1


def test_group_sizes_by_label_leave_the_others_out():
    halo = make_halo(group_sizes={6: 50}, n_novel=0, n_judged=0, n_field=10, random_state=0)
    assert sorted(set(halo.target)) == [-1, 6]
    assert (halo.target == 6).sum() == 50


def test_seeds_are_true_and_of_known_groups_only(halo):
    seeds = halo.partial_target != -1
    assert np.array_equal(halo.partial_target[seeds], halo.target[seeds])
    assert set(halo.partial_target[seeds]) == set(GROUP_SIZES)


@pytest.mark.parametrize(("fraction", "expected"), [(1e-6, 8), (0.1, 47), (1.0, 468)])
def test_seed_fraction_takes_its_share_of_each_group_and_at_least_one(fraction, expected):
    halo = make_halo(seed_fraction=fraction, random_state=3)
    assert (halo.partial_target != -1).sum() == expected


def test_judged_stars_belong_to_no_group(halo):
    assert np.all(halo.target[halo.judged] == -1)


def test_the_same_seed_gives_the_same_halo_and_another_seed_another(halo):
    again, other = make_halo(random_state=0), make_halo(random_state=1)
    for name in ("data", "target", "partial_target", "judged", "source_id"):
        assert np.array_equal(halo[name], again[name])
    assert not np.array_equal(halo.data, other.data)


def test_rows_are_shuffled(halo):
    rows = np.flatnonzero(halo.target == 10)
    assert abs(rows.mean() - 2500) < 300  # the mean of 350 shuffled rows has a deviation of 75


def test_ids_are_unique_int64_that_a_float_would_round(halo):
    assert halo.source_id.dtype == np.int64
    assert len(np.unique(halo.source_id)) == len(halo.data)
    assert np.any(halo.source_id.astype(np.float64).astype(np.uint64) != halo.source_id)


def test_stars_lie_inside_the_envelope_of_bound_orbits(halo):
    lz, energy, lperp = halo.data.T
    assert np.all(energy < 0)
    assert np.all(lperp > 0)
    assert np.all(np.hypot(lz, lperp) <= circular_angular_momentum(energy) * (1 + 1e-9))


def test_groups_scatter_around_their_centres_by_their_spreads():
    halo = make_halo(
        group_sizes={3: 4000, 6: 4000}, n_novel=0, n_judged=0, n_field=0, random_state=0
    )
    for label in (3, 6):
        shape, members = GROUP_SHAPES[label], halo.data[halo.target == label]
        # Both lie well inside the envelope; only Lperp > 0 cuts a Gaussian that reaches 3.8 sigma.
        assert members.mean(axis=0) == pytest.approx(shape.centre, rel=0.03)
        assert members.std(axis=0) == pytest.approx(shape.spread, rel=0.05)
        correlations = np.corrcoef(members.T)[np.triu_indices(3, 1)]
        assert correlations == pytest.approx(shape.correlation, abs=0.05)


def test_novel_streams_lie_apart_from_known_groups():
    for seed in range(5):
        halo = make_halo(n_novel=6, random_state=seed)
        for label in range(16, 22):
            for other, centre in halo.centroids.items():
                if other != label:
                    gap = np.abs(halo.centroids[label] - centre) / NOVEL_SPREAD
                    assert gap.max() > 4.0


def test_too_many_streams_are_refused():
    with pytest.raises(ValueError, match="n_novel=400 streams with novel_spread=3"):
        make_halo(n_novel=400, novel_spread=3.0, random_state=0)


def test_streams_can_be_found_by_density_but_not_alone(halo):
    """Neither trivial nor hopeless: the published DBSCAN finds each stream, and noise besides."""
    X = StandardScaler().fit_transform(halo.data)
    X, target = X[halo.partial_target == -1], halo.target[halo.partial_target == -1]
    labels = DBSCAN(eps=0.19, min_samples=24).fit_predict(X)
    homes = [np.bincount(labels[target == novel] + 1).argmax() - 1 for novel in (16, 17, 18)]
    assert -1 not in homes
    assert len(set(homes)) == 3
    assert labels.max() + 1 > 3


def test_errors_widen_the_groups_and_keep_lperp_positive():
    sizes = {6: 500}
    sharp = make_halo(group_sizes=sizes, random_state=0)
    blurred = make_halo(group_sizes=sizes, errors=[100.0, 4000.0, 600.0], random_state=0)
    spread = [halo.data[halo.target == 6].std(axis=0) for halo in (sharp, blurred)]
    assert np.all(spread[1] > spread[0])
    assert np.all(blurred.data[:, 2] >= 0)


def test_as_frame_keeps_ids_exact_beside_the_features(halo):
    tables = make_halo(random_state=0, as_frame=True)
    assert list(tables.data.columns) == halo.feature_names == ["Lz", "Energy", "Lperp"]
    assert tables.frame["source_id"].dtype == np.int64
    assert np.array_equal(tables.frame["source_id"], halo.source_id)
    assert np.array_equal(tables.frame[halo.feature_names], halo.data)
    assert isinstance(tables.target, pd.Series)


def test_return_X_y_gives_what_a_fit_needs(halo):
    X, y = make_halo(random_state=0, return_X_y=True)
    assert np.array_equal(X, halo.data)
    assert np.array_equal(y, halo.partial_target)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_field": -1}, "'n_field' parameter"),
        ({"seed_fraction": 0.0}, "'seed_fraction' parameter"),
        ({"novel_size": 0}, "'novel_size' parameter"),
        ({"group_sizes": {7: 3}}, r"group_sizes names the groups \[7\]"),
        ({"group_sizes": {5: 0}}, r"group_sizes\[5\] must be an int of at least 1"),
        ({"errors": [1.0, 2.0]}, "errors must be three finite numbers"),
        ({"errors": [1.0, np.nan, 2.0]}, "errors must be three finite numbers"),
        ({"group_sizes": {}, "n_field": 0, "n_judged": 0, "n_novel": 0}, "no star at all"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_halo(**parameters)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.75, 0.95])
def test_the_mock_looks_like_the_catalogue(data_folder, halo, share):
    """Quantiles agree within 0.35 of the feature's deviation, enough to tell disc from halo."""
    real = load_rr_lyrae(data_home=data_folder).data
    gap = np.quantile(halo.data, share, axis=0) - np.quantile(real, share, axis=0)
    assert np.abs(gap / real.std(axis=0)) == pytest.approx(np.zeros(3), abs=0.35)


def test_the_mock_is_as_dense_as_the_catalogue(data_folder, halo):
    """The distance to the 16th neighbour, which DBSCAN sees, agrees within 15 %."""
    from scipy.spatial import cKDTree

    quartiles = []
    for data in (halo.data, load_rr_lyrae(data_home=data_folder).data):
        X = StandardScaler().fit_transform(data)
        distance = cKDTree(X).query(X, 16)[0][:, -1]
        quartiles.append(np.quantile(distance, [0.25, 0.5, 0.75]))
    assert quartiles[0] == pytest.approx(quartiles[1], rel=0.15)


def test_circular_orbits_are_those_of_the_mcmillan_potential():
    pytest.importorskip("galpy")
    from climbkit.dynamics._potential import circular_orbit

    radius, energy, angular_momentum = CIRCULAR_ORBITS.T
    expected_energy, expected_momentum = circular_orbit(radius)
    assert energy == pytest.approx(expected_energy, abs=1.0)
    assert angular_momentum == pytest.approx(expected_momentum, abs=0.1)
