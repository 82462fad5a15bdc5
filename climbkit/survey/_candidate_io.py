"""Candidates in files: what is stored, atomic writing, and checks of what is read."""

import contextlib
import hashlib
import os
import secrets
from pathlib import Path

import numpy as np

from climbkit.survey import _candidate_ecsv, _candidate_parquet

_KIND = "climbkit.CandidateSet"
_STARS_KIND = "climbkit.CandidateSet.stars"
_VERSION = 1
#: Columns of lists that hold the memberships, and their types.
_MEMBER_COLUMNS = {
    "member_rows": np.int64,
    "member_source_id": np.int64,
    "member_probabilities": np.float64,
}
_FORMATS = {"ecsv": _candidate_ecsv, "parquet": _candidate_parquet}
_DIGEST_SHOWN = 12  # hexadecimal digits of the star file's SHA-256 that stand in its name


def write_set(candidates, path, *, format, include_stars, overwrite):
    """Write a set; see `CandidateSet.write`."""
    path = Path(path)
    module = _FORMATS[_format_of(path, format)]
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; pass overwrite=True to replace it.")
    if include_stars and candidates.stars is None:
        raise ValueError("include_stars needs a set with stars.")
    table = candidates.table
    taken = sorted(set(table) & set(_MEMBER_COLUMNS))
    if taken:
        raise ValueError(f"the table's columns {taken} have names that files keep for members.")
    members = (candidates.indices, candidates.member_source_id, candidates.probabilities)
    header = {
        "kind": _KIND,
        "version": _VERSION,
        "n_candidates": len(candidates),
        "n_memberships": len(candidates.indices),
        "n_stars": None if candidates.n_stars is None else int(candidates.n_stars),
        "units": candidates.own_units,
        "meta": candidates.meta,
        "stars": None,
    }
    lists = {k: v for k, v in zip(_MEMBER_COLUMNS, members, strict=True) if v is not None}
    with _temporary(path) as partial, _temporary(path) as partial_stars:
        if include_stars:
            _write_stars(candidates.stars, partial_stars, module, candidates.units)
            digest = _digest(partial_stars)
            # Named by content: a set that is being replaced keeps its own stars until the end.
            stars_path = path.with_name(f"{path.stem}.stars-{digest[:_DIGEST_SHOWN]}{path.suffix}")
            header["stars"] = {"file": stars_path.name, "sha256": digest}
        module.write_table(partial, table, candidates.indptr, lists, header, candidates.units)
        if include_stars:
            os.replace(partial_stars, stars_path)
        os.replace(partial, path)


def _write_stars(stars, path, module, units):
    header = {"kind": _STARS_KIND, "version": _VERSION, "n_stars": len(stars)}
    module.write_table(path, stars.reset_index(drop=True), None, {}, header, units)


def read_parts(path, *, format, with_stars):
    """Read a file that `write_set` wrote; its stars too, if it has any and `with_stars`.

    Returns
    -------
    parts : dict
        Keyword arguments of `CandidateSet`; ``stars`` is None where the file has none.

    Raises
    ------
    ValueError
        If the file is of another kind or version, damaged or cut short.
    """
    path = Path(path)
    module = _FORMATS[_format_of(path, format)]
    table, indptr, lists, header = _read(path, module, _KIND, tuple(_MEMBER_COLUMNS))
    lists = {name: np.asarray(v, dtype=_MEMBER_COLUMNS[name]) for name, v in lists.items()}
    rows = lists.get("member_rows")
    found = (len(table), None if rows is None else len(rows))
    expected = (header["n_candidates"], header["n_memberships"])
    if found != expected or any(len(values) != expected[1] for values in lists.values()):
        raise ValueError(
            f"{path} is damaged or cut short: it has {found[0]} candidates with {found[1]} "
            f"members, and should have {expected[0]} with {expected[1]}."
        )
    stars = _read_stars(path, module, header) if with_stars and header["stars"] else None
    return {
        "stars": stars,
        "indptr": indptr,
        "indices": rows,
        "table": table,
        "probabilities": lists.get("member_probabilities"),
        "units": header["units"],
        "n_stars": header["n_stars"],
        "member_source_id": lists.get("member_source_id") if stars is None else None,
        "meta": header["meta"],
    }


def _read_stars(path, module, header):
    name = header["stars"]["file"]
    stars_path = path.parent / name
    # A name with a folder in it was not written here, and is not followed.
    if Path(name).name != name or not stars_path.is_file():
        raise FileNotFoundError(f"{path} keeps its stars in {name}, which is not beside it.")
    if _digest(stars_path) != header["stars"]["sha256"]:
        raise ValueError(f"{stars_path} is damaged, or its stars are not those of {path}.")
    return _read(stars_path, module, _STARS_KIND, ())[0]


def _read(path, module, kind, list_columns):
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there.")
    try:
        header = module.read_header(path)
    except module.read_errors() as error:
        raise ValueError(
            f"{path} cannot be read, it is damaged, cut short or no {module.NAME} file: {error}"
        ) from error
    if header.get("kind") != kind:
        raise ValueError(f"{path} was not written by CandidateSet.write.")
    if header.get("version") != _VERSION:
        raise ValueError(
            f"{path} has version {header.get('version')} of the format, this climbkit reads "
            f"version {_VERSION}."
        )
    try:
        return (*module.read_table(path, list_columns), header)
    except module.read_errors() as error:
        raise ValueError(f"{path} is damaged or cut short: {error}") from error


def _format_of(path, format):
    name = path.suffix.removeprefix(".").lower() if format is None else format
    if name not in _FORMATS:
        asked = "the suffix of path" if format is None else "format"
        raise ValueError(f"{asked} must be one of {sorted(_FORMATS)}; got {name!r}.")
    return name


@contextlib.contextmanager
def _temporary(path):
    """Give a path beside `path` to write to; what is still there in the end is deleted."""
    partial = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
