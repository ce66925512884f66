"""Rollouts as they are recorded: each a story that a rehearsal plays, to the end of every orchestration in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from tests.replay.rehearsal import BAD, DOUBTFUL, FEW, REGIONS, Rehearsal
from tests.replay.virtual_hub import Fate

FIRST, SECOND, THIRD = REGIONS
Story = Callable[[Rehearsal], Awaitable[None]]


async def good(rehearsal: Rehearsal) -> None:
    """To the end, without a word from anybody."""
    await rehearsal.start()


async def aborted(rehearsal: Rehearsal) -> None:
    """Aborted while the second wave is exposed."""
    await rehearsal.start()
    await rehearsal.run_to_promotion(FIRST)
    await rehearsal.run_to_exposure(SECOND)
    await rehearsal.say("abort")


async def breached(rehearsal: Rehearsal) -> None:
    """A metric of the second wave is bad."""
    rehearsal.regions.moods = {SECOND: BAD}
    await rehearsal.start()


async def gated(rehearsal: Rehearsal) -> None:
    """Two gates, each approved after a while."""
    await rehearsal.start(approval={"before": "eachWave", "timeout": "PT2M"})
    for wave in (1, 2):
        await rehearsal.run_to("Paused")
        await rehearsal.steps(6)
        await rehearsal.say("approve", gate=f"wave-{wave}")
        await rehearsal.run_to("Progressing")


async def forgotten(rehearsal: Rehearsal) -> None:
    """A gate that nobody approves."""
    await rehearsal.start(approval={"before": "firstWave", "timeout": "PT40S"})


async def doubted(rehearsal: Rehearsal) -> None:
    """A promoted region that somebody has to look at, and a pause."""
    await rehearsal.start(deadline="PT8M")
    await rehearsal.run_to_promotion(FIRST)
    rehearsal.regions.moods = {FIRST: DOUBTFUL}
    await rehearsal.run_to("Paused")
    await rehearsal.say("pause")
    await rehearsal.steps(10)
    rehearsal.regions.moods = {}
    await rehearsal.say("resume")


async def golden(rehearsal: Rehearsal) -> None:
    """Too few deals, so that golden ones stand in."""
    rehearsal.regions.moods = dict.fromkeys(REGIONS, FEW)
    await rehearsal.start(noData="synthetic")


async def promoted_in_full(rehearsal: Rehearsal) -> None:
    """Somebody promotes in full before a pause that would have no end."""
    steps = [{"shadow": 1.0}, {"analysis": True}, {"pause": None}, {"setWeight": 10}, {"analysis": True},
             {"setWeight": 100}]  # fmt: skip
    await rehearsal.start(steps=steps)
    await rehearsal.run_to_exposure(FIRST)
    await rehearsal.say("promoteFull")


async def mended(rehearsal: Rehearsal) -> None:
    """A failure that pauses; somebody resumes once it is mended."""
    rehearsal.regions.moods = {SECOND: BAD}
    await rehearsal.start(onFailure="pause")
    await rehearsal.run_to("Paused")
    rehearsal.regions.moods = {}
    await rehearsal.say("resume")


async def left_behind(rehearsal: Rehearsal) -> None:
    """A region that goes away, and isn't back in time to be taken back."""
    await rehearsal.start()
    await rehearsal.run_to_exposure(SECOND)
    rehearsal.regions.away = {SECOND}
    await rehearsal.say("reject")


async def killed(rehearsal: Rehearsal) -> None:
    """Instances that die with an activity in flight: each activity's first is lost, or done and never answered."""
    fates = {}

    def meet(name: str) -> Fate:
        fates.setdefault(name, [Fate.UNANSWERED, Fate.LOST])
        return fates[name].pop() if fates[name] else Fate.DONE

    rehearsal.hub.fates = lambda task: meet(task.name)
    await rehearsal.start(deadline="PT30M")


async def rescued(rehearsal: Rehearsal) -> None:
    """An orchestration that is terminated, and the one that takes the regions back in its place."""
    await rehearsal.start()
    await rehearsal.run_to_promotion(FIRST)
    rehearsal.hub.terminate(rehearsal.id)
    await rehearsal.steps(30)
    await rehearsal.room.tick("client")


STORIES: Mapping[str, Story] = {
    story.__name__: story
    for story in (
        good, aborted, breached, gated, forgotten, doubted, golden, promoted_in_full, mended, left_behind, killed,
        rescued,
    )
}  # fmt: skip


async def play(story: Story) -> Rehearsal:
    """The rehearsal after the story, when nothing is left to do."""
    rehearsal = Rehearsal()
    await story(rehearsal)
    await rehearsal.run()
    return rehearsal
