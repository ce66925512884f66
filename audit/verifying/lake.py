"""A whole copy of a lake: what lies there, then region by region its chain, then its windows, then what was swapped.

    list   every name under audit/: regions, bytes, and files that have no business there
    chain  entry 0, 1, 2, ...: signature, tree, manifest, window, and what the witness has kept   (chain.py)
    files  window by window: every manifest and every file that one names                         (windows.py)
    end    files that hold each other's content; receipts that nothing answered                   (receipts.py)

Nothing is kept of what was gone over but some hundred bytes for a manifest and the findings that may be a swap.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from audit.layout import WITNESS, folder_of, read_name
from audit.notes import MAX_NOTE_BYTES, VerifierKey
from audit.verifying.chain import ChainCheck
from audit.verifying.chained import Chained
from audit.verifying.files import Files, in_order, read_whole
from audit.verifying.findings import Exchange, Finding, Kind, Progress, Step, shorten
from audit.verifying.receipts import Receipts
from audit.verifying.windows import Counted, WindowsCheck
from audit.verifying.witness import Witnessed, WitnessNote

ROOT = "audit/"
REGION = "<region>"
DEFAULT_ORIGIN = f"vouch/{REGION}"
MAX_EXCHANGES = 100_000


class NoTrail(Exception):
    """A copy without anything of an audit trail."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that are believed: under their own names, and (SPKI, DER) under whatever name a region's has."""

    named: Sequence[VerifierKey] = ()
    nameless: Sequence[bytes] = ()
    origin: str = DEFAULT_ORIGIN

    def origin_of(self, region: str) -> str:
        return self.origin.replace(REGION, region)

    def of(self, region: str) -> list[VerifierKey]:
        return [*self.named, *(VerifierKey(self.origin_of(region), spki) for spki in self.nameless)]


@dataclass(slots=True)
class Examined:
    """What is known of a region in the end."""

    chained: Chained
    counted: Counted
    witnessed: Witnessed


@dataclass(slots=True)
class LakeCheck:
    """Goes over a copy once, and over `notes`, the witness's (None: none was given), once for every region.

    `regions` is whole once `run` has ended; so is `strangers`, the regions that the copy keeps checkpoints of, as
    their witness, and has nothing else of."""

    files: Files
    keys: Keys
    notes: Iterable[WitnessNote] | None = None
    receipts: Receipts = field(default_factory=lambda: Receipts({}))
    regions: dict[str, Examined] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    _exchanges: list[Exchange] = field(default_factory=list)

    def run(self) -> Iterator[Finding | Progress]:
        """Raises NoTrail or Unreadable."""
        names = yield from self._list()
        for region in sorted(names):
            yield from self._check_region(region)
        yield from _pair(self._exchanges)
        yield from self.receipts.finish({region: examined.chained for region, examined in self.regions.items()})

    def _list(self) -> Generator[Finding | Progress, None, set[str]]:
        """The regions that the copy is of."""
        regions: set[str] = set()
        witnessed: set[str] = set()
        known = 0
        for file in in_order(self.files.list(ROOT)):
            place = read_name(file.name)
            if place is None:
                yield Finding(Kind.ADDED_FILE, shorten(file.name), "nothing of an audit trail has such a name")
            elif place.kind == WITNESS:
                witnessed.add(place.region)
            elif place.region:
                regions.add(place.region)
                known += file.size
        if not regions:
            raise NoTrail("There is no file of a region's audit trail under audit/.")
        self.strangers |= witnessed - regions
        yield Progress(known=known)
        return regions

    def _check_region(self, region: str) -> Iterator[Finding | Progress]:
        origin, keys = self.keys.origin_of(region), self.keys.of(region)
        witnessed = Witnessed(region)
        kept_here = [witnessed.add(note, origin, keys) for note in self._kept_here(region)]
        kept = [witnessed.add(note, origin, keys) for note in self._kept_by_witness(region)]
        yield from filter(None, kept_here + kept)
        if self.notes is not None and not kept:
            detail = "what was given as the witness's holds no checkpoint of this region"
            yield Finding(Kind.UNWITNESSED, region, detail, region)
        first = ChainCheck(self.files, region, origin, keys, witnessed)
        yield from self._set_aside(first.run())
        windows = WindowsCheck(self.files, region, first.chained, self.receipts)
        self.regions[region] = Examined(first.chained, windows.counted, witnessed)
        yield from self._set_aside(windows.run())

    def _kept_here(self, region: str) -> Iterator[WitnessNote]:
        """Where a copy holds several regions, what one has kept of another as its witness."""
        for file in self.files.list(folder_of(WITNESS, region)):
            content = read_whole(self.files, file.name, MAX_NOTE_BYTES) or b""
            yield WitnessNote(file.name, content.decode(errors="replace"), region)

    def _kept_by_witness(self, region: str) -> Iterator[WitnessNote]:
        """By the folder that a note lies in, or by what it says where it lies in none."""
        first_line = f"{self.keys.origin_of(region)}\n"
        for note in self.notes or ():
            if note.region == region or (not note.region and note.text.startswith(first_line)):
                yield note

    def _set_aside(self, steps: Iterator[Step]) -> Iterator[Finding | Progress]:
        """Keep what may be a swap until everything was gone over."""
        for step in steps:
            if not isinstance(step, Exchange):
                yield step
            elif len(self._exchanges) < MAX_EXCHANGES:
                self._exchanges.append(step)
            else:
                yield step.finding


def _pair(exchanges: Sequence[Exchange]) -> Iterator[Finding]:
    """One finding for two files that hold each other's content."""
    rightful = {exchange.expected: exchange for exchange in exchanges}
    for exchange in exchanges:
        other, told = rightful.get(exchange.found), exchange.finding
        if other is None or other is exchange:
            yield told
        elif other.found != exchange.expected:
            detail = f"it holds what belongs under the name {other.finding.where}"
            yield Finding(Kind.SWAPPED_FILES, told.where, detail, told.region)
        elif told.where < other.finding.where:
            detail = f"it and {other.finding.where} hold each other's content"
            yield Finding(Kind.SWAPPED_FILES, told.where, detail, told.region)
