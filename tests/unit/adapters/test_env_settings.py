"""Settings: every fault at once, by its variable's name, and the documentation says the same as the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.env_settings import APP_FOLDER, InvalidSettings, read_settings
from rollouts.plan import Before
from scoring.release import Release, Target

SOUND = {
    "VOUCH_REGION": "westeurope",
    "VOUCH_STORAGE_CONNECTION": "UseDevelopmentStorage=true",
    "VOUCH_ISSUER": "http://127.0.0.1:7070",
    "VOUCH_JWKS_URL": "http://127.0.0.1:7070/jwks",
    "VOUCH_HMAC_KEY": "ab" * 32,
    "VOUCH_VAULT_FOLDER": ".local/vault/westeurope",
}

AZURE = {
    **{name: value for name, value in SOUND.items() if name not in {"VOUCH_STORAGE_CONNECTION", "VOUCH_VAULT_FOLDER"}},
    "VOUCH_TABLES_URL": "https://t",
    "VOUCH_BLOBS_URL": "https://b",
    "VOUCH_VAULT_URL": "https://v",
    "WEBSITE_INSTANCE_ID": "1",
}


def test_settings_with_only_the_required_ones_take_the_defaults() -> None:
    settings = read_settings(SOUND)
    assert settings.audience == "api://vouch-westeurope"
    assert settings.seal.window_s == 3600
    assert settings.initial_releases == {"deal-fraud": Release("deal-fraud", Target("1.0.0", "standard/1"), 1)}


def test_settings_that_are_missing_are_all_named() -> None:
    with pytest.raises(InvalidSettings) as caught:
        read_settings({})
    for name in ("VOUCH_REGION", "VOUCH_ISSUER", "VOUCH_JWKS_URL", "VOUCH_HMAC_KEY", "VOUCH_STORAGE_CONNECTION"):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("VOUCH_HMAC_KEY", "zz", "hex"),
        ("VOUCH_HMAC_KEY", "abcd", "32 bytes"),
        ("VOUCH_WINDOW_S", "0", "above 0"),
        ("VOUCH_WINDOW_S", "1.5", "whole"),
        ("VOUCH_WRITE_DEADLINE_S", "nan", "above 0"),
        ("VOUCH_WRITE_DEADLINE_S", "soon", "number"),
        ("VOUCH_RESIDENCY_REQUIRED", "yes", "true or false"),
        ("VOUCH_SUPPRESSED_BELOW", "2", "at least 3"),
        ("VOUCH_INITIAL_RELEASES", "deal-fraud=1.0.0", "model=version@policy/version"),
    ],
)
def test_setting_that_is_wrong_is_named_with_its_fault(name: str, value: str, says: str) -> None:
    with pytest.raises(InvalidSettings, match=name) as caught:
        read_settings({**SOUND, name: value})
    assert says in str(caught.value)


@pytest.mark.parametrize("length", ["7", "86399", "86401", "172800"])
def test_window_that_does_not_divide_the_day_is_refused_once(length: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        read_settings({**SOUND, "VOUCH_WINDOW_S": length})
    assert str(caught.value).count("VOUCH_WINDOW_S: must divide the day") == 1


@pytest.mark.parametrize(
    "schedule",
    [
        "*/5 * * * *",
        "0 */5 * * * * *",
        "every hour",
        "0 60 * * * *",
        "0 0 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 * 13 *",
        "0 0 0 * * 7",
        "0 0 0 * * mon-8",
        "0 1,, * * * *",
        "0 */0 * * * *",
        "0 */5 * jan * *",
    ],
)
def test_schedule_that_is_none_of_six_fields_is_refused_at_the_start(schedule: str) -> None:
    with pytest.raises(InvalidSettings, match="VOUCH_SEAL_SCHEDULE: must be an NCRONTAB expression of six fields"):
        read_settings({**SOUND, "VOUCH_SEAL_SCHEDULE": schedule})


@pytest.mark.parametrize(
    "schedule",
    ["0 */5 * * * *", "*/5 * * * * *", "0 30 9-17/2 1,15 * *", "0 0 5 * JAN,jul mon-Fri", "59 59 23 31 12 6"],
)
def test_schedule_of_six_fields_is_taken_as_it_is(schedule: str) -> None:
    assert read_settings({**SOUND, "VOUCH_PURGE_SCHEDULE": schedule}).purge_schedule == schedule


def test_reservations_that_outlast_the_records_they_name_are_refused() -> None:
    with pytest.raises(InvalidSettings, match="VOUCH_RESERVATION_RETENTION_S: must be at most VOUCH_HOT_RETENTION_S"):
        read_settings({**SOUND, "VOUCH_HOT_RETENTION_S": "3600"})


def test_lease_that_would_run_out_between_two_looks_is_refused() -> None:
    assert read_settings({**SOUND, "VOUCH_ROLLOUT_LEASE_S": "90"}).rollout_pace["lease_s"] == 90
    with pytest.raises(InvalidSettings, match="VOUCH_ROLLOUT_LEASE_S: must be at least 3 times"):
        read_settings({**SOUND, "VOUCH_ROLLOUT_LEASE_S": "89"})


def test_setting_of_one_models_approval_leaves_every_other_as_strict_as_by_default() -> None:
    least = read_settings({**SOUND, "VOUCH_LEAST_APPROVAL": "deal-fraud=never"}).least_approval
    assert least == {"deal-fraud": Before.NEVER, "*": Before.FIRST_WAVE}
    assert read_settings({**SOUND, "VOUCH_LEAST_APPROVAL": "*=never"}).least_approval == {"*": Before.NEVER}
    with pytest.raises(InvalidSettings, match="VOUCH_LEAST_APPROVAL: deal-fraud is named twice"):
        read_settings({**SOUND, "VOUCH_LEAST_APPROVAL": "deal-fraud=eachWave,deal-fraud=never"})


def test_secret_that_is_wrong_is_not_shown() -> None:
    with pytest.raises(InvalidSettings) as caught:
        read_settings({**SOUND, "VOUCH_HMAC_KEY": "not-hex-but-secret"})
    assert "not-hex-but-secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["hooks.example/vouch", "ftp://hooks.example", "https://", "https://[", "mailto:ann"])
def test_address_of_notices_that_is_none_is_refused_at_the_start(url: str) -> None:
    told = {"VOUCH_NOTIFY_URL": url, "VOUCH_NOTIFY_SECRET": "a secret of some length"}
    with pytest.raises(InvalidSettings, match="VOUCH_NOTIFY_URL: must be a URL"):
        read_settings({**SOUND, **told})


def test_notices_need_a_secret_and_in_azure_an_encrypted_way() -> None:
    told = {"VOUCH_NOTIFY_URL": "http://127.0.0.1:9000/hooks", "VOUCH_NOTIFY_SECRET": "a secret of some length"}
    assert read_settings({**SOUND, **told}).notify_url == told["VOUCH_NOTIFY_URL"]
    with pytest.raises(InvalidSettings, match="VOUCH_NOTIFY_SECRET: is required"):
        read_settings({**SOUND, **told, "VOUCH_NOTIFY_SECRET": "short"})
    with pytest.raises(InvalidSettings, match="VOUCH_NOTIFY_URL: must begin with https://"):
        read_settings({**AZURE, **told})


def test_connection_string_in_azure_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="managed identity"):
        read_settings({**SOUND, "WEBSITE_INSTANCE_ID": "1"})


def test_demo_token_in_azure_is_refused() -> None:
    assert read_settings(AZURE).demo_token_url == ""
    with pytest.raises(InvalidSettings, match="VOUCH_DEMO_TOKEN_URL"):
        read_settings({**AZURE, "VOUCH_DEMO_TOKEN_URL": "https://tokens.example"})


def test_origin_of_checkpoints_is_the_regions_unless_it_is_set() -> None:
    assert read_settings(SOUND).trail_origin == "vouch/westeurope"
    assert read_settings({**SOUND, "VOUCH_TRAIL_ORIGIN": "audit.example/eu"}).trail_origin == "audit.example/eu"


@pytest.mark.parametrize("origin", ["two words", "a+b", "a\nb"])
def test_origin_that_can_name_no_key_is_refused(origin: str) -> None:
    with pytest.raises(InvalidSettings, match="VOUCH_TRAIL_ORIGIN"):
        read_settings({**SOUND, "VOUCH_TRAIL_ORIGIN": origin})


def test_one_vault_is_required() -> None:
    none = {name: value for name, value in SOUND.items() if name != "VOUCH_VAULT_FOLDER"}
    for environ in (none, {**SOUND, "VOUCH_VAULT_URL": "https://v"}):
        with pytest.raises(InvalidSettings, match="VOUCH_VAULT_FOLDER or VOUCH_VAULT_URL"):
            read_settings(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [("VOUCH_VAULT_FOLDER", "vault"), ("VOUCH_VAULT_URL", "http://v"), ("VOUCH_LAKE_CONNECTION", "AccountName=a")],
)
def test_local_vault_or_lake_and_open_roads_to_a_vault_in_azure_are_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=name):
        read_settings({**AZURE, name: value})


def test_lake_given_both_ways_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="not both"):
        read_settings({**SOUND, "VOUCH_LAKE_CONNECTION": "AccountName=a", "VOUCH_LAKE_BLOBS_URL": "https://l"})


def test_storage_given_both_ways_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="either"):
        read_settings({**SOUND, "VOUCH_TABLES_URL": "https://t", "VOUCH_BLOBS_URL": "https://b"})


def test_settings_read_and_settings_documented_are_the_same() -> None:
    code = (APP_FOLDER / "adapters" / "env_settings.py").read_text()
    page = Path(APP_FOLDER / "docs" / "settings.md").read_text()
    read = set(re.findall(r'reader\.\w+\(\s*"(VOUCH_\w+)"', code))
    documented = set(re.findall(r"^\| `(VOUCH_\w+)`", page, re.MULTILINE))
    assert read == documented
    assert len(read) > 15


def test_defaults_that_are_documented_are_those_that_are_read() -> None:
    code = Path(APP_FOLDER / "adapters" / "env_settings.py").read_text()
    page = Path(APP_FOLDER / "docs" / "settings.md").read_text()
    literal = r'reader\.(?:text|parsed)\(\s*"(VOUCH_\w+)"(?:, \w+)?, "([^"]+)"'
    read = dict(re.findall(literal, code))
    documented = dict(re.findall(r"^\| `(VOUCH_\w+)` \| `([^`]+)`", page, re.MULTILINE))
    assert {name: documented.get(name) for name in read} == read
    assert len(read) > 20
    required = set(re.findall(r'reader\.(?:text|parsed)\("(VOUCH_\w+)"(?:\)|, \w+, None)', code))
    assert required == set(re.findall(r"^\| `(VOUCH_\w+)` \| required", page, re.MULTILINE))
