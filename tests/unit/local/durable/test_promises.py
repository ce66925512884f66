"""Promises run what waits for them at once and once."""

from __future__ import annotations

from local.durable.promises import Promise, Steps, all_of, any_of, start


def test_promise_kept_twice_calls_those_who_wait_once() -> None:
    promise, called = Promise(), []
    promise.then(lambda: called.append(promise.failed))
    promise.keep(failed=True)
    promise.keep()
    assert called == [True]


def test_steps_go_on_where_each_promise_is_kept() -> None:
    promises, seen = [Promise(), Promise(done=True), Promise()], []

    def steps() -> Steps:
        for number, promise in enumerate(promises):
            yield promise
            seen.append(number)
        return True

    whole = start(steps())
    assert seen == []
    promises[0].keep()
    assert (seen, whole.done) == ([0, 1], False)
    promises[2].keep()
    assert (seen, whole.done, whole.failed) == ([0, 1, 2], True, False)


def test_all_waits_for_every_one_also_after_a_failure() -> None:
    promises = [Promise(), Promise()]
    whole = all_of(promises)
    promises[1].keep(failed=True)
    assert not whole.done
    promises[0].keep()
    assert (whole.done, whole.failed) == (True, True)


def test_any_ends_with_the_first() -> None:
    promises = [Promise(), Promise()]
    first = any_of(promises)
    promises[1].keep()
    assert first.done


def test_nothing_to_wait_for_is_over_at_once() -> None:
    assert any_of([]).done
    assert all_of([]).done
