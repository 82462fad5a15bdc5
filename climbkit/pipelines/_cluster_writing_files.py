"""A folder of results: names of files, and files that are there whole or not at all."""

import contextlib
import json
import os
import re
import secrets
import unicodedata
from pathlib import Path

#: Written last: a folder that has it is whole.
RUN_FILE = "run.json"
_KIND = "climbkit.ClusterSearch run"
_VERSION = 1
_LONGEST_STEM = 80
# Names that Windows keeps for devices, whatever their suffix.
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{p}{n}" for p in ("com", "lpt") for n in range(10)}


def file_stem(name, taken=()):
    """Return a name for a file that stands for any text.

    Parameters
    ----------
    name : str
        Any text, such as the name of a cluster.
    taken : collection of str
        Names, in small letters, that are in use.

    Returns
    -------
    stem : str
        Of ASCII letters, digits, ``+``, ``-`` and ``_``, at most 80 characters before a number
        that makes it differ from those that are taken.
    """
    plain = unicodedata.normalize("NFKD", str(name)).encode("ascii", "ignore").decode("ascii")
    stem = re.sub(r"[^A-Za-z0-9+-]+", "_", plain).strip("_-")[:_LONGEST_STEM].rstrip("_-")
    stem = stem or "cluster"
    if stem.lower() in _RESERVED:
        stem = f"{stem}_"
    count, base = 1, stem
    while stem.lower() in taken:
        count += 1
        stem = f"{base}_{count}"
    return stem


def check_folder(folder, *, overwrite=False):
    """Raise where results cannot go to a folder.

    Parameters
    ----------
    folder : str or path-like
        The folder, which need not be there.
    overwrite : bool, default=False
        Whether it may hold an earlier run.

    Returns
    -------
    folder : Path
        The folder.

    Raises
    ------
    FileExistsError
        If it is not empty and may not be overwritten.
    NotADirectoryError
        If it, or a folder that it lies in, is a file.
    """
    folder = Path(os.fspath(folder)).expanduser()
    for path in (folder, *folder.parents):
        if path.is_dir():
            break
        if path.exists():
            raise NotADirectoryError(f"{path} is a file; name a folder for the results.")
    if folder.is_dir() and not overwrite and any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} is not empty; name another folder, or allow to overwrite what an earlier "
            "run left there."
        )
    return folder


class ResultFolder:
    """A folder that is being filled.

    Parameters
    ----------
    folder : str or path-like
        See `check_folder`.
    overwrite : bool, default=False
        Whether an earlier run may be replaced: its files alone, others stay.

    Attributes
    ----------
    folder : Path
        The folder.
    files : list of str
        What was written, relative to the folder.
    """

    def __init__(self, folder, *, overwrite=False):
        self.folder = check_folder(folder, overwrite=overwrite)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.files = []
        self._earlier = _files_of(self.folder)
        # From here on the folder is not whole until `finish`.
        (self.folder / RUN_FILE).unlink(missing_ok=True)

    @contextlib.contextmanager
    def writing(self, name):
        """Give a path to write to, which becomes `name` only when all went well."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{secrets.token_hex(6)}.part{path.suffix}")
        try:
            yield partial
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        self.files.append(name)

    def finish(self, record):
        """Drop what an earlier run left behind, and write the run file.

        Parameters
        ----------
        record : dict
            What it says, ready for JSON.
        """
        for name in sorted(self._earlier - set(self.files)):
            (self.folder / name).unlink(missing_ok=True)
        state = {"kind": _KIND, "version": _VERSION, **record, "files": [*self.files, RUN_FILE]}
        text = json.dumps(state, indent=2) + "\n"
        with self.writing(RUN_FILE) as path:
            path.write_text(text, encoding="utf-8")


def read_run(path):
    """Read a run file.

    Parameters
    ----------
    path : str or path-like
        The file, or the folder of a run.

    Returns
    -------
    record : dict
        What `ResultFolder.finish` was given, and the names of the files.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is no run file of a cluster search.
    """
    path = Path(os.fspath(path)).expanduser()
    path = path / RUN_FILE if path.is_dir() else path
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no run file: {error}") from error
    if not isinstance(record, dict) or record.get("kind") != _KIND:
        raise ValueError(f"{path} is no run file of a cluster search.")
    if record.get("version") != _VERSION:
        raise ValueError(
            f"{path} has version {record.get('version')} of the run file; this climbkit reads "
            f"version {_VERSION}."
        )
    return record


def _files_of(folder):
    """Files that an earlier run says it wrote, none of them outside its folder."""
    try:
        names = read_run(folder).get("files", [])
    except (OSError, ValueError):
        return set()
    # A name that leads out of the folder was not written here, and is not followed.
    return {name for name in names if isinstance(name, str) and _is_inside(folder, name)}


def _is_inside(folder, name):
    path = Path(name)
    inside = not path.is_absolute() and ".." not in path.parts and len(path.parts) <= 2
    return inside and (folder / path).resolve().is_relative_to(folder.resolve())
