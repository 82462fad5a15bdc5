"""Tasks in threads and on a cluster: results, failures, Delayed arguments."""

import dask
import pytest

from climbkit.distributed._running import run_tasks


def divide(offset, number, divisor):
    return offset + number / divisor


TASKS = [(4, 2), (1, 0), (9, 3)]


@pytest.fixture(params=["one thread", "two threads", "cluster"])
def where(request, client):
    options = {"one thread": {}, "two threads": {"n_jobs": 2}, "cluster": {"client": client}}
    return options[request.param]


@pytest.mark.parametrize("kind", ["plain", "delayed"])
def test_results_belong_to_their_tasks_and_a_failure_stops_no_other(where, kind):
    tasks = TASKS
    if kind == "delayed":
        tasks = [(dask.delayed(number), divisor) for number, divisor in TASKS]
    outcomes = {n: (r, e) for n, r, e in run_tasks(divide, tasks, shared=(100,), **where)}
    assert sorted(outcomes) == [0, 1, 2]
    assert outcomes[0] == (102.0, None)
    assert outcomes[2] == (103.0, None)
    assert outcomes[1][0] is None
    assert isinstance(outcomes[1][1], ZeroDivisionError)


def test_a_failure_in_an_argument_is_its_own_tasks_failure(where):
    bad = dask.delayed(divide)(0, 1, 0)
    outcomes = {
        n: (r, e) for n, r, e in run_tasks(divide, [(1, 1), (bad, 1)], shared=(0,), **where)
    }
    assert outcomes[0] == (1.0, None)
    assert isinstance(outcomes[1][1], ZeroDivisionError)


def test_no_task_gives_no_result(where):
    assert list(run_tasks(divide, [], shared=(0,), **where)) == []


def test_leaving_early_cancels_what_has_not_begun(where):
    outcomes = run_tasks(divide, [(1, 1)] * 50, shared=(0,), **where)
    assert next(outcomes)[1] == 1.0
    outcomes.close()


def fail_once(flag):
    if flag.exists():
        flag.unlink()
        raise OSError("not yet")
    return 1.0


def test_a_failure_is_forgotten_when_the_same_argument_is_asked_for_again(where, tmp_path):
    """Also where the argument has the same key on the cluster, as a partition of LSDB has."""
    flag = tmp_path / "flag"
    flag.touch()
    argument = dask.delayed(fail_once)(flag)
    tasks = [(argument, 1.0)]
    failed = list(run_tasks(divide, tasks, shared=(0,), **where))
    assert isinstance(failed[0][2], OSError)
    assert list(run_tasks(divide, tasks, shared=(0,), **where)) == [(0, 1.0, None)]
    assert isinstance(failed[0][2], OSError)
