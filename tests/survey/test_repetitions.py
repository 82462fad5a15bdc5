import numpy as np
import pandas as pd
import pytest

from climbkit.survey import CandidateSet
from climbkit.survey._frames import separation
from climbkit.survey._repetitions import RepetitionMerger


def sky(lon, lat, distance, angle):
    """Positions at a distance (deg) from a place on the sphere, in directions (rad)."""
    from astropy.coordinates import SkyCoord
    from astropy.units import deg, rad

    moved = SkyCoord(lon, lat, unit=deg).directional_offset_by(angle * rad, distance * deg)
    return moved.ra.deg, moved.dec.deg


def cluster(rng, n, *, at, pm=(1.0, -2.0), size=0.05, spread=0.2, parallax=0.5):
    """Stars of a cluster whose proper motions are parallel in space."""
    ra, dec = sky(*at, rng.rayleigh(size, n), rng.uniform(0, 2 * np.pi, n))
    motion = rng.normal(pm, spread, (n, 2))
    turn = np.radians(ra - at[0]) * np.sin(np.radians(at[1]))
    if abs(at[1]) < 80:
        turn = np.zeros(n)
    pmra = motion[:, 0] * np.cos(turn) - motion[:, 1] * np.sin(turn)
    pmdec = motion[:, 0] * np.sin(turn) + motion[:, 1] * np.cos(turn)
    return pd.DataFrame(
        {
            "ra": ra % 360,
            "dec": dec,
            "parallax": rng.normal(parallax, 0.05, n),
            "pmra": pmra,
            "pmdec": pmdec,
        }
    )


def table_of_stars(*parts):
    stars = pd.concat(parts, ignore_index=True)
    return stars.assign(source_id=np.arange(len(stars), dtype=np.int64) + 10**18)


def candidates(stars, groups, persistence=None):
    indptr = np.cumsum([0, *map(len, groups)])
    if persistence is None:
        persistence = np.linspace(0.9, 0.1, len(groups))
    table = pd.DataFrame({"persistence": persistence, "min_cluster_size": 6})
    return CandidateSet(stars, indptr, np.concatenate(groups), table)


def repetitions(rng, rows, n, least=0.4):
    """Subsets of some stars, each with a random part of them."""
    return [
        rng.choice(rows, int(len(rows) * rng.uniform(least, 1)), replace=False) for _ in range(n)
    ]


PLACES = {"middle": (150.0, 2.0), "wrap": (0.0, -20.0), "pole": (200.0, 90.0)}


@pytest.mark.parametrize("at", PLACES.values(), ids=PLACES)
def test_three_hundred_repetitions_become_one(at):
    rng = np.random.default_rng(0)
    stars = table_of_stars(cluster(rng, 200, at=at))
    found = candidates(stars, repetitions(rng, np.arange(200), 300))
    merger = RepetitionMerger().fit(found)
    assert merger.candidates_.table["n_repetitions"].tolist() == [300]
    assert (merger.labels_ == 0).all()
    assert merger.groups_.tolist() == [0] * 300
    assert merger.candidates_[0]["persistence"] == 0.9
    assert merger.candidates_[0]["best_candidate_id"] == found[0].candidate_id


@pytest.mark.parametrize("at", PLACES.values(), ids=PLACES)
def test_neighbours_with_other_motions_stay_apart(at):
    rng = np.random.default_rng(1)
    other = sky(*at, 0.5, 0.3)
    stars = table_of_stars(
        cluster(rng, 150, at=at, size=0.1),
        cluster(rng, 100, at=(float(other[0]), float(other[1])), pm=(-1.0, 1.0), size=0.1),
    )
    groups = repetitions(rng, np.arange(150), 30) + repetitions(rng, np.arange(150, 250), 30)
    merger = RepetitionMerger(reach=10.0).fit(candidates(stars, groups))
    assert merger.candidates_.table["n_repetitions"].tolist() == [30, 30]
    assert np.array_equal(merger.labels_, np.repeat([0, 1], [150, 100]))


def test_chain_of_candidates_does_not_join_its_ends():
    rng = np.random.default_rng(2)
    places = [(20 + 0.04 * i, 5.0) for i in range(26)]
    parts = [cluster(rng, 40, at=p, pm=(0.12 * i, 0.0)) for i, p in enumerate(places)]
    stars = table_of_stars(*parts)
    # Each candidate has the stars of two neighbours on the chain.
    groups = [np.arange(40 * i, 40 * i + 80) for i in range(25)]
    merged = RepetitionMerger(min_share=0.0).fit_transform(candidates(stars, groups))
    ends = merged.table[["ra", "pmra"]].to_numpy()
    assert len(merged) > 2
    assert (merged.table["n_members"] < 13 * 40).all()
    # The chain is 1 deg and 3 mas/yr long.
    assert (np.ptp(ends, axis=0) > [0.5, 1.5]).all()


def test_one_candidate_across_two_neighbours_does_not_join_them():
    rng = np.random.default_rng(3)
    stars = table_of_stars(
        cluster(rng, 150, at=(35.0, 57.0), size=0.08), cluster(rng, 150, at=(35.8, 57.0), size=0.08)
    )
    left, right = np.arange(150), np.arange(150, 300)
    groups = [*repetitions(rng, left, 10, 0.9), *repetitions(rng, right, 10, 0.9), np.arange(300)]
    persistence = np.r_[np.full(20, 0.4), 0.1] + rng.uniform(0, 0.01, 21)
    merged = RepetitionMerger().fit_transform(candidates(stars, groups, persistence))
    assert sorted(merged.table["n_repetitions"]) == [10, 11]
    assert sorted(merged.table["n_members"]) == [150, 150]


def test_pieces_of_a_cluster_are_joined_by_candidates_that_have_it_whole():
    rng = np.random.default_rng(4)
    stars = table_of_stars(cluster(rng, 400, at=(1.0, -30.0), size=0.3))
    east, west = np.flatnonzero(stars["ra"] < 180), np.flatnonzero(stars["ra"] > 180)
    if len(west) == 0:
        west = np.flatnonzero(stars["ra"] < 1.0)
        east = np.flatnonzero(stars["ra"] >= 1.0)
    groups = repetitions(rng, east, 10) + repetitions(rng, west, 10)
    groups += repetitions(rng, np.arange(400), 10, least=0.9)
    merged = RepetitionMerger().fit_transform(candidates(stars, groups))
    assert merged.table["n_repetitions"].tolist() == [30]


def test_field_around_a_cluster_is_not_merged_with_it():
    rng = np.random.default_rng(5)
    stars = table_of_stars(
        cluster(rng, 100, at=(80.0, 10.0)), cluster(rng, 900, at=(80.0, 10.0), size=0.6, spread=5.0)
    )
    groups = [*repetitions(rng, np.arange(100), 20), np.arange(1000)]
    merger = RepetitionMerger().fit(candidates(stars, groups))
    assert merger.candidates_.table["n_repetitions"].tolist() == [20, 1]
    assert (merger.labels_[:100] == 0).all()


def test_min_share_leaves_out_what_few_repetitions_hold():
    rng = np.random.default_rng(6)
    stars = table_of_stars(cluster(rng, 100, at=(80.0, 10.0)))
    groups = [np.arange(80), np.arange(81), np.arange(82), np.arange(100)]
    found = candidates(stars, groups)
    sizes = [len(RepetitionMerger(min_share=s).fit_transform(found)[0]) for s in (0, 0.5, 1)]
    assert sizes == [100, 82, 80]


def test_members_of_the_best_are_never_left_out():
    rng = np.random.default_rng(7)
    stars = table_of_stars(cluster(rng, 60, at=(80.0, 10.0)))
    found = candidates(stars, [np.arange(60), *[np.arange(20, 40)] * 5])
    (merged,) = RepetitionMerger(min_share=1.0).fit_transform(found)
    assert merged["n_repetitions"] == 6
    assert len(merged) == 60


def test_merged_row_is_described_anew():
    rng = np.random.default_rng(8)
    stars = table_of_stars(cluster(rng, 100, at=(0.0, 0.0)))
    found = candidates(stars, [np.arange(70), np.arange(30, 100)]).annotate(r50=9.0, tile="t")
    (merged,) = RepetitionMerger().fit_transform(found)
    assert merged["tile"] == "t"
    assert merged["n_members"] == 100
    assert separation(merged["ra"], merged["dec"], 0.0, 0.0) < 0.02
    assert merged["r50"] == pytest.approx(0.05 * np.sqrt(2 * np.log(2)), rel=0.2)
    assert merged["pmra"] == pytest.approx(stars["pmra"].mean())


def field(rng):
    """Clusters, pieces and chance groups over a few degrees."""
    parts, groups, begin = [], [], 0
    for _ in range(12):
        n = int(rng.integers(20, 120))
        at = (float(rng.uniform(358.5, 361.5) % 360), float(rng.uniform(-1, 1)))
        parts.append(cluster(rng, n, at=at, pm=rng.normal(0, 2, 2), size=0.1, spread=0.3))
        groups += repetitions(rng, np.arange(begin, begin + n), 8, least=0.2)
        begin += n
    groups += [rng.choice(begin, 40, replace=False) for _ in range(10)]
    return table_of_stars(*parts), groups


def described(merged):
    return {
        tuple(sorted(c.members["source_id"])): (c["persistence"], c["n_repetitions"])
        for c in merged
    }


def test_neither_order_of_stars_nor_of_candidates_counts():
    rng = np.random.default_rng(9)
    stars, groups = field(rng)
    persistence = rng.choice([0.1, 0.2, 0.3], len(groups))
    once = RepetitionMerger().fit(candidates(stars, groups, persistence))
    rows, turn = rng.permutation(len(stars)), rng.permutation(len(groups))
    where = np.argsort(rows)
    moved = [where[groups[i]] for i in turn]
    shuffled = stars.iloc[rows].reset_index(drop=True)
    again = RepetitionMerger().fit(candidates(shuffled, moved, persistence[turn]))
    assert 12 <= len(once.candidates_) < 40
    assert described(once.candidates_) == described(again.candidates_)
    assert np.array_equal(once.labels_[rows], again.labels_)
    assert np.array_equal(once.groups_[turn], again.groups_)


def test_published_rule_takes_all_within_reach_of_the_first():
    rng = np.random.default_rng(10)
    parts = [cluster(rng, 30, at=(ra, 0.0), size=0.001, pm=(ra, 0)) for ra in (359.7, 0.2, 0.7)]
    stars = table_of_stars(*parts)
    groups = [np.arange(30), np.arange(30, 60), np.arange(60, 90)]
    merged = RepetitionMerger.published().fit_transform(candidates(stars, groups))
    assert merged.table["n_members"].tolist() == [60, 30]
    middle_first = candidates(stars, [groups[1], groups[0], groups[2]])
    assert len(RepetitionMerger.published().fit_transform(middle_first)) == 1


def test_published_members_are_the_union():
    rng = np.random.default_rng(13)
    stars = table_of_stars(cluster(rng, 60, at=(10.0, 0.0)))
    groups = np.split(np.arange(60), 10)
    merged = RepetitionMerger.published().fit_transform(candidates(stars, groups))
    assert merged.table["n_members"].tolist() == [60]


def test_largest_membership_probability_is_kept():
    rng = np.random.default_rng(11)
    stars = table_of_stars(cluster(rng, 4, at=(10.0, 0.0)))
    found = CandidateSet(
        stars,
        [0, 3, 6],
        [0, 1, 2, 1, 2, 3],
        pd.DataFrame({"persistence": [0.5, 0.4]}),
        probabilities=[0.1, 0.2, 0.3, 0.9, 0.1, 0.4],
    )
    limits = {"max_proper_motion_difference": None, "max_parallax_difference": None}
    merged = RepetitionMerger(**limits).fit_transform(found)
    assert merged.probabilities.tolist() == [0.1, 0.9, 0.3, 0.4]


def test_no_candidates_merge_to_none():
    stars = table_of_stars(cluster(np.random.default_rng(12), 20, at=(10.0, 0.0)))
    found = candidates(stars, [np.arange(5), np.arange(5, 9)])[[]]
    merger = RepetitionMerger().fit(found)
    assert len(merger.candidates_) == 0
    assert {"n_repetitions", "best_candidate_id", "r50"} <= set(merger.candidates_.table)
    assert (merger.labels_ == -1).all()
    assert len(RepetitionMerger.published().fit_transform(found)) == 0


def test_candidates_without_stars_are_refused():
    alone = CandidateSet(
        None,
        [0, 2],
        [0, 1],
        pd.DataFrame({"persistence": [1.0]}),
        n_stars=2,
        member_source_id=[1, 2],
    )
    with pytest.raises(ValueError, match="with_stars"):
        RepetitionMerger().fit(alone)
    with pytest.raises(ValueError, match="CandidateSet"):
        RepetitionMerger().fit(pd.DataFrame({"ra": [1.0], "dec": [1.0]}))
