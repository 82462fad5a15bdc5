"""Gaia XP spectra: reading, normalising, networks that can be trusted, and what was found."""

import importlib

_MODULE_OF = {
    "WAVELENGTH": "_grid",
    "XPSpectra": "_container",
    "read_xp": "_reading",
    "fetch_xp": "_fetching",
    "XPNormalizer": "_normalizer",
    "XPClassifier": "_classifier",
    "FoldEnsemble": "_fold_ensemble",
    "PriorShift": "_prior_shift",
    "predict_table": "_predict_table",
    "AssociationFinder": "_associations",
}

__all__ = sorted(_MODULE_OF)


def __getattr__(name):
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"climbkit.spectra.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'climbkit.spectra' has no attribute {name!r}")


def __dir__():
    return __all__
