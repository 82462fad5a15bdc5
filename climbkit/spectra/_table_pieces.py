"""Rows of the files of a table, batch by batch, in memory that does not grow with them."""

from climbkit._optional import import_optional
from climbkit.spectra._table_files import EXTRA, files_of_fragments, find_files

# Bytes that are read at once of each column, of all columns, and at least; whole row groups, which
# are read otherwise, may be as large as the file.
_BUFFER, _BUFFERS, _LEAST_BUFFER = 2**20, 2**23, 2**16
# Values that are decoded at once where there is a column for each sample.
_MOST_VALUES, _MANY_COLUMNS = 2**20, 16
_HASHED = 2**13  # rows of a dataset in memory that are copied at once
_DAMAGED = "{name} cannot be read, it is damaged or cut short: {error}"


def open_pieces(source, id_column, without=()):
    """Find what a table consists of.

    Parameters
    ----------
    source : str, path-like, sequence of those or pyarrow.dataset.Dataset
        See `predict_table`.
    id_column : str
        Column of the ids.
    without : sequence of path-like, default=()
        Files and folders that are no source.

    Returns
    -------
    pieces : list of ParquetPiece, CsvPiece, WholePiece or FragmentPiece
        In order. Each has a ``name``, ``n_rows`` or None where counting them is reading them, and
        ``describe()``, ``schema()`` and ``batches()``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a file is named twice or is damaged, or a dataset is filtered.
    """
    dataset = import_optional("pyarrow.dataset", EXTRA)
    if not isinstance(source, dataset.Dataset):
        return [_piece(file, id_column) for file in find_files(source, without)]
    try:
        fragments = list(source.get_fragments())
    except ValueError as error:
        raise ValueError(
            f"source is a dataset whose parts cannot be told ({error}); write what it selects to a "
            "Parquet file, or pass it without filter."
        ) from error
    stored = [fragment for fragment in fragments if getattr(fragment, "path", "")]
    files = dict(zip(map(id, stored), files_of_fragments(stored), strict=True))
    if not fragments:
        raise ValueError("source is a dataset without any part.")
    return [
        ParquetPiece(files[id(fragment)])
        if _is_whole(fragment)
        else FragmentPiece(fragment, number, files.get(id(fragment)))
        for number, fragment in enumerate(fragments)
    ]


def _is_whole(fragment):
    """Whether it is a Parquet file, all its row groups."""
    dataset = import_optional("pyarrow.dataset", EXTRA)
    return isinstance(fragment, dataset.ParquetFileFragment) and (
        len(fragment.row_groups) == fragment.metadata.num_row_groups
    )


def _piece(file, id_column):
    if file.is_parquet:
        return ParquetPiece(file)
    from climbkit.spectra._table_text import text_piece

    return text_piece(file, id_column)


class ParquetPiece:
    """A Parquet file.

    Parameters
    ----------
    file : TableFile
        Where it is.

    Raises
    ------
    ValueError
        If it is damaged.
    """

    def __init__(self, file):
        self.file = file
        self.name = file.name
        with self._opened() as parquet:
            self.n_rows = parquet.metadata.num_rows

    def describe(self):
        """Facts that differ where the rows may: a dict ready for JSON."""
        return {"name": self.name, "size": self.file.size, "modified": self.file.modified}

    def schema(self):
        """Columns of the file, a pyarrow.Schema."""
        with self._opened() as parquet:
            return parquet.schema_arrow

    def batches(self, columns, size, start=0):
        """Yield rows.

        Parameters
        ----------
        columns : list of str
            Columns to read.
        size : int
            Most rows of a batch.
        start : int, default=0
            Row to begin with; row groups before it are not read.

        Yields
        ------
        batch : pyarrow.RecordBatch
            Up to `size` rows.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        buffer = max(_LEAST_BUFFER, min(_BUFFER, _BUFFERS // len(columns)))
        with self._opened(buffer_size=buffer) as parquet:
            groups = []
            for number in range(parquet.metadata.num_row_groups):
                n_rows = parquet.metadata.row_group(number).num_rows
                if not groups and start >= n_rows:
                    start -= n_rows
                else:
                    groups.append(number)
            if len(columns) >= _MANY_COLUMNS:
                size = min(size, _MOST_VALUES // len(columns))
            batches = parquet.iter_batches(size, groups, columns, use_threads=False)
            while (batch := self._next(batches)) is not None:
                if start < batch.num_rows:
                    yield batch.slice(start)
                start = max(0, start - batch.num_rows)

    def _opened(self, **options):
        parquet = import_optional("pyarrow.parquet", EXTRA)
        path, filesystem = self.file.path, self.file.filesystem
        try:
            return parquet.ParquetFile(path, filesystem=filesystem, pre_buffer=False, **options)
        except FileNotFoundError:
            raise
        except (ValueError, OSError) as error:
            raise ValueError(_DAMAGED.format(name=self.file.path, error=error)) from error

    def _next(self, batches):
        try:
            return next(batches, None)
        except (ValueError, OSError) as error:
            raise ValueError(_DAMAGED.format(name=self.file.path, error=error)) from error


class FragmentPiece:
    """A part of an Arrow dataset that is no whole Parquet file.

    Parameters
    ----------
    fragment : pyarrow.dataset.Fragment
        In memory, or a file of another format.
    number : int
        Its place in the dataset.
    file : TableFile, default=None
        Where it is, if it is a file.
    """

    def __init__(self, fragment, number, file=None):
        self.fragment = fragment
        self.file = file
        self.name = self.file.name if self.file else f"part {number} of the dataset"
        self.n_rows = fragment.count_rows()

    def describe(self):
        """Facts that differ where the rows may: a dict ready for JSON."""
        if self.file:
            size, modified = self.file.size, self.file.modified
            groups = [group.id for group in getattr(self.fragment, "row_groups", None) or ()]
            return {"name": self.name, "size": size, "modified": modified, "row_groups": groups}
        return {"name": self.name, "rows": self.n_rows, "content": self._content()}

    def _content(self):
        """Digest of what is in memory."""
        from hashlib import blake2b

        ipc = import_optional("pyarrow.ipc", EXTRA)
        arrow = import_optional("pyarrow", EXTRA)
        digest = blake2b(digest_size=16)
        for batch in self.fragment.to_batches(batch_size=_HASHED):
            sink = arrow.BufferOutputStream()
            with ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            digest.update(sink.getvalue())
        return digest.hexdigest()

    def schema(self):
        """Columns of the part, a pyarrow.Schema."""
        return self.fragment.physical_schema

    def batches(self, columns, size, start=0):
        """Yield rows; see `ParquetPiece.batches`."""
        outer = list(dict.fromkeys(column.partition(".")[0] for column in columns))
        known = self.schema().names
        columns = [column for column in columns if column in known] or outer
        for batch in self.fragment.to_batches(
            columns=columns, batch_size=size, batch_readahead=1, use_threads=False
        ):
            if start < batch.num_rows:
                yield batch.slice(start)
            start = max(0, start - batch.num_rows)
