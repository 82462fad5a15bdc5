"""Many tiles at once: in threads, processes or on a cluster, longest first, kept as they finish."""

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from tqdm import tqdm

from climbkit.survey._tile_search import search_tile

# Stars in a task. A smaller tile is searched in the time that handing it over takes; and a killed
# run loses the tasks under way, at 5 to 15 us a star.
_BATCH_STARS = 20_000


def search_tiles(field, tiles, counts, settings, *, n_jobs=None, done=None, save=None, verbose=0):
    """Search tiles, those with many stars first.

    Parameters
    ----------
    field : StarField
        Stars.
    tiles : list of Tile
        Tiles.
    counts : ndarray of shape (n_tiles,)
        Stars in the core of each.
    settings : TileSettings
        Parameters of the search.
    n_jobs : int, default=None
        As in joblib, whose active ``parallel_config`` says where: threads unless it names another
        backend.
    done : dict of str to TileCandidates, default=None
        Tiles that were searched before, by key.
    save : callable, default=None
        Called with a list of `TileCandidates` whenever some are finished, in any thread.
    verbose : int, default=0
        Above 0: show how many of the stars are searched.

    Returns
    -------
    found : list of TileCandidates
        In the order of `tiles`, however they were divided.
    """
    found = dict(done or {})
    bar = tqdm(total=int(np.sum(counts)), unit="star", unit_scale=True, disable=verbose <= 0)
    stars = {tile.key: int(count) for tile, count in zip(tiles, counts, strict=True)}
    bar.update(sum(count for key, count in stars.items() if key in found))
    waiting = [tile for tile in tiles if tile.key not in found]
    with bar:
        for batch in _results(field, _batches(waiting, stars, settings), settings, n_jobs, save):
            found.update({result.key: result for result in batch})
            bar.update(sum(stars[result.key] for result in batch))
    return [found[tile.key] for tile in tiles]


def _batches(tiles, stars, settings):
    """Divide tiles into tasks of about the same number of stars, the longest first."""
    loads = [stars[tile.key] * (1 + 2 * settings.margin / tile.side) ** 2 for tile in tiles]
    batches, load = [], np.inf
    for number in sorted(range(len(tiles)), key=lambda number: -loads[number]):
        if load + loads[number] > _BATCH_STARS:
            batches.append([])
            load = 0.0
        batches[-1].append(tiles[number])
        load += loads[number]
    return batches


def _results(field, batches, settings, n_jobs, save):
    """Yield the results of each batch as it finishes."""
    backend, _ = get_active_backend(prefer="threads")
    shared = getattr(backend, "supports_sharedmem", False)
    as_they_come = getattr(backend, "supports_return_generator", False)
    parallel = joblib.Parallel(
        n_jobs=n_jobs,
        prefer="threads",
        return_as="generator_unordered" if as_they_come else "list",
    )
    # Threads save what they have found at once, so that an error elsewhere cannot lose it. Other
    # workers may not even see the folder.
    tasks = (
        joblib.delayed(_search_batch)(
            field if shared else _needed(field, batch, settings),
            batch,
            settings,
            save if shared else None,
        )
        for batch in batches
    )
    for results in parallel(tasks):
        if save is not None and not shared:
            save(results)
        yield results


def _needed(field, batch, settings):
    """Only the stars that a batch looks at, for a worker that does not share this memory."""
    near = [field.within(*tile.box(settings.margin)) for tile in batch]
    return field.part(np.unique(np.concatenate(near)))


def _search_batch(field, tiles, settings, save):
    results = []
    for tile in tiles:
        try:
            found = search_tile(field, tile, settings)
        except Exception as error:
            error.add_note(f"This happened in tile {tile.key}.")
            raise
        if field.positions is not None:
            found = found._replace(members=field.positions[found.members])
        results.append(found)
    if save is not None:
        save(results)
    return results
