"""Which ways to reach Kafka are refused: those that look safe and are not, and those that can never log in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from asset_consumer.addresses import is_loopback

MECHANISMS: Final = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"

_UNLESS = "set kafka.allow_insecure if that is wanted"
_MECHANISM = ("sasl.mechanism", "sasl.mechanisms")
_CERTIFICATES = ("ssl.certificate.location", "ssl.certificate.pem")
_KEYS = ("ssl.key.location", "ssl.key.pem")
_ENDPOINT = ("sasl.oauthbearer.token.endpoint.url",)
_CLIENT_ID = ("sasl.oauthbearer.client.id", "sasl.oauthbearer.client.credentials.client.id")
_CLIENT_SECRET = (
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
)
_ASSERTION = (
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.private.key.file",
    "sasl.oauthbearer.assertion.private.key.pem",
)
_FALSE = {"false", "f", "0"}
_READABLE: Final = "would send the password or token readable over the network"


def check_security(
    given: Mapping[str, str], files: Collection[str], *, brokers: str | None, allow_insecure: bool, iam: bool = False
) -> None:
    """Refuse what librdkafka would take: no protection, or a login that cannot succeed.

    Args:
        given: The librdkafka properties whose values are known.
        files: The names of those that are read from files.
        brokers: `kafka.bootstrap_servers`.
        allow_insecure: Whether the operator has said that protection is not wanted.
        iam: Whether AWS's tokens are used, which need no property.
    """
    protocol = given.get("security.protocol", "plaintext").lower()
    has = {*given, *files}
    if protocol.endswith("ssl"):
        _check_tls(given, has, allow_insecure=allow_insecure)
    if protocol.startswith("sasl_") and not iam:
        _check_login(given, has, allow_insecure=allow_insecure)
        mechanism = _first(given, _MECHANISM).upper()
        hidden = protocol == "sasl_ssl" or mechanism.startswith("SCRAM-")
        if not (hidden or allow_insecure or all(map(is_loopback, _hosts(brokers or "")))):
            raise _refuse("security.protocol", f"{_READABLE} with {mechanism}: set it to sasl_ssl, or {_UNLESS}")


def _check_tls(given: Mapping[str, str], has: Collection[str], *, allow_insecure: bool) -> None:
    if not allow_insecure:
        if given.get("enable.ssl.certificate.verification", "true").lower() in _FALSE:
            text = f"would let anybody be the broker: name its authority in ssl.ca.location, or {_UNLESS}"
            raise _refuse("enable.ssl.certificate.verification", text)
        if given.get("ssl.endpoint.identification.algorithm", "https").lower() == "none":
            text = f"would let anybody with a certificate of that authority be the broker: leave it out, or {_UNLESS}"
            raise _refuse("ssl.endpoint.identification.algorithm", text)
    certificate, key = _present(has, _CERTIFICATES), _present(has, _KEYS)
    if certificate and not key:
        raise _refuse(certificate, "needs its private key: also set ssl.key.location")
    if key and not certificate:
        raise _refuse(key, "needs its certificate: also set ssl.certificate.location")


def _check_login(given: Mapping[str, str], has: Collection[str], *, allow_insecure: bool) -> None:
    named = _present(has, _MECHANISM)
    mechanism = _first(given, _MECHANISM).upper()
    if not named:
        text = f"needs a way to log in: also set sasl.mechanism to {MECHANISMS} (left out, it would be GSSAPI)"
        raise _refuse("security.protocol", text)
    if mechanism == "GSSAPI":
        raise _refuse(named, f"cannot be GSSAPI: the Kafka client is built without Kerberos. Set it to {MECHANISMS}")
    if mechanism == "OAUTHBEARER":
        _check_token(given, has, named, allow_insecure=allow_insecure)
    elif mechanism == "PLAIN" or mechanism.startswith("SCRAM-"):
        for name in ("sasl.username", "sasl.password"):
            if name not in has or given.get(name) == "":
                raise _refuse(named, f"needs credentials: also set {name}")


def _check_token(given: Mapping[str, str], has: Collection[str], named: str, *, allow_insecure: bool) -> None:
    unsecured = given.get("enable.sasl.oauthbearer.unsecure.jwt", "false").lower() not in _FALSE
    if unsecured and not allow_insecure:
        text = f"would log in by a token that nobody has signed: leave it out, or {_UNLESS}"
        raise _refuse("enable.sasl.oauthbearer.unsecure.jwt", text)
    if unsecured or given.get("sasl.oauthbearer.metadata.authentication.type", "none").lower() != "none":
        return
    if given.get("sasl.oauthbearer.method", "default").lower() != "oidc":
        text = "needs a source of tokens: also set sasl.oauthbearer.method to oidc, or kafka.msk_iam_region"
        raise _refuse(named, text)
    for names in (_ENDPOINT, _CLIENT_ID, (*_CLIENT_SECRET, *_ASSERTION)):
        if not _present(has, names) and not (names == _CLIENT_ID and _present(has, _ASSERTION)):
            raise _refuse("sasl.oauthbearer.method", f"needs the means to ask for a token: also set {names[0]}")
    url = _first(given, _ENDPOINT)
    if url.lower().startswith("http://") and not (allow_insecure or is_loopback(urlsplit(url).hostname or "")):
        text = f"would send the client's secret, and get the token, readable over the network: use https, or {_UNLESS}"
        raise _refuse(_ENDPOINT[0], text)


def _hosts(brokers: str) -> Iterator[str]:
    """The hosts of `[protocol://]host[:port],…`."""
    for broker in filter(None, (part.strip() for part in brokers.split(","))):
        address = broker.rpartition("://")[2]
        yield address[1:].partition("]")[0] if address.startswith("[") else address.partition(":")[0]


def _present(has: Collection[str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in has), None)


def _first(given: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((given[name] for name in names if name in given), "")


def _refuse(name: str, text: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{text}", {"at": ("librdkafka", name), "text": text})
