"""The vehicle claims, as deals: what each column becomes, and what is left out.

Left out are `PolicyNumber` (a row number), `Year` (it names the sample, and a new year was never seen) and `RepNumber`
(who handled the claim: it says nothing about the claim, the staff changes, and a model must not suspect colleagues'
customers). `Age` 0 and the one "0" among the claim dates stand for unknown. Yes/No columns become booleans.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scoring.features import Feature, Kind

NUMERIC, CATEGORICAL, BOOLEAN = Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN


class Column(NamedTuple):
    """A column of the table and the feature it becomes. `limits` are hard: a value beyond them is refused."""

    column: str
    feature: str
    kind: Kind
    description: str
    personal: bool = False
    limits: tuple[float, float] | None = None


COLUMNS = (
    Column("Month", "accident_month", CATEGORICAL, "Month of the accident (Jan to Dec)."),
    Column("WeekOfMonth", "accident_week_of_month", NUMERIC, "Week of the month of the accident.", limits=(1, 5)),
    Column("DayOfWeek", "accident_day", CATEGORICAL, "Day of the week of the accident."),
    Column("Make", "vehicle_make", CATEGORICAL, "Maker of the insured vehicle, as spelt in the source."),
    Column("AccidentArea", "accident_area", CATEGORICAL, "Where the accident happened: Urban or Rural."),
    Column("DayOfWeekClaimed", "claim_day", CATEGORICAL, "Day of the week on which the claim was made."),
    Column("MonthClaimed", "claim_month", CATEGORICAL, "Month in which the claim was made (Jan to Dec)."),
    Column("WeekOfMonthClaimed", "claim_week_of_month", NUMERIC, "Week of the month of the claim.", limits=(1, 5)),
    Column("Sex", "sex", CATEGORICAL, "Sex of the policy holder.", personal=True),
    Column("MaritalStatus", "marital_status", CATEGORICAL, "Marital status of the policy holder.", personal=True),
    Column("Age", "age", NUMERIC, "Age of the policy holder in years.", personal=True, limits=(14, 120)),
    Column("Fault", "fault", CATEGORICAL, "Who caused the accident: Policy Holder or Third Party."),
    Column("PolicyType", "policy_type", CATEGORICAL, "Class of the vehicle and cover of the policy."),
    Column("VehicleCategory", "vehicle_category", CATEGORICAL, "Sedan, Sport or Utility."),
    Column("VehiclePrice", "vehicle_price", CATEGORICAL, "Price band of the vehicle, in dollars."),
    Column("Deductible", "deductible", NUMERIC, "Deductible of the policy, in dollars.", limits=(0, 100_000)),
    Column("DriverRating", "driver_rating", NUMERIC, "The insurer's rating of the driver (1 to 4).", limits=(1, 4)),
    Column("Days_Policy_Accident", "days_policy_to_accident", CATEGORICAL, "Days from policy start to accident."),
    Column("Days_Policy_Claim", "days_policy_to_claim", CATEGORICAL, "Days from policy start to claim."),
    Column("PastNumberOfClaims", "past_claims", CATEGORICAL, "Number of earlier claims of the policy holder."),
    Column("AgeOfVehicle", "vehicle_age", CATEGORICAL, "Age of the vehicle."),
    Column("AgeOfPolicyHolder", "policy_holder_age_band", CATEGORICAL, "Age band of the policy holder.", personal=True),
    Column("PoliceReportFiled", "police_report_filed", BOOLEAN, "Whether the police took a report."),
    Column("WitnessPresent", "witness_present", BOOLEAN, "Whether there was a witness."),
    Column("AgentType", "agent_type", CATEGORICAL, "Who sold the policy: External or Internal."),
    Column("NumberOfSuppliments", "supplements", CATEGORICAL, "Number of supplements to the claim."),
    Column("AddressChange_Claim", "address_change", CATEGORICAL, "When the address changed last before the claim."),
    Column("NumberOfCars", "number_of_cars", CATEGORICAL, "Number of cars on the policy."),
    Column("BasePolicy", "base_policy", CATEGORICAL, "Cover of the policy: Liability, Collision or All Perils."),
)  # fmt: skip
UNKNOWN = {"claim_day": "0", "claim_month": "0", "age": "0"}


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim as a deal's features (None: unknown), with what was found out about it."""

    year: int
    features: dict[str, object]
    is_fraud: bool


def read_claims(content: bytes) -> list[Claim]:
    """Every claim of the gzipped table, in its order."""
    rows = csv.DictReader(io.StringIO(gzip.decompress(content).decode()))
    return [_read_claim(row) for row in rows]


def describe_features(claims: Sequence[Claim]) -> tuple[Feature, ...]:
    """The features as the manifest lists them, with the categories and ranges of these claims."""
    return tuple(_describe(column, [claim.features[column.feature] for claim in claims]) for column in COLUMNS)


def _read_claim(row: dict[str, str]) -> Claim:
    features = {column.feature: _read_value(column, row[column.column]) for column in COLUMNS}
    return Claim(int(row["Year"]), features, row["FraudFound_P"] == "1")


def _read_value(column: Column, text: str) -> object:
    if text == UNKNOWN.get(column.feature):
        return None
    if column.kind is NUMERIC:
        return int(text)
    return {"Yes": True, "No": False}[text] if column.kind is BOOLEAN else text


def _describe(column: Column, values: Sequence[object]) -> Feature:
    known = {value for value in values if value is not None}
    numbers = [float(value) for value in known if isinstance(value, int)] if column.kind is NUMERIC else []
    low, high = column.limits or (None, None)
    return Feature(
        name=column.feature,
        kind=column.kind,
        categories=tuple(sorted(str(value) for value in known)) if column.kind is CATEGORICAL else (),
        minimum=low,
        maximum=high,
        training_minimum=min(numbers, default=None),
        training_maximum=max(numbers, default=None),
        personal=column.personal,
        description=column.description,
    )
