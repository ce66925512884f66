"""Who may issue tokens in Azure: Entra ID of one tenant, in the public or a sovereign cloud.

A wrong issuer is a door for strangers that no request would ever show, so that the app refuses to start with one.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LOGIN_HOSTS = frozenset({"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"})
V1_HOSTS = frozenset({"sts.windows.net", "sts.microsoftonline.us", "sts.chinacloudapi.cn"})

_TENANT = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ISSUERS = {
    **dict.fromkeys(LOGIN_HOSTS, re.compile(rf"/{_TENANT}/v2\.0")),
    **dict.fromkeys(V1_HOSTS, re.compile(rf"/{_TENANT}/")),
}
_KEYS_PATH = re.compile(rf"/({_TENANT}|common)/discovery(/v2\.0)?/keys")


class ForeignIssuer(ValueError):
    """An issuer, or a place of its keys, that the app must not trust in Azure."""


def check_issuer(issuer: str, in_azure: bool) -> None:
    """Locally any issuer will do; in Azure only Entra ID. Raises ForeignIssuer."""
    if in_azure and not _is_entra(issuer):
        raise ForeignIssuer(
            f"VOUCH_ISSUER: {issuer!r} is not Entra ID; in Azure it must read "
            "https://login.microsoftonline.com/<tenant id>/v2.0 or https://sts.windows.net/<tenant id>/ "
            "(or the same of a sovereign cloud), with the tenant's id in lower case."
        )


def check_keys_url(url: str, in_azure: bool) -> None:
    """Whoever serves the keys can issue tokens: in Azure it is Entra ID too. Raises ForeignIssuer."""
    parts = urlsplit(url)
    is_entra = parts.scheme == "https" and parts.netloc in LOGIN_HOSTS and _KEYS_PATH.fullmatch(parts.path)
    if in_azure and not is_entra:
        raise ForeignIssuer(
            f"VOUCH_JWKS_URL: {url!r} is not Entra ID's; in Azure it must read "
            "https://login.microsoftonline.com/<tenant id>/discovery/v2.0/keys (or the same of a sovereign cloud)."
        )


def _is_entra(issuer: str) -> bool:
    parts = urlsplit(issuer)
    path = _ISSUERS.get(parts.netloc)
    is_bare = issuer == f"https://{parts.netloc}{parts.path}"
    return is_bare and path is not None and path.fullmatch(parts.path) is not None
