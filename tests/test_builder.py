"""The one builder and the dictionaries of run files."""

import json

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, OPTICS
from sklearn.metrics import pairwise

from climbkit import CLiMB, KBound
from climbkit.builder import from_dict, to_dict


def same_parameters(a, b):
    assert type(a) is type(b)
    assert repr(a.get_params()) == repr(b.get_params())


def test_every_parameter_has_a_method():
    names = set(dir(KBound.builder()))
    assert {f"with_{name}" for name in KBound().get_params()} <= names


def test_method_help_tells_what_the_parameter_is():
    text = KBound.builder().with_distance_threshold.__doc__
    assert "Largest distance to the nearest centre" in text
    assert "radial_threshold" not in text


def test_built_estimator_has_what_was_set():
    built = KBound.builder().with_distance_threshold(0.5).with_metric("mahalanobis").build()
    same_parameters(built, KBound(distance_threshold=0.5, metric="mahalanobis"))


def test_builder_never_changes():
    first = KBound.builder().with_tol(0.5)
    first.with_tol(0.1)
    assert first.build().tol == 0.5


def test_nested_parameters_reach_the_nested_estimator():
    built = CLiMB.builder().with_distance_threshold(0.5).with_explorer(DBSCAN(eps=0.2)).build()
    assert built.kbound.distance_threshold == 0.5
    assert built.explorer.eps == 0.2


def test_object_given_to_the_builder_is_not_changed():
    mine = KBound(tol=0.5)
    built = CLiMB.builder().with_kbound(mine).with_tol(0.1).build()
    assert (mine.tol, built.kbound.tol) == (0.5, 0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("distance_threshold", 0), ("metric", "mahalanobiss"), ("max_iter", 1.5), ("init", 3)],
)
def test_wrong_value_is_refused_when_it_is_set(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of KBound must be"):
        getattr(KBound.builder(), f"with_{name}")(value)


def test_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="with_distanse"):
        KBound.builder().with_distanse(1)
    with pytest.raises(ValueError, match=r"allowed are: .*distance_threshold"):
        KBound.builder().grid(distanse=[1])


def test_grid_has_full_paths_and_checks_values():
    grid = CLiMB.builder().grid("climb", distance_threshold=[0.3, 0.5])
    assert grid == {"climb__kbound__distance_threshold": [0.3, 0.5]}
    with pytest.raises(ValueError, match="distance_threshold"):
        CLiMB.builder().grid(distance_threshold=[0.3, -1])
    with pytest.raises(ValueError, match="at least one value"):
        CLiMB.builder().grid(distance_threshold=[])


@pytest.mark.parametrize(
    "estimator",
    [
        CLiMB(),
        CLiMB(KBound(init={3: [0.0, 1.0]}, metric_params={"VI": np.eye(2)}), OPTICS()),
        KBound(init=np.arange(6.0).reshape(3, 2), n_clusters=4),
        KBound(metric=pairwise.haversine_distances, distance_threshold=np.inf),
    ],
)
def test_dictionary_round_trip_through_json(estimator):
    text = json.dumps(estimator.to_dict())
    same_parameters(type(estimator).from_dict(json.loads(text)), estimator)


def test_dictionary_refuses_what_has_no_plain_form():
    with pytest.raises(TypeError, match=r"'metric' holds .*lambda"):
        to_dict(KBound(metric=lambda a, b: 0.0))


def test_dictionary_refuses_untrusted_code():
    state = KBound().to_dict()
    state["parameters"]["metric"] = {"function": "os:system"}
    with pytest.raises(ValueError, match="outside the trusted packages"):
        from_dict(state)
    with pytest.raises(ValueError, match="outside the trusted packages"):
        from_dict({"estimator": "subprocess:Popen", "parameters": {}})
    with pytest.raises(ValueError, match="no scikit-learn estimator"):
        from_dict({"estimator": "sklearn.utils:check_array", "parameters": {}})


def test_dictionary_refuses_unknown_parameters_and_other_classes():
    state = KBound().to_dict()
    with pytest.raises(ValueError, match="describes KBound, not CLiMB"):
        CLiMB.from_dict(state)
    state["parameters"]["tolerance"] = 1
    with pytest.raises(ValueError, match=r"\['tolerance'\] are no parameters of KBound"):
        from_dict(state)
    with pytest.raises(ValueError, match="keys 'estimator' and 'parameters'"):
        from_dict({})
