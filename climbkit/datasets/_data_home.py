"""The folder where downloads are kept, and files in it that notice when they are damaged."""

import hashlib
import os
from pathlib import Path

import numpy as np
from sklearn.utils._param_validation import validate_params

HOME_VARIABLE = "CLIMBKIT_HOME"
_CHECKSUM_SUFFIX = ".sha256"


@validate_params({"data_home": [str, os.PathLike, None]}, prefer_skip_nested_validation=True)
def get_data_home(data_home=None):
    """Give the folder where climbkit keeps what it downloads, and make it where needed.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder; None is the environment variable ``CLIMBKIT_HOME``, or ``~/climbkit_data``.

    Returns
    -------
    folder : pathlib.Path
        The folder, which exists.

    Examples
    --------
    >>> import tempfile
    >>> from climbkit.datasets import get_data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     get_data_home(f"{folder}/stars").is_dir()
    True
    """
    if data_home is None:
        data_home = os.environ.get(HOME_VARIABLE) or "~/climbkit_data"
    folder = Path(data_home).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def clear_data_home(data_home=None):
    """Delete what climbkit has downloaded, and the folder if nothing else is in it.

    Parameters
    ----------
    data_home : str or path-like, default=None
        As for :func:`get_data_home`.
    """
    folder = get_data_home(data_home)
    for checksum in folder.glob(f"*{_CHECKSUM_SUFFIX}"):
        path = checksum.with_name(checksum.name.removesuffix(_CHECKSUM_SUFFIX))
        for written in (path, _partial_of(path), checksum):
            written.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def write_cache(path, columns):
    """Write named columns to `path` (npz), and their SHA-256 beside it.

    The checksum is in place before the data: a run that is cut off leaves no file that is taken
    for whole.
    """
    partial = _partial_of(path)
    with partial.open("wb") as file:
        np.savez_compressed(file, **columns)
    _checksum_of(path).write_text(_digest(partial) + "\n", encoding="ascii")
    os.replace(partial, path)


def read_cache(path, how_to_renew):
    """Read the columns that `write_cache` wrote, after a look at their SHA-256.

    Raises
    ------
    OSError
        If the file is damaged; the message ends in `how_to_renew`.
    """
    checksum = _checksum_of(path)
    expected = checksum.read_text(encoding="ascii").strip() if checksum.is_file() else "absent"
    found = _digest(path)
    if found != expected:
        raise OSError(
            f"the cached file {path} is damaged: its SHA-256 is {found}, "
            f"the one written beside it is {expected}. {how_to_renew}"
        )
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _checksum_of(path):
    return path.with_name(path.name + _CHECKSUM_SUFFIX)


def _partial_of(path):
    return path.with_name(path.name + ".part")


def _digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
