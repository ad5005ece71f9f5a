"""Why the brokers do not let us in, in words for whoever set it up; never with what was sent or read."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaError

PROBE_S: Final = 3.0
"""How long one look at a broker's certificate may take."""

_MECHANISMS: Final = re.compile(r"supported mechanisms: *([A-Z0-9,-]*)")
_LOGIN: Final = "they refuse the login (_AUTHENTICATION)"
_UNVERIFIED: Final = "certificate verify failed"
_OUR_CERTIFICATE: Final = re.compile(r"alert (bad certificate|certificate required|unknown ca|certificate unknown)")


def why_refused(heard: Sequence[KafkaError], config: Mapping[str, Any]) -> str | None:
    """What the client's errors mean; None where they say nothing of TLS or a login.

    Args:
        heard: Errors of a client that got no answer.
        config: What it was made with.
    """
    protocol = str(config.get("security.protocol", "plaintext")).lower()
    said = [(error.code(), error.str()) for error in heard]
    for code, text in said:
        if code == KafkaError._AUTHENTICATION:  # noqa: SLF001 # the client's public codes are named so
            return _login(text, str(config.get("sasl.mechanism", "")))
    for _, text in said:
        if _UNVERIFIED in text:
            return _certificate(config)
        if _OUR_CERTIFICATE.search(text):
            what = "refuse our certificate" if "ssl.certificate.location" in config else "want a certificate of ours"
            return f"they {what}: look at ssl.certificate.location and ssl.key.location under kafka.librdkafka"
        if protocol.endswith("ssl") and "connecting to a PLAINTEXT broker" in text:
            return "they speak no TLS at this port: another port, or another security.protocol"
    if not protocol.endswith("ssl") and _speaks_tls(config):
        return "they speak TLS at this port: set security.protocol to ssl or sasl_ssl under kafka.librdkafka"
    return None


def _login(text: str, mechanism: str) -> str:
    look = "look at the sasl properties under kafka.librdkafka"
    offered = _MECHANISMS.search(text)
    if offered is not None and offered.group(1):
        return f"{_LOGIN}: they do not offer {mechanism}, but {offered.group(1).replace(',', ', ')}: {look}"
    if offered is not None:
        return f"{_LOGIN}: they want none at this port: another port, or another security.protocol"
    if "token" in text.lower() and mechanism.upper() == "OAUTHBEARER" and "acquire" in text.lower():
        return f"{_LOGIN}: no token could be had: {look}, and at the token endpoint's own log"
    if mechanism.upper() == "OAUTHBEARER":
        return f"{_LOGIN}: the token is not accepted: {look}"
    return f"{_LOGIN}: user or password is wrong: {look}"


def _certificate(config: Mapping[str, Any]) -> str:
    """Ask for the certificate by ourselves: librdkafka says that it cannot be verified, and not why."""
    with suppress(OSError, ValueError):
        context = ssl.create_default_context(cafile=config.get("ssl.ca.location"), cadata=config.get("ssl.ca.pem"))
        for host, port in _addresses(config):
            try:
                _shake_hands(context, host, port)
            except ssl.SSLCertVerificationError as error:
                reason = f"is not trusted: {error.verify_message.rstrip('.')}"
                return f"the certificate at {host}:{port} {reason}; see ssl.ca.location and bootstrap_servers"
            except OSError:
                continue
    return "their certificate is not trusted: look at ssl.ca.location under kafka.librdkafka"


def _speaks_tls(config: Mapping[str, Any]) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent: only whether it is TLS at all is asked
    for host, port in _addresses(config):
        with suppress(OSError, ValueError):
            _shake_hands(context, host, port)
            return True
    return False


def _shake_hands(context: ssl.SSLContext, host: str, port: int) -> None:
    with socket.create_connection((host, port), PROBE_S) as plain, context.wrap_socket(plain, server_hostname=host):
        pass


def _addresses(config: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for broker in str(config.get("bootstrap.servers", "")).split(","):
        host, _, port = broker.strip().rpartition("://")[2].rpartition(":")
        if host and port.isdecimal():
            yield host.strip("[]"), int(port)
