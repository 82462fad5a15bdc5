"""A fitted network in one .keras file, with what scikit-learn needs to know beside it."""

import contextlib
import importlib
import io
import json
import os
import tempfile
import warnings
import zipfile
from pathlib import Path

from climbkit.neural._backend import import_keras

SUFFIX = ".keras"

# Keras' safe mode takes layers of others only once they are registered.
_LAYERS = "climbkit.neural._layers"

_STATE = "climbkit.json"  # a member that Keras itself does not look at


def network_bytes(network):
    """Bytes of the network's .keras file."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Keras 3.15 hands its variables on JAX to NumPy in a way that NumPy 2 warns of.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        path = Path(folder) / f"network{SUFFIX}"
        import_keras().saving.save_model(network, path)
        return path.read_bytes()


def network_from_bytes(content, *, safe_mode=True):
    """Network of a .keras file's bytes, not compiled."""
    importlib.import_module(_LAYERS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{SUFFIX}"
        path.write_bytes(content)
        return import_keras().saving.load_model(path, compile=False, safe_mode=safe_mode)


@contextlib.contextmanager
def replaced_when_complete(path, suffix):
    """Write a file at once or not at all; one that is there stays until the new one is complete.

    Parameters
    ----------
    path : str or path-like
        File to write.
    suffix : str
        What it has to end in.

    Yields
    ------
    unfinished : Path
        Where to write; it becomes the file at the end.

    Raises
    ------
    ValueError
        If the path does not end in the suffix.
    """
    path = Path(path)
    if path.suffix != suffix:
        raise ValueError(f"path must end in {suffix!r}; got {str(path)!r}.")
    # Beside the file that it becomes, since a rename cannot cross file systems.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_model_file(path, network, state):
    """Write a network and its state to one file.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.keras``. A file that is there is replaced, once the new one is complete.
    network : keras.Model
        Fitted.
    state : dict
        Ready for JSON.

    Raises
    ------
    ValueError
        If the path does not end in ``.keras``.
    """
    with replaced_when_complete(path, SUFFIX) as unfinished:
        unfinished.write_bytes(network_bytes(network))
        with zipfile.ZipFile(unfinished, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_STATE, json.dumps(state, indent=1))


def read_model_file(path):
    """Read what `write_model_file` wrote.

    Parameters
    ----------
    path : str or path-like
        File to read.

    Returns
    -------
    content : bytes
        For `network_from_bytes`.
    state : dict
        As it was written.

    Raises
    ------
    ValueError
        If the file is cut short or damaged, or was not saved by climbkit.
    FileNotFoundError
        If there is no such file.
    """
    content = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip()
            members = archive.namelist()
            state = archive.read(_STATE) if _STATE in members and not damaged else None
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError) as error:
        raise ValueError(
            f"{str(path)!r} is no complete {SUFFIX} file; it may have been cut short ({error})."
        ) from error
    if damaged:
        raise ValueError(f"{str(path)!r} is damaged: its part {damaged!r} cannot be read.")
    if state is None:
        raise ValueError(
            f"{str(path)!r} was not saved by climbkit: it has no {_STATE!r}. Networks of Keras "
            "alone are read by keras.saving.load_model."
        )
    return content, json.loads(state)
