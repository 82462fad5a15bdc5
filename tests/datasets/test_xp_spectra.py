from itertools import pairwise

import numpy as np
import pytest

from climbkit.datasets._sky import icrs_to_galactic
from climbkit.datasets._xp_simulation import BLOCK
from climbkit.datasets._xp_spectra import make_xp_spectra

PLAIN = {"instrument": "gaussian", "random_state": 0}


@pytest.fixture(scope="module")
def spectra():
    return make_xp_spectra(6_000, n_associations=4, random_state=0)


@pytest.fixture(scope="module")
def clean():
    """Spectra without noise and dust."""
    return make_xp_spectra(4_000, noise=0, extinction=0, emission=0, random_state=1)


def flux_at(spectra, low, high):
    inside = (spectra.wavelength >= low) & (spectra.wavelength <= high)
    return spectra.data[:, inside].astype(np.float64).mean(axis=1)


def test_every_row_is_whole(spectra):
    assert spectra.data.shape == spectra.flux_error.shape == (6_000, 343)
    assert spectra.data.dtype == spectra.flux_error.dtype == np.float32
    assert np.array_equal(spectra.wavelength, np.arange(336, 1021, 2))
    assert np.isfinite(spectra.data).all()
    assert (spectra.flux_error > 0).all()
    assert len(spectra.frame) == 6_000
    assert not spectra.frame.isna().any(axis=None)
    assert set(spectra.units) <= set(spectra.frame)
    assert "simulated" in spectra.DESCR
    assert "6000" in spectra.DESCR


def test_ids_are_unique_int64_that_a_float_would_round(spectra):
    ids = spectra.frame["source_id"]
    assert ids.dtype == np.int64
    assert ids.is_unique
    assert np.any(ids.astype(np.float64).astype(np.int64) != ids)


@pytest.mark.parametrize("n", [1, 7, 1000])
@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.3, 0.5, 1.0])
def test_the_number_of_massive_stars_is_exact(n, fraction):
    spectra = make_xp_spectra(n, massive_fraction=fraction, **PLAIN)
    assert spectra.target.sum() == round(fraction * n)


def test_massive_stars_are_those_above_eight_suns(spectra):
    assert np.array_equal(spectra.target == 1, spectra.frame["mass"] >= 8.0)
    # Heavy stars on the main sequence are hot, but for a range in which age decides.
    main = spectra.frame[spectra.frame["kind"] == "main sequence"]
    assert main.loc[main["mass"] > 8, "teff"].min() > 18_000
    assert main.loc[main["mass"] < 8, "teff"].max() < 25_000


def test_rows_are_shuffled(spectra):
    rows = np.flatnonzero(spectra.target)
    assert abs(rows.mean() - 3_000) < 5 * 6_000 / np.sqrt(12 * len(rows))


def test_the_same_seed_gives_the_same_stars_and_another_seed_others():
    first, again = (make_xp_spectra(50, **PLAIN) for _ in range(2))
    assert np.array_equal(first.data, again.data)
    assert first.frame.equals(again.frame)
    other = make_xp_spectra(50, instrument="gaussian", random_state=1)
    assert not np.array_equal(first.data, other.data)


def test_parts_put_together_are_the_whole():
    n = BLOCK + 500
    whole = make_xp_spectra(n, **PLAIN)
    parts = list(make_xp_spectra(n, chunk_size=1_100, **PLAIN))
    assert [len(part.data) for part in parts] == [1_100, 1_100, n - 2_200]
    for name in ("data", "flux_error", "target"):
        assert np.array_equal(np.concatenate([part[name] for part in parts]), whole[name])
    ids = np.concatenate([part.frame["source_id"] for part in parts])
    assert np.array_equal(ids, whole.frame["source_id"])
    assert sum(part.target.sum() for part in parts) == whole.target.sum()


def test_hotter_stars_are_bluer(clean):
    dwarfs = clean.frame[(clean.frame["kind"] == "main sequence") & ~clean.frame["is_binary"]]
    edges = [3_500, 4_500, 5_500, 6_500, 8_000, 10_000, 15_000, 22_000, 30_000, 45_000]
    color = [dwarfs.loc[dwarfs["teff"].between(*e), "bp_rp"].median() for e in pairwise(edges)]
    assert (np.diff(color) < 0).all()


@pytest.mark.parametrize(
    ("teff", "color"),  # Pecaut & Mamajek 2013, doi:10.1088/0067-0049/208/1/9, with Gaia's colours
    [(31_400, -0.37), (15_700, -0.14), (9_700, 0.0), (7_200, 0.38), (5_770, 0.82), (4_440, 1.41)],
)
def test_colours_are_those_of_the_main_sequence(clean, teff, color):
    frame = clean.frame
    near = (
        (frame["kind"] == "main sequence")
        & ~frame["is_binary"]
        & (np.abs(np.log(frame["teff"] / teff)) < 0.06)
    )
    assert near.sum() >= 3
    assert frame.loc[near, "bp_rp"].median() == pytest.approx(color, abs=0.13)


def test_dust_reddens_and_dims_the_red_less():
    without, behind = (make_xp_spectra(500, noise=0, extinction=e, **PLAIN) for e in (0.0, 2.0))
    assert (without.frame["a_v"] == 0).all()
    assert (behind.frame["a_v"] > 0).all()
    same = without.frame["teff"] == behind.frame["teff"]
    assert same.all()  # the draws of what a star is do not depend on dust
    more = behind.frame["bp_rp"] - without.frame["bp_rp"]
    assert (more > 0).all()
    assert np.corrcoef(more, behind.frame["a_v"])[0, 1] > 0.9


@pytest.mark.parametrize("line", [486.1, 656.3])
def test_balmer_lines_are_deepest_where_they_should_be(clean, line):
    frame = clean.frame
    of = (frame["kind"] == "main sequence") & frame["teff"].between(8_000, 14_000)
    mean = (clean.data / np.linalg.norm(clean.data, axis=1, keepdims=True))[of].mean(axis=0)
    near = np.abs(clean.wavelength - line) < 18
    x, y = clean.wavelength[near], mean[near]
    level = np.interp(x, x[[0, -1]], y[[0, -1]])
    assert x[np.argmin(y / level)] == pytest.approx(line, abs=4.1)
    assert (y / level).min() < 0.97


def test_balmer_lines_are_stronger_in_a_than_in_o_stars(clean):
    main = clean.frame["kind"] == "main sequence"
    depth = 1 - flux_at(clean, 654, 658) / np.mean(
        [flux_at(clean, 636, 642), flux_at(clean, 672, 678)], axis=0
    )
    a_stars = main & clean.frame["teff"].between(8_000, 11_000)
    o_stars = main & clean.frame["teff"].between(33_000, 50_000)
    assert depth[a_stars].mean() > 3 * depth[o_stars].mean()


def test_discs_put_emission_into_the_line():
    spectra = make_xp_spectra(
        2_000, noise=0, extinction=0, emission=1, hard_negatives=1, random_state=0
    )
    peak = flux_at(spectra, 654, 658) / flux_at(spectra, 672, 678)
    has = spectra.frame["emission"].to_numpy()
    able = spectra.frame["kind"] == "main sequence"
    assert spectra.frame.loc[has, "teff"].between(10_000, 32_000).all()
    assert 0.3 < has.mean() < 1
    assert np.median(peak[has]) > np.median(peak[able & ~has]) + 0.05


def test_fainter_stars_are_noisier(spectra):
    magnitude = spectra.frame["phot_g_mean_mag"].to_numpy()
    ratio = np.median(spectra.flux_error[:, 60:300] / np.abs(spectra.data[:, 60:300]), axis=1)
    noise = [np.median(ratio[(magnitude > g) & (magnitude < g + 1)]) for g in (8, 11, 13, 15)]
    assert (np.diff(noise) > 0).all()
    assert 0.005 < noise[0] < 0.02
    assert 0.02 < noise[-1] < 0.08


def test_noise_is_as_large_as_the_errors_say():
    noisy, pure = (make_xp_spectra(2_000, noise=f, random_state=3) for f in (1.0, 0.0))
    assert (pure.flux_error == 0).all()
    assert np.array_equal(noisy.frame["teff"], pure.frame["teff"])
    pull = (noisy.data - pure.data) / noisy.flux_error
    assert np.allclose(pull.std(axis=0), 1, atol=0.08)
    assert np.allclose(pull.mean(axis=0), 0, atol=0.12)
    # Counts are shared, so that neighbours in the sampled spectrum go together.
    assert np.mean(pull[:, 100:299] * pull[:, 101:300]) > 0.7


@pytest.mark.parametrize("limit", [12.0, 17.0])
def test_no_star_is_fainter_than_the_limit(limit):
    frame = make_xp_spectra(1_500, faint_limit=limit, **PLAIN).frame
    assert frame["phot_g_mean_mag"].max() < limit + 0.1
    assert (frame["phot_g_mean_mag"] > limit - 1).any()


def test_places_are_on_the_sky_and_parallaxes_follow_distances(spectra):
    frame = spectra.frame
    assert frame["ra"].between(0, 360, inclusive="left").all()
    assert frame["dec"].between(-90, 90).all()
    pull = (frame["parallax"] - 1 / frame["distance"]) / frame["parallax_error"]
    assert abs(pull.mean()) < 0.06
    assert pull.std() == pytest.approx(1, abs=0.06)
    _, latitude = icrs_to_galactic(frame["ra"].to_numpy(), frame["dec"].to_numpy())
    massive = spectra.target == 1
    assert np.abs(latitude[massive]).mean() < 0.6 * np.abs(latitude[~massive]).mean()


def test_associations_are_close_groups_of_young_stars(spectra):
    frame = spectra.frame
    member = frame["association"] >= 0
    assert set(frame.loc[member, "association"]) <= set(range(4))
    assert spectra.target[member].mean() > 0.7
    assert member[spectra.target == 1].mean() > 0.4
    for _, group in frame[member].groupby("association"):
        assert group["distance"].std() < 0.06
        assert group["a_v"].std() < 1e-9


def test_there_may_be_no_associations_and_no_dust():
    frame = make_xp_spectra(100, n_associations=0, extinction=0, **PLAIN).frame
    assert (frame["association"] == -1).all()
    assert (frame["a_v"] == 0).all()


def test_hard_negatives_are_as_many_as_asked():
    shares = []
    for share in (0.0, 0.5, 1.0):
        frame = make_xp_spectra(1_000, massive_fraction=0, hard_negatives=share, **PLAIN).frame
        common = (frame["kind"] == "giant") | (
            (frame["kind"] == "main sequence") & (frame["mass"] <= 1.7)
        )
        shares.append(1 - common.mean())
    assert shares == pytest.approx([0, 0.5, 1], abs=0.05)


def test_the_task_is_neither_trivial_nor_hopeless(spectra):
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X = spectra.data / np.linalg.norm(spectra.data, axis=1, keepdims=True)
    model = make_pipeline(
        StandardScaler(), PCA(40), StandardScaler(), LogisticRegression(max_iter=500)
    )
    model.fit(X[:4_000], spectra.target[:4_000])
    auc = roc_auc_score(spectra.target[4_000:], model.decision_function(X[4_000:]))
    assert 0.93 < auc < 0.98


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": 2.5}, "n_samples"),
        ({"massive_fraction": 1.1}, "massive_fraction"),
        ({"massive_fraction": np.nan}, "massive_fraction"),
        ({"hard_negatives": -0.1}, "hard_negatives"),
        ({"faint_limit": 25}, "faint_limit"),
        ({"extinction": -1}, "extinction"),
        ({"emission": "some"}, "emission"),
        ({"n_associations": -1}, "n_associations"),
        ({"noise": -1}, "noise"),
        ({"instrument": "gaiaxp"}, "instrument"),
        ({"chunk_size": 0}, "chunk_size"),
        ({"random_state": "seed"}, "random_state"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=f"'{message}' parameter"):
        make_xp_spectra(**parameters)
