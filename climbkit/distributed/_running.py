"""Many independent tasks, on a Dask cluster or in threads; one that fails stops no other."""

import asyncio
from concurrent.futures import ThreadPoolExecutor, as_completed

from joblib import effective_n_jobs

from climbkit._optional import import_optional

EXTRA = "distributed"


def run_tasks(function, tasks, *, shared=(), client=None, n_jobs=None):
    """Call a function for each task and yield what comes back, in the order of completion.

    Parameters
    ----------
    function : callable
        Called as ``function(*shared, *task)``. On a cluster it must be importable by the workers.
    tasks : sequence of tuple
        Arguments that differ. Delayed objects of Dask are computed where the task runs.
    shared : tuple, default=()
        Arguments that all tasks share; a cluster gets them once.
    client : distributed.Client, default=None
        Cluster to run on. None: threads of this process.
    n_jobs : int, default=None
        Number of threads without a client, as in joblib. None: one.

    Yields
    ------
    number : int
        Which task.
    result : object
        What the function returned; None where it failed.
    error : Exception or None
        What it raised instead, in the function or in computing its arguments.
    """
    if client is None:
        yield from _in_threads(function, tasks, shared, effective_n_jobs(n_jobs))
    else:
        yield from _on_cluster(function, tasks, shared, client)


def _in_threads(function, tasks, shared, n_threads):
    if n_threads == 1:
        for number, task in enumerate(tasks):
            yield number, *_outcome(lambda task=task: _call(function, shared, task))
        return
    with ThreadPoolExecutor(n_threads) as pool:
        futures = {pool.submit(_call, function, shared, t): n for n, t in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                yield futures.pop(future), *_outcome(future.result)
        finally:
            pool.shutdown(cancel_futures=True)


def _call(function, shared, task):
    if any(hasattr(argument, "__dask_graph__") for argument in task):
        task = import_optional("dask", EXTRA).compute(*task, scheduler="synchronous")
    return function(*shared, *task)


def _on_cluster(function, tasks, shared, client):
    dask = import_optional("dask", EXTRA)
    completed = import_optional("distributed", EXTRA).as_completed
    shared = [dask.delayed(argument, pure=False, traverse=False) for argument in shared]
    call = dask.delayed(function, pure=False)
    futures = client.compute([call(*shared, *task) for task in tasks])
    numbers = {future.key: number for number, future in enumerate(futures)}
    running = {future.key: future for future in futures}
    waiting = completed(futures, loop=client.loop)
    del futures
    try:
        for future in waiting:
            del running[future.key]
            outcome = _outcome_of(future)
            future.release()
            yield numbers[future.key], *outcome
    finally:
        if running:
            client.cancel(list(running.values()))
        # Releases are sent a turn of the loop late. A computation that is sent before them gets a
        # failure back from the scheduler's memory, where it shares a key with what failed.
        client.sync(asyncio.sleep, 0)


def _outcome_of(future):
    """(result, None) or (None, error) of a finished future, with the worker's traceback."""
    if future.status == "error":
        return None, future.exception().with_traceback(future.traceback())
    return _outcome(future.result)


def _outcome(call):
    """(result, None), or (None, error) where the call raises."""
    try:
        return call(), None
    except Exception as error:  # whatever it was, the other partitions go on
        return None, error
