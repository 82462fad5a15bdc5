"""Fitted models from files, whatever their class."""

import zipfile
from pathlib import Path

from climbkit._optional import import_optional
from climbkit.builder import from_dict
from climbkit.neural._model_file import SUFFIX, read_model_file
from climbkit.spectra._zip_file import SUFFIX as ZIP
from climbkit.spectra._zip_file import read_zip

_SKOPS = ".skops"
_EXTRA = "spectra"
# Packages whose types a file of skops may hold without anybody being asked.
_TRUSTED = ("climbkit.", "sklearn.", "numpy.", "scipy.")


def load_model(path):
    """Load a classifier that was saved.

    Parameters
    ----------
    path : str or path-like
        A ``.keras`` file of `XPClassifier` or another network of climbkit, a ``.zip`` file of
        `FoldEnsemble` or `PriorShift`, or a ``.skops`` file of an estimator of scikit-learn.

    Returns
    -------
    model : estimator
        Fitted.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, of another kind, or holds code of packages that are not trusted.
    ImportError
        If a package is missing.

    Notes
    -----
    Pickles are not loaded: they run whatever code they hold.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    if path.suffix == SUFFIX:
        return _class_of(read_model_file(path)[1], path).load(path)
    if path.suffix == ZIP:
        return _class_of(read_zip(path)[0], path).load(path)
    if path.suffix == _SKOPS:
        return _from_skops(path)
    raise ValueError(f"a model must be a {SUFFIX}, {ZIP} or {_SKOPS} file; got {path}.")


def _class_of(state, path):
    """Class of the estimator that a file of climbkit describes."""
    cls = type(from_dict(state))
    if not hasattr(cls, "load"):
        raise ValueError(f"{path} holds a {cls.__name__}, which cannot be loaded from a file.")
    return cls


def _from_skops(path):
    skops = import_optional("skops.io", _EXTRA)
    try:
        unknown = skops.get_untrusted_types(file=path)
        foreign = [name for name in unknown if not name.startswith(_TRUSTED)]
        if foreign:
            raise ValueError(
                f"{path} holds {', '.join(foreign)}, which are of no trusted package; load it "
                "yourself by skops.io.load and pass the model."
            )
        return skops.load(path, trusted=unknown)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"{path} is no complete {_SKOPS} file: {error}") from error
