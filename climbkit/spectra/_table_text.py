"""Rows of the archive's text files, a block of lines at a time, and of files read whole."""

import gzip
import json

import numpy as np

from climbkit._optional import import_optional
from climbkit.spectra._read_columns import is_array_text
from climbkit.spectra._read_request import FLUX_UNIT, WAVELENGTH_UNIT, unit_factor
from climbkit.spectra._read_sampled import FLUX, FLUX_ERROR
from climbkit.spectra._read_text import _ecsv_header, _header, _rows
from climbkit.spectra._table_files import EXTRA
from climbkit.spectra._table_flux import ATTRIBUTES

_GZIP = b"\x1f\x8b"
# First bytes of what is no text.
_BINARY = (b"SIMPLE", b"PK\x03\x04", b"<", b"\x89", b"\x93", b"BZh", b"\xfd7zXZ")
# Bytes of text that are parsed at a time. A line of a continuous spectrum has some 50,000.
_BLOCK = 2**24
_ARRAY = r"^\s*(\[.*\]|\(.*\))\s*$"
_AROUND = " \t[]()"


def text_piece(file, id_column):
    """Return a way to read a file that is not Parquet.

    Parameters
    ----------
    file : TableFile
        On this machine.
    id_column : str
        Column of the ids.

    Returns
    -------
    piece : CsvPiece or WholePiece
        The first for text with a spectrum in each line, divided by commas.
    """
    with _opened(file.path) as content:
        head = content.read(16).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head and not head.startswith(_BINARY):
        piece = CsvPiece(file)
        if piece.is_by_lines:
            return piece
    return WholePiece(file, id_column)


def _opened(path):
    with open(path, "rb") as file:
        zipped = file.read(len(_GZIP)) == _GZIP
    return gzip.open(path) if zipped else open(path, "rb")


class CsvPiece:
    """A CSV or ECSV file with a spectrum in each line.

    Parameters
    ----------
    file : TableFile
        Where it is.

    Raises
    ------
    ValueError
        If it is no text, or its header cannot be read.
    """

    n_rows = None  # as many as there are lines, which takes as long to know as to read them

    def __init__(self, file):
        self.file = file
        self.name = file.name
        with _opened(file.path) as content:
            comments, first = _header(content, file.path)
        self.separator, self.units, self.wavelength = ",", {}, None
        if comments and comments[0].startswith("%ECSV"):
            self.separator, self.units, self.wavelength = _ecsv_header(comments, file.path)
        self.n_comments = len(comments)
        self.names = [name.strip() for name in next(_rows([first], self.separator))]

    @property
    def is_by_lines(self):
        """Whether each line is a spectrum, and commas divide its columns."""
        return self.separator == "," and not {"flux", "wavelength"} <= set(self.names)

    def describe(self):
        """Facts that differ where the rows may: a dict ready for JSON."""
        return {"name": self.name, "size": self.file.size, "modified": self.file.modified}

    def schema(self):
        """Columns of the file, a pyarrow.Schema; text that writes out arrays counts as lists."""
        arrow = import_optional("pyarrow", EXTRA)
        first = next(self._raw(self.names), None)
        if first is None:
            kinds = [(name, arrow.null()) for name in self.names]
        else:
            arrays = self._arrays(first)
            kinds = [
                (name, arrow.list_(arrow.float64()) if name in arrays else first[name].type)
                for name in self.names
            ]
        told = None
        if self.wavelength is not None:
            unit = self.units.get("wavelength", "")
            factor = unit_factor(unit, WAVELENGTH_UNIT, "wavelength", self.name)
            told = {"wavelength": (np.asarray(self.wavelength, float) * factor).tolist()}
        return arrow.schema(kinds, {ATTRIBUTES: json.dumps(told or {})})

    def batches(self, columns, size, start=0):
        """Yield rows; see `ParquetPiece.batches`. Lines before `start` are divided, not parsed."""
        arrow = import_optional("pyarrow", EXTRA)
        arrays = None
        for raw in self._raw(columns):
            if arrays is None:
                arrays = self._arrays(raw)
            n_skipped = min(start, raw.num_rows)
            start -= n_skipped
            for first in range(n_skipped, raw.num_rows, size):
                part = raw.slice(first, size)
                values = [
                    self._numbers(part[name], name) if name in arrays else part[name]
                    for name in part.schema.names
                ]
                yield arrow.RecordBatch.from_arrays(values, names=part.schema.names)

    def _raw(self, columns):
        """Blocks of lines, arrays as text."""
        csv = import_optional("pyarrow.csv", EXTRA)
        with _opened(self.file.path) as content:
            try:
                blocks = csv.open_csv(
                    content,
                    read_options=csv.ReadOptions(
                        skip_rows=self.n_comments,
                        column_names=None,
                        block_size=_BLOCK,
                        use_threads=False,
                    ),
                    convert_options=csv.ConvertOptions(
                        include_columns=list(columns), strings_can_be_null=True
                    ),
                )
                yield from blocks
            except (ValueError, KeyError, OSError, EOFError) as error:
                raise ValueError(
                    f"{self.file.path} cannot be read, it is damaged or cut short: {error}"
                ) from error

    def _arrays(self, batch):
        """Names of the columns of text that write out arrays."""
        types = import_optional("pyarrow.types", EXTRA)
        found = set()
        for name in batch.schema.names:
            column = batch[name]
            if types.is_string(column.type):
                there = column.drop_null()
                if len(there) and is_array_text(there[0].as_py()):
                    found.add(name)
        return found

    def _numbers(self, texts, name):
        """Lists of numbers that texts write out."""
        arrow = import_optional("pyarrow", EXTRA)
        compute = import_optional("pyarrow.compute", EXTRA)
        broken = compute.invert(compute.match_substring_regex(texts, _ARRAY))
        if compute.any(broken).as_py():
            bad = texts.filter(broken)[0].as_py()
            raise ValueError(
                f"{self.file.path}: {name} is no array where it begins with {bad[:20]!r} and ends "
                f"with {bad[-20:]!r}. The file may be cut short."
            )
        inner = compute.utf8_trim(texts, _AROUND)
        missing = compute.fill_null(compute.equal(inner, ""), True)
        parts = compute.split_pattern(inner, ",")
        numbers = compute.utf8_trim_whitespace(parts.values)
        absent = compute.is_in(numbers, value_set=arrow.array(["null", ""]))
        try:
            numbers = compute.if_else(absent, None, numbers).cast(arrow.float64())
        except ValueError as error:
            raise ValueError(f"{self.file.path}: {name} is no array of numbers: {error}") from error
        if name in (*FLUX, *FLUX_ERROR):
            factor = unit_factor(self.units.get(name, ""), FLUX_UNIT, name, self.file.path)
            numbers = compute.multiply(numbers, factor) if factor != 1.0 else numbers
        return arrow.ListArray.from_arrays(parts.offsets, numbers, mask=missing)


class WholePiece:
    """A file that `read_xp` reads as a whole: FITS, VOTable, npz, a line for each sample.

    Parameters
    ----------
    file : TableFile
        On this machine.
    id_column : str
        Column of the ids.
    """

    n_rows = None

    def __init__(self, file, id_column):
        self.file = file
        self.name = file.name
        self.id_column = id_column
        self._table = None

    def describe(self):
        """Facts that differ where the rows may: a dict ready for JSON."""
        return {"name": self.name, "size": self.file.size, "modified": self.file.modified}

    def schema(self):
        """Columns of the file, a pyarrow.Schema."""
        return self._read().schema

    def batches(self, columns, size, start=0):
        """Yield rows; see `ParquetPiece.batches`."""
        table = self._read()
        for first in range(start, table.num_rows, size):
            yield table.select(columns).slice(first, size)
        self._table = None  # the next file is read before this piece is gone

    def _read(self):
        if self._table is None:
            from climbkit.spectra._reading import read_xp

            arrow = import_optional("pyarrow", EXTRA)
            named = None if self.id_column == "source_id" else self.id_column
            spectra = read_xp(self.file.path, nan="keep", source_id=named)
            flux = arrow.FixedSizeListArray.from_arrays(
                arrow.array(spectra.flux.ravel()), spectra.shape[1]
            )
            columns = {self.id_column: arrow.array(spectra.source_id), "flux": flux}
            if spectra.table is not None:
                others = arrow.RecordBatch.from_pandas(spectra.table, preserve_index=False)
                columns |= {name: others[name] for name in others.schema.names}
            table = arrow.RecordBatch.from_pydict(columns)
            told = json.dumps({"wavelength": spectra.wavelength.tolist()})
            self._table = table.replace_schema_metadata({ATTRIBUTES: told})
        return self._table
