"""The one place where keras is imported."""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from climbkit._optional import import_optional

EXTRA = "neural"

_VARIABLE = "KERAS_BACKEND"

# In order of preference, where the user has chosen none.
_BACKENDS = ("jax", "torch", "tensorflow")

# Keras writes this backend into its configuration file by itself, so that it is nobody's choice.
_WRITTEN_BY_KERAS = "tensorflow"


def import_keras():
    """Import keras, on JAX unless another backend has been chosen.

    Returns
    -------
    keras : module
        Keras 3.

    Raises
    ------
    ImportError
        If keras or its backend is missing; the message names the extra to install.

    Notes
    -----
    A backend is chosen by importing keras first, by the environment variable ``KERAS_BACKEND``,
    or by Keras' configuration file.
    """
    if "keras" not in sys.modules and _VARIABLE not in os.environ and not _configured():
        installed = [name for name in _BACKENDS if find_spec(name) is not None]
        os.environ[_VARIABLE] = installed[0] if installed else _BACKENDS[0]
    return import_optional("keras", EXTRA)


def _configured():
    """Whether Keras' configuration file names a backend that somebody has chosen."""
    home = os.environ.get("KERAS_HOME") or "~/.keras"
    try:
        settings = json.loads((Path(home).expanduser() / "keras.json").read_text())
        return settings.get("backend", _WRITTEN_BY_KERAS) != _WRITTEN_BY_KERAS
    except (OSError, ValueError, AttributeError):
        return False
