"""Fitted models from files, whatever their class."""

import zipfile
from pathlib import Path

from climbkit._optional import import_optional
from climbkit.builder import from_dict
from climbkit.neural._model_file import SUFFIX, read_model_file

_SKOPS = ".skops"
_EXTRA = "spectra"
# Packages whose types a file of skops may hold without anybody being asked.
_TRUSTED = ("climbkit.", "sklearn.", "numpy.", "scipy.")


def load_model(path):
    """Load a classifier that was saved.

    Parameters
    ----------
    path : str or path-like
        A ``.keras`` file of `XPClassifier` or another network of climbkit, or a ``.skops`` file of
        an estimator of scikit-learn.

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
    if path.suffix == SUFFIX:
        _, state = read_model_file(path)
        return type(from_dict(state)).load(path)
    if path.suffix == _SKOPS:
        return _from_skops(path)
    if not path.exists():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    raise ValueError(f"a model must be a {SUFFIX} or {_SKOPS} file; got {path}.")


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
