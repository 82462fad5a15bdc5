"""ProfileDisplay: rings hold the stars, the curve is the fit, marks are where the scales are."""

import numpy as np
import pandas as pd
import pytest

from climbkit.plotting._profile import ProfileDisplay
from climbkit.survey._structure import ClusterStructure

pytest.importorskip("matplotlib")


def stars(n=200, seed=0):
    rng = np.random.default_rng(seed)
    names = ["ra", "dec", "parallax", "pmra", "pmdec"]
    values = rng.normal([150, 2, 0.1, 1, -2], [0.02, 0.02, 0.1, 0.1, 0.1], (n, 5))
    errors = {f"{name}_error": 0.1 for name in names[2:]}
    return pd.DataFrame(values, columns=names).assign(**errors)


@pytest.fixture(scope="module")
def structure():
    return ClusterStructure(profile="plummer").fit(stars())


def test_rings_hold_every_star_and_follow_the_curve(structure):
    display = ProfileDisplay.from_estimator(structure)
    inner, outer, density, error = display.rings_.T
    counts = density * np.pi * (outer**2 - inner**2)
    assert counts.sum() == pytest.approx(200)
    assert np.all(inner[1:] == outer[:-1])
    assert error == pytest.approx(np.sqrt(counts) / (np.pi * (outer**2 - inner**2)))
    profile = structure.structures_[0].profile
    middle = np.sqrt(0.5 * (inner**2 + outer**2))
    assert np.median(np.abs(density - profile.density(middle)) / error) < 2


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_marks_are_at_the_scales(structure, scale):
    display = ProfileDisplay.from_estimator(structure, scale=scale)
    lines = [line.get_xdata() for line in display.ax_.lines if line.get_linestyle() == ":"]
    row = structure.candidates_.table.iloc[0]
    marked = sorted(float(each[0]) for each in lines)
    assert marked == pytest.approx(sorted([row["plummer_a"], 60 * row["r50"]]))


def test_published_fit_is_shown_with_the_rings_that_made_it():
    structure = ClusterStructure.published().fit(stars())
    display = ProfileDisplay.from_estimator(structure, structure.structures_[0].candidate_id)
    assert len(display.rings_) == 5
    assert display.rings_[-1, 1] == pytest.approx(180 * structure.structures_[0].r50)


def test_samples_are_shown_as_a_band(structure):
    from dataclasses import replace

    profile = structure.structures_[0].profile
    best = np.array([profile.values[name] for name in profile.model.names])
    samples = best * np.random.default_rng(0).uniform(0.8, 1.2, (300, 3))
    display = ProfileDisplay(replace(profile, samples=samples)).plot()
    assert len(display.ax_.collections) == 1 + len(ProfileDisplay(profile).plot().ax_.collections)


def test_a_candidate_without_profile_says_why(structure):
    few = ClusterStructure().fit(stars(n=8))
    with pytest.raises(ValueError, match="20 are needed"):
        ProfileDisplay.from_estimator(few)
    with pytest.raises(ValueError, match="row number below 1"):
        ProfileDisplay.from_estimator(structure, 3)
