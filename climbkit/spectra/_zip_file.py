"""Zip files of JSON, arrays and other files: written at once or not at all, and read with care."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from climbkit.neural._model_file import replaced_when_complete

SUFFIX = ".zip"
_STATE = "climbkit.json"


def write_zip(path, state, arrays, files):
    """Write a file; one that is there is replaced, once the new one is complete.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.zip``.
    state : dict
        Ready for JSON.
    arrays : dict of str to ndarray
        Numbers.
    files : dict of str to bytes
        Further parts, which are packed already.

    Raises
    ------
    ValueError
        If the path does not end in ``.zip``.
    """
    with (
        replaced_when_complete(path, SUFFIX) as unfinished,
        zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr(_STATE, json.dumps(state, indent=1))
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            archive.writestr(f"{name}.npy", content.getvalue())
        for name, content in files.items():
            archive.writestr(name, content, zipfile.ZIP_STORED)


def read_zip(path):
    """Read what `write_zip` wrote.

    Parameters
    ----------
    path : str or path-like
        File to read.

    Returns
    -------
    state : dict
        As it was written.
    arrays : dict of str to ndarray
        Numbers.
    files : dict of str to bytes
        Further parts.

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
            # A part may be a zip itself, whose end is taken for that of a file that was cut short.
            if min((part.header_offset for part in archive.infolist()), default=0) > 0:
                raise zipfile.BadZipFile("it starts with something else")
            damaged = archive.testzip()
            if damaged:
                raise ValueError(f"{str(path)!r} is damaged: its part {damaged!r} cannot be read.")
            parts = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError) as error:
        raise ValueError(
            f"{str(path)!r} is no complete {SUFFIX} file; it may have been cut short ({error})."
        ) from error
    if _STATE not in parts:
        raise ValueError(f"{str(path)!r} was not saved by climbkit: it has no {_STATE!r}.")
    state = json.loads(parts.pop(_STATE))
    arrays = {
        name.removesuffix(".npy"): np.load(io.BytesIO(parts.pop(name)), allow_pickle=False)
        for name in list(parts)
        if name.endswith(".npy")
    }
    return state, arrays, parts


def check_format(state, expected, path, version):
    """Refuse files that a later climbkit wrote in a way that is not known here."""
    if state.get("format") != expected:
        raise ValueError(
            f"{str(path)!r} is of format {state.get('format')!r}, which climbkit {version} cannot "
            "read."
        )
