"""Finished tiles in a folder, so that a search that was killed goes on where it stopped.

The folder holds ``manifest.json``, which says what is searched for in which stars, and a file of
plain NumPy arrays for each batch of tiles. Every file is written under another name and then
renamed, so that it is there whole or not at all; a file that is damaged all the same is computed
again.
"""

import contextlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np

from climbkit._version import __version__
from climbkit.survey._tile_search import TileCandidates

#: Raised when what the files hold changes.
FORMAT = 1
_MANIFEST = "manifest.json"
_TEMPORARY = ".part"
_SCALARS = ("side", "n_core", "n_searched")
_BY_CANDIDATE = ("min_cluster_size", "persistence", "longitude", "latitude", "owned", "sizes")
_BY_MEMBER = ("members", "probabilities")


class Checkpoint:
    """The folder of one search.

    Parameters
    ----------
    folder : str or path-like
        Made where it is not there.
    parameters : dict
        Everything that the result depends on, in JSON's types.
    stars : str
        Fingerprint of the stars.

    Raises
    ------
    ValueError
        If the folder holds another search, or other things and no search.
    """

    def __init__(self, folder, parameters, stars):
        self.folder = Path(folder)
        manifest = {
            "format": FORMAT,
            "climbkit": __version__,
            "stars": stars,
            "parameters": json.loads(json.dumps(parameters)),
        }
        path = self.folder / _MANIFEST
        if path.is_file():
            self._check(path, manifest)
        elif self.folder.is_dir() and any(f.suffix != _TEMPORARY for f in self.folder.iterdir()):
            raise ValueError(
                f"checkpoint folder {self.folder} is not empty and holds no search; name another."
            )
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(path, json.dumps(manifest, indent=1).encode())

    def _check(self, path, manifest):
        advice = f"Name another folder, or delete {self.folder} to search anew."
        try:
            there = json.loads(path.read_text())
            old = dict(there["parameters"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path} cannot be read. {advice}") from None
        for name in ("format", "climbkit"):
            if there.get(name) != manifest[name]:
                raise ValueError(
                    f"checkpoint folder {self.folder} was written by another version "
                    f"({name} {there.get(name)}, this is {manifest[name]}). {advice}"
                )
        new = manifest["parameters"]
        differ = [name for name in {**old, **new} if old.get(name, ...) != new.get(name, ...)]
        if differ:
            listed = "; ".join(f"{n} was {old.get(n)!r}, is {new.get(n)!r}" for n in differ)
            raise ValueError(
                f"checkpoint folder {self.folder} is of a search with other parameters: {listed}. "
                f"{advice}"
            )
        if there.get("stars") != manifest["stars"]:
            raise ValueError(
                f"checkpoint folder {self.folder} is of a search of other stars (or other values, "
                f"or another mask). {advice}"
            )

    def save(self, batch):
        """Store finished tiles.

        Parameters
        ----------
        batch : list of TileCandidates
            At least one.
        """
        arrays = {"key": np.array([found.key for found in batch])}
        for name in _SCALARS:
            arrays[name] = np.array([getattr(found, name) for found in batch])
        arrays["n_candidates"] = np.array([len(found.sizes) for found in batch])
        for name in _BY_CANDIDATE + _BY_MEMBER:
            arrays[name] = np.concatenate([getattr(found, name) for found in batch])
        path = self.folder / f"{batch[0].key}.npz"
        _write(path, lambda file: np.savez(file, **arrays))

    def load(self):
        """Return the tiles that are stored; damaged files are left out.

        Returns
        -------
        found : dict of str to TileCandidates
            By key.
        """
        found = {}
        for path in sorted(self.folder.glob("*.npz")):
            # Every array's checksum is compared as it is read, so that half a file raises.
            with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                found.update(_read(path))
        return found


def _read(path):
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    candidates = np.concatenate([[0], np.cumsum(arrays["n_candidates"])])
    members = np.concatenate([[0], np.cumsum(arrays["sizes"])]).astype(np.int64)
    found = {}
    for number, key in enumerate(arrays["key"].tolist()):
        low, high = candidates[number : number + 2]
        scalars = [arrays[name][number].item() for name in _SCALARS]
        own = [arrays[name][low:high] for name in _BY_CANDIDATE]
        own += [arrays[name][members[low] : members[high]] for name in _BY_MEMBER]
        found[key] = TileCandidates(key, *scalars, *own)
    return found


def _write(path, content):
    """Write a file that is there whole or not at all."""
    temporary = path.with_name(f"{path.name}{_TEMPORARY}")
    with open(temporary, "wb") as file:
        if callable(content):
            content(file)
        else:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
