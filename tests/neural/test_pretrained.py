"""The shipped network: what it says of real clusters and of real field stars."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from climbkit.cmd import CMDImageTransformer
from climbkit.cmd._candidate_classifier import CandidateClassifier
from climbkit.datasets import load_gaia_field, make_cluster_field
from climbkit.neural import CNNClassifier
from climbkit.survey import TiledHDBSCAN

THRESHOLD = 0.8
# Clusters that the network was not trained on; the benchmark that trains it says which.
GLOBULARS = ("NGC_6101", "NGC_6362", "NGC_5286", "IC_4499", "NGC_6229", "Pal_12", "Pyxis")
N_CANDIDATES = 60
N_STARS = (30, 200)


@pytest.fixture(scope="module")
def network():
    return CNNClassifier.pretrained("cmd")


def draws(table, n, rng):
    """Diagrams of 30 to 200 stars of a table with colour and magnitude."""
    stars = table.dropna().to_numpy()
    sizes = rng.integers(*N_STARS, size=n)
    return [tuple(stars[rng.permutation(len(stars))[:size]].T) for size in sizes]


@pytest.fixture(scope="module")
def held_out(data_folder, network):
    """Probabilities of globular clusters, and of groups of the field without a cluster."""
    rng = np.random.default_rng(0)
    folder = data_folder / "cmd_training"
    members = pd.read_parquet(folder / "globular_cluster_members_edr3.parquet")
    each = -(-N_CANDIDATES // len(GLOBULARS))
    clusters = [
        diagram
        for name in GLOBULARS
        for diagram in draws(members.loc[members["cluster"] == name, ["bp_rp", "g_mag"]], each, rng)
    ]
    blank = load_gaia_field("blank", data_home=data_folder).data
    field = draws(blank.loc[blank["pmra"].notna(), ["bp_rp", "phot_g_mean_mag"]], N_CANDIDATES, rng)
    images = CMDImageTransformer().transform(clusters + field)
    y = np.repeat([1, 0], [len(clusters), len(field)])
    return y, network.predict_proba(images)[:, 1]


def test_held_out_clusters_are_told_from_the_field(held_out):
    y, p = held_out
    assert roc_auc_score(y, p) >= 0.99


def test_most_clusters_and_next_to_no_field_stars_pass_the_threshold(held_out):
    y, p = held_out
    assert np.mean(p[y == 1] >= THRESHOLD) >= 0.95
    assert np.mean(p[y == 0] >= THRESHOLD) <= 0.03


@pytest.mark.parametrize("name", ["blanco1", "ngc103", "ngc2112", "ngc288", "ngc4147", "pal5"])
def test_clusters_of_the_fields_look_like_clusters(data_folder, network, name):
    field = load_gaia_field(name, data_home=data_folder)
    members = field.data[(field.target == 1) & field.data["bp_rp"].notna()]
    image = CMDImageTransformer().transform([members])
    assert network.predict_proba(image)[0, 1] >= THRESHOLD


@pytest.mark.parametrize("n_stars", [200, 2000])
def test_the_blank_field_is_no_cluster(data_folder, network, n_stars):
    blank = load_gaia_field("blank", data_home=data_folder).data
    blank = blank[blank["bp_rp"].notna()].sample(n_stars, random_state=0)
    assert network.predict_proba(CMDImageTransformer().transform([blank]))[0, 1] < 0.5


@pytest.fixture(scope="module")
def simulated():
    return make_cluster_field(4000, side=4, n_clusters=2, random_state=0).data


def test_pipeline_from_stars_to_classes_predicts(simulated, network):
    search = TiledHDBSCAN(tile_sides=(2,), min_cluster_sizes=(10, 15))
    pipeline = make_pipeline(search, CMDImageTransformer(), network).fit(simulated)
    classes = pipeline.predict(simulated)
    candidates = pipeline[:-1].transform(simulated)
    assert len(classes) == len(candidates) == len(pipeline[0].candidates_) > 0
    assert set(classes) <= {0, 1}
    p = network.predict_proba(candidates)[:, 1]
    np.testing.assert_allclose(pipeline.predict_proba(simulated)[:, 1], p)


def test_candidate_classifier_is_pretrained_by_default(simulated, network):
    found = TiledHDBSCAN(tile_sides=(2,), min_cluster_sizes=(10, 15)).fit(simulated).candidates_
    p = CandidateClassifier().fit(found).p_class_
    images = CMDImageTransformer().transform(found)
    np.testing.assert_allclose(p, network.predict_proba(images)[:, 1], rtol=1e-4, atol=1e-6)


def test_clone_of_the_pretrained_network_finds_its_weights_again(simulated, network):
    found = TiledHDBSCAN(tile_sides=(2,), min_cluster_sizes=(15,)).fit(simulated).candidates_
    p = CandidateClassifier(network).fit(found).p_class_
    again = clone(CandidateClassifier(network)).fit(found).p_class_
    np.testing.assert_allclose(again, p, rtol=1e-4, atol=1e-6)
