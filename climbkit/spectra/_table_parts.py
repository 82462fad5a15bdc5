"""Finished parts of a table of predictions, from which a run that was killed goes on.

They lie in a folder beside the output: ``manifest.json``, which says what is predicted, and a
Parquet file for each block of rows. Every file is written under another name, flushed to the disk
and then renamed, so that it is there whole or not at all. The output is put together from them in
the same way, and the folder is removed.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

from climbkit._optional import import_optional
from climbkit._version import __version__
from climbkit.spectra._table_files import EXTRA
from climbkit.spectra._table_rows import BEGINNING, Position

#: Raised when what the files hold changes.
FORMAT = 1
SUFFIX = ".parts"
#: Where the metadata of the output tell of its making.
METADATA = b"climbkit"
_MANIFEST = "manifest.json"
_FINISHED = "finished"  # a file that says that the output is there, and parts may be missing
_PART = "part-{:07d}.parquet"
_TEMPORARY = ".unfinished"
_END = b"climbkit_end"  # in a part: where the rows after it are
# Pages carry checksums, so that a part that the disk has damaged is computed again.
_WRITING = {"compression": "zstd", "write_page_checksum": True}


class Parts:
    """The folder of a run.

    Parameters
    ----------
    out : path-like
        The output.
    manifest : dict
        Everything that the output depends on, in JSON's types.
    overwrite : bool
        Whether the output and the parts of another run may be replaced.

    Attributes
    ----------
    finished : bool
        Whether the output is there already, and a kill only kept its parts from being removed.

    Raises
    ------
    FileExistsError
        If the output is there.
    ValueError
        If there are parts of another run.
    """

    def __init__(self, out, manifest, overwrite):
        self.out = Path(out)
        self.folder = self.folder_of(out)
        self.manifest = _plain({"format": FORMAT, "climbkit": __version__, **manifest})
        self._temporary = f"{_TEMPORARY}-{os.getpid()}"
        there = self._there(overwrite)
        ours = self._out_is_ours() if there and self.out.exists() else False
        self.finished = ours and (self.folder / _FINISHED).exists()
        if self.finished:
            return
        if self.out.exists() and not (ours or overwrite):
            raise FileExistsError(
                f"{self.out} is there already; name another file, or overwrite it."
            )
        if there and (self.folder / _FINISHED).exists():
            # Its output is gone, and perhaps some of the parts.
            self.remove()
            there = False
        if not there:
            self.folder.mkdir(exist_ok=True)
            content = json.dumps(self.manifest, indent=1).encode()
            self._write(self.folder / _MANIFEST, lambda path: path.write_bytes(content))

    @staticmethod
    def folder_of(out):
        """Folder of the parts of an output."""
        out = Path(out)
        return out.with_name(out.name + SUFFIX)

    @property
    def provenance(self):
        """What the output's metadata say of its making, as bytes.

        Nothing in it depends on when, or on where the files were.
        """
        told = {name: self.manifest[name] for name in ("climbkit", "model", "parameters")}
        files = [[file["name"], file.get("size")] for file in self.manifest["source"]]
        digest = hashlib.blake2b(json.dumps(files).encode(), digest_size=16).hexdigest()
        source = {"n_files": len(files), "first": files[0][0], "names_and_sizes": digest}
        return json.dumps({**told, "source": source}).encode()

    def _out_is_ours(self):
        """Whether the output is what this run would write."""
        parquet = import_optional("pyarrow.parquet", EXTRA)
        try:
            return (parquet.read_schema(self.out).metadata or {}).get(METADATA) == self.provenance
        except (ValueError, OSError):
            return False

    def _there(self, overwrite):
        """Whether the folder holds parts of this run; those of others are removed or refused."""
        if not self.folder.is_dir():
            if self.folder.exists():
                raise ValueError(f"{self.folder} is in the way: the parts of the output go there.")
            return False
        path = self.folder / _MANIFEST
        others = [file for file in self.folder.iterdir() if _TEMPORARY not in file.name]
        if path.is_file():
            reason = self._difference(path)
        elif (self.folder / _FINISHED).exists():
            return True  # the manifest was removed already
        elif others:
            reason = f"{self.folder} is not empty and holds no predictions."
            overwrite = False  # whatever that is, it was not made here
        else:
            return False
        if reason and not overwrite:
            raise ValueError(
                f"{reason} Name another output, or remove {self.folder} to begin anew."
            )
        if reason:
            self.remove()
        return not reason

    def _difference(self, path):
        """Sentence on what differs from the run in the folder, or None."""
        try:
            there = json.loads(path.read_text())
            parameters, files = dict(there["parameters"]), list(there["source"])
        except (ValueError, KeyError, TypeError):
            return f"{path} cannot be read."
        for name in ("format", "climbkit"):
            if there.get(name) != self.manifest[name]:
                return (
                    f"{self.folder} was written by another version ({name} {there.get(name)}, "
                    f"this is {self.manifest[name]})."
                )
        if there.get("model") != self.manifest["model"]:
            return f"{self.folder} holds predictions of another model."
        new = self.manifest["parameters"]
        differ = [n for n in {**parameters, **new} if parameters.get(n, ...) != new.get(n, ...)]
        if differ:
            listed = "; ".join(f"{n} was {parameters.get(n)!r}, is {new.get(n)!r}" for n in differ)
            return f"{self.folder} holds predictions with other parameters: {listed}."
        if files != self.manifest["source"]:
            return f"{self.folder} holds predictions for {_other(files, self.manifest['source'])}."
        return None

    def path(self, number):
        """Path of a part."""
        return self.folder / _PART.format(number)

    def save(self, number, table, end):
        """Store a part.

        Parameters
        ----------
        number : int
            Its number.
        table : pyarrow.Table
            Its rows.
        end : Position
            Where the rows after it are.
        """
        parquet = import_optional("pyarrow.parquet", EXTRA)
        table = table.replace_schema_metadata({_END: json.dumps(end)})
        self._write(self.path(number), lambda path: parquet.write_table(table, path, **_WRITING))

    def load(self, number):
        """Return a part, or None if it is absent or damaged.

        Parameters
        ----------
        number : int
            Its number.

        Returns
        -------
        table : pyarrow.Table or None
            Its rows.
        """
        parquet = import_optional("pyarrow.parquet", EXTRA)
        # pyarrow reports all damage by one of these.
        try:
            with parquet.ParquetFile(self.path(number), page_checksum_verification=True) as file:
                return file.read(use_threads=False)
        except (OSError, ValueError):
            return None

    def needed(self, number):
        """Return a part that was there a moment ago."""
        table = self.load(number)
        if table is None:
            raise ValueError(f"{self.path(number)} is damaged; start again to compute it anew.")
        return table

    def has(self, number, n_rows):
        """Whether a part is there, and has so many rows."""
        table = self.load(number)
        return table is not None and table.num_rows == n_rows

    def done(self, size):
        """Look at the parts from the first on.

        Parameters
        ----------
        size : int
            Rows of a part that is not the last one.

        Returns
        -------
        n_parts, n_rows : int
            Whole parts before the first that is absent, and their rows.
        end : Position
            Where the rows after them are.
        """
        n_parts, n_rows, end = 0, 0, BEGINNING
        while (table := self.load(n_parts)) is not None and table.num_rows:
            n_parts += 1
            n_rows += table.num_rows
            end = Position(*json.loads(table.schema.metadata[_END]))
            if table.num_rows < size:
                break
        return n_parts, n_rows, end

    def join(self, n_parts, finish, schema):
        """Put the output together.

        Parameters
        ----------
        n_parts : int
            Number of parts.
        finish : callable
            ``finish(table)`` returns the rows of the output for a part.
        schema : pyarrow.Schema
            Of the output.
        """
        parquet = import_optional("pyarrow.parquet", EXTRA)
        schema = schema.with_metadata({**(schema.metadata or {}), METADATA: self.provenance})

        def write(path):
            with parquet.ParquetWriter(path, schema, **_WRITING) as writer:
                for number in range(n_parts):
                    table = finish(self.needed(number)).replace_schema_metadata(schema.metadata)
                    writer.write_table(table, row_group_size=max(1, table.num_rows))

        # In the folder of the parts, so that nothing is left behind by a kill.
        self._write(self.out, write, unfinished=self.folder / f"output{self._temporary}")
        self._write(self.folder / _FINISHED, lambda path: path.write_bytes(b""))

    def remove(self):
        """Remove the folder; last what says that there is nothing left to do."""
        for path in self.folder.iterdir():
            if path.name not in (_MANIFEST, _FINISHED):
                path.unlink()
        (self.folder / _MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(self.folder)

    def _write(self, path, write, unfinished=None):
        """Write a file that is there whole or not at all, also after a power cut."""
        unfinished = unfinished or path.with_name(path.name + self._temporary)
        write(unfinished)
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        if os.name == "posix":  # elsewhere a folder cannot be opened
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _plain(value):
    """The value as JSON gives it back."""
    return json.loads(json.dumps(value))


def _other(old, new):
    """Words on how two lists of files differ."""
    before = [file["name"] for file in old]
    after = [file["name"] for file in new]
    if before != after:
        return f"other files ({len(before)} before, {len(after)} now)"
    changed = [name for name, *files in zip(after, old, new, strict=True) if files[0] != files[1]]
    return f"other rows: {', '.join(changed[:3])} changed since"
