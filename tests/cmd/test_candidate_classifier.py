"""CandidateClassifier: a probability for each candidate, whatever classifies the images."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.neighbors import KNeighborsClassifier

from climbkit.cmd import CMDImageTransformer
from climbkit.cmd._candidate_classifier import CandidateClassifier
from climbkit.survey import CandidateSet

N_STARS = 30


class InkClassifier(ClassifierMixin, BaseEstimator):
    """Says how dark an image is, and keeps count of the images that it was shown."""

    def __init__(self, image_shape=None):
        self.image_shape = image_shape

    def fit(self, X, y=None):
        self.classes_, self.shown_ = np.array([0, 1]), []
        return self

    def predict_proba(self, X):
        self.shown_.append(X.shape)
        ink = 1 - X.reshape(len(X), -1).mean(axis=1)
        return np.column_stack([1 - ink, ink])


def groups_of(n, seed=0, *, first_sequences=None):
    """Candidates of 30 stars: main sequences first, then stars of any colour."""
    rng = np.random.default_rng(seed)
    half = n // 2 if first_sequences is None else first_sequences
    g = rng.uniform(14, 20, (n, N_STARS))
    color = 0.2 * (g - 12)
    color[half:] = rng.uniform(0.5, 3, (n - half, N_STARS))
    stars = pd.DataFrame({"source_id": np.arange(n * N_STARS) + 10**12})
    stars = stars.assign(bp_rp=color.ravel(), phot_g_mean_mag=g.ravel())
    indptr = np.arange(n + 1) * N_STARS
    return CandidateSet(stars, indptr, np.arange(n * N_STARS), pd.DataFrame(index=range(n)))


def small():
    return CMDImageTransformer(size=16)


def test_judged_candidates_train_any_classifier():
    known, y = groups_of(20), np.repeat([1, 0], 10)
    model = CandidateClassifier(KNeighborsClassifier(3), small()).fit(known, y)
    new = model.transform(groups_of(6, seed=1))
    assert new.table["p_class"].tolist() == [1, 1, 1, 0, 0, 0]


def test_candidates_that_nobody_judged_are_classified_and_not_trained_on():
    known, y = groups_of(20), np.repeat([1, 0], 10)
    y[5:10] = -1
    model = CandidateClassifier(KNeighborsClassifier(3), small()).fit(known, y)
    assert model.classifier_.n_samples_fit_ == 15
    assert np.all(model.p_class_[5:10] == 1)


@pytest.mark.parametrize("y", [None, np.full(4, -1)])
def test_fitted_classifier_is_used_as_it_is_without_labels(y):
    ink = InkClassifier().fit(None)
    model = CandidateClassifier(ink, small()).fit(groups_of(4), y)
    assert model.classifier_ is ink
    images = small().transform([(one["bp_rp"], one["phot_g_mean_mag"]) for one in parts_of(4)])
    np.testing.assert_allclose(model.p_class_, 1 - images.reshape(4, -1).mean(axis=1))


def parts_of(n):
    stars = groups_of(n).stars
    return [stars.iloc[k * N_STARS : (k + 1) * N_STARS] for k in range(n)]


@pytest.mark.parametrize(("image_shape", "shown"), [(None, (4, 256)), ((16, 16), (4, 16, 16, 1))])
def test_images_go_to_networks_and_flat_rows_to_all_others(image_shape, shown):
    ink = InkClassifier(image_shape).fit(None)
    if image_shape is None:
        ink.get_params = lambda deep=True: {}
    CandidateClassifier(ink, small()).fit(groups_of(4))
    assert ink.shown_ == [shown]


def test_candidate_without_colours_has_a_reason_and_no_probability():
    groups = groups_of(3)
    stars = groups.stars.copy()
    stars.loc[stars.index[:N_STARS], "bp_rp"] = np.nan
    stars.loc[stars.index[N_STARS : 2 * N_STARS], "phot_g_mean_mag"] = 21.5  # below the diagram
    groups = CandidateSet(stars, groups.indptr, groups.indices, groups.table)
    found = CandidateClassifier(InkClassifier().fit(None), small()).fit_transform(groups).table
    assert found["p_class"].isna().tolist() == [True, True, False]
    assert found["class_n_stars"].tolist() == [0, 0, N_STARS]
    assert found["class_reason"].tolist()[2] == ""
    assert "colour" in found["class_reason"][0]


def test_candidates_below_min_stars_have_no_probability():
    model = CandidateClassifier(InkClassifier().fit(None), small(), min_stars=N_STARS + 1)
    assert np.isnan(model.fit(groups_of(2)).p_class_).all()


def test_only_probable_members_are_drawn():
    groups = groups_of(2)
    probabilities = np.tile(np.repeat([0.9, 0.2], N_STARS // 2), 2)
    groups = CandidateSet(
        groups.stars, groups.indptr, groups.indices, groups.table, probabilities=probabilities
    )
    model = CandidateClassifier(InkClassifier().fit(None), small(), min_membership=0.5).fit(groups)
    assert model.candidates_.table["class_n_stars"].tolist() == [N_STARS // 2] * 2
    first = groups.members(0).iloc[: N_STARS // 2]
    image = small().transform([(first["bp_rp"], first["phot_g_mean_mag"])])
    assert model.p_class_[0] == pytest.approx(1 - image.mean())


def test_order_of_candidates_and_repeated_ones_change_nothing():
    groups, ink = groups_of(6), InkClassifier().fit(None)
    p = CandidateClassifier(ink, small()).fit(groups).p_class_
    turned = np.array([3, 3, 0, 5, 3, 1])
    ink.shown_.clear()
    again = CandidateClassifier(ink, small()).fit(groups[turned]).p_class_
    np.testing.assert_array_equal(again, p[turned])
    assert ink.shown_ == [(4, 16, 16, 1)]  # the repeated one was drawn once


def test_no_candidates_are_no_error():
    model = CandidateClassifier(InkClassifier().fit(None), small()).fit(groups_of(2)[[]])
    assert len(model.candidates_) == 0
    assert "p_class" in model.candidates_.table


def test_memberships_and_stars_stay_as_they_are():
    groups = groups_of(4)
    found = CandidateClassifier(InkClassifier().fit(None), small()).fit_transform(groups)
    assert found.stars is groups.stars
    np.testing.assert_array_equal(found.indices, groups.indices)
    assert "p_class" not in groups.table


def test_clone_forgets_what_was_fitted_and_says_so():
    model = clone(CandidateClassifier(KNeighborsClassifier(1), small()))
    with pytest.raises(ValueError, match="classifier is not fitted"):
        model.fit(groups_of(2))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cluster_class": 7}, "cluster_class must be one of"),
        ({"min_membership": 2.0}, "min_membership"),
        ({"min_stars": 0}, "min_stars"),
        ({"classifier": "cnn"}, "classifier"),
    ],
)
def test_parameters_that_make_no_sense_are_named(parameters, message):
    parameters = {"classifier": InkClassifier().fit(None), "transformer": small(), **parameters}
    with pytest.raises(ValueError, match=message):
        CandidateClassifier(**parameters).fit(groups_of(2))


def test_what_is_no_candidate_set_is_refused():
    with pytest.raises(ValueError, match="CandidateSet"):
        CandidateClassifier(InkClassifier().fit(None)).fit(groups_of(2).stars)
