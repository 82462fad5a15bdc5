"""Find groups in survey data when part of the answer is already known.

Estimators are imported on first use, so that ``import climbkit`` stays quick and never loads
matplotlib, astropy or keras.

Examples
--------
>>> from climbkit import CLiMB
>>> from climbkit.datasets import make_halo
>>> halo = make_halo(random_state=0)
>>> labels = CLiMB().fit(halo.data, halo.partial_target).labels_
>>> labels.shape == halo.target.shape
True
"""

import importlib

from climbkit._version import __version__

_ROOM_OF = {
    "KBound": "cluster",
    "CLiMB": "cluster",
    "CDBSCAN": "cluster",
    "SSDBSCAN": "cluster",
    "KinematicTails": "cluster",
    "GroupCovariance": "cluster",
    "ChiSquaredGate": "cluster",
    "SelectionGate": "cluster",
    "HDBSCANSweep": "cluster",
    "NoveltyTest": "cluster",
    "SmoothField": "cluster",
    "SmoothMixture": "cluster",
    "ContrastDBSCAN": "cluster",
    "CMDImageTransformer": "cmd",
    "CandidateClassifier": "cmd",
    "SyntheticCMD": "cmd",
    "ClusterSearch": "pipelines",
    "CNNClassifier": "neural",
    "AssociationFinder": "spectra",
    "FoldEnsemble": "spectra",
    "PriorShift": "spectra",
    "XPClassifier": "spectra",
    "XPNormalizer": "spectra",
    "IntegralsOfMotion": "dynamics",
    "CandidateSelector": "survey",
    "CandidateSet": "survey",
    "CandidateWidening": "survey",
    "Catalogue": "survey",
    "CatalogueCrossmatch": "survey",
    "ClusterSignificanceTest": "survey",
    "ClusterStructure": "survey",
    "GMMMembership": "survey",
    "GaiaQualityMask": "survey",
    "HealpixTiling": "survey",
    "ParallaxZeroPoint": "survey",
    "ProperMotionFrame": "survey",
    "RepetitionMerger": "survey",
    "SquareTiling": "survey",
    "TiledHDBSCAN": "survey",
    "SeedHoldout": "model_selection",
    "TwoStageSearchCV": "model_selection",
}
_ROOMS = (
    "base",
    "builder",
    "cluster",
    "cmd",
    "datasets",
    "distributed",
    "dynamics",
    "kernels",
    "metrics",
    "model_selection",
    "neural",
    "pipelines",
    "plotting",
    "spectra",
    "survey",
)

__all__ = ["__version__", *_ROOM_OF, *_ROOMS]


def __getattr__(name):
    if name in _ROOM_OF:
        return getattr(importlib.import_module(f"climbkit.{_ROOM_OF[name]}"), name)
    if name in _ROOMS:
        return importlib.import_module(f"climbkit.{name}")
    raise AttributeError(f"module 'climbkit' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
