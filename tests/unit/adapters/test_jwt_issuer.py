"""In Azure nobody but Entra ID issues tokens or serves their keys."""

from __future__ import annotations

import pytest

from adapters.jwt_issuer import ForeignIssuer, check_issuer, check_keys_url

TENANT = "6f9a1c52-0d1e-4b6e-9c6f-2f6d1e5b7a10"

ENTRA_ISSUERS = [
    f"https://login.microsoftonline.com/{TENANT}/v2.0",
    f"https://sts.windows.net/{TENANT}/",
    f"https://login.microsoftonline.us/{TENANT}/v2.0",
    f"https://login.partner.microsoftonline.cn/{TENANT}/v2.0",
    f"https://sts.chinacloudapi.cn/{TENANT}/",
]

FOREIGN_ISSUERS = [
    "",
    "https://issuer.example/",
    "http://127.0.0.1:7070",
    f"http://login.microsoftonline.com/{TENANT}/v2.0",
    f"https://login.microsoftonline.com/{TENANT}",
    f"https://login.microsoftonline.com/{TENANT}/v2.0/",
    f"https://login.microsoftonline.com/{TENANT}/v2.0?x=1",
    f"https://login.microsoftonline.com/{TENANT}/v2.0#x",
    f"https://login.microsoftonline.com:8443/{TENANT}/v2.0",
    "https://login.microsoftonline.com/common/v2.0",
    "https://login.microsoftonline.com//v2.0",
    f"https://login.microsoftonline.com.evil.example/{TENANT}/v2.0",
    f"https://login.microsoftonline.com@evil.example/{TENANT}/v2.0",
    f"https://evil.example/login.microsoftonline.com/{TENANT}/v2.0",
    f"https://sts.windows.net/{TENANT}",
]


@pytest.mark.parametrize("issuer", ENTRA_ISSUERS)
def test_issuer_in_azure_that_is_entra_id_is_accepted(issuer: str) -> None:
    check_issuer(issuer, in_azure=True)


@pytest.mark.parametrize("issuer", FOREIGN_ISSUERS)
def test_issuer_in_azure_that_is_not_entra_id_is_refused(issuer: str) -> None:
    with pytest.raises(ForeignIssuer, match=r"VOUCH_ISSUER.*must read https://login\.microsoftonline\.com"):
        check_issuer(issuer, in_azure=True)


@pytest.mark.parametrize("issuer", [*ENTRA_ISSUERS, *FOREIGN_ISSUERS])
def test_issuer_outside_azure_is_anyones(issuer: str) -> None:
    check_issuer(issuer, in_azure=False)


@pytest.mark.parametrize(
    "url",
    [
        f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys",
        f"https://login.microsoftonline.com/{TENANT}/discovery/keys",
        "https://login.microsoftonline.com/common/discovery/v2.0/keys",
        f"https://login.microsoftonline.us/{TENANT}/discovery/v2.0/keys",
        f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys?appid={TENANT}",
    ],
)
def test_keys_url_in_azure_of_entra_id_is_accepted(url: str) -> None:
    check_keys_url(url, in_azure=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        f"http://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys",
        f"https://evil.example/{TENANT}/discovery/v2.0/keys",
        f"https://login.microsoftonline.com@evil.example/{TENANT}/discovery/v2.0/keys",
        f"https://login.microsoftonline.com/{TENANT}/elsewhere",
    ],
)
def test_keys_url_in_azure_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ForeignIssuer, match="VOUCH_JWKS_URL"):
        check_keys_url(url, in_azure=True)
    check_keys_url(url, in_azure=False)
