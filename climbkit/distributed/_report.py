"""What the search of a catalogue brought, and what of it is still to do."""

import warnings

from climbkit.distributed._running import run_tasks

SEARCHED, EMPTY, FAILED = "searched", "empty", "failed"
_NAMED_IN_WARNING = 3


class CatalogSearch:
    """Result of `search_catalog`.

    Attributes
    ----------
    candidates : CandidateSet
        What was found in all partitions that were searched. Its stars are those that are members
        of a candidate.

    partitions : DataFrame
        A row for each partition: ``order`` and ``pixel`` (HEALPix, nested), or ``region``;
        ``n_stars`` without the margin, ``n_tiles``, ``n_candidates``, ``seconds`` of wall-clock
        time (for regions, with reading), ``status`` and ``error``. The status is "searched",
        "empty" (no stars) or "failed"; the error is empty text except where it failed.

    tiles : list of (int, int)
        Order and pixel of the tiles of a catalogue, such that
        ``TiledHDBSCAN(tiling=HealpixTiling(pixels=tiles))`` repeats the search in one table (a
        list for each tiling, where there are several). None for regions.

    errors : dict of str to Exception
        What the partitions that failed raised, by their names.

    complete : bool
        Whether no partition failed.
    """

    def __init__(self, source, client=None, *, progress=False, results=None):
        self._source = source
        self._results = dict(results or {})
        self._errors = {}
        self._run(client, progress)
        numbers = sorted(self._results)
        found = [self._results[number] for number in numbers]
        self.candidates, self.tiles, n_candidates = source.join(numbers, found)
        self.partitions = self._table(dict(zip(numbers, n_candidates, strict=True)))

    def _run(self, client, progress):
        from tqdm import tqdm

        source = self._source
        waiting = [n for n in range(len(source.names)) if n not in self._results]
        outcomes = run_tasks(
            source.function,
            [source.task(number) for number in waiting],
            shared=source.shared(client),
            client=client,
            n_jobs=source.n_jobs,
        )
        with tqdm(total=len(waiting), unit=source.unit, disable=not progress) as bar:
            n_stars = 0
            for place, result, error in outcomes:
                if error is None:
                    self._results[waiting[place]] = result
                    n_stars += result.n_stars
                else:
                    self._errors[waiting[place]] = error
                bar.set_postfix(stars=n_stars, failed=len(self._errors), refresh=False)
                bar.update()

    def _table(self, n_candidates):
        import pandas as pd

        rows = []
        for number in range(len(self._source.names)):
            result, error = self._results.get(number), self._errors.get(number)
            if result is None:
                rows.append((0, 0, 0, float("nan"), FAILED, f"{type(error).__name__}: {error}"))
            else:
                status = SEARCHED if result.n_stars else EMPTY
                own = (result.n_stars, result.n_tiles, n_candidates[number], result.seconds)
                rows.append((*own, status, ""))
        columns = ["n_stars", "n_tiles", "n_candidates", "seconds", "status", "error"]
        types = dict.fromkeys(columns[:3], "int64") | {"seconds": "float64"}
        types |= dict.fromkeys(columns[4:], str)
        table = pd.DataFrame(rows, columns=columns).astype(types)
        return pd.concat([self._source.names_table(), table], axis=1)

    @property
    def errors(self):
        """dict of str to Exception : what the partitions that failed raised, by their names."""
        return {self._source.names[number]: self._errors[number] for number in sorted(self._errors)}

    @property
    def complete(self):
        """bool : whether no partition failed."""
        return not self._errors

    def retry(self, client=None, *, progress=False):
        """Search the partitions that failed again, and only these.

        Parameters
        ----------
        client : distributed.Client, default=None
            Where to run. None: this process.
        progress : bool, default=False
            Show a progress bar.

        Returns
        -------
        report : CatalogSearch
            A new one, with what had been found before. Candidates are joined anew, so that it
            equals that of a run in which nothing failed.
        """
        report = CatalogSearch(self._source, client, progress=progress, results=self._results)
        warn_of_failures(report, stacklevel=3)
        return report

    def __repr__(self):
        counts = self.partitions["status"].value_counts()
        states = ", ".join(f"{counts.get(s, 0)} {s}" for s in (SEARCHED, EMPTY, FAILED))
        return f"CatalogSearch({len(self.candidates)} candidates; partitions: {states})"


def warn_of_failures(report, stacklevel):
    """Warn where partitions failed, with the first of them and what to do.

    Parameters
    ----------
    report : CatalogSearch
        Result.
    stacklevel : int
        As of `warnings.warn`, counted from the caller.
    """
    if report.complete:
        return
    errors = report.errors
    names = list(errors)
    more = ", ..." if len(names) > _NAMED_IN_WARNING else ""
    error = errors[names[0]]
    warnings.warn(
        f"{len(names)} of {len(report.partitions)} partitions failed: "
        f"{', '.join(names[:_NAMED_IN_WARNING])}{more} ({type(error).__name__}: {error}). What "
        "the others found is kept; partitions tells why, and retry() searches the failed ones "
        "again.",
        RuntimeWarning,
        stacklevel=stacklevel,
    )
