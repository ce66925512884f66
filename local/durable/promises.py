"""What the replay waits for: promises that are kept once, and generators that wait for them.

Continuations run at once, where a promise is kept, because the real host replays on one thread in the same way: what
an orchestration schedules next gets its number at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Promise:
    """Something that ends once, well or badly."""

    done: bool = False
    failed: bool = False
    _waiting: list[Callable[[], None]] = field(default_factory=list)

    def keep(self, *, failed: bool = False) -> None:
        """End it; a second end is ignored, as the real host ignores a duplicate."""
        if self.done:
            return
        self.done, self.failed = True, failed
        waiting, self._waiting = self._waiting, []
        for continuation in waiting:
            continuation()

    def then(self, continuation: Callable[[], None]) -> None:
        """Call this at the end, or now if that has passed."""
        if self.done:
            continuation()
        else:
            self._waiting.append(continuation)


Steps = Generator[Promise, None, bool]


def start(steps: Steps) -> Promise:
    """Run a generator from promise to promise; it returns whether it succeeded."""
    whole = Promise()

    def resume() -> None:
        try:
            while (awaited := next(steps)).done:
                pass
        except StopIteration as end:
            whole.keep(failed=not end.value)
        else:
            awaited.then(resume)

    resume()
    return whole


def all_of(promises: Sequence[Promise]) -> Promise:
    """Ends when every one has ended, badly if one did."""

    def steps() -> Steps:
        yield from promises
        return not any(promise.failed for promise in promises)

    return start(steps())


def any_of(promises: Sequence[Promise]) -> Promise:
    """Ends with the first; at once if there is none to wait for."""
    first = Promise(done=not promises)
    for promise in promises:
        promise.then(first.keep)
    return first
