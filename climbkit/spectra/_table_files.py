"""The files of a table of spectra, in an order that never changes."""

import os
import posixpath
import re
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from climbkit._optional import import_optional

EXTRA = "spectra"
#: Endings of Parquet, and of what `read_xp` reads.
PARQUET = (".parquet", ".pq", ".parq")
OTHERS = (".csv", ".csv.gz", ".ecsv", ".ecsv.gz", ".fits", ".fits.gz", ".vot", ".vot.gz", ".xml")

_MAGIC = b"PAR1"  # the first bytes of a Parquet file
# Hipscat and HATS catalogues: https://github.com/astronomy-commons/hats
_COLLECTION = "collection.properties"
_PRIMARY = re.compile(r"^\s*hats_primary_table_url\s*=\s*(.+?)\s*$", re.MULTILINE)
_PIXELS = "Norder=*"
_DATASET = "dataset"


@dataclass(frozen=True)
class TableFile:
    """A file of a table.

    Attributes
    ----------
    name : str
        Path below the folder that all files of the table share.
    path : str
        Where it is.
    filesystem : pyarrow.fs.FileSystem
        Where `path` leads to a file.
    size : int
        Bytes.
    modified : int
        Nanoseconds since 1970, or 0 where the file system does not tell.
    """

    name: str
    path: str
    filesystem: Any
    size: int
    modified: int

    @property
    def is_parquet(self):
        """Whether its first bytes are those of a Parquet file."""
        if self.path.lower().endswith(PARQUET):
            return True
        with self.filesystem.open_input_file(self.path) as file:
            return file.read(len(_MAGIC)) == _MAGIC


def find_files(source, without=()):
    """List the files of a table.

    Parameters
    ----------
    source : str, path-like or sequence of those
        A file, a folder, a pattern such as ``"part-*.parquet"``, or several files.
    without : sequence of path-like, default=()
        Files and folders that are left out, such as an output in the folder of its source.

    Returns
    -------
    files : list of TableFile
        Those of a folder or a pattern sorted by name, numbers by their value; others in the order
        in which they were named.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no file of spectra in the folder.
    ValueError
        If a file is named twice or is to be left out, or a folder has files of several kinds.
    """
    without = [Path(os.path.realpath(path)) for path in without]
    sources = [source] if isinstance(source, str | os.PathLike) else list(source)
    paths = [path for each in sources for path in _expanded(each, without)]
    if not paths:
        raise ValueError("source must name one file at least; got none.")
    real = [os.path.realpath(path) for path in paths]
    if len(set(real)) < len(real):
        again = next(path for number, path in enumerate(paths) if real[number] in real[:number])
        raise ValueError(f"source names {again} twice; its rows would be there twice.")
    filesystem = import_optional("pyarrow.fs", EXTRA).LocalFileSystem()
    shared = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])
    return [
        _described(
            Path(os.path.relpath(path, shared)).as_posix(), os.path.abspath(path), filesystem
        )
        for path in paths
    ]


def files_of_fragments(fragments):
    """Return the files of an Arrow dataset.

    Parameters
    ----------
    fragments : sequence of pyarrow.dataset.FileFragment
        With paths and file systems.

    Returns
    -------
    files : list of TableFile
        One for each.
    """
    paths = [fragment.path for fragment in fragments]
    shared = posixpath.commonpath([posixpath.dirname(path) for path in paths]) if paths else ""
    return [
        _described(posixpath.relpath(path, shared or "."), path, fragment.filesystem)
        for path, fragment in zip(paths, fragments, strict=True)
    ]


def _described(name, path, filesystem):
    facts = filesystem.get_file_info(path)
    return TableFile(name, path, filesystem, int(facts.size or 0), int(facts.mtime_ns or 0))


def _expanded(source, without):
    text = os.fspath(source)
    path = Path(text)
    if path.is_dir():
        return _in_folder(path, without)
    if path.exists():
        if _left_out(path, without):
            raise ValueError(f"{path} is the output, or a part of it; it cannot be the source too.")
        return [path]
    if has_magic(text):
        found = [Path(each) for each in glob(text, recursive=True) if os.path.isfile(each)]
        found = [path for path in found if not _left_out(path, without)]
        if not found:
            raise FileNotFoundError(f"no file is called like {text}")
        return sorted(found, key=_by_number)
    raise FileNotFoundError(2, "No such file or directory", text)


def _left_out(path, without):
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(each) for each in without)


def _in_folder(folder, without):
    root, pattern = _root(folder)
    found = [path for path in root.glob(pattern) if path.is_file() and not _hidden(path, root)]
    found = [path for path in found if not _left_out(path, without)]
    kinds = {
        name: [path for path in found if path.name.lower().endswith(endings)]
        for name, endings in (("Parquet", PARQUET), ("text, FITS or VOTable", OTHERS))
    }
    kinds = {name: paths for name, paths in kinds.items() if paths}
    if not kinds:
        raise FileNotFoundError(
            f"{folder} has no file that ends in one of {', '.join(PARQUET + OTHERS)}."
        )
    if len(kinds) > 1:
        raise ValueError(
            f"{folder} has files of several kinds, {' and '.join(kinds)}; name those that hold the "
            "spectra, for example by a pattern."
        )
    (paths,) = kinds.values()
    return sorted(paths, key=lambda path: _by_number(path.relative_to(root).as_posix()))


def _root(folder):
    """Folder and pattern of the files; of a catalogue only those of its pixels, not its sample."""
    collection = folder / _COLLECTION
    if collection.is_file():
        primary = _PRIMARY.search(collection.read_text())
        if primary is None:
            raise ValueError(f"{collection} names no hats_primary_table_url.")
        return _root(folder / primary.group(1))
    for root in (folder / _DATASET, folder):
        if any(root.glob(_PIXELS)):
            return root, f"{_PIXELS}/**/*"
    return folder, "**/*"


def _hidden(path, root):
    """Whether it is no data: _metadata, and what writers leave behind, begin with _ or a dot."""
    return any(part.startswith(("_", ".")) for part in path.relative_to(root).parts)


def _by_number(text):
    """Key that sorts part-10 after part-9."""
    return [int(part) if n % 2 else part for n, part in enumerate(re.split(r"(\d+)", str(text)))]
