"""TLS of a listening HTTP server: its certificate, whom it lets in, and both renewed on disk without a restart."""

from __future__ import annotations

import logging
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

from asset_reporting.file_mark import Mark, mark_of

_log = logging.getLogger("asset_bridge.http")

LOOK_EVERY_S = 1.0
"""How often the files are looked at, at most; and only when somebody connects."""


class TlsError(Exception):
    """Raised when the files cannot be used; says which and why, and holds nothing of what is in them."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a server proves itself with, and by whom its clients must be certified."""

    cert: Path
    key: Path | None = None
    """Unset, the key stands in the certificate's file."""
    key_password: Path | None = None
    client_ca: Path | None = None
    """Given, nobody comes in without a certificate of these authorities."""


class RenewedTls:
    """The context to listen with. A connection is served with the files as they are when it begins."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files.

        Raises:
            TlsError: They cannot be used.
        """
        self._files = files
        self._seen = _look(files)
        self._looked_at = time.monotonic()
        self._current = _context(files)
        self._since = 0.0
        """When the files in use were taken up; those of the start, before everything."""
        self.context = _context(files)
        # Asked at each handshake, whether or not the client names a server: the connection goes on with what is
        # current, the authorities of clients included, which could only be added to in a context that is in use.
        self.context.sni_callback = self._at_handshake

    def _at_handshake(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
        self._renew()
        connection.context = self._current
        # TLS 1.2 takes up a session by its id, without a look at the client's certificate: one that began by other
        # authorities must begin anew. Python has no switch for OpenSSL's memory of sessions.
        session = connection.session if connection.session_reused else None
        if session is not None and session.time <= self._since:
            return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
        return None

    def _renew(self) -> None:
        """Take up changed files; what cannot be used is told once, and the last good files serve on."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        try:
            seen = _look(self._files)
            if seen == self._seen:
                return
            self._seen = seen
            self._current = _context(self._files)
            self._since = time.time()
        except TlsError as error:
            _log.warning("%s The certificate in use stays.", error, extra={"happening": "certificate_refused"})
        else:
            _log.info("The renewed TLS certificate is in use.", extra={"happening": "certificate_renewed"})


def _look(files: TlsFiles) -> tuple[Mark, ...]:
    """By what a change shows; a file that is away looks like none, and is told when it is read."""
    return tuple(
        mark_of(path) for path in (files.cert, files.key, files.key_password, files.client_ca) if path is not None
    )


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    password = _password(files.key_password)
    try:
        # The password is a function even where there is none, or OpenSSL would ask for it at the terminal.
        context.load_cert_chain(files.cert, files.key, lambda: password)
    except (OSError, ValueError) as error:
        what = " and ".join(str(path) for path in (files.cert, files.key) if path)
        raise TlsError(f"{what}: {_chain_trouble(error, files)}.") from None
    if files.client_ca is not None:
        try:
            context.load_verify_locations(files.client_ca)
        except (OSError, ValueError) as error:
            raise TlsError(f"{files.client_ca}: {_trouble(error, 'no certificates in PEM')}.") from None
        context.verify_mode = ssl.CERT_REQUIRED
        # A ticket would let a client in again whose authority is not trusted any more.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
    return context


def _password(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise TlsError(f"{path}: {error.strerror}.") from None


def _chain_trouble(error: OSError | ValueError, files: TlsFiles) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return "the private key is not the certificate's"
    if isinstance(error, ssl.SSLError) and b"ENCRYPTED" in (files.key or files.cert).read_bytes():
        return "the private key has another password" if files.key_password else "the private key needs a password"
    return _trouble(error, "no certificate and private key in PEM")


def _trouble(error: OSError | ValueError, otherwise: str) -> str:
    """OpenSSL's own words hold places in its code, and nothing that helps."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return error.strerror or "cannot be read"
    return otherwise
