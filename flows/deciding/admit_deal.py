"""Admit a deal: is it sound, is it ours, and who judges it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.lanes import fits_ledger
from flows.deciding.encode_deal import encode_deal
from flows.deciding.terms import Terms
from flows.errors import ForeignDeal, InvalidDeal, RecordTooLarge, VouchError
from flows.regions import Region, accepting_regions
from scoring.deals import Deal
from scoring.faults import Fault
from scoring.features import EncodedRow
from scoring.release import Choice, Variant, choose_target

SURELY_FITS_CHARACTERS = 8_192
FEATURE_CHARACTERS = 64  # a feature's name and number


@dataclass(frozen=True, slots=True)
class Residency:
    """This region, all regions, and whether a deal must say where it belongs."""

    region: Region
    regions: Mapping[str, Region]
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Admitted:
    """A deal to be judged; `row` is encoded as `terms.judge` sees it."""

    index: int
    deal: Deal
    terms: Terms
    choice: Choice
    row: EncodedRow
    residency: Mapping[str, object]


def check_residency(deal: Deal, residency: Residency) -> ForeignDeal | None:
    """A deal of a country this region does not accept is foreign, whatever else is wrong with it."""
    if deal.residency is None or deal.residency in residency.region.residencies:
        return None
    return ForeignDeal(accepting_regions(residency.regions, deal.residency))


def admit_deal(
    index: int,
    deal: Deal,
    faults: Sequence[Fault],
    terms: Terms | VouchError,
    residency: Residency,
    now: datetime,
) -> Admitted | VouchError:
    """Admit one deal, or say everything that is wrong with it."""
    foreign = check_residency(deal, residency)
    if foreign is not None:
        return foreign
    faults = [*faults, *_missing_residency(deal, residency)]
    if isinstance(terms, InvalidDeal):
        return InvalidDeal([*faults, *terms.faults])
    if isinstance(terms, VouchError):
        return InvalidDeal(faults) if faults else terms
    row, feature_faults = encode_deal(terms.judge.model, deal.features, terms)
    if faults or feature_faults:
        return InvalidDeal([*faults, *feature_faults])
    if not _fits_ledger(deal, row):
        return RecordTooLarge("the deal's record would be larger than the ledger takes")
    return Admitted(index, deal, terms, _choose(terms, deal, now), row, _residency_data(deal, residency))


def _missing_residency(deal: Deal, residency: Residency) -> list[Fault]:
    if deal.residency is None and residency.is_required:
        return [Fault("/residency", "Is required in this region.")]
    return []


def _choose(terms: Terms, deal: Deal, now: datetime) -> Choice:
    release = terms.serving.release
    if terms.is_pinned:
        return Choice(Variant.PINNED, release.stable)
    return choose_target(release, deal.deal_id, now)


def _residency_data(deal: Deal, residency: Residency) -> Mapping[str, object]:
    return {
        "jurisdiction": residency.region.jurisdiction,
        "country": deal.residency,
        "assumed": deal.residency is None,
    }


def _fits_ledger(deal: Deal, row: EncodedRow) -> bool:
    """Whether its record will fit; the exact look is taken only at deals that are large."""
    features = {**deal.features, **row.looked_up.values} if row.looked_up else deal.features
    characters = FEATURE_CHARACTERS * len(features)
    for value in features.values():
        if type(value) is str:
            characters += len(value)
    if characters < SURELY_FITS_CHARACTERS:
        return True
    return fits_ledger({"deal_id": deal.deal_id, "subjects": deal.subjects, "features": features})
