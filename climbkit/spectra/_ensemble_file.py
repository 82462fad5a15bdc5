"""A fitted ensemble of networks in one file, without pickle."""

import tempfile
from pathlib import Path

import numpy as np

from climbkit._version import __version__
from climbkit.builder import to_dict
from climbkit.neural._base import NetworkEstimator
from climbkit.neural._model_file import SUFFIX as NETWORK_SUFFIX
from climbkit.spectra._calibrators import calibrator_from_state, calibrator_state
from climbkit.spectra._fold_scores import fold_scores
from climbkit.spectra._zip_file import check_format, read_zip, write_zip

_FORMAT = 1  # raised when a reader of today could not read what is written
_ARRAYS = ("folds_", "oof_decision_", "oof_target_", "oof_weight_", "class_prior_")
_OPTIONAL = ("n_features_in_", "feature_names_in_")


def network_file(estimator):
    """Bytes of a network's own file."""
    if not isinstance(estimator, NetworkEstimator):
        raise TypeError(
            f"save writes networks of climbkit, such as XPClassifier; got {estimator!r}. Save "
            "other classifiers by skops.io.dump, and load them by skops.io.load."
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{NETWORK_SUFFIX}"
        estimator.save(path)
        return path.read_bytes()


def network_of_file(cls, content, trusted=()):
    """Network of a class from what `network_file` returned."""
    if not issubclass(cls, NetworkEstimator):
        raise ValueError(f"the file names {cls.__name__}, which is no network of climbkit.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{NETWORK_SUFFIX}"
        path.write_bytes(content)
        return cls.load(path, trusted=trusted)


def plain_classes(classes):
    """Classes ready for JSON, with what they are."""
    return {"names": classes.tolist(), "dtype": classes.dtype.str}


def classes_of(plain):
    """Classes from what `plain_classes` returned."""
    return np.array(plain["names"], dtype=np.dtype(plain["dtype"]))


def save_ensemble(ensemble, path):
    """Write a fitted ensemble; see `FoldEnsemble.save`."""
    files = {
        _member(number): network_file(model) for number, model in enumerate(ensemble.estimators_)
    }
    state = {
        "format": _FORMAT,
        "climbkit": __version__,
        **to_dict(ensemble),
        "classes": plain_classes(ensemble.classes_),
        "calibrator": calibrator_state(ensemble.calibrator_),
        "n_members": len(files),
    }
    write_zip(path, state, {name: getattr(ensemble, name) for name in _ARRAYS}, files)


def load_ensemble(cls, path, trusted):
    """Read a fitted ensemble; see `FoldEnsemble.load`."""
    state, arrays, files = read_zip(path)
    check_format(state, _FORMAT, path, __version__)
    ensemble = cls.from_dict(state, trusted=trusted)
    try:
        members = [files[_member(number)] for number in range(state["n_members"])]
        for name in _ARRAYS:
            setattr(ensemble, name, arrays[name])
        ensemble.classes_ = classes_of(state["classes"])
    except KeyError as error:
        raise ValueError(f"{str(path)!r} lacks its part {error}.") from error
    member_class = type(ensemble.estimator)
    ensemble.estimators_ = [network_of_file(member_class, m, trusted) for m in members]
    ensemble.calibrator_ = calibrator_from_state(ensemble.calibration, state["calibrator"])
    ensemble.oof_proba_ = np.exp(ensemble.calibrator_.log_proba(ensemble.oof_decision_))
    ensemble.fold_scores_ = fold_scores(ensemble.folds_, ensemble.oof_target_, ensemble.oof_proba_)
    for name in _OPTIONAL:
        if hasattr(ensemble.estimators_[0], name):
            setattr(ensemble, name, getattr(ensemble.estimators_[0], name))
    return ensemble


def _member(number):
    return f"member_{number:02d}{NETWORK_SUFFIX}"
